"""The judgement of a predictor on a cohort: text for a terminal, a report for any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lymphorisk.findings import RULES, Finding
from lymphorisk.report.document import Beside, Block, Bullets, Document, Figure, Paragraph, Picture, Section
from lymphorisk.report.figures import bars
from lymphorisk.report.legend import NARROW
from lymphorisk.report.noticed import CODE, counted, explained, findings
from lymphorisk.report.svg import Drawing, Scale, nice_ticks
from lymphorisk.report.table import Column, Table, tabled

OUTCOME = {"g3": "Grade 3 or more (ALC < 0.5)", "g4": "Grade 4 (ALC < 0.2)"}
NONE = "–"
WIDTH, HEIGHT = NARROW, 340
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 38.0, 52.0
#: What a standing is called.
STATES = {
    "holds": "Holds",
    "recalibrate": "Wants recalibration",
    "poor": "POOR, gives no number",
    "too few": "Cannot be told yet",
}
#: Voices as they are called; published models go by their names.
VOICES = {"mechanism": "the mechanism"}
NOT_CAUSES = "Contributions describe the model, not causes: they are no advice on which dose to change."
BEESWARM = "SHAP summary: each dot a stored background patient, grey where the feature is missing."
NET_BENEFIT = "Net benefit of acting above a threshold, with 95 % intervals; second line: acting on everybody."
Scores = Mapping[str, Any]


def evaluation_text(evaluation: Mapping[str, Any]) -> str:
    """Scores for a terminal."""
    lines = [f"{evaluation['kind']}: {evaluation['cohort']}"]
    if declined := evaluation.get("declined"):
        lines.append(f"of {evaluation['rows']} rows " + ", ".join(f"{n} {kind}" for kind, n in declined.items()))
    for outcome, e in evaluation["outcomes"].items():
        lines += ["", f"{OUTCOME.get(outcome, outcome)}: {e['events']} events among {e['n']} patients"]
        lines += [f"  {line}" for line in _scored(e)]
        if sets := e.get("conformal"):
            lines.append(
                f"  {100 * sets['level']:.0f} % conformal sets hold {sets['events']:.0%} of events and "
                f"{sets['non_events']:.0%} of the others; {sets['decided']:.0%} are decided"
            )
        if gain := e.get("against_logistic"):
            lines.append(f"  {_against('a logistic model on the same features', gain)}")
        if state := e.get("standing"):
            lines.append(f"  {STATES[state['state']]}: {state['why']}")
        for name, voice in e.get("voices", {}).items():
            lines.append(f"  {VOICES.get(name, name)}: {voice['events']} events among {voice['n']} patients")
            lines += [f"    {line}" for line in ([voice["reason"]] if "reason" in voice else _scored(voice))]
            if gain := voice.get("model_against_it"):
                lines.append(f"    on the {gain['n']} both answer for the predictor {_against('it', gain)}")
    for outcome, found in evaluation.get("recalibration", {}).items():
        lines += ["", *recalibration_lines(outcome, found)]
    return "\n".join(lines) + "\n"


def _scored(e: Scores) -> list[str]:
    low, high = e["interval"]["auc"]
    less, more = e["interval"]["slope"]
    under, over = e["interval"]["in_the_large"]
    return [
        f"AUC {e['auc']:.3f} ({low:.3f} to {high:.3f}), Brier {e['brier']:.3f}, scaled {e['scaled_brier']:.2f}",
        f"calibration: slope {e['slope']:.2f} ({less:.2f} to {more:.2f}), predicted - observed "
        f"{e['in_the_large']:+.3f} ({under:+.3f} to {over:+.3f})",
    ]


def _against(other: str, gain: Mapping[str, Any]) -> str:
    verdict = "adds to" if gain["adds"] else "does not add to"
    low, high = gain["auc_gain_interval"]
    less, more = gain["brier_gain_interval"]
    return (
        f"{verdict} {other}: AUC {gain['auc_gain']:+.3f} ({low:+.3f} to {high:+.3f}), Brier {gain['brier_gain']:+.4f} "
        f"({less:+.4f} to {more:+.4f})"
    )


def recalibration_lines(outcome: str, found: Mapping[str, Any]) -> list[str]:
    """What a recalibration changed, in sentences."""
    before, after = found["before"], found["after"]
    return [
        f"{OUTCOME.get(outcome, outcome)}: new log-odds = {found['intercept']:+.2f} + {found['slope']:.2f} x old; "
        f"Riley's criteria ask for {found['asked_for']} patients for both, here are {before['n']}",
        f"  mean probability {found['mean_before']:.3f} -> {found['mean_after']:.3f}, observed {found['observed']:.3f}",
        f"  slope {before['slope']:.2f} -> {after['slope']:.2f}, Brier {before['brier']:.3f} -> {after['brier']:.3f} "
        "(after: patients the line was not fitted to)",
        f"  {STATES[found['standing']['state']]}: {found['standing']['why']}",
    ]


def report(
    evaluation: Mapping[str, Any],
    title: str,
    notes: Sequence[str] = (),
    beeswarms: Mapping[str, str] | None = None,
) -> Document:
    """Scores, ROC, calibration curve, decision curve, subgroups, contributions.

    `beeswarms` holds SVG elements by outcome, as drawn by shap.
    """
    whose = f"{evaluation['kind']}. Cohort: {evaluation['cohort']}, {evaluation['rows']} rows."
    lead = tuple(result_sentence(outcome, e) for outcome, e in evaluation["outcomes"].items())
    sections = [_outcome(outcome, e, (beeswarms or {}).get(outcome)) for outcome, e in evaluation["outcomes"].items()]
    if test := evaluation.get("test"):
        scores = score_table("Scores", {OUTCOME.get(o, o): e for o, e in test["outcomes"].items()})
        sections.append(Section(test["kind"].capitalize(), (scores,)))
    if lines := [line for o, f in evaluation.get("recalibration", {}).items() for line in recalibration_lines(o, f)]:
        sections.append(Section("Recalibration", (Bullets(tuple(line.strip() for line in lines)),)))
    if missing := evaluation.get("missing"):
        sections.append(Section("Missing values", (missing_table(missing),)))
    if notes:
        sections.append(_noticed(notes))
    return explained(Document(title, lead, tuple(sections), meta=(whose,)))


def result_sentence(outcome: str, e: Scores) -> str:
    """How well an outcome was told, in a sentence."""
    low, high = e["interval"]["auc"]
    said = (
        f"{OUTCOME.get(outcome, outcome)}: AUC {e['auc']:.3f} ({low:.3f} to {high:.3f}), Brier {e['brier']:.3f}, "
        f"calibration slope {e['slope']:.2f}; {e['events']} events among {e['n']} patients."
    )
    gain = e.get("against_logistic")
    if not gain:
        return said
    verdict = "Adds to" if gain["adds"] else "Does not add to"
    return f"{said} {verdict} a logistic model on the same features: AUC {gain['auc_gain']:+.3f}."


def _noticed(notes: Sequence[str]) -> Section:
    """What an evaluation keeps of its findings, a code and what was noticed; and other notes."""
    parts = [note.partition(" ") for note in notes]
    noted = [
        Finding(code, RULES[code].severity if code in RULES else "info", what)
        for code, _, what in parts
        if CODE.fullmatch(code)
    ]
    others = tuple(note for note, (code, _, _) in zip(notes, parts, strict=True) if not CODE.fullmatch(code))
    blocks: tuple[Block, ...] = findings(noted) if noted else ()
    return Section(f"Findings about the cohort: {counted(noted)}", (*blocks, *((Bullets(others),) if others else ())))


def _outcome(outcome: str, e: Scores, beeswarm: str | None) -> Section:
    other = {"logistic, same features": e["logistic"]} if "logistic" in e else {}
    others = {VOICES.get(name, name): v for name, v in e.get("voices", {}).items()}
    blocks: list[Block] = [
        *([Paragraph(f"{STATES[e['standing']['state']]}: {e['standing']['why']}.")] if "standing" in e else []),
        score_table("Scores", {"trained predictor": e, **other, **others}),
        Beside(
            (Figure(_roc(outcome, e), f"ROC curve; area {e['auc']:.3f}."),),
            (Figure(_calibration(outcome, e), "Observed rate with 95 % interval by tenth of predicted risk."),),
        ),
        Beside((Figure(_decision(outcome, e), NET_BENEFIT),), ()),
    ]
    if importance := e.get("importance"):
        caption = f"Mean absolute contribution by organ group, whiskers over resampled models. {NOT_CAUSES}"
        blocks.append(Figure(_importance(outcome, importance), caption))
    blocks += [score_table(f"By {label}", g) for label, g in e.get("subgroups", {}).items() if len(g) > 1]
    if held := e.get("held_out"):
        blocks.append(score_table(f"Each {e.get('held_out_by', 'group')} left out of training in turn", held))
    if beeswarm is not None:
        blocks.append(Picture(f"shap-{outcome}", beeswarm, f"{BEESWARM} {NOT_CAUSES}"))
    return Section(OUTCOME.get(outcome, outcome), tuple(blocks))


def score_table(caption: str, rows: Mapping[str, Scores]) -> Table:
    """Scores by name of model or group."""
    columns: tuple[Column[tuple[str, Scores]], ...] = (
        Column("", lambda r: r[0], width=4),
        Column("patients", lambda r: _cell(r[1].get("n")), numeric=True),
        Column("events", lambda r: _cell(r[1].get("events")), numeric=True),
        Column("AUC", lambda r: _ranged(r[1], "auc"), numeric=True, width=2),
        Column("Brier", lambda r: _cell(r[1].get("brier")), numeric=True),
        Column("scaled Brier", lambda r: _cell(r[1].get("scaled_brier")), numeric=True),
        Column("predicted - observed", lambda r: _ranged(r[1], "in_the_large"), numeric=True, width=2),
        Column("slope", lambda r: _ranged(r[1], "slope"), numeric=True, width=2),
    )
    return tabled(caption, rows.items(), columns)


def missing_table(missing: Mapping[str, float]) -> Table:
    """How often each feature was missing."""
    columns: tuple[Column[tuple[str, float]], ...] = (
        Column("feature", lambda r: r[0]),
        Column("missing", lambda r: f"{100 * r[1]:.0f} %", numeric=True),
    )
    return tabled("Missing values", missing.items(), columns)


def _ranged(e: Scores, name: str) -> str:
    """A score with its 95 % interval, where it has one."""
    low, high = e.get("interval", {}).get(name, (None, None))
    shown = _cell(e.get(name))
    return shown if shown == NONE or low is None or low != low else f"{shown} ({_cell(low)} to {_cell(high)})"


def _cell(value: Any) -> str:
    if value is None or value != value:
        return NONE
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _axes(
    title: str, key: str, x_label: str, y_label: str, y_range: tuple[float, float]
) -> tuple[Drawing, Scale, Scale]:
    d = Drawing(WIDTH, HEIGHT, title, f"{y_label} against {x_label}", key)
    x = Scale(0.0, 1.0, LEFT, WIDTH - RIGHT)
    y = Scale(*y_range, HEIGHT - BOTTOM, TOP)
    d.x_axis(x, HEIGHT - BOTTOM, TOP, nice_ticks(0.0, 1.0, 5), x_label)
    d.y_axis(y, LEFT, WIDTH - RIGHT, nice_ticks(*y_range, 5), y_label)
    return d, x, y


def _roc(outcome: str, e: Mapping[str, Any]) -> Drawing:
    d, x, y = _axes("ROC curve", f"roc-{outcome}", "false positives", "true positives", (0.0, 1.0))
    d.line([(x(0), y(0)), (x(1), y(1))], "grid")
    d.line([(x(0), y(0)), *((x(a), y(b)) for a, b in e["roc"])], "curve c0")
    return d


def _calibration(outcome: str, e: Mapping[str, Any]) -> Drawing:
    d, x, y = _axes("Calibration curve", f"cal-{outcome}", "predicted", "observed", (0.0, 1.0))
    d.line([(x(0), y(0)), (x(1), y(1))], "grid")
    for mean, rate, low, high, _ in e["calibration_curve"]:
        d.line([(x(mean), y(low)), (x(mean), y(high))], "curve c0")
        d.mark(x(mean), y(rate), "circle", "dot", 4.0)
    return d


def _decision(outcome: str, e: Mapping[str, Any]) -> Drawing:
    curve = e["decision_curve"]
    top = max(max(row[1] for row in curve), 0.05)
    d, x, y = _axes("Decision curve", f"dca-{outcome}", "threshold", "net benefit", (-0.25 * top, 1.1 * top))
    d.line([(x(0), y(0)), (x(1), y(0))], "axis")
    d.line([(x(t), y(everyone)) for t, _, everyone in curve if everyone >= -0.25 * top], "curve c1")
    for (t, _, _), (low, high) in zip(curve, e.get("decision_interval", []), strict=False):
        if low is not None and low == low:
            d.line([(x(t), y(max(low, -0.25 * top))), (x(t), y(min(high, 1.1 * top)))], "grid")
    d.line([(x(t), y(model)) for t, model, _ in curve], "curve c0")
    return d


def _importance(outcome: str, groups: Sequence[Mapping[str, Any]]) -> Drawing:
    return bars(
        f"imp-{outcome}",
        "Contributions by organ group",
        [(g["name"], g["mean"], f"{g['mean']:.2f}") for g in groups],
        "mean absolute log-odds",
        ranges=[(g["low"], g["high"]) for g in groups],
    )
