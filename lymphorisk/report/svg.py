"""Drawing by hand: scales, ticks, lines, bands, bars and labels as inline SVG.

Colours are CSS classes, so that a page decides them for light, dark and print. Every figure has a title
and a description for people who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape

#: A line may leave out points it passes this closely: invisible on a printed page.
SAME_PX = 0.15
#: A place, or a value over another.
Point = tuple[float, float]
TICK_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value to a place: linear, or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value, held inside the scale.

        Examples
        --------
        >>> Scale(0, 10, 100, 200)(5), Scale(0.1, 10, 0, 200, log=True)(1.0), Scale(0, 10, 0, 100)(99)
        (150.0, 100.0, 100.0)
        """
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from low to high, about so many.

    Examples
    --------
    >>> nice_ticks(0, 10, 5), nice_ticks(0, 0.34, 4)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.0, 0.1, 0.2, 0.3])
    """
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min(TICK_STEPS, key=lambda s: abs(s * power - rough))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def round_up(value: float, about: int = 6) -> float:
    """The end of an axis that holds the value: the next tick.

    Examples
    --------
    >>> round_up(9.3), round_up(0.0), round_up(50.4)
    (10.0, 1.0, 60.0)
    """
    if value <= 0:
        return 1.0
    ticks = nice_ticks(0.0, value, about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else value
    return float(f"{math.ceil(value / step - 1e-9) * step:.10g}")


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade.

    Examples
    --------
    >>> log_ticks(0.05, 2.0)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [float(f"{m}e{e}") for e in range(first, last + 1) for m in (1, 2, 5)]
    return [v for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]


def _off(p: Point, a: Point, b: Point) -> float:
    """Distance of a point from a line segment."""
    along = (b[0] - a[0], b[1] - a[1])
    length = along[0] ** 2 + along[1] ** 2
    share = 0.0 if length == 0 else ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / length
    share = min(max(share, 0.0), 1.0)
    return math.hypot(p[0] - a[0] - share * along[0], p[1] - a[1] - share * along[1])


def thinned(
    points: Sequence[Point], off: Callable[[Point, Point, Point], float] = _off, within: float = SAME_PX
) -> list[Point]:
    """The points whose line stays within a distance of all of them (Ramer-Douglas-Peucker).

    Parameters
    ----------
    points : sequence of tuple of float
    off : callable
        How far the first point is off the line between the other two; in the drawing by default.
    within : float
        The largest such distance.

    Examples
    --------
    >>> thinned([(0, 0), (1, 0.1), (2, 0), (2, 5)])
    [(0, 0), (2, 0), (2, 5)]
    """
    if len(points) < 3:
        return list(points)
    keep = {0, len(points) - 1}
    open_spans = [(0, len(points) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        farthest = max(range(first + 1, last), key=lambda i: off(points[i], points[first], points[last]))
        if off(points[farthest], points[first], points[last]) > within:
            keep.add(farthest)
            open_spans += [(first, farthest), (farthest, last)]
    return [points[i] for i in sorted(keep)]


def px(value: float) -> str:
    """A coordinate.

    Examples
    --------
    >>> px(3.14159), px(2.0), px(-0.01)
    ('3.1', '2', '0')
    """
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text_width(text: str, size: float = 15.0) -> float:
    """About how wide a text is, for places beside it.

    Examples
    --------
    >>> text_width("abcd", 10.0)
    24.0
    """
    return 0.6 * size * len(text)


def tick_label(value: float) -> str:
    """
    Examples
    --------
    >>> tick_label(0.5), tick_label(20.0), tick_label(0.1 + 0.2)
    ('0.5', '20', '0.3')
    """
    return f"{value:.6g}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text at a place; `anchor` start, middle or end, `turn` [degree]."""

    x: float
    y: float
    content: str
    kind: str
    anchor: str = "start"
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Path:
    """A line through points, closed or not; `dash` as in SVG, `tag` its element there."""

    points: tuple[tuple[float, float], ...]
    kind: str
    closed: bool = False
    dash: str = ""
    tag: str = "path"


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle."""

    x: float
    y: float
    radius: float
    kind: str


Shape = Text | Path | Circle


@dataclass(frozen=True, slots=True)
class Trace:
    """A line's name, the colour it has, its points as data, and what to say of each; else `y` with `unit`.

    `part` is the part of the drawing that shows it.
    """

    name: str
    kind: str
    points: tuple[tuple[float, float], ...]
    said: tuple[str, ...] = ()
    unit: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Where data stands in a drawing: scales, unit of x, the lines a reader may ask, and its name among several.

    `bands` are what a reader may hide beside its lines: words, and part of the drawing.
    """

    x: Scale
    y: Scale
    unit: str
    traces: tuple[Trace, ...]
    name: str = ""
    bands: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Drawing:
    """A figure under construction: shapes are added, `svg` writes it.

    The shapes stay readable, so that another writer (the PDF) can draw the same figure.
    """

    width: int
    height: int
    title: str
    description: str
    key: str
    shapes: list[Shape] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    parts: list[tuple[str, int, int]] = field(default_factory=list)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What is drawn within is a part of a name, which an interactive page can hide."""
        start = len(self.shapes)
        yield
        self.parts.append((name, start, len(self.shapes)))

    def text(self, x: float, y: float, content: str, kind: str = "label", anchor: str = "start", turn: int = 0) -> None:
        """Text; `kind` is a CSS class, `anchor` start, middle or end."""
        self.shapes.append(Text(x, y, content, kind, anchor, turn))

    def line(self, points: Sequence[tuple[float, float]], kind: str, dash: str = "") -> None:
        """A line through points."""
        self.shapes.append(Path(tuple(thinned(points)), kind, dash=dash))

    def band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], kind: str) -> None:
        """The area between two lines."""
        there = thinned(list(zip(x, high, strict=True)))
        back = thinned(list(zip(x, low, strict=True)))[::-1]
        self.shapes.append(Path((*there, *back), kind, closed=True))

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A rectangle."""
        right, bottom = x + max(width, 0.0), y + max(height, 0.0)
        self.shapes.append(Path(((x, y), (right, y), (right, bottom), (x, bottom)), kind, closed=True, tag="rect"))

    def mark(self, x: float, y: float, shape: str, kind: str, size: float = 5.0) -> None:
        """A marker: circle, square, diamond or triangle."""
        if shape == "circle":
            self.shapes.append(Circle(x, y, size, kind))
            return
        corners: list[tuple[float, float]] = {
            "square": [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)],
            "diamond": [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
            "triangle": [(0.0, -1.2), (1.1, 0.9), (-1.1, 0.9)],
        }[shape]
        points = tuple((x + size * a, y + size * b) for a, b in corners)
        self.shapes.append(Path(points, kind, closed=True, tag="polygon"))

    def x_axis(self, scale: Scale, y: float, top: float, ticks: Sequence[float], label: str) -> None:
        """An axis at the bottom with grid lines up to `top`."""
        for tick in ticks:
            self.line([(scale(tick), y), (scale(tick), top)], "grid")
            self.text(scale(tick), y + 19, tick_label(tick), "tick", "middle")
        self.line([(scale.start, y), (scale.end, y)], "axis")
        self.text((scale.start + scale.end) / 2, y + 41, label, "axis-label", "middle")

    def y_axis(self, scale: Scale, x: float, right: float, ticks: Sequence[float], label: str) -> None:
        """An axis at the left with grid lines to `right`; its label stands above it."""
        for tick in ticks:
            self.line([(x, scale(tick)), (right, scale(tick))], "grid")
            self.text(x - 7, scale(tick) + 5, tick_label(tick), "tick", "end")
        self.line([(x, scale.start), (x, scale.end)], "axis")
        self.text(max(x - 40.0, 2.0), min(scale.start, scale.end) - 14, label, "axis-label")

    def svg(self, beneath: str = "") -> str:
        """The figure; `beneath` is markup that lies under all of it."""
        head = (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-labelledby="{self.key}-t {self.key}-d" '
            f'preserveAspectRatio="xMidYMid meet"><title id="{self.key}-t">{escape(self.title)}</title>'
            f'<desc id="{self.key}-d">{escape(self.description)}</desc>'
        )
        parts = {i: name for name, start, end in self.parts for i in range(start, end)}
        return (
            head
            + beneath
            + "".join(_written(shape, parts.get(i, "")) for i, shape in enumerate(self.shapes))
            + "</svg>"
        )


