"""TOML files as people write them: one reader, one schema, each error with its file, line and key.

A file's schema is a class of `msgspec.Struct`: its fields are the keys, their types the kinds, their defaults what
holds when a key is not there. `number` takes unit and range from the table of quantities, `word` any spelling that a
reader of words knows. What one key alone cannot say is checked by who made the schema, inside `Written.at`.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.units import checked, nearest, number_from
from lymphorisk.units import quantity as table_of

if TYPE_CHECKING:
    import msgspec

T = TypeVar("T", bound="msgspec.Struct")
Key = str | int

#: A value with a decimal comma.
DECIMAL_COMMA = re.compile(r"=\s*[+-]?\d+,\d+\s*(#.*)?$", re.MULTILINE)
HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
ASSIGNED = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
#: What can hide a bracket or the end of a line: texts of several lines, texts, comments.
PARTS = re.compile(
    r""""{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[\]{}\n]""", re.DOTALL
)
#: A key of more parts than any file has; reading one of ten thousand takes minutes.
DEEP = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")
#: A file of this kind is written by hand: a longer one is another file. [bytes]
SIZE_MAX = 16_000_000
#: Entries of a list: a DVH in steps of 0.01 Gy has ten thousand.
ENTRIES_MAX = 20_000
#: Numbers that TOML has. [1]
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
#: Characters of a value or a key that a message repeats.
SHOWN = 60
#: By what `msgspec.inspect` calls a type: what Python has for it, and a word for it.
KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "StrType": ((str,), "text"),
    "FloatType": ((int, float), "a number"),
    "IntType": ((int,), "a whole number"),
    "BoolType": ((bool,), "true or false"),
    "ListType": ((list,), "a list"),
    "VarTupleType": ((list,), "a list"),
    "DictType": ((Mapping,), "a table"),
    "StructType": ((Mapping,), "a table"),
}


def number(quantity: str) -> Any:
    """What a field's type is annotated with: unit and range are those of a quantity."""
    import msgspec

    known = table_of(quantity)
    least = min(known.low, 0.0) if known.zero else known.low
    shown = {**({"description": known.unit} if known.unit else {}), "minimum": least, "maximum": known.high}
    return msgspec.Meta(extra={"quantity": quantity}, extra_json_schema=shown)


def between(low: float, high: float, unit: str = "", slip: Callable[[float], str] | None = None) -> Any:
    """What a field's type is annotated with: the least and the greatest value, and the unit a message names.

    `slip` says of a value outside what it may have been meant as; empty when nothing comes to mind.
    """
    import msgspec

    shown = {**({"description": unit} if unit else {}), "minimum": low, "maximum": high}
    return msgspec.Meta(extra={"low": low, "high": high, "unit": unit, "slip": slip}, extra_json_schema=shown)


def word(reader: Callable[[Any], Any], *, kept: bool = False) -> Any:
    """What a field's type is annotated with: text in any spelling that `reader` knows becomes what it gives.

    With `kept` it is only tried, and stays as it is written.
    """
    import msgspec

    return msgspec.Meta(extra={"reader": reader, "kept": kept})


def filled(most: int = ENTRIES_MAX) -> Any:
    """What a list's type is annotated with that may not be empty, nor longer than `most`."""
    import msgspec

    return msgspec.Meta(min_length=1, max_length=most)


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
        return ScenarioError(f"{place}: {key}{between_both}{what if key else what.removeprefix(': ')}", hint)

    @contextmanager
    def at(self, path: tuple[Key, ...], *named: str) -> Iterator[None]:
        """What is refused inside gets file, line and key; `named` is what a message calls the key itself."""
        try:
            yield
        except InputError as error:
            what = error.message
            for name in (*named, dotted(path)):
                what = what.removeprefix(f"{name} ")
            raise self.error(path, what if what.startswith("=") else f": {what}", error.hint) from None


def dotted(path: tuple[Key, ...]) -> str:
    """A key as it would be written: ``sender[2].port``; entries of a list count from 1."""
    out = ""
    for key in path:
        if isinstance(key, int):
            out += f"[{key + 1}]"
        else:
            name = _short(key if key.isprintable() else json.dumps(key))
            out += f".{name}" if out else name
    return out


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises
    ------
    ScenarioError
        It cannot be read, or is far longer than any file of its kind.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise ScenarioError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > SIZE_MAX:
        raise ScenarioError(f"{path.name} is longer than {SIZE_MAX / 1e6:g} MB", "name a TOML file")
    return data


