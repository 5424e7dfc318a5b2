"""Masks in the engine: the volume and dose of what they were made from, whatever grid and whatever orientation."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh import DVH, Difference, Intersection, Region, Union, exact
from lymphorisk.dvh.sections import boxes_of, moments_of
from lymphorisk.dvh.solids import POSITIONS, Gaussian, Linear, dose_grid, sphere
from lymphorisk.dvh.twin import sampled
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import StructureError
from lymphorisk.plan import DoseGrid, Mask

PLANES = np.arange(-30.0, 31.0, 2.0)
LOW, HIGH = (-40.0,) * 3, (40.0,) * 3
PEAK = Gaussian(50.0, (8.0, -5.0, 10.0), 15.0)


def ball(radius: float, pitch: float = 1.0, shift: tuple[float, float, float] = (0.13, 0.31, 0.2)) -> Mask:
    """A ball about the origin by voxel centres."""
    half = np.ceil((radius + 2) / pitch)
    x, y, z = (np.arange(-half, half + 1) * pitch + s for s in shift)
    inside = x**2 + y[:, None] ** 2 + z[:, None, None] ** 2 <= radius**2
    lines = [np.append(line - pitch / 2, line[-1] + pitch / 2) for line in (z, y, x)]
    return Mask(1, "ball", inside, *lines)


def box(low: tuple[float, float, float], high: tuple[float, float, float], share: float = 1.0) -> Mask:
    """One voxel."""
    x, y, z = (np.array(ends) for ends in zip(low, high, strict=True))
    return Mask(2, "box", np.full((1, 1, 1), share, np.float32), z, y, x)


def curves(regions: list[Region], grid: DoseGrid) -> list[DVH]:
    found = exact(regions, grid)
    assert all(isinstance(curve, DVH) for curve in found)
    return [curve for curve in found if isinstance(curve, DVH)]


@pytest.mark.parametrize("radius", [6.0, 20.0])
@pytest.mark.parametrize("field", [Linear(20.0, (0.3, 0.1, 0.4)), PEAK], ids=["linear", "peak"])
def test_a_mask_rasterised_at_one_millimetre_gives_the_contours_mean_and_volume(
    radius: float, field: Linear | Gaussian
) -> None:
    grid = dose_grid(field, LOW, HIGH, 2.5)
    drawn, masked = curves([sphere(radius).structure(np.arange(-30.0, 31.0)), ball(radius)], grid)
    assert masked.mean_gy == pytest.approx(drawn.mean_gy, rel=0.01)
    assert masked.total_cm3 == pytest.approx(drawn.total_cm3, rel=0.01)


def test_a_voxel_is_a_box_wherever_the_dose_grid_lies() -> None:
    """A linear dose over a box has the dose of its middle; the volume is the box's to the last digits."""
    mask = box((-7.3, 2.1, -5.2), (4.4, 9.6, 11.9))
    for shift in (0.0, 0.7, 1.3):
        (curve,) = curves([mask], dose_grid(Linear(30.0, (0.2, -0.3, 0.4)), LOW, HIGH, 2.5, shift_mm=shift))
        assert curve.total_cm3 == pytest.approx(11.7 * 7.5 * 17.1 / 1000, rel=1e-5)
        assert curve.mean_gy == pytest.approx(30.0 + 0.2 * -1.45 - 0.3 * 5.85 + 0.4 * 3.35, abs=0.02)


def test_half_a_voxel_covered_is_half_its_volume() -> None:
    grid = dose_grid(PEAK, LOW, HIGH, 2.5)
    whole, half = curves([box((-9, -9, -9), (9, 9, 9)), box((-9, -9, -9), (9, 9, 9), 0.5)], grid)
    assert half.total_cm3 == pytest.approx(0.5 * whole.total_cm3, rel=1e-5)


@pytest.mark.parametrize("position", sorted(POSITIONS))
def test_patient_position_changes_no_dose_of_a_mask(position: str) -> None:
    here, turned = (dose_grid(PEAK, LOW, HIGH, 2.5, directions=POSITIONS[p]) for p in ("HFS", position))
    mask = ball(12.0)
    (one,), (other,) = curves([mask], here), curves([mask], turned)
    assert other.mean_gy == pytest.approx(one.mean_gy, rel=2e-3)
    assert other.total_cm3 == pytest.approx(one.total_cm3, rel=1e-5)


def test_masks_and_contours_join_meet_and_are_left_out() -> None:
    grid = dose_grid(PEAK, LOW, HIGH, 2.5)
    drawn, masked = sphere(20.0).structure(PLANES), ball(12.0)
    whole, part, union, rest, both = curves(
        [
            drawn,
            masked,
            Union("u", (drawn, masked)),
            Difference("d", drawn, masked),
            Intersection("i", (drawn, masked)),
        ],
        grid,
    )
    assert union.total_cm3 == pytest.approx(whole.total_cm3, rel=2e-3)
    assert both.total_cm3 == pytest.approx(part.total_cm3, rel=2e-3)
    assert rest.total_cm3 == pytest.approx(whole.total_cm3 - part.total_cm3, rel=5e-3)


def test_what_lies_outside_the_dose_grid_is_not_covered() -> None:
    grid = dose_grid(PEAK, LOW, (40.0, 40.0, -1.25), 2.5)
    (curve,) = curves([ball(15.0, shift=(0.0, 0.0, 0.0))], grid)
    reached = (float(grid.z_mm[-1] + grid.origin_mm[2]) + 1.25) / 15.0
    assert curve.coverage == pytest.approx(0.5 + 0.75 * reached - 0.25 * reached**3, abs=2e-3)


@pytest.mark.parametrize("pitch", [1.0, 4.0])
def test_the_cells_of_the_dose_grid_hold_all_of_a_mask(pitch: float) -> None:
    mask = ball(14.0, pitch)
    held = voxel_volumes(mask, dose_grid(PEAK, LOW, HIGH, 2.5, directions=POSITIONS["FFP"]))
    assert held.sum() == pytest.approx(mask.volume_cm3, rel=1e-5)
    along_x = (held > 0).any(axis=(0, 1)).nonzero()[0]
    assert len(along_x) == np.ptp(along_x) + 1  # no cell is skipped where voxels are wider than cells


def test_sections_of_a_mask_say_where_it_lies() -> None:
    mask = ball(14.0)
    rows, boxes = moments_of(mask), boxes_of(mask)
    assert rows[:, 0].sum() / 1000 == pytest.approx(mask.volume_cm3, rel=1e-5)  # planes of 1 mm
    assert np.abs(rows[:, 0] @ rows[:, 1:] / rows[:, 0].sum()).max() < 0.1
    assert np.abs(boxes[:, :, :2]).max() == pytest.approx(14.0, abs=1.0)


def test_a_mask_that_is_none_is_refused() -> None:
    line = np.arange(3.0)
    nothing = np.zeros((2, 2, 2), bool)
    with pytest.raises(StructureError, match="empty"):
        Mask(1, "m", nothing, line, line, line)
    with pytest.raises(StructureError, match="fit its borders"):
        Mask(1, "m", ~nothing, line, line, np.arange(4.0))
    with pytest.raises(StructureError, match="outside 0 to 1"):
        Mask(1, "m", np.full((2, 2, 2), 2.0, np.float32), line, line, line)
    with pytest.raises(StructureError, match="do not increase"):
        Mask(1, "m", ~nothing, line, line, line[::-1].copy())
    with pytest.raises(StructureError, match="contours only"):
        sampled([Mask(1, "m", ~nothing, line, line, line)], dose_grid(PEAK, LOW, HIGH, 2.5))
