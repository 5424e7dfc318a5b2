"""Every format says the same number under the same name: text, page, PDF and JSON of one analysis."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, envelope
from lymphorisk.analysis.result import BeamSummary, PhaseSummary, WhatIf
from lymphorisk.dvh import DVH
from lymphorisk.literature import Estimate, Outcome
from lymphorisk.lymphocyte.summary import Band, Recovery, summarise
from lymphorisk.lymphocyte.whatif import Difference
from lymphorisk.organs.compartments import by_organ
from lymphorisk.plain import tidy
from lymphorisk.plan import Patient
from lymphorisk.predict import Agreement
from lymphorisk.qa.facts import behind_in, facts_of, facts_of_saved
from lymphorisk.report import content, figures, html, pdf, text
from lymphorisk.report.document import Document
from lymphorisk.report.measurements import measurements, sentences
from lymphorisk.report.summary import headline
from lymphorisk.report.table import Table, text_lines
from lymphorisk.report.wording import POOL_LABELS, TEXT_MAX, chance, digits, percent, short, source_label

from .tables import html_rows, html_tables, pdf_text, squeezed, text_rows, told_apart

ORGANS = "Organ doses of the course"
HEADS = ["Organ (TG-263)", "Source", "From", "cm³", "in grid %", "Mean Gy", "Gy / fx", "V5 %", "V20 %", "Max Gy"]
TERMINAL = ["Organ (TG-263)", "Source", "cm³", "Mean Gy", "Gy / fx", "V5 %", "V20 %", "From"]


def ramp(name: str, total: float, top: float, mean: float, coverage: float = 1.0) -> DVH:
    """A DVH that falls in a straight line from all of the volume at zero to none at `top`."""
    edges = np.arange(0.0, top + 0.05, 0.1)
    volume = total * coverage * np.clip(1.0 - edges / top, 0.0, 1.0)
    return DVH(name, edges, volume, mean, 0.3, top, coverage=coverage, total_cm3=total)


@pytest.fixture(scope="module")
def drawn(explained: Analysis) -> Analysis:
    """Organs with curves, each number of each organ unlike every other, and a published model without a cut."""
    organs = dict(explained.organs)
    for i, name in enumerate(("Spleen", "Lungs", "Bowel")):
        curve = ramp(name, 123.4 + 100 * i, 31.0 + 11 * i, 13.7 + 3 * i, 1.0 if i else 0.97)
        given = {"source": ("roi", "derived", "roi")[i], "roi_names": (f"ROI{i}", f"b{i}"), "coverage": curve.coverage}
        organs[name] = replace(organs[name], dvh=curve, volume_cm3=curve.total_cm3, **given)
    target = replace(organs["Spleen"], tg263="PTV", roi_names=("PTV_1",), dvh=ramp("PTV", 77.7, 62.0, 29.1))
    no_cut = Estimate(
        "kim2024_gbm", Outcome(None, "during RT", "nadir", "severe, cut not stated"), 0.27, citation="kim2024", how="x"
    )
    fourth = Estimate("xu2020_esophagus_edic", Outcome(0.2, "RT", "nadir"), 0.41, citation="xu2020", how="y")
    voices = (no_cut, fourth, *explained.risk.literature)
    return replace(
        explained,
        organs=organs,
        targets=(target,),
        blood=told_apart(explained.blood),
        risk=replace(explained.risk, literature=voices),
        edic={"edic_gy": 3.21, "edric_gy": 4.56, "edic_esophagus_gy": Absent.declined("no liver")},
        agreement=Agreement((("Spleen", 0.61, 1.1), ("Lungs", 0.17, -0.3)), 0.5, "They agree."),
    )


@pytest.fixture(scope="module")
def made(drawn: Analysis) -> Document:
    return content.report(drawn, ("Doe^Jane", "7"), written="2026-01-31")


@pytest.fixture(scope="module")
def page(made: Document) -> str:
    return html.render(made)


@pytest.fixture(scope="module")
def printed(made: Document) -> str:
    return pdf_text(pdf.render(made))


@pytest.fixture(scope="module")
def plain(drawn: Analysis) -> dict[str, Any]:
    return tidy(envelope.envelope(drawn))


def expected(name: str, o: dict[str, Any], share: dict[str, float]) -> dict[str, str]:
    """What a reader must find of an organ, from its JSON: by head."""
    return {
        "Organ (TG-263)": name,
        "Source": source_label(o["source"]),
        "From": ", ".join(o["roi"]) or ("body's dose, diluted" if o["source"] == "diluted" else "–"),
        "cm³": digits(o["volume_cm3"], 4),
        "in grid %": f"{100 * o['coverage']:.0f}" if o["source"] in ("roi", "derived") else "–",
        "Mean Gy": digits(o["mean_gy"]),
        "Gy / fx": " / ".join(digits(v) for v in o["fraction_mean_gy"]),
        "V5 %": f"{share['V5Gy[%]']:.0f}",
        "V20 %": f"{share['V20Gy[%]']:.0f}",
        "Max Gy": digits(o["max_gy"]),
    }


def shares(a: Analysis, name: str, o: dict[str, Any]) -> dict[str, float]:
    """V5 and V20: of the JSON where it has metrics, else summed over the doses the organ was given. [%]"""
    if "metrics" in o:
        return o["metrics"]
    dose = a.organs[name].course
    return {
        f"V{g}Gy[%]": 100 * sum(s for d, s in zip(dose.dose_gy, dose.share, strict=True) if d >= g) for g in (5, 20)
    }


def all_expected(a: Analysis, plain: dict[str, Any]) -> list[dict[str, str]]:
    named = list(plain["organs"].items()) + [(t["kind"], t) for t in plain["targets"]]
    return [expected(name, o, shares(a, name, o)) for name, o in named]


def test_the_fixture_tells_every_column_from_every_other(drawn: Analysis, plain: dict[str, Any]) -> None:
    """A swap of any two columns must change what is printed of some organ."""
    rows = [expected(n, o, shares(drawn, n, o)) for n, o in plain["organs"].items()]
    for i, a in enumerate(HEADS):
        for b in HEADS[i + 1 :]:
            assert any(row[a] != row[b] for row in rows), (a, b)


def test_the_page_shows_the_json_organ_by_organ(drawn: Analysis, page: str, plain: dict[str, Any]) -> None:
    shown = html_rows(page, ORGANS)
    assert [list(row) for row in shown] == [HEADS] * len(shown)
    wanted = {row["Organ (TG-263)"]: row for row in all_expected(drawn, plain)}
    assert {row["Organ (TG-263)"]: row for row in shown} == wanted


def test_the_text_shows_the_json_organ_by_organ(drawn: Analysis, plain: dict[str, Any]) -> None:
    shown = text_rows(text.render(drawn), "ORGAN DOSES, course")
    assert list(shown[0]) == TERMINAL
    wanted = {row["Organ (TG-263)"]: row for row in all_expected(drawn, plain) if row["Source"] != "diluted body"}
    assert {row["Organ (TG-263)"] for row in shown} == set(wanted)
    for row in shown:
        assert row == {head: wanted[row["Organ (TG-263)"]][head] for head in TERMINAL}


def test_the_pdf_shows_the_json_organ_by_organ(drawn: Analysis, printed: str, plain: dict[str, Any]) -> None:
    assert squeezed("".join([ORGANS, *HEADS])) in printed
    for row in all_expected(drawn, plain):
        assert squeezed("".join(row[head] for head in HEADS)) in printed, row


def test_surrogates_come_last_and_targets_after_all(page: str) -> None:
    sources = [row["Source"] for row in html_rows(page, ORGANS)]
    assert sources[-1] == "contour"
    organs = sources[:-1]
    assert organs == sorted(organs, key=lambda s: s == "diluted body")
    assert "diluted body" in organs


def test_every_table_reaches_page_and_pdf_cell_by_cell(made: Document, page: str, printed: str) -> None:
    """The page has each table's heads and rows as they are; the PDF draws them in the same order."""
    shown = html_tables(page)
    assert [t.caption for t in made.tables()] == [caption for caption, _, _ in shown]
    assert len(shown) >= 10
    at = 0
    for table, (_, heads, rows) in zip(made.tables(), shown, strict=True):
        assert heads == [h.text for h in table.heads]
        assert rows == [[cell.text for cell in row] for row in table.rows]
        at = printed.index(squeezed(table.caption + "".join(heads)), at)
        for row in rows:
            at = printed.index(squeezed("".join(row)), at)


