"""Structures of segmentations handed in, beside what a person drew: a person's contour wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lymphorisk.dvh.regions import Region
from lymphorisk.frozen import FrozenDict
from lymphorisk.organs.match import Match, Matching, derive
from lymphorisk.organs.place import check_places, check_sides
from lymphorisk.organs.table import load


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One structure of a segmentation.

    Attributes
    ----------
    name : str
        As its file, label or ROI calls it.
    region : Region
        A mask, contours, or several joined.
    organ : str
        TG-263 name; empty where no organ has this name.
    how : str
        What says that it is this organ.
    """

    name: str
    region: Region
    organ: str = ""
    how: str = ""


def with_segments(drawn: Matching, segments: Sequence[Segment]) -> Matching:
    """A matching with the organs that only a segmentation has.

    A segmented organ is left aside where a person drew it, or drew the organ of the same pool it is a part of; what is
    joined of parts counts as segmented when one of them is.
    """
    organs = dict(drawn.organs)
    for segment in segments:
        if segment.organ and segment.organ not in organs and not _drawn_as_whole(segment.organ, drawn.organs):
            organs[segment.organ] = Match(segment.region, (), (segment.name,), segment.how, "segmentation", True)
    noted = derive(organs)
    own = {name for name, m in organs.items() if m.segmented}
    regions = {name: m.region for name, m in organs.items()}
    # of what is drawn, `match` has said it
    placed = [f for f in (*check_sides(regions), *check_places(regions)) if f.where in own] if own else []
    ordered = FrozenDict({name: organs[name] for name in load() if name in organs})
    return replace(drawn, organs=ordered, findings=(*drawn.findings, *noted, *placed))


def _drawn_as_whole(organ: str, drawn: Mapping[str, Match]) -> bool:
    """Whether a person drew the larger organ this one is a part of, in the pool it counts in."""
    known = load()
    pool, whole = known[organ].pool, known[organ].part_of
    while whole:
        if pool and known[whole].pool == pool and whole in drawn:
            return True
        whole = known[whole].part_of
    return False


def in_both(drawn: Matching, segments: Sequence[Segment]) -> dict[str, tuple[Match, Segment]]:
    """Organs that a person drew and a segmentation holds, by TG-263 name; the first segmentation counts."""
    out: dict[str, tuple[Match, Segment]] = {}
    for segment in segments:
        match = drawn.organs.get(segment.organ)
        if match is not None and not match.segmented:
            out.setdefault(segment.organ, (match, segment))
    return out
