"""Whether what is drawn is the whole organ."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.anatomy import (
    DosedBody,
    PartRules,
    Peripheral,
    Placed,
    Reference,
    dosed_body,
    field_of,
    part_of,
    prior_of,
)
from lymphorisk.errors import ParameterError
from lymphorisk.plan import DoseGrid

A = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "drawings.py")))
seen = A.seen
RULES = PartRules(margin=15.0, volume=0.7, length=0.6)


@pytest.fixture(scope="module")
def body(placed: Placed, peripheral: Peripheral) -> DosedBody:
    axis = np.arange(-200.0, 201.0, 20.0)
    z = np.arange(1000.0, 1401.0, 20.0)
    dose = np.broadcast_to(np.where(z > 1250.0, 2.0, 0.0)[:, None, None], (21, 21, 21)).astype(np.float32)
    grid = DoseGrid(dose, np.zeros(3), np.eye(3), axis, axis.copy(), z)
    return dosed_body(placed, [grid], [field_of(grid, peripheral)])


def test_an_organ_within_the_scan_is_whole(body: DosedBody, man: Reference) -> None:
    assert part_of(body, {"Liver": 1.0}, seen(man, "Liver"), RULES).whole


def test_an_organ_cut_in_its_middle_is_half(body: DosedBody, man: Reference) -> None:
    drawn = seen(man, "Kidney_L")
    half = replace(drawn, low_mm=0.5 * (drawn.low_mm + drawn.high_mm), cut_low=True, volume_cm3=drawn.volume_cm3 / 2)
    part = part_of(body, {"Kidney_L": 1.0}, half, RULES)
    assert float(part.share.mean()) == pytest.approx(0.5, abs=0.15)
    assert "scan" in part.why
    rest = body.distribution({"Kidney_L": 1.0}, 0, 0, part.low_mm, part.high_mm)
    assert rest is not None
    assert rest.mean_gy < 2.0


def test_a_stretch_of_bowel_is_that_stretch(body: DosedBody, man: Reference) -> None:
    mix = {"Bowel_Small": 0.75, "Bowel_Large": 0.25}
    short = replace(seen(man, "Bowel_Small"), low_mm=1000.0, high_mm=1060.0, volume_cm3=250.0)
    part = part_of(body, mix, short, RULES)
    assert 0.2 < float(part.share.mean()) < 0.8
    full = replace(short, volume_cm3=1500.0)
    assert part_of(body, mix, full, RULES).whole


def test_a_bag_is_judged_by_its_ends_not_by_its_volume(body: DosedBody, man: Reference) -> None:
    mix = {"Bowel_Small": 0.75, "Bowel_Large": 0.25}
    bag = replace(seen(man, "Bag_Bowel"), low_mm=1000.0, high_mm=1060.0, volume_cm3=2500.0)
    assert not part_of(body, mix, bag, RULES, fills=False).whole


def test_a_small_organ_that_is_not_cut_is_whole(body: DosedBody, man: Reference) -> None:
    small = replace(seen(man, "Spleen"), volume_cm3=60.0)
    assert part_of(body, {"Spleen": 1.0}, small, RULES).whole


def test_what_lies_beyond_and_what_does_not_are_the_whole(body: DosedBody) -> None:
    above, below = (body.beyond({"Lung_L": 1.0}, *ends) for ends in ((-np.inf, 1300.0), (1300.0, np.inf)))
    assert above + below == pytest.approx(np.ones(len(above)), abs=0.02)


@pytest.mark.parametrize("cut", [1230.0, 1260.0, 1300.0])
def test_the_doses_below_and_above_a_height_make_up_the_whole(body: DosedBody, cut: float) -> None:
    """The dose is 2 Gy above 1250 mm and 0 below: each part's mean is its own, weighted they are the whole's."""
    mix, ends = {"Lung_L": 0.7, "Lung_R": 0.3}, {"below": (cut, np.inf), "above": (-np.inf, cut)}
    whole = body.distribution(mix, 0, 0)
    parts = {name: body.distribution(mix, 0, 0, *at) for name, at in ends.items()}
    share = {name: float(body.beyond(mix, *at)[0]) for name, at in ends.items()}
    assert whole is not None
    assert parts["below"] is not None
    assert parts["above"] is not None
    assert parts["below"].mean_gy < whole.mean_gy < parts["above"].mean_gy
    total = sum(share[name] * parts[name].mean_gy for name in ends)  # type: ignore[union-attr]
    assert total == pytest.approx(whole.mean_gy, rel=0.01)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("fit.small", None, "'fit.small' is missing or not one number"),
        ("fit.small", (1.0, 2.0), "'fit.small' is missing or not one number"),
        ("organ.Spleen", 1.0, "'organ.Spleen' is missing or not a list"),
        ("organ.Spleen", (1.0, 2.0), "'organ.Spleen' has 2 values, not 11"),
    ],
)
def test_a_prior_that_says_too_little_is_refused(
    anatomy_numbers: dict[str, object], name: str, value: object, what: str
) -> None:
    numbers = {n: v for n, v in {**anatomy_numbers, name: value}.items() if v is not None}
    with pytest.raises(ParameterError, match=what):
        prior_of(numbers)  # type: ignore[arg-type]
