"""The judgement of a predictor on a cohort: text for a terminal, one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from lymphorisk.report.svg import Drawing, Scale, nice_ticks, round_up

OUTCOME = {"g3": "Grade 3 or more (ALC < 0.5)", "g4": "Grade 4 (ALC < 0.2)"}
COLUMNS = (
    ("n", "patients"),
    ("events", "events"),
    ("auc", "AUC"),
    ("brier", "Brier"),
    ("scaled_brier", "scaled Brier"),
    ("in_the_large", "predicted - observed"),
    ("slope", "slope"),
)
WIDTH, HEIGHT = 420, 380
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 34.0, 48.0
BAR_WIDTH, BAR_ROW = 640, 24
NOT_CAUSES = "Contributions describe the model, not causes: they are no advice on which dose to change."
BEESWARM = "SHAP summary: each dot a stored background patient, grey where the feature is missing."
STYLE = """
:root{color-scheme:light dark;--ink:#17212b;--paper:#fff;--soft:#4a5763;--rule:#cfd6dd;--one:#005b96;--two:#b3421a}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf2;--paper:#12171c;--soft:#a9b6c2;--rule:#38444f;--one:#7fc0ee;
--two:#f2946b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:64rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem;border-top:2px solid var(--ink);padding-top:.6rem}
h3{font-size:1rem}table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--rule);padding:.25rem .6rem .25rem 0;text-align:right}
th:first-child,td:first-child{text-align:left}.wide{overflow-x:auto}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:1rem}figure{margin:0}
figcaption{font-size:.82rem;color:var(--soft)}svg{width:100%;height:auto}
svg text{fill:var(--ink);font-size:13px}svg .tick,svg .axis-label{font-size:12px;fill:var(--soft)}
svg path{fill:none;stroke:var(--ink)}
.shap{margin-top:1rem}.shap svg{background:#fff;max-width:52rem}.shap svg path{fill:#000;stroke:none}
svg .grid{stroke:var(--rule)}svg .one{stroke:var(--one);stroke-width:2}
svg .two{stroke:var(--two);stroke-width:2}svg .dot{fill:var(--one)}svg .bar{fill:var(--one)}
@media print{body{margin:0;max-width:none}figure,table{break-inside:avoid}}
"""


def evaluation_text(evaluation: Mapping[str, Any]) -> str:
    """Scores for a terminal."""
    lines = [f"{evaluation['kind']}: {evaluation['cohort']}"]
    for outcome, e in evaluation["outcomes"].items():
        low, high = e["interval"]["auc"]
        lines += [
            "",
            f"{OUTCOME.get(outcome, outcome)}: {e['events']} events among {e['n']} patients",
            f"  AUC {e['auc']:.3f} ({low:.3f} to {high:.3f}), Brier {e['brier']:.3f}, scaled {e['scaled_brier']:.2f}",
            f"  calibration: slope {e['slope']:.2f}, predicted - observed {e['in_the_large']:+.3f}",
        ]
        if sets := e.get("conformal"):
            lines.append(
                f"  {100 * sets['level']:.0f} % conformal sets hold {sets['events']:.0%} of events and "
                f"{sets['non_events']:.0%} of the others; {sets['decided']:.0%} are decided"
            )
        if gain := e.get("against_logistic"):
            verdict = "adds to" if gain["adds"] else "does not add to"
            low, high = gain["auc_gain_interval"]
            less, more = gain["brier_gain_interval"]
            lines.append(
                f"  {verdict} a logistic model on the same features: AUC {gain['auc_gain']:+.3f} ({low:+.3f} to "
                f"{high:+.3f}), Brier {gain['brier_gain']:+.4f} ({less:+.4f} to {more:+.4f})"
            )
    return "\n".join(lines) + "\n"


def evaluation_html(
    evaluation: Mapping[str, Any],
    title: str,
    notes: Sequence[str] = (),
    beeswarms: Mapping[str, str] | None = None,
) -> str:
    """One page: scores, ROC, calibration curve, decision curve, subgroups, contributions. No network, no script.

    `beeswarms` holds SVG elements by outcome, as drawn by shap.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(evaluation['kind'])}. Cohort: {escape(evaluation['cohort'])}, {evaluation['rows']} rows.</p>",
    ]
    if notes:
        body.append("<ul>" + "".join(f"<li>{escape(n)}</li>" for n in notes) + "</ul>")
    for outcome, e in evaluation["outcomes"].items():
        body += _outcome(outcome, e)
        if beeswarms and outcome in beeswarms:
            body.append(f'<div class="shap">{_figure(beeswarms[outcome], f"{BEESWARM} {NOT_CAUSES}")}</div>')
    if test := evaluation.get("test"):
        body.append(f"<h2>{escape(test['kind'].capitalize())}</h2>")
        body.append(_table("Scores", {OUTCOME.get(o, o): e for o, e in test["outcomes"].items()}))
    if missing := evaluation.get("missing"):
        rows = "".join(f"<tr><td>{escape(n)}</td><td>{100 * v:.0f} %</td></tr>" for n, v in missing.items())
        body.append(f"<h2>Missing values</h2><table><tr><th>feature</th><th>missing</th></tr>{rows}</table>")
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _outcome(outcome: str, e: Mapping[str, Any]) -> list[str]:
    name = OUTCOME.get(outcome, outcome)
    out = [f"<h2>{escape(name)}</h2>", _table("Scores", {"boosted trees": e, **_other(e)})]
    out.append('<div class="figures">')
    out.append(_figure(_roc(outcome, e), f"ROC curve; area {e['auc']:.3f}."))
    out.append(_figure(_calibration(outcome, e), "Observed rate with 95 % interval by tenth of predicted risk."))
    out.append(_figure(_decision(outcome, e), "Net benefit of acting above a threshold; red: acting on everybody."))
    out.append("</div>")
    if importance := e.get("importance"):
        caption = f"Mean absolute contribution by organ group, whiskers over resampled models. {NOT_CAUSES}"
        out.append(_figure(_importance(outcome, importance), caption))
    for label, groups in e.get("subgroups", {}).items():
        if len(groups) > 1:
            out.append(_table(f"By {label}", groups))
    if held := e.get("held_out"):
        out.append(_table(f"Each {e.get('held_out_by', 'group')} left out of training in turn", held))
    return out


