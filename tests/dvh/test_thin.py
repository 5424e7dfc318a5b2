"""Thin and sprawling structures against closed forms: what bounds the dose of a shell is the shell, not its box."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh import DVH, exact
from lymphorisk.dvh.metrics import metric
from lymphorisk.dvh.rim import covered_part
from lymphorisk.dvh.stack import stacks_of
from lymphorisk.dvh.thickness import thickness_mm
from lymphorisk.plan import DoseGrid, Structure

CORNERS = 360
#: Radius of a drawn polygon whose area is the circle's.
OF_AREA = np.sqrt((2 * np.pi / CORNERS) / np.sin(2 * np.pi / CORNERS))


def circle(radius: float, z: float) -> np.ndarray:
    t = 2 * np.pi * np.arange(CORNERS) / CORNERS
    return np.column_stack([radius * OF_AREA * np.cos(t), radius * OF_AREA * np.sin(t), np.full(CORNERS, z)])


def grid(dose, half, step: float) -> DoseGrid:
    x, y, z = (np.arange(-h, h + step, step) + o for h, o in zip(half, (0.3, -0.4, 0.2), strict=True))
    points = np.meshgrid(z, y, x, indexing="ij")
    values = np.broadcast_to(dose(points[2], points[1], points[0]), points[0].shape).astype(np.float32)
    return DoseGrid(values, np.zeros(3), np.eye(3), x, y, z)


def only(structure: Structure, dose: DoseGrid) -> DVH:
    (dvh,) = exact([structure], dose)
    assert isinstance(dvh, DVH)
    return dvh


@pytest.mark.parametrize(("width", "step", "off"), [(1.5, 2.0, 1.0), (1.5, 2.5, 2.0), (3.0, 3.0, 1.0), (3.0, 5.0, 2.0)])
@pytest.mark.parametrize("thick", [2.5, 4.0])
def test_a_shell_in_a_fall_off(thick: float, width: float, step: float, off: float) -> None:
    """Skull, rib cage, skin rim: the hottest dose of the shell is that of its inner face, 10 Gy."""
    inner, outer, planes = 60.0, 60.0 + thick, np.arange(-13.5, 14.0, 3.0)

    def dose(r):
        return 20 / (1 + np.exp(np.clip((r - inner) / width, -60, 60)))

    shell = Structure(1, "shell", tuple(circle(r, z) for z in planes for r in (outer, inner)))
    dvh = only(shell, grid(lambda x, y, z: dose(np.hypot(x, y)), (75, 75, 22), step))
    volume = np.pi * (outer**2 - inner**2) * 30 / 1000
    assert dvh.total_cm3 == pytest.approx(volume, rel=1e-3)
    hottest = dose(np.sqrt(inner**2 + 30 / (np.pi * 30)))
    assert metric(dvh, "D0.03cc[Gy]") == pytest.approx(hottest, rel=0.03)
    assert dvh.max_gy <= 10.0 * 1.04
    at = np.arange(0.5, 14, 0.05)
    truth = np.clip(((inner + width * np.log(20 / at - 1)) ** 2 - inner**2) / (outer**2 - inner**2), 0, 1)
    assert 100 * np.abs(np.interp(at, dvh.dose_gy, dvh.volume_cm3, right=0) / volume - truth).max() <= off


@pytest.mark.parametrize("step", [2.0, 3.0])
@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0])
@pytest.mark.parametrize("thick", [2.0, 3.0])
def test_a_sheet_across_a_gradient_with_a_piece_far_away(thick: float, angle: float, step: float) -> None:
    """A far piece of the same structure changes neither the sheet's pixels nor its dose."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[c, s], [-s, c]])
    sheet = np.array([[-thick / 2, -20], [thick / 2, -20], [thick / 2, 20], [-thick / 2, 20]], float) @ turn
    planes = np.arange(-13.5, 14.0, 3.0)
    drawn = [np.column_stack([p, np.full(4, z)]) for z in planes for p in (sheet, sheet + np.array([150.0, 0.0]))]
    normal = turn[0]

    def dose(x, y, z):  # linear across the sheet, nothing at the far piece
        return np.where(x < 75, np.maximum(30 + 2.0 * (x * normal[0] + y * normal[1]), 0), 0)

    dvh = only(Structure(1, "sheets", tuple(drawn)), grid(dose, (180, 40, 22), step))
    volume = 2 * thick * 40 * 30 / 1000
    assert dvh.total_cm3 == pytest.approx(volume, rel=1e-3)
    at = np.linspace(30 - thick, 30 + thick, 41)
    truth = np.clip((30 + thick - at) / (2 * thick), 0, 1)
    found = np.interp(at, dvh.dose_gy, dvh.volume_cm3, right=0) / (volume / 2)
    assert 100 * np.abs(found - truth).max() <= 4.0
    assert metric(dvh, "D0.03cc[Gy]") == pytest.approx(30 + thick - 2.0 * 30 / (40 * 30), rel=0.01)
    assert dvh.max_gy == pytest.approx(30 + thick, abs=1.0)


def test_no_structure_holds_a_dose_that_is_not_around_it() -> None:
    """A tube in noise of 11 to 13 Gy: no peak stands above the grid points, a trough a little below."""
    rng = np.random.default_rng(11)
    x = np.arange(-30.0, 31.0, 5.0)
    dose = DoseGrid(
        rng.uniform(11, 13, (len(x),) * 3).astype(np.float32), np.zeros(3), np.eye(3), x, x.copy(), x.copy()
    )
    for radius in (1.5, 6.0):
        dvh = only(Structure(1, "tube", tuple(circle(radius, z) for z in np.arange(-20.0, 21.0, 2.0))), dose)
        assert dvh.max_gy <= dose.dose_zyx.max()
        assert dvh.min_gy >= dose.dose_zyx.min() - 0.2


def test_thickness_of_sections() -> None:
    def of(*contours: np.ndarray) -> float:
        (stack,) = stacks_of(Structure(1, "s", contours))
        return thickness_mm(stack)

    assert of(circle(20.0, 0.0)) == pytest.approx(20.0, rel=1e-3)
    assert of(circle(20.0, 0.0), circle(16.0, 0.0)) == pytest.approx(4.0, rel=1e-3)
    assert of(*(circle(r, z) for z in (0.0, 3.0) for r in (20.0, 16.0))) == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("angle", [0.0, 10.0, 26.0, 45.0])
@pytest.mark.parametrize("covered", [0.02, 0.2, 0.5, 0.7, 0.97])
def test_the_covered_part_of_a_pixel_by_counting(covered: float, angle: float) -> None:
    n = (np.arange(400) + 0.5) / 400 - 0.5
    along = np.add.outer(n * np.sin(np.radians(angle)), n * np.cos(np.radians(angle))).ravel()
    part = np.sort(along)[-round(covered * len(along)) :]
    place, width2 = covered_part(np.float32([np.cos(np.radians(angle))]), np.float32([covered]))
    assert place[0] == pytest.approx(part.mean(), abs=3e-3)
    assert width2[0] == pytest.approx(12 * part.var(), abs=5e-3)
