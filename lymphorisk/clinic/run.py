"""A service from its beginning to its end: listener or watcher, keeper, worker, sender, health."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

from lymphorisk.clinic import log
from lymphorisk.clinic.health import Health
from lymphorisk.clinic.keep import Keeper
from lymphorisk.clinic.send import Sender
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.clinic.supervise import Supervisor
from lymphorisk.clinic.turn import turn
from lymphorisk.clinic.watch import Watcher
from lymphorisk.errors import InputError

#: How long threads may take to end. [s]
END_S = 5.0


class Running:
    """A service that runs; `end` it, or leave its ``with`` block.

    Parameters
    ----------
    service : Service
    listen : bool
        Whether there is a listener.
    folder : Path, optional
        A folder to watch.
    health : bool
        Whether health and metrics are answered; their port may be 0, which takes a free one.
    yields : bool
        Whether it is to be ended when another service asks for the store (`turn.wanted`).
    """

    def __init__(
        self,
        service: Service,
        *,
        listen: bool = True,
        folder: Path | None = None,
        health: bool = False,
        yields: bool = False,
    ) -> None:
        self.service = service
        self.store = Store(service.folder, create=True)
        try:
            self._lock = turn(self.store, yields=yields)
        except InputError:
            self.store.close()
            raise
        self.stop = threading.Event()
        for left in (service.folder / INCOMING).iterdir():  # of a service that was killed
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        again = self.store.give_back(counted=False)
        if again:
            log.say("entries scheduled again", count=again)
        self.receiver: Any = None
        if listen:
            from lymphorisk.clinic.receive import Receiver

            self.receiver = Receiver(service, self.store)
        self.watcher = None if folder is None else Watcher(folder, self.store, self.stop)
        busy = [part.busy for part in (self.receiver, self.watcher) if part is not None]
        self.keeper = Keeper(service, self.store, self.stop, busy)
        self.supervisor = Supervisor(service, self.store, self.stop)
        self.sender = Sender(service, self.store, self.stop)
        self.health = Health(service, self.store, self.alive) if health or service.health else None
        self._begin()

    def _begin(self) -> None:
        try:
            if self.health is not None:
                self.health.begin()
            if self.receiver is not None:
                self.receiver.begin()
            self.keeper.thread.start()
            self.supervisor.thread.start()
            self.sender.begin()
            if self.watcher is not None:
                self.watcher.thread.start()
        except BaseException:
            self.end()
            raise

    def alive(self) -> dict[str, bool]:
        """Which parts run."""
        parts = {
            "keeper": self.keeper.thread.is_alive(),
            "supervisor": self.supervisor.thread.is_alive(),
            "sender": self.sender.thread.is_alive(),
        }
        if self.receiver is not None:
            parts["listener"] = self.receiver.alive
        if self.watcher is not None:
            parts["watcher"] = self.watcher.thread.is_alive()
        return parts

    def end(self) -> None:
        """End every part; what was in progress is scheduled again."""
        self.stop.set()
        if self.receiver is not None:
            self.receiver.end()
        self.supervisor.end() if self.supervisor.thread.ident else None
        for part in (self.keeper, self.sender, self.watcher):
            if part is not None and part.thread.ident:
                part.thread.join(END_S)
        if self.health is not None:
            self.health.end()
        self.store.close()
        self._lock.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
