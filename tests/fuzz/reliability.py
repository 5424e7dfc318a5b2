"""The figures of docs/reliability.md: counted from outcomes, kept as JSON, printed as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .driver import BAD, LIMIT_MB, LIMIT_S, Outcome
from .oracle import CONFIDENCE, lower_limit, upper_limit
from .seeds import ROOT

JSON, PAGE = ROOT / "docs" / "reliability.json", ROOT / "docs" / "reliability.md"
#: The commands that compute an answer from a plan.
COMPUTING = ("dvh", "dvh --json", "analyze", "check", "cohort")
MEANT = {
    "result": "an answer, nothing new to say",
    "finding": "an answer with findings the whole input does not have",
    "named": "a named error with an exit code",
    "uncaught": "an exception nobody named",
    "hang": "more than the time limit",
    "memory": "more than the memory limit",
    "crash": "the process died",
    "leak": "a file left behind, or an input touched",
}
#: What damaged inputs have shown, and what holds since.
FOUND = """In the program:

- thousands of contours copied onto one plane were compared in pairs, in gigabytes: copies count once, and contours
  over each other without end are refused by name;
- a result with a number beyond any float, a scorecard of brackets without end or of a metric of no kind: named;
- a mask was read into as much memory as the longest may have, now into as much as it has; one of lengths below zero is
  named;
- a control point with a meterset weight of 1e9 made a beam of sixty years, and asked for 300 GB: named, and not
  believed;
- a beam of 1e-320 s had a dose rate beyond any float: below a nanosecond it is an instant;
- a patient carried to another place of the room got a target's curve 0.21 % of its volume off in one bin: the rounding
  of coordinates chose one of two lattices where a target ends on the borders of dose voxels, and does not any more;
- a manifest that names an export by more letters than a name may have: its row alone stands in quarantine, and any
  path that the system refuses is named;
- planes of a segmentation hundreds of kilometres apart, a NIfTI unit of length that is none and Parquet whose text is
  none: named.

Found by hand beside them: lists of 100,000 beams or 400,000 points of a curve, thousands of drawn ROIs, and draws
times days beyond memory, are refused by name; a file beyond what is held is no longer mapped, so that cutting it ends
in a named error.

In the suite: a promise that beams of a fraction may change places, tables compared by the order of their rows, masks
outside their patient and a table without the columns of its model, of which every answer was a refusal; and of a
moved patient, whose doses are the same within rounding, the hash of every dose to the bit.
"""


def figures(found: list[Outcome], again: Sequence[Outcome] = (), runs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Counts by outcome, family and command, and the rate of silent errors with its interval.

    `again` is what came at first of inputs that were run again, `runs` kind, seed and number of inputs of each run.
    """
    held = [o for o in found if o.promise and o.kind not in BAD]
    broken = [o for o in held if o.broken]
    by_promise = {
        p: {"held_to": sum(o.promise == p for o in held), "silent": sum(o.promise == p for o in broken)}
        for p in ("same", "scaled", "refused", "told")
    }
    kinds = Counter(o.kind for o in found)
    return {
        "runs": list(runs),
        "inputs": len(found),
        "at_first": {
            **{kind: sum(o.kind == kind for o in again) for kind in BAD},
            "silent": sum(bool(o.broken) and o.kind not in BAD for o in again),
        },
        "computing": sum(o.command in COMPUTING for o in found),
        "outcomes": {kind: kinds[kind] for kind in MEANT},
        "families": dict(sorted(Counter(o.family for o in found).items())),
        "commands": dict(sorted(Counter(o.command.removesuffix(" --json") for o in found).items())),
        "oracle": {
            "held_to": len(held),
            "silent": len(broken),
            "rate": len(broken) / len(held) if held else None,
            "low": lower_limit(len(broken), len(held)),
            "high": upper_limit(len(broken), len(held)),
            "by_promise": by_promise,
        },
        "limits": {"seconds": LIMIT_S, "megabytes": LIMIT_MB},
        "slowest_s": round(max((o.cpu_s for o in found), default=0.0), 1),
        "largest_mb": round(max((o.grown_mb for o in found), default=0.0)),
    }


