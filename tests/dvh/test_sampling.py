"""The dose between grid points: peaks keep their height, edges and noise are not overshot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.dvh.coverage import Lattice
from lymphorisk.dvh.sampling import patient_dose, sampler
from lymphorisk.plan import DoseGrid


def grid(line: np.ndarray, coordinates: np.ndarray | None = None, along: int = 0) -> DoseGrid:
    """A dose that changes along one axis only."""
    x = np.arange(float(len(line))) if coordinates is None else coordinates
    dose = np.broadcast_to(np.asarray(line, np.float32), (6, 6, len(line)))
    axes = [x, np.arange(6.0), np.arange(6.0)]
    order = {0: (0, 1, 2), 1: (0, 2, 1), 2: (2, 1, 0)}[along]
    axes[0], axes[along] = axes[along], axes[0]
    return DoseGrid(dose.transpose(order).copy(), np.zeros(3), np.eye(3), *axes)


def between(dose: DoseGrid, along: int = 0, per_mm: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Positions and doses along the axis, not on grid points of the others."""
    line = (dose.x_mm, dose.y_mm, dose.z_mm)[along]
    n = round((line[-1] - line[0]) * per_mm)
    pitch, count, start = [1.0, 1.0], [2, 2], [1.8, 1.8]
    at = line[0] + (np.arange(n) + 0.5) / per_mm
    z = np.array([2.3])
    if along == 2:
        z = at
    else:
        pitch[along], count[along], start[along] = 1 / per_mm, n, float(line[0])
    found = sampler(patient_dose(dose), Lattice(start[0], start[1], pitch[0], pitch[1], count[0], count[1])).at(z)
    return at, np.asarray({0: found[0, 0], 1: found[0, :, 0], 2: found[:, 0, 0]}[along], np.float64)


@pytest.mark.parametrize("along", [0, 1, 2])
@pytest.mark.parametrize("offset", np.linspace(0, 0.5, 6))
def test_a_gaussian_sampled_every_sigma_keeps_its_height(along: int, offset: float) -> None:
    at, found = between(grid(50 * np.exp(-0.5 * (np.arange(-7, 8) - offset) ** 2), along=along), along)
    assert np.abs(found - 50 * np.exp(-0.5 * (at - 7 - offset) ** 2)).max() <= 0.03 * 50


def test_twice_as_fine_is_ten_times_as_close() -> None:
    errors = []
    for n in (1, 2):
        x = np.arange(-7 * n, 7 * n + 1) / n
        at, found = between(grid(np.exp(-0.5 * (x - 0.2) ** 2)))
        errors.append(np.abs(found - np.exp(-0.5 * (at / n - 7 - 0.2) ** 2)).max())
    assert errors[1] <= 0.1 * errors[0]


@pytest.mark.parametrize("along", [0, 1, 2])
def test_linear_dose_is_exact_also_on_an_uneven_grid(along: int) -> None:
    x = np.concatenate([[0.0], np.cumsum([1, 1, 1, 2, 2, 2, 2, 1.5, 1, 1, 1, 1, 1, 3])])
    at, found = between(grid(5 + 2 * x, x, along), along)
    assert found == pytest.approx(5 + 2 * at, abs=2e-5)


@pytest.mark.parametrize("edge", [[0, 0, 0, 0, 9, 9, 9, 9], [0, 0, 0, 5, 9, 9, 9, 9], [9, 9, 9, 8.1, 0.9, 0, 0, 0]])
def test_edges_are_not_overshot(edge: list[float]) -> None:
    for line in (edge, edge[::-1]):
        at, found = between(grid(np.array(line)))
        low, high = np.minimum(line[:-1], line[1:]), np.maximum(line[:-1], line[1:])
        k = at.astype(int)
        assert (found >= low[k] - 1e-5).all()
        assert (found <= high[k] + 1e-5).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 50, width=32), min_size=6, max_size=14))
def test_noise_leaves_the_range_of_neighbours_only_where_they_turn(values: list[float]) -> None:
    line = np.array(values)
    at, found = between(grid(line))
    _, mirrored = between(grid(line[::-1]))
    assert mirrored[::-1] == pytest.approx(found, abs=1e-4)
    steps = np.pad(np.diff(line), 1, mode="edge")
    k = at.astype(int)
    low, high = np.minimum(line[:-1], line[1:])[k], np.maximum(line[:-1], line[1:])[k]
    before, after = steps[k], steps[k + 2]
    bends = np.abs(np.diff(steps))
    # a cubic with end slopes no steeper than the bends leaves its ends by at most 4/27 of each
    most = np.where(before * after < 0, 0.15 * (bends[k] + bends[k + 1]), 0) + 1e-4
    assert (found <= high + np.where(before > 0, most, 1e-4)).all()
    assert (found >= low - np.where(before < 0, most, 1e-4)).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 50, width=32), min_size=6, max_size=14))
def test_noise_keeps_its_mean_and_no_dose_is_negative(values: list[float]) -> None:
    at, found = between(grid(np.array(values)), per_mm=100)
    assert found.min() >= -1e-5
    # the ends of the grid have no neighbours: there the mean may move
    padded = np.concatenate([[0.0] * 3, values, [0.0] * 3])
    at, found = between(grid(padded), per_mm=100)
    assert found.mean() == pytest.approx(np.interp(at, np.arange(len(padded)), padded).mean(), abs=2e-3)


def test_a_part_of_the_grid_is_sampled_as_the_whole() -> None:
    rng = np.random.default_rng(3)
    x = np.arange(16.0)
    whole = DoseGrid(rng.uniform(0, 9, (16, 16, 16)).astype(np.float32), np.zeros(3), np.eye(3), x, x.copy(), x.copy())
    dose = patient_dose(whole)
    all_of_it = sampler(dose, Lattice(0.0, 0.0, 0.25, 0.25, 60, 60)).at(np.arange(0.1, 15, 0.3))
    part = sampler(dose, Lattice(5.0, 6.0, 0.25, 0.25, 8, 12)).at(np.arange(0.1, 15, 0.3)[20:24])
    assert np.array_equal(part, all_of_it[20:24, 24:36, 20:28])
    with pytest.raises(ValueError, match="read-only"):
        replace(whole).dose_zyx[0, 0, 0] = 1.0
