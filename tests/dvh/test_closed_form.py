"""The exact engine against bodies and doses known in closed form; the bars are those of a physicist."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.dvh import DVH, exact
from lymphorisk.dvh.metrics import metric
from lymphorisk.dvh.solids import (
    POSITIONS,
    Body,
    Gaussian,
    Linear,
    branching,
    cone,
    cylinder,
    dose_grid,
    ring,
    sphere,
)

BOX = 34.0
LINEAR = {
    "z": Linear(30.0, (0.0, 0.0, 0.5)),
    "y": Linear(30.0, (0.0, 0.5, 0.0)),
    "oblique": Linear(30.0, (0.3, -0.25, 0.3)),
}
SPACINGS = (0.5, 1.0, 2.0, 3.0)
RADII = (12.0, 17.0, 24.0)


def planes(body: Body, spacing: float, phase: float) -> np.ndarray:
    low = min(d.low_mm for d in body.discs)
    high = max(d.high_mm for d in body.discs)
    z = low + spacing * (phase + np.arange(int((high - low) / spacing) + 2))
    return z[(z > low + 1e-6) & (z < high - 1e-6)]


def grid_for(field: Linear | Gaussian, spacing: float, position: str = "HFS", shift: float = 0.0):
    return dose_grid(field, [-BOX] * 3, [BOX] * 3, spacing, POSITIONS[position], shift)


def worst(body: Body, field: Linear | Gaussian, dvh: DVH) -> float:
    """Largest distance of the curves at any dose, in percent of the body's volume."""
    doses = np.linspace(0.0, dvh.max_gy * 1.02, 200)
    found = np.interp(doses, dvh.dose_gy, dvh.volume_cm3, right=0.0)
    return float(100 * np.abs(found - body.volume_at(field, doses)).max() / body.volume_cm3)


def made(kind: str, r: float, h: float) -> Body:
    length = 2 * h * max(int(r / h), 1)
    return {
        "sphere": lambda: sphere(r),
        "cone": lambda: cone(r, length),
        "cylinder": lambda: cylinder(r, length),
        "ring": lambda: ring(r, 0.5 * r, length),
        "thin ring": lambda: ring(r, r - 1.5, length),
        "keyhole": lambda: ring(r, 0.6 * r, length, keyhole=True),
        "branching": lambda: branching(r, 0.45 * r, 1.1 * r, length),
    }[kind]()


KINDS = ("sphere", "cone", "cylinder", "ring", "thin ring", "keyhole", "branching")


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_any_body_any_gradient_any_grid_within_the_bars(every: int) -> None:
    errors, volumes = [], []
    for n, (kind, r, h, way) in enumerate(product(KINDS, RADII, SPACINGS, LINEAR)):
        if n % every:
            continue
        if n % 3 and h < 1:  # the finest planes are the easiest and the slowest
            continue
        body, field = made(kind, r, h), LINEAR[way]
        phase = (0.5, 0.17, 0.83)[n % 3] if kind == "sphere" else 0.5
        grid = grid_for(field, (1.0, 2.5, 3.0)[n % 3], shift=-0.31 * n % 1.0)
        dvh = exact([body.structure(planes(body, h, phase))], grid)[0]
        assert isinstance(dvh, DVH)
        volume = 100 * abs(dvh.total_cm3 / body.volume_cm3 - 1)
        error = worst(body, field, dvh)
        assert volume <= 0.5, (kind, r, h, way, volume)
        assert error <= 1.2, (kind, r, h, way, error)
        errors.append(error)
        volumes.append(volume)
    assert np.median(errors) <= 0.2
    assert np.median(volumes) <= 0.05


