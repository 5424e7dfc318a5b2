"""Files a call leaves behind: which may be written where, all of them or none, and cells that stay text."""

from __future__ import annotations

from lymphorisk.outputs.cells import cell
from lymphorisk.outputs.files import Inputs, Outputs, clear
from lymphorisk.outputs.kinds import KINDS, Kind

__all__ = ["KINDS", "Inputs", "Kind", "Outputs", "cell", "clear"]
