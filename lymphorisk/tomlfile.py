"""TOML files as people write them: one reader, one schema, each error with its file, line and key.

A file's schema is a class of `msgspec.Struct`: its fields are the keys, their types the kinds, their defaults what
holds when a key is not there. `number` takes unit and range from the table of quantities, `word` any spelling that a
reader of words knows.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.units import checked, nearest, number_from

if TYPE_CHECKING:
    import msgspec

T = TypeVar("T", bound="msgspec.Struct")
Key = str | int

#: A value with a decimal comma.
DECIMAL_COMMA = re.compile(r"=\s*[+-]?\d+,\d+\s*(#.*)?$", re.MULTILINE)
HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
ASSIGNED = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
#: By what `msgspec.inspect` calls a type: what Python has for it, and a word for it.
KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "StrType": ((str,), "text"),
    "FloatType": ((int, float), "a number"),
    "IntType": ((int,), "a whole number"),
    "BoolType": ((bool,), "true or false"),
    "ListType": ((list,), "a list"),
    "VarTupleType": ((list,), "a list"),
    "DictType": ((dict,), "a table"),
    "StructType": ((dict,), "a table"),
}


def number(quantity: str) -> Any:
    """What a field's type is annotated with: unit and range are those of a quantity."""
    import msgspec

    return msgspec.Meta(extra={"quantity": quantity})


def between(low: float, high: float, unit: str = "") -> Any:
    """What a field's type is annotated with: the least and the greatest value, and the unit a message names."""
    import msgspec

    return msgspec.Meta(extra={"low": low, "high": high, "unit": unit})


def word(reader: Callable[[str], str]) -> Any:
    """What a field's type is annotated with: text in any spelling that `reader` knows becomes what it gives."""
    import msgspec

    return msgspec.Meta(extra={"reader": reader})


@dataclass(frozen=True, slots=True)
class Written:
    """A file's table, and on which line each key stands.

    Attributes
    ----------
    name : str
        Of the file, as a message calls it.
    table : mapping
    text : str
    """

    name: str
    table: Mapping[str, Any]
    text: str = ""

    def line(self, path: tuple[Key, ...]) -> int | None:
        """The line of a key, or of the innermost table around it that is written; None when neither is."""
        lines = dict(reversed(list(_keys(self.text))))
        while path:
            if path in lines:
                return lines[path]
            path = path[:-1]
        return None

    def error(self, path: tuple[Key, ...], what: str, hint: str = "") -> ScenarioError:
        """An error at a key."""
        at = self.line(path)
        place = self.name if at is None else f"{self.name}, line {at}"
        key = dotted(path)
        between_both = "" if not key or what.startswith(":") else " "
        return ScenarioError(f"{place}: {key}{between_both}{what}", hint)


def dotted(path: tuple[Key, ...]) -> str:
    """A key as it would be written: ``sender[2].port``; entries of a list count from 1."""
    out = ""
    for key in path:
        out += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if out else key
    return out


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises
    ------
    ScenarioError
        It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{path.name} cannot be read: {error.strerror}") from error


def parsed(data: bytes, name: str) -> Written:
    """The TOML of a file called `name`.

    Raises
    ------
    ScenarioError
        Not UTF-8, or not TOML.
    """
    try:
        text = data.decode("utf-8")
        return Written(name, tomllib.loads(text), text)
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name} is not text", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        hint = "TOML takes a decimal point: 0.32, not 0,32" if DECIMAL_COMMA.search(data.decode("utf-8")) else ""
        raise ScenarioError(f"{name} is not TOML: {error}", hint) from error


def read(written: Written, schema: type[T]) -> T:
    """The file as its schema.

    Raises
    ------
    ScenarioError
        A key the schema does not know, with the nearest it knows; a value of the wrong kind or outside its range; a
        key that is missing. The message names file, line and key.

    Examples
    --------
    >>> import msgspec
    >>> class Counts(msgspec.Struct):
    ...     lln: float = 1.0
    >>> read(parsed(b"lln = 1.2", "a.toml"), Counts).lln
    1.2
    """
    import msgspec
    from msgspec.inspect import type_info

    table = _checked(written, type_info(schema), written.table, ())
    try:
        return msgspec.convert(table, schema)
    except msgspec.ValidationError as error:
        raise written.error((), str(error)) from None


