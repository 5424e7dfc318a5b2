"""What the page and the PDF say, as rows of text: nothing is laid out here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.report.wording import SOURCE_LABELS, chance, days, digits, model_name, percent, plural, short

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis, OrganDose
    from lymphorisk.predict import Prediction

#: Findings and assumptions beyond this many are counted, not printed; the JSON holds them all.
ROWS_MAX = 200
TEXT_MAX = 400
SHOWN_AT_DAYS = (14, 30, 60, 90, 180, 365)


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


def tiles(a: Analysis) -> list[tuple[str, str, str]]:
    """The numbers a reader looks for first: label, value, what else."""
    f = a.forecast
    below = f.days_below["0.5"]
    recovery = f.recovery
    if recovery.day is not None:
        back = f"above 0.5 for good: day {recovery.day.p50:.0f}"
    else:
        back = "never below 0.5" if recovery.p_below == 0 else "not back above 0.5 within the horizon"
    return [
        (
            "Nadir [10⁹/L]",
            digits(f.nadir.median, 2),
            f"90 %: {digits(f.nadir.p05, 2)} to {digits(f.nadir.p95, 2)}",
        ),
        ("Grade 3 or worse", chance(f.grade_probability.get("3")), "nadir below 0.5 ×10⁹/L"),
        ("Grade 4", chance(f.grade_probability.get("4")), "nadir below 0.2 ×10⁹/L"),
        ("Days below 0.5", days(below.p50), f"90 %: {below.p05:.0f} to {below.p95:.0f}; {back}"),
        (
            "Mean blood dose",
            f"{digits(a.blood.course.mean_gy)} Gy",
            f"{' / '.join(digits(f.mean_gy) for f in a.blood.fraction)} Gy in a fraction",
        ),
    ]


def phases(a: Analysis) -> list[tuple[str, ...]]:
    """Phases: label, modality, prescription, fractions, calendar, delivery."""
    out: list[tuple[str, ...]] = []
    for p in a.phases:
        sources = sorted({b.time_source for b in p.beams})
        out.append(
            (
                short(p.label),
                p.modality + (f", RBE {p.rbe_in_dose:g} in the dose" if p.rbe_in_dose != 1.0 else ""),
                "not given" if p.prescription_gy is None else f"{digits(p.prescription_gy, 4)} Gy",
                str(p.fractions),
                f"day {p.days[0]:g} to {p.days[-1]:g}, {p.schedule}" if p.days else p.schedule,
                f"{plural(len(p.beams), 'beam')}, {sum(b.on_s for b in p.beams):.0f} s on ({', '.join(sources)})",
            )
        )
    return out


def patient(a: Analysis) -> list[tuple[str, str, str]]:
    """Facts of the patient: name, value, where from."""
    p = a.patient
    shown = [
        ("sex", p.sex or ""),
        ("age_y", "" if p.age_y is None else f"{p.age_y:g} y"),
        ("height_cm", "" if p.height_cm is None else f"{p.height_cm:g} cm"),
        ("weight_kg", "" if p.weight_kg is None else f"{p.weight_kg:g} kg"),
        ("alc", "" if p.alc is None else f"{p.alc:g} ×10⁹/L"),
        ("lln", "" if p.lln is None else f"{p.lln:g} ×10⁹/L"),
        ("site", (p.site or "").replace("_", " ")),
        ("chemo", p.chemo or ""),
    ]
    labels = {"age_y": "age", "height_cm": "height", "weight_kg": "weight", "alc": "baseline count", "lln": "LLN"}
    return [(labels.get(k, k), v or "not known", a.patient_sources.get(k, "") if v else "") for k, v in shown]


def counts(a: Analysis) -> list[tuple[str, str, str, str]]:
    """Counts at a few days: median, 50 % and 90 % band."""
    f = a.forecast
    out = []
    for wanted in SHOWN_AT_DAYS:
        if wanted > f.day[-1]:
            continue
        i = min(range(len(f.day)), key=lambda k: abs(float(f.day[k]) - wanted))
        q = {name: digits(float(values[i]), 2) for name, values in f.quantiles.items()}
        out.append((str(wanted), q["p50"], f"{q['p25']} to {q['p75']}", f"{q['p05']} to {q['p95']}"))
    return out


def organ(name: str, o: OrganDose) -> dict[str, str]:
    """One organ as shown in the table."""
    dose = o.course

    def above(gray: float) -> str:
        return f"{100 * float(dose.share[dose.dose_gy >= gray].sum()):.0f}"

    return {
        "name": short(name),
        "source": SOURCE_LABELS.get(o.source, o.source),
        "kind": o.source,
        "from": short(", ".join(o.roi_names), 120) or ("body's dose, diluted" if o.source == "surrogate" else "–"),
        "how": short(o.how, TEXT_MAX),
        "volume": "–" if o.volume_cm3 is None else digits(o.volume_cm3, 4),
        "coverage": f"{100 * o.coverage:.0f}" if o.source in ("roi", "derived") else "–",
        "mean": digits(dose.mean_gy),
        "fraction": " / ".join(digits(d.mean_gy) for d in o.per_fraction),
        "v5": above(5.0),
        "v20": above(20.0),
        "top": digits(float(dose.dose_gy[-1]) if o.dvh is None else o.dvh.max_gy),
    }


def blood(a: Analysis) -> list[tuple[str, ...]]:
    """Blood dose of a fraction and of the course, in the order of the table's head."""
    named = [
        (p.label if len(a.phases) > 1 else "one fraction", s) for p, s in zip(a.phases, a.blood.fraction, strict=True)
    ]
    return [
        (
            short(name),
            digits(s.mean_gy),
            digits(s.sd_gy),
            f"{100 * s.v_gt_0:.1f}",
            f"{100 * s.v_gt_0_125:.1f}",
            f"{100 * s.v_ge_0_5:.1f}",
            digits(s.d2_gy),
        )
        for name, s in [*named, ("whole course", a.blood.course)]
    ]


