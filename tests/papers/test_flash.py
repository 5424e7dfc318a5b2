"""Ultra-high dose rates and ions: the published rows the what-ifs meet, and those they miss.

Jin 2020 (a computation): killing of circulating cells falls from 90-100 % to 5-10 % at ultra-high dose rates, most with
30 to 50 Gy in a fraction, and hardly at 2 Gy. Venkatesulu 2019 (mice): at 35 Gy/s spleen or heart spared no
lymphocytes, with 5 Gy at once or in five.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lymphorisk import Options, analyze
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.exposure import blood_dose_of
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.whatif import at_dose_rate, parse
from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, pool_log_kill
from lymphorisk.parameters import load
from lymphorisk.plan import Beam, Phase
from lymphorisk.scenario import scenario_from
from tests.lymphocyte.courses import people

#: A conventional dose rate, and one organ with a tenth of the blood and a quarter of the output. [Gy/s]
CONVENTIONAL, ORGAN = 2.0 / 60.0, "Liver"


def course(organ: str, gy: float, fractions: int = 1, **plan) -> dict:
    patient = {"sex": "M", "age": 60, "alc": 1.5, "chemo": "none", "steroid": "none"}
    own = {"fractions": fractions, "beam_on_s": [600.0], "prescription_gy": gy} | plan
    return {"plan": own, "organs": {organ: {"mean_gy": gy}, "Body": {"mean_gy": 0.0}}, "patient": patient}


@cache
def killed(gy: float) -> tuple[float, float]:
    """Share of the blood's lymphocytes one fraction kills by a conventional and an ultra-high dose rate."""
    given = prepare(scenario_from(course(ORGAN, gy)))
    slow, fast = (given.at_dose_rate(r) for r in (CONVENTIONAL, load("delivery")["flash_dose_rate"].number))
    a, b = (1.0 - blood_dose_of(p).fraction[0].surviving["tbi"] for p in (slow, fast))
    return a, b


def test_large_fractions_spare_circulating_cells_as_computed() -> None:
    slow, fast = killed(40.0)
    assert slow >= 0.9
    assert 0.05 <= fast <= 0.20  # the organ holds a tenth of the blood: none outside it is spared more


@pytest.mark.xfail(
    strict=True,
    reason="2 Gy: about 0.05 of the cells between the two, where the computation found hardly a difference (Jin 2020)",
)
def test_two_gray_spare_hardly_anything() -> None:
    slow, fast = killed(2.0)
    assert slow - fast < 0.03


def test_the_sparing_grows_with_the_dose_of_a_fraction() -> None:
    spared = [killed(gy)[0] - killed(gy)[1] for gy in (2.0, 10.0, 40.0)]
    assert spared == sorted(spared)
    assert spared[0] < 0.2 * spared[-1]


@cache
def asked(organ: str, gy: float, fractions: int) -> Analysis:
    return analyze(scenario_from(course(organ, gy, fractions)), options=Options(draws=64, what_if=("flash",)))


@pytest.mark.parametrize("fractions", [1, 5])
def test_the_spleen_is_not_spared(fractions: int) -> None:
    made = asked("Spleen", 5.0, fractions)
    (what_if,) = made.what_ifs
    assert abs(what_if.difference.nadir.p50) < 0.05 * made.forecast.nadir.median
    assert any(f.code == "LR256" and "flash" in f.what for f in made.findings)


def test_a_dose_rate_is_read_in_its_units_and_nonsense_refused() -> None:
    assert parse("FLASH", 1).gy_per_s == 40.0
    assert parse("dose-rate=6Gy/min", 1).gy_per_s == pytest.approx(0.1)
    assert parse("dose rate = 0.1 Gy/s", 1).gy_per_s == pytest.approx(0.1)
    for wrong in ("dose-rate=0Gy/s", "dose-rate=5", "flashy", "dose-rate=-1Gy/s"):
        with pytest.raises(InputError):
            parse(wrong, 1)


def test_beams_share_the_time_of_the_dose() -> None:
    phase = Phase("x", 2, (Beam(1, on_s=60.0), Beam(2, on_s=60.0)))
    assert [b.on_s for b in at_dose_rate(phase, 40.0, 20.0).beams] == [0.25, 0.25]
    assert at_dose_rate(Phase("x", 1), 40.0, 20.0).beams[0].on_s == 0.5


def test_the_mean_blood_dose_knows_no_dose_rate() -> None:
    slow = prepare(scenario_from(course(ORGAN, 10.0)))
    fast = slow.at_dose_rate(40.0)
    assert blood_dose_of(slow).course.mean_gy == pytest.approx(blood_dose_of(fast).course.mean_gy, rel=1e-9)


@pytest.mark.slow
def test_ions_count_by_an_assumed_effectiveness_with_a_wide_band() -> None:
    (photon, ion) = (
        analyze(scenario_from(course("Spleen", 10.0, 5, modality=m, **more)), options=Options(draws=128))
        for m, more in (("photon", {}), ("carbon", {"rbe": 1.0}))
    )
    assert any(f.code == "LR330" for f in ion.findings)
    assert "LR330" not in {f.code for f in photon.findings}
    assert ion.forecast.nadir.median < photon.forecast.nadir.median
    assert "rbe.ion" in ion.forecast.sensitivity
    assert "rbe.ion" not in photon.forecast.sensitivity
    who = people()
    drawn = draw(who, 256, 1, PATIENT_DIMENSIONS)
    table = pool_log_kill(ion.course.phases[0], drawn, who)[0]
    assert np.std(np.log(drawn.values["rbe.ion"])) > 0.25
    assert table.shape[0] == 256


def test_ions_without_a_word_on_their_dose_are_warned_of() -> None:
    said = scenario_from(course("Spleen", 10.0, 5, modality="carbon"))
    assert [(f.code, f.severity) for f in said.findings] == [("LR093", "warning")]
    with pytest.raises(ScenarioError, match="varies in space"):
        scenario_from(course("Spleen", 10.0, 5, modality="carbon", rbe=3.0))
