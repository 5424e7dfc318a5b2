"""Two clinics are two stores with users of their own: nobody of one sees anything of the other, by any address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from lymphorisk.clinic.backup import backed_up
from lymphorisk.clinic.store import Store
from lymphorisk.errors import InputError
from lymphorisk.web.app import PAGES
from lymphorisk.web.desk import Desk
from lymphorisk.web.serve import Where, users_of
from lymphorisk.web.users import ROLES, User, Users
from tests.web import conftest as own


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Desk]:
    """The page of a second clinic, on a store of its own, beside the first on this machine."""
    store = Store(tmp_path / "other", create=True)
    users = users_of(store, Where())
    users._write({role: User(role, role, "no hash") for role in ROLES})
    made = Desk(replace(own.service_of(store.folder)), store, users, port=8766)
    yield made
    made.close()
    store.close()


@pytest.mark.parametrize("role", ROLES)
def test_nobody_of_one_clinic_reaches_what_is_another_s(desk: Desk, other: Desk, role: str) -> None:
    """Every route, with the first clinic's keys in its address, asked at the second by a user of the second."""
    key = desk.store.entries()[0].key
    at = own.client(other, role)
    assert own.client(desk, role).get(f"/entries/{key}").status_code == 200
    nowhere = "7" * len(key)
    for page in PAGES:
        if page.role is None or page.path == "/logout":
            continue
        said = []
        for asked in (key, nowhere):
            path = page.path.format(key=asked, site="brain", upload="x", axis="axial")
            data = {"token": own.token(other, at)} if page.method == "POST" else None
            answer = at.request(page.method, path, data=data)
            said.append((answer.status_code, answer.text.replace(asked[:16], "the key asked for")))
            assert own.LABEL not in answer.text
            if "{key}" in page.path:
                assert answer.status_code in (403, 404), (page.path, answer.status_code)
        assert said[0] == said[1], f"{page.path} tells that the key is somewhere"
    for short in (key[:1], key[:12]):
        assert at.get(f"/entries/{short}").status_code == 404
    assert at.get("/compare", params={"first": key, "second": key}).status_code == 400


def test_a_session_of_one_clinic_is_none_at_another(desk: Desk, other: Desk) -> None:
    """A browser sends cookies of one machine to all its ports."""
    here = own.client(desk, "administer")
    there = own.client(other)
    for name in (desk.cookie, other.cookie):
        there.cookies.set(name, here.cookies[desk.cookie])
    for path in ("/", "/audit", f"/entries/{desk.store.entries()[0].key}"):
        assert there.get(path).headers["location"] == "/login"


def test_a_file_of_users_opens_one_store_alone(desk: Desk, other: Desk, tmp_path: Path) -> None:
    """Two pages whose clinic files name the same users: the second says so, and lets nobody in."""
    assert desk.store.id != other.store.id
    shared = Where(users=str(tmp_path / "shared.json"))
    users_of(desk.store, shared)._write({"ann": User("ann", "decide", "no hash")})
    assert set(users_of(desk.store, shared).all()) == {"ann"}
    with pytest.raises(InputError, match="users of another store"):
        users_of(other.store, shared).all()


def test_a_copy_of_a_store_keeps_its_users(other: Desk, tmp_path: Path) -> None:
    backed_up(other.store, tmp_path / "copy")
    copy = Store(tmp_path / "copy")
    assert copy.id == other.store.id
    assert set(Users(other.users.path, copy.id).all()) == set(ROLES)
    copy.close()
