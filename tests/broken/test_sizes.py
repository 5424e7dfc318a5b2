"""Files that are far longer than their kind, and JSON that is none: a named error before memory is asked for."""

from __future__ import annotations

import copy
import os
import shutil
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest

from lymphorisk import analyze, predict
from lymphorisk.analysis import saved
from lymphorisk.analysis.options import Options
from lymphorisk.cohorts import metrics
from lymphorisk.dicom import read_export, reader, rtdose
from lymphorisk.errors import DicomReadError, LymphoriskError
from lymphorisk.masks import labels, nifti
from lymphorisk.masks import read as masks
from lymphorisk.parameters import store
from lymphorisk.plain import loads, read_most
from lymphorisk.predict import booster
from lymphorisk.qa.store import read_protocol
from lymphorisk.scenario import read_scenario
from lymphorisk.train import pack, table
from tests.conftest import ROOT

JSON = {
    "result": saved.read_saved,
    "scorecard": lambda path: read_protocol(str(path)),
    "pack": pack.read_pack,
    "labels": labels.read_labels,
}
#: None is JSON of finite numbers, some are beyond what Python or its stack reads.
HOPELESS = (
    b'{"a": 1e999}', b'{"a": -Infinity}', b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900, b"\xff", b"", b"\0", b"\xef\xbb\xbf{}",
    b'{"a": 1e999' + b"9" * 90 + b"}",
)  # fmt: skip


