"""`make demo-clinic`: Orthanc, receiver and page start, a plan goes through, and the login that is printed opens it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("starlette")

from tests.clinic import orthanc

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(orthanc.program() is None, reason="no Orthanc here"),
]


def test_the_demonstration_shows_a_plan_on_the_page() -> None:
    call = [sys.executable, "-m", "benchmarks.demo_clinic", "--seconds", "600"]
    with subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            said = "".join(lines)
            found = re.search(r"page: (\S+) as (\S+) with the password (\S+)", said)
            assert found is not None, said
            address, user, password = found.groups()
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            form = browser.open(f"{address}login", timeout=60).read().decode()
            token = form.split('name="token" value="')[1].split('"')[0]
            sent = urllib.parse.urlencode({"token": token, "name": user, "password": password}).encode()
            worklist = browser.open(f"{address}login", sent, timeout=60).read().decode()
            (entry,) = set(re.findall(r'href="(/entries/[0-9a-f]{64})"', worklist))
            page = browser.open(address.rstrip("/") + entry, timeout=60).read().decode()
            assert "completed" in page
            assert "sr to PACS@127.0.0.1" in page
            archive = re.search(r"Orthanc: (\S+)", said)
            assert archive is not None
            assert urllib.request.urlopen(archive[1], timeout=60).status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
        finally:
            process.kill()
