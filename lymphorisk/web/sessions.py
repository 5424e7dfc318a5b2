"""Who is signed in: sessions in memory, which end with the process, and logins that failed."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lymphorisk.web.users import User, Users

#: A session ends this long after its last request, and this long after its login. [s]
IDLE_S, WHOLE_S = 1800.0, 36000.0
#: Logins that failed are counted for this long: by name and address, by address, by name. [s]
WINDOW_S = 900.0
TRIES = (5, 20, 50)
#: Sessions at once, and names and addresses remembered.
MOST, REMEMBERED = 500, 10_000


@dataclass(slots=True)
class Session:
    """One login."""

    user: User
    made_at: float
    seen_at: float
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))


class Sessions:
    """Sessions by what their cookie holds; only its hash is kept."""

    def __init__(self, users: Users, clock: Callable[[], float] = time.monotonic) -> None:
        self.users, self.clock = users, clock
        self._lock = threading.Lock()
        self._held: dict[str, Session] = {}

    def begin(self, user: User) -> str:
        """A new session; what its cookie holds."""
        cookie, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            self._held = {k: s for k, s in self._held.items() if self._lives(s)}
            while len(self._held) >= MOST:
                del self._held[next(iter(self._held))]
            self._held[_hash(cookie)] = Session(user, now, now)
        return cookie

    def find(self, cookie: str, *, touch: bool = True) -> Session | None:
        """The session of a cookie, while it lives; `touch` counts as a sign of the person."""
        with self._lock:
            session = self._held.get(_hash(cookie))
            if session is None:
                return None
            if not self._lives(session):
                del self._held[_hash(cookie)]
                return None
            if touch:
                session.seen_at = self.clock()
            return session

    def end(self, cookie: str) -> None:
        """Forget a session."""
        with self._lock:
            self._held.pop(_hash(cookie), None)

    def _lives(self, session: Session) -> bool:
        now = self.clock()
        if now - session.seen_at > IDLE_S or now - session.made_at > WHOLE_S:
            return False
        return self.users.all().get(session.user.name) == session.user


class Failures:
    """Logins that failed, and who has to wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._at: dict[tuple[str, str], list[float]] = {}

    def wait_s(self, name: str, address: str) -> float:
        """How long until the next try is taken; 0 when now. [s]"""
        now = self.clock()
        with self._lock:
            waits = [
                WINDOW_S - (now - times[-limit])
                for key, limit in zip(_keys(name, address), TRIES, strict=True)
                if len(times := [t for t in self._at.get(key, []) if now - t < WINDOW_S]) >= limit
            ]
        return max(waits, default=0.0)

    def count(self, name: str, address: str) -> None:
        """One more try; `forget` it when it works."""
        now = self.clock()
        with self._lock:
            for key, limit in zip(_keys(name, address), TRIES, strict=True):
                self._at[key] = [*self._at.pop(key, []), now][-limit:]
            while len(self._at) > REMEMBERED:
                del self._at[next(iter(self._at))]

    def forget(self, name: str, address: str) -> None:
        """A login that was counted and worked."""
        own, *others = _keys(name, address)
        with self._lock:
            self._at.pop(own, None)
            for key in others:
                self._at[key] = self._at.get(key, [])[:-1]


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str], tuple[str, str]]:
    return (name, address), ("", address), (name, "")


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
