"""`lymphorisk evaluate` on made exports with counts in long form: clock, processor time, what it answers.

`python benchmarks/evaluate_speed.py PLANS FOLDER [MODEL]`

The plans are those of `cohort_speed.py`; of each patient a count before and one a week are made, falling by chance.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

from cohort_speed import FIXTURES, made

WEEKS = 8
BASELINE, SPREAD = 1.6, 0.35
FALL = (0.02, 0.35)


def counts_of(patient: str, seed: int) -> list[list[str]]:
    """Rows of counts: one before, one in each week of the course."""
    chance = random.Random(f"counts {seed}")
    alc, fall = BASELINE * chance.lognormvariate(0.0, SPREAD), chance.uniform(*FALL)
    rows = [[patient, "-3", f"{alc:.2f}", "10^9/L"]]
    for week in range(1, WEEKS + 1):
        alc *= 1.0 - fall * chance.uniform(0.5, 1.5)
        rows.append([patient, str(7 * week - 3), f"{max(alc, 0.02):.2f}", "10^9/L"])
    return rows


def main(plans: int, folder: Path, model: str) -> None:
    """Make plans and counts, judge the model on them, print what it took."""
    source, cases = folder / "plans", sorted(p for p in FIXTURES.iterdir() if p.is_dir())
    if not source.is_dir():
        for n in range(plans):
            made(cases[n % len(cases)], source / f"{n:05d}", n)
    counts = folder / "counts.csv"
    with counts.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["patient_id", "day", "value", "unit"])
        for n in range(plans):
            csv.writer(file).writerows(counts_of(f"MADE{n:05d}", n))
    call = [sys.executable, "-m", "lymphorisk", "evaluate", model, str(source), "--counts", str(counts), "--json"]
    start = time.perf_counter()
    said = subprocess.run(call, check=True, capture_output=True, text=True)
    took, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    result = json.loads(said.stdout)
    print(f"{plans} exports: {took:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor; {result['rows']} rows")
    for finding in result["findings"]:
        print(finding)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "insilico-2026.1")
