"""Questions to the exact engine: answered by a process of its own, which keeps the plans that were asked about last.

The page tells it one question a line and waits for its line; it ends with its input, or when a question takes more than
a plan may. It has no page, no session and no identity: what it gives back is a part of a page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from lymphorisk.clinic.service import Service, from_json
from lymphorisk.errors import InputError, LymphoriskError, UndecidableError


class Engine:
    """The process, started with the first question."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer to a question; one at a time.

        Raises
        ------
        LymphoriskError
            As the engine says, or it took more time or memory than a plan may.
        """
        with self._lock:
            answer = self._told(json.dumps(question))
        if "beyond" in answer or not answer:
            raise InputError("the question took more time or memory than a plan may", "raise the limits in [worker]")
        if "error" in answer:
            kind = UndecidableError if answer["undecided"] else InputError
            raise kind(answer["error"], answer["hint"])
        return answer

    def end(self) -> None:
        """End the process."""
        with self._lock:
            self._close()

    def _told(self, line: str) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._close()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lymphorisk.web.engine"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
            self._said(self.service.to_json())
        answer = self._said(line)
        if not answer or "beyond" in answer:
            self._close()
        return answer

    def _said(self, line: str) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        except (OSError, ValueError):
            return {}
        return answer

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def main() -> None:
    """Answer questions until the input ends."""
    from lymphorisk.clinic.store import Store
    from lymphorisk.cohorts.limits import Limits, held
    from lymphorisk.web.questions import Questions

    answers: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer

    def tell(said: Mapping[str, Any]) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

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
