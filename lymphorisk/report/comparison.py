"""Plans side by side as text, JSON and page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lymphorisk.analysis import Analysis
from lymphorisk.analysis.compare import Comparison
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte import AlcForecast
from lymphorisk.lymphocyte.whatif import Difference
from lymphorisk.report import overlay
from lymphorisk.report.content import facts
from lymphorisk.report.document import Callout, Document, Figure, Paragraph, Section
from lymphorisk.report.legend import NARROW
from lymphorisk.report.noticed import explained, findings
from lymphorisk.report.summary import weakness
from lymphorisk.report.table import Column, Table, tabled, text_lines
from lymphorisk.report.wording import POOL_LABELS, chance, digits, short

SCHEMA = "lymphorisk/compare/1"
#: Organs listed in the text, largest change first.
ORGANS_SHOWN = 12
#: Organs drawn in the overlay, largest change first.
PANELS = 6
#: Changes of the nadir smaller than this are not shown. [ln]
UNSEEN = 0.0005
#: Letters of a plan's name in the head of a column.
NAME_SHOWN = 24


def to_dict(compared: Sequence[Comparison], names: Sequence[str], noted: Sequence[Finding] = ()) -> dict[str, Any]:
    """The envelope `lymphorisk/compare/1`: every plan against the first."""
    return {
        "schema": SCHEMA,
        **({"findings": [f.to_dict() for f in noted]} if noted else {}),
        "plans": [
            {
                "name": name,
                "label": a.label,
                "weaker": weakness(own),
                "fractions": a.fractions,
                "modality": a.modality,
                "alc_nadir": a.forecast.nadir.to_dict(),
                "grade_probability": dict(a.forecast.grade_probability),
                "blood_mean_gy": a.blood.course.mean_gy,
                "alone": {
                    "alc_nadir": own.forecast.nadir.to_dict(),
                    "grade_probability": dict(own.forecast.grade_probability),
                },
            }
            for name, a, own in zip(names, plans_of(compared), alone(compared), strict=True)
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
                "unlike": [{"organ": u.organ, "first": u.drawn[0], "second": u.drawn[c.place]} for u in c.unlike],
            }
            for name, c in zip(names[1:], compared, strict=True)
        ],
    }


def plans_of(compared: Sequence[Comparison]) -> list[Analysis]:
    """The plans as they are compared: with the same organs drawn in all of them."""
    return [compared[0].first, *(c.second for c in compared)]


def alone(compared: Sequence[Comparison]) -> list[Analysis]:
    """The plans each by itself, with all that is drawn in it."""
    return [compared[0].alone[0], *(c.alone[1] for c in compared)]


def weaker(compared: Sequence[Comparison], names: Sequence[str]) -> tuple[str, ...]:
    """What makes the plans' answers weaker, with the plans it holds for unless it holds for all."""
    found: dict[str, list[str]] = {}
    for name, a in zip(names, alone(compared), strict=True):
        for said in weakness(a):
            found.setdefault(said, []).append(short(name, NAME_SHOWN))
    every = len(names)
    return tuple(said if len(held) == every else f"{', '.join(held)}: {said}" for said, held in found.items())


@dataclass(frozen=True, slots=True)
class Change:
    """A number of two plans and its difference on the same draws, each as printed."""

    name: str
    first: str
    second: str
    change: str
    band: str


def changes(c: Comparison) -> list[Change]:
    """Forecast, grades and blood dose of two plans."""
    first, second = c.blood_mean_gy
    blood = Change("Mean blood dose [Gy]", digits(first), digits(second), f"{second - first:+.2f}", "computed once")
    return [*forecast_changes(c.first.forecast, c.second.forecast, c.forecast), blood]


def forecast_changes(a: AlcForecast, b: AlcForecast, d: Difference) -> list[Change]:
    """Nadir, days below and grades of two forecasts."""
    out = [
        Change(
            "Nadir [10⁹/L]",
            digits(a.nadir.median, 2),
            digits(b.nadir.median, 2),
            f"{d.nadir.p50:+.2f}",
            f"{d.nadir.p025:+.2f} to {d.nadir.p975:+.2f}",
        ),
        Change(
            "Days below 0.5",
            f"{a.days_below['0.5'].p50:.0f}",
            f"{b.days_below['0.5'].p50:.0f}",
            f"{d.days_below_0_5.p50:+.0f}",
            f"{d.days_below_0_5.p025:+.0f} to {d.days_below_0_5.p975:+.0f}",
        ),
    ]
    out += [
        Change(
            f"P(grade {g} or worse) [%]",
            f"{100 * a.grade_probability[g]:.0f}",
            f"{100 * b.grade_probability[g]:.0f}",
            f"{100 * d.probability[g]:+.0f}",
            f"standard error {100 * d.probability_se[g]:.0f}",
        )
        for g in ("2", "3", "4")
    ]
    return out


def difference_table(c: Comparison, first: str, second: str) -> Table:
    """Two plans and their difference."""
    return tabled(
        "Difference on the same draws",
        changes(c),
        (
            Column("", lambda r: r.name, width=4),
            Column(_named(first, "first"), lambda r: r.first, numeric=True),
            Column(_named(second, "second"), lambda r: r.second, numeric=True),
            Column("Median change", lambda r: r.change, numeric=True),
            Column("95 % band", lambda r: r.band, numeric=True, width=3),
        ),
    )