def _other(e: Mapping[str, Any]) -> dict[str, Any]:
    return {"logistic, same features": e["logistic"]} if "logistic" in e else {}


def _table(caption: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{escape(label)}</th>" for _, label in COLUMNS)
    body = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{_cell(row.get(key))}</td>" for key, _ in COLUMNS) + "</tr>"
        for name, row in rows.items()
    )
    return f'<h3>{escape(caption)}</h3><div class="wide"><table><tr><th></th>{head}</tr>{body}</table></div>'


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _axes(
    title: str, key: str, x_label: str, y_label: str, y_range: tuple[float, float]
) -> tuple[Drawing, Scale, Scale]:
    d = Drawing(WIDTH, HEIGHT, title, f"{y_label} against {x_label}", key)
    x = Scale(0.0, 1.0, LEFT, WIDTH - RIGHT)
    y = Scale(*y_range, HEIGHT - BOTTOM, TOP)
    d.x_axis(x, HEIGHT - BOTTOM, TOP, nice_ticks(0.0, 1.0, 5), x_label)
    d.y_axis(y, LEFT, WIDTH - RIGHT, nice_ticks(*y_range, 5), y_label)
    return d, x, y


def _roc(outcome: str, e: Mapping[str, Any]) -> str:
    d, x, y = _axes("ROC curve", f"roc-{outcome}", "false positives", "true positives", (0.0, 1.0))
    d.line([(x(0), y(0)), (x(1), y(1))], "grid")
    d.line([(x(0), y(0)), *((x(a), y(b)) for a, b in e["roc"])], "one")
    return d.svg()


def _calibration(outcome: str, e: Mapping[str, Any]) -> str:
    d, x, y = _axes("Calibration curve", f"cal-{outcome}", "predicted", "observed", (0.0, 1.0))
    d.line([(x(0), y(0)), (x(1), y(1))], "grid")
    for mean, rate, low, high, _ in e["calibration_curve"]:
        d.line([(x(mean), y(low)), (x(mean), y(high))], "one")
        d.mark(x(mean), y(rate), "circle", "dot", 4.0)
    return d.svg()


def _decision(outcome: str, e: Mapping[str, Any]) -> str:
    curve = e["decision_curve"]
    top = max(max(row[1] for row in curve), 0.05)
    d, x, y = _axes("Decision curve", f"dca-{outcome}", "threshold", "net benefit", (-0.25 * top, 1.1 * top))
    d.line([(x(0), y(0)), (x(1), y(0))], "axis")
    d.line([(x(t), y(everyone)) for t, _, everyone in curve if everyone >= -0.25 * top], "two")
    d.line([(x(t), y(model)) for t, model, _ in curve], "one")
    return d.svg()


def _importance(outcome: str, groups: Sequence[Mapping[str, Any]]) -> str:
    height = int(TOP + BAR_ROW * len(groups) + BOTTOM)
    d = Drawing(BAR_WIDTH, height, "Contributions by organ group", "mean absolute log-odds", f"imp-{outcome}")
    top = round_up(max(g["high"] for g in groups))
    x = Scale(0.0, top, 150.0, BAR_WIDTH - RIGHT)
    d.x_axis(x, height - BOTTOM, TOP, nice_ticks(0.0, top, 5), "mean absolute log-odds")
    for i, g in enumerate(groups):
        middle = TOP + BAR_ROW * (i + 0.5)
        d.text(142.0, middle + 4, g["name"], "label", "end")
        d.rect(x(0), middle - 7, x(g["mean"]) - x(0), 14, "bar")
        d.line([(x(g["low"]), middle), (x(g["high"]), middle)], "axis")
    return d.svg()
