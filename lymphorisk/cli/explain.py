"""`lymphorisk explain`."""

from __future__ import annotations

import importlib
import json

import click

from lymphorisk.cli.options import JSON
from lymphorisk.errors import InputError

#: Rooms that register rules on import.
ROOMS = ("dicom", "analysis", "predict", "qa.check", "regimen")


@click.command()
@click.argument("code", required=False)
@JSON
def explain(code: str | None, as_json: bool) -> None:
    """What a finding code means; without CODE all of them."""
    from lymphorisk.findings import RULES

    for room in ROOMS:
        importlib.import_module(f"lymphorisk.{room}")
    if code is not None and code.upper() not in RULES:
        raise InputError(f"no rule {code[:20]!r}", "`lymphorisk explain` lists all codes")
    chosen = [RULES[code.upper()]] if code else [RULES[c] for c in sorted(RULES)]
    if as_json:
        rules = [{"code": r.code, "severity": r.severity, "title": r.title, "meaning": r.meaning} for r in chosen]
        click.echo(json.dumps({"schema": "lymphorisk/explain/1", "rules": rules}, indent=2, ensure_ascii=False))
        return
    for r in chosen:
        click.echo(f"{r.code}  {r.severity:<7}  {r.title}")
        if code:
            click.echo(f"\n{r.meaning}")
