"""A finished page without what an export calls things: names of ROIs, beams and plans may say who a patient is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape

from lymphorisk.report.html import typeset
from lymphorisk.report.wording import short

#: ASCII names of fewer letters would stand for numbers and words of the page: they are taken where they are quoted,
#: or follow the number of their ROI; elsewhere who makes a page says their number with them.
LEAST = 3
#: What may stand before a short name, and behind it.
OPENS, ENDS = r"(?<!\w)(?:['\"‘“]|&#39;|&#x27;|&quot;)|(?<!\w)ROI \d+ ", r"(?=['\"’”&]|\W|$)"
#: Beyond so many letters messages shorten a name.
KEPT = 40
TAG = re.compile(r"(<[^>]*>)")
#: Parts of a tag that a reader meets.
SAID = re.compile(r'((?:aria-label|title|data-head|value)=")([^"]*)(")')
#: Words in the data of an interactive page.
TOLD = re.compile(r'("(?:name|title)":)("(?:[^"\\]|\\.)*")')
Clean = Callable[[str], str]


def cleaner(names: Mapping[str, str]) -> Clean:
    """A function that puts others for names, wherever they stand as words of their own.

    Parameters
    ----------
    names : mapping of str to str
        What an export says, and what is said in its place.

    Examples
    --------
    >>> cleaner({"Heart_Smith": "Heart", "Smith": "ROI 2"})("'Heart_Smith' is empty; Smith, Smithy")
    "'Heart' is empty; ROI 2, Smithy"
    """
    words = {form: word for name, word in names.items() if _telling(name) and name != word for form in _forms(name)}
    quoted = _quoted({name: word for name, word in names.items() if too_short(name) and name != word})
    if not words:
        return quoted
    longest = sorted(words, key=len, reverse=True)

    def pattern(name: str) -> str:
        cut = re.escape(name[:KEPT]) + (r"\S*" if len(name) > KEPT else "")
        return rf"(?<!\w){cut}(?!\w)" if name.isascii() else cut

    found = re.compile("|".join(f"({pattern(name)})" for name in longest))

    def clean(text: str) -> str:
        return quoted(found.sub(lambda hit: words[longest[(hit.lastindex or 1) - 1]], text))

    return clean


def too_short(name: str) -> bool:
    """Whether a name is of a letter or two: it may be somebody's initials, and cannot be told from words of a page.

    Examples
    --------
    >>> [name for name in ("AB", "Q", "1", "12", "--", "Abc", "李") if too_short(name)]
    ['AB', 'Q']
    """
    bare = name.strip()
    return bare.isascii() and 0 < len(bare) < LEAST and any(c.isalpha() for c in bare)


def _quoted(words: Mapping[str, str]) -> Clean:
    """A function that puts others for short names where they are quoted or follow a number."""
    if not words:
        return lambda text: text
    found = re.compile(f"({OPENS})({'|'.join(map(re.escape, words))}){ENDS}")
    return lambda text: found.sub(lambda hit: hit[1] + words[hit[2]], text)


def _telling(name: str) -> bool:
    """Whether a name may say who somebody is: in other scripts two letters, or one, are a whole name."""
    bare = name.strip()
    if not bare.isascii():
        return any(c.isalpha() for c in bare)
    return len(bare) >= LEAST and not (bare.isdecimal() and len(bare) == LEAST)


def _forms(name: str) -> tuple[str, ...]:
    """A name as it is exported, and as the page prints it."""
    return tuple(dict.fromkeys((name, short(name))))


def withheld(page: str, names: Mapping[str, str]) -> str:
    """A page, or a part of one, without the names an export uses.

    Parameters
    ----------
    page : str
        HTML as this room or the page's writes it.
    names : mapping of str to str
        As for `cleaner`.

    Examples
    --------
    >>> withheld('<p title="Smith" class="Smith">of &lt;Smith&gt;</p>', {"Smith": "ROI 1", "<Smith>": "ROI 2"})
    '<p title="ROI 1" class="Smith">of ROI 2</p>'
    """
    written = {
        escape(form, quote=quote): escape(word)
        for name, word in names.items()
        if _telling(name)
        for form in {*_forms(name), *map(typeset, _forms(name))}
        for quote in (True, False)
    }
    clean, plain = cleaner({**names, **written}), cleaner(names)
    out: list[str] = []
    inside = ""
    for part in TAG.split(page):
        if part.startswith("<"):
            name = part.strip("</>").split(" ")[0].lower()
            if name in ("script", "style"):
                inside = "" if part.startswith("</") else ("data" if "json" in part else name)
            out.append(SAID.sub(lambda hit: f"{hit[1]}{clean(hit[2])}{hit[3]}", part))
        elif inside == "data":
            out.append(TOLD.sub(lambda hit: hit[1] + _again(plain(json.loads(hit[2]))), part))
        else:
            out.append(part if inside else clean(part))
    return "".join(out)


def _again(text: str) -> str:
    return json.dumps(text).replace("<", "\\u003c")
