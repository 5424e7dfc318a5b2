"""Dose at a low, falling rate: closed forms, convergence, laws."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import MissingOrganError, ScenarioError
from lymphorisk.lymphocyte import Course, course_from_dict
from lymphorisk.lymphocyte.course import LowRate, PhaseExposure
from lymphorisk.lymphocyte.ensemble import sample_counts
from lymphorisk.lymphocyte.lowrate import emitter_phases, lea_catcheside, steps_for
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, pool_log_kill, unexplained
from lymphorisk.plan.emitter import Emitter, decayed, nuclide_of
from tests.lymphocyte.courses import people

DOSE = {
    "blood": 0.6,
    "spleen": 4.5,
    "nodes": 0.4,
    "marrow": 0.5,
    "gut": 0.3,
    "thymus": 0.3,
    "lung": 0.3,
    "elsewhere": 0.3,
}
HOURS = dict.fromkeys(POOLS, 160.0) | {"blood": 11.0, "spleen": 60.0}


def phases(scale: float = 1.0, days: tuple[float, ...] = (0.0, 56.0), **more) -> tuple[PhaseExposure, ...]:
    given = {pool: uniform(scale * gy) for pool, gy in DOSE.items()}
    return emitter_phases(days, given, HOURS, **{"repair_half_time_h": 1.5, "marrow_method": "imaging"} | more)


def counts(course: Course, **more) -> np.ndarray:
    return sample_counts(course, 1.5, people(), draws=1, vary=(), **more)[0]


def test_the_steps_give_all_of_every_dose_and_act_at_its_mean_time() -> None:
    steps = steps_for(list(HOURS.values()))
    for hours in set(HOURS.values()):
        assert steps.shares(hours).sum() == pytest.approx(1.0, abs=1e-12)
    alone = steps_for([48.0], 64)
    assert alone.shares(48.0) == pytest.approx(np.full(64, 1 / 64))
    assert alone.acts_d @ alone.shares(48.0) == pytest.approx(2.0 / np.log(2.0), rel=1e-9)


@pytest.mark.parametrize("survival", ["combined", "tbi", "in_vivo_jin"])
def test_an_exponential_survival_knows_no_dose_rate(survival: str) -> None:
    who = people(survival)
    drawn = draw(who, 8, 3, PATIENT_DIMENSIONS)
    parts = [pool_log_kill(p, drawn, who) for p in phases()]
    given = {pool: uniform(gy) for pool, gy in DOSE.items()}
    at_once = PhaseExposure(np.zeros(1), given["blood"], {p: d for p, d in given.items() if p != "blood"})
    whole = pool_log_kill(at_once, drawn, who)
    for i in range(2):
        together = sum(part[i] for part in parts)
        not_marrow = [k for k, pool in enumerate(POOLS) if pool != "marrow"]
        assert together[:, not_marrow] == pytest.approx(whole[i][:, not_marrow], rel=1e-9)


def test_of_a_quadratic_term_repair_leaves_the_lea_catcheside_part() -> None:
    who = people("colony")
    drawn = draw(who, 1, 3, PATIENT_DIMENSIONS, vary=())
    together = sum(pool_log_kill(p, drawn, who)[0][0] for p in phases(days=(0.0,)))
    a, b = 0.381, 0.0968
    for i, pool in enumerate(POOLS):
        d, g = DOSE[pool], lea_catcheside(HOURS[pool], 1.5)
        assert together[i] == pytest.approx(a * d + b * g * d * d, rel=1e-9)
    assert lea_catcheside(1e-9, 1.5) == pytest.approx(1.0)


def test_the_lea_catcheside_factor_is_that_of_the_double_integral() -> None:
    hours, repair = 20.0, 1.5
    k, mu = np.log(2.0) / hours, np.log(2.0) / repair
    t = np.linspace(0.0, 30.0 * hours, 60_001)
    rate = np.exp(-k * t)
    inner = (np.exp(-k * t) - np.exp(-mu * t)) / (mu - k)
    g = 2.0 * np.trapezoid(rate * inner, t) * k * k
    assert g == pytest.approx(lea_catcheside(hours, repair), rel=1e-4)


def test_more_steps_change_the_lowest_count_by_less_than_half_a_percent() -> None:
    few, many = (counts(Course(phases(steps=n)), horizon_d=200) for n in (16, 64))
    assert few.min() == pytest.approx(many.min(), rel=5e-3)


def test_no_dose_keeps_the_count_and_there_is_no_loss_beyond_dose() -> None:
    course = Course(phases(0.0))
    assert counts(course) == pytest.approx(1.5, abs=1e-9)
    drawn = draw(people(), 4, 1, PATIENT_DIMENSIONS)
    assert not np.any(unexplained(phases()[0], drawn))


@pytest.mark.parametrize("survival", ["combined", "colony"])
def test_more_dose_never_raises_the_count(survival: str) -> None:
    who = people(survival)
    low, high = (sample_counts(Course(phases(s)), 1.5, who, draws=32, seed=5, horizon_d=300) for s in (1.0, 1.3))
    assert np.all(high <= low + 1e-12)


def test_a_longer_half_life_gives_the_dose_later() -> None:
    given = {pool: uniform(gy) for pool, gy in DOSE.items()}
    fast, slow = (
        counts(
            Course(
                emitter_phases((0.0,), given, dict.fromkeys(POOLS, h), repair_half_time_h=1.5, marrow_method="imaging")
            ),
            horizon_d=60,
        )
        for h in (11.0, 160.0)
    )
    assert fast[2] < slow[2]


def test_beams_and_an_emitter_share_a_calendar_and_their_order_matters() -> None:
    beams = PhaseExposure(np.arange(30.0, 45.0), uniform(0.05), {p: uniform(0.2) for p in POOLS if p != "blood"})
    both = counts(Course((beams, *phases(days=(0.0,)))), horizon_d=120)
    swapped = counts(Course((*phases(days=(0.0,)), beams)), horizon_d=120)
    assert both == pytest.approx(swapped, rel=1e-12)
    alone = counts(Course(phases(days=(0.0,))), horizon_d=120)
    assert both[:30] == pytest.approx(alone[:30], rel=1e-12)
    assert both[60] < alone[60]


def test_the_marrow_method_widens_the_marrow_alone() -> None:
    who = people()
    drawn = draw(who, 256, 1, PATIENT_DIMENSIONS)
    marrow, spleen = POOLS.index("marrow"), POOLS.index("spleen")
    wide, narrow = (
        pool_log_kill(phases(marrow_method=method)[0], drawn, who)[0] for method in ("blood-based", "imaging")
    )
    assert np.array_equal(wide[:, spleen], narrow[:, spleen])
    spread = np.log(wide[:, marrow]).std(), np.log(narrow[:, marrow]).std()
    assert spread[0] > 1.5 * spread[1]
    drawn_twice = drawn.values["marrow.blood_based"]
    assert np.quantile(drawn_twice, [0.05, 0.5, 0.95]) == pytest.approx([0.84, 1.0, 24.0], rel=0.05)


def test_an_alpha_emitter_varies_in_its_effectiveness_and_a_beta_emitter_does_not() -> None:
    who = people()
    drawn = draw(who, 1, 1, PATIENT_DIMENSIONS, vary=())
    beta, alpha = (pool_log_kill(phases(alpha=a)[0], drawn, who)[0][0] for a in (False, True))
    assert alpha / beta == pytest.approx(np.full(len(POOLS), who.value["rbe.alpha"]), rel=1e-6)


def test_a_course_with_an_emitter_is_read_back_to_the_last_bit() -> None:
    course = Course(phases())
    again = course_from_dict(course.to_dict())
    assert again.to_dict() == course.to_dict()
    assert counts(again) == pytest.approx(counts(course), abs=0.0)


def test_a_dose_factor_scales_the_quadratic_part_too() -> None:
    (step, *_) = phases()
    twice = step.scaled(2.0)
    assert twice.low_rate is not None
    assert step.low_rate is not None
    assert twice.low_rate.quadratic_gy["spleen"] == 2.0 * step.low_rate.quadratic_gy["spleen"]


@pytest.mark.parametrize(("made", "said"), [("aspirate", "aspirate")])
def test_an_unknown_marrow_method_is_refused(made: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        LowRate(dict.fromkeys(POOLS, 0.0), made)  # type: ignore[arg-type]
    with pytest.raises(MissingOrganError, match="nodes"):
        LowRate({p: 0.0 for p in POOLS if p != "nodes"}, "imaging")


def test_half_lives_and_names() -> None:
    assert decayed(21.07, 70.0 / 24.0) == pytest.approx(0.1, abs=1e-4)
    assert [nuclide_of(t) for t in ("Lutetium 177", "90-Y", "i-131", "Ac 225")] == ["177Lu", "90Y", "131I", "225Ac"]
    for wrong in ("Lu-176", "P-32", "", "Y 91"):
        with pytest.raises(ScenarioError, match="unknown"):
            nuclide_of(wrong)
    with pytest.raises(ScenarioError, match="longer than"):
        Emitter("90Y", "given", 64.1, {"*": 100.0})
