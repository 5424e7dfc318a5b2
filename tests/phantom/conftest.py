from __future__ import annotations

import pytest

from lymphorisk.parameters import load
from lymphorisk.phantom.anatomy import Numbers


@pytest.fixture(scope="session")
def numbers() -> Numbers:
    return {name: p.value for name, p in load("phantom").items()}
