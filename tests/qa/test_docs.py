"""The page on the gate says what the program does, and its example is a protocol."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lymphorisk.findings import every_rule
from lymphorisk.organs import organ_name
from lymphorisk.qa import check
from lymphorisk.qa.check import PLAN_METRICS
from lymphorisk.qa.schema import LineTable
from lymphorisk.qa.store import read_protocol, shipped
from lymphorisk.qa.toml_protocol import loads

PAGE = (Path(__file__).parent.parent.parent / "docs" / "qa.md").read_text(encoding="utf-8")


def test_the_example_is_a_protocol_with_every_key() -> None:
    text = re.findall(r"```toml\n(.*?)```", PAGE, re.S)[0]
    made = loads(text)
    assert len(made.lines) == 1
    assert set(re.findall(r"^(\w+) =", text.split("[[line]]")[1], re.M)) == set(LineTable.__struct_fields__) - {
        "alpha_beta_gy"
    }
    assert "alpha_beta_gy" in PAGE


def test_states_metrics_codes_and_starters_are_named() -> None:
    states = (
        check.PASS,
        check.VARIATION,
        check.FAIL,
        check.MISSING,
        check.UNDECIDED,
        check.REFERENCE,
        check.INFORMATIVE,
    )
    for name in (*states, *(f"`{m}`" for m in PLAN_METRICS), *(f"| `{s}` " for s in shipped())):
        assert name in PAGE, name
    assert set(re.findall(r"LR\d{3}", PAGE)) <= set(every_rule())


@pytest.mark.parametrize("name", shipped())
def test_every_limit_of_a_starter_is_on_the_page(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` "))
    for line in read_protocol(name).lines:
        for limit in (line.goal, line.variation):
            assert limit is None or str(limit) in row, line.label


@pytest.mark.parametrize("name", shipped())
def test_every_structure_of_a_starter_is_an_organ_we_know(name: str) -> None:
    for line in read_protocol(name).lines:
        for part in line.structure.split("+") if line.structure else ():
            assert organ_name(part) == part
