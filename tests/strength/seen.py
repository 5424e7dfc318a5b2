"""Which tests run a line, from a coverage run with `tests.strength.contexts`: what `make coverage` leaves."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from functools import cache
from pathlib import Path

from coverage.numbits import numbits_to_nums


class Seen:
    """Lines by test, the fixtures each test asks for, and processor seconds."""

    def __init__(self, data: list[Path], folder: Path) -> None:
        self.cpu: dict[str, float] = {}
        self.askers: dict[str, list[str]] = defaultdict(list)
        self.asked: dict[str, list[str]] = {}
        made: dict[str, float] = {}
        for told in sorted(folder.rglob("*.jsonl")):
            for line in told.read_text(encoding="utf-8").splitlines():
                seen = json.loads(line)
                # Fixtures of many tests are no part of what this one costs.
                self.cpu[seen["test"]] = max(0.0, seen["cpu"] - sum(seen["took"].values()))
                made |= {name: max(made.get(name, 0.0), cpu) for name, cpu in seen["took"].items()}
                self.asked[seen["test"]] = seen["fixtures"]
                for fixture in seen["fixtures"]:
                    self.askers[fixture].append(seen["test"])
        self.made = made
        self._by_line: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for path in data:
            self._read(path)

    def _read(self, path: Path) -> None:
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        files = {i: _inside(name) for i, name in base.execute("select id, path from file")}
        contexts = dict(base.execute("select id, context from context"))
        for file, context, a, b in base.execute("select file_id, context_id, fromno, tono from arc"):
            for line in {abs(a), abs(b)}:
                self._by_line[files[file]][line].add(contexts[context])
        for file, context, bits in base.execute("select file_id, context_id, numbits from line_bits"):
            for line in numbits_to_nums(bits):
                self._by_line[files[file]][line].add(contexts[context])
        base.close()

    def lines(self, file: str) -> set[int]:
        """All lines of a file that some test runs."""
        return set(self._by_line[file])

    def tests(self, file: str, first: int, last: int) -> set[str]:
        """The tests that run one of these lines, in themselves, their fixtures or the programs they start."""
        rows = self._by_line[file]
        return set().union(*(self._tests(c) for n in range(first, last + 1) for c in rows.get(n, ())))

    @cache  # noqa: B019
    def _tests(self, context: str) -> frozenset[str]:
        named = context.removeprefix("fixture ")
        return frozenset(self.askers.get(context, ()) if named != context else {context} & self.cpu.keys())


def _inside(path: str) -> str:
    """A file's place in the repository."""
    return "lymphorisk/" + path.rpartition("/lymphorisk/")[2].removeprefix("lymphorisk/")
