"""Reference bodies and placements made once."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from lymphorisk.anatomy import (
    Peripheral,
    Placed,
    Prior,
    Reference,
    place,
    prior_of,
    reference_body,
)
from lymphorisk.parameters import load

A = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "drawings.py")))
Numbers = Mapping[str, float | tuple[float, ...]]


@pytest.fixture(scope="session")
def anatomy_numbers() -> Numbers:
    return {n: p.value for n, p in load("anatomy").items()}


@pytest.fixture(scope="session")
def prior(anatomy_numbers: Numbers) -> Prior:
    return prior_of(anatomy_numbers)


@pytest.fixture(scope="session")
def man(anatomy_numbers: Numbers) -> Reference:
    return reference_body({n: p.value for n, p in load("phantom").items()}, "M", anatomy_numbers)


@pytest.fixture(scope="session")
def peripheral(anatomy_numbers: Numbers) -> Peripheral:
    return Peripheral(
        **{
            n.removeprefix("peripheral."): v
            for n, v in anatomy_numbers.items()
            if n.startswith("peripheral.") and isinstance(v, float)
        }
    )


@pytest.fixture(scope="session")
def placed(man: Reference, prior: Prior) -> Placed:
    """The reference man placed in himself by a usual set of organs."""
    made = place(man, {n: A.seen(man, n) for n in A.USUAL}, man.outline, prior, seed=3)
    assert isinstance(made, Placed)
    return made
