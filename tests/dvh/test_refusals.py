"""What no curve, distribution or region can be is refused by name, and the ends of curves."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.dvh import DVH
from lymphorisk.dvh.curve import DoseDistribution, diluted, mixture, uniform
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.metrics import dose_at, eud, metric
from lymphorisk.dvh.regions import Difference, Intersection, Union
from lymphorisk.dvh.sections import middle_of
from lymphorisk.dvh.twin import sampled
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import InputError, StructureError
from lymphorisk.plan import DoseGrid, Structure


def spread(dose: list[float], share: list[float]) -> DoseDistribution:
    return DoseDistribution(np.array(dose), np.array(share))


def curve(dose: list[float], volume: list[float], mean: float = 1.0) -> DVH:
    return DVH("x", np.array(dose), np.array(volume), mean, dose[0], dose[-1], 1.0, volume[0])


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda: spread([1.0, 2.0], [1.0]), "as many doses as shares"),
        (lambda: spread([], []), "as many doses as shares"),
        (lambda: DoseDistribution(np.ones((1, 1)), np.ones((1, 1))), "as many doses as shares"),
        (lambda: spread([2.0, 1.0], [0.5, 0.5]), "increasing"),
        (lambda: spread([-1.0, 1.0], [0.5, 0.5]), "not negative"),
        (lambda: spread([1.0, math.inf], [0.5, 0.5]), "finite"),
        (lambda: spread([1.0, math.nan, 2.0], [0.5, 0.25, 0.25]), "finite"),
        (lambda: spread([1.0, 2.0], [0.5, 0.4]), "sum to 0.9"),
        (lambda: spread([1.0, 2.0], [1.5, -0.5]), "shares of a dose distribution"),
        (lambda: spread([1.0], [math.nan]), "shares of a dose distribution"),
        (lambda: mixture([(0.0, uniform(1.0))]), "weight above zero"),
        (lambda: mixture([(0.5, uniform(1.0)), (0.4, uniform(2.0))]), "sum to 0.9"),
        (lambda: diluted(uniform(1.0), 1.1), "share of 1.1"),
        (lambda: diluted(uniform(1.0), -0.1), "share of -0.1"),
        (lambda: curve([0.0, 1.0], [1.0]), "do not fit"),
        (lambda: curve([0.0], [1.0]), "do not fit"),
        (lambda: curve([0.0, 0.0], [1.0, 0.0]), "do not increase"),
        (lambda: curve([0.0, 1.0, 2.0], [1.0, 0.0, 0.5]), "never rises"),
        (lambda: curve([0.0, 1.0], [0.0, 0.0]).distribution(), "holds no volume"),
        (lambda: Union("all", ()), "union 'all' has no members"),
        (lambda: Intersection("all", ()), "intersection 'all' has no members"),
    ],
)
def test_what_is_no_curve_or_region(made: Callable[[], object], what: str) -> None:
    with pytest.raises(StructureError, match=what):
        made()


def test_shares_of_the_edge_are_taken() -> None:
    assert diluted(uniform(3.0), 1.0).mean_gy == 3.0
    assert diluted(uniform(3.0), 0.0).mean_gy == 0.0
    assert diluted(uniform(3.0), 0.25).mean_gy == 0.75


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 9])
def test_fewer_doses_keep_the_mean_and_zero_keeps_its_own(lanes: int) -> None:
    given = diluted(spread([1.0, 2.0, 4.0, 8.0], [0.1, 0.2, 0.3, 0.4]), 0.5)
    got = given.rebinned(lanes)
    assert len(got.dose_gy) <= lanes
    assert got.mean_gy == pytest.approx(given.mean_gy, rel=1e-12)
    assert got.share.sum() == pytest.approx(1.0, abs=1e-15)
    if lanes > 1:
        assert (got.dose_gy[0], got.share[0]) == (0.0, 0.5)


def test_what_the_last_edge_still_gets_is_a_bin_at_its_dose() -> None:
    got = curve([0.0, 2.0, 4.0], [4.0, 3.0, 1.0], mean=(1.0 * 1 + 3.0 * 2 + 4.0 * 1) / 4).distribution()
    assert got.dose_gy.tolist() == [1.0, 3.0, 4.0]
    assert got.share.tolist() == [0.25, 0.5, 0.25]
    nothing = curve([0.0, 2.0], [1.0, 0.0], mean=0.0).distribution()
    assert (nothing.dose_gy.tolist(), nothing.share.tolist()) == ([0.0], [1.0])


def test_the_dose_of_more_or_less_than_there_is() -> None:
    ramp = curve([0.0, 10.0, 20.0], [2.0, 2.0, 0.0], mean=15.0)
    assert dose_at(ramp, 2.1) == 0.0
    assert dose_at(ramp, 2.0) == 10.0
    assert dose_at(ramp, 1.0) == 15.0
    assert dose_at(ramp, 0.0) == 20.0


def test_the_uniform_dose_at_the_ends_of_its_exponent() -> None:
    cold = curve([0.0, 1e-9, 10.0, 20.0], [2.0, 1.5, 1.5, 0.0], mean=11.25)
    assert eud(cold, 1.0) == pytest.approx(11.25, rel=1e-12)
    assert eud(cold, -20.0) < eud(cold, 1.0) < eud(cold, 20.0) <= 20.0
    assert eud(curve([0.0, 1.0], [1.0, 0.0], mean=0.0), 2.0) == 0.0
    halves = curve([0.0, 5.0, 15.0, 25.0], [2.0, 2.0, 1.0, 0.0], mean=15.0)
    assert eud(halves, -1.0) == pytest.approx(2 / (1 / 10 + 1 / 20), rel=1e-12)
    assert eud(curve([0.0, 1e-12, 15.0, 25.0], [2.0, 1.0, 1.0, 0.0], mean=10.0), -1.0) == 0.0
    with pytest.raises(InputError, match="a = 0"):
        eud(cold, 0.0)


@pytest.mark.parametrize("given", [0.0, -1.0, math.nan])
def test_a_prescription_is_above_zero(given: float) -> None:
    ramp = curve([0.0, 10.0, 20.0], [2.0, 2.0, 0.0], mean=15.0)
    with pytest.raises(InputError, match="must be above zero"):
        metric(ramp, "V95%[%]", prescription_gy=given)
    assert metric(ramp, "V75%[%]", prescription_gy=20.0) == 50.0


def box(number: int, low: tuple[float, float], high: tuple[float, float], planes: int = 5) -> Structure:
    (x0, y0), (x1, y1) = low, high
    contours = [np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]]) for z in 3.0 * np.arange(planes)]
    return Structure(number, f"S{number}", tuple(contours))


A, B, NOTHING = box(1, (0.0, 0.0), (20.0, 20.0)), box(2, (10.0, 0.0), (30.0, 20.0)), Structure(3, "S3", ())
GRID = DoseGrid(
    np.ones((5, 11, 17), np.float32), np.array([-1.0, -1.0, 0.0]), np.eye(3), *(2.0 * np.arange(n) for n in (17, 11)),
    3.0 * np.arange(5),
)  # fmt: skip


def test_points_and_volumes_of_regions_follow_the_laws_of_sets() -> None:
    """In both minus one is the other without it; what is not drawn holds nothing and takes nothing away."""
    points = GRID.frame.points().reshape(-1, 3) + 0.1
    a, b = inside(A, points), inside(B, points)
    assert a.any()
    assert (inside(Difference("d", A, B), points) == (a & ~b)).all()
    assert (inside(Intersection("i", (A, B)), points) == (a & b)).all()
    assert (inside(Union("u", (A, B)), points) == (a | b)).all()
    assert not inside(NOTHING, points).any()
    assert (inside(Difference("d", A, NOTHING), points) == a).all()
    of = {name: voxel_volumes(region, GRID) for name, region in (("a", A), ("b", B), ("0", NOTHING))}
    both = voxel_volumes(Intersection("i", (A, B)), GRID)
    assert both.sum() == pytest.approx(10 * 20 * 15 / 1000, rel=1e-6)
    np.testing.assert_allclose(voxel_volumes(Union("u", (A, B)), GRID), of["a"] + of["b"] - both, atol=1e-9)
    assert not of["0"].any()
    assert middle_of(NOTHING) is None
    assert middle_of(Union("u", (A, B))) == pytest.approx([15.0, 10.0, 6.0])


def test_the_twin_has_no_curve_of_what_is_not_there() -> None:
    far = Structure(4, "far", tuple(c + np.array([500.0, 0.0, 0.0]) for c in A.contours_mm))
    speck = Structure(5, "speck", tuple(0.01 * c + np.array([0.3, 0.3, 0.0]) for c in A.contours_mm))
    reasons = [curve.reason for curve in sampled([NOTHING, far, speck], GRID, mesh_mm=1.0) if isinstance(curve, Absent)]
    assert len(reasons) == 3
    assert reasons[0] == "S3 has no closed contours"
    assert reasons[2] == "no point of the mesh lies in speck"
    both = sampled([Union("u", (A, NOTHING)), A], GRID, mesh_mm=1.0)
    assert [c.total_cm3 for c in both if isinstance(c, DVH)] == pytest.approx([6.0, 6.0], rel=0.05)
