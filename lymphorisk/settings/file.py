"""Where a clinic file is found, and what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lymphorisk.errors import InputError, ScenarioError

if TYPE_CHECKING:
    from lymphorisk.settings.schema import Clinic
    from lymphorisk.tomlfile import Written

FILE = "lymphorisk.toml"
VARIABLE = "LYMPHORISK_CONFIG"
#: A value of the variable that means no file at all.
NONE = "none"


@dataclass(frozen=True, slots=True)
class ClinicFile:
    """A clinic file that was read.

    Attributes
    ----------
    path : Path
    sha256 : str
    clinic : Clinic
        Every setting, with what holds where the file says nothing; paths are whole, `lln` is in 10^9/L.
    said : tuple of str
        The keys that stand in the file, such as ``counts.unit``.
    """

    path: Path
    sha256: str
    clinic: Clinic
    said: tuple[str, ...]


def find(given: Path | None, environment: Mapping[str, str], working: Path, user: Path | None) -> Path | None:
    """The clinic file in force: as given, of the environment, of the working folder, of the user's folder; or none.

    Raises
    ------
    InputError
        A file that was named is not there.
    """
    named = given or (Path(environment[VARIABLE]) if environment.get(VARIABLE) else None)
    if named is not None:
        if str(named) == NONE:
            return None
        if not named.is_file():
            by = "--config" if given else VARIABLE
            raise InputError(
                f"{by} names {named.name!r}, which is no file", f"`lymphorisk init` writes one; {NONE}: none"
            )
        return named
    return next((p / FILE for p in (working, user) if p is not None and (p / FILE).is_file()), None)


def read_clinic(path: Path) -> ClinicFile:
    """Read a clinic file.

    Raises
    ------
    ScenarioError
        Not TOML, or not what the schema asks for: with file, line and key.
    """
    import msgspec

    from lymphorisk import tomlfile
    from lymphorisk.settings.schema import Clinic

    data = tomlfile.read_bytes(path)
    written = tomlfile.parsed(data, path.name)
    clinic = tomlfile.read(written, Clinic)
    _check(written, clinic)
    counts = msgspec.structs.replace(clinic.counts, lln=_lln(written, clinic))
    whole = _with_paths(msgspec.structs.replace(clinic, counts=counts), path.absolute().parent)
    return ClinicFile(path, hashlib.sha256(data).hexdigest(), whole, _said(written.table))


def _check(written: Written, clinic: Clinic) -> None:
    """What one key alone cannot say."""
    seen: dict[str, str] = {}
    for organ, names in clinic.organs.items():
        for n, name in enumerate(names):
            if seen.setdefault(name, organ) != organ:
                raise written.error(("organs", organ, n), f"= {name!r} is a name of {seen[name]} already")
    for n, to in enumerate(clinic.sender):
        dicom = [name for name in ("aet", "host", "port") if getattr(to, name) is None]
        if to.web is None and dicom:
            raise written.error(("sender", n), f"needs {dicom[0]}", "give aet, host and port, or web = the address")
        if to.web is not None and len(dicom) < len(("aet", "host", "port")):
            raise written.error(("sender", n), "has an address of both kinds", "write one [[sender]] for each")
    if clinic.audit.key is not None and clinic.audit.folder is None:
        raise written.error(("audit", "key"), "seals no trail", "give audit.folder")


def _lln(written: Written, clinic: Clinic) -> float | None:
    from lymphorisk.units import alc_from, checked

    if clinic.counts.lln is None:
        return None
    try:
        return checked("lln", alc_from(clinic.counts.lln, clinic.counts.unit))
    except ScenarioError as error:
        raise written.error(("counts", "lln"), f": {error.message}", error.hint) from None


def _with_paths(clinic: Clinic, folder: Path) -> Clinic:
    """The same with whole paths: relative ones are from the file's own folder."""
    import msgspec

    from lymphorisk.settings.schema import Clinic as Schema
    from lymphorisk.settings.schema import paths, plain

    table: dict[str, Any] = plain(clinic)
    for key in paths():
        _lengthen(table, key, folder)
    for to in table["sender"]:
        for part in ("certificate", "key", "trusted"):
            _lengthen(to, ("tls", part), folder)
    for site, name in table["protocols"].items():
        if (folder / name).is_file():
            table["protocols"][site] = str(folder / name)
    return msgspec.convert(table, Schema)


def _lengthen(table: dict[str, Any], key: tuple[str, ...], folder: Path) -> None:
    for part in key[:-1]:
        table = table.get(part) or {}
    if table.get(key[-1]):
        try:
            table[key[-1]] = str(folder / Path(table[key[-1]]).expanduser())
        except RuntimeError as error:
            raise InputError(
                f"{'.'.join(key)} = {table[key[-1]]!r}: this user has no home folder", "write the whole path"
            ) from error


def _said(table: Mapping[str, Any], before: str = "") -> tuple[str, ...]:
    """The keys that stand in a table, tables in it opened."""
    out: list[str] = []
    for key, value in table.items():
        out += _said(value, f"{before}{key}.") if isinstance(value, Mapping) else [f"{before}{key}"]
    return tuple(out)
