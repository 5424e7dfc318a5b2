"""`lymphorisk listen`, `watch` and `send`: plans in, answers out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.output import emit, message
from lymphorisk.cli.typed import Number, Word
from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.clinic.service import Destination, Service
    from lymphorisk.settings.schema import Clinic

#: Between two looks for a signal to end. [s]
LOOK_S = 0.5
TITLE, DESTINATION = Word("lymphorisk.settings.schema:ae_title"), Word("lymphorisk.clinic.service:destination")
SHARED = (
    click.option(
        "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the store: plans, results, queue."
    ),
    click.option("--aet", type=TITLE, help="This service's AE title.  [default: LYMPHORISK]"),
    click.option(
        "--quiet",
        "quiet_s",
        type=click.FloatRange(min=0),
        help="Seconds without a new object after which a course is taken.",
    ),
    click.option("--protocol", metavar="NAME|FILE|auto", help="As for `check`.  [default: auto]"),
    click.option(
        "--send",
        "send_to",
        multiple=True,
        type=DESTINATION,
        metavar="AET@HOST:PORT|URL",
        help="Where SR and PDF go; repeat.",
    ),
    click.option("--health", type=click.IntRange(0, 65535), help="Port of /healthz and /metrics; 0 for none."),
    click.option(
        "--missing", type=click.Choice(["placed", "diluted", "refuse"]), help="What an organ without contours gets."
    ),
    click.option(
        "--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of a trained predictor."
    ),
    click.option(
        "--model-key",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Public key (PEM): a predictor of one's own must be signed by its other half.",
    ),
    click.option("--lln", type=Number("lln"), help="The laboratory's lower limit of normal, in 10^9/L."),
    click.option("--draws", type=click.IntRange(16, 65536), help="Ensemble size."),
    click.option(
        "--limit-s", "time_s", type=click.FloatRange(min=0, min_open=True), help="Of one plan.  [default: 600]"
    ),
    click.option(
        "--limit-mb", "memory_mb", type=click.FloatRange(min=0, min_open=True), help="Of its worker.  [default: 8192]"
    ),
    click.option("--audit", type=click.Path(file_okay=False, path_type=Path), help="Folder of the audit trail."),
    click.option("--audit-key", type=click.Path(dir_okay=False, path_type=Path), help="Key file of a sealed trail."),
)


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command with the options of every service."""
    for option in reversed(SHARED):
        command = option(command)
    return command


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.  [default: 11112]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@shared
def listen(**given: Any) -> None:
    """A DICOM receiver: a course is analysed and gated once it is whole, or quiet; SR and PDF are sent on.

    Who may send, TLS and limits stand in the clinic file; without any sender there, only this machine may. Ctrl-C ends
    it cleanly; whatever ends it otherwise, the next start goes on where it was.
    """
    _run(service_of(given), listen=True)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@shared
def watch(folder: Path, **given: Any) -> None:
    """A folder that planning systems export into: the same as `listen`; files still being written are left alone."""
    service = service_of(given)
    out, watched = service.folder.resolve(), folder.resolve()
    if out == watched or watched in out.parents:
        raise InputError("the store lies in the watched folder", "give another folder with --out")
    _run(service, listen=False, folder=folder)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.argument("to", metavar="AET@HOST:PORT|URL", type=DESTINATION)
@click.option("--aet", type=TITLE, help="This sender's AE title.  [default: LYMPHORISK]")
def send(files: tuple[Path, ...], to: Destination, aet: str | None) -> None:
    """Send DICOM files, or all of a folder, to an archive: C-STORE, or STOW to the address of a DICOMweb service."""
    from lymphorisk.clinic.send import send as sent
    from lymphorisk.clinic.watch import files as within

    clinic = _clinic()
    found = {p for given in files if given.is_dir() for p in within(given)} - set(files)
    paths = [p for given in files for p in (within(given) if given.is_dir() else (given,))]
    place = _secured(to, clinic)
    count = sent(paths, place, aet or (clinic.receiver.aet if clinic else "LYMPHORISK"), unnamed=found)
    emit(f"{count} sent to {place.name}\n")


def _clinic() -> Clinic | None:
    from lymphorisk.cli.clinicfile import clinic_file

    file = clinic_file()
    return None if file is None else file.clinic


def _secured(to: Destination, clinic: Clinic | None) -> Destination:
    """A destination that is typed, with the TLS that the clinic file has for it."""
    from lymphorisk.clinic.service import destinations_of

    return next((d for d in destinations_of(clinic) if d.name == to.name), to)


def service_of(given: dict[str, Any]) -> Service:
    """The service of a call: options before the clinic file."""
    from lymphorisk.cli.clinicfile import by_site, told
    from lymphorisk.clinic.service import from_clinic

    clinic = _clinic()
    typed = {name: value for name, value in given.items() if value not in (None, ()) and name not in ("out", "send_to")}
    options = told()
    for name in ("missing", "model", "model_key", "lln", "draws"):
        if name in typed:
            options[name] = typed.pop(name)
    options |= {name: str(options[name]) for name in ("model", "model_key") if name in options}
    store = given["out"] or (clinic.receiver.store if clinic else None)
    if store is None:
        raise click.UsageError("no store: give --out DIR, or receiver.store in the clinic file")
    for name in ("audit", "audit_key"):
        if name in typed:
            typed[name] = str(Path(typed[name]).absolute())
    if given["send_to"]:
        typed["destinations"] = tuple(_secured(to, clinic) for to in given["send_to"])
    return from_clinic(clinic, str(Path(store).absolute()), options=options, by_site=by_site(), **typed)


@contextmanager
def prepared_for(service: Service, folder: Path) -> Iterator[None]:
    """What a service needs is there, its protocols read, and its log goes into a folder."""
    from lymphorisk.clinic import log
    from lymphorisk.qa.judge import AUTO
    from lymphorisk.qa.store import read_protocol
    from lymphorisk.report.archived import needs

    needs("highdicom", "sr")
    needs("reportlab", "pdf")
    needs("pynetdicom", "clinic")
    needs("prometheus_client", "clinic")
    for name in {service.protocol, *service.by_site.values()} - {AUTO}:
        read_protocol(name)
    log.begin(folder)
    try:
        yield
    finally:
        log.end()


def _run(service: Service, *, listen: bool, folder: Path | None = None) -> None:
    from lymphorisk.clinic import log
    from lymphorisk.clinic.run import Running

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    with prepared_for(service, service.folder / "log"):
        with Running(service, listen=listen, folder=folder) as running:
            if running.receiver is not None:
                message(f"listening on port {running.receiver.port} as {service.aet}; Ctrl-C ends")
            while not stopped.wait(LOOK_S):  # a signal just before a wait without end would not end it
                pass
        log.say("ended")
