"""Which fractions of a course each plan gives, and on which days."""

from __future__ import annotations

from datetime import date

import pytest

from lymphorisk.errors import LinkError, ScenarioError
from lymphorisk.plan import Phase, PlanName
from lymphorisk.plan.calendar import GAP_D, Slot, days_of, moved, with_break
from lymphorisk.plan.course import Calendar, delivered, first_fractions, fraction_times
from lymphorisk.plan.delivery import Rhythm, When, delivery_of, plan_named, when_of

A, B = Phase("A", 28), Phase("B", 28)
BID = Slot(Rhythm(2, 1, True))


def course(
    *texts: str, phases: tuple[Phase, ...] = (A, B), **calendar: object
) -> list[tuple[str, int, tuple[float, ...]]]:
    made = delivered(phases, [delivery_of(t) for t in texts], Calendar(**calendar))
    return [(g.phase.label, g.phase.fractions, g.phase.days or ()) for g in made]


def test_ten_by_one_plan_and_eighteen_by_the_next_are_weekdays_in_turn() -> None:
    made = course("A=1-10", "B=11-28")
    assert [(label, n) for label, n, _ in made] == [("A", 10), ("B", 18)]
    assert made[0][2] + made[1][2] == days_of([Slot()] * 28)


def test_the_share_of_the_dose_is_that_of_the_fractions() -> None:
    first, second = delivered((A, B), [delivery_of("A=1-7"), delivery_of("B=8-35")], Calendar())
    assert (first.phase.share, first.phase.of_fractions) == (0.25, 28)
    assert (second.phase.share, second.phase.planned) == (1.0, None)


def test_one_plan_said_in_parts_is_one_phase() -> None:
    assert course("A=1-3", "B=4-5", "A=6-8") == course("A=1-3,6-8", "B=4,5")
    assert [(label, n) for label, n, _ in course("A=1-14", "A=15-28", phases=(A,))] == [("A", 28)]


def test_a_fraction_of_two_plans_is_given_by_both_on_that_day() -> None:
    (_, _, first), (_, _, second) = course("A=1-5", "B=3-4")
    assert second == first[2:4]


