"""Plans side by side as text and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lymphorisk.analysis.compare import Comparison

SCHEMA = "lymphorisk/compare/1"
#: Organs listed in the text, largest change first.
ORGANS_SHOWN = 12


def to_dict(compared: Sequence[Comparison], names: Sequence[str]) -> dict[str, Any]:
    """The envelope `lymphorisk/compare/1`: every plan against the first."""
    first = compared[0].first
    return {
        "schema": SCHEMA,
        "plans": [
            {
                "name": name,
                "label": a.label,
                "fractions": a.fractions,
                "modality": a.phases[0].modality,
                "alc_nadir": a.forecast.nadir.count.to_dict(),
                "grade_probability": dict(a.forecast.grade_probability),
                "blood_mean_gy": a.blood.course.mean_gy,
            }
            for name, a in zip(names, [first, *(c.second for c in compared)], strict=True)
        ],
        "comparisons": [
            {
                "first": names[0],
                "second": name,
                "organs": [
                    {
                        "organ": o.organ,
                        "first_gy": o.first_gy,
                        "second_gy": o.second_gy,
                        "change_gy": o.change_gy,
                        "surrogate": o.surrogate,
                    }
                    for o in c.organs
                ],
                "blood_mean_gy": list(c.blood_mean_gy),
                "difference": c.forecast.to_dict(),
                "drivers_ln_nadir": dict(c.drivers),
                "sentence": c.sentence,
            }
            for name, c in zip(names[1:], compared, strict=True)
        ],
    }


def text(compared: Sequence[Comparison], names: Sequence[str]) -> str:
    """A block for each plan against the first."""
    out = []
    for name, c in zip(names[1:], compared, strict=True):
        a, b, d = c.first.forecast, c.second.forecast, c.forecast
        out += [
            f"{names[0]}  against  {name}",
            "",
            c.sentence,
            "",
            f"{'':26}{'first':>12}{'second':>12}   change (95 % band, same draws)",
            f"{'nadir [10^9/L]':26}{a.nadir.median:12.2f}{b.nadir.median:12.2f}   "
            f"{d.nadir.p50:+.2f} ({d.nadir.p025:+.2f} to {d.nadir.p975:+.2f})",
            f"{'days below 0.5':26}{a.days_below['0.5'].p50:12.0f}{b.days_below['0.5'].p50:12.0f}   "
            f"{d.days_below_0_5.p50:+.0f} ({d.days_below_0_5.p025:+.0f} to {d.days_below_0_5.p975:+.0f})",
        ]
        for g in ("2", "3", "4"):
            p, q = 100 * a.grade_probability[g], 100 * b.grade_probability[g]
            out.append(
                f"{f'P(grade {g} or worse) [%]':26}{p:12.0f}{q:12.0f}   "
                f"{100 * d.probability[g]:+.0f} (standard error {100 * d.probability_se[g]:.0f})"
            )
        out.append(f"{'mean blood dose [Gy]':26}{c.blood_mean_gy[0]:12.2f}{c.blood_mean_gy[1]:12.2f}")
        out += ["", "mean course dose [Gy]"]
        for o in c.organs[:ORGANS_SHOWN]:
            mark = "  (surrogate in a plan)" if o.surrogate else ""
            out.append(f"  {o.organ:24}{o.first_gy:12.2f}{o.second_gy:12.2f}   {o.change_gy:+.2f}{mark}")
        if c.drivers:
            out += ["", "what moves the nadir (one pool exchanged at a time)"]
            out += [f"  {pool:24}{100 * (math.exp(x) - 1):+.1f} %" for pool, x in c.drivers.items() if abs(x) > 0.0005]
        out.append("")
    return "\n".join(out)
