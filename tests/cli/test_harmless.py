"""Every command as an unattended step meets it: streams gone, disks full, folders missing."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.outputs import files as output_files
from tests.slowly import slow_but

QUICK = ("--alc", "1.4", "--draws", "64", "--horizon", "60")
SCENARIO = """
[plan]
label = "A plan"
fractions = 10
[organs]
Spleen = { mean_gy = 4.0 }
Body = { mean_gy = 1.0 }
"""
PROTOCOL = 'name = "P"\n[[line]]\nstructure = "Spleen"\nmetric = "Mean[Gy]"\ngoal = "<= {}"\n'
#: What each command is asked, what it leaves with, and its options that name a file, with a name for it.
CASES: dict[str, tuple[tuple[str, ...], int, dict[str, str]]] = {
    "check": (("check", "plan.toml", "--protocol", "pass.toml", *QUICK), 0, {"--report": "out.html"}),
    "check that fails": (("check", "saved.json", "--protocol", "fail.toml"), 1, {}),
    "check undecided": (("check", "bare.json", "--protocol", "pass.toml"), 4, {}),
    "analyze": (("analyze", "plan.toml", *QUICK), 0, {"--report": "out.html", "--out": "out.json"}),
    "dvh": (("dvh", "export", "--structure", "Brain"), 0, {"--csv": "out.csv"}),
    "compare": (("compare", "plan.toml", "plan.toml", *QUICK), 0, {"--report": "out.html"}),
    "conditioning": (
        ("conditioning", "--product", "axi-cel", "--draws", "64"),
        0,
        {"--report": "out.html", "--out": "out.json"},
    ),
    "objective": (("objective", "export"), 0, {"--structures": "out.dcm"}),
    "update": (("update", "saved.json", "--alc", "7=1.0"), 0, {}),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, rtplans: Path) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("harmless")
    (folder / "plan.toml").write_text(SCENARIO)
    (folder / "pass.toml").write_text(PROTOCOL.format(50))
    (folder / "fail.toml").write_text(PROTOCOL.format(1))
    shutil.copytree(rtplans / "brain", folder / "export")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "stdout", io.StringIO())
        assert run(["analyze", "plan.toml", *QUICK, "--curves", "--out", "saved.json"]) == 0
        assert run(["analyze", "plan.toml", *QUICK, "--out", "bare.json"]) == 0
        yield folder


def tree(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


class Failing(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", slow_but(CASES, "check", "check that fails"))
def test_streams_that_are_gone_or_full(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gone takes nothing from the exit code; a full stdout makes a success an error, and never a failure a success."""
    args, code, _ = CASES[name]
    args = (*args, "--json") if as_json else args
    for stream, broken, expected in (
        ("stdout", Failing(errno.EPIPE), code),
        ("stdout", None, code),
        ("stderr", Failing(errno.EBADF), code),
        ("stdout", Failing(errno.ENOSPC), code or 3),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, stream, broken)
            assert run(list(args)) == expected, (stream, broken)
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", slow_but((name for name, case in CASES.items() if case[2]), "check"))
def test_a_full_disk_keeps_what_was_there_and_leaves_nothing_else(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first output that does not fit takes all with it, also those that are there from the last time."""
    args, code, named = CASES[name]
    outputs = [part for option, file in named.items() for part in (option, str(tmp_path / file))]
    assert run([*args, *outputs]) == code
    before = tree(tmp_path)
    assert len(before) == len(named)
    capsys.readouterr()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for again in (outputs, [o.replace("out.", "new.") for o in outputs]):
        with monkeypatch.context() as patch:
            patch.setattr(output_files.os, "fsync", full)
            assert run([*args, *again]) == 3
        out, err = capsys.readouterr()
        assert out == ""
        assert "No space left" in err
        assert "hint:" in err
        assert tree(tmp_path) == before


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
@pytest.mark.parametrize("broken", ["no folder", "read-only", "device"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, broken: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("worked")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for work in ("chain.analysis_of", "dvhs.structure_dvhs", "prepared.prepare"):
        monkeypatch.setattr(f"lymphorisk.analysis.{work}", never)
    monkeypatch.setattr("lymphorisk.regimen.compare", never)
    monkeypatch.setattr("lymphorisk.analysis.source.read_source", never)
    if broken == "read-only":
        monkeypatch.setattr(output_files.tempfile, "mkstemp", read_only)
    args, _, named = CASES[name]
    for option, file in named.items():
        target = {"no folder": tmp_path / "no" / file, "read-only": tmp_path / file, "device": Path("/dev/full")}
        wrong_name = broken == "device" and option == "--report"  # a report is .html or .pdf: a slip of usage
        assert run([*args, option, str(target[broken])]) == (2 if wrong_name else 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["check", "check that fails", "check undecided", "analyze"])
def test_an_audit_folder_that_cannot_be_used_is_an_error_of_input(place: Path, tmp_path: Path, name: str) -> None:
    args, _, _ = CASES[name]
    assert run([*args, "--audit", str(tmp_path / "no")]) == 3
    assert run([*args, "--audit", "/dev"]) == 3
    assert run([*args, "--audit", "/proc"]) == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_nothing_in_an_export_changes_by_reading_it(place: Path, tmp_path: Path) -> None:
    """Each command that reads an export does its work and writes its files elsewhere."""
    export = place / "export"
    before = tree(export)
    commands = (
        ("inspect", "export"),
        ("inspect", "export", "--json"),
        ("dvh", "export", "--csv", tmp_path / "dvh.csv"),
        ("blood", "export"),
        ("analyze", "export", *QUICK, "--curves", "--out", tmp_path / "r.json", "--report", tmp_path / "r.html"),
        ("check", "export", "--protocol", "brain", *QUICK, "--audit", tmp_path),
        ("compare", "export", "export", *QUICK, "--report", tmp_path / "c.html"),
        ("killmap", "export", "--out", tmp_path / "k.dcm"),
        ("objective", "export", "--structures", tmp_path / "o.dcm", "--goals", tmp_path / "o.toml"),
        ("conditioning", "--product", "axi-cel", "export", "--first-day", "-21", "--report", tmp_path / "co.html"),
        ("update", tmp_path / "r.json", "--alc", "7=1.0"),
    )
    for command in commands:
        assert run([str(a) for a in command]) in (0, 1), command[0]
    assert tree(export) == before
    assert sorted(p.suffix for p in export.iterdir()) == sorted(p.suffix for p in map(Path, before))


def test_a_kill_map_that_does_not_fit_leaves_nothing(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output_files.os, "fsync", full)
    assert run(["killmap", "export", "--out", str(tmp_path / "k.dcm")]) == 3
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_shell_sees_the_codes_of_every_command(place: Path) -> None:
    """Through a real shell, one way of being closed or full each."""
    ask = f"{sys.executable} -m lymphorisk"
    script = f"""
    {ask} dvh export --structure Brain >&- 2>&-; echo $?
    {ask} update saved.json --alc 7=1.0 >/dev/full; echo $?
    {ask} conditioning --product axi-cel --draws 64 | head -c 0; echo ${{PIPESTATUS[0]}}
    {ask} check saved.json --protocol fail.toml --format sarif >/dev/full 2>/dev/full; echo $?
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=place)
    assert done.stdout.split() == ["0", "3", "0", "1"]
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
