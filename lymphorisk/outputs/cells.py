"""Cells of a CSV that a spreadsheet shows and never computes."""

from __future__ import annotations

#: A cell that begins with one of these is a formula, or pushes the rest into the next cell.
ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n")
#: Put before such text; spreadsheets hide it.
QUOTE = "'"


def cell(value: object) -> object:
    """A number as it is; text that a spreadsheet would obey with a quote before it.

    Examples
    --------
    >>> cell("=1+1"), cell("-5.2"), cell(-5.2), cell("Spleen")
    ("'=1+1", '-5.2', -5.2, 'Spleen')
    """
    if not isinstance(value, str) or not value.lstrip(" \ufeff").startswith((*ACTIVE, QUOTE)) or _is_number(value):
        return value
    return QUOTE + value


def text_of(shown: str) -> str:
    """What stood in a cell before it was quoted.

    Examples
    --------
    >>> text_of("'=1+1"), text_of("'tis")
    ('=1+1', "'tis")
    """
    bare = shown[1:]
    if shown.startswith(QUOTE) and bare.lstrip(" \ufeff").startswith((*ACTIVE, QUOTE)):
        return bare
    return shown


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
