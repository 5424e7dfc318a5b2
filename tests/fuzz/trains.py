"""Trains of mutations: one over another, and damage to objects that are written otherwise than they were.

What is known of one mutation holds of a train: what changes nothing changes nothing over another, what cannot be
answered cannot be answered in another transfer syntax.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from . import dicom
from .cases import Case, Promise
from .dicom import Files, Trees, base_key
from .objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, Written

Change = Callable[[Random, Trees], Files]
#: Of what changes nothing: these change the elements, so that another may follow.
QUIET: tuple[Change, ...] = tuple(
    change
    for change in dicom.SAME
    if change not in (dicom.other_syntax, dicom.run_lengths, dicom.other_place, dicom.group_lengths)
)
#: Damage to elements; the rest damages bytes.
ELEMENTS: tuple[Change, ...] = (
    *(dicom.removed, dicom.repeated, dicom.exchanged, dicom.wrong_vr, dicom.absurd_number, dicom.emptied),
    *(dicom.cycle, dicom.nested, dicom.wrong_encoding, dicom.huge),
)
#: Ways of writing, each damaged as often.
WAYS: dict[str, Written | None] = {
    "implicit": Written(IMPLICIT),
    "big endian": Written(BIG),
    "deflated": Written(DEFLATED),
    "undefined lengths": Written(EXPLICIT, undefined=True),
    "no preamble": Written(IMPLICIT, preamble=b"", meta=False),
    "run lengths": None,
}
LOOSEST = 4e-3


def in_a_way(rng: Random, trees: Trees, way: str) -> Files:
    """The files in one way of writing; dose pixels in run lengths."""
    how = WAYS[way]
    return dicom.run_lengths(rng, trees) if how is None else dicom.written(trees, how)


def damaged(rng: Random, place: Path) -> Case:
    """Two to four mutations, the last of which may be of bytes."""
    seed = dicom._seed(rng)
    trees = seed.copied()
    changes = [rng.choice(ELEMENTS) for _ in range(rng.randint(1, 3))]
    files: Files = {}
    for change in changes:
        files = change(rng, trees)
    if rng.random() < 0.6:
        changes.append(rng.choice((dicom.bit_flips, dicom.bytes_changed, dicom.lengths_that_lie, dicom.files_changed)))
        files = changes[-1](rng, trees)
    command = dicom._command(rng, False)
    return _renamed(dicom._case(rng, place, seed, f"train of {len(changes)}", files, command, None))


def rewritten(rng: Random, place: Path) -> Case:
    """Another way of writing, and then bits, bytes or ends changed in it."""
    seed, way = dicom._seed(rng), rng.choice(sorted(WAYS))
    trees = seed.copied()
    if way != "run lengths" and rng.random() < 0.3:
        rng.choice(ELEMENTS)(rng, trees)
    files = in_a_way(rng, trees, way)
    name = rng.choice(sorted(files))
    data, kind = bytearray(files[name]), rng.randrange(4)
    promise, command = None, dicom._command(rng, False)
    if kind == 0:
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        at, size = rng.randrange(len(data)), rng.choice((1, 2, 4, 8, 64))
        data[at : at + size] = rng.choice((b"\0", b"\xff", b"")) * size
    elif kind == 2:
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(rng.choice((1, 2, 8, 100)))
    else:
        files = in_a_way(rng, seed.copied(), way)
        data = bytearray(files[name])
        del data[rng.randrange(1, len(data) - 1) :]
        command = "dvh --json"
        promise = Promise("told", base_key(seed, command))
    return _renamed(dicom._case(rng, place, seed, f"{way}, damaged", files | {name: bytes(data)}, command, promise))


def known(rng: Random, place: Path) -> Case:
    """What changes nothing, over another of its kind, over a scaled dose, or before what cannot be answered."""
    seed, way = dicom._seed(rng), rng.choice(sorted(WAYS))
    trees = seed.copied()
    quiet = rng.sample(QUIET, rng.randint(1, 2))
    for change in quiet:
        change(rng, trees)
    kind, promise = rng.random(), None
    command = "dvh --json"
    if kind < 0.5:
        close = LOOSEST if dicom.moved in quiet else 1e-5
        promise, core = Promise("same", base_key(seed, command), close=close), "same"
    elif kind < 0.65:
        factor = rng.choice(dicom.FACTORS)
        dicom.scaled(factor)(rng, trees)
        close = LOOSEST if dicom.moved in quiet else 1e-4
        promise, core = Promise("scaled", base_key(seed, command), factor, close), "scaled"
    else:
        refused = rng.choice((dicom.hopeless_dose, dicom.broken_link, dicom.shortened_pixels))
        refused(rng, trees)
        way = "implicit" if way == "run lengths" else way
        promise, core = Promise("refused"), refused.__name__
    files = in_a_way(rng, trees, way)
    return _renamed(dicom._case(rng, place, seed, f"{core} in {way}", files, command, promise))


def _renamed(case: Case) -> Case:
    return Case("train", case.mutator, case.command, case.args, case.promise)


#: Makers and how often each is asked.
MAKERS = ((damaged, 4), (rewritten, 4), (known, 4))
