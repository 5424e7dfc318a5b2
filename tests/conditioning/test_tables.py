"""The tables, JSON and measurements of a conditioning comparison: each number under its own head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lymphorisk.conditioning.criteria import METRICS, Criterion, Judgement
from lymphorisk.conditioning.hematotox import Hematotox
from lymphorisk.conditioning.regimen import RadiationCourse
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, Comparison, PatientFacts, RegimenForecast, compare, product
from lymphorisk.regimen.knobs import Knob, Schedule
from lymphorisk.regimen.search import Found, SearchResult
from lymphorisk.report.conditioning.document import judgement_table, report
from lymphorisk.report.conditioning.json_ import conditioning_json
from lymphorisk.report.conditioning.measurements import measurements, sentences
from lymphorisk.report.conditioning.text import (
    COLUMNS,
    DAYS,
    band_lines,
    conditioning_text,
    criteria_table,
    given,
    hematotox_lines,
    metric_table,
    ordered,
    paired_table,
    patient_line,
    regimen_title,
    tally,
)
from lymphorisk.report.table import Table, text_lines

Array = NDArray[np.float64]

#: What a reader of a head expects under it.
HEADS = {
    "ALC day 0": "alc_at_infusion",
    "nadir": "alc_nadir",
    "nadir day": "nadir_day",
    "ALC day 30": "alc_day_30",
    "Flu AUC": "fludarabine_auc",
    "<0.1 before": "days_below_0_1_before",
    "<0.1 after": "days_below_0_1_after",
    "<0.2 before": "days_below_0_2_before",
    "<0.2 after": "days_below_0_2_after",
    "<0.5 before": "days_below_0_5_before",
    "<0.5 after": "days_below_0_5_after",
}
#: Units an archive reads, by the unit of a metric.
ARCHIVED = {"10^9/L": "10*9/L", "d": "d", "mg h/L": "mg.h/L", "Gy": "Gy", "mGy/h": "mGy/h", "1": "1"}


def number(i: int, metric: str) -> float:
    """A value unlike that of every other metric and regimen."""
    return 11.5 + i + 2 * list(METRICS).index(metric)


@pytest.fixture(scope="module")
def apart() -> Comparison:
    """Two regimens whose every metric and judgement is unlike every other."""
    facts = PatientFacts(Patient(alc=0.8, weight_kg=80.0, height_cm=172.0), egfr_ml_min=85.0)
    made = compare([(product(n), {}) for n in ("axi-cel", "cilta-cel")], facts, Choices(draws=16))
    deep = Criterion("alc_at_infusion", "at_most", 0.1, "assumed", "own", "row 1", "a note")
    long = Criterion("alc_nadir", "at_least", 0.05, "read", "other", "row 2")
    forecasts = tuple(
        replace(
            f,
            metrics={m: number(i, m) for m in METRICS},
            judgements=(
                Judgement(deep, "MET", 0.83 - 0.1 * i, 0.42, 0.11, 0.93),
                Judgement(long, "NOT MET", 0.07, 0.021, 0.011, 0.031),
            ),
            joint=0.61 - 0.3 * i,
        )
        for i, f in enumerate(made.forecasts)
    )
    return replace(made, forecasts=forecasts)


def rows(table: Table) -> list[dict[str, str]]:
    heads = [h.text for h in table.heads]
    return [dict(zip(heads, (c.text for c in row), strict=True)) for row in table.rows]


def test_each_metric_stands_under_its_head(apart: Comparison) -> None:
    regimens = ordered(apart)
    said = conditioning_text(apart).splitlines()
    shown = [metric_table(regimens, columns) for columns in (COLUMNS, DAYS)]
    assert [h.text for table in shown for h in table.heads if h.text != "regimen"] == list(HEADS)
    for table in shown:
        for i, row in enumerate(rows(table)):
            assert row.pop("regimen") == apart.forecasts[i].regimen.name
            for head, cell in row.items():
                value = number(i, HEADS[head])
                form = ".2f" if METRICS[HEADS[head]].unit == "10^9/L" else ".1f"
                assert cell == f"{value:{form}}", head
        assert {line.rstrip() for line in text_lines(table, "")} <= set(said)


def test_a_criterion_keeps_its_state_share_and_median(apart: Comparison) -> None:
    first, second = rows(judgement_table(apart.forecasts[0]))
    assert first == {
        "criterion": "host ALC at infusion <= 0.1 10^9/L", "state": "MET", "share": "83 %", "median": "0.42",
        "evidence": "assumed; own: row 1. a note",
    }  # fmt: skip
    assert (second["state"], second["share"], second["median"]) == ("NOT MET", "7 %", "0.021")
    deep, long, both = rows(criteria_table(apart.forecasts))
    names = [f.regimen.name for f in apart.forecasts]
    assert [deep[n] for n in names] == ["MET 83 %", "MET 73 %"]
    assert [long[n] for n in names] == ["NOT MET 7 %", "NOT MET 7 %"]
    assert [both[n] for n in names] == ["61 %", "31 %"]
    told = report(apart).tables()
    assert [t for t in told if t.caption == f"Planner criteria of {names[0]}"] == [judgement_table(apart.forecasts[0])]


def test_the_json_keeps_each_number_under_its_key(apart: Comparison) -> None:
    for i, regimen in enumerate(conditioning_json(apart)["regimens"]):
        for name, told in regimen["metrics"].items():
            value = number(i, name)
            assert told == {"unit": METRICS[name].unit, "median": value, "p05": value, "p95": value}
        first: dict[str, Any] = regimen["criteria"][0]
        assert (first["metric"], first["comparator"], first["limit"]) == ("alc_at_infusion", "at_most", 0.1)
        assert (first["median"], first["p05"], first["p95"]) == (0.42, 0.11, 0.93)
        assert first["evidence"] == {"known": "assumed", "source": "own", "place": "row 1", "note": "a note"}
        bands = regimen["alc"]
        assert all(a <= b <= c for a, b, c in zip(bands["p05"], bands["p50"], bands["p95"], strict=True))


def test_an_archive_gets_each_metric_by_name_and_unit(apart: Comparison) -> None:
    told = measurements(apart)
    assert len({code for code, *_ in told}) == len(METRICS)
    for i, f in enumerate(apart.forecasts):
        own = {meaning: (value, unit) for _, meaning, value, unit, _, whose in told if whose == f.regimen.name}
        for name, metric in METRICS.items():
            (found,) = (v for meaning, v in own.items() if v[0] == number(i, name) and metric.label[:40] in meaning)
            assert found[1] == ARCHIVED[metric.unit], name


def test_the_json_tells_what_is_given_judged_and_found_by_name(apart: Comparison) -> None:
    """Every number of a search, of the criteria, of what is given and of the body, held against the objects."""
    field = RadiationCourse("b", (-21.0, -20.0), None, "plan.toml", dose_factor=0.6)
    shaped = tuple(
        replace(
            f,
            regimen=replace(f.regimen, radiation=(field,)),
            kinetics={"b": "whole-body"},
            fractions=((-21.0, 0.31), (-20.0, 0.32)),
            band_owners={"kill": 0.7, "clearance": 0.2},
            window_days=(2.0, 9.0),
        )
        for f in apart.forecasts
    )
    made = replace(apart, forecasts=shaped)
    found = tuple(
        Found(
            Schedule((("last day", 1.0 + i),), f.regimen, 4.0 + i),
            0.3 + i / 10,
            i == 0,
            i == 1,
            0.11 + i,
            5.5 + i,
            i == 0,
            (),
        )
        for i, f in enumerate(shaped)
    )
    knob = Knob("infusion", "delay_d", (0.0, 1.0, 9.0), 0.0)
    said = SearchResult(shaped[0].regimen, (knob,), found, 0.5, 32, 1)
    data = conditioning_json(made, said)
    assert data["body"] == {
        "weight_kg": made.body.weight_kg,
        "bsa_m2": pytest.approx(made.body.bsa_m2, rel=1e-5),
        "egfr_ml_min": pytest.approx(made.body.egfr_ml_min, rel=1e-5),
        "assumed": list(made.body.assumed),
    }
    assert data["baseline_alc"] == 0.8
    assert [(b["low"], b["high"]) for b in data["fludarabine_bands"]] == [(b.low, b.high) for b in made.bands]
    for told, f in zip(data["regimens"], shaped, strict=True):
        assert [(d["name"], d["amount"], d["unit"], d["day"]) for d in told["drugs"]] == [
            (d.drug, d.amount, d.unit, d.day) for d in f.regimen.drugs
        ]
        (radiation,) = told["radiation"]
        assert (radiation["days"], radiation["plan"], radiation["dose_factor"]) == ([-21.0, -20.0], "plan.toml", 0.6)
        assert radiation["kinetics"] == "whole-body"
        assert [(x["day"], x["blood_gy"]) for x in told["fractions"]] == [(-21.0, 0.31), (-20.0, 0.32)]
        assert told["band_owners"] == {"kill": 0.7, "clearance": 0.2}
        assert told["window_days"] == [2.0, 9.0]
        assert told["joint_probability"] == pytest.approx(f.joint)
        for criterion, j in zip(told["criteria"], f.judgements, strict=True):
            c = j.criterion
            assert (criterion["limit"], criterion["probability"], criterion["state"]) == (
                c.limit,
                j.probability,
                j.state,
            )
            assert (criterion["p05"], criterion["median"], criterion["p95"]) == (j.low, j.value, j.high)
    for told, one in zip(data["search"]["schedules"], found, strict=True):
        assert told == {
            "settings": dict(one.schedule.settings), "distance": one.schedule.distance, "joint_probability": one.joint,
            "meets": one.meets, "in_window": one.in_window, "alc_at_infusion": one.depth,
            "days_below_0_2_after": one.duration, "on_frontier": one.on_frontier,
        }  # fmt: skip


def test_pairs_bands_and_order_say_who_is_lower(apart: Comparison) -> None:
    low, high = np.linspace(0.1, 0.2, 16), np.linspace(0.3, 0.4, 16)
    short, long = np.full(16, 2.0), np.full(16, 9.0)
    first, second = apart.forecasts

    def told(f: RegimenForecast, alc: Array, days: Array, auc: float) -> RegimenForecast:
        own = {"alc_at_infusion": alc, "days_below_0_2_after": days, "fludarabine_auc": np.full(16, auc)}
        return replace(f, metrics={**f.metrics, **own})

    made = replace(apart, forecasts=(told(first, high, short, 8.0), told(second, low, long, 30.0)))
    assert [f.regimen.name for f in ordered(made)] == [second.regimen.name, first.regimen.name]
    (row,) = rows(paired_table(made))
    assert (row["ALC day 0"][:6], row["lower in"], row["days <0.2 after"][:4]) == ("-0.200", "100 %", "+7.0")
    lines = {line.partition(":")[0]: line for line in band_lines(made)}
    cut = made.bands[0]
    assert f"below {cut.low:g} 100 %" in lines[first.regimen.name]
    assert f"below {cut.low:g} 0 %" in lines[second.regimen.name]
    unlike = (*first.judgements[:1], *first.judgements, *[replace(first.judgements[0], state="CANNOT SAY")] * 3)
    assert tally(replace(first, judgements=unlike)) == "2 met, 1 not, 3 cannot say"
    score = Hematotox(3, 3, 3, "high", {"anc": 2, "crp": 1}, (), ())
    assert hematotox_lines(replace(made, hematotox=score))[0] == (
        "CAR-HEMATOTOX 3 of 7, risk group: high (anc 2, crp 1)"
    )
    assert "product window: day 2 to 9 here" in " ".join(given(replace(first, window_days=(2.0, 9.0))))
    assert patient_line(made).startswith("baseline 0.8, weight 80 kg, body surface ")


def test_sentences_of_the_archive_name_the_regimen_and_its_state(apart: Comparison) -> None:
    said = [line for code, _, line in sentences(apart) if code == "LR-CRITERION"]
    wanted = [f"{regimen_title(f)}: {j.criterion.label}: {j.state}" for f in ordered(apart) for j in f.judgements]
    assert [line[: len(w)] for line, w in zip(said, wanted, strict=True)] == wanted
    spreads = np.linspace(0.1, 0.9, 17)
    made = replace(
        apart, forecasts=tuple(replace(f, metrics={**f.metrics, "alc_nadir": spreads}) for f in apart.forecasts)
    )
    told = [
        value for _, meaning, value, *_ in measurements(made) if meaning.startswith(METRICS["alc_nadir"].label[:20])
    ]
    assert told == pytest.approx([0.5, 0.5])
