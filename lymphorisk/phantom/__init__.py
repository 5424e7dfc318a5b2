"""Anatomies and doses made of geometry: the plans of fixtures, demo, calibration and in-silico cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader
from lymphorisk.phantom.anatomy import Anatomy, anatomy
from lymphorisk.phantom.voxels import organ_distributions, voxels

if TYPE_CHECKING:
    from lymphorisk.phantom.plans import PhantomPlan, phantom_plan, treatment_plan, with_phase
    from lymphorisk.phantom.sites import SITES

__all__ = [
    "SITES",
    "Anatomy",
    "PhantomPlan",
    "anatomy",
    "organ_distributions",
    "phantom_plan",
    "treatment_plan",
    "voxels",
    "with_phase",
]

_PLANS = ("PhantomPlan", "phantom_plan", "treatment_plan", "with_phase")

__getattr__ = loader(__name__, {"SITES": "sites", **dict.fromkeys(_PLANS, "plans")})