def edic(a: Analysis) -> list[tuple[str, str]]:
    """Effective doses to immune cells, or why there are none."""
    names = {"edic_gy": "EDIC", "edric_gy": "EDRIC", "edic_esophagus_gy": "EDIC, oesophageal form"}
    return [
        (names.get(key, key), f"none: {value.reason}" if isinstance(value, Absent) else f"{digits(value)} Gy")
        for key, value in a.edic.items()
    ]


def voices(a: Analysis) -> list[tuple[str, str, str, str]]:
    """Voice, grade 3 or worse, grade 4, what to know about it."""
    m = a.risk.mechanistic
    rows = [
        (
            "Mechanistic",
            chance(m.get("g3")),
            chance(m.get("g4")),
            f"Doses of this plan to blood and lymphocyte pools; {a.forecast.draws} draws of parameters and patients.",
        )
    ]
    learned = a.risk.learned
    if isinstance(learned, Absent):
        rows.append(("Trained predictor", "–", "–", f"No estimate: {learned.reason}."))
    else:
        remark = f"Learned from {learned.trained_on}. "
        if not learned.in_domain:
            remark = f"Outside its domain ({'; '.join(learned.domain.reasons)}): do not use. " + remark
        rows.append(
            ("Trained predictor", _with_interval(learned, "g3"), _with_interval(learned, "g4"), short(remark, TEXT_MAX))
        )
    for e in a.risk.literature:
        if isinstance(e.p, Absent):
            rows.append((short(model_name(e.name)), "–", "–", short(f"Declines: {e.p.reason}.", TEXT_MAX)))
            continue
        p = percent(e.p)
        if e.p_low is not None and e.p_high is not None:
            p += f" ({percent(e.p_low)} to {percent(e.p_high)})"
        third, fourth = (p if e.outcome.grade == grade else "–" for grade in (3, 4))
        said = "" if e.outcome.grade in (3, 4) else f"{e.outcome.threshold.capitalize()}: {p}. "
        note = f"{said}Outcome: {e.outcome.key}. {e.how}"
        rows.append((short(model_name(e.name)), third, fourth, short(note, TEXT_MAX)))
    return rows


def outcome_note(a: Analysis) -> str:
    """What the mechanism and the trained predictor each answer for; empty when only the mechanism speaks."""
    key = a.risk.outcome
    if "learned" not in key:
        return ""
    return (
        f"Not the same outcome. Mechanism: {key['mechanistic']}. Trained predictor: {key['learned']}. A low count "
        "between two blood samples is in the first only, so the first tends to be higher for deep nadirs."
    )


def agreement(a: Analysis) -> list[tuple[str, str, str, str]]:
    """Organ, its share of the loss, the trained predictor's log-odds and factor on the odds."""
    pairs = () if a.agreement is None else a.agreement.pairs
    return [(name, percent(lost), f"{odds:+.2f}", f"×{math.exp(odds):.2f}") for name, lost, odds in pairs]


def _with_interval(learned: Prediction, kind: str) -> str:
    p = learned.p.get(kind)
    if kind not in learned.interval or p is None:
        return percent(p)
    low, high = learned.interval[kind]
    return f"{percent(p)} ({percent(low)} to {percent(high)})"


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


def findings(a: Analysis) -> list[tuple[str, str, str, str, str]]:
    """Code, severity, what, where, what can be done."""
    return [
        (f.code, f.severity, short(f.what, TEXT_MAX), short(f.where), short(f.hint, TEXT_MAX))
        for f in a.findings[:ROWS_MAX]
    ]


def assumptions(a: Analysis) -> list[tuple[str, str, str]]:
    """Numbers without a source: name, value, why."""
    return [(s.name, s.value, short(s.note, TEXT_MAX)) for s in a.assumptions[:ROWS_MAX]]
