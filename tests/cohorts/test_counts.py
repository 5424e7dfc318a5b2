"""Counts in long form: whose, on which day, in which unit, and what they come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphorisk.cohorts.counts import Measured, placed, read_counts, summary, with_baseline
from lymphorisk.cohorts.found import FoundPlan, persons
from lymphorisk.cohorts.known import pseudonym
from lymphorisk.cohorts.manifest import Row
from lymphorisk.dicom.export import PatientIdentity
from lymphorisk.errors import CohortError

SECRET = b"a secret of sixteen"


def plan(place: int, who: str, treated: str = "20240304") -> FoundPlan:
    return FoundPlan(place, Path("x"), row=Row(place, patient_id=who, treated=treated))


def read(tmp_path: Path, text: str, unit: str = "10^9/L") -> tuple[list, list[str]]:
    file = tmp_path / "counts.csv"
    file.write_text(text, encoding="utf-8")
    rows, noticed = read_counts(file, unit)
    return rows, [f.code for f in noticed]


def put(rows: list, *plans: FoundPlan) -> tuple[dict[int, tuple[Measured, ...]], list[str]]:
    counts, noticed = placed(plans, rows, lambda who: pseudonym(who, SECRET))
    return counts, [f.code for f in noticed]


def test_dates_become_days_from_the_first_fraction(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "patient;date;value;unit\nA1;01.03.2024;1,5;10^9/L\na1 ;2024-03-25;400;/uL\n")
    counts, noticed = put(rows, plan(1, "A1"))
    assert [(c.day, c.value) for c in counts[1]] == [(-3.0, 1.5), (21.0, pytest.approx(0.4))]
    assert [c.week for c in counts[1]] == [0, 4]
    assert noticed == []


def test_of_people_who_share_an_id_counts_say_whose_they_are_by_pseudonym(tmp_path: Path) -> None:
    one, two = (FoundPlan(n, Path("x"), identity=PatientIdentity(id="7", issuer=by)) for n, by in ((1, "A"), (2, "B")))
    of_two = pseudonym(persons([one, two])[1], SECRET)
    rows, _ = read(tmp_path, f"patient,day,value,unit\n7,7,1.2,10^9/L\n{of_two},7,0.8,10^9/L\n")
    counts, noticed = put(rows, one, two)
    assert {place: [c.value for c in cs] for place, cs in counts.items()} == {2: [0.8]}
    assert noticed == ["LR721"]


@pytest.mark.parametrize("head", ["value [10^9/L]", "alc (/uL)", "ALC"])
def test_a_unit_may_stand_in_the_head_or_in_the_call(tmp_path: Path, head: str) -> None:
    value = "1.2" if "9" in head else "1200"
    rows, noticed = read(tmp_path, f"patient_id,day,{head}\nA1,7,{value}\n", "/uL")
    assert noticed == []
    assert rows[0].value == pytest.approx(1.2)


def test_the_nadir_its_day_and_its_grade() -> None:
    counts = [Measured(-2, 1.5), Measured(20, 0.45), Measured(30, 0.3), Measured(400, 0.1)]
    found = summary(counts, 365)
    assert (found["measured_nadir"], found["measured_nadir_day"], found["measured_grade"]) == (0.3, 30, 3)
    assert found["measured_counts"] == 2
    assert summary(counts[:1], 365) == {"measured_counts": 0}


@pytest.mark.parametrize(
    ("course", "week1"),
    [
        ([Measured(7, 0.9)], 0.9),
        ([Measured(4, 1.2), Measured(10, 0.6)], None),
        ([Measured(5, 1.1), Measured(8, 0.8)], 0.8),
        ([Measured(6, 1.0), Measured(8, 0.8)], 1.0),
        ([Measured(7, 0.1, below=True)], None),
    ],
)
def test_the_count_after_the_first_week_is_that_nearest_to_day_seven(
    course: list[Measured], week1: float | None
) -> None:
    assert summary([Measured(-1, 1.5), *course, Measured(30, 0.4)], 60)["measured_week1"] == week1


@pytest.mark.parametrize(("limit", "grade"), [(0.2, 4), (0.1, 4), (0.3, None)])
def test_a_nadir_below_a_limit_has_a_grade_only_when_all_below_it_have_it(limit: float, grade: int | None) -> None:
    assert summary([Measured(5, limit, below=True)], 60)["measured_grade"] == grade


def test_the_last_count_before_is_the_baseline_unless_one_is_given() -> None:
    counts = [Measured(-9, 2.0), Measured(0, 1.1), Measured(3, 0.9)]
    made, noticed = with_baseline(plan(1, "A1"), counts)
    assert made.row.patient.alc == 1.1
    assert noticed == []
    kept, noticed = with_baseline(made, [Measured(-1, 1.8)])
    assert kept.row.patient.alc == 1.1
    assert [f.code for f in noticed] == ["LR725"]
    near, noticed = with_baseline(made, [Measured(-1, 1.101)])
    assert near.row.patient.alc == 1.1
    assert noticed == []


@pytest.mark.parametrize(("day", "codes"), [(-90, []), (-91, ["LR731"]), (-3000, ["LR731"])])
def test_a_baseline_from_long_before_is_used_and_named(day: float, codes: list[str]) -> None:
    made, noticed = with_baseline(plan(1, "A1"), [Measured(day, 2.0), Measured(3, 0.9)])
    assert made.row.patient.alc == 2.0
    assert [f.code for f in noticed] == codes


def test_a_patient_is_known_by_pseudonym_and_nobody_is_named(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, f"patient_id,day,value\n{pseudonym('a1', SECRET)},7,0.8\nB7,7,0.8\n")
    counts, noticed = put(rows, plan(1, "A1"))
    assert list(counts) == [1]
    assert noticed == ["LR721"]


def test_of_two_courses_a_count_belongs_to_the_one_that_had_begun(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "patient_id,date,value\nA1,2024-03-10,0.9\nA1,2024-06-10,0.7\nA1,2024-02-01,1.5\n")
    counts, _ = put(rows, plan(1, "A1"), plan(2, "A1", "20240603"))
    assert {place: [c.day for c in found] for place, found in counts.items()} == {1: [-32.0, 6.0], 2: [7.0]}


def test_days_of_a_patient_with_two_plans_and_dates_without_a_start_are_not_guessed(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "patient_id,day,date,value\nA1,7,,0.8\nB2,,2024-03-09,0.7\n")
    counts, noticed = put(rows, plan(1, "A1"), plan(2, "A1"), plan(3, "B2", ""))
    assert counts == {}
    assert noticed == ["LR723", "LR723"]


def test_a_day_that_is_not_that_of_its_date_is_not_used(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "patient_id,day,date,value\nA1,3,2024-03-07,0.5\nA1,9,2024-03-07,0.4\n")
    counts, noticed = put(rows, plan(1, "A1"))
    assert [(c.day, c.value) for c in counts[1]] == [(3.0, 0.5)]
    assert noticed == ["LR722"]


def test_a_slip_is_named_and_the_other_rows_are_used(tmp_path: Path) -> None:
    text = "patient_id,day,value\nA1,7,1400\nA1,8,<0.1\nA1,9,x\nA1,,1.0\n,5,1.0\nA1,10,\nA1,11,0.5\nA1,11,0.4\n"
    rows, noticed = read(tmp_path, text)
    assert noticed == ["LR722"] * 4
    counts, noticed = put(rows, plan(1, "A1"))
    assert [(c.day, c.value, c.below) for c in counts[1]] == [(8.0, 0.1, True), (11.0, 0.4, False)]
    assert noticed == ["LR724"]


def test_a_date_ten_years_off_is_no_count_of_the_course(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "patient_id,date,value\nA1,2044-03-10,0.9\n")
    counts, noticed = put(rows, plan(1, "A1"))
    assert (dict(counts), noticed) == ({}, ["LR726"])


@pytest.mark.parametrize("head", ["patient_id,value", "day,value", "patient_id,day"])
def test_a_missing_column_is_named(tmp_path: Path, head: str) -> None:
    with pytest.raises(CohortError, match="is missing"):
        read(tmp_path, f"{head}\n1,2\n")
