"""The figures of docs/tests.md: what the suite runs of the code, and which faults in it the suite sees."""

from __future__ import annotations

import argparse
import json
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from coverage import Coverage

from tests.fuzz.oracle import lower_limit, upper_limit

from .judge import KILLED
from .mutants import ROOMS, ROOT

JSON, PAGE = ROOT / "docs" / "tests.json", ROOT / "docs" / "tests.md"
#: Why nothing sees a fault, by its name: ``same`` change no answer, ``unseen`` count as not seen.
SURVIVORS = Path(__file__).parent / "survivors.toml"
KEPT = ("name", "file", "function", "operator", "before", "after", "outcome", "by", "budget", "new")
LEAST_BRANCHES, LEAST_SCORE = 0.92, 0.85


def covered(data: list[Path]) -> dict[str, dict[str, list[int]]]:
    """Lines and branches run, of all there are, by room of the package."""
    with tempfile.TemporaryDirectory() as folder:
        measured = Coverage(data_file=str(Path(folder) / "all"), config_file=str(ROOT / "pyproject.toml"))
        measured.combine([str(p) for p in data], keep=True)
        measured.json_report(outfile=str(Path(folder) / "report.json"))
        told = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    rooms: dict[str, Counter[str]] = {}
    for name, file in sorted(told["files"].items()):
        inside = name.rpartition("lymphorisk/")[2].split("/")
        room = inside[0] if len(inside) > 1 else "others"
        rooms.setdefault(room, Counter()).update(file["summary"])
    return {
        room: {
            "lines": [n["covered_lines"], n["num_statements"]],
            "branches": [n["covered_branches"], n["num_branches"]],
        }
        for room, n in sorted(rooms.items())
    }


def outcomes(folders: list[Path]) -> list[dict[str, Any]]:
    """The last outcome of each fault, by file."""
    found: dict[str, dict[str, Any]] = {}
    for path in (p for folder in folders for p in sorted(folder.glob("*.jsonl"))):
        for line in path.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            before = found.get(told["name"], {})
            told["budget"] = max(told.get("budget", 0.0), before.get("budget", 0.0))
            # Seen once is seen: a later look is at those that nothing had seen.
            kept = before if before.get("outcome") == KILLED else {key: told[key] for key in KEPT if key in told}
            found[told["name"]] = kept | {"budget": told["budget"]}
    return sorted(found.values(), key=lambda m: (m["file"], m["name"]))


def survivors(kind: str) -> dict[str, str]:
    """The reasons of one kind, ``same`` or ``unseen``, by the fault's name."""
    why: dict[str, str] = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))[kind]
    return why


def score(faults: list[dict[str, Any]]) -> dict[str, Any]:
    """Killed of those that are faults, with its interval."""
    same = sum(m["name"] in survivors("same") for m in faults)
    killed = sum(m["outcome"] == KILLED for m in faults)
    real = len(faults) - same
    return {
        "drawn": len(faults),
        "killed": killed,
        "same": same,
        "left": real - killed,
        "score": killed / real if real else None,
        "low": lower_limit(killed, real) if real else 0.0,
        "high": upper_limit(killed, real) if real else 1.0,
    }


def of_room(faults: list[dict[str, Any]], room: str) -> list[dict[str, Any]]:
    """Those in one room."""
    return [m for m in faults if m["file"].split("/")[1] == room]


def write(made: dict[str, Any]) -> None:
    """Both files; a fault a line."""
    faults = ",\n".join(f"    {json.dumps(m, ensure_ascii=False)}" for m in made["faults"])
    head = json.dumps({k: v for k, v in made.items() if k != "faults"}, indent=2)
    JSON.write_text(f'{head[:-2]},\n  "faults": [\n{faults}\n  ]\n}}\n', encoding="utf-8")
    PAGE.write_text(page(made), encoding="utf-8")


