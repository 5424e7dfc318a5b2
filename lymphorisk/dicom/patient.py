"""Facts about the patient out of the headers; name and ID apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.export import ImageSeries, StudyFacts
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.rtstruct import drawn_on
from lymphorisk.dicom.tree import Item
from lymphorisk.errors import DicomReadError, ScenarioError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Patient, contradictions
from lymphorisk.plan.facts import CONTRADICTION, HINT

AGE_UNITS_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}
CM_PER_M = 100.0
#: A body length written in metres is below this; above it is centimetres by mistake. [m]
MAX_HEIGHT_M = 3.0


def read_patient(files: Sequence[DicomFile]) -> tuple[Patient, list[Finding]]:
    """Sex, age, height and weight from the first header that says them; None where none does, or it contradicts."""
    found: list[Finding] = []
    facts: dict[str, float | str] = {}
    for file in files:
        said = _facts(file.root)
        differing = contradictions(facts, "in the first file", {n: v for n, v in said.items() if n != "sex"}, file.role)
        differing += _ages_differ(file.root)
        told = {f.what for f in found}
        said_so = [what for what in (f"{d}: the former is used" for d in differing) if what not in told]
        found += [finding(CONTRADICTION, what, file.role, HINT) for what in said_so]
        for name, value in said.items():
            if name in facts:
                continue
            try:
                Patient(**{**facts, name: value})  # type: ignore[arg-type]
            except ScenarioError:
                found.append(finding(checks.PATIENT_FACT, f"{name} is not plausible and was left out", file.role))
            else:
                facts[name] = value
    return Patient(**facts), found  # type: ignore[arg-type]


def _facts(root: Item) -> dict[str, float | str]:
    out: dict[str, float | str] = {}
    sex = root.code(tags.PATIENT_SEX)
    if sex in ("M", "F"):
        out["sex"] = sex
    age = _age(root)
    if age is not None:
        out["age_y"] = age
    size, weight = _optional(root, tags.PATIENT_SIZE), _optional(root, tags.PATIENT_WEIGHT)
    if size:
        out["height_cm"] = size * CM_PER_M if size < MAX_HEIGHT_M else size
    if weight:
        out["weight_kg"] = weight
    return out


def _optional(root: Item, tag: int) -> float | None:
    try:
        return root.number(tag)
    except DicomReadError:
        return None


def _age(root: Item) -> float | None:
    """Age at planning: Patient's Age, else from birth date to the date of plan or study. [y]"""
    return _written_age(root) or _age_by_dates(root)


def _ages_differ(root: Item) -> tuple[str, ...]:
    """What to say where Patient's Age and the birth date make two ages; the dates themselves are not printed."""
    written, by_dates = _written_age(root), _age_by_dates(root)
    if written is None or by_dates is None:
        return ()
    return contradictions({"age_y": written}, "by Patient's Age", {"age_y": by_dates}, "the dates of the same header")


def _written_age(root: Item) -> float | None:
    text = root.code(tags.PATIENT_AGE)
    if len(text) == 4 and text[:3].isdigit() and text[3] in AGE_UNITS_PER_YEAR:
        return float(text[:3]) / AGE_UNITS_PER_YEAR[text[3]] or None
    return None


def _age_by_dates(root: Item) -> float | None:
    born = _date(root.code(tags.PATIENT_BIRTH_DATE))
    planned = _date(root.code(tags.RT_PLAN_DATE)) or _date(root.code(tags.STUDY_DATE))
    if born is None or planned is None or planned <= born:
        return None
    years = planned.year - born.year - ((planned.month, planned.day) < (born.month, born.day))
    return float(years) or None


def _date(text: str) -> date | None:
    digits = text.replace(".", "")
    if len(digits) != 8 or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


#: Longest texts of a study by DICOM: short string, long string, person name. [characters]
SHORT, LONG = 16, 64
DATE, TIME = re.compile(r"\d{8}"), re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")
SEXES = ("M", "F", "O")


def read_study(files: Sequence[DicomFile]) -> StudyFacts:
    """Attributes of the study from the first header that says each; what is no date, time or sex is left out."""

    def first(tag: int, longest: int) -> str:
        texts = (_plain(f.root.text(tag)[0], longest) for f in files)
        return next((t for t in texts if t), "")

    def code(tag: int, fits: re.Pattern[str]) -> str:
        texts = (f.root.code(tag).replace(":", "") for f in files)
        return next((t for t in texts if fits.fullmatch(t)), "")

    return StudyFacts(
        date=code(tags.STUDY_DATE, DATE),
        time=code(tags.STUDY_TIME, TIME),
        accession=first(tags.ACCESSION_NUMBER, SHORT),
        number=first(tags.STUDY_ID, SHORT),
        description=first(tags.STUDY_DESCRIPTION, LONG),
        referring_physician=first(tags.REFERRING_PHYSICIAN_NAME, LONG),
        birth_date=code(tags.PATIENT_BIRTH_DATE, DATE),
        sex=next((s for f in files if (s := f.root.code(tags.PATIENT_SEX)) in SEXES), ""),
        drawn_on=next((images for f in files if f.role == "RTSTRUCT" and (images := _drawn_on(f))), ()),
    )


def _drawn_on(file: DicomFile) -> tuple[ImageSeries, ...]:
    """What the structures refer to; a sequence that cannot be read refers to nothing."""
    try:
        return drawn_on(file.root)
    except DicomReadError:
        return ()


def _plain(text: str, longest: int) -> str:
    """One value, one line, no longer than DICOM allows."""
    first = text.split("\\")[0]
    return "".join(c for c in first if c.isprintable()).strip()[:longest]
