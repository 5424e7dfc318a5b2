"""The loss as an objective of pyRadPlan's fluence optimisation; how to install it: docs/objective.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lymphorisk.errors import ScenarioError, UnsupportedDoseError
from lymphorisk.plan.frame import SAME_POINT_MM

if TYPE_CHECKING:
    from lymphorisk.objective.loss import LymphocyteLoss

#: Share of the first-order cost that must lie in the voxels the objective is given: less is another objective.
LEAST_SEEN = 0.99


class _Kept:
    """What copies of an objective share."""

    def __init__(self, loss: LymphocyteLoss) -> None:
        (part,) = loss.plan.source.plan.phases
        self.loss, self.rbe = loss, part.rbe_in_dose
        self.index = np.arange(loss.grids[0].dose_zyx.size)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Kept:
        return self

    def dose(self, values: Any) -> np.ndarray:
        """The whole grid with these doses in the voxels of the structure; elsewhere the plan's. [Gy]"""
        dose = self.loss.dose[0].reshape(-1).copy()
        dose[self.index] = self.rbe * np.asarray(values, dtype=np.float64)
        return dose


def lymphocyte_objective(loss: LymphocyteLoss, *, priority: float = 1.0) -> Any:
    """An objective for the outermost structure of a pyRadPlan patient, on ``physical_dose``.

    Parameters
    ----------
    loss : LymphocyteLoss
        Of one phase, on pyRadPlan's dose grid.
    priority : float
        Its weight.

    Returns
    -------
    pyRadPlan.optimization.objectives.Objective

    Raises
    ------
    ScenarioError
        A course of several phases, or a dose that costs nothing. When the optimisation starts: the structure holds less
        than 99 % of the cost; it is not the whole body, or overlaps are taken out of it
        (``prop_opt={"apply_overlap": False}`` leaves them).
    UnsupportedDoseError
        When the optimisation starts: the loss lies on another grid.
    """
    from pydantic import PrivateAttr
    from pyRadPlan.optimization.objectives import Objective

    if len(loss.grids) != 1:
        raise ScenarioError("pyRadPlan optimises one plan, and the course has several", "build the loss from one")
    (reference,) = loss.gradient(loss.dose)
    cost = (reference * loss.dose[0]).reshape(-1)
    whole = float(cost.sum())
    if not whole > 0.0:
        raise ScenarioError("the loss is built from a dose that costs nothing", "build it from a dose of the plan")

    class LymphocyteObjective(Objective):  # type: ignore[misc]
        """Loss of lymphocytes, `lymphorisk.objective`."""

        name: str = "Lymphocytes"
        _kept: Any = PrivateAttr(default=None)

        def preprocess_image_reference_parameters(self, target_grid: Any, index_list: Any = None) -> None:
            """Learn which voxels the values will be of."""
            _on_grid(loss, target_grid)
            if index_list is not None:
                self._kept.index = np.sort(np.asarray(index_list).reshape(-1))  # values come in the order of the mask
            seen = float(cost[self._kept.index].sum()) / whole
            if seen < LEAST_SEEN:
                raise ScenarioError(
                    f"the structure of the objective holds {100 * seen:.0f} % of the cost",
                    'put it on the body, and let overlaps be: prop_opt={"apply_overlap": False}',
                )

        def compute_objective(self, values: Any) -> Any:
            """The loss."""
            return np.float64(self._kept.loss.value(self._kept.dose(values)))

        def compute_gradient(self, values: Any) -> Any:
            """Its derivative by the values."""
            (gradient,) = self._kept.loss.gradient(self._kept.dose(values))
            return self._kept.rbe * gradient.reshape(-1)[self._kept.index]

    made = LymphocyteObjective(priority=priority)
    made._kept = _Kept(loss)
    return made


def _on_grid(loss: LymphocyteLoss, grid: Any) -> None:
    """Refuse another grid."""
    (own,) = loss.grids
    axes = [own.origin_mm[n] + axis for n, axis in enumerate((own.x_mm, own.y_mm, own.z_mm))]
    theirs = [np.asarray(axis, dtype=np.float64) for axis in (grid.x, grid.y, grid.z)]
    same = all(len(a) == len(b) and np.allclose(a, b, atol=SAME_POINT_MM) for a, b in zip(axes, theirs, strict=True))
    if not same or not np.allclose(own.frame.directions, np.eye(3)):
        raise UnsupportedDoseError(
            f"the loss lies on a grid of {own.dose_zyx.shape}, pyRadPlan's dose on another",
            "build the loss from arrays on pyRadPlan's dose grid",
        )
