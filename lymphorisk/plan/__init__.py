"""What a treatment is: grid, structures, phases, schedule, patient. No I/O, no models."""

from __future__ import annotations

from lymphorisk.plan.ct import CTVolume
from lymphorisk.plan.drugs import CHEMO
from lymphorisk.plan.facts import KnownPatient, contradictions, known_patient
from lymphorisk.plan.frame import Frame
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.patient import Patient
from lymphorisk.plan.schedule import every_day, weekdays
from lymphorisk.plan.steroid import Steroid, steroid_of
from lymphorisk.plan.structures import Structure
from lymphorisk.plan.treatment import Beam, Phase, PlanName, TreatmentPlan, Witness
from lymphorisk.plan.words import MODALITIES, SITES

__all__ = [
    "CHEMO",
    "MODALITIES",
    "SITES",
    "Beam",
    "CTVolume",
    "DoseGrid",
    "Frame",
    "KnownPatient",
    "Mask",
    "Patient",
    "Phase",
    "PlanName",
    "Steroid",
    "Structure",
    "TreatmentPlan",
    "Witness",
    "contradictions",
    "every_day",
    "known_patient",
    "steroid_of",
    "weekdays",
]
