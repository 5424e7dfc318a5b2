"""Messages without what an export or a table calls its things: quoted text, names of files, UIDs, long numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lymphorisk.findings import Finding

VEIL = "…"
#: Text in quotes, as messages write what they were given; an apostrophe is none.
QUOTED = r"""(?<!\w)(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")(?!\w)"""
#: A UID or its end, and a whole number as long as a patient's.
UID = r"\[\.\.\.[^\]\s]*\]|(?<![\w.])\d+(?:\.\d+){4,}"
NUMBER = r"(?<![\w.])\d{6,}(?![\w.])"
#: A key of a file that nobody knows.
KEY = r"(?<=: )[^:]*?(?= is not a key here)"
GIVEN = re.compile("|".join((QUOTED, UID, NUMBER, KEY)))
#: A name shorter than this says nobody, and stands in too many words.
SHORTEST = 3


def veiled(text: str, names: Iterable[str] = ()) -> str:
    """A message without names, and without everything it quotes.

    Examples
    --------
    >>> veiled("plan 'Doe lung' [...1.2.3] has 2 doses"), veiled("the plan's dose and the structures' frame")
    ('plan … … has 2 doses', "the plan's dose and the structures' frame")
    >>> veiled("Doe.toml is not text", ["Doe.toml"]), veiled("a.toml, line 3: plan.doe is not a key here")
    ('… is not text', 'a.toml, line 3: … is not a key here')
    """
    text = GIVEN.sub(VEIL, text)
    for name in sorted({n for n in names if len(n) >= SHORTEST}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", VEIL, text)
    return text


def veiled_finding(f: Finding, names: Iterable[str] = ()) -> Finding:
    """A finding whose texts are veiled."""
    names = tuple(names)
    return Finding(f.code, f.severity, *(veiled(text, names) for text in (f.what, f.where, f.hint)))
