"""Mutated DICOM exports."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from pydicom.datadict import dictionary_VR

from .cases import ALC, PROTOCOL, QUICK, Case, Promise
from .objects import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    PREAMBLE,
    Element,
    Written,
    dicom_file,
    encode,
    find,
    put,
    tag_of,
    text_of,
    walk,
)
from .seeds import Seed, seeds

Trees = dict[str, list[Element]]
Files = dict[str, bytes]
NUMBERS = {"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD"}
TEXTS = {"LO", "SH", "PN", "LT", "ST", "UT", "CS"}
ABSURD = (
    *("nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "0", "-0", "-1", "1e400", "999999999999", "4294967295"),
    *("2147483648", "-2147483648", "65536", "0.1", "1e-9", "1,5", "0x10", "1_000", "١٢", "--1", "1e", "", " ", "1\\2"),
    *("1e9", "1e6", "1e5", "1e4", "1e3", "120", "121", "0.5", "1.5", "1\\1\\1\\1", "\\", "\\\\\\", "9" * 400),
)
CHARSETS = ("ISO_IR 192", "ISO_IR 100", "ISO 2022 IR 87", "\\ISO 2022 IR 149", "GB18030", "ISO_IR 13", "X" * 40, "")
VRS = ("SQ", "OB", "UN", "US", "DS", "IS", "FD", "UI", "LO", "PN", "UT", "AT", "ZZ", "  ", "\0\0", "sq", "OV")
SYNTAXES = (
    *("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"),
    *("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.1.98", "1.2.3", ""),
)


def spot(rng: Random, trees: Trees) -> tuple[str, list[Element], Element]:
    """An element anywhere, with its data set and file; each depth is as likely as another."""
    name = rng.choice(sorted(trees))
    every = list(walk(trees[name]))
    top = {id(e) for e in trees[name]}
    inner = [pair for pair in every if id(pair[1]) not in top]
    group = inner if inner and rng.random() < 0.5 else [p for p in every if id(p[1]) in top]
    home, element = rng.choice(group or every)
    return name, home, element


def written(trees: Trees, how: Written | None = None) -> Files:
    return {f"{name}.dcm": dicom_file(tree, how) for name, tree in trees.items()}


# ---- no right answer is known: a result, a finding or a named error ----


def bit_flips(rng: Random, trees: Trees) -> Files:
    files = written(trees)
    name = rng.choice(sorted(files))
    data = bytearray(files[name])
    end = len(data) if rng.random() < 0.3 else min(len(data), 3000)
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(128, end)] ^= 1 << rng.randrange(8)
    return files | {name: bytes(data)}


def bytes_changed(rng: Random, trees: Trees) -> Files:
    files = written(trees)
    name = rng.choice(sorted(files))
    data = bytearray(files[name])
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 4, 8, 64, 500))
    kind = rng.randrange(4)
    if kind == 0:
        del data[at : at + size]
    elif kind == 1:
        data[at:at] = rng.randbytes(size)
    elif kind == 2:
        data[at : at + size] = rng.choice((b"\0", b"\xff", b"\\", b"9")) * size
    else:
        other = files[rng.choice(sorted(files))]
        start = rng.randrange(len(other))
        data[at:at] = other[start : start + size]
    return files | {name: bytes(data)}


def removed(rng: Random, trees: Trees) -> Files:
    for _ in range(rng.randint(1, 2)):
        _, home, element = spot(rng, trees)
        if element in home:
            home.remove(element)
    return written(trees)


def repeated(rng: Random, trees: Trees) -> Files:
    _, home, element = spot(rng, trees)
    if element.items and rng.random() < 0.5:
        element.items.extend([element.items[0]] * rng.choice((1, 2, 100, 2000)))
    else:
        home.insert(home.index(element) + rng.randint(0, 1), element)
    return written(trees)


def exchanged(rng: Random, trees: Trees) -> Files:
    (_, _, one), (_, _, other) = spot(rng, trees), spot(rng, trees)
    if rng.random() < 0.5:
        one.tag, other.tag = other.tag, one.tag
    else:
        one.value, other.value, one.items, other.items = other.value, one.value, other.items, one.items
        one.vr, other.vr = other.vr, one.vr
    return written(trees)


def wrong_vr(rng: Random, trees: Trees) -> Files:
    for _ in range(rng.randint(1, 3)):
        _, _, element = spot(rng, trees)
        if rng.random() < 0.3 and element.items is None:
            element.items = [[Element(tag_of("ROINumber"), "IS", b"1 ")]] * rng.randint(0, 2)
        element.vr = rng.choice(VRS)
    return written(trees)


def absurd_number(rng: Random, trees: Trees) -> Files:
    names = sorted(trees)
    rng.shuffle(names)
    every = [e for name in names[:1] for _, e in walk(trees[name]) if e.vr in NUMBERS]
    for element in rng.sample(every, min(len(every), rng.randint(1, 2))):
        if element.vr in ("DS", "IS"):
            text = rng.choice(ABSURD)
            values = element.value.split(b"\\")
            if len(values) > 1 and rng.random() < 0.6:
                values[rng.randrange(len(values))] = text.encode()
                element.value = b"\\".join(values)
            else:
                element.value = text.encode()
            element.value += b" " * (len(element.value) % 2)
        else:
            width = struct.calcsize({"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}[element.vr])
            element.value = rng.choice((b"\0" * width, b"\xff" * width, rng.randbytes(width), b"", b"\1", b"\1" * 40))
    return written(trees)


def emptied(rng: Random, trees: Trees) -> Files:
    for _ in range(rng.randint(1, 3)):
        _, _, element = spot(rng, trees)
        element.value = b""
        element.items = None if element.items is None else rng.choice(([], [[]], None))
    return written(trees)


def cycle(rng: Random, trees: Trees) -> Files:
    """References that lead back, across or nowhere."""
    names = sorted(trees)
    named = [e for n in names for _, e in walk(trees[n]) if e.tag == tag_of("SOPInstanceUID")]
    uids = [e.value.decode("latin-1").strip(" \0") for e in named]
    references = [
        e
        for n in names
        for _, e in walk(trees[n])
        if e.vr == "UI" and e.name.startswith(("Referenced", "FrameOf", "StudyInstance", "SOPInstance", "Series"))
    ]
    for element in rng.sample(references, min(len(references), rng.randint(1, 4))):
        element.value = rng.choice([*uids, "", "1.2", "9" * 64, "1..2", "a.b"]).encode("latin-1")
        element.value += b"\0" * (len(element.value) % 2)
    numbers = [e for n in names for _, e in walk(trees[n]) if e.vr == "IS" and "Number" in e.name]
    for element in rng.sample(numbers, min(len(numbers), rng.randint(0, 2))):
        element.value = b"%d " % rng.randint(0, 9)
    return written(trees)


def nested(rng: Random, trees: Trees) -> Files:
    depth = rng.choice((5, 31, 32, 33, 100, 900, 5000))
    undefined = rng.random() < 0.5
    body = b""
    for _ in range(depth):
        if undefined:
            ends = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
            head = struct.pack("<HH", 0x3006, 0x0020) + b"SQ\0\0" + struct.pack("<I", 0xFFFFFFFF)
            body = head + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + body + ends
        else:
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
            body = struct.pack("<HH", 0x3006, 0x0020) + b"SQ\0\0" + struct.pack("<I", len(item)) + item
    name = rng.choice(sorted(trees))
    home = rng.choice([h for h, _ in walk(trees[name])])
    tag = rng.choice((0x30060020, 0x300A0070, 0x300A00B0, 0x00081140, 0x30091010))
    home[:] = [e for e in home if e.tag != tag]
    home.append(Element(tag, rng.choice(("SQ", "UN")), body[12:] if not undefined else body))
    home.sort(key=lambda e: e.tag)
    return written(trees)


def wrong_encoding(rng: Random, trees: Trees) -> Files:
    name = rng.choice(sorted(trees))
    put(trees[name], "SpecificCharacterSet", rng.choice(CHARSETS).encode())
    texts = [e for _, e in walk(trees[name]) if e.vr in TEXTS and e.tag != 0x00080005]
    for element in rng.sample(texts, min(len(texts), rng.randint(1, 4))):
        junk = (
            rng.randbytes(8),
            b"\xff\xfe" * 4,
            "Größe 脾臓".encode(),
            b"\x1b$B\x3c",
            b"\0" * 8,
            b"\x1b(J\\^=",
            b"<&>%s",
        )
        element.value = rng.choice(junk) * rng.choice((1, 1, 1, 500))
        element.value += b" " * (len(element.value) % 2)
    return written(trees)


def lengths_that_lie(rng: Random, trees: Trees) -> Files:
    files = written(trees)
    name = rng.choice(sorted(files))
    tree = trees[name.removesuffix(".dcm")]
    data, element = bytearray(files[name]), rng.choice([e for _, e in walk(tree)])
    head = struct.pack("<HH", element.tag >> 16, element.tag & 0xFFFF)
    at = data.find(head, 140)
    if at >= 0:
        wrong = rng.choice((0, 1, 3, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, len(data), rng.randrange(1 << 16)))
        if element.vr in ("SQ", "OB", "OW", "UN", "UT"):
            data[at + 8 : at + 12] = struct.pack("<I", wrong)
        else:
            data[at + 6 : at + 8] = struct.pack("<H", wrong & 0xFFFF)
    return files | {name: bytes(data)}


def huge(rng: Random, trees: Trees) -> Files:
    """Many values, long texts, many items, and grids and spacings that ask for much memory."""
    kind = rng.randrange(6)
    dose = rng.choice([n for n in trees if _modality(trees[n]) == "RTDOSE"] or sorted(trees))
    if kind == 0:
        _, _, element = spot(rng, trees)
        element.items, element.vr, element.value = None, "UT", rng.choice((b"1\\", b"a", b"\\")) * 300_000
    elif kind == 1:
        put(
            trees[dose],
            "PixelSpacing",
            rng.choice((b"0.1\\0.1", b"0.001\\0.001", b"1e-6\\1e-6", b"1000\\1000", b"1e9\\1")),
        )
    elif kind == 2:
        put(
            trees[dose],
            "ImagePositionPatient",
            rng.choice((b"1e9\\0\\0", b"0\\-1e12\\0", b"1e300\\1\\1", b"0\\0\\1e7")),
        )
    elif kind == 3:
        for name in ("Rows", "Columns"):
            put(trees[dose], name, struct.pack("<H", rng.choice((1, 2, 3, 60000, 65535))))
        put(trees[dose], "NumberOfFrames", rng.choice((b"1", b"2", b"100000", b"2147483647", b"1e9")))
    elif kind == 4:
        contours = [e for n in trees for _, e in walk(trees[n]) if e.name == "ContourData"]
        for element in rng.sample(contours, min(len(contours), 3)):
            factor = rng.choice((1e-4, 1e3, 1e6, 1e300))
            values = [float(v) * factor for v in element.value.decode().split("\\")]
            element.value = "\\".join(f"{v:.6g}" for v in values).encode()
    else:
        contours = [e for n in trees for _, e in walk(trees[n]) if e.name == "ContourSequence" and e.items]
        for element in contours[:1]:
            assert element.items
            element.items = [*element.items, *element.items * rng.choice((1, 20, 400))]
    return written(trees)


def wrongly_compressed(rng: Random, trees: Trees) -> Files:
    name = rng.choice(sorted(trees))
    pixels = [e for e in trees[name] if e.tag == tag_of("PixelData")]
    for element in pixels:
        body = rng.choice((rng.randbytes(40), element.value[:200], b"\xff\xd8\xff\xd9", b"", b"\0" * 64))
        fragment = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
        element.vr, element.value = "OB", struct.pack("<HHI", 0xFFFE, 0xE000, 0) + fragment
    how = Written(stated=rng.choice(SYNTAXES) or "1.2.840.10008.1.2.1.99")
    files = written(trees)
    return files | {f"{name}.dcm": dicom_file(trees[name], how)}


def files_changed(rng: Random, trees: Trees) -> Files:
    """Files doubled, exchanged, left out, renamed, put beside rubbish."""
    files = written(trees)
    name = rng.choice(sorted(files))
    kind = rng.randrange(6)
    if kind == 0:
        del files[name]
    elif kind == 1:
        files["copy"] = files[name][: rng.randrange(len(files[name]))]
    elif kind == 2:
        files["rubbish"] = rng.choice(
            (b"", b"\0", rng.randbytes(300), PREAMBLE, PREAMBLE + rng.randbytes(50), b"PK\3\4")
        )
    elif kind == 3:
        other = rng.choice(sorted(files))
        put(trees[name[:-4]], "SOPInstanceUID", text_of(trees[other[:-4]], "SOPInstanceUID").encode())
        files = written(trees)
    elif kind == 4:
        put(trees[name[:-4]], "SOPClassUID", rng.choice((b"1.2.840.10008.5.1.4.1.1.2", b"1.2", b"", b"x" * 70)))
        files = written(trees)
    else:
        put(trees[name[:-4]], "Modality", rng.choice((b"RTPLAN", b"RTDOSE", b"RTSTRUCT", b"CT", b"")))
        files = written(trees)
    return files


# ---- the answer must be as before ----


def other_syntax(rng: Random, trees: Trees) -> Files:
    hows = (
        Written(IMPLICIT),
        Written(BIG),
        Written(DEFLATED),
        Written(EXPLICIT, undefined=True),
        Written(IMPLICIT, undefined=True),
        Written(EXPLICIT, preamble=b"", meta=False),
        Written(IMPLICIT, preamble=b"", meta=False),
        Written(EXPLICIT, preamble=bytes(range(128)) + b"DICM"),
    )
    return {f"{name}.dcm": dicom_file(tree, rng.choice(hows)) for name, tree in trees.items()}


def run_lengths(rng: Random, trees: Trees) -> Files:
    """Dose pixels in RLE, by its own definition: every byte plane a segment of literal runs."""
    out = {}
    for name, tree in trees.items():
        pixels = next((e for e in tree if e.tag == tag_of("PixelData")), None)
        if pixels is None:
            out[f"{name}.dcm"] = dicom_file(tree)
            continue
        rows, columns = (int.from_bytes(find(tree, n).value[:2], "little") for n in ("Rows", "Columns"))
        width = int.from_bytes(find(tree, "BitsAllocated").value[:2], "little") // 8
        size = rows * columns * width
        frames = [pixels.value[n : n + size] for n in range(0, size * (len(pixels.value) // size), size)]
        body = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        for frame in frames:
            segments = [_literal(frame[width - 1 - n :: width]) for n in range(width)]
            starts, at = [], 64
            for segment in segments:
                starts.append(at)
                at += len(segment)
            head = struct.pack("<16I", width, *starts, *[0] * (15 - width))
            packed = head + b"".join(segments)
            body += struct.pack("<HHI", 0xFFFE, 0xE000, len(packed)) + packed
        body += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        rest = [e for e in tree if e.tag < pixels.tag]
        element = struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0" + struct.pack("<I", 0xFFFFFFFF) + body
        out[f"{name}.dcm"] = dicom_file(rest, Written(stated="1.2.840.10008.1.2.5", after=element))
    return out


def _literal(plane: bytes) -> bytes:
    out = b"".join(bytes([len(part) - 1]) + part for part in (plane[n : n + 128] for n in range(0, len(plane), 128)))
    return out + b"\x80" * (len(out) % 2)  # 128 says nothing


def private_tags(rng: Random, trees: Trees) -> Files:
    for tree in trees.values():
        for _ in range(rng.randint(1, 4)):
            home = rng.choice([h for h, _ in walk(tree)])
            group = rng.choice((0x0009, 0x3007, 0x300B, 0x3287, 0x7FE1))
            vr = rng.choice(("LO", "UN", "OB", "DS", "SQ"))
            new = Element(group << 16 | rng.randrange(0x1000, 0x10FF), vr, rng.randbytes(2 * rng.randint(0, 60)))
            if vr == "SQ":
                new.value, new.items = b"", [[Element(0x00080100, "SH", b"A ")]]
            if all(e.tag != new.tag for e in home):
                home.append(new)
                home.sort(key=lambda e: e.tag)
    return written(trees)


def group_lengths(rng: Random, trees: Trees) -> Files:
    for tree in trees.values():
        for group in sorted({e.tag >> 16 for e in tree}):
            size = len(encode([e for e in tree if e.tag >> 16 == group]))
            wrong = rng.random() < 0.3
            tree.append(Element(group << 16, "UL", struct.pack("<I", 7 if wrong else size)))
        tree.sort(key=lambda e: e.tag)
    return written(trees)


def padded(rng: Random, trees: Trees) -> Files:
    for tree in trees.values():
        for _, e in walk(tree):
            if e.vr in ("DS", "IS") and rng.random() < 0.5:
                e.value = b"\\".join(
                    b" " * rng.randint(0, 1) + v.strip() + b" " * rng.randint(0, 2) for v in e.value.split(b"\\")
                )
                e.value += b" " * (len(e.value) % 2)
            elif e.vr == "UI" and rng.random() < 0.3:
                e.value = e.value.rstrip(b"\0 ") + rng.choice((b"\0\0", b"  ", b" ", b"\0"))
                e.value += b"\0" * (len(e.value) % 2)
        tree.append(Element(0xFFFCFFFC, "OB", b"\0" * 2 * rng.randint(0, 400)))
    return written(trees)


def reordered(rng: Random, trees: Trees) -> Files:
    orders = ("StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence", "ContourSequence")
    for tree in trees.values():
        for _, e in walk(tree):
            if e.items and e.name in (*orders, "BeamSequence"):  # a fraction group's is that of delivery
                rng.shuffle(e.items)
    return written(trees)


def turned_contours(rng: Random, trees: Trees) -> Files:
    """Contours that begin elsewhere, or run the other way around."""
    for tree in trees.values():
        for _, e in walk(tree):
            if e.name == "ContourData":
                parts = e.value.strip().split(b"\\")
                points = [parts[n : n + 3] for n in range(0, len(parts), 3)]
                start = rng.randrange(len(points))
                points = points[start:] + points[:start]
                points = points[::-1] if rng.random() < 0.5 else points
                e.value = b"\\".join(v for p in points for v in p)
                e.value += b" " * (len(e.value) % 2)
    return written(trees)


def other_decimals(rng: Random, trees: Trees) -> Files:
    def again(value: bytes) -> bytes:
        text = value.strip().decode("latin-1")
        if not text or "e" in text.lower() or not (text.isascii() and text[-1].isdigit()):  # private ones hold anything
            return value
        forms = (text, "+" + text.lstrip("+") if text[0] != "-" else text, text + "0" if "." in text else text + ".0")
        return rng.choice((*forms, text + "E0", text + "e+00")).encode()

    for tree in trees.values():
        for _, e in walk(tree):
            if e.vr == "DS":
                e.value = b"\\".join(again(v) for v in e.value.split(b"\\"))
                e.value += b" " * (len(e.value) % 2)
    return written(trees)


def renamed_uids(rng: Random, trees: Trees) -> Files:
    names: dict[bytes, bytes] = {}
    for tree in trees.values():
        for _, e in walk(tree):
            value = e.value.rstrip(b"\0 ")
            if e.vr == "UI" and not value.startswith(b"1.2.840.10008"):
                new = names.setdefault(value, b"2.25.%d" % rng.getrandbits(100)) if value else value
                e.value = new + b"\0" * (len(new) % 2)
    return written(trees)


def wider_pixels(_: Random, trees: Trees) -> Files:
    for tree in trees.values():
        pixels = next((e for e in tree if e.tag == tag_of("PixelData")), None)
        if pixels is None or find(tree, "BitsAllocated").value[:2] != b"\x10\0":
            continue
        pixels.value = b"".join(pixels.value[n : n + 2] + b"\0\0" for n in range(0, len(pixels.value), 2))
        for name, value in (("BitsAllocated", 32), ("BitsStored", 32), ("HighBit", 31)):
            put(tree, name, struct.pack("<H", value))
    return written(trees)


def moved(rng: Random, trees: Trees) -> Files:
    """Contours and grid carried to another place of the room."""
    step = [rng.randint(-200, 200) for _ in range(3)]
    for tree in trees.values():
        for _, e in walk(tree):
            if e.name in ("ContourData", "ImagePositionPatient"):
                values = [float(v) for v in e.value.split(b"\\")]
                e.value = "\\".join(f"{v + step[n % 3]:.6f}".rstrip("0") for n, v in enumerate(values)).encode()
                e.value += b" " * (len(e.value) % 2)
    return written(trees)


def other_place(rng: Random, trees: Trees) -> Files:
    """Other names, folders below folders, files that are none of ours beside them."""
    files = written(trees)
    odd = ("", ".DCM", ".txt", " (1)", ".dcm.bak", "é", ".zip", ".toml", ".json")
    out = {}
    for n, data in enumerate(files.values()):
        out["a/" * rng.randint(0, 3) + f"{rng.getrandbits(30):x}{n}{rng.choice(odd)}"] = data
    return out | {"notes.txt": b"hello", "empty": b"", ".DS_Store": b"\0\0\0\1Bud1"}


# ---- a named error ----


def _in(kind: str, trees: Trees) -> list[Element]:
    return next(tree for tree in trees.values() if _modality(tree) == kind)


def _modality(tree: list[Element]) -> str:
    return next((e.value.decode("latin-1").strip() for e in tree if e.tag == 0x00080060), "")


#: Values of an RTDOSE that leave nothing to compute.
HOPELESS: tuple[tuple[str, bytes | None], ...] = (
    ("DoseUnits", b"RELATIVE"),
    ("DoseUnits", b"CGY"),
    ("DoseUnits", None),
    ("DoseType", b"ERROR"),
    ("DoseGridScaling", None),
    ("DoseGridScaling", b"0"),
    ("DoseGridScaling", b"-1"),
    ("DoseGridScaling", b"NaN"),
    ("DoseGridScaling", b"inf"),
    ("DoseGridScaling", b"1e30"),
    ("DoseGridScaling", b"much"),
    ("PixelSpacing", None),
    ("PixelSpacing", b"0\\1"),
    ("PixelSpacing", b"-2\\2"),
    ("PixelSpacing", b"2"),
    ("ImagePositionPatient", None),
    ("ImagePositionPatient", b"0\\0"),
    ("ImagePositionPatient", b"nan\\0\\0"),
    ("ImageOrientationPatient", None),
    ("ImageOrientationPatient", b"0\\0\\0\\0\\0\\0"),
    ("ImageOrientationPatient", b"1\\0\\0\\0.6\\0.8\\0"),
    ("GridFrameOffsetVector", None),
    ("GridFrameOffsetVector", b"0\\3"),
    ("NumberOfFrames", b"0"),
    ("NumberOfFrames", b"1A"),
    ("NumberOfFrames", b"-4"),
    ("Rows", None),
    ("Columns", b"\1\0"),
    ("Rows", b"\xff\xff"),
    ("PixelData", None),
    ("PixelData", b"\0\0"),
    ("BitsAllocated", b"\x0c\0"),
    ("SamplesPerPixel", b"\3\0"),
    ("SOPInstanceUID", None),
    ("FrameOfReferenceUID", b"1.2.3.4"),
)


def hopeless_dose(rng: Random, trees: Trees) -> Files:
    keyword, value = rng.choice(HOPELESS)
    for tree in trees.values():
        if _modality(tree) == "RTDOSE":
            tag = tag_of(keyword)
            if value is None:
                tree[:] = [e for e in tree if e.tag != tag]
            elif dictionary_VR(tag) in ("US", "OB or OW"):
                next(e for e in tree if e.tag == tag).value = value
            else:
                put(tree, keyword, value)
    return written(trees)


def broken_link(rng: Random, trees: Trees) -> Files:
    """UIDs by which the files belong together, or that name a file, broken in one of them."""
    kind = rng.randrange(4)
    doses = [e for tree in trees.values() if _modality(tree) == "RTDOSE" for _, e in walk(tree)]
    plans = [e for e in doses if e.tag == tag_of("ReferencedRTPlanSequence")]
    if kind == 0 or (kind == 1 and not plans):
        tree = trees[rng.choice(sorted(trees))]
        tree[:] = [e for e in tree if e.tag != tag_of("SOPInstanceUID")]
    elif kind == 1:
        for item in (item for sequence in plans for item in sequence.items or ()):
            for e in item:
                if e.tag == tag_of("ReferencedSOPInstanceUID"):
                    e.value = b"2.25.9876543210\0"
    elif kind == 2:
        tree = _in("RTSTRUCT", trees)
        for _, e in walk(tree):
            if "FrameOfReferenceUID" in e.name:
                e.value = b"2.25.123456789\0"
                e.value += b"\0" * (len(e.value) % 2)
    else:
        name = rng.choice([n for n in sorted(trees) if _modality(trees[n]) in ("RTDOSE", "RTSTRUCT")])
        kind_of = _modality(trees[name])
        for n in [n for n in sorted(trees) if _modality(trees[n]) == kind_of]:
            del trees[n]
    return written(trees)


def stands_twice(rng: Random, trees: Trees) -> Files:
    """An element twice at the top of a data set, with another value."""
    tree = trees[rng.choice(sorted(trees))]
    element = rng.choice([e for e in tree if e.items is None and e.tag >> 16 > 0x0008])
    tree.insert(tree.index(element) + 1, Element(element.tag, element.vr, element.value + b"  "))
    return written(trees)


def shortened_pixels(rng: Random, trees: Trees) -> Files:
    for tree in trees.values():
        for e in tree:
            if e.tag == tag_of("PixelData"):
                size = 2 * rng.randint(1, 40)
                e.value = e.value[:-size] if rng.random() < 0.5 else e.value + b"\0" * size
    return written(trees)


# ---- a named error, a finding, or the answer as before ----


def cut_off(rng: Random, trees: Trees) -> Files:
    files = written(trees)
    name = rng.choice(sorted(files))
    return files | {name: files[name][: rng.randrange(1, len(files[name]) - 1)]}


def scaled(factor: float) -> Callable[[Random, Trees], Files]:
    def change(_: Random, trees: Trees) -> Files:
        for tree in trees.values():
            if _modality(tree) == "RTDOSE":
                put(tree, "DoseGridScaling", f"{float(text_of(tree, 'DoseGridScaling')) * factor:.10g}".encode())
        return written(trees)

    return change


FREE: tuple[Callable[[Random, Trees], Files], ...] = (
    *(
        bit_flips,
        bit_flips,
        bytes_changed,
        removed,
        removed,
        repeated,
        exchanged,
        wrong_vr,
        absurd_number,
        absurd_number,
    ),
    *(emptied, cycle, nested, wrong_encoding, lengths_that_lie, huge, wrongly_compressed, files_changed),
)
SAME = (
    *(other_syntax, run_lengths, private_tags, group_lengths, padded, reordered, turned_contours, other_decimals),
    *(renamed_uids, wider_pixels, moved, other_place),
)
#: Of a cut plan the numbers of the contours and of the grid rest on where the rounding falls.
LOOSE = {"moved": 2e-3, "turned_contours": 1e-5}
REFUSED = (hopeless_dose, broken_link, stands_twice, shortened_pixels)
FACTORS = (0.5, 0.93, 1.04, 1.1, 1.5)


def base_key(seed: Seed, command: str) -> str:
    return f"dicom/{seed.name}/{command}"


def args_of(seed: Seed, command: str, export: Path, place: Path) -> tuple[str, ...]:
    """The command line of an export."""
    if command == "dvh":
        return ("dvh", str(export), *seed.args)
    if command == "dvh --json":
        return ("dvh", str(export), *seed.args, "--json")
    if command == "analyze":
        return ("analyze", str(export), *seed.args, *ALC, *QUICK, "--missing", "diluted", "--json")
    if command == "check":
        protocol = place / "protocol.toml"
        protocol.write_text(PROTOCOL)
        return (
            "check",
            str(export),
            "--protocol",
            str(protocol),
            *seed.args,
            *ALC,
            *QUICK,
            "--missing",
            "diluted",
            "--json",
        )
    return (
        "cohort",
        str(export),
        "--out",
        str(place / "out"),
        "--workers",
        "0",
        *seed.args,
        *QUICK,
        "--missing",
        "diluted",
    )


def put_files(folder: Path, files: Files) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _seed(rng: Random) -> Seed:
    every = seeds()
    return every[0] if rng.random() < 0.6 else rng.choice(every)


def _command(rng: Random, with_answer: bool) -> str:
    share = rng.random()
    if share < 0.975:
        return "dvh --json" if with_answer else "dvh"
    return "analyze" if share < 0.988 else "check" if share < 0.997 else "cohort"


def free(rng: Random, place: Path) -> Case:
    """An input whose right answer nobody knows."""
    seed, change = _seed(rng), rng.choice(FREE)
    trees = seed.copied()
    return _case(rng, place, seed, change.__name__, change(rng, trees), _command(rng, False), None)


def known(rng: Random, place: Path) -> Case:
    """An input whose right answer is known."""
    seed, kind = _seed(rng), rng.random()
    trees = seed.copied()
    command = _command(rng, True)
    while command == "cohort":
        command = _command(rng, True)
    if not any(_modality(tree) in ("RTPLAN", "RTION") for tree in trees.values()):
        command = "dvh --json"  # without a plan the whole export has no other answer
    if kind < 0.45:
        same = rng.choice(SAME)
        promise = Promise("same", base_key(seed, command), close=LOOSE.get(same.__name__, 1e-6))
        return _case(rng, place, seed, same.__name__, same(rng, trees), command, promise)
    if kind < 0.55:
        factor = rng.choice(FACTORS)
        promise = Promise("scaled", base_key(seed, "dvh --json"), factor, 1e-4)
        return _case(rng, place, seed, "scaled", scaled(factor)(rng, trees), "dvh --json", promise)
    if kind < 0.9:
        refused = rng.choice(REFUSED)
        made = refused(rng, trees)
        return _case(rng, place, seed, refused.__name__, made, command, Promise("refused"))
    told = cut_off(rng, trees)
    return _case(rng, place, seed, "cut_off", told, command, Promise("told", base_key(seed, command)))


def _case(rng: Random, place: Path, seed: Seed, name: str, files: Files, command: str, promise: Promise | None) -> Case:
    export = place / "export"
    if rng.random() < 0.05:
        export = place / "export.zip"
        with zipfile.ZipFile(export, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for path, data in files.items():
                archive.writestr(path, data)
        if promise is None and rng.random() < 0.5:
            packed = bytearray(export.read_bytes())
            for _ in range(rng.randint(1, 6)):
                packed[rng.randrange(len(packed))] = rng.randrange(256)
            export.write_bytes(packed)
    else:
        export.mkdir()
        put_files(export, files)
    return Case("dicom", name, command, args_of(seed, command, export, place), promise)
