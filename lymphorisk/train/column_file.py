"""The keys of a schema file of columns, with their kinds and what holds without them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from lymphorisk.features.external import AFTER, BEFORE, KINDS, SIGNS
from lymphorisk.tomlfile import filled, word
from lymphorisk.train.radiomics import ITEMS
from lymphorisk.units import chosen


def _one_of(words: tuple[str, ...], what: str) -> Any:
    return word(lambda text: text if text in words else chosen(text, words, {}, what))


Text = Annotated[str, word(str.strip)]


class Table(msgspec.Struct, frozen=True):
    """A table of the file."""


class Column(Table, frozen=True):
    """``[[column]]``: a column beyond the program's own, and what its values are."""

    name: Text
    unit: Text
    kind: Annotated[str, _one_of(KINDS, "kind")]
    range: Annotated[list[float], filled()]
    known: Annotated[str, _one_of((BEFORE, AFTER), "known")]
    label: Text = ""
    day: Text = ""
    risk: Annotated[str, _one_of(tuple(SIGNS), "risk")] = ""
    scanner: Text = ""
    volume: Text = ""
    software: Text = ""
    version: Text = ""
    source: Text = ""
    without_dose: float | None = None


def _item(text: str) -> str:
    return text if text in ITEMS else chosen(text, tuple(ITEMS), {}, "item")


class ColumnFile(Table, frozen=True):
    """A whole schema file; `radiomics` are answers by item."""

    column: Annotated[list[Column], filled()]
    radiomics: dict[Annotated[str, word(_item)], str] = {}
