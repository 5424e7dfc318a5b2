"""One content in many forms: masks as NIfTI and SEG, tables as CSV and Parquet, protocols as CSV and JSON.

Another form of the same says the same; what a form cannot mean is a named error; the rest is damage.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from . import texts, trains
from .cases import QUICK, Case, Promise
from .dicom import put_files
from .objects import dicom_file, tree_of
from .seeds import ROOT

Axes = tuple[np.ndarray, np.ndarray]


# ---- masks ----


@lru_cache(maxsize=1)
def labels() -> Axes:
    """Labels of a small patient's organs, and where they lie."""
    import nibabel

    image = nibabel.Nifti1Image.from_bytes(texts.masks()[1]["labels.nii"])
    return np.asarray(image.dataobj).astype(np.uint8), image.affine


def asked_of_mask(place: Path, name: str) -> tuple[str, ...]:
    return ("dvh", str(place / "export"), "--segmentation", str(place / name), "--json")


def written_nifti(
    values: np.ndarray, affine: np.ndarray, *, two: bool = False, big: bool = False, code: int = 1
) -> Any:
    """The bytes of a NIfTI file."""
    import nibabel

    kind = nibabel.Nifti2Image if two else nibabel.Nifti1Image
    header = kind.header_class(endianness=">" if big else "<")
    header.set_data_dtype(values.dtype)
    image = kind(values, None, header)
    image.header.set_sform(affine, code)
    image.header.set_qform(None, 0)
    return image.to_bytes()


def turned(rng: Random, values: np.ndarray, affine: np.ndarray) -> Axes:
    """The same voxels with axes exchanged and run through backwards."""
    order = rng.sample(range(3), 3)
    values, affine = values.transpose(order), np.column_stack([affine[:, order], affine[:, 3]])
    for axis in range(3):
        if rng.random() < 0.5:
            values = np.flip(values, axis)
            affine = affine.copy()
            affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
            affine[:3, axis] *= -1
    return np.ascontiguousarray(values), affine


def mask(rng: Random, place: Path) -> Case:
    """NIfTI labels in another form, of another meaning, or of none."""
    (place / "export").mkdir()
    put_files(place / "export", texts.masks()[0])
    values, affine = labels()
    kind, name = rng.random(), "labels.nii"
    promise: Promise | None = None
    if kind < 0.4:
        if rng.random() < 0.6:
            values, affine = turned(rng, values, affine)
        if rng.random() < 0.2:
            values = values[..., None]
        values = values.astype(rng.choice(("u1", "i2", "u2", "i4", "f4", "f8")))
        data = written_nifti(values, affine, two=rng.random() < 0.3, big=rng.random() < 0.3, code=rng.choice((1, 2)))
        how, promise = "same", Promise("same", "form/mask/dvh")
    elif kind < 0.7:
        how, data = hopeless_mask(rng, values, affine)
        promise = Promise("refused")
    else:
        how, broken = "damaged", bytearray(written_nifti(values, affine, two=rng.random() < 0.3))
        for _ in range(rng.randint(1, 6)):
            broken[rng.randrange(rng.choice((352, 544)))] = rng.randrange(256)
        data = bytes(broken)
    if rng.random() < 0.4:
        name, data = "labels.nii.gz", gzip.compress(data, 1)
        if how == "damaged" and rng.random() < 0.5:
            broken = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
            data = bytes(broken)
        elif how == "damaged" and rng.random() < 0.3:
            data = data[: rng.randrange(len(data) - 8)]
    (place / name).write_bytes(data)
    return Case("mask", f"nifti {how}", "dvh --json", asked_of_mask(place, name), promise)


