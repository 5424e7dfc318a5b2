"""Drugs by name and steroids: what acts, what is said of the rest, and what not knowing does."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.analysis.exposure import steroids_met
from lymphorisk.lymphocyte import Course, course_from_dict, forecast
from lymphorisk.lymphocyte.drugs import EVIDENCE, chemo_parameter, steroid_rate
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, losses
from lymphorisk.parameters import load
from lymphorisk.plan import Patient, Steroid
from lymphorisk.plan.drugs import drugs_of

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("courses.py"))))
PEOPLE = C.people()
BRAIN = C.brain()


def met(course: Course, **kwargs):
    return forecast(course, 1.4, PEOPLE, age_y=60.0, draws=128, horizon_d=120, explain=False, **kwargs)


def codes(course: Course) -> list[str]:
    return [f.code for f in met(course).findings]


def test_every_drug_with_evidence_can_be_typed_and_has_its_parameter() -> None:
    numbers = load("lymphocyte")
    for name, known in EVIDENCE.items():
        assert drugs_of(name) == (name,)
        assert known.parameter in {"", *numbers}


@pytest.mark.parametrize(
    ("chemo", "drugs", "parameter"),
    [
        ("platinum", ("cisplatin weekly",), "chemo.platinum"),
        ("platinum", ("5-fluorouracil", "oxaliplatin"), "chemo.other"),
        ("platinum", ("oxaliplatin",), None),
        ("platinum", (), "chemo.platinum"),
        ("other", ("paclitaxel",), None),
        ("temozolomide", ("cisplatin", "temozolomide"), "chemo.temozolomide"),
        ("none", ("durvalumab",), None),
    ],
)
def test_the_rate_is_that_of_the_drug_a_cohort_had(chemo: str, drugs: tuple[str, ...], parameter: str | None) -> None:
    assert chemo_parameter(chemo, drugs) == parameter


def test_each_named_drug_has_its_finding() -> None:
    course = replace(BRAIN, chemo="platinum", drugs=("cisplatin three-weekly", "durvalumab", "etoposide"))
    found = met(course).findings
    assert [f.code for f in found] == ["LR307", "LR308", "LR309"]
    assert "no source tells weekly from three-weekly" in found[0].what
    assert "no effect" in found[1].what
    assert found[2].what.startswith("etoposide is not in the model")


def test_an_unmodelled_drug_changes_no_count() -> None:
    other = met(replace(BRAIN, chemo="other", drugs=("mitomycin",)))
    assert (other.counts == met(BRAIN).counts).all()


def test_a_steroid_before_the_first_fraction_is_in_the_baseline() -> None:
    before = met(replace(BRAIN, steroid=(Steroid(8.0, -20.0, 0.0),)))
    assert (before.counts == met(BRAIN).counts).all()
    across = met(replace(BRAIN, steroid=(Steroid(8.0, -20.0, 10.0),)))
    assert (across.counts == met(replace(BRAIN, steroid=(Steroid(8.0, 0.0, 10.0),))).counts).all()


def test_not_known_lies_between_none_and_all_and_is_wider_than_none() -> None:
    none, told, unknown = (
        met(replace(BRAIN, steroid=s)).counts.min(axis=1) for s in ((), (Steroid(2.0),), "not known")
    )
    assert np.median(told) < np.median(unknown) < np.median(none)
    assert np.log(none).std() * 1.03 < np.log(unknown).std()
    assert codes(replace(BRAIN, steroid="not known")) == ["LR310"]
    assert codes(replace(BRAIN, steroid=(Steroid(2.0),))) == ["LR311"]
    assert codes(replace(BRAIN, steroid="as fitted")) == []


def test_the_usual_steroid_is_in_what_brain_cohorts_were_fitted_to() -> None:
    """Under temozolomide, the usual dose adds nothing, more takes more, less takes less; not known widens the band."""
    course = replace(BRAIN, chemo="temozolomide")
    less, told, more, usual = (
        met(replace(course, steroid=s)).counts.min(axis=1) for s in ((), (Steroid(2.0),), (Steroid(8.0),), "usual")
    )
    assert np.median(more) < np.median(told) < np.median(less)
    assert np.median(usual) == pytest.approx(np.median(told), rel=0.05)
    assert np.log(told).std() < np.log(usual).std()


@pytest.mark.parametrize(
    ("site", "chemo", "met"),
    [
        ("brain", "none", "usual"),
        (None, "temozolomide", "usual"),
        ("lung", "platinum", "not known"),
        (None, None, "not known"),
    ],
)
def test_untold_steroids_are_the_rule_where_cohorts_had_them(site, chemo, met) -> None:
    """A drug's rate that holds the usual steroid is never met without it because nobody typed the site."""
    assert steroids_met(Patient(site=site, chemo=chemo)) == met
    assert steroids_met(Patient(site=site, chemo=chemo, steroid=())) == ()


@pytest.mark.parametrize("mg", [0.5, 2.0, 8.0])
def test_drug_and_steroid_sum_to_the_fitted_rate_and_the_difference_from_the_usual_dose(mg) -> None:
    draws = draw(PEOPLE, 64, 3, PATIENT_DIMENSIONS)
    v = draws.values
    course = replace(BRAIN, chemo="temozolomide", steroid=(Steroid(mg, 0.0, BRAIN.last_fraction_d + 9.0),))
    drug = v["chemo.temozolomide"] * draws.patient("chemo", v["spread.chemo"])
    at, usual = (steroid_rate(d, v["steroid.loss_rate"], v["steroid.half_dose"]) for d in (mg, 2.0))
    during, after = losses(course, draws).total()[1].T
    assert during == pytest.approx(np.maximum(drug + at - usual, 0.0), abs=1e-15)
    assert after == pytest.approx(at, abs=1e-15)


def test_steroids_own_their_part_of_the_loss_and_of_the_spread() -> None:
    course = replace(BRAIN, chemo="temozolomide", steroid="usual")
    f = forecast(course, 1.4, PEOPLE, age_y=60.0, draws=128, horizon_d=120)
    assert sum(f.organ_share.values()) == pytest.approx(1.0)
    assert f.organ_share["steroid"] > 0.1
    assert {"patient.steroid", "spread.steroid"} & set(f.sensitivity) == {"patient.steroid"}
    plain = forecast(BRAIN, 1.4, PEOPLE, age_y=60.0, draws=128, horizon_d=120)
    assert not any("steroid" in name for name in (*plain.organ_share, *plain.sensitivity))


@pytest.mark.parametrize("steroid", [(), "usual", "not known", (Steroid(8.0, -3.0, 14.0), Steroid(4.0, 14.0))])
def test_a_saved_course_keeps_drugs_and_steroids(steroid) -> None:
    course = replace(BRAIN, chemo="platinum", drugs=("cisplatin", "etoposide"), steroid=steroid)
    again = course_from_dict(json.loads(json.dumps(course.to_dict())))
    assert (again.drugs, again.steroid) == (course.drugs, course.steroid)
