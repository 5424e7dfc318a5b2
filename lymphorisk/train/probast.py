"""A predictor's own judgement of its risk of bias, from its card: the domains of PROBAST+AI, without its questions.

PROBAST+AI looks at four domains (participants and data sources, predictors, outcome, analysis), for the development of
a model by its quality, for its evaluation by the risk of bias, and for the first three by how well it applies. Each
domain gets ``low``, ``high`` or ``unclear`` concern here with the reason, by stated rules on what the card holds. A
model that scores itself is no independent assessment: the table says where a reader should look first.

References
----------
Moons KGM et al. PROBAST+AI. BMJ 2025 (doi:10.1136/bmj-2024-082505): abstract and domains read, not the
signalling questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOW, HIGH, UNCLEAR = "low", "high", "unclear"
DEVELOPMENT, EVALUATION, APPLIES = "development, quality", "evaluation, risk of bias", "applicability"
DOMAINS = ("participants and data sources", "predictors", "outcome", "analysis")
SIMULATED = "simulated patients"
NOTE = "Scored by the program that made the model, from its card: no independent assessment."
#: Item of TRIPOD+AI that holds Riley's sample size, and the words for one that is too small.
SAMPLE_SIZE, NOT_ENOUGH = "10", "NOT met"


@dataclass(frozen=True, slots=True)
class Judged:
    """One domain of one part: `concern` is `LOW`, `HIGH` or `UNCLEAR`."""

    part: str
    domain: str
    concern: str
    why: str


def judged(card: Mapping[str, Any]) -> tuple[Judged, ...]:
    """Every domain of a card, judged.

    Parameters
    ----------
    card : mapping
        As `predict.booster` reads it.
    """
    simulated = card["model"]["trained_on"] == SIMULATED
    participants, predictors, outcome, analysis = DOMAINS
    enough = not any(NOT_ENOUGH in row["answer"] for row in card["tripod"] if row["item"] == SAMPLE_SIZE)
    who = (
        (HIGH, "no patients: simulated by the mechanism that stands beside the model")
        if simulated
        else (UNCLEAR, "a file of one clinic, as given; how patients were chosen is not in it")
    )
    counts = (
        (HIGH, "the nadir is drawn from a model of counts, not measured")
        if simulated
        else (
            UNCLEAR,
            f"{card['outcome']['g3']['window']}, {card['outcome']['g3']['aggregation']}: as the clinic took blood",
        )
    )
    apart = any(key.startswith("test") for key in card["evaluation"])
    return (
        Judged(DEVELOPMENT, participants, *who),
        Judged(DEVELOPMENT, predictors, LOW, "computed from the plan and known before treatment, alike for all"),
        Judged(DEVELOPMENT, outcome, *counts),
        Judged(
            DEVELOPMENT,
            analysis,
            LOW if enough else HIGH,
            "nested, grouped cross-validation, calibration, no resampling; Riley's sample size "
            f"{'met' if enough else 'not met'}",
        ),
        Judged(
            EVALUATION,
            participants,
            HIGH,
            "plans kept aside come from the same simulation"
            if simulated
            else "patients left out come from the same file",
        ),
        Judged(EVALUATION, predictors, LOW, "the features of the model, made the same way"),
        Judged(EVALUATION, outcome, *counts),
        Judged(
            EVALUATION,
            analysis,
            LOW if apart or not simulated else UNCLEAR,
            "AUC, Brier, calibration and decision curve with intervals; what counts is `lymphorisk evaluate` elsewhere",
        ),
        Judged(APPLIES, participants, HIGH if simulated else UNCLEAR, "shown on no other hospital's patients"),
        Judged(APPLIES, predictors, LOW, "doses of contoured or placed organs, which any export gives"),
        Judged(APPLIES, outcome, LOW, "CTCAE 5.0 grades 3 and 4 of the lowest count"),
    )


def as_toml(card: Mapping[str, Any]) -> str:
    """The judgements as tables that may follow the card's own text."""
    rows = "".join(
        f'\n[[probast]]\npart = "{j.part}"\ndomain = "{j.domain}"\nconcern = "{j.concern}"\nwhy = "{j.why}"\n'
        for j in judged(card)
    )
    return f"\n# PROBAST+AI by domain. {NOTE}\n{rows}"
