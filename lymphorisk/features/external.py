"""Columns beyond the schema, as a clinic declares them: blood values, drugs, radiomics and dosiomics scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lymphorisk.features.schema import EXTERNAL, FACTS, Feature

#: A score of the dose: of one plan, not of the patient.
DOSIOMICS = "dosiomics"
#: Kinds that come from images or from the dose by a program, whose version is part of what they mean.
FROM_IMAGES = ("radiomics", DOSIOMICS)
KINDS = ("laboratory", "clinical", "drug", *FROM_IMAGES)
BEFORE, AFTER = "before treatment", "after the start of treatment"
#: Which way risk may move with a column.
SIGNS: Mapping[str, int] = {"": 0, "rises": +1, "falls": -1}


@dataclass(frozen=True, slots=True)
class External:
    """One declared column.

    Attributes
    ----------
    name : str
        Head of the column.
    label : str
        How it is called in reports.
    unit : str
        Unit; ``1`` for a ratio or score, ``0/1`` for a flag.
    kind : str
        One of `KINDS`.
    low, high : float
        Range a value can plausibly have, in `unit`.
    known : str
        `BEFORE` or `AFTER`.
    risk : str
        ``rises`` or ``falls`` with the column; empty when it is free.
    day : str
        Column of the day it was measured on, the first fraction being day 0; empty when there is none.
    scanner : str
        Column of the scanner or centre it comes from; empty for the cohort's centre.
    volume : str
        Column of the volume it was read from; empty for the planning target's.
    software, version, source : str
        What made it, and from what.
    without_dose : float or None
        Value in a patient without radiotherapy and drugs; None for a fact of the patient, which stays.
    """

    name: str
    label: str
    unit: str
    kind: str
    low: float
    high: float
    known: str = BEFORE
    risk: str = ""
    day: str = ""
    scanner: str = ""
    volume: str = ""
    software: str = ""
    version: str = ""
    source: str = ""
    without_dose: float | None = None

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns that say something of this one and are no features."""
        return tuple(name for name in (self.day, self.scanner, self.volume) if name)

    @property
    def feature(self) -> Feature:
        """The column as the predictor reads it."""
        fact = self.without_dose is None
        return Feature(
            self.name,
            self.unit,
            self.label,
            FACTS if fact else self.label,
            EXTERNAL,
            SIGNS[self.risk],
            self.low,
            self.high,
            unexposed=self.without_dose or 0.0,
        )

    def to_dict(self) -> dict[str, Any]:
        """What is said of it, as a card holds it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}
