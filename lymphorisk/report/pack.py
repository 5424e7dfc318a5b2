"""A validation pack as a page to sign and send, and several of them pooled, with a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lymphorisk.findings import RULES, Finding
from lymphorisk.report.document import Block, Bullets, Document, Figure, Paragraph, Section, Signatures
from lymphorisk.report.evaluation import NONE, OUTCOME, STATES, VOICES, score_table
from lymphorisk.report.legend import WIDE
from lymphorisk.report.noticed import explained, findings
from lymphorisk.report.svg import Drawing, Scale, nice_ticks
from lymphorisk.report.table import Column, Table, tabled
from lymphorisk.report.wording import plural, short
from lymphorisk.train.pack import LEAST_CELL, MEASURES, MODEL

SIGNERS = ("Medical physicist", "Data protection", "Date")
ROW, TOP, BOTTOM = 26, 44, 46
NAMES_W, NUMBERS_W = 250.0, 250.0
#: Where a measure is what it should be; none for the AUC, whose worst is one half.
IDEAL: Mapping[str, float] = {"logit_auc": 0.5, "log_oe": 1.0, "slope": 1.0}


def voice(name: str) -> str:
    """How a voice is called."""
    return "trained predictor" if name == MODEL else VOICES.get(name, short(name))


def report(pack: Mapping[str, Any]) -> Document:
    """The page a clinic signs and sends with its pack."""
    lead = (
        f"{pack['kind'].capitalize()} of {pack['model']}, {pack['clinic'] or 'a clinic'}.",
        f"Aggregates alone: no row of a patient, no count of patients below {LEAST_CELL}.",
    )
    sections = [Section(OUTCOME.get(o, o), _outcome(e)) for o, e in pack["outcomes"].items()]
    notes = [f"Not told: {what}" for what in pack["withheld"]]
    notes += [f"{n} patients {kind}: the predictor gives no number" for kind, n in pack["declined"].items()]
    notes += [f"Feature the cohort lacks: {name}" for name in pack["absent_features"]]
    if notes:
        sections.append(Section("What is not in it", (Bullets(tuple(notes)),)))
    seal = Paragraph(f"SHA-256 of the pack: {pack['sha256']}")
    sections.append(Section("Signatures", (seal, Signatures(SIGNERS))))
    return Document("Validation pack", lead, tuple(sections), meta=(f"lymphorisk {pack['program']}",))


def _outcome(e: Mapping[str, Any]) -> tuple[Block, ...]:
    blocks: list[Block] = [
        Paragraph(f"Standing of the predictor: {STATES[e['standing']].lower()}."),
        score_table("Scores", {voice(name): v for name, v in e["voices"].items()}),
    ]
    for name, v in e["voices"].items():
        if v["bins"]:
            blocks.append(_bins(f"Patients by predicted risk, {voice(name)}", v["bins"]))
        for by, groups in v["subgroups"].items() if name == MODEL else ():
            blocks.append(score_table(f"By {by}, {voice(name)}", groups))
    return tuple(blocks)


def _bins(caption: str, bins: Sequence[Mapping[str, Any]]) -> Table:
    columns: tuple[Column[Mapping[str, Any]], ...] = (
        Column("risk up to", lambda b: f"{b['up_to']:.2f}", numeric=True),
        Column("mean predicted", lambda b: f"{b['mean']:.3f}", numeric=True),
        Column("observed", lambda b: f"{b['events'] / b['patients']:.3f}", numeric=True),
        Column("patients", lambda b: str(b["patients"]), numeric=True),
        Column("events", lambda b: str(b["events"]), numeric=True),
    )
    return tabled(caption, bins, columns)


def pool_text(pooled: Mapping[str, Any]) -> str:
    """A pool for a terminal."""
    lines = [f"{pooled['model']}, {plural(len(pooled['packs']), 'pack')}"]
    for outcome, voices in pooled["outcomes"].items():
        for name, found in voices.items():
            counted = f"{found['events']} events among {found['n']} patients of {found['hospitals']} hospitals"
            lines += ["", f"{OUTCOME.get(outcome, outcome)}, {voice(name)}: {counted}"]
            lines += [f"  {MEASURES[m]}: {_mean(v)}" for m, v in found["measures"].items()]
    return "\n".join(lines) + "\n"


def _mean(v: Mapping[str, Any]) -> str:
    return f"{v['mean']:.2f} ({_range(v['interval'])}); a hospital like these {_range(v['expected'])}"


def _range(ends: Sequence[float | None]) -> str:
    low, high = ends
    return NONE if low is None or high is None or low != low else f"{low:.2f} to {high:.2f}"


def pool_report(pooled: Mapping[str, Any]) -> Document:
    """The page of a pool: a forest plot a measure, and what is noticed."""
    lead = tuple(line for line in pool_text(pooled).splitlines() if line.strip() and not line.startswith("  "))
    sections = []
    for outcome, voices in pooled["outcomes"].items():
        blocks: list[Block] = []
        for name, found in voices.items():
            for measure, v in found["measures"].items():
                caption = (
                    f"{voice(name)}, {MEASURES[measure]}: each hospital with its 95 % interval; filled: mean over "
                    "hospitals; thin line: what 95 % of hospitals like these lie within."
                )
                blocks.append(Figure(forest(f"{outcome}-{name}-{measure}", measure, v), caption))
        sections.append(Section(OUTCOME.get(outcome, outcome), tuple(blocks)))
    parts = [note.partition(" ") for note in pooled["findings"]]
    noted = [Finding(code, RULES[code].severity, what) for code, _, what in parts]
    if noted:
        sections.append(Section("Findings about the packs", findings(noted)))
    packs: tuple[Column[Mapping[str, Any]], ...] = (
        Column("hospital", lambda p: short(p["clinic"])),
        Column("version", lambda p: p["program"]),
        Column("SHA-256", lambda p: p["sha256"][:16]),
    )
    sections.append(Section("Packs", (tabled("Packs", pooled["packs"], packs),)))
    return explained(Document("Validation over several hospitals", lead, tuple(sections)))


def forest(key: str, measure: str, v: Mapping[str, Any]) -> Drawing:
    """A forest plot: a row a hospital, the mean over them, and what to expect elsewhere."""
    rows = v["hospitals"]
    height = TOP + ROW * (len(rows) + 2) + BOTTOM
    said = "; ".join(f"{r['clinic']} {r['value']:.2f} ({_range(r['interval'])})" for r in rows)
    d = Drawing(WIDE, height, f"Forest plot: {MEASURES[measure]}", f"{said}; mean {_mean(v)}", f"forest-{key}")
    ends = [e for r in rows for e in r["interval"]] + [e for e in (*v["interval"], *v["expected"]) if _there(e)]
    low, high = min([*ends, IDEAL[measure]]), max([*ends, IDEAL[measure]])
    x = Scale(low, high, NAMES_W, WIDE - NUMBERS_W)
    bottom = height - BOTTOM
    d.x_axis(x, bottom, TOP - 10, [t for t in nice_ticks(low, high, 6) if low <= t <= high], MEASURES[measure])
    d.line([(x(IDEAL[measure]), TOP - 10), (x(IDEAL[measure]), bottom)], "axis", "4 4")
    for i, r in enumerate(rows):
        y = TOP + ROW * i + 8.0
        d.text(8.0, y + 5, f"{short(r['clinic'], 24)} ({r['events']}/{r['n']})", "label")
        d.line([(x(r["interval"][0]), y), (x(r["interval"][1]), y)], "whisker")
        d.mark(x(r["value"]), y, "square", "dot", 3.0 + 5.0 * r["weight"])
        d.text(WIDE - NUMBERS_W + 12, y + 5, f"{r['value']:.2f} ({_range(r['interval'])})", "label")
    y = TOP + ROW * len(rows) + 14.0
    if all(_there(e) for e in v["expected"]):
        d.line([(x(v["expected"][0]), y), (x(v["expected"][1]), y)], "grid")
    d.line([(x(v["interval"][0]), y), (x(v["interval"][1]), y)], "whisker")
    d.mark(x(v["mean"]), y, "diamond", "dot", 8.0)
    d.text(8.0, y + 5, "mean over hospitals", "label")
    d.text(WIDE - NUMBERS_W + 12, y + 5, f"{v['mean']:.2f} ({_range(v['interval'])})", "label")
    return d


def _there(value: float | None) -> bool:
    return value is not None and value == value
