"""The result in a terminal: compact, aligned, without colour codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from textwrap import wrap
from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.organs.compartments import by_organ
from lymphorisk.report import emitters, research, schedules, targets, therapy
from lymphorisk.report.content import (
    EDIC_NAMES,
    ORGAN_COLUMNS,
    Voice,
    bath,
    blood,
    clinic_settings,
    counts,
    effective_dose,
    mechanism,
    organs,
    outcome_note,
    published,
    trained,
)
from lymphorisk.report.summary import headline, weakness
from lymphorisk.report.table import Cell, Column, tabled, text_lines
from lymphorisk.report.wording import (
    POOL_LABELS,
    chance,
    days,
    digits,
    in_reading_order,
    model_name,
    percent,
    plural,
    short,
)
from lymphorisk.version import NOT_A_DEVICE

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis, OrganDose
    from lymphorisk.findings import Finding
    from lymphorisk.literature import Estimate

WIDTH = 100
TOP_ORGANS = 8
NAME_WIDTH = 18
#: Places named of findings of one rule.
ALSO_MAX = 12
SHOWN_AT_DAYS = (30, 60, 90, 180, 365)


def render(analysis: Analysis, identity: tuple[str, str] | None = None) -> str:
    """The analysis as plain text."""
    blocks = [
        _title(analysis, identity),
        _answer(analysis),
        _voices(analysis),
        _forecast(analysis),
        _emitters(analysis),
        _targets(analysis),
        _organs(analysis),
        _blood(analysis),
        _reasons(analysis),
        _research(analysis),
        _therapies(analysis),
        _what_ifs(analysis),
        _findings(analysis),
        _foot(analysis),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _therapies(a: Analysis) -> list[str]:
    if a.therapies is None:
        return []
    said = [line for text in therapy.sentences(a.therapies) for line in _wrapped(text)]
    return [therapy.TITLE.upper(), *text_lines(therapy.table(a.therapies)), *said]


def _what_ifs(a: Analysis) -> list[str]:
    if not a.what_ifs:
        return []
    out = ["WHAT IF, on the same draws (90 % band)"]
    for w in a.what_ifs:
        n, p = w.difference.nadir, w.difference.probability
        out.append(
            f"  {w.text}: nadir {n.p50:+.2f} ({n.p05:+.2f} to {n.p95:+.2f}) x10^9/L, "
            f"P(grade 3+) {100 * p['3']:+.0f} points, P(grade 4) {100 * p['4']:+.0f} points"
        )
    if (table := schedules.table(a)) is not None:
        out += ["", table.caption, *text_lines(table), *_wrapped(schedules.NOTE)]
    return out


def _emitters(a: Analysis) -> list[str]:
    made = emitters.table(a)
    if made is None:
        return []
    notes = [line for note in emitters.notes(a) for line in _wrapped(note)]
    return [emitters.TITLE.upper(), *text_lines(made), *notes]


def _targets(a: Analysis) -> list[str]:
    """The sheet of the targets."""
    sheet = a.target_sheet
    if sheet is None or not (sheet.targets or sheet.without_dose):
        return []
    out = [targets.TITLE.upper(), *(text_lines(targets.table(sheet)) if sheet.targets else ())]
    out += [line for said in targets.sentences(sheet) for line in _wrapped(said)]
    for made in (targets.node_table(sheet), targets.price_table(sheet)):
        out += [] if made is None else ["", made.caption, *text_lines(made)]
    return out + [line for said in targets.price_sentences(sheet) for line in _wrapped(said)]


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=True)


def _title(a: Analysis, identity: tuple[str, str] | None) -> list[str]:
    out = [f"lymphorisk {a.provenance.version}: {short(a.label)}"]
    if identity is not None:
        out.append(f"  patient {short(identity[0])} ({short(identity[1])})")
    for p in a.phases:
        if p.emitter is not None:
            out.append(f"  {short(p.label)}: internal emitter, {plural(p.fractions, 'cycle')} on {emitters.on_days(p)}")
            continue
        dose = "" if p.prescription_gy is None else f"{digits(p.prescription_gy, 4)} Gy in "
        times = sorted({b.time_source for b in p.beams})
        out.append(
            f"  {short(p.label)}: {dose}{plural(p.fractions, 'fraction')}, {p.modality}, {p.schedule}; "
            f"{plural(len(p.beams), 'beam')}, {sum(b.on_s for b in p.beams):.0f} s on ({', '.join(times)})"
        )
    return out


def _answer(a: Analysis) -> list[str]:
    out = [line for sentence in headline(a) for line in _wrapped(sentence, "")]
    return out + [line for reason in weakness(a) for line in _wrapped(f"! {reason}", "")]


def _voices(a: Analysis) -> list[str]:
    columns: tuple[Column[Voice], ...] = (
        Column("voice", lambda v: v.name),
        Column("P(grade 3+)", lambda v: v.third, numeric=True),
        Column("P(grade 4)", lambda v: v.fourth, numeric=True),
    )
    spoken = [mechanism(a), trained(a), *(published(e) for e in a.risk.literature if not isinstance(e.p, Absent))]
    out = ["RISK, voices side by side, not averaged", *text_lines(tabled("voices", spoken, columns))]
    out += [line for v in spoken for line in _wrapped(f"{v.name}: {v.basis}")]
    silent = [e for e in a.risk.literature if isinstance(e.p, Absent)]
    out += [line for e in silent for line in _wrapped(f"{model_name(e.name)} declines: {_reason(e)}")]
    if a.risk.disagreement:
        out += _wrapped(a.risk.disagreement)
    if note := outcome_note(a):
        out += _wrapped(note)
    return out


def _reason(e: Estimate) -> str:
    return e.p.reason if isinstance(e.p, Absent) else ""


def _forecast(a: Analysis) -> list[str]:
    f = a.forecast
    below = ", ".join(
        f"below {edge}: {days(band.p50)} ({band.p05:.0f} to {band.p95:.0f})" for edge, band in f.days_below.items()
    )
    recovery = f.recovery
    back = "" if recovery.day is None else f", back for good on day {recovery.day.p50:.0f} (median of those)"
    return [
        "LYMPHOCYTE COUNT [10^9/L]",
        *text_lines(counts(a, SHOWN_AT_DAYS)),
        *_wrapped(f"days {below}"),
        *_wrapped(f"falls below 0.5: {chance(recovery.p_below)}{back}"),
    ]


def _organs(a: Analysis) -> list[str]:
    named = in_reading_order(a.organs)
    drawn = [a.organs[name] for name in named if a.organs[name].source != "diluted"]
    standing_in = [short(name, NAME_WIDTH) for name in named if a.organs[name].source == "diluted"]
    out = ["ORGAN DOSES, course", *text_lines(organs([*drawn, *a.targets], TERMINAL))]
    if standing_in:
        out += _wrapped(f"not drawn (the body's dose, diluted): {', '.join(standing_in)}")
    return out


def _narrow(column: Column[OrganDose]) -> Column[OrganDose]:
    """The column with short names, for a terminal."""

    def cell(o: OrganDose) -> str:
        made = column.cell(o)
        text = made.text if isinstance(made, Cell) else made
        return text if column.numeric else short(text, 2 * NAME_WIDTH)

    return replace(column, cell=cell)


#: Columns of the page that a terminal shows, where an organ comes from last.
TERMINAL = tuple(
    _narrow(c) for c in sorted(ORGAN_COLUMNS, key=lambda c: c.head == "From") if c.head not in ("in grid %", "Max Gy")
)


def _blood(a: Analysis) -> list[str]:
    parts = list(by_organ(a.blood.by_organ).items())
    total = sum(v for _, v in parts) or 1.0
    owed = ", ".join(f"{n} {percent(v / total)}" for n, v in parts[:TOP_ORGANS] if v > 0)
    out = [f"BLOOD DOSE ({a.blood.engine}; {a.blood.network})", *text_lines(blood(a))]
    if owed:
        out += _wrapped(f"of the mean dose: {owed}")
    for name, value in a.edic.items():
        out += _wrapped(f"{EDIC_NAMES.get(name, name)}: {effective_dose(value)}")
    return out


def _reasons(a: Analysis) -> list[str]:
    out = ["REASONS"]
    if a.attribution:
        parts = sorted(a.attribution.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{POOL_LABELS.get(n, n)} {percent(v)}" for n, v in parts if v > 0.005)
        out += _wrapped(f"physics, of the loss at the nadir: {shown}")
    if said := bath(a):
        out += _wrapped(said)
    if isinstance(a.explanation, Absent):
        return out + _wrapped(f"trained predictor: none, {a.explanation.reason}")
    out += [line for s in a.explanation.sentences for line in _wrapped(s)]
    if a.agreement is not None:
        out += _wrapped(f"physics against trained predictor: {a.agreement.sentence}")
    return out + _wrapped(a.explanation.note)


def _research(a: Analysis) -> list[str]:
    if a.beside is None:
        return []
    out = ["BESIDE THE FORECAST, research output", *text_lines(research.subsets(a.beside))]
    out += [line for s in research.said(a.beside) for line in _wrapped(s)]
    return out + [line for s in (*research.outcomes(a.beside), *research.windows(a)) for line in _wrapped(s)]


def _findings(a: Analysis) -> list[str]:
    """One line a rule: the first finding in full, the places of the others."""
    if not a.findings:
        return ["no findings"]
    out = [f"FINDINGS ({len(a.findings)})"]
    for code, group in _by_code(a.findings).items():
        first = group[0]
        where = f" [{short(first.where)}]" if first.where else ""
        also = ", ".join(short(f.where or f.what) for f in group[1:ALSO_MAX])
        more = f", {len(group) - ALSO_MAX} more" if len(group) > ALSO_MAX else ""
        said = f"{short(first.what, 4 * WIDTH)}{where}" + (f"; also: {also}{more}" if also else "")
        lines = wrap(said, WIDTH - 16) or [""]
        out.append(f"  {code} {first.severity:<7} {lines[0]}")
        out += [" " * 16 + line for line in lines[1:]]
    return out


def _by_code(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    out: dict[str, list[Finding]] = {}
    for f in findings:
        out.setdefault(f.code, []).append(f)
    return out


def _foot(a: Analysis) -> list[str]:
    p = a.provenance
    model = f"{p.model_name} {p.model_sha256[:12]}" if p.model_name else "no trained predictor"
    return [
        *_wrapped(
            f"parameters {p.parameter_set}, {model}, seed {p.seed}, {p.draws} draws, CTCAE {a.forecast.ctcae}; "
            f"{plural(len(a.assumptions), 'assumed number')}",
            "",
        ),
        *(_wrapped(clinic_settings(a), "") if "clinic_file" in p.options else ()),
        NOT_A_DEVICE,
    ]
