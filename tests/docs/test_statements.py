"""What the reviews say: the page is what its table makes, and nothing counts as met without a command and a test."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import click
import pytest

from lymphorisk.cli.main import cli

ROOT = Path(__file__).parents[2]


@cache
def statements() -> ModuleType:
    spec = spec_from_file_location("statements", ROOT / "docs" / "figures" / "statements.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


ROWS: list[dict[str, str]] = statements().rows()
#: Statements a review makes that no program for counts has to build.
NAMED_MOST = 21
#: Words of a command that stand for a file of the reader.
STANDS_FOR = re.compile(r"^[A-Z]+(\.[a-z]+)?$|^models/mine$")
#: Marks of a test that does not show what it says; a slow one runs with every change all the same.
LEFT_OUT = {"skip", "skipif", "xfail", "real"}


def test_the_page_is_what_its_table_makes() -> None:
    page = (ROOT / "docs" / "statements.md").read_text(encoding="utf-8")
    assert page == statements().page(), "python docs/figures/statements.py writes it again"


def test_the_page_stands_in_the_site() -> None:
    assert "statements.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_every_statement_is_there_once_with_a_state() -> None:
    assert [row["id"] for row in ROWS] == [f"S{number:03d}" for number in range(1, 128)]
    assert {row["state"] for row in ROWS} <= set(statements().STATES)
    assert all(row["statement"] and row["review"] for row in ROWS)


def test_what_is_not_met_says_why() -> None:
    assert [row["id"] for row in ROWS if row["state"] != "met" and not row["note"]] == []


def test_little_is_only_named() -> None:
    assert statements().counts(ROWS)["named"] <= NAMED_MOST


def test_at_least_sixty_are_met() -> None:
    assert statements().counts(ROWS)["met"] >= 60


def click_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command a line calls and the words that are left."""
    assert words[0] == "lymphorisk"
    at: click.Command = cli
    rest = words[1:]
    while isinstance(at, click.Group):
        name = rest.pop(0)
        found = at.get_command(click.Context(at), name)
        assert found is not None, f"no command {name}"
        at = found
    return at, rest


def faults(line: str) -> Iterator[str]:
    """What of a command does not exist: options, files."""
    command, rest = click_command(shlex.split(line))
    options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-")}
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            name, joined, value = word.partition("=")
            option = options.get(name)
            if option is None:
                yield f"no option {name}"
            elif isinstance(option, click.Option) and not option.is_flag:
                value = value if joined else rest.pop(0)
                if isinstance(option.type, click.Choice):
                    if value not in option.type.choices:
                        yield f"{word} takes no {value}"
                elif re.match(r"(fixtures|models)/", value) and not STANDS_FOR.match(value):
                    yield from () if (ROOT / value).exists() else (f"no file {value}",)
        elif "/" in word and not STANDS_FOR.match(word) and not (ROOT / word).exists():
            yield f"no file {word}"


@cache
def functions(file: str) -> dict[str, set[str]]:
    """Test functions of a file with what their marks leave out or expect to fail."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    whole = {
        n.attr
        for s in tree.body
        if isinstance(s, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in s.targets)
        for n in ast.walk(s.value)
        if isinstance(n, ast.Attribute)
    } & LEFT_OUT
    return {
        node.name: whole
        | {n.attr for mark in node.decorator_list for n in [_mark(mark)] if n is not None and n.attr in LEFT_OUT}
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _mark(decorator: ast.expr) -> ast.Attribute | None:
    """The mark of a decorator; marks of single cases of `parametrize` do not leave out the whole test."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return node if isinstance(node, ast.Attribute) else None


def slugs(page: Path) -> set[str]:
    """Anchors of the headings of a page, as the site makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


def missing(part: str) -> str:
    """Why what shows a statement does not; empty when it does."""
    if part.startswith("docs/"):
        file, _, anchor = part.partition("#")
        if not (ROOT / file).exists():
            return f"no page {file}"
        return "" if not anchor or anchor in slugs(ROOT / file) else f"no heading {anchor}"
    file, _, name = part.partition("::")
    if not (ROOT / file).exists() or not file.startswith("tests/"):
        return f"no file of tests {file}"
    if name not in functions(file):
        return f"no test {name}"
    return f"{name} is left out or expected to fail" if functions(file)[name] else ""


MET = [row for row in ROWS if row["state"] == "met"]


@pytest.mark.parametrize("row", MET, ids=lambda row: row["id"])
def test_what_is_met_has_a_command_and_a_test_that_runs(row: dict[str, str]) -> None:
    assert list(faults(row["command"])) == []
    parts = statements().shown(row)
    assert any(part.startswith("tests/") for part in parts)
    assert [why for part in parts if (why := missing(part))] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row["state"] != "met"], ids=lambda row: row["id"])
def test_what_others_name_exists_too(row: dict[str, str]) -> None:
    assert not row["command"] or list(faults(row["command"])) == []
    assert [why for part in statements().shown(row) if (why := missing(part))] == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("lymphorisk analyze fixtures/rtplans/lung --no-such-option", "no option --no-such-option"),
        ("lymphorisk analyze fixtures/rtplans/nobody", "no file fixtures/rtplans/nobody"),
        ("lymphorisk analyze fixtures/rtplans/lung --missing guessed", "--missing takes no guessed"),
    ],
)
def test_a_command_that_does_not_exist_would_be_seen(line: str, says: str) -> None:
    assert list(faults(line)) == [says]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("tests/papers/test_nothing.py::test_x", "no file of tests"),
        ("tests/papers/test_dose_acceptance.py::test_x", "no test test_x"),
        (
            "tests/papers/test_conditioning_acceptance.py::test_C17_flu_cy_is_deeper_than_bendamustine_in_tisa_cel",
            "expected to fail",
        ),
        ("docs/lymphocytes.md#no-such-heading", "no heading"),
    ],
)
def test_a_test_that_does_not_show_it_would_be_seen(part: str, says: str) -> None:
    assert says in missing(part)
