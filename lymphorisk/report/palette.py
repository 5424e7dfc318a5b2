"""Every colour of every report, once: pages in light and dark, print, figures and the PDF.

A figure names the kind of its shapes; `LOOKS` says how each kind is drawn. The style sheet of a page and the writer
of the PDF both read it, so no format can lose a colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#17212b",
    "soft": "#4a5763",
    "rule": "#cfd6dd",
    "panel": "#f3f6f8",
    "accent": "#005b96",
    "band95": "#dbe9f4",
    "band80": "#b5d2e8",
    "band50": "#7fb1d6",
    "course": "#f4f1e6",
    "up": "#b3421a",
    "down": "#00664b",
    "g2": "#6b5a00",
    "g3": "#a34300",
    "g4": "#a3004f",
    "c0": "#005b96",
    "c1": "#b3421a",
    "c2": "#00664b",
    "c3": "#8a3a78",
    "c4": "#6b5a00",
    "c5": "#2f6f8f",
    "c6": "#444c55",
    "c7": "#7a1f1f",
    "bar": "#4f86b3",
    "loss": "#b3644a",
    "spread": "#7a8794",
}
DARK: Mapping[str, str] = {
    "paper": "#12171c",
    "ink": "#e8edf2",
    "soft": "#a9b6c2",
    "rule": "#38444f",
    "panel": "#1b232a",
    "accent": "#7fc0ee",
    "band95": "#1b2f40",
    "band80": "#244863",
    "band50": "#33688f",
    "course": "#1e241f",
    "up": "#f2946b",
    "down": "#5fcfae",
    "g2": "#d8c34a",
    "g3": "#f5a25a",
    "g4": "#f58ac0",
    "c0": "#7fc0ee",
    "c1": "#f2946b",
    "c2": "#5fcfae",
    "c3": "#d79ccb",
    "c4": "#d8c34a",
    "c5": "#9bd3e8",
    "c6": "#c2ccd6",
    "c7": "#f0a0a0",
    "bar": "#4f86b3",
    "loss": "#b3644a",
    "spread": "#6d7a86",
}
#: What paper changes: ink is black, and the greys darker.
PRINT: Mapping[str, str] = {
    **LIGHT,
    "ink": "#000000",
    "soft": "#3d4650",
    "panel": "#f5f7f9",
    "rule": "#c4ccd4",
}
LINES = 8


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of shape is drawn; None leaves it to the kinds before it.

    Attributes
    ----------
    fill, line : str or None
        Names of colours; ``none`` draws nothing.
    width : float or None
        Of the line. [px]
    opacity : float or None
        Of the fill.
    size : float or None
        Of text. [px]
    weight : int or None
        Of text; from 600 on it is bold.
    """

    fill: str | None = None
    line: str | None = None
    width: float | None = None
    opacity: float | None = None
    size: float | None = None
    weight: int | None = None

    def over(self, other: Look) -> Look:
        """This look where it says something, else the other."""
        said = {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}
        return replace(other, **said)


#: Text of a figure is as large as the text around it: 15 px, in the widths figures are drawn in.
TEXT = Look(fill="ink", size=15.0)
SHAPE = Look(fill="none", line="none")
PATH = Look(fill="none", line="ink", width=1.0)

