"""The listener: a DICOM storage SCP that takes what plans are made of, from who may send it, into the store."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import threading
import time
import uuid
from pathlib import Path
from typing import Any, cast

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from lymphorisk.clinic.log import say, warn
from lymphorisk.clinic.objects import look
from lymphorisk.clinic.send import close, server_context
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.dicom.pixels import decodable, syntax_name
from lymphorisk.dicom.reader import ROLES
from lymphorisk.errors import InputError

SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
TAKEN = {uid: role for uid, role in ROLES.items() if role != "DICOMDIR"}
#: Kinds that have pixels, and may come compressed.
PIXELS = ("RTDOSE", "CT", "SEG")
BYTES_PER_MB = 1024 * 1024
#: Of one PDU that we ask for, and the longest that is read at all: association requests are far shorter. [bytes]
PDU_ASKED, PDU_MOST = 131_072, 1_048_576
#: What one object's commands and headers take beside it. [bytes]
BESIDE = 65_536
#: A peer that says nothing for this long is gone. [s]
SILENT_S = 30.0
#: A peer that connects and does not ask for an association for this long is gone. [s]
REQUEST_S = 5.0
#: An object may take this long, and longer the more has come of it: a slower peer is dropped. [s], [bytes/s]
SLOW_S, SLOWEST = 60.0, 10_000.0
#: Connections that are refused are named once in this time for each address and reason. [s]
NAMED_S = 1.0
#: For an association to end before it is left to itself. [s]
END_S = 0.2
#: Of a class that is offered: no transfer syntax of it is taken.
NO_SYNTAX = 0x04
STORED, NO_ROOM, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
#: Connections beyond the associations that are allowed: they get an answer that says so.
SPARE = 5


class _TooMuchError(OSError):
    """A peer sends more than an object may have."""


class _Socket(AssociationSocket):
    """A connection that reads no more than an object may have, no PDU that nobody needs, and no slow one for ever."""

    most, received, since = 0, 0, 0.0

    def recv(self, nr_bytes: int) -> bytearray:
        now = time.monotonic()
        self.since = self.since if self.received else now
        self.received += nr_bytes
        if nr_bytes > PDU_MOST or self.received > self.most:
            raise _TooMuchError
        patience = SILENT_S if self.assoc.is_established else REQUEST_S
        end = min(now + patience, self.since + SLOW_S + self.received / SLOWEST)
        line, data = cast(socket.socket, self.socket), bytearray()
        try:
            while len(data) < nr_bytes:
                if (left := end - time.monotonic()) <= 0:
                    raise TimeoutError
                line.settimeout(left)
                if not (piece := line.recv(min(nr_bytes - len(data), BESIDE))):
                    break
                data += piece
        finally:
            line.settimeout(None)
        return data

    def object_ended(self) -> None:
        """What comes now counts anew."""
        self.received = 0

    def _shutdown_socket(self) -> None:
        line = self.socket
        super()._shutdown_socket()
        if line is not None:  # which the library leaves open when its peer is gone already
            line.close()


class _Handler(RequestHandler):
    def _create_association(self) -> Association:
        made = super()._create_association()
        connection: Any = made.dul.socket
        connection.__class__ = _Socket  # the library offers no other way to say which
        server: Any = self.server
        connection.most = server.most
        made.daemon = True
        server.made.append(made)
        return made


class _Server(ThreadedAssociationServer):
    """Connections from who may send, and not too many of them."""

    daemon_threads = True

    def __init__(self, *args: Any, service: Service, refused: Any, **kwargs: Any) -> None:
        self.service, self.refused = service, refused
        self.most = int(service.object_mb * BYTES_PER_MB) + BESIDE
        self.made: list[Association] = []
        self.shaking: set[Any] = set()
        self.named: dict[tuple[str, str], float] = {}
        kwargs["request_handler"] = _Handler
        super().__init__(*args, **kwargs)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        address = str(client_address[0])
        open_ = len(self.ae.active_associations) + len(self.shaking)
        if not self.service.may_connect(address):
            reason = "unknown address"
        elif open_ >= self.service.associations + SPARE:
            reason = "too many connections"
        else:
            return True
        now = time.monotonic()
        self.named = {key: at for key, at in self.named.items() if now - at < NAMED_S}
        if (address, reason) not in self.named:
            self.named[address, reason] = now
            self.refused("", address, reason)
        return False

    def get_request(self) -> tuple[Any, Any]:
        """A connection; TLS is agreed on in its own thread, so that a silent peer keeps nobody waiting."""
        listener: Any = self.socket
        line, address = listener.accept()
        if self.ssl_context is not None:
            line = self.ssl_context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
        return line, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        if isinstance(request, ssl.SSLSocket):
            self.shaking.add(request)
            try:
                request.settimeout(REQUEST_S)
                request.do_handshake()
                request.settimeout(None)
            finally:
                self.shaking.discard(request)
        super().finish_request(request, client_address)

    def service_actions(self) -> None:
        """Close what the library leaves open when an association has ended."""
        super().service_actions()
        ended = [one for one in self.made if one.ident is not None and not one.is_alive()]
        for one in ended:
            close(one)
            self.made.remove(one)

    def handle_error(self, request: Any, client_address: Any) -> None:
        warn("connection failed", address=str(client_address[0]))


class Receiver:
    """A listener over a store.

    Attributes
    ----------
    port : int
        Where it listens, once it does.
    """

    def __init__(self, service: Service, store: Store) -> None:
        self.service, self.store = service, store
        self.port = service.port
        self._open: dict[int, set[str]] = {}
        self._lock = threading.Lock()
        self._server: Any = None

    def begin(self) -> None:
        """Listen.

        Raises
        ------
        InputError
            The port is taken, or TLS cannot be had.
        """
        entity = AE(ae_title=self.service.aet)
        entity.add_supported_context(Verification)
        compressed = decodable()
        for uid, role in TAKEN.items():
            entity.add_supported_context(uid, [*SYNTAXES, *(compressed if role in PIXELS else ())])
        entity.require_called_aet = True
        entity.maximum_associations = self.service.associations
        entity.maximum_pdu_size = PDU_ASKED
        entity.acse_timeout = REQUEST_S
        entity.dimse_timeout = entity.network_timeout = SILENT_S
        handlers: Any = [
            (evt.EVT_C_ECHO, self._echoed),
            (evt.EVT_C_STORE, self._stored),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_CONN_CLOSE, self._closed),
        ]
        context = None if self.service.tls is None else server_context(self.service.tls)
        try:
            self._server = entity.make_server(
                (self.service.host, self.service.port),
                ssl_context=context,
                evt_handlers=handlers,
                server_class=_Server,
                service=self.service,
                refused=self._refused,
            )
        except OSError as error:
            raise InputError(f"port {self.service.port} cannot be had: {error.strerror}", "choose another") from error
        entity._servers.append(self._server)  # as `start_server` does, which knows no other class of server
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()
        say("listening", port=self.port, what=self.service.aet)

    def end(self) -> None:
        """Listen no more; open associations are ended."""
        if self._server is not None:
            self._server.shutdown()
            for association in list(self._server.ae.active_associations):
                association.abort()
            for association in self._server.made:
                if association.ident is not None:
                    association.join(END_S)
                close(association)

    @property
    def alive(self) -> bool:
        """Whether the listener's thread runs."""
        return any(t.name == "listener" and t.is_alive() for t in threading.enumerate())

    def busy(self, study_uid: str) -> bool:
        """Whether an association that brought an object of a study is still open."""
        with self._lock:
            return any(study_uid in studies for studies in self._open.values())

    def _refused(self, sender: str, address: str, reason: str) -> None:
        warn("refused", sender=sender or None, address=address, reason=reason)
        self.store.refuse(sender or address, reason)

    def _requested(self, event: Any) -> None:
        """Reject who may not send, before anything is negotiated."""
        request = event.assoc.requestor
        aet, address = str(request.ae_title).strip(), str(request.address)
        if not self.service.may_send(aet, address):
            self._refused(_plain(aet), address, "unknown calling AE title")
            event.assoc.acse.send_reject(0x01, 0x01, 0x03)
            event.assoc.kill()

    def _rejected(self, event: Any) -> None:
        warn("association rejected", address=str(event.assoc.requestor.address))

    def _accepted(self, event: Any) -> None:
        """Name the classes for which the sender offered no transfer syntax that is taken."""
        agreed = {context.abstract_syntax for context in event.assoc.accepted_contexts}
        offered: dict[str, str] = {}
        for context in event.assoc.rejected_contexts:
            if context.result == NO_SYNTAX and context.abstract_syntax not in agreed:
                offered.setdefault(str(context.abstract_syntax), str(context.transfer_syntax[0]))
        request = event.assoc.requestor
        for uid, syntax in offered.items():
            reason = f"{TAKEN.get(uid, 'verification')} in {syntax_name(syntax)}"
            self._refused(_plain(str(request.ae_title).strip()), str(request.address), reason)

    def _closed(self, event: Any) -> None:
        with self._lock:
            self._open.pop(id(event.assoc), None)

    def _echoed(self, event: Any) -> int:
        event.assoc.dul.socket.object_ended()
        return STORED

    def _stored(self, event: Any) -> int:
        """Take one object, or say why not."""
        sender = _plain(str(event.assoc.requestor.ae_title).strip())
        event.assoc.dul.socket.object_ended()
        staged = self.store.folder / INCOMING / f"object-{uuid.uuid4().hex}"
        try:
            if shutil.disk_usage(self.store.folder).free < self.service.free_mb * BYTES_PER_MB:
                self._refused(sender, str(event.assoc.requestor.address), "no room on the disk")
                return NO_ROOM
            _written(staged, event.encoded_dataset())
            held = look(staged)
            if held.sop_uid != str(event.request.AffectedSOPInstanceUID):
                raise InputError("the object is not the one that was announced")
            with self._lock:
                self._open.setdefault(id(event.assoc), set()).add(held.study_uid)
            new = self.store.keep(staged, held)
        except InputError as error:
            self._refused(sender, str(event.assoc.requestor.address), error.message)
            return NOT_UNDERSTOOD
        except Exception as error:  # a full disk, a busy database: the sender keeps it and tries again
            warn("object not taken", sender=sender, reason=type(error).__name__)
            return NO_ROOM
        finally:
            staged.unlink(missing_ok=True)
        say("object received" if new else "object known", sender=sender, role=held.role)
        return STORED


def _plain(aet: str) -> str:
    """An AE title as a log may hold it."""
    return "".join(c for c in aet if c.isprintable() and c.isascii())[:16]


def _written(path: Path, data: bytes) -> None:
    with open(path, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
