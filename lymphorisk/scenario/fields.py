"""Values of a TOML table, each checked for its kind, each error naming its place."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lymphorisk.errors import ScenarioError
from lymphorisk.units import nearest, number_from

#: A value with a decimal comma.
DECIMAL_COMMA = re.compile(r"=\s*[+-]?\d+,\d+\s*(#.*)?$", re.MULTILINE)

Choice = TypeVar("Choice", bound=str)


def parsed(data: bytes, name: str) -> Mapping[str, Any]:
    """The TOML table in the bytes of a file called `name`."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name} is not text", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        hint = "TOML takes a decimal point: 0.32, not 0,32" if DECIMAL_COMMA.search(data.decode("utf-8")) else ""
        raise ScenarioError(f"{name} is not TOML: {error}", hint) from error


def content(path: Path) -> bytes:
    """The bytes of a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{path.name} cannot be read: {type(error).__name__}") from error


def table_of(value: Any, where: str) -> Mapping[str, Any]:
    """The value as a table."""
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{where} is not a table")
    return value


def known(table: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    """Refuse keys that are not allowed, and list those that are."""
    if unknown := [key for key in table if key not in allowed]:
        near = nearest(unknown[0], allowed)
        offered = f"did you mean {near}? " if near else ""
        raise ScenarioError(f"{where}: unknown key {unknown[0]!r}", f"{offered}allowed are {', '.join(allowed)}")


def text(table: Mapping[str, Any], key: str, where: str, default: str) -> str:
    """A text, or the default."""
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ScenarioError(f"{where}: {key} = {value!r} is not text")
    return value


def number(table: Mapping[str, Any], key: str, where: str) -> float | None:
    """A finite number, or None when it is not given."""
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        meant = number_from(value, f"{where}: {key}")
        raise ScenarioError(
            f"{where}: {key} = {value!r} is text, not a number", f"write the number without quotes: {key} = {meant:g}"
        )
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScenarioError(f"{where}: {key} = {value!r} is not a number")
    return float(value)


def word(table: Mapping[str, Any], key: str, where: str, read: Callable[[str], Choice]) -> Choice | None:
    """A choice in any spelling that `read` knows, or None when it is not given."""
    given = text(table, key, where, "")
    try:
        return read(given) if given else None
    except ScenarioError as error:
        raise ScenarioError(f"{where}: {error.message}", error.hint) from error


def whole(table: Mapping[str, Any], key: str, where: str, low: int, high: int) -> int | None:
    """A whole number within bounds, or None when it is not given."""
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ScenarioError(f"{where}: {key} = {value!r} is not a whole number from {low} to {high}")
    return value


def numbers(table: Mapping[str, Any], key: str, where: str) -> tuple[float, ...] | None:
    """A list of finite numbers, or None when it is not given."""
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise ScenarioError(f"{where}: {key} is not a list of numbers")
    out = tuple(number({key: entry}, key, where) for entry in value)
    return tuple(entry for entry in out if entry is not None)
