"""Find and open DICOM files: a folder, a zip, a DICOMDIR, one file or a study of a server.

Files are sorted by SOP class and UIDs, never by name. Files that are not DICOM, or not of a class
this program uses, are left alone. What is used is hashed (SHA-256) as it lay on disk.
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lymphorisk.dicom import tags, web
from lymphorisk.dicom.tree import Item
from lymphorisk.dicom.window import Buffer, Window, sha256_of
from lymphorisk.errors import DicomReadError, LinkError

ROLES = {
    "1.2.840.10008.5.1.4.1.1.481.2": "RTDOSE",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.481.5": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.481.8": "RTIONPLAN",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
    "1.2.840.10008.1.3.10": "DICOMDIR",
}
MODALITY_ROLES = {"RTDOSE": "RTDOSE", "RTSTRUCT": "RTSTRUCT", "RTPLAN": "RTPLAN", "CT": "CT", "SEG": "SEG"}
#: What a file is called in messages before its class is known.
UNKNOWN = "DICOM file"
RT_ROLES = ("RTPLAN", "RTIONPLAN", "RTSTRUCT", "RTDOSE")

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG, "")

#: What Python's zip and its codecs raise on broken archives.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
PREAMBLE = 128
#: What is looked at to tell DICOM from a zip: preamble and first element. [bytes]
BEGINNING = 256
#: What the first element of a file without preamble may be: up to SOP Instance UID, a short value.
MAX_FIRST_ELEMENT, MAX_FIRST_LENGTH = 0x0018, 128
#: Files a search looks at before it gives up: a large study has a few thousand.
MAX_FILES = 100_000
#: Bytes a zip, or the deflated files of an export together, may unfold to: exports met are below 1 GB. [bytes]
MAX_UNPACKED = 3 << 29
#: Bytes of the files of one export that are read into memory; what lies beyond is read where it is looked at. [bytes]
HELD = 1 << 30
#: How much a zip member may unfold: dose grids of zeros reach a few hundred.
MAX_RATIO = 1100
#: Digits of a hash by which a person finds a file.
DIGITS = 12
#: Below this size a high ratio does no harm. [bytes]
SMALL_MEMBER = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class DicomFile:
    """One file of an export: what it is, where it came from, and its data set, unread."""

    role: str
    sop_uid: str
    syntax: str
    root: Item
    whole: Buffer
    folder: str
    notes: tuple[str, ...] = ()

    def sha256(self) -> str:
        """SHA-256 of the file as it lay on disk."""
        return sha256_of(self.whole)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search found; `copies` are broken copies of files that lie there whole, too."""

    files: tuple[DicomFile, ...]
    ignored: int
    broken: tuple[DicomReadError, ...]
    missing: int = 0
    copies: tuple[DicomReadError, ...] = ()

    def of(self, *roles: str) -> tuple[DicomFile, ...]:
        """Files of some roles, in order of UID."""
        return tuple(sorted((f for f in self.files if f.role in roles), key=lambda f: f.sop_uid))


