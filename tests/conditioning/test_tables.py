"""The tables, JSON and measurements of a conditioning comparison: each number under its own head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lymphorisk.conditioning.criteria import METRICS, Criterion, Judgement
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, Comparison, PatientFacts, compare, product
from lymphorisk.report.conditioning.document import judgement_table, report
from lymphorisk.report.conditioning.json_ import conditioning_json
from lymphorisk.report.conditioning.measurements import measurements
from lymphorisk.report.conditioning.text import (
    COLUMNS,
    DAYS,
    conditioning_text,
    criteria_table,
    metric_table,
    ordered,
)
from lymphorisk.report.table import Table, text_lines

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
ARCHIVED = {"10^9/L": "10*9/L", "d": "d", "mg h/L": "mg.h/L", "Gy": "Gy", "1": "1"}


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
