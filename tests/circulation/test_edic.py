from __future__ import annotations

import pytest

from lymphorisk.absent import Absent
from lymphorisk.circulation.edic import (
    EdicWeights,
    EffectiveDose,
    coverage,
    edic,
    edic_esophagus,
    edic_weights,
    edric,
)
from lymphorisk.errors import ScenarioError
from lymphorisk.parameters import load

W: EdicWeights = edic_weights({name: p.number for name, p in load("edic").items()})


def test_edic_and_edric_are_different_things() -> None:
    """A 25 L thorax CT at 7 Gy: the integral over a reference body is 2.83 Gy, the External mean 7 Gy."""
    small = edic(0.0, 0.0, 7.0 * 25e3, 30, W)
    large = edric(0.0, 0.0, 7.0, 30, W)
    assert isinstance(small, EffectiveDose)
    assert isinstance(large, EffectiveDose)
    assert large.gy - small.gy == pytest.approx(2.89, abs=0.005)
    assert (small.name, large.name) == ("EDIC", "EDRIC")


@pytest.mark.parametrize("formula", [edic, edric])
def test_not_for_total_body_irradiation(formula) -> None:  # type: ignore[no-untyped-def]
    got = formula(12.0, 12.0, 12.0, 6, W, whole_body=True)
    assert isinstance(got, Absent)
    assert "total-body" in got.reason


def test_what_it_would_give_for_a_uniform_body_is_wrong() -> None:
    """Uniform 12 Gy in 6 fractions: 9.10 Gy, which is why it is refused."""
    got = edric(12.0, 12.0, 12.0, 6, W)
    assert isinstance(got, EffectiveDose)
    assert got.gy == pytest.approx(9.10, abs=0.01)


@pytest.mark.parametrize(
    ("lung", "heart", "reason"),
    [
        (Absent.not_contoured("no ROI matched Lungs"), 5.0, "lungs: no ROI matched Lungs"),
        (5.0, Absent.outside_grid("only 40 % lies inside the dose grid"), "heart: only 40 % lies inside the dose grid"),
        (5.0, None, "heart: no dose"),
    ],
)
def test_refused_without_lung_or_heart(lung: object, heart: object, reason: str) -> None:
    got = edic(lung, heart, 1e5, 30, W)  # type: ignore[arg-type]
    assert got == Absent.declined(reason)


def test_oesophagus_needs_the_liver() -> None:
    got = edic_esophagus(5.0, 5.0, Absent.not_contoured("no liver"), 1e5, 28, W)
    assert isinstance(got, Absent)
    assert "liver" in got.reason


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_a_dose_that_cannot_be_is_an_error(bad: float) -> None:
    with pytest.raises(ScenarioError, match="lungs"):
        edic(bad, 1.0, 1.0, 30, W)
    with pytest.raises(ScenarioError, match="0 fractions"):
        edic(1.0, 1.0, 1.0, 0, W)
    with pytest.raises(ScenarioError, match="coverage"):
        coverage(1.5, 3)


def test_coverage_limits() -> None:
    assert coverage(0.3, 0) == 0.0
    assert coverage(0.3, 1) == pytest.approx(0.3)
    assert coverage(1.0, 2) == 1.0
