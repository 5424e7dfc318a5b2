"""A commissioning as one page: each plan through the same checklist, and lines to sign."""

from __future__ import annotations

from collections import Counter

from lymphorisk.cohorts.commission import Checked, Commissioning
from lymphorisk.report import dvh
from lymphorisk.report.document import Block, Document, Folded, Paragraph, Section, Signatures
from lymphorisk.report.noticed import explained, findings
from lymphorisk.report.table import Column, Table, tabled
from lymphorisk.report.wording import plural, short

SIGNERS = ("Medical physicist", "Radiation oncologist", "Date")
ASSUMED = "assumed"
NOT_EXPORTED = "not exported"


def report(made: Commissioning, title: str = "Commissioning") -> Document:
    """The page of a commissioning."""
    lead = (
        f"{plural(len(made.checked), 'plan')} checked; could not be checked: {len(made.refused)}.",
        "The page shows what a person must look at; it gives no verdict of its own.",
    )
    sections = [Section("Checklist", (checklist(made.checked), *_end_caps(made.checked)))]
    sections += [Section(f"Plan {c.number}: {short(c.label)}".removesuffix(": "), _plan(c)) for c in made.checked]
    if made.refused:
        sections.append(Section("Plans that could not be checked", findings(made.refused)))
    sections.append(Section("Signatures", (Signatures(SIGNERS),)))
    return explained(Document(title, lead, tuple(sections)))


def checklist(checked: tuple[Checked, ...]) -> Table:
    """A line a plan: three DVH sources, coverage, timing, limits, end caps."""
    columns: tuple[Column[Checked], ...] = (
        Column("plan", lambda c: f"{c.number} {short(c.label)}".strip(), width=3),
        Column("structures", lambda c: str(len(c.table.crosscheck)), numeric=True),
        Column("DVHs apart", lambda c: str(apart(c)), numeric=True),
        Column("outside grid", lambda c: str(len(c.uncovered)), numeric=True),
        Column("times assumed", lambda c: f"{_assumed(c)} of {len(c.beams)}", numeric=True),
        Column("fractions", lambda c: "–" if c.table.fractions is None else str(c.table.fractions), numeric=True),
        Column("prescribed [Gy]", lambda c: _number(c.table.prescription_gy), numeric=True),
        Column("highest [Gy]", lambda c: _number(c.table.highest_gy), numeric=True),
        Column("end caps", lambda c: str(c.table.tps_end_caps or NOT_EXPORTED)),
        Column("warnings", lambda c: str(sum(f.severity != "info" for f in c.findings)), numeric=True),
    )
    return tabled("Each plan, to be looked at", checked, columns)


def apart(c: Checked) -> int:
    """Structures whose DVHs differ between the three sources beyond what the cross-check marks."""
    return sum(bool(said) for said in dvh.crosscheck_table(c.table.crosscheck).column("difference"))


def _assumed(c: Checked) -> int:
    return sum(source == ASSUMED for _, _, source in c.beams)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _end_caps(checked: tuple[Checked, ...]) -> tuple[Block, ...]:
    """Which rule fits the planning system's own DVHs, over all plans."""
    fits = Counter(c.table.tps_end_caps for c in checked if c.table.tps_end_caps)
    if not fits:
        return (Paragraph("No plan carries the planning system's own DVHs: which end caps it uses is not known."),)
    said = ", ".join(f"{rule} ({plural(plans, 'plan')})" for rule, plans in sorted(fits.items(), key=lambda f: -f[1]))
    return (Paragraph(f"End caps that fit the planning system's own DVHs best: {said}. Choose them (--end-caps)."),)


def _plan(c: Checked) -> tuple[Block, ...]:
    beams: tuple[Column[tuple[str, float, str]], ...] = (
        Column("beam", lambda b: short(b[0])),
        Column("beam-on [s]", lambda b: f"{b[1]:.1f}", numeric=True),
        Column("from", lambda b: b[2]),
    )
    uncovered: tuple[Column[tuple[str, float]], ...] = (
        Column("structure", lambda s: short(s[0])),
        Column("inside the grid", lambda s: f"{s[1]:.1%}", numeric=True),
    )
    blocks: list[Block] = [dvh.crosscheck_table(c.table.crosscheck)]
    if c.uncovered:
        blocks.append(tabled("Reach out of the dose grid", c.uncovered, uncovered))
    blocks.append(tabled(f"Timing; days: {', '.join(dict.fromkeys(c.schedule))}", c.beams, beams))
    return (*blocks, Folded("Findings", findings(c.findings)))
