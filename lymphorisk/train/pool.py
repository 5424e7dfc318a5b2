"""Validation packs of several hospitals as one answer: random effects, and what to expect in a hospital not among them.

References
----------
Viechtbauer W. Bias and efficiency of meta-analytic variance estimators in the random-effects model. J Educ Behav Stat
2005;30:261-293: REML.
IntHout J, Ioannidis JPA, Borm GF. The Hartung-Knapp-Sidik-Jonkman method for random effects meta-analysis. BMC Med Res
Methodol 2014;14:25. Roever C, Knapp G, Friede T. BMC Med Res Methodol 2015;15:99: never narrower than the plain one.
Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. J R Stat Soc A
2009;172:137-159: the prediction interval.
Debray TPA et al. BMJ 2017;356:i6460: what of a prediction model is pooled, and on which scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import InputError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.train.pack import MEASURES, MODEL
from lymphorisk.train.scores import Z_95
from lymphorisk.units import squashed

LEFT_OUT = rule("LR434", "warning", "Pack left out", "A pack whose scores are no external validation is not pooled.")
FEW_PACKS = rule(
    "LR435", "warning", "Few packs", "With few hospitals how much they differ is hardly known: look at the interval."
)
OTHER_PROGRAM = rule(
    "LR436", "info", "Packs of several versions", "The mechanism and its features may differ between versions."
)
#: Fewer hospitals than this leave the spread between them open.
FIRM_PACKS = 5
STEPS, TOLERANCE = 1000, 1e-10
#: The scale on which each measure is shown.
SHOWN: Mapping[str, Callable[[float], float]] = {
    "logit_auc": lambda v: float(sigmoid(v)),
    "log_oe": lambda v: float(np.exp(v)),
    "slope": float,
}
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Pooled:
    """Random effects of one measure, on its own scale.

    Attributes
    ----------
    mean, low, high : float
        Mean over hospitals and its 95 % interval.
    expected_low, expected_high : float
        What 95 % of hospitals like these lie within; NaN with fewer than three.
    tau2 : float
        Variance between hospitals.
    weights : ndarray, shape (k,)
        Share of each hospital.
    """

    mean: float
    low: float
    high: float
    expected_low: float
    expected_high: float
    tau2: float
    weights: NDArray[np.float64]


def reml(value: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    """Variance between hospitals by restricted maximum likelihood.

    Parameters
    ----------
    value, variance : ndarray, shape (k,)
        Of each hospital; its variance is that within it.

    Examples
    --------
    >>> reml(np.array([0.3, 0.3, 0.3]), np.array([0.1, 0.2, 0.3]))
    0.0
    """
    tau2 = max(float(value.var(ddof=1) - variance.mean()), 0.0)
    for _ in range(STEPS):
        w = 1.0 / (variance + tau2)
        mean = float((w @ value) / w.sum())
        new = max(float((w**2 @ ((value - mean) ** 2 - variance)) / (w @ w) + 1.0 / w.sum()), 0.0)
        if abs(new - tau2) < TOLERANCE:
            return new
        tau2 = new
    return tau2


def random_effects(value: NDArray[np.float64], variance: NDArray[np.float64]) -> Pooled:
    """Mean over hospitals with Hartung and Knapp's interval, and the interval of hospitals like these.

    Parameters
    ----------
    value, variance : ndarray, shape (k,)
        At least two.
    """
    from scipy.stats import t

    k = len(value)
    tau2 = reml(value, variance)
    w = 1.0 / (variance + tau2)
    mean = float((w @ value) / w.sum())
    scatter = max(float((w @ (value - mean) ** 2) / (k - 1)), 1.0)
    se = float(np.sqrt(scatter / w.sum()))
    half = float(t.ppf(0.975, k - 1)) * se
    wide = float(t.ppf(0.975, k - 2)) * float(np.sqrt(tau2 + se**2)) if k > 2 else float("nan")
    return Pooled(mean, mean - half, mean + half, mean - wide, mean + wide, tau2, w / w.sum())


def pool(packs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Packs of several hospitals as one answer.

    Parameters
    ----------
    packs : sequence of mapping
        From `pack.read_pack`.

    Returns
    -------
    dict
        What ``lymphorisk evaluate --pool --json`` writes below its ``schema``.

    Raises
    ------
    InputError
        Fewer than two packs of an external validation, one pack or cohort twice, or different models.
    """
    _refuse_twice(packs)
    findings = [
        finding(LEFT_OUT, f"{_called(p)}: {p['kind']}", "packs", "a hospital judges a model its patients did not make")
        for p in packs
        if p["kind"] != "external validation"
    ]
    used = [p for p in packs if p["kind"] == "external validation"]
    if len(used) < 2:
        raise InputError("fewer than two packs of an external validation", "ask more clinics for theirs")
    if len(models := sorted({p["model"] for p in used})) > 1:
        raise InputError(f"the packs judge different models: {', '.join(models)}", "pool the packs of one model")
    if len(used) < FIRM_PACKS:
        findings.append(finding(FEW_PACKS, f"{len(used)} hospitals", "packs", "ask more clinics for theirs"))
    if len(programs := sorted({p["program"] for p in used})) > 1:
        findings.append(finding(OTHER_PROGRAM, f"versions {', '.join(programs)}", "packs"))
    outcomes = {o: _outcome(o, used) for o in sorted({o for p in used for o in p["outcomes"]})}
    return {
        "model": used[0]["model"],
        "packs": [{"clinic": _called(p), "sha256": p["sha256"], "program": p["program"]} for p in used],
        "outcomes": outcomes,
        "findings": [_plain(f) for f in findings],
    }


