"""The house as it is drawn and told is the house that stands; every public name has a page."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import lymphorisk

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"
SITE = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@cache
def house() -> ModuleType:
    spec = spec_from_file_location("house", FIGURES / "house.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_drawn_house_is_the_one_of_the_imports() -> None:
    drawn = (FIGURES / "house.svg").read_text(encoding="utf-8")
    assert drawn == house().house(), "python docs/figures/house.py draws it again"


@pytest.mark.slow
def test_a_new_import_would_be_drawn() -> None:
    imports = house().room_imports()
    assert house().needed({**imports, "version": {"errors"}}) != house().needed(imports)


def test_every_room_is_told_in_the_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = {name for row in re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert told == set().union(*house().floors()) - {"__main__"}


def directives() -> list[str]:
    pages = sorted((ROOT / "docs" / "api").glob("*.md"))
    assert all(f"api/{page.name}" in SITE for page in pages)
    return [name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)]


@pytest.mark.parametrize("name", sorted(set(lymphorisk.__all__) - {"__version__"}))
def test_every_public_name_has_a_page(name: str) -> None:
    door = lymphorisk.__getattr__(name)  # the function, also of a room of the same name
    rooms = [import_module(room) for room in directives() if room != "lymphorisk"]
    # a room that names its members lazily has them in __all__, another in itself
    held = [room for room in rooms if name in getattr(room, "__all__", vars(room))]
    assert any(getattr(room, name) is door for room in held)
