"""Coverage common to two regions: laws that hold at every angle of their rims."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh.combine import overlap

N, FINE = 16, 40
ANGLES = (0.0, 17.0, 45.0, 63.0, 90.0, 128.0)


def half_plane(angle_deg: float, offset: float = 0.3) -> np.ndarray:
    """Coverage of the pixels by all that lies to one side of a line through the middle."""
    at = (np.arange(N * FINE) + 0.5) / FINE - N / 2
    x, y = np.meshgrid(at, at)
    t = np.radians(angle_deg)
    inside = (x * np.cos(t) + y * np.sin(t) <= offset).astype(np.float32)
    share = inside.reshape(N, FINE, N, FINE).mean(axis=(1, 3))
    share[[0, -1]], share[:, [0, -1]] = 0.0, 0.0  # coverage ends before its map does
    return share.astype(np.float32)


@pytest.mark.parametrize("angle", ANGLES)
def test_a_region_has_itself_in_common_with_itself(angle: float) -> None:
    share = half_plane(angle)
    inner = np.s_[2:-2, 2:-2]
    assert overlap(share, share)[inner] == pytest.approx(share[inner], abs=1e-5)


@pytest.mark.parametrize("angle", ANGLES)
def test_neighbours_that_share_a_border_have_nothing_in_common(angle: float) -> None:
    share = half_plane(angle)
    other = 1 - share
    other[[0, -1]], other[:, [0, -1]] = 0.0, 0.0
    assert overlap(share, other)[2:-2, 2:-2] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("angle", ANGLES)
def test_rims_that_cross_at_right_angles_have_the_product(angle: float) -> None:
    a, b = half_plane(angle), half_plane(angle + 90.0, -0.2)
    truth = half_plane(angle) * half_plane(angle + 90.0, -0.2)
    assert overlap(a, b)[2:-2, 2:-2] == pytest.approx(truth[2:-2, 2:-2], abs=0.03)


@pytest.mark.parametrize("between", [30.0, 60.0, 120.0, 150.0])
@pytest.mark.parametrize("angle", ANGLES)
def test_at_angles_between_it_lies_near_what_fine_pixels_count(angle: float, between: float) -> None:
    at = (np.arange(N * FINE) + 0.5) / FINE - N / 2
    x, y = np.meshgrid(at, at)
    errors = []
    for offset in np.linspace(-0.5, 0.5, 7):
        sides = [
            x * np.cos(np.radians(t)) + y * np.sin(np.radians(t)) <= o
            for t, o in ((angle, 0.3), (angle + between, offset))
        ]
        truth = (sides[0] & sides[1]).reshape(N, FINE, N, FINE).mean(axis=(1, 3))[2:-2, 2:-2]
        found = overlap(half_plane(angle), half_plane(angle + between, float(offset)))[2:-2, 2:-2]
        errors.append(float((found - truth).sum()))
        assert np.abs(found - truth).max() < 0.2
    assert abs(np.mean(errors)) < 0.05
