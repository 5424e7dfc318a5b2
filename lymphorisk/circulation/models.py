"""The engines of the blood dose by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lymphorisk.circulation import flow, montecarlo, resident
from lymphorisk.circulation.flow import BloodDose
from lymphorisk.units import chosen

#: Engines in one signature: (network, phases, survival, *, stages, lanes).
MODELS: Mapping[str, Callable[..., BloodDose]] = {
    "exact": flow.blood_dose,
    "montecarlo": montecarlo.blood_dose,
    "resident": resident.blood_dose,
}


def engine_named(text: str) -> str:
    """The circulation model of `MODELS` that a text means.

    Raises
    ------
    ScenarioError
        None; the hint offers the nearest.
    """
    return chosen(text, tuple(MODELS), {}, "circulation model")
