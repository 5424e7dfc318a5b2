"""A service examined before it runs, or while it does: disk, store, port, certificates, destinations."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator

from lymphorisk.clinic.certificates import Line, certified
from lymphorisk.clinic.send import echo
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import FILE, SCHEDULED, Store
from lymphorisk.dicom.pixels import LOSSLESS, decodable
from lymphorisk.errors import InputError

BYTES_PER_MB = 1024 * 1024
#: Compression by the name it is known by.
COMPRESSED = {
    "RLE": LOSSLESS[:1], "JPEG lossless": LOSSLESS[1:3], "JPEG-LS": LOSSLESS[3:4], "JPEG 2000": LOSSLESS[4:5],
}  # fmt: skip


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
            for said in store.troubles(time.time()):
                yield False, said, "its reason; the log says the same"
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
    codecs = decodable()
    if wanting := [name for name, uids in COMPRESSED.items() if not set(uids) & set(codecs)]:
        yield True, f"compressed objects: {', '.join(wanting)} not taken (pip install 'lymphorisk[compressed]')", ""
    if not service.peers:
        yield True, "no [[receiver.peer]]: only this machine may send", ""
    yield from certified(service, time.time())
