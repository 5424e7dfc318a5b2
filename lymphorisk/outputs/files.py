"""Every file of one call: allowed before the work starts, written beside its place, put there together at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lymphorisk.errors import InputError
from lymphorisk.outputs.kinds import KINDS, OWN_MOST, Kind, is_model

#: Temporary files begin with this: a reader of exports and a person see whose they are.
PREFIX = ".lymphorisk-"
#: Where devices live: /dev/stdout may look like a file.
DEVICES = (Path("/dev"), Path("/proc"))
FILE_MODE = 0o644
FOLDER_MODE = 0o755
#: Inputs that are whole in one file; the folder around any other file given belongs to the export.
ALONE = (".toml", ".zip", ".json", ".csv", ".parquet", ".tsv", ".txt", ".xlsx", ".nii", ".gz", ".pem", ".key")


def clear(folder: Path) -> None:
    """Remove what a call that was killed left half written; for a folder that no other call writes."""
    for path in folder.glob(f"{PREFIX}*"):
        if path.is_file():
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a call reads: files and folders, links followed."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Iterable[Path | str | None]) -> Inputs:
        """The paths that were given."""
        return cls(tuple(Path(p) for p in paths if p is not None))

    def folders(self) -> list[Path]:
        """Folders that are input exports: as given, or around one file of an export."""
        out = [p.resolve() for p in self.paths if p.is_dir()]
        return out + [p.resolve().parent for p in self.files() if p.suffix.lower() not in ALONE]

    def files(self) -> list[Path]:
        """Files given by name."""
        return [p for p in self.paths if p.is_file()]

    def identities(self) -> set[tuple[int, int]]:
        """Device and number of every input file, also under another name."""
        return {
            (s.st_dev, s.st_ino)
            for top in self.paths
            for path in ([top] if top.is_file() else (p for p in top.rglob("*") if p.is_file()))
            for s in (path.stat(),)
        }


@dataclass(slots=True)
class _Target:
    shown: Path
    place: Path
    kind: Kind
    staged: Path | None = None


@dataclass(slots=True)
class Outputs:
    """The outputs of one call.

    Parameters
    ----------
    inputs : Inputs
        Nothing is written over them, nor into a folder of them.
    force : bool
        Replace files of another kind too.
    beside_inputs : bool
        Write into an input folder; an input file itself is never replaced.
    """

    inputs: Inputs
    force: bool = False
    beside_inputs: bool = False
    _targets: list[_Target] = field(default_factory=list)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def expect(self, path: Path | None, kind: str) -> None:
        """Say before the work what will be written where.

        Raises
        ------
        InputError
            The place is an input, lies in an input export, holds another kind of file, or cannot be written.
        """
        if path is None:
            return
        what = KINDS[kind]
        place = _place(path)
        self._refuse_input(path, place, what)
        if any(t.place == place or _same(t.place, place) for t in self._targets):
            raise InputError(f"two outputs are to be written to {path.name}", "give each its own name")
        self._refuse_existing(path, place, what)
        _refuse_unwritable(path, _standing(place.parent) if what.folder else place.parent, place)
        self._targets.append(_Target(path, place, what))

    def add(self, path: Path, content: str | bytes) -> None:
        """Write the content of an expected file beside its place.

        Raises
        ------
        InputError
            It cannot be written; nothing of it is left.
        """
        target = self._target(path)
        data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        try:
            handle, name = tempfile.mkstemp(dir=target.place.parent, prefix=PREFIX)
            target.staged = Path(name)
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(name, FILE_MODE)
        except OSError as error:
            self.drop()
            raise _cannot(path, error) from error

    def stage(self, path: Path) -> Path:
        """A new file beside the place of an expected one, to be written piece by piece.

        Raises
        ------
        InputError
            It cannot be made.
        """
        target = self._target(path)
        try:
            handle, name = tempfile.mkstemp(dir=target.place.parent, prefix=PREFIX)
            os.close(handle)
            os.chmod(name, FILE_MODE)
        except OSError as error:
            raise _cannot(path, error) from error
        target.staged = Path(name)
        return target.staged

    def folder(self, path: Path) -> Path:
        """A new folder beside the place of an expected one, of the same name, to be filled."""
        target = self._target(path)
        try:
            target.place.parent.mkdir(parents=True, exist_ok=True)
            around = Path(tempfile.mkdtemp(dir=target.place.parent, prefix=PREFIX))
        except OSError as error:
            raise _cannot(path, error) from error
        target.staged = around / target.place.name
        return target.staged

    def commit(self) -> tuple[Path, ...]:
        """Put everything in its place, or leave everything as it was; the places.

        Raises
        ------
        InputError
            A file cannot be put there; those already put are taken back.
        """
        done: list[tuple[_Target, Path | None]] = []
        staged = [t for t in self._targets if t.staged is not None]
        try:
            for target in staged:
                try:
                    done.append((target, _put(target)))
                except OSError as error:
                    raise _cannot(target.shown, error) from error
        except BaseException:
            for target, before in reversed(done):
                _take_back(target, before)
            raise
        finally:
            self.drop()
        for _, before in done:
            _forget(before)
        written = tuple(t.shown for t in staged)
        WRITTEN.extend(written)
        return written

    def drop(self) -> None:
        """Forget what was staged and not put in place."""
        for target in self._targets:
            if target.staged is not None:
                top = target.staged.parent if target.kind.folder else target.staged
                _forget(top)
                target.staged = None

    def _target(self, path: Path) -> _Target:
        return next(t for t in self._targets if t.shown == path)

    def _refuse_input(self, path: Path, place: Path, kind: Kind) -> None:
        inputs = self.inputs
        never = "an input is never written over; choose another path"
        if any(_same(place, p.resolve()) for p in inputs.files()):
            raise InputError(f"{path.name} is an input of this call", never)
        if kind.folder and any(place in (q := p.resolve()).parents or q == place for p in inputs.paths):
            raise InputError(f"the folder {path.name} holds an input of this call", never)
        if place.exists() and not kind.folder:
            s = place.stat()
            if (s.st_dev, s.st_ino) in inputs.identities():
                raise InputError(f"{path.name} is an input of this call", never)
        if not self.beside_inputs:
            for folder in inputs.folders():
                if any(parent == folder or _same(parent, folder) for parent in place.parents):
                    raise InputError(
                        f"{path.name} would lie in the input export {folder.name}",
                        "choose a path outside it, or say --beside-inputs",
                    )

    def _refuse_existing(self, path: Path, place: Path, kind: Kind) -> None:
        if not os.path.lexists(place):
            return
        if kind.folder:
            if not is_model(place):
                raise InputError(f"{path.name} exists and is no model folder", "choose a new folder")
            if not self.force:
                raise InputError(f"{path.name} is a model already", "choose a new folder, or say --force to replace it")
            return
        if not place.is_file():
            raise InputError(f"{path.name} is no ordinary file", "choose a path to a file")
        if self.force:
            return
        try:
            with place.open("rb") as there:
                ours = kind.own(there.read(OWN_MOST))
        except OSError as error:
            raise _cannot(path, error) from error
        if not ours:
            raise InputError(
                f"{path.name} exists and is not {kind.name}", "choose another path, or say --force to replace it"
            )


#: Every file that was put in its place since the program started: what an error may say of it is true.
WRITTEN: list[Path] = []


def _place(path: Path) -> Path:
    """Where a path leads, links and relative parts followed."""
    try:
        place = path.resolve()
        with contextlib.suppress(FileNotFoundError):
            place.stat()
    except OSError as error:
        raise _cannot(path, error) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path.name[:80]} leads nowhere", "choose another path") from error
    if any(root in (*path.absolute().parents, *place.parents) for root in DEVICES):
        raise InputError(f"{path.name} is no ordinary file", "choose a path to a file; results go to stdout anyway")
    return place


def _same(a: Path, b: Path) -> bool:
    """One place: the same file, or names that differ in case only, which some disks do not tell apart."""
    if str(a).casefold() == str(b).casefold():
        return True
    try:
        return a.exists() and b.exists() and os.path.samefile(a, b)
    except OSError:
        return False


def _standing(folder: Path) -> Path:
    """The folder, or the one above it that is there already."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _refuse_unwritable(path: Path, folder: Path, place: Path) -> None:
    """Try the folder: a right to write is believed when something was written."""
    if not folder.is_dir():
        raise InputError(f"the folder of {path.name} does not exist", "create it or choose another path")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.lstat(place)
        handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise _cannot(path, error) from error


def _cannot(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path.name[:80]}: {error.strerror}", "choose another path")


def _put(target: _Target) -> Path | None:
    """Put the staged in its place; where what stood there is kept."""
    assert target.staged is not None
    before = None
    if os.path.lexists(target.place):
        around = Path(tempfile.mkdtemp(dir=target.place.parent, prefix=PREFIX))
        before = around / target.place.name
        os.replace(target.place, before)
    try:
        if target.kind.folder:
            os.chmod(target.staged, FOLDER_MODE)
        os.replace(target.staged, target.place)
    except OSError:
        if before is not None:
            os.replace(before, target.place)
            _forget(before.parent)
        raise
    return None if before is None else before.parent


def _take_back(target: _Target, before: Path | None) -> None:
    _forget(target.place)
    if before is not None:
        os.replace(before / target.place.name, target.place)
        _forget(before)


def _forget(path: Path | None) -> None:
    if path is None:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
