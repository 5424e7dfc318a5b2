"""The numbers of a comparison of regimens that an archive keeps as coded measurements."""

from __future__ import annotations

from lymphorisk.conditioning.criteria import METRICS
from lymphorisk.regimen.chain import Comparison
from lymphorisk.report.conditioning.text import all_findings, notes, ordered, patient_line, regimen_title
from lymphorisk.report.conditioning.words import name_of, spread
from lymphorisk.report.wording import short

#: Digits kept: more would promise what no count can show.
SIGNIFICANT = 6
UCUM = {"10^9/L": "10*9/L", "mg h/L": "mg.h/L"}
MEANING, SENTENCE = 64, 400


def measurements(comparison: Comparison) -> tuple[tuple[str, str, float, str, str, str], ...]:
    """Code, meaning, median, UCUM unit, what it rests on, regimen; what cannot be said is left out."""
    note = f"assumed: {', '.join(comparison.body.assumed)}" if comparison.body.assumed else ""
    codes = {name: f"LR-COND-{n:02d}" for n, name in enumerate(METRICS, start=1)}
    out = []
    for f in ordered(comparison):
        for name, value in f.metrics.items():
            middle = spread(value)
            if middle is None:
                continue
            unit = METRICS[name].unit
            number = float(f"{middle[0]:.{SIGNIFICANT}g}")
            meaning = short(f"{METRICS[name].label}, median", MEANING)
            out.append((codes[name], meaning, number, UCUM.get(unit, unit), note, short(name_of(f.regimen))))
    return tuple(out)


def sentences(comparison: Comparison) -> tuple[tuple[str, str, str], ...]:
    """Patient as used, criteria of every regimen, findings and notes: code, meaning, text."""
    out = [("LR-FACT-SOURCE", "Facts of the patient as used", patient_line(comparison))]
    for f in ordered(comparison):
        out += [
            ("LR-CRITERION", "Criterion of a planner", f"{regimen_title(f)}: {j.criterion.label}: {j.state} {j.reason}")
            for j in f.judgements
        ]
    out += [("LR-FINDING", "Finding", f"{x.code} {x.severity}: {x.what}") for x in all_findings(comparison)]
    out += [("LR-NOTE", "Note", n) for n in notes(comparison)]
    return tuple((code, meaning, short(text, SENTENCE)) for code, meaning, text in out)