def parsed(data: bytes, name: str) -> Written:
    """The TOML of a file called `name`.

    Raises
    ------
    ScenarioError
        Not UTF-8, or not TOML.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name} is not text", "save it as UTF-8") from error
    if deep := DEEP.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise ScenarioError(f"{name}, line {line}: a key of a hundred parts and more", "name a TOML file")
    try:
        return Written(name, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        if twice := _twice(text):
            key, before, line = twice
            raise ScenarioError(f"{name}, line {line}: {key} stands in line {before} already", "keep one") from error
        comma = DECIMAL_COMMA.search(text)
        hint = "TOML takes a decimal point: 0.32, not 0,32" if comma else "check quotes and brackets at that line"
        said = str(error).replace("at end of document", f"at line {text.rstrip().count(chr(10)) + 1}, the last")
        raise ScenarioError(f"{name} is not TOML: {_short(said, 3 * SHOWN)}", hint) from error
    except RecursionError:
        raise ScenarioError(f"{name} is not TOML: brackets nested too deeply", "name a TOML file") from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise ScenarioError(f"{name} is not TOML: {_short(str(error), 3 * SHOWN)}") from error


def read_file(path: Path) -> Written:
    """The TOML of a file.

    Raises
    ------
    ScenarioError
        It cannot be read, is not UTF-8, or not TOML.
    """
    return parsed(read_bytes(path), path.name)


def read(written: Written, schema: type[T], path: tuple[Key, ...] = ()) -> T:
    """The file, or the table of it at `path`, as its schema.

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

    value: Any = written.table
    for key in path:
        value = value[key]
    table = _checked(written, _kind(schema), value, path)
    try:
        return msgspec.convert(table, schema)
    except msgspec.ValidationError as error:
        raise written.error(path, f": {error}") from None


def json_schema(schema: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the files that a schema reads: keys, kinds, ranges, what holds without them.

    Words are text in any spelling that their reader knows; what keys say together is not in it.

    Examples
    --------
    >>> import msgspec
    >>> class Counts(msgspec.Struct):
    ...     lln: float = 1.0
    >>> json_schema(Counts)["properties"]
    {'lln': {'type': 'number', 'default': 1.0}}
    """
    import msgspec

    made = msgspec.json.schema(schema)
    parts: dict[str, Any] = made.pop("$defs", {})
    for part in parts.values():
        if "properties" in part:
            part["additionalProperties"] = False
        if "description" in part:
            part["description"] = " ".join(part["description"].split())
    whole = parts.pop(made["$ref"].rpartition("/")[2])
    defined = {"$defs": parts} if parts else {}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, **defined}


@cache
def _kind(schema: type) -> Any:
    from msgspec.inspect import type_info

    return type_info(schema)


def _checked(written: Written, kind: Any, value: Any, path: tuple[Key, ...]) -> Any:
    """The value with words read and numbers held to their range."""
    from msgspec import inspect

    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise written.error(path, "is a number of more than 64 bit", "TOML has none so large")
    extra: Mapping[str, Any] = {}
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            extra, kind = {**extra, **(kind.extra or {})}, kind.type
            continue
        kinds = [k for k in kind.types if not isinstance(k, inspect.NoneType)]
        if value is None and len(kinds) < len(kind.types):
            return None
        kind = next((k for k in kinds if _fits(k, value)), kinds[0] if len(kinds) == 1 else None)
        if kind is None:
            raise _unfit(written, kinds, value, path)
    if isinstance(kind, inspect.LiteralType) and value not in kind.values:
        near = _nearest(str(value), [str(known) for known in kind.values if known])
        offered = f"did you mean {near}? " if near else ""
        choices = ", ".join(str(known) for known in kind.values if known)
        raise written.error(path, f"= {_shown(value)} is unknown", f"{offered}use one of {choices}")
    if not _fits(kind, value):
        raise _unfit(written, [kind], value, path)
    if isinstance(value, float) and not math.isfinite(value):
        raise written.error(path, f"= {value} is not a number", "leave it out when it is not known")
    if isinstance(kind, inspect.StructType):
        return _of_struct(written, kind, value, path)
    if isinstance(kind, inspect.DictType):
        return _of_names(written, kind, value, path)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        if kind.max_length and len(value) > kind.max_length:
            what = f": {len(value)} entries are more than {kind.max_length}"
            raise written.error(path, what, "give fewer")
        if kind.min_length and not value:
            raise written.error(path, "is an empty list", "leave it out when there is nothing to say")
        return [_checked(written, kind.item_type, entry, (*path, n)) for n, entry in enumerate(value)]
    return _held(written, extra, int(value) if isinstance(kind, inspect.IntType) else value, path)


def _of_struct(written: Written, kind: Any, value: Mapping[str, Any], path: tuple[Key, ...]) -> dict[str, Any]:
    fields = {field.encode_name: field for field in kind.fields}
    for key in value:
        if key not in fields:
            near = _nearest(key, fields)
            offered = f"did you mean {near}? " if near else ""
            raise written.error((*path, key), "is not a key here", f"{offered}allowed are {', '.join(fields)}")
    out = {key: _checked(written, fields[key].type, entry, (*path, key)) for key, entry in value.items()}
    if missing := [name for name, field in fields.items() if field.required and name not in value]:
        raise written.error(path, f"needs {', '.join(_as_table(fields[name].type, (*path, name)) for name in missing)}")
    return out


def _of_names(written: Written, kind: Any, value: Mapping[str, Any], path: tuple[Key, ...]) -> dict[str, Any]:
    """A table whose keys are names; two that mean the same are refused."""
    out: dict[str, Any] = {}
    for key, entry in value.items():
        name = _checked(written, kind.key_type, key, (*path, key))
        if name in out:
            raise written.error((*path, key), f"is {name}, which stands there already", "keep one of them")
        out[name] = _checked(written, kind.value_type, entry, (*path, key))
    return out


def _fits(kind: Any, value: Any) -> bool:
    """Whether a value is of a kind; a whole number may be written 3.0."""
    from msgspec import inspect

    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.LiteralType):
        return value in kind.values
    fitting, _ = KINDS.get(type(kind).__name__, ((object,), ""))
    if isinstance(value, bool):
        return bool in fitting or object in fitting
    if isinstance(kind, inspect.IntType) and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, fitting)


def _unfit(written: Written, kinds: Sequence[Any], value: Any, path: tuple[Key, ...]) -> ScenarioError:
    """What to say of a value of another kind than its field."""
    from msgspec import inspect

    plain = [kind.type if isinstance(kind, inspect.Metadata) else kind for kind in kinds]
    called = " or ".join(dict.fromkeys(KINDS.get(type(kind).__name__, ((), "what it must be"))[1] for kind in plain))
    if (
        isinstance(value, str)
        and len(value) <= SHOWN
        and any(isinstance(k, inspect.FloatType | inspect.IntType) for k in plain)
    ):
        try:
            meant = number_from(value, dotted(path))
        except ScenarioError as error:
            return written.error(path, error.message.removeprefix(f"{dotted(path)} "), error.hint)
        return written.error(
            path, f"= {_shown(value)} is text, not a number", f"write it without quotes: {path[-1]} = {meant:g}"
        )
    as_table = _as_table(plain[0], path)
    hint = f"write {as_table}" if as_table.startswith("[") else ""
    shown = "" if isinstance(value, Mapping | list) else f"= {_shown(value)} "
    return written.error(path, f"{shown}is not {called}", hint)


def _as_table(kind: Any, path: tuple[Key, ...]) -> str:
    """How a key is written: with brackets when it is a table, or a list of them."""
    from msgspec import inspect

    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return f"[{dotted(path)}]"
    if isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType):
        return f"[[{dotted(path)}]]"
    return str(path[-1])


def _held(written: Written, extra: Mapping[str, Any], value: Any, path: tuple[Key, ...]) -> Any:
    """A value by what its field is annotated with."""
    if not extra:
        return value
    with written.at(path, extra.get("quantity", "")):
        if "reader" in extra:
            made = extra["reader"](value)
            return value if extra["kept"] else made
        if "quantity" in extra:
            checked(extra["quantity"], value)
        elif not extra["low"] <= value <= extra["high"]:
            unit = f" {extra['unit']}" if extra["unit"] else ""
            hint = extra["slip"](value) if extra["slip"] else ""
            raise ScenarioError(f"= {value:g} is not between {extra['low']:g} and {extra['high']:g}{unit}", hint)
    return value


def _shown(value: Any) -> str:
    """A value as a message repeats it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time):
        return value.isoformat()
    return _short(repr(value))


