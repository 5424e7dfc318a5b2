from __future__ import annotations

import errno
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lymphorisk.errors import InputError
from lymphorisk.qa import audit


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    for i in range(4):
        audit.append(tmp_path, {"who": "physicist", "what": "check", "n": i, "ü": "日本"})
    return tmp_path


def test_a_whole_trail_verifies(trail: Path) -> None:
    state = audit.verify(trail)
    assert (state.entries, state.broken_line) == (4, None)


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (lambda lines: [lines[0].replace('"n": 0', '"n": 9'), *lines[1:]], 1),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:3], "{}"], 4),
        (lambda lines: [*lines[:3], lines[3][:-10]], 4),
    ],
    ids=["changed", "removed", "reordered", "foreign", "cut"],
)
def test_every_tampering_is_found_at_its_line_and_stops_the_trail(trail: Path, tamper, line: int) -> None:
    path = trail / audit.FILE
    path.write_text("\n".join(tamper(path.read_text().splitlines())) + "\n")
    assert audit.verify(trail).broken_line == line
    with pytest.raises(InputError, match=f"line {line}"):
        audit.append(trail, {"n": 5})


def test_removing_the_end_is_visible_only_by_the_count(trail: Path) -> None:
    """A chain cannot know its own length: the last hash must be kept elsewhere. The state gives it."""
    last = audit.verify(trail).last
    path = trail / audit.FILE
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    state = audit.verify(trail)
    assert state.broken_line is None
    assert state.last != last


