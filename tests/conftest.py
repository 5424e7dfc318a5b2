"""Fixtures shared by all tests."""

from __future__ import annotations

import locale
import logging
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator

# Before numpy loads: hundreds of small matrices, for which threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A clinic file of whoever runs the tests changes none of them.
os.environ["LYMPHORISK_CONFIG"] = "none"

from pathlib import Path

import numpy
import pytest
from hypothesis import settings

# No test is judged by the clock.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real exported plans; tests that need it carry the marker `real`."""
    path = Path(os.environ.get("LYMPHORISK_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("no real plans here (set LYMPHORISK_REAL_DATA)")
    return path


@pytest.fixture(scope="session")
def rtplans() -> Path:
    """Folder of the project's own fixture plans."""
    return ROOT / "fixtures" / "rtplans"


# By pytest for each test, by libraries as they load or start workers.
SET_BY_LIBRARIES = re.compile("PYTEST_CURRENT_TEST$|KMP_|.*_NUM_THREADS$|PYTHONHASHSEED$|__DASK_PARENT_PID$")


def left() -> dict[str, object]:
    """What a test may change and has to put back, as far as it can be looked at."""
    drawn = sys.modules.get("matplotlib.pyplot")
    return {
        "folder": os.getcwd(),
        **{f"${k}": v for k, v in os.environ.items() if not SET_BY_LIBRARIES.match(k)},
        "figures": drawn.get_fignums() if drawn else [],
        "locale": locale.setlocale(locale.LC_ALL),
        **{s.name: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGBUS)},
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "limits": {
            w: resource.getrlimit(w) for w in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
        },
        "zone": time.tzname,
        "recursion": sys.getrecursionlimit(),
        "floats": numpy.geterr(),
        "level of logging": (logging.getLogger().level, logging.getLogger("lymphorisk").level),
        "arguments": list(sys.argv),
    }


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """A test that changes what others stand on fails itself, not the one that runs after it."""
    before = left()
    yield
    after = left()
    changed = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
    assert not changed, [(k, before.get(k), after.get(k)) for k in changed]
