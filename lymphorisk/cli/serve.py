"""`lymphorisk serve`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.listen import prepared_for, service_of, shared
from lymphorisk.cli.output import message

if TYPE_CHECKING:
    from lymphorisk.clinic.service import Service


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page; 0 takes a free one.  [default: 8765]")
@click.option("--host", help="Address of the page; beyond this machine it needs TLS.  [default: 127.0.0.1]")
@click.option(
    "--add-user", metavar="NAME", help="Add a user or change one, and end; the password is asked for, or read."
)
@click.option(
    "--role", type=click.Choice(["view", "decide", "administer"]), help="What the user may; each may what is before it."
)
@click.option("--remove-user", metavar="NAME", help="Take a user away, and end.")
@shared
def serve(
    port: int | None, host: str | None, add_user: str | None, role: str | None, remove_user: str | None, **given: Any
) -> None:
    """A web page: the worklist with its verdicts, plans handed in, reports, decisions, the audit trail.

    It works on the store of `listen`, beside it or alone; where no receiver runs, plans are analysed here. It answers
    on this machine; elsewhere only with [page.tls] in the clinic file. Who may sign in is said with --add-user.
    """
    from lymphorisk.report.archived import needs
    from lymphorisk.web.serve import Where
    from lymphorisk.web.serve import serve as answer

    for package in ("starlette", "uvicorn", "argon2", "python_multipart"):
        needs(package, "web")

    service = service_of(given)
    where = Where(**_where(host, port))
    if add_user is not None or remove_user is not None:
        _user(service, where, add_user, role, remove_user)
        return
    if role is not None:
        raise click.UsageError("--role is of --add-user")
    with prepared_for(service, service.folder / "log" / "page"):
        answer(service, where, message)


def _where(host: str | None, port: int | None) -> dict[str, Any]:
    """What the clinic file says of the page, and what is typed."""
    from lymphorisk.cli.clinicfile import clinic_file

    file = clinic_file()
    said: dict[str, Any] = {}
    if file is not None:
        page = file.clinic.page
        tls = {} if page.tls is None else {"certificate": page.tls.certificate, "key": page.tls.key}
        said = {
            "host": page.host,
            "port": page.port,
            "users": page.users or "",
            "cohort": page.cohort or "",
            "protocols": page.protocols or "",
            "upload_mb": page.upload_mb,
            "unit": file.clinic.counts.unit,
            **tls,
        }
    return said | {name: value for name, value in (("host", host), ("port", port)) if value is not None}


def _user(service: Service, where: Any, add: str | None, role: Any, remove: str | None) -> None:
    from lymphorisk.clinic.store import Store
    from lymphorisk.web.serve import users_of

    store = Store(service.folder, create=True)
    users = users_of(store, where)
    store.close()
    if add is not None:
        if role is None:
            raise click.UsageError("--add-user needs --role: view, decide or administer")
        users.add(add, role, _password())
        message(f"{add} may {role}")
    if remove is not None:
        users.remove(remove)
        message(f"{remove} is removed")


def _password() -> str:
    """Asked for twice at a terminal, else the first line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
