"""One patient out of what several sources say: the better one wins, and a contradiction is named, never silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan.likely import unlikely
from lymphorisk.plan.patient import Patient
from lymphorisk.plan.steroid import Steroid

CONTRADICTION = rule(
    "LR047",
    "warning",
    "patient facts contradict",
    "Two sources say different things of the patient, or things that cannot be true of one body. What was typed wins "
    "over a patient file, that over the headers and a scenario.",
)
#: What one body may differ by between two records: a header's age is in whole years, heights and weights are rounded
#: and weighed again, counts are printed with two digits. [y], [cm], [kg], [10^9/L]
ROUNDING: Mapping[str, float] = {
    "age_y": 1.0, "height_cm": 1.0, "weight_kg": 2.0, "alc": 0.01, "lln": 0.01, "neutrophils": 0.1,
}  # fmt: skip
#: Words of which the narrower is the wider, too.
NARROWER: Mapping[str, tuple[str, ...]] = {
    "prostate": ("pelvis",),
    "rectum": ("pelvis",),
    "bladder": ("pelvis",),
    "prostate_nodes": ("prostate", "pelvis"),
}
HINT = "find out which is right, and give that one"


@dataclass(frozen=True, slots=True)
class KnownPatient:
    """A patient, and what his sources contradict each other in.

    Attributes
    ----------
    patient : Patient
    findings : tuple of Finding
    """

    patient: Patient
    findings: tuple[Finding, ...] = field(default_factory=tuple)


def known_patient(
    best: Mapping[str, Any], called: str, rest: Patient, rest_called: str, noted: tuple[Finding, ...] = ()
) -> KnownPatient:
    """The patient of two sources, the better first.

    Facts of the other source that cannot be true beside the better one's are left out, as few as will do.

    Parameters
    ----------
    best : mapping
        Fields of `Patient`; None is not known.
    called, rest_called : str
        The sources as a message calls them.
    rest : Patient
    noted : tuple of Finding
        Of sources before.

    Raises
    ------
    ScenarioError
        Facts of the better source that cannot be true of one body.

    Examples
    --------
    >>> known = known_patient({"age_y": 61.0}, "as given", Patient(age_y=16.0, sex="F"), "the plan's files")
    >>> known.patient.age_y, known.patient.sex, known.findings[0].what
    (61.0, 'F', "age_y is 61 as given, 16 in the plan's files: 61 is used")
    """
    given, read = _said(best), _said(asdict(rest))
    if given.get("chemo", read.get("chemo")) != read.get("chemo"):
        read.pop("drugs", None)  # names of the class that is not used
    found = [
        finding(CONTRADICTION, f"{what}: {shown(given[what.split()[0]])} is used", rest_called, HINT)
        for what in contradictions(given, called, read, rest_called)
    ]
    added = {name: value for name, value in read.items() if name not in given}
    patient, left_out = _fitting(given, added)
    for name in left_out:
        what = f"{name} = {shown(added[name])} in {rest_called} cannot be true beside the facts {called}: left out"
        found.append(finding(CONTRADICTION, what, rest_called, HINT))
    return KnownPatient(patient, tuple(dict.fromkeys((*noted, *found, *unlikely(patient, "patient")))))


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that are known; no named drug says nothing, for the class may be known without."""
    return {name: value for name, value in facts.items() if value is not None and (name != "drugs" or value)}


def contradictions(one: Mapping[str, Any], called: str, other: Mapping[str, Any], other_called: str) -> tuple[str, ...]:
    """Facts that two sources say differently, in words that begin with the fact's name."""
    both = [n for n in one if n in other and not same(n, one[n], other[n])]
    return tuple(f"{n} is {shown(one[n])} {called}, {shown(other[n])} in {other_called}" for n in both)


def same(name: str, a: Any, b: Any) -> bool:
    """Whether two records of a fact may be of one person."""
    if name in ROUNDING:
        return bool(abs(a - b) <= ROUNDING[name])
    if isinstance(a, str) and isinstance(b, str):
        return a == b or b in NARROWER.get(a, ()) or a in NARROWER.get(b, ())
    return bool(a == b)


def shown(value: Any) -> str:
    """A fact as a message shows it."""
    if isinstance(value, tuple) and not isinstance(value, Steroid):
        parts = ("=".join(map(shown, one)) if type(one) is tuple else shown(one) for one in value)
        return ", ".join(parts) or "none"
    return f"{value:g}" if isinstance(value, float | int) else str(value)


def _fitting(given: Mapping[str, Any], added: Mapping[str, Any]) -> tuple[Patient, tuple[str, ...]]:
    """The patient with as many added facts as can be true beside the given ones, and the names of the others."""
    for dropped in range(len(added) + 1):
        for names in combinations(added, dropped):
            try:
                return Patient(**given, **{n: v for n, v in added.items() if n not in names}), names
            except ScenarioError:
                if dropped == len(added):
                    raise
    raise AssertionError("the given facts alone were tried last")