def _written(shape: Shape, part: str) -> str:
    kind = f'class="{shape.kind}"' + (f' data-part="{part}"' if part else "")
    if isinstance(shape, Text):
        x, y = px(shape.x), px(shape.y)
        turned = f' transform="rotate({shape.turn} {x} {y})"' if shape.turn else ""
        at = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
        return f'<text {kind} x="{x}" y="{y}"{at}{turned}>{escape(shape.content)}</text>'
    if isinstance(shape, Circle):
        return f'<circle {kind} cx="{px(shape.x)}" cy="{px(shape.y)}" r="{px(shape.radius)}"/>'
    if shape.tag == "rect":
        (x0, y0), _, (x1, y1), _ = shape.points
        size = f'width="{px(x1 - x0)}" height="{px(y1 - y0)}"'
        return f'<rect {kind} x="{px(x0)}" y="{px(y0)}" {size}/>'
    if shape.tag == "polygon":
        return f'<polygon {kind} points="{" ".join(f"{px(a)},{px(b)}" for a, b in shape.points)}"/>'
    drawn = "L".join(f"{px(x)} {px(y)}" for x, y in shape.points)
    dashed = f' stroke-dasharray="{shape.dash}"' if shape.dash else ""
    return f'<path {kind} d="M{drawn}{"Z" if shape.closed else ""}"{dashed}/>'
