"""A phantom's plan of the whole body, coarse."""

from __future__ import annotations

from lymphorisk.calibration.anchors import numbers
from lymphorisk.phantom import phantom_plan, treatment_plan
from lymphorisk.plan import TreatmentPlan


def small_plan() -> TreatmentPlan:
    plan = phantom_plan(numbers(), "prostate", spacing_mm=10.0)
    return treatment_plan(plan, plane_mm=10.0, names=("Body", *plan.targets))
