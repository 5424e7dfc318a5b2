"""Who owns the loss and who owns the spread.

Loss: the fall of the count at the nadir of the median patient is shared between the pools, the
unexplained loss and chemotherapy by the Shapley value: each contributor's share is the drop that
vanishes when it is spared, averaged over every order of sparing one after another. The shares sum
to one exactly. (Leave-one-out drops alone do not: a cell killed in the spleen cannot be killed
again in a node. When each contributor is small, the two agree.)

Spread: the rank-transformed nadir is regressed on the deviates of all random dimensions; a
dimension owns coefficient x covariance (the Pratt share of R^2), the rest is interaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import comb

import numpy as np
from numpy.typing import NDArray

from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.drugs import chemo_parameter
from lymphorisk.lymphocyte.observation import OBSERVED_BY
from lymphorisk.lymphocyte.pools import POOL_OF, POOLS
from lymphorisk.lymphocyte.population import Draws, Population, draw
from lymphorisk.lymphocyte.realisation import (
    PATIENT_DIMENSIONS,
    Realisation,
    effectiveness_parameter,
    has_absorbed,
    losses,
    marrow_parameter,
    pool_log_kill,
    realise,
    unexplained,
)

#: Dimensions that only a course with steroids can feel.
STEROID_BY = {
    "patient.steroid", "spread.steroid", "steroid.loss_rate", "steroid.half_dose", "steroid.share",
}  # fmt: skip
#: Keeps the regression regular when there are hardly more draws than dimensions; shares move by less than 1e-6.
RIDGE = 1e-6


def loss_shares(course: Course, people: Population, age_y: float | None, seed: int, day: float) -> dict[str, float]:
    """Share of the lymphocytes lost at `day` [d] owed to each pool, ``unexplained``, ``chemo`` and ``steroid``.

    Empty when nothing is lost.
    """
    median = draw(people, 1, seed, PATIENT_DIMENSIONS, vary=())
    whole = realise(course, median, people, age_y)
    tables = _log_kill_by_contributor(course, median, people, whole)
    names = list(tables)
    lost = losses(course, median)
    sources = [name for name, rates in lost.by.items() if any(map(np.any, rates))]
    members = (np.arange(2 ** len(names))[:, None] >> np.arange(len(names))) & 1
    taken = [[s for i, s in enumerate(sources) if which >> i & 1] for which in range(2 ** len(sources))]
    loss = np.concatenate([_loss(whole, tables, members, day, lost.total(of)) for of in taken])
    players = names + sources
    if not loss[-1] > 0:
        return {}
    return dict(zip(players, (shapley(loss) / loss[-1]).tolist(), strict=True))


def shapley(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley value of each of m players, shape (m,).

    Parameters
    ----------
    value : ndarray, shape (2**m,)
        Value of every coalition; bit i of the index says whether player i is in it.

    Examples
    --------
    >>> shapley(np.array([0.0, 1.0, 2.0, 4.0])).tolist()
    [1.5, 2.5]
    """
    m = int(np.log2(len(value)))
    index = np.arange(len(value))
    size = np.array([int(i).bit_count() for i in index])
    weight = np.array([1.0 / (m * comb(m - 1, k)) for k in range(m)])
    out = np.empty(m)
    for i in range(m):
        without = index[(index >> i) & 1 == 0]
        out[i] = weight[size[without]] @ (value[without | (1 << i)] - value[without])
    return out


def _log_kill_by_contributor(
    course: Course, median: Draws, people: Population, whole: Realisation
) -> dict[str, NDArray[np.float64]]:
    """-ln(1-K) of shape (subsets, kinds, compartments) for each contributor that kills at all."""
    shape, kinds = (len(whole.subsets), *whole.subsets[0].kill.shape[1:]), len(course.phases)
    out: dict[str, NDArray[np.float64]] = {}
    # (phases, subsets, pools)
    by_pool = np.array([pool_log_kill(phase, median, people) for phase in course.phases])[:, :, 0]
    for i, pool in enumerate(POOLS):
        out[pool] = np.zeros(shape)
        for k in range(kinds):
            out[pool][:, k, i == POOL_OF] = by_pool[k, :, i, None]
    out["unexplained"] = np.zeros(shape)
    for k, phase in enumerate(course.phases):
        out["unexplained"][:, k] = np.array(unexplained(phase, median))
    return {name: table for name, table in out.items() if table.any()}


