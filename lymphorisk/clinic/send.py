"""Files to an archive: C-STORE or DICOMweb STOW, once; and the sender that works through the answers of a store."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from lymphorisk.clinic.log import say, warn
from lymphorisk.clinic.service import ANSWERS, Destination, Service, Tls
from lymphorisk.clinic.store import Outgoing, Store
from lymphorisk.errors import InputError

#: For a peer to answer. [s]
TIMEOUT_S = 30.0
#: Between two looks for something to send. [s]
LOOK_S = 0.2
SUCCESS = 0x0000
#: Kinds of status (by their first digit) that mean: not this object, whenever it is sent.
NEVER = (0xA9, 0xC0)
CLASS_NOT_SUPPORTED = 0x0122


class NotSentError(InputError):
    """An object did not arrive; `final` when it never will."""

    def __init__(self, message: str, hint: str = "", *, final: bool = False) -> None:
        super().__init__(message, hint)
        self.final = final


def send(
    paths: Iterable[Path], to: Destination, aet: str = "LYMPHORISK", *, unnamed: Collection[Path] = frozenset()
) -> int:
    """Send files to a destination, in one association; how many arrived.

    `unnamed` files were found, not asked for by name: an error calls them by their number.

    Raises
    ------
    NotSentError
        One did not arrive; what was sent before it is there.
    """
    files = list(paths)
    if to.web:
        return _stow(files, to)
    called = [f"file {n} of {len(files)}" if path in unnamed else "" for n, path in enumerate(files, start=1)]
    return _store(files, called, to, aet)


def _stow(files: list[Path], to: Destination) -> int:
    from lymphorisk.dicom import web

    for path in files:
        try:
            web.stow(to.web, path)
        except InputError as error:
            raise NotSentError(error.message, error.hint) from error
    return len(files)


def _store(files: list[Path], called: list[str], to: Destination, aet: str) -> int:
    from lymphorisk.dicom.query import kind_of

    kinds = dict.fromkeys(map(kind_of, files, called))
    association = _associated(to, aet, list(kinds))
    try:
        for path in files:
            _one(association, path, to)
    finally:
        if association.is_established:
            association.release()
    return len(files)


def _one(association: Any, path: Path, to: Destination) -> None:
    try:
        answer = association.send_c_store(path)
    except ValueError:
        raise NotSentError(f"{to.name} takes no objects of this class", "ask who runs it", final=True) from None
    status = getattr(answer, "Status", None)
    if status is None:
        raise NotSentError(f"{to.name} ended the association")
    if status == SUCCESS or status >> 8 == 0xB0:  # a warning: it is stored
        return
    final = status >> 8 in NEVER or status >> 12 == 0xC or status == CLASS_NOT_SUPPORTED
    raise NotSentError(f"{to.name} refuses the object (status {status:04X})", "look at its log", final=final)


def holds(path: Path, to: Destination, aet: str) -> bool:
    """Whether a destination says that it holds an object already; False as well when it cannot say."""
    if to.web:
        return False  # an instance that is stored again is the same instance
    from pynetdicom.sop_class import (  # type: ignore[attr-defined]
        StudyRootQueryRetrieveInformationModelFind as Find,
    )

    from lymphorisk.dicom.query import image_query

    try:
        association = _associated(to, aet, [(str(Find), "1.2.840.10008.1.2.1"), (str(Find), "1.2.840.10008.1.2")])
    except NotSentError:
        return False
    try:
        return any(found is not None for _, found in association.send_c_find(image_query(path), Find))
    except (ValueError, RuntimeError):
        return False
    finally:
        if association.is_established:
            association.release()


def echo(to: Destination, aet: str) -> None:
    """C-ECHO.

    Raises
    ------
    NotSentError
        Nobody answers, or not as a DICOM service should.
    """
    association = _associated(to, aet, [("1.2.840.10008.1.1", "1.2.840.10008.1.2")])
    try:
        if getattr(association.send_c_echo(), "Status", None) != SUCCESS:
            raise NotSentError(f"{to.name} answers no C-ECHO")
    finally:
        if association.is_established:
            association.release()


def _associated(to: Destination, aet: str, kinds: list[tuple[str, str]]) -> Any:
    """An association for some classes and transfer syntaxes."""
    try:
        from pynetdicom import AE
    except ImportError as error:
        raise InputError("sending needs pynetdicom", "pip install 'lymphorisk[clinic]'") from error
    by_class: dict[str, list[str]] = {}
    for sop_class, syntax in kinds:
        by_class.setdefault(sop_class, []).append(syntax)
    entity = AE(ae_title=aet)
    for sop_class, syntaxes in by_class.items():
        entity.add_requested_context(sop_class, syntaxes)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
    entity.connection_timeout = TIMEOUT_S
    tls = None if to.tls is None else (client_context(to.tls), to.host)
    association = entity.associate(to.host, to.port, ae_title=to.aet, tls_args=tls)
    if association.is_established:
        return association
    rejected, unwanted = association.is_rejected, association.rejected_contexts
    close(association)
    if unwanted:
        raise NotSentError(f"{to.name} takes no objects of this class", "ask who runs it", final=True)
    if rejected:
        raise NotSentError(f"{to.name} rejects the association", f"does it know the AE title {aet}, and this machine?")
    raise NotSentError(f"nobody answers at {to.name}", "check host, port and TLS")


def close(association: Any) -> None:
    """Close what the library leaves open when an association has ended, or never was."""
    line = getattr(association.dul.socket, "socket", None)
    if line is not None:
        line.close()


def client_context(tls: Tls) -> ssl.SSLContext:
    """TLS with one's own certificate, towards who is trusted.

    Raises
    ------
    InputError
        A file that cannot be read or is no certificate.
    """
    return _context(tls, ssl.PROTOCOL_TLS_CLIENT)


def server_context(tls: Tls) -> ssl.SSLContext:
    """TLS that asks every sender for a certificate of those that are trusted."""
    return _context(tls, ssl.PROTOCOL_TLS_SERVER)


def _context(tls: Tls, of: int) -> ssl.SSLContext:
    context = ssl.SSLContext(of)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        context.load_verify_locations(tls.trusted)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"TLS: {Path(tls.certificate).name}, its key or who is trusted: {error}", "PEM files"
        ) from error
    return context


class Sender:
    """The thread that sends what a store has to be sent, again and again until it has arrived."""

    def __init__(self, service: Service, store: Store, stop: threading.Event) -> None:
        self.service, self.store, self.stop = service, store, stop
        self.by_name = {to.name: to for to in service.destinations}
        self.thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def begin(self) -> None:
        """Ask for what was being sent when the service ended, then work."""
        self._ask()
        self.thread.start()

    def _ask(self) -> None:
        """Whether what was begun has arrived."""
        for one in self.store.begun():
            to = self.by_name.get(one.destination)
            if to is not None and holds(self._file(one), to, self.service.aet):
                self.store.sent(one.number)
                say("answer was there", entry=one.key, what=one.what, destination=one.destination)
            else:
                self.store.not_sent(one.number, "its sending was not ended", time.time())

    def _run(self) -> None:
        stumbled = False
        while not self.stop.is_set():
            try:
                if stumbled:  # as on a full disk, where nothing could be written down
                    self._ask()
                    stumbled = False
                if not self.step():
                    self.stop.wait(LOOK_S)
            except Exception as error:
                stumbled = True
                warn("the sender stumbled", reason=type(error).__name__)
                self.stop.wait(self.service.retry_s)

    def step(self) -> bool:
        """Send one answer; False when none is due."""
        one = self.store.due(time.time())
        if one is None:
            return False
        to = self.by_name.get(one.destination)
        try:
            if to is None:
                raise NotSentError("the destination is not one of this service any more", final=True)
            send([self._file(one)], to, self.service.aet)
        except Exception as error:  # whatever it is, the answer must not be left as if it were being sent
            final = isinstance(error, NotSentError) and error.final
            reason = error.message if isinstance(error, InputError) else f"internal error: {type(error).__name__}"
            wait = min(self.service.retry_s * 2**one.attempts, self.service.retry_most_s)
            self.store.not_sent(one.number, reason, None if final else time.time() + wait)
            warn(
                "answer not sent", entry=one.key, what=one.what, destination=one.destination, reason=reason,
                attempts=one.attempts + 1, waiting_s=None if final else wait,
            )  # fmt: skip
            return True
        self.store.sent(one.number)
        entry = self.store.entry(one.key)
        say(
            "answer sent", entry=one.key, what=one.what, destination=one.destination, attempts=one.attempts + 1,
            seconds=round(time.time() - entry.last_object_at, 3),
        )  # fmt: skip
        return True

    def _file(self, one: Outgoing) -> Path:
        return self.store.results(one.key) / ANSWERS[one.what]
