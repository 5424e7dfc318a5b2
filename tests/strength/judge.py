"""Whether tests see a fault: a copy of the tree with the fault in it, and the tests that run its lines.

A process that has loaded the large libraries forks for each fault, so that only the project is imported anew.
"""

from __future__ import annotations

import compileall
import contextlib
import os
import py_compile
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from .mutants import ROOT, Mutant, mutated

#: Killed: a test failed, or the tests could not start, or never ended. ``alone``: no test runs the line.
KILLED, SURVIVED, ALONE = "killed", "survived", "alone"
#: What pytest leaves with when no test was there to run.
NOTHING_RAN = 5
BEYOND_S, TIMES, WALL, MEMORY = 30.0, 3.0, 20.0, 8 << 30
LARGE = (
    "numpy scipy.ndimage scipy.sparse scipy.stats scipy.optimize scipy.special scipy.interpolate scipy.spatial "
    "scipy.integrate scipy.linalg scipy.signal pydicom pydicom.dataset click rich.console jinja2 msgspec matplotlib"
)


@dataclass(frozen=True)
class Verdict:
    """What came of a fault, by which test, and at what cost."""

    outcome: str
    by: str = ""
    tests: int = 0
    cpu_s: float = 0.0


def copy_of_tree(place: Path, root: Path = ROOT) -> Path:
    """The tracked files, for faults to be put into."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, place / name)
    compileall.compile_dir(place / "lymphorisk", quiet=1)
    return place


def prepare(place: Path) -> None:
    """This process judges in a copy from here on."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.setdefault("LYMPHORISK_REAL_DATA", str(ROOT.parent / "shared" / "data"))
    os.environ.pop("PYTHONHASHSEED", None)
    sys.dont_write_bytecode = True
    sys.path[:] = [str(place), *(p for p in sys.path if p not in ("", str(ROOT)))]
    os.chdir(place)
    for name in LARGE.split():
        with contextlib.suppress(ImportError):
            import_module(name)


@contextlib.contextmanager
def with_fault(mutant: Mutant, place: Path) -> Iterator[None]:
    """The fault in the copy's file, its compiled form away."""
    path = place / mutant.file
    text = path.read_text(encoding="utf-8")
    compiled = Path(cache_from_source(str(path)))
    compiled.unlink(missing_ok=True)
    try:
        path.write_text(mutated(text, mutant), encoding="utf-8")
        yield
    finally:
        path.write_text(text, encoding="utf-8")
        py_compile.compile(str(path), doraise=True)


def judged(mutant: Mutant, tests: list[str], expected_s: float, place: Path) -> Verdict:
    """Run the tests in their order until one fails."""
    if not tests:
        return Verdict(ALONE)
    with with_fault(mutant, place):
        return run(tests, expected_s, place)


def run(tests: list[str], expected_s: float, place: Path, *options: str) -> Verdict:
    """The tests as they stand in the copy, in a fork of this process."""
    said = place / ".said"
    _failed(place).unlink(missing_ok=True)
    limit = BEYOND_S + TIMES * expected_s
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if not pid:
        _child(tests, limit, said, options)
    until, status = time.monotonic() + WALL * limit, None
    while status is None and time.monotonic() < until:
        done, left = os.waitpid(pid, os.WNOHANG)
        status = left if done else None
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)
    code = None if status is None or os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    if code == NOTHING_RAN:
        return Verdict(ALONE, cpu_s=cost)
    if code == 0:
        return Verdict(SURVIVED, tests=len(tests), cpu_s=cost)
    failed = _failed(place).read_text(encoding="utf-8") if _failed(place).exists() else ""
    return Verdict(KILLED, failed or ("(time)" if code is None else f"(pytest {code})"), len(tests), cost)


def _failed(place: Path) -> Path:
    """Where the first test that failed is named."""
    return place / ".failed"


class _First:
    """Pytest plugin: the first test, or file of tests, that fails."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.path.exists():
            self.path.write_text(report.nodeid, encoding="utf-8")

    pytest_collectreport = pytest_runtest_logreport


def _child(tests: list[str], limit: float, said: Path, options: tuple[str, ...]) -> None:
    """Never returns."""
    code = 99
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        import pytest

        ask = ["-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0", "-m", ""]
        code = int(pytest.main([*ask, *options, *tests], plugins=[_First(_failed(said.parent))]))
        sys.stdout.flush()
    finally:
        os._exit(code)
