"""Every command where the surroundings are not what a person's machine is: no home, no name, no room, told to end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lymphorisk.cli.main import ENDED, run
from lymphorisk.outputs.files import PREFIX

QUICK = ("--alc", "1.4", "--draws", "64", "--horizon", "60")
SCENARIO = """
[plan]
label = "A plan"
fractions = 10
[organs]
Spleen = { mean_gy = 4.0 }
Body = { mean_gy = 1.0 }
"""
PROTOCOL = 'name = "P"\n[[line]]\nstructure = "Spleen"\nmetric = "Mean[Gy]"\ngoal = "<= 50"\n'
#: Commands that answer on stdout, and with what they leave.
COMMANDS: dict[str, tuple[str, ...]] = {
    "check": ("check", "plan.toml", "--protocol", "protocol.toml", *QUICK),
    "analyze": ("analyze", "plan.toml", *QUICK),
    "dvh": ("dvh", "export", "--structure", "Brain"),
    "inspect": ("inspect", "export"),
    "compare": ("compare", "plan.toml", "plan.toml", *QUICK),
    "conditioning": ("conditioning", "--product", "axi-cel", "--draws", "64"),
    "organs": ("organs",),
    "protocol": ("protocol", "brain"),
    "explain": ("explain", "LR104"),
    "blood": ("blood", "export"),
    "objective": ("objective", "export"),
    "commission": ("commission", "export"),
    "cite": ("cite",),
    "parameters": ("parameters", "edic"),
    "schema": ("schema", "check"),
    "model": ("model", "list"),
    "doctor": ("doctor",),
}
#: What a slip of the keyboard leaves with, wherever it is.
SLIPS: dict[str, tuple[str, ...]] = {
    "survival model": ("analyze", "plan.toml", "--survival", "combind"),
    "survival model of check": ("check", "plan.toml", "--protocol", "protocol.toml", "--survival", "combind"),
    "network": ("analyze", "plan.toml", "--network", "30"),
    "missing": ("analyze", "plan.toml", "--missing", "nothing"),
    "fractions": ("analyze", "plan.toml", "--fractions", "0"),
    "fractions without end": ("analyze", "plan.toml", "--fractions", "1000000000"),
    "draws without end": ("analyze", "plan.toml", "--draws", "1000000000"),
    "horizon without end": ("analyze", "plan.toml", "--horizon", "1000000000"),
    "sex": ("analyze", "plan.toml", "--sex", "X"),
    "option": ("dvh", "export", "--structre", "Brain"),
    "command": ("analyse", "plan.toml"),
    "engine": ("dvh", "export", "--engine", "fast"),
    "format": ("check", "plan.toml", "--protocol", "protocol.toml", "--format", "xml"),
    "report": ("analyze", "plan.toml", "--report", "out.docx"),
    "step": ("dvh", "export", "--step", "0"),
    "destination": ("send", "export", "nowhere"),
    "port": ("send", "export", "PACS@localhost:99999"),
    "AE title": ("send", "export", "PACS@localhost:104", "--aet", "LONGER THAN SIXTEEN"),
    "AE title of a receiver": ("listen", "--out", "store", "--aet", "A\\B"),
    "destination of a receiver": ("listen", "--out", "store", "--send", "PACS"),
    "quiet time": ("listen", "--out", "store", "--quiet", "-1"),
    "port of a receiver": ("listen", "--out", "store", "--port", "dicom"),
    "watched folder": ("watch", "nothing", "--out", "store"),
    "no store": ("serve",),
    "role": ("serve", "--out", "store", "--role", "view"),
    "two places": ("init", "--user", "--out", "other.toml"),
    "topic": ("cite", "dragons"),
    "result": ("schema", "dragons"),
    "network of blood": ("blood", "export", "--network", "30"),
    "no regimen": ("conditioning",),
    "no counts": ("update", "plan.toml"),
    "only one": ("compare", "plan.toml"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, rtplans: Path) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("harsh")
    (folder / "plan.toml").write_text(SCENARIO)
    (folder / "protocol.toml").write_text(PROTOCOL)
    shutil.copytree(rtplans / "brain", folder / "export")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_of_usage_leaves_with_2(place: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(list(SLIPS[name])) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Error" in err or "error" in err
    assert not (place / "store").exists()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number in a container that no passwd entry knows: no HOME, no USER, and no clinic file by LYMPHORISK_CONFIG."""

    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for word in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "LYMPHORISK_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(word, raising=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_user_without_a_name_and_a_home_gets_the_same_answer(
    place: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(list(COMMANDS[name])) == 0
    want = capsys.readouterr().out
    request.getfixturevalue("nobody")
    assert run(list(COMMANDS[name])) == 0
    assert capsys.readouterr().out == want


@pytest.mark.usefixtures("nobody")
def test_a_user_without_a_name_writes_an_audit_trail(place: Path, tmp_path: Path) -> None:
    assert run([*COMMANDS["check"], "--audit", str(tmp_path)]) == 0
    assert '"unknown"' in next(tmp_path.iterdir()).read_text()


@pytest.mark.usefixtures("nobody")
def test_a_home_that_there_is_not_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a clinic file for such a user nor a path of it from there; a folder called ~ is not made."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--user"]) == 3
    assert "no home folder" in capsys.readouterr().err
    (tmp_path / "clinic.toml").write_text('[receiver]\nstore = "~/store"\n')
    assert run(["--config", "clinic.toml", "dvh", str(tmp_path)]) == 3
    err = capsys.readouterr().err
    assert "receiver.store = '~/store'" in err
    assert "no home folder" in err
    assert [p.name for p in tmp_path.iterdir()] == ["clinic.toml"]


def test_a_home_that_nothing_can_be_written_to_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert run(["init", "--user"]) == 3
    assert "cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_nothing_can_be_written_to_takes_no_answer(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Nothing that answers on stdout needs a file of its own."""
    import builtins
    import tempfile

    assert run(list(COMMANDS[name])) == 0
    want = capsys.readouterr().out
    opened = builtins.open

    def read_only(file, mode="r", *args, **more):
        if any(letter in mode for letter in "wax+"):
            raise OSError(30, "Read-only file system")
        return opened(file, mode, *args, **more)

    def never(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", read_only)
        for call in ("mkstemp", "mkdtemp"):
            patch.setattr(tempfile, call, never)
        patch.setattr(os, "mkdir", never)
        assert run(list(COMMANDS[name])) == 0
    assert capsys.readouterr().out == want


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("name", ["analyze", "check", "dvh"])
def test_told_to_end_it_leaves_the_old_file_or_the_new_one(
    place: Path, tmp_path: Path, name: str, share: float
) -> None:
    """At some share of the time a whole call takes."""
    option, file = ("--csv", "out.csv") if name == "dvh" else ("--report", "out.html")
    ask = [sys.executable, "-m", "lymphorisk", *COMMANDS[name], option, str(tmp_path / file)]
    start = time.monotonic()
    subprocess.run(ask, cwd=place, check=True, capture_output=True)
    took = time.monotonic() - start
    new = (tmp_path / file).read_bytes()
    old = new + b"<!-- old -->\n"
    (tmp_path / file).write_bytes(old)
    process = subprocess.Popen(ask, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(took * share)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode in (0, ENDED, -signal.SIGTERM)
    assert "Traceback" not in err
    assert (tmp_path / file).read_bytes() in (old, new)
    assert [p.name for p in tmp_path.iterdir()] == [file]
    assert not list(place.rglob(f"{PREFIX}*"))
