"""The server: on this machine alone, or over TLS."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.clinic import log
from lymphorisk.clinic.run import Running
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import Store
from lymphorisk.clinic.turn import wanted
from lymphorisk.errors import InputError
from lymphorisk.web.users import FILE, Users

if TYPE_CHECKING:
    from uvicorn import Server

    from lymphorisk.web.desk import Desk

TLS_HINT = "give certificate and key in [page.tls] of the clinic file, or leave the host at 127.0.0.1"
#: Names of this machine: a page that is not secured answers to no other, whatever a name server says.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Between two looks for a receiver that starts or has ended. [s]
LOOK_S = 0.5
#: For requests that run when the server is told to end. [s]
LEAVE_S = 5


@dataclass(frozen=True, slots=True)
class Where:
    """Where the page answers.

    Attributes
    ----------
    host, port : str, int
        Port 0 takes a free one.
    certificate, key : str
        PEM files; without them it answers on this machine alone.
    users : str
        File of the users; that of the store when empty.
    cohort : str
        A page that `cohort report` wrote.
    upload_mb : float
        Most that one upload may hold. [MB]
    unit : str
        Of counts that are typed.
    protocols : str
        Folder in which new protocols are made.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    certificate: str = ""
    key: str = ""
    users: str = ""
    cohort: str = ""
    upload_mb: float = 4096.0
    unit: str = "10^9/L"
    protocols: str = ""

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise InputError("a certificate and its key belong together", TLS_HINT)
        if not self.certificate and not is_loopback(self.host):
            raise InputError(f"{self.host} can be reached from other machines, and there is no TLS", TLS_HINT)

    @property
    def secure(self) -> bool:
        """Whether it answers over TLS."""
        return bool(self.certificate)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone.

    Examples
    --------
    >>> [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.1.2.3", "")]
    [True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def users_of(store: Store, where: Where) -> Users:
    """The users of a page, who are those of its store alone."""
    return Users(Path(where.users) if where.users else store.folder / FILE, store.id)


def serve(service: Service, where: Where, said: Callable[[str], None]) -> None:
    """Answer until told to end; plans are analysed here while no receiver works on the store.

    Raises
    ------
    InputError
        The port is taken, or the certificate cannot be used.
    """
    from lymphorisk.web.desk import Desk

    with ExitStack() as stack:
        store = Store(service.folder, create=True)
        stack.callback(store.close)
        users = users_of(store, where)
        if not users.all():
            said("nobody can sign in yet: lymphorisk serve --add-user NAME --role ROLE")
        at = stack.enter_context(bound(where))
        if not alone(store):
            said("a receiver works on this store: it analyses what is handed in")
        stack.enter_context(Hands(service))
        port = int(at.getsockname()[1])
        cohort = Path(where.cohort) if where.cohort else None
        names = () if where.secure else LOOPBACK
        own = Path(where.protocols) if where.protocols else None
        desk = Desk(service, store, users, where.secure, names, port, where.upload_mb, cohort, where.unit, own)
        stack.callback(desk.close)
        server = made(desk, where)
        host = f"[{where.host}]" if ":" in where.host else where.host
        log.say("page", port=port)
        said(f"the page is at {'https' if where.secure else 'http'}://{host}:{port}/; Ctrl-C ends")
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: None)  # the server ends itself and raises them again
        server.run([at])
        log.say("ended")


class Hands:
    """The worker of a page: works while no receiver does, gives way to one that starts, and takes over when it ends."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.working = False
        self._reason = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hands", daemon=True)

    def __enter__(self) -> Hands:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        store = Store(self.service.folder)
        try:
            while not self._stop.is_set():
                try:
                    if alone(store) and not wanted(store):
                        self._work(store)
                except Exception as error:
                    self._told(error)
                self._stop.wait(LOOK_S)
        finally:
            store.close()

    def _work(self, store: Store) -> None:
        """Work until another asks for the store, or the page ends; nothing while another works."""
        running = Running(self.service, listen=False, yields=True)
        self._reason = ""
        try:
            self.working = True
            log.say("the page works on the store")
            while not self._stop.is_set() and not wanted(store):
                self._stop.wait(LOOK_S)
        finally:
            self.working = False
            running.end()
            if not self._stop.is_set():
                log.say("the page gives way")

    def _told(self, error: Exception) -> None:
        """Say once why the page does not work on the store."""
        reason = error.message if isinstance(error, InputError) else type(error).__name__
        if reason != self._reason:
            log.warn("the page does not work on the store", reason=reason)
        self._reason = reason


def alone(store: Store) -> bool:
    """Whether no other service works on the store."""
    try:
        store.locked().close()
    except InputError:
        return False
    return True


def bound(where: Where) -> socket.socket:
    """A socket at the address.

    Raises
    ------
    InputError
        It cannot be had.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, proto)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise InputError(f"{where.host}:{where.port} cannot be answered at: {error.strerror}") from error
    return made


def made(desk: Desk, where: Where) -> Server:
    """The server of a desk.

    Raises
    ------
    InputError
        The certificate or its key cannot be used.
    """
    import uvicorn

    from lymphorisk.web.app import application

    config = uvicorn.Config(
        application(desk),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=LEAVE_S,
        ssl_certfile=where.certificate or None,
        ssl_keyfile=where.key or None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"certificate or key cannot be used: {error.strerror}", "PEM files; see [page.tls]") from error
    return uvicorn.Server(config)
