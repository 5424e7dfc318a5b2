"""DVH texts of planning systems, version by version, as far as their wording is known."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dicom import dvh_text, read_dvh_text
from lymphorisk.errors import DicomReadError

DOSES = np.linspace(0, 40, 81)
SHARES = np.clip((40 - DOSES) / 20, 0, 1)  # all of it gets 20 Gy, none 40: mean 30


def table(dose, volume, relative=None):
    cells = [DOSES * dose, SHARES * volume] if relative is None else [DOSES * relative, DOSES * dose, SHARES * volume]
    return "\n".join("   ".join(f"{v:.6g}" for v in row) for row in zip(*cells, strict=True))


ECLIPSE = f"""Patient Name         : Mustermann, Erika
Patient ID           : 4711
Type                 : Cumulative Dose Volume Histogram

Plan: P1
Course: C1
Prescribed dose [Gy]: 50.0
% for dose (%): 100.0

Structure: Spleen
Approval Status: Unapproved
Plan: P1
Volume [cm³]: 200.0
Dose Cover.[%]: 100.0
Mean Dose [Gy]: 30.0

Dose [Gy]   Ratio of Total Structure Volume [%]
{table(1, 100)}

Structure: Heart
Volume [cm³]: 600
Mean Dose [Gy]: 30.0

Dose [Gy]   Structure Volume [cm³]
{table(1, 600)}
"""
ECLIPSE_15 = f"""Plan sum: S1
Total dose [cGy]: 5000.0
% for dose (%): 100.0

