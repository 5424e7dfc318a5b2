"""What was noticed of an export is noticed on every way that uses it: inspect, dvh, analyze, check, blood, cohort."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from click.testing import CliRunner

from lymphorisk.cli.main import cli

#: By where it is noticed: the files, the names of ROIs, the scale of the dose, the engine.
FILES, NAMES, SCALE, ENGINE = "LR041", "LR162", "LR037", "LR103"
FEW = ["--draws", "16", "--horizon", "60"]


def broken(export_of):
    """Another patient's dose of one fraction, a spleen on one plane, an organ that cannot be used."""

    def dose(ds):
        ds.PatientID = "ELSE"
        ds.DoseGridScaling = float(ds.DoseGridScaling) / 5

    def structures(ds):
        name = next(r for r in ds.StructureSetROISequence if r.ROIName == "Later")
        name.ROIName = "Heart"
        by_number = {r.ReferencedROINumber: r for r in ds.ROIContourSequence}
        contour = deepcopy(by_number[1].ContourSequence[0])
        contour.ContourData = [1.0, 2.0, 3.0, 4.0]
        by_number[name.ROINumber].ContourSequence = [contour]
        for number, called in ((9, "Ring_1"), (10, "Livver")):
            more, drawn = deepcopy(name), deepcopy(by_number[2])
            more.ROINumber, more.ROIName, drawn.ReferencedROINumber = number, called, number
            ds.StructureSetROISequence.append(more)
            ds.ROIContourSequence.append(drawn)

    return export_of(RD=dose, RS=structures)


def told(*command: str) -> dict:
    done = CliRunner().invoke(cli, [*command, "--json"])
    return json.loads(done.stdout)


def codes(found) -> set[str]:
    return {f["code"] for f in found}


def test_no_way_loses_what_was_noticed(export_of, tmp_path) -> None:
    folder = str(broken(export_of))
    house = tmp_path / "house.toml"
    line = 'structure = "Ring_1"\nmetric = "Mean[Gy]"\ngoal = "<= 1"'
    house.write_text(f'schema = "lymphorisk/protocol/1"\nname = "h"\n[[line]]\n{line}\n')
    early = {FILES, NAMES, SCALE}
    seen = told("inspect", folder)
    assert early <= codes(seen["findings"])
    assert {"Heart", "Liver", "BoneMarrow"} <= set(seen["missing"])
    assert not {o["tg263"] for o in seen["organs"]} & set(seen["missing"])
    assert {o["tg263"] for o in seen["organs"]} == {"Body", "Spleen"}
    assert {u["name"]: "Liver" in u["similar"] for u in seen["unmatched"]} == {
        "Heart": False, "Ring_1": False, "Livver": True,
    }  # fmt: skip
    (phase,) = seen["plan"]["phases"]
    assert phase["dose"] == "11 x 9 x 7"
    assert [(b["number"], b["on_s"], b["meterset"]) for b in phase["beams"]] == [
        (1, pytest.approx(15.0, rel=0.01), 100.0),
        (2, pytest.approx(12.0, rel=0.01), 60.0),
    ]
    page = CliRunner().invoke(cli, ["inspect", folder]).stdout
    assert all(f["what"] in page and f["hint"] in page for f in seen["findings"])
    assert sum(bool(f["hint"]) for f in seen["findings"]) > 2
    assert early | {ENGINE} <= codes(told("dvh", folder)["findings"])
    assert early | {ENGINE} <= codes(told("dvh", folder, "--structure", "Spleen")["findings"])
    analysed = codes(told("analyze", folder, *FEW)["findings"])
    assert early | {ENGINE} <= analysed
    judged = told("check", folder, "--protocol", str(house), *FEW)
    assert analysed <= codes(judged["findings"])
    assert [f for f in judged["findings"] if f["code"] == ENGINE and "Ring_1" in f["where"]], (
        "no organ: the gate alone asks"
    )
    assert {FILES, NAMES, SCALE} <= codes(told("blood", folder)["findings"])
