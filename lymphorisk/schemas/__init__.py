"""JSON Schema of every JSON result: which keys it has, of which kind, and which are always there.

The files beside this one are the schemas (draft 2020-12), one for each name in a result's ``schema``; what several
results hold stands in ``common.json`` once. `schema` gives one that stands alone.

>>> from lymphorisk.schemas import schema
>>> schema("dvh")["title"]
'Result of `lymphorisk dvh`'
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lymphorisk.errors import InputError

FOLDER = Path(__file__).parent
#: Definitions that several results share.
COMMON = "common"


def names() -> tuple[str, ...]:
    """Results that have a schema: the word between the slashes of ``lymphorisk/<name>/1``.

    Examples
    --------
    >>> "analyze" in names(), "common" in names()
    (True, False)
    """
    return tuple(sorted(p.stem for p in FOLDER.glob("*.json") if p.stem != COMMON))


def schema(name: str) -> dict[str, Any]:
    """The schema of a result, with everything it refers to in it.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    dict
        As any validator of draft 2020-12 takes it.

    Raises
    ------
    InputError
        No result has that name.
    """
    if name not in names():
        raise InputError(f"no result has the schema {name[:30]!r}", f"one of {', '.join(names())}")
    found = _read(name)
    return {**found, "$defs": {**found.get("$defs", {}), COMMON: _read(COMMON)}}


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read
