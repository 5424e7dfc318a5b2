"""The comparison of conditioning regimens as text: rows and lines the HTML page shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.conditioning.criteria import METRICS, Judgement
from lymphorisk.conditioning.regimen import DRUGS, Regimen
from lymphorisk.findings import RULES, Finding
from lymphorisk.parameters import sources
from lymphorisk.regimen.calendar import Entry, calendar
from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning.search import search_lines
from lymphorisk.report.conditioning.words import OUTER, days_text, name_of, shown
from lymphorisk.report.table import Column, Table, tabled, text_lines

INTENT = (
    "Research and QA use. Not a dosing tool: nothing here says which regimen or dose to give. Planner criteria are a "
    "person's own limits; no source found defines a count that makes lymphodepletion sufficient."
)
HOST = "Counts are the host's. From about day {day:g} after infusion a measured count holds the infused cells."
KILL = (
    "Kill by fludarabine, cyclophosphamide and bendamustine is assumed: their split is a prior, not data. Regimens of "
    "the same drugs compare more surely than different drug classes. Plasma exposure says little about F-ara-ATP "
    "inside the cells (R2 0.01 in CD4, 0.00 in CD8 cells)."
)
DURATION = (
    "Days below a threshold rest on the recovery rate, the weakest number here (faster than what `analyze` uses after "
    "chemoradiation): read them as ranges."
)
BANDS = "Published exposure bands are retrospective, with exposure estimated and not measured: reference, not targets."
#: Columns of the table: heading, metric.
COLUMNS = (
    ("ALC day 0", "alc_at_infusion"),
    ("nadir", "alc_nadir"),
    ("nadir day", "nadir_day"),
    ("ALC day 30", "alc_day_30"),
    ("Flu AUC", "fludarabine_auc"),
)
#: Columns of the table of durations.
DAYS = (
    ("<0.1 before", "days_below_0_1_before"),
    ("<0.1 after", "days_below_0_1_after"),
    ("<0.2 before", "days_below_0_2_before"),
    ("<0.2 after", "days_below_0_2_after"),
    ("<0.5 before", "days_below_0_5_before"),
    ("<0.5 after", "days_below_0_5_after"),
)
#: Regimens side by side in a block of criteria on a terminal.
BLOCK = 4
#: More findings of one code than this are one line.
MANY = 3


def product_table(products: Mapping[str, Regimen]) -> Table:
    """The regimens on record."""
    columns: tuple[Column[tuple[str, Regimen]], ...] = (
        Column("name", lambda r: r[0]),
        Column("product", lambda r: r[1].title),
        Column("indication", lambda r: r[1].indication),
    )
    return tabled("Products", products.items(), columns)


def ordered(comparison: Comparison) -> tuple[RegimenForecast, ...]:
    """Regimens from the lowest to the highest median count at infusion."""
    return tuple(sorted(comparison.forecasts, key=lambda f: float(np.median(np.asarray(f.metrics["alc_at_infusion"])))))


def conditioning_text(comparison: Comparison, search: SearchResult | None = None) -> str:
    """The comparison for a terminal."""
    lines = ["Host lymphocyte count around infusion (x10^9/L; median, 90 % range)", ""]
    lines += [patient_line(comparison), ""]
    regimens = ordered(comparison)
    for title, shown_metrics in (("", COLUMNS), ("Days below, before and after day 0", DAYS)):
        table = metric_table(regimens, shown_metrics)
        lines += [*([title] if title else []), *text_lines(table, ""), ""]
    if len(regimens) > 1:
        lines += [f"Paired with {name_of(comparison.forecasts[0].regimen)} (the same draws)"]
        lines += [*text_lines(paired_table(comparison)), ""]
    for f in regimens:
        lines += [regimen_title(f), *(f"  {line}" for line in given(f))]
        if (dates := calendar_table(f, comparison.choices.infusion_date)) is not None:
            lines += text_lines(dates)
    lines += ["", "Planner criteria: state and share of the ensemble that meets each"]
    for first in range(0, len(regimens), BLOCK):
        lines += [*text_lines(criteria_table(regimens[first : first + BLOCK]), ""), ""]
    lines += ["Evidence", *(f"  {line}" for line in evidence_lines(regimens))]
    lines += ["", "Fludarabine exposure, published bands (AUC of F-ara-A, mg h/L)"]
    lines += [f"  {line}" for line in band_lines(comparison)]
    if comparison.hematotox is not None:
        lines += ["", *hematotox_lines(comparison)]
    if search is not None:
        lines += ["", *search_lines(search)]
    lines += ["", "Findings", *(f"  {line}" for line in finding_lines(all_findings(comparison)))]
    lines += ["", "Sources", *(f"  {line}" for line in source_lines(comparison)), "", *notes(comparison)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def notes(comparison: Comparison) -> list[str]:
    """What every reader must know."""
    return [HOST.format(day=comparison.host_until_d), KILL, DURATION, BANDS, INTENT]


def patient_line(comparison: Comparison) -> str:
    """Baseline, body and kidney as used."""
    b = comparison.body
    text = (
        f"baseline {comparison.baseline_alc:g}, weight {b.weight_kg:g} kg, body surface {b.bsa_m2:.2f} m2, "
        f"eGFR {b.egfr_ml_min:.0f} mL/min/1.73m2"
    )
    return text + (f" (assumed: {', '.join(b.assumed)})" if b.assumed else "")


def regimen_title(f: RegimenForecast) -> str:
    """Name, product, indication."""
    r = f.regimen
    return name_of(r) + (f": {r.title}, {r.indication}" if r.title else "")


def given(f: RegimenForecast) -> list[str]:
    """What is given when, one line a drug or field, and the product's window."""
    lines = []
    doses: dict[tuple[str, float, str], list[float]] = {}
    for d in f.regimen.drugs:
        doses.setdefault((d.drug, d.amount, d.unit), []).append(d.day)
    for (drug, amount, unit), when in doses.items():
        outside = "" if drug in DRUGS else ", NOT IN THE MODEL: its kill is in no count here"
        lines.append(f"{drug} {amount:g} {unit} on days {days_text(when)}{outside}")
    for r in f.regimen.radiation:
        what = f"{r.whole_body_gy:g} Gy whole body" if r.whole_body_gy is not None else f"plan {r.plan}"
        what += f" x {r.dose_factor:g}" if r.dose_factor != 1.0 else ""
        days = days_text(r.days)
        lines.append(f"{r.label}: {what}, {len(r.days)} fractions on days {days} ({r.role}, {f.kinetics[r.label]} set)")
    if f.window_days is not None:
        low, high = f.window_days
        known = f.regimen.window.known if f.regimen.window is not None else ""
        lines.append(
            f"product window: day {low:g} to {high:g} here ({known}); infusion day {days_text(f.regimen.infusion_days)}"
        )
    if split := split_line(f):
        lines.append(split)
    if f.regimen.evidence:
        cited = ", ".join(dict.fromkeys(e.source for e in f.regimen.evidence if e.source != "assumption"))
        lines.append(
            f"evidence: {', '.join(sorted({e.known for e in f.regimen.evidence}))}" + (f" [{cited}]" if cited else "")
        )
    if f.band_owners:
        owned = ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(f.band_owners.items())[:4])
        lines.append(f"spread of the count at infusion goes with: {owned}")
    return lines


