"""An organ: its names, what it is made of, and which blood and lymphocytes it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lymphorisk.frozen import FrozenDict

KINDS = ("organ", "external", "target")
NETWORKS = ("28", "32")
Grows = Literal["body", "early"]
POOLS = ("spleen", "nodes", "marrow", "gut", "thymus", "lung")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an organ that is not contoured is made of others: ``union`` of all, or ``difference`` of two."""

    how: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a share comes from: a source key, the place in it, and how it is known."""

    source: str
    place: str
    known: str


@dataclass(frozen=True, slots=True)
class Organ:
    """An organ as the program knows it.

    Attributes
    ----------
    name : str
        TG-263 name; `tg263` is False where the nomenclature has none and the name is our own.
    fma : str
        Identifier in the Foundational Model of Anatomy; empty when unknown.
    kind : str
        ``organ``, ``external`` (the body) or ``target``.
    aliases : mapping of str to tuple of str
        Other names by language, ``totalsegmentator`` for its class names.
    spellings : tuple of str
        Every accepted spelling: aliases with sides and transliterations.
    recipes : tuple of Recipe
    compartments : mapping of str to mapping of str to float
        By network (``28``, ``32``): the share of each blood compartment that lies in this organ.
    pool : str or None
        Lymphocyte pool the organ belongs to, one of `POOLS`.
    pool_share : float
        Share of that pool that lies in this organ.
    part_of : str
        The larger organ this one is a part of; shares of parts do not exceed the whole's.
    by_parts : bool
        The parts, when all are known, say more than the whole.
    stands_for : str
        The organ this contour stands in for when that one is missing; `dilution` says at what price.
    not_alone : tuple of str
        Names too vague to be this organ without an override.
    volume_range_cm3 : tuple of float or None
        Plausible volume of an adult. [cm3]
    grows : str
        How it grows up: with the ``body``, or ``early``, as the head does.
    origins : mapping of str to Origin
        By ``blood``, ``pool``, ``volume_cm3``.
    """

    name: str
    tg263: bool = True
    fma: str = ""
    kind: str = "organ"
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: FrozenDict({}))
    spellings: tuple[str, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    compartments: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: FrozenDict({}))
    pool: str | None = None
    pool_share: float = 0.0
    part_of: str = ""
    by_parts: bool = False
    stands_for: str = ""
    dilution: str = ""
    not_alone: tuple[str, ...] = ()
    volume_range_cm3: tuple[float, float] | None = None
    grows: Grows = "body"
    origins: Mapping[str, Origin] = field(default_factory=lambda: FrozenDict({}))