def test_every_table_as_text_keeps_its_cells_under_their_heads(made: Document) -> None:
    for table in made.tables():
        lines = text_lines(table)
        width = [max(len(h.text), *(len(row[i].text) for row in table.rows)) for i, h in enumerate(table.heads)]
        start = 2
        for i, head in enumerate(table.heads):
            cells = [line[start : start + width[i]].strip() for line in lines]
            assert cells == [head.text, *(row[i].text.strip() for row in table.rows)], table.caption
            start += width[i] + 2


def table_of(made: Document, caption: str) -> Table:
    return next(t for t in made.tables() if t.caption.startswith(caption))


def test_counts_by_day(drawn: Analysis, made: Document, plain: dict[str, Any]) -> None:
    alc = plain["alc"]
    table = table_of(made, "Count [10⁹/L]")
    assert [h.text for h in table.heads] == ["Day", "Median", "50 % band", "90 % band", "90 % of measured"]
    assert len(table.rows) >= 4
    for row in table.rows:
        day, median, half, most, counted = (cell.text for cell in row)
        i = None if "nadir" in day else alc["day"].index(float(day))
        q = {k: digits(alc["nadir"][k] if i is None else alc[k][i], 2) for k in ("median", "p05", "p25", "p75", "p95")}
        assert (median, half, most) == (q["median"], f"{q['p25']} to {q['p75']}", f"{q['p05']} to {q['p95']}")
        of = alc["measured"]["lowest_weekly"] if i is None else {k: alc["measured"][k][i] for k in ("p05", "p95")}
        assert counted == f"{digits(of['p05'], 2)} to {digits(of['p95'], 2)}"
    days = [float(d) for d in table.column("Day") if "nadir" not in d]
    assert days == sorted(days)
    assert len(days) == len(table.rows) - 1
    in_text = text_rows(text.render(drawn), "LYMPHOCYTE COUNT [10^9/L]")
    named = {row["Day"]: row for row in in_text}
    for row in table.rows:
        if row[0].text in named:
            assert [cell.text for cell in row] == list(named[row[0].text].values())
    assert any("(nadir)" in day for day in named)


