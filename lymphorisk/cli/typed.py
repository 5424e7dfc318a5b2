"""Option values as people type them: numbers with a comma, words in any spelling, each explained when it is refused.

A choice that does not exist is a usage error (exit code 2); a number that no patient or machine has is an input error
(exit code 3), as it would be in a file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.units import checked, number_from, quantity

if TYPE_CHECKING:
    FloatType = click.ParamType[float]
    AnyType = click.ParamType[Any]
else:
    # not generic in the older versions of click that are supported
    FloatType = AnyType = click.ParamType


class Number(FloatType):
    """A number of the table of quantities."""

    name = "float"

    def __init__(self, field: str) -> None:
        self.field = field

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error that names the slip."""
        return checked(self.field, _number(self, value, param, ctx))


class Count(FloatType):
    """A count of cells, whose unit is another option's."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The count, or a usage error."""
        return _number(self, value, param, ctx)


class Word(AnyType):
    """A choice; `reader` is ``module:function`` from the text to the choice, imported when it is needed."""

    name = "text"

    def __init__(self, reader: str) -> None:
        self.reader = reader

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The choice, or a usage error with the nearest."""
        module, _, function = self.reader.partition(":")
        read: Callable[[str], Any] = getattr(importlib.import_module(module), function)
        try:
            return read(str(value))
        except InputError as error:
            self.fail(_told(error), param, ctx)


class ExportPath(click.Path):
    """A path, or the address of a study, which is fetched into a private folder until the command ends.

    With `later` an address stays as it is, for a command that takes its inputs one by one; paths need not exist.
    """

    def __init__(self, *, later: bool = False) -> None:
        super().__init__(exists=not later, path_type=Path)
        self.later = later

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or that of the folder, or the address."""
        if ctx is None or not isinstance(value, str) or ":" not in value:
            return super().convert(value, param, ctx)
        from lymphorisk.dicom.web import is_address, opened

        if not is_address(value):
            return super().convert(value, param, ctx)
        return value if self.later else ctx.with_resource(opened(value))


def whole(field: str, low: int | None = None) -> click.IntRange:
    """The whole numbers of a quantity."""
    of = quantity(field)
    return click.IntRange(int(of.low) if low is None else low, int(of.high))


def _number(of: FloatType, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
    try:
        return number_from(value, "the value")
    except ScenarioError as error:
        of.fail(_told(error), param, ctx)


def _told(error: InputError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
