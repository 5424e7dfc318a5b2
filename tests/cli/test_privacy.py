"""Nothing that says who the patient is leaves through any command, format or message, unless it was asked for.

Every text, date and number in letters of every file carries its own marker, every tag of the patient and of the people
around is there, and file and folder names carry one too. What comes out is searched for all of them.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pypdf
import pytest

from lymphorisk.cli.main import run

TEXTS = ("LO", "SH", "ST", "LT", "PN", "UT", "UC", "AE")
#: Tags that an export of a clinic has and the fixtures do not.
MORE = (
    "PatientName", "PatientID", "OtherPatientNames", "PatientBirthName", "PatientAddress", "PatientComments",
    "PatientMotherBirthName", "PatientTelephoneNumbers", "EthnicGroup", "Occupation", "AdditionalPatientHistory",
    "MedicalRecordLocator", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName",
    "ReferringPhysicianName", "ReferringPhysicianAddress", "PerformingPhysicianName", "OperatorsName",
    "NameOfPhysiciansReadingStudy", "RequestingPhysician", "PhysiciansOfRecord", "StudyDescription",
    "SeriesDescription", "StudyID", "AccessionNumber", "StationName", "ProtocolName", "DeviceSerialNumber",
    "ReviewerName", "ImageComments", "AdmissionID", "IssuerOfPatientID", "ClinicalTrialSubjectID",
)  # fmt: skip
OF_A_PLAN = ("RTPlanName", "RTPlanDescription")
BIRTH = "19330217"
#: What a physicist calls things; it is shown. A planner who writes a name there is told by the documentation.
SHOWN = {"RTPlanLabel", "ROIName", "BeamName"}
#: What made a plan; the tables of a cohort have it.
SYSTEM = {"Manufacturer", "ManufacturerModelName", "SoftwareVersions"}
#: What our DICOM objects must carry to be filed under the patient they are of, and the study they join.
FILED = {
    "PatientName", "PatientID", "PatientBirthDate", "IssuerOfPatientID", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription",
}  # fmt: skip
MARK = re.compile(r"Z(\d\d\d)Q", re.I)
FILE = "Z998Q"


def marked(folder: Path, source: Path) -> dict[str, str]:
    """An export with its own marker in every text of every tag; the keyword of each marker."""
    of: dict[str, str] = {}
    folder.mkdir(parents=True)

    for path in sorted(source.glob("*.dcm")):
        data = pydicom.dcmread(path)
        for keyword in MORE + (OF_A_PLAN if data.Modality == "RTPLAN" else ()):
            setattr(data, keyword, "x")
        block = data.private_block(0x3287, "A vendor", create=True)
        block.add_new(0x01, "LO", "x")
        for element in data.iterall():
            name = element.keyword or str(element.tag)
            if element.VR in TEXTS and name not in SHOWN:
                element.value = of.setdefault(name, f"Z{len(of):03d}Q")
        data.PatientBirthDate = BIRTH
        data.save_as(folder / f"{path.stem}_{FILE}.dcm")
    return {marker: name for name, marker in of.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, rtplans: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    top = tmp_path_factory.mktemp("private")
    keys = marked(top / FILE / "export", rtplans / "brain")
    broken = top / FILE / "broken"
    shutil.copytree(top / FILE / "export", broken)
    dose = broken / f"RD_{FILE}.dcm"
    dose.write_bytes(dose.read_bytes()[:-500])
    (broken / f"{FILE}.toml").write_text("[plan\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        yield top, keys


def leaked(text: str, keys: dict[str, str]) -> set[str]:
    """Keywords whose marker stands in a text."""
    found = {m.group(0).upper() for m in MARK.finditer(text)}
    out = {keys.get(marker, "the name of a file") for marker in found}
    return out | ({"PatientBirthDate"} if BIRTH in text or "1933-02-17" in text else set())


def read(path: Path) -> str:
    """All text of an output."""
    raw = path.read_bytes()
    if path.suffix == ".pdf":
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(raw)).pages)
    return raw.decode("latin-1")


EXPORT, BROKEN = f"{FILE}/export", f"{FILE}/broken"
QUICK = ("--alc", "1.4", "--draws", "64", "--horizon", "60")
#: Each command with the formats of its answer; {} is a new folder for outputs.
COMMANDS: dict[str, tuple[str, ...]] = {
    "analyze": ("analyze", EXPORT, *QUICK, "--report", "{}/a.html", "--out", "{}/a.json", "--curves"),
    "analyze json pdf": ("analyze", EXPORT, *QUICK, "--report", "{}/a.pdf", "--json"),
    "inspect": ("inspect", EXPORT),
    "inspect json": ("inspect", EXPORT, "--json"),
    "dvh": ("dvh", EXPORT, "--csv", "{}/d.csv"),
    "dvh json": ("dvh", EXPORT, "--json"),
    "blood": ("blood", EXPORT),
    "blood json": ("blood", EXPORT, "--json"),
    "compare": ("compare", EXPORT, EXPORT, *QUICK, "--report", "{}/v.html"),
    "compare json": ("compare", EXPORT, EXPORT, *QUICK, "--json"),
    "check": ("check", EXPORT, "--protocol", "brain", *QUICK, "--report", "{}/c.html", "--audit", "{}"),
    "check json": ("check", EXPORT, "--protocol", "brain", *QUICK, "--json"),
    "check junit": ("check", EXPORT, "--protocol", "brain", *QUICK, "--format", "junit"),
    "check sarif": ("check", EXPORT, "--protocol", "brain", *QUICK, "--format", "sarif"),
    "conditioning": ("conditioning", "--product", "axi-cel", EXPORT, "--first-day", "-21", "--report", "{}/r.html"),
    "conditioning json": ("conditioning", "--product", "axi-cel", EXPORT, "--first-day", "-21", "--json"),
    "objective": ("objective", EXPORT, "--goals", "{}/g.csv"),
    "killmap": ("killmap", EXPORT, "--out", "{}/k.dcm"),
    "commission": ("commission", FILE, "--report", "{}/m.html"),
    "cohort": ("cohort", "run", FILE, "--out", "{}/cohort", "--workers", "0", "--draws", "64", "--curves", "1"),
    "broken": ("analyze", BROKEN, *QUICK),
    "broken inspect": ("inspect", BROKEN),
    "broken, traceback": ("--debug", "check", BROKEN, "--protocol", "brain"),
    "broken TOML": ("analyze", f"{BROKEN}/{FILE}.toml"),
}
#: What a person typed may be called by its name in an error.
TYPED = {"broken TOML"}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_says_who_the_patient_is(
    name: str, place: tuple[Path, dict[str, str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, keys = place
    code = run([word.replace("{}", str(tmp_path)) for word in COMMANDS[name]])
    assert code == (3 if name.startswith("broken") else code)
    assert code in (0, 1, 3, 4, 5)
    out, err = capfd.readouterr()
    files = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".dcm"]
    assert len(files) >= sum("{}" in word and ".dcm" not in word for word in COMMANDS[name])
    allowed = {"the name of a file"} if name in TYPED or "--debug" in COMMANDS[name] else set()
    allowed |= SYSTEM if name == "cohort" else set()
    for said in (out, err, *map(read, files)):
        assert leaked(said, keys) <= allowed
    assert leaked(" ".join(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")), keys) == set()


@pytest.mark.slow
def test_objects_for_the_archive_carry_what_files_them_and_no_more(
    place: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """Who it is stands in the tags that DICOM has for it, in every object; not in the page inside, nor elsewhere."""
    _, keys = place
    ask = (
        "check",
        EXPORT,
        "--protocol",
        "brain",
        *QUICK,
        "--dicom-pdf",
        f"{tmp_path}/p.dcm",
        "--sr",
        f"{tmp_path}/s.dcm",
    )
    assert run(list(ask)) in (0, 1, 4)
    assert run(["killmap", EXPORT, "--out", f"{tmp_path}/k.dcm"]) == 0
    assert run(["objective", EXPORT, "--structures", f"{tmp_path}/o.dcm"]) == 0
    objects = sorted(tmp_path.glob("*.dcm"))
    assert len(objects) == 4
    for path in objects:
        data = pydicom.dcmread(path)
        said: dict[str, set[str]] = {}
        for element in data.iterall():
            if element.VR not in ("SQ", "OB", "OW"):
                for what in leaked(str(element.value), keys):
                    said.setdefault(what, set()).add(element.keyword)
        assert {"PatientName", "PatientID", "PatientBirthDate"} <= said.keys() <= FILED, path.name
        assert {what: {what} for what in said} == said, path.name
        if "EncapsulatedDocument" in data:
            inside = tmp_path / "inside.pdf"
            inside.write_bytes(data.EncapsulatedDocument)
            assert leaked(read(inside), keys) == set()


@pytest.mark.slow
def test_who_asks_for_the_identity_gets_name_and_id_alone(
    place: tuple[Path, dict[str, str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, keys = place
    assert run(["analyze", EXPORT, *QUICK, "--show-phi", "--report", f"{tmp_path}/a.html", "--json"]) == 0
    out, err = capfd.readouterr()
    assert leaked(err, keys) == set()
    for said in (out, read(tmp_path / "a.html")):
        assert leaked(said, keys) == {"PatientName", "PatientID"}
