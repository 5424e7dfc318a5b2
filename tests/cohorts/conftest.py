"""Small cohorts: scenarios of one organ, few draws, short forecasts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from lymphorisk.analysis import Options
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.ledger import Outcome

SCENARIO = """[plan]
modality = "photon"
fractions = {fractions}
beam_on_s = [30]
[organs.Spleen]
mean_gy = {gy}
[patient]
alc = 1.5
"""
RECIPE = Recipe(Options(draws=16, horizon_d=60), metrics=(("*", "Mean[Gy]"), ("Liver", "V20Gy[%]")))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return RECIPE


def write_scenario(folder: Path, name: str, gy: float = 5.0, fractions: int = 5) -> Path:
    """A scenario of its own bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(SCENARIO.format(gy=gy, fractions=fractions), encoding="utf-8")
    return path


def write_sources(folder: Path, number: int) -> Path:
    """A folder of scenarios, no two alike."""
    for n in range(number):
        write_scenario(folder, f"plan{n:03d}", gy=1.0 + n / 10)
    return folder


def made_outcome(key: str, number: int = 0, *, bad: bool = False) -> Outcome:
    """What a plan could have become; nothing is computed."""
    if bad:
        return Outcome(key, "quarantined", {"code": "LR702", "what": "RTDOSE missing", "hint": "export it"})
    row = {"modality": "photon", "fractions": 5, "nadir_median": 0.5 + number / 1000, "findings": ["LR301"]}
    metrics = [{"structure": "Spleen", "metric": "Mean[Gy]", "value": float(number), "source": "roi", "reason": ""}]
    return Outcome(key, "done", row, metrics, seconds=float(number))


@pytest.fixture(scope="session")
def small() -> SimpleNamespace:
    """What the tests of this room make cohorts of."""
    return SimpleNamespace(scenario=write_scenario, sources=write_sources, outcome=made_outcome)
