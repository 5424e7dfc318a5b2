"""A cohort end to end, in this process: tables, quarantine, exit code, resume, retry, order, identity."""

from __future__ import annotations

import csv
import re
import shutil
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pydicom
import pytest
from click.testing import CliRunner
from pydicom.dataset import Dataset

from lymphorisk.analysis import Options
from lymphorisk.cli.main import cli, run
from lymphorisk.cohorts import engine, keys, tables
from lymphorisk.cohorts.found import find_plans
from lymphorisk.cohorts.keys import Recipe, file_digests
from lymphorisk.cohorts.ledger import NAME, Outcome
from lymphorisk.cohorts.run import How, run_cohort
from lymphorisk.cohorts.training import training_row
from lymphorisk.cohorts.work import Task, outcome_of
from lymphorisk.dicom.web import Fetched, read_address
from lymphorisk.errors import InputError
from lymphorisk.plan import Patient

HERE = How(workers=0)
TABLES = ("plans.parquet", "plans.csv", "metrics.parquet", "quarantine.csv")


def text_of(out: Path) -> dict[str, bytes]:
    """The tables whose bytes must not depend on when and by whom plans were analysed."""
    return {name: (out / name).read_bytes() for name in TABLES}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, small: Any) -> list[str]:
    """Workers that compute nothing; the keys they were given, in order."""
    asked: list[str] = []

    def outcome(task: Task, recipe: Recipe) -> Outcome:
        asked.append(task.key)
        return small.outcome(task.key, int(task.key[:4], 16), bad="/bad/" in task.path)

    monkeypatch.setattr(engine, "outcome_of", outcome)
    return asked


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe, small: Any) -> tuple[Path, Path]:
    """Two plans that can be analysed, six exports that cannot, each in its own way."""
    top = tmp_path_factory.mktemp("real")
    source = small.sources(top / "source", 2)
    (source / "empty").mkdir()
    (source / "cut").mkdir()
    brain = Path(__file__).parents[2] / "fixtures" / "rtplans" / "brain"
    (source / "cut" / "a.dcm").write_bytes((brain / "RP.dcm").read_bytes()[:3000])
    (source / "half").mkdir()
    shutil.copy(brain / "RS.dcm", source / "half" / "b.dcm")
    lung, pelvis = brain.with_name("lung"), brain.with_name("pelvis")
    shutil.copytree(lung, source / "torn")
    (source / "torn" / "RD.dcm").write_bytes((lung / "RD.dcm").read_bytes()[:-5000])
    shutil.copytree(pelvis, source / "foreign")
    shutil.copy(brain.with_name("tbi") / "RS.dcm", source / "foreign" / "RS.dcm")
    (source / "garbage.zip").write_bytes(b"PK\3\4" + bytes(range(256)) * 9)
    done = run_cohort([source], top / "out", recipe, HERE)
    assert (done.plans, done.quarantined, done.exit_code) == (2, 6, 5)
    return source, top / "out"


def test_what_cannot_be_read_stands_in_quarantine_with_code_and_hint(real: tuple[Path, Path]) -> None:
    rows = rows_of(real[1] / "quarantine.csv")
    assert sorted(r["code"] for r in rows) == ["LR701"] * 4 + ["LR702"] * 2
    assert all(r["hint"] and r["what"] and len(r["key"]) == 32 for r in rows)


def test_a_row_holds_what_an_analysis_says(real: tuple[Path, Path], recipe: Recipe) -> None:
    from lymphorisk import analyze

    rows = pq.read_table(real[1] / "plans.parquet").to_pylist()
    assert [r["key"] for r in rows] == sorted(r["key"] for r in rows)
    result = analyze(real[0] / "plan001.toml", options=recipe.options)
    row = next(r for r in rows if r["prescription_gy"] is None and r["spleen_mean"] == pytest.approx(1.1))
    assert row["nadir_median"] == pytest.approx(result.alc.nadir.median, rel=1e-8)
    assert row["p_g3"] == pytest.approx(result.alc.grade_probability["3"])
    assert row["blood_mean_gy"] == pytest.approx(result.blood.course.mean_gy, rel=1e-8)
    assert row["findings"] == sorted(f.code for f in result.findings)
    assert row["learned_g3"] is None
    assert row["learned_declined"]
    assert row["spleen_mean_source"] == "drawn"
    assert row["heart_mean"] is None
    assert row["heart_mean_source"] not in ("drawn", "placed")


