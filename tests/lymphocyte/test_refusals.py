"""What no course, kill table, population or map can be is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import LymphoriskError, MissingOrganError, ScenarioError, StructureError
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.drugs import chemo_parameter
from lymphorisk.lymphocyte.killmap import Voxels
from lymphorisk.lymphocyte.lowrate import steps_for
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.trajectory import Calendar

TISSUES = {pool: uniform(1.0) for pool in POOLS if pool != "blood"}


def phase(times: list[float] | None = None, pools: object = None, **more: object) -> PhaseExposure:
    given = TISSUES if pools is None else pools
    return PhaseExposure(np.array([0.0] if times is None else times), uniform(0.1), given, **more)  # type: ignore[arg-type]


def voxels(index: list[int], volume: list[float], total: float) -> Voxels:
    return Voxels(np.array(index), np.array(volume), total)


def events(times: list[float], kind: list[int], spans: tuple[float, ...] = ()) -> Calendar:
    return Calendar(np.array(times), np.array(kind, dtype=np.intp), spans)


@pytest.mark.parametrize(
    ("made", "error", "what"),
    [
        (lambda: phase([]), ScenarioError, "fraction"),
        (lambda: phase([-1.0]), ScenarioError, "not negative"),
        (lambda: phase([2.0, 1.0]), ScenarioError, "in order"),
        (lambda: phase([0.0, np.nan]), ScenarioError, "finite"),
        (lambda: phase(pools={}), MissingOrganError, "no dose for the lymphocytes of"),
        (lambda: phase(pools={**TISSUES, "thumb": uniform(1.0)}), ScenarioError, "unknown lymphocyte pool 'thumb'"),
        (lambda: phase(surrogate=frozenset({"thumb"})), ScenarioError, "unknown lymphocyte pool 'thumb'"),
        (lambda: phase(bodies=({"thumb": uniform(1.0)},)), ScenarioError, "unknown lymphocyte pool 'thumb'"),
        (lambda: phase(modality="neutron"), ScenarioError, "modality 'neutron'"),
        (lambda: Course(()), ScenarioError, "a course has a phase"),
        (lambda: chemo_parameter("tea"), ScenarioError, "chemo 'tea' is unknown"),
        (lambda: steps_for([]), ScenarioError, "above zero"),
        (lambda: steps_for([0.0]), ScenarioError, "above zero"),
        (lambda: voxels([1, 2], [1.0], 3.0), StructureError, r"\(2,\) voxels with \(1,\) volumes"),
        (lambda: voxels([1], [-1.0], 3.0), StructureError, "not be negative"),
        (lambda: voxels([1], [1.0], 0.0), StructureError, "must have a volume"),
        (lambda: events([0.0], []), ScenarioError, "as many events as kinds"),
        (lambda: events([-1.0], [0]), ScenarioError, "not be negative"),
        (lambda: events([2.0, 1.0], [0, 0]), ScenarioError, "in order"),
        (lambda: events([0.0], [0], (5.0, 5.0)), ScenarioError, "one after another"),
        (lambda: events([0.0], [0], (0.0,)), ScenarioError, "after day 0"),
    ],
)
def test_what_is_refused(made: Callable[[], object], error: type[LymphoriskError], what: str) -> None:
    with pytest.raises(error, match=what):
        made()


def test_the_edge_of_each_is_taken() -> None:
    assert len(phase([0.0, 0.0, 1.0]).times_d) == 3
    assert len(Course((phase(),)).phases) == 1
    assert events([0.0, 0.0], [0, 1], (1.0, 2.0)).spans_d == (1.0, 2.0)
    assert voxels([1], [0.0], 1e-9).total_cm3 == 1e-9
