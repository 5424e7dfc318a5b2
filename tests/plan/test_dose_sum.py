from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.plan.dose_sum import on_one_frame, sum_doses
from lymphorisk.plan.grid import DoseGrid


def grid(dose, origin=(0.0, 0.0, 0.0), step=2.0, frame="1", directions=None) -> DoseGrid:
    dose = np.asarray(dose, dtype=np.float32)
    nz, ny, nx = dose.shape
    return DoseGrid(
        dose,
        np.array(origin, dtype=float),
        np.eye(3) if directions is None else directions,
        np.arange(nx) * step,
        np.arange(ny) * step,
        np.arange(nz) * step,
        frame,
    )


def linear(shape, origin, step):
    z, y, x = (np.arange(n) * step + o for n, o in zip(shape, origin[::-1], strict=True))
    return 1.0 + 0.1 * x[None, None, :] + 0.2 * y[None, :, None] + 0.05 * z[:, None, None]


def test_one_dose_is_itself() -> None:
    g = grid(np.ones((2, 3, 4)))
    assert sum_doses([g]) is g


def test_same_grid_adds_point_by_point() -> None:
    a, b = np.random.default_rng(1).random((2, 3, 4, 5))
    np.testing.assert_allclose(sum_doses([grid(a), grid(b)]).dose_zyx, a + b, rtol=1e-6)


def test_a_linear_dose_on_a_shifted_finer_grid_is_added_exactly_where_both_reach() -> None:
    a = grid(linear((6, 6, 6), (0, 0, 0), 2.0))
    b = grid(linear((9, 9, 9), (1.0, 1.0, 1.0), 1.0), origin=(1.0, 1.0, 1.0), step=1.0)
    total = sum_doses([a, b])
    assert total.dose_zyx.shape == (4, 4, 4)
    z, y, x = np.meshgrid(total.z_mm, total.y_mm, total.x_mm, indexing="ij")
    p = total.to_patient(np.stack([x, y, z], axis=-1))
    expected = 2 * (1.0 + 0.1 * p[..., 0] + 0.2 * p[..., 1] + 0.05 * p[..., 2])
    np.testing.assert_allclose(total.dose_zyx, expected, rtol=1e-6)


def test_a_flipped_grid_is_the_same_dose() -> None:
    dose = np.random.default_rng(2).random((3, 4, 5))
    a = grid(dose)
    flipped = grid(dose[:, :, ::-1].copy(), origin=(8.0, 0.0, 0.0), directions=np.diag([-1.0, 1.0, 1.0]))
    np.testing.assert_allclose(sum_doses([a, flipped]).dose_zyx, 2 * dose, rtol=1e-5)


def test_foreign_frames_are_refused() -> None:
    with pytest.raises(LinkError, match="frames of reference"):
        sum_doses([grid(np.ones((2, 2, 2))), grid(np.ones((2, 2, 2)), frame="2")])


def test_grids_that_do_not_meet_are_refused() -> None:
    with pytest.raises(UnsupportedDoseError, match="overlap"):
        sum_doses([grid(np.ones((2, 2, 2))), grid(np.ones((2, 2, 2)), origin=(50.0, 0.0, 0.0))])


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_doses_put_on_one_frame_keep_their_places(origin) -> None:
    frame = grid(np.ones((6, 6, 6))).frame
    own = [
        grid(linear((6, 6, 6), (0, 0, 0), 2.0)),
        grid(linear((6, 6, 6), origin, 1.5), origin=origin, step=1.5),
        grid(linear((12, 12, 12), (-3, -3, -3), 1.5), origin=(-3.0, -3.0, -3.0), step=1.5),
    ]
    made = on_one_frame(own, frame)
    assert made[0].frame is made[1].frame is made[2].frame
    p = made[0].frame.points()
    assert made[0].frame.shape[0] in (3, 4)
    for dose in made:
        np.testing.assert_allclose(dose.dose_zyx, 1.0 + 0.1 * p[..., 0] + 0.2 * p[..., 1] + 0.05 * p[..., 2], rtol=1e-6)


def test_a_grid_of_other_spacing_and_the_same_shape_is_not_added_voxel_by_voxel() -> None:
    a, b = grid(linear((5, 5, 5), (0, 0, 0), 2.0)), grid(linear((5, 5, 5), (0, 0, 0), 3.0), step=3.0)
    total = sum_doses([a, b])
    assert total.dose_zyx[4, 4, 4] == pytest.approx(2 * (1.0 + 0.35 * 8.0), rel=1e-6)


def test_grids_turned_against_each_other_that_meet_in_no_box_are_refused() -> None:
    c = np.sqrt(0.5)
    turned = np.array([[c, c, 0.0], [-c, c, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(UnsupportedDoseError, match="rotated against each other") as refused:
        sum_doses([grid(np.ones((3, 5, 5))), grid(np.ones((3, 5, 5)), directions=turned)])
    assert refused.value.hint == "export the phases on one dose grid"