def test_the_nadir_is_one_number_and_one_interval_everywhere(drawn: Analysis) -> None:
    """Headline, table, tile, figure, gate, structured report and JSON; the days are many, so each can fail."""
    f = drawn.forecast
    counts = np.tile(f.counts[:, :1], (1, len(f.day)))
    counts[np.arange(f.draws), np.where(np.arange(f.draws) % 4 == 0, 33, 45)] = f.counts.min(axis=1)
    made = summarise(f.day, counts)
    spread = replace(drawn, forecast=replace(f, counts=counts, quantiles=made.quantiles, nadir=made.nadir))
    n = json.loads(envelope.render(spread))["alc"]["nadir"]
    assert (n["day_p05"], n["day"], n["day_p95"]) == (33.0, 45.0, 45.0)
    assert n["median"] == pytest.approx(float(np.quantile(counts.min(axis=1), 0.5, method="hazen")))
    assert n["median"] < min(json.loads(envelope.render(spread))["alc"]["median"])
    low = digits(n["median"], 2)
    assert f"to {low} x10^9/L" in headline(spread)[0]
    assert "between day 33 and 45" in headline(spread)[0]
    row = next(r for r in content.counts(spread).rows if "(nadir)" in r[0].text)
    assert (row[0].text, row[1].text) == ("33 to 45 (nadir)", low)
    assert [cell.text for cell in row] in [list(r.values()) for r in text_rows(text.render(spread), "LYMPHOCYTE COUNT")]
    assert content.tiles(spread).tiles[0][1] == low
    figure = figures.alc_figure(spread)
    assert f"nadir: {low}, day 33 to 45" in figure.svg()
    assert "between day 33 and 45" in figure.svg()
    sr = {code: value for code, _, value, *_ in measurements(spread)}
    assert sr["LR-NADIR"] == pytest.approx(n["median"], rel=1e-5)
    assert (sr["LR-NADIR-DAY-P05"], sr["LR-NADIR-DAY"], sr["LR-NADIR-DAY-P95"]) == (33.0, 45.0, 45.0)
    for facts in (facts_of(spread), facts_of_saved(json.loads(envelope.render(spread)))):
        assert facts.values["ALCnadir[10^9/L]"] == pytest.approx(n["median"], rel=1e-8)
    assert "between day 33 and 45" in repr(spread)


