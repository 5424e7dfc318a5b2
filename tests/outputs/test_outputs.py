"""Files of a call: never an input, never somebody else's, all of them or none."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lymphorisk.errors import InputError
from lymphorisk.outputs import Inputs, Outputs, cell
from lymphorisk.outputs import files as module
from lymphorisk.outputs.cells import text_of
from lymphorisk.outputs.kinds import CARD, KINDS, TRAJECTORY_HEAD
from lymphorisk.plain import Pace

PAGE = '<head><meta name="generator" content="lymphorisk"></head>'


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "deep").mkdir(parents=True)
    (folder / "RD.dcm").write_bytes(b"dose")
    (folder / "deep" / "RP.dcm").write_bytes(b"plan")
    return folder


def refused(outputs: Outputs, path: Path, kind: str = "page") -> str:
    with pytest.raises(InputError) as caught:
        outputs.expect(path, kind)
    assert caught.value.hint
    return caught.value.message


def test_an_input_is_never_an_output_whatever_it_is_called(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, hard, folder = tmp_path / "link.dcm", tmp_path / "hard.dcm", tmp_path / "also"
    link.symlink_to(export / "RD.dcm")
    os.link(export / "deep" / "RP.dcm", hard)
    folder.symlink_to(export)
    monkeypatch.chdir(export / "deep")
    for path in (export / "RD.dcm", link, hard, folder / "RD.dcm", Path("../RD.dcm"), Path("RP.dcm")):
        for force in (False, True):
            assert refused(Outputs(Inputs.of([export]), force=force, beside_inputs=True), path, "kill map")
    single = Inputs.of([export / "RD.dcm"])
    for path in (export / "RD.dcm", export / "rd.DCM", link):
        assert refused(Outputs(single, force=True, beside_inputs=True), path)


def test_an_input_folder_stays_as_it_is_unless_asked(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    also = tmp_path / "also"
    also.symlink_to(export)
    monkeypatch.chdir(export)
    for path in (export / "new.html", export / "deep" / "new.html", also / "new.html", Path("new.html")):
        assert "input export" in refused(Outputs(Inputs.of([export])), path)
        Outputs(Inputs.of([export]), beside_inputs=True).expect(path, "page")
    assert "input export" in refused(Outputs(Inputs.of([export / "RD.dcm"])), export / "new.html")
    scenario = tmp_path / "s.toml"
    scenario.write_text("")
    Outputs(Inputs.of([scenario])).expect(tmp_path / "new.html", "page")


@pytest.mark.parametrize(
    ("kind", "own", "foreign"),
    [
        ("page", PAGE.encode(), b"<html>notes</html>"),
        ("pdf", b"%PDF-1.4 /Author (lymphorisk 0.1.0)", b"%PDF-1.4 /Author (someone)"),
        ("analyze", b'{\n  "schema": "lymphorisk/analyze/1"', b'{"schema": "lymphorisk/check/1"'),
        ("dvh-csv", b"structure,tg263,dose_gy,volume_cm3\n", b"name,dose\n"),
        ("trajectory", TRAJECTORY_HEAD.encode() + b"\n", b"day,alc\n"),
        ("figure", b'<svg data-generator="lymphorisk" >', b"<svg>"),
        ("sr", b"\0" * 128 + b"DICM LYMPHORISK 1.2.840.10008.5.1.4.1.1.88.33", b"\0" * 128 + b"DICM VARIAN"),
        (
            "kill map",
            b"\0" * 128 + b"DICM LYMPHORISK 1.2.840.10008.5.1.4.1.1.481.2 kill map, NO DOSE",
            b"\0" * 128 + b"DICM LYMPHORISK 1.2.840.10008.5.1.4.1.1.481.2",
        ),
    ],
)
def test_only_our_own_file_of_the_same_kind_is_replaced(tmp_path: Path, kind: str, own: bytes, foreign: bytes) -> None:
    path = tmp_path / "out"
    for content, fits in ((own, True), (foreign, False), (b"", False)):
        path.write_bytes(content)
        if fits:
            Outputs(Inputs(())).expect(path, kind)
        else:
            assert "exists" in refused(Outputs(Inputs(())), path, kind)
            Outputs(Inputs(()), force=True).expect(path, kind)
    others = [k for k in KINDS if k not in (kind, "audit", "model")]
    path.write_bytes(own)
    for other in others:
        assert "exists" in refused(Outputs(Inputs(())), path, other)


@pytest.mark.parametrize("kind", ["page", "pdf", "analyze", "dvh-csv", "trajectory", "figure", "sr", "kill map"])
def test_a_file_of_a_terabyte_is_not_taken_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "there"
    path.touch()
    os.truncate(path, 10**12)
    monkeypatch.setattr(module, "OWN_MOST", 1 << 20)
    assert "exists and is not" in refused(Outputs(Inputs.of([]), force=False), path, kind)


def test_a_protocol_is_never_replaced_unasked_and_a_device_never(tmp_path: Path) -> None:
    path = tmp_path / "house.toml"
    path.write_text('schema = "lymphorisk/protocol/1"\n')
    assert refused(Outputs(Inputs(())), path, "protocol")
    for device in (Path("/dev/null"), Path("/dev/stdout"), tmp_path):
        assert "ordinary" in refused(Outputs(Inputs(()), force=True), device)


def test_a_model_is_replaced_only_by_force_and_nothing_else_ever(tmp_path: Path) -> None:
    home, model = tmp_path / "home", tmp_path / "model"
    home.mkdir()
    (home / "thesis.txt").write_text("years")
    model.mkdir()
    (model / CARD).write_text("old")
    assert "no model" in refused(Outputs(Inputs(()), force=True), home, "model")
    assert "already" in refused(Outputs(Inputs(())), model, "model")
    outputs = Outputs(Inputs(()), force=True)
    outputs.expect(model, "model")
    staged = outputs.folder(model)
    staged.mkdir()
    (staged / CARD).write_text("new")
    assert (model / CARD).read_text() == "old"
    outputs.commit()
    assert (model / CARD).read_text() == "new"
    inside = model / "cohort.csv"
    inside.write_text("a,b\n")
    assert "holds an input" in refused(Outputs(Inputs.of([inside]), force=True), model, "model")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "model"]


def full_after(times: int) -> Callable[[int], None]:
    left = [times]

    def fsync(fd: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    return fsync


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("fits", [0, 1, 2])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: int) -> None:
    (tmp_path / "b.html").write_text(PAGE + "old")
    before = tree(tmp_path)
    monkeypatch.setattr(module.os, "fsync", full_after(fits))
    paths = [tmp_path / name for name in ("a.html", "b.html", "c.html")]
    with Outputs(Inputs(())) as outputs:
        for path in paths:
            outputs.expect(path, "page")
        for path in paths[:fits]:
            outputs.add(path, "new")
        with pytest.raises(InputError, match="No space left"):
            outputs.add(paths[fits], "new")
        assert outputs.commit() == ()
    assert tree(tmp_path) == before


def test_a_file_that_cannot_be_put_takes_the_others_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text(PAGE + "old")
    before = tree(tmp_path)
    real = os.replace

    def replace(source: object, target: object) -> None:
        if str(target).endswith("b.html"):
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)  # type: ignore[arg-type]

    with Outputs(Inputs(())) as outputs:
        for name in ("a.html", "new.html", "b.html"):
            outputs.expect(tmp_path / name, "page")
            outputs.add(tmp_path / name, "new")
        monkeypatch.setattr(module.os, "replace", replace)
        with pytest.raises(InputError, match="Input/output"):
            outputs.commit()
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html"]


def test_what_is_not_put_in_place_is_not_left_behind(tmp_path: Path) -> None:
    with Outputs(Inputs(())) as outputs:
        outputs.expect(tmp_path / "a.html", "page")
        outputs.add(tmp_path / "a.html", "x")
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_places_are_tried_before_the_work(tmp_path: Path) -> None:
    assert "does not exist" in refused(Outputs(Inputs(())), tmp_path / "no" / "a.html")
    assert "cannot write" in refused(Outputs(Inputs(())), tmp_path / ("a" * 300 + ".html"))
    outputs = Outputs(Inputs(()))
    outputs.expect(tmp_path / "a.html", "page")
    assert "two outputs" in refused(outputs, tmp_path / "A.html")


@pytest.mark.parametrize("text", ["=1+1", "+A1", "-cmd|'/C calc'!A0", "@SUM(A1)", "\t=1", "'quoted", " =1"])
def test_a_cell_is_text_and_comes_back(text: str) -> None:
    shown = cell(text)
    assert isinstance(shown, str)
    assert shown.startswith("'")
    assert text_of(shown) == text


@pytest.mark.parametrize("value", ["Spleen", "-5.2", 3.5, "it's", ""])
def test_numbers_and_names_stay(value: object) -> None:
    assert cell(value) == value
    assert text_of(str(value)) == str(value)


def test_what_stood_there_stays_when_the_new_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last rename fails, as on a disk that was taken away: the old file is back, nothing lies beside it."""
    page = tmp_path / "r.html"
    page.write_text(PAGE + "old")
    real = os.replace

    def fails(source: Path, target: Path) -> None:
        if Path(target) == page and Path(source).read_text() != PAGE + "old":
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(module.os, "replace", fails)
    outputs = Outputs(Inputs.of([]))
    outputs.expect(page, "page")
    outputs.add(page, PAGE + "new")
    with pytest.raises((InputError, OSError)), outputs:
        outputs.commit()
    assert page.read_text() == PAGE + "old"
    assert list(tmp_path.iterdir()) == [page]


def test_what_a_killed_call_left_is_cleared_and_folders_are_left_alone(tmp_path: Path) -> None:
    half, folder, own = (tmp_path / name for name in (f"{module.PREFIX}a", f"{module.PREFIX}b", "mine"))
    half.write_text("half")
    folder.mkdir()
    own.write_text("mine")
    module.clear(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([folder.name, own.name])


@pytest.mark.parametrize(("spent", "said"), [(0.1, "about 1 s left"), (30.0, "about 4 min left"), (3600.0, "9.0 h")])
def test_the_time_left_is_said_in_its_own_unit(spent: float, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0 + spent])
    monkeypatch.setattr("lymphorisk.plain.time.monotonic", lambda: next(clock))
    pace = Pace(10)
    assert pace.left(0) == pace.left(10) == ""
    assert said in pace.left(1)