def calendar_table(f: RegimenForecast, infusion: date | None) -> Table | None:
    """What happens on which date; None where the date of day 0 was not given."""
    rows = calendar(f.regimen, f.window_days, infusion)
    columns: tuple[Column[Entry], ...] = (
        Column("date", lambda e: e.date.isoformat()),
        Column("day", lambda e: f"{e.day:g}", numeric=True),
        Column("what", lambda e: e.what, width=5),
    )
    return tabled(f"Calendar of {f.regimen.name}", rows, columns) if rows else None


def split_line(f: RegimenForecast) -> str:
    """Count on the last day of a split dose; empty for one infusion."""
    if len(f.regimen.infusion_days) < 2:
        return ""
    alc = shown("alc_at_last_infusion", f.metrics["alc_at_last_infusion"])
    return f"host ALC at the last infusion, day {f.regimen.infusion_days[-1]:g}: {alc}"


def source_lines(comparison: Comparison) -> list[str]:
    """The sources the criteria and regimens cite, once each."""
    keys = [j.criterion.source for f in comparison.forecasts for j in f.judgements]
    keys += [e.source for f in comparison.forecasts for e in f.regimen.evidence]
    known = sources()
    cited = [known[key] for key in dict.fromkeys(keys) if key in known and known[key].anchor]
    return [f"{s.key}: {s.citation} {s.anchor}" for s in sorted(cited, key=lambda s: s.key)]


