"""Sliders, counts and comparisons: the same numbers as the analysis itself; protocols tried and changed."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")

from lymphorisk.analysis.asked import Changes, forecast_with, stretched
from lymphorisk.analysis.chain import replanned
from lymphorisk.analysis.midcourse import updated
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.saved import read_saved
from lymphorisk.clinic.store import AUDIT
from lymphorisk.clinic.worker import RESULT
from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.qa import audit
from lymphorisk.qa.store import SHIPPED
from lymphorisk.report.wording import digits
from lymphorisk.web.desk import Desk
from lymphorisk.web.engine import Engine
from lymphorisk.web.questions import Questions
from tests.web.conftest import BRAIN, client, token

RTPLANS = BRAIN.parent


@pytest.mark.slow
def test_sliders_answer_as_the_analysis_does(desk: Desk) -> None:
    entry, at = desk.store.entries()[0], client(desk, "view")
    asked = Questions(desk.service, desk.store)
    desk.engine.ask = asked.answer  # type: ignore[method-assign,assignment]
    plain = at.get(f"/entries/{entry.key}/what-if").text
    assert "Move a slider" in plain
    plan = asked.opened(entry.key).plan
    fractions = plan.source.plan.fractions
    assert f'max="{min(120, 3 * fractions)}' in plain
    own = replanned("fractions=10", plan)
    part = at.get(f"/entries/{entry.key}/what-if", params={"fractions": "10", "part": "1"}).text
    assert "<html" not in part
    cells = [re.sub("<[^>]+>", "", c) for c in re.findall(r"<td[^>]*>.*?</td>", part, re.S)]
    assert cells[1] == digits(own.nadir.median, 2)
    assert forecast_with(plan, Changes(fractions=(10,))).counts.tolist() == own.counts.tolist()
    organ = next(n for n in plan.doses.organs)
    assert forecast_with(plan, Changes(organs=(f"{organ}*0.5",))).counts.tolist() == (
        replanned(f"{organ}*0.5", plan).counts.tolist()
    )
    spared = at.get(f"/entries/{entry.key}/what-if", params={"organ": organ, "share": "50", "part": "1"}).text
    cells = [re.sub("<[^>]+>", "", c) for c in re.findall(r"<td[^>]*>.*?</td>", spared, re.S)]
    assert cells[1] == digits(replanned(f"{organ}*0.5", plan).nadir.median, 2)
    fewer, course = Changes(alc=0.8), asked.opened(entry.key).course
    assert forecast_with(plan, fewer).baseline_alc == 0.8
    assert forecast_with(plan, fewer, course).counts.tolist() == forecast_with(plan, fewer).counts.tolist()
    assert forecast_with(plan, Changes(fractions=(10,)), course).counts.tolist() == own.counts.tolist()
    assert (
        forecast_with(plan, Changes(beam_factor=1.0)).counts.tolist()
        == asked.opened(entry.key).forecast.counts.tolist()
    )
    slow, fast = (forecast_with(plan, Changes(beam_on_s=s)) for s in (600.0, 20.0))
    assert slow.counts.tolist() != fast.counts.tolist()
    with pytest.raises(ScenarioError):
        Changes(fractions=(0,))


def test_questions_that_cannot_be_are_refused(desk: Desk) -> None:
    entry, at = desk.store.entries()[0], client(desk, "view")
    asked = Questions(desk.service, desk.store)
    desk.engine.ask = asked.answer  # type: ignore[method-assign,assignment]
    for path, query, said in (
        (f"/entries/{entry.key}/what-if", {"fractions": "many"}, "not a number"),
        (f"/entries/{entry.key}/what-if", {"organ": "Nowhere", "share": "50"}, "no dose in this plan"),
        (f"/entries/{entry.key}/what-if", {"fractions": "5000"}, "fractions"),
        (f"/entries/{entry.key}/update", {"day": "7", "count": "900"}, "no patient has"),
        (f"/entries/{entry.key}/update", {"day": "soon", "count": "0.9"}, "the day"),
        ("/compare", {"first": entry.key, "second": entry.key}, "two entries"),
        ("/compare", {"first": entry.key, "second": "ffff"}, "no entry"),
    ):
        answer = at.get(path, params=query)
        assert answer.status_code == 400, path
        assert said in answer.text, (query, answer.text)


def test_counts_narrow_the_forecast(desk: Desk) -> None:
    entry, at = desk.store.entries()[0], client(desk, "view")
    asked = Questions(desk.service, desk.store)
    desk.engine.ask = asked.answer  # type: ignore[method-assign,assignment]
    text = at.get(f"/entries/{entry.key}/update", params={"unit": "cells/uL", "day": "10", "count": "900"}).text
    made = updated(read_saved(desk.store.results(entry.key) / RESULT), [(10.0, 0.9)])
    assert f"{made.posterior.nadir.p05:.2f} to {made.posterior.nadir.p95:.2f}" in text
    assert "1 measured count" in text


@pytest.mark.slow
def test_every_phase_and_beams_that_differ_have_their_slider() -> None:
    """A course of two phases whose beams differ: the same dose of each phase, and every beam stretched alike."""
    from lymphorisk.analysis.prepared import prepare

    plan = prepare(RTPLANS / "two_phase", None, Options(draws=16, horizon_d=60))
    counts = [p.fractions for p in plan.source.plan.phases]
    assert len(counts) == 2
    fewer = plan.with_phase_fractions((counts[0], 2))
    assert [len(p.days) for p in fewer.flow.summaries] == [counts[0], 2]
    assert min(fewer.flow.summaries[1].days) > max(fewer.flow.summaries[0].days)
    name = next(n for n, o in plan.doses.organs.items() if o.source == "roi" and n in plan.doses.drawn)
    first, second = plan.doses.drawn[name]
    same, more = fewer.doses.drawn[name]
    assert same.mean_gy == first.mean_gy
    assert more.mean_gy == pytest.approx(second.mean_gy * counts[1] / 2)
    with pytest.raises(ScenarioError, match="for 2 phases"):
        plan.with_phase_fractions((5,))
    longer = stretched(plan, 2.0)
    for one, two in zip(plan.flow.phases, longer.flow.phases, strict=True):
        np.testing.assert_allclose(two.on_s, 2.0 * one.on_s)
        np.testing.assert_allclose(np.diff(two.start_s) - two.on_s[:-1], np.diff(one.start_s) - one.on_s[:-1])
    with pytest.raises(ScenarioError):
        Changes(beam_factor=0.0)


@pytest.mark.slow
def test_two_entries_are_compared(desk: Desk) -> None:
    first = desk.store.entries()[0]
    with desk.store.commit() as db:
        db.execute(
            "INSERT INTO entries (key, state, study_uid, plan_uid, missing, made_at, last_object_at) "
            "VALUES ('second', 'COMPLETED', ?, ?, '[]', 0, 0)", (first.study_uid, first.plan_uid),
        )  # fmt: skip
        db.execute("INSERT INTO members SELECT 'second', sha256, role FROM members")
    said = Questions(desk.service, desk.store).compare(first.key, "second")["html"]
    assert "same nadir" in said
    assert f"first: {first.key[:12]}" in said
    assert first.label not in said


@pytest.mark.slow
def test_a_question_that_takes_too_long_ends_the_engine_alone(desk: Desk) -> None:
    engine = Engine(replace(desk.service, time_s=0.05))
    with pytest.raises(InputError, match="more time or memory"):
        engine.ask(do="planned", key=desk.store.entries()[0].key)
    engine.end()


def test_an_engine_that_does_not_start_says_why(desk: Desk) -> None:
    engine = Engine(replace(desk.service, store=f"{desk.service.store} that is not there"))
    with pytest.raises(InputError, match=r"the engine does not start: .*holds no store"):
        engine.ask(do="planned", key="")
    engine.end()


def test_a_protocol_is_tried_by_all_and_changed_by_administrators(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text((SHIPPED / "brain.toml").read_text())
    desk.service = replace(desk.service, by_site={"brain": str(path)})
    before = path.read_text()
    new = before.replace('name = "', 'name = "New ', 1)
    for role in ("view", "decide", "administer"):
        at = client(desk, role)
        page = at.get("/protocols/brain").text
        assert ("Save</button>" in page) == (role == "administer")
        known = page.split('name="before" value="')[1].split('"')[0]
        data = {"token": token(desk, at), "before": known, "text": new}
        tried = at.post("/protocols/brain", data=data)
        assert "It is not saved" in tried.text
        assert path.read_text() == before
        wrong = at.post("/protocols/brain", data={**data, "text": new.replace("metric", "metrik", 1)})
        assert wrong.status_code == 400
        assert "metrik is not a key here" in wrong.text
        broken = at.post("/protocols/brain", data={**data, "text": new + "\n[["})
        assert "at line" in broken.text
        saved = at.post("/protocols/brain", data={**data, "save": "1"})
        assert saved.status_code == (303 if role == "administer" else 403)
    assert path.read_text() == new
    trail = desk.store.folder / AUDIT
    last = json.loads((trail / audit.FILE).read_text().splitlines()[-1])["entry"]
    assert (last["who"], last["command"], last["site"]) == ("administer", "protocol", "brain")
    again = at.post("/protocols/brain", data={**data, "save": "1", "text": before})
    assert again.status_code == 409
    assert path.read_text() == new


def test_a_protocol_keeps_its_mode_and_is_written_whole(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text((SHIPPED / "brain.toml").read_text())
    path.chmod(0o664)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    before, at = path.read_text(), client(desk, "administer")

    def saved(named: Path) -> int:
        desk.service = replace(desk.service, by_site={"brain": str(named)})
        known = at.get("/protocols/brain").text.split('name="before" value="')[1].split('"')[0]
        text = before.replace('name = "', 'name = "New ', 1)
        data = {"token": token(desk, at), "before": known, "text": text, "save": "1"}
        return at.post("/protocols/brain", data=data).status_code

    assert saved(link) == 400
    assert path.read_text() == before
    assert saved(path) == 303
    assert path.stat().st_mode & 0o777 == 0o664
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_new_protocol_is_a_copy_in_the_folder_and_nowhere_else(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "protocols"
    folder.mkdir()
    form = {"name": "lung-sbrt", "source": "lung"}
    at = client(desk, "administer")
    assert "Create</button>" not in at.get("/protocols").text
    assert at.post("/protocols", data={**form, "token": token(desk, at)}).status_code == 400
    desk.protocols = folder
    for role in ("view", "decide"):
        other = client(desk, role)
        assert "Create</button>" not in other.get("/protocols").text
        assert other.post("/protocols", data={**form, "token": token(desk, other)}).status_code == 403
    form["token"] = token(desk, at)
    for name in ("../lung", "a/b", "/etc/x", "", "Lung", ".hidden", "x" * 41, "a.toml", "a\x00b", "..", "a\\b"):
        assert at.post("/protocols", data={**form, "name": name}).status_code == 400, name
    (folder / "taken.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert at.post("/protocols", data={**form, "name": "taken"}).status_code == 400
    assert at.post("/protocols", data={**form, "source": "../lung"}).status_code == 400
    assert not list(folder.glob("lung*"))
    assert not (tmp_path / "elsewhere.toml").exists()

    assert at.post("/protocols", data=form).headers["location"] == "/protocols/lung-sbrt.toml"
    made = folder / "lung-sbrt.toml"
    assert made.read_text() == (SHIPPED / "lung.toml").read_text()
    assert made.stat().st_mode & 0o777 & ~0o640 == 0
    last = json.loads((desk.store.folder / AUDIT / audit.FILE).read_text().splitlines()[-1])["entry"]
    assert (last["who"], last["command"], last["site"]) == ("administer", "protocol", "lung-sbrt.toml")
    assert at.post("/protocols", data=form).status_code == 400, "it is there already"
    listed = at.get("/protocols").text
    assert "names it for no site" in listed
    assert "taken.toml" not in listed
    page = at.get("/protocols/lung-sbrt.toml").text
    known = page.split('name="before" value="')[1].split('"')[0]
    text = made.read_text().replace('name = "', 'name = "SBRT ', 1)
    data = {"token": token(desk, at), "before": known, "text": text, "save": "1"}
    assert at.post("/protocols/lung-sbrt.toml", data=data).status_code == 303
    assert made.read_text() == text
    assert "It is saved." in at.get("/protocols/lung-sbrt.toml?saved=1").text


def test_a_starter_is_not_changed(desk: Desk) -> None:
    at = client(desk, "administer")
    page = at.get("/protocols/lung").text
    assert "comes with the program" in page
    known = page.split('name="before" value="')[1].split('"')[0]
    data = {"token": token(desk, at), "before": known, "text": (SHIPPED / "lung.toml").read_text(), "save": "1"}
    assert at.post("/protocols/lung", data=data).status_code == 403
    assert at.get("/protocols/nowhere").status_code == 404


def test_the_page_of_a_cohort_is_shown_in_a_frame(desk: Desk, tmp_path: Path) -> None:
    at = client(desk, "view")
    assert 'href="/cohort"' not in at.get("/").text
    assert at.get("/cohort/page").status_code == 404
    desk.cohort = tmp_path / "cohort.html"
    desk.cohort.write_text("<p>trends</p>")
    assert 'href="/cohort"' in at.get("/").text
    assert "<iframe" in at.get("/cohort").text
    answer = at.get("/cohort/page")
    assert answer.text == "<p>trends</p>"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.slow
def test_the_trends_are_those_of_a_cohort_s_folder(desk: Desk, tmp_path: Path) -> None:
    from lymphorisk.cohorts.run import How, run_cohort
    from lymphorisk.cohorts.trends import trends_of
    from lymphorisk.report import cohort as laid_out
    from lymphorisk.report import html
    from tests.cohorts.conftest import RECIPE

    run_cohort([str(BRAIN), str(RTPLANS / "tbi")], tmp_path / "cohort", RECIPE, How(workers=0))
    desk.cohort, at = tmp_path / "cohort", client(desk, "view")
    assert "<iframe" in at.get("/cohort").text
    answer = at.get("/cohort/page")
    assert answer.text == html.render(laid_out.report(trends_of(tmp_path / "cohort")))
    assert "2 plans" in answer.text
    assert at.get("/cohort/page").text == answer.text
    desk.cohort = tmp_path
    assert at.get("/cohort/page").status_code == 400, "a folder that is no cohort is named"


def test_the_trends_are_made_again_when_the_cohort_changes(desk: Desk, tmp_path: Path) -> None:
    from lymphorisk.cohorts import tables

    def cohort(number: int) -> None:
        writer = tables.Writer(tmp_path / "plans.parquet", tables.PLANS, parquet=True)
        for n in range(number):
            writer.add({"key": f"{n:032x}", "patient": f"p{n}", "findings": []})
        writer.flush()
        writer.close()

    desk.cohort, at = tmp_path, client(desk, "view")
    assert at.get("/cohort/page").status_code == 400, "a folder that is no cohort is named"
    cohort(2)
    first = at.get("/cohort/page").text
    assert "2 plans of 2 patients" in first
    assert at.get("/cohort/page").text == first
    (tmp_path / "plans.parquet").unlink()
    cohort(3)
    assert "3 plans of 3 patients" in at.get("/cohort/page").text


def test_the_protocol_of_every_site_and_one_of_another_form_are_shown(desk: Desk) -> None:
    """One protocol for all sites stands under its own site, too."""
    at = client(desk, "view")
    before = at.get("/protocols").text
    desk.service = replace(desk.service, protocol="brain")
    after = at.get("/protocols").text
    assert before != after
    assert at.get("/protocols/default").status_code == 200
    assert 'name = "' in at.get("/protocols/default").text.replace("&#34;", '"')


def test_a_protocol_that_cannot_be_written_is_not_recorded(desk: Desk, tmp_path: Path) -> None:
    at = client(desk, "administer")
    trail = desk.store.folder / AUDIT / audit.FILE
    desk.protocols = tmp_path / "not there"
    before = trail.read_bytes() if trail.exists() else b""
    answer = at.post("/protocols", data={"name": "ours", "source": "lung", "token": token(desk, at)})
    assert answer.status_code == 400
    assert "cannot be written" in answer.text
    assert (trail.read_bytes() if trail.exists() else b"") == before


def test_a_protocol_that_is_not_in_the_trail_is_not_made(desk: Desk, tmp_path: Path) -> None:
    desk.protocols = tmp_path / "protocols"
    desk.protocols.mkdir()
    trail = desk.store.folder / AUDIT
    shutil.rmtree(trail, ignore_errors=True)
    trail.write_text("in the way")
    at = client(desk, "administer")
    answer = at.post("/protocols", data={"name": "ours", "source": "lung", "token": token(desk, at)})
    assert answer.status_code >= 400
    assert list(desk.protocols.iterdir()) == []
