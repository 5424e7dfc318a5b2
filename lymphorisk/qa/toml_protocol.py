"""Protocols as TOML, the native form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.qa.protocol import Line, Override, Protocol, limit
from lymphorisk.tomlfile import Key, Written, parsed, read_bytes
from lymphorisk.tomlfile import read as by_schema

if TYPE_CHECKING:
    from lymphorisk.qa.schema import LineTable

TEXTS = ("priority", "endpoint", "source", "n", "evidence", "note")


def loads(text: str) -> Protocol:
    """A protocol from TOML text.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, a limit or rule that does not parse; with line and key.
    """
    return _protocol(text.encode("utf-8"), "the protocol")


def read(path: Path) -> Protocol:
    """A protocol from a TOML file.

    Raises
    ------
    ScenarioError
        It cannot be read, is not TOML, has an unknown key, a limit or rule that does not parse; with line and key.
    """
    return _protocol(read_bytes(path), path.name)


def _protocol(data: bytes, name: str) -> Protocol:
    from lymphorisk.qa.schema import ProtocolFile

    written = parsed(data, name)
    said = by_schema(written, ProtocolFile)
    lines = tuple(_line(written, entry, n) for n, entry in enumerate(said.line))
    with written.at(()):
        return Protocol(
            name=said.name,
            lines=lines,
            site=said.site,
            note=said.note,
            rules=said.rules,
            needs=said.needs,
            informative=said.informative,
            sha256=hashlib.sha256(data).hexdigest(),
        )


def _line(written: Written, said: LineTable, n: int) -> Line:
    at: tuple[Key, ...] = ("line", n)
    override = None
    if said.override is not None:
        with written.at((*at, "override")):
            override = Override(said.override.reason, said.override.by)
    with written.at(at):
        return Line(
            metric=said.metric,
            structure=said.structure,
            aliases=tuple(said.aliases),
            goal=None if said.goal is None else limit(said.goal),
            variation=None if said.variation is None else limit(said.variation),
            required=said.required,
            published=tuple(said.published),
            alpha_beta_gy=said.alpha_beta_gy,
            needs=said.needs,
            override=override,
            **{name: str(getattr(said, name)) for name in TEXTS},
        )


def dumps(protocol: Protocol) -> str:
    """TOML text of a protocol; `loads` gives the same protocol back."""
    from lymphorisk.qa.schema import SCHEMA

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