def test_metrics_are_in_long_form_with_the_reason_of_what_is_missing(real: tuple[Path, Path]) -> None:
    rows = pq.read_table(real[1] / "metrics.parquet").to_pylist()
    assert {(r["structure"], r["metric"]) for r in rows} == {("Spleen", "Mean[Gy]"), ("Liver", "V20Gy[%]")}
    assert all((r["value"] is None) == bool(r["reason"]) for r in rows)


def test_the_same_call_again_computes_nothing_and_keeps_every_byte(real: tuple[Path, Path], recipe: Recipe) -> None:
    before = text_of(real[1])
    done = run_cohort([real[0]], real[1], recipe, HERE)
    assert done.computed == 0
    assert text_of(real[1]) == before


def test_what_changed_is_computed_and_nothing_else(tmp_path: Path, made: list[str], recipe: Recipe, small: Any) -> None:
    source = small.sources(tmp_path / "s", 5)
    run_cohort([source], tmp_path / "o", recipe, HERE)
    first = list(made)
    small.scenario(source, "plan003", gy=7.0)
    small.scenario(source, "more", gy=9.0)
    assert run_cohort([source], tmp_path / "o", recipe, HERE).computed == 2
    assert not set(made[5:]) & set(first)
    assert run_cohort([source], tmp_path / "o", replace(recipe, step_gy=0.5), HERE).computed == 6


def test_an_interrupted_run_ends_in_the_bytes_of_one_that_was_not(
    tmp_path: Path, made: list[str], recipe: Recipe, monkeypatch: pytest.MonkeyPatch, small: Any
) -> None:
    source = small.sources(tmp_path / "s", 9)
    run_cohort([source], tmp_path / "whole", recipe, HERE)
    asked = engine.outcome_of

    def dies(task: Task, recipe: Recipe) -> Outcome:
        if len(made) % 4 == 3:
            made.append("")
            raise KeyboardInterrupt
        return asked(task, recipe)

    monkeypatch.setattr(engine, "outcome_of", dies)
    for _ in range(20):
        try:
            run_cohort([source], tmp_path / "parts", recipe, HERE)
        except KeyboardInterrupt:
            continue
        break
    assert made.count("") > 1
    assert text_of(tmp_path / "parts") == text_of(tmp_path / "whole")


def test_the_order_of_work_and_of_sources_changes_no_byte(
    tmp_path: Path, made: list[str], recipe: Recipe, monkeypatch: pytest.MonkeyPatch, small: Any
) -> None:
    a, b = small.sources(tmp_path / "a", 3), tmp_path / "b"
    small.scenario(b, "other", gy=30.0)
    run_cohort([a, b], tmp_path / "forth", recipe, HERE)
    monkeypatch.setattr("lymphorisk.cohorts.run.in_this_process", backwards)
    run_cohort([b, a], tmp_path / "back", recipe, HERE)
    assert made[:4] == made[:3:-1]
    assert text_of(tmp_path / "forth") == text_of(tmp_path / "back")


def backwards(tasks: Sequence[Task], recipe: Recipe) -> object:
    yield [engine.outcome_of(task, recipe) for task in reversed(tasks)]


def test_quarantine_is_taken_again_on_request_only(tmp_path: Path, made: list[str], recipe: Recipe, small: Any) -> None:
    source = small.sources(tmp_path / "s", 2)
    small.scenario(source / "bad", "x", gy=2.5)
    assert run_cohort([source], tmp_path / "o", recipe, HERE).exit_code == 5
    assert run_cohort([source], tmp_path / "o", recipe, HERE).computed == 0
    assert run_cohort([source], tmp_path / "o", recipe, replace(HERE, retry=True)).computed == 1


def test_three_bad_of_sixty_three_leave_with_five(tmp_path: Path, made: list[str], recipe: Recipe, small: Any) -> None:
    source = small.sources(tmp_path / "s", 60)
    for n in range(3):
        small.scenario(source / "bad", f"x{n}", gy=20.5 + n)
    done = run_cohort([source], tmp_path / "o", recipe, HERE)
    assert (done.plans, done.quarantined, done.exit_code) == (60, 3, 5)
    assert len(rows_of(tmp_path / "o" / "plans.csv")) == 60
    assert len(rows_of(tmp_path / "o" / "quarantine.csv")) == 3


def test_none_readable_leaves_with_three(tmp_path: Path, made: list[str], recipe: Recipe) -> None:
    (tmp_path / "s" / "empty").mkdir(parents=True)
    assert run_cohort([tmp_path / "s"], tmp_path / "o", recipe, HERE).exit_code == 3
    assert rows_of(tmp_path / "o" / "plans.csv") == []


