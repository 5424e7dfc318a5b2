"""A model says here what it said where it was made, or it is not used."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lymphorisk.errors import PredictorFileError
from lymphorisk.predict import load
from lymphorisk.predict.reference import REFERENCE

SHIPPED = sorted(p.parent for p in (Path(__file__).parents[2] / "models").glob("*/card.toml"))


def changed(model: Path, tmp_path: Path, **keys: object) -> Path:
    """A copy whose reference says something else, with its hash in the card as it should be."""
    copy = tmp_path / model.name
    shutil.copytree(model, copy)
    old = (copy / REFERENCE).read_bytes()
    new = json.dumps({**json.loads(old), **keys}).encode()
    (copy / REFERENCE).write_bytes(new)
    card = (copy / "card.toml").read_text(encoding="utf-8")
    was, now = (hashlib.sha256(raw).hexdigest() for raw in (old, new))
    assert was in card
    (copy / "card.toml").write_text(card.replace(was, now), encoding="utf-8")
    return copy


@pytest.mark.parametrize("model", SHIPPED, ids=lambda p: p.name)
def test_the_shipped_models_reproduce_their_predictions(model: Path) -> None:
    assert set(load(model).boosters) == {"g3", "g4", "nadir"}


def test_a_new_model_carries_its_reference(model_path: Path) -> None:
    stored = json.loads((model_path / REFERENCE).read_text(encoding="utf-8"))
    assert set(stored["raw"]) == set(load(model_path).boosters)
    assert None in [v for row in stored["rows"] for v in row], "missing values are part of what is held"


def test_a_nadir_read_otherwise_is_refused(model_path: Path, tmp_path: Path) -> None:
    """The fault of XGBoost 3.0: every quantile of ln ALC higher by 1.2."""
    raw = json.loads((model_path / REFERENCE).read_text(encoding="utf-8"))["raw"]
    shifted = {**raw, "nadir": [[v + 1.2 for v in row] for row in raw["nadir"]]}
    with pytest.raises(PredictorFileError, match="stored prediction of nadir") as refused:
        load(changed(model_path, tmp_path, raw=shifted))
    assert "xgboost" in refused.value.hint


@pytest.mark.parametrize(
    "keys", [{"raw": {}}, {"rows": []}, {"rows": "none"}, {"raw": {"g3": [["a"]], "nadir": [[0.0]]}}]
)
def test_a_reference_that_says_nothing_is_refused(model_path: Path, tmp_path: Path, keys: dict[str, object]) -> None:
    with pytest.raises(PredictorFileError, match="reference"):
        load(changed(model_path, tmp_path, **keys))


def test_a_model_without_reference_is_refused(model_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "old"
    shutil.copytree(model_path, copy)
    digest = hashlib.sha256((copy / REFERENCE).read_bytes()).hexdigest()
    card = (copy / "card.toml").read_text(encoding="utf-8")
    (copy / "card.toml").write_text(
        "\n".join(line for line in card.splitlines() if digest not in line) + "\n", encoding="utf-8"
    )
    (copy / REFERENCE).unlink()
    with pytest.raises(PredictorFileError, match="no reference prediction"):
        load(copy)
