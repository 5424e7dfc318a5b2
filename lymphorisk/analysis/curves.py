"""All dose-volume curves of a source in one object: whoever asks for a structure gets the same curve."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.source import Source
from lymphorisk.anatomy.seen import Seen, bone, seen
from lymphorisk.dvh import DVH, DoseDistribution, Region, summed, uniform
from lymphorisk.dvh.curve import EndCaps
from lymphorisk.dvh.engine import BIN_GY, RegionCurve, noticed, region_curves
from lymphorisk.dvh.regions import Difference, Intersection, Union, structures_of
from lymphorisk.errors import AmbiguousOrganError, MissingOrganError, StructureError, UndecidableError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.frozen import FrozenDict
from lymphorisk.organs import Matching, load, match, organ_name
from lymphorisk.organs.segments import Segment, with_segments
from lymphorisk.plan import DoseGrid, Mask, Patient, Phase, Structure
from lymphorisk.plan.dose_sum import sum_doses
from lymphorisk.scenario import EVERYWHERE

Curve = DVH | Absent

BY_CT = rule(
    "LR163",
    "warning",
    "organ by CT number",
    "Body or lungs are neither contoured nor segmented: the planning CT shows them, couch and clothing left out.",
)

#: Signs that join names into one structure.
JOINS: dict[str, Callable[[str, Region, Region], Region]] = {
    "&": lambda name, a, b: Intersection(name, (a, b)),
    "+": lambda name, a, b: Union(name, (a, b)),
    "-": lambda name, a, b: Difference(name, a, b),
}


class Curves:
    """The curves of every region of a source, of the course and of each phase.

    Each is computed by the exact engine when it is first asked for, and kept. What else is asked for changes no digit.

    Parameters
    ----------
    source : Source
    options : Options
        The organs mapped by hand and the rule for end caps.
    patient : Patient, optional
        Whose size says which volumes are none of an organ; the source's when not given.
    """

    def __init__(self, source: Source, options: Options, patient: Patient | None = None) -> None:
        self.source = source
        self._patient = patient or source.patient
        self.end_caps = options.end_caps
        self._mapped, self._aliases = options.organs, options.aliases
        self.undrawn = frozenset(options.undrawn)
        self._known: dict[tuple[int, str, Region], RegionCurve] = {}
        self._bones: dict[float, Mask | None] = {}
        self._shown: list[Seen | None] = []

    @cached_property
    def matching(self) -> Matching:
        """Which structure is which organ."""
        drawn = match(self.source.plan.structures, self._mapped, self._patient, self._aliases)
        by_ct = self._by_ct({*drawn.organs, *(s.organ for s in self.source.segments)})
        found = with_segments(drawn, (*self.source.segments, *by_ct))
        said = [finding(BY_CT, f"{s.organ}: {s.how}", s.organ, f"contour {s.organ}") for s in by_ct]
        found = replace(found, findings=(*found.findings, *said))
        if not self.undrawn:
            return found
        return replace(found, organs=FrozenDict({n: m for n, m in found.organs.items() if n not in self.undrawn}))

    def _by_ct(self, known: Collection[str]) -> tuple[Segment, ...]:
        """Body and lungs as the CT shows them, where neither contours nor segmentations hold them."""
        lungs = any(name in known for name, organ in load().items() if organ.pool == "lung")
        if self.source.ct is None or ("Body" in known and lungs):
            return ()
        if not self._shown:
            self._shown.append(seen(self.source.ct))
        (shown,) = self._shown
        masks = [] if shown is None else [("Body", shown.body), ("Lungs", None if lungs else shown.lungs)]
        return tuple(
            Segment(mask.name, mask, organ, f"by CT numbers, {mask.volume_cm3:.0f} cm3")
            for organ, mask in masks
            if mask is not None and organ not in known
        )

    def without(self, names: Iterable[str]) -> Curves:
        """The same curves with more organs taken as not drawn; what is computed is kept."""
        other = copy(self)
        other.undrawn = self.undrawn | frozenset(names)
        for cached in ("matching", "given"):
            other.__dict__.pop(cached, None)
        return other

    @cached_property
    def phase_doses(self) -> tuple[DoseGrid, ...]:
        """The dose of each phase, as exported: of all its planned fractions, given or not.

        Raises
        ------
        UndecidableError
            A phase has none.
        """
        out = []
        for phase in self.source.plan.phases:
            if phase.dose is None:
                raise UndecidableError(f"phase {phase.label!r} has no dose", "export the RTDOSE of every phase")
            out.append(phase.dose)
        return tuple(out)

    @cached_property
    def course_dose(self) -> DoseGrid:
        """The dose of the whole course, as exported, of the fractions that are given."""
        return sum_doses(
            [_times(dose, p.share) for dose, p in zip(self.phase_doses, self.source.plan.phases, strict=True)]
        )

    @cached_property
    def physical_dose(self) -> DoseGrid:
        """The dose of the whole course, each phase's RBE divided out."""
        phases = self.source.plan.phases
        return sum_doses(
            [
                _times(replace(dose, dose_zyx=(dose.dose_zyx / phase.rbe_in_dose).astype(np.float32)), phase.share)
                for dose, phase in zip(self.phase_doses, phases, strict=True)
            ]
        )

    @cached_property
    def highest_gy(self) -> float | None:
        """Highest dose of the course, the ceiling of what lies outside the grid; None in a scenario. [Gy]"""
        return None if self.source.given is not None else float(self.course_dose.dose_zyx.max())

    def of_course(self, regions: Sequence[Region], end_caps: EndCaps | None = None) -> tuple[Curve, ...]:
        """Curves of the course dose, by the chosen rule for end caps or another."""
        return tuple(c.curve for c in self._of(regions, self.course_dose, end_caps))

    def of_phases(self, regions: Sequence[Region]) -> tuple[tuple[Curve, ...], ...]:
        """By phase, the curves of its dose, of all its planned fractions."""
        return tuple(tuple(c.curve for c in self._of(regions, dose)) for dose in self.phase_doses)

    def of_physical(self, regions: Sequence[Region]) -> tuple[Curve, ...]:
        """Curves of the course dose, each phase's RBE divided out."""
        return tuple(c.curve for c in self._of(regions, self.physical_dose))

    def findings(self, regions: Sequence[Region]) -> tuple[Finding, ...]:
        """What the engine noticed on these regions."""
        return noticed(self._of(regions, self.course_dose))

    def _of(self, regions: Sequence[Region], dose: DoseGrid, end_caps: EndCaps | None = None) -> list[RegionCurve]:
        caps = end_caps or self.end_caps
        keys = [(id(dose), caps, region) for region in regions]
        new = list(dict.fromkeys(key for key in keys if key not in self._known))
        if new:
            made = region_curves([region for *_, region in new], dose, end_caps=caps)
            self._known.update(zip(new, made, strict=True))
        return [self._known[key] for key in keys]

    def bone(self, threshold_hu: float) -> Mask | None:
        """The CT voxels at or above a CT number within the body; None without a CT or without any."""
        if self.source.ct is None:
            return None
        if threshold_hu not in self._bones:
            body = self.matching.organs.get("Body")
            self._bones[threshold_hu] = bone(self.source.ct, threshold_hu, None if body is None else body.region)
        return self._bones[threshold_hu]

    @cached_property
    def given(self) -> Mapping[str, tuple[DoseDistribution, ...]]:
        """A scenario's doses by organ and phase, of all its planned fractions.

        A phase that does not list an organ gives it that of everything, or of the body.
        """
        phases = self.source.given or ()
        names = dict.fromkeys(name for phase in phases for name in phase if name not in {EVERYWHERE, *self.undrawn})
        rest = [phase.get(EVERYWHERE, phase.get("Body", uniform(0.0))) for phase in phases]
        return {name: tuple(p.get(name, r) for p, r in zip(phases, rest, strict=True)) for name in names}

    def everything(self) -> list[tuple[str, str, Region]]:
        """Every structure, then what segmentations hold: name, the organ it is, region."""
        organ_of = self._organ_of
        drawn = [(s.name, organ_of.get(s.number, ""), s) for s in self.source.plan.structures]
        return [*drawn, *((s.name, s.organ, s.region) for s in self.source.segments)]

    def wanted(self, name: str) -> tuple[str, str, Region]:
        """A structure by ROI name, TG-263 name or kind of target, or two of them joined: name, organ, region.

        ``Lungs-GTV`` is the difference, ``PTV&Lungs`` the intersection, ``Kidney_L+Kidney_R`` the union; of several
        targets of a kind all are meant.

        Raises
        ------
        MissingOrganError
            No structure and no organ has this name.
        """
        found = self._named(name) or self._joined(name)
        if found is not None:
            return found
        known = ", ".join(repr(s.name) for s in self.source.plan.structures)
        raise MissingOrganError(f"no structure or organ {name[:80]!r} in the export", f"there are: {known[:500]}")

    def _joined(self, name: str) -> tuple[str, str, Region] | None:
        for sign, join in JOINS.items():
            for at in [i for i, c in enumerate(name) if c == sign][::-1]:
                sides = [
                    self._named(part) or self._joined(part) for part in (name[:at].strip(), name[at + 1 :].strip())
                ]
                if sides[0] is not None and sides[1] is not None:
                    return name, name, join(name, sides[0][2], sides[1][2])
        return None

    def _named(self, name: str) -> tuple[str, str, Region] | None:
        matching = self.matching
        if (roi := self._roi(name)) is not None:
            return name, self._organ_of.get(roi.number, ""), roi
        if name in matching.organs:
            return name, name, matching.organs[name].region
        for segment in self.source.segments:
            if segment.name == name:
                return name, segment.organ, segment.region
        targets = tuple(t.structure for t in matching.targets if t.kind == name.upper())
        if targets:
            return name, name, targets[0] if len(targets) == 1 else Union(name, targets)
        return None

    def _roi(self, name: str) -> Structure | None:
        """The ROI of a name; one without contours stands behind one that has some."""
        same = [s for s in self.source.plan.structures if s.name == name]
        drawn = [s for s in same if s.contours_mm]
        if len(drawn) > 1:
            known = {s.number: self._organ_of.get(s.number, "") for s in drawn}
            if set(known.values()) == {name.upper()}:
                return None  # targets of a kind that are called by it: all are meant
            if len(drawn := [s for s in drawn if known[s.number]]) != 1:
                raise AmbiguousOrganError(
                    f"{len(known)} ROIs are called {name[:80]!r}", "rename them, and export again"
                )
        return next(iter(drawn or same), None)

    @property
    def _organ_of(self) -> Mapping[int, str]:
        """By ROI number: the organ, or the kind of target, that a contour is."""
        organs = {
            m.region.number: name
            for name, m in self.matching.organs.items()
            if isinstance(m.region, Structure) and not m.segmented
        }
        return organs | {t.structure.number: t.kind for t in self.matching.targets}

    def dvh(self, name: str) -> Curve:
        """Course DVH of a ROI, an organ or names joined such as ``Lungs-GTV``; or why there is none."""
        if self.source.given is not None:
            given = self.given.get(_organ_called(name))
            return (
                Absent.not_contoured("the scenario does not list it")
                if given is None
                else as_dvh(name, summed(as_given(given, self.source.plan.phases)))
            )
        rejected = self.matching.rejected
        try:
            _, _, region = self.wanted(name)
        except MissingOrganError:
            return Absent.not_contoured(rejected.get(name, "no such structure in the export"))
        except AmbiguousOrganError as error:
            return Absent.unknown(error.message)
        for structure in structures_of(region):
            if structure.name in rejected:
                return Absent.not_contoured(rejected[structure.name])
        return self.of_course([region])[0]

    def findings_of(self, names: Iterable[str]) -> tuple[Finding, ...]:
        """What the engine noticed on the structures of these names; nothing for those that are not there."""
        if self.source.given is not None:
            return ()
        regions = []
        for name in names:
            try:
                regions.append(self.wanted(name)[2])
            except StructureError:
                continue
        return self.findings(regions)


