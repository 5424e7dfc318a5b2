"""Whether files, and exports, are of one patient: compared, never printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lymphorisk.dicom import tags
from lymphorisk.dicom.export import Export, PatientIdentity
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.findings import Finding, finding, rule

OTHER_PATIENT = rule(
    "LR041",
    "error",
    "files of different patients",
    "Patient ID, name, birth date or sex differ between the files that were joined, or the plans that were compared.",
)
IDENTITY_MISSING = rule(
    "LR042",
    "info",
    "patient identity not in every file",
    "Some of the files say who the patient is and others do not: they could not be compared.",
)
OTHER_FRAME = rule(
    "LR043",
    "warning",
    "plans in different frames of reference",
    "The plans that are compared lie on different images: their structures were drawn twice.",
)

FACTS = ("patient ID", "name", "birth date", "sex")
#: Sexes that say nothing.
UNKNOWN_SEX = frozenset(("", "o", "u", "unknown"))


def read_identity(file: DicomFile) -> PatientIdentity:
    """Name, ID, its issuer, birth date and sex, for whoever asks to see or compare them."""
    name, _ = file.root.text(tags.PATIENT_NAME)
    number, _ = file.root.text(tags.PATIENT_ID)
    issuer, _ = file.root.text(tags.ISSUER_OF_PATIENT_ID)
    born, sex = file.root.code(tags.PATIENT_BIRTH_DATE), file.root.code(tags.PATIENT_SEX)
    return PatientIdentity(name, number, born, sex, issuer)


def facts_of(identity: PatientIdentity) -> Mapping[str, str]:
    """What can be compared, written one way: case, empty name parts, blanks and dots say nothing.

    Examples
    --------
    >>> facts_of(PatientIdentity("Doe^Jane^^ ", "a1 ", "1970.01.02", "F"))
    {'patient ID': 'a1', 'name': 'doe^jane', 'birth date': '19700102', 'sex': 'f'}
    """
    parts = [" ".join(part.split()) for part in identity.name.split("=")[0].casefold().split("^")]
    sex = identity.sex.strip().casefold()
    written = (
        " ".join(identity.id.casefold().split()),
        "^".join(parts).rstrip("^ "),
        identity.birth_date.replace(".", "").replace("-", "").strip(),
        "" if sex in UNKNOWN_SEX else sex,
    )
    return dict(zip(FACTS, written, strict=True))


def differences(first: PatientIdentity, second: PatientIdentity) -> tuple[str, ...]:
    """Which facts both give and differ in."""
    a, b = facts_of(first), facts_of(second)
    return tuple(fact for fact in FACTS if a[fact] and b[fact] and a[fact] != b[fact])


def check_files(files: Sequence[DicomFile]) -> list[Finding]:
    """Findings on the identities of the files that were joined; nothing of them is in the text."""
    known: dict[str, list[tuple[str, str]]] = {fact: [] for fact in FACTS}
    for file in files:
        for fact, value in facts_of(read_identity(file)).items():
            known[fact].append((file.role, value))
    out: list[Finding] = []
    for fact, held in known.items():
        values = {value for _, value in held if value}
        if len(values) > 1:
            usual = max(values, key=lambda v: (sum(value == v for _, value in held), v))
            odd = ", ".join(dict.fromkeys(role for role, value in held if value not in ("", usual)))
            rest = ", ".join(dict.fromkeys(role for role, value in held if value == usual))
            hint = "do not use the result: find out which file is of another patient"
            out.append(finding(OTHER_PATIENT, f"the {fact} in {odd} is not that in {rest}", "export", hint))
        if values and (missing := dict.fromkeys(role for role, value in held if not value)):
            what = f"no {fact} in {', '.join(missing)}: it could not be compared"
            out.append(finding(IDENTITY_MISSING, what, "export"))
    return out


def check_exports(exports: Sequence[Export | None], names: Sequence[str]) -> tuple[Finding, ...]:
    """Findings on exports that are compared: of different patients, or in different frames of reference.

    Parameters
    ----------
    exports : sequence of Export or None
        None for what is no export; the first is what the others are compared with.
    names : sequence of str
        As they are called.
    """
    first = exports[0]
    out: list[Finding] = []
    for other, name in zip(exports[1:], names[1:], strict=True):
        if first is None or other is None:
            continue
        if differing := differences(first.phi, other.phi):
            what = f"{name} is of another patient than {names[0]}: {', '.join(differing)} differ"
            out.append(finding(OTHER_PATIENT, what, name, "compare plans of one patient"))
        a, b = _frames(first), _frames(other)
        if a and b and not a & b:
            what = f"{name} and {names[0]} lie in different frames of reference"
            out.append(finding(OTHER_FRAME, what, name, "compare plans made on one image"))
    return tuple(out)


def _frames(export: Export) -> frozenset[str]:
    doses = [phase.dose for phase in export.plan.phases if phase.dose is not None]
    return frozenset(dose.frame_of_reference for dose in doses) - {""}
