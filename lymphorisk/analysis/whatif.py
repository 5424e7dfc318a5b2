"""What if: one change of the plan, blood dose recomputed, the forecast on the same draws."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lymphorisk import parameters
from lymphorisk.analysis.doses import POOL_ORGAN, Doses, mean_pools, pool_doses
from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte import Course
from lymphorisk.organs import load, organ_name
from lymphorisk.plan import Beam, Phase
from lymphorisk.units import SECONDS_PER_MINUTE

CHANGE = re.compile(r"^\s*(?P<what>[\w-]+?)\s*(?P<sign>[-=*])\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>Gy|cGy)?\s*$")
HINT = (
    "write Spleen-5Gy, LN=0Gy, Bowel*0.5, fractions=15, schedule=3x8, isoeffect=5, schedules=NAME, "
    "imaging=10mGy, flash or dose-rate=0.1Gy/s"
)
#: Dose of images at every fraction, such as ``imaging=10mGy``.
IMAGING = re.compile(r"^\s*imaging\s*=\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>mGy|cGy|Gy)\s*$", re.IGNORECASE)
GRAY_IN = {"mgy": 1e-3, "cgy": 1e-2, "gy": 1.0}
RATE = re.compile(r"^\s*dose[-_ ]?rate\s*=\s*(?P<number>\d+(?:\.\d+)?)\s*Gy\s*/\s*(?P<unit>s|min)\s*$", re.IGNORECASE)
#: The name of delivery at an ultra-high dose rate.
FLASH = "flash"
POOL_OF = {organ: pool for pool, organ in POOL_ORGAN.items()}

DOSE_RATE = rule(
    "LR256",
    "warning",
    "What-if of a dose rate",
    "Only the time in which blood passes the beam changes; no survival here knows a dose rate. Modelled killing of "
    "circulating cells fell from 90-100 % to 5-10 % at ultra-high dose rates with 30 to 50 Gy in a fraction and hardly "
    "at 2 Gy (Jin 2020); in mice 35 Gy/s to spleen or heart spared no lymphocytes (Venkatesulu 2019). Several beams "
    "with pauses between them let blood mix.",
)

OneFraction = Callable[[DoseDistribution, Phase], DoseDistribution]


@dataclass(frozen=True, slots=True)
class Change:
    """A parsed change: an organ's new dose, another number of fractions, or another dose rate of the target [Gy/s]."""

    organ: str = ""
    apply: OneFraction | None = None
    fractions: int | None = None
    gy_per_s: float | None = None


def parse(text: str, total_fractions: int) -> Change:
    """A change from text such as ``Spleen-5Gy``.

    ``-`` takes gray off every part of the organ over the course (never below zero), ``=`` gives the
    whole organ one dose, ``*`` scales; ``fractions=N`` gives the same total dose in N fractions.

    Raises
    ------
    ScenarioError
        The text says no change, or names no organ.
    """
    if text.strip().lower() == FLASH:
        return Change(gy_per_s=parameters.load("delivery")["flash_dose_rate"].number)
    if (rate := RATE.match(text)) is not None:
        gy_per_s = float(rate["number"]) / (SECONDS_PER_MINUTE if rate["unit"].lower() == "min" else 1.0)
        if not gy_per_s > 0.0:
            raise ScenarioError(f"what-if {text[:60]!r} gives no dose", HINT)
        return Change(gy_per_s=gy_per_s)
    found = CHANGE.match(text)
    if found is None:
        raise ScenarioError(f"what-if {text[:60]!r} is not understood", HINT)
    what, sign, number = found["what"], found["sign"], float(found["number"])
    if what.lower() == "fractions":
        if sign != "=" or number != int(number) or number < 1:
            raise ScenarioError(f"what-if {text[:60]!r} is not understood", HINT)
        return Change(fractions=int(number))
    gray = number / 100 if found["unit"] == "cGy" else number
    organ = organ_name(what)

    def apply(d: DoseDistribution, phase: Phase) -> DoseDistribution:
        if sign == "*":
            return d.scaled(number)
        one = gray / total_fractions / phase.rbe_in_dose
        if sign == "=":
            return uniform(one)
        return DoseDistribution(np.maximum(d.dose_gy - one, 0.0), d.share.copy())

    return Change(organ=organ, apply=apply)