def _plain(f: Finding) -> str:
    return f"{f.code} {f.what}"


def _called(pack: Mapping[str, Any]) -> str:
    return pack["clinic"] or f"pack {pack['sha256'][:8]}"


def _refuse_twice(packs: Sequence[Mapping[str, Any]]) -> None:
    """One pack a hospital: the same cohort, and another cohort under the same name, would count patients twice."""
    for i, p in enumerate(packs):
        for q in packs[:i]:
            if p["cohort_sha256"] == q["cohort_sha256"]:
                raise InputError(f"{_called(q)} and {_called(p)} are packs of the same cohort", "name each cohort once")
            if p["clinic"] and squashed(p["clinic"]) == squashed(q["clinic"]):
                raise InputError(
                    f"two packs are of {q['clinic'].strip()}: a patient may be in both",
                    "one pack a hospital: judge its patients together",
                )


def _outcome(outcome: str, packs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every voice of an outcome that two hospitals judged, the predictor first."""
    said = [(_called(p), p["outcomes"][outcome]["voices"]) for p in packs if outcome in p["outcomes"]]
    names = sorted({name for _, voices in said for name in voices}, key=lambda n: (n != MODEL, n))
    out = {}
    for name in names:
        judged = [(clinic, voices[name]) for clinic, voices in said if name in voices]
        if measures := {m: found for m in MEASURES if (found := _measure(m, judged)) is not None}:
            counts = {"n": sum(v["n"] for _, v in judged), "events": sum(v["events"] for _, v in judged)}
            out[name] = {"hospitals": len(judged), **counts, "measures": measures}
    return out


def _measure(name: str, judged: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
    """One measure of one voice over the hospitals that have it; None with fewer than two."""
    have = [(clinic, v) for clinic, v in judged if v["measures"].get(name, {}).get("se", 0.0) > 0.0]
    if len(have) < 2:
        return None
    value = np.array([v["measures"][name]["value"] for _, v in have])
    se = np.array([v["measures"][name]["se"] for _, v in have])
    found, shown = random_effects(value, se**2), SHOWN[name]

    def told(x: float) -> float:
        return round(shown(x), DIGITS) if np.isfinite(x) else float("nan")

    return {
        "mean": told(found.mean),
        "interval": [told(found.low), told(found.high)],
        "expected": [told(found.expected_low), told(found.expected_high)],
        "tau2": round(found.tau2, DIGITS),
        "hospitals": [
            {
                "clinic": clinic,
                "n": v["n"],
                "events": v["events"],
                "value": told(x),
                "interval": [told(x - Z_95 * s), told(x + Z_95 * s)],
                "weight": round(float(w), DIGITS),
            }
            for (clinic, v), x, s, w in zip(have, value, se, found.weights, strict=True)
        ],
    }