def _loss(
    whole: Realisation,
    tables: Mapping[str, NDArray[np.float64]],
    members: NDArray[np.intp],
    day: float,
    rates: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64]:
    log_kill = np.zeros((len(members), len(whole.subsets), *whole.subsets[0].kill.shape[1:]))
    for i, table in enumerate(tables.values()):
        log_kill += members[:, i, None, None, None] * table
    subsets = tuple(
        replace(s, kill=-np.expm1(-log_kill[:, i]), loss_rate=rate)
        for i, (s, rate) in enumerate(zip(whole.subsets, rates, strict=True))
    )
    return 1.0 - replace(whole, subsets=subsets).ratio(np.array([day]))[:, 0]


def dimensions_met(course: Course, draws: Draws, age_known: bool, baseline_known: bool) -> tuple[str, ...]:
    """Random dimensions this course can feel; the others would only add noise to the shares."""
    chemo = chemo_parameter(course.chemo, course.drugs)
    idle = {"body.lymphocytes", *OBSERVED_BY}
    if age_known:
        idle |= {"thymus.default_age", "patient.age"}
    else:
        idle.add("thymus.default_age")
    if baseline_known:
        idle.add("patient.baseline")
    if chemo is None:
        idle |= {"patient.chemo", "spread.chemo"}
    idle |= STEROID_BY - _steroid_felt(course)
    felt = {effectiveness_parameter(phase) for phase in course.phases}
    felt |= {marrow_parameter(phase.low_rate.marrow_method) for phase in course.phases if phase.low_rate is not None}
    idle |= {name for name in draws.z if name.startswith(("rbe.", "marrow.")) and name not in felt}
    if all(phase.low_rate is not None for phase in course.phases):
        idle |= {name for name in draws.z if name.startswith("unexplained.")}
    idle |= {name for name in draws.z if name.startswith("chemo.") and name != chemo}
    idle |= {f"patient.surrogate.{pool}" for pool in POOLS if pool not in course.surrogates}
    return tuple(name for name, z in draws.z.items() if name not in idle and np.ptp(z) > 0)


def _steroid_felt(course: Course) -> set[str]:
    """Dimensions of steroids that a course can feel."""
    if course.steroid == "usual":
        return STEROID_BY - {"steroid.share"}
    if course.steroid == "not known":
        return STEROID_BY
    felt = course.steroid != "as fitted" and (course.steroid or has_absorbed(course))
    return {"steroid.loss_rate", "steroid.half_dose"} if felt else set()


def spread_shares(draws: Draws, nadir: NDArray[np.float64], names: Sequence[str]) -> dict[str, float]:
    """Share of the spread of the nadir each of the random dimensions `names` owns, largest first.

    ``interaction`` closes the sum to one: what ranks do not add up to, and chance.
    """
    if not names or not np.ptp(nadir) > 0:
        return {}
    x = np.stack([draws.z[name] for name in names], axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    rank = np.argsort(np.argsort(nadir, kind="stable"), kind="stable").astype(np.float64)
    y = (rank - rank.mean()) / rank.std()
    covariance, with_y = x.T @ x / len(y), x.T @ y / len(y)
    shares = np.linalg.solve(covariance + RIDGE * np.eye(len(names)), with_y) * with_y
    found = sorted(zip(names, shares.tolist(), strict=True), key=lambda pair: -pair[1])
    return {**dict(found), "interaction": 1.0 - float(shares.sum())}
