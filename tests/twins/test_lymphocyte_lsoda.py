"""The exact trajectory against an ordinary differential equation solver on the plain equations."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lymphorisk.lymphocyte import Course, Population
from lymphorisk.lymphocyte.pools import compartment_shares, exchange
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, Realisation, realise
from lymphorisk.lymphocyte.trajectory import Subset
from lymphorisk.plan import Steroid

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "lymphocyte" / "courses.py")))
PEOPLE = C.people()
AGE = 60.0


def slow_twin(course: Course, days: np.ndarray, seed: int, drug: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Alive, waiting, returning and two kinds of dead cells of every compartment and subset, integrated by LSODA."""
    drawn = draw(replaced(PEOPLE, drug), 1, seed, PATIENT_DIMENSIONS)
    r = realise(course, drawn, PEOPLE, AGE)
    twin = sum(s.share[0] * subset_twin(r, s, drawn.values, days) for s in r.subsets)
    return np.asarray(twin), r.ratio(days)[0]


def replaced(people: Population, value: dict[str, float]) -> Population:
    return replace(people, value={**people.value, **value}, low={**people.low, **value}, high={**people.high, **value})


def subset_twin(r: Realisation, subset: Subset, values: Mapping[str, np.ndarray], days: np.ndarray) -> np.ndarray:
    share, tau = compartment_shares(values, np.array([AGE]))
    a, c = exchange(share, tau)[0], share.shape[1]
    f = subset.fate
    lag, back, h, mf, ms = (float(x[0]) for x in (f.lag, f.back, f.fast_share, f.dead_fast, f.dead_slow))

    def rhs(t: float, y: np.ndarray, kappa: float) -> np.ndarray:
        alive, waiting, returning, df, ds = y.reshape(5, c)
        return np.concatenate(
            [
                a @ alive + back * returning - kappa * alive,
                a @ waiting - lag * waiting + kappa * (alive + returning),
                a @ returning + lag * waiting - (back + kappa) * returning,
                a @ df - mf * df + h * kappa * alive,
                a @ ds - ms * ds + (1 - h) * kappa * alive,
            ]
        )

    y = np.concatenate([share[0], np.zeros(4 * c)])
    marks = sorted({0.0, *r.calendar.times_d.tolist(), *days.tolist(), *r.calendar.spans_d})
    seen: dict[float, float] = {}
    for i, t in enumerate(marks):
        if t in days:
            x = y.reshape(5, c)
            seen[t] = (x[0, 0] + x[3, 0] + x[4, 0]) / share[0, 0]
        for when, kind in zip(r.calendar.times_d, r.calendar.kind, strict=True):
            if when == t:
                x = y.reshape(5, c).copy()
                killed, sent_back = subset.kill[0, kind] * x[0], subset.kill[0, kind] * x[2]
                x += np.array([-1.0, 1.0, 0.0, h, 1 - h])[:, None] * killed
                x += np.array([0.0, 1.0, -1.0, 0.0, 0.0])[:, None] * sent_back
                y = x.ravel()
        if i + 1 < len(marks):
            span = sum(end <= t for end in r.calendar.spans_d)
            kappa = subset.loss_rate[0, span] if span < len(r.calendar.spans_d) else 0.0
            solved = solve_ivp(rhs, (t, marks[i + 1]), y, method="LSODA", args=(kappa,), rtol=1e-9, atol=1e-12)
            assert solved.success
            y = solved.y[:, -1]
    return np.array([seen[d] for d in days])


@pytest.mark.parametrize(("chemo", "on_sensitive"), [("none", 1.0), ("temozolomide", 0.0), ("platinum", 0.7)])
def test_exact_equals_lsoda_for_the_sum_of_the_subsets(chemo: str, on_sensitive: float) -> None:
    base = C.upper_abdomen(12)
    days = np.array([0.0, 1.0, 3.5, 7.0, 15.0, 16.0, 30.0, 120.0])
    twin, exact = slow_twin(Course(base.phases, chemo), days, 11, {"chemo.on_sensitive": on_sensitive})
    assert np.abs(twin - exact).max() < 1e-6


def test_exact_equals_lsoda_under_a_drug_and_a_steroid_that_changes() -> None:
    """Spans between the changes: the drug to the last fraction, the steroid from before it, tapered, to after it."""
    steroid = (Steroid(16.0, -4.0, 3.0), Steroid(4.0, 3.0, 9.5), Steroid(2.0, 12.0, 40.0))
    course = replace(C.upper_abdomen(12), chemo="platinum", steroid=steroid)
    days = np.array([0.0, 1.0, 3.0, 7.0, 9.5, 15.0, 30.0, 40.0, 120.0])
    twin, exact = slow_twin(course, days, 11, {})
    assert np.abs(twin - exact).max() < 1e-6


def test_exact_equals_lsoda_for_a_burst_of_fractions() -> None:
    days = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 10.0])
    twin, exact = slow_twin(C.whole_body(2.0, [0.0, 0.25, 0.5]), days, 3, {})
    assert np.abs(twin - exact).max() < 1e-6
