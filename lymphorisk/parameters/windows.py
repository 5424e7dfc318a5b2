"""Dose windows of preclinical work: what reviews say happens in a tumour at a dose a fraction, or at a BED.

Nothing of it is part of any forecast or risk.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from lymphorisk.parameters.store import DATA

#: Said wherever a window is.
NOTE = (
    "Dose windows of reviews, nearly all preclinical: what is said to happen in the tumour, in whom it was shown. They "
    "contradict each other and are no part of any number here."
)
BY_FRACTION, BY_BED = "fraction", "BED10"


@dataclass(frozen=True, slots=True)
class DoseWindow:
    """A range of doses and what a review says of it.

    Attributes
    ----------
    id, statement : str
        Of the row, and of the statement in docs/statements.csv.
    by : str
        ``fraction`` (dose of one fraction) or ``BED10`` (of the course, alpha/beta 10 Gy).
    low_gy, low_included : float, bool
        Where it begins, and whether that dose lies in it. [Gy]
    high_gy : float or None
        The last dose in it; None is without end. [Gy]
    says, shown_in, source, place : str
        In our words; in whom, as far as the review says it; key of the sources; where in the source.
    """

    id: str
    statement: str
    by: str
    low_gy: float
    low_included: bool
    high_gy: float | None
    says: str
    shown_in: str
    source: str
    place: str

    def holds(self, dose_gy: float) -> bool:
        """Whether a dose lies in the window."""
        from_low = dose_gy >= self.low_gy if self.low_included else dose_gy > self.low_gy
        return from_low and (self.high_gy is None or dose_gy <= self.high_gy)

    @property
    def span(self) -> str:
        """The doses in words.

        Examples
        --------
        >>> [w.span for w in windows()[:4]]
        ['1 Gy a fraction', 'up to 3 Gy a fraction', 'above 5 Gy a fraction', '8 to 12 Gy a fraction']
        """
        if self.high_gy is None:
            said = f"{'from' if self.low_included else 'above'} {self.low_gy:g}"
        elif self.low_gy == 0:
            said = f"up to {self.high_gy:g}"
        else:
            said = f"{self.low_gy:g} to {self.high_gy:g}" if self.low_gy < self.high_gy else f"{self.low_gy:g}"
        return f"{said} Gy {'BED10' if self.by == BY_BED else 'a fraction'}"


@cache
def windows() -> tuple[DoseWindow, ...]:
    """All rows of ``data/dose_windows.csv``."""
    with (DATA / "dose_windows.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(_window(row) for row in csv.DictReader(lines))


def _window(row: Mapping[str, str]) -> DoseWindow:
    return DoseWindow(
        id=row["id"],
        statement=row["statement"],
        by=row["by"],
        low_gy=float(row["low_gy"]),
        low_included=row["low_included"] == "yes",
        high_gy=float(row["high_gy"]) if row["high_gy"] else None,
        says=row["says"],
        shown_in=row["shown_in"],
        source=row["source"],
        place=row["place"],
    )


def windows_of(fraction_gy: float, bed_gy: float | None = None) -> tuple[DoseWindow, ...]:
    """The windows that a dose of one fraction, and the BED10 of its course where it is known, lie in. [Gy]

    Examples
    --------
    >>> [w.id for w in windows_of(8.0)]
    ['W03', 'W04']
    >>> [w.id for w in windows_of(20.0, bed_gy=60.5)]
    ['W03', 'W05', 'W06', 'W07', 'W08']
    """
    return tuple(
        w
        for w in windows()
        if (w.by == BY_FRACTION and w.holds(fraction_gy)) or (w.by == BY_BED and bed_gy is not None and w.holds(bed_gy))
    )