Structure: Spleen
Volume [cm³]: 200.0
Relative dose [%]   Dose [cGy] Ratio of Total Structure Volume [%]
{table(100, 100, relative=2)}
"""
ECLIPSE_RELATIVE = f"""Plan: P1
Total dose [Gy]: 50.0
% for dose (%): 100.0
Structure: Spleen
Volume [cm³]: 200.0
Relative dose [%]   Ratio of Total Structure Volume [%]
{table(2, 100)}
"""
RAYSTATION = f"""#PatientName:Mustermann^Erika
#PatientId:4711
#Dosename:Plan dose: P1
#RoiName:Spleen
#RoiVolume: 200.0
#Roi volume fraction outside grid: 0 %
#Dose unit: cGy
{table(100, 100)}
"""
RAYSTATION_OLD = RAYSTATION.replace("#Dose unit:", "#Unit:")
GERMAN = ECLIPSE_15.replace(".", ",").replace("Structure:", "Struktur:")
SLICER = "Spleen_DvhArray Dose (Gy),Spleen_DvhArray Value (% of 200.0 cc),\n" + "\n".join(
    f"{d:.6g},{100 * v:.6g}" for d, v in zip(DOSES, SHARES, strict=True)
)
TEXTS = {
    "eclipse": ECLIPSE,
    "eclipse 15, cGy": ECLIPSE_15,
    "eclipse, relative": ECLIPSE_RELATIVE,
    "eclipse, decimal commas": GERMAN,
    "raystation": RAYSTATION,
    "raystation, older": RAYSTATION_OLD,
    "slicer": SLICER,
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_wording_gives_the_same_curve(tmp_path, name, encoding):
    path = tmp_path / "dvh.txt"
    path.write_text(TEXTS[name], encoding=encoding)
    dvhs, findings = read_dvh_text(path)
    spleen = dvhs[0]
    assert findings == ()
    assert (spleen.name, spleen.engine) == ("Spleen", "tps")
    assert spleen.total_cm3 == pytest.approx(200.0)
    assert spleen.mean_gy == pytest.approx(30.0, abs=0.01)
    assert (spleen.min_gy, spleen.max_gy) == pytest.approx((20.0, 40.0), abs=0.02)
    assert np.interp(25.0, spleen.dose_gy, spleen.volume_cm3) == pytest.approx(150.0, rel=1e-4)
    if name == "eclipse":
        assert dvhs[1].total_cm3 == pytest.approx(600.0)
        assert dvhs[1].mean_gy == pytest.approx(30.0, abs=0.01)


def test_an_offending_line_is_named_by_its_number_not_its_text(tmp_path):
    path = tmp_path / "dvh.txt"
    path.write_text(ECLIPSE.replace("25   0.75", "x").replace("25   75", "Mustermann 75"))
    number = path.read_text().splitlines().index("Mustermann 75") + 1
    with pytest.raises(DicomReadError, match=f"line {number} ") as error:
        read_dvh_text(path)
    assert "Mustermann" not in error.value.message


def test_percent_of_an_unknown_volume_needs_the_volume(tmp_path):
    path = tmp_path / "dvh.txt"
    path.write_text(RAYSTATION.replace("#RoiVolume: 200.0\n", ""))
    dvhs, findings = read_dvh_text(path)
    assert dvhs == ()
    assert "percent" in findings[0].what
    (spleen,), _ = read_dvh_text(path, {"Spleen": 123.0})
    assert spleen.total_cm3 == 123.0


def test_uncertainty_scenarios_and_differential_curves_are_left_out(tmp_path):
    path = tmp_path / "dvh.txt"
    path.write_text(ECLIPSE.replace("Volume [cm³]: 200.0", "Uncertainty plan: U1\nVolume [cm³]: 200.0"))
    dvhs, findings = read_dvh_text(path)
    assert [d.name for d in dvhs] == ["Heart"]
    assert "uncertainty" in findings[0].what
    path.write_text(RAYSTATION.replace("4000   0", "4000   90"))
    dvhs, findings = read_dvh_text(path)
    assert dvhs == ()
    assert "cumulative" in findings[0].what


def test_a_single_slip_in_a_dose_is_left_out_and_told(tmp_path):
    path = tmp_path / "dvh.txt"
    path.write_text(RAYSTATION.replace("2500   75", "0.025   75"))
    (spleen,), findings = read_dvh_text(path)
    assert spleen.mean_gy == pytest.approx(30.0, abs=0.02)
    assert "1 points" in findings[0].what


def test_an_impossible_dose_is_left_out(tmp_path):
    path = tmp_path / "dvh.txt"
    path.write_text(RAYSTATION + "1e15 0\n")
    dvhs, findings = read_dvh_text(path)
    assert dvhs == ()
    assert "impossible" in findings[0].what


@pytest.mark.parametrize("text", ["", "hello", "Dose,Volume\n1,2\n", "\x00\x01\x02"])
def test_other_texts_are_refused(tmp_path, text):
    path = tmp_path / "dvh.txt"
    path.write_text(text)
    with pytest.raises(DicomReadError):
        read_dvh_text(path)
    with pytest.raises(DicomReadError, match="cannot be read"):
        read_dvh_text(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (RAYSTATION.replace("#Dose unit: cGy\n", ""), "dose unit is not stated"),
        (RAYSTATION.replace("#Dose unit: cGy", "#Dose unit: rem"), "dose unit is not stated"),
        ("\n".join(RAYSTATION.splitlines()[:8]) + "\n", "fewer than two points"),
        (RAYSTATION.replace("\n0   100", "\n-1   100"), "do not increase"),
        (RAYSTATION.replace("   100\n", "   0\n"), "not a cumulative curve"),
    ],
)
def test_a_curve_that_says_too_little_is_left_out_with_the_reason(tmp_path, text, why):
    path = tmp_path / "dvh.txt"
    path.write_text(text)
    dvhs, findings = read_dvh_text(path)
    assert dvhs == ()
    assert why in findings[0].what


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ECLIPSE.replace("25   75", "25"), "too few columns"),
        (ECLIPSE_RELATIVE.replace("Total dose [Gy]: 50.0\n", ""), "no prescription is known"),
        (ECLIPSE_RELATIVE.replace("% for dose (%): 100.0", "% for dose (%): 0.0"), "no prescription is known"),
        (SLICER.replace("Value (% of 200.0 cc)", "Value"), "pairs of dose and volume"),
    ],
)
def test_a_text_without_columns_or_prescription_is_refused(tmp_path, text, why):
    path = tmp_path / "dvh.txt"
    assert text not in (ECLIPSE, ECLIPSE_RELATIVE, SLICER)
    path.write_text(text)
    with pytest.raises(DicomReadError, match=why):
        read_dvh_text(path)


def test_a_text_beyond_reason_is_not_read(tmp_path):
    path = tmp_path / "dvh.txt"
    with path.open("wb") as file:
        file.truncate(dvh_text.MAX_TEXT + 1)
    with pytest.raises(DicomReadError, match="too large"):
        read_dvh_text(path)


@pytest.mark.real
@pytest.mark.parametrize("who", ["eclipse", "cerr"])
def test_the_published_reference_tables(real_data, who):
    # The Eclipse table has one row whose doses slipped by five digits.
    dvhs, findings = read_dvh_text(real_data / "prostate_eclipse" / f"reference_dvh_{who}.csv")
    assert len(findings) == (6 if who == "eclipse" else 0)
    by_name = {d.name: d for d in dvhs}
    assert set(by_name) == {"BODY", "Bladder", "FemoralHeadLt", "FemoralHeadRT", "PTV", "Rectum"}
    assert by_name["BODY"].total_cm3 == pytest.approx(10593.0, rel=0.02)
    assert by_name["PTV"].mean_gy == pytest.approx(46.0, rel=0.02)


def test_two_rois_of_one_text_are_two_curves_and_remarks_are_none(tmp_path):
    path = tmp_path / "dvh.txt"
    heart = RAYSTATION.replace("Spleen", "Heart").replace("200.0", "600.0")
    path.write_text("#Dose unit: cGy\n# a remark\n\n" + RAYSTATION.replace("#Dose unit: cGy\n", "") + "# end\n" + heart)
    (spleen, second), findings = read_dvh_text(path)
    assert (spleen.name, second.name, findings) == ("Spleen", "Heart", ())
    assert spleen.total_cm3 == pytest.approx(200.0)
    assert second.total_cm3 == pytest.approx(600.0)
    assert spleen.mean_gy == pytest.approx(second.mean_gy) == pytest.approx(30.0, abs=0.01)


def test_columns_of_a_table_may_end_before_each_other(tmp_path):
    path = tmp_path / "dvh.txt"
    head, *rows = SLICER.splitlines()
    short = [f"{row},{row}" if n < 60 else f"{row},," for n, row in enumerate(rows)]
    path.write_text("\n".join([f"{head}{head.replace('Spleen', 'Half')}", *short]))
    (spleen, half), _ = read_dvh_text(path)
    assert (spleen.name, half.name) == ("Spleen", "Half")
    assert spleen.max_gy > half.dose_gy[-1] - 1.0
    assert half.dose_gy[-1] < 31.0


def test_a_text_that_names_no_roi_has_no_curve(tmp_path):
    path = tmp_path / "dvh.txt"
    path.write_text("#PatientName:x\n#Dosename:Plan dose: P1\n#RoiVolume: 200.0\n")
    with pytest.raises(DicomReadError):
        read_dvh_text(path)
