"""Every row of the table of internal emitters: a test, a strict xfail with its number, or left out by name.

Doses of a cycle go through the program as a scenario with an emitter. What a row does not print and the model needs is
assumed here and said.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import Options, analyze
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.emitted import coefficients, emitted_phase
from lymphorisk.analysis.emitters import emitter_doses
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, marrow_parameter, pool_log_kill
from lymphorisk.parameters import load
from lymphorisk.plan import Patient
from lymphorisk.plan.emitter import decayed
from lymphorisk.scenario import EmitterGiven, Scenario
from tests.lymphocyte.courses import people

ROWS = {
    row["id"]: row
    for row in csv.DictReader((Path(__file__).parent / "emitters.csv").read_text(encoding="utf-8").splitlines())
}
#: Rows that no forecast can be held to, and why.
LEFT_OUT = {
    "E01": "the count before: what the forecast of E02 to E05 starts from",
    "E06": "no numbers were printed in what was read",
    "E08": "an input: the share of the activity that is free in blood, 5 % dextrose in the line",
    "E09": "an input: the share of the activity that is free in blood, contrast medium in the line",
    "E22": "a statement, used as the rule that stands in for a blood dose; see test_blood_takes_the_dose_of_the_marrow",
    "E23": "toxicity of any blood cell; lymphocytes were not told apart",
    "E25": "a sum over 2 to 5 treatments of E24, and white cells without relation to it: no lymphocytes",
    "E35": "kidneys and parotids: not lymphoid; the coefficients are on record",
    "E37": "leukopenia, all white cells: lymphocytes were not told apart (see test_few_lymphopenias_after_psma)",
    "E38": "an earlier abstract of the group of E37",
    "E39": "a statement that no coefficient for lymphocytes or nodes was found",
}
TESTED = {
    "E02", "E03", "E04", "E05", "E07", "E10", "E11", "E20", "E21", "E24", "E26", "E27", "E30", "E31", "E32", "E33",
    "E34", "E36",
}  # fmt: skip
#: Not printed in E01 to E05: a usual mean dose of the whole liver. [Gy]
LIVER_GY = 50.0
TYPICAL_GBQ = 2.0
DRAWS = Options(draws=128)


def test_every_row_is_tested_or_left_out_by_name() -> None:
    assert set(ROWS) == TESTED | set(LEFT_OUT)
    assert not TESTED & set(LEFT_OUT)


def number(row: str) -> float:
    return float(ROWS[row]["value"].split()[0])


def result(alc: float = 1.25, **emitter) -> Analysis:
    who = Patient(sex="M", age_y=62.0, alc=alc, chemo="none", steroid=())
    return analyze(Scenario("x", (), (), who, emitters=(EmitterGiven(**emitter),)), options=DRAWS)


def dose(organ: str, **emitter) -> float:
    """Mean dose of an organ in one cycle. [Gy]"""
    given = EmitterGiven(**{"marrow_method": "blood-based"} | emitter)
    return emitted_phase(given)[1][organ].mean_gy / len(given.days)


@cache
def liver() -> Analysis:
    return result(
        number("E01"),
        nuclide="90Y",
        agent="glass or resin microspheres",
        activity_gbq=TYPICAL_GBQ,
        gy_per_cycle={"Liver": LIVER_GY},
        marrow_method="blood-based",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "day"),
    [
        pytest.param(
            row,
            day,
            marks=pytest.mark.xfail(
                strict=True,
                reason=f"{row}: the blood that passes 50 Gy in the liver explains a fall to {got} of the count before, "
                f"measured {seen}: spleen, drained nodes and the disease are not in it",
            ),
        )
        for row, day, got, seen in (
            ("E02", 30, 0.93, 0.57), ("E03", 91, 0.93, 0.63), ("E04", 182, 0.94, 0.65), ("E05", 364, 0.95, 0.74),
        )
    ],
)  # fmt: skip
def test_counts_after_90y_of_the_liver(row: str, day: int) -> None:
    wanted = number(row) / number("E01")
    got = liver().forecast.at(day).p50 / number("E01")
    assert got == pytest.approx(wanted, abs=0.1)


def test_the_numbers_of_the_expected_failures_are_those_of_the_model() -> None:
    got = [liver().forecast.at(day).p50 / number("E01") for day in (30, 91, 182, 364)]
    assert got == pytest.approx([0.93, 0.93, 0.94, 0.95], abs=0.015)


@pytest.mark.xfail(strict=True, reason="E07: T and B cells fell by more than half; the model leaves 0.88 of CD8")
def test_subsets_after_90y_of_the_liver() -> None:
    assert liver().beside is not None
    cd8 = next(s for s in liver().beside.subsets if s.name == "cd8")
    assert cd8.nadir.median < 0.5 * cd8.bands["median"][0]


def test_the_worst_case_of_the_marrow_after_90y() -> None:
    p = coefficients("90Y", "microspheres", load("emitters"))["marrow_blood_based"].number
    worst = p * load("emitters")["free.worst"].number / load("emitters")["free.dextrose"].number
    assert 2.066 * worst == pytest.approx(number("E10") / 1000.0, rel=0.01)


@pytest.mark.xfail(strict=True, reason="E11: 0.2 % free gives 26 mGy a treatment, the earlier abstract prints 15.9")
def test_the_marrow_of_the_earlier_abstract() -> None:
    got = dose(
        "BoneMarrow", nuclide="90Y", agent="resin microspheres", activity_gbq=2.066, gy_per_cycle={"Liver": 40.0}
    )
    assert 100.0 * got == pytest.approx(number("E11"), rel=0.1)


LU = {"nuclide": "177Lu", "agent": "DOTATATE", "activity_gbq": 7.4}


def test_the_marrow_of_a_dotatate_treatment_by_both_methods() -> None:
    imaging = dose("BoneMarrow", **LU, marrow_method="imaging", gy_per_cycle={"Blood": 0.1})
    blood = dose("BoneMarrow", **LU)
    assert imaging == pytest.approx(number("E20"), rel=0.01)
    assert blood == pytest.approx(7.4 * number("E21") / 1000.0, rel=0.01)
    assert blood == pytest.approx(imaging, rel=0.2)
    assert 4 * blood == pytest.approx(2.0, rel=0.02)


def test_spleen_and_kidneys_of_a_dotatate_treatment() -> None:
    assert dose("Spleen", **LU | {"activity_gbq": 7.2}) == pytest.approx(number("E24"), rel=0.01)
    assert dose("Kidneys", **LU) / 7.4 == pytest.approx(number("E26"), rel=0.01)


def test_damage_of_blood_lymphocytes_is_linear_in_a_low_dose() -> None:
    """E27: foci rise linearly with the blood dose of the first hours, as in vitro."""
    who = people()
    drawn = draw(who, 1, 1, PATIENT_DIMENSIONS, vary=())
    course = result(nuclide="177Lu", marrow_method="given", gy_per_cycle={"BoneMarrow": 0.1, "Blood": 0.1}).course
    first = course.phases[0]
    per_gray = [
        pool_log_kill(first.scaled(f), drawn, who)[0][0, 0] / (f * first.blood.mean_gy) for f in (0.5, 1.0, 2.0)
    ]
    assert per_gray == pytest.approx([per_gray[0]] * 3, rel=1e-9)


@pytest.mark.parametrize(
    "row",
    [
        "E30",
        pytest.param("E32", marks=pytest.mark.xfail(strict=True, reason="E32: 2.5 Gy, the band ends at 1.92")),
        "E33",
    ],
)
def test_the_band_of_a_marrow_dose_by_blood_holds_what_imaging_found(row: str) -> None:
    p = load("lymphocyte")[marrow_parameter("blood-based")]
    low, high = number("E31") * p.low, number("E31") * p.high
    assert low < number(row) <= high


def test_the_band_of_a_marrow_dose_by_imaging_holds_the_other_ways_of_imaging() -> None:
    p = load("lymphocyte")[marrow_parameter("imaging")]
    for row in ("E32", "E33"):
        assert p.low * number("E30") <= number(row) <= p.high * number("E30")
    assert number("E31") < p.low * number("E30")


def test_the_method_of_the_marrow_dose_is_in_every_result_and_moves_its_band() -> None:
    given = {"BoneMarrow": number("E31"), "Blood": number("E31")}
    wide, narrow = (
        result(nuclide="177Lu", agent="PSMA", marrow_method=m, gy_per_cycle=given, days=(0.0, 42.0, 84.0, 126.0))
        for m in ("blood-based", "imaging")
    )
    for made, method in ((wide, "blood-based"), (narrow, "imaging")):
        (told,) = emitter_doses(made)
        assert told is not None
        assert told.to_dict()["marrow_method"] == method
        assert any(f.code == "LR322" and method.split("-")[0] in f.what for f in made.findings)
    assert wide.forecast.nadir.p05 < narrow.forecast.nadir.p05 - 0.02


def test_the_marrow_of_a_psma_cycle() -> None:
    psma = {"nuclide": "177Lu", "agent": "177Lu-PSMA-617", "activity_gbq": 7.4}
    assert dose("BoneMarrow", **psma) == pytest.approx(7.4 * number("E34"), rel=0.01)
    assert number("E31") < dose("BoneMarrow", **psma) < number("E30")
    phase, _ = emitted_phase(EmitterGiven(marrow_method="blood-based", **psma))
    assert phase.emitter is not None
    assert phase.emitter.half_life("Blood") == float(ROWS["E36"]["value"].split("/")[1])


def test_few_lymphopenias_after_psma() -> None:
    """The order of magnitude of E37 and the phase III trials: severe leukopenia in 2 to 5 of 100."""
    made = result(
        1.5,
        nuclide="177Lu",
        agent="PSMA-617",
        activity_gbq=6.9,
        marrow_method="imaging",
        gy_per_cycle={"BoneMarrow": 0.21, "Blood": 0.08},
        days=(0.0, 42.0, 84.0, 126.0),
    )
    assert made.forecast.grade_probability["4"] < 0.05


def test_blood_takes_the_dose_of_the_marrow() -> None:
    """E22: the activity concentration of marrow was that of blood."""
    made = result(nuclide="177Lu", marrow_method="blood-based", gy_per_cycle={"BoneMarrow": 0.5})
    assert made.blood.course.mean_gy == pytest.approx(0.5, rel=1e-6)
    assert any(f.code == "LR324" for f in made.findings)


def test_ninety_per_cent_within_seventy_hours() -> None:
    """S023: 90 % of the activity of 177Lu-PSMA is gone within 70 h."""
    assert decayed(21.1, 70.0 / 24.0) == pytest.approx(0.1, abs=0.001)


def test_an_alpha_emitter_is_declared_unvalidated() -> None:
    made = result(nuclide="225Ac", marrow_method="given", gy_per_cycle={"BoneMarrow": 0.05, "Blood": 0.01})
    assert any(f.code == "LR321" for f in made.findings)
    assert not np.isnan(made.forecast.nadir.median)
