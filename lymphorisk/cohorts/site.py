"""The treated site of a plan by its dose on organs, drawn or placed, with a probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.site import site_of


def inferred(plan: Prepared) -> Mapping[str, Any]:
    """Site, probability and reason."""
    found = site_of(plan.curves.dvh)
    return {"site": found.name, "p": None, "why": found.why}
