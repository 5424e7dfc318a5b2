"""Dose to circulating blood: networks, the exact engine, its Monte Carlo twin, a static model, EDIC."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lymphorisk.circulation import flow, montecarlo, resident
from lymphorisk.circulation.flow import Attribution, BloodDose, NumericalError, blood_dose
from lymphorisk.circulation.lanes import LaneDose, PhaseBlood, lanes_from_distribution
from lymphorisk.circulation.network import Network, build, nadler_l, personal, with_tumour
from lymphorisk.circulation.summary import BloodSummary
from lymphorisk.circulation.survival_form import SurvivalForm

#: Engines in one signature: (network, phases, survival, *, stages, lanes).
MODELS: Mapping[str, Callable[..., BloodDose]] = {
    "exact": flow.blood_dose,
    "montecarlo": montecarlo.blood_dose,
    "resident": resident.blood_dose,
}

__all__ = [
    "MODELS",
    "Attribution",
    "BloodDose",
    "BloodSummary",
    "LaneDose",
    "Network",
    "NumericalError",
    "PhaseBlood",
    "SurvivalForm",
    "blood_dose",
    "build",
    "lanes_from_distribution",
    "nadler_l",
    "personal",
    "with_tumour",
]
