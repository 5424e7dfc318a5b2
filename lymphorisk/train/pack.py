"""A validation pack: what an evaluation may tell outside a hospital. Aggregates alone, no rows, no count below five.

Patients are counted in bins of predicted risk whose edges are the same everywhere; bins are joined until each holds
five events and five patients without. The decision curve is made of those bins, so that no two of its points differ by
fewer than five patients; a subgroup is told only where what is left of its table is large enough too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError, InputError
from lymphorisk.plain import loads, read_most, tidy
from lymphorisk.predict.booster import Predictor
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.evaluate import answers_of, resamples, scores, slope, subgroup_labels
from lymphorisk.train.scores import auc
from lymphorisk.version import __version__

SCHEMA = "lymphorisk/pack/1"
#: A pack holds counts of bins, not patients. [bytes]
MOST_BYTES = 16_000_000
#: No count of patients, with or without events, is smaller.
LEAST_CELL = 5
#: Edges that bins of predicted risk may have: the same in every hospital.
EDGES = tuple(round(0.05 * i, 2) for i in range(1, 20))
#: Tables of subgroups whose labels say nothing of a place or a person.
TOLD = ("site", "modality", "sex", "fractions")
#: What is pooled: the name, and how it is called.
MEASURES: Mapping[str, str] = {"logit_auc": "AUC", "log_oe": "observed / expected", "slope": "calibration slope"}
MODEL = "predictor"
DIGITS = 4
#: Scores, and means of bins, are rounded to four digits; a logarithm of one near 1 moves ten times as much.
ROUNDED = 2e-3


@dataclass(frozen=True, slots=True)
class Cells:
    """Patients counted: with events and without."""

    events: int
    others: int

    @property
    def large(self) -> bool:
        """Both counts may be told."""
        return min(self.events, self.others) >= LEAST_CELL

    @property
    def apart(self) -> bool:
        """As a difference of two tables: none, or each of its counts is none or large enough."""
        return all(n == 0 or n >= LEAST_CELL for n in (self.events, self.others))

    def less(self, other: Cells) -> Cells:
        """What is left of these without those."""
        return Cells(self.events - other.events, self.others - other.others)


def cells_of(event: NDArray[np.float64]) -> Cells:
    """Counts of a set of patients."""
    return Cells(int(event.sum()), int(len(event) - event.sum()))


def binned(p: NDArray[np.float64], event: NDArray[np.float64]) -> list[dict[str, float | int]]:
    """Bins of predicted risk from the lowest, joined until large enough: upper edge, mean, patients, events."""
    out: list[NDArray[np.bool_]] = []
    edges: list[float] = []
    waiting = np.zeros(len(p), dtype=np.bool_)
    low = 0.0
    for edge in (*EDGES, 1.0):
        waiting |= (p >= low) & ((p < edge) | (edge == 1.0))
        low = edge
        if cells_of(event[waiting]).large:
            out.append(waiting)
            edges.append(edge)
            waiting = np.zeros(len(p), dtype=np.bool_)
    if not out:
        return []
    out[-1], edges[-1] = out[-1] | waiting, 1.0
    return [
        {
            "up_to": edge,
            "mean": round(float(p[i].mean()), DIGITS),
            "patients": int(i.sum()),
            "events": int(event[i].sum()),
        }
        for i, edge in zip(out, edges, strict=True)
    ]


def decisions(bins: list[dict[str, float | int]]) -> list[list[float]]:
    """Threshold, net benefit of the voice and of treating all, at the edges of bins."""
    n = sum(b["patients"] for b in bins)
    all_events = sum(b["events"] for b in bins)
    out = []
    for k in range(1, len(bins)):
        t = float(bins[k - 1]["up_to"])
        treated, true = sum(b["patients"] for b in bins[k:]), sum(b["events"] for b in bins[k:])
        odds = t / (1.0 - t)
        everybody = (all_events - (n - all_events) * odds) / n
        out.append([t, round((true - (treated - true) * odds) / n, DIGITS), round(everybody, DIGITS)])
    return out


def pooled_measures(
    p: NDArray[np.float64], event: NDArray[np.float64], group: NDArray[np.int64], seed: int
) -> dict[str, dict[str, float]]:
    """What several hospitals can pool, each with its standard error over resampled patients.

    References
    ----------
    Debray TPA et al. A guide to systematic review and meta-analysis of prediction model performance. BMJ
    2017;356:i6460: AUC on the logit scale, observed to expected on the log scale.
    """

    def of(i: NDArray[np.intp]) -> list[float]:
        return [_logit(auc(p[i], event[i])), _log(float(event[i].sum()), float(p[i].sum())), slope(p[i], event[i])]

    drawn = np.array([of(i) for i in resamples(group, seed)])
    mine = of(np.arange(len(p)))
    return {
        name: {"value": round(mine[k], DIGITS), "se": round(float(np.std(there, ddof=1)), DIGITS)}
        for k, name in enumerate(MEASURES)
        if len(there := drawn[np.isfinite(drawn[:, k]), k]) > 1 and np.isfinite(mine[k])
    }


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share))) if 0.0 < share < 1.0 else float("nan")


def _log(observed: float, expected: float) -> float:
    return float(np.log(observed / expected)) if observed > 0 and expected > 0 else float("nan")


def subgroups_told(
    p: NDArray[np.float64], event: NDArray[np.float64], labels: Mapping[str, NDArray[np.str_]]
) -> dict[str, dict[str, dict[str, float | int]]]:
    """Scores of subgroups whose counts may be told, and whose remainder may be too."""
    out: dict[str, dict[str, dict[str, float | int]]] = {}
    for name in (n for n in TOLD if n in labels):
        counted = {str(v): cells_of(event[labels[name] == v]) for v in np.unique(labels[name])}
        told = sorted((v for v, c in counted.items() if c.large), key=lambda v: -sum(_both(counted[v])))
        while told and not _rest(cells_of(event), [counted[v] for v in told]).apart:
            told.pop()
        if len(told) > 1:
            out[name] = {v: _short(p[labels[name] == v], event[labels[name] == v]) for v in sorted(told)}
    return out


def _both(c: Cells) -> tuple[int, int]:
    return c.events, c.others


def _rest(whole: Cells, parts: Iterable[Cells]) -> Cells:
    for part in parts:
        whole = whole.less(part)
    return whole


def _short(p: NDArray[np.float64], event: NDArray[np.float64]) -> dict[str, float | int]:
    return {name: v for name, v in scores(p, event).items() if name in ("n", "events", "auc", "in_the_large")}


def pack_of(
    predictor: Predictor, cohort: Cohort, result: Mapping[str, Any], clinic: str, seed: int = 1
) -> dict[str, Any]:
    """The pack of an evaluation.

    Parameters
    ----------
    result : mapping
        From `run.evaluate_model`.
    clinic : str
        What the place is called in a pool.

    Raises
    ------
    CohortError
        There are too few patients to tell anything.
    """
    answers = answers_of(predictor, cohort)
    withheld: list[str] = []
    outcomes: dict[str, dict[str, Any]] = {}
    before: Cells | None = None
    for outcome in result["outcomes"]:
        event = cohort.outcomes[outcome]
        known = np.isfinite(event) & np.isfinite(answers.p[outcome])
        counted = cells_of(event[known])
        if not counted.large or (before is not None and not before.less(counted).apart):
            withheld.append(f"{outcome}: it would tell of fewer than {LEAST_CELL} patients")
            continue
        before = counted
        voices = {MODEL: _voice(answers.p[outcome], known, cohort, outcome, seed)}
        for name, said in sorted(cohort.voices.get(outcome, {}).items()):
            asked = np.isfinite(event) & np.isfinite(said)
            if not cells_of(event[asked]).less(counted).apart:
                asked &= known
            mine = cells_of(event[asked])
            if mine.large and counted.less(mine).apart:
                voices[name] = _voice(said, asked, cohort, outcome, seed)
            elif asked.any():
                withheld.append(f"{outcome}, {name}: it would tell of fewer than {LEAST_CELL} patients")
        outcomes[outcome] = {"voices": voices, "standing": result["outcomes"][outcome]["standing"]["state"]}
    if not outcomes:
        raise CohortError(
            f"a pack of this cohort would tell of fewer than {LEAST_CELL} patients", "collect more patients first"
        )
    declined = {kind: n for kind, n in result["declined"].items() if n >= LEAST_CELL}
    withheld += [f"how many {kind}: fewer than {LEAST_CELL}" for kind in result["declined"] if kind not in declined]
    pack = {
        "schema": SCHEMA,
        "clinic": clinic,
        "kind": result["kind"],
        "program": __version__,
        "model": result["model"],
        "model_sha256": predictor.sha256,
        "cohort_sha256": hashlib.sha256(f"pack {cohort.sha256}".encode()).hexdigest(),
        "outcomes": outcomes,
        "declined": declined,
        "absent_features": list(result["absent_features"]),
        "withheld": withheld,
    }
    plain: dict[str, Any] = tidy(pack)
    return {**plain, "sha256": digest(plain)}


def _voice(p: NDArray[np.float64], asked: NDArray[np.bool_], cohort: Cohort, outcome: str, seed: int) -> dict[str, Any]:
    rows = np.flatnonzero(asked)
    said, event = p[rows], cohort.outcomes[outcome][rows]
    bins = binned(said, event)
    return {
        **scores(said, event),
        "measures": pooled_measures(said, event, cohort.group[rows], seed),
        "bins": bins,
        "decision_curve": decisions(bins),
        "subgroups": subgroups_told(said, event, subgroup_labels(cohort, rows)),
    }


def digest(pack: Mapping[str, Any]) -> str:
    """SHA-256 of what a pack says."""
    said = {k: v for k, v in pack.items() if k != "sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read_pack(path: Path) -> dict[str, Any]:
    """A pack that says what it said when it was made.

    Raises
    ------
    InputError
        No pack, or an altered one.
    """
    try:
        read = loads(read_most(path, MOST_BYTES))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as a pack", "lymphorisk evaluate ... --pack makes one") from error
    if not isinstance(read, dict) or read.get("schema") != SCHEMA:
        raise InputError(f"{path.name} is no validation pack", "lymphorisk evaluate ... --pack makes one")
    if digest(read) != read.get("sha256"):
        raise InputError(f"{path.name} was altered after it was made", "ask the clinic for the pack again")
    try:
        wrong = [f"{o}, {name}" for o, e in read["outcomes"].items() for name, v in e["voices"].items() if not fits(v)]
        whole = all(isinstance(read[key], str) for key in ("clinic", "kind", "program", "model", "cohort_sha256"))
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError):
        wrong, whole = [], False
    if wrong or not whole:
        of = "; ".join(wrong) or "it is not whole"
        raise InputError(f"{path.name} does not fit itself ({of}): it was edited", "ask the clinic for the pack again")
    return read


def fits(voice: Mapping[str, Any]) -> bool:
    """Whether the scores of a voice can be those of its bins: an edit seldom changes all of them alike."""
    bins = voice["bins"]
    if not bins:
        return True
    n, events = sum(b["patients"] for b in bins), sum(b["events"] for b in bins)
    expected = sum(b["mean"] * b["patients"] for b in bins)
    low, high = auc_bounds(bins)
    said, measures = voice["auc"], {name: m["value"] for name, m in voice["measures"].items()}
    alike = [
        (voice["in_the_large"], (expected - events) / n),
        (measures.get("log_oe"), _log(events, expected)),
        (measures.get("logit_auc"), _logit(said)),
        (measures.get("slope"), voice["slope"]),
    ]
    return (
        (n, events) == (voice["n"], voice["events"])
        and all(Cells(b["events"], b["patients"] - b["events"]).large for b in bins)
        and low - ROUNDED <= said <= high + ROUNDED
        and voice["decision_curve"] == decisions(bins)
        and all(a is None or abs(a - b) <= ROUNDED for a, b in alike)
    )


def auc_bounds(bins: list[dict[str, float | int]]) -> tuple[float, float]:
    """Least and greatest AUC that patients in such bins can have.

    Examples
    --------
    >>> auc_bounds([{"patients": 10, "events": 5}, {"patients": 10, "events": 5}])
    (0.25, 0.75)
    """
    events = np.array([b["events"] for b in bins], dtype=np.float64)
    others = np.array([b["patients"] for b in bins], dtype=np.float64) - events
    pairs = events.sum() * others.sum()
    below = events @ (np.cumsum(others) - others) / pairs
    return float(below), float(below + events @ others / pairs)
