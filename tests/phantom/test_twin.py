"""Slow twins: depth by walking each ray, an aperture by looking along it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lymphorisk.phantom import anatomy, voxels
from lymphorisk.phantom.anatomy import Numbers
from lymphorisk.phantom.aperture import aperture
from lymphorisk.phantom.rays import eye_view, inside_body

SPACING = 5.0


@pytest.mark.parametrize("gantry", [0.0, 37.0, 90.0, 200.0, 305.0])
def test_depth_agrees_with_walking_the_ray(gantry: float, numbers: Numbers) -> None:
    """Half-millimetre steps through the voxels, 150 points of a chest: without bias, within a voxel and a half.

    The fast way takes the nearest of parallel rays, up to half a voxel aside: at the edge of a lung that counts.
    """
    grid = voxels(anatomy(numbers, sex="M"), SPACING, z_range_mm=(1200.0, 1400.0), names=())
    where = inside_body(grid, 1200.0, 1400.0)
    view = eye_view(where, gantry, (0.0, 0.0, 1300.0), 1000.0)
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(where.flat), 150, replace=False)
    angle = math.radians(gantry)
    back = np.array([math.sin(angle), -math.cos(angle)])
    away = np.arange(0.25, 700.0, 0.5)
    differences = []
    for n in chosen:
        j, i = divmod(int(where.plane[n]), len(grid.x_mm))
        x = grid.x_mm[i] + away * back[0]
        y = grid.y_mm[j] + away * back[1]
        a = np.floor((x - grid.x_mm[0]) / SPACING + 0.5).astype(int)
        b = np.floor((y - grid.y_mm[0]) / SPACING + 0.5).astype(int)
        ok = (a >= 0) & (a < len(grid.x_mm)) & (b >= 0) & (b < len(grid.y_mm))
        walked = 0.5 * float(grid.density[where.first_slice + where.k[n]][b[ok], a[ok]].sum())
        differences.append(float(view.depth_mm[n]) - walked)
    d = np.array(differences)
    assert abs(d.mean()) < 0.8
    assert np.quantile(np.abs(d), 0.95) < 1.5 * SPACING


def test_the_aperture_measures_the_distance_to_the_targets_shadow(numbers: Numbers) -> None:
    grid = voxels(anatomy(numbers, sex="M"), SPACING, z_range_mm=(1100.0, 1300.0), names=("Spleen",))
    where = inside_body(grid, 1100.0, 1300.0)
    target = np.searchsorted(where.flat, grid.owned["Spleen"])
    view = eye_view(where, 60.0, (95.0, 41.0, 1205.0), 1000.0)
    shape = aperture(view, target, SPACING)
    rng = np.random.default_rng(2)
    chosen = rng.choice(len(where.flat), 200, replace=False)
    got = shape.sample(shape.signed_mm, view)[chosen]
    shadow = np.stack([view.u_mm[target], view.w_mm[target]], axis=1)
    own = np.stack([view.u_mm[chosen], view.w_mm[chosen]], axis=1)
    nearest = np.sqrt(((own[:, None] - shadow[None]) ** 2).sum(-1)).min(axis=1)
    outside = (nearest > SPACING) & (nearest < 100.0)
    np.testing.assert_allclose(got[outside], nearest[outside] - SPACING / 2, atol=SPACING)
    assert (got[nearest < 1.0] < SPACING / 2).all()
