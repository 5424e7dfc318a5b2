"""Published associations of lymphopenia, and of the neutrophil to lymphocyte ratio, with outcome."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from lymphorisk.parameters.store import DATA

#: A row for every site.
ANY = "any"


@dataclass(frozen=True, slots=True)
class Association:
    """One published row, as printed; empty where it was not printed.

    `direction` is ``worse``, ``better``, ``none`` or ``worse when low``: of the outcome, in those exposed.
    """

    id: str
    site: str
    population: str
    n: str
    exposure: str
    cut: str
    outcome: str
    effect: str
    value: str
    ci95: str
    p: str
    adjusted: str
    direction: str
    source: str
    note: str

    @property
    def against(self) -> bool:
        """Whether the row speaks against lymphopenia going with a worse outcome."""
        return not self.direction.startswith("worse") and bool(self.direction)


@cache
def associations() -> tuple[Association, ...]:
    """All rows of ``data/outcome.csv``."""
    with (DATA / "outcome.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(Association(**row) for row in csv.DictReader(lines))
