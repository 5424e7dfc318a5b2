"""Everything that was handed in: read, held against the plan, and what is left to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lymphorisk.errors import InputError
from lymphorisk.findings import Finding, finding
from lymphorisk.masks import rules
from lymphorisk.masks.against import Plan
from lymphorisk.masks.fit import fitting
from lymphorisk.masks.labels import Labels, read_labels
from lymphorisk.masks.read import Handed, read_path
from lymphorisk.organs.segments import Segment

#: Names in one message; more would hide the rest.
MOST_NAMES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Structures that fit the plan, what was noticed, and the files behind them as (role, UID, SHA-256)."""

    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...]
    inputs: tuple[tuple[str, str, str], ...]


def segmentations(paths: Sequence[Path], labels: Path | None, plan: Plan) -> Segmentation:
    """Segmentations handed in beside an export.

    Parameters
    ----------
    paths : sequence of Path
        DICOM SEG or RTSTRUCT files, NIfTI masks or label maps, or folders of them.
    labels : Path or None
        The clinic's list of labels.
    plan : Plan
        What they are held against.

    Raises
    ------
    InputError
        A path of which nothing can be used, with the reasons.
    """
    listed = None if labels is None else read_labels(labels)
    segments: list[Segment] = []
    findings: list[Finding] = []
    inputs = [] if listed is None else [("labels", "", listed.sha256)]
    met: set[str] = set()
    for number, path in enumerate(paths, start=1):
        for handed in read_path(path, listed, f"segmentation {number}"):
            kept, found = fitting(handed, plan)
            said = (*handed.findings, *found)
            if not kept:
                raise _refused(path, said)
            findings += [*said, *_summary(handed, kept)]
            segments += kept
            inputs += handed.inputs
            met |= handed.listed
    findings += [*_twice(segments), *_not_met(listed, met)]
    return Segmentation(tuple(segments), tuple(dict.fromkeys(findings)), tuple(dict.fromkeys(inputs)))


def _refused(path: Path, said: Sequence[Finding]) -> InputError:
    """Nothing of a path is usable: what was handed in must not be left out in silence."""
    order = {"error": 0, "warning": 1, "info": 2}
    reasons = sorted(said, key=lambda f: order[f.severity]) or [
        finding(rules.EMPTY, "it holds nothing", "segmentation")
    ]
    worst = [f for f in reasons if f.severity == reasons[0].severity]
    what = "; ".join(f"{f.code} {f.what}" for f in worst[:MOST_NAMES])
    return InputError(f"segmentation {path.name!r} is not used: {what}", worst[0].hint or "hand in another file")


def _summary(handed: Handed, kept: Sequence[Segment]) -> list[Finding]:
    """What a segmentation gives, and which of its names are no organ's."""
    organs = [s.organ for s in kept if s.organ]
    others = [s.name for s in kept if not s.organ]
    what = f"{handed.name}: {len(organs)} organ{'s' * (len(organs) != 1)}"
    unused = f"; no organ here, not used: {', '.join(sorted(others))}" if others else ""
    out = [finding(rules.USED, f"{what} of {len(kept)} structures{unused}", handed.name)]
    if others and not organs:
        what = f"{what}; no organ has the names {', '.join(others[:MOST_NAMES])}"
        out = [finding(rules.LABELS, what, handed.name, "say what they are in a list: --labels FILE")]
    return out


def _twice(segments: Sequence[Segment]) -> list[Finding]:
    out, seen = [], set()
    for segment in segments:
        if segment.organ and segment.organ in seen:
            what = f"{segment.organ} is segmented twice: the segmentation handed in first counts"
            out.append(finding(rules.TWICE, what, segment.organ))
        seen.add(segment.organ)
    return out


def _not_met(labels: Labels | None, met: set[str]) -> list[Finding]:
    if labels is None or not (left := [key for key in labels.organs if key not in met]):
        return []
    what = f"the clinic's list names labels no file has: {', '.join(left[:MOST_NAMES])}"
    return [finding(rules.LABELS, what, "labels", "check numbers and names", severity="info")]
