"""What the learned model sees of a plan and a patient: an ordered, versioned list of numbers."""

from __future__ import annotations

from lymphorisk.features.external import External
from lymphorisk.features.schema import FEATURES, NAMES, PARTICLES, VERSION, Feature, feature, physical
from lymphorisk.features.table import FeatureVector, feature_vector

__all__ = [
    "FEATURES",
    "NAMES",
    "PARTICLES",
    "VERSION",
    "External",
    "Feature",
    "FeatureVector",
    "feature",
    "feature_vector",
    "physical",
]
