"""Two or more plans side by side: organs, blood, forecast and risk, with paired bands and what drives the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lymphorisk import parameters
from lymphorisk.analysis.alike import Unlike, made_alike, noted_of, unlike
from lymphorisk.analysis.chain import analysis_of, analyze, forecast_again
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.risk import of_one_plan
from lymphorisk.analysis.source import read_source
from lymphorisk.dicom import Export
from lymphorisk.dicom.identity import check_exports
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte import POOLS, Course
from lymphorisk.lymphocyte.whatif import Difference, difference
from lymphorisk.plan import Patient
from lymphorisk.scenario import Scenario

#: A plan to compare: a result, or what `analyze` takes.
Plan = Analysis | str | Path | Export | Scenario

#: Sources of a dose that is not this plan's own.
STAND_INS = ("placed", "diluted")


@dataclass(frozen=True, slots=True)
class OrganChange:
    """One organ in two plans. Mean course doses as exported; `change_gy` is second minus first. [Gy]"""

    organ: str
    first_gy: float
    second_gy: float
    surrogate: bool

    @property
    def change_gy(self) -> float:
        """Second minus first. [Gy]"""
        return self.second_gy - self.first_gy


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan against the first one.

    Attributes
    ----------
    organs : tuple of OrganChange
        Largest change first.
    blood_mean_gy : tuple of float
        Mean blood dose of the course, first and second. [Gy]
    forecast : Difference
        Second minus first on the same draws.
    drivers : mapping of str to float
        Change of ln(median nadir) by lymphocyte pool when only that pool's dose is exchanged; empty when the
        courses differ in their fractions.
    sentence : str
        What could not be compared, and what drives the difference, in words.
    unlike : tuple of Unlike
        Organs not drawn in every plan: both plans do without them here.
    alone : tuple of Analysis
        The two plans each by itself, with all that is drawn in it; the plans themselves when they are alike.
    place : int
        Place of the second among all plans that were made alike; the first is 0.
    findings : tuple of Finding
        On the pair, when both were sources: another patient, frame or prescription, organs not drawn in both.
    """

    first: Analysis
    second: Analysis
    organs: tuple[OrganChange, ...]
    blood_mean_gy: tuple[float, float]
    forecast: Difference
    drivers: Mapping[str, float]
    sentence: str
    unlike: tuple[Unlike, ...] = ()
    alone: tuple[Analysis, ...] = ()
    place: int = 1
    findings: tuple[Finding, ...] = ()


def compared(plans: Sequence[Prepared]) -> tuple[Comparison, ...]:
    """Every plan against the first, treated alike: an organ that is not drawn in all of them is drawn in none.

    Raises
    ------
    ScenarioError
        As `compare`.
    """
    if scores := of_one_plan(plans[0].patient, plans[0].options):
        raise ScenarioError(
            f"{', '.join(scores)} is a score of one plan's dose, and the plans differ", "analyze each with its own"
        )
    alone = [analysis_of(plan) for plan in plans]
    alike, apart = made_alike(plans)
    results = [analysis_of(plan) for plan in alike] if apart else alone
    return tuple(_comparison(results[0], results[k], apart, (alone[0], alone[k]), k) for k in range(1, len(results)))


def compare(first: Plan, second: Plan, *, patient: Patient | None = None, options: Options | None = None) -> Comparison:
    """The second plan against the first, for the same patient.

    Sources are treated alike: an organ drawn in one of them only counts as drawn in neither. Two results cannot be:
    then the sentence names these organs and ranks nothing.

    Parameters
    ----------
    first, second : Analysis, path, Export or Scenario
        Results, or what `analyze` takes; these are analysed here.
    patient : Patient, optional
        Of the plans that are analysed here.
    options : Options, optional
        Of the plans that are analysed here.

    Returns
    -------
    Comparison
        Its ``findings`` say when two exports are not of one patient, or not in one frame.

    Raises
    ------
    ScenarioError
        The forecasts are not paired: another patient, seed, number of draws or horizon. Or a patient or options are
        given for results, which have their own. Or a column is given that is a score of one plan's dose.
    """
    if isinstance(first, Analysis) and isinstance(second, Analysis):
        if patient is not None or options is not None:
            raise ScenarioError("both plans are analysed already", "give patient and options to `analyze`")
        return _as_they_are(first, second)
    if isinstance(first, Analysis) or isinstance(second, Analysis):
        one, other = (p if isinstance(p, Analysis) else analyze(p, patient, options) for p in (first, second))
        return _as_they_are(one, other)
    read = [read_source(p, options or Options()) for p in (first, second)]
    (made,) = compared([prepare(p, patient, options) for p in read])
    names = [a.label for a in made.alone]
    same = check_exports([p if isinstance(p, Export) else None for p in read], names)
    return replace(made, findings=(*same, *noted_of(made.alone, names, made.unlike)))


