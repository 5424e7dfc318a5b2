"""The count over time as a table: what a model of the immune system takes as given."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from lymphorisk.outputs.kinds import TRAJECTORY_HEAD

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis

#: Quantiles of a row, by the head of their column.
QUANTILES = {"p05": "p05", "p25": "p25", "median": "p50", "p75": "p75", "p95": "p95"}


def to_csv(a: Analysis) -> str:
    """A row a day: the course's count, a measured count, the course over its baseline, and the fractions of the day.

    Counts in 10^9/L; days from the first fraction; a fraction belongs to the day it is given on.
    """
    f = a.forecast
    given = [day for phase in a.course.phases if phase.low_rate is None for day in phase.times_d.tolist()]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TRAJECTORY_HEAD.split(","))
    for i, day in enumerate(f.day.tolist()):
        course = [f"{f.quantiles[q][i]:.6g}" for q in QUANTILES.values()]
        measured = [f"{f.measured.quantiles[q][i]:.6g}" for q in ("p05", "p50", "p95")]
        fractions = sum(day <= at < day + 1.0 for at in given)
        writer.writerow([f"{day:g}", *course, *measured, f"{f.median[i] / f.baseline_alc:.6g}", fractions])
    return out.getvalue()
