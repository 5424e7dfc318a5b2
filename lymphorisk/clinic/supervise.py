"""The supervisor of a worker: hands it entries, notices when it ends, and what becomes of its entry then."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

from lymphorisk.clinic.child import Child
from lymphorisk.clinic.log import say, warn
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import Entry, Store
from lymphorisk.clinic.trail import record_all

#: How often an entry may lose its worker before it is named instead of tried again.
ATTEMPTS = 20
#: Between two looks for work. [s]
LOOK_S = 0.2
#: For the thread to see that it is to end. [s]
JOIN_S = 10.0
#: Wait after a disk was full. [s]
FULL_S = 5.0
#: A worker is replaced after this many entries: whatever libraries keep is given back.
ENTRIES = 200
#: Between two attempts at an audit trail that cannot be written. [s]
TRAIL_S = 60.0
#: What it is called in the store.
WORKER = "worker"


class Supervisor:
    """One worker process and the thread that feeds it."""

    def __init__(self, service: Service, store: Store, stop: threading.Event) -> None:
        self.service, self.store, self.stop = service, store, stop
        self.thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._worker = Child("lymphorisk.clinic.worker", service)
        self._token = ""
        self._done = 0
        self._stumbled, self._unrecorded, self._recorded = False, "not looked at yet", -TRAIL_S

    @property
    def pid(self) -> int | None:
        """Of the worker, while there is one."""
        return self._worker.pid

    def end(self) -> None:
        """End the worker; its entry is scheduled again."""
        self._worker.terminate()
        self.thread.join(JOIN_S)
        self._worker.close()
        self.store.works(WORKER)
        if self._token:
            self.store.give_back(self._token, counted=False)

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                if not self._step():
                    self.stop.wait(LOOK_S)
            except Exception as error:
                self._stumbled = True
                warn("the supervisor stumbled", reason=type(error).__name__)
                self.stop.wait(FULL_S)

    def _record(self) -> None:
        """Let the audit trail have what the store has for it, also what was left by an end in between."""
        self._unrecorded = record_all(self.service, self.store)
        if self._unrecorded:
            warn("not in the audit trail", reason=self._unrecorded)

    def _step(self) -> bool:
        """Hand over one entry; False when there was none."""
        if self._stumbled:
            self.store.give_back(counted=False)  # nobody else claims: what is IN PROGRESS has nobody
            self._stumbled = False
        if self._unrecorded and time.monotonic() - self._recorded > TRAIL_S:
            self._recorded = time.monotonic()
            self._record()
        if self.pid is None:
            self._done = 0
            self.store.waits(WORKER, self._worker.reason)
            if not self._worker.start():
                if not self.stop.is_set():
                    self.store.waits(WORKER, self._worker.reason)
                    warn("the worker does not start", reason=self._worker.reason)
                    self.stop.wait(FULL_S)
                return True
            self.store.works(WORKER)
        token = uuid.uuid4().hex
        entry = self.store.claim(token)
        if entry is None:
            return False
        self._token = token
        say("entry in progress", entry=entry.key, attempts=entry.attempts, waiting_s=_since(entry.made_at))
        said = self._worker.told(json.dumps({"key": entry.key, "token": token}))
        self._after(entry, token, said)
        self._token = ""
        return True

    def _after(self, entry: Entry, token: str, said: dict[str, Any]) -> None:
        if self.stop.is_set() and not said:
            self.store.give_back(token, counted=False)
            return
        if "beyond" in said:
            limit = f"{self.service.time_s:g} s" if said["beyond"] == "time" else f"{self.service.memory_mb:g} MB"
            reason = f"the plan took more than {limit}"
            self.store.cancel(entry.key, token, reason, "raise the limit in [worker], or analyse it alone")
            warn("entry canceled", entry=entry.key, reason=reason)
        elif (not said or "again" in said) and not said.get("full") and entry.attempts >= ATTEMPTS:
            reason = f"{said.get('again', 'its worker ended')}, {entry.attempts} times"
            self.store.cancel(entry.key, token, reason, "analyse it alone with --debug")
            warn("entry canceled", entry=entry.key, reason=reason)
        elif not said or "again" in said:
            self.store.give_back(token, counted=not said.get("full"))
            warn("entry scheduled again", entry=entry.key, reason=said.get("again", "its worker ended"))
            if said:
                self.stop.wait(FULL_S)
        elif "lost" in said:
            warn("entry was another's", entry=entry.key)
        else:
            self._done += 1
            say(
                "entry ended", entry=entry.key, state=said["state"], verdict=said.get("verdict"),
                exit_code=said.get("exit_code"), reason=said.get("reason") or None,
                hint=said.get("hint"), seconds=_since(entry.last_object_at),
            )  # fmt: skip
            self._record()
            if self._done >= ENTRIES:
                self._worker.close()


def _since(at: float) -> float:
    return round(time.time() - at, 3)
