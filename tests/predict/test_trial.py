"""A model that is not shipped is opened in a process of its own first: what it does there is a named error here."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphorisk.errors import PredictorFileError
from lymphorisk.predict import booster, load, trial
from lymphorisk.predict.booster import booster_from

SHIPPED = sorted(p.parent for p in (Path(__file__).parents[2] / "models").glob("*/card.toml"))


@pytest.fixture(autouse=True)
def _nothing_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_passed", set())


def with_file(model: Path, tmp_path: Path, name: str, new: bytes) -> Path:
    """A copy with another file of that name, and the card written anew over it."""
    copy = tmp_path / "foreign"
    shutil.copytree(model, copy)
    was = hashlib.sha256((copy / name).read_bytes()).hexdigest()
    (copy / name).write_bytes(new)
    card = (copy / "card.toml").read_text(encoding="utf-8")
    assert was in card
    (copy / "card.toml").write_text(card.replace(was, hashlib.sha256(new).hexdigest()), encoding="utf-8")
    return copy


def with_tree(model: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy whose last tree of grade 3 was changed; a booster may be JSON as well."""
    learner = json.loads(booster_from((model / "booster-g3.ubj").read_bytes()).save_raw("json"))
    change(learner["learner"]["gradient_booster"]["model"]["trees"][-1])
    return with_file(model, tmp_path, "booster-g3.ubj", json.dumps(learner).encode())


def test_the_shipped_models_are_known() -> None:
    cards = {p.name: hashlib.sha256((p / "card.toml").read_bytes()).hexdigest() for p in SHIPPED}
    assert cards == trial.SHIPPED, "a model made anew: its card's hash belongs into predict/trial.py"


@pytest.mark.parametrize("model", SHIPPED, ids=lambda p: p.name)
def test_a_shipped_model_needs_no_process(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", never)
    assert load(model).sha256 == trial.SHIPPED[model.name]


def test_a_model_of_ones_own_is_tried_once(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, run = [], subprocess.run

    def counted(*args: Any, **more: Any) -> Any:
        started.append(args)
        return run(*args, **more)

    monkeypatch.setattr(subprocess, "run", counted)
    assert load(model_path).sha256 == load(model_path).sha256
    assert len(started) == 1


def _nowhere(tree: dict[str, Any]) -> None:
    tree["left_children"][0] = 1_000_000


def _back(tree: dict[str, Any]) -> None:
    tree["right_children"][0] = 0


def _twice(tree: dict[str, Any]) -> None:
    tree["right_children"][0] = tree["left_children"][0]


def _no_feature(tree: dict[str, Any]) -> None:
    tree["split_indices"][0] = 4000


def _no_number(tree: dict[str, Any]) -> None:
    tree["split_conditions"][tree["left_children"].index(-1)] = 1e39


@pytest.mark.parametrize("change", [_nowhere, _back, _twice, _no_feature, _no_number])
def test_trees_that_lead_nowhere_are_a_named_error(
    model_path: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Asked in this process the first ends it, the second never ends: all are refused and this process lives."""
    with pytest.raises(PredictorFileError):
        load(with_tree(model_path, tmp_path, change))


def test_an_unchanged_tree_passes(model_path: Path, tmp_path: Path) -> None:
    assert load(with_tree(model_path, tmp_path, lambda tree: None)).name == load(model_path).name


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"ends the process that opens it \(SIGSEGV\)"),
        ("import time; time.sleep(60)", "not opened within"),
        ("raise ValueError('of something')", "in a process of its own: ValueError: of something"),
        ('print(\'{"sha256": "of another"}\')', "changed meanwhile"),
        ("", "ends with 0"),
    ],
)
def test_what_the_other_process_does_is_said(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, says: str
) -> None:
    monkeypatch.setattr(trial, "RUN", run)
    monkeypatch.setattr(trial, "WALL_S", 1.5 if "sleep" in run else 60.0)
    with pytest.raises(PredictorFileError, match=says):
        load(model_path)


def test_memory_is_bounded_there(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = "import sys; sys.path.append(sys.argv[1]); from lymphorisk.predict import trial;"
    greedy += f"trial._asked = lambda path: str(len(bytearray({trial.ADDRESSES}))); trial.main(sys.argv[2])"
    monkeypatch.setattr(trial, "RUN", greedy)
    with pytest.raises(PredictorFileError, match="more memory than a model needs"):
        load(model_path)


def test_without_another_process_a_foreign_model_is_not_opened(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial.sys, "executable", "/no/python")
    with pytest.raises(PredictorFileError, match="in a process of its own"):
        load(model_path)


def test_modules_of_the_working_folder_are_not_run(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("lymphorisk", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert load(model_path).features


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error")])
def test_what_the_machine_lacks_is_no_fault_of_the_model(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fails(_: bytes) -> None:
        raise error

    monkeypatch.setattr(booster, "trees_from", fails)
    with pytest.raises(type(error)):
        load(SHIPPED[0])


@pytest.mark.parametrize("change", ["claims more", "other columns", "pickled"])
def test_arrays_that_are_not_the_models(model_path: Path, tmp_path: Path, change: str) -> None:
    with np.load(model_path / booster.BACKGROUND) as stored:
        arrays = {key: stored[key] for key in stored.files}
    if change == "other columns":
        arrays["background"] = arrays["background"][:, 1:]
    if change == "pickled":
        arrays["low"] = np.array([{}], dtype=object)
    place = tmp_path / "arrays.npz"
    np.savez(place, **{key: array for key, array in arrays.items() if change != "claims more" or key != "low"})
    if change == "claims more":
        with zipfile.ZipFile(place, "a") as archive, archive.open("low.npy", "w") as stream:
            claimed = {"descr": "<f8", "fortran_order": False, "shape": (1_000_000_000_000,)}
            np.lib.format.write_array_header_1_0(stream, claimed)
    raw = place.read_bytes()
    with pytest.raises(PredictorFileError):
        load(with_file(model_path, tmp_path, booster.BACKGROUND, raw))
