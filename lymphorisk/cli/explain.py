"""`lymphorisk explain`."""

from __future__ import annotations

import click

from lymphorisk.cli.options import JSON
from lymphorisk.cli.output import emit, say
from lymphorisk.errors import InputError


@click.command()
@click.argument("code", required=False)
@JSON
def explain(code: str | None, as_json: bool) -> None:
    """What a finding code means; without CODE all of them."""
    from lymphorisk.findings import every_rule

    rules_of = every_rule()
    if code is not None and code.upper() not in rules_of:
        raise InputError(f"no rule {code[:20]!r}", "`lymphorisk explain` lists all codes")
    chosen = [rules_of[code.upper()]] if code else [rules_of[c] for c in sorted(rules_of)]
    if as_json:
        from lymphorisk.plain import dumps

        rules = [{"code": r.code, "severity": r.severity, "title": r.title, "meaning": r.meaning} for r in chosen]
        emit(dumps({"schema": "lymphorisk/explain/1", "rules": rules}))
        return
    for r in chosen:
        say(f"{r.code}  {r.severity:<7}  {r.title}")
        if code:
            say(f"\n{r.meaning}")
