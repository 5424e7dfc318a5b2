"""Anatomies and doses made of geometry: the plans of fixtures, demo, calibration and in-silico cohort."""

from __future__ import annotations

from lymphorisk.phantom.anatomy import Anatomy, anatomy
from lymphorisk.phantom.plans import PhantomPlan, phantom_plan, treatment_plan, with_phase
from lymphorisk.phantom.sites import SITES
from lymphorisk.phantom.voxels import organ_distributions, voxels

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
