"""The comparison of conditioning regimens as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lymphorisk.lymphocyte.criteria import Judgement
from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning import (
    COLUMNS,
    DAYS,
    all_findings,
    band_lines,
    finding_lines,
    given,
    hematotox_lines,
    notes,
    ordered,
    patient_line,
    regimen_title,
    search_lines,
    shown,
    tally,
)
from lymphorisk.report.conditioning_svg import counts_svg, frontier_svg

STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--line:#c9c9c9;--soft:#f4f4f2}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--paper:#161616;--line:#4a4a4a;--soft:#222}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin-bottom:.3rem}
table{border-collapse:collapse;width:100%;font-size:.86rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top}
th{background:var(--soft)}caption{text-align:left;padding:.3rem 0}
.wide{overflow-x:auto}svg{width:100%;height:auto}ul{padding-left:1.2rem}
.state{font-weight:600;white-space:nowrap}.not{text-decoration:underline}.cannot{font-style:italic;font-weight:400}
.note{border-left:3px solid var(--line);padding-left:.8rem}pre{overflow-x:auto;background:var(--soft);padding:.6rem}
@media print{body{max-width:none;margin:0}h2{break-after:avoid}table,svg{break-inside:avoid}}
"""
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
    for f in ordered(comparison):
        body += _regimen(f)
    body += ["<h2>Fludarabine exposure and published bands</h2>", _list(band_lines(comparison))]
    if comparison.hematotox is not None:
        body += ["<h2>CAR-HEMATOTOX</h2>", _list(hematotox_lines(comparison))]
    if search is not None:
        lines = "\n".join(search_lines(search))
        body += ["<h2>Search</h2>", f"<figure>{frontier_svg(search)}</figure>", f"<pre>{escape(lines)}</pre>"]
    body += ["<h2>Findings</h2>", _list(finding_lines(all_findings(comparison)))]
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
        f'<div class="wide"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _regimen(f: RegimenForecast) -> list[str]:
    rows = "".join(_criterion(j) for j in f.judgements)
    head = "".join(f'<th scope="col">{h}</th>' for h in ("state", "share", "median", "criterion", "evidence"))
    out = [
        f"<h3>{escape(regimen_title(f))}</h3>",
        _list(given(f)),
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>',
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


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
