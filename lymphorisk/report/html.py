"""The report: one self-contained HTML page, the same bytes for the same result."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.report import content, figures
from lymphorisk.report.content import ProtocolRow, ProtocolTable
from lymphorisk.report.summary import headline, weakness
from lymphorisk.report.wording import NOT_A_DEVICE, in_reading_order, short

if TYPE_CHECKING:
    from jinja2 import Template

    from lymphorisk.analysis import Analysis

__all__ = ["ProtocolRow", "ProtocolTable", "render"]


def render(
    analysis: Analysis,
    identity: tuple[str, str] | None = None,
    *,
    protocol: ProtocolTable | None = None,
    signature: bool = True,
    written: str = "",
) -> str:
    """The report.

    Parameters
    ----------
    analysis : Analysis
        What it is about.
    identity : tuple of str, optional
        Patient's name and ID, shown only because it was asked for.
    protocol : ProtocolTable, optional
        Adds a table of protocol lines with its verdict.
    signature : bool
        Adds a block to sign.
    written : str
        Date and time to print; empty prints none, so that equal results are equal files.

    Returns
    -------
    str
        One HTML document without any reference to the network.
    """
    return template("report.html").render(
        a=analysis,
        title=short(analysis.label) or "plan",
        identity=None if identity is None else tuple(short(part) for part in identity),
        headline=headline(analysis),
        weakness=weakness(analysis),
        tiles=content.tiles(analysis),
        phases=content.phases(analysis),
        patient=content.patient(analysis),
        counts=content.counts(analysis),
        organs=[content.organ(name, analysis.organs[name]) for name in in_reading_order(analysis.organs)],
        targets=[content.organ(target.tg263, target) for target in analysis.targets],
        unmatched=[short(name) for name in analysis.unmatched[: content.ROWS_MAX]],
        blood=content.blood(analysis),
        edic=content.edic(analysis),
        voices=content.voices(analysis),
        outcome_note=content.outcome_note(analysis),
        agreement=content.agreement(analysis),
        explained=None if isinstance(analysis.explanation, Absent) else analysis.explanation,
        unexplained=analysis.explanation.reason if isinstance(analysis.explanation, Absent) else None,
        outside=not isinstance(analysis.risk.learned, Absent) and not analysis.risk.learned.in_domain,
        findings=content.findings(analysis),
        more_findings=max(len(analysis.findings) - content.ROWS_MAX, 0),
        assumptions=content.assumptions(analysis),
        inputs=analysis.provenance.inputs[: content.ROWS_MAX],
        options=content.options(analysis),
        figure={key: drawing and drawing.svg() for key, drawing in figures.all_figures(analysis).items()},
        protocol=protocol,
        signature=signature,
        written=written,
        not_a_device=NOT_A_DEVICE,
    )


@cache
def template(name: str) -> Template:
    """A template of this package; everything put into it is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("lymphorisk.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["short"] = short
    return environment.get_template(name)
