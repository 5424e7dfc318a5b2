"""The plans that lie in a tree of exports, by the headers of their RT files: nothing is joined, no voxel read.

Files are taken together by the UIDs they name, wherever they lie: a folder a plan, a folder a kind of file, or a
thousand plans in one folder.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from lymphorisk.dicom import rtdose, rtplan, rtstruct, tags
from lymphorisk.dicom.export import PatientIdentity
from lymphorisk.dicom.identity import read_identity
from lymphorisk.dicom.reader import RT_ROLES, DicomFile, find, media_uid, open_file, read_file
from lymphorisk.dicom.window import Window, sha256_of
from lymphorisk.errors import LymphoriskError

PLANS = ("RTPLAN", "RTIONPLAN")


@dataclass(frozen=True, slots=True)
class PlanHead:
    """What a plan file says of itself.

    Attributes
    ----------
    uid, label : str
    made : str
        Date the plan was made, YYYYMMDD; empty where it does not say.
    system : str
        Manufacturer, model and software version of what wrote it.
    technique : str
        ``arc``, ``modulated``, ``static``, ``scanned`` or ``scattered``; joined by ``+`` when beams differ.
    fractions : int
        As far as it says.
    structures, frame : str
        UID of its structure set and of its frame of reference.
    identity : PatientIdentity
        Kept apart so that no report meets it by accident.
    """

    uid: str
    label: str
    made: str
    system: str
    technique: str
    fractions: int
    structures: str
    frame: str
    identity: PatientIdentity = field(default_factory=PatientIdentity, repr=False)


@dataclass(frozen=True, slots=True)
class ListedExport:
    """One export: where it lies, its plans, and whose it is.

    Attributes
    ----------
    path : Path
        What `read_export` takes, or the folder its files lie in among others.
    files : tuple of Path
        Its files, when others lie in the same folder; empty when the path holds nothing else.
    plans : tuple of PlanHead
        Empty where there is no plan file.
    joined : bool
        One dose spans its plans: they are one course.
    identity : PatientIdentity
        Of the first RT file that says it.
    """

    path: Path
    files: tuple[Path, ...] = ()
    plans: tuple[PlanHead, ...] = ()
    joined: bool = False
    identity: PatientIdentity = field(default_factory=PatientIdentity, repr=False)


@dataclass(frozen=True, slots=True)
class _File:
    """A file's header: what it names, and what names it."""

    path: Path
    role: str
    uid: str = ""
    names: frozenset[str] = frozenset()
    frames: frozenset[str] = frozenset()
    plan: PlanHead | None = None
    spans: bool = False
    identity: PatientIdentity = field(default_factory=PatientIdentity, repr=False)


def list_exports(top: Path, others: Set[Path] = frozenset()) -> tuple[ListedExport, ...]:
    """Every export below a folder, in the order of its path; a folder that holds none, nor lies in one, is listed too.

    A zip is an export. Of several plans on one structure set each is named. `others` are plans of another kind that lie
    there: their folders are not empty.
    """
    folders = _folders(top)
    groups: list[list[_File]] = []
    zips: list[Path] = []
    for folder, names in folders:
        files, packed = _opened(folder, names)
        zips += packed
        groups += _parted(files)
    merged = _merged(groups)
    sharing = _sharing(merged)
    out = [_export(group, sharing) for group in merged] + [list_one(path) for path in zips]
    out += [ListedExport(folder) for folder in _empty([f for f, _ in folders], {*others, *(e.path for e in out)})]
    return tuple(sorted(out, key=lambda e: (str(e.path), e.files)))


def list_one(path: Path) -> ListedExport:
    """A zip, a DICOMDIR or one DICOM file as an export; what cannot be opened has no plan."""
    try:
        found = find(path)
    except LymphoriskError:
        return ListedExport(path)
    heads = [h for f in found.of(*RT_ROLES) if (h := _head(path, f)) is not None]
    return ListedExport(path, (), _plans(heads), any(h.spans for h in heads), _whose(heads))