def metric_table(regimens: Sequence[RegimenForecast], metrics: Sequence[tuple[str, str]]) -> Table:
    """A line a regimen, a column a metric (head, name): median and 90 % range."""

    def column(head: str, metric: str) -> Column[RegimenForecast]:
        return Column(head, lambda f: shown(metric, f.metrics[metric]))

    name: Column[RegimenForecast] = Column("regimen", lambda f: name_of(f.regimen), width=3)
    return tabled(METRIC_CAPTION, regimens, [name, *(column(head, metric) for head, metric in metrics)])


METRIC_CAPTION = (
    "Median and 90 % range, of the nadir's day the range; counts in 10^9/L, days before and after day 0, AUC in mg h/L."
)
PAIRED = ("alc_at_infusion", "days_below_0_2_after")


def paired_table(comparison: Comparison) -> Table:
    """Each regimen against the first given, draw by draw: difference at infusion and how often it is deeper."""
    first = comparison.forecasts[0]
    base = {m: np.asarray(first.metrics[m], dtype=float) for m in PAIRED}
    drugs = {d.drug for d in first.regimen.drugs}

    def change(f: RegimenForecast, metric: str) -> Any:
        return np.asarray(f.metrics[metric], dtype=float) - base[metric]

    def same(f: RegimenForecast) -> bool:
        return {d.drug for d in f.regimen.drugs} == drugs

    depth, duration = PAIRED
    columns: tuple[Column[RegimenForecast], ...] = (
        Column("regimen", lambda f: name_of(f.regimen), width=3),
        Column("ALC day 0", lambda f: _signed(change(f, depth), depth)),
        Column("lower in", lambda f: f"{100 * float(np.mean(change(f, depth) < 0.0)):.0f} %", numeric=True),
        Column("days <0.2 after", lambda f: _signed(change(f, duration), duration)),
        Column("drugs", lambda f: "the same" if same(f) else "different: less sure"),
    )
    return tabled(f"Paired with {first.regimen.name}, the same draws", comparison.forecasts[1:], columns)


def _signed(change: Any, metric: str) -> str:
    low, middle, high = np.quantile(change, (OUTER[0], 0.5, OUTER[1]))
    digits = 3 if METRICS[metric].unit == "10^9/L" else 1
    return f"{middle:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def tally(f: RegimenForecast) -> str:
    """How many criteria are in each state."""
    states = [j.state for j in f.judgements]
    return f"{states.count('MET')} met, {states.count('NOT MET')} not, {states.count('CANNOT SAY')} cannot say"


def criteria_table(regimens: Sequence[RegimenForecast]) -> Table:
    """A row a criterion, a column a regimen."""

    def column(f: RegimenForecast) -> Column[str]:
        by_label = {j.criterion.label: j for j in f.judgements}
        joint = "" if f.joint is None else f"{100 * f.joint:.0f} %"
        return Column(name_of(f.regimen), lambda label: joint if label == ALL_MET else state_text(by_label.get(label)))

    labels = list(dict.fromkeys(j.criterion.label for f in regimens for j in f.judgements))
    name: Column[str] = Column("criterion", lambda label: label, width=4)
    return tabled("Planner criteria", [*labels, ALL_MET], [name, *(column(f) for f in regimens)])