def test_parts_gathered_are_the_whole(tmp_path: Path, made: list[str], recipe: Recipe, small: Any) -> None:
    source = small.sources(tmp_path / "s", 12)
    run_cohort([source], tmp_path / "whole", recipe, HERE)
    del made[:]
    for i in (1, 2, 3):
        done = run_cohort([source], tmp_path / "parts", recipe, replace(HERE, shard=(i, 3)))
        assert done.written == ()
    assert sorted(made) == sorted(set(made))
    assert len(made) == 12
    assert run_cohort([source], tmp_path / "parts", recipe, HERE).computed == 0
    assert text_of(tmp_path / "parts") == text_of(tmp_path / "whole")


@pytest.mark.parametrize("where", ["inside", "around", "foreign"])
def test_a_folder_that_is_not_the_cohorts_is_refused(tmp_path: Path, recipe: Recipe, where: str, small: Any) -> None:
    source = small.sources(tmp_path / "top" / "s", 1)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    out = {"inside": source / "o", "around": tmp_path / "top", "foreign": tmp_path / "foreign"}[where]
    with pytest.raises(InputError, match=r"source|other files"):
        run_cohort([source], out, recipe, HERE)


def test_a_file_in_the_place_of_the_folder_and_sources_without_a_plan_are_refused(
    tmp_path: Path, recipe: Recipe, small: Any
) -> None:
    (tmp_path / "o").write_text("mine")
    with pytest.raises(InputError, match="o is no folder"):
        run_cohort([small.sources(tmp_path / "s", 1)], tmp_path / "o", recipe, HERE)
    assert (tmp_path / "o").read_text() == "mine"
    (tmp_path / "m.csv").write_text("plan,alc\nA,1.4\n")
    for sources, error in (([], "no plan in the sources"), ([tmp_path / "m.csv"], "names no exports")):
        with pytest.raises(InputError, match=error):
            run_cohort(sources, tmp_path / "p", recipe, HERE)
    assert not (tmp_path / "p").exists()


def test_curves_and_a_site_the_dose_contradicts_stand_in_the_tables(
    tmp_path: Path, made: list[str], recipe: Recipe, monkeypatch: pytest.MonkeyPatch, small: Any
) -> None:
    seen = {"site": "lung", "site_inferred": "brain", "site_agrees": "no", "site_why": "Brain: 40%"}
    curve = {"structure": "Spleen", "dose_gy": [0.0, 1.0, 2.0], "volume_cm3": [150.0, 80.0, 0.0]}

    def drawn(task: Task, recipe: Recipe) -> Outcome:
        one = small.outcome(task.key)
        agrees = "plan000" in task.path
        return replace(one, row={**one.row, **({"site_agrees": "yes"} if agrees else seen)}, curves=[curve])

    monkeypatch.setattr(engine, "outcome_of", drawn)
    source = small.sources(tmp_path / "s", 2)
    run_cohort([source], tmp_path / "o", replace(recipe, step_gy=1.0), HERE)
    points = pq.read_table(tmp_path / "o" / "curves.parquet").to_pylist()
    assert len(points) == 6
    assert [(p["dose_gy"], p["volume_cm3"]) for p in points if p["key"] == points[0]["key"]] == [
        (0.0, 150.0),
        (1.0, 80.0),
        (2.0, 0.0),
    ]
    (told,) = [r for r in rows_of(tmp_path / "o" / "noticed.csv") if "the dose says" in r["what"]]
    assert "the site given is lung, the dose says brain (Brain: 40%)" in told["what"]


def test_rows_of_many_batches_are_all_in_both_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH", 3)
    columns = {"key": "text", "value": "number"}
    for name in ("t.csv", "t.parquet"):
        writer = tables.Writer(tmp_path / name, columns, parquet=name.endswith("parquet"))
        for n in range(8):
            writer.add({"key": f"k{n}", "value": n / 2})
        writer.flush()
        writer.close()
    written = pq.read_table(tmp_path / "t.parquet")
    assert written.to_pylist() == [{"key": f"k{n}", "value": n / 2} for n in range(8)]
    assert [(r["key"], float(r["value"])) for r in rows_of(tmp_path / "t.csv")] == [(f"k{n}", n / 2) for n in range(8)]


