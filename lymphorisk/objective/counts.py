"""From what one fraction kills to the count of the typical patient, and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.chain import people_of
from lymphorisk.analysis.exposure import steroids_met
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import POOLS, Course, PhaseExposure
from lymphorisk.lymphocyte.ensemble import daily
from lymphorisk.lymphocyte.population import Draws, draw
from lymphorisk.lymphocyte.realisation import (
    PATIENT_DIMENSIONS,
    Realisation,
    by_compartment,
    effectiveness_parameter,
    realise,
    survival_terms,
    unexplained_at,
)
from lymphorisk.units import chosen

Real = NDArray[np.float64]
#: What is made small: ``nadir``, -ln of the lowest count over the baseline, or ``lost``, the share lost on a day.
Aim = Literal["nadir", "lost"]
AIMS: tuple[Aim, ...] = get_args(Aim)
#: Imaginary step of a derivative: its square is nothing to a double, so no digit is lost.
STEP = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """The typical patient: every parameter and every difference between patients at its median.

    Attributes
    ----------
    draws : Draws
        Of one patient.
    realisation : Realisation
        Calendar, pools, fates and drugs of the course; its kills are those of no dose.
    forms : tuple of tuple of SurvivalForm
        By phase, survival of each of `SUBSETS` after one fraction.
    aim : str
        One of `AIMS`.
    day : float
        Day of ``lost``. [d]
    horizon_d : float
        Last day that ``nadir`` looks at. [d]
    """

    draws: Draws
    realisation: Realisation
    forms: tuple[tuple[SurvivalForm, ...], ...]
    aim: Aim
    day: float
    horizon_d: float

    @property
    def days(self) -> Real:
        """Days the aim looks at. [d]"""
        return daily(self.horizon_d) if self.aim == "nadir" else np.array([self.day])

    def ratio(self, log_kill: NDArray[Any], days: Real) -> NDArray[Any]:
        """Count over baseline, shape (n, days), from -ln(1 - K), shape (n, subsets, phases, pools).

        K is of dose and unexplained loss together.
        """
        subsets = tuple(
            replace(subset, kill=by_compartment(log_kill[:, i])) for i, subset in enumerate(self.realisation.subsets)
        )
        return replace(self.realisation, subsets=subsets).ratio(days)

    def value(self, log_kill: Real) -> float:
        """The aim."""
        return self._of(self.ratio(log_kill[None], self.days))[0]

    def gradient(self, log_kill: Real) -> tuple[float, Real]:
        """The aim and its derivative by -ln(1 - K), shape (subsets, phases, pools).

        One complex step a number: exact to rounding.
        """
        count = log_kill.size
        moved = np.repeat(log_kill.astype(np.complex128)[None], count + 1, axis=0)
        moved.reshape(count + 1, count)[np.arange(1, count + 1), np.arange(count)] += 1j * STEP
        values = self._complex(self.ratio(moved, self.days))
        return float(values[0].real), (values[1:].imag / STEP).reshape(log_kill.shape)

    def _of(self, ratio: Real) -> list[float]:
        return [float(v.real) for v in self._complex(ratio.astype(np.complex128))]

    def _complex(self, ratio: NDArray[Any]) -> NDArray[Any]:
        if self.aim == "lost":
            return np.asarray(1.0 - ratio[:, 0])
        return np.asarray(-np.log(ratio[:, int(np.argmin(ratio[0].real))]))

    def nadir_day(self, log_kill: Real) -> float:
        """Day of the lowest count. [d]"""
        days = daily(self.horizon_d)
        return float(days[int(np.argmin(self.ratio(log_kill[None], days)[0]))])

    def unexplained(self, blood_gy: float) -> tuple[Real, Real]:
        """-ln of what the loss beyond dose leaves of each subset, and its derivative by mean blood dose [1/Gy]."""
        out = np.array([x[0] for x in unexplained_at(blood_gy + 1j * STEP, self.draws)])
        return out.real, out.imag / STEP


def typical(plan: Prepared, aim: str, day: float | None) -> Typical:
    """The typical patient of a prepared course, as `analyze` has the middle of its draws.

    Raises
    ------
    ScenarioError
        An unknown aim; a day for ``nadir``, none for ``lost``, or one before the course.
    """
    used = chosen(aim, AIMS, {}, "aim")
    if (day is None) == (used == "lost"):
        raise ScenarioError(f"aim {used!r} and day {day}", "lost needs a day: day=42; nadir finds its own")
    if day is not None and not 0.0 <= day < np.inf:
        raise ScenarioError(f"day {day:g} is none of the course", "days count from the first fraction")
    options, who = plan.options, plan.patient
    people = people_of(options.survival_model)
    draws = draw(people, 1, options.seed, PATIENT_DIMENSIONS, vary=())
    none = {pool: uniform(0.0) for pool in POOLS if pool != "blood"}
    phases = tuple(
        PhaseExposure(np.array(s.days), uniform(0.0), none, modality=s.modality) for s in plan.flow.summaries
    )
    course = Course(phases, who.chemo or "none", who.drugs or (), steroids_met(who))
    terms = [tuple(tuple(map(float, t[0])) for t in each) for each in survival_terms(draws, people)]
    forms = tuple(_forms(terms, effectiveness_parameter(phase), draws) for phase in phases)
    horizon = max(options.horizon_d, course.last_fraction_d + 1)
    return Typical(draws, realise(course, draws, people, who.age_y), forms, used, day or 0.0, horizon)


def _forms(terms: Any, quality: str | None, draws: Draws) -> tuple[SurvivalForm, ...]:
    """Survival by the dose of a fraction; the relative effectiveness of protons or ions multiplies the dose."""
    f = 1.0 if quality is None else float(draws.values[quality][0])
    return tuple(SurvivalForm(w, tuple(f * x for x in a), tuple(f * f * x for x in b)) for w, a, b in terms)


def from_kills(killed: Real, more: Real) -> Real:
    """-ln(1 - K) of dose and unexplained loss, shape (subsets, pools)."""
    return np.asarray(-np.log1p(-killed) + more[:, None])
