"""A process of our own that is told one line of JSON at a time and says one back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from lymphorisk.clinic.service import Service

#: Of a reason. [characters]
LONGEST = 200


class Child:
    """The process that runs a module, started with the service it works for.

    Attributes
    ----------
    module : str
        Its `main` reads the service's line, says that it is ready, and then answers line by line until its input ends.
    reason : str
        Why it did not start the last time; empty when it did.
    """

    def __init__(self, module: str, service: Service) -> None:
        self.module, self.service = module, service
        self.reason = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> bool:
        """Start it anew and wait until it is ready; False, with the reason, when it ended before."""
        self.close()
        with tempfile.TemporaryFile() as errors:
            try:
                process = self._process = subprocess.Popen(
                    [sys.executable, "-m", self.module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                self.reason = error.strerror or type(error).__name__
                return False
            if self.told(self.service.to_json()):
                self.reason = ""
                return True
            errors.seek(0)
            self.reason = _last(errors.read()) or _ended(process.wait())
            return False

    def told(self, line: str) -> dict[str, Any]:
        """What it answers to a line; empty when there is none. Without an answer, or beyond a limit, it is closed."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return {}
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        except (OSError, ValueError):
            answer = {}
        if not answer or "beyond" in answer:
            self.close()
        return answer

    def terminate(self) -> None:
        """End what it does now, and wait for that."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait()

    def close(self) -> None:
        """Let it end, and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def _last(said: bytes) -> str:
    """The last line of what a process said about its end."""
    lines = said.decode("utf-8", "replace").split("\n")
    return next((line.strip()[:LONGEST] for line in reversed(lines) if line.strip()), "")


def _ended(code: int) -> str:
    if code >= 0:
        return f"it ended with code {code}"
    return f"it was ended by {signal.Signals(-code).name}"


def teller() -> Callable[[Mapping[str, Any]], None]:
    """In the process itself: says one line; what a library prints is no answer, and goes nowhere once it is ready."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(said: Mapping[str, Any]) -> None:
        if "ready" in said:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    return tell
