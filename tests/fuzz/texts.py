"""Mutated files that people and other programs write: scenarios, protocols, facts, tables, results, models, masks."""

from __future__ import annotations

import hashlib
import io
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from .cases import ALC, PROTOCOL, QUICK, Case, Promise
from .dicom import put_files, written
from .seeds import ROOT, tiny

SCENARIO = """[plan]
label = "A plan"
fractions = 10
stages = 1
lanes = 1
beam_on_s = [2]
[organs.Spleen]
mean_gy = 4.0
[organs.Body]
dvh_dose_gy = [0.0, 1.0, 5.0]
dvh_volume = [1.0, 0.5, 0.0]
[patient]
sex = "F"
age = 61
alc = 1.4
"""
PATIENT = """[patient]
sex = "F"
age = 61
alc = 1.4
height_cm = 165
weight_kg = 60
lln = 1.0
site = "brain"
chemo = "temozolomide"
"""
CLINIC = """[roi]
Spleen = ["SPL_v2", "Milz"]
[counts]
unit = "10^9/L"
lln = 1.0
[protocol]
brain = "brain"
"""
MANIFEST = """export,patient_id,date,age,sex,chemo,site
plan.toml,P01,2024-01-08,57,F,none,breast
plan.toml,P02,2024-02-05,46,M,none,brain
"""
COUNTS = "patient_id,date,value,unit\nP01,2024-01-05,1.62,10^9/L\nP01,2024-01-19,1180,/uL\nP02,2024-02-01,1.1,10^9/L\n"
WORDS = (
    *(
        "nan",
        "inf",
        "-inf",
        "1e308",
        "1e999",
        "0",
        "-1",
        "-0.0",
        "9" * 400,
        "1e-320",
        "true",
        '"x"',
        "[]",
        "{}",
        "null",
    ),
    *("[[[1]]]", "1979-05-27", '"' + "a" * 5000 + '"', "0x1F", "1_0", "'", '"', "\\u0000", "\0", "é", "脾", "=", ",,,"),
    *("NaN", "-Infinity", "2147483648", "9007199254740993", "[" * 3000, '{"a":' * 2000, "1,5", "٣", "", " ", "\t"),
)
#: Columns of a model that a cohort of doses has not.
MORE = (
    ("bmi", 18.0, 38.0),
    ("spleen_eud", 0.1, 9.0),
    ("nodes_eud", 0.5, 20.0),
    ("marrow_eud", 0.5, 12.0),
    ("bowel_eud", 0.1, 9.0),
    ("thymus_eud", 0.1, 20.0),
    ("lungs_eud", 0.5, 15.0),
)
TOKEN = re.compile(r'"[^"\n]*"|-?\d+(?:\.\d+)?(?:e-?\d+)?|[A-Za-z_]\w*')