@pytest.mark.parametrize("caps", ["half", "none"])
def test_end_caps_none_is_the_body_between_its_outermost_planes(caps: str) -> None:
    body, field = sphere(15.0), LINEAR["z"]
    z = planes(body, 2.0, 0.4)
    dvh = exact([body.structure(z)], grid_for(field, 2.0), end_caps=caps)[0]
    assert isinstance(dvh, DVH)
    assert dvh.end_caps == caps
    low, high = (z[0], z[-1]) if caps == "none" else (-15.0, 15.0)
    between = np.pi * (15.0**2 * (high - low) - (high**3 - low**3) / 3) / 1000
    assert dvh.total_cm3 == pytest.approx(between, rel=2e-3)


@pytest.mark.parametrize("kind", ["sphere", "ring", "cone"])
def test_uneven_planes(kind: str) -> None:
    rng = np.random.default_rng(7)
    errors = []
    for r, way in product(RADII, LINEAR):
        steps = rng.uniform(0.5, 3.0, 100)
        body = made(kind, r, 1.0)
        low = body.discs[0].low_mm
        z = low + 0.5 * steps[0] + np.concatenate([[0.0], np.cumsum(steps)])
        high = max(d.high_mm for d in body.discs)
        z = z[z < high]
        if kind != "sphere":  # the last plane half its own step below the end, the definition of a flat end
            z = z[: max(int((z < high - 1.5).sum()), 2)]
            z = np.append(z, (2 * high + z[-1]) / 3)
        field = LINEAR[way]
        dvh = exact([body.structure(z)], grid_for(field, 2.5))[0]
        assert isinstance(dvh, DVH)
        assert dvh.total_cm3 == pytest.approx(body.volume_cm3, rel=5e-3)
        errors.append(worst(body, field, dvh))
    assert max(errors) <= 1.5
    assert np.median(errors) <= 0.5


@pytest.mark.parametrize("sigma", [3.0, 4.0, 6.0])
@pytest.mark.parametrize("spacing", [0.4, 1.0, 1.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (3.0, 1.0, -2.0)])
def test_small_spheres_in_a_steep_peak(spacing: float, sigma: float, centre: tuple[float, float, float]) -> None:
    body, field = sphere(4.0), Gaussian(60.0, centre, sigma)
    doses = np.linspace(0, 62, 200)
    truth, whole = body.volume_at(field, doses), body.volume_cm3
    for n, planes_mm in enumerate((0.2, 1.0, 1.5, 2.0, 2.5, 3.0)):
        shift = (-0.37, 0.0, -0.5)[n % 3] * spacing
        grid = dose_grid(field, [-12.0] * 3, [12.0] * 3, spacing, shift_mm=shift)
        for phase in (0.2, 0.6):
            dvh = exact([body.structure(planes(body, planes_mm, phase))], grid)[0]
            assert isinstance(dvh, DVH)
            assert dvh.total_cm3 == pytest.approx(whole, rel=5e-3)
            found = np.interp(doses, dvh.dose_gy, dvh.volume_cm3, right=0.0)
            assert 100 * np.abs(found - truth).max() / whole <= 3.0, (planes_mm, phase)


@pytest.mark.parametrize("lowest", [-2.0, -1.9, -1.7, -1.5, -1.2, -1.0, -0.9])
@pytest.mark.parametrize("spacing", [1.0, 2.5, 3.0])
def test_small_spheres_on_two_or_three_slices(lowest: float, spacing: float) -> None:
    body, field = sphere(4.0), Gaussian(60.0, (0.0, 0.0, 0.0), 3.0)
    z = lowest + 3.0 * np.arange(-2, 4)
    z = z[np.abs(z) < 4.0 - 1e-6]
    assert len(z) in (2, 3)
    grid = dose_grid(field, [-12.0] * 3, [12.0] * 3, spacing, shift_mm=-0.3)
    dvh = exact([body.structure(z)], grid)[0]
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(body.volume_cm3, rel=5e-3)
    assert worst(body, field, dvh) <= 3.0


