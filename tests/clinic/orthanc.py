"""An Orthanc of our own, and a service as a process: what the slow tests and the demonstrations stand on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def program() -> str | None:
    """Debian's Orthanc, if it is here."""
    return shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass
class Orthanc:
    """An archive in a folder, that forwards to a service by its name ``gate``."""

    folder: Path
    gate: int
    http: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    tls: dict[str, Any] = field(default_factory=dict)
    server: subprocess.Popen[bytes] | None = None

    def begin(self) -> Orthanc:
        """Start, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        said: dict[str, Any] = {
            "StorageDirectory": str(self.folder / "store"),
            "IndexDirectory": str(self.folder / "store"),
            "HttpPort": self.http,
            "DicomPort": self.port,
            "DicomAet": "PACS",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowFind": True,
            "DicomModalities": {"gate": ["LYMPHORISK", "127.0.0.1", self.gate]},
            "Plugins": [str(PLUGIN)] if PLUGIN.is_file() else [],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **self.tls,
        }
        (self.folder / "orthanc.json").write_text(json.dumps(said), encoding="utf-8")
        found = program()
        assert found is not None
        with open(self.folder / "log", "ab") as log:
            self.server = subprocess.Popen(
                [found, str(self.folder / "orthanc.json")], stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(300):
            try:
                self.ask("system")
                return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Orthanc did not start")

    def end(self) -> None:
        """Stop; what it holds stays."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(30)
            self.server = None

    def ask(self, what: str, data: bytes | None = None) -> Any:
        """An answer of its own interface."""
        call = urllib.request.Request(f"http://127.0.0.1:{self.http}/{what}", data=data)
        with urllib.request.urlopen(call, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if answer.headers.get_content_type() == "application/json" else body

    def store(self, path: Path) -> str:
        """Give it a file; what it calls it."""
        return str(self.ask("instances", path.read_bytes())["ID"])

    def forward(self, instances: list[str]) -> None:
        """Let it send what it holds to the service."""
        said = json.dumps({"Resources": instances, "Synchronous": True}).encode()
        self.ask("modalities/gate/store", said)

    def answers(self) -> list[tuple[str, str]]:
        """Modality and what it is called of every object that a service sent."""
        found = [(str(self.ask(f"series/{s}")["MainDicomTags"]["Modality"]), s) for s in self.ask("series")]
        return [(m, i) for m, s in found if m in ("SR", "DOC") for i in self.ask(f"series/{s}")["Instances"]]


@dataclass
class Process:
    """`lymphorisk listen` as a process of its own."""

    out: Path
    port: int
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    errors: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> Process:
        """Start, and wait until it listens."""
        call = [sys.executable, "-m", "lymphorisk", "listen", "--port", str(self.port), "--out", str(self.out)]
        env = {**os.environ, "LYMPHORISK_CONFIG": "none", **self.environment}
        with open(self.errors or os.devnull, "ab") as errors:
            self.process = subprocess.Popen([*call, *self.arguments], stderr=errors, env=env, start_new_session=True)
        for _ in range(3600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert self.process.poll() is None, "the service ended"
                time.sleep(0.05)
        raise AssertionError("the service did not listen")

    def kill(self) -> None:
        """As a loss of power would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """As Ctrl-C would; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def workers(self) -> list[int]:
        """Process numbers of its workers."""
        import psutil

        assert self.process is not None
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@contextmanager
def running(*parts: Any) -> Iterator[None]:
    """Begin parts in order, and end them in the other."""
    begun: list[Any] = []
    try:
        for part in parts:
            begun.append(part.begin())
        yield
    finally:
        for part in reversed(begun):
            part.end()


def until(holds: Callable[[], object], seconds: float) -> None:
    """Wait until something holds; an archive or a service that is just away holds nothing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.1)
    raise AssertionError("it never came to that")
