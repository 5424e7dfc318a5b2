"""How far one uniform dose is from standing for a distribution."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.objective import goals


def test_the_error_is_the_root_of_the_mean_square_of_relative_differences() -> None:
    wanted = np.array([1.0, 2.0, 4.0])
    assert goals._off(wanted * [1.1, 0.9, 1.0], wanted) == pytest.approx((0.02 / 3) ** 0.5, rel=1e-12)
    assert goals._off(wanted, wanted) == 0.0


def test_what_should_be_nothing_is_in_no_proportion() -> None:
    assert goals._off(np.array([3.0, 1.1]), np.array([0.0, 1.0])) == pytest.approx(0.1, rel=1e-12)
    assert goals._off(np.array([3.0]), np.array([0.0])) == 0.0
