"""The metric grammar, worked by hand on a ramp, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh import DVH
from lymphorisk.dvh.metrics import bed, bounds, dose_at, eqd2, eud, metric, parse, volume_at
from lymphorisk.errors import InputError, UndecidableError

#: 10 cm3, doses spread evenly from 20 to 60 Gy.
EDGES = np.linspace(0.0, 61.0, 6101)
RAMP = DVH("ramp", EDGES, 10 * np.clip((60 - EDGES) / 40, 0, 1), 40.0, 20.0, 60.0, 1.0, 10.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("D95%[Gy]", 22.0),
        ("D2%[Gy]", 59.2),
        ("D50%[cGy]", 4000.0),
        ("D95%[%]", 44.0),
        ("D100%[Gy]", 20.0),
        ("D0%[Gy]", 60.0),
        ("D0.03cc[Gy]", 59.88),
        ("D2cm3[Gy]", 52.0),
        ("DC0.1cc[Gy]", 20.4),
        ("DC5%[Gy]", 22.0),
        ("V20Gy[%]", 100.0),
        ("V40Gy[%]", 50.0),
        ("V4000cGy[cc]", 5.0),
        ("V30Gy[cc]", 7.5),
        ("V95%[%]", 31.25),
        ("V70Gy[%]", 0.0),
        ("CV30Gy[cc]", 2.5),
        ("CV30Gy[%]", 25.0),
        ("Mean[Gy]", 40.0),
        ("mean[cGy]", 4000.0),
        ("Mean", 40.0),
        ("Min[Gy]", 20.0),
        ("Max[%]", 120.0),
        ("Median[Gy]", 40.0),
        ("Volume[cc]", 10.0),
        (" V20Gy[%] ", 100.0),
    ],
)
def test_worked_by_hand(text: str, value: float) -> None:
    assert metric(RAMP, text, prescription_gy=50.0) == pytest.approx(value, abs=2e-3)


def test_eud_of_a_uniform_dose_is_the_dose_and_rises_with_a() -> None:
    assert metric(RAMP, "EUD(a=1)[Gy]") == pytest.approx(40.0, abs=1e-6)
    assert metric(RAMP, "EUD[Gy]", a=8.0) == pytest.approx((60**9 - 20**9) ** (1 / 8) / (9 * 40) ** (1 / 8), abs=1e-3)
    values = [eud(RAMP, a) for a in (-10.0, -1.0, 1.0, 4.0, 20.0)]
    assert values == sorted(values)
    assert 20.0 < values[0] < values[-1] < 60.0


def test_eqd2_and_bed() -> None:
    assert metric(RAMP, "D50%[EQD2]", alpha_beta_gy=3.0, fractions=20) == pytest.approx(40.0, abs=2e-3)
    assert metric(RAMP, "D50%[BED]", alpha_beta_gy=10.0, fractions=20) == pytest.approx(48.0, abs=2e-3)
    # the mean of D (1 + D / (n ab)) needs the mean of D squared: (60^3 - 20^3) / (3 * 40)
    mean = 40 + (60**3 - 20**3) / 120 / (20 * 10)
    assert metric(RAMP, "Mean[BED]", alpha_beta_gy=10.0, fractions=20) == pytest.approx(mean, rel=1e-4)
    assert float(eqd2(50.0, 3.0, 25)) == 50.0
    assert float(bed(0.0, 3.0, 25)) == 0.0


def test_dose_and_volume_are_inverse() -> None:
    for v in (0.5, 2.5, 9.0):
        assert volume_at(RAMP, dose_at(RAMP, v)) == pytest.approx(v, abs=1e-3)


@pytest.mark.parametrize(
    "text", ["", "V20", "D95", "V20[%]", "X5Gy[%]", "D5Gy[Gy]", "V5cc[%]", "V20Gy[Gy]", "D95%[cc]", "Mean[cc]",
             "D120%[Gy]", "Volume[%]", "Mean(a=3)[Gy]", "V-5Gy[%]", "D95%[Gy] > 3"]
)  # fmt: skip
def test_what_is_no_metric_is_refused_with_a_list(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert "V20Gy[%]" in caught.value.hint


@pytest.mark.parametrize("text", ["V95%[%]", "D95%[%]", "EUD[Gy]", "D2%[EQD2]", "Mean[BED]"])
def test_what_a_metric_needs_is_named(text: str) -> None:
    with pytest.raises(InputError, match="needs"):
        metric(RAMP, text)


def test_a_volume_larger_than_the_structure_is_undecidable() -> None:
    with pytest.raises(UndecidableError, match="10 cc"):
        metric(RAMP, "D12cc[Gy]")


def test_bounds_meet_when_all_is_covered_and_hold_the_truth_when_not() -> None:
    assert bounds(RAMP, "D95%[Gy]") == (metric(RAMP, "D95%[Gy]"),) * 2
    half = DVH("half", EDGES, RAMP.volume_cm3.copy(), 40.0, 20.0, 60.0, 0.5, 20.0)
    # the other half may have anything from nothing to 60 Gy
    assert bounds(half, "Mean[Gy]") == pytest.approx((20.0, 50.0))
    assert bounds(half, "V40Gy[%]") == pytest.approx((25.0, 75.0))
    assert bounds(half, "V40Gy[cc]") == pytest.approx((5.0, 15.0), abs=1e-6)
    assert bounds(half, "D50%[Gy]") == pytest.approx((20.0, 60.0), abs=0.02)
    assert bounds(half, "Max[Gy]", ceiling_gy=80.0) == pytest.approx((60.0, 80.0))
    assert bounds(half, "Volume[cc]") == pytest.approx((20.0, 20.0))


def test_shares_are_of_what_lies_in_the_grid() -> None:
    """A structure of 20 cm3, half of it outside the dose grid: the metrics are those of the half that is known."""
    half = DVH("half", EDGES, RAMP.volume_cm3.copy(), 40.0, 20.0, 60.0, 0.5, 20.0)
    for text in ("V40Gy[%]", "CV30Gy[%]", "D50%[Gy]", "D2%[Gy]", "V40Gy[cc]", "Volume[cc]"):
        assert metric(half, text) == pytest.approx(metric(RAMP, text)), text
