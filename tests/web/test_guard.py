"""What stands before every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from lymphorisk.errors import InputError
from lymphorisk.web import guard, sessions
from lymphorisk.web.app import PAGES
from lymphorisk.web.desk import Desk
from lymphorisk.web.serve import Where
from lymphorisk.web.sessions import IDLE_S, TRIES, WHOLE_S, WINDOW_S, Failures, Sessions
from lymphorisk.web.users import ROLES, SHORTEST, User, Users
from tests.web import conftest as own

#: Pages that ask the engine, which takes longer: tested by themselves.
ASKING = {f"/entries/{{key}}/{part}" for part in ("what-if", "view", "planes/{axis}", "planes/{axis}.png")}
PUBLIC = {"/healthz", "/static/page.css", "/static/page.js", "/favicon.ico", "/login"}


def address(desk: Desk, path: str) -> str:
    """A path with its parts filled in."""
    entries = desk.store.entries()
    parts = {"key": entries[0].key if entries else "0", "site": "brain", "upload": "x", "axis": "axial"}
    return path.format(**parts)


def test_no_page_answers_without_a_session(desk: Desk) -> None:
    at = own.client(desk)
    for page in PAGES:
        where = address(desk, page.path)
        answer = at.request(page.method, where)
        assert (page.role is None) == (page.path in PUBLIC), page.path
        if page.role is not None:
            assert answer.status_code in (303, 401), (page.path, answer.status_code)
            assert answer.headers.get("location", "/login") == "/login"
            assert desk.store.entries()[0].key not in answer.text
    assert at.get("/nothing").status_code == 404


def test_a_cookie_of_nobody_is_no_session(desk: Desk) -> None:
    at = own.client(desk)
    at.cookies.set(desk.cookie, "made-up")
    assert at.get("/").headers["location"] == "/login"


@pytest.mark.parametrize("role", ROLES)
def test_every_page_keeps_to_its_role(desk: Desk, role: str) -> None:
    at = own.client(desk, role)
    for page in PAGES:
        if page.role is None or page.path == "/logout" or page.path in ASKING:
            continue
        answer = at.request(
            page.method, address(desk, page.path), data={"token": "wrong"} if page.method == "POST" else {}
        )
        allowed = ROLES.index(role) >= ROLES.index(page.role)
        if page.method == "POST":
            assert answer.status_code == 403  # without its token nobody may
        else:
            assert (answer.status_code != 403) == allowed, page.path


def test_a_form_needs_the_token_of_its_session(desk: Desk) -> None:
    key = desk.store.entries()[0].key
    at, other = own.client(desk, "decide"), own.client(desk, "administer")
    said = {"what": "accepted", "line": "", "reason": "seen with the physician"}
    for token in ("", "x", own.token(desk, other)):
        assert at.post(f"/entries/{key}/decisions", data={**said, "token": token}).status_code == 403
    assert not desk.store.decisions(key)
    assert at.post(f"/entries/{key}/decisions", data={**said, "token": own.token(desk, at)}).status_code == 303
    assert len(desk.store.decisions(key)) == 1


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_what_another_site_sends_is_refused(desk: Desk, headers: dict[str, str]) -> None:
    at = own.client(desk, "decide")
    data = {"token": own.token(desk, at)}
    assert at.post("/logout", data=data, headers=headers).status_code == 403
    assert at.post("/login", data=data, headers=headers).status_code == 403


def test_only_this_machine_is_answered_under_its_name(desk: Desk) -> None:
    at = own.client(desk)
    for host, status in (
        ("127.0.0.1:8765", 200),
        ("localhost", 200),
        ("[::1]:8765", 200),
        ("evil.example", 400),
        ("", 400),
    ):
        assert at.get("/login", headers={"host": host}).status_code == status, host


def test_every_answer_has_its_headers(desk: Desk) -> None:
    at = own.client(desk, "view")
    key = desk.store.entries()[0].key
    for path in ("/", "/login", "/nothing", f"/entries/{key}", "/static/page.js", "/healthz", "/uploads/x"):
        headers = at.get(path).headers
        for name, value in guard.HEADERS.items():
            assert headers[name] == value, path
        assert "server" not in headers
        assert "unsafe" not in headers["content-security-policy"]
    report = at.get(f"/entries/{key}/report").headers
    assert "sandbox allow-scripts" in report["content-security-policy"]
    assert "sha256-" in report["content-security-policy"]
    assert "frame-ancestors 'self'" in report["content-security-policy"]
    assert report["x-frame-options"] == "SAMEORIGIN"
    assert report["cache-control"] == "no-store"


def test_pages_hold_no_script_and_no_style_of_their_own(desk: Desk) -> None:
    at = own.client(desk, "administer")
    key = desk.store.entries()[0].key
    for path in ("/", "/login", f"/entries/{key}", "/audit", "/protocols", "/protocols/brain", "/compare", "/cohort"):
        text = at.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert text.count("<script") == text.count('<script src="/static/page.js"')
        assert "//" not in text.replace("://", "") or "http" not in text.split("<main")[0]


def test_a_session_ends(desk: Desk) -> None:
    now = [0.0]
    held = Sessions(desk.users, lambda: now[0])
    user = desk.users.all()["view"]
    cookie = held.begin(user)
    now[0] = IDLE_S - 1
    assert held.find(cookie) is not None
    now[0] += IDLE_S - 1
    assert held.find(cookie, touch=False) is not None
    now[0] += 2
    assert held.find(cookie) is None  # its own looks are no sign of a person
    cookie = held.begin(user)
    begun = now[0]
    while now[0] < begun + WHOLE_S:
        assert held.find(cookie) is not None
        now[0] += IDLE_S / 2
    now[0] = begun + WHOLE_S + 1
    assert held.find(cookie) is None
    cookie = held.begin(user)
    held.end(cookie)
    assert held.find(cookie) is None


def test_a_user_who_is_changed_or_removed_is_out(desk: Desk) -> None:
    at = own.client(desk, "decide")
    assert at.get("/").status_code == 200
    users = dict(desk.users.all())
    desk.users._write({**users, "decide": User("decide", "view", "no hash")})
    assert at.get("/").status_code == 303
    at = own.client(desk, "view")
    desk.users.remove("view")
    assert at.get("/").status_code == 303


def test_failures_are_counted_by_name_and_address() -> None:
    now = [0.0]
    counted = Failures(lambda: now[0])
    for _ in range(TRIES[0]):
        assert counted.wait_s("ann", "10.0.0.1") == 0
        counted.count("ann", "10.0.0.1")
    assert counted.wait_s("ann", "10.0.0.1") == WINDOW_S
    assert counted.wait_s("ann", "10.0.0.2") == 0
    for n in range(TRIES[1] - TRIES[0]):
        counted.count(f"name{n}", "10.0.0.1")
    assert counted.wait_s("bob", "10.0.0.1") > 0
    now[0] = WINDOW_S + 1
    assert counted.wait_s("ann", "10.0.0.1") == counted.wait_s("bob", "10.0.0.1") == 0
    for _ in range(3 * TRIES[2]):  # logins that work are none that failed
        counted.count("ann", "10.0.0.3")
        counted.forget("ann", "10.0.0.3")
    assert counted.wait_s("ann", "10.0.0.3") == 0


def test_login_walk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the true hash once: wrong password, right one, signed out."""
    desk.users.add("ann", "decide", own.PASSWORD)
    at = own.client(desk)
    form = at.get("/login")
    assert "HttpOnly" in form.headers["set-cookie"]
    token = form.text.split('name="token" value="')[1].split('"')[0]
    wrong = at.post("/login", data={"token": token, "name": "ann", "password": "correct horse"})
    assert wrong.status_code == 401
    token = wrong.text.split('name="token" value="')[1].split('"')[0]
    right = at.post("/login", data={"token": token, "name": "Ann ", "password": own.PASSWORD})
    assert right.status_code == 303
    cookie = next(c for c in right.headers.get_list("set-cookie") if c.startswith(f"{desk.cookie}="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "ann (decide)" in at.get("/").text
    held = at.cookies[desk.cookie]
    assert at.post("/logout", data={"token": own.token(desk, at)}).status_code == 303
    at.cookies.set(desk.cookie, held)
    assert at.get("/").status_code == 303


def test_login_needs_its_form_and_waits_after_failures(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Users, "known", lambda *_: None)
    at = own.client(desk)
    assert at.post("/login", data={"name": "ann", "password": "x"}).status_code == 403
    codes = []
    for _ in range(TRIES[0] + 1):
        token = at.get("/login").text.split('name="token" value="')[1].split('"')[0]
        answer = at.post("/login", data={"token": token, "name": "ann", "password": "x"})
        codes.append(answer.status_code)
    assert codes == [401] * TRIES[0] + [429]
    assert int(answer.headers["retry-after"]) <= WINDOW_S


def test_over_tls_the_cookie_is_secure(desk: Desk) -> None:
    desk.secure, desk.hosts = True, ()
    at = own.client(desk)
    at.base_url = "https://page.example"
    answer = at.get("/login")
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["set-cookie"].startswith("__Host-")
    assert answer.headers["strict-transport-security"]


def test_other_machines_need_tls() -> None:
    for host in ("0.0.0.0", "10.1.2.3", "::", "page.example"):
        with pytest.raises(InputError, match="no TLS") as error:
            Where(host)
        assert "page.tls" in error.value.hint
    assert not Where("127.0.0.1").secure
    assert Where("0.0.0.0", certificate="c.pem", key="k.pem").secure
    with pytest.raises(InputError, match="belong together"):
        Where(certificate="c.pem")


def test_users_are_kept_private(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    assert users.all() == {}
    users.add("ann", "view", own.PASSWORD)
    assert users.path.stat().st_mode & 0o777 == 0o600
    assert own.PASSWORD not in users.path.read_text()
    assert "$argon2id$" in users.path.read_text()
    assert users.known("ann", own.PASSWORD) == users.all()["ann"]
    assert users.known("bob", own.PASSWORD) is None
    for name, password in (("Ann^Doe", own.PASSWORD), ("ann", "x" * (SHORTEST - 1)), ("", own.PASSWORD)):
        with pytest.raises(InputError):
            users.add(name, "view", password)
    with pytest.raises(InputError, match="no user"):
        users.remove("bob")
    users.path.chmod(0o644)
    with pytest.raises(InputError, match="read by others"):
        Users(users.path).all()


def test_a_body_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    at = own.client(desk, "decide")
    token = own.token(desk, at)
    monkeypatch.setattr(guard, "FORM_BYTES", 200)
    assert at.post("/logout", data={"token": token, "x": "y" * 300}).status_code == 413

    def piecewise() -> Iterator[bytes]:
        yield b"token=" + token.encode() + b"&x="
        for _ in range(10):
            yield b"y" * 100

    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert at.post("/logout", content=piecewise(), headers=headers).status_code == 413
    desk.upload_mb = 0.0001
    answer = at.post("/uploads", data={"token": token}, files={"files": ("a.dcm", b"z" * 1000)})
    assert answer.status_code == 413
    assert not desk.uploads._held


def test_what_goes_wrong_inside_is_not_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("DOE^JANE")

    monkeypatch.setattr(desk.store, "entries", broken)
    answer = own.client(desk, "view").get("/")
    assert answer.status_code == 500
    assert "DOE" not in answer.text


def test_sessions_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    cookies = [desk.sessions.begin(desk.users.all()["view"]) for _ in range(3)]
    assert [desk.sessions.find(c) is not None for c in cookies] == [False, True, True]
