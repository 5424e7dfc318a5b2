"""The exact trajectory against an ordinary differential equation solver on the plain equations."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lymphorisk.lymphocyte import Course
from lymphorisk.lymphocyte.pools import compartment_shares, exchange
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "lymphocyte" / "courses.py")))
PEOPLE = C.people()
AGE = 60.0


def slow_twin(course: Course, days: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Alive, lost quick, lost slow and two kinds of dead cells of every compartment, integrated by LSODA."""
    drawn = draw(PEOPLE, 1, seed, PATIENT_DIMENSIONS)
    r = realise(course, drawn, PEOPLE, AGE)
    share, tau = compartment_shares(drawn.values, np.array([AGE]))
    a, c = exchange(share, tau)[0], share.shape[1]
    f = r.fate
    phi, h = f.quick_share[0], f.fast_share[0]
    quick, slow, mf, ms = f.quick[0], f.slow[0], f.dead_fast[0], f.dead_slow[0]

    def rhs(t: float, y: np.ndarray, kappa: float) -> np.ndarray:
        alive, eq, es, df, ds = y.reshape(5, c)
        lost = kappa * alive
        return np.concatenate(
            [
                a @ alive + quick * eq + slow * es - lost,
                a @ eq - quick * eq + phi * lost,
                a @ es - slow * es + (1 - phi) * lost,
                a @ df - mf * df + h * lost,
                a @ ds - ms * ds + (1 - h) * lost,
            ]
        )

    y = np.concatenate([share[0], np.zeros(4 * c)])
    marks = sorted({0.0, *r.calendar.times_d.tolist(), *days.tolist(), r.calendar.drug_until_d})
    seen: dict[float, float] = {}
    for i, t in enumerate(marks):
        if t in days:
            x = y.reshape(5, c)
            seen[t] = (x[0, 0] + x[3, 0] + x[4, 0]) / share[0, 0]
        for when, kind in zip(r.calendar.times_d, r.calendar.kind, strict=True):
            if when == t:
                x = y.reshape(5, c).copy()
                killed = r.kill[0, kind] * x[0]
                x += np.array([-1.0, phi, 1 - phi, h, 1 - h])[:, None] * killed
                y = x.ravel()
        if i + 1 < len(marks):
            kappa = r.loss_rate[0] if t < r.calendar.drug_until_d else 0.0
            solved = solve_ivp(rhs, (t, marks[i + 1]), y, method="LSODA", args=(kappa,), rtol=1e-9, atol=1e-12)
            assert solved.success
            y = solved.y[:, -1]
    return np.array([seen[d] for d in days]), r.ratio(days)[0]


@pytest.mark.parametrize("chemo", ["none", "temozolomide"])
def test_exact_equals_lsoda(chemo: str) -> None:
    base = C.upper_abdomen(12)
    days = np.array([0.0, 1.0, 3.5, 7.0, 15.0, 16.0, 30.0, 120.0])
    twin, exact = slow_twin(Course(base.phases, chemo), days, seed=11)
    assert np.abs(twin - exact).max() < 1e-6


def test_exact_equals_lsoda_for_a_burst_of_fractions() -> None:
    days = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 10.0])
    twin, exact = slow_twin(C.whole_body(2.0, [0.0, 0.25, 0.5]), days, seed=3)
    assert np.abs(twin - exact).max() < 1e-6
