"""Lymphocytes after radiation: survival, pools, the count over time, bands, and learning from counts.

Nothing here knows files, geometry or the parameter store: doses come as `DoseDistribution`,
numbers as a `Population`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader
from lymphorisk.lymphocyte.grade import CTCAE_VERSION, grade
from lymphorisk.lymphocyte.population import Population, population

if TYPE_CHECKING:
    from lymphorisk.lymphocyte.course import Course, PhaseExposure, course_from_dict
    from lymphorisk.lymphocyte.ensemble import AlcForecast, forecast
    from lymphorisk.lymphocyte.pools import POOLS
    from lymphorisk.lymphocyte.survival import SURVIVAL_SETS, kill, survival_sets

__all__ = [
    "CTCAE_VERSION",
    "POOLS",
    "SURVIVAL_SETS",
    "AlcForecast",
    "Course",
    "PhaseExposure",
    "Population",
    "course_from_dict",
    "forecast",
    "grade",
    "kill",
    "population",
    "survival_sets",
]

__getattr__ = loader(
    __name__,
    {
        "AlcForecast": "ensemble",
        "Course": "course",
        "POOLS": "pools",
        "PhaseExposure": "course",
        "SURVIVAL_SETS": "survival",
        "course_from_dict": "course",
        "forecast": "ensemble",
        "kill": "survival",
        "survival_sets": "survival",
    },
)
