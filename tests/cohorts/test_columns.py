"""Every column of the table of plans is the number its name says, held against the JSON of the same analysis."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, Options, analyze, envelope
from lymphorisk.cohorts.columns import ANALYSED, COUNT, Seen
from lymphorisk.features import NAMES, FeatureVector, feature
from lymphorisk.literature import MODELS, Estimate, Outcome
from lymphorisk.lymphocyte.summary import Band, summarise
from lymphorisk.plain import tidy
from lymphorisk.predict import Prediction
from lymphorisk.predict.applicability import Domain
from lymphorisk.qa.check import check
from lymphorisk.qa.protocol import Line, Protocol, limit
from lymphorisk.scenario import scenario_from

SCENARIO = {
    "plan": {
        "phase": [
            {"fractions": 5, "label": "a", "prescription_gy": 10.0},
            {"fractions": 2, "label": "b", "prescription_gy": 6.0},
        ]
    },
    "organs": {"Spleen": {"mean_gy": 4.0}, "Lungs": {"mean_gy": 7.0}, "Body": {"mean_gy": 1.0}},
    "patient": {"sex": "M", "age": 60, "alc": 1.2, "lln": 1.0, "height_cm": 181, "weight_kg": 77, "site": "lung"},
}
SITE = {"site": "breast", "p": 0.83, "why": "target in it", "agrees": "no"}


def apart(a: Analysis) -> Analysis:
    """No two of its numbers alike: a column that takes another's cannot hide."""
    f = a.forecast
    counts = np.exp(np.random.default_rng(3).normal(-1.2, 0.8, (64, len(f.day)))).clip(0.01, 3.0)
    of = summarise(f.day, counts)
    shares = {"1": 0.98, "2": 0.87, "3": 0.55, "4": 0.21}
    seen = Band(*(0.113 + 0.01 * i for i in range(9)))
    measured = replace(f.measured, lowest=seen, grade_probability={g: p - 0.09 for g, p in shares.items()})
    days = {"0.5": Band(*(float(40 + i) for i in range(9))), "0.2": Band(*(float(13 + i) for i in range(9)))}
    made = replace(f, nadir=of.nadir, grade_probability=shares, measured=measured, days_below=days)
    course = replace(a.blood.course, mean_gy=1.2341, sd_gy=0.3437, d2_gy=2.4563, v_gt_0_125=0.5381, v_ge_0_5=0.3419)
    blood = replace(a.blood, course=course, fraction=tuple(
        replace(s, mean_gy=0.0731 + k, d2_gy=0.2 + k) for k, s in enumerate(a.blood.fraction)
    ))  # fmt: skip
    learned = Prediction(
        {"g3": 0.62, "g4": 0.137}, {}, {}, {}, Domain(True, (), 0.4, 0.9), "patients", "sample", (), ()
    )
    names = list(MODELS)
    said = [
        Estimate(n, Outcome(0.5, "RT", "nadir"), 0.3 + 0.01 * i, citation="x", how="y") for i, n in enumerate(names)
    ]
    said[1] = replace(said[1], p=Absent.declined("it needs a liver"))
    risk = replace(a.risk, learned=learned, literature=tuple(said[:-1]))
    noted = (
        *a.findings[:1] * 3,
        *(replace(x, severity=s) for x, s in zip(a.findings[1:4], ("error", "warning", "warning"), strict=False)),
    )
    source = replace(a.provenance, model_name="sample", model_sha256="ab12", inputs=(("RTPLAN", "1.2", "ff" * 32),))
    edic = {"edic_gy": Absent.declined("no heart"), "edric_gy": 4.56, "edic_esophagus_gy": Absent.declined("no liver")}
    return replace(a, forecast=made, blood=blood, risk=risk, findings=noted, provenance=source, edic=edic)


@pytest.fixture(scope="module")
def seen() -> Seen:
    a = apart(analyze(scenario_from(SCENARIO), options=Options(draws=16, horizon_d=60)))
    placed = np.arange(1.0, 1.0 + len(NAMES))
    placed[3] = np.nan
    drawn = placed.copy()
    drawn[::2] = np.nan
    why = {NAMES[3]: "nowhere to be found"}
    line = Line("Mean[Gy]", "Liver", goal=limit("<= 9"))
    judged = check(a, Protocol("house", (line,)), lambda _: Absent.not_contoured("no liver"))
    return Seen(a, FeatureVector(drawn), FeatureVector(placed, missing=why), judged, SITE)


@pytest.fixture(scope="module")
def row(seen: Seen) -> dict[str, Any]:
    return {c.name: tidy(c.of(seen)) for c in ANALYSED}


