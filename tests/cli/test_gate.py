"""The gate as an unattended step meets it: exit codes over verdicts, forms, streams, disks and folders."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lymphorisk.cli.main import main, parted, run
from lymphorisk.cli.output import finish
from lymphorisk.outputs import files as output_files
from lymphorisk.outputs.files import Inputs, Outputs

QUICK = ("--alc", "1.4", "--draws", "64", "--horizon", "60")
FORMS = ("text", "json", "junit", "sarif")
VERDICTS = {"PASS": 0, "VARIATION": 0, "FAIL": 1, "MISSING": 4, "UNDECIDED": 4, "INFORMATIVE": 4, "ERROR": 3}
LINES = {
    "PASS": 'goal = "<= 50"',
    "VARIATION": 'goal = "<= 1"\nvariation = "<= 50"',
    "FAIL": 'goal = "<= 1"',
    "MISSING": 'goal = "<= 1"\nstructure = "Bladder"',
    "UNDECIDED": 'goal = "<= 1"\nstructure = "Bladder"\nrequired = false',
    "INFORMATIVE": "required = false",
    "ERROR": "gaol = 1",
}
SCENARIO = """
[plan]
label = "A plan"
fractions = 10
[organs]
Spleen = { mean_gy = 4.0 }
Body = { mean_gy = 1.0 }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "plan.toml").write_text(SCENARIO)
    for verdict, line in LINES.items():
        head = "informative = true\n" if verdict == "INFORMATIVE" else ""
        body = line if "structure" in line else f'structure = "Spleen"\n{line}'
        (folder / f"{verdict}.toml").write_text(f'name = "{verdict}"\n{head}[[line]]\nmetric = "Mean[Gy]"\n{body}\n')
    assert run(["analyze", str(folder / "plan.toml"), *QUICK, "--curves", "--out", str(folder / "saved.json")]) == 0
    assert run(["analyze", str(folder / "plan.toml"), *QUICK, "--out", str(folder / "bare.json")]) == 0
    return folder


