"""The forms a report can take: one file each, one line here. The name of the file that is asked for decides."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.report.document import Document


@dataclass(frozen=True, slots=True)
class Format:
    """A form of a report.

    Attributes
    ----------
    name : str
        What it is.
    suffixes : tuple of str
        Endings of file names it is written for, lower case.
    module : str
        Has ``render(document) -> str | bytes``, and ``ready()`` when it needs an extra.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str

    def ready(self) -> None:
        """Raise `InputError` when this form cannot be written here."""
        if check := getattr(import_module(self.module), "ready", None):
            check()

    def render(self, document: Document) -> str | bytes:
        """The report in this form."""
        made: str | bytes = import_module(self.module).render(document)
        return made


FORMATS: list[Format] = [
    Format("one HTML page", (".html", ".htm"), "lymphorisk.report.html"),
    Format("PDF, A4", (".pdf",), "lymphorisk.report.pdf"),
]


def known() -> str:
    """The forms there are, in words."""
    return "; ".join(f"{', '.join(f.suffixes)} ({f.name})" for f in FORMATS)


def format_of(path: Path) -> Format:
    """The form a file name asks for.

    Raises
    ------
    InputError
        No form has this ending.

    Examples
    --------
    >>> format_of(Path("plan.PDF")).name
    'PDF, A4'
    """
    for form in FORMATS:
        if path.suffix.lower() in form.suffixes:
            return form
    raise InputError(f"no report format for {path.name!r}", f"a report ends in {known()}")


def written(path: Path, document: Document, *, interactive: bool = False) -> str | bytes:
    """The report in the form the file name asks for; only a page can be interactive.

    Raises
    ------
    InputError
        No form has this ending, or it needs an extra that is not installed.
    """
    if interactive:
        from lymphorisk.report import html

        return html.render(document, interactive=True)
    return format_of(path).render(document)
