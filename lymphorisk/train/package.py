"""Write a trained model as a folder: boosters, spread, calibration, background, reference, card.

Same model, same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.predict.booster import BACKGROUND, CALIBRATION, CARD, NADIR, SPREAD, booster_from, trees_from
from lymphorisk.predict.reference import REFERENCE, reference_bytes
from lymphorisk.predict.trees import Trees
from lymphorisk.train.card import card_of
from lymphorisk.train.evaluate import evaluation_of
from lymphorisk.train.fit import Fitted, FittedOutcome
from lymphorisk.train.toml_text import toml_text
from lymphorisk.version import __version__

EVALUATION = "evaluation.json"
LOGISTIC = "logistic.json"
#: Training patients kept to judge how similar a new one is.
KEPT_PATIENTS = 1000
#: Reference patients of the probability-scale explanation: its cost grows with them, its error with their root.
BACKGROUND_PATIENTS = 100


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A compressed npz whose bytes depend on the arrays only."""
    stream = io.BytesIO()
    ordered: dict[str, Any] = {k: arrays[k] for k in sorted(arrays)}
    np.savez_compressed(stream, **ordered)
    return stream.getvalue()


def slim(raw: bytes) -> bytes:
    """A booster without its training statistics that neither prediction nor TreeSHAP reads, so that it packs well."""
    model = json.loads(booster_from(raw).save_raw("json"))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        tree["loss_changes"] = [0.0] * len(tree["loss_changes"])
        tree["base_weights"] = [
            w if left == -1 else 0.0 for w, left in zip(tree["base_weights"], tree["left_children"], strict=True)
        ]
    return bytes(booster_from(json.dumps(model).encode()).save_raw("ubj"))


def _settings(model: Fitted) -> bytes:
    nadir = model.nadir
    data = {
        "calibration": {
            o: {"intercept": d.calibration.intercept, "slope": d.calibration.slope} for o, d in model.outcomes.items()
        },
        "conformal": {o: asdict(d.conformal) for o, d in model.outcomes.items()},
        "nadir": {
            "levels": list(model.settings.nadir_levels) if nadir else [],
            "widening": nadir.widening if nadir else 0.0,
        },
    }
    return _json(data)


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, allow_nan=True) + "\n").encode()


def _logistic(outcomes: Mapping[str, FittedOutcome], names: tuple[str, ...]) -> bytes:
    return _json(
        {
            o: {
                "features": list(names),
                "intercept": d.logistic.intercept,
                "median": d.logistic.median.tolist(),
                "scale": d.logistic.scale.tolist(),
                "weight": d.logistic.weight.tolist(),
                "missing_weight": d.logistic.missing_weight.tolist(),
            }
            for o, d in outcomes.items()
        }
    )


def background_arrays(x: NDArray[np.float64], unit: list[str], seed: int) -> dict[str, NDArray[Any]]:
    """Range, neighbours and reference patients of a training matrix."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    return {
        "low": np.nanmin(x, axis=0),
        "high": np.nanmax(x, axis=0),
        "flag": np.array([u == "0/1" for u in unit]),
        "patients": x[order[:KEPT_PATIENTS]].astype(np.float32),
        "background": x[order[-BACKGROUND_PATIENTS:]].astype(np.float32),
    }


def boosters_of(files: Mapping[str, bytes]) -> dict[str, Trees]:
    """The boosters among the files of a model, by outcome, as loading will see them."""
    return {
        name.removeprefix("booster-").removesuffix(".ubj"): trees_from(raw)
        for name, raw in files.items()
        if name.startswith("booster-")
    }


def model_files(model: Fitted, evaluation: Mapping[str, Any]) -> dict[str, bytes]:
    """Every file of a model but its card."""
    files = {f"booster-{o}.ubj": slim(bytes(d.booster.save_raw("ubj"))) for o, d in model.outcomes.items()}
    if model.nadir is not None:
        files[f"booster-{NADIR}.ubj"] = slim(bytes(model.nadir.booster.save_raw("ubj")))
    spread = {
        f"{o}-{i:02d}": np.frombuffer(slim(raw), dtype=np.uint8)
        for o, d in model.outcomes.items()
        for i, raw in enumerate(d.resampled)
    }
    if spread:
        files[SPREAD] = npz_bytes(spread)
    units = [f.unit for f in model.cohort.schema]
    background = background_arrays(model.cohort.features, units, model.settings.seed)
    files[BACKGROUND] = npz_bytes(background)
    files[REFERENCE] = reference_bytes(boosters_of(files), background["background"])
    files[CALIBRATION] = _settings(model)
    files[LOGISTIC] = _logistic(model.outcomes, model.cohort.names)
    files[EVALUATION] = _json(evaluation)
    return files


def write_folder(out: Path, files: Mapping[str, bytes], card: Mapping[str, Any]) -> None:
    """Write a model folder; nothing half-written is left behind."""
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for name, raw in files.items():
            (staging / name).write_bytes(raw)
        (staging / CARD).write_text(toml_text(card), encoding="utf-8")
        staging.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file."""
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in sorted(files.items())}


def write_model(
    model: Fitted,
    out: Path,
    *,
    trained_on: str,
    window: str,
    aggregation: str = "nadir",
    version: str = "1",
    extra: Mapping[str, Any] | None = None,
    also: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Evaluate a trained model and write its folder; returns the evaluation (with `also` in it)."""
    evaluation = {**evaluation_of(model), **(also or {})}
    files = model_files(model, evaluation)
    card = card_of(
        model,
        name=out.name,
        version=version,
        trained_on=trained_on,
        evaluation=evaluation,
        window=window,
        aggregation=aggregation,
        extra=extra or {},
        sha256=hashes(files),
        program=__version__,
    )
    write_folder(out, files, card)
    return evaluation
