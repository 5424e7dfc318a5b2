"""What the learned model sees of a plan and a patient: an ordered, versioned list of numbers."""

from __future__ import annotations

from lymphorisk.features.schema import FEATURES, NAMES, VERSION, Feature, feature
from lymphorisk.features.table import FeatureVector, feature_vector

__all__ = ["FEATURES", "NAMES", "VERSION", "Feature", "FeatureVector", "feature", "feature_vector"]
