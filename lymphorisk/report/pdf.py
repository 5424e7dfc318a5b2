"""The report as PDF, A4: the content of the page, drawn from the same shapes; needs the extra ``pdf``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from lymphorisk.absent import Absent
from lymphorisk.report import content, figures
from lymphorisk.report.content import ProtocolTable
from lymphorisk.report.summary import headline, weakness
from lymphorisk.report.svg import Circle, Drawing, Shape, Text
from lymphorisk.report.wording import NOT_A_DEVICE, in_reading_order, short

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis

FONT, BOLD = "Vera", "VeraBd"
MARGIN_PT = 38.0
#: The padding reportlab puts inside the margins of its page frame.
FRAME_PAD_PT = 6.0
#: A heading with less room than this below it goes to the next page.
HEADING_ROOM_PT = 90.0
WIDTH_PT = 595.28 - 2 * MARGIN_PT
INK, SOFT, RULE, PANEL = "#000000", "#3d4650", "#c4ccd4", "#f3f6f8"
#: Fill and line of the classes the figures are drawn in, as on the page in light.
FILLS = {
    "band95": "#dbe9f4",
    "band80": "#b5d2e8",
    "band50": "#7fb1d6",
    "course": "#f4f1e6",
    "bar": "#4f86b3",
    "loss": "#b3644a",
    "spread": "#7a8794",
    "up": "#b3421a",
    "down": "#00664b",
    "g3-mark": "#a34300",
    "g4-mark": "#ffffff",
    "base-mark": "#4a5763",
    "no-cut-mark": "#4a5763",
    "other-cut-mark": "#4a5763",
    "nadir": "#ffffff",
    "letter": "#ffffff",
}
LINES = {
    "grid": (RULE, 0.8),
    "axis": (INK, 1.2),
    "median": (INK, 2.6),
    "fraction": (SOFT, 1.0),
    "leader": (SOFT, 0.8),
    "threshold": (SOFT, 1.4),
    "g2": ("#6b5a00", 1.4),
    "g3": ("#a34300", 1.4),
    "g4": ("#a3004f", 1.4),
    "nadir": (INK, 2.4),
    "g4-mark": ("#a3004f", 2.2),
    "connector": (SOFT, 0.8),
    "whisker": (INK, 1.6),
    "g3-line": ("#a34300", 1.6),
    "g4-line": ("#a3004f", 1.6),
    "no-cut-line": (SOFT, 1.6),
    "other-cut-line": (SOFT, 1.6),
    "c0": ("#005b96", 2.1),
    "c1": ("#b3421a", 2.1),
    "c2": ("#00664b", 2.1),
    "c3": ("#8a3a78", 2.1),
    "c4": ("#6b5a00", 2.1),
    "c5": ("#2f6f8f", 2.1),
    "c6": ("#444c55", 2.1),
    "c7": ("#7a1f1f", 2.1),
}
TEXTS = {
    "tick": (12.0, SOFT, False),
    "note": (12.0, SOFT, False),
    "axis-label": (12.5, SOFT, False),
    "panel": (14.0, INK, True),
    "strong": (13.0, INK, True),
    "letter-text": (10.5, INK, True),
    "g2-text": (13.0, "#6b5a00", False),
    "g3-text": (13.0, "#a34300", True),
    "g4-text": (13.0, "#a3004f", True),
}


def render(
    analysis: Analysis,
    identity: tuple[str, str] | None = None,
    *,
    protocol: ProtocolTable | None = None,
    signature: bool = True,
    written: str = "",
) -> bytes:
    """The report; parameters as in `html.render`, the same bytes for the same result."""
    from reportlab.platypus import SimpleDocTemplate

    _fonts()
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        leftMargin=MARGIN_PT - FRAME_PAD_PT,
        rightMargin=MARGIN_PT - FRAME_PAD_PT,
        topMargin=MARGIN_PT - FRAME_PAD_PT,
        bottomMargin=MARGIN_PT,
        title="Lymphocyte report",
        author=f"lymphorisk {analysis.provenance.version}",
        lang="en",
        invariant=1,
    )
    label = _plain(short(analysis.label))

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(FONT, 6.5)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN_PT, 24, f"{label} · lymphorisk {analysis.provenance.version} · {NOT_A_DEVICE}")
        canvas.drawRightString(MARGIN_PT + WIDTH_PT, 24, f"page {page.page}")

    document.build(_story(analysis, identity, protocol, signature, written), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _fonts() -> None:
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = FilePath(reportlab.__file__).parent / "fonts"
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)


def _plain(text: str) -> str:
    """Text in the glyphs the font has."""
    from reportlab.pdfbase import pdfmetrics

    for a, b in (("×10⁹/L", "x10^9/L"), ("10⁹/L", "10^9/L"), ("cm³", "cm3"), ("−", "-"), ("\u00a0", " ")):
        text = text.replace(a, b)
    known = pdfmetrics.getFont(FONT).face.charToGlyph
    return "".join(c if ord(c) in known else "?" for c in text)


def _paragraph(text: str, size: float = 8.5, bold: bool = False, colour: str = INK, space: float = 2.0) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        f"{size}{bold}{colour}",
        fontName=BOLD if bold else FONT,
        fontSize=size,
        leading=1.32 * size,
        textColor=colour,
        spaceAfter=space,
        splitLongWords=1,
    )
    return Paragraph(escape(_plain(text)), style)


def _heading(text: str) -> list[Any]:
    from reportlab.platypus import CondPageBreak, HRFlowable, Spacer

    rule = HRFlowable(width="100%", thickness=1.2, color=INK, spaceAfter=3)
    return [CondPageBreak(HEADING_ROOM_PT), Spacer(1, 9), rule, _paragraph(text, 11, bold=True)]


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
    numeric: Sequence[int] = (),
    size: float = 6.8,
) -> Any:
    """Rows under a head that repeats on every page; widths are shares of the page."""
    from reportlab.platypus import Table, TableStyle

    cells = [[_cell(h, size, True, i in numeric) for i, h in enumerate(head)]]
    cells += [[_cell(c, size, False, i in numeric) for i, c in enumerate(row)] for row in rows]
    total = sum(widths)
    table = Table(cells, colWidths=[WIDTH_PT * w / total for w in widths], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.9, INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 6),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ]
        )
    )
    return table


def _cell(text: str, size: float, bold: bool, right: bool) -> Any:
    cell = _paragraph(text, size, bold, space=0)
    if right:
        cell.style = cell.style.clone("right", alignment=2)
    return cell


def _side_by_side(left: Any, right: Any) -> Any:
    from reportlab.platypus import Table, TableStyle

    table = Table([[left, right]], colWidths=[WIDTH_PT / 2, WIDTH_PT / 2])
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


def _figure(drawing: Drawing | None, width: float) -> Any:
    """A drawing as something that takes its place on a page."""
    from reportlab.platypus import Flowable, Spacer

    if drawing is None:
        return Spacer(1, 1)

    class Figure(Flowable):  # type: ignore[misc]
        def __init__(self, shown: Drawing) -> None:
            super().__init__()
            self.shown = shown
            self.width, self.height = width, width * shown.height / shown.width

        def draw(self) -> None:
            self.canv.translate(0, self.height)
            self.canv.scale(width / self.shown.width, width / self.shown.width)
            for shape in self.shown.shapes:
                _draw(self.canv, shape)

    return Figure(drawing)


def _draw(canvas: Any, shape: Shape) -> None:
    """One shape; y grows downwards in a drawing and upwards in a PDF."""
    kinds = shape.kind.split()
    if isinstance(shape, Text):
        size, colour, bold = next((TEXTS[k] for k in reversed(kinds) if k in TEXTS), (13.0, INK, False))
        canvas.setFont(BOLD if bold else FONT, size * 0.93)
        canvas.setFillColor(colour)
        write = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}
        write[shape.anchor](shape.x, -shape.y, _plain(shape.content))
        return
    fill = next((FILLS[k] for k in reversed(kinds) if k in FILLS), None)
    line = next((LINES[k] for k in reversed(kinds) if k in LINES), None)
    if line is not None:
        canvas.setStrokeColor(line[0])
        canvas.setLineWidth(line[1])
    if fill is not None:
        canvas.setFillColor(fill)
    how = {"stroke": int(line is not None), "fill": int(fill is not None)}
    if isinstance(shape, Circle):
        canvas.circle(shape.x, -shape.y, shape.radius, **how)
        return
    canvas.setDash([float(part) for part in shape.dash.split()] if shape.dash else [])
    path = canvas.beginPath()
    path.moveTo(shape.points[0][0], -shape.points[0][1])
    for x, y in shape.points[1:]:
        path.lineTo(x, -y)
    if shape.closed:
        path.close()
    canvas.drawPath(path, **how)
    canvas.setDash([])


def _story(
    a: Analysis, identity: tuple[str, str] | None, protocol: ProtocolTable | None, signature: bool, written: str
) -> list[Any]:
    from reportlab.platypus import KeepTogether, Spacer

    drawn = figures.all_figures(a)
    half = WIDTH_PT / 2 - 8
    out = [_paragraph(short(a.label) or "plan", 15, bold=True, space=1)]
    if written:
        out.append(_paragraph(written, 7.5, colour=SOFT))
    if identity is not None:
        out.append(_paragraph(f"Patient {short(identity[0])} · ID {short(identity[1])}", 8.5))
    out += [_paragraph(sentence, 10) for sentence in headline(a)]
    out.append(
        _table([t[0] for t in content.tiles(a)], [[f"{v} ({more})" for _, v, more in content.tiles(a)]], [1] * 5)
    )
    if reasons := weakness(a):
        out.append(_paragraph("What makes this answer weaker", 8.5, bold=True))
        out += [_paragraph(f"· {reason}", 8) for reason in reasons]
    if protocol is not None:
        rows = [
            [short(x) for x in (r.structure, r.metric, r.limit, r.value, r.state)] + [short(r.note, 400)]
            for r in protocol.rows
        ]
        out += [
            *_heading(f"Protocol {short(protocol.name)}: {protocol.verdict}"),
            _table(["Structure", "Metric", "Limit", "Value", "State", "Note"], rows, [4, 2.4, 2.4, 2.2, 2.8, 8], [3]),
        ]
    counts = _table(["Day", "Median", "50 % band", "90 % band"], content.counts(a), [1, 1.4, 2, 2], [1, 2, 3])
    counts._argW = [w * half / WIDTH_PT for w in counts._argW]
    out += [*_heading("Lymphocyte count over time"), _figure(drawn["alc"], WIDTH_PT)]
    out.append(_side_by_side(counts, _figure(drawn["spread"], half)))
    out += [
        KeepTogether([*_heading("Risk: three voices, not averaged"), _figure(drawn["voices"], WIDTH_PT)]),
        _paragraph(a.risk.disagreement),
        _paragraph(content.outcome_note(a)),
        _table(["Voice", "Grade 3 or worse", "Grade 4", "Basis"], content.voices(a), [3.4, 3, 3, 9], [1, 2]),
        KeepTogether(
            [
                *_heading("Why: what the physics says, and what moved the trained predictor"),
                _side_by_side(_figure(drawn["physics"], half), _figure(drawn["waterfall"], half)),
            ]
        ),
    ]
    if isinstance(a.explanation, Absent):
        out.append(_paragraph(f"No explanation of a trained predictor: {a.explanation.reason}."))
    else:
        out += [_paragraph(f"· {short(s, 400)}", 7.5) for s in a.explanation.sentences]
        if a.agreement is not None:
            out.append(_paragraph(f"· Physics against trained predictor: {a.agreement.sentence}", 7.5))
        out.append(_paragraph(a.explanation.note, 7.5, colour=SOFT))
    shown = [content.organ(n, a.organs[n]) for n in in_reading_order(a.organs)] + [
        content.organ(t.tg263, t) for t in a.targets
    ]
    columns = ("name", "source", "from", "volume", "coverage", "mean", "fraction", "v5", "v20", "top")
    head = ["Organ", "Source", "From", "cm3", "in grid %", "Mean Gy", "Gy / fx", "V5 %", "V20 %", "Max Gy"]
    out += [
        KeepTogether([*_heading("Organ doses"), _figure(drawn["dvh"], WIDTH_PT)]),
        _table(head, [[o[c] for c in columns] for o in shown], [4, 2.4, 6, 2, 2, 2, 2.6, 1.5, 1.7, 2], range(3, 10)),
        KeepTogether(
            [
                *_heading("Blood dose"),
                _side_by_side(_figure(drawn["blood_organs"], half), _figure(drawn["blood_dvh"], half)),
            ]
        ),
        _table(
            [
                f"{a.blood.engine}, {a.blood.network}",
                "Mean Gy",
                "SD Gy",
                "V>0 %",
                "V>0.125 Gy %",
                "V>=0.5 Gy %",
                "D2% Gy",
            ],
            content.blood(a),
            [5, 2, 2, 2, 2.6, 2.6, 2],
            range(1, 7),
        ),
        Spacer(1, 4),
        _table(["Effective dose to immune cells", "Value"], content.edic(a), [4, 8]),
        *_heading("Findings"),
        _table(["Code", "Severity", "What", "Where", "What can be done"], content.findings(a), [1.4, 1.7, 7, 3, 5]),
        *(_signatures() if signature else ()),
        *_heading("What this rests on"),
        _table(
            ["Phase", "Modality", "Prescription", "Fractions", "Calendar", "Delivery"],
            content.phases(a),
            [3, 2, 2, 1.6, 4, 4],
        ),
        Spacer(1, 4),
        _table(["Fact", "Value", "From"], content.patient(a), [3, 4, 4]),
        Spacer(1, 4),
        _table(["Assumed number", "Value", "Why this"], content.assumptions(a), [5, 2.4, 8]),
        *_heading("Provenance"),
        _paragraph(_provenance(a), 7.5),
        _table(["Role", "SOP Instance UID", "SHA-256"], a.provenance.inputs[: content.ROWS_MAX], [1.5, 6, 7.5]),
        _paragraph("Options: " + "; ".join(f"{n} = {v}" for n, v in content.options(a)), 7, colour=SOFT),
    ]
    return out


def _signatures() -> list[Any]:
    from reportlab.platypus import KeepTogether, Spacer, Table, TableStyle

    names = ["Medical physicist, name and date", "Second check, name and date", "Physician, name and date"]
    cells = [[_cell(name, 7, False, False) if name else "" for name in (names[0], "", names[1], "", names[2])]]
    table = Table(cells, colWidths=[WIDTH_PT * w for w in (0.3, 0.05, 0.3, 0.05, 0.3)])
    table.setStyle(TableStyle([("LINEABOVE", (i, 0), (i, 0), 0.8, INK) for i in (0, 2, 4)]))
    return [KeepTogether([Spacer(1, 40), table])]


def _provenance(a: Analysis) -> str:
    p = a.provenance
    model = f"model {p.model_name} {p.model_sha256}" if p.model_name else "no trained predictor"
    packages = ", ".join(f"{name} {number}" for name, number in p.packages.items())
    return (
        f"lymphorisk {p.version}, parameter set {p.parameter_set}, {model}, seed {p.seed}, {p.draws} draws "
        f"(ensemble {a.forecast.ensemble_id}), CTCAE {a.forecast.ctcae}, {packages}."
    )
