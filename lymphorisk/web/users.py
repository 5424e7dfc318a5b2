"""Who may open the page, and what each may do there: names, roles and argon2 hashes in a file of its own."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from lymphorisk.errors import InputError
from lymphorisk.plain import loads, read_most

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Role = Literal["view", "decide", "administer"]
#: Each may do what those before it may.
ROLES: tuple[Role, ...] = get_args(Role)
FILE = "users.json"
#: A clinic has some hundreds. [bytes]
MOST_BYTES = 10_000_000
VERSION = 1
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
#: Letters of a password.
SHORTEST, LONGEST = 12, 256
#: Passwords checked at once: each takes the memory that makes guessing dear.
AT_ONCE = 2
_CHECKING = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class User:
    """A person: name, role and the hash of the password."""

    name: str
    role: Role
    hash: str

    def may(self, role: Role) -> bool:
        """Whether this role holds another."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Users:
    """The users of a store; the file is read anew when it changed.

    Parameters
    ----------
    path : Path
        It need not be there yet.
    store : int
        The store that they are users of, `Store.id`: a file of another store's users opens nothing here. 0 is any.
    """

    def __init__(self, path: Path, store: int = 0) -> None:
        self.path, self.store = path, store
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._users: Mapping[str, User] = {}

    def all(self) -> Mapping[str, User]:
        """Everybody by name.

        Raises
        ------
        InputError
            The file is none of this program, or of another store.
        """
        with self._lock:
            try:
                stat = self.path.stat()
            except FileNotFoundError:
                self._seen, self._users = None, {}
                return self._users
            now = (stat.st_mtime_ns, stat.st_ino)
            if now != self._seen:
                self._users = _read(self.path, self.store)
                self._seen = now
            return self._users

    def add(self, name: str, role: Role, password: str) -> None:
        """Add a user, or give one another role and password.

        Raises
        ------
        InputError
            A name or a password that cannot be one.
        """
        if not NAME.fullmatch(name):
            raise InputError(f"{name[:40]!r} is no user name", "small letters, digits, dot, dash; at most 32")
        if not SHORTEST <= len(password) <= LONGEST:
            raise InputError(
                f"the password has {len(password)} characters", f"use {SHORTEST} to {LONGEST}; a sentence is fine"
            )
        self._write({**self.all(), name: User(name, role, _hasher().hash(password))})

    def remove(self, name: str) -> None:
        """Take a user away; what the user has open ends with the next request.

        Raises
        ------
        InputError
            There is none of that name.
        """
        users = dict(self.all())
        if users.pop(name, None) is None:
            raise InputError(f"no user {name[:40]!r}", f"there are {', '.join(sorted(self.all())) or 'none'}")
        self._write(users)

    def known(self, name: str, password: str) -> User | None:
        """The user of a name and a password; None for any other, after as much work."""
        from argon2.exceptions import Argon2Error, InvalidHashError

        user = self.all().get(name)
        if len(password) > LONGEST:
            return None
        with _CHECKING:
            try:
                _hasher().verify(_nobody() if user is None else user.hash, password)
            except (Argon2Error, InvalidHashError):
                return None
        return user

    def _write(self, users: Mapping[str, User]) -> None:
        rows = [asdict(users[name]) for name in sorted(users)]
        text = json.dumps({"version": VERSION, "store": self.store, "users": rows}, indent=1)
        staged = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(staged, self.path)


def _read(path: Path, store: int) -> dict[str, User]:
    if path.stat().st_mode & 0o077:
        raise InputError(f"{path.name} can be read by others", f"chmod 600 {path.name}")
    try:
        table = loads(read_most(path, MOST_BYTES, "remove it, and add them with serve --add-user"))
        users = [User(u["name"], u["role"], u["hash"]) for u in table["users"]] if table["version"] == VERSION else None
    except (ValueError, KeyError, TypeError):
        users = None
    if users is None or not all(u.role in ROLES for u in users):
        raise InputError(f"{path.name} is no file of users", "remove it, and add them with serve --add-user")
    if store and table.get("store") not in (None, 0, store):
        raise InputError(f"{path.name} holds the users of another store", "give each clinic's page a file of its own")
    return {u.name: u for u in users}


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def _nobody() -> str:
    """A hash that no password has: checked for a name that nobody has."""
    global _NOBODY
    if not _NOBODY:
        _NOBODY = _hasher().hash(os.urandom(16).hex())
    return _NOBODY


_NOBODY = ""
