"""Organs nobody drew: the reference body placed in this plan, and drawn organs completed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.anatomy import (
    OUTLINE,
    DosedBody,
    Drawn,
    Outline,
    Part,
    PartRules,
    Peripheral,
    dosed_body,
    drawn_organs,
    field_of,
    nearest,
    outline_of,
    outline_of_dose,
    outline_of_mask,
    part_of,
    place,
    prior_of,
    reference_body,
)
from lymphorisk.dvh import DoseDistribution, mixture
from lymphorisk.dvh.regions import Region, structures_of
from lymphorisk.organs import NETWORKS, Covered, load
from lymphorisk.plan import Patient, Phase
from lymphorisk.plan.mask import Mask
from lymphorisk.units import MM_PER_CM

#: The reference body of a patient whose sex is not known.
UNKNOWN_SEX = "M"
#: Patients younger than this are no adults: the trunk still grows. [y]
YOUNGEST_Y = 15.0
#: Organs as reference organs by volume, where parts of the organ table do not say it.
MIXES: Mapping[str, Mapping[str, float]] = {
    "Femur_Heads": {"Femur_Head_L": 0.5, "Femur_Head_R": 0.5},
}
#: Large vessels the organ table knows as compartments: the reference's vessels, weighted by their volume.
TRUNK_VESSELS = ("A_Aorta", "A_Pulmonary", "V_Venacava_S", "V_Venacava_I", "GreatVes_Iliac")
#: The organ table's word for all large vessels of the trunk.
TRUNK = "GreatVes_Trunk"
#: Blood compartments of the networks and the organ their blood lies in, or the organs, by their shares in the table.
COMPARTMENTS: Mapping[str, str | tuple[str, ...]] = {
    "lung": "Lungs",
    "bronchial": "Lungs",
    "right_heart": "Heart",
    "left_heart": "Heart",
    "coronary": "Heart",
    "liver": "Liver",
    "spleen": "Spleen",
    "kidneys": "Kidneys",
    "adrenals": "Kidneys",
    "brain": "Brain",
    "pancreas": "Pancreas",
    "stomach_oesophagus": ("Stomach", "Esophagus"),
    "small_intestine": "Bowel_Small",
    "large_intestine": "Bowel_Large",
    "bladder": "Bladder",
    "thyroid": "Glnd_Thyroid",
    "lymph_nodes": "LN",
    "red_marrow": "BoneMarrow",
    "spongy_bone": "BoneMarrow",
    "aorta": "A_Aorta",
    "pulmonary_artery": "A_Pulmonary",
    "superior_vena_cava": "V_Venacava_S",
    "inferior_vena_cava": "V_Venacava_I",
}
#: Name of the bone found on the CT: wherever the scan shows bone it is all the marrow's.
BONE_CT = "Bone_CT"
#: Shares smaller than this are rounding.
LEAST = 1e-6
#: Doses kept of a pool in one body: many bodies, so fewer than of the mean.
BODY_BINS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """Reference bodies in a plan, dosed.

    Attributes
    ----------
    dosed : DosedBody
    drawn : mapping of str to Drawn
        Drawn organs.
    per_fraction : tuple of float
        By phase: what a dose of the phase is multiplied by for one fraction, RBE divided out.
    scan_mm : tuple of float
        Lowest and highest height of the outline. [mm]
    top_gy : tuple of float
        Highest dose of one fraction, by phase. [Gy]
    rules : PartRules
    """

    dosed: DosedBody
    drawn: Mapping[str, Drawn]
    per_fraction: tuple[float, ...]
    scan_mm: tuple[float, float]
    top_gy: tuple[float, ...]
    rules: PartRules
    _parts: dict[str, Part] = field(default_factory=dict, repr=False)

    @property
    def count(self) -> int:
        """Number of bodies."""
        return self.dosed.placed.count

    @property
    def landmarks(self) -> tuple[str, ...]:
        """Organs the placement rests on."""
        return self.dosed.placed.landmarks

    @property
    def by_outline(self) -> bool:
        """Whether the outline alone tells where they lie: their spread then holds what patients differ by."""
        return self.landmarks == (OUTLINE,)

    def small(self, patient: Patient) -> str:
        """What says that the patient is smaller or younger than the reference bodies; empty when nothing does."""
        placed = self.dosed.placed
        if patient.age_y is not None and patient.age_y < YOUNGEST_Y:
            return f"age {patient.age_y:g} y"
        if not placed.small:
            return ""
        said = "height" if patient.height_cm is not None else "girth as of a height of"
        return f"{said} {placed.height_mm / MM_PER_CM:.0f} cm"

    def mix(self, organ: str) -> Mapping[str, float] | None:
        """The organ as reference organs by weight; None where the reference body does not have it."""
        return mix_of(organ, self.dosed.placed.reference.organs)

    def part(self, organ: str) -> Part | None:
        """How much of a drawn organ is drawn; None where the reference body does not have the organ."""
        mix = self.mix(organ)
        if mix is None or organ not in self.drawn:
            return None
        if organ not in self._parts:
            fills = organ != BONE_CT and not load()[organ].stands_for
            self._parts[organ] = part_of(self.dosed, mix, self.drawn[organ], self.rules, fills=fills)
        return self._parts[organ]

    def beyond_scan(self, phase: int) -> DoseDistribution | None:
        """Dose of one fraction of what the scan does not show of the body, all bodies alike. [Gy]"""
        low, high = self.scan_mm
        found = self.dosed.distribution({"Body": 1.0}, phase, None, low, high)
        return None if found is None else found.scaled(self.per_fraction[phase]).rebinned(BODY_BINS)

    def share_drawn(self, organ: str, body: int | None) -> float:
        """Share of a drawn organ that is drawn, in one body or on average; 1 where the reference body cannot tell."""
        part = self.part(organ)
        if part is None:
            return 1.0
        return float(part.share.mean() if body is None else part.share[body])


def bodies_of(regions: Mapping[str, Region], phases: Sequence[Phase], patient: Patient, seed: int) -> Bodies | Absent:
    """The reference body placed in a plan, or why it cannot be.

    Parameters
    ----------
    regions : mapping of str to Region
        Drawn organs by TG-263 name.
    phases : sequence of Phase
        With their dose grids.
    patient : Patient
        Sex and height choose and stretch the reference body.
    seed : int
    """
    numbers = {n: p.value for n, p in parameters.load("anatomy").items()}
    phantom = {n: p.value for n, p in parameters.load("phantom").items()}
    reference = reference_body(phantom, patient.sex or UNKNOWN_SEX, numbers)
    drawn = drawn_organs(regions)
    grids = [phase.dose for phase in phases if phase.dose is not None]
    outline = _outline(regions.get("Body")) or outline_of_dose(grids[0])
    placed = place(
        reference,
        drawn,
        outline,
        prior_of(numbers),
        height_mm=None if patient.height_cm is None else patient.height_cm * MM_PER_CM,
        seed=seed,
    )
    if isinstance(placed, Absent):
        return placed
    peripheral = Peripheral(**_plain(numbers, "peripheral."))
    fields = [
        field_of(
            grid,
            peripheral,
            modality=phase.modality,
            monitor_units=_monitor_units(phase),
            fractions=phase.of_fractions,
        )
        for grid, phase in zip(grids, phases, strict=True)
    ]
    per_fraction = tuple(1.0 / (p.of_fractions * p.rbe_in_dose) for p in phases)
    return Bodies(
        dosed_body(placed, grids, fields, seed=seed),
        drawn,
        per_fraction,
        (-np.inf, np.inf) if outline is None else (float(outline.z_mm[0]), float(outline.z_mm[-1])),
        tuple(float(g.dose_zyx.max()) * f for g, f in zip(grids, per_fraction, strict=True)),
        PartRules(**_plain(numbers, "part.")),
    )


def _outline(body: Region | None) -> Outline | None:
    """The outline that a body region draws; None without one."""
    if body is None or isinstance(body, Mask):
        return None if body is None else outline_of_mask(body)
    return outline_of([c for s in structures_of(body) for c in s.contours_mm])


def _plain(numbers: Mapping[str, float | tuple[float, ...]], prefix: str) -> dict[str, float]:
    return {n.removeprefix(prefix): v for n, v in numbers.items() if n.startswith(prefix) and isinstance(v, float)}


def _monitor_units(phase: Phase) -> float | None:
    units = [b.meterset for b in phase.beams if b.meterset]
    return sum(units) if units and len(units) == len(phase.beams) else None


def mix_of(organ: str, known: Mapping[str, object]) -> Mapping[str, float] | None:
    """An organ as reference organs by weight (their sum is 1); None where the reference has none of it.

    Examples
    --------
    >>> mix_of("Spleen", {"Spleen": 0}), mix_of("Lungs", {"Lung_L": 0, "Lung_R": 0})
    ({'Spleen': 1.0}, {'Lung_L': 0.47, 'Lung_R': 0.53})
    >>> mix_of("Eye_X", {"Spleen": 0}) is None
    True
    """
    mix = dict(_mix(organ, known))
    total = sum(mix.values())
    return {n: w / total for n, w in mix.items()} if total > 0.0 else None


def _mix(organ: str, known: Mapping[str, object]) -> Mapping[str, float]:
    table = load()
    if organ == "Bowel_Small" and "Duodenum" in known:
        # the phantom's small bowel is drawn without its duodenum
        share = table["Duodenum"].pool_share / table["Bowel_Small"].pool_share
        return {"Bowel_Small": 1.0 - share, "Duodenum": share}
    if organ in known:
        return {organ: 1.0}
    if organ in MIXES:
        return MIXES[organ]
    if organ == BONE_CT:
        return _mix("BoneMarrow", known)
    if organ not in table:
        return {}
    if organ == TRUNK:
        return {n: _blood(n) for n in TRUNK_VESSELS if n in known}
    if table[organ].stands_for:
        return _mix(table[organ].stands_for, known)
    if organ == "Bone":
        return _mix("BoneMarrow", known)
    out: dict[str, float] = {}
    for part in table.values():
        if part.part_of != organ:
            continue
        weight = part.pool_share or 1.0
        inner = _mix(part.name, known)
        total = sum(inner.values())
        for name, w in inner.items():
            out.setdefault(name, weight * w / total)
    return out


def _blood(vessel: str) -> float:
    """Blood of a large vessel; the iliac vessels hold what the caval vein does."""
    held = load()["V_Venacava_I" if vessel == "GreatVes_Iliac" else vessel].compartments["28"]
    return float(sum(held.values()))


def mean_of(bodies: Sequence[Sequence[DoseDistribution]], phase: int, bins: int) -> DoseDistribution:
    """The bodies' distributions of a phase mixed, each alike."""
    return mixture([(1.0 / len(bodies), b[phase]) for b in bodies]).rebinned(bins)