def _folders(top: Path) -> list[tuple[Path, list[str]]]:
    """Folders and the names of their files, hidden ones left out, each folder once."""
    out, seen = [], set()
    for folder, below, names in os.walk(top, followlinks=True):
        info = os.stat(folder)
        if (info.st_dev, info.st_ino) in seen:
            below.clear()
            continue
        seen.add((info.st_dev, info.st_ino))
        below[:] = sorted(name for name in below if not name.startswith("."))
        out.append((Path(folder), sorted(name for name in names if not name.startswith("."))))
    return out


def _opened(folder: Path, names: Sequence[str]) -> tuple[list[_File], list[Path]]:
    """The DICOM files and the zips of a folder."""
    files: list[_File] = []
    packed: list[Path] = []
    for name in names:
        path = folder / name
        if not path.is_file():
            continue
        if path.suffix.lower() == ".zip":
            packed.append(path)
            continue
        try:
            whole = Window(path)
            opened = open_file(whole, "")
        except LymphoriskError:
            files.append(_File(path, "broken", media_uid(whole)))
            continue
        except OSError:
            files.append(_File(path, "broken"))
            continue
        if opened is not None and (head := _head(path, opened)) is not None:
            files.append(head)
    return files, packed


def _head(path: Path, file: DicomFile) -> _File | None:
    """The header of a file of a class that an export holds; a broken one names nothing."""
    root = file.root
    if file.role in ("CT", "SEG"):
        return _File(path, file.role, file.sop_uid, frames=frozenset({root.code(tags.FRAME_OF_REFERENCE_UID)}))
    if file.role not in RT_ROLES:
        return None
    try:
        whose = read_identity(file)
        if file.role == "RTDOSE":
            dose = rtdose.read_header(file)
            spans = len(dose.plan_uids) > 1 or dose.summation == "MULTI_PLAN"
            named = dose.plan_uids or frozenset({dose.structure_uid})
            return _File(path, file.role, file.sop_uid, named, frozenset({dose.frame}), None, spans, whose)
        if file.role == "RTSTRUCT":
            frames = rtstruct.read_header(file).frames
            return _File(path, file.role, file.sop_uid, frames=frames, identity=whose)
        plan = rtplan.read_plan(file)
        head = PlanHead(
            plan.sop_uid,
            plan.label,
            root.code(tags.RT_PLAN_DATE)[:8],
            _system(file),
            "+".join(sorted({_technique(b.technique, file.role) for b in plan.beams.values()})),
            plan.fractions,
            plan.structure_uid,
            plan.frame,
            whose,
        )
        names = frozenset({plan.structure_uid})
        return _File(path, file.role, file.sop_uid, names, frozenset({plan.frame}), head, identity=whose)
    except LymphoriskError:
        return _File(path, "broken")


def _system(file: DicomFile) -> str:
    said = [file.root.text(tag)[0] for tag in (tags.MANUFACTURER, tags.MODEL_NAME, tags.SOFTWARE_VERSIONS)]
    return " ".join("".join(c for c in text if c.isprintable()) for text in said if text)


def _technique(beam: str, role: str) -> str:
    if role == "RTIONPLAN":
        return "scanned" if beam.startswith("MODULATED") else "scattered"
    return {"ARC": "arc", "DYNAMIC": "modulated"}.get(beam, "static")


def _parted(files: Sequence[_File]) -> list[list[_File]]:
    """Files of one folder by export: all together while they hold one plan at most, else by what they name."""
    rt = [f for f in files if f.role not in ("CT", "SEG")]
    plans = sum(f.plan is not None for f in rt)
    doses = [f for f in rt if f.role == "RTDOSE"]
    if not plans and not doses:
        images = [f for f in files if f not in rt]
        return [[f] for f in rt] + ([images] if images else [])
    if plans <= 1 and len({name for f in doses for name in f.names}) <= 1:
        return [list(files)]
    by_uid: dict[str, list[_File]] = {}
    for file in rt:
        by_uid.setdefault(file.uid or str(file.path), []).append(file)
    broken = [group for group in by_uid.values() if all(f.role == "broken" for f in group)]
    groups = _components([group for group in by_uid.values() if group not in broken])
    for file in files:
        if file.role in ("CT", "SEG"):
            for group in groups:
                if file.frames & _frames(group):
                    group.append(file)
    return groups + broken


