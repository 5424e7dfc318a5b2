"""Which contours stand for which blood compartments and lymphocyte pools, each share counted once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from lymphorisk.organs.organ import POOLS, Organ
from lymphorisk.organs.table import load

#: Shares written with six digits add up to the whole within this.
SHARE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Covered:
    """A contoured organ and the share of a compartment or pool it stands for.

    `stand_in` is True when the contour is not the organ itself (a bowel bag for the bowel).
    """

    organ: str
    share: float
    stand_in: bool = False


def blood_cover(available: Collection[str], network: str = "32") -> Mapping[str, tuple[Covered, ...]]:
    """Organs standing for each blood compartment; what is left of 1 has no contour.

    Parameters
    ----------
    available : collection of str
        TG-263 names of the organs with a dose.
    network : str
        ``28`` or ``32``.

    Examples
    --------
    >>> blood_cover({"Lungs", "Lung_L"}, "28")["lung"]
    (Covered(organ='Lungs', share=1.0, stand_in=False),)
    >>> [c.share for c in blood_cover({"A_Aorta"}, "28")["aorta_large_arteries"]]
    [0.45]
    """
    compartments = sorted({c for organ in load().values() for c in organ.compartments.get(network, ())})
    out = {c: _cover({o.name: o.compartments[network][c] for o in _with(network, c)}, available) for c in compartments}
    return {compartment: covered for compartment, covered in out.items() if covered}


def pool_cover(available: Collection[str]) -> Mapping[str, tuple[Covered, ...]]:
    """Organs standing for each lymphocyte pool; what is left of 1 has no contour.

    Examples
    --------
    >>> pool_cover({"Bowel_Small", "Bag_Bowel", "VB_T", "VB_T07"})["marrow"]
    (Covered(organ='VB_T', share=0.199, stand_in=False),)
    >>> pool_cover({"Bag_Bowel"})["gut"]
    (Covered(organ='Bag_Bowel', share=1.0, stand_in=True),)
    """
    out = {p: _cover({o.name: o.pool_share for o in load().values() if o.pool == p}, available) for p in POOLS}
    return {pool: covered for pool, covered in out.items() if covered}


def _with(network: str, compartment: str) -> list[Organ]:
    return [o for o in load().values() if compartment in o.compartments.get(network, ())]


@cache
def _children() -> Mapping[str, tuple[str, ...]]:
    out: dict[str, list[str]] = {}
    for organ in load().values():
        if organ.part_of:
            out.setdefault(organ.part_of, []).append(organ.name)
    return {whole: tuple(parts) for whole, parts in out.items()}


def _cover(share: Mapping[str, float], available: Collection[str]) -> tuple[Covered, ...]:
    """Wholes before parts (parts first where they say more and are complete), then stand-ins for what is left."""
    tops = [n for n in share if load()[n].part_of not in share and not load()[n].stands_for]
    covered = [item for top in tops for item in _within(top, share, available)]
    for name in share:
        whole = load()[name].stands_for
        if not whole or name not in available:
            continue
        if any(_lies_in(whole, c.organ) for c in covered if not c.stand_in):
            continue
        beside = [c.share for c in covered if whole not in share or c.stand_in or _lies_in(c.organ, whole)]
        left = share.get(whole, 1.0) - sum(beside)
        if left > SHARE_TOLERANCE:
            covered.append(Covered(name, min(share[name], left), stand_in=True))
    return tuple(covered)


def _lies_in(name: str, whole: str) -> bool:
    while name and name != whole:
        name = load()[name].part_of
    return name == whole


def _within(name: str, share: Mapping[str, float], available: Collection[str]) -> list[Covered]:
    parts: list[Covered] = []
    for child in _children().get(name, ()):
        for item in _within(child, share, available) if child in share else ():
            # Testes and ovaries are the whole gonads each: no more than the whole is ever covered.
            room = share[name] - sum(part.share for part in parts)
            if room > SHARE_TOLERANCE:
                parts.append(Covered(item.organ, min(item.share, room)))
    complete = sum(item.share for item in parts) >= share[name] - SHARE_TOLERANCE
    if name in available and not (load()[name].by_parts and complete):
        return [Covered(name, share[name])]
    return parts