ALL_MET = "all that can be judged, at once"


def state_text(j: Judgement | None) -> str:
    """State and share of the ensemble."""
    if j is None:
        return "-"
    return j.state + ("" if j.probability is None or j.value is None else f" {100 * j.probability:.0f} %")


def evidence_lines(regimens: Sequence[RegimenForecast]) -> list[str]:
    """What stands behind each criterion, and why some cannot be said."""
    out: dict[str, None] = {}
    for f in regimens:
        for j in f.judgements:
            c = j.criterion
            whose = f" ({f.regimen.name})" if c.metric in {"days_outside_window", "wbc"} else ""
            note = f". {c.note}" if c.note else ""
            out[f"{c.label}{whose}: {c.known}; {c.source}, {c.place}{note}"] = None
    for f in regimens:
        for j in f.judgements:
            if j.state == "CANNOT SAY" and j.probability is None:
                out[f"cannot say for {f.regimen.name}: {j.criterion.label}: {j.reason}"] = None
    return list(out)


def band_lines(comparison: Comparison) -> list[str]:
    """Published exposure bands with their source, and where each regimen falls."""
    lines = []
    for band in comparison.bands:
        ends = f">= {band.low:g}" if band.high is None else f"{band.low:g} to {band.high:g}"
        source = sources().get(band.source)
        lines.append(f"{ends}: {band.note} {band.place} [{source.citation if source else band.source}]")
    for f in ordered(comparison):
        auc = f.metrics["fludarabine_auc"]
        if isinstance(auc, Absent):
            continue
        values = np.atleast_1d(np.asarray(auc, dtype=float))
        parts = []
        for band in comparison.bands:
            parts.append(f"below {band.low:g} {100 * np.mean(values < band.low):.0f} %")
            if band.high is not None:
                parts.append(f"above {band.high:g} {100 * np.mean(values > band.high):.0f} %")
        lines.append(f"{f.regimen.name}: {shown('fludarabine_auc', auc)}; {', '.join(dict.fromkeys(parts))}")
    return lines


def hematotox_lines(comparison: Comparison) -> list[str]:
    """The CAR-HEMATOTOX score."""
    h = comparison.hematotox
    assert h is not None
    score = f"{h.score}" if h.score is not None else f"{h.low} to {h.high} (missing: {', '.join(h.missing)})"
    points = ", ".join(f"{name} {p}" for name, p in h.points.items())
    return [
        f"CAR-HEMATOTOX {score} of 7, risk group: {h.group} ({points})",
        "  pooled validation AUC 0.89 (n=180), external 0.73 (n=245); lymphoma and myeloma, not acute leukaemia",
    ]


def all_findings(comparison: Comparison) -> tuple[Finding, ...]:
    """Findings of the comparison and its regimens, once each, warnings first."""
    found = [*comparison.findings, *(x for f in comparison.forecasts for x in f.findings)]
    if comparison.hematotox is not None:
        found += comparison.hematotox.findings
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(dict.fromkeys(found), key=lambda f: (order[f.severity], f.code)))


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """One line a finding; many of one code are one line with their places."""
    by_code: dict[tuple[str, str], list[Finding]] = {}
    for f in findings:
        by_code.setdefault((f.code, f.severity), []).append(f)
    lines = []
    for (code, severity), group in by_code.items():
        if len(group) > MANY and all(f.where for f in group):
            places = ", ".join(dict.fromkeys(f.where for f in group))
            lines.append(f"{code} {severity}: {RULES[code].title} ({len(group)}): {places}")
            continue
        for f in group:
            where, hint = (f" [{f.where}]" if f.where else ""), (f" ({f.hint})" if f.hint else "")
            lines.append(f"{code} {severity}: {f.what}{where}{hint}")
    return lines