def organ_table(c: Comparison, first: str, second: str) -> Table:
    """Mean doses of organs, largest change first."""
    return tabled(
        "Mean course dose [Gy]",
        c.organs[:ORGANS_SHOWN],
        (
            Column("Organ", lambda o: short(o.organ), width=4),
            Column(_named(first, "first"), lambda o: digits(o.first_gy), numeric=True),
            Column(_named(second, "second"), lambda o: digits(o.second_gy), numeric=True),
            Column("Change", lambda o: f"{o.change_gy:+.2f}", numeric=True),
            Column("Remark", lambda o: "not drawn" if o.surrogate else "", width=3),
        ),
    )


def driver_table(c: Comparison) -> Table:
    """What each pool's dose does to the nadir."""
    moved = [(p, x) for p, x in c.drivers.items() if abs(x) > UNSEEN]
    return tabled(
        "What moves the nadir: one pool's dose exchanged at a time",
        moved,
        (
            Column("Pool", lambda r: POOL_LABELS.get(r[0], r[0])),
            Column("Change of the nadir", lambda r: f"{100 * (math.exp(r[1]) - 1):+.1f} %", numeric=True),
        ),
    )


def _named(name: str, place: str) -> str:
    """A plan's name as a head, with its place: two plans may share a name."""
    return f"{place}: {short(name, NAME_SHOWN)}"


def text(compared: Sequence[Comparison], names: Sequence[str], noted: Sequence[Finding] = ()) -> str:
    """A block for each plan against the first."""
    out = [f"{f.code} {f.severity}: {f.what}; {f.hint}\n" for f in noted]
    out += [*(f"! {said}" for said in weaker(compared, names)), ""]
    for name, c in zip(names[1:], compared, strict=True):
        out += [f"{short(names[0])}  against  {short(name)}", "", c.sentence, ""]
        for table in _tables(c, names[0], name):
            out += [table.caption, *text_lines(table), ""]
    return "\n".join(out)


def _tables(c: Comparison, first: str, second: str) -> tuple[Table, ...]:
    tables = (difference_table(c, first, second), organ_table(c, first, second), driver_table(c))
    return tuple(t for t in tables if t.rows)


def plan_table(plans: Sequence[Analysis], names: Sequence[str]) -> Table:
    """Every plan's forecast in a line."""
    columns: tuple[Column[tuple[str, Analysis]], ...] = (
        Column("Plan", lambda r: short(r[0]), width=4),
        Column("Nadir [10⁹/L]", lambda r: digits(r[1].forecast.nadir.median, 2), numeric=True),
        Column(
            "90 % band",
            lambda r: f"{digits(r[1].forecast.nadir.p05, 2)} to {digits(r[1].forecast.nadir.p95, 2)}",
            numeric=True,
            width=3,
        ),
        Column("Grade 3 or worse", lambda r: chance(r[1].forecast.grade_probability["3"]), numeric=True),
        Column("Grade 4", lambda r: chance(r[1].forecast.grade_probability["4"]), numeric=True),
        Column("Days below 0.5", lambda r: f"{r[1].forecast.days_below['0.5'].p50:.0f}", numeric=True),
        Column("Mean blood dose [Gy]", lambda r: digits(r[1].blood.course.mean_gy), numeric=True),
    )
    return tabled("All plans", list(zip(names, plans, strict=True)), columns)


def report(compared: Sequence[Comparison], names: Sequence[str], noted: Sequence[Finding] = ()) -> Document:
    """All plans on one axis, then each against the first."""
    plans = plans_of(compared)
    changed = list(dict.fromkeys(o.organ for c in compared for o in c.organs if not o.surrogate and o.change_gy != 0))
    drawn = {o: [a.organs[o].course for a in plans] for o in changed if all(o in a.organs for a in plans)}
    panels = dict(list(drawn.items())[:PANELS])
    forecast = overlay.forecasts([(n, a.forecast) for n, a in zip(names, plans, strict=True)])
    narrow = overlay.forecasts([(n, a.forecast) for n, a in zip(names, plans, strict=True)], width=NARROW)
    sections = [
        Section("Forecasts", (Figure(forecast, "Thick: medians. Thin: 80 % bands.", narrow), plan_table(plans, names))),
    ]
    if panels:
        caption = "Cumulative histograms of the course, the organs that change most; surrogates are not drawn."
        sections.append(
            Section(
                "Organ doses",
                (Figure(overlay.dvhs(panels, names), caption, overlay.dvhs(panels, names, width=NARROW)),),
            )
        )
    sections += [
        Section(f"{name} against {names[0]}", (Paragraph(c.sentence), *_tables(c, names[0], name)))
        for name, c in zip(names[1:], compared, strict=True)
    ]
    if noted:
        sections.append(Section("Findings about the pair", findings(noted)))
    sections.append(_provenance(names, plans))
    lead = (*(f.what for f in noted), *(c.sentence for c in compared))
    weak = weaker(compared, names)
    opening = (Callout("What makes this answer weaker", weak),) if weak else ()
    return explained(Document(" against ".join(names), lead, tuple(sections), opening=opening, facts=facts(plans[0])))


def _provenance(names: Sequence[str], plans: Sequence[Analysis]) -> Section:
    p = plans[0].provenance
    said = f"lymphorisk {p.version}, parameter set {p.parameter_set}, seed {p.seed}, {p.draws} draws in every plan."
    files = [(name, file) for name, a in zip(names, plans, strict=True) for file in a.provenance.inputs]
    columns: tuple[Column[tuple[str, tuple[str, str, str]]], ...] = (
        Column("Plan", lambda r: short(r[0])),
        Column("Role", lambda r: r[1][0], width=1.5),
        Column("SOP Instance UID", lambda r: r[1][1], width=5, style="code"),
        Column("SHA-256", lambda r: r[1][2], width=6, style="code"),
    )
    table = (tabled("Input files", files, columns),) if files else ()
    return Section("Provenance", (Paragraph(said), *table))
