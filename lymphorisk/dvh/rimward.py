"""How far the pixels of a plane lie from its rim.

The rim is known where it crosses the lines between pixel centres, along rows and along columns. The nearest crossing on
a pixel's own line is a running maximum from one side and a running minimum from the other; the nearest of all lies no
further away, so that only the lines within that distance need be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import Lattice

#: Lines asked on either side one by one; beyond, half as many evenly up to twice the distance, and so on. A rim so far
#: away is found to half a percent by them.
LINES = 16
#: Up to these lines in one go each: some pixels are done after the first, most after the second.
ROUNDS = (1, 4, LINES)
#: Of those, so many are asked in one go: arrays that stay in the cache.
TOGETHER = 4
#: Fewer pairs of a pixel and a crossing than this are all looked at.
FEW_PAIRS = 1 << 16
#: Where no crossing lies on a line: further than any lattice is wide. [mm]
FAR_MM = 1e6

Map = NDArray[np.float32]
Index = NDArray[np.intp]


class Rim:
    """The rim of one plane: where its coverage crosses half of its highest value.

    Parameters
    ----------
    share : ndarray of float32, shape (ny, nx)
        Coverage of the plane; the lattice's outer pixels are empty.
    lattice : Lattice
        The pixels.
    """

    def __init__(self, share: Map, lattice: Lattice) -> None:
        level = np.float32(0.5) * share.max()
        self.inside = share >= level
        self._pitch = np.float32(lattice.pitch_y_mm), np.float32(lattice.pitch_x_mm)
        self._on_rows = _along_rows(share, self.inside, level, self._pitch[1])
        self._on_columns = _along_columns(share, self.inside, level, self._pitch[0])

    def distance(self, pixels: Index, matters: Callable[[Map], float] | None = None) -> Map:
        """Distance of pixels, given by flat index, from the nearest crossing. [mm]

        `matters`, asked with distances that are not too short, says beyond which one all may be left infinite. [mm]
        """
        ny, nx = self.inside.shape
        j, i = np.divmod(pixels, nx)
        if self._few(pixels):
            return self._directly(j, i)
        across = i * ny + j
        rows, columns = self._own_lines
        square = np.minimum(rows.take(pixels), columns.take(across))
        most = np.inf if matters is None else matters(np.sqrt(square))
        _nearer(square, rows, pixels, self._pitch[0], most)
        _nearer(square, columns, across, self._pitch[1], most)
        distance = np.sqrt(square, out=square)
        distance[distance > most] = np.inf
        return np.asarray(distance)

    def distances(self, sets: Sequence[Index]) -> list[Map]:
        """Distances of sets of pixels; large ones go through the lines together. [mm]"""
        if any(self._few(pixels) for pixels in sets):
            return [self.distance(pixels) for pixels in sets]
        ends = np.cumsum([len(pixels) for pixels in sets])
        return np.split(self.distance(np.concatenate(sets)), ends[:-1])

    def _few(self, pixels: Index) -> bool:
        return len(pixels) * (len(self._on_rows.line) + len(self._on_columns.line)) <= FEW_PAIRS

    def _directly(self, j: Index, i: Index) -> Map:
        """Distance of pixels from the nearest of all crossings. [mm]"""
        py, px = self._pitch
        rows, columns = self._on_rows, self._on_columns
        up = np.subtract.outer(np.concatenate([rows.line * py, columns.place_mm]), j.astype(np.float32) * py)
        along = np.subtract.outer(np.concatenate([rows.place_mm, columns.line * px]), i.astype(np.float32) * px)
        up *= up
        along *= along
        up += along
        return np.asarray(np.sqrt(up.min(axis=0)))

    @cached_property
    def _own_lines(self) -> tuple[Map, Map]:
        """Squares of the distances along the rows (ny, nx) and along the columns (nx, ny). [mm2]"""
        shape = self.inside.shape
        return _own_line(self._on_rows, shape, self._pitch[1]), _own_line(self._on_columns, shape[::-1], self._pitch[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Crossings:
    """Where a rim crosses lines: the line, the pixel before, and the place along the line. [mm]"""

    line: Index
    before: Index
    place_mm: Map


def _along_rows(share: Map, inside: NDArray[np.bool_], level: np.float32, pitch: np.float32) -> _Crossings:
    """Crossings of the rows of a coverage, whose outer pixels are empty."""
    flat = inside.ravel()
    at = np.flatnonzero(flat[1:] != flat[:-1])
    line, before = np.divmod(at, share.shape[1])
    return _Crossings(line, before, _places(share.ravel(), at, 1, before, level, pitch))


def _along_columns(share: Map, inside: NDArray[np.bool_], level: np.float32, pitch: np.float32) -> _Crossings:
    """Crossings of the columns of a coverage, column by column."""
    nx = share.shape[1]
    at = np.flatnonzero(inside[1:] != inside[:-1])
    at = at[np.argsort(at % nx, kind="stable")]
    before, line = np.divmod(at, nx)
    return _Crossings(line, before, _places(share.ravel(), at, nx, before, level, pitch))


def _places(share: Map, at: Index, step: int, before: Index, level: np.float32, pitch: np.float32) -> Map:
    """Where coverages cross a level between pixels and the next, `step` further on. [mm]"""
    one, two = share[at], share[at + step]
    return np.asarray(pitch * (before + (one - level) / (one - two)).astype(np.float32))


def _own_line(crossings: _Crossings, shape: tuple[int, ...], pitch: np.float32) -> Map:
    """Square of the distance of each pixel from the nearest crossing on its own line. [mm2]"""
    lines, places = shape
    line, count = crossings.line, len(crossings.line)
    start, earlier = np.arange(lines) * places, np.searchsorted(line, np.arange(lines + 1))
    each, every = np.arange(count) + line, np.arange(lines)
    behind_each = line * places + crossings.before + 1
    # from crossing to crossing along all lines; each line begins with none before, and ends with none behind
    border, nearest = np.empty(count + lines, np.intp), np.full(count + lines, -FAR_MM, np.float32)
    border[each + 1], border[every + earlier[:-1]] = behind_each, start
    nearest[each + 1] = crossings.place_mm
    before = np.repeat(nearest, np.diff(border, append=lines * places)).reshape(shape)
    nearest = np.full(count + lines, FAR_MM, np.float32)
    border[each], border[every + earlier[1:]] = behind_each, start + places
    nearest[each] = crossings.place_mm
    behind = np.repeat(nearest, np.diff(border, prepend=0)).reshape(shape)
    here = pitch * np.arange(places, dtype=np.float32)
    np.subtract(here, before, out=before)
    behind -= here
    np.minimum(before, behind, out=before)
    before *= before
    return before


def _nearer(square: Map, lines: Map, at: Index, pitch: np.float32, most_mm: float) -> None:
    """Lowers squares of distances to the least over the lines on either side, as far as they matter. [mm2]

    Parameters
    ----------
    square : ndarray, shape (n,)
        Of the distance known so far; changed in place. [mm2]
    lines : ndarray, shape (lines, places)
        Square of the distance along each line; the first and the last line have no crossing. [mm2]
    at : ndarray, shape (n,)
        Flat index of each pixel in `lines`.
    pitch : float
        From line to line. [mm]
    most_mm : float
        Lines further away than this, and the next, are not asked. [mm]
    """
    count, places = lines.shape
    for asked in _rounds(count):
        further = np.flatnonzero(square > (asked[0] * pitch) ** 2)
        if not len(further) or (asked[0] - 1) * pitch > most_mm:
            return
        here, nearest = at[further], square[further]
        for few in (asked[n : n + TOGETHER] for n in range(0, len(asked), TOGETHER)):
            # beyond the outer lines, which have no crossing, there is none either
            away = np.array(few)[:, None]
            found = np.minimum(
                lines.take(here - places * away, mode="clip"), lines.take(here + places * away, mode="clip")
            )
            found += (away.astype(np.float32) * pitch) ** 2
            np.minimum(nearest, found.min(axis=0), out=nearest)
        square[further] = nearest


def _rounds(count: int) -> Iterator[range]:
    """Lines asked together, by their distance: each, then fewer and fewer."""
    first = 1
    for last in ROUNDS:
        yield range(first, last + 1)
        first = last + 1
    while first <= count:
        step = 2 * first // LINES
        yield range(first - 1 + step, 2 * first - 1, step)
        first = 2 * first - 1