def hopeless_mask(rng: Random, values: np.ndarray, affine: np.ndarray) -> tuple[str, bytes]:
    """A NIfTI file that cannot be placed, or whose numbers are no labels."""
    kind = rng.choice(("no place", "sheared", "no number", "negative", "fractions", "three volumes", "cut", "template"))
    code = 1
    if kind == "no place":
        code = 0
    elif kind == "sheared":
        affine = affine.copy()
        affine[0, 1] = 0.5 * affine[0, 0]
    elif kind == "no number":
        affine = affine.copy()
        affine[rng.randrange(3), rng.randrange(4)] = rng.choice((np.nan, np.inf))
    elif kind == "negative":
        values = np.where(values == 1, -1, values.astype(np.int16))
    elif kind == "fractions":
        values = np.where(values == 1, 0.5, values).astype(np.float32)
    elif kind == "three volumes":
        values = np.stack([values] * 3, axis=-1)
    elif kind == "template":
        code = rng.choice((3, 4))
    data = written_nifti(values, affine, code=code)
    return kind, data[: rng.randrange(360, len(data) // 2)] if kind == "cut" else data


@lru_cache(maxsize=1)
def segments() -> Any:
    import pydicom

    return tree_of(pydicom.dcmread(io.BytesIO(texts.masks()[1]["s.dcm"])))


def seg(rng: Random, place: Path) -> Case:
    """A DICOM SEG with elements damaged, or in another transfer syntax."""
    from .seeds import copied

    (place / "export").mkdir()
    put_files(place / "export", texts.masks()[0])
    trees = {"s": copied(segments())}
    if rng.random() < 0.3:
        way = rng.choice([w for w in trains.WAYS if w not in ("run lengths", "big endian")])
        data = dicom_file(trees["s"], trains.WAYS[way])
        case, promise = f"seg {way}", Promise("same", "form/seg/dvh")
    else:
        change = rng.choice(trains.ELEMENTS)
        data, case, promise = change(rng, trees)["s.dcm"], f"seg {change.__name__}", None
    (place / "s.dcm").write_bytes(data)
    return Case("mask", case, "dvh --json", asked_of_mask(place, "s.dcm"), promise)


# ---- tables ----


def cells() -> list[list[str]]:
    return list(csv.reader(io.StringIO(texts.rows())))


def laid_out(rng: Random, rows: list[list[str]], *, commas: bool = True) -> bytes:
    """A CSV said otherwise: its separator, quotes, line ends, encoding, decimal commas, blank lines."""
    out = io.StringIO()
    separator = rng.choice((",", ";", "\t"))
    if commas and separator != "," and rng.random() < 0.5:
        number = texts.re.compile(r"-?\d+\.\d+")
        rows = [[c.replace(".", ",") if number.fullmatch(c) else c for c in row] for row in rows]
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=rng.choice(("\n", "\r\n"))).writerows(rows)
    text = out.getvalue() + rng.choice(("", "\n", "\n\n"))
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")))


def parquet_of(rows: list[list[str]], path: Path, *, typed: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    columns: dict[str, list[Any]] = {name: [row[n] for row in rows[1:]] for n, name in enumerate(rows[0])}
    if typed:
        for name, words in columns.items():
            if all(texts.re.fullmatch(r"-?\d+(\.\d+)?", word) for word in words):
                columns[name] = [float(word) if "." in word else int(word) for word in words]
    pyarrow.parquet.write_table(pa.table(columns), path)


def table(rng: Random, place: Path) -> Case:
    """The table a predictor is judged on, in another form, or one that is none."""
    rows, kind, path = cells(), rng.random(), place / "table.csv"
    promise: Promise | None = Promise("same", "form/table/evaluate", close=1e-9)
    if kind < 0.55:
        how = "same"
        order = rng.sample(range(len(rows[0])), len(rows[0]))
        rows = [[row[n] for n in order] for row in rows]
        if rng.random() < 0.3:
            path = place / "table.parquet"
            parquet_of(rows, path, typed=rng.random() < 0.5)
        else:
            path.write_bytes(laid_out(rng, rows))
    elif kind < 0.85:
        how, promise = hopeless_table(rng, rows, path), Promise("refused")
    else:
        how, promise, path = "damaged", None, place / "table.parquet"
        parquet_of(rows, path, typed=True)
        data = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            at = len(data) - rng.randrange(1, 600)
            data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    model = str(ROOT / "models" / "insilico-2026.1")
    return Case("table", f"{path.suffix[1:]} {how}", "evaluate", ("evaluate", model, str(path), "--json"), promise)


def hopeless_table(rng: Random, rows: list[list[str]], path: Path) -> str:
    """A table that cannot be read in one way only."""
    kind = rng.choice(("column twice", "ragged", "a word", "no number", "empty", "not text", "no rows"))
    row, numbers = rng.randrange(1, len(rows)), [rows[0].index(n) for n in ("body_integral", "spleen_mean", "alc")]
    column = rng.choice(numbers)
    if kind == "column twice":
        rows = [[*row, row[column]] for row in rows]
    elif kind == "ragged":
        rows[row] = rows[row][:-1] if rng.random() < 0.5 else [*rows[row], "1"]
    elif kind == "a word":
        rows[row][column] = rng.choice(("high", "1.2.3", "1,2,3", "12 Gy?", "--1", "0x1F", "1e"))
    elif kind == "no number":
        rows[row][column] = rng.choice(("inf", "-inf", "1e999"))
    elif kind == "no rows":
        rows = rows[:1]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    data = out.getvalue().encode()
    if kind == "empty":
        data = b""
    elif kind == "not text":
        data = data.replace(b"P0003", rng.choice((b"\0", b"\xff\xfe\xff")), 1)
    path.write_bytes(data)
    return kind


def manifest(rng: Random, place: Path) -> Case:
    """A manifest and counts of a cohort, one of them as Parquet whose bytes or columns are changed."""
    import pyarrow as pa
    import pyarrow.parquet

    (place / "plan.toml").write_text(texts.SCENARIO)
    made = {}
    for name, text in (("manifest", texts.MANIFEST), ("counts", texts.COUNTS)):
        made[name] = place / f"{name}.parquet"
        parquet_of(list(csv.reader(io.StringIO(text))), made[name], typed=rng.random() < 0.5)
    which = rng.choice(sorted(made))
    stored = pyarrow.parquet.read_table(made[which])
    if rng.random() < 0.5:
        column = rng.randrange(stored.num_columns)
        kind = rng.choice((pa.null(), pa.binary(), pa.list_(pa.int64()), pa.bool_(), pa.timestamp("ns")))
        stored = stored.set_column(column, stored.column_names[column], pa.nulls(len(stored), kind))
        pyarrow.parquet.write_table(stored, made[which])
    else:
        data = bytearray(made[which].read_bytes())
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        made[which].write_bytes(data)
    args = ("cohort", str(made["manifest"]), "--counts", str(made["counts"]), "--out", str(place / "out"))
    return Case("table", f"parquet {which}", "cohort", (*args, "--workers", "0", *QUICK))


# ---- protocols ----


def protocol(rng: Random, place: Path) -> Case:
    """A protocol as CSV or JSON said otherwise, or one that holds what no goal can be."""
    form = rng.choice(("csv", "json"))
    text, same = texts.protocols()[form], rng.random() < 0.5
    promise: Promise | None
    if form == "json":
        card = json.loads(text)
        if same:
            metrics = [dict(rng.sample(sorted(m.items()), len(m))) for m in card["computed"]]
            card = dict(rng.sample(sorted({**card, "computed": metrics}.items()), len(card)))
            data = json.dumps(card, indent=rng.choice((None, 1, 7)), ensure_ascii=rng.random() < 0.5).encode()
            promise = Promise("same", "form/protocol-json/check")
        else:
            data, promise = hopeless_card(rng, card), Promise("refused")
    elif same:
        rows = list(csv.reader(io.StringIO(text)))
        out = io.StringIO()
        ends = rng.choice(("\n", "\r\n"))
        csv.writer(out, quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)), lineterminator=ends).writerows(rows)
        data, promise = out.getvalue().encode(), Promise("same", "form/protocol-csv/check")
    else:
        data, promise = texts.changed_text(rng, text), None
    path = place / f"protocol.{form}"
    path.write_bytes(data)
    (place / "saved.json").write_text(texts.saved())
    args = ("check", str(place / "saved.json"), "--protocol", str(path), "--json")
    return Case("protocol", f"{form} {promise.must if promise else 'changed'}", "check", args, promise)


