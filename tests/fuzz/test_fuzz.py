"""The fuzz suite itself, a fixed sample of it, and the page of its figures."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.dicom import read_export
from lymphorisk.errors import InputError, LymphoriskError

from . import dicom, driver, reliability, trains
from .cases import Case, Promise
from .objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, Written, dicom_file, find, put
from .oracle import Answer, kept, lower_limit, outcome_of, upper_limit
from .run import base_of, same_run
from .seeds import ROOT, tiny

SAMPLES = (
    ("dicom", 40),
    *(pytest.param(kind, 160, marks=pytest.mark.slow) for kind in ("dicom", "other", "trains", "forms", "talk")),
)


@pytest.mark.parametrize(("kind", "sample"), SAMPLES)
def test_a_sample_ends_in_answers_and_named_errors(tmp_path: Path, kind: str, sample: int) -> None:
    """The same inputs every time; `make fuzz` runs many more."""
    ask = [sys.executable, "-m", "tests.fuzz.run", "--kind", kind, "--inputs", str(sample), "--workers", "1", "--tiny"]
    done = subprocess.run(
        [*ask, "--seed", "20", "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = driver.outcomes(tmp_path)
    assert [o.number for o in found] == list(range(sample))
    assert not [o for o in found if o.kind in driver.BAD], done.stdout
    assert not [o for o in found if o.broken], done.stdout
    assert {"result", "named"} <= {o.kind for o in found} <= {"result", "finding", "named"}
    assert kind == "talk" or [o for o in found if o.promise]


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_what_is_rewritten_is_what_was(syntax: str, undefined: bool) -> None:
    """Every way of writing, read back by another program."""
    for tree in tiny().trees.values():
        want = pydicom.dcmread(io.BytesIO(dicom_file(tree)))
        got = pydicom.dcmread(io.BytesIO(dicom_file(tree, Written(syntax, undefined=undefined))))
        assert got.file_meta.TransferSyntaxUID == syntax
        assert [e.tag for e in got] == [e.tag for e in want]
        for element in want:
            if element.keyword == "PixelData":
                assert (got.pixel_array == want.pixel_array).all()
            elif element.VR != "SQ":
                assert str(got[element.tag].value) == str(element.value), element.keyword


def test_run_lengths_hold_the_pixels() -> None:
    files = dicom.run_lengths(Random(0), tiny().copied())
    got, want = (pydicom.dcmread(io.BytesIO(data)) for data in (files["RD.dcm"], dicom_file(tiny().trees["RD"])))
    assert (got.pixel_array == want.pixel_array).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 1 << 40), of=st.sampled_from(dicom.FREE))
def test_any_mutation_ends_in_an_export_or_a_named_error(tmp_path_factory: pytest.TempPathFactory, seed, of) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    dicom.put_files(folder, of(Random(seed), tiny().copied()))
    with suppress(InputError):
        assert read_export(folder).plan.phases


# ---- the oracle and the driver bite ----

WHOLE = Answer(0, json.dumps({"structures": [{"number": 1, "mean_gy": 10.0}], "findings": []}), "")


def said(mean: float, code: int = 0, finding: str = "") -> Answer:
    return Answer(code, json.dumps({"structures": [{"number": 1, "mean_gy": mean}], "findings": [finding]}), "")


@pytest.mark.parametrize(
    ("must", "answer", "fine"),
    [
        ("same", said(10.0), True),
        ("same", said(10.0, finding="LR001"), True),
        ("same", said(10.1), False),
        ("same", said(10.1, finding="LR001"), False),
        ("same", Answer(3, "", "error: no"), False),
        ("scaled", said(11.0), True),
        ("scaled", said(10.0), False),
        ("scaled", Answer(3, "", "error: no"), True),
        ("refused", said(10.0), False),
        ("refused", said(10.0, code=1), False),
        ("refused", Answer(4, "", ""), True),
        ("told", said(9.0), False),
        ("told", said(9.0, finding="LR001"), True),
        ("told", said(10.0), True),
    ],
)
def test_a_wrong_answer_is_a_silent_error(must, answer: Answer, fine: bool) -> None:
    factor = 1.1 if must == "scaled" else 1.0
    assert (kept(answer, Promise(must, "x", factor), WHOLE) == "") is fine


def test_the_kinds_of_outcome() -> None:
    trace = 'File "/x/lymphorisk/dvh/engine.py", line 3, in f\ninternal error: ValueError\n'
    assert Answer(70, "", trace).uncaught == "ValueError at lymphorisk/dvh/engine.py:3 f"
    assert outcome_of(Answer(70, "", trace), None) == "uncaught"
    assert outcome_of(Answer(70, "", "internal error: MemoryError\n"), None) == "memory"
    assert outcome_of(Answer(70, "", "error: the model was altered\n"), None) == "named"
    assert outcome_of(Answer(3, "", "error: no\n"), None) == "named"
    assert outcome_of(Answer(6, "", "error: no\n"), None) == "uncaught"
    assert outcome_of(said(1.0), WHOLE) == "result"
    assert outcome_of(said(1.0, finding="LR001"), WHOLE) == "finding"


def test_the_interval_of_a_share() -> None:
    """Clopper and Pearson, 1934: none of n leaves 1 - 0.025^(1/n)."""
    assert upper_limit(0, 100) == pytest.approx(1 - 0.025 ** (1 / 100))
    assert lower_limit(0, 100) == 0.0
    assert (lower_limit(1, 10), upper_limit(1, 10)) == pytest.approx((0.0025286, 0.4450161), rel=1e-5)
    assert upper_limit(10, 10) == 1.0


def planted(args: tuple[str, ...]) -> Answer:
    """A command with a fault."""
    match args[0]:
        case "hang":
            start = time.process_time()
            while time.process_time() < start + 60:
                pass
        case "crash":
            os.kill(os.getpid(), signal.SIGUSR1)
        case "memory":
            held = bytearray(120 << 20)
            held[::4096] = b"x" * len(held[::4096])
        case "leak":
            Path("left").write_text("x")
        case "touched":
            next(Path("../place").iterdir()).unlink()
    return Answer(0, "", "")


def test_every_way_to_fail_is_seen_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = ("", "hang", "crash", "memory", "leak", "touched", "")

    def make(rng: Random, place: Path) -> Case:
        (place / "input").write_text("x")
        number = len(list((tmp_path / "made").iterdir()))
        (tmp_path / "made" / str(number)).touch()
        return Case("planted", faults[number], "", (faults[number],))

    (tmp_path / "made").mkdir()
    monkeypatch.setattr(driver, "run_command", planted)
    monkeypatch.setattr(driver, "LIMIT_S", 3.0)  # long enough for what is no hang
    monkeypatch.setattr(driver, "LIMIT_MB", 50)
    with monkeypatch.context() as patch:
        patch.setattr(driver.resource, "setrlimit", lambda *_: None)  # seen by its size, not refused
        found = driver.run_many(
            make, lambda _: WHOLE, seed=1, numbers=range(len(faults)), workers=1, folder=tmp_path / "out"
        )
    kinds = [o.kind for o in found]
    assert kinds == ["result", "hang", "crash", "memory", "leak", "leak", "result"]


def test_a_run_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(rng: Random, place: Path) -> Case:
        (place / "input").write_text("x")
        return Case("planted", str(rng.random()), "", ("",))

    monkeypatch.setattr(driver, "run_command", planted)
    whole = driver.run_many(make, lambda _: WHOLE, seed=1, numbers=range(6), workers=1, folder=tmp_path / "whole")
    parts = tmp_path / "parts"
    driver.run_many(make, lambda _: WHOLE, seed=1, numbers=range(3), workers=1, folder=parts)
    driver.forget(parts, {1})
    assert [o.number for o in driver.outcomes(parts)] == [0, 2]
    found = driver.run_many(make, lambda _: WHOLE, seed=1, numbers=[1, 3, 4, 5], workers=1, folder=parts)
    assert [(o.number, o.mutator) for o in found] == [(o.number, o.mutator) for o in whole]


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    same_run(tmp_path, {"kind": "all", "seed": 1})
    same_run(tmp_path, {"kind": "all", "seed": 1})
    with pytest.raises(SystemExit, match="holds"):
        same_run(tmp_path, {"kind": "all", "seed": 2})


@pytest.mark.slow
def test_every_whole_input_has_an_answer_to_be_held_to() -> None:
    assert "no answer" in kept(said(10.0), Promise("same", "x"), Answer(3, "", "error: no"))
    keys = [f"form/{name}" for name in ("mask/dvh", "seg/dvh", "protocol-json/check", "protocol-csv/check")]
    for key in (*keys, "text/scenario/check", "text/protocol/check"):
        assert base_of(key).out, key


def test_a_train_holds_what_its_parts_hold(tmp_path: Path) -> None:
    """Each way of writing of one seed, read back: the dose is the same to the last bit."""
    (want,) = [t for n, t in tiny().trees.items() if n == "RD"]
    pixels = pydicom.dcmread(io.BytesIO(dicom_file(want))).pixel_array
    for way in trains.WAYS:
        files = trains.in_a_way(Random(0), tiny().copied(), way)
        got = pydicom.dcmread(io.BytesIO(files["RD.dcm"]), force=True)
        if not hasattr(got, "file_meta") or "TransferSyntaxUID" not in got.file_meta:
            got.file_meta.TransferSyntaxUID = IMPLICIT
        assert (got.pixel_array == pixels).all(), way


# ---- the page ----


def test_the_page_is_what_the_figures_say() -> None:
    made = json.loads(reliability.JSON.read_text(encoding="utf-8"))
    assert reliability.page(made) == reliability.PAGE.read_text(encoding="utf-8")
    assert sum(made["outcomes"].values()) == made["inputs"] == sum(made["families"].values())
    assert made["oracle"]["high"] == upper_limit(made["oracle"]["silent"], made["oracle"]["held_to"])


def test_figures_are_counted() -> None:
    good = driver.Outcome(0, "dicom", "padded", "dvh --json", "result", 0, promise="same")
    bad = replace(good, broken="mean_gy of 1 is 2, not 1")
    crash = replace(good, kind="crash")
    made = reliability.figures([good, bad, crash])
    assert (made["inputs"], made["outcomes"]["crash"], made["oracle"]["silent"]) == (3, 1, 1)
    assert made["oracle"]["held_to"] == 2
    assert "\n| crash | the process died | 1 |" in reliability.page(made)


# ---- sizes are looked at before memory is asked for ----


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("PixelSpacing", b"0.1\\0.1", "finer than any calculation"),
        ("PixelSpacing", b"1e-9\\2", "finer than any calculation"),
        ("PixelSpacing", b"1e300\\2", "treatment room"),
        ("ImagePositionPatient", b"0\\1e9\\0", "treatment room"),
        ("GridFrameOffsetVector", b"0\\3\\3.1\\6\\9\\12\\15", "finer than any calculation"),
    ],
)
def test_a_grid_nobody_calculates_on_is_refused(tmp_path: Path, name: str, value: bytes, word: str) -> None:
    trees = tiny().copied()
    put(trees["RD"], name, value)
    dicom.put_files(tmp_path, dicom.written(trees))
    with pytest.raises(LymphoriskError, match=word) as error:
        read_export(tmp_path)
    assert error.value.hint


def test_a_grid_of_too_many_voxels_is_refused_before_its_pixels_are_looked_at(tmp_path: Path) -> None:
    trees = tiny().copied()
    for name in ("Rows", "Columns"):
        find(trees["RD"], name).value = b"\xff\xff"
    dicom.put_files(tmp_path, dicom.written(trees))
    with pytest.raises(LymphoriskError, match="voxels are more than") as error:
        read_export(tmp_path)
    assert error.value.hint