def test_blood_by_fraction_and_course(drawn: Analysis, made: Document, plain: dict[str, Any]) -> None:
    b = plain["blood"]
    named = [*zip(("primary", "boost"), b["fraction_by_phase"], strict=True), ("whole course", b["course"])]
    wanted = [
        {
            "": name,
            "Mean Gy": digits(s["mean_gy"]),
            "SD Gy": digits(s["sd_gy"]),
            "V>0 %": f"{100 * s['v_gt_0']:.1f}",
            "V>0.125 Gy %": f"{100 * s['v_gt_0_125']:.1f}",
            "V≥0.5 Gy %": f"{100 * s['v_ge_0_5']:.1f}",
            "D2% Gy": digits(s["d2_gy"]),
        }
        for name, s in named
    ]
    table = table_of(made, "Blood dose, ")
    heads = [h.text for h in table.heads]
    assert [dict(zip(heads, (c.text for c in row), strict=True)) for row in table.rows] == wanted
    assert [h.numeric for h in table.heads] == [False, *[True] * 6]
    for line in text_lines(table):
        assert line in text.render(drawn).splitlines()


def test_effective_doses_or_their_reasons(drawn: Analysis, made: Document) -> None:
    table = table_of(made, "Effective dose to immune cells")
    assert table.column("Model") == ("EDIC", "EDRIC", "EDIC, oesophageal form")
    assert table.column("Value") == ("3.21 Gy", "4.56 Gy", "none: no liver")
    said = text.render(drawn)
    for line in ("EDIC: 3.21 Gy", "EDRIC: 4.56 Gy", "EDIC, oesophageal form: none: no liver"):
        assert f"  {line}\n" in said


def test_an_archive_gets_each_number_with_its_unit(drawn: Analysis, plain: dict[str, Any]) -> None:
    alc, course = plain["alc"], plain["blood"]["course"]
    p = alc["grade_probability"]
    wanted = {
        "LR-BASELINE": (1.2, "10*9/L"),
        "LR-NADIR": (alc["nadir"]["median"], "10*9/L"),
        "LR-NADIR-P05": (alc["nadir"]["p05"], "10*9/L"),
        "LR-NADIR-P95": (alc["nadir"]["p95"], "10*9/L"),
        "LR-P-G2": (100 * p["2"], "%"),
        "LR-P-G3": (100 * p["3"], "%"),
        "LR-P-G4": (100 * p["4"], "%"),
        "LR-DAYS-0.5": (alc["days_below_0_5"]["median"], "d"),
        "LR-DAYS-0.2": (alc["days_below_0_2"]["median"], "d"),
        "LR-BLOODMEAN": (course["mean_gy"], "Gy"),
        "LR-BLOODV0.5": (100 * course["v_ge_0_5"], "%"),
        "LR-BLOODD2": (course["d2_gy"], "Gy"),
        "LR-EDIC": (3.21, "Gy"),
        "LR-EDRIC": (4.56, "Gy"),
        "LR-LEARNED-G3": (62.0, "%"),
        "LR-LEARNED-G4": (11.0, "%"),
    }
    told = {code: (value, unit) for code, _, value, unit, _ in measurements(drawn)}
    assert set(told) - set(wanted) == {"LR-NADIR-DAY", "LR-NADIR-DAY-P05", "LR-NADIR-DAY-P95"}
    assert {told[code][1] for code in set(told) - set(wanted)} == {"d"}
    for code, (value, unit) in wanted.items():
        assert told[code] == (pytest.approx(value, rel=1e-5), unit), code


def test_what_an_archived_number_rests_on_is_that_of_its_metric(drawn: Analysis) -> None:
    behind = behind_in(drawn)
    of = {"BLOODMEAN": "BloodMean[Gy]", "BLOODV0.5": "BloodV0.5Gy[%]", "BLOODD2": "BloodD2%[Gy]"}
    of |= {"EDIC": "EDIC[Gy]", "EDRIC": "EDRIC[Gy]", "EDIC-ESO": "EDICesophagus[Gy]", "BASELINE": ""}
    notes = {code.removeprefix("LR-"): note for code, *_, note in measurements(drawn)}
    assert notes == {
        code: ", ".join(map(str, behind[name])) if (name := of.get(code, "ALCnadir[10^9/L]")) else "" for code in notes
    }
    assert len({behind[name] for name in ("ALCnadir[10^9/L]", "BloodMean[Gy]", "BloodD2%[Gy]", "EDIC[Gy]")}) == 4


