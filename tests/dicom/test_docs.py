"""The page on DICOM names every finding, and no other."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from pkgutil import iter_modules

import lymphorisk.dicom
from lymphorisk.analysis import scale
from lymphorisk.findings import Rule
from lymphorisk.plan import likely


def test_every_finding_of_the_room_is_documented():
    page = (Path(__file__).parent.parent.parent / "docs" / "dicom.md").read_text(encoding="utf-8")
    room = [importlib.import_module(f"lymphorisk.dicom.{m.name}") for m in iter_modules(lymphorisk.dicom.__path__)]
    ours = {value.code for m in (*room, likely, scale) for value in vars(m).values() if isinstance(value, Rule)}
    assert ours == set(re.findall(r"LR0\d\d", page)) - {"LR0xx"}


def test_the_public_names_are_there():
    for name in lymphorisk.dicom.__all__:
        assert hasattr(lymphorisk.dicom, name)