def as_given(by_phase: Sequence[DoseDistribution], phases: Sequence[Phase]) -> list[DoseDistribution]:
    """The doses of phases as planned, each by the share of it that is given."""
    return [d if p.share == 1.0 else d.scaled(p.share) for d, p in zip(by_phase, phases, strict=True)]


def _times(dose: DoseGrid, share: float) -> DoseGrid:
    return dose if share == 1.0 else replace(dose, dose_zyx=(dose.dose_zyx * np.float64(share)).astype(np.float32))


def _organ_called(name: str) -> str:
    try:
        return organ_name(name)
    except MissingOrganError:
        return name


def as_dvh(name: str, distribution: DoseDistribution) -> DVH:
    """A distribution as a DVH of unit volume: shares are exact, volumes in cm3 are not known."""
    edges = np.arange(np.floor(distribution.dose_gy[-1] / BIN_GY) + 2) * BIN_GY
    at_least = np.append(np.cumsum(distribution.share[::-1])[::-1], 0.0)
    volume = at_least[np.searchsorted(distribution.dose_gy, edges)]
    volume[0] = 1.0
    return DVH(
        name,
        edges,
        np.minimum.accumulate(volume),
        mean_gy=distribution.mean_gy,
        min_gy=float(distribution.dose_gy[0]),
        max_gy=float(distribution.dose_gy[-1]),
        total_cm3=1.0,
        engine="scenario",
    )
