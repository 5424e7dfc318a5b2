"""The one chain: files -> plan -> DVH -> blood dose -> lymphocytes -> features -> prediction."""

from __future__ import annotations

from lymphorisk.analysis.result import (
    Analysis,
    Assumption,
    BeamSummary,
    Declined,
    OrganDose,
    PhaseSummary,
    Provenance,
    Risk,
)

__all__ = [
    "Analysis",
    "Assumption",
    "BeamSummary",
    "Declined",
    "OrganDose",
    "PhaseSummary",
    "Provenance",
    "Risk",
]
