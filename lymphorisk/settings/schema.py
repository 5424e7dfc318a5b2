"""The keys of a clinic file, with their kinds, ranges and what holds without them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.words import site_of
from lymphorisk.tomlfile import between, word
from lymphorisk.units.counts import count_unit

#: The key of the protocol for plans of every site that has none of its own.
DEFAULT = "default"
#: What is sent of a result.
OBJECTS: tuple[Literal["sr", "pdf"], ...] = ("sr", "pdf")
#: Characters of an Application Entity title.
AET_LENGTH = 16
Port = Annotated[int, between(1, 65535)]


def ae_title(text: str) -> str:
    """An Application Entity title as DICOM allows it, outer blanks removed.

    Raises
    ------
    ScenarioError
        Empty, longer than 16 characters, or of others than plain ones.
    """
    if not 1 <= len(text.strip()) <= AET_LENGTH or not text.isascii() or not text.isprintable() or "\\" in text:
        raise ScenarioError(f"{text!r} is no AE title", f"at most {AET_LENGTH} plain characters")
    return text.strip()


AET = Annotated[str, word(ae_title)]


def _organ(name: str) -> str:
    from lymphorisk.organs import organ_name

    return organ_name(name)


def _site(name: str) -> str:
    return name if name == DEFAULT else site_of(name)


class Section(msgspec.Struct, frozen=True):
    """A table of the file."""


class Counts(Section, frozen=True):
    """``[counts]``: the unit of counts that are typed, and the laboratory's lower limit of normal in that unit."""

    unit: Annotated[str, word(count_unit)] = "10^9/L"
    lln: float | None = None


class Analysis(Section, frozen=True):
    """``[analysis]``: what an organ without contours gets, the clinic's own predictor, and the key it is signed by."""

    missing: Literal["placed", "diluted", "refuse"] | None = None
    model: str | None = None
    model_key: str | None = None


class Audit(Section, frozen=True):
    """``[audit]``: folder of the audit trail, and the key its lines are sealed with."""

    folder: str | None = None
    key: str | None = None


class Tls(Section, frozen=True):
    """``[receiver.tls]`` and ``[sender.tls]``: PEM files of one's own certificate and key, and of who is trusted."""

    certificate: str
    key: str
    trusted: str


class Peer(Section, frozen=True):
    """``[[receiver.peer]]``: who may send: AE title, and addresses or networks; without any, from any address."""

    aet: AET
    addresses: list[str] = []


class Receiver(Section, frozen=True):
    """``[receiver]``: the DICOM listener, what it takes, and when a course counts as whole.

    `quiet_s` is the time without a new object after which a course is taken as it is [s].
    """

    store: str | None = None
    aet: AET = "LYMPHORISK"
    host: str = "127.0.0.1"
    port: Port = 11112
    peer: list[Peer] = []
    tls: Tls | None = None
    associations: Annotated[int, between(1, 100)] = 10
    object_mb: Annotated[float, between(0.001, 16384, "MB")] = 1024.0
    free_mb: Annotated[float, between(0, 1_000_000, "MB")] = 1024.0
    quiet_s: Annotated[float, between(0.1, 86400, "s")] = 60.0
    health: Annotated[int, between(0, 65535)] = 0


class Worker(Section, frozen=True):
    """``[worker]``: what one plan may take, time [s] and memory [MB]."""

    time_s: Annotated[float, between(1, 86400, "s")] = 600.0
    memory_mb: Annotated[float, between(256, 1_000_000, "MB")] = 8192.0


class Sender(Section, frozen=True):
    """``[[sender]]``: where results go: AE title, host and port, or the address of a DICOMweb service."""

    aet: AET | None = None
    host: str | None = None
    port: Port | None = None
    web: str | None = None
    what: list[Literal["sr", "pdf"]] = msgspec.field(default_factory=lambda: list(OBJECTS))
    tls: Tls | None = None


class Retention(Section, frozen=True):
    """``[retention]``: days after which received files and results are deleted; without a number they stay. [d]"""

    received_d: Annotated[float, between(0, 36500, "days")] | None = None
    results_d: Annotated[float, between(0, 36500, "days")] | None = None


class PageTls(Section, frozen=True):
    """``[page.tls]``: PEM files of the page's certificate and key."""

    certificate: str
    key: str


class Page(Section, frozen=True):
    """``[page]``: where the web page answers, who may open it, and what it takes at once.

    `users` is a file that `lymphorisk serve --add-user` writes; `cohort` a page that `cohort report` wrote;
    `protocols` a folder in which new protocols are made.
    """

    host: str = "127.0.0.1"
    port: Port = 8765
    tls: PageTls | None = None
    users: str | None = None
    cohort: str | None = None
    protocols: str | None = None
    upload_mb: Annotated[float, between(1, 100_000, "MB")] = 4096.0


class Clinic(Section, frozen=True):
    """A whole clinic file.

    `organs` are this clinic's ROI names by TG-263 name; `protocols` names or files by site, ``default`` for the others.
    """

    name: str = ""
    organs: dict[Annotated[str, word(_organ)], list[str]] = {}
    counts: Counts = Counts()
    analysis: Analysis = Analysis()
    protocols: dict[Annotated[str, word(_site)], str] = {}
    audit: Audit = Audit()
    receiver: Receiver = Receiver()
    worker: Worker = Worker()
    sender: list[Sender] = []
    retention: Retention = Retention()
    page: Page = Page()


def paths() -> tuple[tuple[str, ...], ...]:
    """Keys that name a file or folder; relative ones are from the file's own folder."""
    tls = [("receiver", "tls", part) for part in ("certificate", "key", "trusted")]
    page = [
        ("page", "tls", "certificate"),
        ("page", "tls", "key"),
        ("page", "users"),
        ("page", "cohort"),
        ("page", "protocols"),
    ]
    return (
        ("analysis", "model"),
        ("analysis", "model_key"),
        ("audit", "folder"),
        ("audit", "key"),
        ("receiver", "store"),
        *tls,
        *page,
    )


def plain(of: Any) -> Any:
    """A table of the file as plain values."""
    return msgspec.to_builtins(of)
