"""Every number a model rests on, with unit, range, source and how it is known.

One TOML file a topic in ``data/``. A parameter::

    [alpha]
    value = 0.38            # number, or a list of numbers
    low = 0.30              # optional range the ensemble draws from
    high = 0.65
    unit = "1/Gy"
    source = "nakamura1990" # key in data/sources.toml
    place = "Table 2"
    known = "read"          # read | derived | recalled | fitted | assumed (given: a caller's own, never in a file)
    note = "..."            # optional

Models never import this package: `analysis`, `train` and the command line read
parameters and hand plain numbers down.
"""

from __future__ import annotations

from lymphorisk.parameters.posterior import PosteriorDraws, posterior
from lymphorisk.parameters.store import (
    KNOWN,
    Parameter,
    Source,
    checked_values,
    given,
    load,
    read_file,
    set_id,
    sources,
    topics,
)

__all__ = [
    "KNOWN",
    "Parameter",
    "PosteriorDraws",
    "Source",
    "checked_values",
    "given",
    "load",
    "posterior",
    "read_file",
    "set_id",
    "sources",
    "topics",
]
