"""Every public module, class, function and method says what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lymphorisk"
FILES = sorted(PACKAGE.rglob("*.py"))


def silent(node: ast.Module | ast.ClassDef, prefix: str = "") -> list[str]:
    """Public definitions within that have no docstring; an overload says nothing, its function does."""
    out = [] if ast.get_docstring(node) else [prefix.rstrip(".") or "the module"]
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            told = {d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "") for d in child.decorator_list}
            if not child.name.startswith("_") and not ast.get_docstring(child) and not told & {"overload", "override"}:
                out.append(prefix + child.name)
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            out += silent(child, f"{prefix}{child.name}.")
    return out


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_public_definition_says_what_it_is(path: Path) -> None:
    assert not silent(ast.parse(path.read_text(encoding="utf-8")))


def test_a_silent_function_would_be_found() -> None:
    assert silent(ast.parse('"""A module."""\n\nclass A:\n    """A class."""\n\n    def b(self): ...\n')) == ["A.b"]