def changed_text(rng: Random, text: str) -> bytes:
    """A text file with words, lines, bytes or its encoding changed."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.randrange(9)
        lines = text.split("\n")
        found = list(TOKEN.finditer(text))
        if kind <= 3 and found:
            token = rng.choice(found)
            text = text[: token.start()] + rng.choice(WORDS) + text[token.end() :]
        elif kind == 4:
            lines.pop(rng.randrange(len(lines)))
            text = "\n".join(lines)
        elif kind == 5:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
            text = "\n".join(lines)
        elif kind == 6 and len(found) > 1:
            one, other = sorted(rng.sample(found, 2), key=lambda t: t.start())
            text = text[: one.start()] + other[0] + text[one.end() : other.start()] + one[0] + text[other.end() :]
        elif kind == 7:
            text = text[: rng.randrange(len(text) + 1)]
        else:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(WORDS) + text[at:]
    data = text.encode("utf-8", "surrogatepass")
    kind = rng.randrange(20)
    if kind == 0:
        return text.encode("utf-16", "surrogatepass")
    if kind == 1:
        return b"\xef\xbb\xbf" + data
    if kind == 2:
        return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\0")))
    if kind <= 5 and data:
        flipped = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            flipped[rng.randrange(len(flipped))] = rng.randrange(256)
        return bytes(flipped)
    return data


def same_text(rng: Random, text: str) -> bytes:
    """A TOML file said otherwise: comments, blank lines, other line ends, blanks around signs."""
    lines = []
    for line in text.split("\n"):
        if rng.random() < 0.3:
            lines.append(rng.choice(("", "# a remark", "   ", "\t# another")))
        if "=" in line and rng.random() < 0.5:
            line = line.replace(" = ", rng.choice(("=", "  =  ", "\t= ")), 1) + rng.choice(("", "  ", "  # so"))
        lines.append(line)
    return rng.choice(("\n", "\r\n")).join(lines).encode()


def scenario(rng: Random, place: Path) -> Case:
    """A plan without DICOM."""
    same = rng.random() < 0.2
    (place / "plan.toml").write_bytes((same_text if same else changed_text)(rng, SCENARIO))
    (place / "protocol.toml").write_text(PROTOCOL)
    promise = Promise("same", "text/scenario/check") if same else None
    args = ("check", str(place / "plan.toml"), "--protocol", str(place / "protocol.toml"), *QUICK, "--json")
    return Case("scenario", "same_text" if same else "changed_text", "check", args, promise)


@lru_cache(maxsize=1)
def saved() -> str:
    """The JSON of an analysis with its curves."""
    import tempfile

    from .driver import run_command

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "plan.toml").write_text(SCENARIO)
        return run_command(("analyze", str(Path(folder) / "plan.toml"), *QUICK, "--curves", "--json")).out


def protocol(rng: Random, place: Path) -> Case:
    """A protocol, judged on a saved result."""
    form = rng.choice(("toml", "toml", "csv", "json"))
    same = form == "toml" and rng.random() < 0.3
    text = protocols()[form]
    (place / f"protocol.{form}").write_bytes((same_text if same else changed_text)(rng, text))
    (place / "saved.json").write_text(saved())
    promise = Promise("same", "text/protocol/check") if same else None
    args = ("check", str(place / "saved.json"), "--protocol", str(place / f"protocol.{form}"), "--json")
    return Case("protocol", ("same_text" if same else "changed_text") + f" {form}", "check", args, promise)


@lru_cache(maxsize=1)
def protocols() -> dict[str, str]:
    import tempfile

    from .driver import run_command

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.toml"
        path.write_text(PROTOCOL)
        return {"toml": PROTOCOL} | {f: run_command(("protocol", str(path), "--to", f)).out for f in ("csv", "json")}


def result(rng: Random, place: Path) -> Case:
    """A saved result: it is sealed, so that nothing in it can be changed unseen."""
    text = saved()
    sealed = rng.random() < 0.5
    if sealed:  # one number is another
        found = list(re.finditer(r"(?<![\w.])\d+\.\d+(?![\w.])", text))
        token = rng.choice(found)
        data = (
            text[: token.start()] + f"{float(token[0]) + rng.choice((0.1, 1.0, 17.5)):.4f}" + text[token.end() :]
        ).encode()
    else:
        data = changed_text(rng, text)
    (place / "saved.json").write_bytes(data)
    (place / "protocol.toml").write_text(PROTOCOL)
    update = not sealed and rng.random() < 0.3
    ask = ("update", str(place / "saved.json"), "--alc", "7=1.0", "--json") if update else None
    args = ask or ("check", str(place / "saved.json"), "--protocol", str(place / "protocol.toml"), "--json")
    promise = Promise("refused") if sealed else None
    return Case("result", "number_changed" if sealed else "changed_text", args[0], args, promise)


def patient(rng: Random, place: Path) -> Case:
    """Facts of a patient."""
    (place / "patient.toml").write_bytes(changed_text(rng, PATIENT))
    (place / "plan.toml").write_text(SCENARIO)
    args = ("analyze", str(place / "plan.toml"), "--patient", str(place / "patient.toml"), *QUICK)
    return Case("patient", "changed_text", "analyze", args)


def clinic(rng: Random, place: Path) -> Case:
    """A clinic file, in force while a DVH is computed."""
    (place / "lymphorisk.toml").write_bytes(changed_text(rng, CLINIC))
    (place / "export").mkdir()
    put_files(place / "export", written(tiny().copied()))
    args = ("--config", str(place / "lymphorisk.toml"), "dvh", str(place / "export"))
    return Case("clinic", "changed_text", "dvh", args)


def regimen(rng: Random, place: Path) -> Case:
    """A regimen before a CAR-T infusion."""
    source = rng.choice(sorted((ROOT / "fixtures" / "regimens").glob("*.toml")))
    (place / "regimen.toml").write_bytes(changed_text(rng, source.read_text()))
    return Case(
        "regimen", "changed_text", "conditioning", ("conditioning", str(place / "regimen.toml"), "--draws", "16")
    )


def tables(rng: Random, place: Path) -> Case:
    """A manifest, or the counts, of a cohort of two plans."""
    (place / "plan.toml").write_text(SCENARIO)
    which = rng.randrange(2)
    (place / "manifest.csv").write_bytes(changed_text(rng, MANIFEST) if which == 0 else MANIFEST.encode())
    (place / "counts.csv").write_bytes(changed_text(rng, COUNTS) if which == 1 else COUNTS.encode())
    args = ("cohort", str(place / "manifest.csv"), "--counts", str(place / "counts.csv"), "--out", str(place / "out"))
    return Case("cohort", ("manifest", "counts")[which], "cohort", (*args, "--workers", "0", *QUICK))


@lru_cache(maxsize=1)
def rows() -> str:
    """Forty patients of a cohort, with numbers in the columns that the model asks for and the cohort has not."""
    text = (ROOT / "fixtures" / "cohorts" / "two_centres.csv").read_text().splitlines()[:41]
    chance = Random(1)
    for name, low, high in MORE:
        text = [f"{line},{chance.uniform(low, high):.2f}" if n else f"{line},{name}" for n, line in enumerate(text)]
    return "\n".join(text) + "\n"


def evaluated(rng: Random, place: Path) -> Case:
    """The table a predictor is judged on: CSV, or Parquet of changed bytes or columns."""
    model = str(ROOT / "models" / "insilico-2026.1")
    if rng.random() < 0.6:
        (place / "table.csv").write_bytes(changed_text(rng, rows()))
        return Case("cohort", "table csv", "evaluate", ("evaluate", model, str(place / "table.csv"), "--json"))
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    table = pyarrow.csv.read_csv(io.BytesIO(rows().encode()))
    kind = rng.randrange(3)
    if kind == 0:
        name = rng.choice(table.column_names)
        kinds = (pa.null(), pa.string(), pa.binary(), pa.list_(pa.int64()), pa.bool_())
        table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table), rng.choice(kinds)))
    elif kind == 1:
        table = table.select(rng.sample(table.column_names, rng.randint(0, len(table.column_names))))
    pyarrow.parquet.write_table(table, place / "table.parquet")
    data = bytearray((place / "table.parquet").read_bytes())
    if kind == 2:
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
    (place / "table.parquet").write_bytes(data)
    return Case("cohort", "table parquet", "evaluate", ("evaluate", model, str(place / "table.parquet"), "--json"))


def model(rng: Random, place: Path) -> Case:
    """A model folder: a file of it changed, and, where it is not to be found out by its hash, the card with it."""
    folder = place / "model"
    shutil.copytree(ROOT / "models" / "insilico-2026.1", folder)
    rehashed = rng.random() < 0.7
    path = rng.choice(sorted(folder.iterdir()))
    old = path.read_bytes()
    text = path.suffix in (".toml", ".json")
    if text and rng.random() < 0.7:
        new = changed_text(rng, old.decode())
    else:
        flipped = bytearray(old)
        for _ in range(rng.randint(1, 8)):
            flipped[rng.randrange(min(len(flipped), rng.choice((64, 400, len(flipped)))))] = rng.randrange(256)
        if rng.random() < 0.1:
            del flipped[rng.randrange(len(flipped)) :]
        new = bytes(flipped)
    path.write_bytes(new)
    if rehashed and path.name != "card.toml":
        card = folder / "card.toml"
        hashes = [hashlib.sha256(data).hexdigest() for data in (old, new)]
        card.write_text(card.read_text().replace(*hashes))
    promise = Promise("refused") if not rehashed and path.name != "card.toml" and new != old else None
    if promise is None and rng.random() < 0.5:
        (place / "plan.toml").write_text(SCENARIO)
        args = ("analyze", str(place / "plan.toml"), "--model", str(folder), *QUICK)
    else:
        args = ("model", "verify", str(folder))
    return Case("model", f"{path.name} {'rehashed' if rehashed else 'changed'}", args[0], args, promise)


@lru_cache(maxsize=1)
def masks() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """A small export with two organs drawn, and its segmentations as SEG and NIfTI."""
    import tempfile

    from lymphorisk.dicom import write_export

    here = str(ROOT / "tests" / "masks")
    sys.path.insert(0, here)
    try:
        made: dict[str, Any] = runpy.run_path(str(Path(here) / "patient.py"))
    finally:
        sys.path.remove(here)
    voxels = made["Voxels"](8.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_export(path / "export", made["plan"]("Liver"), seed="masks")
        made["seg"](path / "s.dcm", voxels, {n: name for name, n in made["NUMBERS"].items()})
        made["nifti"](path / "labels.nii", voxels.values, voxels.affine)
        export = {p.name: p.read_bytes() for p in (path / "export").iterdir()}
        return export, {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}


def segmentation(rng: Random, place: Path) -> Case:
    """Masks handed in beside an export."""
    export, files = masks()
    (place / "export").mkdir()
    put_files(place / "export", export)
    name = rng.choice(sorted(files))
    data = bytearray(files[name])
    kind = rng.randrange(4)
    header = 348 if name.endswith(".nii") else 2500
    if kind == 0:
        del data[rng.randrange(len(data)) :]
    elif kind == 1:
        at = rng.randrange(min(len(data), header))
        data[at : at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\0\0\x80\x7f", b"\0\0\xc0\x7f", rng.randbytes(4)))
    else:
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(min(len(data), rng.choice((header, len(data)))))] = rng.randrange(256)
    (place / name).write_bytes(data)
    args = ("analyze", str(place / "export"), "--segmentation", str(place / name), *ALC, *QUICK, "--missing", "diluted")
    return Case("segmentation", name, "analyze", args)


#: Makers and how often each is asked.
MAKERS: tuple[tuple[Callable[[Random, Path], Case], float], ...] = (
    (protocol, 5),
    (result, 4),
    (scenario, 2),
    (clinic, 3),
    (patient, 1),
    (regimen, 1),
    (tables, 0.5),
    (evaluated, 1),
    (model, 0.7),  # each is tried in a process of its own, which costs as much as twenty others
    (segmentation, 0.7),
)


def base_args(key: str, place: Path) -> tuple[str, ...]:
    """The whole input behind a key: ``scenario/check`` or ``protocol/check``."""
    (place / "protocol.toml").write_text(PROTOCOL)
    if key == "scenario":
        (place / "plan.toml").write_text(SCENARIO)
        return ("check", str(place / "plan.toml"), "--protocol", str(place / "protocol.toml"), *QUICK, "--json")
    (place / "saved.json").write_text(saved())
    return ("check", str(place / "saved.json"), "--protocol", str(place / "protocol.toml"), "--json")