def write(made: dict[str, Any]) -> None:
    """Both files."""
    JSON.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(made), encoding="utf-8")


def page(made: dict[str, Any]) -> str:
    """The page of the figures."""
    oracle, limits = made["oracle"], made["limits"]
    bad = sum(made["outcomes"][kind] for kind in BAD)
    outcomes = "\n".join(f"| {kind} | {text} | {made['outcomes'][kind]} |" for kind, text in MEANT.items())
    promises = "\n".join(
        f"| {text} | {oracle['by_promise'][p]['held_to']} | {oracle['by_promise'][p]['silent']} |"
        for p, text in (
            (
                "same",
                "as before: another transfer syntax, private tags, padding, order of items, names, a moved patient",
            ),
            ("scaled", "scaled: Dose Grid Scaling times a factor, or a named error"),
            ("refused", "a named error: broken links, units, pixels, sealed results, hashed models"),
            ("told", "a named error, a finding, or as before: files cut anywhere"),
        )
    )
    runs = "\n".join(
        f"python -m tests.fuzz.run --kind {r['kind']} --seed {r['seed']} --inputs {r['inputs']} --folder {chr(65 + n)}"
        for n, r in enumerate(made["runs"])
    )
    folders = " ".join(chr(65 + n) for n in range(len(made["runs"])))
    first = made["at_first"]
    before = ", ".join(f"{kind} {n}" for kind, n in first.items() if n)
    families = ", ".join(f"{name} {n}" for name, n in made["families"].items())
    commands = ", ".join(f"`{name}` {n}" for name, n in made["commands"].items())
    return f"""# Reliability under damaged input

What happens when files are broken, hostile or merely written otherwise. The figures are counted from these runs
(`make fuzz` makes longer ones); the last line writes this page and `reliability.json`, and a test holds one to the
other.

```text
{runs}
python -m tests.fuzz.run --folder A --figures {folders}
```

{made["inputs"]} inputs, {made["computing"]} of them through commands that compute (`dvh`, `analyze`, `check`,
`cohort`).
{bad} ended otherwise than with an answer or a named error.

| outcome | what it is | inputs |
|---|---|---|
{outcomes}

Limits of one input: {limits["seconds"]:g} s of processor time, and {limits["megabytes"]} MB beyond what the program
holds before it reads. The slowest took {made["slowest_s"]} s, the largest {made["largest_mb"]} MB.

## Found and mended

At first {sum(first.values())} of these inputs ended otherwise or broke a promise ({before or "none"}). What they
showed was mended, in the program or in the suite, and each was run again with `--again`: the table counts the last
outcome. Inputs that had ended well before a mend were not run again after it.

{FOUND}
## Silent errors

For some mutations the right answer is known. An answer that is not that one, without a named error or a finding that
says so, is a silent error.

| what the answer must be | inputs | silent |
|---|---|---|
{promises}

Silent: {oracle["silent"]} of {oracle["held_to"]}; {CONFIDENCE:.0%} interval (Clopper-Pearson)
{100 * oracle["low"]:.3f} to {100 * oracle["high"]:.3f} %.

## What was mutated

By family: {families}. By command: {commands}.

Kinds of runs: `all` mutates exports and the files people write; `trains` puts mutations over each other and damages
objects that are compressed, deflated, big endian or of undefined lengths; `forms` says the same in other forms of
masks (NIfTI, SEG), tables (CSV, Parquet) and protocols (CSV, JSON), and what none of them can mean; `talk` breaks
conversations with the DICOM receiver and asks the web page what nobody asks. Conversations that begin while the
receiver holds as many as it may are turned away; after every fiftieth a peer that behaves must be answered.

Exports are the tiny one of the tests, fixtures and, where they lie, exports of real planning systems, cut to a few
structures and a coarse grid so that one input takes a tenth of a second. Bits, bytes, lengths, tags, VRs, numbers,
references, nesting, encodings and sizes are changed; text files lose, double and exchange words and lines; models are
changed with and without their hashes; masks lose bytes of their headers.

Nothing here says that an answer from an undamaged file is right: that is what the other tests are for.
"""
