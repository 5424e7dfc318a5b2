"""The fixture that holds every test to leaving nothing behind sees what one leaves."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import left


@pytest.mark.parametrize("what", ["folder", "$A_NAME_OF_NOBODY", "SIGTERM", "recursion", "arguments"])
def test_what_a_test_leaves_is_seen(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, handler, deep = left(), signal.getsignal(signal.SIGTERM), sys.getrecursionlimit()
    try:
        if what == "folder":
            monkeypatch.chdir(tmp_path)
        elif what.startswith("$"):
            monkeypatch.setenv(what[1:], "1")
        elif what == "SIGTERM":
            signal.signal(signal.SIGTERM, lambda *_: None)
        elif what == "recursion":
            sys.setrecursionlimit(deep + 1)
        else:
            monkeypatch.setattr(sys, "argv", ["another"])
        after = left()
    finally:
        signal.signal(signal.SIGTERM, handler)
        sys.setrecursionlimit(deep)
    assert {k for k in {*before, *after} if before.get(k) != after.get(k)} == {what}


def test_what_libraries_set_as_they_load_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = left()
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    monkeypatch.setenv("MKL_NUM_THREADS", "1" if os.environ.get("MKL_NUM_THREADS") != "1" else "2")
    assert left() == before
