"""The terminal text: aligned, plain, complete."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.analysis.result import DoseSource, WhatIf
from lymphorisk.lymphocyte.summary import Band
from lymphorisk.lymphocyte.whatif import Difference
from lymphorisk.report import content, text
from lymphorisk.report.summary import weakness


def test_every_part_is_there(explained: Analysis) -> None:
    made = text.render(explained)
    for part in (
        "RISK",
        "LYMPHOCYTE COUNT",
        "ORGAN DOSES",
        "BLOOD DOSE",
        "REASONS",
        "FINDINGS",
        "not a medical device",
    ):
        assert part in made, part
    assert "They differ." in made
    assert "62 %" in made


def test_it_is_plain_text(hostile: Analysis) -> None:
    made = text.render(hostile)
    assert "\x1b" not in made
    assert made.endswith("\n")
    assert max(len(line) for line in made.splitlines()) < 200


def test_control_characters_in_names_do_not_reach_the_terminal(result: Analysis) -> None:
    made = text.render(replace(result, label="a\x1b[31mred\x07", unmatched=("\x1b]0;x\x07",)))
    assert "\x1b" not in made
    assert "\x07" not in made


def test_the_same_result_is_the_same_text(explained: Analysis) -> None:
    assert text.render(explained) == text.render(explained)


def test_columns_line_up(explained: Analysis) -> None:
    lines = text.render(explained).splitlines()
    start = lines.index("ORGAN DOSES, course") + 1
    head, rows = lines[start], lines[start + 1 : start + 4]
    at = head.index("Source")
    assert all(row[at - 1] == " " and row[at] != " " for row in rows)


def test_a_what_if_says_the_median_its_band_and_each_grade(result: Analysis) -> None:
    nadir = Band(-0.9, -0.8, -0.7, -0.5, -0.4, -0.3, -0.2, 0.1, 0.3)
    ratio = days = Band(*(0.0,) * 9)
    change = Difference(nadir, ratio, days, {"2": 0.1, "3": 0.2, "4": -0.05}, {"2": 0.0, "3": 0.0, "4": 0.0})
    made = text.render(replace(result, what_ifs=(WhatIf("Spleen-5Gy", change),)))
    wanted = "Spleen-5Gy: nadir -0.40 (-0.80 to +0.10) x10^9/L, P(grade 3+) +20 points, P(grade 4) -5 points"
    assert f"  {wanted}\n" in made


def test_days_below_stand_with_their_edge(result: Analysis) -> None:
    long, short = Band(1, 3, 5, 8, 12, 20, 30, 40, 50), Band(0, 1, 2, 3, 5, 6, 7, 9, 11)
    made = replace(result, forecast=replace(result.forecast, days_below={"0.5": long, "0.2": short}))
    assert "days below 0.5: 12 d (3 to 40), below 0.2: 5 d (1 to 9)" in text.render(made)
    tile = next(t for t in content.tiles(made).tiles if t[0] == "Days below 0.5")
    assert tile[1] == "12 d"
    assert tile[2].startswith("90 %: 3 to 40; ")


def test_the_patient_is_named_only_on_request(explained: Analysis) -> None:
    assert "patient Doe" not in text.render(explained)
    assert "patient Doe^Jane (7)" in text.render(explained, ("Doe^Jane", "7"))


@pytest.mark.parametrize(
    ("source", "share", "lost", "named"),
    [
        ("placed", 0.0, 0.3, True),
        ("placed", 0.0, 0.001, False),
        ("derived", 0.3, 0.3, True),
        ("derived", 0.8, 0.3, False),
        ("roi", 1.0, 0.3, False),
        ("segmented", 1.0, 0.3, False),
    ],
)
def test_a_placed_pool_that_matters_makes_the_answer_weaker(
    result: Analysis, source: DoseSource, share: float, lost: float, named: bool
) -> None:
    spleen = replace(result.organs["Spleen"], source=source, share=share)
    other = replace(
        result, organs={**result.organs, "Spleen": spleen}, attribution={**result.attribution, "spleen": lost}
    )
    said = [line for line in weakness(other) if "placed in this patient" in line]
    assert bool(said) is named
    assert all("spleen" in line for line in said)
