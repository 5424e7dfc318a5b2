"""A treatment plan: phases, beams, fractionation. No file formats, no models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lymphorisk.errors import ScenarioError, UnsupportedDoseError
from lymphorisk.plan.emitter import Emitter
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.structures import Structure
from lymphorisk.plan.words import MODALITIES, Modality, is_particle
from lymphorisk.units import quantity

TimeSource = Literal["plan", "user", "assumed"]
#: Of one fraction: more are control points, or an error of the planning system.
MAX_BEAMS = 500
#: Of one beam in one fraction, typed or in a plan: what runs longer is a broken number. [s]
LONGEST_BEAM_S = quantity("beam_on_s").high


def course_modality(modalities: Iterable[Modality]) -> str:
    """The modality of a course from those of its phases; several are named together, in whatever order they come.

    Examples
    --------
    >>> course_modality(["photon", "photon"]), course_modality(["proton", "photon"])
    ('photon', 'photon and proton')
    """
    present = set(modalities)
    return " and ".join(name for name in MODALITIES if name in present)


def particle_share(phases: Sequence[tuple[int, Modality]]) -> float:
    """Share of a course's fractions given with protons or ions, from the fractions and modality of each phase.

    Examples
    --------
    >>> particle_share([(20, "photon"), (5, "proton")])
    0.2
    """
    total = sum(fractions for fractions, _ in phases)
    return sum(fractions for fractions, modality in phases if is_particle(modality)) / total


@dataclass(frozen=True, slots=True)
class Beam:
    """One treatment beam of a fraction.

    Attributes
    ----------
    number, name : int, str
        As in the plan.
    modality : str
        One of `MODALITIES`.
    meterset : float or None
        MU (or particles) of one fraction, used only as a weight between beams.
    on_s : float or None
        Beam-on time of one fraction; None when the plan does not say. [s]
    time_source : str
        ``plan`` (from control points), ``user`` or ``assumed``.
    technique : str
        As in the plan (STATIC, DYNAMIC, ARC, MODULATED ...), for the stated time defaults.
    dose : DoseGrid or None
        This beam's own dose over its phase, when it was exported; beams of a phase share one grid. [Gy]
    """

    number: int
    name: str = ""
    modality: Modality = "photon"
    meterset: float | None = None
    on_s: float | None = None
    time_source: TimeSource = "assumed"
    technique: str = ""
    dose: DoseGrid | None = None

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise ScenarioError(f"modality {self.modality!r} is not one of {', '.join(MODALITIES)}")
        if self.on_s is not None and not self.on_s >= 0.0:
            raise ScenarioError(f"beam {self.number}: beam-on time {self.on_s} s is negative")
        if self.on_s is not None and self.on_s > LONGEST_BEAM_S:
            raise ScenarioError(f"beam {self.number}: beam-on time {self.on_s:g} s is more than {LONGEST_BEAM_S:g} s")


@dataclass(frozen=True, slots=True)
class Witness:
    """A dose that the target of a phase should have, and what says so.

    Attributes
    ----------
    dose_gy : float
        Of the whole phase. [Gy]
    says : str
        What it was read from, as it is named in messages.
    of_point : bool
        Whether it is the dose of a point, which a modulated field may spare or heap up.
    """

    dose_gy: float
    says: str
    of_point: bool = False


@dataclass(frozen=True, slots=True)
class PlanName:
    """How a plan is told from others: its label, its SOP Instance UID, and the folder or file it lies in."""

    label: str
    uid: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a course with one dose distribution and one number of fractions.

    Attributes
    ----------
    label : str
        Fraction group or plan label.
    fractions : int
        Number of fractions.
    beams : tuple of Beam
        In the order of treatment; may be empty when no plan file was exported.
    dose : DoseGrid or None
        Dose of the whole phase (all fractions); None in a scenario, which gives organ doses. [Gy]
    modality : str
        One of `MODALITIES`.
    rbe_in_dose : float
        RBE already inside `dose` (1.0 for physical dose). The lymphocyte models divide by it.
    prescription_gy : float or None
        Prescribed dose of the phase. [Gy]
    days : tuple of float or None
        Fraction times from the start of the course; None lets the calendar default apply. [d]
    beam_start_s : tuple of float or None
        Start of each beam within a fraction. [s]
    witnesses : tuple of Witness
        What the plan says its targets get, best first.
    emitter : Emitter or None
        The internal emitter whose cycles are the fractions of this phase; None of a beam.
    planned : int or None
        Fractions that `dose`, the beams' doses, `prescription_gy` and `witnesses` are of, where only `fractions` of
        them are given; None means all.
    plan : PlanName or None
        The plan this phase is of, where several may make a course.
    """

    label: str
    fractions: int
    beams: tuple[Beam, ...] = ()
    dose: DoseGrid | None = None
    modality: Modality = "photon"
    rbe_in_dose: float = 1.0
    prescription_gy: float | None = None
    days: tuple[float, ...] | None = None
    beam_start_s: tuple[float, ...] | None = None
    witnesses: tuple[Witness, ...] = ()
    emitter: Emitter | None = None
    planned: int | None = None
    plan: PlanName | None = None

    def __post_init__(self) -> None:
        if (self.emitter is not None) != (self.modality == "emitter"):
            raise ScenarioError(f"phase {self.label!r}: an internal emitter says which, and only it does")
        if self.fractions < 1:
            raise ScenarioError(f"phase {self.label!r} has {self.fractions} fractions")
        if self.planned is not None and self.planned < self.fractions:
            raise ScenarioError(f"phase {self.label!r}: {self.fractions} of {self.planned} fractions are given")
        if self.modality not in MODALITIES:
            raise ScenarioError(f"modality {self.modality!r} is not one of {', '.join(MODALITIES)}")
        own = [b.dose.frame for b in self.beams if b.dose is not None]
        if not all(frame.same_as(own[0]) for frame in own):
            raise UnsupportedDoseError(
                f"phase {self.label!r}: the doses of its beams lie on different grids",
                "put them on one grid (plan.dose_sum.on_one_frame)",
            )
        if self.days is not None and len(self.days) != self.fractions:
            raise ScenarioError(f"phase {self.label!r}: {len(self.days)} days for {self.fractions} fractions")

    @property
    def of_fractions(self) -> int:
        """Fractions that the phase's doses are of."""
        return self.fractions if self.planned is None else self.planned

    @property
    def share(self) -> float:
        """Share of the phase's doses that is given."""
        return self.fractions / self.of_fractions

    @property
    def given_prescription_gy(self) -> float | None:
        """Prescribed dose of the fractions that are given; None when none is stated. [Gy]"""
        return None if self.prescription_gy is None else self.prescription_gy * self.share


def course_prescription(phases: Iterable[float | None]) -> float | None:
    """Prescribed dose of a course from those of its phases; None when one of them states none. [Gy]

    Examples
    --------
    >>> course_prescription([50.0, 10.0]), course_prescription([50.0, None])
    (60.0, None)
    """
    total = 0.0
    for dose in phases:
        if dose is None:
            return None
        total += dose
    return total


@dataclass(frozen=True, slots=True)
class TreatmentPlan:
    """A course as exported: its phases in order and the structures they share.

    `uids` are SOP Instance UIDs by role (RTPLAN, RTSTRUCT, RTDOSE, several joined in order).
    """

    label: str
    phases: tuple[Phase, ...]
    structures: tuple[Structure, ...]
    patient_position: str = ""
    approval: str = ""
    uids: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.phases:
            raise ScenarioError("a plan has at least one phase")

    @property
    def fractions(self) -> int:
        """Fractions of the whole course."""
        return sum(phase.fractions for phase in self.phases)
