"""The calendar of drugs and cells: the forecast's own count on the day, the dose of the fractions after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lymphorisk.analysis.chain import analyze
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import Analysis
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.plan.therapy import therapies_of, therapy_of
from lymphorisk.report import content, html, text
from lymphorisk.scenario import scenario_from

FAST = Options(draws=64, horizon_d=120)
PLAN = {"plan": {"fractions": 10}, "organs": {"Spleen": {"mean_gy": 10.0}, "Body": {"mean_gy": 2.0}}}


def given(*texts: str, **options: object) -> Analysis:
    return analyze(scenario_from(PLAN), Patient(sex="F", alc=1.4), replace(FAST, therapy=texts, **options))


def test_the_count_of_a_day_is_the_forecasts() -> None:
    made = given("drug=day 30")
    assert made.therapies is not None
    (day,) = made.therapies.days
    assert day.count == made.forecast.at(30)
    assert day.p_low == made.forecast.probability_below(30, 0.5)
    assert day.after_course_d == 30 - made.course.last_fraction_d


def test_the_dose_after_is_that_of_the_fractions_after() -> None:
    made = given("drug=day 2, day 20")
    assert made.therapies is not None
    early, late = made.therapies.days
    # working days 0 to 4 and 7 to 11: 3, 4, 7, 8 and 9 lie in the week after day 2
    assert early.fractions_after == 5
    assert early.nodes_gy == pytest.approx(5 * made.course.phases[0].pools["nodes"].mean_gy, rel=1e-12)
    assert early.blood_gy == pytest.approx(5 * made.course.phases[0].blood.mean_gy, rel=1e-12)
    assert (late.fractions_after, late.blood_gy, late.nodes_gy) == (0, 0.0, 0.0)


def test_the_window_begins_after_the_course_and_holds_its_highest_count() -> None:
    made = given("drug=day 12, day 53, day 54")
    calendar = made.therapies
    assert calendar is not None
    assert calendar.window is not None
    assert (calendar.window.first_d, calendar.window.last_d) == (12.0, 53.0)
    assert [d.in_window for d in calendar.days] == [True, True, False]
    assert all(calendar.window.best_count.p50 >= made.forecast.at(d).p50 for d in range(12, 54))


def test_a_therapy_changes_no_number_of_the_course() -> None:
    assert (given("drug=day 30").forecast.counts == given().forecast.counts).all()
    assert given().therapies is None
    assert "therapies" not in given().to_dict()


def test_dates_count_from_the_first_fraction() -> None:
    dated = given("drug=2026-04-01", first_fraction="2026-03-02")
    assert dated.therapies is not None
    assert dated.therapies.days[0].day == 30
    with pytest.raises(ScenarioError, match="first fraction is not known"):
        given("drug=2026-04-01")


def test_a_day_before_the_course_or_beyond_the_forecast_has_no_count() -> None:
    made = given("drug=2026-02-01,2027-03-01", first_fraction="2026-03-02")
    assert made.therapies is not None
    assert [d.count for d in made.therapies.days] == [None, None]
    assert made.therapies.window is not None
    page = html.render(content.report(made))
    assert "window of a trial" in page
    near = given("drug=2026-03-06", first_fraction="2026-03-02")
    drawn = [html.render(content.report(a)).count('class="thin') for a in (made, near)]
    assert drawn[0] < drawn[1], "no line stands on a day outside the plot"


def test_a_window_beyond_the_forecast_is_said_and_not_drawn() -> None:
    long = scenario_from({**PLAN, "plan": {"fractions": 23}})
    made = analyze(long, Patient(sex="F", alc=1.4), replace(FAST, therapy=("drug=day 3",), horizon_d=30))
    assert made.therapies is not None
    assert made.therapies.window is None
    page = " ".join(html.render(content.report(made)).split())
    assert "beyond the forecast: raise --horizon" in page
    assert "window of a trial" not in page


@pytest.mark.parametrize("wrong", ["drug", "drug=", "=day 3", "drug=soon", "drug=fraction 3", "drug=day 3,day 3"])
def test_what_is_no_therapy_is_refused(wrong: str) -> None:
    with pytest.raises(ScenarioError):
        therapy_of(wrong).days(None)


def test_a_name_stands_once() -> None:
    with pytest.raises(ScenarioError, match="twice"):
        therapies_of(("a=day 1", "A=day 2"))


def test_reports_say_counts_and_no_advice() -> None:
    made = given("durvalumab=day 20")
    for said in (text.render(made), str(content.report(made))):
        assert "durvalumab" in said
        assert "no day is advised" in " ".join(said.split())
        assert "not randomised" in " ".join(said.split())
