"""Where in a pixel the part lies that a structure's rim leaves covered.

A straight rim cuts a unit pixel into a covered part of area c and the rest. Seen along the rim's normal n the pixel
is a trapezoid: its width rises over a distance b, stays 1/a over a - b, and falls again, a and b being the larger and
the smaller component of n. Mean and variance of the covered part along n are the moments of that trapezoid's tail.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Dose = NDArray[np.float32]

#: Components and areas below this are none.
FAINT = np.float32(1e-6)
#: Variance of an even spread of width one is one in this many.
EVEN = 12


def covered_part(across: Dose, covered: Dose) -> tuple[Dose, Dose]:
    """Mean place and width, along the rim's normal, of the covered part of a pixel.

    Parameters
    ----------
    across : ndarray, shape (n,)
        The largest component of the rim's unit normal, between 0.57 and 1; the others count as one.
    covered : ndarray, shape (n,)
        Area of the covered part, 0 to 1.

    Returns
    -------
    place : ndarray
        Distance of the covered part's mean from the pixel's centre, towards the covered side. [pixels]
    width2 : ndarray
        Square of the width of an even spread with the covered part's variance, at most 1. [pixels^2]

    Examples
    --------
    A rim along the pixel's side leaves a strip: its middle lies (1 - c) / 2 away, it is c wide.

    >>> place, width2 = covered_part(np.float32([1.0]), np.float32([0.25]))
    >>> round(float(place[0]), 4), round(float(width2[0]), 4)
    (0.375, 0.0625)
    """
    a = np.clip(across, np.float32(0.5), 1)
    b = np.sqrt(np.maximum(1 - a * a, FAINT))
    small = np.maximum(np.minimum(covered, 1 - covered), FAINT)
    corner = small <= b / (2 * a)
    # depth of the cut from the pixel's outermost corner, and the smaller part's moments of depth
    t = np.where(corner, np.sqrt(2 * a * b * small), a * small + b / 2)
    first = np.where(corner, t**3 / (3 * a * b), b * b / (3 * a) + (t * t - b * b) / (2 * a)) / small
    second = np.where(corner, (t * t) ** 2 / (2 * 2 * a * b), b**3 / (2 * 2 * a) + (t**3 - b**3) / (3 * a)) / small
    spread = np.maximum(second - first * first, 0)
    place = (a + b) / 2 - first
    # the larger part is the whole pixel less the smaller one
    large = covered > np.float32(0.5)
    rest = np.maximum(covered, FAINT)
    other = place * small / rest
    wide = (np.float32(1 / EVEN) - small * (spread + place * place)) / rest - other * other
    return np.where(large, other, place), np.clip(EVEN * np.where(large, wide, spread), 0, 1)
