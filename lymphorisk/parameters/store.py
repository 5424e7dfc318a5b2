"""Read and check the parameter files."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lymphorisk.errors import ParameterError
from lymphorisk.frozen import FrozenDict

DATA = Path(__file__).parent / "data"
KNOWN = ("read", "derived", "recalled", "fitted", "assumed")
ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from: citation, and DOI, PMID or URL when there is one."""

    key: str
    citation: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number (or a fixed list of numbers) of a model.

    Attributes
    ----------
    value : float or tuple of float
        In `unit`.
    low, high : float or None
        The stated range, where there is one.
    known : str
        One of `KNOWN`; ``assumed`` is repeated wherever the value is reported.
    """

    name: str
    value: float | tuple[float, ...]
    unit: str
    source: str
    place: str
    known: str
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def number(self) -> float:
        """The value of a scalar parameter."""
        if isinstance(self.value, tuple):
            raise ParameterError(f"parameter {self.name} is a list, not one number")
        return self.value


FIELDS = {"value", "unit", "source", "place", "known", "low", "high", "note"}


def _parameter(topic: str, name: str, entry: Mapping[str, Any], known_sources: Mapping[str, Source]) -> Parameter:
    where = f"parameter {topic}.{name}"
    if unknown := set(entry) - FIELDS:
        raise ParameterError(f"{where}: unknown field {sorted(unknown)[0]!r}")
    if missing := {"value", "unit", "source", "place", "known"} - set(entry):
        raise ParameterError(f"{where}: {sorted(missing)[0]!r} is missing")
    if entry["known"] not in KNOWN:
        raise ParameterError(f"{where}: known = {entry['known']!r} is not one of {KNOWN}")
    if entry["source"] not in known_sources:
        raise ParameterError(f"{where}: source {entry['source']!r} is not in sources.toml")
    value = entry["value"]
    value = tuple(float(v) for v in value) if isinstance(value, list) else float(value)
    low, high = entry.get("low"), entry.get("high")
    if low is not None and high is not None and not isinstance(value, tuple) and not low <= value <= high:
        raise ParameterError(f"{where}: {value} lies outside its own range {low} to {high}")
    return Parameter(
        name=name,
        value=value,
        unit=entry["unit"],
        source=entry["source"],
        place=entry["place"],
        known=entry["known"],
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        note=entry.get("note", ""),
    )


@cache
def sources() -> Mapping[str, Source]:
    """All sources by key."""
    table = tomllib.loads((DATA / "sources.toml").read_text(encoding="utf-8"))
    return FrozenDict({k: Source(k, v["citation"], v.get("anchor", "")) for k, v in table.items()})


@cache
def topics() -> tuple[str, ...]:
    """Names of the parameter files."""
    return tuple(sorted(p.stem for p in DATA.glob("*.toml") if p.stem != "sources"))


@cache
def load(topic: str) -> Mapping[str, Parameter]:
    """The parameters of one topic by name.

    Nested tables are joined by dots: ``[recovery.plateau]`` becomes ``recovery.plateau``.

    Raises
    ------
    ParameterError
        Unknown topic, or a file that breaks the rules of this package.
    """
    path = DATA / f"{topic}.toml"
    if topic not in topics():
        raise ParameterError(f"no parameter topic {topic!r}", f"there are: {', '.join(topics())}")
    return FrozenDict(_parameters(topic, tomllib.loads(path.read_text(encoding="utf-8"))))


def read_file(path: Path, topic: str) -> Mapping[str, Parameter]:
    """A user's own entries of a topic, in the format of the topic's file.

    A source that is not in ``sources.toml`` is taken as the citation itself.

    Raises
    ------
    ParameterError
        The file cannot be read or breaks the rules of this package.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"cannot read {path.name}: {error}", "see docs/conditioning.md for the format") from error
    return FrozenDict(_parameters(topic, table, free_sources=True))


def _parameters(topic: str, table: Mapping[str, Any], free_sources: bool = False) -> dict[str, Parameter]:
    out: dict[str, Parameter] = {}

    def walk(prefix: str, node: Mapping[str, Any]) -> None:
        for key, entry in node.items():
            name = f"{prefix}.{key}" if prefix else key
            if not isinstance(entry, dict):
                raise ParameterError(f"parameter {topic}.{name} is not a table")
            if "value" in entry:
                cited = str(entry.get("source", ""))
                known = {**sources(), cited: Source(cited, cited, "")} if free_sources else sources()
                out[name] = _parameter(topic, name, entry, known)
            else:
                walk(name, entry)

    walk("", table)
    return out


@cache
def set_id() -> str:
    """Identity of the whole parameter set: a hash over every file's bytes, stamped in every result."""
    digest = hashlib.sha256()
    for path in sorted(DATA.rglob("*")):
        if path.suffix in {".toml", ".csv", ".npz"}:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:ID_LENGTH]
