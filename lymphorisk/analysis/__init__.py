"""The one chain: files -> plan -> DVH -> blood dose -> lymphocytes -> features -> prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader

if TYPE_CHECKING:
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

_RESULTS = ("Analysis", "Assumption", "BeamSummary", "OrganDose", "PhaseSummary", "Provenance", "Risk")

__getattr__ = loader(__name__, {"analyze": "chain", "Options": "options", **dict.fromkeys(_RESULTS, "result")})
