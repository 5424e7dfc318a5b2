"""Many decimal strings at once: the bits that reading one by one gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.dicom.decimals import parse

PLAIN = st.from_regex(r"\A[+-]?([0-9]{1,8}(\.[0-9]{0,7})?|\.[0-9]{1,8})\Z")
REAL = st.floats(allow_nan=False, allow_infinity=False).map(repr)


@settings(max_examples=40)
@given(st.lists(PLAIN | REAL, max_size=40), st.sampled_from([" ", "  ", "   "]))
def test_the_bits_are_those_of_one_by_one(words: list[str], gap: str) -> None:
    got = parse(gap.join(words).encode())
    assert got.tobytes() == np.array([float(w) for w in words]).tobytes()


@pytest.mark.parametrize("word", ["1.2.3", "-", ".", "--1", "1-2", "1,5", "1_0", "x", "\0", "0x10"])
def test_what_is_no_number_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"float|number"):
        parse(f"1.0 {word} 2.0".encode())


def test_nothing_gives_nothing() -> None:
    assert parse(b"").shape == parse(b"   ").shape == (0,)
