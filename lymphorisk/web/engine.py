"""Questions to the exact engine: answered by a process of its own, which keeps the plans that were asked about last.

The page tells it one question a line and waits for its line; it ends with its input, or when a question takes more than
a plan may. It has no page, no session and no identity: what it gives back is a part of a page.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from lymphorisk.clinic.child import Child, teller
from lymphorisk.clinic.service import Service, from_json
from lymphorisk.errors import InputError, LymphoriskError, UndecidableError

#: Answers kept: of about 50 kB each.
KEPT = 400


class Engine:
    """The process, started with the first question."""

    def __init__(self, service: Service) -> None:
        self._lock = threading.Lock()
        self._process = Child("lymphorisk.web.engine", service)

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer to a question; one at a time.

        Raises
        ------
        LymphoriskError
            As the engine says, or it took more time or memory than a plan may.
        """
        with self._lock:
            if self._process.pid is None and not self._process.start():
                raise InputError(f"the engine does not start: {self._process.reason}", "mend that, and ask again")
            answer = self._process.told(json.dumps(question))
        if "beyond" in answer or not answer:
            raise InputError("the question took more time or memory than a plan may", "raise the limits in [worker]")
        if "error" in answer:
            kind = UndecidableError if answer["undecided"] else InputError
            raise kind(answer["error"], answer["hint"])
        return answer

    def end(self) -> None:
        """End the process."""
        with self._lock:
            self._process.close()


class Kept:
    """Answers that do not change, the last ones that were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, Any]] = {}

    def ask(self, engine: Engine, **question: Any) -> dict[str, Any]:
        """An answer of the engine, or the same again."""
        asked = json.dumps(question, sort_keys=True)
        with self._lock:
            if asked in self._held:
                self._held[asked] = self._held.pop(asked)
                return self._held[asked]
        said = engine.ask(**question)
        with self._lock:
            self._held[asked] = said
            while len(self._held) > KEPT:
                del self._held[next(iter(self._held))]
        return said

    def forget(self, key: str) -> None:
        """Drop what is kept of an entry."""
        with self._lock:
            self._held = {asked: said for asked, said in self._held.items() if json.loads(asked).get("key") != key}


def main() -> None:
    """Answer questions until the input ends."""
    from lymphorisk.clinic.store import Store
    from lymphorisk.cohorts.limits import Limits, held
    from lymphorisk.web.questions import Questions

    tell = teller()
    service = from_json(sys.stdin.readline())
    questions = Questions(service, Store(service.folder))
    tell({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        with held(Limits(service.time_s, service.memory_mb), lambda beyond: tell({"beyond": beyond})):
            try:
                said = questions.answer(**asked)
            except LymphoriskError as error:
                undecided = isinstance(error, UndecidableError)
                said = {"error": error.message, "hint": error.hint, "undecided": undecided}
            except Exception as error:
                said = {"error": f"internal error: {type(error).__name__}", "hint": "", "undecided": False}
        tell(said)


if __name__ == "__main__":
    main()
