"""Goals that spare lymphocytes as a protocol, for planning systems and for the gate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lymphorisk.objective.goals import Goal
from lymphorisk.qa.protocol import Limit, Line, Protocol

#: Goals are written to a hundredth of a gray. [Gy]
WRITTEN = 0.01


def protocol_of(goals: Sequence[Goal], less: float, rois: Mapping[str, str] | None = None) -> Protocol:
    """A line a goal: below the goal it is met, up to what the plan has it is a variation; none stops the gate.

    Parameters
    ----------
    goals : sequence of Goal
    less : float
        Share of the plan's gEUD that they ask to take away.
    rois : mapping of str to str, optional
        ROI name by organ, for systems that do not know TG-263 names.

    Returns
    -------
    Protocol
        The note of each line states the error of the fit, so that a ClearPlan sheet carries it too.
    """
    return Protocol(
        name=f"Lymphocytes: gEUD of this plan less {100 * less:g} %",
        note="Fitted to one plan: gEUD stands for the loss of lymphocytes in an organ. Nobody has shown who benefits.",
        lines=tuple(_line(goal, str(number), (rois or {}).get(goal.organ, "")) for number, goal in enumerate(goals, 1)),
    )


def _line(goal: Goal, priority: str, roi: str) -> Line:
    return Line(
        metric=f"EUD(a={goal.a:g})[Gy]",
        structure=goal.organ,
        aliases=(roi,) if roi and roi != goal.organ else (),
        goal=Limit("<=", _written(goal.limit_gy)),
        variation=Limit("<=", _written(goal.plan_gy)),
        required=False,
        priority=priority,
        endpoint="lymphocytes lost",
        note=f"fit of the loss: gEUD off by {goal.error:.1%}, mean dose by {goal.error_of_mean:.1%}",
        source="fitted to this plan by lymphorisk",
    )


def _written(gy: float) -> float:
    """Rounded up, so that the plan itself lies within. [Gy]"""
    return round(math.ceil(gy / WRITTEN) * WRITTEN, 2)
