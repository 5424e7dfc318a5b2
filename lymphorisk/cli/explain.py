"""`lymphorisk explain`."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from lymphorisk.cli.options import JSON
from lymphorisk.cli.output import emit, say
from lymphorisk.errors import InputError

PACKAGE = Path(__file__).parent.parent


@click.command()
@click.argument("code", required=False)
@JSON
def explain(code: str | None, as_json: bool) -> None:
    """What a finding code means; without CODE all of them."""
    from lymphorisk.findings import RULES

    register_all()
    if code is not None and code.upper() not in RULES:
        raise InputError(f"no rule {code[:20]!r}", "`lymphorisk explain` lists all codes")
    chosen = [RULES[code.upper()]] if code else [RULES[c] for c in sorted(RULES)]
    if as_json:
        from lymphorisk.plain import dumps

        rules = [{"code": r.code, "severity": r.severity, "title": r.title, "meaning": r.meaning} for r in chosen]
        emit(dumps({"schema": "lymphorisk/explain/1", "rules": rules}))
        return
    for r in chosen:
        say(f"{r.code}  {r.severity:<7}  {r.title}")
        if code:
            say(f"\n{r.meaning}")


def register_all() -> None:
    """Import every module that registers a rule: rules live with the code that raises them, in any room."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        # the plain words of importing and of using `rule`, so that no room can be forgotten
        if "lymphorisk.findings import" in source and " = rule(" in source:
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            importlib.import_module(".".join(("lymphorisk", *parts)).removesuffix(".__init__"))