def test_a_plan_whose_files_changed_is_no_row_and_a_protocol_judges_one_that_has_none(
    tmp_path: Path, recipe: Recipe, small: Any
) -> None:
    path = small.scenario(tmp_path / "s", "plan")
    task = Task("k", str(path), (), None, Patient(), file_digests(path))
    changed = outcome_of(replace(task, inputs=("0" * 64,)), recipe)
    assert changed.state == "quarantined"
    assert "files changed between being found and being read" in changed.row["what"]
    judged = outcome_of(task, replace(recipe, protocol="general"))
    assert judged.state == "done"
    assert judged.row["verdict"] == "INFORMATIVE", "that protocol has no limit of its own"


def test_a_row_for_training_says_no_beam_that_a_model_does_not_know() -> None:
    row = {"modality": "emitter", "patient": "p1", "measured_nadir": 0.2, "measured_below": True}
    made = training_row(row)
    assert (made["modality"], made["nadir_alc"], made["patient_id"]) == (None, "<0.2", "p1")
    assert training_row({**row, "modality": "photon", "measured_nadir": None})["modality"] == "photon"


def test_the_plan_that_a_row_names_is_taken_or_missed_by_name(tmp_path: Path, rtplans: Path) -> None:
    (tmp_path / "m.csv").write_text(f"export,plan\n{rtplans / 'brain'},{'{}'}\n{rtplans / 'brain'},none such\n")
    label = find_plans([rtplans / "brain"])[0].head
    assert label is not None
    text = (tmp_path / "m.csv").read_text()
    (tmp_path / "m.csv").write_text(text.format(label.label.upper()))
    found, missed = find_plans([tmp_path / "m.csv"])
    assert (found.trouble, found.head) == (None, label)
    assert missed.trouble is not None
    assert "row 3 of the manifest names a plan that is not in its export" in missed.trouble.message


def test_a_study_that_could_not_be_fetched_is_a_plan_in_trouble(tmp_path: Path, small: Any) -> None:
    """The others of the same server are found, and each says where it is from."""
    small.scenario(tmp_path / "there", "plan")
    address = read_address("dicomweb:https://pacs/rs/studies/1.2.3")
    lost = Fetched(address, tmp_path / "gone", InputError("the server went away", "ask again"))
    one, two = find_plans([lost, Fetched(address, tmp_path / "there")])
    assert one.trouble is lost.trouble
    assert two.trouble is None
    assert {one.origin, two.origin} == {address.text}


def test_a_named_protocol_is_part_of_a_plans_key_by_what_it_says(tmp_path: Path, recipe: Recipe) -> None:
    """The same protocol under another name makes nothing anew; another limit does."""
    from lymphorisk.qa.store import SHIPPED

    text = (SHIPPED / "general.toml").read_text(encoding="utf-8")
    (tmp_path / "ours.toml").write_text(text, encoding="utf-8")
    ours, shipped, none = (
        replace(recipe, protocol=name).sha256() for name in (str(tmp_path / "ours.toml"), "general", None)
    )
    assert ours == shipped
    assert len({shipped, none, replace(recipe, protocol="auto").sha256()}) == 3


@pytest.mark.parametrize("source", ["dicomweb:pacs/rs", "https://pacs/rs", "no_such_folder"])
def test_a_source_that_is_none_is_named(tmp_path: Path, recipe: Recipe, source: str) -> None:
    with pytest.raises(InputError, match=r"not that of a DICOMweb|does not say what|does not exist"):
        run_cohort([source], tmp_path / "o", recipe, HERE)


