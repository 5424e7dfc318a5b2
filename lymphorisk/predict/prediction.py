"""What the learned model says of one patient, and how sure it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.features import FeatureVector
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.predict.applicability import KNOWN_SHARE, Domain, domain
from lymphorisk.predict.booster import NADIR, Predictor, resampled_margins, row_of, unread
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.predict.caveats import caveats

OUT_OF_DOMAIN = rule(
    "LR401",
    "warning",
    "Outside the learned model's domain",
    "A feature lies outside the training range, one that every training patient had or too many are missing, or no "
    "training patient is similar: the learned model gives no number.",
)
NO_BASELINE = rule(
    "LR402",
    "warning",
    "No baseline count",
    "The baseline ALC is the strongest predictor of all; without it the learned model gives no number.",
)
SIMULATED = rule(
    "LR403",
    "info",
    "Trained on simulated patients",
    "No public cohort joins plan dose and serial counts; the shipped model learned from simulated patients only.",
)
FEW_FEATURES = rule(
    "LR404",
    "warning",
    "Too few features are known",
    "Below 60 % of known features the learned model gives no number.",
)

POOR = rule(
    "LR405",
    "warning",
    "The learned model does not hold",
    "A judgement on patients, kept in the model's card, found it no better than chance or worse than the bare rate of "
    "events: it gives no number for that outcome.",
)
UNREAD = rule(
    "LR406",
    "warning",
    "Column the model does not read",
    "A column was given by name that the learned model does not know: it changes nothing.",
)
#: The outcome without which the model says nothing.
MAIN = "g3"
#: Outer quantiles of the resampled models that make the interval of a probability.
SPREAD_LEVELS = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Calibrated probabilities of the learned model.

    Attributes
    ----------
    p : mapping of str to float
        Probability by outcome (``g3``: nadir below 0.5, ``g4``: below 0.2).
    interval : mapping of str to tuple of float
        5th to 95th percentile over models of resampled training patients: what the training set leaves open, not
        what biology does. Empty outside the domain, where no number is shown.
    sets : mapping of str to tuple of str
        Class-conditional conformal set of each outcome.
    nadir : mapping of float to float
        Quantiles of the ALC nadir by level. [10^9/L]
    domain : Domain
        Whether the model has seen such patients.
    trained_on : str
        What it learned from.
    model : str
        Name and identity of the model.
    missing : tuple of str
        The model's features that are missing.
    findings : tuple of Finding
    answers_for : mapping of str to str
        What each probability is a probability of: threshold, window and aggregation, from the model's card.
    caveats : tuple of str
        What the model's own card holds against it; stands beside its numbers.
    """

    p: Mapping[str, float]
    interval: Mapping[str, tuple[float, float]]
    sets: Mapping[str, tuple[str, ...]]
    nadir: Mapping[float, float]
    domain: Domain
    trained_on: str
    model: str
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]
    answers_for: Mapping[str, str] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()

    @property
    def in_domain(self) -> bool:
        """Whether the model has seen such patients."""
        return self.domain.inside

    @property
    def declined(self) -> Absent | None:
        """Why these numbers are not to be shown, exported or used; None inside the domain."""
        if self.in_domain:
            return None
        why = "; ".join(self.domain.reasons)
        if "poor" in self.domain.kinds:
            return Absent.declined(f"by its card it does not hold: {why}")
        return Absent.declined(f"this patient lies outside its domain: {why}")

    @property
    def g3(self) -> float | None:
        """Probability of a nadir below 0.5."""
        return self.p.get("g3")

    @property
    def g4(self) -> float | None:
        """Probability of a nadir below 0.2."""
        return self.p.get("g4")