def test_each_column_of_the_forecast_is_that_of_the_json(seen: Seen, row: dict[str, Any]) -> None:
    plain = json.loads(envelope.render(seen.analysis))
    alc, measured, course = plain["alc"], plain["alc"]["measured"], plain["blood"]["course"]
    wanted = {
        **{f"nadir_{q}": alc["nadir"][q] for q in ("p05", "median", "p95")},
        "nadir_day": alc["nadir"]["day"],
        "days_below_0_5": 44.0,
        "days_below_0_2": 17.0,
        **{f"p_g{g}": alc["grade_probability"][g] for g in "234"},
        **{f"p_g{g}_by_counts": measured["grade_probability"][g] for g in "234"},
        **{f"lowest_count_{q}": measured["lowest_weekly"][q] for q in ("p05", "median", "p95")},
        **{f"blood_{n}": course[n] for n in ("mean_gy", "sd_gy", "v_gt_0_125", "v_ge_0_5", "d2_gy")},
        "blood_fraction_mean_gy": plain["blood"]["fraction_by_phase"][0]["mean_gy"],
        "learned_g3": 0.62,
        "learned_g4": 0.137,
        "learned_declined": "",
        "edic_gy": None,
        "edric_gy": 4.56,
        "edic_esophagus_gy": None,
        "edic_reason": "no heart",
        "fractions": 7,
        "prescription_gy": 16.0,
        "phases": 2,
        "last_day": float(max(d for p in plain["plan"]["phases"] for d in p["days"])),
        "modality": "photon",
        **{n: plain["patient"][n] for n in ("sex", "age_y", "height_cm", "weight_kg", "alc", "lln", "chemo")},
        **{f"{n}_source": plain["patient"]["sources"][n] for n in ("sex", "age_y", "height_cm", "lln", "chemo")},
        "site": "lung", "site_inferred": "breast", "site_p": 0.83, "site_why": "target in it", "site_agrees": "no",
        "model": "sample", "model_sha256": "ab12", "seed": plain["provenance"]["seed"], "draws": 16,
        "parameter_set": plain["provenance"]["parameter_set"], "version": plain["provenance"]["version"],
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == {
        name: pytest.approx(v, rel=1e-8) if isinstance(v, float) else v for name, v in wanted.items()
    }
    numbers = [v for n, v in wanted.items() if isinstance(v, float) and n not in ("last_day", "prescription_gy")]
    assert [v for v, n in Counter(numbers).items() if n > 1] == [], "two alike could stand for one another"


def test_every_published_model_speaks_in_its_own_column(row: dict[str, Any]) -> None:
    names = list(MODELS)
    said = [row[f"literature_{n}"] for n in names]
    assert said == [None if i in (1, len(names) - 1) else pytest.approx(0.3 + 0.01 * i) for i in range(len(names))]
    why = [row[f"literature_{n}_declined"] for n in names]
    assert why == ["", "it needs a liver", *[""] * (len(names) - 3), "not asked"]


def test_features_are_placed_where_not_drawn_and_say_so(row: dict[str, Any]) -> None:
    columns = {c.name: c for c in ANALYSED}
    for i, name in enumerate(NAMES):
        if f"{name}_source" not in columns or name in ("alc", "lln", "chemo", "fractions"):
            continue
        assert row[name] == (None if i == 3 else 1.0 + i)
        assert columns[name].unit == feature(name).unit
        assert row[f"{name}_source"] == ("nowhere to be found" if i == 3 else "placed" if i % 2 == 0 else "drawn")


def test_findings_and_verdict(seen: Seen, row: dict[str, Any]) -> None:
    found = seen.analysis.findings
    assert row["findings"] == sorted(f.code for f in found)
    assert len(set(row["findings"])) < len(found)
    counted = Counter(f.severity for f in found)
    assert (row["errors"], row["warnings"]) == (counted["error"], counted["warning"])
    assert row["errors"] != row["warnings"]
    assert (row["verdict"], row["verdict_why"], row["protocol"]) == ("FAIL", "no line was decided", "house")
    unread = {c.name: c.of(replace(seen, judged=Absent.unknown("no dose"))) for c in ANALYSED[-12:]}
    assert (unread["verdict"], unread["verdict_why"], unread["protocol"]) == (None, "no dose", None)


def test_units_are_those_of_the_numbers() -> None:
    unit = {c.name: c.unit for c in ANALYSED}
    counts = [n for n in unit if n.startswith(("nadir_", "lowest_count_")) and n != "nadir_day"]
    assert {unit[n] for n in (*counts, "alc", "lln")} == {COUNT}
    assert {unit[n] for n in unit if n.startswith("blood_") and n.endswith("_gy")} == {"Gy"}
    assert {
        unit[n] for n in unit if n.startswith(("p_g", "learned_g", "literature_", "blood_v")) and "declined" not in n
    } == {"1"}
    assert {unit[n] for n in ("nadir_day", "days_below_0_5", "days_below_0_2", "last_day")} == {"d"}
    assert {unit[n] for n in ("prescription_gy", "edic_gy", "edric_gy", "edic_esophagus_gy")} == {"Gy"}
    assert (unit["age_y"], unit["height_cm"], unit["weight_kg"]) == ("y", "cm", "kg")
