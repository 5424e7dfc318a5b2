"""Draws of the model's parameters and of patients, kept apart.

Two kinds of spread, two groups of random dimensions:

- what is not known about the mean patient: every parameter with a range, or the posterior of
  the calibration for those it moved;
- how patients differ: sensitivity, speed of recovery, and a surrogate's distance from the truth.

A range [low, high] is read as the central 90 % of a split log-normal around the value. Each
dimension is a Latin hypercube column seeded by its own name, so two forecasts with the same seed
share their draws whatever else differs between them: differences are paired.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.errors import ParameterError
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.survival import survival_named

#: Standard normal deviate of the ends of a central 90 % range.
Z_90 = 1.6448536269514722
#: Draws are cut here, so that no draw lies absurdly far outside its stated range.
Z_MAX = 2.5


class Ranged(Protocol):
    """Anything with a value and an optional range: a `parameters.Parameter` is one."""

    @property
    def number(self) -> float:
        """The value."""
        ...

    @property
    def low(self) -> float | None:
        """Lower end of the range; None when it does not vary."""
        ...

    @property
    def high(self) -> float | None:
        """Upper end of the range; None when it does not vary."""
        ...


class JointDraws(Protocol):
    """Anything that carries joint draws: what the parameter store read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that the draws move."""
        ...

    @property
    def z(self) -> NDArray[np.float64]:
        """Standard-normal deviates of their ranges, shape (draws, names)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Numbers of the topic ``lymphocyte`` with their ranges, the posterior where there is one, and the
    survival the kill is computed with: a named set, or a form of the caller's own."""

    value: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    posterior: JointDraws | None = None
    survival: str | SurvivalForm = "combined"


def population(
    table: Mapping[str, Ranged], posterior: JointDraws | None = None, survival: str | SurvivalForm = "combined"
) -> Population:
    """A population from ranged numbers, such as ``parameters.load("lymphocyte")``.

    Parameters
    ----------
    table : mapping of str to Ranged
        Value and range of every parameter by name.
    posterior : JointDraws, optional
        Joint draws of the calibration; they belong to the ``combined`` set.
    survival : str or SurvivalForm
        One of `survival.SURVIVAL_SETS`, or a form of one's own.
    """
    if isinstance(survival, str):
        survival = survival_named(survival)
    value = {name: p.number for name, p in table.items()}
    low = {name: p.number if p.low is None else p.low for name, p in table.items()}
    high = {name: p.number if p.high is None else p.high for name, p in table.items()}
    for name in value:
        if not low[name] <= value[name] <= high[name] or (low[name] < high[name] and low[name] <= 0):
            raise ParameterError(f"parameter {name}: {value[name]:g} with range {low[name]:g} to {high[name]:g}")
    if posterior is not None and (unknown := set(posterior.names) - set(value)):
        raise ParameterError(f"the posterior moves {sorted(unknown)[0]!r}, which is not a parameter")
    return Population(FrozenDict(value), FrozenDict(low), FrozenDict(high), posterior, survival)


def uniforms(seed: int, name: str, draws: int) -> NDArray[np.float64]:
    """One Latin hypercube column in (0, 1), shape (draws,)."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return np.asarray((rng.permutation(draws) + rng.random(draws)) / draws, dtype=np.float64)


def normals(seed: int, name: str, draws: int) -> NDArray[np.float64]:
    """One column of standard normal deviates, cut at `Z_MAX`."""
    from scipy.special import ndtri

    return np.asarray(np.clip(ndtri(uniforms(seed, name, draws)), -Z_MAX, Z_MAX), dtype=np.float64)


def in_range(z: NDArray[np.float64], value: float, low: float, high: float) -> NDArray[np.float64]:
    """Split log-normal: median `value`, 5th and 95th percentile `low` and `high`.

    Examples
    --------
    >>> in_range(np.array([-Z_90, 0.0, Z_90]), 2.0, 1.0, 3.0).round(6).tolist()
    [1.0, 2.0, 3.0]
    """
    below = np.log(value / low) / Z_90
    above = np.log(high / value) / Z_90
    return np.asarray(value * np.exp(z * np.where(z < 0, below, above)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Parameter values and their deviates of n draws, and which deviates are the patient's.

    Attributes
    ----------
    values : mapping of str to ndarray, each of shape (n,)
        Value of every parameter.
    z : mapping of str to ndarray, each of shape (n,)
        Deviates of everything that varies, patients' dimensions under ``patient.*``.
    """

    values: Mapping[str, NDArray[np.float64]]
    z: Mapping[str, NDArray[np.float64]]

    def patient(self, name: str, sd_ln: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-normal factor of the patient's dimension `name`, shape (n,)."""
        return np.exp(sd_ln * self.z[f"patient.{name}"])

    @property
    def size(self) -> int:
        """Number of draws."""
        return len(next(iter(self.values.values())))


def draw(
    people: Population,
    draws: int,
    seed: int,
    patient: Iterable[str],
    *,
    vary: Sequence[str] = ("parameters", "patients"),
) -> Draws:
    """Draws of everything.

    Parameters
    ----------
    people : Population
        Values and ranges.
    draws : int
        Number of draws.
    seed : int
        Same seed, same draws.
    patient : iterable of str
        Names of the patients' dimensions.
    vary : sequence of str
        Which of ``parameters`` and ``patients`` vary; the rest stays at its median.
    """
    if draws < 1:
        raise ParameterError(f"an ensemble has at least one draw, not {draws}")
    z: dict[str, NDArray[np.float64]] = {}
    moved: dict[str, NDArray[np.float64]] = {}
    still = np.zeros(draws)
    if people.posterior is not None:
        if "parameters" in vary:
            pick = (uniforms(seed, "posterior", draws) * len(people.posterior.z)).astype(np.intp)
            moved = dict(zip(people.posterior.names, people.posterior.z[pick].T, strict=True))
        else:
            middle = np.median(people.posterior.z, axis=0)
            moved = {n: np.full(draws, m) for n, m in zip(people.posterior.names, middle, strict=True)}
    values: dict[str, NDArray[np.float64]] = {}
    for name, value in people.value.items():
        low, high = people.low[name], people.high[name]
        if not low < high:
            values[name] = np.full(draws, value)
            continue
        z[name] = moved[name] if name in moved else normals(seed, name, draws) if "parameters" in vary else still
        values[name] = in_range(z[name], value, low, high)
    for name in patient:
        key = f"patient.{name}"
        z[key] = normals(seed, key, draws) if "patients" in vary else still
    return Draws(FrozenDict(values), FrozenDict(z))
