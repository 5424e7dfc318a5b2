"""Regions: a structure or a mask, or several joined, intersected or subtracted."""

from __future__ import annotations

from dataclasses import dataclass

from lymphorisk.errors import StructureError
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.structures import Structure


@dataclass(frozen=True, slots=True)
class Union:
    """Everything that lies in at least one member; overlaps count once."""

    name: str
    members: tuple[Region, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise StructureError(f"union {self.name!r} has no members")


@dataclass(frozen=True, slots=True)
class Intersection:
    """Everything that lies in all members."""

    name: str
    members: tuple[Region, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise StructureError(f"intersection {self.name!r} has no members")


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything in `base` and not in `minus`, as in ``Lungs-GTV``."""

    name: str
    base: Region
    minus: Region


#: What regions are made of.
Leaf = Structure | Mask
Region = Leaf | Union | Intersection | Difference


def leaves_of(region: Region) -> tuple[Leaf, ...]:
    """The structures and masks a region is made of, in reading order, each once."""
    if isinstance(region, Leaf):
        return (region,)
    parts: tuple[Region, ...] = (region.base, region.minus) if isinstance(region, Difference) else region.members
    found: dict[int, Leaf] = {}
    for part in parts:
        for leaf in leaves_of(part):
            found.setdefault(id(leaf), leaf)
    return tuple(found.values())


def structures_of(region: Region) -> tuple[Structure, ...]:
    """The drawn structures a region is made of, in reading order, each once; masks are left aside."""
    return tuple(leaf for leaf in leaves_of(region) if isinstance(leaf, Structure))
