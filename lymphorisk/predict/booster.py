"""A stored model: read, checked file by file against its card, and asked.

A model is a folder: ``card.toml`` (what it is, its features, its scores, the SHA-256 of every other file),
``booster-<outcome>.ubj``, ``spread.npz`` (boosters of resampled training patients), ``calibration.json``,
``background.npz`` and ``reference.json`` (a stored prediction, held at loading). Nothing in it is executable: no
pickle is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lymphorisk import tomlfile
from lymphorisk.errors import InputError, PredictorFileError, ScenarioError
from lymphorisk.features import NAMES, PARTICLES, VERSION, External, Feature, FeatureVector, feature, physical
from lymphorisk.frozen import FrozenDict
from lymphorisk.plain import read_most
from lymphorisk.predict.applicability import TrainingRange
from lymphorisk.predict.calibration import Calibration
from lymphorisk.predict.conformal import ConformalSets
from lymphorisk.predict.reference import REFERENCE, hold, stored_rows
from lymphorisk.predict.signature import SIGNATURE, hold_signature, public_key
from lymphorisk.predict.trees import Trees
from lymphorisk.predict.trial import CHANGED, SHIPPED, tried
from lymphorisk.units import squashed

CARD = "card.toml"
CALIBRATION = "calibration.json"
BACKGROUND = "background.npz"
SPREAD = "spread.npz"
NADIR = "nadir"
ID_LENGTH = 12
#: State of an outcome that is not told, in the table `standing` of a card.
POOR: Final = "poor"
#: Boosters kept in memory: those of two models with their resampled ones.
KEPT_BOOSTERS = 96
#: Of the arrays' format, as numpy writes plain ones.
NPY_VERSION = (1, 0)
#: Bytes the arrays of a model may unfold to: the shipped ones hold 2 MB. [bytes]
MAX_UNPACKED = 256 << 20
#: And its files have together. [bytes]
MAX_READ = 256 << 20
#: What numpy, its zip reader, JSON and the shapes of arrays raise over files that were written by something else; a
#: full memory or a disk that fails are no fault of the model.
BROKEN = (
    ValueError,
    IndexError,
    AttributeError,
    OverflowError,
    ArithmeticError,
    RecursionError,
    EOFError,
    NotImplementedError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """A model that passed its checks.

    Attributes
    ----------
    name : str
        Model name.
    sha256 : str
        SHA-256 of the card, which holds the hash of every other file.
    trained_on : str
        ``simulated patients`` or what the clinic calls its cohort.
    features : tuple of str
        Feature names in the model's order.
    boosters : mapping of str to Trees
        By outcome: ``g3``, ``g4``, and ``nadir`` (quantiles of ln ALC).
    spread : mapping of str to tuple of bytes
        Boosters of resampled training patients, as UBJ, by outcome.
    calibration : mapping of str to Calibration
    conformal : mapping of str to ConformalSets
    nadir_levels : tuple of float
        Quantile levels of the nadir model.
    nadir_widening : float
        Conformal widening of the outer nadir quantiles. [ln ALC]
    seen : TrainingRange
        What the training patients looked like.
    background : ndarray, shape (m, n)
        Reference patients of the probability-scale explanation.
    card : mapping
        The card as read.
    external : tuple of External
        Columns beyond the program's schema, as declared when it was trained.
    """

    name: str
    sha256: str
    trained_on: str
    features: tuple[str, ...]
    boosters: Mapping[str, Trees]
    spread: Mapping[str, tuple[bytes, ...]]
    calibration: Mapping[str, Calibration]
    conformal: Mapping[str, ConformalSets]
    nadir_levels: tuple[float, ...]
    nadir_widening: float
    seen: TrainingRange
    background: NDArray[np.float64]
    card: Mapping[str, Any]
    external: tuple[External, ...] = ()

    @property
    def schema(self) -> tuple[Feature, ...]:
        """The features in the model's order."""
        own = {e.name: e.feature for e in self.external}
        return tuple(own.get(name) or feature(name) for name in self.features)

    @property
    def identity(self) -> str:
        """First characters of the hash, enough to tell models apart."""
        return self.sha256[:ID_LENGTH]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcomes with a probability."""
        return tuple(o for o in self.boosters if o != NADIR)

    @property
    def knows_placed(self) -> bool:
        """Whether its training patients had undrawn organs placed; otherwise they had them missing."""
        return bool(self.card.get("organs", {}).get("placed", False))

    @property
    def withheld(self) -> dict[str, str]:
        """Why an outcome is not to be told: by its card a judgement on patients found it poor."""
        standing = self.card.get("standing", {})
        return {o: str(s["why"]) for o, s in standing.items() if o in self.boosters and s.get("state") == POOR}

    @property
    def labels(self) -> tuple[str, ...]:
        """How a physicist writes each feature."""
        return tuple(f.label for f in self.schema)

    def asked(self, row: NDArray[np.float64]) -> tuple[Feature, ...]:
        """The features as they are shown of one patient, shape (n,): beside a weighted dose the physical is named."""
        known = self.schema
        particles = any(f.name == PARTICLES and v > 0 for f, v in zip(known, row, strict=True))
        return tuple(physical(f) for f in known) if particles else known


@lru_cache(maxsize=KEPT_BOOSTERS)
def trees_from(raw: bytes) -> Trees:
    """A booster from its UBJ bytes, to be asked."""
    return Trees(raw)


def booster_from(raw: bytes) -> Any:
    """A booster from its UBJ or JSON bytes as XGBoost's Python package has it, for training and shap."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(raw))
    booster.set_param({"nthread": 1})
    return booster


