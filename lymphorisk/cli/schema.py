"""`lymphorisk schema`."""

from __future__ import annotations

import click

from lymphorisk.cli.output import emit, say


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """The JSON Schema of a JSON result, such as `lymphorisk schema analyze`; without NAME all names.

    NAME is the word between the slashes of the result's "schema": lymphorisk/NAME/1.
    """
    from lymphorisk import schemas

    if name is None:
        width = 2 + max(map(len, schemas.names()))
        for known in schemas.names():
            say(f"{known:<{width}}{schemas.schema(known)['title']}")
        return
    if name not in schemas.names():
        raise click.BadParameter(f"no result {name[:30]!r}; use one of {', '.join(schemas.names())}", param_hint="NAME")
    from lymphorisk.plain import dumps

    emit(dumps(schemas.schema(name)))
