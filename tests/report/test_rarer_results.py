"""Results most pages never see: emitters, nothing to share out, a voice without a grade, a course without days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, Options, analyze
from lymphorisk.plan import Patient
from lymphorisk.predict.agreement import Agreement
from lymphorisk.report import content, emitters, figures, html, research, text
from lymphorisk.report.measurements import measurements
from lymphorisk.report.noticed import findings
from lymphorisk.report.summary import weakness
from lymphorisk.report.table import Column, Head, Table, tabled, text_lines

FIXTURES = Path(__file__).parents[2] / "fixtures" / "scenarios"
WHO = Patient(sex="F", age_y=55, alc=1.6, chemo="none")
FAST = Options(missing="diluted", draws=16, horizon_d=60)
ALPHA = """
[[emitter]]
nuclide = "225Ac"
agent = "PSMA"
marrow_method = "blood-based"
days = [10]
[emitter.gy_per_cycle]
"Red marrow" = 0.2
Blood = 0.1
"""


@pytest.fixture(scope="module")
def beta() -> Analysis:
    return analyze(FIXTURES / "lu177_dotatate.toml", WHO, FAST)


def test_a_course_of_cycles_is_told_by_cycle_and_not_by_fraction(beta: Analysis) -> None:
    """Doses by a published coefficient, and what stands in for what was not given."""
    (phase,) = beta.phases
    said = text.render(beta)
    assert emitters.TITLE.upper() in said
    assert "internal emitter, 4 cycles on days 0, 56, 112, 168" in said
    page = html.render(content.report(beta))
    for words in ("internal emitter, 4 cycles", "at a falling dose rate, see below", emitters.TITLE):
        assert words in page
    notes = emitters.notes(beta)
    assert phase.emitter is not None
    assert any(phase.emitter.dose_from in note for note in notes)
    assert not any("alpha" in note for note in notes)


def test_an_alpha_emitter_is_said_to_be_unvalidated(tmp_path: Path) -> None:
    (tmp_path / "ac.toml").write_text(ALPHA, encoding="utf-8")
    made = analyze(tmp_path / "ac.toml", WHO, FAST)
    notes = emitters.notes(made)
    assert any(note.endswith("alpha emitter, not validated.") for note in notes)
    assert not any(note.startswith("225Ac") and "coefficient" in note for note in notes)
    said = " ".join(text.render(made).split())
    assert "internal emitter, 1 cycle on day 10" in said
    assert "alpha emitter, not validated" in said


def test_beams_beside_an_emitter_are_no_row_of_it(beta: Analysis, result: Analysis) -> None:
    both = replace(beta, phases=(beta.phases[0], result.phases[0]))
    table = emitters.table(both)
    assert table is not None
    assert len(table.rows) == 1
    assert emitters.notes(both) == emitters.notes(beta)
    assert emitters.table(result) is None
    assert emitters.TITLE.upper() not in text.render(result)


def test_a_course_without_dose_has_nothing_to_share_out() -> None:
    made = analyze(FIXTURES / "zero_dose.toml", WHO, FAST)
    said = " ".join(text.render(made).split())
    assert "of the mean dose:" not in said
    assert "physics, of the loss at the nadir:" not in said
    assert "Low-dose bath" not in said
    assert "nan" not in said.lower().replace("dominan", "")
    assert html.render(content.report(made)).rstrip().endswith("</html>")


def test_parts_that_are_not_there_have_no_heading(result: Analysis) -> None:
    bare = replace(result, beside=None, findings=(), attribution={})
    said = text.render(bare)
    assert "no findings" in said
    assert "BESIDE THE FORECAST" not in said
    assert "BESIDE THE FORECAST" in text.render(result)
    assert research.sections(bare) == ()
    assert research.sections(result)
    page = html.render(content.report(bare))
    assert "Beside the forecast" not in page
    assert "None." in page
    (none,) = findings(())
    assert getattr(none, "text", "") == "None."


def test_a_spread_that_nothing_owns_has_no_figure(result: Analysis) -> None:
    assert figures.sensitivity_figure(result) is not None
    assert figures.sensitivity_figure(replace(result, forecast=replace(result.forecast, sensitivity={}))) is None


@pytest.mark.parametrize(
    "agreement",
    [
        None,
        Agreement((), None, "no organ is known"),
        Agreement((("Spleen", 0.0, 0.4),), None, "nothing is lost"),
        Agreement((("Spleen", 0.4, -0.2),), None, "nothing raises the odds"),
    ],
)
def test_two_voices_are_drawn_beside_each_other_only_where_both_say_something(
    result: Analysis, agreement: Agreement | None
) -> None:
    assert figures.agreement_figure(replace(result, agreement=agreement)) is None
    both = Agreement((("Spleen", 0.4, 0.2), ("Lungs", 0.1, 0.5)), None, "they differ")
    assert figures.agreement_figure(replace(result, agreement=both)) is not None


def test_a_predictor_of_one_grade_says_nothing_of_the_other(explained: Analysis) -> None:
    learned = explained.risk.learned
    assert not isinstance(learned, Absent)
    one = replace(learned, p={"g3": 0.62}, interval={})
    made = replace(explained, risk=replace(explained.risk, learned=one))
    codes = {code for code, *_ in measurements(made)}
    assert "LR-LEARNED-G3" in codes
    assert "LR-LEARNED-G4" not in codes
    assert {"LR-LEARNED-G3", "LR-LEARNED-G4"} <= {code for code, *_ in measurements(explained)}
    (row,) = [r for r in content.voices(made).rows if r[0].text == "Trained predictor"]
    assert [cell.text for cell in row[1:3]] == ["62 %", "–"]
    for document in (content.report(made), content.report(explained)):
        assert "NaN" not in html.render(document)


def test_a_course_without_days_draws_no_fractions_and_a_nadir_beyond_the_plot_no_mark(result: Analysis) -> None:
    timeless = replace(result, phases=tuple(replace(p, days=()) for p in result.phases))
    shapes = [figures.alc_figure(a).svg() for a in (result, timeless)]
    assert ["7 fractions" in one for one in shapes] == [True, False]
    late = replace(result, forecast=replace(result.forecast, nadir=replace(result.forecast.nadir, usual_day=9_999.0)))
    assert "nadir: " in shapes[0]
    assert "nadir: " not in figures.alc_figure(late).svg()


def test_what_stands_in_elsewhere_alone_is_no_weakness(result: Analysis) -> None:
    said = "The body's diluted dose stands in."
    for pools, told in ((("spleen", "elsewhere"), True), (("elsewhere",), False)):
        phases = tuple(replace(p, surrogate=frozenset(pools)) for p in result.course.phases)
        made = replace(result, course=replace(result.course, phases=phases))
        assert any(said in line for line in weakness(made)) == told


def test_a_table_that_does_not_fit_its_heads_is_none() -> None:
    columns: list[Column[float]] = [Column("x", lambda r: f"{r:g}"), Column("y", lambda r: f"{r:g}")]
    made = tabled("t", [1.0, 2.0], columns)
    assert made.column("y") == ("1", "2")
    with pytest.raises(KeyError, match="z"):
        made.column("z")
    twice = tabled("t", [1.0], [columns[0], columns[0]])
    with pytest.raises(KeyError, match="x"):
        twice.column("x")
    with pytest.raises(ValueError, match="a row does not fit its heads"):
        Table("t", (Head("x"),), made.rows)
    assert text_lines(tabled("t", [], columns), heads=False) == []
    assert np.size(text_lines(tabled("t", [], columns))) == 1
