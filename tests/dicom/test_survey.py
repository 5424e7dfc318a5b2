"""What an export holds is told also when nothing can be joined."""

from __future__ import annotations

import pytest

from lymphorisk.dicom import survey
from lymphorisk.dicom.survey import described


def test_a_whole_export(export_of):
    found = survey(export_of())
    assert [f.role for f in found.files] == ["RTPLAN", "RTSTRUCT", "RTDOSE"]
    plan, structures, dose = found.files
    assert plan.what == "'P1': 5 fractions, 2 beams, APPROVED"
    assert structures.what == "3 ROIs"
    assert dose.what == "PLAN PHYSICAL GY"
    assert plan.refers_to == (structures.sop_uid,)
    assert dose.refers_to == (plan.sop_uid,)
    assert plan.frames == structures.frames == dose.frames
    lines = described(found)
    assert lines[0].startswith("RTPLAN 1: 'P1'")
    assert "-> RTSTRUCT 2" in lines[0]
    assert "-> RTPLAN 1" in lines[2]
    assert lines[3] == "frames of reference: 1; CT slices: 0; other files: 0"


def test_broken_links_and_broken_files(export_of):
    def change(ds):
        ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = "1.2.826.0.1.4711"

    folder = export_of(RD=change)
    data = (folder / "RS.dcm").read_bytes()
    (folder / "RS.dcm").write_bytes(data[:-300])
    (folder / "notes.txt").write_text("x")
    found = survey(folder)
    text = "\n".join(described(found))
    assert "not here [...826.0.1.4711]" in text
    assert "broken: RTSTRUCT: the file ends" in text
    assert "other files: 1" in text


@pytest.mark.real
@pytest.mark.parametrize("name", ["headphantom_proton", "multiphase_pinnacle", "proton_boxes_raystation", "odd"])
def test_exports_that_cannot_be_joined(real_data, name):
    if name == "odd":
        folder = real_data / name / "rtplan_truncated.dcm"
        with pytest.raises(Exception, match="truncated"):
            survey(folder)
        return
    found = survey(real_data / name)
    assert found.files
    assert any("26 + 10 + 13 fractions" in f.what for f in found.files) == (name == "multiphase_pinnacle")
