"""What every page works with: the store, who may see it, and the engine that answers questions."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path

from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import AUDIT, Store
from lymphorisk.web.engine import Engine, Kept
from lymphorisk.web.intake import Uploads
from lymphorisk.web.sessions import Failures, Sessions
from lymphorisk.web.trends import Trends
from lymphorisk.web.users import Users


@dataclass(slots=True)
class Desk:
    """One clinic's page.

    Attributes
    ----------
    service : Service
        How plans are judged, and where its audit trail lies.
    store : Store
    users : Users
    secure : bool
        Whether it answers over TLS.
    hosts : tuple of str
        Names it answers to; any when empty.
    port : int
        Part of the name of its cookie: services of one machine share their cookies.
    upload_mb : float
        Most that one upload may hold. [MB]
    cohort : Path, optional
        A folder that `cohort` wrote, or a page of `cohort report`.
    protocols : Path, optional
        Folder of the clinic's own protocols: where new ones are made.
    unit : str
        Of counts that are typed.
    """

    service: Service
    store: Store
    users: Users
    secure: bool = False
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    port: int = 8765
    upload_mb: float = 4096.0
    cohort: Path | None = None
    unit: str = "10^9/L"
    protocols: Path | None = None
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    failures: Failures = field(default_factory=Failures)
    uploads: Uploads = field(default_factory=Uploads)
    kept: Kept = field(default_factory=Kept)
    keeping: threading.Lock = field(default_factory=threading.Lock)
    trends: Trends = field(default_factory=Trends)
    sessions: Sessions = field(init=False)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.users)
        self.engine = Engine(self.service)

    @property
    def cookie(self) -> str:
        """The name of the cookie of a session."""
        return f"__Host-lymphorisk-{self.port}" if self.secure else f"lymphorisk-{self.port}"

    @property
    def audit(self) -> Path:
        """The folder of the audit trail."""
        return Path(self.service.audit) if self.service.audit else self.store.folder / AUDIT

    def close(self) -> None:
        """End the engine."""
        self.engine.end()
