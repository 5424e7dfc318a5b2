"""Draw the house from its imports: `python docs/figures/house.py` writes house.svg beside this file.

Rooms stand on floors by the order that `tests/test_architecture.py` enforces; a line is an import, drawn for the nearest floors that
explain all others (an import that follows from two others is left out).
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "lymphorisk"
BOX_W, BOX_H, GAP_X, GAP_Y, WIDTH = 116, 30, 24, 26, 760


def floors() -> tuple[frozenset[str], ...]:
    """Rooms by floor, top first."""
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "tests" / "test_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    order: tuple[frozenset[str], ...] = module.ORDER
    return order


def room_imports() -> dict[str, set[str]]:
    """Which room imports which."""
    out: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lymphorisk"):
                parts = node.module.split(".")
                names = [parts[1]] if len(parts) > 1 else [a.name for a in node.names]
                out.setdefault(room, set()).update(n for n in names if n != room)
    return out


def needed(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Imports that no chain of others explains."""

    def reach(room: str, seen: set[str]) -> set[str]:
        for other in imports.get(room, set()):
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen

    out = set()
    for room, others in imports.items():
        for other in others:
            if not any(other in reach(between, set()) for between in others - {other}):
                out.add((room, other))
    return out


def house() -> str:
    """The house as SVG, readable on light and dark ground."""
    rows = [sorted(rooms) for rooms in floors()]
    imports = room_imports()
    at: dict[str, tuple[float, float]] = {}
    for k, rooms in enumerate(rows):
        span = len(rooms) * BOX_W + (len(rooms) - 1) * GAP_X
        for i, room in enumerate(rooms):
            at[room] = ((WIDTH - span) / 2 + i * (BOX_W + GAP_X), GAP_Y + k * (BOX_H + GAP_Y))
    height = GAP_Y + len(rows) * (BOX_H + GAP_Y)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        'aria-labelledby="t" font-family="sans-serif" font-size="13">',
        '<title id="t">The rooms of lymphorisk by floor; lines are imports, all downwards</title>',
        f'<rect width="{WIDTH}" height="{height:g}" fill="#fbfaf7"/>',
    ]
    for room, other in sorted(needed(imports)):
        if room in at and other in at:
            (x0, y0), (x1, y1) = at[room], at[other]
            x0, x1, y0 = x0 + BOX_W / 2, x1 + BOX_W / 2, y0 + BOX_H
            middle = (y0 + y1) / 2
            out.append(
                f'<path d="M{x0:g} {y0:g}C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}" fill="none" '
                'stroke="#8a8f98" stroke-width="1.2"/>'
            )
    for room, (x, y) in sorted(at.items()):
        out.append(
            f'<rect x="{x:g}" y="{y:g}" width="{BOX_W}" height="{BOX_H}" rx="4" fill="#e7eef5" stroke="#40566b"/>'
            f'<text x="{x + BOX_W / 2:g}" y="{y + BOX_H / 2 + 4:g}" text-anchor="middle" fill="#1d2a36">{room}</text>'
        )
    return "\n".join([*out, "</svg>\n"])


if __name__ == "__main__":
    (HERE / "house.svg").write_text(house(), encoding="utf-8")
