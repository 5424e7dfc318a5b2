"""What the report of an analysis says: tables, figures and sentences, laid out by no one here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.circulation import BloodSummary
from lymphorisk.dvh import DVH
from lymphorisk.dvh.metrics import metric
from lymphorisk.plan.steroid import steroid_words
from lymphorisk.report import clinic, emitters, figures, placed, research, schedules, targets, therapy
from lymphorisk.report.document import (
    Beside,
    Block,
    Bullets,
    Callout,
    Document,
    Facts,
    Figure,
    Folded,
    Paragraph,
    Picture,
    Section,
    Signatures,
    Subheading,
    Tiles,
)
from lymphorisk.report.legend import NARROW
from lymphorisk.report.noticed import explained, findings
from lymphorisk.report.summary import headline, weakness
from lymphorisk.report.svg import Drawing
from lymphorisk.report.table import Cell, Column, Table, tabled
from lymphorisk.report.wording import (
    STANDS_IN,
    TEXT_MAX,
    chance,
    days,
    digits,
    in_reading_order,
    model_name,
    percent,
    plural,
    short,
    source_label,
)

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis, Assumption, OrganDose, PhaseSummary
    from lymphorisk.literature import Estimate
    from lymphorisk.predict import Prediction

#: Assumptions and names beyond this many are counted, not printed; the JSON holds them all.
ROWS_MAX = 200
SHOWN_AT_DAYS = (14, 30, 60, 90, 180, 365)
EDIC_NAMES = {"edic_gy": "EDIC", "edric_gy": "EDRIC", "edic_esophagus_gy": "EDIC, oesophageal form"}
NONE = "–"
NOT_KNOWN = "not known"
SIGNERS = ("Medical physicist, name and date", "Second check, name and date", "Physician, name and date")


@dataclass(frozen=True, slots=True)
class ProtocolRow:
    """One line of a protocol as the page shows it; `state` is PASS, VARIATION, FAIL, MISSING or UNDECIDED."""

    structure: str
    metric: str
    limit: str
    value: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ProtocolTable:
    """A protocol held against this plan."""

    name: str
    verdict: str
    rows: tuple[ProtocolRow, ...]


def report(
    a: Analysis,
    identity: tuple[str, str] | None = None,
    *,
    protocol: ProtocolTable | None = None,
    signature: bool = True,
    written: str = "",
) -> Document:
    """The report of an analysis, for any format.

    Parameters
    ----------
    a : Analysis
        What it is about.
    identity : tuple of str, optional
        Patient's name and ID, shown only because it was asked for.
    protocol : ProtocolTable, optional
        Adds a table of protocol lines with its verdict.
    signature : bool
        Adds lines to sign on.
    written : str
        Date and time to print; empty prints none, so that equal results are equal files.
    """
    weak = weakness(a)
    sections = [
        *([] if protocol is None else [_protocol(protocol)]),
        _counts(a),
        _voices(a),
        _why(a),
        *targets.section(a.target_sheet),
        *schedules.sections(a),
        *therapy.section(a),
        *research.sections(a),
        _organs(a),
        _blood(a),
        _findings(a),
        _basis(a),
        _provenance(a),
        *([Section("Signatures", (Signatures(SIGNERS),))] if signature else []),
    ]
    named = () if identity is None else (f"Patient {short(identity[0])} · ID {short(identity[1])}",)
    return explained(
        Document(
            title=short(a.label) or "plan",
            lead=tuple(headline(a)),
            sections=tuple(sections),
            opening=(tiles(a), *([Callout("What makes this answer weaker", tuple(weak))] if weak else [])),
            meta=(*named, " · ".join(_phase_line(p) for p in a.phases)),
            facts=facts(a),
            above=" · ".join(
                ("Lymphocyte report", f"lymphorisk {a.provenance.version}", *([written] if written else []))
            ),
        )
    )


def _figure(drawing: Drawing | None, caption: str, narrow: Drawing | None = None) -> tuple[Figure, ...]:
    return () if drawing is None else (Figure(drawing, caption, narrow),)


def _phase_line(p: PhaseSummary) -> str:
    if p.emitter is not None:
        return f"{short(p.label)}: internal emitter, {plural(p.fractions, 'cycle')}"
    gray = "prescription not given" if p.prescription_gy is None else f"{digits(p.prescription_gy, 4)} Gy"
    return f"{short(p.label)}: {_modality(p)}, {gray}, {plural(p.fractions, 'fraction')}"


def _modality(p: PhaseSummary) -> str:
    return p.modality + (f", RBE {p.rbe_in_dose:g} in the dose" if p.rbe_in_dose != 1.0 else "")


def _protocol(protocol: ProtocolTable) -> Section:
    return Section(f"Protocol {short(protocol.name)}: {protocol.verdict}", (protocol_lines(protocol.rows),))


def protocol_lines(rows: Sequence[ProtocolRow]) -> Table:
    """Every line of a protocol."""
    return tabled(
        "Every line of the protocol",
        rows,
        (
            Column("Structure", lambda r: short(r.structure), width=4),
            Column("Metric", lambda r: short(r.metric), width=2.4, style="whole"),
            Column("Limit", lambda r: short(r.limit), width=2.4),
            Column("Value", lambda r: short(r.value), numeric=True, width=2.2),
            Column("State", lambda r: Cell(short(r.state), tag=r.state), width=2.8),
            Column("Note", lambda r: short(r.note, TEXT_MAX), width=8, style="wide"),
        ),
    )


def tiles(a: Analysis) -> Tiles:
    """The numbers a reader looks for first: label, value, what else."""
    f = a.forecast
    below = f.days_below["0.5"]
    recovery = f.recovery

    def by_counts(grade: str) -> str:
        return f"by weekly counts {chance(f.measured.grade_probability.get(grade))}"

    if recovery.day is not None:
        back = f"above 0.5 for good: day {recovery.day.p50:.0f}"
    else:
        back = "never below 0.5" if recovery.p_below == 0 else "not back above 0.5 within the horizon"
    return Tiles(
        (
            ("Nadir [10⁹/L]", digits(f.nadir.median, 2), f"90 %: {digits(f.nadir.p05, 2)} to {digits(f.nadir.p95, 2)}"),
            ("Grade 3 or worse", chance(f.grade_probability.get("3")), f"nadir below 0.5 ×10⁹/L; {by_counts('3')}"),
            ("Grade 4", chance(f.grade_probability.get("4")), f"nadir below 0.2 ×10⁹/L; {by_counts('4')}"),
            ("Days below 0.5", days(below.p50), f"90 %: {below.p05:.0f} to {below.p95:.0f}; {back}"),
            (
                "Mean blood dose",
                f"{digits(a.blood.course.mean_gy)} Gy",
                f"{' / '.join(digits(f.mean_gy) for f in a.blood.fraction)} Gy in a fraction",
            ),
        )
    )


def _counts(a: Analysis) -> Section:
    caption = (
        "Line: median of the course. Shades: 50, 80 and 95 % of the draws, which vary the parameters within their "
        f"stated ranges and the patients as they differ. Dashed: upper edges of CTCAE {a.forecast.ctcae} grades. Ticks "
        "at the bottom: fractions. Mark: the nadir, the lowest count of each patient, with the 90 % bands of count and "
        "day."
    )
    owed = "What the width of the bands is made of: parameters not known, and differences between patients."
    return Section(
        "Lymphocyte count over time",
        (
            Figure(figures.alc_figure(a), caption, figures.alc_figure(a, NARROW)),
            Beside((counts(a),), _figure(figures.sensitivity_figure(a), owed)),
        ),
    )


def counts(a: Analysis, on_days: Sequence[int] = SHOWN_AT_DAYS) -> Table:
    """Counts on a few days, and the lowest of each patient: median, 50 % and 90 % band of the course, and the 90 % band
    of a measured count."""
    f = a.forecast
    rows = [(float(d), str(d), f.at(d), f.measured.at(d)) for d in on_days if d <= f.day[-1]]
    nadir = f"{f.nadir.span.removeprefix('day ')} (nadir)"
    rows.append((f.nadir.usual_day, nadir, f.nadir.count, f.measured.lowest))
    return tabled(
        "Count [10⁹/L] on a day, and the lowest of each patient (nadir; measured: of weekly counts)",
        sorted(rows, key=lambda r: r[0]),
        (
            Column("Day", lambda r: r[1], numeric=True, width=2.4),
            Column("Median", lambda r: digits(r[2].p50, 2), numeric=True, width=1.4),
            Column("50 % band", lambda r: f"{digits(r[2].p25, 2)} to {digits(r[2].p75, 2)}", numeric=True),
            Column("90 % band", lambda r: f"{digits(r[2].p05, 2)} to {digits(r[2].p95, 2)}", numeric=True),
            Column("90 % of measured", lambda r: f"{digits(r[3].p05, 2)} to {digits(r[3].p95, 2)}", numeric=True),
        ),
    )


@dataclass(frozen=True, slots=True)
class Voice:
    """What one voice says: of grade 3 or worse, of grade 4, and what to know about it."""

    name: str
    third: str
    fourth: str
    basis: str


def voices(a: Analysis) -> Table:
    """What each voice says and rests on, side by side."""
    rows = [mechanism(a), trained(a), *(published(e) for e in a.risk.literature)]
    return tabled(
        "What each voice rests on",
        rows,
        (
            Column("Voice", lambda v: v.name, width=3.4),
            Column("Grade 3 or worse", lambda v: v.third, numeric=True, width=3),
            Column("Grade 4", lambda v: v.fourth, numeric=True, width=3),
            Column("Basis", lambda v: short(v.basis, TEXT_MAX), width=9, style="wide"),
        ),
    )


def mechanism(a: Analysis) -> Voice:
    """The mechanistic forecast."""
    m = a.risk.mechanistic
    basis = f"Doses of this plan to blood and lymphocyte pools; {a.forecast.draws} draws of parameters and patients."
    return Voice("Mechanistic", chance(m.get("g3")), chance(m.get("g4")), basis)


def trained(a: Analysis) -> Voice:
    """The trained predictor."""
    learned = a.risk.learned
    if isinstance(learned, Absent):
        return Voice("Trained predictor", NONE, NONE, f"No estimate: {learned.reason}.")
    basis = " ".join((f"Learned from {learned.trained_on}.", *learned.caveats))
    return Voice("Trained predictor", _with_interval(learned, "g3"), _with_interval(learned, "g4"), basis)


def _with_interval(learned: Prediction, kind: str) -> str:
    p = learned.p.get(kind)
    if kind not in learned.interval or p is None:
        return percent(p)
    low, high = learned.interval[kind]
    return f"{percent(p)} ({percent(low)} to {percent(high)})"


def published(e: Estimate) -> Voice:
    """A published model: under the grade its cut is, under none when it is not known."""
    name = short(model_name(e.name))
    if isinstance(e.p, Absent):
        return Voice(name, NONE, NONE, f"Declines: {e.p.reason}.")
    p = percent(e.p)
    if e.p_low is not None and e.p_high is not None:
        p += f" ({percent(e.p_low)} to {percent(e.p_high)})"
    third, fourth = (p if e.outcome.grade == grade else NONE for grade in (3, 4))
    said = "" if e.outcome.grade in (3, 4) else f"{e.outcome.threshold.capitalize()}: {p}. "
    return Voice(name, third, fourth, f"{said}Outcome: {e.outcome.key}. {e.how}")


def _voices(a: Analysis) -> Section:
    caption = (
        "Probability that the nadir reaches the grade. Horizontal lines: 5th to 95th percentile over resampled "
        "training sets (trained predictor) or the published range (literature)."
    )
    blocks: list[Block] = [Figure(figures.voices_figure(a), caption, figures.voices_figure(a, NARROW))]
    if a.risk.disagreement:
        blocks.insert(0, Paragraph(a.risk.disagreement, "strong"))
    if note := outcome_note(a):
        blocks.append(Paragraph(note))
    return Section("Risk: three voices, not averaged", (*blocks, voices(a)))


def outcome_note(a: Analysis) -> str:
    """What the mechanism and the trained predictor each answer for; empty when only the mechanism speaks."""
    key = a.risk.outcome
    if "learned" not in key:
        return ""
    return (
        f"Not the same outcome. Mechanism: {key['mechanistic']}. Trained predictor: {key['learned']}. A low count "
        "between two blood samples is in the first only, so the first tends to be higher for deep nadirs."
    )


def _why(a: Analysis) -> Section:
    lost = _figure(
        figures.attribution_figure(a),
        "Where the lymphocytes are lost: Shapley shares of the loss at the nadir of the median patient. They add up to "
        "100 %.",
    )
    moved = _figure(
        figures.waterfall_figure(a),
        "From the same patient without radiotherapy and drugs to this one, by organ, in log-odds: Shapley values. "
        "Lines in the bars: 5th to 95th percentile over resampled models.",
    )
    e = a.explanation
    why_not = () if not isinstance(e, Absent) else (Paragraph(f"No explanation: {e.reason}."),)
    blocks: list[Block] = [
        Beside(
            (
                Subheading("What the physics says"),
                *(lost or (Paragraph("Nothing is lost: there is nothing to share out."),)),
            ),
            (Subheading("What moved the trained predictor"), *moved, *why_not),
        )
    ]
    if said := bath(a):
        blocks.append(Paragraph(said))
    if not isinstance(e, Absent):
        blocks.append(Subheading("The predictor's reasons in words"))
        blocks += [Bullets(tuple(short(s, TEXT_MAX) for s in e.sentences)), Paragraph(e.note, "small")]
        blocks += _agreement(a)
        blocks += _shap(a)
    return Section("Why", tuple(blocks))


def _agreement(a: Analysis) -> list[Block]:
    if a.agreement is None:
        return []
    out: list[Block] = [Subheading("Agreement of the two, in figures"), Paragraph(a.agreement.sentence)]
    drawn = _figure(
        figures.agreement_figure(a),
        "Both from the same patient without radiotherapy and drugs: shares of the cells lost, and of the log-odds of "
        "grade 3 or more. Plan: the loss that dose does not explain, and the fractions.",
    )
    return [*out, *drawn] + ([agreement(a)] if a.agreement.pairs else [])


def agreement(a: Analysis) -> Table:
    """Each organ's share of the loss beside the trained predictor's log-odds and factor on the odds."""
    return tabled(
        "Physics against the trained predictor, by organ",
        () if a.agreement is None else (*a.agreement.pairs, *a.agreement.others),
        (
            Column("Organ", lambda p: short(p[0])),
            Column("Share of the loss", lambda p: percent(p[1]), numeric=True),
            Column("Log-odds", lambda p: f"{p[2]:+.2f}", numeric=True),
            Column("On the odds", lambda p: f"×{math.exp(p[2]):.2f}", numeric=True),
        ),
    )


SHAP_CAPTIONS = {
    "waterfall": "Log-odds from the model's average patient, E[f(X)], to this one, f(x).",
    "beeswarm": "Each dot a stored background patient, grey where a feature is missing; white diamonds: this patient.",
}


def _shap(a: Analysis) -> list[Block]:
    if not a.explanation_figures:
        return []
    said = Paragraph(
        "Features of one organ share their credit almost at will; their sums by organ, above, are steadier.", "small"
    )
    drawn = [Picture(f"shap-{name}", svg, SHAP_CAPTIONS[name]) for name, svg in a.explanation_figures.items()]
    return [Folded("Waterfall and beeswarm by the shap package, feature by feature", (said, *drawn))]


def share_at_or_above(o: OrganDose, gray: float) -> float:
    """Share of an organ's volume at or above a course dose: V[gray]. [%]

    Of the DVH where the organ has one, as the JSON gives it; of the doses it was given otherwise.
    """
    if isinstance(o.dvh, DVH) and o.share == 1.0:
        value = float(metric(o.dvh, f"V{gray:g}Gy[%]"))
    else:
        value = 100 * float(o.course.share[o.course.dose_gy >= gray].sum())
    return value


def highest_gy(o: OrganDose) -> float:
    """The highest course dose in an organ. [Gy]"""
    return o.dvh.max_gy if isinstance(o.dvh, DVH) else float(o.course.dose_gy[-1])


#: ROIs of one organ that a table names; no name is cut where another begins.
ROIS_SHOWN = 6


def _from(o: OrganDose) -> Cell:
    named = ", ".join(short(name) for name in o.roi_names[:ROIS_SHOWN]) or STANDS_IN.get(o.source, NONE)
    return Cell(named, hint=short(o.how, TEXT_MAX))


ORGAN_COLUMNS: tuple[Column[OrganDose], ...] = (
    Column("Organ (TG-263)", lambda o: short(o.tg263), width=4),
    Column("Source", lambda o: Cell(source_label(o.source), tag=o.source), width=2.4),
    Column("From", _from, width=6, style="from"),
    Column("cm³", lambda o: NONE if o.volume_cm3 is None else digits(o.volume_cm3, 4), numeric=True),
    Column(
        "in grid %",
        lambda o: f"{100 * o.coverage:.0f}" if o.source in ("roi", "derived", "segmented") else NONE,
        numeric=True,
    ),
    Column("Mean Gy", lambda o: digits(o.course.mean_gy), numeric=True),
    Column("Gy / fx", lambda o: " / ".join(digits(d.mean_gy) for d in o.per_fraction), numeric=True, width=2.6),
    Column("V5 %", lambda o: f"{share_at_or_above(o, 5.0):.0f}", numeric=True, width=1.5),
    Column("V20 %", lambda o: f"{share_at_or_above(o, 20.0):.0f}", numeric=True, width=1.7),
    Column("Max Gy", lambda o: digits(highest_gy(o)), numeric=True),
)


def bath(a: Analysis) -> str:
    """How much of the kill in organs the low-dose bath does; empty when nothing is killed."""
    if a.bath is None:
        return ""
    edge = parameters.load("apart")["bath.dose"].number
    share = percent(a.bath)
    return f"Low-dose bath: {share} of what fractions kill in organs lies where the course gives less than {edge:g} Gy."


def organs(rows: Sequence[OrganDose], columns: Sequence[Column[OrganDose]] = ORGAN_COLUMNS) -> Table:
    """Doses of organs and targets."""
    return tabled("Organ doses of the course", rows, columns)


def _organs(a: Analysis) -> Section:
    shown = [a.organs[name] for name in in_reading_order(a.organs)]
    caption = "Cumulative dose-volume histograms of the course, as exported. Surrogates are not drawn."
    left = [short(name) for name in a.unmatched[:ROWS_MAX]]
    unclaimed = (Paragraph(f"ROIs no organ claimed: {', '.join(left)}.", "small"),) if left else ()
    return Section(
        "Organ doses",
        (
            *_figure(figures.dvh_figure(a), caption, figures.dvh_figure(a, NARROW)),
            *_figure(placed.placed_figure(a), placed.CAPTION, placed.placed_figure(a, NARROW)),
            organs([*shown, *a.targets]),
            *unclaimed,
        ),
    )


def blood(a: Analysis) -> Table:
    """Blood dose of a fraction of each phase and of the course."""
    named = [
        (p.label if len(a.phases) > 1 else "one fraction", s) for p, s in zip(a.phases, a.blood.fraction, strict=True)
    ]
    columns: tuple[Column[tuple[str, BloodSummary]], ...] = (
        Column("", lambda r: short(r[0]), width=5),
        Column("Mean Gy", lambda r: digits(r[1].mean_gy), numeric=True),
        Column("SD Gy", lambda r: digits(r[1].sd_gy), numeric=True),
        Column("V>0 %", lambda r: f"{100 * r[1].v_gt_0:.1f}", numeric=True),
        Column("V>0.125 Gy %", lambda r: f"{100 * r[1].v_gt_0_125:.1f}", numeric=True, width=2.6),
        Column("V≥0.5 Gy %", lambda r: f"{100 * r[1].v_ge_0_5:.1f}", numeric=True, width=2.6),
        Column("D2% Gy", lambda r: digits(r[1].d2_gy), numeric=True),
    )
    return tabled(
        f"Blood dose, {a.blood.engine} engine, {a.blood.network}",
        [*named, ("whole course", a.blood.course)],
        columns,
    )


def edic(a: Analysis) -> Table:
    """Effective doses to immune cells, or why there are none."""
    columns: tuple[Column[tuple[str, float | Absent]], ...] = (
        Column("Model", lambda r: EDIC_NAMES.get(r[0], r[0]), width=4),
        Column("Value", lambda r: effective_dose(r[1]), width=8),
    )
    return tabled("Effective dose to immune cells, each within its validity", a.edic.items(), columns)


def effective_dose(value: float | Absent) -> str:
    """A dose, or why there is none."""
    return f"none: {value.reason}" if isinstance(value, Absent) else f"{digits(value)} Gy"


def _blood(a: Analysis) -> Section:
    by_organ = (
        "Share of blood times mean dose of each organ: the parts add up to the mean blood dose, whatever the beam time."
    )
    histogram = "Share of the circulating blood that receives at least a dose; blood mixes fully between fractions."
    drawn = Beside(_figure(figures.blood_by_organ_figure(a), by_organ), _figure(figures.blood_dvh_figure(a), histogram))
    return Section("Blood dose", (drawn, blood(a), edic(a)))


def _findings(a: Analysis) -> Section:
    return Section("Findings", findings(a.findings))


def phases(a: Analysis) -> Table:
    """Phases: label, modality, prescription, fractions, calendar, delivery."""
    columns: tuple[Column[PhaseSummary], ...] = (
        Column("Phase", lambda p: short(p.label), width=3),
        Column("Modality", _modality),
        Column(
            "Prescription",
            lambda p: (
                "–"
                if p.emitter is not None
                else "not given"
                if p.prescription_gy is None
                else f"{digits(p.prescription_gy, 4)} Gy"
            ),
        ),
        Column("Fractions", lambda p: str(p.fractions), numeric=True, width=1.6),
        Column(
            "Calendar",
            lambda p: f"day {p.days[0]:g} to {p.days[-1]:g}, {p.schedule}" if p.days else p.schedule,
            width=4,
        ),
        Column("Delivery", _delivery, width=4),
    )
    return tabled("The course as the models used it", a.phases, columns)


def _delivery(p: PhaseSummary) -> str:
    if p.emitter is not None:
        return "at a falling dose rate, see below"
    times = ", ".join(sorted({b.time_source for b in p.beams}))
    return f"{plural(len(p.beams), 'beam')}, {sum(b.on_s for b in p.beams):.0f} s on ({times})"


FACT_LABELS = {
    "sex": "sex",
    "age_y": "age",
    "height_cm": "height",
    "weight_kg": "weight",
    "alc": "baseline count",
    "lln": "LLN",
    "site": "site",
    "chemo": "chemo",
    "steroid": "steroid",
    "neutrophils": "neutrophils",
    "subsets": "subsets",
    "columns": "own columns",
}


def known_of(a: Analysis) -> list[tuple[str, str, str]]:
    """Facts of the patient as the models used them: name, value (empty when not known), where from."""
    p = a.patient
    values = {
        "sex": p.sex or "",
        "age_y": "" if p.age_y is None else f"{p.age_y:g} y",
        "height_cm": "" if p.height_cm is None else f"{p.height_cm:g} cm",
        "weight_kg": "" if p.weight_kg is None else f"{p.weight_kg:g} kg",
        "alc": "" if p.alc is None else f"{p.alc:g} ×10⁹/L",
        "lln": "" if p.lln is None else f"{p.lln:g} ×10⁹/L",
        "site": (p.site or "").replace("_", " "),
        "chemo": " + ".join(p.drugs or ()) or p.chemo or "",
        "steroid": steroid_words(p.steroid),
        "neutrophils": "" if p.neutrophils is None else f"{p.neutrophils:g} ×10⁹/L",
        "subsets": ", ".join(f"{name.upper()} {100 * share:g} %" for name, share in p.subsets or ()),
        "columns": ", ".join(f"{name} {value:g}" for name, value in p.columns or ()),
    }
    return [
        (label, short(values[key]), short(a.patient_sources.get(key, "")) if values[key] else "")
        for key, label in FACT_LABELS.items()
        if values[key] or key != "columns"
    ]


def facts(a: Analysis) -> Facts:
    """What the head says of the patient; what is not known is named, too."""
    told = [fact for fact in known_of(a) if fact[1]]
    unknown = ", ".join(name for name, value, _ in known_of(a) if not value)
    return Facts("The patient", (*told, *([(NOT_KNOWN, unknown, "")] if unknown else [])))


def patient(a: Analysis) -> Table:
    """Facts of the patient: name, value, where from."""
    return tabled(
        "The patient as the models used them",
        known_of(a),
        (
            Column("Fact", lambda f: f[0], width=3),
            Column("Value", lambda f: f[1] or NOT_KNOWN, width=4),
            Column("From", lambda f: f[2], width=4),
        ),
    )


def assumptions(noted: Sequence[Assumption]) -> Table:
    """Numbers without a source: name, value, why."""
    columns: tuple[Column[Assumption], ...] = (
        Column("Parameter", lambda s: s.name, width=5),
        Column("Value", lambda s: s.value, width=2.4),
        Column("Why this", lambda s: short(s.note, TEXT_MAX), width=8, style="wide"),
    )
    return tabled("Numbers without a source: assumed", noted[:ROWS_MAX], columns)


def _basis(a: Analysis) -> Section:
    assumed = (assumptions(a.assumptions),) if a.assumptions else ()
    return Section("What this rests on", (phases(a), *emitters.blocks(a), patient(a), *assumed))


INPUT_COLUMNS: tuple[Column[tuple[str, str, str]], ...] = (
    Column("Role", lambda f: f[0], width=1.5),
    Column("SOP Instance UID", lambda f: f[1], width=6, style="code"),
    Column("SHA-256", lambda f: f[2], width=7.5, style="code"),
)


def _provenance(a: Analysis) -> Section:
    p = a.provenance
    model = f"model {p.model_name} {p.model_sha256}" if p.model_name else "no trained predictor"
    packages = "".join(f", {name} {number}" for name, number in p.packages.items())
    made = (
        f"lymphorisk {p.version}, parameter set {p.parameter_set}, {model}, seed {p.seed}, {p.draws} draws "
        f"(ensemble {a.forecast.ensemble_id}), CTCAE {a.forecast.ctcae}{packages}."
    )
    files = (tabled("Input files", p.inputs[:ROWS_MAX], INPUT_COLUMNS),) if p.inputs else ()
    chosen = "; ".join(f"{name} = {value}" for name, value in options(a) if name != "clinic_file")
    of_clinic = [Paragraph(clinic_settings(a), "small")] if "clinic_file" in p.options else []
    return Section("Provenance", (Paragraph(made), *files, Paragraph(f"Options: {chosen}.", "small"), *of_clinic))


def clinic_settings(a: Analysis) -> str:
    """Which settings came from a clinic file, and its hash."""
    return clinic.said(a.provenance.options["clinic_file"])


def options(a: Analysis) -> list[tuple[str, str]]:
    """Options as chosen."""

    def plain(value: object) -> str:
        if value is None:
            return "default"
        if isinstance(value, dict):
            return ", ".join(f"{k} = {v}" for k, v in value.items()) or "none"
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(map(str, value)) or "none"
        return str(value)

    return [(name, short(plain(value), TEXT_MAX)) for name, value in a.provenance.options.items()]
