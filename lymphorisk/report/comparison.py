"""Plans side by side as text, JSON and page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lymphorisk.analysis import Analysis
from lymphorisk.analysis.compare import Comparison
from lymphorisk.findings import Finding
from lymphorisk.report import overlay, page
from lymphorisk.report.wording import POOL_LABELS, chance, digits

SCHEMA = "lymphorisk/compare/1"
#: Organs listed in the text, largest change first.
ORGANS_SHOWN = 12
#: Organs drawn in the overlay, largest change first.
PANELS = 6


def to_dict(compared: Sequence[Comparison], names: Sequence[str], noted: Sequence[Finding] = ()) -> dict[str, Any]:
    """The envelope `lymphorisk/compare/1`: every plan against the first."""
    first = compared[0].first
    return {
        "schema": SCHEMA,
        **({"findings": [asdict(f) for f in noted]} if noted else {}),
        "plans": [
            {
                "name": name,
                "label": a.label,
                "fractions": a.fractions,
                "modality": a.modality,
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


def text(compared: Sequence[Comparison], names: Sequence[str], noted: Sequence[Finding] = ()) -> str:
    """A block for each plan against the first."""
    out = [f"{f.code} {f.severity}: {f.what}; {f.hint}\n" for f in noted]
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


def html(compared: Sequence[Comparison], names: Sequence[str], noted: Sequence[Finding] = ()) -> str:
    """All plans on one axis, then each against the first."""
    plans = [compared[0].first, *(c.second for c in compared)]
    changed = list(dict.fromkeys(o.organ for c in compared for o in c.organs if not o.surrogate and o.change_gy != 0))
    drawn = {o: [a.organs[o].course for a in plans] for o in changed if all(o in a.organs for a in plans)}
    panels = dict(list(drawn.items())[:PANELS])
    table = page.Table(
        "All plans",
        ("Plan", "Nadir [10⁹/L]", "90 % band", "Grade 3 or worse", "Grade 4", "Days below 0.5", "Mean blood dose [Gy]"),
        [
            (
                name,
                digits(a.forecast.nadir.median, 2),
                f"{digits(a.forecast.nadir.p05, 2)} to {digits(a.forecast.nadir.p95, 2)}",
                chance(a.forecast.grade_probability["3"]),
                chance(a.forecast.grade_probability["4"]),
                f"{a.forecast.days_below['0.5'].p50:.0f}",
                digits(a.blood.course.mean_gy),
            )
            for name, a in zip(names, plans, strict=True)
        ],
        (1, 2, 3, 4, 5, 6),
    )
    forecast = overlay.forecasts([(n, a.forecast) for n, a in zip(names, plans, strict=True)])
    sections = [page.Section("Forecasts", figures=((forecast, "Thick: medians. Thin: 80 % bands."),), tables=(table,))]
    if panels:
        caption = "Cumulative histograms of the course, the organs that change most; surrogates are not drawn."
        sections.append(page.Section("Organ doses", figures=((overlay.dvhs(panels, names), caption),)))
    sections += [_against(c, names[0], name) for name, c in zip(names[1:], compared, strict=True)]
    sections.append(_provenance(names, plans))
    return page.render(" against ".join(names), [*(f.what for f in noted), *(c.sentence for c in compared)], sections)


def _provenance(names: Sequence[str], plans: Sequence[Analysis]) -> page.Section:
    p = plans[0].provenance
    said = f"lymphorisk {p.version}, parameter set {p.parameter_set}, seed {p.seed}, {p.draws} draws in every plan."
    files = [(name, *file) for name, a in zip(names, plans, strict=True) for file in a.provenance.inputs]
    return page.Section(
        "Provenance",
        (said,),
        tables=(page.Table("Input files", ("Plan", "Role", "SOP Instance UID", "SHA-256"), files),),
    )


def _against(c: Comparison, first: str, second: str) -> page.Section:
    d = c.forecast
    rows = [
        ("Nadir [10⁹/L]", f"{d.nadir.p50:+.2f}", f"{d.nadir.p025:+.2f} to {d.nadir.p975:+.2f}"),
        (
            "Days below 0.5",
            f"{d.days_below_0_5.p50:+.0f}",
            f"{d.days_below_0_5.p025:+.0f} to {d.days_below_0_5.p975:+.0f}",
        ),
    ]
    rows += [
        (
            f"P(grade {g} or worse), points",
            f"{100 * d.probability[g]:+.0f}",
            f"standard error {100 * d.probability_se[g]:.0f}",
        )
        for g in ("2", "3", "4")
    ]
    a, b = c.blood_mean_gy
    rows.append(("Mean blood dose [Gy]", f"{b - a:+.2f}", f"{digits(a)} to {digits(b)}, computed once"))
    organs = [
        (
            o.organ,
            digits(o.first_gy),
            digits(o.second_gy),
            f"{o.change_gy:+.2f}",
            "surrogate in a plan" if o.surrogate else "",
        )
        for o in c.organs[:ORGANS_SHOWN]
    ]
    drivers = [
        (POOL_LABELS.get(p, p), f"{100 * (math.exp(x) - 1):+.1f} %") for p, x in c.drivers.items() if abs(x) > 0.0005
    ]
    tables = [
        page.Table("Difference on the same draws", ("", "Median change", "95 % band"), rows, (1, 2)),
        page.Table("Mean course dose [Gy]", ("Organ", first, second, "Change", ""), organs, (1, 2, 3)),
    ]
    if drivers:
        caption = "What moves the nadir: one pool's dose exchanged at a time"
        tables.append(page.Table(caption, ("Pool", "Change of the nadir"), drivers, (1,)))
    return page.Section(f"{second} against {first}", (c.sentence,), tables=tuple(tables))