def verified(path: Path) -> tuple[Mapping[str, Any], dict[str, bytes], str]:
    """Card, files and SHA-256 of the card of a model folder, after every hash was compared.

    Raises
    ------
    PredictorFileError
        A file is missing, altered or not listed, or the card cannot be read.
    """
    if not (path / CARD).is_file():
        raise PredictorFileError(
            f"no model at {path.name}: {CARD} is missing", "name a folder made by lymphorisk train"
        )
    try:
        raw = tomlfile.read_bytes(path / CARD)
        card = tomlfile.parsed(raw, CARD).table
    except ScenarioError as error:
        raise PredictorFileError(f"{path.name}/{CARD} cannot be read: {error.message}", error.hint) from error
    listed: dict[str, str] = card.get("sha256", {})
    if not listed or not isinstance(listed, dict):
        raise PredictorFileError(f"{path.name}/{CARD} lists no files", "the model was not written by lymphorisk train")
    present = {p.name for p in path.iterdir() if p.is_file()} - {CARD, SIGNATURE}
    if strange := sorted(present - set(listed)):
        raise PredictorFileError(f"{path.name}/{strange[0]} is not listed in the card", "remove it")
    files, left = {}, MAX_READ
    for name, expected in listed.items():
        if name not in present:
            raise PredictorFileError(f"{path.name}/{name} is missing", "restore the model folder")
        try:
            files[name] = read_most(path / name, left, "a model holds less: restore the model folder")
        except (InputError, OSError) as error:
            raise PredictorFileError(f"{path.name}/{name} cannot be read: {error}", CHANGED) from error
        left -= len(files[name])
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise PredictorFileError(
                f"{path.name}/{name} was altered: its SHA-256 is not the card's", "restore the model folder"
            )
    return card, files, hashlib.sha256(raw).hexdigest()


