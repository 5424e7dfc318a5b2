"""The result in a terminal: compact, aligned, without colour codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.report.content import outcome_note
from lymphorisk.report.summary import headline, weakness
from lymphorisk.report.wording import (
    NOT_A_DEVICE,
    POOL_LABELS,
    SOURCE_LABELS,
    by_organ,
    chance,
    days,
    digits,
    in_reading_order,
    model_name,
    percent,
    plural,
    short,
)

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.findings import Finding

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
        _organs(analysis),
        _blood(analysis),
        _reasons(analysis),
        _what_ifs(analysis),
        _findings(analysis),
        _foot(analysis),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


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
    return out


def table(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows in aligned columns; columns in `right` end flush.

    Examples
    --------
    >>> table([["a", "1.0"], ["bb", "10.0"]], right=[1])
    ['  a    1.0', '  bb  10.0']
    """
    flush = set(right)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    out = []
    for row in rows:
        cells = [c.rjust(w) if i in flush else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        out.append(("  " + "  ".join(cells)).rstrip())
    return out


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=True)


def _title(a: Analysis, identity: tuple[str, str] | None) -> list[str]:
    out = [f"lymphorisk {a.provenance.version}: {short(a.label)}"]
    if identity is not None:
        out.append(f"  patient {short(identity[0])} ({short(identity[1])})")
    for p in a.phases:
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
    rows = [["voice", "P(grade 3+)", "P(grade 4)", "remark"]]
    m = a.risk.mechanistic
    rows.append(["mechanism", chance(m.get("g3")), chance(m.get("g4")), f"ensemble of {a.forecast.draws} draws"])
    learned = a.risk.learned
    if isinstance(learned, Absent):
        rows.append(["trained", "–", "–", learned.reason])
    else:
        remark = f"learned from {learned.trained_on}"
        if not learned.in_domain:
            remark = "OUTSIDE ITS DOMAIN, do not use; " + remark
        rows.append(["trained", percent(learned.g3), percent(learned.g4), remark])
    out = ["RISK, three voices side by side", *table(rows, right=[1, 2])]
    for e in a.risk.literature:
        what = f"declines: {e.p.reason}" if isinstance(e.p, Absent) else f"{percent(e.p)} ({e.outcome.key})"
        out += _wrapped(f"{model_name(e.name)}: {what}")
    if a.risk.disagreement:
        out += _wrapped(a.risk.disagreement)
    if note := outcome_note(a):
        out += _wrapped(note)
    return out


def _forecast(a: Analysis) -> list[str]:
    f = a.forecast
    rows = [["day", "median", "50 %", "90 %"]]
    when = [d for d in SHOWN_AT_DAYS if d <= f.day[-1]]
    nadir = f.nadir.day.p50
    for label, day in sorted([*((f"{d}", float(d)) for d in when), (f"{nadir:.0f} (nadir)", float(nadir))], key=_day):
        i = min(range(len(f.day)), key=lambda k: abs(float(f.day[k]) - day))
        q = {name: float(values[i]) for name, values in f.quantiles.items()}
        rows.append(
            [
                label,
                digits(q["p50"], 2),
                f"{digits(q['p25'], 2)} to {digits(q['p75'], 2)}",
                f"{digits(q['p05'], 2)} to {digits(q['p95'], 2)}",
            ]
        )
    below = ", ".join(
        f"below {edge}: {days(band.p50)} ({band.p05:.0f} to {band.p95:.0f})" for edge, band in f.days_below.items()
    )
    recovery = f.recovery
    back = "" if recovery.day is None else f", back for good on day {recovery.day.p50:.0f} (median of those)"
    return [
        "LYMPHOCYTE COUNT [10^9/L]",
        *table(rows, right=[0, 1]),
        *_wrapped(f"days {below}"),
        *_wrapped(f"falls below 0.5: {chance(recovery.p_below)}{back}"),
    ]


def _day(item: tuple[str, float]) -> float:
    return item[1]


def _organs(a: Analysis) -> list[str]:
    rows = [["organ", "source", "cm3", "mean Gy", "Gy/fx", "V5 %", "V20 %", "from"]]
    standing_in = []
    for name in in_reading_order(a.organs):
        o = a.organs[name]
        dose = o.course
        if o.source == "surrogate":
            standing_in.append(short(name, NAME_WIDTH))
            continue
        rows.append(
            [
                short(name, NAME_WIDTH),
                SOURCE_LABELS.get(o.source, o.source),
                "–" if o.volume_cm3 is None else digits(o.volume_cm3, 4),
                digits(dose.mean_gy),
                digits(sum(d.mean_gy for d in o.per_fraction) / len(o.per_fraction)),
                f"{100 * float(dose.share[dose.dose_gy >= 5].sum()):.0f}",
                f"{100 * float(dose.share[dose.dose_gy >= 20].sum()):.0f}",
                short(", ".join(o.roi_names), 2 * NAME_WIDTH),
            ]
        )
    out = ["ORGAN DOSES, course", *table(rows, right=[2, 3, 4, 5, 6])]
    if standing_in:
        out += _wrapped(f"surrogates (the body's dose, diluted): {', '.join(standing_in)}")
    return out


def _blood(a: Analysis) -> list[str]:
    rows = [["", "mean Gy", "sd", "V>0 %", "V>0.125 %", "V>=0.5 %", "D2% Gy"]]
    named = [
        ("a fraction" if len(a.phases) == 1 else short(p.label, NAME_WIDTH), s)
        for p, s in zip(a.phases, a.blood.fraction, strict=True)
    ]
    for name, s in [*named, ("course", a.blood.course)]:
        shares = [f"{100 * v:.1f}" for v in (s.v_gt_0, s.v_gt_0_125, s.v_ge_0_5)]
        rows.append([name, digits(s.mean_gy), digits(s.sd_gy), *shares, digits(s.d2_gy)])
    parts = list(by_organ(a.blood.by_organ).items())
    total = sum(v for _, v in parts) or 1.0
    owed = ", ".join(f"{n} {percent(v / total)}" for n, v in parts[:TOP_ORGANS] if v > 0)
    out = [f"BLOOD DOSE ({a.blood.engine}; {a.blood.network})", *table(rows, right=range(1, 7))]
    if owed:
        out += _wrapped(f"of the mean dose: {owed}")
    for name, value in a.edic.items():
        label = name.removesuffix("_gy").upper().replace("_", " ")
        said = f"none, {value.reason}" if isinstance(value, Absent) else f"{digits(value)} Gy"
        out += _wrapped(f"{label}: {said}")
    return out


def _reasons(a: Analysis) -> list[str]:
    out = ["REASONS"]
    if a.attribution:
        parts = sorted(a.attribution.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{POOL_LABELS.get(n, n)} {percent(v)}" for n, v in parts if v > 0.005)
        out += _wrapped(f"physics, of the loss at the nadir: {shown}")
    if isinstance(a.explanation, Absent):
        return out + _wrapped(f"trained predictor: none, {a.explanation.reason}")
    out += [line for s in a.explanation.sentences for line in _wrapped(s)]
    if a.agreement is not None:
        out += _wrapped(f"physics against trained predictor: {a.agreement.sentence}")
    return out + _wrapped(a.explanation.note)


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
        NOT_A_DEVICE,
    ]