def test_one_slice_in_a_steep_peak() -> None:
    disc = cylinder(10.0, 3.0)
    field = Gaussian(60.0, (4.0, 0.0, 0.0), 6.0)
    grid = dose_grid(field, [-20] * 3, [20] * 3, 1.0, shift_mm=-0.2)
    drawn = disc.structure(np.zeros(1))
    # nothing says how thick it is: no number, whatever else is asked for and however fine the dose
    partner = cylinder(12.0, 30.0).structure(np.arange(-13.5, 14, 3.0), number=2)
    assert isinstance(exact([drawn], grid)[0], Absent)
    assert isinstance(exact([drawn, partner], grid)[0], Absent)
    dvh = exact([replace(drawn, slice_mm=3.0)], grid)[0]
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(disc.volume_cm3, rel=1e-3)
    assert worst(disc, field, dvh) <= 1.0


@pytest.mark.parametrize("kind", ["ring", "sphere"])
def test_eight_patient_positions_give_one_answer(kind: str) -> None:
    body, field = made(kind, 15.0, 2.0), LINEAR["oblique"]
    structure = body.structure(planes(body, 2.0, 0.5))
    curves = [exact([structure], grid_for(field, 2.0, position))[0] for position in POSITIONS]
    first = curves[0]
    assert isinstance(first, DVH)
    for other in curves[1:]:
        assert isinstance(other, DVH)
        assert other.mean_gy == pytest.approx(first.mean_gy, rel=1e-6)
        assert other.total_cm3 == pytest.approx(first.total_cm3, rel=1e-9)
        doses = np.linspace(0, 60, 500)
        ours, theirs = (np.interp(doses, d.dose_gy, d.volume_cm3, right=0.0) for d in (first, other))
        assert np.abs(ours - theirs).max() <= 1e-6 * first.total_cm3


def test_a_dose_grid_turned_by_any_angle() -> None:
    body, field = sphere(14.0), LINEAR["oblique"]
    a, b = 0.3, -0.5
    turn = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    grid = dose_grid(field, [-BOX] * 3, [BOX] * 3, 2.5, tilt @ turn)
    dvh = exact([body.structure(planes(body, 2.0, 0.3))], grid)[0]
    assert isinstance(dvh, DVH)
    assert dvh.coverage == 1.0
    assert worst(body, field, dvh) <= 0.5
    small, peak = sphere(4.0), Gaussian(60.0, (0.0, 0.0, 0.0), 4.0)
    grid = dose_grid(peak, [-14.0] * 3, [14.0] * 3, 2.5, tilt @ turn, -0.4)
    dvh = exact([small.structure(planes(small, 1.0, 0.3))], grid)[0]
    assert isinstance(dvh, DVH)
    assert worst(small, peak, dvh) <= 3.0


@pytest.mark.parametrize("way", LINEAR)
@pytest.mark.parametrize("kind", ["sphere", "ring", "cone", "branching"])
def test_metrics_within_half_a_percent_of_the_dose_range(kind: str, way: str) -> None:
    body, field = made(kind, 12.0, 3.0), LINEAR[way]
    dvh = exact([body.structure(planes(body, 3.0, 0.5))], grid_for(field, 2.5))[0]
    assert isinstance(dvh, DVH)
    fine = np.linspace(0, 60, 3001)
    truth = body.volume_at(field, fine)
    span = dvh.max_gy - dvh.min_gy
    mean = np.trapezoid(truth, fine) / truth[0]
    d95, d2 = (np.interp(-q * truth[0], -truth, fine) for q in (0.95, 0.02))
    assert abs(dvh.mean_gy - mean) <= 5e-3 * span
    assert abs(metric(dvh, "D95%[Gy]") - d95) <= 5e-3 * span
    assert abs(metric(dvh, "D2%[Gy]") - d2) <= 5e-3 * span
    middle = 0.5 * (dvh.max_gy + dvh.min_gy)
    at_middle = 100 * np.interp(middle, fine, truth) / truth[0]
    assert abs(metric(dvh, f"V{middle:.4f}Gy[%]") - at_middle) <= 0.5
