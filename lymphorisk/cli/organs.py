"""`lymphorisk organs`."""

from __future__ import annotations

import click

from lymphorisk.cli.options import JSON
from lymphorisk.cli.output import emit, say


@click.command()
@click.argument("name", required=False)
@JSON
def organs(name: str | None, as_json: bool) -> None:
    """The organs lymphorisk knows: names it accepts, blood and lymphocytes they hold.

    NAME is a TG-263 name or any alias; without it all organs are listed.
    """
    from lymphorisk.organs import load, organ_name

    table = load()
    chosen = {organ_name(name): table[organ_name(name)]} if name else table
    if as_json:
        from lymphorisk.plain import dumps

        plain = {
            n: {
                "tg263": o.tg263,
                "fma": o.fma,
                "aliases": {k: list(v) for k, v in o.aliases.items()},
                "recipes": [{"how": r.how, "of": list(r.of)} for r in o.recipes],
                "blood": {k: dict(v) for k, v in o.compartments.items()},
                "pool": o.pool,
                "pool_share": o.pool_share,
                "volume_range_cm3": o.volume_range_cm3,
            }
            for n, o in chosen.items()
        }
        emit(dumps({"schema": "lymphorisk/organs/1", "organs": plain}))
        return
    for n, o in chosen.items():
        say(n)
        if o.pool:
            say(f"    lymphocytes: {100 * o.pool_share:g} % of the {o.pool} pool")
        blood = o.compartments.get("32", {})
        if blood:
            say("    blood: " + ", ".join(f"{100 * s:g} % of {c}" for c, s in blood.items()))
        if o.recipes:
            say("    made of: " + "; or ".join(f"{r.how} of {', '.join(r.of)}" for r in o.recipes))
        if name:
            for language, words in o.aliases.items():
                say(f"    {language}: {', '.join(words)}")
            if o.volume_range_cm3:
                say(f"    plausible volume: {o.volume_range_cm3[0]:g} to {o.volume_range_cm3[1]:g} cm3")