@pytest.mark.parametrize("text", HOPELESS, ids=range(len(HOPELESS)))
@pytest.mark.parametrize("kind", JSON)
def test_what_is_no_json_is_named(tmp_path: Path, kind: str, text: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(text)
    with pytest.raises(LymphoriskError) as error:
        JSON[kind](path)  # type: ignore[operator]
    assert len(str(error.value)) < 500


def test_json_means_what_the_standard_says() -> None:
    assert loads('{"a": [1, -2.5e3, null, true, "x"]}') == {"a": [1, -2500.0, None, True, "x"]}
    for text in ('{"a": 1e999}', '{"a": -1e999}', '{"a": NaN}', '{"a": {"b": 1, "b": 1}}', "[" * 100_000):
        with pytest.raises(ValueError):
            loads(text)


def test_a_file_is_read_in_as_much_memory_as_it_is_long(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    tracemalloc.start()
    try:
        assert read_most(tmp_path / "a", 1 << 40) == b"x" * 100
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    read, write = os.pipe()
    with os.fdopen(write, "wb") as out:
        out.write(b"y" * 500)
    assert read_most(Path(f"/proc/self/fd/{read}"), 1000) == b"y" * 500
    os.close(read)


@pytest.mark.parametrize("kind", ["[]", "{}", "3", "null", '"no such"'])
def test_a_metric_of_no_kind_is_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.json").write_text(f'{{"computed": [{{"type": {kind}}}]}}')
    with pytest.raises(LymphoriskError, match="not supported"):
        read_protocol(str(tmp_path / "a.json"))


#: Where the limit stands, and who reads a file under it.
LONG: dict[str, tuple[ModuleType, str, str, Callable[[Path], object]]] = {
    "result": (saved, "MOST_BYTES", "a.json", saved.read_saved),
    "pack": (pack, "MOST_BYTES", "a.json", pack.read_pack),
    "metrics": (metrics, "MOST_BYTES", "a.txt", metrics.read_metrics),
    "table": (table, "MOST_BYTES", "a.csv", table.read_table),
}


@pytest.mark.parametrize("kind", LONG)
def test_a_file_far_longer_than_its_kind_is_named(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, limit, name, read = LONG[kind]
    monkeypatch.setattr(module, limit, 1000)
    (tmp_path / name).write_bytes(b" " * 1001)
    with pytest.raises(LymphoriskError, match=r"longer than 0\.001 MB") as error:
        read(tmp_path / name)
    assert error.value.hint
    (tmp_path / name).write_bytes(b" " * 1000)
    with pytest.raises(LymphoriskError, match=r"^((?!longer).)*$"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["protocol.csv", "protocol.json", "parameters.toml"])
def test_a_file_longer_than_any_text_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(LymphoriskError, match="longer than 16 MB"):
        store.read_file(path, "agents") if name.startswith("parameters") else read_protocol(str(path))


def test_a_model_longer_than_models_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(ROOT / "models" / "insilico-2026.1", tmp_path / "model")
    with monkeypatch.context() as patch:
        patch.setattr(booster, "MAX_READ", 400_000)
        with pytest.raises(LymphoriskError, match="longer than"):
            predict.load(folder)
    with (folder / "card.toml").open("ab") as card:
        card.truncate(20_000_000)
    with pytest.raises(LymphoriskError, match="longer than 16 MB"):
        predict.load(folder)


def test_a_mask_that_holds_more_than_labels_do_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros unfold to nothing that is kept; numbers do."""
    monkeypatch.setattr(nifti, "MOST_HELD", 3 * nifti.PIECE)
    nothing = zlib.compress(bytes(100 * nifti.PIECE), wbits=31)
    with pytest.raises(LymphoriskError, match="cannot be read"):
        nifti.read_nifti(nothing)
    with pytest.raises(LymphoriskError, match="far more than labels need"):
        nifti.read_nifti(zlib.compress(b"\1" * 100 * nifti.PIECE, wbits=31))
    monkeypatch.setattr(masks, "MOST_READ", 10)
    (tmp_path / "a.nii.gz").write_bytes(nothing)
    _, _, found = masks._read_file(tmp_path / "a.nii.gz")
    assert isinstance(found, LymphoriskError)
    assert "longer than" in found.message


@pytest.mark.parametrize("axes", [(1, 2), (1,), (3,), (1, 2, 3)])
def test_a_mask_of_fewer_than_no_voxels_is_named(axes: tuple[int, ...]) -> None:
    """Two lengths below zero make as many bytes as two above."""
    nib = pytest.importorskip("nibabel")
    image = nib.Nifti1Image(np.ones((4, 5, 6), np.uint8), np.eye(4))
    raw = bytearray(image.to_bytes())
    for axis in axes:
        at = 40 + 2 * axis
        raw[at : at + 2] = struct.pack("<h", -struct.unpack("<h", raw[at : at + 2])[0])
    with pytest.raises(LymphoriskError):
        nifti.read_nifti(bytes(raw))


def test_a_parquet_of_more_cells_than_a_cohort_is_named_unread(tmp_path: Path) -> None:
    """A hundred million equal numbers lie in a few kilobytes."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    column = pa.array(np.zeros(1_000_000))
    path = tmp_path / "table.parquet"
    parquet.write_table(pa.table({f"c{n}": column for n in range(11)}), path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(LymphoriskError, match="11000000 cells") as error:
        table.read_table(path)
    assert error.value.hint


def test_deflated_files_share_one_limit(export_of, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unfolds to less than the limit, all together to more."""
    folder = export_of()
    sizes = []
    for path in folder.glob("*.dcm"):
        sizes.append(path.stat().st_size)
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
        ds.save_as(path)
    monkeypatch.setattr(reader, "MAX_UNPACKED", sum(sizes))
    assert read_export(folder).plan.phases
    monkeypatch.setattr(reader, "MAX_UNPACKED", max(sizes) + min(sizes) // 2)
    with pytest.raises(DicomReadError, match="without end"):
        read_export(folder)


SCENARIO = (
    "[plan]\nfractions = 10\nbeam_on_s = [{beams}]\n[organs.Spleen]\ndvh_dose_gy = [{dose}]\ndvh_volume = [{share}]\n"
)


@pytest.mark.parametrize(("beams", "points", "word"), [(501, 2, "beam_on_s"), (1, 20_001, "dvh_dose_gy")])
def test_a_list_longer_than_any_plan_has_is_named(tmp_path: Path, beams: int, points: int, word: str) -> None:
    """Each took longer than any plan: 100,000 beams half a minute, 400,000 points of a curve a quarter."""
    dose, share = ", ".join(map(str, range(points))), ", ".join(["1.0"] * (points - 1) + ["0.0"])
    path = tmp_path / "plan.toml"
    path.write_text(SCENARIO.format(beams=", ".join(["1"] * beams), dose=dose, share=share))
    with pytest.raises(LymphoriskError, match=f"{word}: {max(beams, points)} entries are more than") as error:
        read_scenario(path)
    assert error.value.hint


def test_a_plan_of_more_beams_than_any_is_named(export_of) -> None:
    folder = export_of()
    plan = pydicom.dcmread(folder / "RP.dcm")
    (group,) = plan.FractionGroupSequence
    group.NumberOfBeams = 502
    numbered = ((plan, "BeamSequence", "BeamNumber"), (group, "ReferencedBeamSequence", "ReferencedBeamNumber"))
    for at, name, number in numbered:
        items = [copy.deepcopy(at[name][0]) for _ in range(502)]
        for n, item in enumerate(items, start=1):
            item[number].value = n
        setattr(at, name, items)
    plan.save_as(folder / "RP.dcm")
    with pytest.raises(LymphoriskError, match="more than 500 beams"):
        read_export(folder)


def test_more_draws_of_more_days_than_memory_holds_are_named() -> None:
    assert Options(draws=65536, horizon_d=365).draws == 65536
    with pytest.raises(LymphoriskError, match="65536 draws of 3650 days") as error:
        Options(draws=65536, horizon_d=3650)
    assert error.value.hint


def test_doses_of_several_phases_share_one_limit(rtplans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = rtplans / "two_phase"
    sizes = [phase.dose.dose_zyx.size for phase in read_export(folder, sum_doses=True).plan.phases]
    assert len(sizes) == 2
    monkeypatch.setattr(rtdose, "MAX_TOGETHER", sum(sizes))
    assert read_export(folder, sum_doses=True).plan.phases
    monkeypatch.setattr(rtdose, "MAX_TOGETHER", sum(sizes) - 1)
    with pytest.raises(LymphoriskError, match="voxels they may have together") as error:
        read_export(folder, sum_doses=True)
    assert error.value.hint


def test_more_rois_than_a_patient_has_are_named(export_of) -> None:
    folder = export_of()
    structures = pydicom.dcmread(folder / "RS.dcm")
    first = structures.StructureSetROISequence[0]
    structures.StructureSetROISequence = [copy.deepcopy(first) for _ in range(1001)]
    structures.save_as(folder / "RS.dcm")
    with pytest.raises(LymphoriskError, match="1001 ROIs are more than the 1000") as error:
        read_export(folder)
    assert error.value.hint


def test_a_beam_of_no_time_is_an_instant(tmp_path: Path) -> None:
    """A dose rate beyond any float ended in an exception."""
    doses = []
    for on in ("0.0", "1e-320", "1e-200", "1e-9"):
        path = tmp_path / "plan.toml"
        path.write_text(SCENARIO.format(beams=on, dose="0.0, 9.0", share="1.0, 0.0"))
        doses.append(analyze(path, options=Options(draws=16, horizon_d=30, missing="diluted")).blood)
    want = doses[0].course.mean_gy
    assert want > 0
    for found in doses[1:]:
        assert found.course.mean_gy == pytest.approx(want, rel=1e-9)
