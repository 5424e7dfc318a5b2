"""Templates of trials and of cells that are no product: each reads, says what is not printed, and runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, RegimenFile, compare, read_regimen
from lymphorisk.regimen.plan import plan_exposure

ROOT = Path(__file__).parents[2] / "fixtures"
TRIALS = sorted((ROOT / "regimens" / "trials").glob("*.toml"))
WHO = PatientFacts(Patient(alc=1.2, weight_kg=75.0, height_cm=172.0), egfr_ml_min=85.0)
#: As the review prints it: registration, whole-body dose. [Gy]
PRINTED = {"NCT03412526": 2.0, "NCT03132922": 1.4, "NCT05022849": None}


def read(path: Path) -> RegimenFile:
    return read_regimen(path, plan_exposure, ROOT / "rtplans" / "pelvis")


@pytest.mark.slow
@pytest.mark.parametrize("path", TRIALS, ids=lambda p: p.stem)
def test_a_template_is_of_one_registration_and_says_what_is_not_printed(path: Path) -> None:
    """S048, S049, S050."""
    made, text = read(path).regimen, path.read_text(encoding="utf-8")
    (number,) = [n for n in PRINTED if n in made.name]
    assert number in text.splitlines()[0]
    assert path.stem.startswith(number.lower())
    assert "not printed" in text.lower()
    assert [r.whole_body_gy for r in made.radiation] == [PRINTED[number]]


def test_every_trial_of_the_table_has_a_template() -> None:
    assert len(TRIALS) == len(PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize("path", TRIALS, ids=lambda p: p.stem)
def test_a_template_runs(path: Path) -> None:
    file = read(path)
    made = compare([(file.regimen, file.plans)], WHO, Choices(draws=64)).forecasts[0]
    assert float(np.median(np.asarray(made.metrics["alc_at_infusion"]))) < 1.2
    assert "LR507" in {f.code for f in made.findings} or not any(r.whole_body_gy for r in file.regimen.radiation)


def test_cells_that_are_no_product_have_a_window_and_several_infusions_of_their_own() -> None:
    """S087."""
    file = read(ROOT / "regimens" / "other_cells.toml")
    assert file.regimen.product == ""
    assert file.regimen.infusion_days == (0.0, 14.0, 28.0)
    assert file.regimen.window is not None
    assert (file.regimen.window.low_d, file.regimen.window.high_d) == (1.0, 7.0)
    made = compare([(file.regimen, file.plans)], WHO, Choices(draws=64)).forecasts[0]
    assert "LR501" not in {f.code for f in made.findings}
    early = made.judgements
    assert {j.criterion.metric for j in early} >= {"days_outside_window"}
