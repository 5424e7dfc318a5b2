"""Every command where the surroundings are not what a person's machine is: no home, no name, no room, told to end."""

from __future__ import annotations

import builtins
import errno
import io
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

import lymphorisk
from lymphorisk.cli.main import ENDED, run
from lymphorisk.errors import STOPPED
from lymphorisk.outputs.files import PREFIX
from tests.cli.test_gate import Stuck
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
    "schema list": ("schema",),
    "update": ("update", "regimen.json", "--alc=-5=0.9"),
    "cohort page": ("cohort", "report", "cohort"),
}
#: Commands that leave files: in a folder {}, by their names, the kind at the end.
OUTPUTS: dict[str, tuple[str, ...]] = {
    "report PDF": ("analyze", "plan.toml", *QUICK, "--report", "{}/out.pdf", "--out", "{}/out.json"),
    "objective": ("objective", "export", "--structures", "{}/out.dcm", "--goals", "{}/out.csv", "--force"),
    "update": ("update", "regimen.json", "--alc=-5=0.9", "--report", "{}/out.html"),
    "init": ("init", "--out", "{}/out.toml", "--force"),
    "cohort page": ("cohort", "report", "cohort", "--report", "{}/out.html"),
    "commission": ("commission", "export", "--report", "{}/out.html"),
}
#: Those that take no while.
QUICKLY = tuple(set(COMMANDS) - {"objective", "commission", "doctor", "update", "conditioning", "blood", "compare"})
COHORT = ("cohort", "plan.toml", "--workers", "0", *QUICK[2:])
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
        made = ("conditioning", "--product", "axi-cel", "--draws", "64", "--out", "regimen.json")
        assert run(list(made)) == 0
        assert run([*COHORT, "--out", "cohort"]) == 0
        yield folder


@pytest.fixture(scope="module")
def usual(place: Path) -> Callable[[str], str]:
    """What a command answers on stdout where nothing is the matter; each is asked once."""

    @cache
    def answer(name: str) -> str:
        out = io.StringIO()
        with redirect_stdout(out):
            assert run(list(COMMANDS[name])) == 0
        return out.getvalue()

    return answer


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


