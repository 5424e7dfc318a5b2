"""ROI names made comparable: case, separators, diacritics, word order, sides in six languages.

Names are compared whole. A part of a name never matches: ``Parotid_L`` holds "pa" and is not the
pulmonary artery, ``Spleen_PRV05`` and ``zSpleen`` are not the spleen.
"""

from __future__ import annotations

import re
import unicodedata

#: Words for a side by language; ``en`` holds for every language.
SIDES = {
    "L": {
        "en": ("l", "lt", "left"),
        "de": ("li", "links", "linke", "linker", "linkes"),
        "fr": ("g", "gauche", "gche"),
        "es": ("i", "izq", "izqdo", "izqda", "izquierdo", "izquierda"),
        "it": ("s", "sx", "sin", "sinistro", "sinistra"),
        "nl": ("li", "links", "linker"),
        "ja": ("左", "左側"),
    },
    "R": {
        "en": ("r", "rt", "right"),
        "de": ("re", "rechts", "rechte", "rechter", "rechtes"),
        "fr": ("d", "droit", "droite", "dte"),
        "es": ("d", "der", "dcho", "dcha", "derecho", "derecha"),
        "it": ("d", "dx", "dex", "destro", "destra"),
        "nl": ("re", "rechts", "rechter"),
        "ja": ("右", "右側"),
    },
}
TARGETS = ("gtv", "ctv", "itv", "ptv")
MINUS_WORDS = ("minus", "moins", "ohne", "meno", "menos", "min")
#: Words that mark a structure made for planning: margins, rings, dose helpers, old versions.
PLANNING_WORDS = frozenset(
    {
        "prv", "ring", "opt", "optim", "avoid", "av", "avoidance", "exp", "ex",
        "eval", "not", "minus", "sub", "partial", "part", "help", "helper", "hilf",
        "hilfs", "dummy", "temp", "tmp", "test", "old", "alt", "neu", "copy",
        "kopie", "copie", "shell", "wall", "rind", "margin", "hot", "cold", "dose",
        "iso", "isodose", "couch", "cropped", "crop", "crp", "out", "outside", "inside",
        "overlap", "ovl", "ov", "block", "tune", "tuning", "pushoff", "nto", "control",
    }
)  # fmt: skip
MINUS_SIGNS = frozenset("-−–\\!")
EXPLICIT_MINUS = re.compile(r"\s*(?:-|−|–|\\|!)\s*(?=i?(?:gtv|ctv|itv|ptv)s?\b)", re.IGNORECASE)
SEPARATORS = re.compile(r"[\s_.,;:/()\[\]\-]+")
CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
CJK_SIDE = re.compile(r"([左右]側?)")
TARGET_NAME = re.compile(r"(?:^|[\s_\-.])[ip]?(gtv|ctv|itv|ptv)(?=$|[\s_\-.\d]|[a-z]?\d|[a-z]$)", re.IGNORECASE)
QUANTITY = re.compile(r"\d+([.,p]\d+)?(gy|cgy|mm|cm|pct|%)$")


def plain(text: str) -> str:
    """Case folded, without diacritics.

    Examples
    --------
    >>> plain("Ösophagus"), plain("Cœur"), plain("Außenkontur")
    ('osophagus', 'coeur', 'aussenkontur')
    """
    if text.isascii():
        return text.lower()
    text = text.replace("œ", "oe").replace("Œ", "Oe").replace("æ", "ae").casefold()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(name: str) -> tuple[str, ...]:
    """The words of a name; a target left out (``Lungs-GTV``) keeps its minus as a word.

    Examples
    --------
    >>> words("Lt Lung"), words("SmallBowel"), words("Lungs-GTV"), words("左肺")
    (('lt', 'lung'), ('small', 'bowel'), ('lungs', 'minus', 'gtv'), ('左', '肺'))
    """
    spaced = name if MINUS_SIGNS.isdisjoint(name) else EXPLICIT_MINUS.sub(" minus ", name)
    if not spaced.isascii():
        spaced = CJK_SIDE.sub(r" \1 ", spaced)
    if not spaced.islower():
        spaced = CAMEL.sub(" ", spaced)
    parts = [plain(part) for part in SEPARATORS.split(spaced) if part]
    return tuple(_minus(parts))


def _minus(parts: list[str]) -> list[str]:
    return [
        "minus" if part in MINUS_WORDS and i + 1 < len(parts) and parts[i + 1].lstrip("i") in TARGETS else part
        for i, part in enumerate(parts)
    ]


def squash(name: str) -> str:
    """All words in one string: the key of the normalised comparison.

    Examples
    --------
    >>> squash("Bowel_Small") == squash("bowel small") == squash("BowelSmall")
    True
    >>> squash("Lung-GTV") == squash("Lung_GTV")
    False
    """
    return "".join(words(name))


def shuffled(name: str) -> tuple[str, ...]:
    """The words in alphabetical order: the key of the reverse-order comparison."""
    return tuple(sorted(words(name)))


def keys(name: str) -> tuple[str, tuple[str, ...]]:
    """Both keys of a name: `squash` and `shuffled`."""
    said = words(name)
    return "".join(said), tuple(sorted(said))


def transliterated(name: str) -> str:
    """German umlauts written with an e, as many planning systems force it.

    Examples
    --------
    >>> transliterated("Dünndarm")
    'Duenndarm'
    """
    for a, b in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue")):
        name = name.replace(a, b)
    return name


def with_side(name: str, side: str, language: str) -> tuple[str, ...]:
    """The name with every way to say the side, before and after it."""
    forms = tuple(dict.fromkeys((*SIDES[side]["en"], *SIDES[side].get(language, ()))))
    return tuple(text for form in forms for text in (f"{name} {form}", f"{form} {name}"))


def target_kind(name: str) -> str | None:
    """``GTV``, ``CTV``, ``ITV`` or ``PTV`` when the name is a target's; None for ``Lungs-PTV``.

    Examples
    --------
    >>> target_kind("PTV_5040"), target_kind("iGTV1"), target_kind("Lung_GTV"), target_kind("Lungs-PTV")
    ('PTV', 'GTV', 'GTV', None)
    """
    if "minus" in words(name):
        return None
    found = TARGET_NAME.search(name)
    return found.group(1).upper() if found else None


def planning_reason(name: str) -> str | None:
    """Why this name belongs to a structure made for planning, or None.

    Examples
    --------
    >>> planning_reason("zSpleen_opt")
    'starts with z: a planning structure by TG-263'
    >>> planning_reason("Spleen_PRV05")
    "'prv05' marks a planning structure or a part"
    >>> planning_reason("Spleen") is None
    True
    """
    stripped = name.strip()
    if stripped[:1] in {"_", "-"}:
        return f"starts with {stripped[0]}: a planning structure by TG-263"
    if re.match(r"z[A-Z_ ]", stripped):
        return "starts with z: a planning structure by TG-263"
    if "~" in stripped:
        return "~ marks a structure that is contoured in part (TG-263)"
    for mark in "^!*+=":
        if mark in stripped:
            return f"{mark} marks a variant of a structure"
    parts = words(name)
    if "minus" in parts:
        return "another structure is left out"
    for word in parts:
        if word.rstrip("0123456789") in PLANNING_WORDS:
            return f"{word!r} marks a planning structure or a part"
        if QUANTITY.match(word):
            return f"{word!r} is a dose or a margin"
    return None
