"""What the gate takes from a result that is there already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, Options
from lymphorisk.dvh import DVH
from lymphorisk.errors import ScenarioError
from lymphorisk.qa.judge import curves_of, judge, with_setting
from lymphorisk.qa.protocol import Line, Protocol, limit, setting_of
from lymphorisk.qa.saved import saved_lookup

SPLEEN = Protocol("t", (Line("Mean[Gy]", "Spleen", goal=limit("<= 4.5")),))


def test_a_plan_analysed_already_takes_no_other_patient(plan: Analysis) -> None:
    for more in ({"patient": plan.patient}, {"options": Options(draws=32)}):
        with pytest.raises(ScenarioError, match="analysed already"):
            judge(plan, SPLEEN, **more)  # type: ignore[arg-type]


def test_a_result_s_own_curves_are_judge(plan: Analysis) -> None:
    made = judge(plan, SPLEEN)
    assert (made.result.verdict, made.exit_code) == ("PASS", 0)
    assert made.result.lines[0].value == pytest.approx(4.0, rel=1e-6)
    curve = curves_of(plan)("Spleen")
    assert isinstance(curve, DVH)
    assert curve.mean_gy == pytest.approx(4.0, rel=1e-9)


def test_what_a_result_does_not_hold_is_unknown_and_a_stand_in_not_contoured(plan: Analysis) -> None:
    dvh_of = curves_of(plan)
    unknown = dvh_of("PTV")
    assert isinstance(unknown, Absent)
    assert "check the export" in unknown.reason
    stood_in = next(name for name, organ in plan.organs.items() if organ.source != "scenario")
    absent = dvh_of(stood_in)
    assert isinstance(absent, Absent)
    assert "was not contoured" in absent.reason


def test_a_target_is_found_by_its_kind_when_it_is_the_only_one(plan: Analysis) -> None:
    spleen = replace(plan.organs["Spleen"], tg263="PTV")
    one, two = (replace(plan, targets=(spleen,) * n) for n in (1, 2))
    assert isinstance(curves_of(one)("ptv"), DVH)
    assert isinstance(curves_of(two)("ptv"), Absent)


def test_a_saved_result_says_what_it_does_not_hold() -> None:
    bare, highest = saved_lookup({})
    assert highest is None
    assert "holds no curves" in bare("Spleen").reason  # type: ignore[union-attr]
    outside = {"Liver": {"outside_grid": "outside the dose grid"}}
    dvh_of, highest = saved_lookup({"curves": {"structures": outside, "highest_gy": 60.0}})
    assert highest == 60.0
    for name, what in (("Lungs-GTV", "--curve 'Lungs-GTV'"), ("Spleen", "no such structure"), ("Liver", "outside")):
        absent = dvh_of(name)
        assert isinstance(absent, Absent)
        assert what in absent.reason


def test_a_setting_of_a_clinic_file_is_told_once_and_of_another_file_with_its_hash() -> None:
    options = Options(clinic_file={"sha256": "b", "settings": ["x"]})
    assert with_setting({"sha256": "a", "settings": ["y"]}, "", options) == {"sha256": "a", "settings": ["y"]}
    assert with_setting({"sha256": "a", "settings": ["y"]}, "p", None) == {"sha256": "a", "settings": ["y"]}
    assert with_setting({}, "p", options) == {"sha256": "b", "settings": ["p"]}
    assert with_setting({"sha256": "b", "settings": ["p", "x"]}, "p", options)["settings"] == ["p", "x"]
    other = with_setting({"sha256": "a", "settings": ["y"]}, "p", options)
    assert other == {"sha256": "a", "settings": ["y", "p of b"]}


def test_words_that_protocols_do_not_have_are_refused() -> None:
    for made, what in (
        (lambda: setting_of("LR157", "loud"), "LR157 = 'loud'"),
        (lambda: Line("Mean[Gy]", "Spleen", needs="hoped"), "needs = 'hoped'"),
        (lambda: Protocol("t", SPLEEN.lines, needs="hoped"), "needs = 'hoped'"),
        (lambda: Line("Mean[Gy]", "Spleen", published=(float("nan"),)), "published values"),
        (lambda: Line("Mean[Gy]", "Spleen", alpha_beta_gy=0.0), "alpha_beta_gy must be above zero"),
    ):
        with pytest.raises(ScenarioError, match=what):
            made()
