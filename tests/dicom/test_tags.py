"""Tags against the dictionary of the standard."""

from __future__ import annotations

import re

import pytest
from pydicom.datadict import dictionary_keyword

from lymphorisk.dicom import tags

NAMES = [name for name, value in vars(tags).items() if name.isupper() and isinstance(value, int)]
#: Called shorter here, or with letters of the keyword kept apart.
CALLED = {
    "MODEL_NAME": "MANUFACTURER_MODEL_NAME",
    "RT_ROI_OBSERVATIONS_SEQUENCE": "RTROI_OBSERVATIONS_SEQUENCE",
    "RT_ROI_INTERPRETED_TYPE": "RTROI_INTERPRETED_TYPE",
}


def in_capitals(keyword: str) -> str:
    """A keyword as constants are written: `ROIDisplayColor` is ROI_DISPLAY_COLOR."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", keyword).upper()


@pytest.mark.parametrize("name", NAMES)
def test_a_tag_is_that_of_its_name(name: str) -> None:
    assert in_capitals(dictionary_keyword(vars(tags)[name])) == CALLED.get(name, name)
