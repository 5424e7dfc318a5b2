"""The comparison of conditioning regimens as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lymphorisk.conditioning.criteria import Judgement
from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning.search import FRONTIER, frontier_rows, listed_rows, search_title
from lymphorisk.report.conditioning.svg import counts_svg, frontier_svg
from lymphorisk.report.conditioning.text import (
    COLUMNS,
    DAYS,
    all_findings,
    band_lines,
    finding_lines,
    given,
    hematotox_lines,
    notes,
    ordered,
    paired_rows,
    patient_line,
    regimen_title,
    source_lines,
    tally,
)
from lymphorisk.report.conditioning.words import shown

LIGHT = ("#005b96", "#b3421a", "#00664b", "#8a3a78", "#6b5a00", "#2f6f8f", "#444c55", "#7a1f1f")
DARK = ("#7fc0ee", "#f2946b", "#5fcfae", "#d79ccb", "#d8c34a", "#9bd3e8", "#c2ccd6", "#f0a0a0")
STYLE = (
    """
:root{color-scheme:light dark;--paper:#fff;--ink:#17212b;--soft:#4a5763;--rule:#cfd6dd;--panel:#f3f6f8;"""
    + "".join(f"--c{i}:{c};" for i, c in enumerate(LIGHT))
    + """}
@media(prefers-color-scheme:dark){:root{--paper:#12171c;--ink:#e8edf2;--soft:#a9b6c2;--rule:#38444f;--panel:#1b232a;"""
    + "".join(f"--c{i}:{c};" for i, c in enumerate(DARK))
    + """}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:64rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-top:2px solid var(--ink);padding-top:.6rem}
h3{font-size:1rem;margin-bottom:.3rem}
table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--rule);padding:.3rem .5rem;text-align:left;vertical-align:top}
thead th{background:var(--panel)}
caption,figcaption{text-align:left;padding:.3rem 0;font-size:.86rem;color:var(--soft)}
figure{margin:0}.wide{overflow-x:auto}svg{width:100%;height:auto}ul{padding-left:1.2rem}
.state{font-weight:600;white-space:nowrap}.not{text-decoration:underline}.cannot{font-style:italic;font-weight:400}
.note{border-left:3px solid var(--rule);padding-left:.8rem}
svg text{fill:var(--ink);font-size:13px}svg .tick,svg .note,svg .axis-label{font-size:12px;fill:var(--soft)}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px}svg path{fill:none;stroke:var(--ink)}
svg .grid{stroke:var(--rule);stroke-width:.8}svg .axis{stroke-width:1.2}svg .threshold{stroke:var(--soft)}
svg .curve{stroke-width:2.1}svg .beyond{fill:var(--ink);fill-opacity:.045}
svg .met{fill:var(--c0)}svg .unmet{fill:none;stroke:var(--soft)}
"""
    + "".join(
        f"svg .c{i}{{stroke:var(--c{i})}}svg .area{i}{{fill:var(--c{i});fill-opacity:.12;stroke:none}}"
        for i in range(len(LIGHT))
    )
    + """
@media print{body{max-width:none;margin:0}h2{break-after:avoid}table,svg{break-inside:avoid}}
"""
)
#: Tables wider than the page scroll, by keyboard too.
WIDE = '<div class="wide" tabindex="0" role="region" aria-label="table">'
CLASS = {"MET": "state", "NOT MET": "state not", "CANNOT SAY": "state cannot"}


def conditioning_html(comparison: Comparison, search: SearchResult | None = None) -> str:
    """One page: plot, table, criteria with evidence, exposure bands, findings, limits. No network, no script."""
    body = [
        "<h1>Host lymphocyte count around infusion</h1>",
        f"<p>{escape(patient_line(comparison))}</p>",
        "<h2>Counts</h2>",
        f"<figure>{counts_svg(comparison)}<figcaption>Median and 80 % band of each regimen. Shaded in its colour: days "
        "on which the product may be infused by the label on record. Grey: the measured count is no longer the "
        "host's. Dotted: 0.1, 0.2 and 0.5.</figcaption></figure>",
        "<h2>Regimens, deepest at infusion first</h2>",
        _table(comparison),
    ]
    if len(comparison.forecasts) > 1:
        body += [f"<h3>Paired with {escape(comparison.forecasts[0].regimen.name)}, the same draws</h3>"]
        body += [_rows(paired_rows(comparison))]
    for f in ordered(comparison):
        body += _regimen(f)
    body += ["<h2>Fludarabine exposure and published bands</h2>", _list(band_lines(comparison))]
    if comparison.hematotox is not None:
        body += ["<h2>CAR-HEMATOTOX</h2>", _list(hematotox_lines(comparison))]
    if search is not None:
        body += ["<h2>Search</h2>", f"<p>{escape(search_title(search))}</p>", _rows(listed_rows(search))]
        body += [f"<figure>{frontier_svg(search)}<figcaption>{escape(FRONTIER)}.</figcaption></figure>"]
        body += [_rows(frontier_rows(search))]
    body += ["<h2>Findings</h2>", _list(finding_lines(all_findings(comparison)))]
    body += ["<h2>Sources</h2>", _list(source_lines(comparison))]
    body += ["<h2>Limits</h2>", *(f'<p class="note">{escape(line)}</p>' for line in notes(comparison))]
    body.append(
        f"<p><small>lymphorisk {escape(comparison.version)}, parameter set {escape(comparison.parameter_set)}, "
        f"{comparison.choices.draws} draws, seed {comparison.choices.seed}</small></p>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Host lymphocyte count around infusion</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(body)
        + "</main></body></html>\n"
    )


def _table(comparison: Comparison) -> str:
    head = "".join(
        f'<th scope="col">{escape(h)}</th>' for h in ("regimen", *(h for h, _ in (*COLUMNS, *DAYS)), "criteria")
    )
    rows = []
    for f in ordered(comparison):
        cells = "".join(f"<td>{escape(shown(m, f.metrics[m]))}</td>" for _, m in (*COLUMNS, *DAYS))
        rows.append(f'<tr><th scope="row">{escape(f.regimen.name)}</th>{cells}<td>{escape(tally(f))}</td></tr>')
    caption = "Median and 90 % range; counts in 10^9/L, days below a threshold before and after day 0, AUC in mg h/L."
    return (
        f"{WIDE}<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _regimen(f: RegimenForecast) -> list[str]:
    rows = "".join(_criterion(j) for j in f.judgements)
    head = "".join(f'<th scope="col">{h}</th>' for h in ("state", "share", "median", "criterion", "evidence"))
    out = [
        f"<h3>{escape(regimen_title(f))}</h3>",
        _list(given(f)),
        f"{WIDE}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>",
    ]
    if f.joint is not None:
        out.append(f"<p>All criteria that can be judged, at once: {100 * f.joint:.0f} % of the ensemble.</p>")
    return out


def _criterion(j: Judgement) -> str:
    share = "" if j.probability is None else f"{100 * j.probability:.0f} %"
    value = "" if j.value is None else f"{j.value:.2g}"
    evidence = f"{j.criterion.known}; {j.criterion.source}: {j.criterion.place}. {j.criterion.note}".rstrip()
    reason = f" ({j.reason})" if j.reason else ""
    return (
        f'<tr><td class="{CLASS[j.state]}">{j.state}</td><td>{share}</td><td>{value}</td>'
        f"<td>{escape(j.criterion.label + reason)}</td><td>{escape(evidence)}</td></tr>"
    )


def _rows(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"{WIDE}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