def _checked(written: Written, kind: Any, value: Any, path: tuple[Key, ...]) -> Any:
    """The value with words read and numbers held to their range; kinds are left to msgspec."""
    from msgspec import inspect

    extra: Mapping[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra, kind = {**extra, **(kind.extra or {})}, kind.type
    if isinstance(kind, inspect.UnionType):
        fitting = [k for k in kind.types if not isinstance(k, inspect.NoneType)]
        return _checked(written, fitting[0], value, path) if len(fitting) == 1 else value
    _of_kind(written, kind, value, path)
    if isinstance(kind, inspect.StructType):
        fields = {field.encode_name: field for field in kind.fields}
        for key in value:
            if key not in fields:
                near = nearest(key, fields)
                offered = f"did you mean {near}? " if near else ""
                raise written.error((*path, key), "is not a key here", f"{offered}allowed are {', '.join(fields)}")
        if missing := [name for name, field in fields.items() if field.required and name not in value]:
            raise written.error(path, f"needs {missing[0]}")
        return {key: _checked(written, fields[key].type, entry, (*path, key)) for key, entry in value.items()}
    if isinstance(kind, inspect.DictType):
        return {
            _checked(written, kind.key_type, key, (*path, key)): _checked(written, kind.value_type, entry, (*path, key))
            for key, entry in value.items()
        }
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [_checked(written, kind.item_type, entry, (*path, n)) for n, entry in enumerate(value)]
    return _held(written, extra, value, path)


def _of_kind(written: Written, kind: Any, value: Any, path: tuple[Key, ...]) -> None:
    """Refuse a value of another kind than its field."""
    from msgspec import inspect

    if isinstance(kind, inspect.LiteralType) and value not in kind.values:
        near = nearest(str(value), map(str, kind.values))
        offered = f"did you mean {near}? " if near else ""
        raise written.error(path, f"= {value!r} is unknown", f"{offered}use one of {', '.join(map(str, kind.values))}")
    fitting, called = KINDS.get(type(kind).__name__, ((object,), ""))
    if isinstance(value, fitting) and not (isinstance(value, bool) and bool not in fitting and object not in fitting):
        return
    if isinstance(value, str) and called in ("a number", "a whole number"):
        try:
            meant = number_from(value, dotted(path))
        except ScenarioError as error:
            raise written.error(path, error.message.removeprefix(f"{dotted(path)} "), error.hint) from None
        raise written.error(
            path, f"= {value!r} is text, not a number", f"write it without quotes: {path[-1]} = {meant:g}"
        )
    shown = "" if isinstance(value, dict | list) else f"= {value!r} "
    raise written.error(path, f"{shown}is not {called}")


def _held(written: Written, extra: Mapping[str, Any], value: Any, path: tuple[Key, ...]) -> Any:
    """A value by what its field is annotated with."""
    if not extra or isinstance(value, bool):
        return value
    try:
        if "reader" in extra:
            return extra["reader"](value)
        if "quantity" in extra:
            checked(extra["quantity"], value)
        elif not extra["low"] <= value <= extra["high"]:
            unit = f" {extra['unit']}" if extra["unit"] else ""
            raise ScenarioError(f"= {value:g} is not between {extra['low']:g} and {extra['high']:g}{unit}")
    except InputError as error:
        what = error.message.removeprefix(f"{extra.get('quantity', '')} ").removeprefix(f"{dotted(path)} ")
        raise written.error(path, what if what.startswith("=") else f": {what}", error.hint) from None
    return value


def _keys(text: str) -> Iterator[tuple[tuple[Key, ...], int]]:
    """Every table and key as a path, with its line."""
    around: tuple[Key, ...] = ()
    count: dict[tuple[Key, ...], int] = {}
    for line, written in enumerate(text.splitlines(), start=1):
        if found := HEADER.match(written):
            around = _within(_path(found[2]), count)
            if found[1] == "[[":
                count[around] = count.get(around, -1) + 1
                around = (*around, count[around])
            yield around, line
        elif found := ASSIGNED.match(written):
            yield (*around, *_path(found[1])), line


def _within(path: tuple[str, ...], count: Mapping[tuple[Key, ...], int]) -> tuple[Key, ...]:
    """A header's path, with the entry it is in of every list of tables around it."""
    out: tuple[Key, ...] = ()
    for key in path[:-1]:
        out = (*out, key)
        if out in count:
            out = (*out, count[out])
    return (*out, *path[-1:])


def _path(key: str) -> tuple[str, ...]:
    """The parts of a key as TOML has them."""
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:  # not a key: a line of a text over several lines
        return (key,)
    out: tuple[str, ...] = ()
    while isinstance(table, dict):
        name, table = next(iter(table.items()))
        out = (*out, name)
    return out
