"""Requests that nobody would send: each is answered or refused by name, behind the same headers."""

from __future__ import annotations

import logging
from random import Random
from urllib.parse import quote_from_bytes

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from lymphorisk.web import guard
from lymphorisk.web.app import PAGES, application
from lymphorisk.web.desk import Desk
from lymphorisk.web.guard import HEADERS, Page
from lymphorisk.web.questions import Questions
from lymphorisk.web.users import ROLES
from tests.web.conftest import BASE, client, token

ODD = (
    b"", b"\0", b"-1", b"1e309", b"nan", b"inf", b"-inf", b"0x10", b"\xd9\xa3", b"\xff\xfe", b"9" * 400, b"A" * 3000,
    b"../../etc/passwd", b"..%2f..", b"<script>alert(1)</script>", b"' OR 1=1 --", b"{{7*7}}", b"${7*7}", b"%s%n",
    b"\r\nSet-Cookie: a=b", "\u202e\u0000\ufffe".encode(), b"\xed\xa0\x80", b"10^9/L", b"Spleen*0", b"LN=1e9Gy",
    b"axial", b"brain", b"0", b"1", b"30", b"0.5", b"10", b"cells/uL",
)  # fmt: skip
FIELDS = (
    "fractions", "alc", "organ", "organs", "change", "beam_on_s", "beam_factor", "unit", "day", "count", "corrects",
    "what", "line", "reason", "first", "second", "name", "source", "text", "save", "before", "site", "state", "page",
    "since", "axial", "coronal", "sagittal", "chosen", "window", "user", "password", "files", "saved", "token",
)  # fmt: skip
#: What a page may answer; another is a fault.
CODES = {200, 204, 303, 307, 400, 401, 403, 404, 405, 409, 413, 429, 503}
#: Nothing a page says holds these.
NEVER = ("Traceback", "lymphorisk/web/", "/site-packages/", "<script>alert")
ENTITY = {"key", "site", "upload", "axis"}


def one(rng: Random, page: Page, key: str) -> tuple[str, str, dict[str, str], bytes]:
    """Method, address, headers and body of a request to a page, or near one."""

    def value() -> bytes:
        odd = rng.choice(ODD)
        return odd if rng.random() < 0.8 else odd + rng.choice(ODD)

    path = page.path
    for part in ENTITY:
        known = {"key": key, "site": "brain", "upload": "0" * 32, "axis": rng.choice(("axial", "coronal"))}[part]
        said = known if rng.random() < 0.7 else quote_from_bytes(value())
        path = path.replace(f"{{{part}}}", said)
    pairs = [(rng.choice(FIELDS), value()) for _ in range(rng.choice((0, 1, 2, 3, 8, 60)))]
    query = "&".join(f"{name}={quote_from_bytes(text)}" for name, text in pairs)
    method = page.method if rng.random() < 0.9 else rng.choice(("PUT", "DELETE", "HEAD", "OPTIONS", "POST", "GET"))
    headers = {}
    if rng.random() < 0.2:
        name = rng.choice(
            ("Content-Length", "Cookie", "Origin", "Accept-Language", "Sec-Fetch-Site", "X-Forwarded-For")
        )
        headers[name] = bytes(c for c in value() if 32 <= c < 127).decode().strip()
    body = b""
    if method == "POST":
        kind = rng.choice(("form", "form", "form", "multipart", "json", "nothing"))
        if kind == "form":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = query.encode()
        elif kind == "multipart":
            headers["Content-Type"] = "multipart/form-data; boundary=b"
            body = b"".join(
                b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text)
                for name, text in pairs
            ) + rng.choice((b"--b--\r\n", b"--b", b""))
        elif kind == "json":
            headers["Content-Type"] = "application/json"
            body = value()
        return method, path, headers, body
    return method, f"{path}?{query}", headers, body


@pytest.mark.parametrize(
    ("seed", "requests", "most"),
    [(1, 250, 6), pytest.param(2, 3_000, 30, marks=pytest.mark.slow)],
    ids=["some", "many"],
)
def test_every_request_is_answered_or_refused(
    desk: Desk, seed: int, requests: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Questions(desk.service, desk.store)
    answers = 0

    def seldom(**question: object) -> dict[str, object]:
        nonlocal answers
        answers += 1
        if answers > most:  # the rest is about requests
            raise guard.LymphoriskError("not asked any more")
        return engine.answer(**question)  # type: ignore[arg-type]

    desk.engine.ask = seldom  # type: ignore[method-assign]
    stumbled: list[object] = []
    monkeypatch.setattr(guard, "warn", lambda what, **more: stumbled.append((what, more)))
    logging.getLogger("httpx").setLevel(logging.ERROR)
    entry = desk.store.entries()[0].key
    app = application(desk)
    rng = Random(seed)
    seen: dict[int, int] = {}
    for number in range(requests):
        page, role = rng.choice(PAGES), rng.choice((*ROLES, *ROLES, ""))
        method, address, headers, body = one(rng, page, entry)
        at = TestClient(app, base_url=BASE, follow_redirects=False, raise_server_exceptions=False)
        if role and "Cookie" not in headers:
            session = desk.sessions.begin(desk.users.all()[role])
            at.cookies.set(desk.cookie, session)
            if headers.get("Content-Type", "").endswith("urlencoded") and rng.random() < 0.8:
                body += b"&token=" + token(desk, at).encode()
        answer = at.request(method, address, headers=headers, content=body)
        about = f"{number}: {method} {address[:200]!r} as {role!r}: {answer.status_code} {answer.text[:200]}"
        assert answer.status_code in CODES, about
        assert not stumbled, (about, stumbled)
        assert {name.lower() for name in HEADERS} <= set(answer.headers), about
        for told in NEVER:
            assert told not in answer.text, about
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
    assert {200, 303, 400, 403, 404, 405} <= set(seen), seen
    assert client(desk, "view").get("/").status_code == 200
    assert desk.store.entry(entry).state == "COMPLETED"
