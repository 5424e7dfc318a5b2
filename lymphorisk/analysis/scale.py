"""Whether the targets have their dose: the one check that a wrong scale, place or structure set does not survive.

What the plan says its targets get (prescription, else the doses of the beams times the fractions, else the number in
a target's name) is held against the median dose of the targets. One tag that is wrong by a factor, or a grid that
lies elsewhere, moves that median far away, whatever the other numbers look like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk import parameters
from lymphorisk.dvh import DVH
from lymphorisk.dvh.curve import EndCaps
from lymphorisk.dvh.engine import exact_with_findings
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import InputError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.organs import Matching
from lymphorisk.plan import DoseGrid, Phase, Structure, Witness

TARGET_WITHOUT_DOSE = rule(
    "LR037",
    "error",
    "target without its dose",
    "The median dose of the targets is far from what the plan or their names say: the dose's scale, place, fractions "
    "or structure set is another's.",
)
SCALE_UNVERIFIED = rule(
    "LR038",
    "warning",
    "dose scale unverified",
    "Neither a prescription, nor beam doses, nor a target's name says how high the dose should be, or no target is "
    "drawn and the highest dose is higher than usual: a dose of one fraction, in cGy or twice too high would look the "
    "same.",
    undecides=True,
)
TARGET_EDGE = rule(
    "LR039",
    "warning",
    "part of a target without its dose",
    "One end of the target, or a good part of it, lies outside the dose that the rest of it has: the plan spares it, "
    "or the dose lies elsewhere.",
    undecides=True,
)
HOT_OUTSIDE = rule(
    "LR040",
    "error",
    "high dose outside the body",
    "Most of what gets half of the maximum dose lies outside the box of the body contour.",
)

#: Grid points kept around a structure, so that its outermost cells are whole.
MARGIN = 2
#: Voxels that give a median and the ends of a structure.
ENOUGH = 150_000
#: Modalities whose physical dose lies below what is prescribed.
PARTICLES = ("proton", "ion")
KINDS = (("PTV",), ("CTV", "ITV"), ("GTV",))
PRESCRIPTION = "TargetPrescriptionDose"
BY_NAME = "the number in a target's name"
NUMBER = re.compile(
    r"(?<![\d.,])(\d{1,5}(?:[.,]\d{1,2})?)\s*(c?gy)?(?![\d.,]*\d)\s*(mm|cm|cc|%|fx|fr|x)?", re.IGNORECASE
)


def _number(name: str) -> float:
    return parameters.load("targets")[name].number


def _range(name: str) -> tuple[float, float]:
    return parameters.load("targets")[name].pair


@dataclass(frozen=True, slots=True)
class Named:
    """The dose in a target's name. `bare` when it stands there without a unit. [Gy]"""

    dose_gy: float
    bare: bool


