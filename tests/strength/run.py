"""`python -m tests.strength.run`: a sample of faults, judged by the tests that run their lines."""

from __future__ import annotations

import argparse
import json
import os
import random
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from . import judge, page
from .mutants import ROOMS, ROOT, Mutant, changed, mutants_of, mutated, sample
from .seen import Seen

#: Processor seconds of tests a fault is given: a part of them to the nearest and quickest, the rest to one of each
#: further file.
BUDGET_S, NEAREST = 60.0, 0.4


def _file(test: str) -> str:
    return test.split("::")[0]


def chosen(mutant: Mutant, seen: Seen, budget_s: float) -> tuple[list[str], float]:
    """The tests that run the fault's lines, those of its room and the quick ones first, and their cost.

    A line run at import is every line's: then the tests of any line of the file, and those of its room.
    """
    first, last = mutant.lines if mutant.function else (1, max(seen.lines(mutant.file), default=1))
    tests = seen.tests(mutant.file, first, last)
    if not mutant.function:
        tests |= {t for t in seen.cpu if t.startswith(f"tests/{mutant.room}/")}
    near = tuple(f"tests/{folder}/" for folder in (mutant.room, "laws", "twins"))
    ranked = sorted(tests, key=lambda t: (seen.cpu[t], t))
    # The tenth test of a file says less than the first of another.
    nth = {t: n for _, of in groupby(sorted(ranked, key=_file), _file) for n, t in enumerate(of)}
    costs = {t: seen.cpu[t] + 0.1 * nth[t] + 0.3 * sum(seen.made.get(f, 0.0) for f in seen.asked[t]) for t in ranked}
    order = sorted(ranked, key=lambda t: costs[t] * (1 if t.startswith(near) else 3))
    kept: list[str] = []
    cost, made, files = 0.0, set[str](), set[str]()
    for most, further in ((NEAREST * budget_s, False), (budget_s, True)):
        for test in order:
            if test in kept or (further and _file(test) in files):
                continue
            asked = {f for f in seen.asked[test] if f in seen.made} - made
            more = seen.cpu[test] + sum(seen.made[f] for f in asked)
            if cost + more <= most:
                kept.append(test)
                files.add(_file(test))
                made |= asked
                cost += more
    return kept, cost


def again(count: int, seed: int, folder: Path) -> list[tuple[str, str]]:
    """Faults of the page that a test once saw, put into today's code, and whether that test sees them still.

    Returns
    -------
    list
        The fault's name and its outcome; ``gone`` where its line has changed since.
    """
    known = [m for m in json.loads(page.JSON.read_text(encoding="utf-8"))["faults"] if m["by"].startswith("tests/")]
    drawn = random.Random(seed).sample(known, min(count, len(known)))
    place = judge.copy_of_tree(folder / "tree")
    judge.prepare(place)
    found = []
    for told in drawn:
        now = {m.name: m for m in mutants_of(ROOT / told["file"])} if (ROOT / told["file"]).exists() else {}
        mutant = now.get(told["name"])
        found.append((told["name"], judge.judged(mutant, [told["by"]], BUDGET_S, place).outcome if mutant else "gone"))
    return found


def main() -> None:
    """Judge, a line of JSON for each fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40, help="Faults of each room.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seen", type=Path, default=Path(".seen"), help="What make coverage left.")
    parser.add_argument("--data", type=Path, nargs="*", help="Coverage's own files; those there without it.")
    parser.add_argument("--folder", type=Path, required=True, help="Where copies and outcomes lie.")
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="Processor seconds of tests for a fault.")
    parser.add_argument("--anew", nargs="*", help="Faults that nothing saw yet, these new tests first.")
    parser.add_argument("--again", type=int, default=0, help="So many faults of the page, by the tests that saw them.")
    asked = parser.parse_args()
    if asked.again:
        for name, outcome in again(asked.again, asked.seed, asked.folder.resolve()):
            print(name, outcome, flush=True)
        return
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    known = page.outcomes([folder])
    if asked.anew is None:
        done = {k["name"] for k in known}
        faults = [m for m in sample(asked.sample, asked.seed, tuple(asked.rooms)) if m.name not in done]
    else:
        left = {k["name"]: k["file"] for k in known if k["outcome"] != judge.KILLED}
        faults = [m for file in sorted(set(left.values())) for m in mutants_of(ROOT / file) if m.name in left]
    data = sorted(asked.seen.rglob("data")) if asked.data is None else asked.data
    seen = Seen([p.resolve() for p in data], asked.seen.resolve())
    print(f"{len(faults)} faults, {len(seen.cpu)} tests", flush=True)
    children = []
    for worker in range(asked.workers):
        pid = os.fork()
        if not pid:
            work(faults[worker :: asked.workers], seen, folder, worker, asked)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def work(faults: list[Mutant], seen: Seen, folder: Path, worker: int, asked: argparse.Namespace) -> None:
    """One worker's faults in its own copy."""
    place = folder / f"tree-{worker}"
    if not place.exists():
        judge.copy_of_tree(place)
    judge.prepare(place)
    with (folder / f"outcomes-{worker}.jsonl").open("a", encoding="utf-8") as out:
        for mutant in faults:
            text = (place / mutant.file).read_text(encoding="utf-8")
            tests, cost = chosen(mutant, seen, asked.budget)
            new = [t for t in asked.anew or [] if f"/{mutant.room}/" in t or "/laws/" in t or "/masks/" in t]
            verdict = judge.judged(mutant, [*new, *tests], cost, place)
            told = {
                **mutant.told(),
                "after": changed(text, mutated(text, mutant)),
                **asdict(verdict),
                "budget": asked.budget,
            }
            if asked.anew and verdict.by.startswith(tuple(asked.anew)):
                told["new"] = True
            out.write(json.dumps(told) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
