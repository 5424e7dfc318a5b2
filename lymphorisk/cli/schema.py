"""`lymphorisk schema`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from lymphorisk.cli.output import emit, say

#: Files that people write: module and class of their keys, and what they are.
FILES: Mapping[str, tuple[str, str, str]] = {
    "clinic": ("lymphorisk.settings.schema", "Clinic", "Clinic file, lymphorisk.toml"),
    "columns": ("lymphorisk.train.column_file", "ColumnFile", "Columns of a cohort beyond the program's own"),
    "patient": ("lymphorisk.scenario.schema", "PatientFile", "Patient file"),
    "protocol": ("lymphorisk.qa.schema", "ProtocolFile", "Protocol of the gate"),
    "regimen": ("lymphorisk.regimen.schema", "RegimenTables", "Regimen before an infusion of cells"),
    "scenario": ("lymphorisk.scenario.schema", "ScenarioFile", "Scenario without an export"),
}


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """The JSON Schema of a JSON result or of a TOML file that people write; without NAME all names.

    NAME is the word between the slashes of the result's "schema", lymphorisk/NAME/1, such as `lymphorisk schema
    analyze`, or the kind of the file, such as `lymphorisk schema clinic`.
    """
    from lymphorisk import schemas

    if name is None:
        width = 2 + max(map(len, (*schemas.names(), *FILES)))
        for known in schemas.names():
            say(f"{known:<{width}}{schemas.schema(known)['title']}")
        for known, (_, _, title) in FILES.items():
            say(f"{known:<{width}}{title}")
        return
    if name not in schemas.names() and name not in FILES:
        known = ", ".join((*schemas.names(), *FILES))
        raise click.BadParameter(f"no result or file {name[:30]!r}; use one of {known}", param_hint="NAME")
    from lymphorisk.plain import dumps

    emit(dumps(of_file(name) if name in FILES else schemas.schema(name)))


def of_file(name: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file."""
    from lymphorisk.tomlfile import json_schema

    module, kind, title = FILES[name]
    return {**json_schema(getattr(import_module(module), kind)), "title": title}
