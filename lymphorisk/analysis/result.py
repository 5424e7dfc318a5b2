"""The result of an analysis: everything a report needs, nothing it must compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lymphorisk.absent import Absent
from lymphorisk.plan.treatment import course_modality

if TYPE_CHECKING:
    import pandas as pd

    from lymphorisk.analysis.beside import Beside
    from lymphorisk.analysis.picture import View
    from lymphorisk.analysis.schedules import Cost
    from lymphorisk.analysis.targets import TargetSheet
    from lymphorisk.analysis.therapy import TherapyCalendar
    from lymphorisk.circulation import BloodDose
    from lymphorisk.dvh import DVH, DoseDistribution
    from lymphorisk.findings import Finding
    from lymphorisk.literature import Estimate
    from lymphorisk.lymphocyte import AlcForecast, Course
    from lymphorisk.lymphocyte.whatif import Difference
    from lymphorisk.plan import Patient
    from lymphorisk.plan.emitter import Emitter
    from lymphorisk.plan.treatment import TimeSource
    from lymphorisk.plan.words import Modality
    from lymphorisk.predict import Agreement, Explanation, Prediction

#: What stands behind the dose of an organ.
DoseSource = Literal["roi", "derived", "segmented", "placed", "diluted", "scenario"]


@dataclass(frozen=True, slots=True)
class OrganDose:
    """The dose of one organ.

    Attributes
    ----------
    tg263 : str
        TG-263 name.
    source : str
        ``roi`` (one structure), ``derived`` (structures joined, or a drawn part with the rest placed), ``segmented``
        (a mask, or masks and what is joined with them), ``placed`` (by the reference body), ``diluted`` (the
        body's dose stands in) or ``scenario`` (given).
    roi_names : tuple of str
        As exported; empty where nothing is drawn.
    how : str
        Why these ROIs, or what stands in.
    course : DoseDistribution
        Course dose as exported. [Gy]
    physical : DoseDistribution
        Course dose with the RBE of the export divided out, phase by phase. [Gy]
    per_fraction : tuple of DoseDistribution
        One a phase: dose of one fraction for the lymphocyte models, RBE of the export divided out. [Gy]
    dvh : DVH or None
        Course DVH of what is drawn; None where nothing is.
    volume_cm3 : float or None
        Volume of the whole structure. [cm3]
    coverage : float
        Share of the structure inside the dose grid.
    share : float
        Share of the organ that is drawn; the rest is placed.
    landmarks : tuple of str
        Organs a placement rests on.
    sd_ln : float
        sd of the logarithm of the mean dose: of a placed organ between bodies, widened to what patients differ by; of a
        segmented one beside a person's contour; 0 of a contour, which counts as it is.
    """

    tg263: str
    source: DoseSource
    roi_names: tuple[str, ...]
    how: str
    course: DoseDistribution
    physical: DoseDistribution
    per_fraction: tuple[DoseDistribution, ...]
    dvh: DVH | None = None
    volume_cm3: float | None = None
    coverage: float = 1.0
    share: float = 1.0
    landmarks: tuple[str, ...] = ()
    sd_ln: float = 0.0


@dataclass(frozen=True, slots=True)
class BeamSummary:
    """A beam as the blood model used it: `on_s`, `start_s` [s], `weight` its share of the dose."""

    number: int
    name: str
    on_s: float
    start_s: float
    time_source: TimeSource
    weight: float


@dataclass(frozen=True, slots=True)
class PhaseSummary:
    """A phase as the models used it. `days` are times of fractions, or of an emitter's cycles, from the start of the
    course. [d]"""

    label: str
    fractions: int
    modality: Modality
    rbe_in_dose: float
    prescription_gy: float | None
    days: tuple[float, ...]
    schedule: str
    beams: tuple[BeamSummary, ...]
    emitter: Emitter | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """The three voices, side by side, never averaged.

    Attributes
    ----------
    mechanistic : mapping of str to float
        ``g2``, ``g3``, ``g4``: probability that the nadir reaches the grade (the ensemble's).
    learned : Prediction or Absent
        The trained predictor; absent outside its domain, so that no number of it can be used there.
    literature : tuple of Estimate
        Published models, each with an estimate or the reason it declines.
    disagreement : str
        One sentence on how far the voices differ; empty when only one speaks.
    outcome : mapping of str to str
        What ``mechanistic`` and ``learned`` each answer for; every published estimate carries its own key.
    """

    mechanistic: Mapping[str, float]
    learned: Prediction | Absent
    literature: tuple[Estimate, ...]
    disagreement: str = ""
    outcome: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.learned, Absent) and self.learned.declined is not None:
            raise ValueError("a learned number outside its domain is no result: give why it is absent")


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A change as asked for, and what it does to the forecast (changed minus given, same draws).

    `cost` is of another schedule: BED and EQD2 beside the count.
    """

    text: str
    difference: Difference
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Assumption:
    """A number in this result that has no source: name, value with unit, why."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is needed to get the same bytes again.

    `inputs` are (role, SOP Instance UID or file kind, SHA-256).
    """

    version: str
    parameter_set: str
    model_name: str
    model_sha256: str
    inputs: tuple[tuple[str, str, str], ...]
    seed: int
    draws: int
    options: Mapping[str, Any]
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Analysis:
    """One plan, analysed.

    Attributes
    ----------
    label : str
        Plan label as exported (escaped by the reports).
    phases : tuple of PhaseSummary
    patient : Patient
        As used; `patient_sources` says where each fact came from (``given``, ``plan file``, ``assumed``).
    organs : mapping of str to OrganDose
        By TG-263 name, in the order of the organ table.
    targets : tuple of OrganDose
        GTV, CTV, ITV and PTV structures.
    unmatched : tuple of str
        ROI names no organ claimed.
    blood : BloodDose
    network : str
        Title of the blood network.
    edic : mapping of str to float or Absent
        ``edic_gy``, ``edric_gy``, ``edic_esophagus_gy``. [Gy]
    forecast : AlcForecast
    course : Course
        What the lymphocytes meet; enough to run the forecast again.
    risk : Risk
    explanation : Explanation or Absent
        Of the learned voice.
    attribution : mapping of str to float
        Share of the lymphocytes lost, by pool (``spleen``, ``nodes``, ``blood`` ...) and other causes; sums to 1 (the
        physics' own explanation).
    what_ifs : tuple of WhatIf
        Changes of the plan that were asked about, each with the paired difference of the forecast.
    findings : tuple of Finding
    assumptions : tuple of Assumption
    provenance : Provenance
    agreement : Agreement or None
        Physics' attribution and the learned reasons by organ; None when the learned voice gives none.
    explanation_figures : mapping of str to str
        SVG drawn by shap, when asked for; not part of the JSON result.
    anatomy : tuple of View
        Placed organs over the patient's outline and dose, from three sides, when pictures are asked for; not part of
        the JSON result.
    therapies : TherapyCalendar or None
        Days of drugs or cells beside the course, when they were given.
    target_sheet : TargetSheet or None
        Doses, classes and prices of the targets, nodes by role; None of emitters alone.
    beside : Beside or None
        Research output: subsets, the neutrophil to lymphocyte ratio, published associations with outcome.
    bath : float or None
        Share of what fractions kill in organs that lies where the course gives little dose (`lymphocyte.bath`); None
        when nothing is killed.
    """

    label: str
    phases: tuple[PhaseSummary, ...]
    patient: Patient
    patient_sources: Mapping[str, str]
    organs: Mapping[str, OrganDose]
    targets: tuple[OrganDose, ...]
    unmatched: tuple[str, ...]
    blood: BloodDose
    network: str
    edic: Mapping[str, float | Absent]
    forecast: AlcForecast
    course: Course
    risk: Risk
    explanation: Explanation | Absent
    attribution: Mapping[str, float]
    what_ifs: tuple[WhatIf, ...]
    findings: tuple[Finding, ...]
    assumptions: tuple[Assumption, ...]
    provenance: Provenance
    agreement: Agreement | None = None
    explanation_figures: Mapping[str, str] = field(default_factory=dict)
    anatomy: tuple[View, ...] = ()
    beside: Beside | None = None
    therapies: TherapyCalendar | None = None
    target_sheet: TargetSheet | None = None
    bath: float | None = None

    @property
    def alc(self) -> AlcForecast:
        """The forecast of the absolute lymphocyte count."""
        return self.forecast

    @property
    def modality(self) -> str:
        """Modality of the course; those of its phases joined by ``and`` when they differ."""
        return course_modality(phase.modality for phase in self.phases)

    @property
    def fractions(self) -> int:
        """Fractions of the whole course."""
        return sum(phase.fractions for phase in self.phases)

    def __repr__(self) -> str:
        from lymphorisk.analysis.glance import text

        return text(self)

    def _repr_html_(self) -> str:
        from lymphorisk.analysis.glance import card

        return card(self)

    def to_dict(self) -> dict[str, Any]:
        """The envelope ``lymphorisk/analyze/1`` as plain values: what `to_json` reads back to, checksum included."""
        import json

        out: dict[str, Any] = json.loads(self.to_json())
        return out

    def to_json(self) -> str:
        """The envelope as text, the bytes of ``lymphorisk analyze --json``; the patient is not named in it.

        `lymphorisk check`, `update` and `midcourse` read it from a file.
        """
        from lymphorisk.analysis.envelope import render

        return render(self)

    def to_frame(self) -> pd.DataFrame:
        """Organs as rows: source, ROI names, doses of the course [Gy], volume [cm3], share of the loss by its pool."""
        from lymphorisk.analysis.glance import frame

        return frame(self)
