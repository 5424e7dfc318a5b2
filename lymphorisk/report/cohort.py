"""A cohort as one page: groups, forecast against counts, findings, outliers, control charts, quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lymphorisk.cohorts.trends import LEAST, LOOKED_AT, Agreement, Chart, Group, Month, Outlier, Trends
from lymphorisk.findings import every_rule
from lymphorisk.report.document import Block, Callout, Document, Figure, Paragraph, Section, Tiles
from lymphorisk.report.figures import bars
from lymphorisk.report.legend import NARROW, WIDE
from lymphorisk.report.noticed import explained, place
from lymphorisk.report.svg import Drawing, Scale, nice_ticks
from lymphorisk.report.table import CODES, Cell, Column, Table, tabled
from lymphorisk.report.wording import TEXT_MAX, plural, short

#: Rows of a list that a page shows; the tables hold them all.
SHOWN = 60
#: Bars of a figure: more are no figure.
BARS = 14
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 320, 58.0, 14.0, 38.0, 52.0
HALF = NARROW
MONTH_LABELS = 6
BY_SITE = "Each plan as its difference from the mean of its site, so that another mix of sites is no drift."
RULES_OF_CHART = (
    "A point beyond three standard errors, or the ninth month in a row on one side of zero, is out of control: look "
    "for a change of practice, of a machine or of the planning system."
)


def report(t: Trends, title: str = "Cohort") -> Document:
    """The page of a cohort."""
    lead = (
        f"{plural(t.plans, 'plan')} of {plural(t.patients, 'patient')}; in quarantine: {len(t.quarantine)}.",
        _agreed(t.agreement),
        _drifted(t.charts),
    )
    sections = [
        Section("Groups", _groups(t)),
        Section("Forecast against counts", _against(t.agreement)),
        Section("Over time", tuple(block for chart in t.charts for block in _chart(chart))),
        Section("Outliers to look at", _outliers(t)),
        Section("Findings by frequency", _findings(t)),
        Section("Quarantine", _quarantine(t.quarantine)),
    ]
    return explained(Document(title, lead, tuple(sections), opening=(_tiles(t),)))


def _agreed(a: Agreement | None) -> str:
    if a is None:
        return "No counts were given: the forecasts are not held against measurements."
    return f"{a.coverage:.0%} of {plural(a.plans, 'lowest count')} lie in the 90 % band of their forecast."


def _drifted(charts: Sequence[Chart]) -> str:
    """What the control charts say, and that there are none where there are none."""
    drawn = [chart for chart in charts if chart.months]
    if not drawn:
        return "There is no control chart: too few plans with a month."
    out_of = sum(bool(month.signal) for chart in drawn for month in chart.months)
    if not out_of:
        return f"No drift in {plural(len(drawn), 'control chart')}."
    return f"Out of control: {plural(out_of, 'point')} of {plural(len(drawn), 'control chart')}."


def _tiles(t: Trends) -> Tiles:
    tiles = [
        ("plans", str(t.plans), f"of {plural(t.patients, 'patient')}"),
        ("quarantine", str(len(t.quarantine)), "with code and hint"),
        ("warned", str(t.warned), "plans with a warning or an error"),
    ]
    return Tiles(tuple(tiles + [(verdict, str(count), "by the protocol") for verdict, count in t.verdicts.items()]))


def _groups(t: Trends) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for caption, groups in (("By site", t.sites), ("By modality and technique", t.techniques)):
        blocks += [*_figures(caption, groups), group_table(caption, groups)]
    systems: tuple[Column[tuple[str, int]], ...] = (
        Column("planning system", lambda r: short(r[0]), width=5),
        Column("plans", lambda r: str(r[1]), numeric=True),
    )
    return (*blocks, tabled("Planning systems, as the plan files say", list(t.systems.items())[:SHOWN], systems))


def _figures(caption: str, groups: Sequence[Group]) -> list[Figure]:
    """One figure a looked-at number: median as a bar, quartiles as a whisker."""
    out = []
    for column, name, unit in LOOKED_AT:
        known = [(g, q) for g in groups[:BARS] if (q := g.quartiles[column]) is not None]
        if known:
            made = bars(
                f"{caption.split()[1]}-{column}".replace("_", "-"),
                f"{name.capitalize()} {caption.lower()}",
                [(g.name, q[1], f"{q[1]:.3g}") for g, q in known],
                f"median {name}{_in(unit)}",
                ranges=[(q[0], q[2]) for _, q in known],
            )
            out.append(Figure(made, f"{name.capitalize()} {caption.lower()}: median, and the quartiles as a line."))
    return out


def group_table(caption: str, groups: Sequence[Group]) -> Table:
    """Groups with median and quartiles of each looked-at number."""

    def quartiles(column: str) -> Column[Group]:
        name, unit = next((n, u) for c, n, u in LOOKED_AT if c == column)
        return Column(f"{name}{_in(unit)}", lambda g: _quartiles(g.quartiles[column]), numeric=True, width=3)

    columns: tuple[Column[Group], ...] = (
        Column(caption.removeprefix("By "), lambda g: g.name, width=3),
        Column("plans", lambda g: str(g.plans), numeric=True),
        *(quartiles(column) for column, _, _ in LOOKED_AT),
    )
    return tabled(f"{caption}: median (quartiles)", groups[:SHOWN], columns)


def _in(unit: str) -> str:
    return f" [{unit}]" if unit else ""


def _quartiles(q: tuple[float, float, float] | None) -> str:
    return "–" if q is None else f"{q[1]:.3g} ({q[0]:.3g} to {q[2]:.3g})"


def _against(a: Agreement | None) -> tuple[Block, ...]:
    if a is None:
        return (Paragraph("No counts were given (--counts)."),)
    columns: tuple[Column[tuple[float, float, int, int]], ...] = (
        Column("mean predicted", lambda r: f"{r[0]:.2f}", numeric=True),
        Column("observed", lambda r: f"{r[1]:.2f}", numeric=True),
        Column("events", lambda r: str(r[2]), numeric=True),
        Column("plans", lambda r: str(r[3]), numeric=True),
    )
    said = (
        f"Lowest count minus the forecast of it over {plural(a.plans, 'plan')}: mean {a.bias:+.2f}, mean absolute "
        f"{a.error:.2f} x10^9/L. {a.coverage:.0%} lie in the 90 % band."
    )
    return (
        Paragraph(said, "strong"),
        Figure(_calibration(a), "Grade 3 or worse: observed share against mean predicted risk, by groups of risk."),
        tabled("Calibration of grade 3 or worse", a.curve, columns),
    )


def _calibration(a: Agreement) -> Drawing:
    said = "; ".join(f"predicted {p:.2f}: observed {seen:.2f} of {n}" for p, seen, _, n in a.curve)
    d = Drawing(HALF, HEIGHT, "Calibration of the forecast", said, "calibration")
    x, y = Scale(0.0, 1.0, LEFT, HALF - RIGHT), Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    d.x_axis(x, HEIGHT - BOTTOM, TOP, nice_ticks(0.0, 1.0, 5), "predicted")
    d.y_axis(y, LEFT, HALF - RIGHT, nice_ticks(0.0, 1.0, 5), "observed")
    d.line([(x(0), y(0)), (x(1), y(1))], "grid")
    for p, seen, _, _ in a.curve:
        d.mark(x(p), y(seen), "circle", "dot", 4.0)
    return d


def _chart(chart: Chart) -> tuple[Block, ...]:
    if not chart.months:
        return (Paragraph(f"{chart.name.capitalize()}: no control chart, {chart.reason}."),)
    caption = f"{chart.name.capitalize()} by month of treatment, with its limits. {BY_SITE} {RULES_OF_CHART}"
    blocks: list[Block] = [Figure(control(chart, WIDE), caption, control(chart, NARROW))]
    out_of = [m for m in chart.months if m.signal]
    if out_of:
        said = tuple(_signalled(m, chart.unit) for m in out_of[:SHOWN])
        blocks.insert(0, Callout(f"{chart.name.capitalize()}: out of control", said))
    return tuple(blocks)


def _signalled(m: Month, unit: str) -> str:
    """A month out of control, in words."""
    return f"{m.month}: {f'{m.mean:+.3g} {unit}'.strip()}, {m.signal} ({plural(m.plans, 'plan')})"


def control(chart: Chart, width: int) -> Drawing:
    """A control chart: points by month, limits as steps, points out of control as diamonds."""
    months = chart.months
    most = max(max(abs(m.mean), m.high) for m in months) * 1.1 or 1.0
    said = f"{len(months)} months, {sum(bool(m.signal) for m in months)} out of control"
    key = f"control-{chart.name.split()[0]}-{width}"
    d = Drawing(width, HEIGHT, f"Control chart: {chart.name}", said, key)
    x = Scale(0.0, max(len(months) - 1.0, 1.0), LEFT + 12.0, width - RIGHT - 12.0)
    y = Scale(-most, most, HEIGHT - BOTTOM, TOP)
    d.y_axis(y, LEFT, width - RIGHT, nice_ticks(-most, most, 5), f"difference {chart.unit}".strip())
    every = max(-(-len(months) // (MONTH_LABELS if width == WIDE else MONTH_LABELS // 2)), 1)
    for i in range(0, len(months), every):
        d.text(x(i), HEIGHT - BOTTOM + 19, months[i].month, "tick", "middle")
    d.text((x.start + x.end) / 2, HEIGHT - BOTTOM + 41, "month of treatment", "axis-label", "middle")
    d.line([(x.start, y(0.0)), (x.end, y(0.0))], "axis")
    for limit in ("low", "high"):
        d.line([(x(i), y(getattr(m, limit))) for i, m in enumerate(months)], "curve c1", dash="6 4")
    d.line([(x(i), y(m.mean)) for i, m in enumerate(months)], "curve c0")
    for i, m in enumerate(months):
        d.mark(x(i), y(m.mean), "diamond" if m.signal else "circle", "dot", 5.0 if m.signal else 3.0)
    return d


def _outliers(t: Trends) -> tuple[Block, ...]:
    outliers = t.outliers
    if max((site.plans for site in t.sites), default=0) < LEAST:
        return (Paragraph(f"No site has {LEAST} plans: nothing is far from so few."),)
    if not outliers:
        return (Paragraph(f"No plan lies far from the others of its site, of sites with {LEAST} plans and more."),)
    columns: tuple[Column[Outlier], ...] = (
        Column("plan", lambda o: o.key, style="code", width=4),
        Column("site", lambda o: o.site),
        Column("what", lambda o: o.name, width=3, style="wide"),
        Column("value", lambda o: f"{o.value:.3g}", numeric=True),
        Column("site's median", lambda o: f"{o.median:.3g}", numeric=True),
        Column("modified z", lambda o: f"{o.z:+.1f}", numeric=True),
    )
    more = f" The {SHOWN} farthest of {len(outliers)}." if len(outliers) > SHOWN else ""
    said = f"Modified z above 3.5 within the site; an outlier is a plan to look at, not a fault.{more}"
    return (Paragraph(said), tabled("Outliers", outliers[:SHOWN], columns))


def _findings(t: Trends) -> tuple[Block, ...]:
    rules = every_rule()
    columns: tuple[Column[tuple[str, int]], ...] = (
        Column("Code", lambda r: Cell(r[0], link=place(r[0])), style=CODES),
        Column("Severity", lambda r: Cell(rules[r[0]].severity, tag=rules[r[0]].severity)),
        Column("plans", lambda r: str(r[1]), numeric=True),
        Column("share", lambda r: f"{r[1] / t.plans:.0%}", numeric=True),
        Column("What it is", lambda r: rules[r[0]].title, width=6, style="wide"),
    )
    blocks: list[Block] = [tabled("Findings of the plans", list(t.findings.items()), columns)]
    if t.noticed:
        blocks.append(_rows("About the cohort", t.noticed, "where"))
    return tuple(blocks)


def _quarantine(rows: Sequence[Mapping[str, str]]) -> tuple[Block, ...]:
    if not rows:
        return (Paragraph("No plan stands in quarantine."),)
    return (_rows("Plans that gave no row", rows, "key"),)


def _rows(caption: str, rows: Sequence[Mapping[str, str]], where: str) -> Table:
    """Rows with a code, what, and what can be done."""
    more = f" ({SHOWN} of {len(rows)})" if len(rows) > SHOWN else ""
    columns: tuple[Column[Mapping[str, str]], ...] = (
        Column("Code", lambda r: Cell(r["code"], link=place(r["code"])), width=1.4, style=CODES),
        Column("Where", lambda r: short(r[where]), width=3, style="code"),
        Column("What", lambda r: short(r["what"], TEXT_MAX), width=6, style="wide"),
        Column("What can be done", lambda r: short(r["hint"], TEXT_MAX), width=5, style="from"),
    )
    return tabled(f"{caption}{more}", rows[:SHOWN], columns)
