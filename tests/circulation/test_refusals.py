"""What no blood network, fraction or survival can be is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.circulation import LaneDose, Network, PhaseBlood, SurvivalForm, with_tumour
from lymphorisk.circulation.chain import chain
from lymphorisk.circulation.montecarlo import blood_dose
from lymphorisk.circulation.survival_form import form_of
from lymphorisk.errors import ParameterError, ScenarioError

ROUND = np.array([[0.0, 1.0], [1.0, 0.0]])


def net(
    names: tuple[str, ...] = ("heart", "rest"),
    share: tuple[float, ...] = (0.25, 0.75),
    flow: np.ndarray = ROUND,
    litres: float = 5.0,
    per_min: float = 5.0,
) -> Network:
    return Network(names, np.array(share), np.array(flow), litres, per_min)


def phase(start_s: np.ndarray | None = None) -> PhaseBlood:
    return PhaseBlood(1, np.array([5.0, 5.0]), start_s, {"rest": LaneDose(np.ones(1), np.ones((2, 1)))})


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"names": ("rest", "rest")}, "'rest' appears twice"),
        ({"share": (0.25, 0.25, 0.5)}, "2 names, volumes"),
        ({"flow": ROUND[:1]}, "2 names, volumes"),
        ({"flow": -ROUND}, "not negative"),
        ({"flow": np.full((2, 2), 1.0)}, "leave their compartment"),
        ({"flow": [[0.0, np.inf], [1.0, 0.0]]}, "finite"),
        ({"share": (0.25, 0.751)}, "sum to 1.001"),
        ({"share": (0.0, 1.0)}, "'heart' holds no blood"),
        (
            {"flow": [[0.0, 1.0], [0.9, 0.0]]},
            r"leaks at 'heart': 90 % of cardiac output in, 100 % out \(imbalance -10 %",
        ),
        ({"flow": np.zeros((2, 2))}, "no blood flows through 'heart'"),
        ({"litres": 0.0}, "blood volume 0"),
        ({"per_min": float("nan")}, "cardiac output nan"),
    ],
)
def test_what_is_no_network(changed: dict[str, object], what: str) -> None:
    assert net().names == ("heart", "rest")
    with pytest.raises(ParameterError, match=what):
        net(**changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fraction", "density", "perfusion", "what"),
    [
        (0.0, 1.0, 1.0, "between 0 and 1"),
        (1.0, 1.0, 1.0, "between 0 and 1"),
        (0.5, 0.0, 1.0, "above zero"),
        (0.5, 1.0, -1.0, "above zero"),
    ],
)
def test_what_is_no_tumour(fraction: float, density: float, perfusion: float, what: str) -> None:
    with pytest.raises(ParameterError, match=what):
        with_tumour(net(), "rest", fraction, density=density, perfusion=perfusion)


@pytest.mark.parametrize(
    ("start_s", "what"),
    [
        (np.zeros(3), "beam starts for"),
        (np.array([0.0, np.nan]), "beam starts for"),
        (np.array([-1.0, 10.0]), "must not be negative"),
    ],
)
def test_what_is_no_timing(start_s: np.ndarray, what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        phase(start_s)


def test_a_compartment_has_a_stage_and_a_course_a_phase() -> None:
    with pytest.raises(ParameterError, match="0 stages"):
        chain(net(), phase(), 0)
    with pytest.raises(ScenarioError, match="at least one phase"):
        blood_dose(net(), [], {}, stages=1, lanes=1, seed=1, particles=10)


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        (((), (), ()), "as many weights"),
        (((1.0,), (0.1, 0.2), (0.0,)), "as many weights"),
        (((0.5, 0.4), (0.1, 0.2), (0.0, 0.0)), "sum to 0.9"),
        (((1.5, -0.5), (0.1, 0.2), (0.0, 0.0)), "weights of a survival form"),
        (((1.0,), (-0.1,), (0.0,)), "never rises"),
        (((1.0,), (0.1,), (-0.01,)), "never rises"),
    ],
)
def test_what_is_no_survival_form(terms: tuple[tuple[float, ...], ...], what: str) -> None:
    with pytest.raises(ParameterError, match=what):
        SurvivalForm(*terms)


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda d: 1.0, "one finite number for every dose"),
        (lambda d: np.where(d > 1.0, np.nan, 1.0), "one finite number for every dose"),
        (lambda d: 0.9 * np.exp(-d), "is 1 at zero dose, not 0.9"),
        (lambda d: 1.0 + 0.01 * d, "never rises"),
        (lambda d: 1.0 - 0.2 * d, "stays between 0 and 1"),
        (lambda d: np.where(d < 3.0, 1.0, 0.0), "mixture of linear-quadratic terms"),
    ],
)
def test_a_function_that_is_no_survival(function: Callable[[np.ndarray], object], what: str) -> None:
    with pytest.raises(ParameterError, match=what):
        form_of(function)  # type: ignore[arg-type]


def test_a_function_is_found_to_be_the_terms_it_is_made_of() -> None:
    """A quadratic term too, which an exponential alone cannot be."""
    dose = np.linspace(0.0, 12.0, 49)
    for a, b in ((0.3, 0.0), (0.1, 0.03), (0.5, 0.05)):
        wanted = np.exp(-a * dose - b * dose**2)
        assert np.abs(form_of(lambda d, a=a, b=b: np.exp(-a * d - b * d**2))(dose) - wanted).max() < 2e-3


def test_beams_that_start_when_the_one_before_ends_do_not_overlap() -> None:
    assert phase(np.array([0.0, 5.0])).fractions == 1
    with pytest.raises(ScenarioError):
        phase(np.array([0.0, 4.0]))
    assert replace(phase(), start_s=np.array([6.0, 0.0])).fractions == 1
