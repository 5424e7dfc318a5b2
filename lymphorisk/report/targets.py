"""The sheet of the targets in tables and words, with the price of each where it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.analysis.prices import GAIN_NOTE, NODES_NOTE, NOTE, SAID, OrganGain
from lymphorisk.analysis.schedules import alpha_beta
from lymphorisk.analysis.targets import PHASE
from lymphorisk.parameters.classes import classes
from lymphorisk.parameters.windows import NOTE as WINDOWS_NOTE
from lymphorisk.report.document import Block, Folded, Paragraph, Section
from lymphorisk.report.table import Cell, Column, Table, tabled
from lymphorisk.report.wording import digits, percent, plural, short

if TYPE_CHECKING:
    from lymphorisk.analysis.nodes import Nodes
    from lymphorisk.analysis.prices import Effect, Prices
    from lymphorisk.analysis.targets import Target, TargetSheet
    from lymphorisk.lymphocyte.summary import Band

TITLE = "Targets"
NONE = "–"
#: Organs whose unevenness is shown: those where it changes the kill of a fraction by a share of this or more.
SHOWN = 0.005


def table(sheet: TargetSheet) -> Table:
    """A row a target: dose, fractions, BED10, class."""
    columns: tuple[Column[Target], ...] = (
        Column("Target", _name, width=4, style="from"),
        Column("cm³", lambda t: NONE if t.volume_cm3 is None else digits(t.volume_cm3, 4), numeric=True),
        Column("Fractions", _fractions, numeric=True, width=2.6),
        Column("Dose Gy", lambda t: digits(t.dose_gy, 4), numeric=True),
        Column("Dose is", lambda t: t.dose_from + (", with RBE" if t.rbe_in_dose else ""), width=2.4),
        Column("D50% Gy", lambda t: NONE if t.median_gy is None else digits(t.median_gy, 4), numeric=True),
        Column(f"BED{alpha_beta():g} Gy", lambda t: _gray(t.bed_gy), numeric=True),
        Column("EQD2 Gy", lambda t: _gray(t.eqd2_gy), numeric=True),
        Column("Class", _class, width=3.4),
    )
    return tabled("Targets: dose of the fractions that serve them", sheet.targets, columns)


def _name(t: Target) -> Cell:
    said = [f"stands for {', '.join(short(n) for n in t.stands_for)}"] if t.stands_for else []
    said += [f"in {short(t.within)}"] if t.within else []
    said += ["no phase is made for it by dose"] if t.incidental else []
    shown = short(t.name) + (f" (in {short(t.within)})" if t.within else "")
    return Cell(shown, hint="; ".join(said) or ("a phase, nobody drew a target" if t.kind == PHASE else t.kind))


def _fractions(t: Target) -> str:
    return " + ".join(f"{g.fractions} × {digits(g.fraction_gy)}" for g in t.groups)


def _gray(value: float | Absent) -> str:
    return NONE if isinstance(value, Absent) else digits(value, 3)


def _class(t: Target) -> str:
    if isinstance(t.bed_gy, Absent):
        return "none: physical dose of ions"
    return " and ".join(c.name for c in t.classes) or "none: between the classes"


def price_table(sheet: TargetSheet) -> Table | None:
    """What leaving each target out, sparing the nodes of a role, and evening out the dose would change."""
    prices = sheet.prices
    if prices is None:
        return None
    rows: list[tuple[str, Effect]] = [(f"without {short(p.name)}", p.effect) for p in prices.targets]
    rows.append(("without any of them", prices.all_targets))
    rows += [(f"no dose to {p.role} nodes", p.effect) for p in prices.nodes]
    rows.append(("uneven dose, not even", prices.gain))

    def band(of: Callable[[Effect], Band]) -> Callable[[tuple[str, Effect]], str]:
        def shown(row: tuple[str, Effect]) -> str:
            b = of(row[1])
            return f"{b.p50:+.2f} ({b.p05:+.2f} to {b.p95:+.2f})"

        return shown

    columns: tuple[Column[tuple[str, Effect]], ...] = (
        Column("Change", lambda r: r[0], width=4),
        Column("Nadir [10⁹/L] (90 %)", band(lambda e: e.difference.nadir), numeric=True, width=4),
        Column("Last fraction (90 %)", band(lambda e: e.at_end), numeric=True, width=4),
        Column("G3+ points", lambda r: f"{100 * r[1].difference.probability['3']:+.0f}", numeric=True),
        Column("G4 points", lambda r: f"{100 * r[1].difference.probability['4']:+.0f}", numeric=True),
        Column("Days < 0.5", lambda r: f"{r[1].difference.days_below_0_5.p50:+.0f}", numeric=True),
    )
    return tabled("Lymphocyte prices: change of nadir, count at the last fraction, chance of a grade", rows, columns)


def node_table(sheet: TargetSheet) -> Table | None:
    """Node regions with their role and dose; None without any."""
    if not sheet.nodes:
        return None
    columns: tuple[Column[Nodes], ...] = (
        Column("Nodes", lambda n: short(n.name), width=4),
        Column("Role", lambda n: (n.role or NONE) + (", a guess" if n.role_from == "place" else ""), width=3),
        Column("Mean Gy", lambda n: digits(n.mean_gy), numeric=True),
        Column("D50% Gy", lambda n: digits(n.median_gy), numeric=True),
        Column("Nearest target", lambda n: short(n.beside) or NONE, width=3),
        Column("mm", lambda n: NONE if n.distance_mm is None else f"{n.distance_mm:.0f}", numeric=True),
    )
    return tabled("Node regions", sheet.nodes, columns)


def uneven_table(prices: Prices) -> Table | None:
    """Organs in which an even dose would kill more or less than the exported one."""
    rows = [o for o in prices.organs if abs(o.killed - o.killed_if_even) >= SHOWN]
    if not rows:
        return None
    columns: tuple[Column[OrganGain], ...] = (
        Column("Organ", lambda o: short(o.name), width=4),
        Column("Killed in a fraction", lambda o: percent(o.killed), numeric=True),
        Column("If the dose were even", lambda o: percent(o.killed_if_even), numeric=True),
    )
    return tabled("Unevenness by organ: lymphocytes in it that a fraction kills", rows, columns)


def sentences(sheet: TargetSheet) -> list[str]:
    """What the tables do not say."""
    out = []
    if sheet.targets:
        held = [(c, sum(c in t.classes for t in sheet.targets)) for c in classes()]
        counted = [f"{n} in the class {c.name} ({c.span})" for c, n in held if n]
        inner = sum(bool(t.within) for t in sheet.targets)
        said = plural(len(sheet.targets), "target") + (f", {inner} inside another" if inner else "")
        out.append(f"{said}; {', '.join(counted) or 'none in a dose class'}.")
    uneven = [t for t in sheet.targets if t.killed is not None and t.killed_if_even is not None]
    out += [
        f"{short(t.name)}: a fraction kills {percent(t.killed)} of the lymphocytes in it; {percent(t.killed_if_even)} "
        "if its mean dose were everywhere."
        for t in uneven
        if t.killed is not None and t.killed_if_even is not None and abs(t.killed - t.killed_if_even) >= SHOWN
    ]
    met = {w.id: w for t in sheet.targets for w in t.windows}
    if met:
        out += [
            f"{short(t.name)} lies in the dose windows {', '.join(w.span for w in t.windows)}."
            for t in sheet.targets
            if t.windows
        ]
        out.append(WINDOWS_NOTE)
    out += [f"{short(name)}: no row, {why}." for name, why in sheet.without_dose]
    return out


def price_sentences(sheet: TargetSheet) -> list[str]:
    """How the prices were found."""
    if sheet.prices is None:
        return []
    ways = dict.fromkeys(p.ways for p in sheet.prices.targets)
    out = [NOTE]
    for way in ways:
        names = ", ".join(short(p.name) for p in sheet.prices.targets if p.ways == way)
        out.append(f"{names}: {'; '.join(SAID[w] for w in way)}.")
    out += [f"{short(name)} has no price of its own: {why}." for name, why in sheet.prices.without]
    return [*out, *((NODES_NOTE,) if sheet.prices.nodes else ()), GAIN_NOTE]


def section(sheet: TargetSheet | None) -> tuple[Section, ...]:
    """The report's section; none where nothing is known of any target."""
    if sheet is None or not (sheet.targets or sheet.without_dose or sheet.nodes):
        return ()
    blocks: list[Block] = [table(sheet)] if sheet.targets else []
    blocks += [Paragraph(text, "small") for text in sentences(sheet)]
    if (nodes := node_table(sheet)) is not None:
        blocks.append(nodes)
    if (costs := price_table(sheet)) is not None:
        blocks += [costs, *(Paragraph(text, "small") for text in price_sentences(sheet))]
    if sheet.prices is not None and (uneven := uneven_table(sheet.prices)) is not None:
        blocks.append(Folded("Organs with an uneven dose", (uneven,)))
    return (Section(TITLE, tuple(blocks)),)