def test_sentences_of_the_archive_name_their_organ_fact_and_finding(drawn: Analysis, plain: dict[str, Any]) -> None:
    said: dict[str, list[str]] = {}
    for code, _, line in sentences(drawn):
        said.setdefault(code, []).append(line)
    assert said["LR-ORGAN-SOURCE"] == [
        short(f"{n}: {source_label(o['source'])}; {o['how']}", 400) for n, o in plain["organs"].items()
    ]
    assert len({line.partition(": ")[2] for line in said["LR-ORGAN-SOURCE"]}) > 2
    assert said["LR-FACT-SOURCE"] == [f"{n}: {how}" for n, how in plain["patient"]["sources"].items()]
    assert said["LR-DECLINED"] == ["EDIC, oesophageal form: no liver"]
    told = [f for f in plain["findings"] if f["severity"] != "info"]
    assert [line.split(" ")[:2] for line in said["LR-FINDING"]] == [[f["code"], f"{f['severity']}:"] for f in told]
    assert 0 < len(told) < len(plain["findings"])


def test_each_voice_stands_under_its_grade(drawn: Analysis, made: Document, printed: str) -> None:
    table = table_of(made, "What each voice rests on")
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    m = drawn.risk.mechanistic
    assert shown["Mechanistic"][:2] == [chance(m["g3"]), chance(m["g4"])]
    assert shown["Trained predictor"][:2] == ["62 % (50 % to 74 %)", "11 % (5 % to 20 %)"]
    assert shown["Xu 2020, esophagus EDIC"][:2] == ["–", "41 %"] or shown["Xu 2020, esophagus EDIC"][0] == "–"
    first = [[cell.text for cell in row] for row in table.rows]
    assert ["Kim 2024, GBM", "–", "–"] in [row[:3] for row in first]
    assert ["Kim 2024, GBM", "30 % (20 % to 45 %)", "–"] in [row[:3] for row in first]
    assert ["Xu 2020, esophagus EDIC", "–", "41 %"] in [row[:3] for row in first]
    severe = next(row[3] for row in first if row[:3] == ["Kim 2024, GBM", "–", "–"])
    assert severe.startswith("Severe, cut not stated: 27 %.")
    assert squeezed("Severe, cut not stated: 27 %.") in printed


def test_a_model_without_a_cut_is_under_no_grade_in_the_text(drawn: Analysis) -> None:
    row = next(line for line in text.render(drawn).splitlines() if line.startswith("  Kim 2024, GBM  "))
    assert row.split("  ")[-1].strip() == "–"
    assert "%" not in row
    assert "Kim 2024, GBM: Severe, cut not stated: 27 %" in text.render(drawn)


def test_a_model_without_a_cut_has_a_mark_of_its_own_in_the_figure(drawn: Analysis, explained: Analysis) -> None:
    from lymphorisk.report.figures import voices_figure
    from lymphorisk.report.svg import Text

    figure = voices_figure(drawn)
    kinds = [s.kind for s in figure.shapes if not isinstance(s, Text)]
    assert kinds.count("no-cut-mark") == 2, "one in the legend, one for the model"
    assert "severe, cut not stated" in [s.content for s in figure.shapes if isinstance(s, Text)]
    assert kinds.count("g3-mark") == 1 + 3
    assert kinds.count("g4-mark") == 1 + 3
    assert "no-cut-mark" not in [s.kind for s in voices_figure(explained).shapes]


def test_agreement_by_organ(made: Document) -> None:
    table = table_of(made, "Physics against")
    assert table.column("Organ") == ("Spleen", "Lungs")
    assert table.column("Share of the loss") == (percent(0.61), percent(0.17))
    assert table.column("Log-odds") == ("+1.10", "-0.30")
    assert table.column("On the odds") == (f"×{math.exp(1.1):.2f}", f"×{math.exp(-0.3):.2f}")


def test_tiles_name_their_numbers(drawn: Analysis, plain: dict[str, Any]) -> None:
    tiles = {label: (value, more) for label, value, more in content.tiles(drawn).tiles}
    alc = plain["alc"]
    nadir, p = alc["nadir"], alc["grade_probability"]
    assert tiles["Nadir [10⁹/L]"] == (
        digits(nadir["median"], 2),
        f"90 %: {digits(nadir['p05'], 2)} to {digits(nadir['p95'], 2)}",
    )
    assert tiles["Grade 3 or worse"][0] == chance(p["3"])
    assert tiles["Grade 4"][0] == chance(p["4"])
    assert tiles["Mean blood dose"][0] == f"{digits(plain['blood']['course']['mean_gy'])} Gy"