def _as_they_are(first: Analysis, second: Analysis) -> Comparison:
    """Two results, each with what is drawn in it."""
    apart = unlike([(a.organs, a.blood.network) for a in (first, second)])
    made = _comparison(first, second, (), (first, second), 1)
    if not apart:
        return made
    words = "; ".join(u.between(1) for u in apart)
    return replace(made, sentence=f"The two plans cannot be compared as they are: {words}.", unlike=apart, drivers={})


def _comparison(
    first: Analysis, second: Analysis, apart: tuple[Unlike, ...], alone: tuple[Analysis, Analysis], place: int
) -> Comparison:
    if first.patient != second.patient:
        raise ScenarioError("plans of different patients are not comparable", "give the same patient options to both")
    if (first.forecast.draws, first.forecast.seed) != (second.forecast.draws, second.forecast.seed):
        raise ScenarioError("forecasts of different seeds or draws are not paired")
    organs = [
        OrganChange(
            name,
            first.organs[name].course.mean_gy,
            second.organs[name].course.mean_gy,
            any(a.organs[name].source in STAND_INS for a in (first, second)),
        )
        for name in first.organs
        if name in second.organs
    ]
    change = difference(first.forecast, second.forecast)
    drivers = drivers_of(first, second)
    return Comparison(
        first=first,
        second=second,
        organs=tuple(sorted(organs, key=lambda o: -abs(o.change_gy))),
        blood_mean_gy=(first.blood.course.mean_gy, second.blood.course.mean_gy),
        forecast=change,
        drivers=drivers,
        sentence=not_compared(apart, place) + sentence(first, second, change, drivers),
        unlike=apart,
        alone=alone,
        place=place,
    )


def not_compared(apart: Sequence[Unlike], place: int) -> str:
    """What the difference leaves out, as a sentence; empty when the plans are alike."""
    if not apart:
        return ""
    return f"{'; '.join(u.between(place) for u in apart)}: what follows does without it in both plans. "


def drivers_of(first: Analysis, second: Analysis) -> Mapping[str, float]:
    """Change of ln(median nadir) when one pool after the other takes the second plan's dose, alone."""
    a, b = first.course, second.course
    if [p.times_d.tolist() for p in a.phases] != [p.times_d.tolist() for p in b.phases]:
        return {}
    base = np.log(first.forecast.nadir.median)
    out = {}
    for pool in POOLS:
        changed = forecast_again(first, exchanged(a, b, pool))
        out[pool] = float(np.log(changed.nadir.median) - base)
    return dict(sorted(out.items(), key=lambda item: -abs(item[1])))


def exchanged(a: Course, b: Course, pool: str) -> Course:
    """Course `a` with one pool's dose of `b`."""
    phases = [mine.with_pool_of(theirs, pool) for mine, theirs in zip(a.phases, b.phases, strict=True)]
    return replace(a, phases=tuple(phases))


def sentence(first: Analysis, second: Analysis, apart: Difference, drivers: Mapping[str, float]) -> str:
    """What drives the difference, in one sentence."""
    ratio = apart.nadir_ratio.p50
    nothing = parameters.load("apart")["plans.nadir"].number
    if abs(ratio - 1.0) < nothing:
        return f"The two plans give the same nadir within {100 * nothing:g} % (median over the patients)."
    way = "higher" if ratio > 1 else "lower"
    size = f"{100 * abs(ratio - 1.0):.0f} % {way} ({apart.nadir.p50:+.2f} x10^9/L)"
    text = f"With the second plan a patient's nadir is {size} in the median"
    if not drivers:
        return f"{text}; the courses differ in their fractions ({first.fractions} and {second.fractions})."
    helps = [(pool, x) for pool, x in drivers.items() if (x > 0) == (ratio > 1) and abs(x) > 0]
    if not helps:
        return f"{text}."
    pool, x = helps[0]
    share = x / sum(v for _, v in helps)
    return f"{text}; the dose to the {pool} pool accounts for {100 * share:.0f} % of what moves it that way."
