"""What a conditioning forecast may be told, and the parameters as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from lymphorisk import parameters
from lymphorisk.conditioning.criteria import Criterion, Decision
from lymphorisk.conditioning.hematotox import Cutoffs
from lymphorisk.conditioning.pharmacokinetics import FludarabinePopulation, bsa_mosteller, cockcroft_gault_ml_min
from lymphorisk.errors import ParameterError, ScenarioError
from lymphorisk.lymphocyte.population import Population, population
from lymphorisk.lymphocyte.survival import SURVIVAL_SETS
from lymphorisk.parameters import Parameter
from lymphorisk.plan import Patient
from lymphorisk.units import checked, quantity

DRUG_TOPIC_MODEL = ("kill", "recovery", "radiation")
ADULT_AGE_Y = 18.0


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices of a forecast; every one is repeated in the result.

    Attributes
    ----------
    draws, seed : int
    end_day : float
        Last day of the forecast, from infusion. [d]
    cohort : bool
        Spread the baseline as between patients, instead of taking it as this patient's count.
    survival : str
        Lymphocyte survival model of a plan's fractions; whole-body fractions keep the whole-body set.
    drugs, criteria : Path or None
        Files whose entries replace those of the topics ``drugs`` and ``criteria``.
    infusion_date : date or None
        The date of day 0.
    depth, recovery_by : float or None
        What a search asks for: a count at infusion of at most `depth` [10^9/L], and a host back by `recovery_by` [d].
    recovery_count : float or None
        Count from which a host is back; None takes that of the criterion on day 30. [10^9/L]

    Raises
    ------
    ScenarioError
        A value out of its range, or of another kind.
    """

    draws: int = 512
    seed: int = 20260101
    end_day: float = 90.0
    cohort: bool = False
    survival: str = "combined"
    drugs: Path | None = None
    criteria: Path | None = None
    infusion_date: date | None = None
    depth: float | None = None
    recovery_by: float | None = None
    recovery_count: float | None = None

    def __post_init__(self) -> None:
        checked("seed", self.seed)
        checked("end_day", self.end_day)
        if self.recovery_by is not None:
            checked("recovery_by", self.recovery_by)
        for name in ("depth", "recovery_count"):
            if getattr(self, name) is not None:
                checked("alc", getattr(self, name), name)
        most = int(quantity("draws").high)
        if not isinstance(self.draws, int) or not 1 <= self.draws <= most:
            raise ScenarioError(f"draws = {str(self.draws)[:40]} is not a number from 1 to {most}")
        if not isinstance(self.cohort, bool):
            raise ScenarioError(f"cohort = {str(self.cohort)[:40]!r} is not True or False")
        if not isinstance(self.survival, str) or self.survival not in SURVIVAL_SETS:
            raise ScenarioError(f"survival = {str(self.survival)[:40]!r} is not one of {', '.join(SURVIVAL_SETS)}")

    @property
    def asked(self) -> tuple[Criterion, ...]:
        """The criteria of a search that asks for a depth or a recovery; empty for those of the criteria."""
        out = []
        if self.depth is not None:
            out.append(Criterion("alc_at_infusion", "at_most", self.depth, "given", "asked", "the command line"))
        if self.recovery_by is not None:
            out.append(Criterion("day_back", "at_most", self.recovery_by, "given", "asked", "the command line"))
        return tuple(out)


@dataclass(frozen=True, slots=True)
class Body:
    """Body and kidney as the drug model used them, and which of it is assumed.

    Attributes
    ----------
    weight_kg, bsa_m2, egfr_ml_min : float
        [kg], [m2], [mL/min/1.73m2]
    assumed : tuple of str
        What was not given.
    """

    weight_kg: float
    bsa_m2: float
    egfr_ml_min: float
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """A published band of fludarabine exposure: reference, not a target of this program."""

    low: float
    high: float | None
    source: str
    place: str
    note: str


