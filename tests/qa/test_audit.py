from __future__ import annotations

from pathlib import Path

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


def test_an_emptied_trail_is_no_trail_of_anything(trail: Path) -> None:
    (trail / audit.FILE).write_text("")
    assert audit.verify(trail).entries == 0
    (trail / audit.FILE).write_text("\n")
    assert audit.verify(trail).broken_line == 1
