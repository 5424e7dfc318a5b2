"""Protocols as TOML, the native form."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.qa.protocol import Line, Override, Protocol, limit, setting_of

SCHEMA = "lymphorisk/protocol/1"
TOP = {"schema", "name", "site", "note", "informative", "needs", "rules", "line"}
TEXTS = ("priority", "endpoint", "source", "n", "evidence", "note")
LINE = {
    "metric",
    "structure",
    "aliases",
    "goal",
    "variation",
    "required",
    "published",
    "alpha_beta_gy",
    "override",
    "needs",
    *TEXTS,
}


def loads(text: str) -> Protocol:
    """A protocol from TOML text.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, a limit or rule that does not parse.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(
            f"the protocol is not valid TOML: {error}", "check quotes and brackets at that line"
        ) from None
    _known(table, TOP, "the protocol")
    if table.get("schema", SCHEMA) != SCHEMA:
        raise ScenarioError(f"protocol schema {table['schema']!r} is not {SCHEMA}")
    lines, rules = table.get("line", []), table.get("rules", {})
    if not isinstance(rules, dict):
        raise ScenarioError("rules is not a table", "write [rules] and LR012 = 'off' below it")
    if not lines or not isinstance(lines, list) or not all(isinstance(entry, dict) for entry in lines):
        raise ScenarioError("the protocol has no [[line]]", "add at least one line with metric and goal")
    return Protocol(
        name=str(table.get("name", "")),
        lines=tuple(_line(entry, i) for i, entry in enumerate(lines, start=1)),
        site=str(table.get("site", "")),
        note=str(table.get("note", "")),
        rules={code: setting_of(code, str(said)) for code, said in rules.items()},
        needs=str(table.get("needs", "any")),
        informative=_boolean(table.get("informative", False), "the protocol", "informative"),
        sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
    )


def _known(entry: Mapping[str, Any], allowed: set[str], where: str) -> None:
    if unknown := sorted(set(entry) - allowed):
        raise ScenarioError(f"{where}: unknown key {unknown[0]!r}", f"allowed: {', '.join(sorted(allowed))}")


def _line(entry: Mapping[str, Any], number: int) -> Line:
    where = f"line {number}"
    _known(entry, LINE, where)
    if "metric" not in entry:
        raise ScenarioError(f"{where}: no metric", "a line needs metric = 'V5Gy[%]' or the like")
    override = entry.get("override")
    if override is not None:
        if not isinstance(override, dict):
            raise ScenarioError(f"{where}: override is not a table", "write { reason = '...', by = '...' }")
        _known(override, {"reason", "by"}, f"{where}: override")
    return Line(
        metric=str(entry["metric"]),
        structure=str(entry.get("structure", "")),
        aliases=tuple(_list(entry, "aliases", str, where)),
        goal=limit(str(entry["goal"])) if "goal" in entry else None,
        variation=limit(str(entry["variation"])) if "variation" in entry else None,
        required=_boolean(entry.get("required", True), where),
        published=tuple(float(v) for v in _list(entry, "published", int | float, where)),
        alpha_beta_gy=_number(entry.get("alpha_beta_gy"), where),
        needs=str(entry.get("needs", "")),
        override=None if override is None else Override(str(override.get("reason", "")), str(override.get("by", ""))),
        **{name: str(entry.get(name, "")) for name in TEXTS},
    )


def _list(entry: Mapping[str, Any], key: str, kind: Any, where: str) -> list[Any]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, kind) and not isinstance(v, bool) for v in value):
        raise ScenarioError(f"{where}: {key} is not a list of {'names' if kind is str else 'numbers'}")
    return value


def _boolean(value: Any, where: str, key: str = "required") -> bool:
    if not isinstance(value, bool):
        raise ScenarioError(f"{where}: {key} = {value!r} is neither true nor false", "write it without quotes")
    return value


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ScenarioError(f"{where}: alpha_beta_gy = {value!r} is not a number", "write it without quotes")
    return float(value)


def dumps(protocol: Protocol) -> str:
    """TOML text of a protocol; `loads` gives the same protocol back."""
    out = [f'schema = "{SCHEMA}"', f"name = {_text(protocol.name)}"]
    out += [f"{key} = {_text(value)}" for key, value in (("site", protocol.site), ("note", protocol.note)) if value]
    if protocol.informative:
        out.append("informative = true")
    if protocol.needs != "any":
        out.append(f"needs = {_text(protocol.needs)}")
    if protocol.rules:
        out += ["", "[rules]", *(f"{code} = {_text(setting)}" for code, setting in sorted(protocol.rules.items()))]
    for line in protocol.lines:
        out += ["", "[[line]]"]
        if line.structure:
            out.append(f"structure = {_text(line.structure)}")
        out.append(f"metric = {_text(line.metric)}")
        if line.aliases:
            out.append(f"aliases = [{', '.join(map(_text, line.aliases))}]")
        if line.goal is not None:
            out.append(f"goal = {_text(str(line.goal))}")
        if line.variation is not None:
            out.append(f"variation = {_text(str(line.variation))}")
        if not line.required:
            out.append("required = false")
        if line.published:
            out.append(f"published = [{', '.join(map(repr, line.published))}]")
        if line.alpha_beta_gy is not None:
            out.append(f"alpha_beta_gy = {line.alpha_beta_gy!r}")
        if line.needs:
            out.append(f"needs = {_text(line.needs)}")
        out += [f"{name} = {_text(getattr(line, name))}" for name in TEXTS if getattr(line, name)]
        if line.override is not None:
            out.append(f"override = {{ reason = {_text(line.override.reason)}, by = {_text(line.override.by)} }}")
    return "\n".join(out) + "\n"


def _text(value: str) -> str:
    # JSON escapes are TOML basic-string escapes, except that TOML also wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read(path: Path) -> Protocol:
    """A protocol from a TOML file."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ScenarioError(f"{path.name} is not UTF-8 text") from None