@pytest.mark.slow
@pytest.mark.parametrize("together", [False, True])
def test_a_broken_copy_takes_no_plan_into_quarantine(
    tmp_path: Path, recipe: Recipe, rtplans: Path, together: bool
) -> None:
    """Where each plan has its folder, and where the files of two lie in one: the whole file is used and it is said."""
    for case in ("large_volume_low_dose", "brain"):
        folder = tmp_path / "s" / ("all" if together else case)
        folder.mkdir(parents=True, exist_ok=True)
        for path in (rtplans / case).glob("*.dcm"):
            (folder / f"{case}{path.name}").write_bytes(path.read_bytes())
    whole = (rtplans / "brain" / "RD.dcm").read_bytes()
    (folder / "again.dcm").write_bytes(whole[: len(whole) // 2])
    done = run_cohort([tmp_path / "s"], tmp_path / "o", recipe, HERE)
    assert (done.plans, done.quarantined) == (2, 0)
    assert sum("LR002" in line for line in (tmp_path / "o" / "plans.csv").read_text().splitlines()) == 1


def test_no_identity_in_any_file(tmp_path: Path, recipe: Recipe, rtplans: Path) -> None:
    """The patient's name, ID and birth date stand in headers, labels, folder and file names, and in cells of a manifest
    and of counts where they do not belong; nowhere in the output, whatever cannot be read."""
    source = tmp_path / "s" / "Zyxwvut_Quentina"
    source.mkdir(parents=True)
    for name in ("RP", "RS", "RD"):
        data = pydicom.dcmread(
            Path(__file__).parents[2] / "fixtures" / "rtplans" / "large_volume_low_dose" / f"{name}.dcm"
        )
        data.PatientName, data.PatientID, data.PatientBirthDate = "Zyxwvut^Quentina", "MRN-774411", "19470305"
        data.save_as(source / f"{name}_Zyxwvut.dcm")
    (tmp_path / "s" / "Zyxwvut_empty").mkdir()
    plan = pydicom.dcmread(rtplans / "brain" / "RP.dcm")
    plan.RTPlanLabel = "Zyxwvut brain"
    (tmp_path / "s" / "undosed").mkdir()
    plan.save_as(tmp_path / "s" / "undosed" / "RP_Zyxwvut.dcm")
    shutil.copy(rtplans / "brain" / "RS.dcm", tmp_path / "s" / "undosed")
    (tmp_path / "s" / "Zyxwvut.toml").write_text("[organs\n")
    manifest, counts = tmp_path / "m.csv", tmp_path / "c.csv"
    manifest.write_text("export,alc,sex,date\nx,Zyxwvut,,\nx,,Quentina,\nx,,,MRN-774411\nZyxwvut,774411,,\n")
    counts.write_text(
        "patient_id,day,value,unit\nMRN-774411,3,Zyxwvut,\nMRN-774411,3,774411,\nMRN-774411,3,1,Quentina\n"
    )
    out = tmp_path / "o"
    done = run_cohort([tmp_path / "s", manifest], out, recipe, replace(HERE, counts=counts))
    assert (done.plans, done.quarantined) == (1, 7)
    written = b"".join(everything(out))
    for secret in (b"zyxwvut", b"quentina", b"mrn-774411", b"19470305"):
        assert secret not in written.lower()
    assert run(["cohort", "report", str(out), "--report", str(tmp_path / "page.html")]) == 0
    assert not re.search("zyxwvut|quentina|774411", (tmp_path / "page.html").read_text(encoding="utf-8"), re.I)
    run_cohort([tmp_path / "s"], out, recipe, replace(HERE, show_phi=True))
    assert "Zyxwvut_empty" in (out / "quarantine.csv").read_text(encoding="utf-8")


def everything(out: Path) -> list[bytes]:
    """All that stands in the files of a cohort, unpacked."""
    said = [path.read_bytes() for path in out.iterdir()]
    for path in out.glob("*.parquet"):
        said.append(repr(pq.read_table(path).to_pylist()).encode())
    db = sqlite3.connect(out / NAME)
    for table in ("files", "plans"):
        for row in db.execute(f"SELECT * FROM {table}"):
            said += [zlib.decompress(v) if isinstance(v, bytes) else str(v).encode() for v in row]
    db.close()
    return said


def test_the_command_names_exit_code_and_tables(
    tmp_path: Path, made: list[str], capsys: pytest.CaptureFixture[str], small: Any
) -> None:
    source = small.sources(tmp_path / "s", 2)
    small.scenario(source / "bad", "x", gy=2.5)
    assert run(["cohort", str(source), "--out", str(tmp_path / "o"), "--workers", "0"]) == 5
    assert "2 plans in the table, 1 in quarantine" in capsys.readouterr().err
    assert run(["cohort", str(source), "--out", str(tmp_path / "p"), "--workers", "0", "--shard", " 1/1 "]) == 5
    assert "kept in its ledger: a call without --shard gathers the parts" in capsys.readouterr().err


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b"])
def test_a_part_that_is_none_is_refused(tmp_path: Path, shard: str) -> None:
    said = CliRunner().invoke(cli, ["cohort", "x", "--out", "o", "--shard", shard])
    assert said.exit_code == 2


def test_metrics_of_a_file(tmp_path: Path) -> None:
    from lymphorisk.cohorts.metrics import read_metrics

    file = tmp_path / "m.csv"
    file.write_text("structure,metric\nLungs, V20Gy[%]\nMean[Gy]\n# a comment\n", encoding="utf-8")
    assert read_metrics(file) == (("Lungs", "V20Gy[%]"), ("*", "Mean[Gy]"))
    file.write_text("Lungs, V20Gq[%]\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_metrics(file)


def test_options_that_change_no_number_are_no_part_of_a_key() -> None:
    assert Recipe(Options()).sha256() == Recipe(Options(pictures=True)).sha256()
    assert Recipe(Options()).sha256() != Recipe(Options(parameters={"lymphocyte.recovery.half_time": 28.0})).sha256()


def test_a_keyed_hash_is_the_same_in_every_cohort_under_its_key(tmp_path: Path, rtplans: Path) -> None:
    from lymphorisk.cohorts.found import find_plans
    from lymphorisk.cohorts.known import Keyed, patients_of

    manifest = tmp_path / "m.csv"
    rows = "".join(f"{rtplans / name},{who}\n" for name, who in (("brain", "A1"), ("lung", "a1 "), ("pelvis", "B2")))
    manifest.write_text("export,patient_id\n" + rows, encoding="utf-8")
    keyed = [Keyed(plan, key, ("x",)) for plan, key in zip(find_plans([manifest]), ("k1", "k2", "k3"), strict=True)]
    by_key = {secret: patients_of(keyed, secret) for secret in (b"", b"one secret of bytes", b"another secret!!!")}
    for who in by_key.values():
        assert who["k1"] == who["k2"] != who["k3"]
    assert len({who["k1"] for who in by_key.values()}) == 3
    assert patients_of(keyed[:1], b"one secret of bytes")["k1"] == by_key[b"one secret of bytes"]["k1"]


def test_the_month_of_treatment_is_the_manifests_or_the_plans(tmp_path: Path, rtplans: Path) -> None:
    from lymphorisk.cohorts.found import find_plans
    from lymphorisk.cohorts.known import known_of

    manifest = tmp_path / "m.csv"
    manifest.write_text(f"export;date;alc;alc_unit\n{rtplans / 'brain'};05.03.2024;1400;/uL\n{rtplans / 'lung'};;;\n")
    first, second = find_plans([manifest])
    assert (known_of(first)["treated"], known_of(first)["treated_source"]) == ("2024-03", "manifest")
    assert (known_of(second)["treated"], known_of(second)["treated_source"]) == ("2000-01", "plan file")
    assert first.row.patient.alc == pytest.approx(1.4)


def test_a_row_that_cannot_be_read_is_in_quarantine_alone(
    tmp_path: Path, made: list[str], recipe: Recipe, small: Any
) -> None:
    small.sources(tmp_path / "s", 3)
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "export,alc,date\ns/plan000.toml,1.5,2024-03-01\ns/plan001.toml,1400,\ns/gone.toml,,\ns/plan002.toml,,1/2/24\n"
    )
    done = run_cohort([manifest], tmp_path / "o", recipe, HERE)
    assert (done.plans, done.quarantined) == (1, 3)
    rows = rows_of(tmp_path / "o" / "quarantine.csv")
    assert sorted(r["code"] for r in rows) == ["LR706", "LR706", "LR707"]
    assert all("row" in r["what"] for r in rows)


def test_counts_give_the_baseline_the_nadir_and_a_table_that_train_reads(
    tmp_path: Path, made: list[str], recipe: Recipe, small: Any
) -> None:
    from lymphorisk.train.cohort import read_table

    small.sources(tmp_path / "s", 3)
    manifest, counts = tmp_path / "m.csv", tmp_path / "c.csv"
    rows = "".join(f"s/plan{n:03d}.toml,P{n},2024-03-0{n + 4}\n" for n in range(3))
    manifest.write_text("export,patient_id,date\n" + rows)
    counts.write_text(
        "patient_id,date,value,unit\nP0,2024-03-01,1500,/uL\nP0,2024-03-20,0.4,K/uL\nP1,2024-03-25,<0.2,K/uL\n"
    )
    run_cohort([manifest], tmp_path / "o", recipe, replace(HERE, counts=counts))
    found = {r["measured_nadir"]: r for r in pq.read_table(tmp_path / "o" / "plans.parquet").to_pylist()}
    assert {nadir: (r["measured_grade"], r["measured_below"]) for nadir, r in found.items()} == {
        0.4: (3, False),
        0.2: (4, True),
        None: (None, None),
    }
    table = read_table(tmp_path / "o" / "training.csv").columns
    assert sorted(table["nadir_alc"]) == ["0.4", "<0.2"]
    assert len(pq.read_table(tmp_path / "o" / "counts.parquet")) == 3


def test_a_disk_that_fills_while_tables_are_written_leaves_the_old_ones(
    tmp_path: Path, made: list[str], recipe: Recipe, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from lymphorisk.cohorts.tables import Writer

    source = small.sources(tmp_path / "s", 3)
    run_cohort([source], tmp_path / "o", recipe, HERE)
    before = text_of(tmp_path / "o")
    small.scenario(source, "more", gy=9.0)

    def full(self: Writer) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "flush", full)
        with pytest.raises(InputError, match="No space left"):
            run_cohort([source], tmp_path / "o", recipe, HERE)
    assert text_of(tmp_path / "o") == before
    assert not list((tmp_path / "o").glob(".lymphorisk-*"))
    assert run_cohort([source], tmp_path / "o", recipe, HERE).computed == 0
    assert len(rows_of(tmp_path / "o" / "plans.csv")) == 4


@pytest.mark.parametrize("full", ["ledger", "tables"])
def test_a_file_that_cannot_grow_stops_the_run_and_loses_nothing(
    tmp_path: Path, made: list[str], recipe: Recipe, small: Any, full: str
) -> None:
    """The system's own limit on the size of a file, as a disk that takes no more."""
    resource = pytest.importorskip("resource")
    source = small.sources(tmp_path / "s", 40)
    run_cohort([source], tmp_path / "whole", recipe, HERE)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "whole").iterdir()}
    ledger = sizes.pop(NAME)
    assert ledger < max(sizes.values())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ledger + (1 if full == "tables" else -8192), hard))
        with pytest.raises(InputError, match="disk is full" if full == "ledger" else "tables cannot be written"):
            run_cohort([source], tmp_path / "o", recipe, HERE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "o" / "plans.csv").exists()
    (tmp_path / "o" / ".lymphorisk-killed").write_text("half a table")
    done = run_cohort([source], tmp_path / "o", recipe, HERE)
    assert (done.plans, done.computed == 0) == (40, full == "tables")
    assert done.computed < 40
    assert text_of(tmp_path / "o") == text_of(tmp_path / "whole")
    assert {path.name for path in (tmp_path / "o").iterdir()} == {*sizes, NAME}


