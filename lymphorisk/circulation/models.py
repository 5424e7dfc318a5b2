"""The engines of the blood dose by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lymphorisk.circulation import flow, montecarlo, resident
from lymphorisk.circulation.flow import BloodDose

#: Engines in one signature: (network, phases, survival, *, stages, lanes).
MODELS: Mapping[str, Callable[..., BloodDose]] = {
    "exact": flow.blood_dose,
    "montecarlo": montecarlo.blood_dose,
    "resident": resident.blood_dose,
}