def test_groups_of_a_plan_are_given_in_their_order() -> None:
    name = PlanName("P", "1.2.3")
    groups = (Phase("P group 1", 4, plan=name), Phase("P group 2", 6, plan=name))
    assert [(label, n) for label, n, _ in course("P=1-6", phases=groups)] == [("P group 1", 4), ("P group 2", 2)]


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (("A=1-9", "B=11-28"), "fraction 10 of the course is given by no plan"),
        (("A=1-29",), "has 28 fractions, and 29"),
        (("A=1-5", "A=5-9"), "fraction 5 is given twice"),
        (("A=2-5",), "fraction 1 of the course"),
        (("A=1-5 bid", "B=5-9 daily"), "two rhythms"),
    ],
)
def test_a_course_that_cannot_be_is_refused(texts: tuple[str, ...], what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        course(*texts)


@pytest.mark.parametrize(
    "text", ["A", "A=", "=1-3", "A=0-3", "A=5-3", "A=1-3,3", "A=one", "A=1-999", "A=1-3 from", "A=1-3 daily weekdays",
             "A=1-3 from fraction 3", "A=1-3 bid bid", "A=1..3", "A=-3"],
)  # fmt: skip
def test_a_text_that_says_no_fractions_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        delivery_of(text)


def test_a_label_may_hold_signs_and_words() -> None:
    assert delivery_of("PTV=1 from left=1-3").plan == "PTV=1 from left"
    assert delivery_of("Boost=26 \u2013 30 from day 40 bid weekdays").rhythm == Rhythm(2, 1, False)


def test_days_are_dates_days_or_fractions() -> None:
    assert when_of("2026-05-04") == When(on=date(2026, 5, 4))
    assert when_of("day 14").of_course(None) == 14
    assert when_of("2026-03-09").of_course(date(2026, 3, 2)) == 7
    with pytest.raises(ScenarioError, match="first fraction is not known"):
        when_of("2026-03-09").of_course(None)
    for text in ("14", "fraction 0", "Monday", "2026-13-01"):
        with pytest.raises(ScenarioError):
            when_of(text)


def test_plans_are_told_by_label_then_uid_then_place() -> None:
    plans = [PlanName("P", "1.2.840.111", "first"), PlanName("P", "1.2.840.222", "second"), PlanName("Q", "1.9.333")]
    assert plan_named("q", plans).uid == "1.9.333"
    assert plan_named("0.222", plans).uid == "1.2.840.222"
    assert plan_named("1.9.3", plans).label == "Q"
    assert plan_named("second", plans).uid == "1.2.840.222"
    with pytest.raises(LinkError, match="several plans") as error:
        plan_named("P", plans)
    assert "1.2.840.111" in error.value.hint
    with pytest.raises(LinkError, match="no plan is labelled"):
        plan_named("R", plans)


def test_a_missed_day_moves_all_that_follow() -> None:
    assert days_of([Slot()] * 6, missed_days=[2]) == (0.0, 1.0, 3.0, 4.0, 7.0, 8.0)
    assert days_of([Slot()] * 6, missed_fractions=[3]) == days_of([Slot()] * 6, missed_days=[2])


def test_two_a_day_keep_the_end_of_the_course() -> None:
    made = days_of([Slot()] * 6, missed_days=[1], make_up="bid")
    assert made == (0.0, 2.0, 2.0 + GAP_D, 3.0, 4.0, 7.0)


def test_a_weekend_makes_up_for_a_missed_day() -> None:
    assert days_of([Slot()] * 6, missed_days=[1], make_up="weekend") == (0.0, 2.0, 3.0, 4.0, 5.0, 7.0)
    assert days_of([Slot()] * 6, missed_days=[1, 2], make_up="weekend")[3:] == (5.0, 6.0, 7.0)


def test_a_course_that_begins_on_a_thursday_pauses_after_two() -> None:
    assert days_of([Slot()] * 4, first_weekday=3) == (0.0, 1.0, 4.0, 5.0)


def test_a_boost_twice_a_day_begins_a_day_of_its_own() -> None:
    assert days_of([Slot()] * 2 + [BID] * 3) == (0.0, 1.0, 2.0, 2.0 + GAP_D, 3.0)
    late = days_of([Slot()] * 2 + [Slot(BID.rhythm, 10), BID])
    assert late == (0.0, 1.0, 10.0, 10.0 + GAP_D)


def test_every_other_day_is_never_the_next() -> None:
    assert days_of([Slot(Rhythm(1, 2))] * 5) == (0.0, 2.0, 4.0, 7.0, 9.0)


@pytest.mark.parametrize(
    ("missed", "what"), [([0], "day 0 is not missed"), ([5], "nothing is planned"), ([99], "nothing is planned")]
)
def test_a_day_that_cannot_be_missed_is_named(missed: list[int], what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        days_of([Slot()] * 6, missed_days=missed)
    with pytest.raises(ScenarioError, match=what):
        moved([0.0, 1.0, 2.0, 3.0, 4.0, 7.0], 0, missed_days=missed)


@pytest.mark.parametrize("fraction", [0, 7])
def test_a_fraction_the_course_does_not_have_is_not_missed(fraction: int) -> None:
    with pytest.raises(ScenarioError, match=f"fraction {fraction} is missed, and the course has 6"):
        days_of([Slot()] * 6, missed_fractions=[fraction])
    with pytest.raises(ScenarioError, match=f"fraction {fraction} is missed, and the course has 6"):
        moved(days_of([Slot()] * 6), 0, missed_fractions=[fraction])


@pytest.mark.parametrize(
    ("texts", "calendar", "what"),
    [
        (("A=1-10 from day 2",), {}, "first fraction starts the course"),
        (("A=1-10", "B=11-28 from day 3"), {}, "starts on day 3, and the fractions before it last until day 11"),
        (("A=1-10", "B=11-28 from 2026-02-02"), {"first": date(2026, 3, 2)}, "starts on day -28, before the first"),
        (("A=1-10", "B=11-28 from day 30", "A=11 from day 40"), {}, "fraction 11 starts on two days"),
        (("A=1-10",), {"first": date(2026, 3, 2), "missed": (when_of("2026-03-01"),)}, "day -1 is missed, before"),
        (("A=1-10",), {"missed": tuple(when_of(f"day {d}") for d in range(1, 1100))}, "every later day is missed"),
    ],
)
def test_days_a_plan_cannot_start_or_a_course_cannot_miss(
    texts: tuple[str, ...], calendar: dict[str, object], what: str
) -> None:
    with pytest.raises(ScenarioError, match=what) as refused:
        course(*texts, **calendar)
    assert refused.value.hint


def test_a_break_is_within_the_course() -> None:
    for after in (0, 3):
        with pytest.raises(ScenarioError, match=f"a break after fraction {after} of 3 is none"):
            with_break([0.0, 1.0, 2.0], after, 7, 0)


def test_a_lost_day_of_two_is_made_up_by_two_a_day() -> None:
    """Five fractions, two a day, with the second day missed: the last of them has company, the other follows."""
    assert days_of([BID] * 5, missed_days=[1]) == (0.0, GAP_D, 2.0, 2.0 + GAP_D, 3.0)


def test_given_times_lose_a_fraction_as_counted_ones() -> None:
    planned = days_of([Slot()] * 12)
    assert moved(planned, 0, missed_fractions=[4]) == days_of([Slot()] * 12, missed_fractions=[4])


def test_no_fraction_is_lost_whatever_is_missed() -> None:
    for make_up in ("later", "bid", "weekend"):
        for missed in ([1], [1, 2, 3], [4, 7], [28, 29, 30, 31, 32], [37]):
            made = days_of([Slot()] * 28, missed_days=missed, make_up=make_up)  # type: ignore[arg-type]
            assert len(set(made)) == 28
            assert list(made) == sorted(made)
            assert not {int(t) for t in made} & set(missed)


def test_given_times_move_as_counted_ones() -> None:
    planned = days_of([Slot()] * 12)
    assert moved(planned, 0, missed_days=[3]) == days_of([Slot()] * 12, missed_days=[3])


def test_a_first_fraction_at_a_weekend_is_refused_by_working_days_only() -> None:
    with pytest.raises(ScenarioError, match="weekend"):
        days_of([Slot()] * 3, first_weekday=6)
    assert days_of([Slot(Rhythm(1, 1, True))] * 3, first_weekday=6) == (0.0, 1.0, 2.0)


def test_a_break_of_weeks_shifts_all_that_follow_by_them() -> None:
    planned = days_of([Slot()] * 12)
    made = with_break(planned, 5, 14, 0)
    assert made[:5] == planned[:5]
    assert [b - a for a, b in zip(planned[5:], made[5:], strict=True)] == [14.0] * 7


def test_the_course_so_far_is_its_first_fractions() -> None:
    phases = [g.phase for g in delivered((A, B), [delivery_of("A=1-10"), delivery_of("B=5-28")], Calendar())]
    so_far = first_fractions(phases, 12)
    assert fraction_times([g.phase for g in so_far]) == fraction_times(phases)[:12]
    assert [g.phase.fractions for g in so_far] == [10, 8]
    for n in (0, 29):
        with pytest.raises(ScenarioError, match="so far"):
            first_fractions(phases, n)
