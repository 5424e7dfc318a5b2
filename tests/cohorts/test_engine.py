"""Workers of a Dask cluster: the same outcomes as in one process, whatever dies."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pytest

from lymphorisk.cohorts import engine
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.limits import MEMORY, TIME, Limits, held
from lymphorisk.cohorts.run import How, run_cohort
from lymphorisk.cohorts.work import Task
from lymphorisk.errors import InputError
from lymphorisk.plan import Patient

TABLES = ("plans.parquet", "plans.csv", "metrics.parquet", "quarantine.csv")


@contextmanager
def threads(*_: Any) -> Iterator[Any]:
    """A cluster that lives in this process: quick to start, nothing in it dies."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=engine.PAGES) as local,
        Client(local) as client,
    ):
        yield client


def test_workers_give_the_outcomes_of_one_process(
    tmp_path: Path, recipe: Recipe, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "outcome_of", lambda task, recipe: small.outcome(task.key))
    tasks = [Task(f"{n:032x}", "", (), None, Patient(), ()) for n in range(5)]
    with threads() as client:
        found = [o for part in engine.by_workers(tasks, recipe, Limits(60.0, 1e6), client) for o in part]
    assert sorted(o.key for o in found) == [t.key for t in tasks]


def test_workers_of_several_threads_are_refused(recipe: Recipe) -> None:
    from distributed import Client, LocalCluster

    task = Task("0" * 32, "", (), None, Patient(), ())
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=engine.PAGES) as local,
        Client(local) as client,
        pytest.raises(InputError, match="several threads each") as caught,
    ):
        list(engine.by_workers([task], recipe, Limits(60.0, 1e6), client))
    assert "--nthreads 1" in caught.value.hint


def test_a_plan_without_limits_of_time_is_watched_and_let_go() -> None:
    told: list[str] = []
    with held(Limits(megabytes=1e9), told.append):
        assert any(t.name.endswith("(_watch)") for t in threading.enumerate())
    assert not told


@pytest.mark.parametrize(("beyond", "code"), [(TIME, "LR710"), (MEMORY, "LR711"), ("", "LR712")])
def test_a_plan_given_up_says_why(beyond: str, code: str) -> None:
    assert engine._given_up("a", beyond, Limits(1.0, 2.0)).row["code"] == code


def test_nobody_at_an_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_S", 0.5)
    with pytest.raises(InputError, match="no scheduler answers"), engine.cluster(1, "tcp://127.0.0.1:9"):
        pass


@pytest.mark.slow
def test_a_plan_over_its_time_is_given_up_and_the_others_go_on(tmp_path: Path, recipe: Recipe, small: Any) -> None:
    source = small.sources(tmp_path / "s", 2)
    limits = Limits(seconds=0.002)
    done = run_cohort([source], tmp_path / "o", recipe, How(workers=1, limits=limits))
    assert (done.plans, done.quarantined) == (0, 2)
    assert (tmp_path / "o" / "quarantine.csv").read_text().count("LR710") == 2
    done = run_cohort([source], tmp_path / "o", recipe, How(workers=1, retry=True))
    assert (done.plans, done.quarantined) == (2, 0)


@pytest.mark.slow
def test_a_plan_over_its_memory_is_given_up_and_no_other_is_touched(
    tmp_path: Path, recipe: Recipe, small: Any, rtplans: Path
) -> None:
    """A dose of 10^8 voxels on real workers: killed, tried alone, killed again; the rows of the others are those of a
    run without it."""
    source = small.sources(tmp_path / "s", 3)
    alone = run_cohort([source], tmp_path / "alone", recipe, How(workers=0))
    (source / "large").mkdir()
    for name in ("RP.dcm", "RS.dcm"):
        shutil.copy(rtplans / "brain" / name, source / "large")
    dose = pydicom.dcmread(rtplans / "brain" / "RD.dcm")
    times = math.ceil((1e8 / dose.pixel_array.size) ** (1 / 3))
    pixels = dose.pixel_array
    for axis in range(3):
        pixels = pixels.repeat(times, axis)
    dose.PixelData = pixels.tobytes()
    dose.NumberOfFrames, dose.Rows, dose.Columns = pixels.shape
    dose.PixelSpacing = [d / times for d in dose.PixelSpacing]
    step = float(dose.GridFrameOffsetVector[1]) / times
    dose.GridFrameOffsetVector = [round(k * step, 6) for k in range(len(pixels))]
    dose.save_as(source / "large" / "RD.dcm")
    done = run_cohort([source], tmp_path / "o", recipe, How(workers=2, limits=Limits(600.0, 450.0)))
    assert (alone.plans, done.plans, done.quarantined, done.exit_code) == (3, 3, 1, 5)
    (row,) = (tmp_path / "o" / "quarantine.csv").read_text().splitlines()[1:]
    assert "LR711" in row
    assert "over 450 MB, twice" in row
    for name in ("plans.csv", "metrics.parquet"):
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def call(source: Path, out: Path, workers: int) -> list[str]:
    program = [sys.executable, "-m", "lymphorisk", "cohort", str(source), "--out", str(out)]
    return [*program, "--workers", str(workers), "--draws", "16", "--horizon", "60", "--retry"]


MAIN = "from lymphorisk.cli.main import main; main()"


def workers_of(parent: psutil.Process) -> list[psutil.Process]:
    """The processes that analyse: those with the most memory below the coordinator."""
    return [p for p in parent.children(recursive=True) if p.memory_info().rss > 60e6]


@pytest.mark.slow
def test_killed_at_random_ten_times_the_tables_are_those_of_an_undisturbed_run(tmp_path: Path, small: Any) -> None:
    """Every fourth kill is the coordinator's; a kill waits for workers, so that a fast machine meets as many. Before
    them the disk is full: no file may grow beyond 24 kB."""
    source = small.sources(tmp_path / "s", 30)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (24576, 24576)); {MAIN}"
    full = subprocess.run(
        [sys.executable, "-c", limited, *call(source, tmp_path / "hit", 0)[3:]], env=env, capture_output=True, text=True
    )
    assert (full.returncode, "disk is full" in full.stderr) == (3, True)
    chance, kills = random.Random(17), 0
    while True:
        running = subprocess.Popen(call(source, tmp_path / "hit", 2), env=env, stderr=subprocess.DEVNULL)
        parent = psutil.Process(running.pid)
        while running.poll() is None and kills < 10:
            with suppress(psutil.NoSuchProcess):
                workers = workers_of(parent)
                if not workers:
                    time.sleep(0.02)
                    continue
                time.sleep(chance.uniform(0.0, 0.5))
                (parent if kills % 4 == 3 else chance.choice(workers)).send_signal(signal.SIGKILL)
                kills += 1
        if running.wait(timeout=300) == 0:
            break
        assert kills <= 10
    subprocess.run(call(source, tmp_path / "whole", 0), env=env, check=True, stderr=subprocess.DEVNULL, timeout=300)
    assert kills == 10
    for name in TABLES:
        assert (tmp_path / "hit" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