def dose_in_name(name: str) -> Named | None:
    """The dose a target's name says, or None.

    Examples
    --------
    >>> [dose_in_name(n).dose_gy for n in ("PTV_5040", "PTV60", "PTV 50,4 Gy", "CTV_60Gy", "PTV_0800", "PTV2_66.5")]
    [50.4, 60.0, 50.4, 60.0, 8.0, 66.5]
    >>> [dose_in_name(n) for n in ("PTV", "PTV1", "PTV_10mm", "PTV_20230105", "GTV 2", "PTV_30fx")]
    [None, None, None, None, None, None]
    """
    bare: Named | None = None
    (least, most), (least_cgy, most_cgy) = _range("name.bare_dose"), _range("name.cgy")
    for text, unit, other in NUMBER.findall(name):
        value = float(text.replace(",", "."))
        if other or not value:
            continue
        if unit:
            return Named(value / 100 if unit.lower() == "cgy" else value, bare=False)
        if bare is None and text.isdigit() and len(text) == 4 and least_cgy <= value <= most_cgy:
            bare = Named(value / 100, bare=False)
        elif bare is None and least <= value <= most:
            bare = Named(value, bare=True)
    return bare


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A structure on the voxels of a dose grid: their doses [Gy], volumes [cm3] and places [mm].

    `inside` is the share of its contour points within the grid.
    """

    dose_gy: NDArray[np.float64]
    volume_cm3: NDArray[np.float64]
    places_mm: NDArray[np.float64]
    inside: float

    @property
    def median_gy(self) -> float:
        """Dose that half of the volume in the grid has. [Gy]"""
        return _median(self.dose_gy, self.volume_cm3)

    def share_from(self, dose_gy: float) -> float:
        """Share of the volume at or above a dose."""
        total = float(self.volume_cm3.sum())
        return float(self.volume_cm3[self.dose_gy >= dose_gy].sum()) / total if total else 0.0

    def end_gy(self) -> float:
        """The lowest median dose of an end of the structure along an axis. [Gy]"""
        ends, share = [], _number("end.share")
        for axis in range(self.places_mm.shape[1] if len(self.places_mm) else 0):
            order = np.argsort(self.places_mm[:, axis], kind="stable")
            for way in (order, order[::-1]):
                reached = np.cumsum(self.volume_cm3[way])
                end = way[: np.searchsorted(reached, share * reached[-1]) + 1]
                ends.append(_median(self.dose_gy[end], self.volume_cm3[end]))
        return min(ends, default=0.0)


def _median(dose_gy: NDArray[np.float64], volume_cm3: NDArray[np.float64]) -> float:
    if not len(dose_gy):
        return 0.0
    order = np.argsort(dose_gy, kind="stable")
    below = np.cumsum(volume_cm3[order])
    at = min(int(np.searchsorted(below, below[-1] / 2)), len(order) - 1)
    return float(dose_gy[order][at])


def sampled(structure: Structure, grid: DoseGrid) -> Sampled:
    """A structure on the voxels of a dose grid."""
    local = np.concatenate([grid.to_local(c) for c in structure.contours_mm])
    ends = np.array([[axis[0], axis[-1]] for axis in (grid.x_mm, grid.y_mm, grid.z_mm)])
    inside = float(np.mean(np.all((local >= ends[:, 0]) & (local <= ends[:, 1]), axis=1)))
    grid = _around(local, grid)
    volume = voxel_volumes(structure, grid)
    k, j, i = np.nonzero(volume > 0.0)
    places = np.stack([grid.x_mm[i], grid.y_mm[j], grid.z_mm[k]], axis=-1)
    return Sampled(grid.dose_zyx[k, j, i].astype(np.float64), volume[k, j, i], places, inside)


def _around(local_mm: NDArray[np.float64], grid: DoseGrid) -> DoseGrid:
    """The part of a grid around some points, thinned where it is far larger than a median needs."""
    parts = []
    for axis, low, high in zip(
        (grid.x_mm, grid.y_mm, grid.z_mm), local_mm.min(axis=0), local_mm.max(axis=0), strict=True
    ):
        first = max(int(np.searchsorted(axis, low)) - MARGIN, 0)
        last = min(int(np.searchsorted(axis, high)) + MARGIN, len(axis))
        parts.append(slice(first, max(last, first + MARGIN)) if first + MARGIN <= len(axis) else slice(None))
    size = float(np.prod([len(range(*p.indices(n))) for p, n in zip(parts, grid.dose_zyx.shape[::-1], strict=True)]))
    step = max(1, round((size / ENOUGH) ** (1 / len(parts))))
    x, y, z = (slice(p.start, p.stop, step) for p in parts)
    frame = replace(grid.frame, x_mm=grid.x_mm[x], y_mm=grid.y_mm[y], z_mm=grid.z_mm[z])
    return DoseGrid(grid.dose_zyx[z, y, x], frame)


def _held(structure: Structure, grid: DoseGrid, end_caps: EndCaps) -> Sampled | None:
    """The structure's doses; from its DVH where its planes are not the grid's; None when it encloses nothing."""
    try:
        return sampled(structure, grid)
    except InputError:
        curve = exact_with_findings([structure], grid, end_caps=end_caps)[0][0]
        if not isinstance(curve, DVH):
            return None
        d = curve.distribution()
        return Sampled(d.dose_gy, d.share * curve.total_cm3, np.empty((0, 0)), curve.coverage)


def scale_findings(
    phases: Sequence[Phase], matching: Matching, end_caps: EndCaps = "half", left: Sequence[Phase] = ()
) -> list[Finding]:
    """Findings on the dose of the targets, phase by phase.

    Parameters
    ----------
    phases : sequence of Phase
        With their doses; a phase without one is passed over.
    matching : Matching
        Which structures are targets, and which one is the body.
    end_caps : str
        Volume beyond the outermost contours.
    left : sequence of Phase
        That the course has nothing of: a target may be named by the dose it gets there.
    """
    out: list[Finding] = []
    by_phase: list[dict[str, Sampled]] = []
    targets = _targets(matching)
    several = len(phases) + len(left) > 1
    for n, phase in enumerate((*phases, *left)):
        if phase.dose is not None:
            held = {s.name: h for s in targets if (h := _held(s, phase.dose, end_caps)) is not None}
            by_phase.append(held)
            if n < len(phases):
                out += _of_phase(phase, phase.dose, held, matching, end_caps, of_several=several)
    return [*out, *_by_name(by_phase)]


def _targets(matching: Matching) -> list[Structure]:
    """The targets of the widest kind that is drawn: PTV, else CTV and ITV, else GTV."""
    for kinds in KINDS:
        if found := [t.structure for t in matching.targets if t.kind in kinds]:
            return found
    return []


def _of_phase(
    phase: Phase,
    grid: DoseGrid,
    held: Mapping[str, Sampled],
    matching: Matching,
    end_caps: EndCaps,
    *,
    of_several: bool,
) -> list[Finding]:
    where = f"phase {phase.label!r}"
    body = matching.organs.get("Body")
    outline = body.region if body is not None and isinstance(body.region, Structure) else None
    out = _hot_outside(grid, outline, where) if outline is not None else []
    witnesses = phase.witnesses
    if not witnesses and not of_several:
        witnesses = tuple(_name_witnesses(list(held)))
    if not witnesses:
        what = "no prescription, no beam doses and no dose in a target's name: nothing says how high the dose should be"
        hint = "export the plan with its prescription (TargetPrescriptionDose), or name the target by its dose"
        return [*out, finding(SCALE_UNVERIFIED, what, where, hint)]
    if not held:
        skin = _held(outline, grid, end_caps) if outline is not None else None
        return [*out, *_without_target(phase, grid, skin, witnesses, where)]
    best = [w for w in witnesses if w.says == witnesses[0].says]
    fits = [(name, h, w) for w in best for name, h in held.items() if _fits(h.median_gy, w, phase)]
    if not fits:
        name, h = max(held.items(), key=lambda pair: pair[1].median_gy)
        return [*out, _without_dose(name, h, best[0], where)]
    if best[0].says != PRESCRIPTION:
        name, h, w = fits[0]
        what = f"{name}: median {h.median_gy:.2f} Gy fits {w.dose_gy:g} Gy by {w.says}; no prescription says it"
        out.append(finding(SCALE_UNVERIFIED, what, where, severity="info"))
    name, h, w = max(fits, key=lambda fit: float(fit[1].volume_cm3.sum()))
    return [*out, *_edges(name, h, w, where)]


def _name_witnesses(names: Sequence[str]) -> list[Witness]:
    said = [(name, named) for name in names if (named := dose_in_name(name)) is not None]
    return [Witness(n.dose_gy, BY_NAME) for _, n in sorted(said, key=lambda pair: -pair[1].dose_gy)]


def _limits(witness: Witness, phase: Phase) -> tuple[float, float]:
    low, high = _range("median.point_range" if witness.of_point else "median.range")
    if witness.dose_gy >= _number("median.hypofraction_dose") * phase.of_fractions:
        high = _number("median.hypofraction_high")
    return min(low, _lowest_physical(phase, low)), high


def _lowest_physical(phase: Phase, otherwise: float) -> float:
    """Dose in multiples of the prescription down to which a physical dose of particles goes; photons have no other."""
    if phase.rbe_in_dose != 1.0 or phase.modality not in PARTICLES:
        return otherwise
    return _number(f"median.physical_{phase.modality}")


def _fits(median_gy: float, witness: Witness, phase: Phase) -> bool:
    low, high = _limits(witness, phase)
    return low * witness.dose_gy <= median_gy <= high * witness.dose_gy


def _without_dose(name: str, held: Sampled, witness: Witness, where: str) -> Finding:
    share = "" if held.inside >= _number("inside.share") else f", {100 * held.inside:.0f} % of it inside the dose grid"
    what = f"{name}: median {held.median_gy:.2f} Gy{share}; {witness.dose_gy:g} Gy by {witness.says}"
    hint = "check the dose's scale (Gy or cGy, one fraction or all), its place and spacing, and that the files belong"
    return finding(TARGET_WITHOUT_DOSE, what, where, f"{hint} together")


def _edges(name: str, held: Sampled, witness: Witness, where: str) -> list[Finding]:
    """Whether all of a target has the dose its median has."""
    level = min(witness.dose_gy, held.median_gy)
    hint = "if the plan spares it, say so in the protocol's [rules]; else check where the dose grid lies"
    if held.inside < _number("inside.share"):
        what = f"{name}: {100 * held.inside:.0f} % of it lies inside the dose grid"
        return [finding(TARGET_EDGE, what, where, "export a dose grid that covers the target")]
    from_level = _number("covered.level")
    covered = held.share_from(from_level * level)
    if covered < _number("covered.share"):
        what = f"{name}: {100 * covered:.0f} % of it has {100 * from_level:.0f} % of {level:.4g} Gy"
        return [finding(TARGET_EDGE, what, where, hint)]
    if len(held.places_mm) and held.end_gy() < _number("end.level") * level:
        what = f"{name}: one end of it has {held.end_gy():.4g} Gy where the rest has {held.median_gy:.4g} Gy"
        return [finding(TARGET_EDGE, what, where, hint)]
    return []


def _without_target(
    phase: Phase, grid: DoseGrid, skin: Sampled | None, witnesses: Sequence[Witness], where: str
) -> list[Finding]:
    """No target is drawn: the body has the dose of a whole-body field; else the maximum is held against the plan."""
    if skin is not None and skin.median_gy >= _number("whole_body.median") * witnesses[0].dose_gy:
        fits = [w for w in witnesses if _fits(skin.median_gy, w, phase)]
        return _edges_of_body(skin, fits[0], where) if fits else [_without_dose("Body", skin, witnesses[0], where)]
    top = float(grid.dose_zyx.max())
    low, high = _range("maximum.range")
    low, point = _lowest_physical(phase, low), _range("median.point_range")[0]
    met = [w for w in witnesses if min(low, point if w.of_point else low) * w.dose_gy <= top <= high * w.dose_gy]
    w = (met or witnesses)[0]
    what = f"no target is drawn; the dose reaches {top:.2f} Gy, {w.dose_gy:g} Gy by {w.says}"
    hint = "check the dose's scale (Gy or cGy, one fraction or all), and that the files belong together"
    if not met:
        return [finding(TARGET_WITHOUT_DOSE, what, where, hint)]
    if any(top <= _usual_maximum(w, phase) * w.dose_gy for w in met):
        return []
    return [finding(SCALE_UNVERIFIED, what, where, hint)]


def _usual_maximum(witness: Witness, phase: Phase) -> float:
    """Highest dose in multiples of the prescription that needs no target to be believed."""
    if witness.dose_gy >= _number("median.hypofraction_dose") * phase.of_fractions:
        return _range("maximum.range")[1]
    return _number("maximum.usual")


def _edges_of_body(skin: Sampled, witness: Witness, where: str) -> list[Finding]:
    """Whether a whole-body field has all of the body."""
    level, most = _number("whole_body.cold_level"), _number("whole_body.cold_share")
    cold = 1.0 - skin.share_from(level * witness.dose_gy)
    if cold <= most and skin.inside >= _number("inside.share"):
        return []
    what = f"{100 * skin.inside:.0f} % of it lies inside the dose grid"
    if cold > most:
        what = f"{100 * cold:.0f} % of it has less than {100 * level:.0f} % of {witness.dose_gy:g} Gy"
    return [finding(TARGET_EDGE, f"whole body: {what}", where, "check where the dose grid lies")]


def _hot_outside(grid: DoseGrid, outline: Structure, where: str) -> list[Finding]:
    """The dose above half its maximum lies where the body lies, as far as its box tells."""
    local = np.concatenate([grid.to_local(c) for c in outline.contours_mm])
    box = zip(local.min(axis=0), local.max(axis=0), strict=True)
    axes = (grid.x_mm, grid.y_mm, grid.z_mm)
    i, j, k = (np.flatnonzero((axis >= low) & (axis <= high)) for axis, (low, high) in zip(axes, box, strict=True))
    hot = grid.dose_zyx >= _number("hot.level") * float(grid.dose_zyx.max())
    inside = np.count_nonzero(hot[np.ix_(k, j, i)])
    share = inside / np.count_nonzero(hot)
    if share >= _number("hot.share"):
        return []
    what = f"{100 * share:.0f} % of the points above half the maximum dose lie where the body is drawn"
    return [finding(HOT_OUTSIDE, what, where, "check where the dose grid lies, and that the files belong together")]


def _by_name(by_phase: Sequence[Mapping[str, Sampled]]) -> list[Finding]:
    """Targets whose names say another dose than they have in the course, or in any phase of it, by a large factor."""
    out = []
    for name in dict.fromkeys(name for held in by_phase for name in held):
        named = dose_in_name(name)
        if named is None:
            continue
        parts = [held[name].median_gy for held in by_phase if name in held]
        factor = _number("name.bare_factor" if named.bare else "name.factor")
        if any(named.dose_gy / factor <= got <= factor * named.dose_gy for got in (*parts, sum(parts))):
            continue
        what = f"{name}: median {sum(parts):.2f} Gy; {named.dose_gy:g} Gy by {BY_NAME}"
        hint = "check the dose's scale (Gy or cGy, one fraction or all), its place, and that the files belong together"
        out.append(finding(TARGET_WITHOUT_DOSE, what, name, hint))
    return out
