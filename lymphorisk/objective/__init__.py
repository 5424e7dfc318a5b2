"""Lymphocytes as an organ at risk: what a dose costs them, and its derivative by every voxel's dose."""

from __future__ import annotations

from lymphorisk.objective.loss import LymphocyteLoss

__all__ = ["LymphocyteLoss"]
