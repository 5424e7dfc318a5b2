"""What a published model is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lymphorisk.absent import Absent
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.grade import GRADE_BELOW

#: What an event is: a count below a cut, a count called severe in a paper whose cut was not in what was read, or no
#: event at all but the count itself.
Counted = Literal["below a cut", "severe, cut not stated", "the count itself"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was counted as an event. Models with different outcomes are never pooled.

    Attributes
    ----------
    below : float or None
        The count below which it is an event; None when no cut is known, or none is made. [10^9/L]
    window : str
        When counts were looked at.
    aggregation : str
        How several counts became one: ``nadir`` or ``last``.
    counted : str
        What an event is; only ``below a cut`` has a cut.

    Examples
    --------
    >>> Outcome(0.5, "during the course", "nadir").grade
    3
    >>> Outcome(None, "during the course", "nadir", "severe, cut not stated").grade is None
    True
    """

    below: float | None
    window: str
    aggregation: Literal["nadir", "last"]
    counted: Counted = "below a cut"

    def __post_init__(self) -> None:
        if (self.below is None) == (self.counted == "below a cut"):
            raise ScenarioError(f"an outcome of {self.counted!r} with a cut of {self.below}")

    @property
    def threshold(self) -> str:
        """What an event is, in words."""
        return self.counted if self.below is None else f"<{self.below:g}"

    @property
    def grade(self) -> int | None:
        """The CTCAE grade whose edge the cut is; None for any other cut, and without one."""
        return next((grade for grade, edge in GRADE_BELOW.items() if edge == self.below), None)

    @property
    def key(self) -> str:
        """The outcome in one line."""
        return f"ALC {self.threshold}, {self.window}, {self.aggregation}"


@dataclass(frozen=True, slots=True)
class Case:
    """One patient and plan in the numbers the published models read; None is "not known".

    Attributes
    ----------
    site, modality, sex, chemo : str or None
        As in `Patient` and `Phase`.
    alc, lln : float or None
        Baseline count and the laboratory's lower limit. [10^9/L]
    fractions : int or None
        Fractions of the course.
    brain_mean_gy, blood_mean_gy, edic_gy, edic_esophagus_gy : float or None
        Course doses: mean brain, mean blood, EDIC and its oesophageal form. [Gy]
    """

    site: str | None = None
    modality: str | None = None
    sex: str | None = None
    chemo: str | None = None
    alc: float | None = None
    lln: float | None = None
    fractions: int | None = None
    brain_mean_gy: float | None = None
    blood_mean_gy: float | None = None
    edic_gy: float | None = None
    edic_esophagus_gy: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one published model says of one case.

    Attributes
    ----------
    name : str
        Model name.
    outcome : Outcome
        What its probability is of.
    p : float or Absent
        Probability of the outcome, or why there is none.
    p_low, p_high : float or None
        Range of the probability where the source supports one.
    alc : float or None
        Count the model predicts, for the models that predict counts. [10^9/L]
    citation : str
        Source key.
    how : str
        How the coefficients are known, and what to keep in mind.
    """

    name: str
    outcome: Outcome
    p: float | Absent
    p_low: float | None = None
    p_high: float | None = None
    alc: float | None = None
    citation: str = ""
    how: str = ""


def outside(
    case: Case,
    sites: tuple[str, ...],
    modalities: tuple[str, ...],
    needs: Mapping[str, str],
    chemo: tuple[str, ...] | None = None,
) -> Absent | None:
    """Why a case lies outside a model's gate, or None when it lies inside.

    Parameters
    ----------
    sites, modalities, chemo : tuple of str
        What the model was developed on; `chemo` None means that it does not matter.
    needs : mapping of str to str
        Attributes of `Case` that must be known, and what to call them.
    """
    if case.site not in sites:
        return Absent.declined(f"developed for {' and '.join(sites)}, not for site {case.site or 'unknown'}")
    if case.modality not in modalities:
        return Absent.declined(
            f"developed for {' and '.join(modalities)}, not for {case.modality or 'unknown modality'}"
        )
    if chemo is not None and case.chemo not in chemo:
        return Absent.declined(f"developed with concurrent {' or '.join(chemo)}, not with {case.chemo or 'unknown'}")
    lacking = [label for name, label in needs.items() if getattr(case, name) is None]
    if lacking:
        return Absent.declined(f"needs {', '.join(lacking)}")
    return None


def beyond(value: float, low: float, high: float, label: str, unit: str) -> Absent | None:
    """Why a value lies outside the range a model was shown for, or None."""
    if low <= value <= high:
        return None
    return Absent.declined(f"{label} {value:.3g} {unit} lies outside the published range {low:g} to {high:g} {unit}")
