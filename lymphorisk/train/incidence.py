"""Does the simulated cohort happen as often as published ones? If not, nothing is trained on it.

Every published rate of `parameters/data/calibration_anchors.csv` is simulated: its site, modality, schedule, drug,
baseline and window, on freshly drawn bodies and tumours. A row agrees when the 95 % Wilson intervals of the published
and of the simulated rate overlap. Published cohorts of one site contradict each other by more than their binomial
errors (stage III lung, grade 3 or more: 55 to 91 %), so a group (site, modality, grade) agrees when a simulated rate of
any of its rows meets the envelope of their intervals.
The cohort is rejected when fewer than `GROUPS_NEEDED` of the groups agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lymphorisk.lymphocyte import Course, Population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.parameters import load
from lymphorisk.train.anchors import Anchor, anchors
from lymphorisk.train.fit import Progress
from lymphorisk.train.scores import wilson
from lymphorisk.train.simulated_plan import drawn_body, several, treated

#: Plans drawn for each row, and patients on each.
PLANS, PATIENTS = 16, 50
#: Share of groups that must agree before anything is trained.
GROUPS_NEEDED = 0.75
RATES = {"below_0.5": ("g3", 0.5), "below_0.2": ("g4", 0.2), "below_0.5_at": ("g3", 0.5)}


@dataclass(frozen=True, slots=True)
class IncidenceRow:
    """One published rate beside the simulated one."""

    id: str
    group: str
    source: str
    n: int
    published: float
    low: float
    high: float
    simulated: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class IncidenceTable:
    """All rows, and which groups agree."""

    rows: tuple[IncidenceRow, ...]
    groups: tuple[tuple[str, bool], ...]

    @property
    def accepted(self) -> bool:
        """Whether enough groups agree."""
        return sum(ok for _, ok in self.groups) >= GROUPS_NEEDED * len(self.groups)

    def as_card(self) -> dict[str, Any]:
        """For the model card."""
        agreeing = sum(ok for _, ok in self.groups)
        rows_in = sum(r.agrees for r in self.rows)
        return {
            "criterion": (
                "a group (site, modality, grade) agrees when a simulated rate lies inside the envelope of the 95 % "
                f"intervals of its published rates; at least {GROUPS_NEEDED:.0%} of groups must agree"
            ),
            "accepted": self.accepted,
            "groups": len(self.groups),
            "groups_agreeing": agreeing,
            "rows_inside_their_own_interval": f"{rows_in} of {len(self.rows)}",
            "groups_missed": [name for name, ok in self.groups if not ok],
            "row": [{k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(r).items()} for r in self.rows],
        }

    def text(self) -> str:
        """The table for people."""
        lines = [f"{'cohort':34s} {'n':>4s} {'published':>10s} {'95 %':>13s} {'simulated':>10s}"]
        for r in self.rows:
            lines.append(
                f"{r.id:34s} {r.n:4d} {r.published:10.1%} {r.low:6.1%}-{r.high:6.1%} {r.simulated:10.1%}"
                f"  {'ok' if r.agrees else 'MISSES'}"
            )
        ok = sum(good for _, good in self.groups)
        missed = ", ".join(name for name, good in self.groups if not good)
        lines.append(f"{ok} of {len(self.groups)} groups agree" + (f"; missed: {missed}" if missed else ""))
        return "\n".join(lines)


def simulated_rate(row: Anchor, people: Population, seed: int) -> float:
    """Rate of one published row among simulated patients."""
    _, below = RATES[row.outcome]
    courses: list[Course] = []
    arm = _arm(row)
    for i in range(PLANS):
        rng = np.random.default_rng([seed, i, row.fractions, round(row.prescription_gy)])
        sex, height, weight = drawn_body(arm, rng)
        plan = treated(arm, row.site, row.modality, "", sex, height, weight, row.fractions, row.prescription_gy, rng)
        courses.append(Course((plan.exposure,), row.chemo))
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


def _arm(row: Anchor) -> str:
    """The arm whose bodies and ages stand for the row."""
    if row.site in ("lung_sbrt", "whole_brain"):
        return row.site
    return f"{row.site}_{row.modality}"


def incidence_table(
    people: Population, seed: int, progress: Progress, rows: Sequence[Anchor] | None = None
) -> IncidenceTable:
    """Simulate every published rate."""
    rated = [r for r in (anchors() if rows is None else rows) if r.outcome in RATES and r.events is not None]
    done: list[IncidenceRow] = []
    sampling = PLANS * PATIENTS
    for number, row in enumerate(rated, start=1):
        rate = simulated_rate(row, people, seed)
        low, high = wilson(row.observed, row.n)
        least, most = wilson(rate, sampling)
        grade = RATES[row.outcome][0]
        done.append(
            IncidenceRow(
                id=row.id,
                group=f"{row.group} {row.modality} {row.chemo if row.group == 'brain' else ''} {grade}".replace(
                    "  ", " "
                ),
                source=row.source,
                n=row.n,
                published=row.observed,
                low=low,
                high=high,
                simulated=rate,
                agrees=least <= high and most >= low,
            )
        )
        if number % 10 == 0:
            progress(f"{number} of {len(rated)} published rates simulated")
    groups = []
    for name in dict.fromkeys(r.group for r in done):
        members = [r for r in done if r.group == name]
        low, high = min(r.low for r in members), max(r.high for r in members)
        drawn = [wilson(r.simulated, sampling) for r in members]
        groups.append((name, any(least <= high and most >= low for least, most in drawn)))
    return IncidenceTable(tuple(done), tuple(groups))