def predict(predictor: Predictor, vector: FeatureVector) -> Prediction:
    """Ask the model.

    Parameters
    ----------
    predictor : Predictor
        From `load`.
    vector : FeatureVector
        From `lymphorisk.features.feature_vector`.
    """
    row = row_of(predictor, vector)
    rows = row[None, :]
    seen = domain(row, predictor.seen, tuple(f.label for f in predictor.asked(row)))
    missing = tuple(n for n, v in zip(predictor.features, row, strict=True) if not np.isfinite(v))
    findings = []
    if predictor.trained_on == "simulated patients":
        findings.append(finding(SIMULATED, f"{predictor.name} learned from simulated patients", "learned model"))
    if "alc" in missing:
        reason = "baseline ALC is missing"
        kinds = tuple(dict.fromkeys((*seen.kinds, "missing")))
        seen = replace(seen, inside=False, reasons=(reason, *seen.reasons), kinds=kinds)
        findings.append(finding(NO_BASELINE, reason, "learned model", "give the count before treatment (--alc)"))
    if other := unread(predictor, vector):
        what = f"{predictor.name} does not read {', '.join(other)}"
        findings.append(finding(UNREAD, what, "learned model", f"it reads {_columns(predictor)}"))
    p = {o: float(said[0]) for o, said in probabilities(predictor, rows).items() if o not in predictor.withheld}
    interval: dict[str, tuple[float, float]] = {}
    for outcome in p:
        # dozens of models to read, for a number that nobody is shown outside the domain
        if seen.inside and outcome in predictor.spread:
            others = sigmoid(predictor.calibration[outcome].log_odds(resampled_margins(predictor, outcome, row)))
            low, high = np.quantile(np.append(others, p[outcome]), SPREAD_LEVELS)
            interval[outcome] = (min(float(low), p[outcome]), max(float(high), p[outcome]))
    sets = {o: predictor.conformal[o].of(p[o]) for o in p if o in predictor.conformal}
    if not seen.inside:
        findings.append(finding(OUT_OF_DOMAIN, "; ".join(seen.reasons), "learned model"))
    if seen.known_share < KNOWN_SHARE:
        what = f"{len(missing)} of {len(row)} features are missing"
        findings.append(
            finding(FEW_FEATURES, what, "learned model", "give the facts of the patient, contour or map organs")
        )
    for outcome, why in predictor.withheld.items():
        where = "get it recalibrated (lymphorisk evaluate --recalibrate), or train one on your own patients"
        findings.append(finding(POOR, f"{predictor.name}, {outcome}: {why}", "learned model", where))
    if MAIN in predictor.withheld or not p:
        reasons = tuple(predictor.withheld.values())
        seen = replace(seen, inside=False, reasons=(*reasons, *seen.reasons), kinds=("poor", *seen.kinds))
    return Prediction(
        p=p,
        interval=interval,
        sets=sets,
        nadir=_nadir(predictor, rows),
        domain=seen,
        trained_on=predictor.trained_on,
        model=f"{predictor.name} {predictor.identity}",
        missing=missing,
        findings=tuple(findings),
        answers_for={o: ", ".join(key.values()) for o, key in predictor.card.get("outcome", {}).items()},
        caveats=caveats(predictor.card),
    )


def _columns(predictor: Predictor) -> str:
    return ", ".join(e.name for e in predictor.external) or "no columns beyond the program's own"


def probabilities(predictor: Predictor, rows: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Calibrated probability of every outcome of many patients, inside the domain or not; grade 4 at most grade 3's.

    Parameters
    ----------
    rows : ndarray, shape (m, n)
        Features in the model's order, NaN where missing.
    """
    p = {
        outcome: sigmoid(predictor.calibration[outcome].log_odds(predictor.boosters[outcome].margins(rows)))
        for outcome in predictor.outcomes
    }
    if MAIN in p and "g4" in p:
        p["g4"] = np.minimum(p["g4"], p[MAIN])
    return p


def _nadir(predictor: Predictor, rows: NDArray[np.float64]) -> dict[float, float]:
    """Quantiles of the nadir, sorted so that they never cross, the outer ones widened to their coverage."""
    if NADIR not in predictor.boosters:
        return {}
    raw = predictor.boosters[NADIR].raw_margins(rows).ravel()
    levels = np.array(predictor.nadir_levels)
    ordered = np.sort(raw)
    ordered[0] -= predictor.nadir_widening
    ordered[-1] += predictor.nadir_widening
    return {float(q): float(np.exp(v)) for q, v in zip(levels, np.sort(ordered), strict=True)}
