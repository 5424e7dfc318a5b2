"""The option every report is asked for with: a file whose ending names a format there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class ReportPath(click.Path):
    """A file a report can be written to; a format there is not is refused before anything is computed."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, once its ending is known and its format can be written here."""
        from lymphorisk.errors import InputError
        from lymphorisk.report.formats import format_of

        path = Path(str(super().convert(value, param, ctx)))
        try:
            form = format_of(path)
        except InputError as error:
            self.fail(f"{error.message}: {error.hint}", param, ctx)
        form.ready()
        return path


INTERACTIVE = click.option(
    "--interactive", is_flag=True, help="The page shows values under the pointer and picks lines; a script inside it."
)


def page_wanted(report: Path | None, option: str) -> None:
    """Refuse an option that only a page can follow."""
    if report is None or report.suffix.lower() == ".pdf":
        raise click.UsageError(f"{option} needs --report with an HTML file")


def report_option(text: str, *names: str) -> Callable[[Any], Any]:
    """``--report FILE`` with its help; `names` stand instead of ``--report``."""
    return click.option(*(names or ("--report",)), type=ReportPath(), help=text)
