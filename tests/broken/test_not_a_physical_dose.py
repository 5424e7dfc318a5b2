"""EQD2, BED, LET and their kind exported as a dose: refused by name, until the user says what it is."""

from __future__ import annotations

import copy

import pytest

from lymphorisk.analysis import Options
from lymphorisk.analysis.chain import shown
from lymphorisk.dicom import read_export
from lymphorisk.dicom.quantity import word_in
from lymphorisk.errors import ScenarioError, UnsupportedDoseError
from lymphorisk.scenario import scenario_from


def put(**values):
    def change(ds):
        for name, value in values.items():
            setattr(ds, name, value)

    return change


@pytest.mark.parametrize(
    "text",
    [
        "EQD2 alpha/beta 3",
        "eqd2_abl",
        "BED a/b=10",
        "BED10Gy",
        "LETd keV/um",
        "LET",
        "Biological dose",
        "bioDose",
        "RBE",
        "50.4 GyE",
        "CGE",
        "Gy(RBE)",
        "gEUD map",
        "NTD 2Gy",
        "LQED",
        "equieffective",
        "2 Gy-equivalent",
        "equivalent dose",
    ],
)
@pytest.mark.parametrize("place", ["DoseComment", "SeriesDescription"])
def test_a_dose_that_names_itself_is_refused(export_of, text, place):
    folder = export_of(RD=put(**{place: text}))
    with pytest.raises(UnsupportedDoseError, match="not a physical dose"):
        read_export(folder)
    export = read_export(folder, dose_is="physical")
    assert any(f.code == "LR045" for f in export.findings)


@pytest.mark.parametrize("place", ["RTPlanLabel", "RTPlanName", "RTPlanDescription"])
def test_a_plan_that_names_itself_is_refused(export_of, place):
    with pytest.raises(UnsupportedDoseError, match="EQD"):
        read_export(export_of(RP=put(**{place: "sum EQD2"})))


@pytest.mark.parametrize(
    "text",
    [
        "energy 6 MV",
        "5040 cGy each side",
        "2 Gy x 30",
        "equal weights",
        "outlet dose",
        "Lquad",
        "",
        "Tumor Bed",
        "TUMOUR BED 10 Gy",
        "biopsy proven",
        "prostate bed",
        "outlet",
        "ab 3",
        "Lymphoma",
        "abdomen",
    ],
)
def test_words_of_clinics_are_no_quantity(export_of, text):
    assert word_in(text, unweighted=True) == ""
    read_export(export_of(RD=put(DoseComment=text, SeriesDescription=text), RP=put(RTPlanLabel="Bed boost")))


@pytest.mark.parametrize("modality", ["photon", "electron"])
def test_an_effective_dose_of_photons_is_refused(export_of, tiny, modality):
    folder = export_of(tiny.plan(modality=modality), RD=put(DoseType="EFFECTIVE"))
    with pytest.raises(UnsupportedDoseError, match="EFFECTIVE"):
        read_export(folder)
    for said in ("physical", "rbe"):
        assert read_export(folder, dose_is=said).plan.phases[0].rbe_in_dose == 1.0


def test_beside_the_physical_dose_it_is_left_out(export_of, edit_file):
    folder = export_of()
    other = folder / "RD2.dcm"
    other.write_bytes((folder / "RD.dcm").read_bytes())

    def eqd2(ds):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
        ds.DoseComment = "EQD2"
        ds.DoseGridScaling = f"{float(ds.DoseGridScaling) / 2:.8g}"

    edit_file(other, eqd2)
    both, alone = read_export(folder), read_export(export_of(name="alone"))
    assert both.plan.phases[0].dose.dose_zyx.max() == alone.plan.phases[0].dose.dose_zyx.max()
    assert any((f.code == "LR005" and "EQD2" in f.what) or "EQD" in f.what for f in both.findings)


@pytest.mark.parametrize("text", ["60 Gy(RBE)", "GyE", "CGE plan sum", "RBE 1.1"])
def test_a_proton_dose_called_physical_that_says_it_is_weighted_is_refused(export_of, tiny, text):
    plan = tiny.plan(modality="proton")
    with pytest.raises(UnsupportedDoseError, match="not a physical dose"):
        read_export(export_of(plan, RD=put(DoseComment=text, DoseType="PHYSICAL"), name="physical"))
    effective = export_of(plan, RD=put(DoseComment=text, DoseType="EFFECTIVE"), name="effective")
    assert read_export(effective).plan.phases[0].rbe_in_dose == 1.1


def test_what_a_proton_dose_is_can_be_said(export_of, tiny):
    folder = export_of(tiny.plan(modality="proton"))
    assert read_export(folder, dose_is="rbe").plan.phases[0].rbe_in_dose == 1.1
    assert read_export(folder, dose_is="physical").plan.phases[0].rbe_in_dose == 1.0


def test_what_was_said_is_in_the_provenance():
    assert shown(Options(dose_is="rbe"))["dose_is"] == "rbe"
    assert "dose_is" not in shown(Options())


PLAN = {"plan": {"modality": "ion", "fractions": 5, "rbe": 3.0}, "organs": {"Body": {"mean_gy": 2.0}}}


@pytest.mark.parametrize(("modality", "says"), [("ion", "varies in space"), ("photon", "no physical dose")])
def test_a_scenario_is_held_to_the_same(modality, says):
    table = copy.deepcopy(PLAN)
    table["plan"]["modality"] = modality
    with pytest.raises(ScenarioError, match=says):
        scenario_from(table)
    table["plan"]["rbe"] = 1.0
    assert scenario_from(table).phases[0].rbe_in_dose == 1.0
