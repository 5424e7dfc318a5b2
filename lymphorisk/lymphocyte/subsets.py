"""CD4, CD8, B and NK cells beside the total: a research output.

The forecast has two populations, sensitive cells that come back over years and resistant ones that come back within
weeks (`realisation`). A measured subset i is a mixture of both: of its cells at baseline the share w_i is sensitive,

    count_i(t) = ALC_0 f_i (w_i R_sensitive(t) + (1 - w_i) R_resistant(t))

f_i is its share of all lymphocytes before treatment, the patient's or a typical one, R the counts of the populations
over their baselines. The w_i are prior beliefs from studies of subsets, which contradict each other; they are moved
together, on the logit scale, until sum f_i w_i is the share of sensitive cells of the draw, so that the subsets, with
what belongs to none of them, add up to the total on every day.

B cells fit neither population: most sensitive, yet first back. Their fall is forecast, their return comes too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.ensemble import daily
from lymphorisk.lymphocyte.population import Draws, Population, draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise, shares_of
from lymphorisk.lymphocyte.summary import Nadir, nadir_of, quantiles
from lymphorisk.plan.frame import read_only
from lymphorisk.plan.subsets import SUBSETS

Real = NDArray[np.float64]
#: Draws: enough for a 90 % band of a research output, an eighth of the forecast's cost.
DRAWS = 128
#: How far a forecast looks, and the days between values it is reported at. [d]
HORIZON_D = 365.0
WEEK_D = 7
BAND = {"p05": 0.05, "median": 0.5, "p95": 0.95}
#: What belongs to none of the subsets named: its mixture is that of the total.
REST = "rest"
#: A share of sensitive cells, or of a subset, is kept off 0 and 1 by this, so that logits stay finite.
INSIDE = 1e-6
#: Halvings of the interval in which the common move of the logits lies, and its ends: no prior is farther out.
HALVINGS = 50
FARTHEST = 30.0
#: The subsets leave at least this share of the lymphocytes to the rest.
REST_MIN = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class SubsetForecast:
    """One subset.

    Attributes
    ----------
    name : str
        One of `SUBSETS`.
    known : bool
        Whether its share is the patient's; otherwise a typical patient's.
    share : float
        Median share of all lymphocytes before treatment. [1]
    sensitive : tuple of float
        5th, 50th and 95th percentile of the share of its cells in the sensitive population.
    day : ndarray, shape (t,)
        [d]
    bands : mapping of str to ndarray, each of shape (t,)
        ``p05``, ``median``, ``p95``. [10^9/L]
    nadir : Nadir
    """

    name: str
    known: bool
    share: float
    sensitive: tuple[float, float, float]
    day: Real
    bands: Mapping[str, Real]
    nadir: Nadir

    def to_dict(self) -> dict[str, Any]:
        """As plain data, a value a week."""
        weekly = slice(None, None, WEEK_D)
        return {
            "share": self.share,
            "share_of": "the patient" if self.known else "a typical patient",
            "sensitive": dict(zip(BAND, self.sensitive, strict=True)),
            "day": self.day[weekly].tolist(),
            **{name: band[weekly].tolist() for name, band in self.bands.items()},
            "nadir": {name: getattr(self.nadir, name) for name in BAND} | {"day": self.nadir.usual_day},
        }


def membership(share: Real, prior: Real, sensitive: Real) -> Real:
    """Share of each group of cells in the sensitive population, shape (n, g).

    The prior shares, moved by one step on the logit scale until the groups together hold the sensitive cells.

    Parameters
    ----------
    share : ndarray, shape (n, g)
        Share of each group of all lymphocytes; rows sum to 1.
    prior : ndarray, shape (n, g)
    sensitive : ndarray, shape (n,)
        Share of the sensitive cells of all.

    Examples
    --------
    >>> w = membership(np.array([[0.4, 0.6]]), np.array([[0.8, 0.3]]), np.array([0.5]))
    >>> bool(abs(w[0] @ [0.4, 0.6] - 0.5) < 1e-9), bool(w[0, 0] > w[0, 1])
    (True, True)
    """
    from scipy.special import expit, logit

    start = logit(np.clip(prior, INSIDE, 1.0 - INSIDE))
    wanted = np.clip(sensitive, INSIDE, 1.0 - INSIDE)
    low, high = np.full(len(share), -FARTHEST), np.full(len(share), FARTHEST)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        short = np.sum(share * expit(start + middle[:, None]), axis=1) < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray(expit(start + (0.5 * (low + high))[:, None]))


def subset_forecasts(
    course: Course,
    baseline_alc: float,
    people: Population,
    beliefs: Population,
    *,
    given: Mapping[str, float] | None = None,
    age_y: float | None = None,
    seed: int = 1,
    draws: int = DRAWS,
    horizon_d: float = HORIZON_D,
) -> tuple[SubsetForecast, ...]:
    """Forecast of each of `SUBSETS`.

    Parameters
    ----------
    course, baseline_alc, people, age_y, seed, draws, horizon_d
        As for `ensemble.forecast`.
    beliefs : Population
        ``share.NAME`` and ``sensitive.NAME`` with their ranges, of the topic ``subsets``.
    given : mapping of str to float, optional
        The patient's own shares of all lymphocytes. [1]

    Raises
    ------
    ScenarioError
        Shares that leave nothing.
    """
    given = given or {}
    drawn = draw(people, draws, seed, PATIENT_DIMENSIONS)
    own = draw(beliefs, draws, seed, ())
    share = _shares(own, given)
    prior = np.stack([own.values[f"sensitive.{name}"] for name in (*SUBSETS, REST)], axis=1)
    sensitive_share, _ = shares_of(drawn)
    member = membership(share, prior, sensitive_share)
    day = daily(horizon_d)
    sensitive, resistant = realise(course, drawn, people, age_y).each_ratio(day)
    level = np.full(draws, 1.0 / draws)
    out = []
    for i, name in enumerate(SUBSETS):
        w = member[:, i, None]
        counts = baseline_alc * share[:, i, None] * (w * sensitive + (1.0 - w) * resistant)
        found = quantiles(counts, level, np.array(list(BAND.values())))
        low, middle, high = np.quantile(member[:, i], list(BAND.values()))
        out.append(
            SubsetForecast(
                name,
                name in given,
                float(np.median(share[:, i])),
                (float(low), float(middle), float(high)),
                read_only(day),
                dict(zip(BAND, found, strict=True)),
                nadir_of(day, counts, level),
            )
        )
    return tuple(out)


def _shares(own: Draws, given: Mapping[str, float]) -> Real:
    """Shares of the subsets and of the rest, shape (n, 5): the patient's as told, the others typical, made to fit."""
    told = sum(given.values())
    if told > 1.0 - REST_MIN * (len(given) < len(SUBSETS)):
        raise ScenarioError(f"the subsets' shares sum to {100 * told:g} % of the lymphocytes", "give per cent of all")
    columns = [np.full(own.size, given[n]) if n in given else own.values[f"share.{n}"] for n in SUBSETS]
    typical = np.stack(columns, axis=1)
    free = np.array([name not in given for name in SUBSETS])
    room = max(1.0 - REST_MIN - told, 0.0)
    rest = typical[:, free].sum(axis=1)
    typical[:, free] *= np.minimum(1.0, room / np.maximum(rest, INSIDE))[:, None]
    left = np.maximum(1.0 - typical.sum(axis=1), 0.0)
    return np.concatenate([typical, left[:, None]], axis=1)