def _components(groups: list[list[_File]]) -> list[list[_File]]:
    """Groups joined where a file of one names a file of another."""
    home = {f.uid: n for n, group in enumerate(groups) for f in group if f.uid}
    parent = list(range(len(groups)))

    def root(n: int) -> int:
        while parent[n] != n:
            n = parent[n]
        return n

    for n, group in enumerate(groups):
        own = {f.uid for f in group}
        for name in {name for f in group for name in f.names} - own:
            if name in home:
                parent[root(n)] = root(home[name])
    joined: dict[int, list[_File]] = {}
    for n, group in enumerate(groups):
        joined.setdefault(root(n), []).extend(group)
    return list(joined.values())


def _merged(groups: list[list[_File]]) -> list[list[_File]]:
    """Exports whose files lie in several folders; images and stray structures go to the exports beside or above them.

    Those beside them must lie in the same frame of reference.
    """
    joined = _components(groups)
    whole = [g for g in joined if any(f.plan is not None or f.role == "RTDOSE" for f in g)]
    by_home: dict[Path, list[int]] = {}
    by_parent: dict[Path, list[int]] = {}
    for n, group in enumerate(whole):
        home = _home(group)
        by_home.setdefault(home, []).append(n)
        by_parent.setdefault(home.parent, []).append(n)
    frames = [_frames(group) for group in whole]
    rest: dict[Path, list[_File]] = {}
    for group in joined:
        if any(f.plan is not None or f.role == "RTDOSE" for f in group):
            continue
        place = _home(group)
        near = [n for n in (*by_home.get(place, ()), *by_parent.get(place.parent, ())) if frames[n] & _frames(group)]
        above = [n for folder in place.parents for n in by_home.get(folder, ())]
        for n in (chosen := near or above):
            whole[n].extend(group)
        if not chosen:
            rest.setdefault(place, []).extend(group)
    return [*whole, *rest.values()]


def _frames(group: Iterable[_File]) -> frozenset[str]:
    return frozenset().union(*(f.frames for f in group)) - {""}


def _home(group: Sequence[_File]) -> Path:
    """The folder that holds all files of a group."""
    return Path(os.path.commonpath([f.path.parent for f in group]))


def _sharing(groups: Sequence[Sequence[_File]]) -> Counter[Path]:
    """How many exports have files in or below a folder."""
    out: Counter[Path] = Counter()
    for group in groups:
        folders = {f.path.parent for f in group}
        out.update(folders | {above for folder in folders for above in folder.parents})
    return out


def _export(group: Sequence[_File], sharing: Mapping[Path, int]) -> ListedExport:
    home = _home(group)
    files = () if sharing[home] == 1 else tuple(sorted({f.path for f in group}))
    return ListedExport(home, files, _plans(group), any(f.spans for f in group), _whose(group))


def _plans(files: Iterable[_File]) -> tuple[PlanHead, ...]:
    found = {f.plan.uid: f.plan for f in files if f.plan is not None}
    return tuple(found[uid] for uid in sorted(found))


def _whose(files: Iterable[_File]) -> PatientIdentity:
    return next((f.identity for f in files if f.identity.id or f.identity.name), PatientIdentity())


def _empty(folders: Sequence[Path], homes: Set[Path]) -> list[Path]:
    """The topmost folders with no export in, above or below them: exports that failed, most of them."""
    above = {parent for home in homes for parent in home.parents}
    out: set[Path] = set()
    for folder in folders:
        if folder not in homes and folder not in above and not (homes | out) & set(folder.parents):
            out.add(folder)
    return sorted(out)


def digests(path: Path) -> tuple[str, ...]:
    """SHA-256 of the DICOM file at a path, or of each in a zip; none for what is neither.

    A file that cannot be opened counts by its bytes: once it is mended it is another.
    """
    if path.suffix.lower() == ".zip":
        try:
            return tuple(sorted({f.sha256() for f in find(path).files}))
        except LymphoriskError:
            with path.open("rb") as stream:
                return (hashlib.file_digest(stream, "sha256").hexdigest(),)
    whole = read_file(path)
    try:
        opened = open_file(whole, "")
    except LymphoriskError:
        return (sha256_of(whole),)
    return () if opened is None or not opened.role else (opened.sha256(),)
