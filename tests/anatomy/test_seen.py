"""What a CT shows: a body of known volume on a couch, in clothes, with lungs, gas and a spine."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.anatomy.seen import Seen, _filled, bone, seen
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.solids import cylinder
from lymphorisk.plan import CTVolume, Frame

PITCH, DEPTH = 2.0, 5.0
#: Half axes of the body, and its length. [mm]
HALF, LENGTH = (160.0, 100.0), 300.0
SPINE_MM = 14.0


def person(*, couch_mm: float = 118.0, clothes: bool = True, gas: bool = True, turned: bool = False) -> CTVolume:
    x, y, z = np.arange(-250, 250, PITCH), np.arange(-150, 200, PITCH), np.arange(0, LENGTH, DEPTH)
    X, Y = np.meshgrid(x, y)
    hu = np.full((len(z), len(y), len(x)), -1000, np.int16)
    body = (X / HALF[0]) ** 2 + (Y / HALF[1]) ** 2 <= 1
    for k, height in enumerate(z.tolist()):
        plane = hu[k]
        plane[(couch_mm < Y) & (couch_mm + 4 >= Y) & (abs(X) < 230)] = -100  # a shell with foam below
        plane[(couch_mm + 50 < Y) & (couch_mm + 54 >= Y) & (abs(X) < 230)] = -100
        plane[(couch_mm + 4 < Y) & (couch_mm + 50 >= Y) & (abs(X) < 228)] = -930
        if clothes:
            plane[((X / (HALF[0] + 8)) ** 2 + (Y / (HALF[1] + 8)) ** 2 <= 1) & (Y < 0)] = -800
            plane[((X / (HALF[0] + 2)) ** 2 + (Y / (HALF[1] + 2)) ** 2 <= 1) & (Y < 0)] = -200  # a gown of one pixel
        plane[body] = 30
        round_ = 1 - ((height - 200) / 140) ** 2
        if round_ > 0:
            for side in (-1, 1):
                lung = ((X - side * 75) / 55) ** 2 + ((Y + 5) / 70) ** 2 <= round_
                plane[lung] = -800
        if gas and height < 50:
            plane[(X - 50) ** 2 + (Y + 30) ** 2 < 40**2] = -1000
        plane[X**2 + (Y - 70) ** 2 < SPINE_MM**2] = 600
    frame = Frame(np.array([x[0], y[0], z[0]]), np.eye(3), x - x[0], y - y[0], z)
    if turned:  # feet first: the array runs the other way along x and z
        axes = np.diag([-1.0, 1.0, -1.0])
        frame = Frame(np.array([x[-1], y[0], z[-1]]), axes, x - x[0], y - y[0], z)
        hu = hu[::-1, :, ::-1]
    return CTVolume(frame, lambda: hu)


BODY_CM3 = np.pi * HALF[0] * HALF[1] * LENGTH / 1000
LUNG_CM3 = 4 / 3 * np.pi * 55 * 70 * 140 * 2 / 1000


def shown(ct: CTVolume) -> Seen:
    found = seen(ct)
    assert found is not None
    return found


@pytest.mark.parametrize("couch_mm", [118.0, 104.0, 99.0], ids=["beneath", "close", "touching"])
def test_the_body_is_found_without_couch_and_clothing(couch_mm: float) -> None:
    body = shown(person(couch_mm=couch_mm)).body
    assert body is not None
    assert body.volume_cm3 == pytest.approx(BODY_CM3, rel=0.025)
    assert body.y_mm[-1] <= HALF[1] + 12.0
    assert abs(body.x_mm[[0, -1]]).max() == pytest.approx(HALF[0], abs=6.0)


def test_what_the_body_encloses_is_the_bodys() -> None:
    body = shown(person()).body
    assert body is not None
    assert inside(body, np.array([[75.0, 0.0, 200.0], [50.0, -30.0, 20.0], [0.0, 70.0, 100.0]])).all()
    assert not inside(body, np.array([[0.0, 140.0, 100.0], [0.0, -106.0, 100.0]])).any()


def test_lungs_are_air_with_tissue_and_gas_is_not() -> None:
    lungs = shown(person()).lungs
    assert lungs is not None
    top = (LENGTH - 200) / 140  # the scan ends within the lungs: an ellipsoid up to this share of its half axis
    assert lungs.volume_cm3 == pytest.approx(LUNG_CM3 * (0.5 + 0.75 * top - 0.25 * top**3), rel=0.03)
    assert not inside(lungs, np.array([[50.0, -30.0, 20.0], [0.0, 140.0, 100.0]])).any()
    assert inside(lungs, np.array([[75.0, -5.0, 200.0], [-75.0, -5.0, 200.0]])).all()


def test_a_pelvis_has_no_lungs() -> None:
    ct = person()
    low = CTVolume(Frame(ct.origin_mm, ct.directions, ct.x_mm, ct.y_mm, ct.z_mm[:10]), lambda: ct.hu_zyx[:10])
    assert shown(low).lungs is None


def test_the_direction_of_the_array_changes_nothing() -> None:
    one, other = shown(person()), shown(person(turned=True))
    for a, b in ((one.body, other.body), (one.lungs, other.lungs)):
        assert a is not None
        assert b is not None
        assert b.volume_cm3 == pytest.approx(a.volume_cm3, rel=2e-3)


def test_air_alone_shows_nothing() -> None:
    line = np.arange(20.0)
    ct = CTVolume(Frame(np.zeros(3), np.eye(3), line, line, line), lambda: np.full((20, 20, 20), -1024, np.int16))
    found = shown(ct)
    assert found.body is None
    assert found.lungs is None
    assert bone(ct, 200.0, None) is None


def test_slices_aslant_show_nothing() -> None:
    ct = person()
    a = np.radians(10)
    axes = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    tilted = CTVolume(Frame(ct.origin_mm, axes, ct.x_mm, ct.y_mm, ct.z_mm), lambda: ct.hu_zyx)
    assert seen(tilted) is None
    assert bone(tilted, 200.0, None) is None


def test_bone_is_what_is_dense_within_the_body() -> None:
    ct = person()
    whole = bone(ct, 200.0, None)
    assert whole is not None
    assert whole.volume_cm3 == pytest.approx(np.count_nonzero(ct.hu_zyx >= 200) * PITCH**2 * DEPTH / 1000)
    body = cylinder(75.0, 300.0).structure(np.arange(-150.0, 151.0, 5.0))  # its back cuts the spine
    cut = bone(ct, 200.0, body)
    assert cut is not None
    assert 0.3 * whole.volume_cm3 / 2 < cut.volume_cm3 < 0.8 * whole.volume_cm3 / 2
    assert bone(ct, 1500.0, None) is None


@pytest.mark.parametrize("turns", range(4))
def test_what_is_open_to_any_side_of_a_slice_is_outside_and_a_hole_is_inside(turns: int) -> None:
    """A ring, and a ring with a gap, turned to each side of the image; what one slice closes the next does not."""
    ring = np.zeros((7, 7), bool)
    ring[1:6, 1:] = True
    ring[2:5, 2:6] = False
    gap = ring.copy()
    gap[3, 6] = False
    filled = _filled(np.stack([np.rot90(a, turns) for a in (ring, gap)]))
    whole = ring.copy()
    whole[2:5, 2:6] = True
    np.testing.assert_array_equal(filled, np.stack([np.rot90(a, turns) for a in (whole, gap)]))