def find(path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Found:
    """All DICOM files of an export.

    Parameters
    ----------
    path : path, or sequence of path
        A folder (searched through), a zip, a DICOMDIR, one DICOM file, or the address of a study; or several of them.

    Raises
    ------
    DicomReadError
        There is nothing there, or nothing that can be read.
    """
    if not isinstance(path, str | os.PathLike):
        return _together(path)
    if web.is_address(path):
        with web.opened(path) as folder:
            return find(folder)
    where = Path(path)
    try:
        if where.is_dir():
            return _collect(_walk(where))
        if not where.exists():
            raise DicomReadError("there is no such file or folder", "check the path of the export")
        if not where.is_file():
            raise DicomReadError("the export is neither a file nor a folder", "give a folder, a zip or a DICOM file")
        if _is_zip(where):
            return _collect(unzipped(where, MAX_UNPACKED))
        opened = open_file(read_file(where), folder="")
        if opened is not None and opened.role == "DICOMDIR":
            return _dicomdir(where, opened)
    except OSError as error:
        raise DicomReadError(f"the export cannot be read: {error.strerror}", "check the permissions") from error
    if opened is None:
        raise DicomReadError("the file is not DICOM", "give the folder, zip or DICOM file the planning system exported")
    return Found((opened,) if opened.role else (), 0, ())


def _is_zip(path: Path) -> bool:
    """Whether a file is a zip and does not begin as DICOM: it is not held beside what it unfolds to."""
    with open(path, "rb") as stream:
        begins = stream.read(BEGINNING)
    return _dataset_start(begins) is None and zipfile.is_zipfile(path)


def _together(paths: Sequence[str | os.PathLike[str]]) -> Found:
    """What several exports hold; a file that lies in two of them counts once. Folders begin with the export's name."""
    if len(paths) == 1:
        return find(paths[0])
    files: dict[tuple[str, str], DicomFile] = {}
    found = [find(path) for path in paths]
    for name, one in zip(_apart([Path(path) for path in paths]), found, strict=True):
        for file in one.files:
            key = (file.role, file.sop_uid)
            own = replace(file, folder=name if file.folder in ("", ".") else f"{name}/{file.folder}")
            files[key] = _whole_of(files[key], own)[0] if key in files else own
    return Found(
        tuple(files.values()),
        sum(f.ignored for f in found),
        tuple(e for f in found for e in f.broken),
        sum(f.missing for f in found),
        tuple(e for f in found for e in f.copies),
    )


def _apart(paths: Sequence[Path]) -> list[str]:
    """What to call each of several exports: folder or file without its ending; as much of the path as tells them apart.

    Examples
    --------
    >>> _apart([Path("plan.1"), Path("plan.2")]), _apart([Path("a/plan"), Path("b/plan")])
    (['plan.1', 'plan.2'], ['a/plan', 'b/plan'])
    """
    places = [path.resolve() for path in paths]
    short = {place: place.with_suffix("") if place.is_file() else place for place in places}
    times = Counter(short.values())
    parts = [(short[place] if times[short[place]] == 1 else place).parts[1:] for place in places]
    return [
        "/".join(own[-_length(own, [p for p, other in zip(parts, places, strict=True) if other != place]) :])
        for own, place in zip(parts, places, strict=True)
    ]


def _length(own: Sequence[str], others: Sequence[Sequence[str]]) -> int:
    """Parts from the end that no other ends with."""
    return next((n for n in range(1, len(own)) if not any(o[-n:] == own[-n:] for o in others)), len(own))


def open_file(whole: Buffer, folder: str, most: int = MAX_UNPACKED) -> DicomFile | None:
    """A DICOM file by its bytes; None when it is something else.

    Tolerates a missing preamble and missing file meta information (XiO, Monaco). Which encoding the
    data set has is read off its first element; the transfer syntax decides where that leaves a choice.
    A deflated one may unfold to `most` bytes.

    Raises
    ------
    DicomReadError
        It is DICOM and broken.
    """
    start = _dataset_start(whole)
    if start is None:
        return None
    notes: list[str] = []
    syntax, media_class = "", ""
    if whole[start : start + 2] == b"\x02\x00":
        meta_end = _meta_end(whole, start)
        meta = Item(whole, start, meta_end, explicit=whole[start + 4 : start + 6].isalpha(), little=True)
        media_class, syntax = meta.code(0x00020002), meta.code(0x00020010)
        start = meta_end
    else:
        notes.append("no file meta information")
    data: Buffer = whole
    if syntax == DEFLATED:
        data, start = _inflate(whole[start:], most), 0
    little = _is_little(data, start, syntax)
    explicit = _is_explicit(data, start)
    role = ROLES.get(media_class, "")
    root = Item(data, start, len(data), explicit=explicit, little=little, role=role or UNKNOWN)
    if not role:
        role = ROLES.get(root.code(tags.SOP_CLASS_UID), "") or MODALITY_ROLES.get(root.code(tags.MODALITY), "")
    if role in ("", "DICOMDIR"):
        return DicomFile(role, "", syntax, root, whole, folder)
    root.role = role
    uid = root.code(tags.SOP_INSTANCE_UID)
    if not uid:
        raise root.error("the file has no SOP Instance UID")
    if notes:
        notes.append(f"read as {'explicit' if explicit else 'implicit'} VR {'little' if little else 'big'} endian")
    return DicomFile(role, uid, syntax, root, whole, folder, tuple(notes))


def _dataset_start(whole: Buffer) -> int | None:
    if len(whole) >= PREAMBLE + 12 and whole[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return PREAMBLE + 4
    if len(whole) < 16:
        return None
    # Without a preamble a file starts with group 2 or group 8, and its first element is short.
    group = whole[0:2]
    big = group == b"\x00\x08"
    if big:
        element = int.from_bytes(whole[2:4], "big")
    elif group in (b"\x02\x00", b"\x08\x00"):
        element = int.from_bytes(whole[2:4], "little")
    else:
        return None
    explicit = _is_explicit(whole, 0)
    span = slice(6, 8) if explicit else slice(4, 8)
    length = int.from_bytes(whole[span], "big" if big else "little")
    return 0 if element <= MAX_FIRST_ELEMENT and length <= MAX_FIRST_LENGTH else None


def _meta_end(whole: Buffer, start: int) -> int:
    """Where group 2 ends, by walking it: its stated length is wrong in too many files."""
    explicit = bytes(whole[start + 4 : start + 6]).isalpha()
    pos = start
    while pos + 8 <= len(whole) and whole[pos : pos + 2] == b"\x02\x00":
        if not explicit:
            length = int.from_bytes(whole[pos + 4 : pos + 8], "little")
            pos += 8
        elif whole[pos + 4 : pos + 6] in (b"OB", b"OW", b"UN", b"SQ", b"UT"):
            length = int.from_bytes(whole[pos + 8 : pos + 12], "little")
            pos += 12
        else:
            length = int.from_bytes(whole[pos + 6 : pos + 8], "little")
            pos += 8
        if pos + length > len(whole):
            raise DicomReadError(f"{UNKNOWN}: the file ends inside its header", "export the plan again")
        pos += length
    return pos


def _is_little(data: Buffer, start: int, syntax: str) -> bool:
    group = bytes(data[start : start + 2])
    if group in (b"\x08\x00", b"\x04\x00"):
        return True
    if group in (b"\x00\x08", b"\x00\x04"):
        return False
    return syntax != EXPLICIT_BIG


def _is_explicit(data: Buffer, start: int) -> bool:
    vr = bytes(data[start + 4 : start + 6])
    return len(vr) == 2 and vr.isalpha() and vr.isupper()


def _inflate(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(packed, max(most, 1))
    except zlib.error as error:
        raise DicomReadError(f"{UNKNOWN}: the deflated data set is broken", "export the plan again") from error
    if stream.unconsumed_tail or len(data) > most:
        raise DicomReadError(f"{UNKNOWN}: the deflated data set unfolds without end", "export it uncompressed")
    return data


def read_file(path: Path, most: int = HELD) -> Buffer:
    """A file read at once, so that nothing that is done to it afterwards is met; a window on it where it is larger
    than `most`.

    Raises
    ------
    DicomReadError
        It became shorter while it was read.
    OSError
        It cannot be read.
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            return Window(path)
        whole = stream.read()
    if len(whole) < size:
        raise DicomReadError("a file became shorter while it was read", "call again when nobody writes the export")
    return whole


def _walk(top: Path) -> Iterator[tuple[str, Buffer | DicomReadError]]:
    seen: set[tuple[int, int]] = set()
    count, left = 0, HELD
    closed: list[OSError] = []
    for folder, below, names in os.walk(top, followlinks=True, onerror=closed.append):
        info = os.stat(folder)
        key = (info.st_dev, info.st_ino)
        if key in seen:  # a symbolic link that leads back
            below.clear()
            continue
        seen.add(key)
        below.sort()
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise DicomReadError(f"the folder holds more than {MAX_FILES} files", "give the folder of one export")
            path = Path(folder) / name
            try:
                if not stat.S_ISREG(os.stat(path).st_mode):
                    continue
                whole = read_file(path, left)
            except OSError as error:
                yield folder, DicomReadError(f"a file cannot be read: {error.strerror}", "check the permissions")
                continue
            except DicomReadError as error:
                yield folder, error
                continue
            left -= len(whole) if isinstance(whole, bytes) else 0
            yield os.path.relpath(folder, top), whole
    for reason in closed:
        yield "", DicomReadError(f"a folder cannot be read: {reason.strerror}", "check the permissions")


def unzipped(path: Path, most: int) -> Iterator[tuple[str, bytes]]:
    """Folder and bytes of every file in a zip, one after another.

    Parameters
    ----------
    most : int
        What all of it may unfold to. [bytes]

    Raises
    ------
    DicomReadError
        Broken, encrypted, or unfolding to far more than an export holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) > MAX_FILES:
                raise DicomReadError(f"the zip holds more than {MAX_FILES} files", "give the zip of one export")
            bomb = any(m.file_size > SMALL_MEMBER and m.file_size > MAX_RATIO * m.compress_size for m in members)
            if bomb or sum(m.file_size for m in members) > most:
                raise DicomReadError(
                    "the zip unfolds to far more than an export holds", "unpack it and give the folder"
                )
            for member in members:
                if member.flag_bits & 0x1:
                    raise DicomReadError("the zip is encrypted", "unpack it and give the folder")
                with archive.open(member) as stream:
                    data = stream.read(member.file_size + 1)
                yield os.path.dirname(member.filename), data
    except ZIP_ERRORS as error:
        raise DicomReadError(
            "the zip is broken or packed in an unknown way", "unpack it and give the folder"
        ) from error


def _dicomdir(where: Path, opened: DicomFile) -> Found:
    top = where.parent.resolve()
    missing = 0
    paths: list[Path] = []
    for record in opened.root.items(tags.DIRECTORY_RECORD_SEQUENCE):
        parts = record.codes(tags.REFERENCED_FILE_ID)
        if not parts:
            continue
        path = top.joinpath(*parts)
        if path.is_file() and path.resolve().is_relative_to(top):
            paths.append(path)
        else:
            missing += 1
    found = _collect(_listed(paths, top))
    return Found(found.files, found.ignored, found.broken, missing)


def _listed(paths: Sequence[Path], top: Path) -> Iterator[tuple[str, Buffer | DicomReadError]]:
    left = HELD
    for path in paths:
        whole = read_file(path, left)
        left -= len(whole) if isinstance(whole, bytes) else 0
        yield os.path.relpath(path.parent, top), whole


def media_uid(whole: Buffer) -> str:
    """SOP Instance UID in the header before the data set; empty where there is none that can be read."""
    try:
        start = _dataset_start(whole)
        if start is None or whole[start : start + 2] != b"\x02\x00":
            return ""
        end = _meta_end(whole, start)
        return Item(whole, start, end, explicit=whole[start + 4 : start + 6].isalpha(), little=True).code(0x00020003)
    except DicomReadError:
        return ""


def _collect(sources: Iterator[tuple[str, Buffer | DicomReadError]]) -> Found:
    files: dict[tuple[str, str], DicomFile] = {}
    unread: list[DicomReadError] = []
    torn: list[tuple[Buffer, DicomReadError]] = []
    copies: list[DicomReadError] = []
    ignored, left = 0, MAX_UNPACKED
    for folder, source in sources:
        if isinstance(source, DicomReadError):
            unread.append(source)
            continue
        try:
            opened = open_file(source, folder, left)
        except DicomReadError as error:
            torn.append((source, error))
            continue
        if opened is None or opened.role in ("", "DICOMDIR"):
            ignored += 1
            continue
        left -= 0 if opened.root.data is source else len(opened.root.data)
        key = (opened.role, opened.sop_uid)
        if key in files:
            opened, cut = _whole_of(files[key], opened)
            copies += [_copy(cut.role, "it ends early")] if cut is not None else []
            ignored += cut is None
        files[key] = opened
    for source, why in torn:
        role = next((f.role for f in files.values() if _is_copy(source, f)), "")
        (copies if role else unread).append(_copy(role, why.message) if role else why)
    return Found(tuple(files.values()), ignored, tuple(unread), copies=tuple(copies))


def _whole_of(one: DicomFile, other: DicomFile) -> tuple[DicomFile, DicomFile | None]:
    """Of two files with one UID the whole one, and the one that is cut off; None when they are the same.

    Raises
    ------
    LinkError
        They differ in more than their length.
    """
    short, long = sorted((one, other), key=lambda f: len(f.whole))
    if long.whole[: len(short.whole)] == short.whole[:]:
        return (long, short) if len(short.whole) < len(long.whole) else (one, None)
    listed = " and ".join(f"{len(f.whole)} bytes (SHA-256 {f.sha256()[:DIGITS]}...)" for f in (short, long))
    raise LinkError(
        f"two different {one.role} files carry the same SOP Instance UID: {listed}",
        "keep the one that was meant: one of them was edited after export",
    )


def _is_copy(torn: Buffer, file: DicomFile) -> bool:
    """Whether a file that cannot be read is a copy of one that can: it names the same UID, or is its beginning."""
    uid = media_uid(torn)
    return uid == file.sop_uid if uid else len(torn) > 0 and file.whole[: len(torn)] == torn[:]


def _copy(role: str, why: str) -> DicomReadError:
    return DicomReadError(
        f"a broken copy of the {role} was left out ({why}): the whole file of the same SOP Instance UID was used",
        "remove the broken copy",
    )
