"""Dose outside the grid: falls with distance, knows protons, and meets the grid's edge half way."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.anatomy import Peripheral, Placed, dosed_body, field_of
from lymphorisk.anatomy.dosed import dose_at
from lymphorisk.anatomy.peripheral import anchored_ln, photon_share
from lymphorisk.plan import DoseGrid


def cube(edge_gy: float = 0.0, modality: str = "photon") -> DoseGrid:
    """50 Gy in a box of 10 cm in the middle of a grid of 30 cm; `edge_gy` elsewhere."""
    axis = np.arange(-150.0, 151.0, 10.0)
    inside = np.abs(axis) <= 50.0
    dose = np.full((31, 31, 31), edge_gy, dtype=np.float32)
    dose[np.ix_(inside, inside, inside)] = 50.0
    return DoseGrid(dose, np.zeros(3), np.eye(3), axis, axis.copy(), axis.copy())


def test_it_falls_with_distance_to_the_leakage(peripheral: Peripheral) -> None:
    share = photon_share(np.arange(0.0, 1500.0, 10.0), peripheral)
    assert np.all(np.diff(share) < 0)
    assert share[-1] == pytest.approx(peripheral.leakage * peripheral.monitor_units, rel=0.01)


def test_it_stays_within_a_factor_of_three_of_recalled_tables(peripheral: Peripheral) -> None:
    """10 x 10 cm2, 6 MV, in percent of the dose on the axis."""
    for away, percent in ((50.0, 2.0), (100.0, 0.8), (200.0, 0.2), (300.0, 0.1), (500.0, 0.05)):
        told = 100 * float(photon_share(np.array([away]), peripheral)[0])
        assert 1 / 3 < told / percent < 3


def test_more_monitor_units_leak_more(peripheral: Peripheral) -> None:
    far = np.array([2000.0])
    one, three = (float(photon_share(far, peripheral, m)[0]) for m in (1.0, 3.0))
    assert three == pytest.approx(3 * one, rel=0.02)


def test_the_field_is_what_gets_half_of_the_target(peripheral: Peripheral) -> None:
    field = field_of(cube(), peripheral)
    assert field.target_gy == pytest.approx(50.0)
    assert field.low_mm.tolist() == [-50.0] * 3
    assert field.high_mm.tolist() == [50.0] * 3


def test_beside_protons_there_is_next_to_nothing(peripheral: Peripheral) -> None:
    field = field_of(cube(), peripheral, modality="proton")
    away = np.array([[[0.0, 0.0, 400.0]]])
    assert float(field.share(away)[0, 0]) < 0.001


def test_an_edge_without_dose_says_nothing(peripheral: Peripheral) -> None:
    assert anchored_ln(0.0, 1.0, peripheral) == (0.0, peripheral.sd_ln)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e3])
def test_an_edge_tells_by_its_ratio_to_what_was_expected(peripheral: Peripheral, scale: float) -> None:
    assert anchored_ln(4.0 * scale, scale, peripheral) == pytest.approx(anchored_ln(4.0, 1.0, peripheral), rel=1e-12)
    assert anchored_ln(scale, 0.0, peripheral) == (0.0, peripheral.sd_ln)


def test_an_edge_with_more_dose_raises_what_lies_beyond_but_not_by_all_of_it(peripheral: Peripheral) -> None:
    ln, sd = anchored_ln(4.0, 1.0, peripheral)
    assert 0.0 < ln < np.log(4.0) - peripheral.planned_ln
    assert sd < peripheral.sd_ln


def test_inside_the_grid_the_grid_speaks_outside_the_model(peripheral: Peripheral) -> None:
    grid = cube(0.5)
    field = field_of(grid, peripheral)
    points = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 120.0], [0.0, 0.0, 350.0]]])
    dose = dose_at(grid, field, points, np.ones(1))[0]
    assert dose[:2] == pytest.approx([50.0, 0.5])
    assert dose[2] == pytest.approx(50.0 * float(photon_share(np.array([300.0]), peripheral)[0]))
    half, twice = dose_at(grid, field, points.repeat(2, axis=0), np.array([0.5, 2.0]))
    assert half == pytest.approx(dose * [1.0, 1.0, 0.5])
    assert twice == pytest.approx(dose * [1.0, 1.0, 2.0])


def test_a_turned_grid_gives_the_same_dose(peripheral: Peripheral) -> None:
    plain = cube(0.5)
    turned = DoseGrid(
        np.ascontiguousarray(plain.dose_zyx[::-1, :, ::-1]),
        np.zeros(3),
        np.diag([-1.0, 1.0, -1.0]),
        plain.x_mm.copy(),
        plain.y_mm.copy(),
        plain.z_mm.copy(),
    )
    points = np.random.default_rng(2).uniform(-140.0, 140.0, (1, 200, 3))
    a, b = (dose_at(g, field_of(g, peripheral), points, np.ones(1)) for g in (plain, turned))
    assert a == pytest.approx(b, abs=1e-4)


def test_twice_the_dose_is_twice_the_organs_dose(placed: Placed, peripheral: Peripheral) -> None:
    middle = placed.points("Heart").mean(axis=(0, 1))
    one = cube(0.5)
    x, y, z = one.x_mm, one.y_mm, one.z_mm
    doses = [(one.dose_zyx * f).astype(np.float32) for f in (1, 2)]
    grids = [DoseGrid(d, middle.copy(), np.eye(3), x.copy(), y.copy(), z.copy()) for d in doses]
    means = [dosed_body(placed, [g], [field_of(g, peripheral)]).means({"Spleen": 1.0}) for g in grids]
    assert means[1] == pytest.approx(2 * means[0], rel=1e-5)
