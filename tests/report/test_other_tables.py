"""The tables of compare, update, blood, dvh, check, evaluate: each cell is the number its head names."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, Options, analyze, envelope
from lymphorisk.analysis.alike import Unlike
from lymphorisk.analysis.bloodonly import BloodResult, SweepPoint
from lymphorisk.analysis.compare import Comparison, compare, sentence
from lymphorisk.analysis.dvhs import Crosscheck, DvhTable, StructureDvh
from lymphorisk.analysis.midcourse import updated
from lymphorisk.cohorts.commission import Checked, Commissioning
from lymphorisk.dvh import DVH
from lymphorisk.dvh.metrics import metric
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte.summary import Band
from lymphorisk.lymphocyte.update import Update
from lymphorisk.lymphocyte.whatif import difference
from lymphorisk.plain import tidy
from lymphorisk.qa.check import check
from lymphorisk.qa.protocol import Line, Override, Protocol, limit
from lymphorisk.report import blood, commission, comparison, dvh, evaluation, gate, html, midcourse, overlay, pdf
from lymphorisk.report.content import facts
from lymphorisk.report.document import Document
from lymphorisk.report.summary import weakness
from lymphorisk.report.table import Table, text_lines
from lymphorisk.report.wording import chance, digits
from lymphorisk.scenario import scenario_from

from .tables import html_tables, pdf_text, squeezed, told_apart


def by_head(table: Table) -> list[dict[str, str]]:
    heads = [h.text for h in table.heads]
    assert len(set(heads)) == len(heads)
    return [dict(zip(heads, (c.text for c in row), strict=True)) for row in table.rows]


def shown_everywhere(document: Document) -> None:
    """Page and PDF hold every table of the document, cell by cell, in order."""
    wanted = [(t.caption, [h.text for h in t.heads], [[c.text for c in r] for r in t.rows]) for t in document.tables()]
    assert html_tables(html.render(document)) == wanted
    printed, at = pdf_text(pdf.render(document)), 0
    for table in document.tables():
        at = printed.index(squeezed(table.caption + "".join(h.text for h in table.heads)), at)
        for row in table.rows:
            at = printed.index(squeezed("".join(c.text for c in row)), at)


@pytest.fixture(scope="module")
def compared(result: Analysis) -> Comparison:
    table = {
        "plan": {"phase": [{"fractions": 5, "label": "primary"}, {"fractions": 2, "label": "boost"}]},
        "organs": {name: {"mean_gy": gy} for name, gy in (("Spleen", 8), ("Lungs", 1), ("Bowel", 3), ("Body", 1))},
        "patient": {"sex": "M", "age": 60, "alc": 1.2, "lln": 1.0, "site": "lung"},
    }
    return compare(result, analyze(scenario_from(table), options=Options(draws=64, horizon_d=120)))


def test_two_plans_and_their_difference(compared: Comparison) -> None:
    data = tidy(comparison.to_dict([compared], ["A", "B"]))
    first, second = data["plans"]
    said = compared.forecast
    rows = {row[""]: row for row in by_head(comparison.difference_table(compared, "A", "B"))}
    nadir = rows["Nadir [10⁹/L]"]
    assert nadir["first: A"] == digits(compared.first.forecast.nadir.median, 2)
    assert nadir["second: B"] == digits(compared.second.forecast.nadir.median, 2)
    assert nadir["Median change"] == f"{said.nadir.p50:+.2f}"
    assert nadir["95 % band"] == f"{said.nadir.p025:+.2f} to {said.nadir.p975:+.2f}"
    days = rows["Days below 0.5"]
    a, b = (x.forecast.days_below["0.5"].p50 for x in (compared.first, compared.second))
    assert (days["first: A"], days["second: B"]) == (f"{a:.0f}", f"{b:.0f}")
    for g in ("2", "3", "4"):
        row = rows[f"P(grade {g} or worse) [%]"]
        assert row["first: A"] == f"{100 * first['grade_probability'][g]:.0f}"
        assert row["second: B"] == f"{100 * second['grade_probability'][g]:.0f}"
        assert row["Median change"] == f"{100 * said.probability[g]:+.0f}"
        assert row["95 % band"] == f"standard error {100 * said.probability_se[g]:.0f}"
    for g, change in said.probability.items():
        assert change == pytest.approx(second["grade_probability"][g] - first["grade_probability"][g], abs=1e-9)
    dose = rows["Mean blood dose [Gy]"]
    more = float(second["blood_mean_gy"]) - float(first["blood_mean_gy"])
    assert dose["Median change"] == f"{more:+.2f}"
    assert (dose["first: A"], dose["second: B"]) == tuple(digits(p["blood_mean_gy"]) for p in (first, second))


def test_organs_of_two_plans_largest_change_first(compared: Comparison) -> None:
    data = comparison.to_dict([compared], ["A", "B"])["comparisons"][0]
    wanted = [
        {
            "Organ": o["organ"],
            "first: A": digits(o["first_gy"]),
            "second: B": digits(o["second_gy"]),
            "Change": f"{o['change_gy']:+.2f}",
            "Remark": "not drawn" if o["surrogate"] else "",
        }
        for o in data["organs"][: comparison.ORGANS_SHOWN]
    ]
    assert by_head(comparison.organ_table(compared, "A", "B")) == wanted
    spleen = next(row for row in wanted if row["Organ"] == "Spleen")
    assert (spleen["first: A"], spleen["second: B"], spleen["Change"]) == ("4.00", "8.00", "+4.00")
    sizes = [abs(float(row["Change"])) for row in wanted if not row["Remark"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) >= 3
    drivers = {k: f"{100 * (math.exp(v) - 1):+.1f} %" for k, v in data["drivers_ln_nadir"].items() if abs(v) > 0.0005}
    assert [row["Change of the nadir"] for row in by_head(comparison.driver_table(compared))] == list(drivers.values())


def test_all_plans_in_a_line_each(compared: Comparison) -> None:
    plans = [compared.first, compared.second]
    rows = by_head(comparison.plan_table(plans, ["A", "B"]))
    for row, name, a in zip(rows, "AB", plans, strict=True):
        f = a.forecast
        assert row == {
            "Plan": name,
            "Nadir [10⁹/L]": digits(f.nadir.median, 2),
            "90 % band": f"{digits(f.nadir.p05, 2)} to {digits(f.nadir.p95, 2)}",
            "Grade 3 or worse": chance(f.grade_probability["3"]),
            "Grade 4": chance(f.grade_probability["4"]),
            "Days below 0.5": f"{f.days_below['0.5'].p50:.0f}",
            "Mean blood dose [Gy]": digits(a.blood.course.mean_gy),
        }
    document = comparison.report([compared], ["A", "B"])
    shown_everywhere(document)
    said = comparison.text([compared], ["A", "B"]).splitlines()
    for table in (comparison.organ_table(compared, "A", "B"), comparison.difference_table(compared, "A", "B")):
        assert set(text_lines(table)) <= set(said)


def test_what_is_said_of_two_plans_is_said_of_the_right_one(compared: Comparison, result: Analysis) -> None:
    """A comparison in which each plan, and each plan by itself, differs in everything that is told."""
    longer = replace(result.phases[0], fractions=25, modality="proton", label="boosted")
    second = replace(compared.second, label="second", phases=(longer,), patient=replace(result.patient, sex="F"))
    far = replace(
        result.forecast, nadir=replace(result.forecast.nadir, count=Band(*(0.7 + 0.01 * i for i in range(9))))
    )
    alone = (replace(result, forecast=far), replace(second, forecast=far, findings=result.findings[:1]))
    files = [replace(a.provenance, inputs=(("RTPLAN", f"1.{i}", f"{i}" * 64),)) for i, a in enumerate((result, second))]
    plans = [replace(a, provenance=f) for a, f in zip((result, second), files, strict=True)]
    made = replace(
        compared, first=plans[0], second=plans[1], alone=alone, unlike=(Unlike("Spleen", (True, False)),), place=1
    )
    data = tidy(comparison.to_dict([made], ["A", "B"]))
    for told, a, own in zip(data["plans"], plans, alone, strict=True):
        assert (told["label"], told["fractions"], told["modality"]) == (a.label, a.fractions, a.modality)
        assert told["alc_nadir"] == tidy(a.forecast.nadir.to_dict())
        assert told["alone"]["alc_nadir"] == tidy(own.forecast.nadir.to_dict())
        assert told["weaker"] == list(weakness(own))
    assert data["plans"][0]["alone"]["alc_nadir"] != data["plans"][0]["alc_nadir"]
    assert data["comparisons"][0]["unlike"] == [{"organ": "Spleen", "first": True, "second": False}]
    said = comparison.text([made], ["A", "B"]).splitlines()
    assert "A  against  B" in said
    document = comparison.report([made], ["A", "B"])
    assert document.facts == facts(plans[0]) != facts(plans[1])
    inputs = next(t for t in document.tables() if t.caption == "Input files")
    assert [[c.text for c in row] for row in inputs.rows] == [
        [name, "RTPLAN", f"1.{i}", f"{i}" * 64] for i, name in enumerate("AB")
    ]


def test_days_change_by_what_the_second_has_more(compared: Comparison) -> None:
    few, many = (Band(*(float(a + i) for i in range(9))) for a in (3, 30))
    made = replace(compared, forecast=replace(compared.forecast, days_below_0_5=many, nadir=few))
    row = {r[""]: r for r in by_head(comparison.difference_table(made, "A", "B"))}["Days below 0.5"]
    assert (row["Median change"], row["95 % band"]) == ("+34", "+30 to +38")


def test_the_difference_of_two_forecasts_draw_by_draw(result: Analysis) -> None:
    f = result.forecast
    on = np.arange(len(f.day))
    given = replace(f, counts=np.where(on[None, :] < 30, 0.4, 0.8) + np.zeros((f.draws, 1)))
    fewer = replace(f, counts=np.select([on < 5, on < 10], [0.1, 0.4], 0.8)[None, :] + np.zeros((f.draws, 1)))
    apart = difference(given, fewer)
    assert (apart.nadir.p50, apart.nadir_ratio.p50) == pytest.approx((-0.3, 0.25))
    assert apart.days_below_0_5.p50 == 10 - 30
    assert apart.probability == pytest.approx({"2": 0.0, "3": 0.0, "4": 1.0})


def test_the_sentence_shares_out_what_helps_and_names_the_fractions_in_order(result: Analysis) -> None:
    made = compare(result, result)
    up = replace(made.forecast, nadir_ratio=Band(*([1.25] * 9)), nadir=Band(*([0.11] * 9)))
    other = replace(result, phases=result.phases[:1])
    said = sentence(result, other, up, {})
    assert said.endswith(f"the courses differ in their fractions ({result.fractions} and {other.fractions}).")
    assert "nadir is 25 % higher (+0.11 x10^9/L)" in said
    said = sentence(result, result, up, {"gut": 0.3, "spleen": -0.4, "blood": 0.1})
    assert said.endswith("the dose to the gut pool accounts for 75 % of what moves it that way.")
    down = replace(up, nadir_ratio=Band(*([0.8] * 9)), nadir=Band(*([-0.07] * 9)))
    said = sentence(result, result, down, {"gut": 0.3, "spleen": -0.4, "blood": -0.1})
    assert "nadir is 20 % lower (-0.07 x10^9/L)" in said
    assert said.endswith("the dose to the spleen pool accounts for 80 % of what moves it that way.")


@pytest.mark.parametrize("side", [0, 1])
def test_an_organ_not_drawn_in_either_plan_is_a_surrogate(compared: Comparison, side: int) -> None:
    plans = [compared.first, compared.second]
    organs = dict(plans[side].organs)
    organs["Spleen"] = replace(organs["Spleen"], source="placed")
    plans[side] = replace(plans[side], organs=organs)
    told = {o.organ: o.surrogate for o in compare(*plans).organs}
    assert told["Spleen"]
    assert not told["Lungs"]


def test_the_overlay_draws_each_plan_under_its_name(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    real = overlay.dvhs

    def caught(panels: Any, names: Any, **more: Any) -> Any:
        drawn.update(panels)
        return real(panels, names, **more)

    monkeypatch.setattr(overlay, "dvhs", caught)
    comparison.report([compared], ["A", "B"])
    assert drawn["Spleen"] == [compared.first.organs["Spleen"].course, compared.second.organs["Spleen"].course]


@pytest.fixture(scope="module")
def update(result: Analysis) -> Update:
    return updated(json.loads(envelope.render(result)), [(3.0, 0.8), (9.0, 0.55)])


def test_before_is_before_and_after_is_after(update: Update) -> None:
    rows = {row[""]: row for row in by_head(midcourse.changes(update))}
    for head, f in (("Before", update.prior), ("After", update.posterior)):
        n = f.nadir.count
        assert rows["Nadir [10⁹/L], 90 % band"][head] == f"{n.p50:.2f} ({n.p05:.2f} to {n.p95:.2f})"
        assert rows["Nadir, 90 % between"][head] == f.nadir.span
        for g in ("2", "3", "4"):
            assert rows[f"Grade {g} or worse"][head] == chance(f.grade_probability[g])
        for edge in ("0.5", "0.2"):
            b = f.days_below[edge]
            assert rows[f"Days below {edge}"][head] == f"{b.p50:.0f} ({b.p05:.0f} to {b.p95:.0f})"
    assert rows["Nadir [10⁹/L], 90 % band"]["Before"] != rows["Nadir [10⁹/L], 90 % band"]["After"]
    weekly = [
        f"{m.p50:.2f} ({m.p05:.2f} to {m.p95:.2f})"
        for m in (update.prior.measured.lowest, update.posterior.measured.lowest)
    ]
    assert [rows["Lowest weekly count, measured"][h] for h in ("Before", "After")] == weekly
    assert weekly[0] != weekly[1]
    data = tidy(midcourse.to_dict(update))
    for name, f in (("prior", update.prior), ("posterior", update.posterior)):
        assert data[name]["nadir"] == tidy(f.nadir.to_dict())
    assert data["effective_draws"] == pytest.approx(update.effective_draws)
    said = midcourse.text(update).splitlines()
    assert f"effective draws: {update.effective_draws:.0f} of {update.posterior.draws}" in said
    assert update.effective_draws < 0.9 * update.posterior.draws
    low = [digits(f.nadir.median, 2) for f in (update.prior, update.posterior)]
    (lead,) = midcourse.report(update).lead
    assert f"moves from {low[0]} to {low[1]} ×10⁹/L" in lead
    assert by_head(midcourse.counts(update)) == [
        {"Day": "3", "Count [10⁹/L]": "0.8"},
        {"Day": "9", "Count [10⁹/L]": "0.55"},
    ]
    shown_everywhere(midcourse.report(update))


def test_counts_that_were_not_used_are_named_and_what_says_nothing_has_no_heading(update: Update) -> None:
    assert "not used:" not in midcourse.text(update)
    assert "Not used" not in html.render(midcourse.report(update))
    late = Finding("LR311", "warning", "the count of day 400 lies beyond the forecast", "", "raise --horizon")
    made = replace(update, findings=(late,), learned={})
    said = midcourse.text(made)
    assert f"not used:\n  {late.code} {late.what}; {late.hint}\n" in said
    assert "this patient" not in said
    page = html.render(midcourse.report(made))
    assert "Not used" in page
    assert late.what in page


def test_blood_dose_as_text_is_the_json(result: Analysis) -> None:
    dose = told_apart(result.blood)
    answer = BloodResult(result.label, result.phases, dose, result.edic, ())
    data = tidy(blood.to_dict(answer))
    rows = {row[""]: row for row in by_head(blood.dose_table(dose))}
    phases = {f"fraction of {i + 1}": s for i, s in enumerate(data["fraction_by_phase"])}
    assert len(phases) == 2
    for head, s in {**phases, "course": data["course"]}.items():
        assert [rows[name][head] for name in rows] == [
            f"{s['mean_gy']:.4f}",
            f"{s['sd_gy']:.4f}",
            f"{s['d2_gy']:.4f}",
            f"{100 * s['v_gt_0']:.2f}",
            f"{100 * s['v_gt_0_07']:.2f}",
            f"{100 * s['v_gt_0_125']:.2f}",
            f"{100 * s['v_ge_0_5']:.2f}",
        ]
        alive = {row[""]: row[head] for row in by_head(blood.surviving_table(result.blood))}
        assert alive == {name: f"{100 * v:.2f}" for name, v in s["surviving"].items()}
    assert next(iter(rows)) == "mean [Gy]"
    assert [name for name in rows if "[%]" in name] == ["V>0 [%]", "V>0.07Gy [%]", "V>0.125Gy [%]", "V>=0.5Gy [%]"]
    organs = {row["organ"]: row["Gy"] for row in by_head(blood.organ_table(result.blood))}
    assert organs == {o: f"{v:.4f}" for o, v in data["course"]["by_organ"].items() if v > 0}
    assert list(organs.values()) == sorted(organs.values(), key=float, reverse=True)
    effective = by_head(
        blood.edic_table({"edic_gy": 1.25, "edric_gy": 2.5, "edic_esophagus_gy": Absent.declined("why")})
    )
    assert [(r["model"], r["Gy"]) for r in effective] == [
        ("EDIC", "1.25"),
        ("EDRIC", "2.50"),
        ("EDIC, oesophageal form", "why"),
    ]


def test_a_sweep_keeps_its_columns(result: Analysis) -> None:
    s = result.blood.fraction[0]
    points = [SweepPoint(t, replace(s, mean_gy=0.1 * t, d2_gy=0.3 * t), result.blood.course) for t in (1.0, 10.0)]
    points = [
        replace(p, course=replace(p.course, surviving={n: 0.5 * v for n, v in p.course.surviving.items()}))
        for p in points
    ]
    data = tidy(blood.sweep_to_dict(points))["points"]
    for told, p in zip(data, points, strict=True):
        assert told["surviving_fraction"] == tidy(dict(p.fraction.surviving))
        assert told["surviving_course"] == tidy(dict(p.course.surviving))
    form = next(iter(result.blood.course.surviving))
    assert by_head(blood.sweep_table(points)) == [
        {
            "beam-on s": f"{p['beam_on_s']:.4g}",
            "mean Gy": f"{p['mean_gy']:.4g}",
            "V>0 %": f"{100 * p['v_gt_0']:.4g}",
            "V>0.125 %": f"{100 * p['v_gt_0_125']:.4g}",
            "D2% Gy": f"{p['d2_gy']:.4g}",
            f"surviving course % ({form})": f"{100 * p['surviving_course'][form]:.4g}",
        }
        for p in data
    ]


def curve(name: str, top: float, coverage: float = 1.0) -> DVH:
    edges = np.arange(0.0, top + 0.05, 0.1)
    volume = 40.0 * coverage * np.clip(1.0 - edges / top, 0.0, 1.0)
    return DVH(name, edges, volume, 0.45 * top, 0.1, top, coverage, 40.0)


def dvh_table(**more: Any) -> DvhTable:
    rows = (
        StructureDvh(1, "Milz", "Spleen", replace(curve("Milz", 30.0), end_caps="none")),
        StructureDvh(2, "Halb", "Heart", curve("Halb", 50.0, 0.5)),
        StructureDvh(3, "leer", "", Absent.not_contoured("leer has no closed contours")),
    )
    return DvhTable("p", 10, {}, 50.0, 55.0, 0.8, "exact", "half", rows, (), plan_key="a1", **more)


def test_dvh_lines_hold_the_metrics_of_their_heads() -> None:
    table = dvh_table()
    wanted = ("V5Gy[%]", "V20Gy[%]", "D2%[Gy]", "D2cc[Gy]")
    milz, halb = by_head(dvh.structure_table(table, wanted))
    c = table.structures[0].curve
    assert isinstance(c, DVH)
    assert milz == {
        "ROI": "Milz", "organ": "Spleen", "cm3": "40.00", "covered": "all",
        "mean Gy": "13.500", "min Gy": "0.100", "max Gy": "30.000",
        **{name: f"{metric(c, name):.3f}" for name in wanted},
    }  # fmt: skip
    assert milz["V5Gy[%]"] != milz["V20Gy[%]"]
    assert halb["covered"] == "50.0 % UNDECIDABLE"
    assert " to " in halb["V5Gy[%]"]
    noted = tuple(Finding(f"LR10{i}", s, f"{s} said", "Milz") for i, s in enumerate(("error", "warning", "info")))
    noticed = dvh.text(replace(table, findings=noted), wanted)
    assert "LR100 error: error said [Milz]" in noticed
    assert "LR101 warning: warning said [Milz]" in noticed
    assert "info said" not in noticed
    said = dvh.text(table, wanted)
    assert set(text_lines(dvh.structure_table(table, wanted), "")) <= set(said.splitlines())
    assert "leer: leer has no closed contours" in said
    whole = tidy(dvh.to_dict(table, wanted))
    assert whole["plan"] == {"fractions": 10, "sop_uids": {}, "prescription_gy": 50.0}
    plain = whole["structures"]
    assert [s.get("end_caps") for s in plain] == ["none", "half", None]
    assert [(s.get("coverage"), s.get("decidable"), s.get("source")) for s in plain] == [
        (1.0, None, None), (0.5, False, None), (None, None, None),
    ]  # fmt: skip
    assert plain[1]["bounds"]["Max[Gy]"]["high"] == 55.0, "no part outside the grid exceeds the grid's highest dose"
    assert plain[2]["not_contoured"] == "leer has no closed contours"
    handed = replace(table, structures=(replace(table.structures[0], number=None, segmented=True),))
    (mask,) = dvh.to_dict(handed)["structures"]
    assert (mask["source"], mask["number"]) == ("segmented", None)
    assert [f"{plain[0][k]:.3f}" for k in ("mean_gy", "min_gy", "max_gy")] == ["13.500", "0.100", "30.000"]
    assert {k: f"{v:.3f}" for k, v in plain[0]["metrics"].items()} == {name: milz[name] for name in wanted}


def test_a_curve_as_csv_falls_with_dose() -> None:
    rows = list(csv.DictReader(dvh.to_csv(dvh_table()).splitlines()))
    assert {(row["structure"], row["tg263"]) for row in rows} == {("Milz", "Spleen"), ("Halb", "Heart"), ("leer", "")}
    points = [row for row in rows if row["dose_gy"] and row["structure"] == "Milz"]
    spleen = {float(row["dose_gy"]): float(row["volume_cm3"]) for row in points}
    assert (spleen[0.0], spleen[15.0], spleen[30.0]) == pytest.approx((40.0, 20.0, 0.0))
    assert {row["plan"] for row in rows} == {"a1"}


@pytest.mark.parametrize("step", [0.1, 0.5, 7.0])
def test_the_step_of_a_csv_moves_no_point_of_the_curve(step: float) -> None:
    rows = list(csv.DictReader(dvh.to_csv(dvh_table(), (), step).splitlines()))
    points = [(float(r["dose_gy"]), float(r["volume_cm3"])) for r in rows if r["dose_gy"] and r["structure"] == "Milz"]
    milz = curve("Milz", 30.0)
    assert [volume for _, volume in points] == pytest.approx(
        [float(np.interp(dose, milz.dose_gy, milz.volume_cm3)) for dose, _ in points], rel=1e-5
    )
    assert points[-1][1] == 0.0
    assert points[1][0] == pytest.approx(step)


def test_a_csv_holds_the_metrics_with_bounds_and_reasons() -> None:
    rows = list(csv.DictReader(dvh.to_csv(dvh_table(), ("V20Gy[%]", "D100cc[Gy]")).splitlines()))
    said = {(r["structure"], r["metric"]): r for r in rows if not r["dose_gy"]}
    assert float(said["Milz", "V20Gy[%]"]["value"]) == pytest.approx(100 / 3, abs=1.0)
    half = said["Halb", "V20Gy[%]"]
    assert (half["value"], float(half["low"]) < float(half["high"])) == ("", True)
    assert said["Milz", "D100cc[Gy]"]["reason"]
    assert "no closed contours" in said["leer", ""]["reason"]


def test_the_crosscheck_keeps_who_said_what() -> None:
    ours, other, tps = curve("x", 30.0), curve("x", 33.0), curve("x", 36.0)
    (row,) = by_head(dvh.crosscheck_table([Crosscheck(1, "x", ours, other, tps)]))
    for head, c in (("lymphorisk", ours), ("dicompyler-core", other), ("planning system", tps)):
        assert row[head] == f"40.00 / {c.mean_gy:.3f} / {metric(c, 'D2%[Gy]'):.3f}"
    assert row["difference"].startswith("dicompyler-core: volume +0.0 %, mean +1.35 Gy; planning system:")
    wider = replace(other, volume_cm3=1.25 * other.volume_cm3, total_cm3=50.0)
    (row,) = by_head(dvh.crosscheck_table([Crosscheck(1, "x", ours, wider, None)]))
    assert row["difference"] == "dicompyler-core: volume +25.0 %, mean +1.35 Gy"
    (plain,) = dvh.to_dict(dvh_table(crosscheck=(Crosscheck(1, "x", ours, other, tps),)))["crosscheck"]
    for who, c in (("ours", ours), ("dicompyler", other), ("tps", tps)):
        told = {"volume_cm3": 40.0, "mean_gy": c.mean_gy, "d2_gy": metric(c, "D2%[Gy]"), "max_gy": c.max_gy}
        assert plain[who] == pytest.approx(told)


def test_what_one_of_three_does_not_have_is_said_and_not_compared() -> None:
    ours, none = curve("x", 30.0), Absent.not_contoured("x has no closed contours")
    table = dvh.crosscheck_table([Crosscheck(1, "x", none, ours, None), Crosscheck(2, "y", ours, none, ours)])
    first, second = by_head(table)
    assert "no closed contours" in first["lymphorisk"]
    assert (first["planning system"], first["difference"]) == ("not exported", "")
    assert "no closed contours" in second["dicompyler-core"]
    assert second["difference"] == ""
    said = dvh.text(dvh_table(crosscheck=(Crosscheck(1, "x", ours, curve("x", 36.0), None),)), ())
    assert table.caption in said
    assert "mean +2.70 Gy" in said
    assert table.caption not in dvh.text(dvh_table(), ())


def test_a_commissioning_says_which_end_caps_fit_and_what_reaches_out_of_the_grid() -> None:
    cross = (Crosscheck(1, "x", curve("x", 30.0), None, curve("x", 30.0)),)

    def plan(number: int, caps: str | None, uncovered: tuple[tuple[str, float], ...] = ()) -> Checked:
        table = replace(dvh_table(crosscheck=cross), tps_end_caps=caps)
        return Checked(number, f"plan {number}", table, uncovered, (("1", 30.0, "plan"),), ("plan",), ())

    plans = (plan(1, "none"), plan(2, "half", (("Lung_L", 0.42),)), plan(3, "none"))
    page = html.render(commission.report(Commissioning(plans, ())))
    assert "best: none (2 plans), half (1 plan)" in page
    assert page.count("<caption>Reach out of the dose grid") == 1
    assert "42.0%" in page
    blind = html.render(commission.report(Commissioning((plan(1, None),), ())))
    assert "which end caps it uses is not known" in blind
    assert "Reach out of the dose grid" not in blind


def test_the_gate_prints_each_value_under_its_head(result: Analysis) -> None:
    lines = (
        Line("Mean[Gy]", "Milz", goal=limit("<= 9"), variation=limit("<= 20")),
        Line("V20Gy[%]", "Milz", goal=limit("<= 1")),
    )
    made = check(replace(result, findings=()), Protocol("house", lines), lambda _: curve("Milz", 30.0))
    said = gate.text(made).splitlines()
    head = next(i for i, line in enumerate(said) if line.startswith("STATE"))
    width = {name: said[head].index(name) for name in ("STATE", "STRUCTURE", "METRIC", "VALUE", "LIMIT")}
    ends = [*list(width.values())[1:], None]
    cells = [said[head + 2][a:b].strip() for a, b in zip(width.values(), ends, strict=True)]
    first = gate.to_dict(made)["lines"][0]
    assert cells[:4] == ["VARIATION", "Milz", "Mean[Gy]", f"{first['value']:.4g} Gy"]
    assert cells[4].startswith("<= 9")
    table = gate.protocol_table(made)
    assert (table.rows[0].structure, table.rows[0].metric, table.rows[0].state) == ("Milz", "Mean[Gy]", "VARIATION")
    assert table.rows[0].value == f"{first['value']:.4g} Gy"
    assert table.rows[0].limit == cells[4]


def test_the_gate_keeps_bounds_limits_and_sources_apart(result: Analysis) -> None:
    lines = (
        Line(
            "Mean[Gy]", "Halb", goal=limit("<= 9"), variation=limit("<= 20"), published=(10.0, 22.0, 40.0),
            override=Override("accepted it", "A Physicist"), source="Someone 2020",
            n="177", endpoint="G3", evidence="weak",
        ),
    )  # fmt: skip
    noted = tuple(Finding(f"LR10{i}", s, f"{s} said") for i, s in enumerate(("error", "warning", "info"), start=1))
    whole = replace(result, findings=noted)
    made = check(whole, Protocol("house", lines), lambda _: curve("Halb", 50.0, 0.5), highest_gy=55.0)
    (told,) = gate.to_dict(made)["lines"]
    assert told["low"] == pytest.approx(0.5 * 0.45 * 50.0, rel=0.01)
    assert told["high"] == pytest.approx(told["low"] + 0.5 * 55.0, rel=0.01)
    assert (told["goal"], told["variation"], told["n"]) == ("<= 9", "<= 20", "177")
    assert told["override"] == {"reason": "accepted it", "by": "A Physicist"}
    assert (told["source"], told["endpoint"], told["evidence"]) == ("Someone 2020", "G3", "weak")
    below = [v for v in (10.0, 22.0, 40.0) if v <= told["value"]]
    assert told["percentile"] == pytest.approx(len(below) / 3)
    assert gate.rows(made)[0]["placed"] == f"above {len(below)} of 3 published (10 to 40)"
    assert 0 < len(below) < 3
    (run,) = gate.sarif([(made, made.exit_code)], "0")["runs"]
    level = {r["ruleId"]: r["level"] for r in run["results"]}
    assert (level["LR101"], level["LR102"], level["LR103"]) == ("error", "warning", "note")
    assert run["invocations"][0]["exitCode"] == made.exit_code != 0


SCORES = {
    "n": 120, "events": 31, "auc": 0.811, "brier": 0.142, "scaled_brier": 0.253, "in_the_large": -0.034, "slope": 0.915,
}  # fmt: skip


def judged() -> dict[str, Any]:
    curve_rows = [(0.1, 0.12, 0.05, 0.2, 30), (0.6, 0.55, 0.4, 0.7, 30)]
    outcome = {
        **SCORES, "interval": {"auc": (0.7, 0.9)}, "roc": [(0.0, 0.0), (0.2, 0.7), (1.0, 1.0)],
        "calibration_curve": curve_rows, "decision_curve": [(0.1, 0.2, 0.15), (0.5, 0.1, -0.2)],
        "logistic": {**SCORES, "auc": 0.777}, "importance": [{"name": "Spleen", "mean": 0.4, "low": 0.2, "high": 0.5}],
        "subgroups": {"site": {"lung": SCORES, "brain": {**SCORES, "n": 9}}}, "held_out": {"north": SCORES},
    }  # fmt: skip
    return {
        "kind": "cross-validation", "cohort": "c", "rows": 120, "outcomes": {"g3": outcome}, "missing": {"bmi": 0.25},
    }  # fmt: skip


def test_scores_stand_under_their_names() -> None:
    (row,) = by_head(evaluation.score_table("x", {"boosted trees": SCORES}))
    assert row == {
        "": "boosted trees", "patients": "120", "events": "31",
        "AUC": "0.811", "Brier": "0.142", "scaled Brier": "0.253", "predicted - observed": "-0.034", "slope": "0.915",
    }  # fmt: skip
    (none,) = by_head(evaluation.score_table("x", {"y": {"n": 3, "auc": math.nan}}))
    assert (none["patients"], none["AUC"], none["slope"]) == ("3", "–", "–")
    assert by_head(evaluation.missing_table({"bmi": 0.25})) == [{"feature": "bmi", "missing": "25 %"}]


def test_an_evaluation_is_a_page_and_a_pdf() -> None:
    document = evaluation.report(judged(), "mine", ["a note"], {"g3": "<svg></svg>"})
    shown_everywhere(document)
    assert [t.caption for t in document.tables()] == [
        "Scores", "By site", "Each group left out of training in turn", "Missing values",
    ]  # fmt: skip
    page = html.render(document)
    assert '<figure id="shap-g3" class="foreign">' in page
    assert "<svg></svg></div>" in page
    assert document.tables()[0].column("AUC") == ("0.811 (0.700 to 0.900)", "0.777")


def whole() -> dict[str, Any]:
    """An evaluation with all that one may hold."""
    interval = {"auc": (0.7, 0.9), "slope": (0.7, 1.1), "in_the_large": (-0.1, 0.02)}
    gain = {"adds": True, "auc_gain": 0.034, "auc_gain_interval": (0.01, 0.06), "brier_gain": 0.01,
            "brier_gain_interval": (0.0, 0.02)}  # fmt: skip
    standing = {"state": "holds", "why": "AUC 0.81 on 31 events"}
    made = judged()
    made["outcomes"]["g3"] |= {
        "interval": interval, "against_logistic": gain, "standing": standing,
        "conformal": {"level": 0.9, "events": 0.93, "non_events": 0.91, "decided": 0.4},
        "decision_interval": [(0.1, 0.3), (math.nan, math.nan)],
        "voices": {"mechanism": {**SCORES, "interval": interval, "model_against_it": {**gain, "n": 110, "adds": False}},
                   "published": {"n": 4, "events": 1, "reason": "it answers for too few patients"}},
    }  # fmt: skip
    before, after = ({**SCORES, "slope": slope} for slope in (0.62, 0.98))
    line = {
        "before": before, "after": after, "intercept": -0.4, "slope": 0.7, "asked_for": 99, "mean_before": 0.31,
        "mean_after": 0.26, "observed": 0.258, "standing": standing,
    }  # fmt: skip
    test = {"kind": "patients kept aside", "outcomes": {"g3": {**SCORES, "auc": 0.799}}}
    return {
        **made, "declined": {"far": 7}, "recalibration": {"g3": line}, "test": test,
    }  # fmt: skip


def test_an_evaluation_says_all_it_holds_in_text_and_page() -> None:
    said = evaluation.evaluation_text(whole())
    page = unescape(html.render(evaluation.report(whole(), "t")))
    for words in (
        "of 120 rows 7 far",
        "90 % conformal sets hold 93% of events and 91% of the others; 40% are decided",
        "adds to a logistic model on the same features: AUC +0.034 (+0.010 to +0.060)",
        "AUC 0.81 on 31 events",
        "it answers for too few patients",
        "on the 110 both answer for the predictor does not add to it",
        "new log-odds = -0.40 + 0.70 x old; Riley's criteria ask for 99 patients",
        "slope 0.62 -> 0.98",
    ):
        assert words in said, words
    for words in ("Patients kept aside", "0.799", "Recalibration", "Adds to a logistic model"):
        assert words in page, words
    assert "NaN" not in page


def test_an_evaluation_without_its_parts_has_no_heading_for_them() -> None:
    bare = judged()
    for part in ("importance", "held_out", "logistic"):
        bare["outcomes"]["g3"].pop(part)
    bare.pop("missing")
    document = evaluation.report(bare, "t")
    assert [t.caption for t in document.tables()] == ["Scores", "By site"]
    page, full = html.render(document), html.render(evaluation.report(judged(), "t"))
    for words in ("Missing values", "left out of training", "Mean absolute contribution"):
        assert words not in page
        assert words in full
    bare["outcomes"]["g3"]["interval"] = whole()["outcomes"]["g3"]["interval"]
    said = evaluation.evaluation_text(bare)
    assert "conformal" not in said
    assert "logistic" not in said
