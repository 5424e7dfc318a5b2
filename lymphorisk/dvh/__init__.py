"""From structures and dose to dose-volume histograms. Knows no organs, patients or fractions."""

from __future__ import annotations

from lymphorisk.dvh.curve import DVH, DoseDistribution, diluted, mixture, stepped, summed, uniform
from lymphorisk.dvh.engine import exact, exact_with_findings
from lymphorisk.dvh.metrics import bounds, metric, parse
from lymphorisk.dvh.regions import Difference, Intersection, Region, Union

__all__ = [
    "DVH",
    "Difference",
    "DoseDistribution",
    "Intersection",
    "Region",
    "Union",
    "bounds",
    "diluted",
    "exact",
    "exact_with_findings",
    "metric",
    "mixture",
    "parse",
    "stepped",
    "summed",
    "uniform",
]
