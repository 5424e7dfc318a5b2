"""From an internal emitter as a scenario gives it to a phase with organ doses."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.analysis.named import named_doses
from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.errors import MissingOrganError, ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.parameters import Parameter, load
from lymphorisk.plan import Beam, Phase
from lymphorisk.plan.emitter import BLOOD, EVERY_ORGAN, Emitter
from lymphorisk.scenario import EmitterGiven
from lymphorisk.units import nearest, squashed

#: Organs whose lymphocytes have an effective half-life of their own, and blood.
OWN_HALF_LIFE = ("Spleen", "LN", "BoneMarrow", "Bowel", "Glnd_Thymus", "Lungs")
#: No cycle gives more to any organ of a living patient; a larger number is in cGy. [Gy]
CYCLE_MAX_GY = 300.0
#: What agents' coefficients call organs.
COEFFICIENT_OF = {"spleen": "Spleen", "kidneys": "Kidneys"}
#: Blood passes every organ many thousand times in a cycle; for the table of its dose it is followed this long. [s]
MIXED_S = 3600.0


def emitted_phase(given: EmitterGiven) -> tuple[Phase, Mapping[str, DoseDistribution]]:
    """The phase whose fractions are the cycles of an emitter, and the dose of all cycles by TG-263 name. [Gy]

    Doses given per cycle come first, then those by a coefficient given, then those by an agent on record. Blood without
    a dose of its own gets that of the organs it passes, or, where none is given, that of the marrow by blood (one study
    found the activity of marrow to be that of blood). What is not listed gets the body's dose, else the blood's.

    Raises
    ------
    ScenarioError
        An agent that is not on record, a dose that cannot be, no way to the dose of the body or the blood.
    MissingOrganError
        No dose of the marrow.
    """
    numbers = load("emitters")
    dose, how = _doses(given, numbers)
    for organ, gy in dose.items():
        if not 0.0 <= gy <= CYCLE_MAX_GY:
            raise ScenarioError(
                f"{gy:g} Gy to {organ} in one cycle is not a dose", "doses are in Gy, activities in GBq"
            )
    if "BoneMarrow" not in dose:
        raise MissingOrganError(
            f"the emitter {given.nuclide} gives no dose of the marrow",
            "add BoneMarrow to gy_per_cycle (or gy_per_gbq), and marrow_method",
        )
    stands_in: list[str] = []
    blood = dose.pop(BLOOD, None)
    passed = [name for name in dose if name not in (*OWN_HALF_LIFE, EVERY_ORGAN, "Body")]
    if blood is None and "Body" not in dose and EVERY_ORGAN not in dose and given.marrow_method == "blood-based":
        marrow = dose["BoneMarrow"]
        which = "" if passed else ", blood included,"
        stands_in.append(f"all that is not listed{which} gets the marrow's dose by blood, {marrow:.3g} Gy a cycle")
        dose[EVERY_ORGAN] = marrow
        blood = None if passed else marrow
    elif "Body" not in dose and EVERY_ORGAN not in dose:
        if blood is None:
            raise MissingOrganError(
                f"the emitter {given.nuclide} gives no dose of the blood or the body",
                "add Blood or Body to gy_per_cycle: what is not listed must get a dose, which may be 0",
            )
        stands_in.append(f"all that is not listed gets the blood's dose, {blood:.3g} Gy a cycle")
        dose[EVERY_ORGAN] = blood
    emitter = Emitter(
        given.nuclide,
        given.marrow_method,
        numbers[f"half_life.{given.nuclide}"].number,
        _half_lives(given, numbers),
        given.agent,
        given.activity_gbq,
        how,
        blood,
        tuple(stands_in),
    )
    cycles = len(given.days)
    phase = Phase(
        label=given.label or emitter.name,
        fractions=cycles,
        beams=(Beam(1, emitter.name, modality="emitter", on_s=MIXED_S, time_source="plan"),),
        modality="emitter",
        days=given.days,
        emitter=emitter,
    )
    return phase, FrozenDict({name: uniform(cycles * gy) for name, gy in dose.items()})


def _named(values: Mapping[str, float]) -> dict[str, float]:
    """Values by TG-263 name, blood apart."""
    out = dict(named_doses({k: v for k, v in values.items() if squashed(k) != squashed(BLOOD)}))
    for typed, value in values.items():
        if squashed(typed) == squashed(BLOOD):
            out[BLOOD] = value
    return out


def _doses(given: EmitterGiven, numbers: Mapping[str, Parameter]) -> tuple[dict[str, float], str]:
    """Dose of one cycle by organ [Gy], and where the doses come from."""
    own = _named(given.gy_per_cycle)
    per_activity = _named(given.gy_per_gbq)
    if twice := set(own) & set(per_activity):
        raise ScenarioError(f"{min(twice)} has a dose per cycle and one per activity", "keep one of them")
    activity = given.activity_gbq
    by_activity = {} if activity is None else {name: activity * c for name, c in per_activity.items()}
    known = own | by_activity
    if activity is None:
        return known, "given"
    table, key = coefficients(given.nuclide, given.agent, numbers), squashed(given.agent)
    if not table:
        if not known:
            agents = ", ".join(agents_of(given.nuclide, numbers)) or "none"
            near = nearest(key, agents_of(given.nuclide, numbers))
            raise ScenarioError(
                f"no doses per activity are on record for {given.nuclide} {given.agent or 'without an agent'}",
                f"{f'did you mean {near}? ' if near else ''}give gy_per_cycle or gy_per_gbq; on record: {agents}",
            )
        return known, "given"
    used: list[str] = []
    marrow = f"marrow_{given.marrow_method.replace('-', '_')}"
    for name, p in table.items():
        organ = "BoneMarrow" if name == marrow else COEFFICIENT_OF.get(name)
        if organ is not None and organ not in known:
            known[organ] = activity * p.number
            used.append(f"{organ} {p.number:g} Gy/GBq ({p.place})")
    if "BoneMarrow" not in known:
        ways = [n.removeprefix("marrow_").replace("_", "-") for n in table if n.startswith("marrow_")]
        raise MissingOrganError(
            f"no marrow dose of {given.nuclide} {given.agent} by {given.marrow_method} is on record",
            f"on record is {' and '.join(ways)}; or add BoneMarrow to gy_per_cycle",
        )
    return known, "; ".join(used) if used else "given"


def coefficients(nuclide: str, agent: str, numbers: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """What is on record of an agent, by name within it; empty when it is not. Doses in Gy/GBq.

    Examples
    --------
    >>> sorted(coefficients("177Lu", "PSMA-617", load("emitters")))
    ['blood_half_life', 'kidneys', 'marrow_blood_based', 'parotids']
    """
    out = {}
    for name, p in numbers.items():
        parts = name.split(".")
        if parts[:2] == ["agent", nuclide] and agent and squashed(parts[2]) in squashed(agent):
            out[parts[3]] = p
    return out


def agents_of(nuclide: str, numbers: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Agents on record for a nuclide."""
    return tuple(dict.fromkeys(n.split(".")[2] for n in numbers if n.startswith(f"agent.{nuclide}.")))


def _half_lives(given: EmitterGiven, numbers: Mapping[str, Parameter]) -> dict[str, float]:
    own = _named(given.half_life_h)
    if other := [name for name in own if name not in (*OWN_HALF_LIFE, BLOOD, EVERY_ORGAN)]:
        raise ScenarioError(
            f"an effective half-life of {other[0]} is not used",
            f'half-lives are of {", ".join((*OWN_HALF_LIFE, BLOOD))}, or "*" of all others',
        )
    on_record = coefficients(given.nuclide, given.agent, numbers).get("blood_half_life")
    return own if on_record is None or BLOOD in own else {**own, BLOOD: on_record.number}
