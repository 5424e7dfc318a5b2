"""Conditioning before an infusion of cells: regimens, forecast, comparison, search. The chain of its own command."""

from __future__ import annotations

from lymphorisk.regimen.chain import Comparison, RegimenForecast, compare
from lymphorisk.regimen.exposure import PlanExposure
from lymphorisk.regimen.products import product, products
from lymphorisk.regimen.read import PatientFacts, RegimenFile, conflict, is_regimen, merged, read_regimen
from lymphorisk.regimen.search import SearchResult, search
from lymphorisk.regimen.settings import Choices

__all__ = [
    "Choices",
    "Comparison",
    "PatientFacts",
    "PlanExposure",
    "RegimenFile",
    "RegimenForecast",
    "SearchResult",
    "compare",
    "conflict",
    "is_regimen",
    "merged",
    "product",
    "products",
    "read_regimen",
    "search",
]
