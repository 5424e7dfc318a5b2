"""Concurrent chemotherapy as a stated loss rate.

Lymphocytes everywhere are lost at the rate kappa [1/d] from day 0 to the last fraction. The
rates come from the parameter topic ``lymphocyte`` (``chemo.temozolomide`` ...); they are
assumptions, or fitted to whole cohorts, never measured on the drug alone.
"""

from __future__ import annotations

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.words import CHEMO


def chemo_parameter(chemo: str) -> str | None:
    """Name of the parameter that holds the loss rate; None without chemotherapy.

    Examples
    --------
    >>> chemo_parameter("temozolomide")
    'chemo.temozolomide'
    """
    if chemo not in CHEMO:
        raise ScenarioError(f"chemo {chemo!r} is unknown", f"use one of {', '.join(CHEMO)}")
    return None if chemo == "none" else f"chemo.{chemo}"
