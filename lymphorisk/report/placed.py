"""Placed organs over the patient's outline and dose, from three sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lymphorisk.report.legend import WIDE, Entry, legend, legend_height
from lymphorisk.report.svg import Drawing
from lymphorisk.report.wording import short

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.analysis.picture import Line, View

#: Dashes of the doses, so that they differ without colour.
DOSE_DASHES = ("", "6 4")
TITLES = {
    "from the front": "From the front",
    "from the left": "From the left",
    "section": "Section through the target",
}
PANEL_TOP, PANEL_GAP, ROOM = 34.0, 18.0, 300.0
#: Tallest panel; whatever is longer is drawn smaller. [px]
TALLEST = 420.0


def placed_figure(a: Analysis, width: int = WIDE) -> Drawing | None:
    """Silhouettes of the placed organs; None where no organ was placed."""
    if not a.anatomy:
        return None
    names = list(dict.fromkeys(s.organ for view in a.anatomy for s in view.organs))
    entries = [
        Entry("outline", "axis"),
        *(
            Entry(f"{100 * share:.0f} % of the target's dose", "threshold", dash)
            for (share, _), dash in zip(a.anatomy[0].doses, DOSE_DASHES, strict=True)
        ),
        *(Entry(f"{short(n)}, in half of the bodies", f"curve c{i}") for i, n in enumerate(names)),
        Entry("in one body of ten", "thin", "2 3"),
    ]
    boxes = [_box(view) for view in a.anatomy]
    scales = _scales(boxes)
    heights = [PANEL_TOP + s * (bottom - top) + PANEL_GAP for s, (_, _, top, bottom) in zip(scales, boxes, strict=True)]
    below = max(heights) if width == WIDE else sum(heights)
    d = Drawing(
        width,
        int(below + legend_height(entries, width - 10.0) + 6),
        "Where placed organs lie",
        f"{', '.join(names)}, placed by {', '.join(sorted(_landmarks(a)))}; over the patient's outline and dose.",
        "placed" if width == WIDE else "placed-narrow",
    )
    at = 0.0
    for k, (view, box) in enumerate(zip(a.anatomy, boxes, strict=True)):
        left, top = (k * width / len(boxes) + 8.0, 0.0) if width == WIDE else (8.0, at)
        _panel(d, view, box, left, top, scales[k], names)
        at += heights[k]
    legend(d, entries, 4.0, below, width - 10.0)
    return d


def _scales(boxes: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """Pixels a millimetre: one scale for the views from outside, so that sizes compare; the section fills its panel."""
    fits = [min(ROOM / (right - left), TALLEST / (bottom - top)) for left, right, top, bottom in boxes]
    return [*([min(fits[:-1])] * (len(fits) - 1)), fits[-1]]


def _landmarks(a: Analysis) -> set[str]:
    return {name for organ in a.organs.values() for name in organ.landmarks}


def _box(view: View) -> tuple[float, float, float, float]:
    """Least and largest place to the right and downwards of all lines of a view. [mm]"""
    lines = [*view.outline, *(line for _, drawn in view.doses for line in drawn)]
    lines += [line for s in view.organs for line in s.possible]
    points = [_turned(view, p) for line in lines for p in line]
    right, down = zip(*points, strict=True)
    return min(right), max(right), min(down), max(down)


def _turned(view: View, point: tuple[float, float]) -> tuple[float, float]:
    """To the right and downwards: the head is up, the back is down in the section."""
    return point if view.name == "section" else (point[0], -point[1])


def _panel(
    d: Drawing,
    view: View,
    box: tuple[float, float, float, float],
    left: float,
    top: float,
    scale: float,
    names: Sequence[str],
) -> None:
    d.text(left, top + 18, TITLES[view.name], "panel")

    def line(points: Line, kind: str, dash: str = "") -> None:
        places = [_turned(view, p) for p in points]
        d.line([(left + scale * (x - box[0]), top + PANEL_TOP + scale * (y - box[2])) for x, y in places], kind, dash)

    for outline in view.outline:
        line(outline, "axis")
    for (_, drawn), dash in zip(view.doses, DOSE_DASHES, strict=True):
        for isodose in drawn:
            line(isodose, "threshold", dash)
    for s in view.organs:
        colour = f"c{names.index(s.organ)}"
        for possible in s.possible:
            line(possible, f"thin {colour}", "2 3")
        for likely in s.likely:
            line(likely, f"curve {colour}")


CAPTION = (
    "Organs nobody drew, or the undrawn part of drawn ones, as placed. Solid: where an organ lies in half of the "
    "placed bodies; dotted: in one of ten. The doses are the highest along the line of sight, of the phase with the "
    "highest target dose. The patient's left is at the right."
)