def _nearest(text: str, words: Iterable[str]) -> str:
    return nearest(text, words) if len(text) <= SHOWN else ""


def _short(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _twice(text: str) -> tuple[str, int, int] | None:
    """The first key or table that stands twice, and in which lines."""
    seen: dict[tuple[Key, ...], int] = {}
    for path, line in _keys(text):
        if path in seen:
            return dotted(path), seen[path], line
        seen[path] = line
    return None


def _keys(text: str) -> Iterator[tuple[tuple[Key, ...], int]]:
    """Every table and key as a path, with its line."""
    around: tuple[Key, ...] = ()
    count: dict[tuple[Key, ...], int] = {}
    for line, written in _statements(text):
        if found := HEADER.match(written):
            around = _within(_path(found[2]), count)
            if found[1] == "[[":
                count[around] = count.get(around, -1) + 1
                around = (*around, count[around])
            yield around, line
        elif found := ASSIGNED.match(written):
            yield (*around, *_path(found[1])), line


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The first line of every statement, and on which line it stands: values may run over several."""
    start, line, first, depth = 0, 1, 1, 0
    for part in PARTS.finditer(text):
        sign = part[0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "\n":
            line += 1
            if depth <= 0:
                yield first, text[start : part.start()].partition("\n")[0]
                start, first, depth = part.end(), line, 0
        else:
            line += sign.count("\n")
    yield first, text[start:].partition("\n")[0]


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
    except ValueError:  # not a key
        return (key,)
    out: tuple[str, ...] = ()
    while isinstance(table, dict):
        name, table = next(iter(table.items()))
        out = (*out, name)
    return out
