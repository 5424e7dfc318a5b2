"""An internal emitter of a course: the nuclide, what carries it, how fast it leaves, how its marrow dose was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.units import HOURS_PER_DAY, chosen, squashed

Nuclide = Literal["90Y", "177Lu", "131I", "225Ac"]
NUCLIDES: tuple[Nuclide, ...] = get_args(Nuclide)
#: Whose dose is given by alpha particles.
ALPHA: tuple[Nuclide, ...] = ("225Ac",)
MarrowMethod = Literal["blood-based", "imaging", "given"]
MARROW_METHODS: tuple[MarrowMethod, ...] = get_args(MarrowMethod)
ELEMENTS: Mapping[str, Nuclide] = FrozenDict(
    {
        "y": "90Y", "yttrium": "90Y", "lu": "177Lu", "lutetium": "177Lu", "i": "131I", "iodine": "131I",
        "radioiodine": "131I", "ac": "225Ac", "actinium": "225Ac",
    }
)  # fmt: skip
METHOD_WORDS: Mapping[str, str] = FrozenDict(
    {"blood": "blood-based", "bloodmethod": "blood-based", "image": "imaging", "spect": "imaging", "spectct": "imaging",
     "pet": "imaging", "stated": "given"}
)  # fmt: skip
#: The half-life of what no other entry names, and what blood is called among organs.
EVERY_ORGAN, BLOOD = "*", "Blood"
LETTERS = re.compile(r"[a-z]+")
DIGITS = re.compile(r"\d+")


def nuclide_of(text: str) -> Nuclide:
    """The nuclide that a text means: ``177Lu``, ``Lu-177``, ``lutetium 177``.

    Raises
    ------
    ScenarioError
        None of `NUCLIDES`.

    Examples
    --------
    >>> nuclide_of("Lu-177"), nuclide_of("yttrium-90"), nuclide_of("I131")
    ('177Lu', '90Y', '131I')
    """
    letters, digits = LETTERS.findall(squashed(text)), DIGITS.findall(text)
    found = ELEMENTS.get(letters[0]) if len(letters) == 1 else None
    if found is None or (digits and digits != DIGITS.findall(found)):
        raise ScenarioError(f"nuclide {text!r} is unknown", f"use one of {', '.join(NUCLIDES)}")
    return found


def marrow_method_of(text: str) -> MarrowMethod:
    """How a marrow dose was found, of `MARROW_METHODS`, in any usual spelling.

    Examples
    --------
    >>> marrow_method_of("Blood based"), marrow_method_of("SPECT/CT")
    ('blood-based', 'imaging')
    """
    return chosen(text, MARROW_METHODS, METHOD_WORDS, "marrow method")


@dataclass(frozen=True, slots=True)
class Emitter:
    """What one kind of cycle of an internal emitter is.

    Attributes
    ----------
    nuclide : str
        One of `NUCLIDES`.
    marrow_method : str
        How the dose of the marrow was found, of `MARROW_METHODS`.
    physical_half_life_h : float
        Of the nuclide. [h]
    half_life_h : mapping of str to float
        Effective half-lives by organ, `EVERY_ORGAN` for all others; the physical one where none is given. [h]
    agent : str
        What carries it.
    activity_gbq : float or None
        Of one cycle, when it was given. [GBq]
    dose_from : str
        Where the doses come from: ``given``, or the coefficients of an agent.
    blood_gy : float or None
        Dose of all the blood in one cycle; None lets the organs it passes give it. [Gy]
    stands_in : tuple of str
        What stands for a dose that was not given, in words.
    """

    nuclide: Nuclide
    marrow_method: MarrowMethod
    physical_half_life_h: float
    half_life_h: Mapping[str, float] = field(default_factory=lambda: FrozenDict({}))
    agent: str = ""
    activity_gbq: float | None = None
    dose_from: str = "given"
    blood_gy: float | None = None
    stands_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for organ, hours in self.half_life_h.items():
            if not 0.0 < hours <= self.physical_half_life_h:
                raise ScenarioError(
                    f"an effective half-life of {hours:g} h in {organ} is longer than the "
                    f"{self.physical_half_life_h:g} h of {self.nuclide} itself, or none",
                    "activity decays and leaves: the effective half-life is at most the physical one, in hours",
                )
        object.__setattr__(self, "half_life_h", FrozenDict(dict(self.half_life_h)))

    @property
    def alpha(self) -> bool:
        """Whether its dose is given by alpha particles."""
        return self.nuclide in ALPHA

    @property
    def name(self) -> str:
        """Nuclide and agent."""
        return f"{self.nuclide} {self.agent}".strip()

    def half_life(self, organ: str) -> float:
        """Effective half-life in an organ. [h]

        Examples
        --------
        >>> e = Emitter("177Lu", "imaging", 160.0, {"Spleen": 60.0})
        >>> e.half_life("Spleen"), e.half_life("LN")
        (60.0, 160.0)
        """
        return self.half_life_h.get(organ, self.half_life_h.get(EVERY_ORGAN, self.physical_half_life_h))


def decayed(half_life_h: float, days: float) -> float:
    """Share that is left after some days, 1 before. [d]

    Examples
    --------
    >>> decayed(24.0, 2.0)
    0.25
    """
    return float(0.5 ** (max(days, 0.0) * HOURS_PER_DAY / half_life_h))
