"""Read and check the parameter files."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from lymphorisk import tomlfile
from lymphorisk.errors import ParameterError, ScenarioError
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
        One of `KNOWN`; ``assumed`` is repeated wherever the value is reported, ``given`` is a caller's own value.
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

    @property
    def pair(self) -> tuple[float, float]:
        """The two values of a parameter that is a range."""
        if not isinstance(self.value, tuple) or len(self.value) != 2:
            raise ParameterError(f"parameter {self.name} is not a pair of numbers")
        return self.value[0], self.value[1]


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


NOTHING: Mapping[str, float] = FrozenDict({})
_GIVEN: ContextVar[Mapping[str, float]] = ContextVar("given", default=NOTHING)


@contextmanager
def given(values: Mapping[str, float]) -> Iterator[None]:
    """Within this block `load` gives a caller's values in place of ours, each held in every draw.

    Parameters
    ----------
    values : mapping of str to float
        By full name, such as ``lymphocyte.recovery.half_time``.

    Raises
    ------
    ParameterError
        No such parameter, a list where one number stands, or a value that is no number.
    """
    token = _GIVEN.set(checked_values(values))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def checked_values(values: Mapping[str, float]) -> Mapping[str, float]:
    """A caller's values by full name, each known and a finite number."""
    for name, value in values.items():
        topic, _, rest = str(name).partition(".")
        known = _shipped(topic) if topic in topics() else {}
        if rest not in known:
            every = [f"{t}.{n}" for t in topics() for n in _shipped(t)]
            near = get_close_matches(str(name), every, n=1)
            raise ParameterError(
                f"no parameter {name!r}", f"did you mean {near[0]}?" if near else "`lymphorisk parameters` lists them"
            )
        if isinstance(known[rest].value, tuple):
            raise ParameterError(f"parameter {name} is a list, which cannot be given", "give single numbers")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ParameterError(f"parameter {name} = {value!r} is not a number")
    return FrozenDict({str(name): float(value) for name, value in values.items()})


def given_names(topic: str) -> frozenset[str]:
    """Names within a topic that a caller gave."""
    return frozenset(name.partition(".")[2] for name in _GIVEN.get() if name.partition(".")[0] == topic)


def load(topic: str) -> Mapping[str, Parameter]:
    """The parameters of one topic by name.

    Nested tables are joined by dots: ``[recovery.half_time]`` becomes ``recovery.half_time``. Within `given` a caller's
    values stand in place of ours, without a range.

    Raises
    ------
    ParameterError
        Unknown topic, or a file that breaks the rules of this package.
    """
    shipped = _shipped(topic)
    names = given_names(topic)
    if not names:
        return shipped
    own = {name: _GIVEN.get()[f"{topic}.{name}"] for name in names}
    return FrozenDict({name: _replaced(p, own[name]) if name in own else p for name, p in shipped.items()})


def _replaced(p: Parameter, value: float) -> Parameter:
    note = f"given for this run in place of {p.number:g}"
    return replace(p, value=value, low=None, high=None, known="given", place="", note=note)


@cache
def _shipped(topic: str) -> Mapping[str, Parameter]:
    """The parameters of one topic as shipped.

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
        table = tomlfile.read_file(path).table
    except ScenarioError as error:
        hint = error.hint or "see docs/conditioning.md for the format"
        raise ParameterError(f"cannot read {path.name}: {error.message}", hint) from error
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


def set_id() -> str:
    """Identity of the whole parameter set, a hash over every file's bytes and over what was given."""
    own = _GIVEN.get()
    if not own:
        return _shipped_id()
    text = repr(sorted(own.items()))
    return f"{_shipped_id()}+{hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]}"


@cache
def _shipped_id() -> str:
    digest = hashlib.sha256()
    for path in sorted(DATA.rglob("*")):
        if path.suffix in {".toml", ".csv", ".npz"}:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:ID_LENGTH]