@pytest.fixture
def go(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(a) for a in args])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def said(form: str, out: str) -> tuple[str, int, int]:
    """Verdict, exit code, and bad cases a form tells of."""
    if form == "json":
        d = json.loads(out)
        return d["verdict"], d["exit_code"], int(d["exit_code"] != 0)
    if form == "junit":
        suite = ET.fromstring(out)
        told = {p.get("name"): p.get("value") or "" for p in suite.iter("property")}
        bad = sum(c.find("failure") is not None or c.find("error") is not None for c in suite.iter("testcase"))
        assert bad == int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        return told["verdict"], int(told["exit_code"]), bad
    call = json.loads(out)["runs"][0]["invocations"][0]
    return call["exitCodeDescription"].split()[0], call["exitCode"], int(call["exitCode"] != 0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_exit_code_verdict_and_form_agree(go, place: Path, verdict: str, form: str) -> None:
    for source in ("plan.toml", "saved.json"):
        more = QUICK if source == "plan.toml" else ()
        code, out, err = go("check", place / source, "--protocol", place / f"{verdict}.toml", "--format", form, *more)
        assert code == VERDICTS[verdict]
        if form == "text":
            assert out == "" if verdict == "ERROR" else out.splitlines()[-1] == verdict
        else:
            told, exit_code, bad = said(form, out)
            assert (told, exit_code, bad > 0) == (verdict, code, code != 0)
        assert ("error:" in err) is (verdict == "ERROR")


def test_a_saved_result_is_judged_like_its_plan(go, place: Path) -> None:
    for verdict in VERDICTS:
        args = ("--protocol", place / f"{verdict}.toml", "--json")
        live = go("check", place / "plan.toml", *args, *QUICK)[1]
        saved = go("check", place / "saved.json", *args)[1]
        if verdict != "ERROR":
            first, second = (
                [{k: v for k, v in r.items() if k != "reason"} for r in json.loads(out)["lines"]]
                for out in (live, saved)
            )
            assert first == second


def test_a_curve_the_result_does_not_hold_is_undecided_not_missing(go, place: Path) -> None:
    code, out, _ = go("check", place / "bare.json", "--protocol", place / "PASS.toml")
    assert (code, out.splitlines()[-1]) == (4, "UNDECIDED")
    assert "--curves" in out


def edited(text: str, how: str) -> str:
    d = json.loads(text)
    if how == "number":
        d["alc"]["nadir"]["median"] *= 2
    elif how == "course":
        d["course"]["days"] = [*d["course"].get("days", []), 99.0]
    elif how == "finding":
        d["findings"] = []
    elif how == "no checksum":
        del d["checksum"]
    elif how == "layout":
        return json.dumps(dict(reversed(d.items())), indent=7)
    elif how == "twice":
        return text.replace('"schema"', '"note": "x", "schema"', 1)
    return json.dumps(d)


@pytest.mark.parametrize("how", ["number", "course", "finding", "no checksum", "twice"])
@pytest.mark.parametrize("command", [("check", "--protocol", "general"), ("update", "--alc", "7=1.0")])
def test_an_edited_result_is_refused(go, place: Path, tmp_path: Path, how: str, command: tuple[str, ...]) -> None:
    saved = tmp_path / "r.json"
    saved.write_text(edited((place / "saved.json").read_text(), how))
    code, _, err = go(command[0], saved, *command[1:])
    assert code == 3
    assert "hint:" in err


def test_another_layout_is_no_edit(go, place: Path, tmp_path: Path) -> None:
    saved = tmp_path / "r.json"
    saved.write_text(edited((place / "saved.json").read_text(), "layout"))
    assert go("update", saved, "--alc", "7=1.0")[0] == 0


def test_several_plans_leave_with_the_worst(go, place: Path) -> None:
    for names, worst in (
        (("saved.json", "saved.json"), 1),
        (("saved.json", "bare.json"), 1),
        (("bare.json", "bare.json"), 4),
        (("saved.json", "nothing"), 3),
    ):
        paths = [place / n for n in names]
        code, out, _ = go("check", *paths, "--protocol", place / "FAIL.toml", "--format", "junit")
        assert code == worst
        root = ET.fromstring(out)
        assert [s.tag for s in root] == ["testsuite"] * 2
        _, out, _ = go("check", *paths, "--protocol", place / "FAIL.toml", "--json")
        assert json.loads(out)["exit_code"] == worst
        _, out, _ = go("check", *paths, "--protocol", place / "FAIL.toml", "--format", "sarif")
        assert len(json.loads(out)["runs"]) == 2
    assert go("check", *paths, "--protocol", "general", "--report", place / "x.html")[0] == 2


@pytest.mark.parametrize("form", FORMS)
def test_an_input_that_cannot_be_read_is_written_too(go, tmp_path: Path, form: str) -> None:
    for export in (tmp_path, tmp_path / "nothing", tmp_path / "broken.json"):
        (tmp_path / "broken.json").write_text("{")
        code, out, err = go("check", export, "--protocol", "lung", "--format", form)
        assert code == 3
        assert "error:" in err
        if form != "text":
            assert said(form, out)[:2] == ("ERROR", 3)


# streams


class Stuck:
    """A stream whose other end fails."""

    encoding = "utf-8"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error

    def fileno(self) -> int:
        raise OSError

    def isatty(self) -> bool:
        return False


GONE = [
    BrokenPipeError(errno.EPIPE, "gone"),
    OSError(errno.EBADF, "closed"),
    ValueError("I/O operation on closed file"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_closed_streams_never_change_the_exit_code(
    place: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, form: str
) -> None:
    args = ["check", str(place / "saved.json"), "--protocol", str(place / f"{verdict}.toml"), "--format", form]
    for error in GONE:
        for name in ("stdout", "stderr"):
            for stream in (Stuck(error), None):
                with monkeypatch.context() as patch:
                    patch.setattr(sys, name, stream)
                    assert run(args) == VERDICTS[verdict]


def test_a_result_that_does_not_fit_is_no_success(place: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    full = Stuck(OSError(errno.ENOSPC, "No space left on device"))
    for verdict, code in VERDICTS.items():
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            args = ["check", str(place / "saved.json"), "--protocol", str(place / f"{verdict}.toml")]
            assert run(args) == (code or 3)
        err = capsys.readouterr().err
        assert "No space left" in err or verdict == "ERROR"


def test_the_shell_sees_the_same_codes(place: Path) -> None:
    """Once through a real shell: a pipe nobody reads, closed descriptors, a full device."""
    ask = f"{sys.executable} -m lymphorisk check {place}/saved.json --protocol {place}/FAIL.toml"
    script = f"""
    {ask} | head -c 0; echo ${{PIPESTATUS[0]}} >&2
    {ask} >&-; echo $? >&2
    {ask} 2>&- >/dev/null; echo $? >&2
    {ask} >/dev/full; echo $? >&2
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    codes = [line for line in done.stderr.splitlines() if line.isdigit()]
    assert codes == ["1"] * 4
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def test_main_opens_what_was_closed(handlers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as left:
        main(["explain", "LR010"])
    assert left.value.code == 0
    opened = sys.stdout
    assert opened is not None
    opened.close()


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("way", ["renamed", "another", "swallowed", "written"])
def test_a_library_that_changes_the_exception_of_a_signal_does_not_change_the_code(
    handlers: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    by: signal.Signals,
    code: int,
    way: str,
) -> None:
    """As reportlab puts words into it, which Python leaves with 1 for: the gate's code for a plan that failed."""
    from lymphorisk.cli.explain import explain

    def told(**_: object) -> int:
        try:
            os.kill(os.getpid(), by)
            time.sleep(5)
        except BaseException as error:
            if way == "renamed":
                error.args = ("paragraph caused an exception",)
                error.code = error.args[0]  # type: ignore[attr-defined]
                raise
            if way == "another":
                raise ValueError("numbers") from None
        with Outputs(Inputs.of([])) as outputs:
            outputs.expect(tmp_path / "out.json", "json")
            outputs.add(tmp_path / "out.json", "{}")
            if way == "written":
                finish(outputs)
        return 1

    monkeypatch.setattr(explain, "callback", told)
    with pytest.raises(SystemExit) as left:
        main(["explain", "LR010"])
    assert left.value.code == code
    assert capsys.readouterr().err.strip() == ("stopped" if code == 130 else "")
    assert not list(tmp_path.iterdir())
    assert run(["--version"]) == 0


def test_debug_works_wherever_it_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ["check", str(place / "saved.json"), "--protocol", "nothing"]
    for args in (["--debug", *bad], [*bad, "--debug"], [bad[0], "--debug", *bad[1:]]):
        assert run(args) == 3
        assert "Traceback" in capsys.readouterr().err
    assert run(bad) == 3
    assert "Traceback" not in capsys.readouterr().err
    assert parted(["dvh", "--", "--debug"]) == (False, ["dvh", "--", "--debug"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_an_internal_error_says_of_files_is_true(
    go, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("bug")

    target = "lymphorisk.analysis.chain.analysis_of" if when == "before" else "lymphorisk.cli.output.Audit.record"
    monkeypatch.setattr(target, broken)
    page = tmp_path / "out.html"
    code, _, err = go("analyze", place / "plan.toml", *QUICK, "--report", page)
    assert code == 70
    assert page.exists() is (when == "after")
    assert ("no file was written" in err) is (when == "before")
    assert (str(page) in err.split("hint:")[1]) is (when == "after")


# disks, folders, trails


def tree(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_full_disk_leaves_no_output_at_all(go, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for fits in (0, 1):
        left = [fits]

        def fsync(fd: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(output_files.os, "fsync", fsync)
            files = ("--report", tmp_path / "a.html", "--out", tmp_path / "a.json", "--audit", tmp_path)
            code, out, err = go("analyze", place / "plan.toml", *QUICK, *files)
        assert (code, out) == (3, "")
        assert "No space left" in err
        assert list(tmp_path.iterdir()) == []


def test_a_missing_audit_folder_is_said_before_the_work(
    go, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("worked")

    monkeypatch.setattr("lymphorisk.analysis.chain.analysis_of", never)
    for form in FORMS:
        code, out, err = go(
            "check", place / "plan.toml", "--protocol", "lung", "--format", form, "--audit", tmp_path / "no"
        )
        assert code == 3
        assert "does not exist" in err
        if form != "text":
            assert said(form, out)[:2] == ("ERROR", 3)


@pytest.mark.parametrize("damage", ["", "\n", "nonsense\n", '{"previous": 1'])
@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "MISSING"])
def test_a_damaged_trail_never_takes_the_verdict_away(
    go, place: Path, tmp_path: Path, verdict: str, damage: str
) -> None:
    trail = tmp_path / "lymphorisk-audit.jsonl"
    trail.write_text(damage)
    ask = ("check", place / "saved.json", "--audit", tmp_path)
    code, out, err = go(*ask, "--protocol", place / f"{verdict}.toml")
    assert (code, out.splitlines()[-1]) == (VERDICTS[verdict], verdict)
    assert "LR606" in err
    assert trail.read_text() == damage
    strict = tmp_path / "strict.toml"
    strict.write_text((place / "PASS.toml").read_text().replace("[[line]]", '[rules]\nLR606 = "error"\n[[line]]'))
    assert go(*ask, "--protocol", strict)[0] == 1


def test_the_trail_keeps_verdict_code_and_protocol(go, place: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef\n")
    for verdict in ("PASS", "FAIL"):
        go(
            "check",
            place / "saved.json",
            "--protocol",
            place / f"{verdict}.toml",
            "--audit",
            tmp_path,
            "--audit-key",
            key,
        )
    entries = [json.loads(line)["entry"] for line in (tmp_path / "lymphorisk-audit.jsonl").read_text().splitlines()]
    assert [(e["verdict"], e["exit_code"]) for e in entries] == [("PASS", 0), ("FAIL", 1)]
    assert entries[0]["protocol_sha256"] == hashlib.sha256((place / "PASS.toml").read_bytes()).hexdigest()
    code, out, _ = go("audit", "verify", tmp_path, "--expect", 2, "--key", key)
    assert code == 0
    assert "2 sealed" in out
    assert go("audit", "verify", tmp_path, "--expect", 3)[0] == 1
    assert go("audit", "verify", tmp_path, "--head", "f" * 64)[0] == 1


# exports


@pytest.fixture(scope="module")
def export(rtplans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import shutil

    folder = tmp_path_factory.mktemp("clinic") / "export"
    shutil.copytree(rtplans / "brain", folder)
    return folder


def test_nothing_in_an_export_folder_changes_by_any_command(
    go, export: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every option that names a file is pointed at the dose and at a new name in the folder, by every road."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("worked")

    works = ("chain.analysis_of", "dvhs.structure_dvhs", "bloodonly.swept", "killmap.killmap", "compare.compare")
    for work in works:
        monkeypatch.setattr(f"lymphorisk.analysis.{work}", never)
    before = tree(export)
    dose = next(export.glob("RD*.dcm"))
    link, hard = tmp_path / "link.html", tmp_path / "hard.html"
    link.symlink_to(dose)
    os.link(dose, hard)
    monkeypatch.chdir(export)
    commands = (
        ("analyze", export, "--report"),
        ("analyze", export, "--out"),
        ("analyze", export, "--sr"),
        ("analyze", export, "--dicom-pdf"),
        ("check", export, "--protocol", "brain", "--report"),
        ("check", export, "--protocol", "brain", "--sr"),
        ("compare", export, place / "plan.toml", "--report"),
        ("dvh", export, "--csv"),
        ("blood", export, "--sweep", "beam-on=1:2", "--plot"),
        ("killmap", export, "--out"),
        ("objective", export, "--structures"),
        ("objective", export, "--goals"),
        ("conditioning", "--product", "axi-cel", export, "--first-day", "-21", "--report"),
        ("conditioning", "--product", "axi-cel", export, "--first-day", "-21", "--out"),
        ("evaluate", place, export, "--html"),
    )
    for command in commands:
        for path in (dose, link, hard, Path(dose.name), export / "new.out", Path("new.out")):
            for force in ((), ("--force",)):
                code, _, err = go(*command, path, *force)
                # a report by a name that is no report's is a slip of usage, told before anything is looked at
                unknown = command[-1] in ("--report", "--html") and path.suffix not in (".html", ".pdf")
                assert code == (2 if unknown else 3), (command, path)
                assert unknown or "hint:" in err
    for more in (("--audit", export), ("--audit", ".")):
        assert go("analyze", export, *more)[0] == 3
    assert tree(export) == before


@pytest.mark.slow
def test_a_protocol_is_picked_by_the_plans_own_dose(go, export: Path) -> None:
    code, out, _ = go("check", export, "--protocol", "auto", *QUICK, "--json")
    d = json.loads(out)
    assert code in (0, 1)
    assert d["protocol"].startswith("Brain")
    assert "site brain: GTV" in d["protocol_chosen"]
    assert len(d["plan"]["plan_uid_sha256"]) == 64
    assert {i["role"] for i in d["plan"]["inputs"]} == {"RTPLAN", "RTDOSE", "RTSTRUCT"}
    code, out, err = go("check", export, "--protocol", "auto", *QUICK, "--site", "lung")
    assert (code, out.splitlines()[-1]) == (4, "UNDECIDED")
    assert "brain" in err
    assert "pelvis" in err, "the list of what can be named"


def test_without_a_target_no_protocol_is_picked(go, place: Path) -> None:
    for source, more in (("plan.toml", QUICK), ("saved.json", ())):
        code, out, err = go("check", place / source, "--protocol", "auto", *more)
        assert (code, out.splitlines()[-1]) == (4, "UNDECIDED")
        assert "esophagus" in err


@pytest.mark.parametrize("form", FORMS)
def test_a_plan_the_program_fails_on_is_named_and_the_others_are_judged(
    go, place: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    from lymphorisk.qa import judge as module

    honest = module.judge

    def judge(path: Path, *args: object, **more: object) -> object:
        if path.name == "bare.json":
            raise ZeroDivisionError("a bug")
        return honest(path, *args, **more)

    monkeypatch.setattr(module, "judge", judge)
    paths = [place / n for n in ("saved.json", "bare.json", "saved.json")]
    code, out, err = go("check", *paths, "--protocol", place / "FAIL.toml", "--format", form)
    assert code == 70
    assert "bare.json: internal error: ZeroDivisionError" in err
    assert "Traceback" not in err
    again = go("--debug", "check", *paths, "--protocol", place / "FAIL.toml", "--format", form)
    assert again[:2] == (code, out)
    assert "ZeroDivisionError: a bug" in again[2]
    if form == "text":
        assert [line for line in out.splitlines() if line in ("FAIL", "ERROR")] == ["FAIL", "ERROR", "FAIL"]
    elif form == "json":
        assert [p["verdict"] for p in json.loads(out)["plans"]] == ["FAIL", "ERROR", "FAIL"]
    elif form == "junit":
        suites = list(ET.fromstring(out))
        assert [s.get("errors") for s in suites] == ["0", "1", "0"]
        assert suites[1].get("name") == "bare.json"
    else:
        assert [r["invocations"][0]["exitCode"] for r in json.loads(out)["runs"]] == [1, 70, 1]
    code, out, err = go("check", place / "bare.json", "--protocol", place / "FAIL.toml", "--format", form)
    assert code == 70
    assert "internal error: ZeroDivisionError" in err
    assert out == "" if form == "text" else said(form, out)[:2] == ("ERROR", 70)


@pytest.mark.slow
def test_a_saved_result_keeps_the_site_of_its_dose(go, export: Path, tmp_path: Path) -> None:
    saved = tmp_path / "r.json"
    for more, picked in (((), True), (("--site", "lung"), False)):
        assert go("analyze", export, *QUICK, *more, "--curves", "--force", "--out", saved)[0] == 0
        code, out, err = go("check", saved, "--protocol", "auto", "--json")
        d = json.loads(out)
        if picked:
            assert code in (0, 1)
            assert d["protocol"].startswith("Brain")
            assert "site brain: GTV" in d["protocol_chosen"]
            assert all(line["value"] is not None for line in d["lines"])
        else:
            assert (code, d["verdict"]) == (4, "UNDECIDED")
            assert "lung" in err
            assert "brain" in err
    assert go("analyze", export, *QUICK, "--force", "--out", saved)[0] == 0
    code, _, err = go("check", saved, "--protocol", "auto")
    assert code == 4
    assert "--curves" in err


@pytest.mark.slow
def test_files_of_different_patients_fail_unless_the_protocol_says_otherwise(go, export: Path, tmp_path: Path) -> None:
    import shutil

    import pydicom

    mixed, saved, rules = tmp_path / "mixed", tmp_path / "r.json", tmp_path / "p.toml"
    shutil.copytree(export, mixed)
    dose = next(mixed.glob("RD*.dcm"))
    read = pydicom.dcmread(dose)
    read.PatientID = "somebody else"
    read.save_as(dose)
    assert go("analyze", mixed, *QUICK, "--curves", "--out", saved)[0] == 0
    line = '[[line]]\nstructure = "Brain"\nmetric = "Mean[Gy]"\ngoal = "<= 70"\n'
    for setting, code in (("", 1), ("error", 1), ("undecided", 4), ("warning", 0), ("info", 0), ("off", 0)):
        rule = f'[rules]\nLR041 = "{setting}"\n' if setting else ""
        rules.write_text(f'name = "P"\n{rule}{line}')
        got, out, _ = go("check", saved, "--protocol", rules)
        assert got == code, setting
        assert ("LR041" in out) is (setting not in ("info", "off"))
        assert "somebody" not in out
