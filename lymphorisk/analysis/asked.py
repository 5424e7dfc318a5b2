"""Several changes of a plan at once, answered by the exact engine on the same draws."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lymphorisk.analysis.chain import forecast_of
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.options import held
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.whatif import changed, parse
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import AlcForecast, Course
from lymphorisk.plan import Beam
from lymphorisk.units import checked


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be another; None is as planned.

    Attributes
    ----------
    fractions : tuple of int or None
        The same dose of each phase in so many fractions.
    beam_on_s : float or None
        Beam-on time of every beam. [s]
    beam_factor : float or None
        What the beam-on time of each beam is multiplied by; pauses stay.
    alc : float or None
        Count before the course. [10^9/L]
    organs : tuple of str
        Changes of organs' doses, such as ``Spleen*0.5``.
    """

    fractions: tuple[int, ...] | None = None
    beam_on_s: float | None = None
    beam_factor: float | None = None
    alc: float | None = None
    organs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("beam_on_s", "alc"):
            if getattr(self, name) is not None:
                checked(name, getattr(self, name))
        for count in self.fractions or ():
            checked("fractions", count)
        if self.beam_factor is not None and not 0.0 < self.beam_factor < math.inf:
            raise ScenarioError(f"beam-on times {self.beam_factor:g} times as long", "give a factor above zero")

    @property
    def doses(self) -> bool:
        """Whether any dose is another."""
        timed = self.beam_on_s is not None or self.beam_factor is not None
        return self.fractions is not None or timed or bool(self.organs)


@one_blas_thread
@held
def forecast_with(plan: Prepared, changes: Changes, course: Course | None = None) -> AlcForecast:
    """The forecast of a plan with changes, its blood dose solved again where they touch it.

    Parameters
    ----------
    course : Course, optional
        The plan's own exposure, when it is known: nothing is solved when no dose changes.

    Raises
    ------
    ScenarioError
        A change that cannot be: an organ without a dose, not one number of fractions a phase.
    """
    if changes.alc is not None:
        plan = replace(plan, patient=replace(plan.patient, alc=changes.alc))
    if changes.beam_on_s is not None:
        options = replace(plan.options, beam_on_s=changes.beam_on_s)
        plan = replace(plan, options=options).with_doses(plan.doses)
    if changes.beam_factor is not None:
        plan = stretched(plan, changes.beam_factor)
    if changes.fractions is not None and changes.fractions != tuple(p.fractions for p in plan.source.plan.phases):
        plan = plan.with_phase_fractions(changes.fractions)
    for text in changes.organs:
        change = parse(text, plan.source.plan.fractions)
        plan = plan.with_doses(changed(plan.doses, change, plan.source.plan.phases))
    if course is None or changes.doses:
        course = exposure_of(plan, blood_dose_of(plan, {}))
    return forecast_of(course, plan.patient, plan.options, explain=False)


def stretched(plan: Prepared, factor: float) -> Prepared:
    """The same course with every beam on for a multiple of its time; pauses between beams stay as long."""
    phases = []
    for phase, timed in zip(plan.source.plan.phases, plan.flow.summaries, strict=True):
        own = phase.beams or (Beam(1, modality=phase.modality),)
        beams = tuple(
            replace(beam, on_s=checked("beam_on_s", factor * summary.on_s), time_source=summary.time_source)
            for beam, summary in zip(own, timed.beams, strict=True)
        )
        later = np.append(0.0, np.cumsum([(factor - 1.0) * s.on_s for s in timed.beams]))[:-1]
        starts = tuple(float(s.start_s + more) for s, more in zip(timed.beams, later, strict=True))
        phases.append(replace(phase, beams=beams, beam_start_s=starts))
    course = replace(plan.source, plan=replace(plan.source.plan, phases=tuple(phases)))
    return replace(plan, source=course, options=replace(plan.options, beam_on_s=None)).with_doses(plan.doses)
