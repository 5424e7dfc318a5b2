"""How thick a structure is across its contours: shells, sheets and tubes are thinner than their boxes say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import nesting
from lymphorisk.dvh.stack import Stack

#: Planes looked at, evenly through the structure: its thickness changes little from one to the next.
PLANES = 7

Array = NDArray[np.float64]


def thickness_mm(stack: Stack) -> float:
    """Twice the area over the perimeter of a structure's sections. [mm]

    The thickness of a sheet or shell, the radius of a disc, half the side of a square. Of a few planes, so that a
    structure of many contours costs no more.
    """
    chosen = np.unique(np.linspace(0, len(stack.contours) - 1, PLANES).astype(int))
    area = girth = 0.0
    for k in chosen.tolist():
        contours = stack.contours[k]
        signs = np.ones(len(contours))
        if len(contours) > 1:
            low, high = (np.array([end(c, axis=0) for c in contours]) for end in (np.min, np.max))
            nested = nesting(contours, low, high)
            signs = signs if nested is None else nested
        sides = [np.roll(c, -1, axis=0) - c for c in contours]
        girth += sum(float(np.hypot(*s.T).sum()) for s in sides)
        area += sum(sign * _area(c, s) for sign, c, s in zip(signs, contours, sides, strict=True))
    return 2 * area / girth if area > 0 and girth > 0 else np.inf


def _area(contour: Array, sides: Array) -> float:
    """Area of a polygon. [mm2]"""
    x, y = (contour - contour[0]).T
    return 0.5 * abs(float(x @ sides[:, 1] - y @ sides[:, 0]))