def changed(doses: Doses, change: Change, phases: tuple[Phase, ...]) -> Doses:
    """Doses with one organ changed: its blood, its lymphocytes, and its parts.

    Raises
    ------
    ScenarioError
        The organ holds no lymphocyte pool and no dose in this plan.
    """
    apply = change.apply
    assert apply is not None
    touched = touched_by(change, doses)
    pool = POOL_OF.get(change.organ)

    def new(d: tuple[DoseDistribution, ...]) -> tuple[DoseDistribution, ...]:
        return tuple(apply(one, phase) for one, phase in zip(d, phases, strict=True))

    drawn = {n: new(d) if n in touched else d for n, d in doses.drawn.items()}
    organs = {n: replace(o, per_fraction=new(o.per_fraction)) if n in touched else o for n, o in doses.organs.items()}
    makeup = tuple(
        {name: replace(m, rest=new(m.rest)) if name == pool else m for name, m in body.items()} for body in doses.makeup
    )
    if pool is not None:
        # a whole pool is changed: what is drawn of it, in whatever organ, with the rest
        drawn |= {c.organ: new(doses.drawn[c.organ]) for body in makeup for c in body[pool].covered}
    rests = {n: new(d) if n in rests_of(doses, change.organ) else d for n, d in doses.rests.items()}
    by_body = tuple({name: pool_doses(m, drawn) for name, m in body.items()} for body in makeup)
    return replace(
        doses, organs=organs, drawn=drawn, makeup=makeup, by_body=by_body, rests=rests, pools=mean_pools(by_body)
    )


def touched_by(change: Change, doses: Doses) -> set[str]:
    """Organs of the plan whose dose a change gives anew: the one it names and its parts.

    Raises
    ------
    ScenarioError
        The organ holds no lymphocyte pool and no dose in this plan.
    """
    parts = {change.organ, *(n for n in doses.organs if n in load() and inside(n, change.organ))}
    touched = {n for n in parts if n in doses.organs}
    if not touched and change.organ not in POOL_OF:
        raise ScenarioError(f"{change.organ} has no dose in this plan", "lymphorisk inspect shows the organs it has")
    return touched


def imaging_asked(text: str) -> float | None:
    """Dose of images before every fraction that a what-if asks for [Gy]; None when it asks for something else.

    Examples
    --------
    >>> imaging_asked("imaging=10mGy"), imaging_asked("Spleen-5Gy")
    (0.01, None)
    """
    found = IMAGING.match(text)
    return None if found is None else float(found["number"]) * GRAY_IN[found["unit"].lower()]


def imaged(course: Course, gray: float) -> Course:
    """A course with a dose of images to the whole body and the blood in every fraction: at most what images can do."""

    def more(d: DoseDistribution) -> DoseDistribution:
        return DoseDistribution(d.dose_gy + gray, d.share.copy())

    phases = tuple(
        phase
        if phase.low_rate is not None
        else replace(
            phase,
            blood=more(phase.blood),
            pools={pool: more(d) for pool, d in phase.pools.items()},
            bodies=tuple({pool: more(d) for pool, d in body.items()} for body in phase.bodies),
        )
        for phase in course.phases
    )
    return replace(course, phases=phases)


def rests_of(doses: Doses, organ: str) -> frozenset[str]:
    """Placed shares of blood compartments that lie wholly in an organ."""
    held = load()[organ].compartments if organ in load() else {}
    whole = {c for network in held.values() for c, share in network.items() if share == 1.0}
    return frozenset(key for c in whole for key, _ in doses.compartments.get(c, ()) if key in doses.rests)


def inside(name: str, whole: str) -> bool:
    """Whether an organ is a part of another."""
    at = load()[name].part_of
    while at:
        if at == whole:
            return True
        at = load()[at].part_of if at in load() else ""
    return False


def at_dose_rate(phase: Phase, gy_per_s: float, fraction_gy: float) -> Phase:
    """The phase with its beams on as long as a dose rate of the target takes; cycles of an emitter stay.

    Parameters
    ----------
    fraction_gy : float
        Dose of one fraction to the target. [Gy]
    """
    if phase.emitter is not None:
        return phase
    beams = phase.beams or (Beam(1, "all beams", modality=phase.modality),)
    seconds = fraction_gy / gy_per_s / len(beams)
    return replace(phase, beams=tuple(replace(b, on_s=seconds, time_source="user") for b in beams), beam_start_s=None)


def rate_findings(what_ifs: tuple[str, ...]) -> list[Finding]:
    """What is said of what-ifs of a dose rate."""
    asked = [t for t in what_ifs if t.strip().lower() == FLASH or RATE.match(t)]
    return [finding(DOSE_RATE, f"{t}: blood alone can be spared", "what-if") for t in asked]
