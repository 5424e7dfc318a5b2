"""A clinic on this machine: Orthanc, a receiver and the page, a plan on its way, and where to look.

``python -m benchmarks.demo_clinic`` prints the addresses and a login made for this run, and waits for Ctrl-C; without a
terminal it ends at once, or after ``--seconds``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.clinic.orthanc import Orthanc, Process, free_port, running, until

RTPLANS = Path(__file__).parents[1] / "fixtures" / "rtplans"
PLAN = "breast_tangents"
USER = "demo"
#: How long the page may take to start. [s]
START_S = 120.0


@dataclass
class Served:
    """`lymphorisk serve` as a process of its own, with one user."""

    out: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    address: str = ""
    process: subprocess.Popen[str] | None = None

    def begin(self) -> Served:
        """Add the user, start, and wait until it says where it is."""
        call = [sys.executable, "-m", "lymphorisk", "serve", "--out", str(self.out)]
        env = {**os.environ, "LYMPHORISK_CONFIG": "none"}
        user = ["--add-user", USER, "--role", "administer"]
        subprocess.run(
            [*call, *user], input=self.password + "\n", text=True, env=env, check=True, stderr=subprocess.DEVNULL
        )
        self.process = subprocess.Popen([*call, "--port", "0"], stderr=subprocess.PIPE, text=True, env=env)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://\S+/", line):
                self.address = found[0]
                return self
        raise AssertionError("the page did not start")

    def end(self) -> int:
        """As Ctrl-C would; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)


def demo(seconds: float | None) -> int:
    """Begin, push a plan, say where to look, and wait."""
    gate = free_port()
    with tempfile.TemporaryDirectory() as top:
        pacs = Orthanc(Path(top) / "pacs", gate)
        listen = Process(Path(top) / "store", gate, ("--quiet", "5", "--send", f"PACS@127.0.0.1:{pacs.port}"))
        page = Served(Path(top) / "store")
        with running(pacs, listen, page):
            begun = time.monotonic()
            pacs.forward([pacs.store(p) for p in sorted((RTPLANS / PLAN).glob("*.dcm"))])
            until(lambda: len(pacs.answers()) == 2, 300)
            print(f"a plan went to Orthanc, and its answers came back after {time.monotonic() - begun:.1f} s")
            print(f"page: {page.address} as {USER} with the password {page.password}")
            print(f"Orthanc: http://127.0.0.1:{pacs.http}/app/explorer.html (series SR and DOC of the study)")
            print(f"store: {listen.out} (lymphorisk worklist {listen.out})")
            print(f"send it another: lymphorisk send fixtures/rtplans/lung LYMPHORISK@127.0.0.1:{gate}")
            for told in (signal.SIGINT, signal.SIGTERM):  # also where a shell began it in the background
                signal.signal(told, signal.default_int_handler)
            print("Ctrl-C ends", flush=True)
            end = time.monotonic() + (seconds or 0.0)
            with contextlib.suppress(KeyboardInterrupt):
                while sys.stdin.isatty() or time.monotonic() < end:
                    time.sleep(0.2)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="how long to stay without a terminal")
    sys.exit(demo(parser.parse_args().seconds))
