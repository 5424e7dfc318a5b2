"""Complete treatments of a phantom: fast ones for cohorts, drawn ones for files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.phantom.anatomy import GROUPS, Anatomy, Numbers, anatomy, number, numbers_of
from lymphorisk.phantom.contours import contours_of
from lymphorisk.phantom.dose import FieldDose, TechniqueDose, photon_beam, proton_beam, technique_dose
from lymphorisk.phantom.photon import PhotonBeam
from lymphorisk.phantom.proton import ProtonBeam
from lymphorisk.phantom.shapes import Shape, Together, Triple
from lymphorisk.phantom.sites import Target, site_of, target
from lymphorisk.phantom.voxels import Voxels, organ_distributions, voxels, voxels_of
from lymphorisk.plan import Beam, DoseGrid, Phase, Structure, TreatmentPlan, every_day, weekdays
from lymphorisk.plan.schedule import DAYS_PER_WEEK, WORKING_DAYS
from lymphorisk.plan.words import Modality
from lymphorisk.units import CGY_PER_GY, SECONDS_PER_MINUTE

#: Voxel of a plan to look at. [mm]
FINE_MM = 5.0
#: Voxel of a simulated patient: a spleen still has 140 of them. [mm]
COARSE_MM = 10.0
#: Voxels nearer than this to the body touch it, over a corner at most (the root of 3). [voxel]
TOUCHING = 1.75
TBI = "whole_body"
ARCS = 2
PHOTON_ENERGY = "6"
RT_TYPES: Mapping[str, str] = {"Body": "EXTERNAL", "GTV": "GTV"}


@dataclass(frozen=True, slots=True, eq=False)
class PhantomPlan:
    """A treatment of a phantom on voxels.

    Attributes
    ----------
    site : str
        Name of the (first) site, of `sites.SITES`.
    body : Anatomy
    targets : mapping of str to Shape
        ``GTV`` and one ``PTV_<cGy>`` a phase.
    grid : Voxels
        Organs and targets on voxels.
    phases : tuple of Phase
        Fractionation and beams; their `dose` is None here.
    doses_zyx : tuple of ndarray of float32, shape (nz, ny, nx)
        Dose of each whole phase, RBE-weighted for protons. [Gy]
    field_doses_zyx : tuple of tuple of ndarray
        Dose of each beam of each phase, when asked for. [Gy]
    """

    site: str
    body: Anatomy
    targets: Mapping[str, Shape]
    grid: Voxels
    phases: tuple[Phase, ...]
    doses_zyx: tuple[NDArray[np.float32], ...]
    field_doses_zyx: tuple[tuple[NDArray[np.float32], ...], ...] = ()

    @property
    def patient_site(self) -> str:
        """The site as `lymphorisk.plan.SITES` names it."""
        return site_of(self.site).patient_site

    def organ_doses(self) -> tuple[dict[str, DoseDistribution], ...]:
        """Dose distribution of every organ over each whole phase, by TG-263 name. [Gy]"""
        return tuple(organ_distributions(self.grid, dose) for dose in self.doses_zyx)


def phantom_plan(
    numbers: Numbers,
    site: str,
    *,
    body: Anatomy | None = None,
    sex: str | None = None,
    height_cm: float | None = None,
    weight_kg: float | None = None,
    volume_factor: Mapping[str, float] | None = None,
    shift_mm: Mapping[str, Triple] | None = None,
    rng: Generator | None = None,
    modality: Modality = "photon",
    technique: str | None = None,
    energy: str = PHOTON_ENERGY,
    fractions: int | None = None,
    prescription_gy: float | None = None,
    margin_mm: float | None = None,
    field_margin_mm: float | None = None,
    size: float = 1.0,
    offset_mm: Triple = (0.0, 0.0, 0.0),
    spacing_mm: float = COARSE_MM,
    whole_body: bool = True,
    names: Iterable[str] | None = None,
    keep_fields: bool = False,
) -> PhantomPlan:
    """A site treated in a body.

    Parameters
    ----------
    numbers : mapping
        The parameters of topic ``phantom``, plain.
    site : str
        One of `sites.SITES`.
    body : Anatomy, optional
        A body to reuse; built from `sex`, `height_cm`, `weight_kg`, `volume_factor`, `shift_mm`, `rng` without it.
    modality : str
        ``photon`` or ``proton``.
    technique : str, optional
        A name of the parameters' ``technique``; the site's usual one without it.
    energy : str
        ``6`` or ``10`` MV.
    fractions, prescription_gy : optional
        The site's usual schedule without them; the mean of the PTV receives the prescription. [Gy]
    margin_mm, field_margin_mm : float, optional
        GTV to PTV and PTV to field edge. [mm]
    size : float
        Diameter of the tumour over the usual one.
    offset_mm : tuple of float
        Displacement of the tumour. [mm]
    spacing_mm : float
        Voxel. [mm]
    whole_body : bool
        Keep the whole body (cohorts); otherwise the scan ends a stated length beyond the target.
    names : iterable of str, optional
        Organs to put on voxels; all without it.
    keep_fields : bool
        Keep the dose of each beam.
    """
    usual = site_of(site)
    if body is None:
        arms = "down" if site == TBI else "up"
        chosen = sex or ("F" if usual.patient_site == "breast" else "M")
        body = anatomy(
            numbers,
            sex=chosen,
            height_cm=height_cm,
            weight_kg=weight_kg,
            arms=arms,
            volume_factor=volume_factor,
            shift_mm=shift_mm,
            rng=rng,
        )
    aim = target(body, site, margin_mm=margin_mm, size=size, offset_mm=offset_mm)
    z_range = None
    if not whole_body and site != TBI:
        (_, _, low), (_, _, high) = aim.ptv.bounds()
        reach = number(numbers, f"site.{site}.scan_margin")
        z_range = (low - reach, high + reach)
    extra = {} if aim.gtv is None else {"GTV": aim.gtv}
    grid = voxels(body, spacing_mm, z_range_mm=z_range, names=names, extra=extra)
    empty = PhantomPlan(site, body, FrozenDict(extra), grid, (), ())
    return with_phase(
        empty,
        site,
        aim=aim,
        modality=modality,
        technique=technique,
        energy=energy,
        fractions=fractions,
        prescription_gy=prescription_gy,
        field_margin_mm=field_margin_mm,
        keep_fields=keep_fields,
    )


def with_phase(
    plan: PhantomPlan,
    site: str,
    *,
    aim: Target | None = None,
    modality: Modality = "photon",
    technique: str | None = None,
    energy: str = PHOTON_ENERGY,
    fractions: int | None = None,
    prescription_gy: float | None = None,
    field_margin_mm: float | None = None,
    size: float = 1.0,
    keep_fields: bool = False,
) -> PhantomPlan:
    """The plan with one more phase (a boost) after its last, on the same body and grid."""
    numbers = plan.body.numbers
    usual = site_of(site)
    name = technique or (usual.proton if modality == "proton" else usual.photon)
    if not name or f"technique.{name}.gantry" not in numbers:
        raise ScenarioError(f"the phantom has no {modality} technique {name!r} for {site}")
    aim = aim or target(plan.body, site, size=size)
    prescribed = number(numbers, f"site.{site}.prescription") if prescription_gy is None else prescription_gy
    count = round(number(numbers, f"site.{site}.fractions")) if fractions is None else fractions
    ptv = f"PTV_{prescribed * CGY_PER_GY:04.0f}"
    grid = plan.grid
    indices = voxels_of(aim.ptv, grid.x_mm, grid.y_mm, grid.z_mm)
    grid = replace(grid, owned=FrozenDict({**grid.owned, ptv: indices}))
    margin = number(numbers, f"site.{site}.field_margin") if field_margin_mm is None else field_margin_mm
    modulation = number(numbers, f"technique.{name}.modulation")
    if modality == "proton":
        beam: ProtonBeam | PhotonBeam = proton_beam(numbers)
    else:
        photon = photon_beam(numbers, energy)
        beam = photon
        if site == TBI:
            beam = replace(
                photon,
                source_distance=number(numbers, "beam.tbi.source_distance"),
                surface=number(numbers, "beam.tbi.surface"),
            )
    relative = technique_dose(
        grid,
        ptv,
        numbers_of(numbers, f"technique.{name}.gantry"),
        beam,
        field_margin_mm=margin,
        compensated=site == TBI or bool(number(numbers, f"technique.{name}.compensated")),
        modulation=modulation,
        keep_fields=keep_fields,
    )
    used = sum(len(p.beams) for p in plan.phases)
    beams, members = _beams(numbers, site, name, modality, relative, prescribed / count, used)
    first_day = 0
    if plan.phases and plan.phases[-1].days is not None:
        first_day = int(plan.phases[-1].days[-1]) + 1
    phase = Phase(
        label=site,
        fractions=count,
        beams=beams,
        modality=modality,
        rbe_in_dose=number(numbers, "beam.proton.rbe") if modality == "proton" else 1.0,
        prescription_gy=prescribed,
        days=_days(site, count, first_day),
    )
    dose = relative.dose_zyx * np.float32(prescribed)
    own: tuple[NDArray[np.float32], ...] = ()
    if keep_fields:
        parts = [f.dose_zyx for f in relative.fields if f.dose_zyx is not None]
        own = tuple(np.sum([parts[i] for i in group], axis=0) * np.float32(prescribed) for group in members)
    return replace(
        plan,
        targets=FrozenDict({**plan.targets, ptv: aim.ptv}),
        grid=grid,
        phases=(*plan.phases, phase),
        doses_zyx=(*plan.doses_zyx, dose),
        field_doses_zyx=(*plan.field_doses_zyx, own) if keep_fields else plan.field_doses_zyx,
    )


def treatment_plan(
    plan: PhantomPlan,
    *,
    plane_mm: float = FINE_MM,
    names: Iterable[str] | None = None,
    label: str = "",
    frame_of_reference: str = "",
    patient_position: str = "HFS",
) -> TreatmentPlan:
    """The plan as a planning system would export it: contours, dose grids, beams.

    Parameters
    ----------
    plane_mm : float
        Distance of contour planes. [mm]
    names : iterable of str, optional
        Structures to draw, in this order; the body, all organs whose middle lies in the scan, and the targets
        without it.
    """
    structures = drawn_structures(plan, plane_mm=plane_mm, names=names, frame_of_reference=frame_of_reference)
    phases = []
    for index, phase in enumerate(plan.phases):
        beams = phase.beams
        if plan.field_doses_zyx:
            own = plan.field_doses_zyx[index]
            beams = tuple(
                replace(b, dose=dose_grid(plan.grid, d, frame_of_reference)) for b, d in zip(beams, own, strict=True)
            )
        phases.append(replace(phase, beams=beams, dose=dose_grid(plan.grid, plan.doses_zyx[index], frame_of_reference)))
    return TreatmentPlan(label or plan.site, tuple(phases), structures, patient_position=patient_position)


def drawn_structures(
    plan: PhantomPlan, *, plane_mm: float, names: Iterable[str] | None = None, frame_of_reference: str = ""
) -> tuple[Structure, ...]:
    """Structures as contours on planes that fall on every voxel plane (or a regular part of them)."""
    solids: dict[str, Shape] = {**plan.body.shapes, **plan.targets}
    for group, members in GROUPS.items():
        present = tuple(solids[m] for m in members if m in solids)
        if present:
            solids[group] = Together(present)
    z = plan.grid.z_mm
    planes = (np.arange(np.ceil((z[0] - plane_mm / 2) / plane_mm), z[-1] / plane_mm + 1) + 0.5) * plane_mm
    planes = planes[planes <= z[-1]]
    if names is None:
        low, high = float(z[0]), float(z[-1])
        middles = {n: sum(b[2] for b in s.bounds()) / 2 for n, s in solids.items() if n not in GROUPS}
        names = ["Body", *(n for n in sorted(middles) if n != "Body" and low < middles[n] < high)]
    out: list[Structure] = []
    for name in names:
        if name not in solids:
            raise ScenarioError(f"the phantom has no {name} to draw")
        contours = contours_of(solids[name], planes)
        kind = RT_TYPES.get(name, "PTV" if name.startswith("PTV") else "ORGAN")
        out.append(Structure(len(out) + 1, name, contours, frame_of_reference, kind, plane_mm))
    return tuple(out)


def dose_grid(grid: Voxels, dose_zyx: NDArray[np.float32], frame_of_reference: str = "") -> DoseGrid:
    """Voxel doses as a dose grid. [Gy]

    The voxels that touch the body from outside take their nearest neighbour's dose, so that interpolation at the
    skin does not mix with air.
    """
    from scipy.ndimage import distance_transform_edt

    air = np.ones(grid.shape, dtype=bool)
    air.reshape(-1)[grid.owned["Body"]] = False
    away, index = distance_transform_edt(air, return_indices=True)
    dose_zyx = np.where(away < TOUCHING, dose_zyx[tuple(index)], np.float32(0))
    origin = np.array([grid.x_mm[0], grid.y_mm[0], grid.z_mm[0]])
    x, y, z = (c - c[0] for c in (grid.x_mm, grid.y_mm, grid.z_mm))
    return DoseGrid(dose_zyx, origin, np.eye(len(origin)), x, y, z, frame_of_reference=frame_of_reference)


def _beams(
    numbers: Numbers,
    site: str,
    technique: str,
    modality: Modality,
    relative: TechniqueDose,
    fraction_gy: float,
    used: int,
) -> tuple[tuple[Beam, ...], list[list[int]]]:
    """Beams of one fraction with monitor units and beam-on times; fields of an arc are one beam."""
    fields = relative.fields
    arc = "arc" in technique
    groups = [list(range(a, len(fields), ARCS)) for a in range(ARCS)] if arc else [[i] for i in range(len(fields))]
    static = number(numbers, f"technique.{technique}.modulation") == 1.0
    kind = "MODULATED" if modality == "proton" else "ARC" if arc else "STATIC" if static else "DYNAMIC"
    beams = []
    for index, group in enumerate(groups):
        own = [fields[i] for i in group]
        meterset, on = _timing(numbers, site, technique, modality, own, fraction_gy)
        beams.append(
            Beam(
                number=used + index + 1,
                name=f"Arc {index + 1}" if arc else f"G{own[0].gantry_deg:03.0f}",
                modality=modality,
                meterset=meterset,
                on_s=on,
                time_source="plan",
                technique=kind,
            )
        )
    return tuple(beams), groups


def _timing(
    numbers: Numbers, site: str, technique: str, modality: Modality, fields: list[FieldDose], fraction_gy: float
) -> tuple[float, float]:
    """Meterset of one fraction [MU] and beam-on time [s]."""
    share = sum(f.share for f in fields)
    output = number(numbers, "beam.photon.output")
    if modality == "proton":
        return share * fraction_gy * output, number(numbers, "beam.proton.on_time")
    modulation = number(numbers, f"technique.{technique}.modulation")
    meterset = sum(f.share * fraction_gy * output * modulation / f.output_factor for f in fields)
    if site == TBI:
        return meterset, share * fraction_gy / number(numbers, "beam.tbi.dose_rate") * SECONDS_PER_MINUTE
    own_rate = f"technique.{technique}.dose_rate"
    rate = number(numbers, own_rate if own_rate in numbers else "beam.photon.dose_rate")
    return meterset, meterset / rate * SECONDS_PER_MINUTE


def _days(site: str, fractions: int, first_day: int) -> tuple[float, ...]:
    if site == TBI:
        return tuple(every_day(fractions, first_day, per_day=min(2, fractions)).tolist())
    weekday = first_day % DAYS_PER_WEEK
    if weekday >= WORKING_DAYS:
        first_day += DAYS_PER_WEEK - weekday
        weekday = 0
    return tuple(weekdays(fractions, weekday, first_day).tolist())
