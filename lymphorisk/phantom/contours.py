"""Solids drawn as closed planar contours, as a planner draws organs: the zero line of the level, plane by plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.phantom.shapes import Shape

#: Pitch of the lattice the level is read on; crossings between nodes are interpolated, so that a circle of
#: 10 mm radius keeps its area within 1 %. [mm]
LATTICE_MM = 2.5
#: A point is left out when the contour without it stays this close: a tenth of a usual pixel. [mm]
STRAIGHT_MM = 0.1
#: Coordinates are kept to a hundredth of a millimetre, which makes their text short.
DECIMALS = 2
#: A contour below this area is noise of the lattice. [mm2]
SMALLEST_MM2 = 4.0
#: Corners of a cell, counter-clockwise: edge 0 bottom, 1 right, 2 top, 3 left joins corner e to e + 1.
EDGES = 4


def contours_of(
    shape: Shape, planes_mm: NDArray[np.float64], lattice_mm: float = LATTICE_MM
) -> tuple[NDArray[np.float64], ...]:
    """Closed contours of a solid on planes of constant z, each of shape (n, 3). [mm]

    Holes come out as contours of their own: contours of one plane combine by even-odd. Deterministic.

    Parameters
    ----------
    planes_mm : ndarray, shape (n,)
        Heights of the planes. [mm]
    lattice_mm : float
        Pitch of the lattice. [mm]
    """
    low, high = shape.bounds()
    out: list[NDArray[np.float64]] = []
    x = np.arange(np.floor(low[0] / lattice_mm) - 1, np.ceil(high[0] / lattice_mm) + 2) * lattice_mm
    y = np.arange(np.floor(low[1] / lattice_mm) - 1, np.ceil(high[1] / lattice_mm) + 2) * lattice_mm
    wanted = planes_mm[(planes_mm > low[2]) & (planes_mm < high[2])]
    if not len(wanted):
        return ()
    volume = shape.level(x[None, None, :], y[None, :, None], wanted[:, None, None])
    for z, level in zip(wanted, np.broadcast_to(volume, (len(wanted), len(y), len(x))), strict=True):
        for loop in zero_lines(level, x, y):
            slim = simplified(loop)
            if len(slim) >= 3 and abs(area(slim)) >= SMALLEST_MM2:
                out.append(np.round(np.column_stack([slim, np.full(len(slim), z)]), DECIMALS))
    return tuple(out)


def area(loop: NDArray[np.float64]) -> float:
    """Signed area of a closed polygon (shoelace)."""
    x, y = loop[:, 0], loop[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def zero_lines(
    level: NDArray[np.floating], x: NDArray[np.float64], y: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Closed lines where a field over (y, x) changes sign, positive border required (marching squares)."""
    field = np.array(level, dtype=np.float64)
    field[0], field[-1], field[:, 0], field[:, -1] = (
        np.maximum(b, 1.0) for b in (field[0], field[-1], field[:, 0], field[:, -1])
    )
    inside = field <= 0.0
    ny, nx = field.shape
    across = inside[:, :-1] != inside[:, 1:]
    up = inside[:-1] != inside[1:]
    point: dict[int, tuple[float, float]] = {}
    for j, i in zip(*np.nonzero(across), strict=True):
        a, b = field[j, i], field[j, i + 1]
        point[int(j * nx + i)] = (float(x[i] + (x[i + 1] - x[i]) * a / (a - b)), float(y[j]))
    offset = ny * nx
    for j, i in zip(*np.nonzero(up), strict=True):
        a, b = field[j, i], field[j + 1, i]
        point[int(offset + j * nx + i)] = (float(x[i]), float(y[j] + (y[j + 1] - y[j]) * a / (a - b)))
    cells = across[:-1] | across[1:] | up[:, :-1] | up[:, 1:]
    joined: dict[int, list[int]] = {}
    for j, i in zip(*np.nonzero(cells), strict=True):
        # the four edges in order: bottom, right, top, left
        edges = (
            (across[j, i], j * nx + i),
            (up[j, i + 1], offset + j * nx + i + 1),
            (across[j + 1, i], (j + 1) * nx + i),
            (up[j, i], offset + j * nx + i),
        )
        crossed = [int(e) for on, e in edges if on]
        if len(crossed) == EDGES:
            # a saddle: the middle of the cell decides which corners are joined
            middle = field[j : j + 2, i : i + 2].mean() <= 0.0
            if middle != bool(inside[j, i]):
                crossed = crossed[1:] + crossed[:1]
        for a, b in zip(crossed[::2], crossed[1::2], strict=True):
            joined.setdefault(a, []).append(b)
            joined.setdefault(b, []).append(a)
    loops: list[NDArray[np.float64]] = []
    unseen = dict.fromkeys(sorted(joined))
    while unseen:
        start = next(iter(unseen))
        loop = [start]
        del unseen[start]
        here = start
        while True:
            onward = [e for e in joined[here] if e in unseen]
            if not onward:
                break
            here = onward[0]
            del unseen[here]
            loop.append(here)
        loops.append(np.array([point[e] for e in loop]))
    return loops


def simplified(loop: NDArray[np.float64], tolerance: float = STRAIGHT_MM) -> NDArray[np.float64]:
    """The loop without points the rest stays within `tolerance` of (Douglas and Peucker, two halves). [mm]"""
    n = len(loop)
    if n < EDGES:
        return loop
    far = int(np.argmax(((loop - loop[0]) ** 2).sum(axis=1)))
    keep = np.zeros(n, dtype=bool)
    keep[[0, far]] = True
    stack = [(0, far), (far, n)]
    closed = np.vstack([loop, loop[:1]])
    while stack:
        a, b = stack.pop()
        if b - a < 2:
            continue
        start, run = closed[a], closed[b] - closed[a]
        length = max(float(np.hypot(run[0], run[1])), tolerance)
        away = closed[a + 1 : b] - start
        distance = np.abs(away[:, 0] * run[1] - away[:, 1] * run[0]) / length
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            middle = a + 1 + worst
            keep[middle] = True
            stack += [(a, middle), (middle, b)]
    return loop[keep]