def page(made: dict[str, Any]) -> str:
    """The page that says so."""
    faults = made["faults"]
    total = score(faults)
    rooms = {room: of_room(faults, room) for room in ROOMS}
    places = made["places"]
    weighed = sum(places[r] * score(m)["score"] for r, m in rooms.items()) / sum(places.values())
    by_room = "\n".join(
        f"| `{room}` | {places[room]} | {s['drawn']} | {s['killed']} | {s['same']} | {s['left']} "
        f"| {100 * s['score']:.0f} % | {100 * s['low']:.0f} to {100 * s['high']:.0f} % |"
        for room, s in ((r, score(m)) for r, m in rooms.items())
    )
    first = total["killed"] - sum(m.get("new", False) for m in faults)
    run = made["coverage"]
    whole = {key: [sum(r[key][i] for r in run.values()) for i in (0, 1)] for key in ("lines", "branches")}
    by_code = "\n".join(
        f"| {f'`{room}`' if room != 'others' else 'single files'} | {n['lines'][1]} | {_share(n['lines'])} "
        f"| {n['branches'][1]} | {_share(n['branches'])} |"
        for room, n in run.items()
    )
    equal, unseen = survivors("same"), survivors("unseen")
    left = [m for m in faults if m["outcome"] != KILLED and m["name"] not in equal]
    alive = "\n".join(f"- {_told(m, unseen)}" for m in left) or "None."
    same = "\n".join(f"- {_told(m, equal)}" for m in faults if m["name"] in equal) or "None."
    operators = Counter(m["operator"].split("_")[0] for m in faults)
    drawn = ", ".join(f"{n} {name}" for name, n in sorted(operators.items()))
    ran, of = made["ran"]
    whole_run = "The whole suite" if ran == of else f"{ran} of the {of} tests of the suite"
    slow = f"and {made['slow']} of its slow tests" if made.get("slow") else "without its slow tests"
    lower = "" if ran == of else " The shares are lower limits: the other tests can only add to them."
    return f"""# How strong the tests are

Two questions: which code do the tests run, and would they notice if it were wrong. This page and `tests.json` are
written by `make coverage` and `make mutants`, and a test holds one to the other.

## Faults put in on purpose

{total["drawn"]} small faults were put into the numeric core and the gate, one at a time (cosmic-ray's operators: a
sign, a comparison, a number one more or less, a condition turned round, a loop never run, an exception not caught); the
tests that run the line were then run until one failed.

| room | places | drawn | seen | change nothing | not seen | score | 95% interval |
|---|---|---|---|---|---|---|---|
{by_room}

Seen of all that are faults: {total["killed"]} of {total["drawn"] - total["same"]}, {100 * total["score"]:.1f} % \
(Clopper-Pearson, 95 %: {100 * total["low"]:.1f} to {100 * total["high"]:.1f} %);
with each room weighed by its places, {100 * weighed:.1f} %. At first {first} of them were seen, \
{100 * first / (total["drawn"] - total["same"]):.1f} %:
tests were then written for others, so a fault that was not drawn is seen with a chance nearer to this.

How they are drawn: of each room a place (line and column), then one of the faults possible there, by a seed, so that a
place with eleven operators weighs what one with two does (`make mutants SAMPLE=40 SEED=2` draws others). Left out are
annotations, decorators, docstrings and strings, what stands in a message (in `raise` and in f-strings), `assert`, the
`strict` of `zip`, and exchanges that only Python's types would notice (bits in place of sums, identity in place of
equality). Drawn: {drawn}.

How they are judged: a run of the suite under coverage says which tests run each line, in fixtures and in programs
that tests start as well. Another test cannot see the fault, so running these is running the suite. They go nearest and
quickest first, then one of each further file, until one fails or {made["budget_s"]:.0f} s of processor time are spent:
what is not seen within that counts as not seen, though a test left out might have seen it. A fault in a line of the
module itself is judged by the tests that run any line of its file, and those of its room. Tests that take three times
their time and half a minute have failed. Slow tests are asked like others, those of the rooms that are counted below.

### Not seen

{alive}

### Change nothing

Faults after which every answer is the same, with the reason (`tests/strength/survivors.toml`).

{same}

## Code that the tests run

{whole_run}, {slow}, branches counted, programs that tests start counted: \
{_share(whole["branches"])} of {whole["branches"][1]} branches,
{_share(whole["lines"])} of {whole["lines"][1]} lines.{lower}

| room | lines | run | branches | taken |
|---|---|---|---|---|
{by_code}
"""


def _share(n: list[int]) -> str:
    return f"{100 * n[0] / n[1]:.1f} %" if n[1] else "all"


def _told(fault: dict[str, Any], why: dict[str, str]) -> str:
    where = f"`{fault['file'].removeprefix('lymphorisk/')}` {fault['function']}".strip()
    reason = f": {why[fault['name']]}" if fault["name"] in why else ""
    return f"{where}: `{fault['before'].replace('`', chr(39))}` → `{fault['after'].replace('`', chr(39))}`{reason}"


def _tests(folder: Path) -> int:
    """How many tests ran, by what the plugin left."""
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    return len({json.loads(line)["test"] for line in lines})


def main() -> None:
    """Write what is given anew, keep the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coverage", nargs="*", type=Path, help="Coverage's data files.")
    parser.add_argument(
        "--ran", nargs="*", type=Path, help="Folders that tests.strength.contexts wrote; slow tests last."
    )
    parser.add_argument("--of", type=int, help="How many there are, where the run was cut short.")
    parser.add_argument("--faults", nargs="*", type=Path, help="Folders of outcomes.")
    asked = parser.parse_args()
    made = json.loads(JSON.read_text(encoding="utf-8")) if JSON.exists() else {}
    if asked.coverage:
        made["coverage"] = covered(asked.coverage)
        ran = _tests(asked.ran[0])
        made["ran"] = [ran, asked.of or ran]
        made["slow"] = sum(map(_tests, asked.ran[1:]))
    if asked.faults:
        from .mutants import places
        from .run import BUDGET_S

        found = outcomes(asked.faults)
        made |= {"places": places(), "budget_s": min(m.pop("budget", BUDGET_S) for m in found), "faults": found}
    write(made)


if __name__ == "__main__":
    main()
