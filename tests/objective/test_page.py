"""The example of docs/objective.md runs and lowers the loss."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "objective.md"


def test_the_example_of_the_page_lowers_the_loss() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    before, after = names["before"], names["after"]
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after < before
