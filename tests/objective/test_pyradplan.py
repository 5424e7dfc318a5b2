"""The loss inside pyRadPlan's optimisation, where pyRadPlan is installed (it wants an older numpy)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.loaded import module_at

pyradplan = pytest.importorskip("pyRadPlan")
#: pyRadPlan divides by zero along its axes and asks for a GPU.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

BUILD = Path(__file__).parents[2] / "fixtures" / "pyradplan" / "build.py"


def test_the_loss_falls_inside_pyradplans_optimisation() -> None:
    from lymphorisk.errors import ScenarioError, UnsupportedDoseError
    from lymphorisk.objective import LymphocyteLoss
    from lymphorisk.objective.pyradplan import lymphocyte_objective

    build = module_at("build", BUILD)
    build.GRID_MM, build.SPOTS_MM = 12.0, 16.0
    case = replace(build.CASES["abdomen_photon"], gantry=(0.0, 120.0, 240.0))
    made = build.phantom_of(case)
    ct, cst, stf, plan, dij, fluence = build.planned(made, case)
    matrix = dij.physical_dose.flat[0]
    dose = np.asarray(matrix @ fluence).reshape(made.grid.shape)
    masks = {}
    for name in ("Body", "Spleen", "Bowel_Small", "Liver"):
        inside = np.zeros(dose.size, dtype=bool)
        inside[made.grid.owned[name]] = True
        masks[name] = inside.reshape(made.grid.shape)
    origin = [float(a[0]) for a in (made.grid.x_mm, made.grid.y_mm, made.grid.z_mm)]
    loss = LymphocyteLoss.from_arrays(dose, [12.0] * 3, origin, masks, fractions=28)
    with pytest.raises(ScenarioError, match="costs nothing"):
        lymphocyte_objective(LymphocyteLoss.from_arrays(0 * dose, [12.0] * 3, origin, masks, fractions=28))
    elsewhere = LymphocyteLoss.from_arrays(dose, [11.0] * 3, origin, masks, fractions=28)
    (body,) = [v for v in cst.vois if v.name == "Body"]
    given = list(body.objectives)
    plan.prop_opt = {"solver": "scipy", "apply_overlap": False}
    body.objectives = [*given, lymphocyte_objective(elsewhere)]
    with pytest.raises(UnsupportedDoseError, match="another"):
        pyradplan.fluence_optimization(ct, cst, stf, dij, plan)
    made_of = lymphocyte_objective(loss, priority=3e5)
    body.objectives = [*given, made_of]
    plan.prop_opt = {"solver": "scipy"}
    with pytest.raises(ScenarioError, match="of the cost") as refused:
        pyradplan.fluence_optimization(ct, cst, stf, dij, plan)
    assert "apply_overlap" in str(refused.value.hint)
    plan.prop_opt = {"solver": "scipy", "apply_overlap": False}
    spared = pyradplan.fluence_optimization(ct, cst, stf, dij, plan)
    after = np.asarray(matrix @ spared).reshape(made.grid.shape)
    assert loss.value(after) < loss.value(dose) - 0.02

    used = next(o for o in body.objectives if o.name == "Lymphocytes")
    values = dose[masks["Body"]]
    outside = np.where(masks["Body"], dose, loss.dose[0])
    assert used.compute_objective(values) == pytest.approx(loss.value(outside), rel=1e-12)
    along = np.random.default_rng(1).uniform(0.0, 1.0, values.shape)
    step = 1e-3
    ends = [used.compute_objective(values + sign * step * along) for sign in (1, -1)]
    assert used.compute_gradient(values) @ along == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)
