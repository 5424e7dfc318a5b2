"""`lymphorisk cite`."""

from __future__ import annotations

import click

from lymphorisk.cli.options import JSON
from lymphorisk.cli.output import emit, say
from lymphorisk.version import __version__


@click.command()
@click.argument("topic", required=False)
@JSON
def cite(topic: str | None, as_json: bool) -> None:
    """How to cite the program, and the sources its numbers come from.

    With TOPIC only the sources of that parameter topic (`lymphorisk parameters` lists them).
    """
    from lymphorisk import parameters

    if topic is not None and topic not in parameters.topics():
        raise click.BadParameter(
            f"no topic {topic[:30]!r}; use one of {', '.join(parameters.topics())}", param_hint="TOPIC"
        )
    known = parameters.sources()
    keys = sorted({p.source for p in parameters.load(topic).values()}) if topic else sorted(known)
    used = [known[key] for key in keys if key not in ("assumption", "definition")]
    program = f"lymphorisk {__version__}, parameter set {parameters.set_id()}"
    if as_json:
        from lymphorisk.plain import dumps

        sources = [{"key": s.key, "citation": s.citation, "anchor": s.anchor} for s in used]
        envelope = {"schema": "lymphorisk/cite/1", "program": program, "sources": sources}
        emit(dumps(envelope))
        return
    say(f"The lymphorisk developers. {program}.\n")
    for s in used:
        say(f"{s.key}: {s.citation}" + (f" {s.anchor}" if s.anchor else ""))
