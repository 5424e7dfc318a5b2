"""Organs: their names in six languages, which ROI they are, which blood and lymphocytes they hold.

Adding an organ is adding a file to ``data/``.
"""

from __future__ import annotations

from lymphorisk.organs.cover import Covered, blood_cover, pool_cover
from lymphorisk.organs.match import (
    Match,
    Matching,
    Target,
    Unmatched,
    check_volume,
    match,
    organ_name,
    organ_of,
    similar,
)
from lymphorisk.organs.organ import NETWORKS, POOLS, Organ, Origin, Recipe
from lymphorisk.organs.size import drawn_mass_kg, mass_kg, trunk_section_cm2
from lymphorisk.organs.table import load

__all__ = [
    "NETWORKS",
    "POOLS",
    "Covered",
    "Match",
    "Matching",
    "Organ",
    "Origin",
    "Recipe",
    "Target",
    "Unmatched",
    "blood_cover",
    "check_volume",
    "drawn_mass_kg",
    "load",
    "mass_kg",
    "match",
    "organ_name",
    "organ_of",
    "pool_cover",
    "similar",
    "trunk_section_cm2",
]