def test_phases_patient_findings_and_files(drawn: Analysis, made: Document, plain: dict[str, Any]) -> None:
    table = table_of(made, "The course as")
    assert table.column("Phase") == tuple(p["label"] for p in plain["plan"]["phases"])
    assert table.column("Fractions") == tuple(str(p["fractions"]) for p in plain["plan"]["phases"])
    assert table.column("Modality") == ("photon", "photon")
    facts = table_of(made, "The patient as")
    known = dict(zip(facts.column("Fact"), facts.column("Value"), strict=True))
    assert known["age"] == "60 y"
    assert known["baseline count"] == "1.2 ×10⁹/L"
    assert known["LLN"] == "1 ×10⁹/L"
    assert known["sex"] == "M"
    assert known["weight"] == "not known"
    noted = table_of(made, "What was noticed")
    rank = ("error", "warning", "info")
    kinds = Counter((f["severity"], f["code"]) for f in plain["findings"])
    order = sorted(kinds, key=lambda k: (rank.index(k[0]), k[1]))
    assert list(zip(noted.column("Severity"), noted.column("Code"), strict=True)) == order
    assert noted.column("Times") == tuple(str(kinds[k]) for k in order)
    told = " ".join(c.text for t in made.tables() for row in t.rows for c in row)
    assert all(f["what"] in told for f in plain["findings"] if len(f["what"]) < TEXT_MAX)
    assumed = table_of(made, "Numbers without a source")
    assert assumed.column("Parameter") == tuple(a["name"] for a in plain["assumptions"])
    assert assumed.column("Value") == tuple(a["value"] for a in plain["assumptions"])


def test_a_protocol_keeps_its_columns(result: Analysis) -> None:
    row = content.ProtocolRow("structure", "metric", "limit", "value", "FAIL", "note")
    table = content.protocol_lines([row])
    assert {h.text.lower(): cell.text for h, cell in zip(table.heads, table.rows[0], strict=True)} == {
        "structure": "structure", "metric": "metric", "limit": "limit", "value": "value", "state": "FAIL",
        "note": "note",
    }  # fmt: skip


PHASES = (
    PhaseSummary("first", 5, "photon", 1.0, 10.0, (0.0, 1.0, 4.0), "weekdays", (
        BeamSummary(1, "a", 12.0, 0.0, "plan", 0.5), BeamSummary(2, "b", 31.0, 50.0, "assumed", 0.5),
    )),
    PhaseSummary("second", 2, "proton", 1.1, None, (7.0, 9.5), "as given", (
        BeamSummary(1, "a", 77.0, 0.0, "plan", 1.0),
    )),
)  # fmt: skip


def test_phases_as_the_models_used_them(drawn: Analysis) -> None:
    a = replace(drawn, phases=PHASES)
    table = content.phases(a)
    assert [[c.text for c in row] for row in table.rows] == [
        ["first", "photon", "10.00 Gy", "5", "day 0 to 4, weekdays", "2 beams, 43 s on (assumed, plan)"],
        ["second", "proton, RBE 1.1 in the dose", "not given", "2", "day 7 to 9.5, as given", "1 beam, 77 s on (plan)"],
    ]
    said = text.render(a)
    assert "first: 10.00 Gy in 5 fractions, photon, weekdays; 2 beams, 43 s on (assumed, plan)" in said
    assert "second: 2 fractions, proton, as given; 1 beam, 77 s on (plan)" in said


def test_every_fact_of_the_patient_under_its_name(drawn: Analysis) -> None:
    who = Patient(
        sex="F", age_y=61.0, height_cm=171.0, weight_kg=73.0, alc=1.3, lln=0.9, site="head_neck", neutrophils=4.1
    )
    told = dict.fromkeys(("sex", "age_y", "height_cm", "weight_kg", "alc", "lln", "site", "neutrophils"), "")
    sources = {name: f"how {name}" for name in told}
    facts = content.patient(replace(drawn, patient=who, patient_sources=sources))
    assert [[c.text for c in row] for row in facts.rows][:7] == [
        ["sex", "F", "how sex"], ["age", "61 y", "how age_y"], ["height", "171 cm", "how height_cm"],
        ["weight", "73 kg", "how weight_kg"], ["baseline count", "1.3 ×10⁹/L", "how alc"],
        ["LLN", "0.9 ×10⁹/L", "how lln"], ["site", "head neck", "how site"],
    ]  # fmt: skip
    assert ["neutrophils", "4.1 ×10⁹/L", "how neutrophils"] in [[c.text for c in row] for row in facts.rows]


