"""The keeper: puts arrived objects on the worklist as courses, and deletes by rule what is old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from lymphorisk.clinic.courses import Course, courses
from lymphorisk.clinic.log import say, warn
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import Kept, Store
from lymphorisk.clinic.trail import record

#: Between two looks at what has arrived, and at what is old. [s]
LOOK_S, AGE_S = 0.2, 3600.0
#: A course with images is whole when none came for this long: some senders open an association for each. [s]
IMAGES_S = 3.0
#: While its sender's association is open the next object of a study may take this many times the quiet time.
LONGER = 10
#: What is deleted, in words.
WORDS: Mapping[Kept, str] = {"objects": "received files", "results": "results"}


class Keeper:
    """The thread that turns objects into entries.

    `busy` are asked whether objects of a study are still on their way.
    """

    def __init__(
        self, service: Service, store: Store, stop: threading.Event, busy: Sequence[Callable[[str], bool]] = ()
    ) -> None:
        self.service, self.store, self.stop, self.busy = service, store, stop, busy
        self.thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._looked: dict[str, float] = {}

    def _run(self) -> None:
        aged = 0.0
        while not self.stop.is_set():
            try:
                self.step(time.time())
                if time.monotonic() - aged > AGE_S:
                    aged = time.monotonic()
                    expire(self.service, self.store, time.time())
            except Exception as error:
                warn("the keeper stumbled", reason=type(error).__name__)
                self.stop.wait(1.0)
            self.stop.wait(LOOK_S)

    def step(self, now: float) -> None:
        """Enter every course that is whole, or quiet."""
        for study_uid, _, last_at in self.store.arrived():
            busy = any(b(study_uid) for b in self.busy)
            quiet = now - last_at >= self.service.quiet_s * (LONGER if busy else 1)
            if not quiet and (busy or self._looked.get(study_uid) == last_at):
                continue
            made = courses(study_uid, self.store.around(study_uid))
            if not quiet and _settling(made, now - last_at):
                continue
            self._looked[study_uid] = last_at
            entering = [course for course in made if course.whole or quiet]
            new = self.store.enter(entering, study_uid, last_at, done=quiet or all(c.whole for c in made))
            for course in entering:
                known = course.key not in new
                say(
                    "entry known" if known else "entry scheduled", entry=course.key, objects=len(course.objects),
                    missing=list(course.missing) or None,
                )  # fmt: skip
            if quiet or len(entering) == len(made):
                self._looked.pop(study_uid, None)


def _settling(made: Sequence[Course], since_s: float) -> bool:
    """Whether images may still come."""
    return since_s < IMAGES_S and any(held.role == "CT" for course in made for held in course.objects)


def expire(service: Service, store: Store, now: float) -> int:
    """Delete by rule, and say so in log and audit trail; how many entries lost something."""
    count = 0
    rules: tuple[tuple[Kept, float | None, Callable[[str], int]], ...] = (
        ("objects", service.received_d, store.forget_objects),
        ("results", service.results_d, store.forget_results),
    )
    for what, days, forget in rules:
        for key in store.old(now, days, what):
            try:
                deleted = forget(key)
            except OSError as error:  # what cannot be deleted is not said to be; it is tried again
                warn("not deleted", entry=key, reason=error.strerror or type(error).__name__)
                continue
            if deleted:
                count += 1
                _told(service, store, key, f"{WORDS[what]} deleted after {days:g} days", deleted)
    return count


def _told(service: Service, store: Store, key: str, rule: str, count: int) -> None:
    say("deleted by rule", entry=key, rule=rule, count=count)
    said = {
        "who": service.aet,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "retention",
        "entry": key,
        "rule": rule,
        "count": count,
    }
    if trouble := record(service, store, said):
        warn("not in the audit trail", entry=key, reason=trouble)