@pytest.mark.parametrize("name", slow_but(COMMANDS, *QUICKLY))
def test_a_user_without_a_name_and_a_home_gets_the_same_answer(
    usual: Callable[[str], str], request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    want = usual(name)
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


@pytest.mark.parametrize("name", slow_but(COMMANDS, *QUICKLY))
def test_a_disk_that_nothing_can_be_written_to_takes_no_answer(
    usual: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Nothing that answers on stdout needs a file of its own."""
    want = usual(name)
    with monkeypatch.context() as patch:
        nothing_written(patch)
        assert run(list(COMMANDS[name])) == 0
    assert capsys.readouterr().out == want


def nothing_written(patch: pytest.MonkeyPatch) -> None:
    """A disk that is mounted to be read."""
    opened = builtins.open

    def read_only(file, mode="r", *args, **more):
        if any(letter in mode for letter in "wax+"):
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(file, mode, *args, **more)

    def never(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    patch.setattr(builtins, "open", read_only)
    for call in ("mkstemp", "mkdtemp"):
        patch.setattr(tempfile, call, never)
    patch.setattr(os, "mkdir", never)


def asked(name: str, folder: Path) -> list[str]:
    """A command that leaves files in a folder."""
    return [word.replace("{}", str(folder)) for word in OUTPUTS[name]]


@pytest.fixture(scope="module")
def written(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    """What a command leaves where nothing is the matter; each is asked once."""

    @cache
    def made(name: str) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("written")
        assert run(asked(name, folder)) == 0
        return {p.name: p.read_bytes() for p in folder.iterdir()}

    return made


@pytest.mark.parametrize("name", slow_but(OUTPUTS, "report PDF", "init"))
@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_folder_that_takes_nothing_keeps_what_it_held(
    written: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    how: str,
) -> None:
    """Code 3 with the reason, nothing on stdout, and the files of the call before as they were."""
    before = written(name)
    for file, data in before.items():
        (tmp_path / file).write_bytes(data)
    assert len(before) == sum("{}" in word for word in OUTPUTS[name])
    capsys.readouterr()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if how == "full":
            patch.setattr(os, "fsync", full)
        else:
            nothing_written(patch)
        assert run(asked(name, tmp_path)) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert ("No space left" if how == "full" else "Read-only file system") in err
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "name",
    slow_but(
        ["update", "cohort page", "schema", "objective", *(f"{n}, files" for n in OUTPUTS)],
        *("cohort page", "schema", "report PDF, files", "init, files"),
    ),
)
def test_a_stream_that_nobody_reads_takes_nothing_away(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A closed pipe leaves the code and the files alone; a result that does not fit on a disk is no success."""
    kind = name.removesuffix(", files")
    call = list(COMMANDS[name]) if name in COMMANDS else asked(kind, tmp_path)
    silent = name in ("init, files",)
    for error, code in ((BrokenPipeError(errno.EPIPE, "gone"), 0), (OSError(errno.ENOSPC, "No space left"), 3)):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Stuck(error))
            assert run(call) == (0 if silent else code)
        if name not in COMMANDS:
            assert len(list(tmp_path.iterdir())) == sum("{}" in word for word in OUTPUTS[kind])


WRITING = {
    "analyze": (*COMMANDS["analyze"], "--report", "{}/out.html"),
    "check": (*COMMANDS["check"], "--report", "{}/out.html"),
    "dvh": (*COMMANDS["dvh"], "--csv", "{}/out.csv"),
    **OUTPUTS,
}
MOMENTS = [(n, s, signal.SIGTERM) for n in ("analyze", "check", "dvh") for s in (0.2, 0.5, 0.8, 0.95, 1.0)]
MOMENTS += [
    (n, s, by) for n in OUTPUTS for s, by in ((0.6, signal.SIGINT), (0.9, signal.SIGTERM), (1.0, signal.SIGINT))
]
#: Of objects that say when they were made.
DATED = {".dcm"}


def timed(ask: list[str]) -> float:
    """Run it whole; what that took. [s]"""
    start = time.monotonic()
    subprocess.run(ask, check=True, capture_output=True)
    return time.monotonic() - start


def stopped(ask: list[str], after_s: float, by: signal.Signals) -> None:
    """Run it and tell it to end after some time."""
    process = subprocess.Popen(ask, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    process.send_signal(by)
    _, err = process.communicate()
    assert process.returncode in (0, STOPPED if by == signal.SIGINT else ENDED, -by)
    assert "Traceback" not in err


LONG = "a" * 300


@pytest.mark.parametrize(
    "call",
    [
        f"check export --protocol {LONG}",
        f"check export --protocol {LONG}.toml",
        f"cohort {LONG} --out o",
        f"cohort export --out {LONG}",
        f"model verify {LONG}",
        f"analyze export --audit {LONG}",
        f"--config {LONG} analyze export",
        f"evaluate {LONG} {LONG}.csv",
        f"train {LONG} --out m",
        f"serve --out {LONG}",
        f"protocol {LONG}",
        f"analyze {LONG}",
        f"analyze export --report {LONG}.html",
    ],
    ids=lambda call: call.replace(LONG, "LONG"),
)
def test_a_name_that_no_file_can_have(place: Path, capsys: pytest.CaptureFixture[str], call: str) -> None:
    assert run(call.split()) in (2, 3)
    said = capsys.readouterr()
    assert "internal" not in said.err
    assert LONG[:60] in said.err
    assert not said.out


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/data/Doe^Jane/RP.Doe.dcm", 3, "error: a file of this call: "),
        ("/elsewhere/export", 3, "error: export: "),
        (str(Path(lymphorisk.__file__).parent / "parameters" / "gone.toml"), 70, "internal error: PermissionError"),
    ],
)
def test_a_path_that_the_system_refuses_is_named_if_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, code: int, said: str
) -> None:
    """A file of the package that cannot be read is a fault of the installation."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("lymphorisk.cli.main.cli.main", refused)
    assert run(["dvh", "export"]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Doe" not in told


@pytest.mark.parametrize("library", ["click", "numpy"])
@pytest.mark.parametrize("start", [["-m", "lymphorisk"], [str(Path(sys.executable).parent / "lymphorisk")]])
def test_stopped_while_it_still_loads(place: Path, tmp_path: Path, start: list[str], library: str) -> None:
    """A library of this name comes first on the path; at its import the call is stopped, as by Ctrl-C."""
    (tmp_path / f"{library}.py").write_text(
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n"
    )
    call = [sys.executable, *start, *COMMANDS["dvh"]]
    done = subprocess.run(
        call, cwd=place, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == STOPPED
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share", "by"), MOMENTS)
def test_told_to_end_it_leaves_the_old_file_or_the_new_one(
    place: Path, tmp_path: Path, name: str, share: float, by: signal.Signals
) -> None:
    """At some share of the time a whole call takes."""
    ask = [sys.executable, "-m", "lymphorisk", *(w.replace("{}", str(tmp_path)) for w in WRITING[name])]
    took = timed(ask)
    new = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    old = {n: data + (b"" if Path(n).suffix in (*DATED, ".json") else b"\n") for n, data in new.items()}
    for file, data in old.items():
        (tmp_path / file).write_bytes(data)
    stopped(ask, took * share, by)
    for file, data in new.items():
        now = (tmp_path / file).read_bytes()
        assert now in (old[file], data) or (Path(file).suffix in DATED and len(now) == len(data))
    assert {p.name for p in tmp_path.iterdir()} == set(new)
    assert not list(place.rglob(f"{PREFIX}*"))


@pytest.mark.slow
@pytest.mark.parametrize(("share", "by"), [(0.6, signal.SIGTERM), (0.9, signal.SIGINT), (1.0, signal.SIGTERM)])
def test_a_cohort_that_is_told_to_end_goes_on_and_leaves_whole_tables(
    place: Path, tmp_path: Path, share: float, by: signal.Signals
) -> None:
    ask = [sys.executable, "-m", "lymphorisk", *COHORT, "--out"]
    took = timed([*ask, str(tmp_path / "whole")])
    stopped([*ask, str(tmp_path / "other")], took * share, by)
    subprocess.run([*ask, str(tmp_path / "other")], check=True, capture_output=True)
    names = {p.name for p in (tmp_path / "whole").iterdir()}
    assert {p.name for p in (tmp_path / "other").iterdir()} == names
    for name in ("plans.csv", "metrics.parquet", "noticed.csv"):
        assert (tmp_path / "other" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