def test_no_trail_is_not_an_intact_trail(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audit trail"):
        audit.verify(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        audit.append(tmp_path / "nowhere", {})


def test_names_with_strange_line_breaks_do_not_break_the_trail(tmp_path: Path) -> None:
    for name in ("a\u2028b", "c\x85d", "e\x0bf\r\ng\n", "\x1c"):
        audit.append(tmp_path, {"protocol": name})
    assert audit.verify(tmp_path).entries == 4


def test_bytes_that_are_no_text_are_found_at_their_line(trail: Path) -> None:
    path = trail / audit.FILE
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b"check", b"ch\xffck")
    path.write_bytes(b"\n".join(lines))
    assert audit.verify(trail).broken_line == 3


def test_an_emptied_trail_is_found(trail: Path) -> None:
    for content in ("", "\n"):
        (trail / audit.FILE).write_text(content)
        assert audit.verify(trail).broken_line == 1
        assert audit.trouble(trail)
        with pytest.raises(InputError, match="line 1"):
            audit.append(trail, {})


def test_a_cut_trail_is_found_by_what_was_kept_elsewhere(trail: Path) -> None:
    whole = audit.verify(trail)
    assert audit.verify(trail, expect=4, head=whole.last).broken_line is None
    middle = audit.verify(trail).last
    audit.append(trail, {"n": 5})
    assert audit.verify(trail, expect=4, head=middle[:16]).broken_line is None, "a trail may grow"
    path = trail / audit.FILE
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    assert audit.verify(trail).broken_line is None
    for kept in ({"expect": 4}, {"head": whole.last}, {"expect": 4, "head": whole.last}):
        state = audit.verify(trail, **kept)  # type: ignore[arg-type]
        assert state.broken_line == 4
        assert "cut off" in state.reason


def test_a_key_that_stands_twice_is_found(trail: Path) -> None:
    path = trail / audit.FILE
    lines = path.read_text().splitlines(keepends=True)
    changes = (('{"previous"', '{"hash": "x", "previous"'), ('"n": 1', '"n": 9, "n": 1'), ("}\n", ', "x": 1}\n'))
    for where, twice in changes:
        changed = lines[1].replace(where, twice)
        assert changed != lines[1]
        path.write_text("".join([lines[0], changed, *lines[2:]]))
        assert audit.verify(trail).broken_line == 2


def test_a_sealed_trail_needs_its_key(tmp_path: Path) -> None:
    key, other = b"k" * audit.KEY_MIN, b"o" * audit.KEY_MIN
    for n in range(3):
        audit.append(tmp_path, {"n": n}, key)
    assert audit.verify(tmp_path, key=key).sealed == 3
    assert audit.verify(tmp_path).broken_line is None
    assert audit.verify(tmp_path, key=other).broken_line == 1
    audit.append(tmp_path, {"n": 4})
    assert audit.verify(tmp_path, key=key).broken_line == 4, "a line without a seal, made by somebody without the key"
    short = tmp_path / "key"
    short.write_bytes(b"short")
    with pytest.raises(InputError, match="has 5 bytes"):
        audit.read_key(short)


@pytest.mark.parametrize("first", [True, False])
def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    if not first:
        audit.append(tmp_path, {"n": 0})
    path = tmp_path / audit.FILE
    before = path.read_bytes() if path.exists() else None

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(audit.os, "fsync", full)
        with pytest.raises(InputError, match="No space left"):
            audit.append(tmp_path, {"n": 1})
    assert (path.read_bytes() if path.exists() else None) == before
    audit.append(tmp_path, {"n": 1})
    assert audit.verify(tmp_path).broken_line is None


def test_a_process_that_walked_a_trail_sees_what_others_do_to_it(tmp_path: Path) -> None:
    for number in range(3):
        audit.append(tmp_path, {"number": number})
    path = tmp_path / audit.FILE
    whole = path.read_bytes()
    for wrong, line in (
        (whole.replace(b'"number": 0', b'"number": 7'), 1),
        (whole + b"{}\n", 4),
        (whole[:-1], 3),
        (whole[: whole.index(b"\n") + 1] + whole, 2),
    ):
        path.write_bytes(wrong)
        assert f"broken at line {line}" in audit.trouble(tmp_path) or "cut off" in audit.trouble(tmp_path)
        with pytest.raises(InputError, match="broken"):
            audit.append(tmp_path, {"number": 4})
        assert path.read_bytes() == wrong
    path.write_bytes(whole)
    assert audit.trouble(tmp_path) == ""
    audit.append(tmp_path, {"number": 3})
    assert audit.verify(tmp_path).entries == 4
    assert audit.trouble(tmp_path, b"a key that seals it") != "", (
        "what was walked without a key was not walked with one"
    )


def test_lines_that_were_walked_are_not_walked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        audit.append(tmp_path, {"number": number})
    walked: list[str] = []
    real = audit._verified

    def counted(lines: Iterable[str], *rest: Any, **more: Any) -> audit.TrailState:
        def passed() -> Iterator[str]:
            for line in lines:
                walked.append(line)
                yield line

        return real(passed(), *rest, **more)

    monkeypatch.setattr(audit, "_verified", counted)
    audit.append(tmp_path, {"number": 5})
    audit.append(tmp_path, {"number": 6})
    assert [json.loads(line)["entry"]["number"] for line in walked] == [4, 5]
    assert audit.verify(tmp_path).entries == 7
    assert len(walked) == 9, "to verify is to walk the whole chain"


def test_what_a_trail_holds_is_found_whatever_its_texts(tmp_path: Path) -> None:
    said = {"who": 'Müller "\u2028"', "count": 3, "files": ["a"], "none": None}
    audit.append(tmp_path, said)
    audit.append(tmp_path, {**said, "count": 4})
    assert audit.holds(tmp_path, said)
    assert not audit.holds(tmp_path, {**said, "count": 5})
    assert not audit.holds(tmp_path, {**said, "who": "M"})


def test_a_key_that_never_ends_is_refused() -> None:
    with pytest.raises(InputError, match="longer than 1 MB"):
        audit.read_key(Path("/dev/zero"))


def test_a_line_that_never_ends_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.append(tmp_path, {"number": 0})
    monkeypatch.setattr(audit, "LINE_MOST", 300)
    assert audit.verify(tmp_path).broken_line is None
    path = tmp_path / audit.FILE
    with path.open("a") as trail:
        trail.write("x" * 1000)
    state = audit.verify(tmp_path)
    assert (state.entries, state.broken_line, state.reason) == (1, 2, "the line is not an audit record")
    assert "line 2" in audit.trouble(tmp_path)
    assert not audit.holds(tmp_path, {"number": 1})


def test_a_long_trail_does_not_stand_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / audit.FILE
    last = audit.GENESIS
    with path.open("w") as trail:
        for number in range(3000):
            entry = {"number": number, "files": ["a" * 2000]}
            digest = audit._digest(last, entry)
            trail.write(json.dumps({"previous": last, "entry": entry, "hash": digest}) + "\n")
            last = digest
    whole = path.stat().st_size
    monkeypatch.setattr(audit, "CHUNK", 1 << 16)
    tracemalloc.start()
    try:
        assert audit.verify(tmp_path, expect=3000, head=last[:12]).last == last
        audit.append(tmp_path, {"number": 3000})
        audit.append(tmp_path, {"number": 3001})
        assert audit.holds(tmp_path, {"number": 3001})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < whole / 10
    assert audit.verify(tmp_path).entries == 3002
