"""A cohort killed at random and met by a full disk, against one that nobody disturbed: are the tables the same bytes?

`python benchmarks/cohort_kills.py PLANS FOLDER [KILLS [SEED]]`

The plans are scenarios, no two alike. The coordinator (one time in three) or a process below it is killed (SIGKILL) at
a random moment, KILLS times; the folder is a small file system of its own that fills in the ledger and again in the
tables, and is then made larger. Mounting it needs root, or `unshare --map-root-user --mount` before the call. The
program must stay as it is for so long: its source is part of every plan's key.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

TABLES = ("plans.parquet", "plans.csv", "metrics.parquet", "quarantine.csv", "pairs.csv", "noticed.csv")
LEDGER = "ledger.sqlite"
SCENARIO = """[plan]
modality = "{modality}"
fractions = {fractions}
beam_on_s = [30, 40]
[organs.Spleen]
mean_gy = {spleen:.3f}
[organs.Heart]
mean_gy = {heart:.3f}
[patient]
alc = {alc:.2f}
"""
ROOM = "1g"
FULL = 3
OF_COORDINATOR = 1 / 3


def plans_in(folder: Path, number: int, seed: int) -> None:
    """Scenarios that differ."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    for n in range(number):
        text = SCENARIO.format(
            modality=chance.choice(("photon", "proton")),
            fractions=chance.randint(5, 35),
            spleen=1.0 + n / number,
            heart=chance.uniform(0.5, 20.0),
            alc=chance.uniform(0.8, 2.5),
        )
        (folder / f"plan{n:05d}.toml").write_text(text, encoding="utf-8")


def call(source: Path, out: Path, workers: int) -> list[str]:
    """One call of the program."""
    program = [sys.executable, "-m", "lymphorisk", "cohort", str(source), "--out", str(out), "--retry"]
    return [*program, "--workers", str(workers), "--draws", "16", "--horizon", "60"]


def mount(out: Path, size: str) -> None:
    """A file system of this size, or the one that is there made as large."""
    options = f"size={size}" + (",remount" if out.is_mount() else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "lymphorisk", str(out)], check=True)


def kill_one(parent: psutil.Process, chance: random.Random) -> str:
    """Kill the coordinator or one process below it; what it was, empty when nothing was left to kill."""
    with suppress(psutil.NoSuchProcess):
        below = parent.children(recursive=True)
        if not below:
            return ""
        victim = parent if chance.random() < OF_COORDINATOR else chance.choice(below)
        victim.send_signal(signal.SIGKILL)
        return "coordinator" if victim == parent else "process below it"
    return ""


def disturbed(source: Path, out: Path, moments: list[float], sizes: list[int], chance: random.Random) -> None:
    """Call until it ends well; print what was done to it."""
    told: Counter[str] = Counter()
    seen: set[psutil.Process] = set()
    while True:
        running = subprocess.Popen(call(source, out, 2), stderr=subprocess.PIPE, text=True)
        told["calls"] += 1
        parent, start = psutil.Process(running.pid), time.monotonic()
        while running.poll() is None and moments:
            if time.monotonic() - start < moments[0]:
                time.sleep(0.01)
            elif what := kill_one(parent, chance):
                told[f"killed: {what}"] += 1
                moments.pop(0)
                start = time.monotonic()
            with suppress(psutil.NoSuchProcess):
                seen |= set(parent.children(recursive=True))
        said = running.communicate()[1]
        if running.returncode == FULL and ("full" in said or "No space" in said):
            told["disk full, in the ledger" if "ledger" in said else "disk full, in the tables"] += 1
            sizes.pop(0)
            mount(out, str(sizes[0]) if sizes else ROOM)
        elif running.returncode == 0 and not moments:
            break
        elif running.returncode not in (0, -signal.SIGKILL):
            told[f"left with {running.returncode}: {said.strip().splitlines()[-1:]}"] += 1
    time.sleep(5.0)
    told["processes left behind"] = sum(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in seen)
    for what, times in sorted(told.items()):
        print(f"{what}: {times}")


def main(plans: int, folder: Path, kills: int, seed: int) -> None:
    """Run both ways, print the comparison."""
    source, whole, hit = folder / "plans", folder / "whole", folder / "hit"
    plans_in(source, plans, seed)
    start = time.monotonic()
    subprocess.run(call(source, whole, 2), check=True, stderr=subprocess.DEVNULL)
    took = time.monotonic() - start
    print(f"{plans} plans, undisturbed: {took:.0f} s")
    ledger = (whole / LEDGER).stat().st_size
    tables = sum(p.stat().st_size for p in whole.iterdir()) - ledger
    chance = random.Random(seed)
    moments = [chance.uniform(0.0, 2 * took / (kills + 1)) for _ in range(kills)]
    hit.mkdir()
    mount(hit, str(ledger // 2))
    try:
        start = time.monotonic()
        disturbed(source, hit, moments, [ledger // 2, ledger + tables // 2], chance)
        print(f"disturbed: {time.monotonic() - start:.0f} s")
        different = [n for n in TABLES if (hit / n).read_bytes() != (whole / n).read_bytes()]
        print(f"TABLES DIFFER: {', '.join(different)}" if different else "tables equal byte for byte")
    finally:
        subprocess.run(["umount", str(hit)], check=True)


if __name__ == "__main__":
    more = [int(a) for a in sys.argv[3:]]
    main(int(sys.argv[1]), Path(sys.argv[2]), *[*more, *(10, 17)[len(more) :]])
