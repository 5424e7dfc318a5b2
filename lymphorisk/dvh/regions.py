"""Regions: a structure, or structures joined, intersected or subtracted."""

from __future__ import annotations

from dataclasses import dataclass

from lymphorisk.errors import StructureError
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


Region = Structure | Union | Intersection | Difference


def structures_of(region: Region) -> tuple[Structure, ...]:
    """The structures a region is made of, in reading order, each once."""
    if isinstance(region, Structure):
        return (region,)
    parts: tuple[Region, ...] = (region.base, region.minus) if isinstance(region, Difference) else region.members
    found: dict[int, Structure] = {}
    for part in parts:
        for structure in structures_of(part):
            found.setdefault(id(structure), structure)
    return tuple(found.values())
