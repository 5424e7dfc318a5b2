"""Whose turn it is to work on a store: one service at a time, and a page gives way to a service that asks."""

from __future__ import annotations

import time
from typing import IO

from lymphorisk.clinic.store import Store
from lymphorisk.errors import InputError

#: Locked by whoever waits for a page to give way.
NEXT = "next"
#: Said in the lock by a holder that gives way.
YIELDS = b"yields"
#: A page's worker ends within this time. [s]
GIVES_WAY_S = 60.0
#: Between two looks. [s]
LOOK_S = 0.1


def turn(store: Store, *, yields: bool = False, wait_s: float = GIVES_WAY_S) -> IO[bytes]:
    """The lock of the one service that works on a store; let go when the file is closed.

    Parameters
    ----------
    store : Store
    yields : bool
        Whether the holder gives way when another asks (`wanted`).
    wait_s : float
        How long a holder that does is waited for. [s]

    Raises
    ------
    InputError
        Another service holds it, and does not give way.
    """
    try:
        return _said(store.locked(), yields)
    except InputError:
        if yields or not _gives_way(store):
            raise
    until = time.monotonic() + wait_s
    with _asked(store, until):
        while True:
            try:
                return _said(store.locked(), yields)
            except InputError:
                if time.monotonic() > until or not _gives_way(store):
                    raise
            time.sleep(LOOK_S)


def wanted(store: Store) -> bool:
    """Whether another waits for the lock."""
    try:
        store.locked(NEXT).close()
    except InputError:
        return True
    return False


def _asked(store: Store, until: float) -> IO[bytes]:
    while True:
        try:
            return store.locked(NEXT)
        except InputError:
            if time.monotonic() > until:
                raise
        time.sleep(LOOK_S)


def _said(handle: IO[bytes], yields: bool) -> IO[bytes]:
    handle.seek(0)
    handle.truncate()
    handle.write(YIELDS if yields else b"")
    handle.flush()
    return handle


def _gives_way(store: Store) -> bool:
    """Whether the holder said that it does; one that is just gone does too."""
    try:
        store.locked().close()
    except InputError:
        return store.lock_path().read_bytes() == YIELDS
    return True
