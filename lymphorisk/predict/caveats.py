"""What a model's own card holds against it, in sentences that stand beside its numbers wherever they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Kendall tau of the organs' order over resampled models from which single reasons are called steady: assumed.
STEADY_TAU = 0.8

#: States of an outcome that are told beside its number; a poor one has none.
TOLD_STATES = ("recalibrate", "too few")


def unsteady(rank_stability: Mapping[str, float]) -> str:
    """A sentence on the outcomes whose organ ranks fall short of the bar; empty when none does.

    Examples
    --------
    >>> unsteady({"g3": 0.86, "g4": 0.711})
    'The order of its organs is not steady: Kendall tau over resampled models g4 0.711, below the bar of 0.8.'
    >>> unsteady({"g3": 0.86})
    ''
    """
    low = [f"{outcome} {tau:.3f}" for outcome, tau in rank_stability.items() if tau < STEADY_TAU]
    if not low:
        return ""
    return (
        f"The order of its organs is not steady: Kendall tau over resampled models {', '.join(low)}, below the bar "
        f"of {STEADY_TAU:g}."
    )


def caveats(card: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentences of a card: outcomes it is no better at than its own logistic model, and bars it misses.

    Examples
    --------
    >>> caveats({"evaluation": {"internal": {"g4": {"against_logistic": {"adds": False}, "rank_stability": 0.9}}}})
    ('By its own card it does no better than a logistic model on the same features for g4.',)
    """
    scored = [card.get("evaluation", {}).get("internal", {}), card.get("test", {})]
    outcomes = list(dict.fromkeys(name for scores in scored for name, e in scores.items() if isinstance(e, Mapping)))
    tables = {name: [scores[name] for scores in scored if name in scores] for name in outcomes}
    simpler = [n for n, t in tables.items() if not all(e.get("against_logistic", {}).get("adds", True) for e in t)]
    steadiness = {n: float(e["rank_stability"]) for n, found in tables.items() for e in found if "rank_stability" in e}
    out = []
    if simpler:
        named = ", ".join(simpler)
        out.append(f"By its own card it does no better than a logistic model on the same features for {named}.")
    if said := unsteady(steadiness):
        out.append(said)
    out += [
        f"Judged on patients, {outcome}: {s['why']}."
        for outcome, s in card.get("standing", {}).items()
        if s["state"] in TOLD_STATES
    ]
    return tuple(out)