def test_a_reason_is_that_of_this_call(tmp_path: Path, made: list[str], recipe: Recipe, small: Any) -> None:
    """The second row had another fault when it was first refused."""
    small.sources(tmp_path / "s", 1)
    manifest = tmp_path / "m.csv"
    for sex, date in (("X", ""), ("", "soon")):
        manifest.write_text(f"export,sex,date\ns/plan000.toml,,\ns/plan000.toml,{sex},{date}\n")
        run_cohort([manifest], tmp_path / "o", recipe, HERE)
        (row,) = rows_of(tmp_path / "o" / "quarantine.csv")
        assert ("date" in row["what"]) == bool(date)


def test_a_plan_in_two_places_is_one_row_and_named(tmp_path: Path, made: list[str], recipe: Recipe, small: Any) -> None:
    small.scenario(tmp_path / "s" / "a", "x")
    small.scenario(tmp_path / "s" / "b", "y")
    done = run_cohort([tmp_path / "s"], tmp_path / "o", recipe, HERE)
    assert done.plans == 1
    assert [r["code"] for r in rows_of(tmp_path / "o" / "noticed.csv")] == ["LR727"]


@pytest.mark.parametrize(
    ("others", "people"),
    [
        ({"IssuerOfPatientID": "South"}, 2),
        ({"PatientBirthDate": "19500607"}, 2),
        ({"IssuerOfPatientID": ""}, 1),
        ({"PatientBirthDate": ""}, 1),
        ({"IssuerOfPatientID": " NORTH ", "PatientName": "Other^Name"}, 1),
    ],
)
def test_people_who_share_an_id_are_told_apart(
    tmp_path: Path, made: list[str], recipe: Recipe, rtplans: Path, others: dict[str, str], people: int
) -> None:
    said = {"PatientID": "7", "IssuerOfPatientID": "North", "PatientBirthDate": "19700102", "PatientName": "A^B"}
    for name, facts in (("brain", said), ("lung", said | others)):
        folder = tmp_path / "s" / name
        folder.mkdir(parents=True)
        for path in (rtplans / name).glob("*.dcm"):
            file = pydicom.dcmread(path)
            for word, value in facts.items():
                setattr(file, word, value)
            file.save_as(folder / path.name)
    run_cohort([tmp_path / "s"], tmp_path / "o", recipe, HERE)
    rows, noticed = rows_of(tmp_path / "o" / "plans.csv"), rows_of(tmp_path / "o" / "noticed.csv")
    assert len(rows) == 2
    assert len({row["patient"] for row in rows}) == people
    assert [n["code"] for n in noticed] == (["LR733"] if people == 2 else ["LR729"])
    assert len(rows_of(tmp_path / "o" / "pairs.csv")) == 2 - people
    told = (tmp_path / "o" / "noticed.csv").read_text(encoding="utf-8").casefold()
    assert not [word for word in ("north", "south", "19700102", "19500607", "1970-01-02") if word in told]


