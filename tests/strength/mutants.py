"""Small faults of the code, one at a time: where they can be, a seeded sample of them, and the text with one in it.

The faults are cosmic-ray's. Left out are those no test of numbers can mean: annotations, decorators, the words of
messages, the `strict` of `zip`, bits in place of sums, identity in place of equality.
"""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import parso
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("circulation", "lymphocyte", "dvh", "qa", "dicom", "anatomy", "objective", "analysis", "scenario")
SUMS, BITS, SHIFTS = (
    {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"},
    {"BitOr", "BitAnd", "BitXor"},
    {"RShift", "LShift"},
)
_NAME = re.compile(r"core/Replace(Binary|Comparison|Unary)Operator_(\w+?)_(\w+)")


@dataclass(frozen=True)
class Mutant:
    """One fault: a cosmic-ray operator at its ``occurrence`` in a file of the package."""

    file: str
    line: int
    column: int
    operator: str
    occurrence: int
    #: The statement's own lines, of a compound one its head.
    lines: tuple[int, int]
    #: The function it lies in, empty at import.
    function: str
    before: str
    #: Where in its row, without the indent.
    place: int
    #: Which of the faults of one operator at one place.
    which: int = 0

    @property
    def room(self) -> str:
        """The room of the house."""
        return self.file.split("/")[1]

    @property
    def name(self) -> str:
        """The same fault after lines have moved: by its text, not its place."""
        told = f"{self.file} {self.function} {self.before} {self.operator} {self.place} {self.which}"
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"name": self.name, **asdict(self)}


@cache
def operators() -> dict[str, Any]:
    """cosmic-ray's operators that are used, by name."""
    kept = {}
    for name in sorted(plugins.operator_names()):
        operator = plugins.get_operator(name)
        if operator.arguments() or name in ("core/NoOp", "core/RemoveDecorator"):
            continue
        if found := _NAME.fullmatch(name):
            kind, old, new = found.groups()
            if kind == "Binary" and not any(old in group and new in group for group in (SUMS, BITS, SHIFTS)):
                continue
            if kind == "Comparison" and (old in ("Is", "IsNot")) != (new in ("Is", "IsNot")):
                continue
            if kind == "Unary" and old in ("USub", "UAdd") and new in ("Invert", "Not"):
                continue
        kept[name] = operator()
    return kept


@cache
def _at() -> dict[str, dict[str, Any]]:
    """The operators by the kind of node they change, as their own examples have it."""
    kinds: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, operator in operators().items():
        for example in operator.examples():
            for node in ast_nodes(parso.parse(example.pre_mutation_code)):
                if next(iter(operator.mutation_positions(node)), None):
                    kinds[node.type][name] = operator
    return kinds


def mutants_of(file: Path, root: Path = ROOT) -> list[Mutant]:
    """All faults of a file, those of meaning only."""
    text = file.read_text(encoding="utf-8")
    statements, left = list(_statements(ast.parse(text))), _left_out(text)
    rows = text.splitlines()
    places: dict[str, int] = defaultdict(int)
    found = []
    for node in ast_nodes(parso.parse(text)):
        for name, operator in _at().get(node.type, {}).items():
            for which, ((line, column), (end, _)) in enumerate(operator.mutation_positions(node)):
                occurrence = places[name]
                places[name] += 1
                # A star between parameters is no product.
                if any(a <= (line, column) < b for a, b in left) or rows[line - 1].strip() in ("*,", "/,"):
                    continue
                function, lines = _place(statements, line)
                found.append(
                    Mutant(
                        str(file.relative_to(root)),
                        line,
                        column,
                        name.removeprefix("core/"),
                        occurrence,
                        lines,
                        function,
                        " ".join(r.strip() for r in rows[line - 1 : end]),
                        column - (len(rows[line - 1]) - len(rows[line - 1].lstrip())),
                        which,
                    )
                )
    return found


def mutated(text: str, mutant: Mutant) -> str:
    """The file's text with the fault in it."""
    made = mutate_code(text, operators()[f"core/{mutant.operator}"], mutant.occurrence)
    assert made is not None, mutant
    return str(made)


def changed(before: str, after: str) -> str:
    """The rows that a fault put in place of others."""
    old = set(before.splitlines())
    return " ".join(" ".join(row.split()) for row in after.splitlines() if row not in old)


def sample(count: int, seed: int, rooms: tuple[str, ...] = ROOMS, root: Path = ROOT) -> list[Mutant]:
    """So many of each room, as even over its places as chance is: first a place is drawn, then a fault there.

    The first of a larger sample are those of a smaller one of the same seed.
    """
    drawn = []
    for room in rooms:
        rng = random.Random(f"{seed} {room}")
        places = _places(room, root)
        order = sorted(places)
        rng.shuffle(order)
        drawn += [(n, rng.choice(places[place])) for n, place in enumerate(order[:count])]
    # Room by room in turn, so that a run cut short has some of each.
    return [mutant for _, mutant in sorted(drawn, key=lambda pair: pair[0])]


def places(root: Path = ROOT) -> dict[str, int]:
    """How many places of each room can hold a fault."""
    return {room: len(_places(room, root)) for room in ROOMS}


@cache
def _places(room: str, root: Path) -> dict[tuple[str, int, int], list[Mutant]]:
    places: dict[tuple[str, int, int], list[Mutant]] = defaultdict(list)
    for file in sorted((root / "lymphorisk" / room).rglob("*.py")):
        for mutant in mutants_of(file, root):
            places[mutant.file, mutant.line, mutant.column].append(mutant)
    return places


def _spans(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    at: Any = node
    return (at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset)


def _left_out(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Spans (line, column) of annotations, decorators, messages and checks of lengths."""
    spans = []
    for node in ast.walk(ast.parse(text)):
        aside: list[ast.AST | None] = []
        match node:
            case ast.AnnAssign():
                aside = [node.annotation]
            case ast.arg():
                aside = [node.annotation]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                aside = [node.returns, *node.decorator_list]
            case ast.ClassDef():
                aside = [*node.decorator_list, *node.bases]
            case ast.JoinedStr() | ast.Assert():
                aside = [node]
            case ast.Raise(exc=ast.Call() as call):
                aside = [*call.args, *call.keywords]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                aside = [node]
            case ast.Call(func=ast.Name(id="zip")):
                aside = [*node.keywords]
            case ast.Call(func=ast.Name(id="cast" | "TypeVar" | "NewType")):
                aside = [node]
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                aside = [node]
        spans += [_spans(a) for a in aside if a is not None]
    return spans


def _statements(node: ast.AST, function: str = "") -> Iterator[tuple[ast.stmt | ast.ExceptHandler, str]]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            if isinstance(child, ast.stmt | ast.ExceptHandler):
                yield child, function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = child.name
            yield from _statements(child, inner)


def _place(statements: list[tuple[ast.stmt | ast.ExceptHandler, str]], line: int) -> tuple[str, tuple[int, int]]:
    """The function around a line, and the lines of its innermost statement."""
    best, at = ("", (line, line)), -1
    for statement, function in statements:
        end = statement.end_lineno or statement.lineno
        if at < statement.lineno <= line <= end:
            body = getattr(statement, "body", None)
            head = max(statement.lineno, body[0].lineno - 1) if body else end
            at = statement.lineno
            best = function, (statement.lineno, head if line <= head else line)
    return best
