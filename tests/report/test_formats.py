"""The forms of a report: a file and a line each; what is not there is refused by name before anything is computed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from lymphorisk.cli.main import COMMANDS, LazyGroup, run
from lymphorisk.cli.reporting import ReportPath
from lymphorisk.errors import InputError
from lymphorisk.report import formats
from lymphorisk.report.document import Bullets, Document, Paragraph, Section

ROOT = Path(__file__).parents[2]
PAGE = Document("title", ("lead",), (Section("one", (Paragraph("text"), Bullets(("a", "b")))),))


def reporting() -> list[str]:
    """Commands that write a report."""
    group, found = LazyGroup(), []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if any("--report" in p.opts for p in command.params):
            found.append(name)
    return found


def test_the_commands_that_report() -> None:
    assert set(reporting()) >= {"analyze", "check", "compare", "update", "conditioning", "train", "evaluate", "demo"}


@pytest.mark.parametrize("name", reporting())
def test_every_report_option_knows_the_formats(name: str) -> None:
    group = LazyGroup()
    command = group.get_command(click.Context(group), name)
    assert command is not None
    option = next(p for p in command.params if "--report" in p.opts)
    assert isinstance(option.type, ReportPath)


NEEDED = {
    "analyze": [str(ROOT)],
    "check": [str(ROOT), "--protocol", "x"],
    "compare": [str(ROOT), str(ROOT)],
    "update": [str(ROOT / "pyproject.toml"), "--alc", "1=1"],
    "conditioning": ["--product", "axi-cel"],
    "train": ["--out", "x"],
    "evaluate": ["x", str(ROOT / "pyproject.toml")],
    "demo": [],
}


@pytest.mark.parametrize("name", reporting())
@pytest.mark.parametrize("file", ["x.docx", "x", "x.htm.gz", ".pdf", "x.json"])
def test_a_format_there_is_not_is_refused_with_the_list(
    name: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, *NEEDED.get(name, []), "--report", str(tmp_path / file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    for ending in (".html", ".htm", ".pdf"):
        assert ending in said.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("file", "name"), [("a.html", "HTML"), ("a.HTM", "HTML"), ("b.c.Pdf", "PDF")])
def test_the_ending_decides_whatever_its_case(file: str, name: str) -> None:
    assert name in formats.format_of(Path(file)).name


def test_a_format_is_one_file_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A throw-away format: a module with `render`, and its line in the registry."""
    module = ModuleType("throw_away")
    setattr(module, "render", lambda document: f"= {document.title} =\n")  # noqa: B010
    monkeypatch.setitem(sys.modules, "throw_away", module)
    monkeypatch.setattr(formats, "FORMATS", [*formats.FORMATS, formats.Format("wiki", (".wiki",), "throw_away")])
    assert formats.written(Path("x.wiki"), PAGE) == "= title =\n"
    with pytest.raises(InputError) as caught:
        formats.format_of(Path("x.docx"))
    assert ".wiki (wiki)" in caught.value.hint


def test_every_format_writes_the_whole_document() -> None:
    pytest.importorskip("reportlab")
    for form in formats.FORMATS:
        made = form.render(PAGE)
        assert made == form.render(PAGE)
        assert len(made) > 500
