"""The loss is the model of `analyze`, and its derivative is the derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lymphorisk import Options, Patient
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import MissingOrganError, ScenarioError, StructureError, UnsupportedDoseError
from lymphorisk.lymphocyte.ensemble import daily
from lymphorisk.objective import LymphocyteLoss
from lymphorisk.plan.words import Modality

Plans = Callable[[str], Prepared]
Losses = Callable[[str], LymphocyteLoss]
Counts = Callable[[Prepared, np.ndarray], np.ndarray]

#: Count of the typical patient against that of `analyze`: voxels by their centres against the exact DVH engine.
AGREES = 5e-3
#: Gradient against central differences, relative to the derivative along the direction.
DIFFERENCES = 1e-4
#: Plans of every kind; those of long beams are slow.
KINDS = [
    "pancreas",
    pytest.param("esophagus_proton", marks=pytest.mark.slow),
    pytest.param("two_phase", marks=pytest.mark.slow),
    pytest.param("breast_tangents", marks=pytest.mark.slow),
    pytest.param("brain", marks=pytest.mark.slow),
    pytest.param("tbi", marks=pytest.mark.slow),
]


def along(loss: LymphocyteLoss, dose: list[np.ndarray], direction: list[np.ndarray]) -> tuple[float, float]:
    """Derivative along a direction: by the gradient, and by central differences."""
    gradient = loss.gradient(dose)
    step = 1e-3 * max(float(d.max()) for d in dose) / max(float(np.abs(v).max()) for v in direction)
    up, down = (loss.value([d + s * step * v for d, v in zip(dose, direction, strict=True)]) for s in (1, -1))
    exact = sum(float((g * v).sum()) for g, v in zip(gradient, direction, strict=True))
    return exact, (up - down) / (2 * step)


@pytest.mark.parametrize("name", KINDS)
def test_the_plans_own_dose_costs_what_analyze_says(
    plan_of: Plans, loss_of: Losses, counts_of: Counts, name: str
) -> None:
    plan, loss = plan_of(name), loss_of(name)
    counts = counts_of(plan, daily(loss.typical.horizon_d))
    assert np.exp(-loss.value(loss.dose)) == pytest.approx(counts.min(), rel=AGREES)
    assert loss.typical.nadir_day(loss.log_kill(loss.dose)) == pytest.approx(counts.argmin(), abs=1)


def test_the_share_lost_on_a_day(plan_of: Plans, counts_of: Counts) -> None:
    plan = plan_of("pancreas")
    loss = LymphocyteLoss(plan, aim="lost", day=40.5)
    assert loss.value(loss.dose) == pytest.approx(1.0 - counts_of(plan, np.array([40.5]))[0], rel=AGREES)


@pytest.mark.parametrize("modality", ["electron", "proton", "ion"])
def test_beams_of_another_kind_cost_what_analyze_says(counts_of: Counts, modality: Modality) -> None:
    dose = np.full((6, 8, 8), 12.0)
    spleen = np.zeros(dose.shape, bool)
    spleen[1:4, 2:5, 2:5] = True
    loss = LymphocyteLoss.from_arrays(
        dose, (8.0, 8.0, 8.0), (0.0, 0.0, 0.0), {"Spleen": spleen}, fractions=6, modality=modality
    )
    counts = counts_of(loss.plan, daily(loss.typical.horizon_d))
    assert np.exp(-loss.value(dose)) == pytest.approx(counts.min(), rel=AGREES)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("scale", [0.03, 1.0, 2.5])
def test_gradient_against_differences_over_random_directions(loss_of: Losses, name: str, scale: float) -> None:
    loss = loss_of(name)
    rng = np.random.default_rng(7)
    dose = [scale * d for d in loss.dose]
    for _ in range(1 if name == "tbi" else 2):
        direction = [d * rng.uniform(-1.0, 1.5, d.shape) for d in dose]
        exact, differences = along(loss, dose, direction)
        assert exact == pytest.approx(differences, rel=DIFFERENCES)


@pytest.mark.parametrize("organ", ["Spleen", "Bowel_Small", "BoneMarrow", "A_Aorta", "Body"])
def test_gradient_inside_one_organ(plan_of: Plans, loss_of: Losses, organ: str) -> None:
    plan, loss = plan_of("pancreas"), loss_of("pancreas")
    (dose,), (grid,) = loss.dose, loss.grids
    inside = voxel_volumes(plan.doses.regions[organ], grid)
    rng = np.random.default_rng(3)
    exact, differences = along(loss, [dose], [inside * rng.uniform(0.0, 1.0, inside.shape)])
    assert exact == pytest.approx(differences, rel=DIFFERENCES)
    assert exact > 0.0


def test_gradient_where_every_organ_is_placed(plan_of: Plans, counts_of: Counts) -> None:
    plan = plan_of("pancreas")
    kept = {"Body", "Kidneys", "Kidney_L", "Kidney_R"}
    loss = LymphocyteLoss(plan.without(tuple(n for n in plan.doses.regions if n not in kept)))
    assert loss.plan.doses.bodies is not None
    rng = np.random.default_rng(5)
    exact, differences = along(loss, list(loss.dose), [d * rng.uniform(-1.0, 1.5, d.shape) for d in loss.dose])
    assert exact == pytest.approx(differences, rel=DIFFERENCES)
    assert np.exp(-loss.value(loss.dose)) == pytest.approx(
        counts_of(loss.plan, daily(loss.typical.horizon_d)).min(), rel=AGREES
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [Options(survival="colony"), Options(network="28", stages=1, lanes=1)])
def test_gradient_of_other_survival_and_another_network(rtplans, counts_of: Counts, options: Options) -> None:
    loss = LymphocyteLoss(rtplans / "pancreas", Patient(sex="F", age_y=61, alc=1.4), options)
    rng = np.random.default_rng(5)
    exact, differences = along(loss, list(loss.dose), [d * rng.uniform(-1.0, 1.5, d.shape) for d in loss.dose])
    assert exact == pytest.approx(differences, rel=DIFFERENCES)
    assert np.exp(-loss.value(loss.dose)) == pytest.approx(
        counts_of(loss.plan, daily(loss.typical.horizon_d)).min(), rel=AGREES
    )


def test_more_dose_in_any_voxel_never_costs_less(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    for scale in (0.0, 0.1, 1.0, 3.0):
        (gradient,) = loss.gradient([scale * d for d in loss.dose])
        assert gradient.min() >= 0.0
        assert gradient.max() > 0.0


def test_no_dose_costs_what_lies_beyond_the_grid(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    nothing = loss.value([0.0 * d for d in loss.dose])
    assert 0.0 <= nothing < 0.1 * loss.value(loss.dose)


@pytest.mark.slow
def test_lanes_held_at_the_plan_lose_little_at_another_dose(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    (dose,) = loss.dose
    turned = dose[:, :, ::-1]
    there = loss.at(turned)
    rng = np.random.default_rng(1)
    for other in (turned, dose * rng.uniform(0.5, 1.5, dose.shape)):
        assert loss.value(other) == pytest.approx(loss.at(other).value(other), rel=0.02)
    assert there.value(turned) != loss.value(dose)


@pytest.mark.slow
def test_arrays_give_what_the_plan_gives(plan_of: Plans) -> None:
    plan = plan_of("pancreas")
    drawn = tuple(n for n in plan.doses.regions if n not in {"Body", "Spleen", "Bowel_Small", "Kidney_L", "Liver"})
    part = plan.source.plan.phases[0]
    assert part.dose is not None
    grid = part.dose
    cell = grid.frame.cell_volumes_cm3()
    masks = {
        name: np.clip(voxel_volumes(plan.doses.regions[name], grid) / cell, 0.0, 1.0)
        for name in ("Body", "Spleen", "Bowel_Small", "Kidney_L", "Liver")
    }
    spacing = [float(a[1] - a[0]) for a in (grid.x_mm, grid.y_mm, grid.z_mm)]
    origin = grid.origin_mm + np.array([grid.x_mm[0], grid.y_mm[0], grid.z_mm[0]])
    made = LymphocyteLoss.from_arrays(
        grid.dose_zyx, spacing, origin, masks, fractions=part.fractions,
        beam_on_s=[b.on_s for b in plan.flow.summaries[0].beams], patient=plan.patient,
    )  # fmt: skip
    expected = LymphocyteLoss(plan.without(drawn))
    assert made.value(grid.dose_zyx) == pytest.approx(expected.value(grid.dose_zyx), rel=0.02)
    exact, differences = along(made, [np.asarray(made.dose[0])], [np.asarray(made.dose[0])])
    assert exact == pytest.approx(differences, rel=DIFFERENCES)


def test_what_cannot_be_is_refused(loss_of: Losses, plan_of: Plans, rtplans) -> None:
    loss = loss_of("pancreas")
    (dose,) = loss.dose
    with pytest.raises(UnsupportedDoseError, match="voxels for a grid"):
        loss.value(dose[1:])
    with pytest.raises(UnsupportedDoseError, match="2 doses for 1 phases"):
        loss.value([dose, dose])
    with pytest.raises(UnsupportedDoseError, match="not numbers"):
        loss.value(np.where(dose == dose.max(), np.nan, dose))
    for aim, day in (("lost", None), ("nadir", 3.0), ("lost", -1.0), ("lowest", None)):
        with pytest.raises(ScenarioError):
            LymphocyteLoss(plan_of("pancreas"), aim=aim, day=day)
    with pytest.raises(ScenarioError, match="no voxels"):
        LymphocyteLoss(replace(plan_of("pancreas"), source=replace(plan_of("pancreas").source, given=({},))))
    nothing = np.zeros((4, 4, 4))
    with pytest.raises(StructureError, match="empty"):
        LymphocyteLoss.from_arrays(nothing, (5, 5, 5), (0, 0, 0), {"Spleen": nothing > 0}, fractions=5)
    with pytest.raises(MissingOrganError):
        LymphocyteLoss.from_arrays(nothing, (5, 5, 5), (0, 0, 0), {"Splean of mine": nothing == 0}, fractions=5)
    with pytest.raises(UnsupportedDoseError, match="no grid"):
        LymphocyteLoss.from_arrays(nothing[0], (5, 5, 5), (0, 0, 0), {}, fractions=5)


@pytest.mark.slow
def test_flat_doses_and_plans_without_files(plan_of: Plans, loss_of: Losses) -> None:
    plan, loss = plan_of("pancreas"), loss_of("pancreas")
    (dose,) = loss.dose
    assert loss.value(dose.reshape(-1)) == loss.value(dose) == loss.value([dose])
    same = LymphocyteLoss(plan.source.plan, plan.patient)
    assert same.value(dose) == pytest.approx(loss.value(dose), rel=1e-12)
