"""One frame for dose, CT and mask: what is the same grid, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.plan import CTVolume, DoseGrid, Frame
from lymphorisk.plan.frame import borders, cell_widths

ORIGIN = (-249.51171875, -180.0, 33.3333333333)
UID = "1.2.3"


def turned(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def frame(origin=ORIGIN, directions=None, x=1.171875, y=2.5, z=3.0, shape=(40, 60, 200), uid=UID) -> Frame:
    lines = [s if isinstance(s, np.ndarray) else np.arange(n) * s for s, n in zip((z, y, x), shape, strict=True)]
    where = np.eye(3) if directions is None else directions
    return Frame(np.array(origin), where, lines[2], lines[1], lines[0], uid)


@pytest.mark.parametrize(
    "other",
    [
        frame(),
        frame(origin=tuple(round(v, 2) for v in ORIGIN)),
        frame(x=1.171875 + 5e-5),
        frame(directions=turned(0.001)),
        frame(z=np.arange(40) * 3.0 + np.random.default_rng(1).uniform(-0.005, 0.005, 40)),
        frame(origin=(ORIGIN[0], ORIGIN[1], ORIGIN[2] + 117.0), z=np.arange(-39, 1) * 3.0),
    ],
    ids=["itself", "origin in hundredths", "spacing in ten-thousandths", "direction", "planes", "counted from the end"],
)
def test_rounding_is_the_same_grid(other: Frame) -> None:
    assert frame().same_as(other)
    assert other.same_as(frame())


@pytest.mark.parametrize(
    "other",
    [
        frame(x=1.0),
        frame(y=3.0),
        frame(z=2.0),
        frame(x=1.171875 * 1.001),
        frame(origin=(ORIGIN[0] + 0.1, *ORIGIN[1:])),
        frame(origin=(*ORIGIN[:2], ORIGIN[2] - 3.0)),
        frame(directions=turned(0.1)),
        frame(directions=turned(90.0)),
        frame(directions=np.diag([-1.0, 1.0, 1.0])),
        frame(directions=np.diag([1.0, 1.0, -1.0])),
        frame(shape=(40, 60, 199)),
        frame(shape=(39, 60, 200)),
        frame(z=np.concatenate([np.arange(39) * 3.0, [115.0]])),
        frame(z=np.delete(np.arange(41) * 3.0, 20)),
        frame(z=np.concatenate([np.arange(20), np.arange(20.4, 40)]) * 3.0),
        frame(uid="1.2.4"),
        frame(uid=""),
    ],
    ids=lambda f: "",
)
def test_another_grid_is_another(other: Frame) -> None:
    assert not frame().same_as(other)
    assert not other.same_as(frame())


def test_a_flipped_grid_with_the_same_points_is_another() -> None:
    """Its first voxel is the other's last: stacked, they would be a mirror image."""
    flipped = frame(origin=(ORIGIN[0] + 199 * 1.171875, *ORIGIN[1:]), directions=np.diag([-1.0, 1.0, 1.0]))
    assert np.abs(np.sort(flipped.corners(), axis=0) - np.sort(frame().corners(), axis=0)).max() < 1e-9
    assert not frame().same_as(flipped)


def test_an_inner_plane_out_of_place_is_seen() -> None:
    z = np.arange(40) * 3.0
    z[20] += 0.5
    assert not frame().same_as(frame(z=z))


@pytest.mark.parametrize("directions", [None, turned(30.0), np.diag([1.0, -1.0, 1.0])])
def test_cells_fill_the_grid(directions: np.ndarray | None) -> None:
    z = np.array([0.0, 1.0, 3.0, 4.5])
    f = frame(directions=directions, z=z, shape=(4, 5, 6))
    volumes = f.cell_volumes_cm3()
    assert volumes.shape == f.shape == f.points().shape[:3]
    assert volumes[:, 0, 0] == pytest.approx(np.array([1.0, 1.5, 1.75, 1.5]) * 1.171875 * 2.5 / 1000)
    edges = [borders(c) for c in (f.x_mm, f.y_mm, f.z_mm)]
    assert float(volumes.sum()) == pytest.approx(np.prod([e[-1] - e[0] for e in edges]) / 1000)
    for line, width in zip((f.z_mm, f.y_mm, f.x_mm), f.cell_widths_mm(), strict=True):
        np.testing.assert_allclose(np.diff(borders(line)), width)


def test_a_single_plane_has_a_cell() -> None:
    assert cell_widths(np.array([4.0])).tolist() == [1.0]
    assert borders(np.array([4.0])).tolist() == [3.5, 4.5]


def test_points_of_an_oblique_grid() -> None:
    f = frame(directions=turned(20.0), shape=(3, 4, 5))
    expected = f.origin_mm + 4 * 1.171875 * f.directions[0] + 2.5 * f.directions[1] + 6.0 * f.directions[2]
    np.testing.assert_allclose(f.points()[2, 1, 4], expected)
    np.testing.assert_allclose(f.to_local(f.points())[2, 1, 4], [4 * 1.171875, 2.5, 6.0])
    assert any(np.allclose(c, f.points()[2, 3, 0]) for c in f.corners())


@pytest.mark.parametrize(
    "bad",
    [
        {"origin": (0.0, 0.0)},
        {"origin": (0.0, np.nan, 0.0)},
        {"directions": 2 * np.eye(3)},
        {"directions": np.eye(2)},
        {"z": np.array([0.0, 2.0, 1.0])},
        {"z": np.array([0.0, 0.0])},
        {"z": np.array([0.0, np.inf])},
        {"z": np.zeros(0)},
        {"z": np.zeros((2, 2))},
    ],
    ids=str,
)
def test_a_place_that_is_none_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UnsupportedGeometryError):
        frame(**bad)


def test_dose_and_ct_hold_a_frame() -> None:
    f = frame(shape=(3, 4, 5))
    dose = DoseGrid(np.zeros(f.shape, np.float32), f)
    ct = CTVolume(f, lambda: np.zeros(f.shape, np.int16))
    assert dose.frame is ct.frame is f
    assert dose.z_mm is ct.z_mm is f.z_mm
    assert ct.hu_zyx.shape == f.shape
    spelt = DoseGrid(np.zeros(f.shape, np.float32), f.origin_mm, f.directions, f.x_mm, f.y_mm, f.z_mm, UID)
    assert spelt.frame.same_as(f)
