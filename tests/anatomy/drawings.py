"""Organs of the reference body as a planner would draw them."""

from __future__ import annotations

import numpy as np

from lymphorisk.anatomy import Drawn, Outline, Reference

USUAL = ("Lung_L", "Lung_R", "Heart", "Liver", "Kidney_L", "Kidney_R", "SpinalCord")


def seen(man: Reference, name: str, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Drawn:
    """A reference organ as a planner would draw it, moved."""
    cloud = man.organs[name]
    move = np.array(shift)
    z = np.unique(cloud.points_mm[:, 2])
    levels = np.array([[*cloud.points_mm[cloud.points_mm[:, 2] == at, :2].mean(axis=0), at] for at in z]) + move
    low, high = float(cloud.low_mm[2]) + shift[2], float(cloud.high_mm[2]) + shift[2]
    return Drawn(low, high, cloud.middle_mm + move, levels, cloud.volume_cm3)


def moved(outline: Outline, shift: tuple[float, float, float]) -> Outline:
    return Outline(outline.z_mm + shift[2], outline.middle_mm + np.array(shift[:2]), outline.half_mm.copy())
