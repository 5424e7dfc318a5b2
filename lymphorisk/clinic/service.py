"""What a service is told: who may send, what a plan may take, how it is judged, where answers go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.settings.schema import Clinic

#: What an answer may be, and the name of its file among the results.
ANSWERS: Mapping[str, str] = {"sr": "sr.dcm", "pdf": "report.dcm"}
LOOPBACK = ("127.0.0.0/8", "::1/128")
HINT = "write AET@HOST:PORT, such as PACS@10.1.2.9:104, or the address of a DICOMweb service"


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: one's own certificate and key, and of who is trusted."""

    certificate: str
    key: str
    trusted: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may send: an AE title and the addresses or networks it may come from; without any, any address."""

    aet: str
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.addresses:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise InputError(f"{text!r} is no address and no network", "write 10.1.2.3 or 10.1.3.0/24") from None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where answers go: an AE title with host and port, or the address of a DICOMweb service."""

    aet: str = ""
    host: str = ""
    port: int = 0
    web: str = ""
    what: tuple[str, ...] = tuple(ANSWERS)
    tls: Tls | None = None

    @property
    def name(self) -> str:
        """How it is called in the store, in logs and in messages."""
        return self.web or f"{self.aet}@{self.host}:{self.port}"


def destination(text: str) -> Destination:
    """A destination as typed.

    Raises
    ------
    InputError
        Neither AET@HOST:PORT nor the address of a DICOMweb service.

    Examples
    --------
    >>> destination("PACS@10.1.2.9:104").port
    104
    """
    if text.lower().startswith(("http://", "https://", "dicomweb:", "orthanc:")):
        return Destination(web=text)
    aet, _, place = text.partition("@")
    host, _, port = place.rpartition(":")
    if not (0 < len(aet) <= 16 and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InputError(f"{text!r} is no destination", HINT)
    return Destination(aet, host.strip("[]"), int(port))


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it runs.

    Attributes
    ----------
    store : str
        Its folder.
    aet, host, port : str, str, int
        Of the listener; port 0 takes a free one.
    peers : tuple of Peer
        Without any, only this machine may send.
    tls : Tls or None
    associations : int
        At once.
    object_mb, free_mb : float
        The largest object that is taken; space that must stay free. [MB]
    quiet_s : float
        Time without a new object after which a course is taken as it is. [s]
    health : int
        Port of health and metrics on this machine; 0 for none.
    time_s, memory_mb : float
        What one plan may take. [s], [MB]
    protocol : str
        Name, file, or ``auto``.
    by_site : mapping
        The clinic's protocols by site.
    options : mapping
        Of `Options`, by name.
    destinations : tuple of Destination
    audit, audit_key : str
        Folder and key file of the audit trail; the store's own folder when empty.
    received_d, results_d : float or None
        Days after which received files and results are deleted.
    retry_s, retry_most_s : float
        Wait after the first attempt to send that failed, which doubles, and the longest wait. [s]
    """

    store: str
    aet: str = "LYMPHORISK"
    host: str = "127.0.0.1"
    port: int = 11112
    peers: tuple[Peer, ...] = ()
    tls: Tls | None = None
    associations: int = 10
    object_mb: float = 1024.0
    free_mb: float = 1024.0
    quiet_s: float = 60.0
    health: int = 0
    time_s: float = 600.0
    memory_mb: float = 8192.0
    protocol: str = "auto"
    by_site: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    destinations: tuple[Destination, ...] = ()
    audit: str = ""
    audit_key: str = ""
    received_d: float | None = None
    results_d: float | None = None
    retry_s: float = 5.0
    retry_most_s: float = 300.0

    @property
    def folder(self) -> Path:
        """The folder of its store."""
        return Path(self.store)

    def may_connect(self, address: str) -> bool:
        """Whether anybody at an address may send."""
        networks: Sequence[str] = LOOPBACK
        if self.peers:
            if any(not peer.addresses for peer in self.peers):
                return True
            networks = [text for peer in self.peers for text in peer.addresses]
        return _within(address, networks)

    def may_send(self, aet: str, address: str) -> bool:
        """Whether an AE title may send from an address."""
        if not self.peers:
            return _within(address, LOOPBACK)
        return any(p.aet == aet and (not p.addresses or _within(address, p.addresses)) for p in self.peers)

    def to_json(self) -> str:
        """As text for a worker."""
        return json.dumps(asdict(self), default=str)


def from_json(text: str) -> Service:
    """The service of `Service.to_json`."""
    table: dict[str, Any] = json.loads(text)

    def tls(of: Mapping[str, str] | None) -> Tls | None:
        return None if of is None else Tls(**of)

    table["tls"] = tls(table["tls"])
    table["peers"] = tuple(Peer(p["aet"], tuple(p["addresses"])) for p in table["peers"])
    table["destinations"] = tuple(
        Destination(**{**d, "what": tuple(d["what"]), "tls": tls(d["tls"])}) for d in table["destinations"]
    )
    return Service(**table)


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        one = ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(one, "ipv4_mapped", None)
    one = mapped or one
    return any(one in ip_network(text, strict=False) for text in networks)


def destinations_of(clinic: Clinic | None) -> tuple[Destination, ...]:
    """Where a clinic file sends answers."""
    if clinic is None:
        return ()
    return tuple(
        Destination(to.aet or "", to.host or "", to.port or 0, to.web or "", tuple(to.what), _tls(to.tls))
        for to in clinic.sender
    )


def from_clinic(clinic: Clinic | None, store: str, **given: Any) -> Service:
    """The service of a clinic file; what is given comes first."""
    if clinic is None:
        return Service(store, **given)
    receiver, worker = clinic.receiver, clinic.worker
    said: dict[str, Any] = {
        "aet": receiver.aet,
        "host": receiver.host,
        "port": receiver.port,
        "peers": tuple(Peer(p.aet, tuple(p.addresses)) for p in receiver.peer),
        "tls": _tls(receiver.tls),
        "associations": receiver.associations,
        "object_mb": receiver.object_mb,
        "free_mb": receiver.free_mb,
        "quiet_s": receiver.quiet_s,
        "health": receiver.health,
        "time_s": worker.time_s,
        "memory_mb": worker.memory_mb,
        "destinations": destinations_of(clinic),
        "audit": clinic.audit.folder or "",
        "audit_key": clinic.audit.key or "",
        "received_d": clinic.retention.received_d,
        "results_d": clinic.retention.results_d,
    }
    return Service(store, **(said | given))


def _tls(of: Any) -> Tls | None:
    return None if of is None else Tls(of.certificate, of.key, of.trusted)
