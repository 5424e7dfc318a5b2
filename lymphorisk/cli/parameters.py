"""`lymphorisk parameters`."""

from __future__ import annotations

from typing import Any

import click

from lymphorisk import parameters as store
from lymphorisk.cli.options import JSON
from lymphorisk.cli.output import emit, say


@click.command()
@click.argument("topic", required=False)
@click.option("--assumed", is_flag=True, help="Only what is assumed.")
@JSON
def parameters(topic: str | None, assumed: bool, as_json: bool) -> None:
    """Every number the models rest on: value, range, unit, source, and how it is known.

    Without TOPIC all topics are printed.
    """
    if topic is not None and topic not in store.topics():
        raise click.BadParameter(f"no topic {topic[:30]!r}; use one of {', '.join(store.topics())}", param_hint="TOPIC")
    topics = (topic,) if topic else store.topics()
    table: dict[str, dict[str, Any]] = {}
    for name in topics:
        for key, p in store.load(name).items():
            if assumed and p.known != "assumed":
                continue
            source = store.sources()[p.source]
            table[f"{name}.{key}"] = {
                "value": list(p.value) if isinstance(p.value, tuple) else p.value,
                "low": p.low,
                "high": p.high,
                "unit": p.unit,
                "known": p.known,
                "source": source.citation,
                "anchor": source.anchor,
                "place": p.place,
                "note": p.note,
            }
    if as_json:
        from lymphorisk.plain import dumps

        envelope = {"schema": "lymphorisk/parameters/1", "parameter_set": store.set_id(), "parameters": table}
        emit(dumps(envelope))
        return
    say(f"parameter set {store.set_id()}")
    for name, row in table.items():
        span = "" if row["low"] is None else f" ({row['low']:g} to {row['high']:g})" if row["high"] is not None else ""
        value = f"{len(row['value'])} values" if isinstance(row["value"], list) else f"{row['value']:g}"
        say(f"\n{name} = {value}{span} {row['unit']}  [{row['known']}]")
        say(f"    {row['source']}" + (f" {row['anchor']}" if row["anchor"] else ""))
        say(f"    {row['place']}")
        if row["note"]:
            say(f"    {row['note']}")
