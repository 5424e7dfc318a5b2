"""Made rows through the real ledger, tables and page: seconds, processor seconds, memory, bytes a plan.

`python benchmarks/cohort_rows.py ROWS FOLDER`
"""

from __future__ import annotations

import hashlib
import random
import resource
import sys
import time
from pathlib import Path

from lymphorisk.analysis import Options
from lymphorisk.cohorts.columns import ANALYSED
from lymphorisk.cohorts.found import FoundPlan
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.known import Keyed
from lymphorisk.cohorts.ledger import NAME, Ledger, Outcome
from lymphorisk.cohorts.manifest import Row
from lymphorisk.cohorts.trends import trends_of
from lymphorisk.cohorts.write import Cohort, write_tables
from lymphorisk.report import formats
from lymphorisk.report.cohort import report

BATCH = 500
SITES = ("brain", "breast", "lung", "pelvis")
METRICS = 40


def key_of(n: int) -> str:
    """A key as hashes are."""
    return hashlib.sha256(str(n).encode()).hexdigest()[:32]


def day_of(n: int) -> str:
    """A day of five years."""
    return f"20{20 + n % 5}{n % 12 + 1:02d}01"


def outcome(n: int, chance: random.Random) -> Outcome:
    """A row of every column, as long as those of an analysis."""
    kinds = {"number": lambda: chance.random(), "whole": lambda: chance.randrange(40), "text": lambda: "drawn"}
    row = {c.name: kinds[c.kind]() if c.kind in kinds else ["LR301", "LR118"] for c in ANALYSED}
    row["site_inferred"] = chance.choice(SITES)
    metrics = [
        {"structure": f"Organ_{m}", "metric": "V20Gy[%]", "value": chance.random(), "source": "roi", "reason": ""}
        for m in range(METRICS)
    ]
    return Outcome(key_of(n), "done", row, metrics, seconds=2.0)


def main(rows: int, folder: Path) -> None:
    """Print what each step took."""
    folder.mkdir(parents=True)
    chance = random.Random(1)
    last = [time.perf_counter(), time.process_time()]

    def told(step: str) -> None:
        now = [time.perf_counter(), time.process_time()]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{step:8} {now[0] - last[0]:7.1f} s, {now[1] - last[1]:7.1f} s of processor, peak {peak:6.0f} MB")
        last[:] = now

    with Ledger(folder / NAME) as ledger:
        for start in range(0, rows, BATCH):
            ledger.record(outcome(n, chance) for n in range(start, min(start + BATCH, rows)))
        told("ledger")
        keyed = [
            Keyed(
                FoundPlan(n + 1, Path("x"), row=Row(n, patient_id=f"p{n}", treated=day_of(n))),
                key_of(n),
                (str(n),),
            )
            for n in range(rows)
        ]
        written = write_tables(folder, Cohort(keyed), ledger, Recipe(Options()), counted=False)
        told("tables")
    page = folder / "page.html"
    page.write_bytes(str(formats.written(page, report(trends_of(folder)))).encode())
    told("page")
    for path in (*written, folder / NAME, page):
        print(f"{path.name:16} {path.stat().st_size / rows:8.0f} bytes a plan")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
