"""Lymphopenia by CTCAE 5.0, strict less-than.

Grade 4 below 0.2, grade 3 below 0.5, grade 2 below 0.8, grade 1 below the laboratory's lower
limit of normal [10^9/L]. Without the limit grade 1 cannot be told from grade 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphorisk.errors import ScenarioError

CTCAE_VERSION = "5.0"
#: Counts below which a grade begins, a definition of CTCAE 5.0. [10^9/L]
GRADE_BELOW = {4: 0.2, 3: 0.5, 2: 0.8}


def grade(alc: ArrayLike, lln: float | None = None) -> NDArray[np.int64]:
    """CTCAE 5.0 grade of counts, same shape.

    Parameters
    ----------
    alc : array_like
        Counts. [10^9/L]
    lln : float, optional
        Lower limit of normal; without it there is no grade 1. [10^9/L]

    Examples
    --------
    >>> grade([0.19, 0.2, 0.5, 0.8, 0.99], lln=1.0).tolist()
    [4, 3, 2, 1, 1]
    >>> grade([0.9]).tolist()
    [0]
    """
    count = np.asarray(alc, dtype=np.float64)
    if lln is not None and not lln > GRADE_BELOW[2]:
        raise ScenarioError(f"a lower limit of normal of {lln:g} x10^9/L lies below grade 2", "check its unit")
    out = np.zeros(count.shape, dtype=np.int64)
    if lln is not None:
        out[count < lln] = 1
    for g in sorted(GRADE_BELOW):
        out[count < GRADE_BELOW[g]] = g
    return out
