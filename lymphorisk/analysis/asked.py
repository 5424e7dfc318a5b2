"""Several changes of a plan at once, answered by the exact engine on the same draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lymphorisk.analysis.chain import forecast_of
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.options import held
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.whatif import changed, parse
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.lymphocyte import AlcForecast, Course
from lymphorisk.units import checked


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be another; None is as planned.

    Attributes
    ----------
    fractions : int or None
        The same total dose in so many fractions.
    beam_on_s : float or None
        Beam-on time of every beam. [s]
    alc : float or None
        Count before the course. [10^9/L]
    organs : tuple of str
        Changes of organs' doses, such as ``Spleen*0.5``.
    """

    fractions: int | None = None
    beam_on_s: float | None = None
    alc: float | None = None
    organs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fractions", "beam_on_s", "alc"):
            if getattr(self, name) is not None:
                checked(name, getattr(self, name))

    @property
    def doses(self) -> bool:
        """Whether any dose is another."""
        return self.fractions is not None or self.beam_on_s is not None or bool(self.organs)


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
        A change that cannot be: an organ without a dose, other fractions for several phases.
    """
    if changes.alc is not None:
        plan = replace(plan, patient=replace(plan.patient, alc=changes.alc))
    if changes.beam_on_s is not None:
        options = replace(plan.options, beam_on_s=changes.beam_on_s)
        plan = replace(plan, options=options).with_doses(plan.doses)
    if changes.fractions is not None and changes.fractions != plan.source.plan.fractions:
        plan = plan.with_fractions(changes.fractions)
    for text in changes.organs:
        change = parse(text, plan.source.plan.fractions)
        plan = plan.with_doses(changed(plan.doses, change, plan.source.plan.phases))
    if course is None or changes.doses:
        course = exposure_of(plan, blood_dose_of(plan))
    return forecast_of(course, plan.patient, plan.options, explain=False)
