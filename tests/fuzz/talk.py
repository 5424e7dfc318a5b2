"""What comes over a line: broken conversations with the clinic's receiver, and requests to its page.

The receiver and the page live in the process that runs the inputs; after some conversations a well-behaved peer must be
answered.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from .cases import Case
from .oracle import Answer
from .seeds import ROOT

#: Answers of the page that take long; the rest is about requests.
MOST_ANSWERS = 30
#: Of a conversation: how long is waited for its end, and for a peer that behaves. [s]
LINE_S, PEER_S = 0.02, 120.0
#: Before the number of a process, the folder it lives in.
HOME = "fuzz-home-"
#: After so many: those that were left open count against the receiver's limit until they are given up.
LISTENED = 50


def top() -> Path:
    from .driver import IN_MEMORY

    return Path(IN_MEMORY if os.path.isdir(IN_MEMORY) else tempfile.gettempdir())


@lru_cache(maxsize=1)
def home() -> Path:
    """A folder of this process, for what lives as long as it."""
    folder = top() / f"{HOME}{os.getpid()}"
    folder.mkdir()
    return folder


def swept() -> None:
    """Remove the folders of processes that are gone."""
    for old in top().glob(f"{HOME}*"):
        if not Path(f"/proc/{old.name.removeprefix(HOME)}").exists():
            shutil.rmtree(old, ignore_errors=True)


@lru_cache(maxsize=1)
def pdus() -> tuple[bytes, ...]:
    """What a peer says that stores a plan."""
    from lymphorisk.clinic.send import Destination
    from tests.clinic.test_fuzz import recorded

    made, receiver = listening()
    to = Destination("LYMPHORISK", "127.0.0.1", receiver.port)
    assert made.trouble() == ""
    return tuple(recorded(to, ROOT / "fixtures" / "rtplans" / "lung" / "RP.dcm"))


@lru_cache(maxsize=1)
def listening() -> tuple[Any, Any]:
    """A store and its receiver."""
    from lymphorisk.clinic import log
    from lymphorisk.clinic.receive import Receiver
    from lymphorisk.clinic.service import Service
    from lymphorisk.clinic.store import Store

    log.begin(None, screen=False)
    store = Store(home() / "receiver", create=True)
    receiver = Receiver(Service(str(store.folder), port=0, free_mb=0, options={"draws": 16, "horizon_d": 60}), store)
    receiver.begin()
    return store, receiver


def conversation(rng: Random, place: Path) -> Case:
    """PDUs with bits turned, pieces cut, doubled, out of order, or lengths that lie."""
    from tests.clinic.test_fuzz import broken

    (place / "input").touch()
    said = [base64.b64encode(pdu).decode() for pdu in broken(list(pdus()), rng)]
    return Case("network", "PDUs", "listen", ("(line)", json.dumps(said)))


def spoken(text: str) -> Answer:
    """Say it to the receiver, and see that it stays up and, now and then, that it answers a peer that behaves."""
    from lymphorisk.clinic.send import Destination
    from tests.clinic.conftest import until
    from tests.clinic.test_fuzz import answers

    store, receiver = listening()
    to = Destination("LYMPHORISK", "127.0.0.1", receiver.port)
    whole = False
    with suppress(OSError), socket.create_connection((to.host, to.port), timeout=5) as line:
        line.settimeout(LINE_S)
        for pdu in json.loads(text):
            line.sendall(base64.b64decode(pdu))
            with suppress(TimeoutError):
                if not line.recv(65536):
                    break
        else:
            whole = True
    _said.append(whole)
    if len(_said) % LISTENED == 0:
        try:
            until(lambda: answers(to), PEER_S)
        except AssertionError:
            return Answer(70, "", "internal error: NotAnswered\n")
    if store.trouble() or not receiver.alive:
        return Answer(70, "", "internal error: Trouble\n")
    return Answer(0, "", "") if whole else Answer(3, "", "error: the conversation was ended\n")


@lru_cache(maxsize=1)
def page() -> tuple[Any, Any, str, list[object]]:
    """A desk over an analysed plan, its application, the key of the plan, and what the page stumbled over."""
    import pydicom

    from lymphorisk.clinic import log
    from lymphorisk.web import guard
    from lymphorisk.web.app import application
    from lymphorisk.web.questions import Questions
    from tests.web.conftest import BRAIN, analysed, desk_over

    log.begin(None, screen=False)
    folder = analysed(home() / "answered", [pydicom.dcmread(path) for path in sorted(BRAIN.glob("*.dcm"))])
    held = desk_over(folder, home())
    desk = next(held)
    _kept.append(held)
    engine, count = Questions(desk.service, desk.store), [0]

    def seldom(**question: object) -> dict[str, object]:
        count[0] += 1
        if count[0] > MOST_ANSWERS:
            raise guard.LymphoriskError("not asked any more")
        return engine.answer(**question)  # type: ignore[arg-type]

    desk.engine.ask = seldom  # type: ignore[method-assign]
    stumbled: list[object] = []
    guard.warn = lambda what, **more: stumbled.append((what, more))  # type: ignore[assignment]
    logging.getLogger("httpx").setLevel(logging.ERROR)
    return desk, application(desk), desk.store.entries()[0].key, stumbled


_kept: list[Any] = []
_said: list[bool] = []


def request(rng: Random, place: Path) -> Case:
    """A request to a page, or near one."""
    from lymphorisk.web.app import PAGES
    from lymphorisk.web.users import ROLES
    from tests.web.test_fuzz import one

    (place / "input").touch()
    asked, role = rng.choice(PAGES), rng.choice((*ROLES, *ROLES, ""))
    method, address, headers, body = one(rng, asked, page()[2])
    text = [method, address, headers, base64.b64encode(body).decode(), role, rng.random() < 0.8]
    return Case("web", f"{asked.method} {asked.path}", "serve", ("(page)", json.dumps(text)))


def asked(text: str) -> Answer:
    """Send it, signed in as it says; the answer must be one a page gives, behind the headers of every page."""
    from starlette.testclient import TestClient

    from tests.web.conftest import BASE, token
    from tests.web.test_fuzz import CODES, HEADERS, NEVER

    method, address, headers, body, role, with_token = json.loads(text)
    desk, app, _, stumbled = page()
    data = base64.b64decode(body)
    at = TestClient(app, base_url=BASE, follow_redirects=False, raise_server_exceptions=False)
    if role and "Cookie" not in headers:
        at.cookies.set(desk.cookie, desk.sessions.begin(desk.users.all()[role]))
        if headers.get("Content-Type", "").endswith("urlencoded") and with_token:
            data += b"&token=" + token(desk, at).encode()
    stumbled.clear()
    answer = at.request(method, address, headers=headers, content=data)
    told = [word for word in NEVER if word in answer.text]
    missing = {name.lower() for name in HEADERS} - set(answer.headers)
    if stumbled or told or missing or answer.status_code not in CODES:
        said = f"{answer.status_code} {stumbled} {told} {missing}"
        return Answer(70, "", f"internal error: Page {said[:300]}\n")
    if answer.status_code < 400:
        return Answer(0, "", "")
    return Answer(3, "", f"error: {answer.status_code}\n")


#: What is run in place of a command line.
SPECIAL: dict[str, Callable[[str], Answer]] = {"(line)": spoken, "(page)": asked}
#: Makers and how often each is asked.
MAKERS = ((conversation, 2), (request, 3))