def test_tiles_hold_days_counts_and_doses_of_their_own(drawn: Analysis) -> None:
    f = drawn.forecast
    band = Band(*(float(20 + i) for i in range(9)))
    seen = replace(f.measured, grade_probability={"2": 0.91, "3": 0.52, "4": 0.13})
    grades = {"1": 0.99, "2": 0.95, "3": 0.61, "4": 0.17}
    made = replace(f, days_below={"0.5": band, "0.2": band}, measured=seen, grade_probability=grades)
    tiles = {label: (value, more) for label, value, more in content.tiles(replace(drawn, forecast=made)).tiles}
    assert tiles["Grade 3 or worse"] == ("61 %", "nadir below 0.5 ×10⁹/L; by weekly counts 52 %")
    assert tiles["Grade 4"] == ("17 %", "nadir below 0.2 ×10⁹/L; by weekly counts 13 %")
    assert tiles["Days below 0.5"][0] == "24 d"
    assert tiles["Days below 0.5"][1].startswith("90 %: 21 to 27")
    each = " / ".join(digits(s.mean_gy) for s in drawn.blood.fraction)
    assert tiles["Mean blood dose"] == (f"{digits(drawn.blood.course.mean_gy)} Gy", f"{each} Gy in a fraction")


def test_files_are_known_by_their_hash(drawn: Analysis) -> None:
    files = (("RTPLAN", "1.2.3", "a" * 64), ("RTDOSE", "1.2.4", "b" * 64))
    made = content.report(replace(drawn, provenance=replace(drawn.provenance, inputs=files)))
    table = next(t for t in made.tables() if t.caption == "Input files")
    assert [tuple(c.text for c in row) for row in table.rows] == list(files)


def test_an_organ_drawn_in_part_shows_the_dose_of_the_whole_of_it(drawn: Analysis) -> None:
    o = drawn.organs["Spleen"]
    part = replace(o, share=0.4)
    assert content.share_at_or_above(o, 20.0) == pytest.approx(100 * (1 - 20 / 31), abs=0.5)
    whole = 100 * float(o.course.share[o.course.dose_gy >= 20.0].sum())
    assert content.share_at_or_above(part, 20.0) == pytest.approx(whole)
    assert whole != pytest.approx(content.share_at_or_above(o, 20.0))


def test_the_text_says_who_owes_what_and_who_comes_back(drawn: Analysis) -> None:
    band = Band(*(float(60 + i) for i in range(9)))
    again = replace(drawn.forecast, recovery=Recovery(0.83, 0.9, band))
    many = tuple(replace(drawn.findings[0], where=f"ROI {i}", what=f"said {i}") for i in range(20))
    lost = {"spleen": 0.55, "blood": 0.3, "gut": 0.15}
    a = replace(drawn, forecast=again, findings=many, attribution=lost)
    said = " ".join(text.render(a).split())
    parts = by_organ(a.blood.by_organ)
    first, dose = next(iter(parts.items()))
    assert f"of the mean dose: {first} {percent(dose / sum(parts.values()))}" in said
    assert "falls below 0.5: 83 %, back for good on day 64" in said
    assert (
        "physics, of the loss at the nadir: " + ", ".join(f"{POOL_LABELS[n]} {percent(v)}" for n, v in lost.items())
        in said
    )
    assert "FINDINGS (20)" in said
    shown = text.ALSO_MAX - 1
    assert f"ROI {shown}, {20 - shown - 1} more" in said
    for edge, b in a.forecast.days_below.items():
        assert f"below {edge}: {b.p50:.0f} d ({b.p05:.0f} to {b.p95:.0f})" in said


def test_the_text_says_what_a_change_does(drawn: Analysis) -> None:
    nadir = Band(*(0.1 + 0.01 * i for i in range(9)))
    change = Difference(nadir, nadir, nadir, {"2": -0.1, "3": -0.23, "4": 0.31}, {})
    said = text.render(replace(drawn, what_ifs=(WhatIf("fractions=5", change),)))
    wanted = "fractions=5: nadir +0.14 (+0.11 to +0.17) x10^9/L, P(grade 3+) -23 points, P(grade 4) +31 points"
    assert f"  {wanted}" in said.splitlines()
