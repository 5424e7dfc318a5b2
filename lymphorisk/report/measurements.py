"""The numbers of a result that an archive keeps as coded measurements, and the sentences that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.qa.facts import behind_in
from lymphorisk.report import clinic
from lymphorisk.report.wording import short, source_label

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis

#: Digits kept: more would promise what no count can show.
SIGNIFICANT = 6
#: Longest sentence. [characters]
SENTENCE = 400
EDIC = (
    ("LR-EDIC", "EDIC", "edic_gy", "EDIC[Gy]"),
    ("LR-EDRIC", "EDRIC", "edric_gy", "EDRIC[Gy]"),
    ("LR-EDIC-ESO", "EDIC, oesophageal form", "edic_esophagus_gy", "EDICesophagus[Gy]"),
)


def measurements(a: Analysis) -> tuple[tuple[str, str, float, str, str], ...]:
    """Code (at most 16 characters), meaning (at most 64), value, UCUM unit, and what the number rests on.

    What was declined is left out; a start nobody measured has its own code.
    """
    f, blood = a.forecast, a.blood.course
    start = (
        ("LR-BASELINE", "Lymphocyte count the forecast starts from, measured")
        if f.baseline_known
        else ("LR-BASELINE-ASM", "Lymphocyte count ASSUMED at the start, not measured")
    )
    count = "ALCnadir[10^9/L]"
    rows = [
        (*start, f.baseline_alc, "10*9/L", None if f.baseline_known else count),
        ("LR-NADIR", "Predicted lymphocyte nadir, median", f.nadir.median, "10*9/L", count),
        ("LR-NADIR-P05", "Predicted lymphocyte nadir, 5th percentile", f.nadir.p05, "10*9/L", count),
        ("LR-NADIR-P95", "Predicted lymphocyte nadir, 95th percentile", f.nadir.p95, "10*9/L", count),
        ("LR-NADIR-DAY", "Predicted day of the nadir from the first fraction, usual", f.nadir.usual_day, "d", count),
        ("LR-NADIR-DAY-P05", "Predicted day of the nadir, 5th percentile", f.nadir.day.p05, "d", count),
        ("LR-NADIR-DAY-P95", "Predicted day of the nadir, 95th percentile", f.nadir.day.p95, "d", count),
    ]
    for g in ("2", "3", "4"):
        meaning = f"Predicted probability of lymphopenia grade {g} or worse"
        rows.append((f"LR-P-G{g}", meaning, 100 * f.grade_probability[g], "%", count))
    for edge in ("0.5", "0.2"):
        meaning = f"Predicted days with a count below {edge} 10*9/L, median"
        rows.append((f"LR-DAYS-{edge}", meaning, f.days_below[edge].p50, "d", count))
    rows += [
        ("LR-BLOODMEAN", "Mean blood dose of the course", blood.mean_gy, "Gy", "BloodMean[Gy]"),
        (
            "LR-BLOODV0.5",
            "Share of the blood at 0.5 Gy or more over the course",
            100 * blood.v_ge_0_5,
            "%",
            "BloodV0.5Gy[%]",
        ),
        ("LR-BLOODD2", "Dose that 2 % of the blood exceeds over the course", blood.d2_gy, "Gy", "BloodD2%[Gy]"),
    ]
    for code, meaning, name, metric in EDIC:
        value = a.edic.get(name)
        if isinstance(value, float):
            rows.append((code, meaning, value, "Gy", metric))
    learned = a.risk.learned
    if not isinstance(learned, Absent):
        for g in ("3", "4"):
            p = learned.p.get(f"g{g}")
            if p is not None:
                meaning = f"Probability of grade {g} or worse by the trained predictor"
                rows.append((f"LR-LEARNED-G{g}", meaning, 100 * p, "%", count))
    behind = behind_in(a)
    return tuple(
        (code, meaning, float(f"{value:.{SIGNIFICANT}g}"), unit, ", ".join(map(str, behind[of])) if of else "")
        for code, meaning, value, unit, of in rows
    )


def sentences(a: Analysis) -> tuple[tuple[str, str, str], ...]:
    """What a reader of the numbers must know (code, meaning, text): declined voices, sources of doses, findings."""
    out = []
    learned = a.risk.learned
    if isinstance(learned, Absent):
        out.append(("LR-DECLINED", "Number not given", f"trained predictor: {learned.reason}"))
    else:
        out += [("LR-CAVEAT", "What the trained predictor's card says", text) for text in learned.caveats]
    for _, meaning, name, _ in EDIC:
        value = a.edic.get(name)
        if isinstance(value, Absent):
            out.append(("LR-DECLINED", "Number not given", f"{meaning}: {value.reason}"))
    for name, organ in a.organs.items():
        source = source_label(organ.source)
        out.append(("LR-ORGAN-SOURCE", "Where the dose of an organ is from", f"{name}: {source}; {organ.how}"))
    for fact, source in a.patient_sources.items():
        out.append(("LR-FACT-SOURCE", "Where a fact of the patient is from", f"{fact}: {source}"))
    for f in a.findings:
        if f.severity != "info":
            out.append(("LR-FINDING", "Finding", f.line()))
    said = tuple((code, meaning, short(text, SENTENCE)) for code, meaning, text in out)
    return said + clinic.sentences(a.provenance.options.get(clinic.KEY, {}))
