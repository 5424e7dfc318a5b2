"""The terminal text: aligned, plain, complete."""

from __future__ import annotations

from lymphorisk.analysis import Analysis
from lymphorisk.report import text


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
    from dataclasses import replace

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


def test_the_patient_is_named_only_on_request(explained: Analysis) -> None:
    assert "patient Doe" not in text.render(explained)
    assert "patient Doe^Jane (7)" in text.render(explained, ("Doe^Jane", "7"))
