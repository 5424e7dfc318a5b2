"""The report in the form its file name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.report.content import ProtocolTable


def document(
    path: Path,
    analysis: Analysis,
    identity: tuple[str, str] | None = None,
    protocol: ProtocolTable | None = None,
    written: str = "",
) -> str | bytes:
    """PDF for a name ending in .pdf, else the page; other parameters as in `html.render`.

    Raises
    ------
    InputError
        A PDF is asked for and reportlab is not installed.
    """
    if path.suffix.lower() != ".pdf":
        from lymphorisk.report import html

        return html.render(analysis, identity, protocol=protocol, written=written)
    return pdf(analysis, identity, protocol, written)


def pdf(
    analysis: Analysis,
    identity: tuple[str, str] | None = None,
    protocol: ProtocolTable | None = None,
    written: str = "",
) -> bytes:
    """The report as PDF.

    Raises
    ------
    InputError
        reportlab is not installed.
    """
    try:
        import reportlab  # noqa: F401
    except ImportError as error:
        raise InputError(
            "a PDF report needs reportlab", "pip install 'lymphorisk[pdf]', or name a .html file"
        ) from error
    from lymphorisk.report.pdf import render

    return render(analysis, identity, protocol=protocol, written=written)
