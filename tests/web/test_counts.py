"""Counts of a course that are kept: with who and when, narrowing the forecast ever after, corrected in the open."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("starlette")

from lymphorisk.analysis.midcourse import updated
from lymphorisk.analysis.saved import read_saved
from lymphorisk.clinic.store import AUDIT, Store
from lymphorisk.clinic.worker import RESULT
from lymphorisk.errors import InputError
from lymphorisk.qa import audit
from lymphorisk.web.desk import Desk
from lymphorisk.web.questions import Questions
from tests.web.conftest import client, token


@pytest.fixture
def asked(desk: Desk) -> Questions:
    made = Questions(desk.service, desk.store)
    desk.engine.ask = made.answer  # type: ignore[method-assign,assignment]
    return made


def said_last(desk: Desk) -> dict[str, str]:
    last: dict[str, str] = json.loads((desk.store.folder / AUDIT / audit.FILE).read_text().splitlines()[-1])["entry"]
    return last


def test_a_count_is_kept_and_narrows_the_forecast_again_later(desk: Desk, asked: Questions) -> None:
    entry, at = desk.store.entries()[0], client(desk, "decide")
    place = f"/entries/{entry.key}/counts"
    kept = at.post(place, data={"token": token(desk, at), "day": "10", "count": "900", "unit": "cells/uL"})
    assert kept.headers["location"] == f"/entries/{entry.key}/update"
    (held,) = Store(desk.store.folder).measured(entry.key)
    assert (held.who, held.day, held.alc, held.corrects) == ("decide", 10.0, 0.9, None)
    assert (said_last(desk)["command"], said_last(desk)["who"]) == ("count", "decide")
    assert said_last(desk)["what"] == "day 10: 0.9 x10^9/L"
    made = updated(read_saved(desk.store.results(entry.key) / RESULT), [(10.0, 0.9)])
    band = f"{made.posterior.nadir.p05:.2f} to {made.posterior.nadir.p95:.2f}"
    for role in ("view", "decide"):
        text = client(desk, role).get(f"/entries/{entry.key}/update").text
        assert band in text
        assert "rests on 1 kept count." in text
    tried = at.get(f"/entries/{entry.key}/update", params={"day": "17", "count": "0.8", "unit": "10^9/L"}).text
    assert "1 kept count and 1 tried" in tried
    assert len(desk.store.measured(entry.key)) == 1


@pytest.mark.slow
def test_a_correction_leaves_the_old_count_in_the_trail(desk: Desk, asked: Questions) -> None:
    entry, at = desk.store.entries()[0], client(desk, "decide")
    place, form = f"/entries/{entry.key}/counts", {"token": token(desk, at), "unit": "10^9/L"}
    at.post(place, data={**form, "day": "10", "count": "0.9"})
    (first,) = desk.store.measured(entry.key)
    again = at.post(place, data={**form, "day": "10", "count": "0.7"})
    assert "day 10 has a count already" in again.text
    other = client(desk, "administer")
    form["token"] = token(desk, other)
    other.post(place, data={**form, "day": "11", "count": "0.7", "corrects": str(first.number)})
    (second,) = desk.store.measured(entry.key)
    assert (second.day, second.alc, second.who, second.corrects) == (11.0, 0.7, "administer", first.number)
    assert said_last(desk)["change"] == "in place of day 10: 0.9 x10^9/L, entered by decide"
    late = other.post(place, data={**form, "day": "11", "count": "0.6", "corrects": str(first.number)})
    assert "not there any more" in late.text
    other.post(place, data={**form, "day": "", "count": "", "corrects": str(second.number)})
    assert desk.store.measured(entry.key) == []
    assert [m.alc for m in desk.store.measured(entry.key, ever=True)] == [0.9, 0.7, None]
    assert said_last(desk)["what"] == "withdrawn"
    page = at.get(f"/entries/{entry.key}/update").text
    assert "corrected by administer" in page
    assert "withdrawn by administer" in page
    trail = at.get("/audit").text
    assert "in place of day 10: 0.9 x10^9/L" in trail
    assert "Intact" in trail


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"day": "soon"}, "the day"),
        ({"count": ""}, "no count was given"),
        ({"count": "900"}, "no patient has"),
        ({"corrects": "77"}, "not there any more"),
        ({"corrects": "1; DROP"}, "not there any more"),
        ({"day": "1e9"}, ""),
    ],
)
def test_a_count_that_cannot_be_is_not_kept(desk: Desk, asked: Questions, wrong: dict[str, str], said: str) -> None:
    entry, at = desk.store.entries()[0], client(desk, "decide")
    form = {"token": token(desk, at), "unit": "10^9/L", "day": "10", "count": "0.9", **wrong}
    before = (desk.store.folder / AUDIT / audit.FILE).read_bytes()
    answer = at.post(f"/entries/{entry.key}/counts", data=form)
    assert answer.status_code == 400
    assert said in answer.text
    assert desk.store.measured(entry.key, ever=True) == []
    assert (desk.store.folder / AUDIT / audit.FILE).read_bytes() == before


def test_only_who_may_decide_keeps_a_count(desk: Desk, asked: Questions) -> None:
    entry, at = desk.store.entries()[0], client(desk, "view")
    form = {"token": token(desk, at), "unit": "10^9/L", "day": "10", "count": "0.9"}
    assert at.post(f"/entries/{entry.key}/counts", data=form).status_code == 403
    assert "Keep a count" not in at.get(f"/entries/{entry.key}/update").text


def test_without_a_trail_there_is_no_count(desk: Desk, asked: Questions) -> None:
    trail = desk.store.folder / AUDIT / audit.FILE
    trail.write_text(trail.read_text().replace("listen", "liSten", 1))
    entry, at = desk.store.entries()[0], client(desk, "decide")
    form = {"token": token(desk, at), "unit": "10^9/L", "day": "10", "count": "0.9"}
    assert "not recorded" in at.post(f"/entries/{entry.key}/counts", data=form).text
    assert desk.store.measured(entry.key, ever=True) == []


def test_the_store_takes_no_second_correction_of_one_count(desk: Desk) -> None:
    key = desk.store.entries()[0].key
    first = desk.store.measure(key, "ann", 10.0, 0.9)
    desk.store.measure(key, "ann", 10.0, 0.8, first.number)
    for wrong in ((10.0, 0.7, first.number), (10.0, None, None), (10.0, 0.7, None)):
        with pytest.raises(InputError):
            desk.store.measure(key, "ben", *wrong)
    assert [m.alc for m in desk.store.measured(key)] == [0.8]


@pytest.mark.slow
def test_a_day_that_has_a_kept_count_is_not_tried_again(desk: Desk, asked: Questions) -> None:
    entry, at = desk.store.entries()[0], client(desk, "decide")
    form = {"token": token(desk, at), "unit": "10^9/L"}
    at.post(f"/entries/{entry.key}/counts", data={**form, "day": "10", "count": "0.9"})
    place = f"/entries/{entry.key}/update"
    twice = at.get(place, params={"day": "10", "count": "0.5", "unit": "10^9/L"})
    assert twice.status_code == 400
    assert "day 10 has a kept count already" in twice.text
    assert at.get(place, params={"day": "10.5", "count": "0.5", "unit": "10^9/L"}).status_code == 200


@pytest.mark.slow
def test_two_counts_of_one_day_entered_at_once_become_one(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    begun = threading.Barrier(4)

    def enter(count: str) -> int:
        at = client(desk, "decide")
        form = {"token": token(desk, at), "unit": "10^9/L", "day": "12", "count": count}
        begun.wait()
        return at.post(f"/entries/{entry.key}/counts", data=form).status_code

    with ThreadPoolExecutor(4) as hands:
        codes = sorted(hands.map(enter, ("0.5", "0.6", "0.7", "0.8")))
    assert codes == [303, 400, 400, 400]
    assert len(desk.store.measured(entry.key)) == 1
    lines = (desk.store.folder / AUDIT / audit.FILE).read_text().splitlines()
    assert sum(json.loads(line)["entry"]["command"] == "count" for line in lines) == 1


@pytest.mark.slow
def test_what_is_deleted_is_not_told_to_a_role_that_its_names_are_withheld_from(desk: Desk, asked: Questions) -> None:
    entry = desk.store.entries()[0]
    desk.store.forget_results(entry.key)
    for role, code in (("view", 403), ("decide", 200)):
        answer = client(desk, role).get(f"/entries/{entry.key}/what-if", params={"fractions": "10", "alc": "1.1"})
        assert answer.status_code == code, role
