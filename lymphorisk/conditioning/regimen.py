"""What is planned around an infusion of cells: drugs, radiation, the product's window. No I/O, no models.

The calendar runs in days from the infusion: day 0 is the day the (first) cells are given, day -5
five days before. A dose given on day -5 is given at the same hour of day -5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from lymphorisk.errors import ScenarioError
from lymphorisk.units import checked, chosen

DRUGS = ("fludarabine", "cyclophosphamide", "bendamustine")
#: Drugs of conditioning whose kill of lymphocytes no source gives: they are carried and named, and never counted.
UNMODELLED = ("busulfan", "melphalan", "antithymocyte globulin", "cytarabine", "thiotepa")
DOSE_UNITS = ("mg/m2", "mg/kg", "mg")
ROLES = ("bridging", "lymphodepletion")
#: ``whole_body``: measured under total-body irradiation; ``plan``: the set of every other forecast; ``auto``: by
#: whether all pools get nearly the same dose.
KINETICS = ("auto", "whole_body", "plan")
#: How people write the drugs.
DRUG_WORDS: Mapping[str, str] = {
    "flu": "fludarabine", "fludara": "fludarabine", "fludarabine phosphate": "fludarabine", "fludarabin": "fludarabine",
    "cy": "cyclophosphamide", "cyc": "cyclophosphamide", "cpa": "cyclophosphamide", "ctx": "cyclophosphamide",
    "cyclophosphamid": "cyclophosphamide", "endoxan": "cyclophosphamide", "cytoxan": "cyclophosphamide",
    "benda": "bendamustine", "bendamustin": "bendamustine", "treanda": "bendamustine", "levact": "bendamustine",
    "ribomustin": "bendamustine", "bendeka": "bendamustine",
    "bu": "busulfan", "busulfex": "busulfan", "myleran": "busulfan", "busilvex": "busulfan",
    "mel": "melphalan", "alkeran": "melphalan", "evomela": "melphalan", "phelinun": "melphalan",
    "atg": "antithymocyte globulin", "ratg": "antithymocyte globulin", "thymoglobulin": "antithymocyte globulin",
    "thymoglobuline": "antithymocyte globulin", "atgam": "antithymocyte globulin", "atlg": "antithymocyte globulin",
    "grafalon": "antithymocyte globulin", "anti-thymocyte globulin": "antithymocyte globulin",
    "ara-c": "cytarabine", "arac": "cytarabine", "cytarabin": "cytarabine", "cytosar": "cytarabine",
    "tt": "thiotepa", "tepadina": "thiotepa", "thio": "thiotepa",
}  # fmt: skip


def drug_named(text: str) -> str:
    """The drug of `DRUGS` or `UNMODELLED` that a text means.

    Raises
    ------
    ScenarioError
        None, or several at once.

    Examples
    --------
    >>> drug_named("Flu"), drug_named("Endoxan")
    ('fludarabine', 'cyclophosphamide')
    """
    if any(sign in text for sign in "/+&,"):
        raise ScenarioError(f"drug {text!r} is several drugs", "give each its own [[conditioning.drug]]")
    return chosen(text, (*DRUGS, *UNMODELLED), DRUG_WORDS, "drug")


#: No calendar around an infusion is longer; a larger day is a date or a slip. [d]
DAY_MAX = 1000.0
#: The dose axis of one fraction ends here; above it a course dose was given for a fraction dose. [Gy]
FRACTION_MAX_GY = 30.0


#: No day's dose of an unmodelled drug is larger, in whatever unit.
AMOUNT_MAX = 10_000.0


@dataclass(frozen=True, slots=True)
class DrugDose:
    """One dose of one drug.

    Attributes
    ----------
    drug : str
        One of `DRUGS`, or of `UNMODELLED`.
    amount : float
        In `unit`; fludarabine as fludarabine phosphate, as on the label.
    unit : str
        One of `DOSE_UNITS`.
    day : float
        Time of the dose from infusion. [d]
    """

    drug: str
    amount: float
    unit: str
    day: float

    def __post_init__(self) -> None:
        if self.drug not in (*DRUGS, *UNMODELLED):
            raise ScenarioError(
                f"drug {self.drug!r} has no model here", f"use one of {', '.join((*DRUGS, *UNMODELLED))}"
            )
        if self.unit not in DOSE_UNITS:
            raise ScenarioError(f"dose unit {self.unit!r} is unknown", f"use one of {', '.join(DOSE_UNITS)}")
        if not self.modelled:
            if not 0.0 <= self.amount <= AMOUNT_MAX:
                raise ScenarioError(f"{self.drug} {self.amount:g} {self.unit} on day {self.day:g} is not a dose")
            return
        checked(f"{self.drug} {self.unit}", self.amount, f"day {self.day:g}")

    @property
    def modelled(self) -> bool:
        """Whether the forecast counts what it kills."""
        return self.drug in DRUGS

    def mg(self, bsa_m2: float | None, weight_kg: float | None) -> float:
        """The dose of this patient. [mg]

        Raises
        ------
        ScenarioError
            When the body size that the unit needs is not known.

        Examples
        --------
        >>> DrugDose("fludarabine", 30.0, "mg/m2", -5).mg(bsa_m2=2.0, weight_kg=None)
        60.0
        """
        size = {"mg/m2": bsa_m2, "mg/kg": weight_kg, "mg": 1.0}[self.unit]
        if size is None:
            missing = "height and weight" if self.unit == "mg/m2" else "weight"
            raise ScenarioError(
                f"{self.drug} in {self.unit} needs the patient's {missing}", "give height_cm, weight_kg"
            )
        return self.amount * size


@dataclass(frozen=True, slots=True)
class RadiationCourse:
    """Radiation of one kind: bridging, low-dose large-volume or whole-body.

    Attributes
    ----------
    label : str
        Shown in tables.
    days : tuple of float
        Time of each fraction from infusion. [d]
    whole_body_gy : float or None
        Dose of one fraction when the whole body gets it evenly; None when a plan gives the doses. [Gy]
    plan : str
        Name of the plan (scenario or export) that gives the doses; empty for whole-body dose.
    role : str
        One of `ROLES`: bridging to the infusion, or part of the lymphodepletion itself.
    kinetics : str
        One of `KINETICS`: which survival and clearance set the fractions kill with.
    dose_factor : float
        Factor on the plan's doses: the same field with more or less dose (a what-if).
    """

    label: str
    days: tuple[float, ...]
    whole_body_gy: float | None = None
    plan: str = ""
    role: str = "bridging"
    kinetics: str = "auto"
    dose_factor: float = 1.0

    def __post_init__(self) -> None:
        if not self.days:
            raise ScenarioError(f"radiation {self.label!r} has no fraction")
        if (self.whole_body_gy is None) == (self.plan == ""):
            raise ScenarioError(
                f"radiation {self.label!r} needs either a whole-body dose or a plan, and not both",
                "give gy_per_fraction for whole-body radiation, plan = for everything else",
            )
        if list(self.days) != sorted(self.days):
            raise ScenarioError(f"radiation {self.label!r}: the days of its fractions must rise")
        if self.role not in ROLES:
            raise ScenarioError(f"radiation {self.label!r}: role {self.role!r} is not one of {', '.join(ROLES)}")
        if self.kinetics not in KINETICS:
            raise ScenarioError(
                f"radiation {self.label!r}: kinetics {self.kinetics!r} is not one of {', '.join(KINETICS)}"
            )
        if self.dose_factor < 0.0:
            raise ScenarioError(f"radiation {self.label!r}: a dose cannot be {self.dose_factor:g} times itself")
        if self.whole_body_gy is not None and not 0.0 <= self.whole_body_gy <= FRACTION_MAX_GY:
            raise ScenarioError(f"radiation {self.label!r}: {self.whole_body_gy:g} Gy in one fraction")


@dataclass(frozen=True, slots=True)
class InfusionWindow:
    """When a product may be infused, as its label says.

    Attributes
    ----------
    low_d, high_d : float
        Days after the last drug dose of the lymphodepletion, both ends allowed. [d]
    repeat_after_d : float or None
        Delay beyond which the label asks to consider repeating lymphodepletion; None when it is silent. [d]
    waiver_wbc : float or None
        White count at or below which the label lets lymphodepletion be omitted; None when it does not. [10^9/L]
    known : str
        ``read``, ``recalled`` or ``assumed``.
    """

    low_d: float
    high_d: float
    repeat_after_d: float | None = None
    waiver_wbc: float | None = None
    known: str = "assumed"

    def __post_init__(self) -> None:
        if not 0.0 <= self.low_d <= self.high_d:
            raise ScenarioError(f"an infusion window of {self.low_d:g} to {self.high_d:g} d is not one")


Standing = Literal["label", "label alternative", "published", "hypothetical", "own"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)
#: Standings whose doses a health authority has approved.
LABELLED: tuple[Standing, ...] = ("label", "label alternative")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a regimen's facts come from and how they are known.

    Attributes
    ----------
    fact : str
        Which fact: a drug, ``window``, ``waiver_wbc``.
    place : str
        Where in the source it stands.
    source, known : str
        Source key; how it is known.
    """

    fact: str
    place: str
    source: str
    known: str

    @property
    def what(self) -> str:
        """Fact and place in one line."""
        return f"{self.fact}: {self.place}"


