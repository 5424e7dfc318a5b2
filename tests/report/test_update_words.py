"""`update` speaks to an oncologist: no name of a parameter, no drug that the patient does not get."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from lymphorisk.lymphocyte import Course, population
from lymphorisk.lymphocyte.observation import OBSERVED_BY
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS
from lymphorisk.lymphocyte.update import Update, update
from lymphorisk.parameters import load, posterior
from lymphorisk.report import html, midcourse
from lymphorisk.report.learned import UNLIKE_MOST, WORDS, sentences
from tests.slowly import slow_but

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "lymphocyte" / "courses.py")))
PEOPLE = population(load("lymphocyte"), posterior())
DRUGS = ("temozolomide", "platinum", "other")


def told(chemo: str) -> Update:
    course = Course(C.upper_abdomen().phases, chemo)
    return update(course, 1.3, PEOPLE, [(7.0, 0.5), (28.0, 0.12)], age_y=60.0, draws=2048, horizon_d=120)


@pytest.fixture(scope="module", params=slow_but(["none", *DRUGS], "none", "platinum"))
def made(request: pytest.FixtureRequest) -> Update:
    return told(request.param)


def test_a_drug_that_is_not_given_is_not_spoken_of(made: Update) -> None:
    others = {f"chemo.{d}" for d in DRUGS if d != made.chemo}
    assert made.learned
    assert not others & set(made.learned)
    written = json.dumps(midcourse.to_dict(made)["learned"]) + midcourse.text(made)
    assert not [d for d in ("temozolomide", "platinum") if d != made.chemo and d in written]
    if made.chemo == "none":
        assert not [n for n in made.learned if "chemo" in n]
        assert "chemotherapy" not in midcourse.text(made)


def test_no_parameter_and_no_deviate_is_shown(made: Update) -> None:
    said = midcourse.text(made) + html.render(midcourse.report(made))
    assert midcourse.says(made)
    for name in made.learned:
        assert name not in said
        assert name.replace("_", " ").replace(".", " ") not in said
    assert " sd" not in midcourse.text(made)
    assert all(one in said for one in midcourse.says(made))
    assert midcourse.to_dict(made)["says"] == list(midcourse.says(made))


def test_low_counts_are_said_as_a_patient_who_loses_more(made: Update) -> None:
    assert any("loses" in one and "more" in one for one in midcourse.says(made))


def test_every_dimension_has_words_and_its_direction() -> None:
    names = set(draw(PEOPLE, 4, 1, PATIENT_DIMENSIONS).z)
    silent = {"body.lymphocytes", *OBSERVED_BY, "spread.chemo", "spread.sensitivity", "unexplained.reference_dose"}
    silent |= {n for n in names if n.startswith("thymus.")}
    for name in names - silent:
        high, low = (sentences({name: sign}, "platinum") for sign in (1.0, -1.0))
        assert len(high) == len(low) == 1, name
        if not name.startswith(("pool.", "traffic.")):
            assert high != low
    for name in silent:
        assert sentences({name: 1.0}, "platinum") == ()
    assert sentences({"patient.recovery": 0.9}, "none") == ("recovers more slowly than most",)
    assert sentences({"patient.recovery": -0.9, "recovery.half_time": 0.2}, "none") == ("recovers faster than most",)
    resistant, sensitive = {"survival.combined.d0_sensitive": -0.9}, {"patient.sensitivity": 0.9}
    assert sentences(resistant, "none") == sentences(sensitive, "none")
    assert len(sentences(resistant | sensitive, "none")) == 1
    assert not [w for pair in WORDS.values() for w in pair if "_" in w]


def test_what_has_no_comparative_is_said_to_be_somewhat_so() -> None:
    assert sentences({"pool.marrow": 0.2}, "none") == (f"{UNLIKE_MOST}, somewhat",)
    assert sentences({"pool.marrow": 0.9}, "none") == (UNLIKE_MOST,)
    assert sentences({"patient.recovery": -0.2}, "none") == ("recovers somewhat faster than most",)
