"""Words for a choice as people write them: any case, British spelling, synonyms; the nearest one when unknown."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TypeVar

from lymphorisk.errors import ScenarioError

Choice = TypeVar("Choice", bound=str)

#: British digraphs and the American letter; both sides of a comparison lose them.
DIGRAPHS = (("oe", "e"), ("ae", "e"), ("our", "or"))
#: Likeness from which a known word is offered.
LIKE = 0.6


def squashed(text: str) -> str:
    """A word without case, accents, signs and British digraphs: what two spellings share.

    Examples
    --------
    >>> squashed("\u0152sophagus"), squashed("oesophagus "), squashed("Head & Neck")
    ('esophagus', 'esophagus', 'headneck')
    """
    plain = text.replace("\u0152", "oe").replace("\u0153", "oe").replace("\u00c6", "ae").replace("\u00e6", "ae")
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c)).lower()
    for british, american in DIGRAPHS:
        plain = plain.replace(british, american)
    return "".join(c for c in plain if c.isalnum())


def chosen(text: str, known: Iterable[Choice], synonyms: Mapping[str, str], what: str) -> Choice:
    """The choice a text means.

    Parameters
    ----------
    text : str
        As typed.
    known : iterable of str
        The choices as the program names them.
    synonyms : mapping of str to str
        Other words to the choice they mean.
    what : str
        What is chosen, for the message.

    Raises
    ------
    ScenarioError
        No choice; the hint offers the nearest.

    Examples
    --------
    >>> chosen("Oesophageal", ("esophagus", "lung"), {"esophageal": "esophagus"}, "site")
    'esophagus'
    """
    choices = tuple(known)
    by_name = {squashed(c): c for c in choices}
    meaning = {squashed(word): by_name[squashed(choice)] for word, choice in synonyms.items()} | by_name
    key = squashed(text)
    if key in meaning:
        return meaning[key]
    near = nearest(text, meaning)
    offered = f"did you mean {meaning[squashed(near)]}? " if near else ""
    raise ScenarioError(f"{what} {text!r} is unknown", f"{offered}use one of {', '.join(choices)}")


def nearest(text: str, words: Iterable[str]) -> str:
    """The word most like a text; empty when none is."""
    by_key = {squashed(word): word for word in words}
    found = difflib.get_close_matches(squashed(text), list(by_key), n=1, cutoff=LIKE)
    return by_key[found[0]] if found else ""
