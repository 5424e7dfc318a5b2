"""Classes of dose a target can have, with their limits and where those come from.

The reviews draw their limits by different quantities (dose of a fraction, of the course, BED10), so that classes leave
gaps between them and overlap; both are said of a target, and none is filled or resolved.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from lymphorisk.parameters.store import DATA

#: What a class is drawn by: the dose of a fraction, of the course, or its BED with alpha/beta 10 Gy.
By = Literal["fraction_gy", "total_gy", "bed10_gy"]
WORDS: dict[By, str] = {"fraction_gy": "Gy a fraction", "total_gy": "Gy in all", "bed10_gy": "Gy BED10"}
#: Doses that differ by less are one dose: a rounding of planning systems, never a limit passed.
ROUNDING_GY = 0.005


@dataclass(frozen=True, slots=True)
class DoseClass:
    """A class of dose.

    Attributes
    ----------
    id, name : str
    by : str
        One of `By`.
    low_gy, low_included, high_gy, high_included : float, bool, float or None, bool
        Where it begins and ends; None is without end. [Gy]
    says, source, place, known : str
        In our words; key of the sources; where in the source; how the limits are known.
    """

    id: str
    name: str
    by: By
    low_gy: float
    low_included: bool
    high_gy: float | None
    high_included: bool
    says: str
    source: str
    place: str
    known: str

    def holds(self, gray: float) -> bool:
        """Whether a dose, by what the class is drawn by, lies in it; a dose beside a limit counts as on it. [Gy]

        Examples
        --------
        >>> conventional = next(c for c in classes() if c.id == "conventional")
        >>> [conventional.holds(d) for d in (1.79, 1.798, 1.8, 2.0, 2.004, 2.1)]
        [False, True, True, True, True, False]
        """
        low = gray > self.low_gy - ROUNDING_GY if self.low_included else gray > self.low_gy + ROUNDING_GY
        if self.high_gy is None:
            return low
        high = gray < self.high_gy + ROUNDING_GY if self.high_included else gray < self.high_gy - ROUNDING_GY
        return low and high

    @property
    def span(self) -> str:
        """Its doses in words.

        Examples
        --------
        >>> [c.span for c in classes() if c.id in ("low_dose", "ablative")]
        ['0.5 to 4 Gy in all', 'above 100 Gy BED10']
        """
        if self.high_gy is not None and self.low_included:
            said = f"{self.low_gy:g} to {self.high_gy:g}"
        else:
            said = f"{'from' if self.low_included else 'above'} {self.low_gy:g}"
            said += "" if self.high_gy is None else f" to {self.high_gy:g}"
        return f"{said} {WORDS[self.by]}"


@cache
def classes() -> tuple[DoseClass, ...]:
    """All rows of ``data/dose_classes.csv``."""
    with (DATA / "dose_classes.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(_class(row) for row in csv.DictReader(lines))


def _class(row: dict[str, str]) -> DoseClass:
    (by,) = (b for b in get_args(By) if b == row["by"])
    return DoseClass(
        id=row["id"],
        name=row["name"],
        by=by,
        low_gy=float(row["low"]),
        low_included=row["low_included"] == "yes",
        high_gy=float(row["high"]) if row["high"] else None,
        high_included=row["high_included"] == "yes",
        says=row["says"],
        source=row["source"],
        place=row["place"],
        known=row["known"],
    )


def classes_of(fraction_gy: Iterable[float], total_gy: float, bed10_gy: float | None) -> tuple[DoseClass, ...]:
    """The classes a target lies in: by any of its fraction doses, its dose, and its BED10 where that is known. [Gy]

    Examples
    --------
    >>> [[c.id for c in classes_of([d], n * d, n * d * (1 + d / 10))] for n, d in ((30, 2.0), (3, 18.0), (1, 8.0))]
    [['conventional'], ['hypofractionated', 'ablative'], ['five_to_ten', 'hypofractionated']]
    >>> classes_of([1.5], 15.0, 17.25)
    ()
    """
    doses = tuple(fraction_gy)

    def met(c: DoseClass) -> bool:
        if c.by == "fraction_gy":
            return any(c.holds(d) for d in doses)
        if c.by == "total_gy":
            return c.holds(total_gy)
        return bed10_gy is not None and c.holds(bed10_gy)

    return tuple(c for c in classes() if met(c))
