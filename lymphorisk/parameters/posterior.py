"""Draws of a calibration: ``data/<topic>_posterior.csv``, one column a parameter, one row a draw.

Numbers are standard-normal deviates of the parameter's own range (0 its value, +-1.645 its ends),
so that a row stays valid when a range is edited by hand.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ParameterError
from lymphorisk.parameters.store import DATA, _shipped, given_names


@dataclass(frozen=True, slots=True, eq=False)
class PosteriorDraws:
    """Joint draws of a calibration.

    Attributes
    ----------
    names : tuple of str
        Parameters the calibration moved.
    z : ndarray, shape (draws, len(names))
        Standard-normal deviates of their ranges.
    """

    names: tuple[str, ...]
    z: NDArray[np.float64]


def posterior(topic: str = "lymphocyte") -> PosteriorDraws | None:
    """Draws of a topic's calibration, without the parameters a caller gave; None when it has none.

    Raises
    ------
    ParameterError
        A column that is not a parameter of the topic, or a row of another length.
    """
    draws, own = _shipped_draws(topic), given_names(topic)
    if draws is None or not own & set(draws.names):
        return draws
    kept = [i for i, name in enumerate(draws.names) if name not in own]
    return PosteriorDraws(tuple(draws.names[i] for i in kept), draws.z[:, kept])


@cache
def _shipped_draws(topic: str) -> PosteriorDraws | None:
    path = DATA / f"{topic}_posterior.csv"
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines) if row]
    names = tuple(rows[0])
    if unknown := set(names) - set(_shipped(topic)):
        raise ParameterError(f"{path.name}: {sorted(unknown)[0]!r} is not a parameter of {topic}")
    if len(rows) < 2 or any(len(row) != len(names) for row in rows):
        raise ParameterError(f"{path.name}: rows and columns do not fit", "run make calibrate again")
    z = np.array([[float(x) for x in row] for row in rows[1:]])
    z.setflags(write=False)
    return PosteriorDraws(names, z)
