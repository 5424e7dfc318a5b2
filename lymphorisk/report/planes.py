"""A plane of a plan as a drawing: outline or CT, isodose lines with their gray, organs with a letter each.

What is drawn is a solid line; where a placed organ lies in half of the bodies is dashed, where it lies in one of ten is
dotted: no colour is needed to tell them apart.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.report.legend import letter
from lymphorisk.report.palette import LINES
from lymphorisk.report.svg import Drawing, px
from lymphorisk.report.wording import digits, short

if TYPE_CHECKING:
    from lymphorisk.analysis.picture import Line
    from lymphorisk.analysis.planes import Axis, Cut, Plane

#: Letters of organs, in order; after the last they begin anew with a number.
LETTERS = ascii_uppercase + ascii_lowercase
#: Largest picture. [px]
WIDE, TALL = 460.0, 460.0
#: Room for the letters of the sides. [px]
SIDE = 22.0
#: What stands at the left, right, top and bottom of a plane.
SIDES: Mapping[Axis, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "H", "F"),
    "sagittal": ("A", "P", "H", "F"),
}
#: Letters stand at least this far from one another, where their lines let them. [px]
APART = 21.0
LIKELY, POSSIBLE = "7 4", "2 3"
PNG = b"\x89PNG\r\n\x1a\n"


def letters_of(names: Sequence[str]) -> Mapping[str, str]:
    """A letter for every organ that can be shown, the same in all planes."""
    rounds = [f"{i // len(LETTERS)}" if i >= len(LETTERS) else "" for i in range(len(names))]
    return {name: LETTERS[i % len(LETTERS)] + rounds[i] for i, name in enumerate(names)}


def colour_of(names: Sequence[str], name: str) -> str:
    """The colour an organ has in every plane."""
    return f"c{list(names).index(name) % LINES}"


def plane_figure(plane: Plane, names: Sequence[str], image: str = "") -> str:
    """The plane as SVG.

    Parameters
    ----------
    plane : Plane
    names : sequence of str
        All organs of the plan, whose order gives letters and colours.
    image : str
        Address of the CT's picture, drawn beneath; none when empty.
    """
    left, right, low, high = plane.box_mm
    scale = min(WIDE / (right - left), TALL / (high - low))
    wide, tall = scale * (right - left), scale * (high - low)
    down = plane.axis == "axial"
    letters = letters_of(names)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        y = point[1] - low if down else high - point[1]
        return SIDE + scale * (point[0] - left), SIDE + scale * y

    said = [f"{c.name} {_how(c)}" for c in plane.cuts]
    d = Drawing(
        int(wide + 2 * SIDE),
        int(tall + 2 * SIDE),
        f"{plane.axis} plane at {plane.at_mm:.0f} mm",
        f"isodoses: {', '.join(f'{digits(g, 3)} Gy' for g, _ in plane.doses) or 'none'}; "
        f"organs: {', '.join(said) or 'none'}",
        f"plane-{plane.axis}",
    )
    for line in plane.outline:
        d.line([at(p) for p in line], "axis")
    for k, (gray, lines) in enumerate(plane.doses, start=1):
        for line in lines:
            d.line([at(p) for p in line], "threshold")
        # each level has its number at another place of its longest line, so that numbers stand apart
        longest = max(lines, key=len)
        x, y = at(longest[len(longest) * k // (len(plane.doses) + 1)])
        d.text(min(max(x, SIDE), d.width - SIDE), y + 5, digits(gray, 3), "note halo", "middle")
    for cut in plane.cuts:
        colour = colour_of(names, cut.name)
        for kind, loops, dash in _looks(cut):
            for line in loops:
                d.line([at(p) for p in line], f"{kind} {colour}", dash)
    taken: list[tuple[float, float]] = []
    for cut in plane.cuts:
        first = next(loops for _, loops, _ in _looks(cut) if loops)
        seen = [p for line in first for p in line if left < p[0] < right and low < p[1] < high]
        if seen:
            places = [at(p) for p in sorted(seen)]
            free = (p for p in places if all(math.dist(p, q) > APART for q in taken))
            taken.append(next(free, places[0]))
            letter(d, *taken[-1], letters[cut.name], colour_of(names, cut.name))
    one, other, top, bottom = SIDES[plane.axis]
    middle = SIDE + 0.5 * tall
    for x, y, word in ((10.0, middle, one), (d.width - 10.0, middle, other)):
        d.text(x, y + 5, word, "tick", "middle")
    for y, word in ((16.0, top), (d.height - 6.0, bottom)):
        d.text(SIDE + 0.5 * wide, y, word, "tick", "middle")
    return d.svg(_image(image, wide, tall))


def _image(address: str, wide: float, tall: float) -> str:
    if not address:
        return ""
    place = f'x="{px(SIDE)}" y="{px(SIDE)}" width="{px(wide)}" height="{px(tall)}"'
    return f'<image href="{escape(address)}" {place} preserveAspectRatio="none"/>'


def _looks(cut: Cut) -> tuple[tuple[str, Sequence[Line], str], ...]:
    placed = cut.placed
    return (
        ("curve", cut.drawn, ""),
        ("curve", () if placed is None else placed.likely, LIKELY),
        ("thin", () if placed is None else placed.possible, POSSIBLE),
    )


def _how(cut: Cut) -> str:
    """In words, what lines show of an organ."""
    if not cut.drawn:
        return "placed"
    return "drawn" if cut.placed is None else "drawn, the rest placed"


def legend_of(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Every organ of a plan: name as shown, letter, colour."""
    letters = letters_of(names)
    return [(short(name), letters[name], colour_of(names, name)) for name in names]


def png(shades: NDArray[np.uint8]) -> bytes:
    """Shades of grey as a PNG, with nothing beside them.

    Examples
    --------
    >>> png(np.zeros((2, 3), np.uint8))[:8] == PNG
    True
    """
    tall, wide = shades.shape
    rows = np.zeros((tall, wide + 1), np.uint8)
    rows[:, 1:] = shades
    header = struct.pack(">IIBBBBB", wide, tall, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
