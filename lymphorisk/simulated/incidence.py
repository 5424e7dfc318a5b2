"""Does the simulated cohort happen as often as published ones? If not, nothing is trained on it.

Every listed rate of `parameters/data/calibration_anchors.csv` is simulated: its site, modality, schedules, tumour
size, drugs, baseline and window, on freshly drawn bodies and tumours. The baseline of a cohort that did not print
it is the calibration's estimate. A row holds when the simulated rate lies inside the published one's own 95 %
binomial (Wilson) interval; the cohort is rejected when fewer than `ROWS_NEEDED` of the rows hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from lymphorisk.calibration.anchors import Anchor, Schedule, anchors, cohort_baselines, size_of
from lymphorisk.lymphocyte import Course, Population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.lymphocyte.observation import usual_spread
from lymphorisk.plan.words import Modality
from lymphorisk.simulated.plan import ARMS, drawn_body, several, treated
from lymphorisk.train.scores import wilson
from lymphorisk.train.settings import Progress

#: Plans drawn for each row, and patients on each. With 16 plans the bodies decide.
PLANS, PATIENTS = 64, 50
#: Share of rows that must lie inside their own binomial interval before anything is trained.
ROWS_NEEDED = 0.8


@dataclass(frozen=True, slots=True)
class IncidenceRow:
    """One published rate beside the simulated one.

    Attributes
    ----------
    low, high : float
        95 % Wilson interval of the published rate.
    baseline : float
        Median baseline the row was simulated with. [10^9/L]
    """

    id: str
    source: str
    n: int
    published: float
    low: float
    high: float
    simulated: float
    baseline: float

    @property
    def holds(self) -> bool:
        """Inside the published interval."""
        return self.low <= self.simulated <= self.high


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
                f"at least {ROWS_NEEDED:.0%} of published rates: simulated rate inside the 95 % binomial interval of "
                "the published one; baselines that were not printed as the calibration estimated them"
            ),
            "accepted": self.accepted,
            "rows": len(self.rows),
            "rows_holding": sum(r.holds for r in self.rows),
            "rows_missed": [r.id for r in self.rows if not r.holds],
            "row": [
                {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(r).items()} | {"holds": r.holds}
                for r in self.rows
            ],
        }

    def text(self) -> str:
        """The table for people."""
        lines = [f"{'cohort':24s} {'n':>4s} {'published':>10s} {'95 %':>13s} {'simulated':>10s}"]
        for r in self.rows:
            lines.append(
                f"{r.id:24s} {r.n:4d} {r.published:10.1%} {r.low:6.1%}-{r.high:6.1%} {r.simulated:10.1%} "
                f" {'inside' if r.holds else 'MISSES'}"
            )
        lines.append(f"{sum(r.holds for r in self.rows)} of {len(self.rows)} rows inside their own binomial interval")
        return "\n".join(lines)


def judged_row(row: Anchor, simulated: float, baseline: float) -> IncidenceRow:
    """A published rate beside the simulated one."""
    low, high = wilson(row.observed, row.n)
    return IncidenceRow(row.id, row.source, row.n, row.observed, low, high, simulated, baseline)


@cache
def drawn_courses(
    site: str, modality: Modality, fractions: int, prescription_gy: float, size: float, seed: int
) -> tuple[PhaseExposure, ...]:
    """`PLANS` drawn treatments of a site."""
    out = []
    for i in range(PLANS):
        rng = np.random.default_rng([seed, i, fractions, round(prescription_gy)])
        arm = _arm(site, modality)
        plan = treated(arm, site, modality, "", *drawn_body(arm, rng), fractions, prescription_gy, rng, size=size)
        out.append(plan.exposure)
    return tuple(out)


def baseline_of(row: Anchor) -> float:
    """Median baseline of a cohort: printed, or assumed times the factor the calibration found. [10^9/L]"""
    return row.baseline * (cohort_baselines().get(row.source, 1.0) if row.baseline_known == "assumed" else 1.0)


def simulated_rate(row: Anchor, people: Population, seed: int) -> float:
    """Rate of one published row among simulated patients."""
    return float(sum(s.share * _rate_under(s, row, people, seed) for s in row.schedules))


def _rate_under(schedule: Schedule, row: Anchor, people: Population, seed: int) -> float:
    arm = _arm(row.site, row.modality)
    drawn = drawn_courses(row.site, row.modality, schedule.fractions, schedule.prescription_gy, size_of(row), seed)
    courses = [Course((exposure,), schedule.chemo, steroid=schedule.steroid) for exposure in drawn]
    which = np.repeat(np.arange(PLANS), PATIENTS)
    rng = np.random.default_rng([seed, PLANS])
    usual = usual_spread(row.baseline_sd_ln, people.value["wander.sd_ln"], people.value["counting.sd_ln"])
    baseline = baseline_of(row) * np.exp(usual * np.clip(rng.standard_normal(len(which)), -2.5, 2.5))
    mean, sd = several(f"arm.{arm}.age")
    age = rng.normal(mean, sd, len(which)).clip(18.0, 90.0)
    last = courses[0].last_fraction_d
    run = partial(simulate, courses, which, baseline, people, age_y=age, seed=seed, from_count=False)
    if row.on_one_day:
        day = float(np.ceil(row.day(last)))
        count = run(days=(day,)).measured_at[:, 0]
    else:
        window = row.day(last) - last
        count = run(window_d=window).measured_nadir
    return float((count < row.below).mean())


def _arm(site: str, modality: Modality) -> str:
    """The arm whose bodies and ages stand for a site."""
    return site if site in ARMS else f"{site}_{modality}"


def incidence_table(
    people: Population, seed: int, progress: Progress, rows: Sequence[Anchor] | None = None
) -> IncidenceTable:
    """Simulate every listed rate."""
    rated = [r for r in (anchors() if rows is None else rows) if r.listed]
    done: list[IncidenceRow] = []
    for number, row in enumerate(rated, start=1):
        done.append(judged_row(row, simulated_rate(row, people, seed), baseline_of(row)))
        if number % 10 == 0:
            progress(f"{number} of {len(rated)} published rates simulated")
    return IncidenceTable(tuple(done))
