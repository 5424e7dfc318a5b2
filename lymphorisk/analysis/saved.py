"""A result saved as JSON, with a checksum over its content, and read back only when it is what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lymphorisk.dvh import DVH
from lymphorisk.errors import InputError
from lymphorisk.plain import dumps, loads, read_most

CHECKSUM = "checksum"
PREFIX = "sha256:"
#: A result with all its curves has a few millions. [bytes]
MOST_BYTES = 100_000_000
AGAIN = "run the analysis again; what was measured later belongs into `update --alc`"


def checksum(result: Mapping[str, Any]) -> str:
    """Checksum of a result as it reads back from JSON: order and layout do not count, every value does.

    It finds edits and damage; whoever edits on purpose can make a new one. The audit trail keeps the hash of the text.

    Examples
    --------
    >>> checksum({"a": 1.0, "b": 2}) == checksum({"b": 2, "a": 1.0}) != checksum({"a": 1.5, "b": 2})
    True
    """
    body = {k: v for k, v in result.items() if k != CHECKSUM}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return PREFIX + hashlib.sha256(text.encode("ascii")).hexdigest()


def _checksum_of(saved: Mapping[str, Any]) -> str:
    try:
        return checksum(saved)
    except RecursionError:  # nested just so deep that it can be read and not be written
        return ""


def sealed(content: Mapping[str, Any]) -> str:
    """The JSON text of a result, with its checksum as the last key."""
    return dumps({**content, CHECKSUM: checksum(json.loads(dumps(content)))})


def read_saved(path: Path, schemas: Sequence[str] = ("lymphorisk/analyze/1",)) -> dict[str, Any]:
    """The JSON of a result, as it was written.

    Raises
    ------
    InputError
        Not JSON, another schema, no checksum, or a content that is not the one the checksum was made of.
    """
    try:
        saved = loads(read_most(path, MOST_BYTES))
    except ValueError:
        raise InputError(f"{path.name} is not JSON", "give the output of `lymphorisk analyze --json`") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", "check the path") from error
    if not isinstance(saved, dict) or saved.get("schema") not in schemas:
        raise InputError(
            f"{path.name} is no result of `lymphorisk {schemas[0].split('/')[1]}`", "make one with analyze --json"
        )
    if CHECKSUM not in saved:
        raise InputError(f"{path.name} has no checksum: it was made by an older version, or edited", AGAIN)
    if saved[CHECKSUM] != _checksum_of(saved):
        raise InputError(f"{path.name} was changed after it was written: its checksum does not fit", AGAIN)
    return saved


def curve_to_dict(name: str, curve: DVH) -> dict[str, Any]:
    """A DVH as plain data."""
    return {
        "name": name,
        "mean_gy": curve.mean_gy,
        "min_gy": curve.min_gy,
        "max_gy": curve.max_gy,
        "coverage": curve.coverage,
        "total_cm3": curve.total_cm3,
        "engine": curve.engine,
        "dose_gy": curve.dose_gy.tolist(),
        "volume_cm3": curve.volume_cm3.tolist(),
    }


def curve_from_dict(saved: Mapping[str, Any]) -> DVH:
    """The DVH that `curve_to_dict` wrote, to the last bit."""
    return DVH(
        saved["name"],
        np.array(saved["dose_gy"], dtype=np.float64),
        np.array(saved["volume_cm3"], dtype=np.float64),
        saved["mean_gy"],
        saved["min_gy"],
        saved["max_gy"],
        saved["coverage"],
        saved["total_cm3"],
        engine=saved["engine"],
    )
