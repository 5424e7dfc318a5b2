"""How to train: hyperparameters, folds that split no patient, and the signs a model may not break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.features import Feature

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chooses about a training.

    Attributes
    ----------
    window, aggregation : str
        The outcome's key: when counts were looked at, and how several became one.
    ignore : tuple of str
        Columns to leave out.
    seed : int
    early : bool
        Use the count after the first week too: a mid-course model.
    """

    window: str = "not stated"
    aggregation: str = "nadir"
    ignore: tuple[str, ...] = ()
    seed: int = 20261
    early: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Hyperparameters of one booster.

    A `smooth` shape of depth 1 grows on the probabilities of a monotone logistic model in place of events: its stumps
    follow smooth functions of one feature each instead of steps at doses that tell one site from another.

    `columns` is the share of features a tree may use. Few: dose metrics are nearly copies of each other, and trees
    that each see some of them share the credit, so that the order of organs hardly changes with the patients.
    """

    depth: int
    learning_rate: float
    min_child_weight: float
    l2: float
    rounds: int
    subsample: float = 0.8
    columns: float = 0.3
    smooth: bool = False

    @property
    def name(self) -> str:
        """What it is called in a card."""
        return "stumps along a monotone logistic model" if self.smooth else f"trees of depth {self.depth}"


#: The simplest shape: a sum of one smooth function a feature.
SMOOTH = Shape(1, 0.15, 1.0, 1.0, 600, columns=0.5, smooth=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Attributes
    ----------
    outer, inner : int
        Folds of the nested cross-validation.
    choices : tuple of Shape
        Hyperparameters the inner folds choose from, the simplest first; `rounds` is the most they may use. The first to
        which no later one adds is taken.
    inner_patients : int
        The inner folds choose on at most this many patients.
    resampled : int
        Boosters of resampled patients kept for the spread.
    resampled_rounds : int
        Their trees.
    nadir_rounds : int
        Trees of each nadir quantile.
    level : float
        Coverage of the conformal sets and of the outer nadir quantiles.
    seed : int
    threads : int
        One by default: on shared machines threads that wait for each other cost more than they bring.
    """

    outer: int = 5
    inner: int = 3
    choices: tuple[Shape, ...] = (
        SMOOTH,
        Shape(1, 0.10, 5.0, 2.0, 600),
        Shape(2, 0.10, 5.0, 2.0, 500),
        Shape(3, 0.08, 10.0, 2.0, 500),
    )
    inner_patients: int = 4000
    resampled: int = 20
    resampled_rounds: int = 150
    nadir_rounds: int = 120
    nadir_levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    level: float = 0.9
    seed: int = 20261
    threads: int = 1


def grouped_folds(group: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold number of each row; rows of one group share a fold.

    Examples
    --------
    >>> f = grouped_folds(np.array([0, 0, 1, 1, 2, 3]), 2, 1)
    >>> bool(f[0] == f[1] and f[2] == f[3])
    True
    """
    groups = np.unique(group)
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = np.empty(len(groups), dtype=np.int64)
    fold_of[order] = np.arange(len(groups)) % folds
    return fold_of[np.searchsorted(groups, group)]


def monotone(schema: tuple[Feature, ...], sign: int = 1) -> str:
    """The constraints of the schema as XGBoost writes them; `sign` -1 for an outcome that falls with risk."""
    return "(" + ",".join(str(sign * f.monotone) for f in schema) + ")"
