"""Internal emitters of a course: what must be said of them, and which voices cannot speak of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from lymphorisk.absent import Absent
from lymphorisk.analysis.risk import Learned
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte.realisation import marrow_parameter
from lymphorisk.parameters import load
from lymphorisk.plan.emitter import BLOOD, EVERY_ORGAN, Emitter, MarrowMethod, decayed
from lymphorisk.units import MGY_PER_GY

if TYPE_CHECKING:
    from lymphorisk.analysis.result import Analysis, OrganDose
    from lymphorisk.plan import Phase

EMITTER = rule(
    "LR320",
    "warning",
    "Internal emitter",
    "The dose of an internal emitter kills by the survival of beams at a low, falling dose rate. No lymphocyte counts "
    "with a dose to blood or lymphoid organs were read after any emitter, and those read after 90Y of the liver fall "
    "more than the model says.",
)
UNVALIDATED = rule(
    "LR321",
    "warning",
    "Alpha emitter, not validated",
    "Nothing of this forecast was compared with a count after an alpha emitter; the relative effectiveness is assumed "
    "with a wide range, and the dose of a cell next to the emitter is not the mean dose of its organ. No gate rests a "
    "verdict on it.",
    undecides=True,
)
MARROW_METHOD = rule(
    "LR322",
    "warning",
    "Marrow dose by a method",
    "Marrow doses of internal emitters differ by method: in the same 20 patients after 177Lu-PSMA-617 imaging gave 24 "
    "times the dose that the aorta (blood) gave; after 177Lu-DOTATATE both agree within a fifth. The band holds the "
    "difference the stated method allows.",
)
HALF_LIFE = rule(
    "LR323",
    "warning",
    "Effective half-life not given",
    "The physical half-life stands in. It is the longest the effective one can be: the dose comes later and lasts "
    "longer than it will.",
)
STANDS_IN = rule(
    "LR324",
    "warning",
    "Dose of an internal emitter stood in for",
    "A dose that was not given is taken from another organ, or from blood, by a stated rule.",
)
BY_COEFFICIENT = rule(
    "LR325",
    "warning",
    "Emitter dose by a published coefficient",
    "Organ doses come from an activity and the mean dose per activity of a published series; patients differ from it "
    "by factors.",
)

NOT_HEARD = Absent.declined("internal emitters were in no course it was made from")
#: What the learned voice says of a course with an internal emitter.
NOT_LEARNED = Learned(NOT_HEARD, NOT_HEARD)


def emitters_of(phases: Sequence[Phase]) -> tuple[Emitter, ...]:
    """The internal emitters of a course, in the order of its phases."""
    return tuple(phase.emitter for phase in phases if phase.emitter is not None)


def emitter_findings(phases: Sequence[Phase], organs: Mapping[str, OrganDose]) -> list[Finding]:
    """What is said of every internal emitter of a course."""
    out: list[Finding] = []
    for i, phase in enumerate(phases):
        e = phase.emitter
        if e is None:
            continue
        where = f"emitter {e.name!r}"
        out.append(finding(EMITTER, f"{e.name}: by survival at a low dose rate", where))
        if e.alpha:
            out.append(finding(UNVALIDATED, f"{e.nuclide} is declared unvalidated", where))
        marrow = organs["BoneMarrow"].per_fraction[i].mean_gy
        out.append(
            finding(
                MARROW_METHOD,
                f"{marrow:.3g} Gy a cycle to the marrow, {marrow_words(e.marrow_method)}",
                where,
                "give the dose by imaging, tumour in bone set apart" if e.marrow_method != "imaging" else "",
            )
        )
        if not {EVERY_ORGAN, BLOOD} & set(e.half_life_h) and "microspheres" not in e.agent.lower():
            what = f"{e.physical_half_life_h:.3g} h, the physical half-life of {e.nuclide}"
            out.append(finding(HALF_LIFE, what, where, "give effective_half_life_h"))
        out += [finding(STANDS_IN, what, where, "give the dose") for what in e.stands_in]
        if e.dose_from != "given":
            out.append(finding(BY_COEFFICIENT, e.dose_from, where, "give the patient's own organ doses"))
    return out


def marrow_words(method: MarrowMethod) -> str:
    """How a marrow dose was found, and how far the true one may lie from it."""
    p = load("lymphocyte")[marrow_parameter(method)]
    return f"{METHOD_SAYS[method]}: the true dose is {p.low:g} to {p.high:g} times this (90 %)"


METHOD_SAYS: Mapping[MarrowMethod, str] = {
    "blood-based": "from blood (blood-based)",
    "imaging": "by imaging",
    "given": "given without its method",
}


@dataclass(frozen=True, slots=True)
class EmitterDose:
    """An internal emitter of a result, with what it gives in one cycle.

    Attributes
    ----------
    emitter : Emitter
    label : str
        Of its phase.
    days : tuple of float
        Starts of the cycles. [d]
    marrow_range : tuple of float
        The true marrow dose over the stated one, central 90 %.
    dose_gy : mapping of str to float
        Mean dose of one cycle of blood, marrow, spleen and nodes. [Gy]
    half_life_h : mapping of str to float
        Effective half-lives of the same. [h]
    blood_mgy_h : float
        Dose rate of blood when a cycle begins. [mGy/h]
    """

    emitter: Emitter
    label: str
    days: tuple[float, ...]
    marrow_range: tuple[float, float]
    dose_gy: Mapping[str, float]
    half_life_h: Mapping[str, float]
    blood_mgy_h: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        e = self.emitter
        return {
            "nuclide": e.nuclide,
            "agent": e.agent,
            "activity_gbq": e.activity_gbq,
            "physical_half_life_h": e.physical_half_life_h,
            "half_life_h": dict(self.half_life_h),
            "gy_per_cycle": dict(self.dose_gy),
            "marrow_method": e.marrow_method,
            "marrow_range": list(self.marrow_range),
            "blood_mgy_h_at_start": self.blood_mgy_h,
            "dose_from": e.dose_from,
            "stands_in": list(e.stands_in),
            "validated": not e.alpha,
        }


#: What a result calls the pools an emitter's dose is told of.
TOLD = {"blood": BLOOD, "marrow": "BoneMarrow", "spleen": "Spleen", "nodes": "LN"}


def emitter_doses(a: Analysis) -> tuple[EmitterDose | None, ...]:
    """For every phase of a result its internal emitter, None of beams."""
    out: list[EmitterDose | None] = []
    for i, p in enumerate(a.phases):
        e = p.emitter
        if e is None:
            out.append(None)
            continue
        dose = {
            name: a.blood.fraction[i].mean_gy if organ == BLOOD else a.organs[organ].per_fraction[i].mean_gy
            for name, organ in TOLD.items()
        }
        hours = {name: e.half_life(organ) for name, organ in TOLD.items()}
        spread = load("lymphocyte")[marrow_parameter(e.marrow_method)]
        ends = spread.low or spread.number, spread.high or spread.number
        out.append(EmitterDose(e, p.label, p.days, ends, dose, hours, rate_mgy_h(dose["blood"], hours["blood"])))
    return tuple(out)


def rate_mgy_h(dose_gy: float, half_life_h: float, days: float = 0.0) -> float:
    """Dose rate some days after the start of a cycle, by its whole dose and its effective half-life. [mGy/h]

    Examples
    --------
    >>> round(rate_mgy_h(1.0, 69.3147), 3), round(rate_mgy_h(1.0, 24.0, 1.0) / rate_mgy_h(1.0, 24.0), 3)
    (10.0, 0.5)
    """
    return MGY_PER_GY * dose_gy * log(2.0) / half_life_h * decayed(half_life_h, days)