def typical_of(bodies: Sequence[Sequence[DoseDistribution]], phase: int, bins: int) -> DoseDistribution:
    """The typical body's distribution of a phase: the median over the bodies, from the coldest share to the hottest.

    Beside a field edge a few bodies hold most of the mean; the median is what a report can show with its `sd_ln`.
    """
    lanes = np.median([_lanes(b[phase], bins) for b in bodies], axis=0)
    return DoseDistribution(np.maximum.accumulate(lanes), np.full(bins, 1.0 / bins))


def _lanes(distribution: DoseDistribution, bins: int) -> NDArray[np.float64]:
    """Mean dose of equal shares, from the coldest to the hottest. [Gy]"""
    share = np.append(0.0, np.cumsum(distribution.share))
    held = np.append(0.0, np.cumsum(distribution.share * distribution.dose_gy))
    edges = np.linspace(0.0, share[-1], bins + 1)
    return np.asarray(bins * np.maximum(np.diff(np.interp(edges, share, held)), 0.0))


def sd_ln(means_gy: Sequence[float] | NDArray[np.float64]) -> float:
    """sd of the logarithm of an organ's mean dose between bodies. [Gy]"""
    return float(np.log(np.maximum(np.asarray(means_gy), np.finfo(float).tiny)).std())


def marrow_in(bone: Mask, bodies: Bodies) -> Mask:
    """Bone on the CT, each level covered by the share of marrow that the placed bodies have there.

    Bone is not alike in marrow: vertebrae hold much, the shafts of limbs none. The mask's dose distribution is that of
    the marrow; its volume means nothing.
    """
    mix = bodies.mix(BONE_CT)
    assert mix is not None
    known = parameters.load("anatomy")
    step_mm, least = known["bone.level"].number, known["bone.least"].number
    z, (thick, high, wide) = bone.centres_mm()[0], bone.widths_mm()
    level = ((z - bone.z_mm[0]) // step_mm).astype(np.intp)
    volume = np.bincount(level, (bone.share_zyx.sum(axis=1) @ wide) * float(high.mean()) * thick)
    low = bone.z_mm[0] + step_mm * np.arange(len(volume))
    marrow = np.array([1.0 - bodies.dosed.beyond(mix, a, a + step_mm).mean() for a in low])
    weight = marrow / np.maximum(volume, least * np.median(volume[volume > 0.0]))
    if not weight.max() > 0.0:
        return bone
    share = bone.share_zyx * (weight / weight.max())[level, None, None].astype(np.float32)
    return replace(bone, share_zyx=share)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Placed organs by weight, below `low_mm` or above `high_mm` only, and their share of a rest."""

    share: float
    mix: Mapping[str, float]
    low_mm: float = np.inf
    high_mm: float = -np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Makeup:
    """What a pool or organ is made of in one body: drawn organs by share, and by phase the dose of the rest. [Gy]

    `pieces` say where the rest lies; none where it lies all over the body.
    """

    covered: tuple[Covered, ...]
    rest: tuple[DoseDistribution, ...]
    pieces: tuple[Piece, ...] = ()


def left_of(bodies: Bodies, whole: Mapping[str, float], covered: Sequence[Covered]) -> Mapping[str, float]:
    """What drawn organs leave of an organ, as reference organs by weight; empty where nothing is left."""
    left = dict(whole)
    for c in covered:
        own = bodies.mix(c.organ) or bodies.mix(_ancestor(bodies, c.organ)) or whole
        inside = {n: w for n, w in own.items() if n in left} or dict(left)
        total = sum(inside.values())
        for name, weight in inside.items():
            left[name] = max(left[name] - c.share * weight / total, 0.0)
    return {n: w for n, w in left.items() if w > LEAST}


def _ancestor(bodies: Bodies, organ: str) -> str:
    """The nearest larger organ the reference body has."""
    table = load()
    while organ in table and bodies.mix(organ) is None:
        organ = table[organ].part_of
    return organ


def made_of(
    bodies: Bodies,
    whole: Mapping[str, float],
    covered: Sequence[Covered],
    otherwise: Sequence[DoseDistribution],
    *,
    each: bool = True,
    wider: float = 1.0,
) -> tuple[Makeup, ...]:
    """A pool or organ in every body: what is drawn, what is undrawn of the drawn, and what is placed.

    Parameters
    ----------
    whole : mapping of str to float
        The organ as reference organs by weight.
    covered : sequence of Covered
        Drawn organs with the share each stands for when it is whole.
    otherwise : sequence of DoseDistribution
        By phase: stands where nothing is left over. [Gy]
    each : bool
        Body by body; otherwise one makeup for all bodies alike.
    wider : float
        By what factor the rest's dose differs more between patients than between the bodies.
    """
    placed = left_of(bodies, whole, covered)
    left = 1.0 - sum(c.share for c in covered)
    out = []
    for body in range(bodies.count) if each else (None,):
        shares = [bodies.share_drawn(c.organ, body) for c in covered]
        drawn = tuple(replace(c, share=c.share * s) for c, s in zip(covered, shares, strict=True))
        pieces = [
            Piece(c.share * (1.0 - s), bodies.mix(c.organ) or whole, part.low_mm, part.high_mm)
            for c, s in zip(covered, shares, strict=True)
            if s < 1.0 and (part := bodies.part(c.organ)) is not None
        ]
        if left > LEAST:
            pieces.append(Piece(left, placed or whole))
        rests = tuple(_mixed(bodies, pieces, i, body, stand_in) for i, stand_in in enumerate(otherwise))
        out.append(Makeup(drawn, rests, tuple(pieces)))
    return _widened(bodies, out, wider) if each and wider > 1.0 and not bodies.by_outline else tuple(out)


def _widened(bodies: Bodies, made: Sequence[Makeup], wider: float) -> tuple[Makeup, ...]:
    """Rests farther from their median body, in the logarithm of the dose; nothing above the highest dose planned."""
    course = [sum(d.mean_gy / f for d, f in zip(m.rest, bodies.per_fraction, strict=True)) for m in made]
    away = np.log(np.maximum(course, np.finfo(float).tiny))
    factor = np.exp((wider - 1.0) * (away - np.median(away)))
    return tuple(
        replace(m, rest=tuple(_up_to(d.scaled(f), t) for d, t in zip(m.rest, bodies.top_gy, strict=True)))
        for m, f in zip(made, factor.tolist(), strict=True)
    )


def _up_to(distribution: DoseDistribution, top_gy: float) -> DoseDistribution:
    return replace(distribution, dose_gy=np.minimum(distribution.dose_gy, top_gy))


def _mixed(
    bodies: Bodies, pieces: Sequence[Piece], phase: int, body: int | None, otherwise: DoseDistribution
) -> DoseDistribution:
    """Dose of one fraction of the pieces of a rest. [Gy]"""
    parts = [
        (p.share, d.scaled(bodies.per_fraction[phase]))
        for p in pieces
        if (d := bodies.dosed.distribution(p.mix, phase, body, p.low_mm, p.high_mm)) is not None
    ]
    total = sum(w for w, _ in parts)
    return mixture([(w / total, d) for w, d in parts]) if total > LEAST else otherwise


def on_grid(bodies: Bodies, pieces: Sequence[Piece], phase: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Flat indices of the grid points nearest to the pieces of a rest, all bodies alike, and the share at each.

    What lies outside the grid is left out: the shares sum to at most one.
    """
    grid = bodies.dosed.grids[phase]
    total = sum(p.share for p in pieces)
    index, share = [], []
    for piece in pieces:
        for name, weight in piece.mix.items():
            points = bodies.dosed.placed.points(name).reshape(-1, 3)
            kept = points[(points[:, 2] < piece.low_mm) | (points[:, 2] > piece.high_mm)]
            flat = nearest(grid, kept)
            beyond = bodies.dosed.beyond(piece.mix, piece.low_mm, piece.high_mm).mean()
            each = piece.share / total * weight / sum(piece.mix.values()) / (len(points) * beyond)
            index.append(flat)
            share.append(np.full(len(flat), each))
    return np.concatenate(index), np.concatenate(share)


def compartment_mix(compartment: str, bodies: Bodies) -> Mapping[str, float] | None:
    """A blood compartment as reference organs by weight; None where its blood lies all over the body."""
    where = COMPARTMENTS.get(compartment)
    if where is None:
        trunk = max(load()[TRUNK].compartments[n].get(compartment, 0.0) for n in NETWORKS)
        vessels = bodies.mix(TRUNK)
        if trunk <= 0.0 or vessels is None:
            return None
        return {**{n: trunk * w for n, w in vessels.items()}, "Body": 1.0 - trunk}
    if isinstance(where, str):
        return bodies.mix(where)
    return {n: max(load()[n].compartments[of].get(compartment, 0.0) for of in NETWORKS) for n in where}


def wider_than_bodies(organ: str) -> float:
    """By what factor the logarithm of a placed organ's dose is farther off than placed bodies differ: at least 1.

    A new patient differs from the reference bodies by more than they do from each other. As the benchmark found it;
    where it was not measured, the root mean square of what was.
    """
    return _measured("wider", organ)


def segmented_sd(organ: str) -> float:
    """sd of the logarithm of a segmented organ's mean dose about that of a person's contour.

    As the benchmark found it; where it was not measured, the root mean square of what was.
    """
    return _measured("segmented", organ)


def _measured(what: str, organ: str) -> float:
    known = parameters.load("placement").items()
    found = {n.removeprefix(f"{what}."): p.number for n, p in known if n.startswith(f"{what}.")}
    return found[organ] if organ in found else float(np.sqrt(np.mean(np.square(list(found.values())))))
