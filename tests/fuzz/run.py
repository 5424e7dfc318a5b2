"""`python -m tests.fuzz.run`: mutated inputs through the commands, and the figures of docs/reliability.md.

A run goes on where its folder ends. ``--only N`` with the seed and kind of a run makes its input N again and shows the
traceback; ``--again`` runs once more what went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from functools import lru_cache
from pathlib import Path
from random import Random

from . import dicom, forms, reliability, talk, texts, trains
from .cases import Case, Maker
from .driver import BAD, Outcome, at_first, forget, one, outcomes, run_command, run_many
from .objects import dicom_file
from .oracle import Answer
from .seeds import FEW, seeds

DICOM = ((dicom.free, 50), (dicom.known, 30))
#: In the folder of a run: which one it is.
NOTE = "run.json"
KINDS = {
    "dicom": DICOM,
    "other": texts.MAKERS,
    "all": (*DICOM, *texts.MAKERS),
    "trains": trains.MAKERS,
    "forms": forms.MAKERS,
    "talk": talk.MAKERS,
}


def maker_of(kind: str) -> Maker:
    """What makes inputs of a kind."""
    makers, shares = zip(*KINDS[kind], strict=True)

    def make(rng: Random, place: Path) -> Case:
        case: Case = rng.choices(makers, shares)[0](rng, place)
        return case

    return make


@lru_cache(maxsize=256)
def base_of(key: str) -> Answer:
    """The answer to a whole input, by its key: ``dicom``, ``text`` or ``form``, what of it, and the command."""
    family, name, command = key.split("/")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if family in ("text", "form"):
            return run_command((texts if family == "text" else forms).base_args(name, place))
        seed = next(s for s in seeds() if s.name == name)
        (place / "export").mkdir()
        dicom.put_files(place / "export", {f"{n}.dcm": dicom_file(tree) for n, tree in seed.trees.items()})
        return run_command(dicom.args_of(seed, command, place / "export", place))


def main() -> None:
    """Run, print what came of it, and on request write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=sorted(KINDS), default="all")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.0, help="Stop here, whatever is left.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True, help="Where outcomes are written, a line each.")
    parser.add_argument("--tiny", action="store_true", help="Only the tiny export among the seeds.")
    parser.add_argument("--again", action="store_true", help="Only what went wrong, anew, in place of what was found.")
    parser.add_argument("--only", type=int, help="Run this input alone, in this process, and leave it in the folder.")
    parser.add_argument("--figures", nargs="*", type=Path, help="Write docs/reliability from the outcomes in folders.")
    asked = parser.parse_args()
    if asked.figures is not None:
        found = [o for folder in asked.figures for o in outcomes(folder)]
        again = [o for folder in asked.figures for o in at_first(folder)]
        runs = [json.loads((f / NOTE).read_text()) | {"inputs": len(outcomes(f))} for f in asked.figures]
        reliability.write(reliability.figures(found, again, runs))
        return
    os.environ["LYMPHORISK_CONFIG"] = "none"
    if asked.tiny:
        FEW.append(1)
    make = maker_of(asked.kind)
    if asked.only is not None:
        alone(make, asked.only, asked.seed, asked.folder.resolve())
        return
    for seed in seeds():
        for command in ("dvh", "dvh --json"):
            base_of(dicom.base_key(seed, command))
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    same_run(folder, {"kind": asked.kind, "seed": asked.seed})
    before = outcomes(folder)
    if asked.again:
        numbers = [o.number for o in before if o.kind in BAD or o.broken]
        forget(folder, set(numbers))
    else:
        done = {o.number for o in before}
        numbers = [n for n in range(asked.inputs) if n not in done]
    workers, seconds = asked.workers, asked.seconds
    run_many(make, base_of, seed=asked.seed, numbers=numbers, workers=workers, folder=folder, seconds=seconds)
    talk.swept()
    said(outcomes(folder))


def same_run(folder: Path, run: dict[str, str | int]) -> None:
    """Note which run a folder holds; another does not go into it."""
    note = folder / NOTE
    if not note.exists():
        note.write_text(json.dumps(run))
    if (held := json.loads(note.read_text())) != run:
        raise SystemExit(f"{folder} holds {held}")


def alone(make: Maker, number: int, seed: int, folder: Path) -> None:
    """One input again, with its traceback."""
    cases: list[Case] = []

    def noted(rng: Random, place: Path) -> Case:
        cases.append(make(rng, place))
        return cases[-1]

    print(one(number, seed, noted, base_of, folder))
    answer = run_command(cases[0].args)
    print(cases[0], answer.code, answer.out[:2000], answer.err[-6000:], sep="\n")


def said(found: list[Outcome]) -> None:
    """What came of a run, as text."""
    print(f"{len(found)} inputs, {sum(o.cpu_s for o in found):.0f} s of processor time")
    print(dict(Counter(o.kind for o in found)), dict(Counter(o.command for o in found)))
    for (kind, why), n in Counter((o.kind, o.why) for o in found if o.kind in BAD).most_common():
        first = next(o for o in found if (o.kind, o.why) == (kind, why))
        print(f"{n:5} {kind}: {why} [{first.family} {first.mutator} {first.command} #{first.number}]")
    for o in found:
        if o.broken:
            print(f"silent: {o.family} {o.mutator} {o.command} #{o.number}: {o.broken[:160]}")
    figures = reliability.figures(found)
    print(figures["oracle"], figures["slowest_s"], figures["largest_mb"])


if __name__ == "__main__":
    main()