def hopeless_card(rng: Random, card: dict[str, Any]) -> bytes:
    """A scorecard whose goals are no numbers, or that is no JSON."""
    metric = rng.choice(card["computed"])
    kind = rng.randrange(5)
    if kind == 0:
        metric["type"] = rng.choice(("", "DOSE_OF_NOBODY", None, 3, []))
    elif kind == 1:
        metric["objectives"][0]["max"] = rng.choice(("much", [], {}, "1,5"))
    elif kind == 2:
        card["computed"] = rng.choice(([], None, {}, 3, "x"))
    elif kind == 3:
        text = json.dumps(card)
        return text[: rng.randrange(1, len(text) - 1)].encode()
    else:
        text = json.dumps(card)
        return text.replace("20.0", rng.choice(("1e999", "NaN", "-Infinity", "9" * 5000, "[" * 5000))).encode()
    return json.dumps(card).encode()


def base_args(name: str, place: Path) -> tuple[str, ...]:
    """The whole input behind a key ``form/NAME/COMMAND``."""
    if name in ("mask", "seg"):
        (place / "export").mkdir()
        put_files(place / "export", texts.masks()[0])
        values, affine = labels()
        data = written_nifti(values, affine) if name == "mask" else dicom_file(segments())
        file = "labels.nii" if name == "mask" else "s.dcm"
        (place / file).write_bytes(data)
        return asked_of_mask(place, file)
    if name == "table":
        (place / "table.csv").write_text(texts.rows())
        return ("evaluate", str(ROOT / "models" / "insilico-2026.1"), str(place / "table.csv"), "--json")
    form = name.removeprefix("protocol-")
    (place / f"protocol.{form}").write_text(texts.protocols()[form])
    (place / "saved.json").write_text(texts.saved())
    return ("check", str(place / "saved.json"), "--protocol", str(place / f"protocol.{form}"), "--json")


#: Makers and how often each is asked.
MAKERS: tuple[tuple[Callable[[Random, Path], Case], float], ...] = (
    (mask, 4),
    (seg, 3),
    (protocol, 4),
    (table, 2),
    (manifest, 0.5),
)
