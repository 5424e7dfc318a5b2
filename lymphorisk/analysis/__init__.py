"""The one chain: files -> plan -> DVH -> blood dose -> lymphocytes -> features -> prediction."""

from __future__ import annotations

from lymphorisk.analysis.chain import analyze
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import Analysis, Assumption, BeamSummary, OrganDose, PhaseSummary, Provenance, Risk

__all__ = [
    "Analysis",
    "Assumption",
    "BeamSummary",
    "Options",
    "OrganDose",
    "PhaseSummary",
    "Provenance",
    "Risk",
    "analyze",
]
