"""What no course, kill table, population or map can be is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import LymphoriskError, MissingOrganError, ParameterError, ScenarioError, StructureError
from lymphorisk.lymphocyte.attribution import spread_shares
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.drugs import chemo_parameter
from lymphorisk.lymphocyte.killmap import Voxels, kill_map
from lymphorisk.lymphocyte.lowrate import steps_for
from lymphorisk.lymphocyte.pools import POOLS, pool_system
from lymphorisk.lymphocyte.population import Population, draw, population
from lymphorisk.lymphocyte.survival import kills
from lymphorisk.lymphocyte.trajectory import Calendar, blood_count
from lymphorisk.parameters import Parameter, load
from lymphorisk.parameters.posterior import PosteriorDraws

TISSUES = {pool: uniform(1.0) for pool in POOLS if pool != "blood"}


def phase(times: list[float] | None = None, pools: object = None, **more: object) -> PhaseExposure:
    given = TISSUES if pools is None else pools
    return PhaseExposure(np.array([0.0] if times is None else times), uniform(0.1), given, **more)  # type: ignore[arg-type]


def voxels(index: list[int], volume: list[float], total: float) -> Voxels:
    return Voxels(np.array(index), np.array(volume), total)


def events(times: list[float], kind: list[int], spans: tuple[float, ...] = ()) -> Calendar:
    return Calendar(np.array(times), np.array(kind, dtype=np.intp), spans)


def counted(days: list[float]) -> object:
    one = np.array([[0.5, 0.5]])
    return blood_count(np.array(days), events([0.0], [0]), pool_system(one, np.ones((1, 2))), ())


def ranged(low: float = 0.5, moves: tuple[str, ...] | None = None) -> Population:
    table = {"x": Parameter("x", 1.0, "1", "s", "p", "assumed", low=low, high=2.0)}
    return population(table, None if moves is None else PosteriorDraws(moves, np.zeros((1, len(moves)))))


def of_cohort(which: list[int], counts: int) -> object:
    return simulate([Course((phase(),))], np.array(which), np.ones(counts), population(load("lymphocyte")))


def in_compartment(name: str) -> object:
    return kill_map(
        np.ones((1, 1, 1)),
        blood=[(name, voxels([0], [1.0], 1.0), 1.0)],
        gradient=SimpleNamespace(compartments={}),  # type: ignore[arg-type]
        blood_share=0.02,
        pools=(),
    )


@pytest.mark.parametrize(
    ("made", "error", "what"),
    [
        (lambda: phase([]), ScenarioError, "fraction"),
        (lambda: phase([[0.0], [1.0]]), ScenarioError, "at least one fraction time"),  # type: ignore[list-item]
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
        (lambda: counted([-0.5, 0.0]), ScenarioError, "days to report must not be negative"),
        (lambda: counted([-1.0, 0.0]), ScenarioError, "days to report must not be negative"),
        (lambda: counted([0.0, 2.0, 1.0]), ScenarioError, "must be in order"),
        (lambda: ranged(low=1.5), ParameterError, "parameter x: 1 with range 1.5 to 2"),
        (lambda: ranged(low=0.0), ParameterError, "parameter x: 1 with range 0 to 2"),
        (lambda: ranged(moves=("x", "y")), ParameterError, "the posterior moves 'y', which is not a parameter"),
        (lambda: draw(ranged(), 0, 1, ()), ParameterError, "at least one draw, not 0"),
        (lambda: pool_system(np.array([[0.5, 0.0]]), np.ones((1, 2))), ParameterError, "must be above zero"),
        (lambda: pool_system(np.array([[0.5, 0.5]]), np.zeros((1, 2))), ParameterError, "must be above zero"),
        (lambda: kills(uniform(1.0), *(np.ones((2, k)) for k in (1, 1, 2))), ParameterError, "different shapes"),
        (lambda: of_cohort([0, 2], 2), ScenarioError, "needs a course and a baseline count"),
        (lambda: of_cohort([0, 0], 1), ScenarioError, "needs a course and a baseline count"),
        (lambda: in_compartment("thumb"), StructureError, "no blood gradient for compartment 'thumb'"),
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


def test_a_nadir_that_all_draws_share_is_spread_by_nothing() -> None:
    drawn = draw(population(load("lymphocyte")), 16, 1, ("level",))
    names = tuple(drawn.z)[:2]
    assert spread_shares(drawn, np.full(16, 0.7), names) == {}
    assert spread_shares(drawn, np.linspace(0.1, 1.0, 16), ()) == {}
    assert sum(spread_shares(drawn, np.linspace(0.1, 1.0, 16), names).values()) == pytest.approx(1.0)