def table(topic: str, replacement: Path | None = None) -> Mapping[str, Parameter]:
    """A topic, with the entries of a file in place of its own."""
    base = dict(parameters.load(topic))
    if replacement is None:
        return base
    own = parameters.read_file(replacement, topic)
    if topic == "criteria":
        return {**{k: v for k, v in base.items() if k.startswith("decision.")}, **own}
    for name, p in own.items():
        if name not in base:
            raise ParameterError(
                f"{replacement.name}: {name} is not a parameter of {topic}", "see `lymphorisk parameters`"
            )
        if p.unit != base[name].unit:
            raise ParameterError(f"{replacement.name}: {name} is in {p.unit}, the model wants {base[name].unit}")
    return {**base, **own}


@cache
def lymphocyte_population(survival: str = "combined") -> Population:
    """Pools, traffic and kill of the topic ``lymphocyte``, as every other forecast uses them."""
    return population(parameters.load("lymphocyte"), parameters.posterior(), survival)


def drug_population(drugs: Mapping[str, Parameter]) -> Population:
    """Ranges of the drug, recovery and whole-body kinetics."""
    return population({k: p for k, p in drugs.items() if k.split(".")[0] in DRUG_TOPIC_MODEL})


def fludarabine_population(drugs: Mapping[str, Parameter]) -> FludarabinePopulation:
    """The kinetics of fludarabine."""
    n = {k.removeprefix("fludarabine."): p.number for k, p in drugs.items() if k.startswith("fludarabine.")}
    return FludarabinePopulation(
        cl_base_l_h=n["cl_base"],
        cl_per_egfr=n["cl_per_egfr"],
        v1_l=n["v1"],
        v2_l=n["v2"],
        v3_l=n["v3"],
        q12_l_h=n["q12"],
        q13_l_h=n["q13"],
        weight_ref_kg=n["weight_ref"],
        exponent=n["exponent"],
        cv_clearance=n["cv_clearance"],
        cv_volume=n["cv_volume"],
        active_mass=n["active_mass"],
        infusion_h=n["infusion"],
    )


def criteria_of(criteria: Mapping[str, Parameter]) -> tuple[tuple[Criterion, ...], Decision]:
    """Criteria in their order and the shares that decide."""
    decision = Decision(
        criteria["decision.met_from"].number,
        criteria["decision.not_met_to"].number,
        criteria["decision.search_from"].number,
    )
    out = []
    for name, p in criteria.items():
        metric, _, comparator = name.partition(".")
        if metric != "decision":
            out.append(Criterion(metric, comparator, p.number, p.known, p.source, p.place, p.note))
    return tuple(out), decision


def bands_of(drugs: Mapping[str, Parameter], no_upper: float = 1000.0) -> tuple[Band, ...]:
    """Published exposure bands; an upper end of `no_upper` is none. [mg h/L]"""
    out = []
    for name, p in drugs.items():
        if name.startswith("auc_band.") and isinstance(p.value, tuple):
            low, high = p.value
            out.append(Band(low, None if high >= no_upper else high, p.source, p.place, p.note))
    return tuple(out)


def cutoffs() -> Cutoffs:
    """Cut-offs of CAR-HEMATOTOX."""
    p = parameters.load("hematotox")
    value = {k: v.value if isinstance(v.value, tuple) else (v.value,) for k, v in p.items()}
    return Cutoffs(
        platelets=(value["platelets"][0], value["platelets"][1]),
        anc=value["anc"][0],
        hemoglobin=value["hemoglobin"][0],
        crp=value["crp"][0],
        ferritin=(value["ferritin"][0], value["ferritin"][1]),
        high=value["high"][0],
    )


