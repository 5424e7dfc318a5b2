"""What one mutated input is: files, the command that reads them, and what its answer must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

#: What is known of the right answer: as before, every dose times `factor`, a named error, or one of: a named error, the
#: answer as before, a finding that was not there before.
Must = Literal["same", "scaled", "refused", "told"]


@dataclass(frozen=True)
class Promise:
    """What the answer must be. `base` is the key of the answer of the whole input, `close` the relative tolerance."""

    must: Must
    base: str = ""
    factor: float = 1.0
    close: float = 1e-6


@dataclass(frozen=True)
class Case:
    """A mutated input as it lies in a folder."""

    family: str
    mutator: str
    command: str
    args: tuple[str, ...]
    promise: Promise | None = None


#: Writes a mutated input into an empty folder and says what is to be run.
Maker = Callable[[Random, Path], Case]

#: The analysis as small as its options allow.
QUICK = ("--draws", "16", "--horizon", "30")
ALC = ("--alc", "1.4")
PROTOCOL = """name = "P"
[[line]]
structure = "Body"
metric = "Mean[Gy]"
goal = "<= 20"
[[line]]
structure = "Spleen"
metric = "V5Gy[%]"
goal = "<= 50"
"""
