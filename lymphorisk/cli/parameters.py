"""`lymphorisk parameters`."""

from __future__ import annotations

import json
from typing import Any

import click

from lymphorisk import parameters as store
from lymphorisk.cli.options import JSON


@click.command()
@click.argument("topic", required=False)
@click.option("--assumed", is_flag=True, help="Only what is assumed.")
@JSON
def parameters(topic: str | None, assumed: bool, as_json: bool) -> None:
    """Every number the models rest on: value, range, unit, source, and how it is known.

    Without TOPIC all topics are printed.
    """
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
        envelope = {"schema": "lymphorisk/parameters/1", "parameter_set": store.set_id(), "parameters": table}
        click.echo(json.dumps(envelope, indent=2, ensure_ascii=False))
        return
    click.echo(f"parameter set {store.set_id()}")
    for name, p in table.items():
        span = "" if p["low"] is None else f" ({p['low']:g} to {p['high']:g})" if p["high"] is not None else ""
        value = f"{len(p['value'])} values" if isinstance(p["value"], list) else f"{p['value']:g}"
        click.echo(f"\n{name} = {value}{span} {p['unit']}  [{p['known']}]")
        click.echo(f"    {p['source']}" + (f" {p['anchor']}" if p["anchor"] else ""))
        click.echo(f"    {p['place']}")
        if p["note"]:
            click.echo(f"    {p['note']}")
