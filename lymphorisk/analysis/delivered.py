"""The course as it is given: several plans by fraction, missed days, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lymphorisk import parameters
from lymphorisk.analysis.options import Options
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan import Beam, DoseGrid, Phase, TreatmentPlan, weekdays
from lymphorisk.plan.course import Calendar, Given, delivered, first_fractions, fraction_times, told, with_missed
from lymphorisk.plan.delivery import delivery_of, when_of
from lymphorisk.plan.schedule import WORKING_DAYS
from lymphorisk.plan.words import is_particle
from lymphorisk.units import SECONDS_PER_MINUTE

DELIVERED = rule(
    "LR260",
    "info",
    "course of several plans",
    "Which plan gives which fractions was said (--deliver); each fraction has the dose of its plan.",
)
PARTIAL = rule(
    "LR261",
    "warning",
    "part of the course",
    "Only some of the planned fractions are in the course: its dose and its forecast are those of these fractions "
    "alone, as if treatment had ended there.",
)
MISSED = rule(
    "LR262",
    "info",
    "missed days",
    "Days without treatment were said, and how they are made up for; the dose of a fraction stays as planned.",
)


def as_given(
    plan: TreatmentPlan, options: Options, *, by_rhythm: bool
) -> tuple[TreatmentPlan, tuple[int, ...], tuple[Finding, ...]]:
    """The plan with the fractions and days that are given, the phases' places among those planned, and findings.

    Parameters
    ----------
    plan : TreatmentPlan
        With all phases of all plans.
    options : Options
        `deliver`, `missed`, `make_up`, `delivered_so_far` and the first day.
    by_rhythm : bool
        Whether phases without days are one a working day.

    Raises
    ------
    LinkError, ScenarioError
        As `plan.course.delivered`.
    """
    same = tuple(range(len(plan.phases)))
    if not (options.deliver or options.missed or options.delivered_so_far is not None):
        return plan, same, ()
    if options.fractions is not None:
        raise ScenarioError(
            "--fractions beside fractions that are delivered, missed or given so far is ambiguous", "leave it out"
        )
    calendar = Calendar(
        options.first_day, options.weekday, tuple(when_of(text) for text in options.missed), options.make_up
    )
    beams = [i for i, p in enumerate(plan.phases) if p.emitter is None]
    within = [Given(p, i) for i, p in enumerate(plan.phases) if p.emitter is not None]
    if within and options.delivered_so_far is not None:
        raise ScenarioError("a course so far with an internal emitter is ambiguous", "write the cycles that were given")
    found: list[Finding] = []
    given: Sequence[Given]
    if options.deliver:
        deliveries = [delivery_of(text) for text in options.deliver]
        given = delivered([plan.phases[i] for i in beams], deliveries, calendar)
        found.append(finding(DELIVERED, f"fractions of the course: {told(deliveries)}", "course"))
        found += _unlike_grids([g.phase for g in given])
    else:
        dated = _dated([plan.phases[i] for i in beams], options, calendar, by_rhythm=by_rhythm)
        given = [Given(p, i) for i, p in enumerate(dated)]
    if options.missed:
        what = f"{', '.join(options.missed)}: given {HOW[options.make_up]}"
        found.append(finding(MISSED, what, "course"))
    planned = sum(p.of_fractions for p in plan.phases)
    if options.delivered_so_far is not None:
        before = [g.place for g in given]
        given = [
            replace(g, place=before[g.place])
            for g in first_fractions([g.phase for g in given], options.delivered_so_far)
        ]
    given = [*(replace(g, place=beams[g.place]) for g in given), *within]
    phases = tuple(g.phase for g in given)
    if (short := _short(phases, plan.phases)) or options.delivered_so_far is not None:
        total = sum(p.fractions for p in phases)
        what = short or f"{total} of {planned} fractions"
        found.append(finding(PARTIAL, what, "course", "update the forecast by the counts so far: lymphorisk update"))
    return replace(plan, phases=phases), tuple(g.place for g in given), tuple(found)


def working_days(fractions: int, options: Options) -> list[float]:
    """Fraction times from the first one, one a working day. [d]

    Raises
    ------
    ScenarioError
        The first is at a weekend.
    """
    if options.weekday >= WORKING_DAYS:
        raise ScenarioError(
            f"the first fraction, {options.first_fraction}, is at a weekend, and the course is taken by working days",
            "correct the date, or give the days in a scenario",
        )
    return [float(day) for day in weekdays(fractions, options.weekday)]


def assumed_on_s(beam: Beam) -> float:
    """Beam-on time of one fraction that the plan does not say, by the stated defaults. [s]"""
    numbers = parameters.load("delivery")
    if is_particle(beam.modality):
        return numbers["proton_beam_on"].number
    if beam.meterset:
        return beam.meterset / numbers["photon_dose_rate"].number * SECONDS_PER_MINUTE
    return numbers["photon_beam_on"].number


def refractionated(phase: Phase, fractions: int) -> Phase:
    """The same dose of a phase in another number of fractions, on weekdays.

    A fraction then has as many monitor units more as it has dose, so that what leaks outside the field stays what it
    was over the course; beam-on times are held.
    """
    factor = phase.fractions / fractions
    if factor == 1.0:
        return replace(phase, days=None)
    beams = tuple(
        replace(b, meterset=b.meterset * factor, on_s=assumed_on_s(b) if b.on_s is None else b.on_s)
        if b.meterset
        else b
        for b in phase.beams
    )
    return replace(phase, fractions=fractions, days=None, beams=beams)


#: Where a missed fraction is given.
HOW = {
    "later": "later, all that follows moves on",
    "bid": "as the second one of the next treatment day",
    "weekend": "at the next weekend",
}


def _dated(phases: Sequence[Phase], options: Options, calendar: Calendar, *, by_rhythm: bool) -> tuple[Phase, ...]:
    """Phases with their days, missed ones made up for."""
    undated = all(p.days is None for p in phases)
    total = [] if all(p.days is not None for p in phases) else working_days(sum(p.fractions for p in phases), options)
    out, done = [], 0
    for phase in phases:
        own = phase.days if phase.days is not None else tuple(total[done : done + phase.fractions])
        done += phase.fractions
        out.append(replace(phase, days=own))
    if not options.missed:
        return tuple(out)
    return with_missed(out, calendar, by_rhythm=undated and by_rhythm)


def _short(given: Sequence[Phase], planned: Sequence[Phase]) -> str:
    """Plans of which fewer fractions are given than they have, as words; empty when none is.

    What a plan does not give, another may: a plan that was made for as many fractions as the whole course has, or that
    is followed by at least as many as it lacks, was replaced or replaces one, and is not short.
    """
    times = fraction_times(given)
    has: dict[str, int] = {}
    for p in planned:
        has[_label(p)] = has.get(_label(p), 0) + p.fractions
    gets: dict[str, int] = {}
    for p in given:
        gets[_label(p)] = gets.get(_label(p), 0) + p.fractions
    first = {name: min(d for p in given if _label(p) == name for d in p.days or ()) for name in gets}
    after = {name: sum(t >= day for t in times) for name, day in first.items()}
    less = [
        f"{gets[name]} of {has[name]} fractions of {name!r}"
        for name in gets
        if gets[name] < has[name] and len(times) != has[name] and after[name] < has[name]
    ]
    return "; ".join(less)


def _label(phase: Phase) -> str:
    return phase.plan.label if phase.plan is not None else phase.label


def _unlike_grids(phases: Sequence[Phase]) -> list[Finding]:
    """A note where the doses of a course lie on grids of their own."""
    grids: list[DoseGrid] = [p.dose for p in phases if p.dose is not None]
    if all(g.frame.same_as(grids[0].frame) for g in grids[1:]):
        return []
    what = "the plans' doses lie on different grids; their sum is on the first one's, where all of them reach"
    return [finding(DELIVERED, what, "RTDOSE")]
