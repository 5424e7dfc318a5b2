"""Doses of a course exchanged and scaled: every body a draw may live in goes along."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lymphorisk.analysis.compare import exchanged
from lymphorisk.dvh import uniform
from lymphorisk.lymphocyte import Course, PhaseExposure, forecast
from lymphorisk.lymphocyte.pools import POOLS

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
BODIES = 3


def placed(course: Course, gut: float, marrow: float) -> Course:
    """The course with gut and marrow placed in three bodies, each with another dose. [Gy]"""
    (phase,) = course.phases
    bodies = tuple({"gut": uniform(gut * (1 + k)), "marrow": uniform(marrow * (1 + k))} for k in range(BODIES))
    pools = {**phase.pools, "gut": uniform(2 * gut), "marrow": uniform(2 * marrow)}
    return replace(course, phases=(replace(phase, pools=pools, bodies=bodies),))


DRAWN = C.upper_abdomen()
FIRST, SECOND = (
    placed(DRAWN, 0.2, 0.1),
    placed(C.course(DRAWN.phases[0].times_d, uniform(0.09), nodes=uniform(0.2)), 0.4, 0.3),
)


def doses(phase: PhaseExposure, pool: str) -> list[float]:
    """Mean dose of a pool: in all bodies, then in each. [Gy]"""
    return [round(d.mean_gy, 9) for d in (phase.distribution(pool), *(b[pool] for b in phase.bodies if pool in b))]


@pytest.mark.parametrize(("a", "b"), [(FIRST, SECOND), (FIRST, DRAWN), (DRAWN, SECOND)])
@pytest.mark.parametrize("pool", POOLS)
def test_one_pool_is_exchanged_in_every_body_and_no_other(a: Course, b: Course, pool: str) -> None:
    (made,) = exchanged(a, b, pool).phases
    (mine,), (theirs,) = a.phases, b.phases
    assert doses(made, pool)[0] == doses(theirs, pool)[0]
    met = [body.get(pool, made.distribution(pool)).mean_gy for body in made.bodies]
    wanted = [body.get(pool, theirs.distribution(pool)).mean_gy for body in theirs.bodies]
    usual = [theirs.distribution(pool).mean_gy] * len(met)
    assert met == pytest.approx(wanted if wanted and met else usual)
    for other in (p for p in POOLS if p != pool):
        assert doses(made, other)[0] == doses(mine, other)[0]
        assert [b[other].mean_gy for b in made.bodies if other in b] == [
            b[other].mean_gy for b in mine.bodies if other in b
        ]


def test_all_pools_exchanged_are_the_other_course() -> None:
    made = FIRST
    for pool in POOLS:
        made = exchanged(made, SECOND, pool)
    wanted, found = (forecast(c, 1.3, C.people(), draws=32, horizon_d=60, explain=False) for c in (SECOND, made))
    assert found.nadir.median == pytest.approx(wanted.nadir.median, rel=1e-12)
    assert found.counts == pytest.approx(wanted.counts)


def test_a_factor_scales_the_dose_of_every_body() -> None:
    (phase,) = FIRST.phases
    half = phase.scaled(0.5)
    for pool in POOLS:
        assert doses(half, pool) == pytest.approx([d / 2 for d in doses(phase, pool)])