def _arrays(raw: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_UNPACKED:
            raise PredictorFileError("the arrays of the model unfold to more than a model holds")
        for member in members:
            with archive.open(member) as stream:
                if np.lib.format.read_magic(stream) != NPY_VERSION:
                    raise ValueError("an array of another version")
                shape, _, kind = np.lib.format.read_array_header_1_0(stream)
            if prod(shape) * kind.itemsize > member.file_size:
                raise ValueError("an array larger than its file")
    with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def load(path: str | Path, key: Path | None = None) -> Predictor:
    """Read a model folder; one that is not shipped is opened in a process of its own first.

    Parameters
    ----------
    path : str or Path
        The folder.
    key : Path, optional
        PEM file of a public key by whose other half a model that is not shipped must be signed.

    Raises
    ------
    InputError
        The key is none.
    PredictorFileError
        Missing, altered or foreign files, a feature schema other than this program's, a prediction other than the
        stored one, no signature where a key is asked for, or a model that ends the process that opens it.
    """
    path = Path(path)
    read = verified(path)
    if key is not None and read[-1] not in SHIPPED.values():
        hold_signature(path, read[-1], public_key(key))
    tried(path, read[-1])
    return _read(path, *read)


def opened(path: Path) -> tuple[Predictor, NDArray[np.float64]]:
    """Read a model folder here, whatever it does to the process; and its stored prediction's rows, shape (m, n)."""
    card, files, digest = verified(path)
    predictor = _read(path, card, files, digest)
    return predictor, stored_rows(files[REFERENCE])


def _read(path: Path, card: Mapping[str, Any], files: Mapping[str, bytes], digest: str) -> Predictor:
    if REFERENCE not in files:
        raise PredictorFileError(
            f"{path.name} holds no reference prediction ({REFERENCE})", "train it again with this version"
        )
    try:
        return _predictor(path, card, files, digest)
    except (KeyError, TypeError) as error:
        raise PredictorFileError(
            f"{path.name}/{CARD} or {CALIBRATION} lacks {error}", "the model was not written by this program"
        ) from error
    except BROKEN as error:
        raise PredictorFileError(
            f"{path.name} holds a file that cannot be read ({type(error).__name__})", CHANGED
        ) from error


def _predictor(path: Path, card: Mapping[str, Any], files: Mapping[str, bytes], digest: str) -> Predictor:
    if card["features"]["schema"] != VERSION:
        raise PredictorFileError(
            f"model {path.name} was trained on feature schema {card['features']['schema']}, this program has {VERSION}",
            "train it again with this version",
        )
    features = tuple(card["features"]["names"])
    external = tuple(External(**said) for said in card.get("external", ()))
    for name in set(features) - {e.name for e in external}:
        try:
            feature(name)
        except KeyError as error:
            raise PredictorFileError(f"model {path.name} asks for an unknown feature {name!r}") from error
    settings = json.loads(files[CALIBRATION])
    background = _arrays(files[BACKGROUND])
    for name, axes in (("low", 1), ("high", 1), ("flag", 1), ("patients", 2), ("background", 2)):
        if background[name].ndim != axes or background[name].shape[-1] != len(features) or not background[name].size:
            raise ValueError("an array for another number of features")
    spread: dict[str, list[bytes]] = {}
    if SPREAD in files:
        for key, raw in sorted(_arrays(files[SPREAD]).items()):
            spread.setdefault(key.rsplit("-", 1)[0], []).append(raw.tobytes())
    boosters = {
        name.removeprefix("booster-").removesuffix(".ubj"): trees_from(raw)
        for name, raw in files.items()
        if name.startswith("booster-") and name.endswith(".ubj")
    }
    hold(path.name, boosters, files[REFERENCE])
    return Predictor(
        name=str(card["model"]["name"]),
        sha256=digest,
        trained_on=str(card["model"]["trained_on"]),
        features=features,
        boosters=FrozenDict(boosters),
        spread=FrozenDict({k: tuple(v) for k, v in spread.items()}),
        calibration=FrozenDict({k: Calibration(**v) for k, v in settings["calibration"].items()}),
        conformal=FrozenDict({k: ConformalSets(**v) for k, v in settings["conformal"].items()}),
        nadir_levels=tuple(settings["nadir"]["levels"]),
        nadir_widening=float(settings["nadir"]["widening"]),
        seen=TrainingRange(
            background["low"].astype(np.float64),
            background["high"].astype(np.float64),
            background["flag"].astype(np.bool_),
            background["patients"].astype(np.float64),
            np.isin(features, [e.name for e in external]),
        ),
        background=background["background"].astype(np.float64),
        card=FrozenDict(card),
        external=external,
    )


def row_of(predictor: Predictor, vector: FeatureVector) -> NDArray[np.float64]:
    """The model's features of one patient, in its order."""
    if vector.version != VERSION:
        raise PredictorFileError(f"features of schema {vector.version}, model of {VERSION}")
    value = {squashed(name): float(v) for name, v in zip(vector.names, vector.values, strict=True)}
    return np.array([value.get(squashed(name), np.nan) for name in predictor.features])


def unread(predictor: Predictor, vector: FeatureVector) -> tuple[str, ...]:
    """Columns given beyond the program's schema that the model does not know."""
    own = {squashed(e.name) for e in predictor.external}
    return tuple(name for name in vector.names if name not in NAMES and squashed(name) not in own)


def resampled_boosters(predictor: Predictor, outcome: str) -> tuple[Trees, ...]:
    """The models of resampled training patients."""
    return tuple(trees_from(raw) for raw in predictor.spread.get(outcome, ()))


def resampled_margins(predictor: Predictor, outcome: str, row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raw log-odds of one patient by every resampled model, in single precision; shape (b,)."""
    return np.array([float(b.raw_margins(row[None, :])[0]) for b in resampled_boosters(predictor, outcome)])


def resampled_contributions(predictor: Predictor, outcome: str, row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contributions of one patient's features in every resampled model, in single precision; shape (b, n)."""
    each = [b.raw_contributions(row[None, :])[0, :-1] for b in resampled_boosters(predictor, outcome)]
    return np.array(each, dtype=np.float64).reshape(len(each), len(row))
