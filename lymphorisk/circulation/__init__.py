"""Dose to circulating blood: networks, the exact engine, its Monte Carlo twin, a static model, EDIC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader

if TYPE_CHECKING:
    from lymphorisk.circulation.flow import Attribution, BloodDose, NumericalError, blood_dose
    from lymphorisk.circulation.lanes import LaneDose, PhaseBlood, lanes_from_distribution
    from lymphorisk.circulation.models import MODELS, engine_named
    from lymphorisk.circulation.network import Network, build, nadler_l, personal, with_tumour
    from lymphorisk.circulation.summary import BloodSummary
    from lymphorisk.circulation.survival_form import SurvivalForm

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
    "engine_named",
    "lanes_from_distribution",
    "nadler_l",
    "personal",
    "with_tumour",
]

__getattr__ = loader(
    __name__,
    {
        **dict.fromkeys(("MODELS", "engine_named"), "models"),
        "BloodSummary": "summary",
        "SurvivalForm": "survival_form",
        **dict.fromkeys(("Attribution", "BloodDose", "NumericalError", "blood_dose"), "flow"),
        **dict.fromkeys(("LaneDose", "PhaseBlood", "lanes_from_distribution"), "lanes"),
        **dict.fromkeys(("Network", "build", "nadler_l", "personal", "with_tumour"), "network"),
    },
)
