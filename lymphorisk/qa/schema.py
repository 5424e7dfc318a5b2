"""The keys of a protocol file, with their kinds and what holds without them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lymphorisk.qa.protocol import Needs, Setting, limit
from lymphorisk.tomlfile import filled, word

SCHEMA = "lymphorisk/protocol/1"
LimitText = Annotated[str, word(limit, kept=True)]


class Table(msgspec.Struct, frozen=True):
    """A table of the file."""


class OverrideTable(Table, frozen=True):
    """``override``: who accepts the line, and why."""

    reason: str = ""
    by: str = ""


class LineTable(Table, frozen=True):
    """``[[line]]``: a metric, of a structure or of the plan, with its limits and the evidence behind them."""

    metric: str
    structure: str = ""
    aliases: list[str] = []
    goal: LimitText | None = None
    variation: LimitText | None = None
    required: bool = True
    published: list[float] = []
    alpha_beta_gy: float | None = None
    override: OverrideTable | None = None
    needs: Literal[Needs, ""] = ""
    priority: str = ""
    endpoint: str = ""
    source: str = ""
    n: str | int = ""
    evidence: str = ""
    note: str = ""


class ProtocolFile(Table, frozen=True):
    """A whole protocol file; `rules` say what a finding counts for, by its code."""

    line: Annotated[list[LineTable], filled()]
    schema: Literal["lymphorisk/protocol/1"] = "lymphorisk/protocol/1"
    name: str = ""
    site: str = ""
    note: str = ""
    informative: bool = False
    needs: Needs = "any"
    rules: dict[str, Setting] = {}