@dataclass(frozen=True, slots=True)
class Regimen:
    """A plan of lymphodepletion, on the calendar of its infusion.

    Attributes
    ----------
    name : str
        Shown in tables and on the plot.
    drugs, radiation : tuples
        In any order.
    infusion_days : tuple of float
        Days on which cells are given; the first is 0. [d]
    leukapheresis_day : float or None
        Day of cell collection. [d]
    product : str
        Key of the product, empty when none.
    title, indication : str
        The product in words.
    standing : str
        What kind of record it is: on a label, the label's alternative, a published arm, hypothetical, or a person's
        own. Doses a search may reach are those of labels.
    window : InfusionWindow or None
        None when the product has none on record.
    evidence : tuple of Evidence
    """

    name: str
    drugs: tuple[DrugDose, ...] = ()
    radiation: tuple[RadiationCourse, ...] = ()
    infusion_days: tuple[float, ...] = (0.0,)
    leukapheresis_day: float | None = None
    product: str = ""
    title: str = ""
    indication: str = ""
    standing: Standing = "own"
    window: InfusionWindow | None = None
    evidence: tuple[Evidence, ...] = field(default=())

    def __post_init__(self) -> None:
        if (
            not self.infusion_days
            or self.infusion_days[0] != 0.0
            or list(self.infusion_days) != sorted(self.infusion_days)
        ):
            raise ScenarioError(f"regimen {self.name!r}: infusion days must start with 0 and rise")
        labels = [r.label for r in self.radiation]
        if len(set(labels)) != len(labels):
            raise ScenarioError(
                f"regimen {self.name!r}: two radiation courses share a label", "give each its own label"
            )
        days = [*(d.day for d in self.drugs), *self.fraction_days, *self.infusion_days]
        days += [] if self.leukapheresis_day is None else [self.leukapheresis_day]
        if not all(abs(day) <= DAY_MAX for day in days):
            raise ScenarioError(
                f"regimen {self.name!r}: a day lies more than {DAY_MAX:g} d from the infusion",
                "days count from the infusion, or from infusion_day of the file",
            )
        if self.leukapheresis_day is not None and self.leukapheresis_day >= 0.0:
            raise ScenarioError(
                f"regimen {self.name!r}: leukapheresis is before infusion, not on day {self.leukapheresis_day:g}"
            )

    @property
    def unmodelled(self) -> tuple[str, ...]:
        """Drugs that are given and whose kill is in no count, in the order of the regimen."""
        return tuple(dict.fromkeys(d.drug for d in self.drugs if d.amount > 0.0 and not d.modelled))

    @property
    def depletion_days(self) -> tuple[float, ...]:
        """Days of drug doses above zero and of radiation given as lymphodepletion, rising. [d]"""
        drugs = {d.day for d in self.drugs if d.amount > 0.0}
        fields = {day for r in self.radiation if r.role == "lymphodepletion" for day in r.days}
        return tuple(sorted(drugs | fields))

    @property
    def bridging_days(self) -> tuple[float, ...]:
        """Times of the bridging fractions, rising. [d]"""
        return tuple(sorted(day for r in self.radiation if r.role == "bridging" for day in r.days))

    @property
    def fraction_days(self) -> tuple[float, ...]:
        """Times of all fractions, rising. [d]"""
        return tuple(sorted(day for course in self.radiation for day in course.days))


def delayed(regimen: Regimen, days: float) -> Regimen:
    """The same drugs and radiation with the infusion `days` later: the calendar moves back. [d]

    Examples
    --------
    >>> flu = DrugDose("fludarabine", 30.0, "mg/m2", -3.0)
    >>> delayed(Regimen("x", drugs=(flu,)), 2.0).drugs[0].day
    -5.0
    """
    apheresis = None if regimen.leukapheresis_day is None else regimen.leukapheresis_day - days
    return replace(
        regimen,
        drugs=tuple(replace(d, day=d.day - days) for d in regimen.drugs),
        radiation=tuple(replace(r, days=tuple(t - days for t in r.days)) for r in regimen.radiation),
        leukapheresis_day=apheresis,
    )
