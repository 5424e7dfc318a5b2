"""A value that is not there, and why. Missing is never zero: this stands where the number, curve or model would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

#: Why there is no value: nobody drew the structure, it lies where no dose was computed, a model or formula will not
#: answer for this case, nobody knows the number, or the number has no meaning here.
Kind = Literal["not contoured", "outside grid", "declined", "unknown", "not applicable"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Absent:
    """No value, and why.

    Attributes
    ----------
    reason : str
        The reason, in words a reader of a report understands.
    kind : str
        Which of `KINDS`; code that must tell absences apart asks this, never the words.

    Examples
    --------
    >>> Absent.not_contoured("no ROI matched Spleen").kind
    'not contoured'
    """

    reason: str
    kind: Kind

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} of an absence is not one of {KINDS}")

    @classmethod
    def not_contoured(cls, reason: str) -> Absent:
        """There is no such structure, or it encloses nothing."""
        return cls(reason, "not contoured")

    @classmethod
    def outside_grid(cls, reason: str = "the structure lies outside the dose grid") -> Absent:
        """The structure exists, and no dose was computed where it lies."""
        return cls(reason, "outside grid")

    @classmethod
    def declined(cls, reason: str) -> Absent:
        """A model or formula that does not answer for this case."""
        return cls(reason, "declined")

    @classmethod
    def unknown(cls, reason: str) -> Absent:
        """A number that has a meaning here, and that nobody knows."""
        return cls(reason, "unknown")

    @classmethod
    def not_applicable(cls, reason: str) -> Absent:
        """A number that has no meaning here: a criterion on it is met by there being nothing to judge."""
        return cls(reason, "not applicable")
