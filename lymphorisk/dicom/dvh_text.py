"""DVHs that planning systems write as text, for cross-checks: Eclipse, RayStation, SlicerRT's CSV.

Headings move with version and language (``Prescribed dose [Gy]`` became ``Total dose [Gy]``, ``#Unit:``
became ``#Dose unit:``), so units are read from the brackets and a line that cannot be read is named by
its number, not skipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import checks
from lymphorisk.dicom.dvhs import EVEN_BIN_GY, RISE_TOLERANCE, statistics
from lymphorisk.dicom.rtdose import MAX_DOSE
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import DicomReadError
from lymphorisk.findings import Finding, finding
from lymphorisk.units import CGY_PER_GY

HINT = "export the DVH again as cumulative, in Gy, with the structure's volume"
#: A DVH text of a whole plan is a few megabytes. [bytes]
MAX_TEXT = 256 << 20
#: Single points with a slip in their dose are met in published tables; more than one in fifty is another format.
MAX_STRAY_SHARE = 0.02

STRUCTURE = re.compile(r"^(?:Structure|Struktur|Estructura|Struttura|構造)\s*:\s*(.*)$", re.IGNORECASE)
PRESCRIBED = re.compile(r"^(?:Prescribed dose|Total dose|Verordnete Dosis)\s*\[(c?Gy)\]\s*:\s*(\S+)", re.IGNORECASE)
PERCENT_FOR = re.compile(r"^% for dose \(%\)\s*:\s*(\S+)", re.IGNORECASE)
VOLUME = re.compile(r"^[^:\[]*\[\s*(?:cm|ccm|cc)[^\]]*\]\s*:\s*(\S+)", re.IGNORECASE)
UNCERTAINTY = re.compile(r"^Uncertainty plan\s*:", re.IGNORECASE)
UNITS = re.compile(r"\[([^\]]*)\]")
RAYSTATION = re.compile(r"^#\s*([^:]+?)\s*:\s*(.*)$")
CSV_COLUMN = re.compile(r"^(.*?)(?:_DvhArray)? (?:Dose \((c?Gy)\)|Value \(% of ([\d.eE+-]+) cc\))$")


@dataclass(slots=True)
class _Curve:
    """A curve while its lines come in: doses as written, volumes as written."""

    name: str
    volume_cm3: float | None = None
    to_gy: float | None = None
    volume_in_percent: bool = True
    dose_column: int = 0
    volume_column: int = 1
    skipped: bool = False
    dose: list[float] = field(default_factory=list)
    volume: list[float] = field(default_factory=list)


def read_dvh_text(
    path: str | os.PathLike[str], volumes_cm3: Mapping[str, float] | None = None
) -> tuple[tuple[DVH, ...], tuple[Finding, ...]]:
    """Cumulative DVHs out of a planning system's text file.

    Parameters
    ----------
    path : path
        An Eclipse or RayStation DVH export, or a SlicerRT DVH table (CSV).
    volumes_cm3 : mapping of name to volume, optional
        For files that give volumes in percent and not the volume they are percent of. [cm3]

    Returns
    -------
    tuple of DVH, tuple of Finding
        Curves on even bins (``engine="tps"``); what was left out and why.

    Raises
    ------
    DicomReadError
        No known format, or a line that is none of it (by number).
    """
    lines = _lines(Path(path))
    if any(line.startswith("#RoiName") for line in lines):
        curves = _raystation(lines)
    elif lines and CSV_COLUMN.match(lines[0].split(",")[0].strip()):
        curves = _slicer(lines)
    elif any(STRUCTURE.match(line) for line in lines):
        curves = _eclipse(lines)
    else:
        raise DicomReadError("DVH text: neither Eclipse nor RayStation nor SlicerRT wrote this", HINT)
    found: list[Finding] = []
    out: list[DVH] = []
    for curve in curves:
        made = None if curve.skipped else _dvh(curve, volumes_cm3 or {}, found)
        if isinstance(made, DVH):
            out.append(made)
        else:
            reason = made or "an uncertainty scenario"
            found.append(finding(checks.TPS_DVH_UNITS, f"a curve was left out: {reason}", f"DVH text, {curve.name!r}"))
    return tuple(out), tuple(found)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_TEXT:
            raise DicomReadError("DVH text: the file is too large", HINT)
        raw = path.read_bytes()
    except OSError as error:
        raise DicomReadError(f"DVH text cannot be read: {error.strerror}", "check the path") from error
    encodings = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            return [line.strip() for line in raw.decode(encoding).splitlines()]
        except UnicodeDecodeError:
            continue
    raise DicomReadError("DVH text: the encoding is not known", "save it as UTF-8")


def _number(text: str, line: int) -> float:
    """A number as written: 4.3E-4, or with a decimal comma."""
    try:
        value = float(text.replace(",", ".") if "." not in text else text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DicomReadError(f"DVH text: line {line} holds something that is not a number", HINT)
    return value


def _pair(curve: _Curve, line: str, number: int) -> None:
    cells = line.split()
    if len(cells) <= max(curve.dose_column, curve.volume_column):
        raise DicomReadError(f"DVH text: line {number} has too few columns", HINT)
    curve.dose.append(_number(cells[curve.dose_column], number))
    curve.volume.append(_number(cells[curve.volume_column], number))


def _eclipse(lines: list[str]) -> Iterator[_Curve]:
    prescribed: float | None = None
    percent = CGY_PER_GY
    curve: _Curve | None = None
    table = False
    for number, line in enumerate(lines, start=1):
        if match := STRUCTURE.match(line):
            if curve is not None:
                yield curve
            curve, table = _Curve(match[1].strip()), False
        elif match := PRESCRIBED.match(line):
            prescribed = _number(match[2], number) / (CGY_PER_GY if match[1].lower() == "cgy" else 1.0)
        elif match := PERCENT_FOR.match(line):
            percent = _number(match[1], number)
        elif curve is None or not line:
            continue
        elif UNCERTAINTY.match(line):
            curve.skipped = True
        elif table:
            _pair(curve, line, number)
        elif match := VOLUME.match(line):
            curve.volume_cm3 = curve.volume_cm3 if curve.volume_cm3 is not None else _number(match[1], number)
        elif ":" not in line and len(units := [u.strip() for u in UNITS.findall(line)]) >= 2:
            _columns(curve, units, prescribed, percent, number)
            table = True
    if curve is not None:
        yield curve


def _columns(curve: _Curve, units: list[str], prescribed: float | None, percent: float, line: int) -> None:
    """What the columns are: the first in Gy is the dose, the last is the volume."""
    absolute = [n for n, unit in enumerate(units) if unit.lower() in ("gy", "cgy")]
    if absolute:
        curve.dose_column = absolute[0]
        curve.to_gy = 1.0 / CGY_PER_GY if units[absolute[0]].lower() == "cgy" else 1.0
    elif prescribed is not None and percent > 0:
        curve.to_gy = prescribed / percent
    else:
        raise DicomReadError(f"DVH text: line {line} gives relative dose and no prescription is known", HINT)
    curve.volume_column = len(units) - 1
    curve.volume_in_percent = units[-1] == "%"


def _raystation(lines: list[str]) -> Iterator[_Curve]:
    curve: _Curve | None = None
    unit = ""
    for number, line in enumerate(lines, start=1):
        if match := RAYSTATION.match(line):
            key, value = match[1].lower(), match[2].strip()
            if key == "roiname":
                if curve is not None:
                    yield curve
                curve = _Curve(value, to_gy=_gray(unit))
            elif key == "roivolume" and curve is not None:
                curve.volume_cm3 = _number(value.split()[0], number) if value else None
            elif key in ("unit", "dose unit"):
                unit = value
                if curve is not None:
                    curve.to_gy = _gray(unit)
        elif line and not line.startswith("#") and curve is not None:
            _pair(curve, line, number)
    if curve is not None:
        yield curve


def _gray(unit: str) -> float | None:
    return {"gy": 1.0, "cgy": 1.0 / CGY_PER_GY}.get(unit.lower())


def _slicer(lines: list[str]) -> Iterator[_Curve]:
    heads = [CSV_COLUMN.match(cell.strip()) for cell in lines[0].rstrip(",").split(",")]
    rows = [line.rstrip(",").split(",") for line in lines[1:] if line.strip(",")]
    for n in range(0, len(heads) - 1, 2):
        dose, volume = heads[n], heads[n + 1]
        if dose is None or volume is None or dose[2] is None or volume[3] is None:
            raise DicomReadError("DVH text: line 1 does not name its columns in pairs of dose and volume", HINT)
        curve = _Curve(dose[1], _number(volume[3], 1), _gray(dose[2]))
        for number, cells in enumerate(rows, start=2):
            if len(cells) > n + 1 and cells[n].strip() and cells[n + 1].strip():
                curve.dose.append(_number(cells[n].strip(), number))
                curve.volume.append(_number(cells[n + 1].strip(), number))
        yield curve


def _dvh(curve: _Curve, volumes_cm3: Mapping[str, float], found: list[Finding]) -> DVH | str:
    """The curve on even bins, or why there is none."""
    if curve.to_gy is None:
        return "its dose unit is not stated"
    total = curve.volume_cm3 if curve.volume_cm3 is not None else volumes_cm3.get(curve.name)
    if curve.volume_in_percent and total is None:
        return "its volume is in percent of a volume that is not stated"
    if len(curve.dose) < 2:
        return "it has fewer than two points"
    dose = np.array(curve.dose) * curve.to_gy
    volume = np.array(curve.volume)
    if curve.volume_in_percent:
        volume = volume / 100 * (total or 0.0)
    if dose.max() > MAX_DOSE:
        return "its dose is impossible"
    order = dose >= np.maximum.accumulate(dose)
    if dose[0] < 0 or np.mean(~order) > MAX_STRAY_SHARE:
        return "its doses do not increase"
    if stray := int(np.sum(~order)):
        found.append(
            finding(
                checks.TPS_DVH_UNITS, f"{stray} points with a dose out of order left out", f"DVH text, {curve.name!r}"
            )
        )
    dose, volume = dose[order], volume[order]
    if volume[0] <= 0 or np.any(np.diff(volume) > RISE_TOLERANCE * volume[0]):
        return "it is not a cumulative curve"
    volume = np.minimum.accumulate(volume)
    bins = int(np.ceil(dose[-1] / EVEN_BIN_GY)) + 1
    edges: NDArray[np.float64] = np.arange(bins + 1, dtype=np.float64) * EVEN_BIN_GY
    even = np.interp(edges, dose, volume, left=float(volume[0])).astype(np.float64)
    even[-1] = 0.0
    mean, low, high = statistics(edges, even)
    return DVH(curve.name, edges, even, mean, low, high, 1.0, float(even[0]), end_caps="tps", engine="tps")
