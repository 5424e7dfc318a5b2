"""The plausible volumes of the organ table held against the reference bodies: a slip of ten is outside them."""

from __future__ import annotations

import pytest

from lymphorisk.anatomy.reference import reference_body
from lymphorisk.organs import load as organs
from lymphorisk.parameters import load

TEN = 10.0
#: Organs that are emptied, shrink with age, or are drawn in part where the scan or the dose ends.
MAY_BE_A_TENTH = {"Bag_Bowel", "Bladder", "Body", "Bowel_Small", "Femur_L", "Femur_R", "Glnd_Thymus"}


@pytest.mark.parametrize("sex", ["M", "F"])
def test_ten_times_the_reference_or_a_tenth_is_outside_the_range(sex: str) -> None:
    numbers = {n: p.value for n, p in load("phantom").items()}
    more = {n: p.value for n, p in load("anatomy").items()}
    checked = 0
    for name, cloud in reference_body(numbers, sex, more).organs.items():
        organ = organs().get(name)
        if organ is None or organ.volume_range_cm3 is None:
            continue
        low, high = organ.volume_range_cm3
        assert low <= cloud.volume_cm3 <= high, name
        assert name == "Body" or cloud.volume_cm3 * TEN > high, name
        assert name in MAY_BE_A_TENTH or cloud.volume_cm3 / TEN < low, name
        checked += 1
    assert checked > 40
