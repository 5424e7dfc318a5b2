"""Nothing that says who the patient is leaves through any command, format or message, unless it was asked for.

Every text, date and number in letters of every file carries its own marker, every tag of the patient and of the people
around is there, and file and folder names carry one too. What comes out is searched for all of them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pypdf
import pytest

from lymphorisk.cli.main import run
from lymphorisk.dicom import tags

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
        assert run(["cohort", EXPORT, "--out", "cohort", "--workers", "0", "--draws", "16", "--horizon", "60"]) == 0
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
    "cohort by workers": ("cohort", "run", FILE, "--out", "{}/cohort", "--workers", "1", "--draws", "64"),
    "cohort page": ("cohort", "report", "cohort", "--report", "{}/page.html"),
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
    allowed |= SYSTEM if name.startswith("cohort") else set()
    for said in (out, err, *map(read, files)):
        assert leaked(said, keys) <= allowed
    assert leaked(" ".join(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")), keys) == set()


#: Commands that read a plan, and what a fault inside them leaves with.
FAULTY: dict[str, tuple[int, tuple[str, ...]]] = {
    "analyze": (70, ("analyze", EXPORT, "--report", "{}/a.html", "--out", "{}/a.json")),
    "analyze json": (70, ("analyze", EXPORT, "--json")),
    "inspect": (70, ("inspect", EXPORT, "--json")),
    "dvh": (70, ("dvh", EXPORT, "--csv", "{}/d.csv")),
    "blood": (70, ("blood", EXPORT)),
    "compare": (70, ("compare", EXPORT, EXPORT, "--report", "{}/v.html")),
    "check": (70, ("check", EXPORT, "--protocol", "brain", "--report", "{}/c.html", "--audit", "{}")),
    "check of two": (70, ("check", EXPORT, EXPORT, "--protocol", "brain")),
    "check json": (70, ("check", EXPORT, "--protocol", "brain", "--json")),
    "check junit": (70, ("check", EXPORT, "--protocol", "brain", "--format", "junit")),
    "check sarif": (70, ("check", EXPORT, "--protocol", "brain", "--format", "sarif")),
    "conditioning": (70, ("conditioning", "--product", "axi-cel", EXPORT, "--first-day", "-21")),
    "objective": (70, ("objective", EXPORT, "--structures", "{}/o.dcm")),
    "killmap": (70, ("killmap", EXPORT, "--out", "{}/k.dcm")),
    "commission": (70, ("commission", EXPORT, "--report", "{}/m.html")),
    "cohort": (3, ("cohort", "run", EXPORT, "--out", "{}/cohort", "--workers", "0", "--draws", "64")),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_that_quotes_the_patient_is_named_by_its_kind_alone(
    name: str,
    place: tuple[Path, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from lymphorisk.dicom import assemble

    def faulty(files: list[object]) -> None:
        name, _ = files[0].root.text(tags.PATIENT_NAME)  # type: ignore[attr-defined]
        raise ValueError(f"no number: {name} {BIRTH}")

    monkeypatch.setattr(assemble, "read_patient", faulty)
    want, words = FAULTY[name]
    code = run([word.replace("{}", str(tmp_path)) for word in words])
    assert code == want or (name == "commission" and code == 3)
    out, err = capfd.readouterr()
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    for said in (out, err, *(p.read_bytes().decode("latin-1") for p in files)):
        assert leaked(said, place[1]) == set()
    assert "ValueError" in out + err + "".join(p.read_text() for p in files if p.suffix == ".csv")


@pytest.mark.slow
def test_plans_of_one_patient_stay_together_under_a_key(
    place: tuple[Path, dict[str, str]], tmp_path: Path, rtplans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One patient's two plans and another's: one pseudonym in every cohort under the key, other ones under another.

    In the tables, from a folder of exports and from the objects of a service's store; nobody in tables and page.
    """
    ids = {"lung": "Z990Q", "brain": " z990q ", "pancreas": "Z991Q"}
    for case, who in ids.items():
        (tmp_path / "exports" / case).mkdir(parents=True)
        for n, path in enumerate(sorted((rtplans / case).glob("*.dcm"))):
            data = pydicom.dcmread(path)
            data.PatientID, data.PatientName = who, f"Z992Q^{who}"
            data.save_as(tmp_path / "exports" / case / f"{n}.dcm")
            (tmp_path / "objects").mkdir(exist_ok=True)
            data.save_as(tmp_path / "objects" / f"{hashlib.sha256(path.read_bytes()).hexdigest()}")
    for key in ("one", "other"):
        (tmp_path / key).write_text(f"{key} secret key of a clinic\n")
    few = ("--workers", "0", "--draws", "16", "--horizon", "60")
    found: dict[str, dict[str, str]] = {}
    for name, source, key in (("a", "exports", "one"), ("b", "objects", "one"), ("c", "exports", "other")):
        ask = ("cohort", str(tmp_path / source), "--out", str(tmp_path / name), "--pseudonymise", str(tmp_path / key))
        assert run([*ask, *few]) == 0
        with open(tmp_path / name / "plans.csv", encoding="utf-8") as table:
            found[name] = {row["site_inferred"] or row["key"]: row["patient"] for row in csv.DictReader(table)}
        assert run(["cohort", "report", str(tmp_path / name), "--report", str(tmp_path / f"{name}.html")]) == 0
    assert sorted(found["a"].values()) == sorted(found["b"].values())
    for name in found:
        assert sorted(Counter(found[name].values()).values()) == [1, 2]
    assert not set(found["a"].values()) & set(found["c"].values())
    said = [*capfd.readouterr()]
    said += [read(p) for name in found for p in (*(tmp_path / name).iterdir(), tmp_path / f"{name}.html")]
    for text in said:
        assert not re.search("z99[0-2]q", text, re.I)
    pairs = (tmp_path / "a" / "pairs.csv").read_text(encoding="utf-8")
    assert len(pairs.splitlines()) == 2, "the two plans of one patient, beside each other"


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
