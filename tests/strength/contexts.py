"""Pytest plugin: coverage by test, also in fixtures and in the programs a test starts, and processor seconds by test.

Pytest under ``coverage run`` with ``patch = subprocess`` and ``LYMPHORISK_TESTS_SEEN=FOLDER``, where the seconds and
the fixtures of each test are written, a JSON line each (`make coverage`).
"""

from __future__ import annotations

import base64
import json
import os
import resource
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

PROCESS = "COVERAGE_PROCESS_CONFIG"


def pytest_configure(config: pytest.Config) -> None:
    """Take part where coverage runs and a folder is named."""
    folder = os.environ.get("LYMPHORISK_TESTS_SEEN")
    measured = Coverage.current()
    # With xdist the tests run in the workers.
    if folder and measured and (hasattr(config, "workerinput") or not config.getoption("numprocesses", None)):
        config.pluginmanager.register(_Seen(measured, Path(folder).absolute()))


class _Seen:
    def __init__(self, measured: Coverage, folder: Path) -> None:
        self.measured = measured
        folder.mkdir(parents=True, exist_ok=True)
        self.lines = folder / f"tests-{os.getpid()}.jsonl"
        self.now = ""
        self.took: dict[str, float] = {}

    def switch(self, context: str) -> str:
        """The context of lines from here on, in this process and in those it starts; the one before it."""
        before, self.now = self.now, context
        self.measured.switch_context(context)
        if PROCESS in os.environ:
            told = json.loads(base64.b64decode(os.environ[PROCESS]))
            told["context"] = context
            os.environ[PROCESS] = base64.b64encode(json.dumps(told).encode()).decode()
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """One context a test."""
        self.switch(item.nodeid)
        began, clock = _processor(), time.monotonic()
        done = yield
        spent = _processor() - began
        info = getattr(item, "_fixtureinfo", None)
        shared = [
            _named(f)
            for fixtures in (info.name2fixturedefs if info else {}).values()
            for f in fixtures[-1:]
            if _shared(f)
        ]
        seen = {"test": item.nodeid, "cpu": spent, "wall": time.monotonic() - clock, "fixtures": sorted(shared)}
        seen["took"], self.took = self.took, {}
        with self.lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")
        self.switch("")
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        """A fixture that outlives a test has a context of its own: every test that asks for it runs its lines."""
        if not _shared(fixturedef):
            return (yield)
        before, began = self.switch(_named(fixturedef)), _processor()
        try:
            return (yield)
        finally:
            self.took[_named(fixturedef)] = _processor() - began
            self.switch(before)

    def pytest_sessionfinish(self) -> None:
        """Keep what was measured, however the process ends."""
        self.measured.save()


def _shared(fixture: Any) -> bool:
    return fixture.scope != "function"


def _named(fixture: Any) -> str:
    return f"fixture {fixture.baseid}::{fixture.argname}"


def _processor() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