#: By kind; where a shape has several, later lines of this table win.
LOOKS: Mapping[str, Look] = {
    "label": Look(),
    "tick": Look(fill="soft"),
    "note": Look(fill="soft"),
    "axis-label": Look(fill="soft"),
    "panel": Look(size=16.0, weight=650),
    "strong": Look(weight=600),
    "letter-text": Look(weight=700),
    "g2-text": Look(fill="g2"),
    "g3-text": Look(fill="g3", weight=600),
    "g4-text": Look(fill="g4", weight=600),
    "halo": Look(),
    "grid": Look(line="rule", width=0.8),
    "axis": Look(line="ink", width=1.2),
    "band95": Look(fill="band95", line="none"),
    "band80": Look(fill="band80", line="none"),
    "band50": Look(fill="band50", line="none"),
    "course": Look(fill="course"),
    "beyond": Look(fill="ink", opacity=0.045),
    "median": Look(line="ink", width=2.6),
    "fraction": Look(line="soft", width=1.0),
    "leader": Look(line="soft", width=0.8),
    "threshold": Look(line="soft", width=1.4),
    "g2": Look(line="g2"),
    "g3": Look(line="g3"),
    "g4": Look(line="g4"),
    "nadir": Look(fill="paper", line="ink", width=2.4),
    "curve": Look(line="ink", width=2.1),
    "thin": Look(line="ink", width=0.9),
    **{f"c{i}": Look(line=f"c{i}") for i in range(LINES)},
    **{f"area{i}": Look(fill=f"c{i}", line="none", opacity=0.12) for i in range(LINES)},
    "letter": Look(fill="paper", width=1.6),
    "bar": Look(fill="bar"),
    "loss": Look(fill="loss"),
    "spread": Look(fill="spread"),
    "up": Look(fill="up"),
    "down": Look(fill="down"),
    "dot": Look(fill="c0"),
    "met": Look(fill="c0"),
    "frontier": Look(fill="none", width=1.6),
    "unmet": Look(fill="none", line="soft", width=1.0),
    "connector": Look(line="soft", width=0.8),
    "whisker": Look(line="ink", width=1.6),
    "g3-mark": Look(fill="g3"),
    "g4-mark": Look(fill="paper", line="g4", width=2.2),
    "g3-line": Look(line="g3"),
    "g4-line": Look(line="g4"),
    "base-mark": Look(fill="soft"),
    "no-cut-mark": Look(fill="soft"),
    "other-cut-mark": Look(fill="soft"),
    "no-cut-line": Look(line="soft"),
    "other-cut-line": Look(line="soft"),
}
RANK = {kind: i for i, kind in enumerate(LOOKS)}
#: A name beside a curve keeps its letters clear of the lines behind it.
HALO = "svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }"


def look(kinds: str, base: Look) -> Look:
    """How a shape of some kinds, parted by blanks, is drawn over a base.

    Raises
    ------
    KeyError
        A kind that has no look: a shape nobody would see.

    Examples
    --------
    >>> look("threshold g3", PATH).line, look("threshold g3", PATH).width
    ('g3', 1.4)
    """
    out = base
    for kind in sorted(kinds.split(), key=lambda k: RANK[k]):
        out = LOOKS[kind].over(out)
    return out


def variables(colours: Mapping[str, str]) -> str:
    """Colours as CSS variables.

    Examples
    --------
    >>> variables({"ink": "#000000"})
    '--ink: #000000;'
    """
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def themes() -> str:
    """Both themes and print as CSS; the reader's system chooses."""
    return (
        f":root {{ {variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}\n"
        f"@media print {{ :root {{ {variables(PRINT)} }} }}"
    )


def figure_css() -> str:
    """The looks as CSS of inline figures."""
    rules = [f"svg text {{ {_css(TEXT)} }}", f"svg path {{ {_css(PATH)} }}"]
    rules += [f"svg .{kind} {{ {_css(said)} }}" for kind, said in LOOKS.items() if said != Look()]
    return "\n".join([*rules, HALO])


def _css(said: Look) -> str:
    def colour(name: str) -> str:
        return name if name == "none" else f"var(--{name})"

    parts = (
        ("fill", said.fill and colour(said.fill)),
        ("fill-opacity", said.opacity and f"{said.opacity:g}"),
        ("stroke", said.line and colour(said.line)),
        ("stroke-width", said.width and f"{said.width:g}"),
        ("font-size", said.size and f"{said.size:g}px"),
        ("font-weight", said.weight and f"{said.weight}"),
    )
    return " ".join(f"{name}: {value};" for name, value in parts if value)
