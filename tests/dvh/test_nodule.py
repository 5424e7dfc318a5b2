"""Two round contours: a ball where all that was drawn, and not drawn, speaks for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.dvh import DVH, Union, exact, exact_with_findings
from lymphorisk.dvh.nodule import ball_of, with_balls
from lymphorisk.dvh.solids import Gaussian, Linear, cylinder, dose_grid, sphere
from lymphorisk.dvh.stack import stacks_of
from lymphorisk.dvh.twin import sampled
from lymphorisk.plan import Structure

FLAT = dose_grid(Linear(20.0, (0.0, 0.0, 0.0)), [-30] * 3, [30] * 3, 3.0)


def loop(a: float, b: float, z: float, x: float = 0.0, corners: int = 90) -> np.ndarray:
    angle = 2 * np.pi * np.arange(corners) / corners
    return np.stack([x + a * np.cos(angle), b * np.sin(angle), np.full(corners, z)], axis=1)


def drawn(*loops: np.ndarray, number: int = 1) -> Structure:
    return Structure(number, f"s{number}", loops)


def volume(structure: Structure, caps: str = "half") -> float:
    (dvh,) = exact([structure], FLAT, end_caps=caps)
    assert isinstance(dvh, DVH)
    return dvh.total_cm3


def ball(radius: float) -> float:
    return 4 / 3 * np.pi * radius**3 / 1000


def test_two_sections_give_the_sphere_they_were_cut_from() -> None:
    # by hand: r0^2 = 16 - 1, r1^2 = 16 - 4 at z = -1 and 2, the centre 1 above the lower
    (stack,) = stacks_of(drawn(loop(15**0.5, 15**0.5, -1.0, corners=2000), loop(12**0.5, 12**0.5, 2.0, corners=2000)))
    found = ball_of(stack.z_mm, stack.contours, 3.0)
    assert found is not None
    assert found.radius_mm == pytest.approx(4.0, rel=1e-5)
    assert found.middle_mm == pytest.approx(0.0, abs=1e-5)


def test_a_section_has_the_form_of_the_nearer_contour() -> None:
    """Below wide, above deep: 1.3 to 1."""
    (stack,) = stacks_of(drawn(loop(4.0, 4.0 / 1.3, -1.5), loop(4.0 / 1.3, 4.0, 1.5)))
    found = ball_of(stack.z_mm, stack.contours, 3.0)
    assert found is not None
    z, sections = found.planes()
    for height, (section,) in zip(z, sections, strict=True):
        wide, deep = np.ptp(section, axis=0)[:2]
        assert wide / deep == pytest.approx(1.3 if height < 0 else 1 / 1.3, rel=0.01)


@pytest.mark.parametrize("radius", [3.0, 4.0])
@pytest.mark.parametrize("phase", np.linspace(0.01, 0.99, 25))
def test_small_spheres_keep_their_volume_wherever_the_slices_fall(radius: float, phase: float) -> None:
    z = 3.0 * (np.arange(-3, 3) + phase)
    body = sphere(radius).structure(z[np.abs(z) < radius])
    assert volume(body) == pytest.approx(ball(radius), rel=5e-3)


def test_a_finding_says_so_and_none_assumes_nothing() -> None:
    body = sphere(4.0).structure(np.array([-1.5, 1.5]))
    _, found = exact_with_findings([body], FLAT)
    assert [f.code for f in found] == ["LR107"]
    assert "8.0 mm" in found[0].what
    (dvh,), found = exact_with_findings([body], FLAT, end_caps="none")
    assert isinstance(dvh, DVH)
    assert found == ()
    assert dvh.total_cm3 == pytest.approx(np.pi * (16 - 1.5**2) * 3 / 1000, rel=1e-3)


def test_an_ellipse_becomes_an_ellipsoid() -> None:
    a, b = 4.4, 3.6
    share = np.sqrt(1 - 1.5**2 / (a * b))
    body = drawn(*(loop(share * a, share * b, z) for z in (-1.5, 1.5)))
    assert volume(body) == pytest.approx(4 / 3 * np.pi * a * b * np.sqrt(a * b) / 1000, rel=5e-3)


def test_a_slanted_ball_is_a_ball() -> None:
    r = np.sqrt(16 - 1.5**2)
    body = drawn(loop(r, r, -1.5, -0.4), loop(r, r, 1.5, 0.4))
    assert volume(body) == pytest.approx(ball(4.0), rel=5e-3)


def square(half: float, z: float) -> np.ndarray:
    return np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])


WIDE = drawn(loop(6, 6, -1.5), loop(6, 6, 1.5))  # a sphere through these shows on the next slices


@pytest.mark.parametrize(
    ("body", "area_mm2"),
    [
        (drawn(square(3, -1.5), square(3, 1.5)), 36.0),
        (drawn(loop(6, 2, -1.5), loop(6, 2, 1.5)), np.pi * 12),
        (WIDE, np.pi * 36),
        (drawn(loop(1, 1, -1.5), loop(1, 1, 1.5)), np.pi),  # the ball would hold mostly what was not drawn
        (drawn(*(loop(3, 3, z, x) for z in (-1.5, 1.5) for x in (-8, 8))), 2 * np.pi * 9),
    ],
    ids=["square", "long", "wide", "thin", "two beside each other"],
)
def test_what_is_not_surely_a_ball_stays_a_slab(body: Structure, area_mm2: float) -> None:
    (dvh,), found = exact_with_findings([body], FLAT)
    assert isinstance(dvh, DVH)
    assert found == ()
    assert dvh.total_cm3 == pytest.approx(area_mm2 * 6 / 1000, rel=3e-3)


def test_contours_beside_each_other_are_no_ball() -> None:
    (stack,) = stacks_of(drawn(loop(3.5, 3.5, -1.5, -2.0), loop(3.5, 3.5, 1.5, 2.0)))
    assert with_balls(stack, 3.0) == (stack, ())


def test_a_slice_missing_between_them_is_no_ball() -> None:
    body = drawn(loop(3.5, 3.5, -3.0), loop(3.5, 3.5, 3.0))
    assert [f.code for f in exact_with_findings([body], FLAT)[1]] == ["LR107"]
    assert exact_with_findings([replace(body, slice_mm=3.0)], FLAT)[1] == ()


def test_a_nodule_apart_from_its_structure_is_a_ball_of_its_own() -> None:
    trunk = cylinder(8.0, 18.0).structure(np.arange(-7.5, 8, 3.0))
    nodule = sphere(4.0).structure(np.array([-1.5, 1.5]))
    raised = tuple(c + np.array([0.0, 0.0, 24.0]) for c in nodule.contours_mm)
    both = Structure(1, "both", trunk.contours_mm + raised)
    (dvh,), found = exact_with_findings([both], FLAT)
    assert isinstance(dvh, DVH)
    assert [f.code for f in found] == ["LR102", "LR107"]
    assert dvh.total_cm3 == pytest.approx(np.pi * 64 * 18 / 1000 + ball(4.0), rel=3e-3)


def test_two_nodules_a_slice_apart() -> None:
    heights = np.array([-6.0, -3.0, 3.0, 6.0])
    radius = 4.64  # ends just beyond the empty slice: the two meet
    r = np.sqrt(radius**2 - 1.5**2)
    body = drawn(*(loop(r, r, z, -8 if z < 0 else 8) for z in heights))
    (dvh,), found = exact_with_findings([body], FLAT)
    assert isinstance(dvh, DVH)
    assert [f.code for f in found] == ["LR102", "LR107", "LR107"]
    assert dvh.total_cm3 == pytest.approx(2 * ball(radius), rel=5e-3)


def test_in_a_union_it_is_the_same_ball() -> None:
    body = sphere(4.0).structure(np.array([-1.0, 2.0]))
    far = cylinder(3.0, 12.0).structure(np.arange(-4.5, 5, 3.0), number=2)
    far = Structure(2, "far", tuple(c + np.array([15.0, 0, 0]) for c in far.contours_mm))
    (dvh,) = exact([Union("u", (body, far))], FLAT)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(ball(4.0) + np.pi * 9 * 12 / 1000, rel=5e-3)


def test_the_twin_counts_the_same_ball_on_fine_planes() -> None:
    # the twin knows no balls: it counts points between planes, so it is given fine ones
    grid = dose_grid(Gaussian(60.0, (2.0, 0.0, 1.0), 6.0), [-8] * 3, [8] * 3, 0.5)
    (ours,) = exact([sphere(4.0).structure(np.array([-1.2, 1.8]))], grid)
    (theirs,) = sampled([sphere(4.0).structure(np.arange(-3.95, 4, 0.1))], grid, mesh_mm=0.15)
    assert isinstance(ours, DVH)
    assert isinstance(theirs, DVH)
    doses = np.linspace(0, 62, 200)
    a, b = (np.interp(doses, d.dose_gy, d.volume_cm3, right=0.0) for d in (ours, theirs))
    assert np.abs(a - b).max() <= 0.015 * theirs.total_cm3
