"""A service examined before it runs, or while it does: disk, store, port, certificates, destinations."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from lymphorisk.clinic.send import client_context, echo, server_context
from lymphorisk.clinic.service import Service, Tls
from lymphorisk.clinic.store import FILE, SCHEDULED, Store
from lymphorisk.errors import InputError

BYTES_PER_MB = 1024 * 1024
#: A certificate that ends sooner than this is worth a line. [days]
SOON_D = 30.0
SECONDS_PER_DAY = 86400.0

Line = tuple[bool, str, str]


def examined(service: Service) -> Iterator[Line]:
    """Lines of an examination: whether it is well, what, and what helps."""
    yield from _store(service)
    yield from _listener(service)
    for to in service.destinations:
        try:
            if to.web:
                yield True, f"{to.name}: asked when it is sent to", ""
                continue
            echo(to, service.aet)
            yield True, f"{to.name} answers C-ECHO", ""
        except InputError as error:
            yield False, error.message, error.hint
    if not service.destinations:
        yield True, "no destination: answers stay in the store", ""


def _store(service: Service) -> Iterator[Line]:
    folder = service.folder
    if not (folder / FILE).is_file():
        yield True, f"no store in {folder.name!r} yet", ""
    else:
        try:
            store = Store(folder)
            trouble = store.trouble()
            said = trouble or f"{len(store.entries())} entries, sound"
            yield not trouble, f"store: {said}", "restore the last backup"
            waiting = [time.time() - o.made_at for o in store.outgoing(SCHEDULED)]
            if waiting:
                yield True, f"{len(waiting)} answers wait, the oldest for {max(waiting) / 60:.0f} minutes", ""
            store.close()
        except InputError as error:
            yield False, error.message, error.hint
    there = next((p for p in (folder, *folder.parents) if p.exists()), None)
    if there is not None:
        free = shutil.disk_usage(there).free / BYTES_PER_MB
        yield free >= service.free_mb, f"{free:.0f} MB free, {service.free_mb:g} MB must stay free", "make room"


def _listener(service: Service) -> Iterator[Line]:
    with socket.socket() as one:
        one.settimeout(1.0)
        taken = one.connect_ex((service.host if service.host != "0.0.0.0" else "127.0.0.1", service.port)) == 0
    yield True, f"port {service.port}: {'something listens there' if taken else 'free'}", ""
    if not service.peers:
        yield True, "no [[receiver.peer]]: only this machine may send", ""
    parts = [("receiver", service.tls, True)] + [(to.name, to.tls, False) for to in service.destinations]
    for name, tls, ours in parts:
        if tls is not None:
            yield from _tls(name, tls, server=ours)


def _tls(name: str, tls: Tls, *, server: bool) -> Iterator[Line]:
    try:
        (server_context if server else client_context)(tls)
        left = (_ends(tls.certificate) - time.time()) / SECONDS_PER_DAY
    except (InputError, OSError, ValueError) as error:
        yield False, f"{name}: {error}", "PEM files of certificate, key and who is trusted"
        return
    yield left > 0, f"{name}: certificate ends in {left:.0f} days", "renew it" if left < SOON_D else ""


def _ends(path: str) -> float:
    """When a certificate ends. [s since 1970]"""
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc.timestamp()
