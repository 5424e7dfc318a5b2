"""Every error of a file names its line and key, and what would be right."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.words import site_of
from lymphorisk.tomlfile import Written, between, filled, number, parsed, read, word


class Line(msgspec.Struct):
    host: str
    port: Annotated[int, between(1, 65535)] = 104
    share: float = 1.0


class Schema(msgspec.Struct):
    lln: Annotated[float, number("lln")] | None = None
    site: Annotated[str, word(site_of)] = "lung"
    missing: Literal["placed", "diluted"] = "placed"
    on: bool = False
    line: list[Line] = []
    names: dict[str, list[str]] = {}


def written(text: str) -> Written:
    return parsed(text.encode("utf-8"), "a.toml")


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("\nlln = 1200", "a.toml, line 2: lln = 1200 is not between 0.2 and 5 10^9/L: it looks like", "type 1.2"),
        ('lln = "1,2"', "line 1: lln = '1,2' is text, not a number", "lln = 1.2"),
        ("lln = true", "line 1: lln = true is not a number", ""),
        ("lnl = 1", "line 1: lnl is not a key here", "did you mean lln?"),
        ('site = "lunq"', "line 1: site: 'lunq' is unknown", "did you mean lung?"),
        ('missing = "plced"', "line 1: missing = 'plced' is unknown", "did you mean placed?"),
        ('on = "yes"', "line 1: on = 'yes' is not true or false", ""),
        ('[[line]]\nhost = "a"\n[[line]]\nhost = "b"\nport = 99999', "line 5: line[2].port = 99999 is not", ""),
        ("[[line]]\nport = 3", "line 1: line[1] needs host", ""),
        ('[[line]]\nhost = "a"\nport = 1.5', "line 3: line[1].port = 1.5 is not a whole number", ""),
        ('[names]\n"a b" = "x"', "line 2: names.a b = 'x' is not a list", ""),
        ('[names]\na = ["x", 3]', "line 2: names.a[2] = 3 is not text", ""),
        ("line = 3", "line 1: line = 3 is not a list", ""),
        ("lln = 1,2", "is not TOML", "decimal point"),
    ],
)
def test_an_error_names_line_key_and_what_would_be_right(text: str, said: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(written(text), Schema)
    assert said in error.value.message
    assert hint in error.value.hint


def test_what_is_right_is_read() -> None:
    made = read(written('lln = 1\nsite = "NSCLC"\n[[line]]\nhost = "a"\nshare = 1\n'), Schema)
    assert (made.lln, made.site, made.line) == (1.0, "lung", [Line("a")])
    assert read(written(""), Schema) == Schema()


class Kinds(msgspec.Struct):
    sites: dict[Annotated[str, word(site_of)], str] = {}
    few: Annotated[list[str], filled(2)] | None = None


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('[sites]\nlung = "a"\nNSCLC = "b"', "line 3: sites.NSCLC is lung, which stands there already", "keep one"),
        ("few = []", "line 1: few is an empty list", "leave it out"),
        ('few = ["a", "b", "c"]', "few: 3 entries are more than 2", "fewer"),
    ],
)
def test_names_and_lists_that_say_too_much_or_nothing(text: str, said: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(written(text), Kinds)
    assert said in error.value.message
    assert hint in error.value.hint


def test_a_table_inside_a_file_is_read_with_the_lines_of_the_file() -> None:
    file = written("[a]\n[a.b]\nlln = 1.2\n")
    assert read(file, Schema, ("a", "b")).lln == 1.2
    with pytest.raises(ScenarioError, match=r"line 2: a\.lnl is not a key"):
        read(written("[a]\nlnl = 1.2\n"), Schema, ("a",))


def test_what_a_caller_leaves_unsaid_is_not_known() -> None:
    """Tables of Python may hold None, which TOML has not."""
    assert read(Written("call", {"lln": None}), Schema).lln is None
    with pytest.raises(ScenarioError, match="on"):
        read(Written("call", {"on": None}), Schema)


def test_bytes_that_are_no_text_are_said_so() -> None:
    with pytest.raises(ScenarioError, match="not text"):
        parsed(b"\xff\xfe", "a.toml")


def test_lines_of_nested_tables_and_lists() -> None:
    made = written("a.b = 1\n[c]\nd = 2 # e = 3\n[[c.e]]\nf = 1\n[[c.e]]\n[c.e.g]\n'h i' = 2\n")
    wanted = {("a", "b"): 1, ("c", "d"): 3, ("c", "e", 0, "f"): 5, ("c", "e", 1): 6, ("c", "e", 1, "g", "h i"): 8}
    assert {path: made.line(path) for path in wanted} == wanted
    assert made.line(("c", "d", "nothing")) == 3
    assert made.line(("nothing",)) is None
