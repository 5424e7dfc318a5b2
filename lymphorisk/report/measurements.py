"""The numbers of a result that an archive keeps as coded measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.absent import Absent

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis

#: Digits kept: more would promise what no count can show.
SIGNIFICANT = 6
EDIC = (
    ("LR-EDIC", "EDIC", "edic_gy"),
    ("LR-EDRIC", "EDRIC", "edric_gy"),
    ("LR-EDIC-ESO", "EDIC, oesophageal form", "edic_esophagus_gy"),
)


def measurements(a: Analysis) -> tuple[tuple[str, str, float, str], ...]:
    """Code (at most 16 characters), meaning (at most 64), value, UCUM unit; what was declined is left out."""
    f, blood = a.forecast, a.blood.course
    rows = [
        ("LR-BASELINE", "Lymphocyte count the forecast starts from", f.baseline_alc, "10*9/L"),
        ("LR-NADIR", "Predicted lymphocyte nadir, median", f.nadir.median, "10*9/L"),
        ("LR-NADIR-P05", "Predicted lymphocyte nadir, 5th percentile", f.nadir.p05, "10*9/L"),
        ("LR-NADIR-P95", "Predicted lymphocyte nadir, 95th percentile", f.nadir.p95, "10*9/L"),
        ("LR-NADIR-DAY", "Predicted day of the nadir from the first fraction, median", f.nadir.day.p50, "d"),
    ]
    rows += [
        (f"LR-P-G{g}", f"Predicted probability of lymphopenia grade {g} or worse", 100 * f.grade_probability[g], "%")
        for g in ("2", "3", "4")
    ]
    rows += [
        (f"LR-DAYS-{edge}", f"Predicted days with a count below {edge} 10*9/L, median", f.days_below[edge].p50, "d")
        for edge in ("0.5", "0.2")
    ]
    rows += [
        ("LR-BLOODMEAN", "Mean blood dose of the course", blood.mean_gy, "Gy"),
        ("LR-BLOODV0.5", "Share of the blood at 0.5 Gy or more over the course", 100 * blood.v_ge_0_5, "%"),
        ("LR-BLOODD2", "Dose that 2 % of the blood exceeds over the course", blood.d2_gy, "Gy"),
    ]
    for code, meaning, name in EDIC:
        value = a.edic.get(name)
        if isinstance(value, float):
            rows.append((code, meaning, value, "Gy"))
    learned = a.risk.learned
    if not isinstance(learned, Absent):
        for g in ("3", "4"):
            p = learned.p.get(f"g{g}")
            if p is not None:
                meaning = f"Probability of grade {g} or worse by the trained predictor"
                rows.append((f"LR-LEARNED-G{g}", meaning, 100 * p, "%"))
    return tuple((code, meaning, float(f"{value:.{SIGNIFICANT}g}"), unit) for code, meaning, value, unit in rows)