def body_of(
    patient: Patient,
    drugs: Mapping[str, Parameter],
    *,
    bsa_m2: float | None = None,
    egfr_ml_min: float | None = None,
    creatinine_mg_dl: float | None = None,
) -> Body:
    """Weight, body surface and kidney function; what is not given is assumed and said.

    Raises
    ------
    ScenarioError
        A creatinine without what its formula needs, or of a child; numbers that contradict each other.
    """
    given = {"bsa_m2": bsa_m2, "egfr_ml_min": egfr_ml_min, "creatinine_mg_dl": creatinine_mg_dl}
    for name, value in given.items():
        if value is not None:
            checked(name, value)
    _contradiction(patient, drugs, bsa_m2, egfr_ml_min, creatinine_mg_dl)
    assumed: list[str] = []
    weight = patient.weight_kg
    if weight is None:
        weight = drugs["body.weight"].number
        assumed.append(f"weight {weight:g} kg")
    if bsa_m2 is None:
        if patient.height_cm is not None and patient.weight_kg is not None:
            bsa_m2 = bsa_mosteller(patient.height_cm, patient.weight_kg, drugs["egfr.bsa_divisor"].number)
        else:
            bsa_m2 = drugs["body.bsa"].number
            assumed.append(f"body surface {bsa_m2:g} m2")
    if egfr_ml_min is None and creatinine_mg_dl is not None:
        egfr_ml_min = _egfr(patient, drugs, bsa_m2, creatinine_mg_dl)
    if egfr_ml_min is None:
        egfr_ml_min = drugs["egfr.assumed"].number
        assumed.append(f"eGFR {egfr_ml_min:g} mL/min/1.73m2")
    return Body(weight, bsa_m2, egfr_ml_min, tuple(assumed))


#: Formulas of the body surface agree this well, those of the kidney that well: further apart is a slip of one number.
SURFACES_AGREE = 1.25
KIDNEYS_AGREE = 3.0


def _contradiction(
    patient: Patient,
    drugs: Mapping[str, Parameter],
    bsa_m2: float | None,
    egfr_ml_min: float | None,
    creatinine_mg_dl: float | None,
) -> None:
    """Refuse a body surface that height and weight deny, and an eGFR that the creatinine denies."""
    own = bsa_m2
    if patient.height_cm is not None and patient.weight_kg is not None:
        own = bsa_mosteller(patient.height_cm, patient.weight_kg, drugs["egfr.bsa_divisor"].number)
        if bsa_m2 is not None and not 1.0 / SURFACES_AGREE <= bsa_m2 / own <= SURFACES_AGREE:
            raise ScenarioError(
                f"bsa_m2 = {bsa_m2:g} contradicts height_cm = {patient.height_cm:g} and weight_kg = "
                f"{patient.weight_kg:g}, which make {own:.2f} m2",
                "give the body surface, or height and weight; correct the one that is wrong",
            )
    known = own is not None and None not in (patient.sex, patient.age_y, patient.weight_kg)
    adult = patient.age_y is not None and patient.age_y >= ADULT_AGE_Y
    if own is None or egfr_ml_min is None or creatinine_mg_dl is None or not (known and adult):
        return
    expected = _egfr(patient, drugs, own, creatinine_mg_dl)
    if not 1.0 / KIDNEYS_AGREE <= egfr_ml_min / expected <= KIDNEYS_AGREE:
        raise ScenarioError(
            f"egfr_ml_min = {egfr_ml_min:g} contradicts creatinine_mg_dl = {creatinine_mg_dl:g}, which makes about "
            f"{expected:.0f} mL/min/1.73m2",
            "give one of them; creatinine in mg/dL is umol/L divided by 88.4",
        )


def _egfr(patient: Patient, drugs: Mapping[str, Parameter], bsa_m2: float, creatinine: float) -> float:
    if patient.sex is None or patient.age_y is None or patient.weight_kg is None:
        raise ScenarioError("eGFR from creatinine needs sex, age and weight", "give them, or egfr_ml_min itself")
    if patient.age_y < ADULT_AGE_Y:
        raise ScenarioError("eGFR from creatinine is for adults here", "give egfr_ml_min (Schwartz) for a child")
    constants = drugs["egfr.cockcroft_gault"].value
    assert isinstance(constants, tuple)
    absolute = cockcroft_gault_ml_min(
        patient.sex, patient.age_y, patient.weight_kg, creatinine, (constants[0], constants[1], constants[2])
    )
    normalised = absolute * drugs["egfr.bsa_reference"].number / bsa_m2
    over = max(patient.age_y - drugs["egfr.cap_age"].number, 0.0)
    return min(normalised, drugs["egfr.cap"].number - over * drugs["egfr.cap_fall_per_y"].number)