def test_a_row_of_a_path_that_no_file_can_have_stands_alone_in_quarantine(
    tmp_path: Path, made: list[str], recipe: Recipe, small: Any
) -> None:
    small.scenario(tmp_path / "s", "good")
    (tmp_path / "m.csv").write_text(f"export\ns/good.toml\n{'a' * 300}\n", encoding="utf-8")
    done = run_cohort([tmp_path / "m.csv"], tmp_path / "o", recipe, HERE)
    assert (done.plans, done.quarantined) == (1, 1)
    (row,) = rows_of(tmp_path / "o" / "quarantine.csv")
    assert "row 3" in row["what"]
    assert len(rows_of(tmp_path / "o" / "plans.csv")) == 1


TEXTS = ("LO", "SH", "PN", "LT", "ST", "UT", "UC")
ADDED = (
    "PatientComments",
    "PatientAddress",
    "OtherPatientNames",
    "PatientBirthName",
    "AdditionalPatientHistory",
    "Occupation",
    "InstitutionName",
    "StationName",
    "ReferringPhysicianName",
    "RequestingPhysician",
    "OperatorsName",
    "ReviewerName",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "RTPlanName",
    "RTPlanDescription",
    "StructureSetName",
    "StructureSetDescription",
    "DoseComment",
)


