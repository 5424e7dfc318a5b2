"""A report as one self-contained HTML page, the same bytes for the same report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lymphorisk.report import palette
from lymphorisk.report.document import TITLE, Block, Document
from lymphorisk.report.interactive import interaction
from lymphorisk.report.noticed import CODE, place
from lymphorisk.report.wording import short
from lymphorisk.version import NOT_A_DEVICE

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: How a sentence for every format is set on a page.
TYPESET = (
    ("x10^9/L", "×10⁹/L"),
    (" %", "\u00a0%"),
    ("< ", "<\u00a0"),
    ("> ", ">\u00a0"),
)
#: "times" before a number.
TIMES = re.compile(r"([ (])x(?=[0-9])")
#: A shap drawing is black on white in every theme.
FOREIGN = ".foreign svg path { fill: #000; stroke: none; }"


def render(document: Document, *, interactive: bool = False) -> str:
    """The page: one HTML document without any reference to the network; a script only where it is asked for."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            d=document,
            asked=interaction(document) if interactive else None,
            name=TITLE,
            themes=palette.themes(),
            figure_css=_figure_css(),
            not_a_device=NOT_A_DEVICE,
        )
    )


def body(document: Document) -> str:
    """What stands below the head of a report, as a part of another page that has the `style`."""
    return _environment().get_template("body.html").render(d=document)


def blocks(parts: Sequence[Block]) -> str:
    """Blocks as a part of another page that has the `style`."""
    module: Any = _environment().get_template("parts.html").module
    return str(module.blocks(parts))


def style() -> str:
    """The style sheet of a page."""
    sheet = (files("lymphorisk.report") / "templates" / "style.css").read_text(encoding="utf-8")
    return f"{palette.themes()}\n{sheet}\n{_figure_css()}"


def _figure_css() -> str:
    return f"{palette.figure_css()}\n{FOREIGN}"


def typeset(sentence: str) -> str:
    """A sentence with the signs of print.

    Examples
    --------
    >>> typeset("raises the odds x3.00, 1.2 x10^9/L")
    'raises the odds ×3.00, 1.2 ×10⁹/L'
    """
    for plain, set_ in TYPESET:
        sentence = sentence.replace(plain, set_)
    return TIMES.sub(r"\1×", sentence)


def linked(sentence: str) -> Markup:
    """A sentence, escaped, whose codes lead to their meaning.

    Examples
    --------
    >>> str(linked("LR104 < LR1"))
    '<a href="#code-LR104">LR104</a> &lt; LR1'
    """
    from markupsafe import Markup, escape

    return Markup(CODE.sub(lambda found: f'<a href="#{place(found[0])}">{found[0]}</a>', str(escape(sentence))))


@cache
def _environment() -> Environment:
    """The templates of a page; everything put into them is escaped."""
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
    environment.filters["typeset"] = typeset
    environment.filters["linked"] = linked
    return environment
