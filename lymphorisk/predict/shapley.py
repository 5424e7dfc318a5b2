"""What each group of features adds to a model, from the same patient without radiotherapy and drugs to this one.

The players are groups of features (an organ with all its dose features, the plan, the drugs). A coalition is the
patient in whom only its groups are as they are; all others are as without radiotherapy and drugs. The value of a
coalition is the model's margin for that row, so nothing is averaged over other patients and no feature ever has a
value without its group. It is the game the physics plays with its pools (`lymphocyte.attribution`), with the model's
log-odds in place of the lymphocytes lost.

The Shapley value is exact: over all ``2^m`` coalitions of the m groups that differ, or, where the model is a sum of
functions of one feature each, group by group, which is then the same.

References
----------
Shapley LS. A value for n-person games. Contributions to the Theory of Games II, 1953. Sundararajan M, Najmi A. The many
Shapley values for model explanation. ICML 2020 (one stated reference, as here, among others).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.features import Feature
from lymphorisk.lymphocyte.attribution import shapley

#: Margins of rows of features, shape (rows, features) to (rows,).
Margins = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def without_dose(features: Sequence[Feature], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same patient without radiotherapy and drugs, shape (n,).

    Facts stay; a count measured during treatment is the baseline count.
    """
    names = [f.name for f in features]
    baseline = row[names.index("alc")] if "alc" in names else np.nan
    values = [
        f.without_dose if f.without_dose is not None else baseline if f.optional else v
        for f, v in zip(features, row, strict=True)
    ]
    return np.array(values, dtype=np.float64)


def players(features: Sequence[Feature]) -> dict[str, NDArray[np.bool_]]:
    """Groups that are otherwise without radiotherapy and drugs, each with its features, shape (n,)."""
    moves = np.array([f.without_dose is not None or f.optional for f in features])
    organ = np.array([f.organ for f in features])
    return {name: moves & (organ == name) for name in dict.fromkeys(organ[moves].tolist())}


def group_shapley(
    margins: Margins,
    row: NDArray[np.float64],
    reference: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.bool_]],
    *,
    additive: bool = False,
) -> dict[str, float]:
    """Shapley value of every group; they sum to ``margins(row) - margins(reference)``.

    Parameters
    ----------
    margins : callable
        The model.
    row, reference : ndarray, shape (n,)
        Features of the patient and of the reference.
    groups : mapping of str to ndarray of bool, shape (n,)
        Features of each group. Outside them `row` and `reference` are equal.
    additive : bool
        Whether the model is a sum of functions of one feature each: then one coalition a group is enough.

    Examples
    --------
    >>> both = lambda x: x[:, 0] * x[:, 1]
    >>> first, second = np.array([True, False]), np.array([False, True])
    >>> group_shapley(both, np.array([2.0, 3.0]), np.zeros(2), {"a": first, "b": second})
    {'a': 3.0, 'b': 3.0}
    """
    same = (row == reference) | (np.isnan(row) & np.isnan(reference))
    moving = [name for name, inside in groups.items() if not same[inside].all()]
    member = np.array([groups[name] for name in moving]).reshape(len(moving), len(row))
    if additive:
        inside = np.vstack([np.zeros(len(row), dtype=np.bool_), member])
        value = margins(np.where(inside, row, reference))
        found = value[1:] - value[0]
    else:
        coalition = (np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving))) & 1
        inside = coalition @ member.astype(np.int64) > 0
        found = shapley(margins(np.where(inside, row, reference))) if moving else np.zeros(0)
    return dict.fromkeys(groups, 0.0) | dict(zip(moving, found.tolist(), strict=True))