@pytest.mark.slow
def test_no_text_of_a_header_but_the_planning_system_in_tables_and_page(
    tmp_path: Path, recipe: Recipe, rtplans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mark of its own in every text element, two ROI names with them, those of organs apart."""
    marks: dict[str, str] = {}

    def plant(data: Dataset) -> None:
        for element in data:
            if element.VR == "SQ":
                for item in element.value:
                    plant(item)
            elif element.VR in TEXTS and element.keyword not in ("ROIName", "PatientID", "PatientName"):
                element.value = f"QZ{len(marks):03d}X"
                marks[element.value] = element.keyword

    folder = tmp_path / "s" / "QZFOLDERX"
    folder.mkdir(parents=True)
    for name in ("RP", "RS", "RD"):
        data = pydicom.dcmread(rtplans / "brain" / f"{name}.dcm")
        for keyword in ADDED:
            setattr(data, keyword, "x")
        plant(data)
        if name == "RS":
            for roi in data.StructureSetROISequence:
                roi.ROIName = {"VB_C": "QZROIX", "GTV": "GTV QZGTVX"}.get(roi.ROIName, roi.ROIName)
        data.PatientID, data.PatientName = "QZIDX", "QZNAMEX^QZFIRSTX"
        data.save_as(folder / f"{name}_QZFILEX.dcm")
    assert len(marks) > 60

    def found(written: bytes) -> set[str]:
        return {marks.get(m.decode(), m.decode()) for m in re.findall(rb"QZ[A-Z0-9]+X", written)}

    assert run_cohort([tmp_path / "s"], tmp_path / "o", recipe, HERE).plans == 1
    assert run(["cohort", "report", str(tmp_path / "o"), "--report", str(tmp_path / "page.html")]) == 0
    system = {"Manufacturer", "ManufacturerModelName", "SoftwareVersions"}
    assert found(b"".join(everything(tmp_path / "o"))) == system
    assert found((tmp_path / "page.html").read_bytes()) <= system
    for more, names in (([], set()), (["--show-phi"], {"RTPlanLabel", "BeamName", "QZROIX", "QZGTVX"})):
        capsys.readouterr()
        page = tmp_path / f"checks{len(more)}.html"
        assert run(["commission", str(tmp_path / "s"), "--report", str(page), *more]) == 0
        assert found(page.read_bytes() + "".join(capsys.readouterr()).encode()) == names


def test_a_program_that_is_being_replaced_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was listed and is gone when it is read, as while a checkout is updated."""
    keys.program_sha256.cache_clear()
    real = Path.read_bytes

    def gone(path: Path) -> bytes:
        if path.name == "keys.py":
            raise FileNotFoundError(path)
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", gone)
        with pytest.raises(InputError, match="being replaced"):
            keys.program_sha256()
    assert keys.program_sha256()
