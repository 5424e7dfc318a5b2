"""A simulated plan as a clinic exports it: the usual contours, some of them missing, and every other organ placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lymphorisk.analysis.placed import Bodies, bodies_of, typical_of
from lymphorisk.dvh import DoseDistribution
from lymphorisk.organs import match
from lymphorisk.parameters import load
from lymphorisk.phantom import PhantomPlan, treatment_plan
from lymphorisk.plan import DoseGrid, Frame, Patient, Structure, TreatmentPlan

#: Organs at risk that clinics usually contour, by site of the phantom; other sites take `USUAL`.
DRAWN: Mapping[str, tuple[str, ...]] = {
    "brain": ("Brain", "Brainstem", "Eye_L", "Eye_R"),
    "whole_brain": ("Brain", "Eye_L", "Eye_R"),
    "head_neck": ("Parotid_L", "Parotid_R", "SpinalCord", "Brainstem"),
    "breast": ("Lung_L", "Lung_R", "Heart"),
    "breast_right": ("Lung_L", "Lung_R", "Heart"),
    "lung": ("Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord"),
    "lung_sbrt": ("Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord"),
    "esophagus": ("Lung_L", "Lung_R", "Heart", "SpinalCord", "Liver"),
    "gastric": ("Kidney_L", "Kidney_R", "Liver", "Heart", "SpinalCord"),
    "liver": ("Kidney_L", "Kidney_R", "Liver", "Heart", "SpinalCord", "Stomach"),
    "pancreas": ("Kidney_L", "Kidney_R", "Liver", "Stomach", "SpinalCord"),
    "pelvis": ("Bladder", "Rectum", "Femur_Head_L", "Femur_Head_R", "Bowel_Small"),
    "prostate": ("Bladder", "Rectum", "Femur_Head_L", "Femur_Head_R"),
}
USUAL = ("Lung_L", "Lung_R", "Heart", "Liver", "Kidney_L", "Kidney_R", "SpinalCord")
#: Distance of the contours drawn for the placement. [mm]
PLANE_MM = 5.0
#: Doses kept of a placed organ.
BINS = 128


def contoured(site: str, rng: np.random.Generator) -> tuple[str, ...]:
    """What a clinic contours of a site: the usual organs, each forgotten at the rate of the parameters."""
    forgotten = load("predictor")["clinic.forgotten"].number
    usual = DRAWN.get(site, USUAL)
    kept = tuple(name for name, u in zip(usual, rng.random(len(usual)), strict=True) if u >= forgotten)
    return kept or usual[:1]


def seen(
    plan: PhantomPlan, organs: Mapping[str, DoseDistribution], sex: str, height_cm: float, rng: np.random.Generator
) -> tuple[dict[str, DoseDistribution], frozenset[str]]:
    """Course doses [Gy] of a phantom's organs as an analysis of the exported plan has them, and the drawn ones.

    Drawn organs and the body keep their doses; every other one has that of the placed reference body, and none where
    the reference does not have it or could not be placed.

    Parameters
    ----------
    plan : PhantomPlan
    organs : mapping of str to DoseDistribution
        True doses by TG-263 name. [Gy]
    """
    names = [n for n in contoured(plan.site, rng) if n in plan.body.shapes]
    export = scanned(treatment_plan(plan, plane_mm=PLANE_MM, names=("Body", *names, *plan.targets)))
    regions = match(export.structures).regions
    bodies = bodies_of(regions, export.phases, Patient(sex=sex, height_cm=height_cm), int(rng.integers(2**31)))
    drawn = frozenset(n for n in ("Body", *names) if n in organs)
    out = {n: organs[n] for n in drawn}
    if isinstance(bodies, Bodies):
        out |= {n: _typical(bodies, mix) for n in organs if n not in out and (mix := bodies.mix(n)) is not None}
    return out, drawn


def _typical(bodies: Bodies, mix: Mapping[str, float]) -> DoseDistribution:
    each = [(bodies.dosed.distribution(mix, 0, body),) for body in range(bodies.count)]
    return typical_of([(d,) for (d,) in each if d is not None], 0, BINS)


def scanned(plan: TreatmentPlan) -> TreatmentPlan:
    """The plan with contours and doses of the scan only: from the targets so far as the parameters say. [mm]"""
    margin = load("predictor")["clinic.scan_margin"].number
    heights = [float(c[0, 2]) for s in plan.structures if s.rt_type == "PTV" for c in s.contours_mm]
    low, high = min(heights) - margin, max(heights) + margin
    structures = tuple(_within(s, low, high) for s in plan.structures)
    phases = tuple(replace(p, dose=None if p.dose is None else _planes(p.dose, low, high)) for p in plan.phases)
    return replace(plan, phases=phases, structures=tuple(s for s in structures if s.contours_mm))


def _within(structure: Structure, low: float, high: float) -> Structure:
    return replace(structure, contours_mm=tuple(c for c in structure.contours_mm if low <= float(c[0, 2]) <= high))


def _planes(dose: DoseGrid, low: float, high: float) -> DoseGrid:
    """The planes of a grid along the body between two heights. [mm]"""
    height = dose.origin_mm[2] + dose.z_mm
    kept = (height >= low) & (height <= high)
    frame = Frame(dose.origin_mm, dose.directions, dose.x_mm, dose.y_mm, dose.z_mm[kept], dose.frame_of_reference)
    return DoseGrid(dose.dose_zyx[kept].copy(), frame)
