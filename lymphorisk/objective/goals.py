"""Goals for planning systems that take no code: for each drawn organ of a pool, a gEUD that stands for its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh import DVH
from lymphorisk.dvh.metrics import eud
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import POOLS

if TYPE_CHECKING:
    from lymphorisk.objective.loss import LymphocyteLoss

Real = NDArray[np.float64]
#: Exponents tried: below 1 the cold part counts, as it does where cells die at low dose.
EXPONENTS = np.round(np.geomspace(0.1, 4.0, 60), 2)
#: Doses the fit is held to: the plan's distribution times these, and cut at these quantiles of it.
SCALES = (0.5, 0.75, 1.0, 1.25)
CUTS = (0.5, 0.75, 0.9)
#: Steps of the equivalent uniform dose.
STEPS = 2000
#: Organs of less mean dose are not worth a goal. [Gy]
LEAST_GY = 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """A generalised equivalent uniform dose in place of the loss of one organ.

    Attributes
    ----------
    organ : str
        TG-263 name.
    a : float
        Exponent of gEUD = (mean d^a)^(1/a).
    plan_gy, limit_gy : float
        gEUD of the organ's curve in the plan, and the goal. [Gy]
    error : float
        Root mean square of gEUD over the uniform dose of the same loss, less 1, over the distributions of the fit.
    error_of_mean : float
        The same with the mean dose (a = 1).
    gain : float
        What the loss falls by when the organ's dose is scaled down to the goal and all else stays.
    """

    organ: str
    a: float
    plan_gy: float
    limit_gy: float
    error: float
    error_of_mean: float
    gain: float


def goals_of(loss: LymphocyteLoss, less: float) -> tuple[Goal, ...]:
    """Goals for the drawn organs of the pools, the one of the largest loss first.

    Parameters
    ----------
    loss : LymphocyteLoss
    less : float
        Share of the plan's gEUD that the goal asks to take away.

    Raises
    ------
    ScenarioError
        A course of several phases, or no organ of a pool is drawn.
    """
    one_distribution(len(loss.parts))
    (state,) = loss.states(loss.by_phase(loss.dose))
    _, by_log = loss.typical.gradient(loss.log_kill(loss.dose))
    first = by_log[:, 0] / (1.0 - state.killed)
    out = []
    for pool, parts in loss.plan.doses.pool_parts.items():
        for part in parts:
            if part.organ not in loss.plan.doses.regions:
                continue
            cells = loss.parts[0].held.drawn(part.organ)
            share, dose = cells.share, cells.doses(loss.parts[0].held.dose) / loss.parts[0].held.per_fraction
            if float(share @ dose) < LEAST_GY:
                continue
            weight = first[:, POOLS.index(pool)]
            cost, made = _fitted(loss, share, dose, weight, less, part.organ)
            out.append((part.share * cost, made))
    if not out:
        raise ScenarioError(
            f"no organ of a lymphocyte pool is drawn and gets {LEAST_GY} Gy", "contour spleen, bowel, marrow or nodes"
        )
    return tuple(goal for _, goal in sorted(out, key=lambda pair: -pair[0]))


def one_distribution(phases: int) -> None:
    """Refuse a course of several phases.

    Raises
    ------
    ScenarioError
        There are several.
    """
    if phases > 1:
        raise ScenarioError("the doses of several phases are not one distribution", "ask for one plan with --plan")


def geud(share: Real, dose: Real, a: float) -> float:
    """Generalised equivalent uniform dose. [Gy]"""
    return float((share @ dose**a) ** (1.0 / a))


def _fitted(loss: LymphocyteLoss, share: Real, dose: Real, weight: Real, less: float, organ: str) -> tuple[float, Goal]:
    forms, per_fraction = loss.typical.forms[0], loss.parts[0].held.per_fraction

    def cost(gy: Real) -> Real:
        killed = [w * (1.0 - form(gy * per_fraction)) for w, form in zip(weight, forms, strict=True)]
        return np.asarray(np.sum(killed, axis=0))

    uniform = np.linspace(0.0, max(SCALES) * float(dose.max()), STEPS)
    known = cost(uniform)
    tops = [float(np.quantile(dose, q)) for q in CUTS]
    tried = [s * dose for s in SCALES] + [np.minimum(dose, top) for top in tops]
    same = np.array([np.interp(float(share @ cost(d)), known, uniform) for d in tried])
    off = {a: _off(np.array([geud(share, d, a) for d in tried]), same) for a in (*EXPONENTS.tolist(), 1.0)}
    a = min(off, key=lambda e: off[e])
    (curve,) = loss.plan.curves.of_course([loss.plan.doses.regions[organ]])
    there = eud(curve, a) if isinstance(curve, DVH) else geud(share, dose, a)
    gain = loss.value(loss.dose) - loss.value(_scaled(loss, organ, 1.0 - less))
    return float(share @ cost(dose)), Goal(organ, a, there, (1.0 - less) * there, off[a], off[1.0], gain)


def _scaled(loss: LymphocyteLoss, organ: str, factor: float) -> Real:
    """Dose of the plan with that of one organ times a factor, shape (nz, ny, nx). [Gy]"""
    (grid,), (dose,) = loss.grids, loss.dose
    inside = voxel_volumes(loss.plan.doses.regions[organ], grid) / grid.frame.cell_volumes_cm3()
    return np.asarray(dose * (1.0 - (1.0 - factor) * inside))


def _off(found: Real, wanted: Real) -> float:
    kept = wanted > 0.0
    return float(np.sqrt(np.mean((found[kept] / wanted[kept] - 1.0) ** 2))) if kept.any() else 0.0
