"""What stands beside the forecast as research output: subsets, the neutrophil ratio, and outcome by publications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lymphorisk import parameters
from lymphorisk.lymphocyte import Course, Population, population
from lymphorisk.lymphocyte.neutrophils import RatioForecast, ratio_forecast
from lymphorisk.lymphocyte.subsets import SubsetForecast, subset_forecasts
from lymphorisk.parameters.outcome import ANY, Association, associations
from lymphorisk.plan import Patient
from lymphorisk.plan.facts import same

SUBSETS_NOTE = (
    "Research output. Each subset is a mixture of the forecast's sensitive and resistant cells by prior beliefs of "
    "studies that contradict each other; it was held against no counts of subsets. B cells come back sooner than this."
)
RATIO_NOTE = (
    "Research output. No kinetics of neutrophils with dose was read: every number of the neutrophils is assumed. "
    "Steroids, growth factors and infection are not in it."
)
OUTCOME_NOTE = (
    "Associations in groups of patients, not causes and not this patient's probability; other series of the same "
    "tumours found none, or the opposite."
)
#: Of outcomes, in words.
OUTCOMES: Mapping[str, str] = {
    "OS": "death", "PFS": "progression or death", "BCSS, OS": "death of breast cancer, and death",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Research output beside a forecast.

    Attributes
    ----------
    subsets : tuple of SubsetForecast
    ratio : RatioForecast
        Neutrophil to lymphocyte ratio.
    outcome : tuple of Association
        Published rows of the patient's site and of all sites, those against last.
    """

    subsets: tuple[SubsetForecast, ...]
    ratio: RatioForecast
    outcome: tuple[Association, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "subsets": {"note": SUBSETS_NOTE, **{s.name: s.to_dict() for s in self.subsets}},
            "nlr": {"note": RATIO_NOTE, **self.ratio.to_dict()},
            "outcome": {
                "note": OUTCOME_NOTE,
                "associations": [
                    {"id": a.id, "site": a.site, "against": a.against, "sentence": sentence(a), "source": a.source}
                    for a in self.outcome
                ],
            },
        }


def beside_of(
    course: Course, patient: Patient, people: Population, baseline_alc: float, seed: int, horizon_d: float
) -> Beside:
    """The research output of a course and a patient."""
    before = patient.neutrophils / patient.alc if patient.neutrophils and patient.alc else None
    return Beside(
        subset_forecasts(
            course,
            baseline_alc,
            people,
            population(parameters.load("subsets")),
            given=dict(patient.subsets or ()),
            age_y=patient.age_y,
            seed=seed,
            horizon_d=horizon_d,
        ),
        ratio_forecast(
            course,
            people,
            population(parameters.load("neutrophils")),
            before=before,
            age_y=patient.age_y,
            seed=seed,
            horizon_d=horizon_d,
        ),
        outcome_of(patient.site),
    )


def outcome_of(site: str | None) -> tuple[Association, ...]:
    """Published rows for a site: its own, those of all sites, and what speaks against them.

    Where no row of the site does, the counter-examples of other sites stand for all.
    """
    own = [a for a in associations() if site is not None and a.site != ANY and same("site", site, a.site)]
    every = [a for a in associations() if a.site == ANY]
    against = [a for a in own if a.against] or [a for a in associations() if a.against]
    return (*(a for a in own if not a.against), *every, *against)


def sentence(a: Association) -> str:
    """An association in words.

    Examples
    --------
    >>> sentence(next(a for a in associations() if a.id == "O02"))[:56]
    'brain tumours, 4 studies: lymphopenia during radiotherap'
    """
    who = f"{a.population}{f', n {a.n}' if a.n else ''}"
    what = f"{a.exposure}{f', {a.cut}' if a.cut else ''}"
    outcome = OUTCOMES.get(a.outcome, a.outcome)
    interval = f" ({a.ci95})" if a.ci95 else ""
    p = f", p {a.p}" if a.p and not a.ci95 else ""
    if a.effect == "HR":
        said = f"hazard ratio {a.value}{interval} of {outcome}{p}"
    elif a.value == "none":
        said = f"no association with {outcome}"
    else:
        said = f"{a.effect} {a.value}{interval} to {outcome}{p}"
    adjusted = {"yes": ", adjusted", "no": ", not adjusted"}.get(a.adjusted, "")
    return f"{who}: {what}: {said}{adjusted}{f'; {a.note}' if a.note else ''}"
