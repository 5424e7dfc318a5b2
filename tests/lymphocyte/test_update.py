"""Learning from counts: on simulated patients, and what is refused."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.errors import ScenarioError, UndecidableError
from lymphorisk.lymphocyte import Course, population
from lymphorisk.lymphocyte.ensemble import forecast
from lymphorisk.lymphocyte.observation import Observation, covariance, deviations, observation
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.summary import band, summarise
from lymphorisk.lymphocyte.update import update, weights_of
from lymphorisk.parameters import load, posterior

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
PEOPLE = population(load("lymphocyte"), posterior())
COURSE = C.upper_abdomen()
BASELINE = 1.3


def simulated(patients: int, counts_on: tuple[int, ...], course: Course = COURSE) -> tuple[np.ndarray, ...]:
    """Squared error of the forecast nadir before and after counts, and whether the 80 % band holds the truth."""
    horizon = max(round(course.last_fraction_d) + 21, 35)
    prior = forecast(course, BASELINE, PEOPLE, age_y=60.0, draws=8192, horizon_d=horizon, explain=False)
    seen = observation(draw(PEOPLE, 8192, 1, PATIENT_DIMENSIONS).values)
    drawn = draw(PEOPLE, patients, 99, PATIENT_DIMENSIONS)
    truth = realise(course, drawn, PEOPLE, 60.0).ratio(prior.day) * BASELINE
    counted = truth[:, counts_on] * np.exp(deviations(observation(drawn.values), np.array(counts_on, dtype=float), 7))
    before, after, held = [], [], []
    nadirs = prior.counts.min(axis=1)
    for i in range(patients):
        weights, _ = weights_of(prior, list(zip(map(float, counts_on), counted[i].tolist(), strict=True)), seen)
        true_nadir = truth[i].min()
        b = band(nadirs, weights)
        before.append((nadirs.mean() - true_nadir) ** 2)
        after.append((weights @ nadirs - true_nadir) ** 2)
        held.append(b.p10 <= true_nadir <= b.p90)
    return np.array(before), np.array(after), np.array(held)


@pytest.mark.slow
def test_the_first_week_cuts_the_squared_error_of_the_nadir_and_the_band_stays_honest() -> None:
    """0.63 of it is left: half was without level and wander, which a single count cannot be told from."""
    before, after, held = simulated(300, (7,))
    assert after.mean() <= 0.7 * before.mean()
    assert 0.75 <= held.mean() <= 0.85


#: Site, modality, fractions, dose [Gy] and drug of twelve usual treatments.
TREATMENTS = (
    ("esophagus", "photon", 28, 50.4, "platinum"),
    ("esophagus", "proton", 28, 50.4, "platinum"),
    ("lung", "photon", 30, 60.0, "platinum"),
    ("lung_sbrt", "photon", 4, 50.0, "none"),
    ("gastric", "photon", 25, 45.0, "other"),
    ("pancreas", "photon", 28, 50.4, "other"),
    ("head_neck", "photon", 35, 70.0, "platinum"),
    ("pelvis", "photon", 25, 45.0, "platinum"),
    ("liver", "photon", 5, 50.0, "none"),
    ("brain", "photon", 30, 60.0, "temozolomide"),
    ("breast", "photon", 15, 40.05, "none"),
    ("prostate", "photon", 20, 60.0, "none"),
)


@pytest.mark.slow
def test_the_first_week_cuts_the_squared_error_over_all_treatments() -> None:
    """Pooled; where less is lost in a week than counts wander (brain, breast, prostate) one teaches little."""
    from lymphorisk.calibration.anchors import site_courses

    done = [simulated(1000, (7,), site_courses(*t)[-1 if t[0] == "breast" else 1]) for t in TREATMENTS]
    before, after, held = (np.array(part) for part in zip(*done, strict=True))
    assert after.mean() <= 0.6 * before.mean()
    assert (after.mean(axis=1) < 0.95 * before.mean(axis=1)).all()
    assert ((held.mean(axis=1) >= 0.75) & (held.mean(axis=1) <= 0.85)).all(), held.mean(axis=1)


def test_two_weeks_teach_more_than_one() -> None:
    _, one, _ = simulated(200, (7,))
    _, two, held = simulated(200, (7, 14))
    assert two.mean() < one.mean()
    assert 0.75 <= held.mean() <= 0.87


@pytest.mark.slow
def test_a_low_count_lowers_the_forecast_and_narrows_it() -> None:
    median = float(forecast(COURSE, BASELINE, PEOPLE, age_y=60.0, explain=False).median[7])
    low = update(COURSE, BASELINE, PEOPLE, [(7.0, 0.75 * median)], age_y=60.0)
    assert low.posterior.nadir.median < low.prior.nadir.median
    width = [f.nadir.count.p90 / f.nadir.count.p10 for f in (low.prior, low.posterior)]
    assert width[1] < width[0]
    assert low.effective_draws >= 200
    assert low.posterior.ensemble_id == low.prior.ensemble_id


@pytest.mark.slow
def test_order_of_the_counts_does_not_matter() -> None:
    a = update(COURSE, BASELINE, PEOPLE, [(7, 0.9), (14, 0.6)], age_y=60.0)
    b = update(COURSE, BASELINE, PEOPLE, [(14, 0.6), (7, 0.9)], age_y=60.0)
    assert a.posterior.nadir == b.posterior.nadir


def test_a_weight_is_the_probability_of_the_counts() -> None:
    """Two counts of a draw are normal in their logarithm, their errors correlated: its density, by the matrix."""
    prior = forecast(COURSE, BASELINE, PEOPLE, age_y=60.0, draws=256, horizon_d=60.0, explain=False)
    seen = observation(draw(PEOPLE, 256, 1, PATIENT_DIMENSIONS).values)
    days, values = np.array([7.0, 14.0]), np.array([0.9, 0.6])
    off = np.log(values) - np.log(prior.counts[:, [7, 14]])
    spread = covariance(seen, days, days) + seen.counting[:, None, None] ** 2 * np.eye(2)
    squared = np.einsum("ni,nij,nj->n", off, np.linalg.inv(spread), off)
    density = np.exp(-0.5 * squared) / np.sqrt(np.linalg.det(spread))
    weights, _ = weights_of(prior, list(zip(days.tolist(), values.tolist(), strict=True)), seen)
    np.testing.assert_allclose(weights, density / density.sum(), rtol=1e-6, atol=1e-12)


def test_no_information_changes_nothing() -> None:
    prior = forecast(COURSE, BASELINE, PEOPLE, age_y=60.0, explain=False)
    blind = Observation(np.full(prior.draws, 0.2), np.full(prior.draws, 90.0), np.full(prior.draws, 1e6))
    weights, effective = weights_of(prior, [(7.0, 0.9)], blind)
    assert effective == pytest.approx(prior.draws, rel=1e-6)
    again = summarise(prior.day, prior.counts, weights)
    assert again.nadir.median == pytest.approx(prior.nadir.median, rel=1e-3)


@pytest.mark.slow
def test_counts_that_contradict_the_model_are_refused_in_words() -> None:
    with pytest.raises(UndecidableError, match="contradict the model") as caught:
        update(COURSE, BASELINE, PEOPLE, [(7.0, 0.1), (14.0, 1.8)], age_y=60.0, draws=1024)
    assert "0.1 on day 7 lies below" in caught.value.message
    assert caught.value.exit_code == 4


@pytest.mark.slow
def test_of_counts_that_contradict_only_the_odd_ones_are_named() -> None:
    with pytest.raises(UndecidableError, match="contradict the model") as caught:
        update(COURSE, BASELINE, PEOPLE, [(7.0, 0.1), (10.0, 0.9), (14.0, 1.8)], age_y=60.0, draws=1024)
    assert "0.1 on day 7 lies below" in caught.value.message
    assert "0.9 on day 10" not in caught.value.message


@pytest.mark.slow
def test_a_count_of_zero_means_below_what_the_analyser_sees() -> None:
    deep = Course(COURSE.phases, "platinum")
    updated = update(deep, 0.7, PEOPLE, [(35.0, 0.0)], age_y=60.0, draws=2048)
    assert updated.posterior.nadir.p95 < updated.prior.nadir.median


@pytest.mark.parametrize(
    "counts", [[], [(0.0, 1.0)], [(-3.0, 1.0)], [(7.0, -1.0)], [(7.0, float("nan"))], [(900.0, 1.0)]]
)
def test_counts_that_are_none_are_refused(counts: list[tuple[float, float]]) -> None:
    with pytest.raises(ScenarioError):
        update(COURSE, BASELINE, PEOPLE, counts)


def test_the_result_is_plain_numbers() -> None:
    d = update(COURSE, BASELINE, PEOPLE, [(7, 0.9)], age_y=60.0, draws=1024).to_dict()
    assert d["counts"] == [{"day": 7.0, "alc": 0.9}]
    assert set(d) == {"counts", "prior", "posterior", "effective_draws", "learned", "findings"}


def test_counts_outside_the_forecast_and_copies_are_named_and_left_out() -> None:
    plain = update(COURSE, BASELINE, PEOPLE, [(7.0, 0.9)], age_y=60.0)
    made = update(COURSE, BASELINE, PEOPLE, [(-3.0, 1.6), (7.0, 0.9), (0.0, 1.5), (900.0, 1.0), (7.0, 0.9)], age_y=60.0)
    assert made.counts == plain.counts
    assert made.posterior.nadir == plain.posterior.nadir
    assert [f.code for f in made.findings] == ["LR306"] * 4
    said = " ".join(f.what for f in made.findings)
    for part in ("1.6 on day -3 is from before", "1.5 on day 0", "1 on day 900 is after", "0.9 on day 7 stands twice"):
        assert part in said


@pytest.mark.slow
def test_one_count_that_all_others_deny_is_left_out_and_named() -> None:
    others = [(7.0, 0.9), (14.0, 0.7), (21.0, 0.55)]
    made = update(COURSE, BASELINE, PEOPLE, [*others, (28.0, 6.0)], age_y=60.0, draws=2048)
    assert made.counts == tuple(others)
    assert [f.what.split(" contradicts")[0] for f in made.findings] == ["6 on day 28"]
