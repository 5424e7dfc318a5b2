"""Prices of lymphocytes, goals and avoidance structures, as text and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lymphorisk.findings import Finding
from lymphorisk.report.table import Column, tabled, text_lines

if TYPE_CHECKING:
    from lymphorisk.objective.avoid import Isopleth
    from lymphorisk.objective.goals import Goal
    from lymphorisk.objective.prices import Weight

SCHEMA = "lymphorisk/objective/1"
LEGEND = (
    "loss per Gy: what one gray more everywhere in it adds to the loss; share: of gradient times dose",
    "organs overlap and share; pools add up",
)


@dataclass(frozen=True, slots=True)
class Said:
    """What `lymphorisk objective` says.

    Attributes
    ----------
    loss : float
        -ln of the typical patient's lowest count over his baseline.
    weights, goals, structures
        Prices; goals and isopleths where they were asked for.
    findings : tuple of Finding
    """

    loss: float
    weights: Sequence[Weight]
    goals: Sequence[Goal] = ()
    structures: Sequence[Isopleth] = ()
    findings: Sequence[Finding] = ()


def to_dict(said: Said) -> dict[str, Any]:
    """The envelope `lymphorisk/objective/1`."""
    return {
        "schema": SCHEMA,
        "aim": "nadir",
        "loss": said.loss,
        "nadir_over_baseline": math.exp(-said.loss),
        "weights": [
            {"name": w.name, "kind": w.kind, "mean_gy": w.mean_gy, "per_gy": w.per_gy, "share": w.share}
            for w in said.weights
        ],
        "goals": [
            {
                "organ": g.organ,
                "a": g.a,
                "plan_gy": g.plan_gy,
                "limit_gy": g.limit_gy,
                "error": g.error,
                "error_of_mean": g.error_of_mean,
                "gain": g.gain,
            }
            for g in said.goals
        ],
        "structures": [
            {"name": s.structure.name, "share": s.share, "per_gy_cm3": s.edge, "volume_cm3": s.volume_cm3}
            for s in said.structures
        ],
        "findings": [f.to_dict() for f in said.findings],
    }


def text(said: Said) -> str:
    """Prices, then what was made of them."""
    out = [f"lowest count of the typical patient: {math.exp(-said.loss):.3f} of the baseline, loss {said.loss:.4f}", ""]
    columns: tuple[Column[Weight], ...] = (
        Column("", lambda w: w.name + (" (pool)" if w.kind == "pool" else "")),
        Column("mean [Gy]", lambda w: f"{w.mean_gy:.2f}", numeric=True),
        Column("loss per Gy", lambda w: f"{w.per_gy:.5f}", numeric=True),
        Column("share", lambda w: f"{w.share:.3f}", numeric=True),
    )
    out += [*text_lines(tabled("Prices", said.weights, columns), ""), *LEGEND]
    if said.goals:
        goals: tuple[Column[Goal], ...] = (
            Column("goal", lambda g: g.organ),
            Column("a", lambda g: f"{g.a:g}", numeric=True),
            Column("plan [Gy]", lambda g: f"{g.plan_gy:.2f}", numeric=True),
            Column("goal [Gy]", lambda g: f"{g.limit_gy:.2f}", numeric=True),
            Column("off by", lambda g: f"{g.error:.1%}", numeric=True),
            Column("mean dose off by", lambda g: f"{g.error_of_mean:.1%}", numeric=True),
            Column("count if met", lambda g: f"{math.expm1(g.gain):+.1%}", numeric=True),
        )
        out += ["", *text_lines(tabled("Goals", said.goals, goals), "")]
    if said.structures:
        drawn: tuple[Column[Isopleth], ...] = (
            Column("structure", lambda s: s.structure.name),
            Column("share of the price", lambda s: f"{s.share:.0%}", numeric=True),
            Column("cm3", lambda s: f"{s.volume_cm3:.0f}", numeric=True),
        )
        out += ["", *text_lines(tabled("Structures", said.structures, drawn), "")]
    noted = [f for f in said.findings if f.severity != "info"]
    if noted:
        out += ["", *(f.line() for f in noted)]
    return "\n".join(out) + "\n"
