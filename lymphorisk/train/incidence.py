"""Does the simulated cohort happen as often as published ones? If not, nothing is trained on it.

Every published rate of `parameters/data/calibration_anchors.csv` is simulated: its site, modality, schedule, drug,
baseline and window, on freshly drawn bodies and tumours. Two verdicts stand beside each row: whether the simulated
rate lies inside the published one's own 95 % binomial (Wilson) interval, and whether it lies within two errors that
include the difference between cohorts of one treatment. Published cohorts contradict each other by more than their
binomial errors (stage III lung, grade 3 or more: 55 to 91 %), so no simulation can meet every row's own interval; the
second verdict decides. The cohort is rejected when fewer than `ROWS_NEEDED` of the rows hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from lymphorisk.lymphocyte import Course, Population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.parameters import load
from lymphorisk.train.anchors import Anchor, anchors
from lymphorisk.train.calibrate import COHORT_LOGIT
from lymphorisk.train.scores import wilson
from lymphorisk.train.settings import Progress
from lymphorisk.train.simulated_plan import ARMS, drawn_body, several, treated

#: Plans drawn for each row, and patients on each.
PLANS, PATIENTS = 12, 60
#: Share of rows that must lie within two errors before anything is trained; a true model reaches 95 %.
ROWS_NEEDED = 0.8
RATES = {"below_0.5": ("g3", 0.5), "below_0.2": ("g4", 0.2), "below_0.5_at": ("g3", 0.5)}


@dataclass(frozen=True, slots=True)
class IncidenceRow:
    """One published rate beside the simulated one.

    Attributes
    ----------
    low, high : float
        95 % Wilson interval of the published rate.
    deviation : float
        Simulated minus published logit over the error of both, the difference between cohorts included.
    in_interval : bool
        Inside the published interval.
    """

    id: str
    source: str
    n: int
    published: float
    low: float
    high: float
    simulated: float
    deviation: float
    in_interval: bool

    @property
    def holds(self) -> bool:
        """Within two errors that include the difference between cohorts."""
        return abs(self.deviation) <= 2.0


@dataclass(frozen=True, slots=True)
class IncidenceTable:
    """All rows and the verdict."""

    rows: tuple[IncidenceRow, ...]

    @property
    def accepted(self) -> bool:
        """Whether enough rows hold."""
        return sum(r.holds for r in self.rows) >= ROWS_NEEDED * len(self.rows)

    def as_card(self) -> dict[str, Any]:
        """For the model card."""
        return {
            "criterion": (
                f"at least {ROWS_NEEDED:.0%} of published rates within two errors that include the difference between "
                f"cohorts of one treatment (sd {COHORT_LOGIT:g} of a logit)"
            ),
            "accepted": self.accepted,
            "rows": len(self.rows),
            "rows_holding": sum(r.holds for r in self.rows),
            "rows_inside_their_own_binomial_interval": sum(r.in_interval for r in self.rows),
            "rows_missed": [r.id for r in self.rows if not r.holds],
            "row": [{k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(r).items()} for r in self.rows],
        }

    def text(self) -> str:
        """The table for people."""
        lines = [f"{'cohort':24s} {'n':>4s} {'published':>10s} {'95 %':>13s} {'simulated':>10s} {'deviation':>10s}"]
        for r in self.rows:
            lines.append(
                f"{r.id:24s} {r.n:4d} {r.published:10.1%} {r.low:6.1%}-{r.high:6.1%} {r.simulated:10.1%} "
                f"{r.deviation:+10.1f}  {'inside' if r.in_interval else 'holds' if r.holds else 'MISSES'}"
            )
        lines.append(
            f"{sum(r.holds for r in self.rows)} of {len(self.rows)} rows hold, "
            f"{sum(r.in_interval for r in self.rows)} inside their own binomial interval"
        )
        return "\n".join(lines)


def judged_row(row: Anchor, simulated: float, sampling: int) -> IncidenceRow:
    """A published rate beside a simulated one of `sampling` patients."""
    low, high = wilson(row.observed, row.n)
    published, own = _logit_of(row.observed, row.n)
    ours, drawn = _logit_of(simulated, sampling)
    error = float(np.sqrt(own**2 + drawn**2 + COHORT_LOGIT**2))
    return IncidenceRow(
        row.id,
        row.source,
        row.n,
        row.observed,
        low,
        high,
        simulated,
        (ours - published) / error,
        bool(low <= simulated <= high),
    )


def _logit_of(rate: float, n: int) -> tuple[float, float]:
    """Logit of a rate among n, half an event added to either side, and its error."""
    p = (rate * n + 0.5) / (n + 1.0)
    return float(np.log(p / (1.0 - p))), float(1.0 / np.sqrt(n * p * (1.0 - p)))


@cache
def drawn_courses(
    site: str, modality: str, fractions: int, prescription_gy: float, seed: int
) -> tuple[PhaseExposure, ...]:
    """`PLANS` drawn treatments of a site."""
    out = []
    for i in range(PLANS):
        rng = np.random.default_rng([seed, i, fractions, round(prescription_gy)])
        arm = _arm(site, modality)
        plan = treated(arm, site, modality, "", *drawn_body(arm, rng), fractions, prescription_gy, rng)
        out.append(plan.exposure)
    return tuple(out)


def simulated_rate(row: Anchor, people: Population, seed: int) -> float:
    """Rate of one published row among simulated patients."""
    _, below = RATES[row.outcome]
    arm = _arm(row.site, row.modality)
    drawn = drawn_courses(row.site, row.modality, row.fractions, row.prescription_gy, seed)
    courses = [Course((exposure,), row.chemo) for exposure in drawn]
    which = np.repeat(np.arange(PLANS), PATIENTS)
    rng = np.random.default_rng([seed, PLANS])
    number = load("predictor")["patient.ln_alc_sd"].number
    baseline = row.baseline * np.exp(number * np.clip(rng.standard_normal(len(which)), -2.5, 2.5))
    mean, sd = several(f"arm.{arm}.age")
    age = rng.normal(mean, sd, len(which)).clip(18.0, 90.0)
    last = courses[0].last_fraction_d
    if row.outcome.endswith("_at"):
        day = float(np.ceil(last + row.when_d))
        counted = simulate(courses, which, baseline, people, age_y=age, seed=seed, days=(day,))
        noise = load("lymphocyte")["counting.sd_ln"].number * rng.standard_normal(len(which))
        count = counted.at[:, 0] * np.exp(noise)
    else:
        counted = simulate(courses, which, baseline, people, age_y=age, seed=seed, window_d=row.when_d)
        count = counted.measured_nadir
    return float((count < below).mean())


def _arm(site: str, modality: str) -> str:
    """The arm whose bodies and ages stand for a site."""
    return site if site in ARMS else f"{site}_{modality}"


def incidence_table(
    people: Population, seed: int, progress: Progress, rows: Sequence[Anchor] | None = None
) -> IncidenceTable:
    """Simulate every published rate."""
    rated = [r for r in (anchors() if rows is None else rows) if r.outcome in RATES and r.events is not None]
    done: list[IncidenceRow] = []
    for number, row in enumerate(rated, start=1):
        done.append(judged_row(row, simulated_rate(row, people, seed), PLANS * PATIENTS))
        if number % 10 == 0:
            progress(f"{number} of {len(rated)} published rates simulated")
    return IncidenceTable(tuple(done))
