"""Modules that stand beside fixtures, loaded without leaving compiled files there."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


def module_at(name: str, path: Path) -> ModuleType:
    """The module of a file under a name; a folder of plans holds plans alone afterwards as before."""
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    return module
