"""A small model trained on a cohort whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.predict import Predictor, load
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.fit import fit
from lymphorisk.train.package import write_model
from lymphorisk.train.settings import Settings, Shape

USED = ("alc", "age", "fractions", "blood_mean", "spleen_mean", "spleen_v5", "lungs_mean", "lungs_v5", "heart_mean")


def known_truth(n: int, seed: int) -> tuple[Cohort, np.ndarray]:
    """A cohort and the true probability of its events; lung metrics carry nothing beyond their correlation."""
    rng = np.random.default_rng(seed)
    alc = np.exp(rng.normal(0.3, 0.4, n))
    spleen = rng.gamma(1.5, 4.0, n)
    fractions = rng.integers(1, 36, n).astype(float)
    blood = 0.1 * fractions * rng.uniform(0.5, 1.5, n)
    lungs = blood * rng.uniform(1.0, 3.0, n)
    x = np.column_stack(
        [
            alc,
            rng.normal(60, 10, n),
            fractions,
            blood,
            spleen,
            100 * (1 - np.exp(-spleen / 6)),
            lungs,
            100 * (1 - np.exp(-lungs / 6)),
            rng.gamma(2.0, 2.0, n),
        ]
    )
    logit = -1.5 - 1.6 * np.log(alc) + 0.12 * spleen + 0.5 * blood
    event = (rng.random(n) < sigmoid(logit)).astype(float)
    nadir = np.where(event > 0, 0.3, 0.9) * np.exp(rng.normal(0, 0.2, n))
    gaps = rng.random(x.shape) < 0.1
    gaps[:, 0] = False
    x[gaps] = np.nan
    cohort = Cohort(
        "known truth",
        x,
        USED,
        {"g3": event},
        nadir,
        np.arange(n, dtype=np.int64),
        {"site": np.where(spleen > 6, "pancreas", "lung")},
    )
    return cohort, sigmoid(logit)


SMALL = Settings(choices=(Shape(3, 0.1, 10.0, 2.0, 120),), resampled=6, resampled_rounds=40, nadir_rounds=40, threads=1)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "tiny"
    write_model(fit(known_truth(2500, 1)[0], SMALL), out, trained_on="simulated patients", window="test")
    return out


@pytest.fixture(scope="session")
def predictor(model_path: Path) -> Predictor:
    return load(model_path)


def vector(**values: float) -> FeatureVector:
    given = {
        "alc": 1.3,
        "age": 60.0,
        "fractions": 20.0,
        "blood_mean": 2.0,
        "spleen_mean": 6.0,
        "spleen_v5": 63.0,
        "lungs_mean": 4.0,
        "lungs_v5": 48.0,
        "heart_mean": 4.0,
        **values,
    }
    return FeatureVector(np.array([given.get(n, np.nan) for n in NAMES]))


@pytest.fixture(scope="session")
def make_vector():
    return vector
