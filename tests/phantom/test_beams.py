"""Laws of the beams: build-up, attenuation, inverse square, penumbra, range."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.phantom.anatomy import Numbers
from lymphorisk.phantom.dose import photon_beam, proton_beam, technique_dose
from lymphorisk.phantom.photon import depth_dose, edge
from lymphorisk.phantom.rays import eye_view, inside_body
from lymphorisk.phantom.voxels import Voxels

STEP = 5.0
N = 60


def water_box(target_half: int = 4, lung: bool = False) -> Voxels:
    """A 30 cm cube of water with a cubic target in its middle; optionally lung before it."""
    axis = (np.arange(N) - N / 2 + 0.5) * STEP
    density = np.ones((N, N, N), dtype=np.float32)
    if lung:
        density[:, 5:20, :] = 0.25
    k = np.arange(N // 2 - target_half, N // 2 + target_half)
    target = ((k[:, None, None] * N + k[None, :, None]) * N + k[None, None, :]).ravel()
    owned = FrozenDict({"Body": np.arange(N**3), "PTV": np.sort(target)})
    return Voxels(axis, axis, axis, STEP, owned, density)


def test_a_nearer_source_falls_off_faster_with_depth_by_the_inverse_square(numbers: Numbers) -> None:
    near, far = photon_beam(numbers, "6", source_distance_mm=800.0), photon_beam(numbers, "6")
    assert (near.source_distance, far.source_distance) == (800.0, numbers["beam.photon.source_distance"])
    assert replace(near, source_distance=far.source_distance) == far


def test_the_depth_dose_peaks_at_the_stated_depth_and_then_falls(numbers: Numbers) -> None:
    depth = np.arange(0.0, 300.0, 0.5)
    for energy, peak in (("6", 15.0), ("10", 23.0)):
        dose = depth_dose(photon_beam(numbers, energy), depth)
        at = depth[int(np.argmax(dose))]
        assert at == pytest.approx(peak, abs=3.0)
        assert (np.diff(dose[depth > at]) < 0).all()


def test_six_megavolts_has_two_thirds_of_its_maximum_at_10_cm(numbers: Numbers) -> None:
    """BJR Supplement 25: percentage depth dose at 10 cm, 10 x 10 cm2, SSD 100 cm, 6 MV: 67 %."""
    beam = photon_beam(numbers, "6")
    dose = [float(depth_dose(beam, np.array([d]))[0]) * (1000 / (1000 + d)) ** 2 for d in (15.0, 100.0)]
    assert dose[1] / dose[0] == pytest.approx(0.67, abs=0.02)


def test_the_edge_is_half_at_the_field_edge_and_falls_outwards(numbers: Numbers) -> None:
    beam = photon_beam(numbers, "6")
    away = np.arange(-40.0, 200.0, 1.0)
    profile = edge(beam, away)
    assert profile[40] == pytest.approx(0.5, abs=0.05)
    assert profile[0] == pytest.approx(1.0, abs=0.001)
    assert (np.diff(profile) <= 1e-9).all()
    assert profile[away == 50.0][0] < 0.03
    assert profile[-1] == pytest.approx(beam.leakage, rel=0.5)


def test_depth_in_a_water_box_is_the_distance_to_its_face() -> None:
    grid = water_box()
    where = inside_body(grid, -1000.0, 1000.0)
    j, i = np.divmod(where.plane, N)
    for gantry, distance in (
        (0.0, grid.y_mm[j] + 150.0),
        (90.0, 150.0 - grid.x_mm[i]),
        (180.0, 150.0 - grid.y_mm[j]),
        (270.0, grid.x_mm[i] + 150.0),
    ):
        view = eye_view(where, gantry, (0.0, 0.0, 0.0), 1000.0)
        np.testing.assert_allclose(view.depth_mm, distance, atol=0.51 * STEP)


def test_lung_on_the_way_shortens_the_depth() -> None:
    where = inside_body(water_box(lung=True), -1000.0, 1000.0)
    j, _ = np.divmod(where.plane, N)
    view = eye_view(where, 0.0, (0.0, 0.0, 0.0), 1000.0)
    behind = j == 40
    assert view.depth_mm[behind].mean() == pytest.approx((40.5 - 15 * 0.75) * STEP, abs=0.5 * STEP)


def test_inverse_square_is_one_at_the_isocentre_and_falls_with_distance() -> None:
    grid = water_box()
    where = inside_body(grid, -1000.0, 1000.0)
    view = eye_view(where, 0.0, (0.0, 0.0, 0.0), 1000.0)
    np.testing.assert_allclose(view.inverse_square, (1000.0 / (1000.0 + view.away_mm)) ** 2, rtol=1e-5)
    np.testing.assert_allclose(view.u_mm * (1000.0 + view.away_mm) / 1000.0, grid.x_mm[where.plane % N], atol=1e-2)


@pytest.mark.parametrize("compensated", [False, True])
def test_one_field_along_its_axis_follows_the_closed_form(numbers: Numbers, compensated: bool) -> None:
    """(1 - (1 - s) exp(-d/b)) exp(-mu d) (SAD / distance)^2, up to one factor."""
    grid, beam = water_box(), photon_beam(numbers, "6")
    dose = technique_dose(grid, "PTV", (0.0,), beam, field_margin_mm=10.0, compensated=compensated).dose_zyx
    axis = dose[N // 2, :, N // 2].astype(float)
    d = grid.y_mm + 150.0
    expected = depth_dose(beam, d) * (1000.0 / (1000.0 + grid.y_mm)) ** 2
    ratio = axis[2:] / expected[2:]
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=0.02)


def test_outside_the_field_there_is_little(numbers: Numbers) -> None:
    grid = water_box()
    dose = technique_dose(grid, "PTV", (0.0, 180.0), photon_beam(numbers, "6"), field_margin_mm=10.0).dose_zyx
    middle = dose[N // 2, N // 2]
    assert middle[N // 2] == pytest.approx(1.0, abs=0.05)
    # target to x = 20 mm, field to 30 mm: at 85 mm the peripheral dose alone
    assert 0.002 < middle[np.searchsorted(grid.x_mm, 85.0)] < 0.03


def test_opposed_fields_are_flat_and_symmetric(numbers: Numbers) -> None:
    dose = technique_dose(water_box(), "PTV", (90.0, 270.0), photon_beam(numbers, "10"), field_margin_mm=10.0).dose_zyx
    row = dose[N // 2, N // 2]
    np.testing.assert_allclose(row, row[::-1], rtol=0.03)
    assert row[N // 2] == pytest.approx(row[N // 4], rel=0.12)


def test_a_proton_field_stops_behind_the_target(numbers: Numbers) -> None:
    grid, beam = water_box(), proton_beam(numbers)
    dose = technique_dose(grid, "PTV", (0.0,), beam, field_margin_mm=8.0).dose_zyx
    axis = dose[N // 2, :, N // 2]
    y = grid.y_mm
    in_target = np.abs(y) < 18
    plateau = axis[in_target]
    # the mean over the target is 1; its core lies a little higher because the sides have a penumbra
    assert plateau / plateau.mean() == pytest.approx(np.ones(len(plateau)), abs=0.02)
    assert 1.0 <= plateau.mean() < 1.1
    assert beam.entrance - 0.1 < axis[1] < 0.85
    # range margin 3.5 % of 17 cm + 3 mm, then three sigma of the fall-off
    end = 20.0 + 0.035 * 170.0 + 3.0 + 4 * beam.distal
    assert (axis[y > end + STEP] < 0.002).all()
    assert (axis[y > end + STEP] > 0).all()


def test_lung_before_the_target_leaves_the_proton_peak_on_it(numbers: Numbers) -> None:
    dose = technique_dose(water_box(lung=True), "PTV", (0.0,), proton_beam(numbers), field_margin_mm=8.0).dose_zyx
    plateau = dose[N // 2, N // 2 - 3 : N // 2 + 3, N // 2]
    assert plateau / plateau.mean() == pytest.approx(np.ones(6), abs=0.02)
    assert plateau.mean() == pytest.approx(1.03, abs=0.05)


def test_the_mean_of_the_target_is_one_and_fields_add_up(numbers: Numbers) -> None:
    grid = water_box()
    for beam in (photon_beam(numbers, "6"), proton_beam(numbers)):
        made = technique_dose(
            grid, "PTV", (0.0, 120.0, 240.0), beam, field_margin_mm=8.0, weights=(1.0, 2.0, 1.0), keep_fields=True
        )
        assert made.dose_zyx.reshape(-1)[grid.owned["PTV"]].mean() == pytest.approx(1.0, abs=1e-4)
        assert [f.share for f in made.fields] == pytest.approx([0.25, 0.5, 0.25])
        parts = np.sum([f.dose_zyx for f in made.fields if f.dose_zyx is not None], axis=0)
        np.testing.assert_allclose(parts, made.dose_zyx, atol=1e-5)


def test_compensation_levels_the_middle_of_the_target(numbers: Numbers) -> None:
    """Half the field passes through lung: without compensation the middle plane is uneven by its shorter path."""
    grid, beam = water_box(target_half=10), photon_beam(numbers, "6")
    half = np.array(grid.density)
    half[:, 5:20, : N // 2] = 0.25
    grid = Voxels(grid.x_mm, grid.y_mm, grid.z_mm, STEP, grid.owned, half)
    core = slice(N // 2 - 7, N // 2 + 7)
    step = {}
    for compensated in (False, True):
        dose = technique_dose(grid, "PTV", (0.0,), beam, field_margin_mm=10.0, compensated=compensated).dose_zyx
        middle = dose[core, N // 2 - 1 : N // 2 + 1, core].mean(axis=(0, 1))
        step[compensated] = float(middle[:5].mean() / middle[-5:].mean())
    assert step[False] == pytest.approx(np.exp(beam.attenuation * 15 * STEP * 0.75), rel=0.02)
    assert step[True] == pytest.approx(1.0, abs=0.01)


def test_a_target_without_voxels_is_refused(numbers: Numbers) -> None:
    grid = water_box()
    empty = Voxels(
        grid.x_mm, grid.y_mm, grid.z_mm, STEP, FrozenDict({**grid.owned, "PTV": np.empty(0, int)}), grid.density
    )
    with pytest.raises(ScenarioError, match="no voxel"):
        technique_dose(empty, "PTV", (0.0,), photon_beam(numbers, "6"), field_margin_mm=5.0)


def test_an_unknown_energy_is_refused(numbers: Numbers) -> None:
    with pytest.raises(ScenarioError, match="18 MV"):
        photon_beam(numbers, "18")


def test_penumbra_from_80_to_20_percent(numbers: Numbers) -> None:
    beam = photon_beam(numbers, "6")
    away = np.arange(-30.0, 30.0, 0.01)
    profile = edge(beam, away)
    width = away[np.searchsorted(-profile, -0.2)] - away[np.searchsorted(-profile, -0.8)]
    assert width == pytest.approx(2 * 0.8416 * beam.penumbra, rel=0.15)
    assert math.isfinite(width)
