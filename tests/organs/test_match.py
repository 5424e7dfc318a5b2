"""ROI names to organs: what must match, what must never match, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.dvh.regions import Union
from lymphorisk.errors import AmbiguousOrganError, MissingOrganError
from lymphorisk.organs import check_volume, load, match, organ_name, organ_of
from lymphorisk.plan import Structure
from tests.slowly import slow_but

SQUARE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])


def roi(number: int, name: str, rt_type: str = "", contours: int = 1) -> Structure:
    return Structure(number, name, tuple(SQUARE.copy() for _ in range(contours)), rt_type=rt_type)


def rois(*names: str) -> list[Structure]:
    return [roi(i, name) for i, name in enumerate(names, 1)]


MEANT = {
    # exact, case, separators
    "Spleen": "Spleen",
    "SPLEEN": "Spleen",
    "bowel small": "Bowel_Small",
    "LUNG-L": "Lung_L",
    "lung_l": "Lung_L",
    "BrainStem": "Brainstem",
    "A.Aorta": "A_Aorta",
    # reverse order
    "Aorta_A": "A_Aorta",
    "L_Lung": "Lung_L",
    "Bowel_Bag": "Bag_Bowel",
    "S_Venacava_V": "V_Venacava_S",
    "Small_Bowel": "Bowel_Small",
    "L_L1_Ax_LN": "LN_Ax_L1_L",
    # English as planning systems hold it
    "Lt Lung": "Lung_L",
    "Rt_Lung": "Lung_R",
    "Right Kidney": "Kidney_R",
    "SmallBowel": "Bowel_Small",
    "Femoral Head RT": "Femur_Head_R",
    "Pelvic_BM": "BoneMarrow_Pelvic",
    "Total Lung": "Lungs",
    "SVC": "V_Venacava_S",
    "oesophagus": "Esophagus",
    "Lungs - GTV": "Lungs-GTV",
    "Lung-PTV": "Lungs-GTV",
    "IMN_L": "LN_IMN_L",
    "Body_Contour": "Body",
    # German
    "Milz": "Spleen",
    "Leber": "Liver",
    "Lunge li": "Lung_L",
    "Lunge_rechts": "Lung_R",
    "Dünndarm": "Bowel_Small",
    "Duenndarm": "Bowel_Small",
    "Dunndarm": "Bowel_Small",
    "Niere_re": "Kidney_R",
    "Rückenmark": "SpinalCord",
    "Herz": "Heart",
    "BWK7": "VB_T07",
    "BWK 12": "VB_T12",
    "LWS": "VB_L",
    "Brustbein": "Sternum",
    "Außenkontur": "Body",
    "Aussenkontur": "Body",
    # French
    "Rate": "Spleen",
    "Poumon G": "Lung_L",
    "Poumon_D": "Lung_R",
    "Poumon droit": "Lung_R",
    "Cœur": "Heart",
    "Coeur": "Heart",
    "Grêle": "Bowel_Small",
    "Foie": "Liver",
    "Tête fémorale G": "Femur_Head_L",
    "Moelle épinière": "SpinalCord",
    "Contour externe": "Body",
    # Spanish
    "Bazo": "Spleen",
    "Pulmón izq": "Lung_L",
    "Pulmon_D": "Lung_R",
    "Hígado": "Liver",
    "Corazon": "Heart",
    "Intestino delgado": "Bowel_Small",
    # Italian
    "Milza": "Spleen",
    "Polmone sx": "Lung_L",
    "Polmone DX": "Lung_R",
    "Fegato": "Liver",
    "Cuore": "Heart",
    "Rene dx": "Kidney_R",
    # Dutch
    "Milt": "Spleen",
    "Long links": "Lung_L",
    "Lever": "Liver",
    "Hart": "Heart",
    "Dunne darm": "Bowel_Small",
    "Nier_re": "Kidney_R",
    # Japanese
    "脾臓": "Spleen",
    "左肺": "Lung_L",
    "右肺": "Lung_R",
    "両肺": "Lungs",
    "肝臓": "Liver",
    "小腸": "Bowel_Small",
    "肺_左": "Lung_L",
    # TotalSegmentator classes
    "kidney_left": "Kidney_L",
    "lung_upper_lobe_right": "Lung_RUL",
    "small_bowel": "Bowel_Small",
    "vertebrae_L3": "VB_L3",
    "vertebrae_T10": "VB_T10",
    "rib_left_7": "Rib07_L",
    "hip_right": "Bone_Pelvic_R",
    "inferior_vena_cava": "V_Venacava_I",
    "urinary_bladder": "Bladder",
    "heart_atrium_left": "Atrium_L",
    "clavicula_left": "Clavicle_L",
    "adrenal_gland_right": "Glnd_Adrenal_R",
}


@pytest.mark.parametrize(("name", "organ"), MEANT.items())
def test_names_that_mean_an_organ(name: str, organ: str) -> None:
    found = organ_of(name)
    assert found is not None
    assert found[0] == organ


NOT_MEANT = [
    "zSpleen_opt",
    "zSpleen",
    "_Spleen",
    "Spleen_PRV05",
    "Spleen_PRV",
    "NOT_Spleen",
    "Spleen_v2",
    "Spleen2",
    "SPL_v2",
    "opt_Spleen",
    "Spleen_opt",
    "Spleen~",
    "Spleen^1",
    "Spleen!",
    "~Spleen",
    "-Spleen",
    "Spleen-PTV",
    "Spleen_ring",
    "ringSpleen",
    "Spleen_dose",
    "Spleen_alt",
    "Spleen_old",
    "Lung_R~",
    "Lung_R_20Gy",
    "Heart_Wall",
    "Heart+5",
    "Heart_exp",
    "Heart-Lung",
    "LiverHeart",
    "PTV_Spleen",
    "Spleen_PTV",
    "GTV_Lung",
    "Lung_GTV",
    "Lung",
    "Kidney",
    "LN",
    "Nodes",
    "T1",
    "L5",
    "C2",
    "PA",
    "pa",
    "Pelvis",
    "BM",
    "M1",
    "X1",
    "Box555",
    "Splean",
    "Parotis",
    "Couch",
    "Bolus",
    "Areola",
    "Scar",
    "Marker",
    "LoPo",
    "Lung_R 20Gy",
    "Spleen 5mm",
    "Spleen (old)",
    "Total Lung 20 Gy",
    "Vessels - left",
    "Tumor Bed",
    "Isocenter 1",
    "",
    "   ",
    "___",
    "🫁",
    "'); DROP",
    "<script>alert(1)</script>",
    "L",
    "R",
    "left",
    "Lt",
    "L R",
    "Lunge",
]


@pytest.mark.parametrize("name", NOT_MEANT)
def test_names_that_mean_no_organ_without_an_override(name: str) -> None:
    assert organ_of(name) is None


def test_parotid_is_not_the_pulmonary_artery() -> None:
    """A part of a name never matches: one public code finds the pulmonary artery ("pa") in Parotid_L."""
    found = match(rois("Parotid_L", "pacemaker", "spinal canal", "vc_helper"))
    assert "A_Pulmonary" not in found.organs
    assert found.organs["Parotid_L"].rung == "exact"


def test_every_shipped_name_finds_its_organ() -> None:
    for organ in load().values():
        if organ.kind == "target" or organ.name == "LN":
            continue
        assert organ_of(organ.name) == (organ.name, "exact")
        for spelling in organ.spellings:
            found = organ_of(spelling)
            assert found is not None, spelling
            assert found[0] == organ.name, spelling


@given(st.text(max_size=64))
def test_any_text_is_matched_or_not_without_an_accident(name: str) -> None:
    found = match(rois(name))
    assert len(found.organs) <= 2
    assert len(found.organs) + len(found.targets) + len(found.unmatched) >= 1


def test_a_planning_structure_never_takes_the_place_of_the_organ() -> None:
    found = match(rois("Spleen_PRV05", "zSpleen_opt", "NOT_Spleen", "Spleen^2"))
    assert "Spleen" not in found.organs
    assert {u.name for u in found.unmatched} == {"Spleen_PRV05", "zSpleen_opt", "NOT_Spleen", "Spleen^2"}
    assert all(u.reason for u in found.unmatched)
    assert [f.code for f in found.findings].count("LR152") == 4


def test_a_similar_name_is_suggested_and_not_used() -> None:
    found = match(rois("Splean"))
    assert not found.organs
    assert found.suggestions["Splean"] == ("Spleen",)
    assert any(f.code == "LR154" and "--organ Spleen=1" in f.hint for f in found.findings)


def test_vague_names_are_asked_about() -> None:
    found = match(rois("Nodes", "Lung", "Kidney", "Lunge"))
    assert not found.organs
    assert set(found.suggestions["Lung"]) >= {"Lungs", "Lung_L", "Lung_R"}
    assert found.suggestions["Nodes"] == ("LN",)


def test_lungs_are_the_union_of_left_and_right() -> None:
    found = match(rois("Lung_L", "Rt Lung"))
    lungs = found.organs["Lungs"]
    assert isinstance(lungs.region, Union)
    assert lungs.roi_numbers == (1, 2)
    assert lungs.roi_names == ("Lung_L", "Rt Lung")
    assert lungs.how == "recipe: union of Lung_L + Lung_R"


def test_a_contour_wins_over_a_union() -> None:
    found = match(rois("Lung_L", "Lung_R", "Lungs"))
    assert found.organs["Lungs"].rung == "exact"


def test_one_lung_is_not_both() -> None:
    assert "Lungs" not in match(rois("Lung_L")).organs


def test_unions_of_unions_are_made() -> None:
    found = match(rois("lung_upper_lobe_left", "lung_lower_lobe_left", "Lung_R"))
    assert found.organs["Lungs"].roi_numbers == (1, 2, 3)


def test_twelve_vertebrae_are_the_thoracic_spine_and_eleven_are_not() -> None:
    all_of_them = rois(*[f"vertebrae_T{n}" for n in range(1, 13)])
    assert match(all_of_them).organs["VB_T"].rung == "recipe"
    assert "VB_T" not in match(all_of_them[:-1]).organs


def test_overrides_by_name_by_number_and_by_sum() -> None:
    structures = rois("SPL_v2", "Milz", "Lung re", "foo", "bar")
    assert match(structures, {"Spleen": "SPL_v2"}).organs["Spleen"].roi_names == ("SPL_v2",)
    assert match(structures, {"Spleen": 4}).organs["Spleen"].roi_names == ("foo",)
    assert match(structures, {"spleen": "#5"}).organs["Spleen"].roi_numbers == (5,)
    both = match(structures, {"Bowel": "foo + bar"}).organs["Bowel"]
    assert both.roi_numbers == (4, 5)
    assert both.rung == "override"


def test_an_override_beats_the_exact_name() -> None:
    found = match(rois("Spleen", "SPL_v2"), {"Spleen": "SPL_v2"})
    assert found.organs["Spleen"].how == "override: 'SPL_v2'"


def test_a_name_that_is_a_number_wins_over_the_roi_number() -> None:
    assert match([roi(1, "2"), roi(2, "x")], {"Spleen": "2"}).organs["Spleen"].roi_numbers == (1,)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"Spleen": "gone"}, "not in the structure set"),
        ({"Spleen": "empty"}, "is empty"),
        ({"Splean": "Milz"}, "no organ"),
        ({"Spleen": "Milz + gone"}, "not in the structure set"),
    ],
)
def test_overrides_that_name_nothing_are_refused(overrides: dict[str, str], words: str) -> None:
    with pytest.raises(MissingOrganError, match=words) as caught:
        match([roi(1, "Milz"), roi(2, "empty", contours=0)], overrides)
    assert caught.value.hint


def test_an_roi_that_is_not_usable_is_said_and_cannot_be_asked_for() -> None:
    broken = Structure(1, "Spleen", (), unusable="its contours are open")
    odd = Structure(2, "Ring_1", (), unusable="its contours are open")
    target = Structure(3, "PTV_50", (), unusable="its contours are open")
    found = match([broken, odd, target, roi(4, "Leber")])
    assert "Spleen" not in found.organs
    assert [f.what for f in found.findings if f.code == "LR162"] == [
        f"{what} counts as not drawn: its contours are open" for what in ("Spleen", "PTV")
    ]
    with pytest.raises(MissingOrganError, match="Spleen: ROI 'Ring_1' is not usable: its contours are open") as refused:
        match([broken, odd, roi(4, "Leber")], {"Spleen": "Ring_1"})
    assert refused.value.hint == "redraw it, or map another ROI"


def test_two_rois_of_one_name_are_ambiguous_in_an_override() -> None:
    with pytest.raises(AmbiguousOrganError) as caught:
        match([roi(1, "a"), roi(2, "a")], {"Spleen": "a"})
    assert "1, 2" in caught.value.hint


def test_two_rois_on_one_rung_are_refused_by_name() -> None:
    with pytest.raises(AmbiguousOrganError, match="1 'Milz', 2 'SPL'") as caught:
        match(rois("Milz", "SPL"))
    assert "--organ Spleen=1" in caught.value.hint


def test_two_rois_on_different_rungs_are_decided_and_said() -> None:
    found = match(rois("Milz", "Spleen"))
    assert found.organs["Spleen"].roi_names == ("Spleen",)
    noted = [f for f in found.findings if f.code == "LR155"]
    assert len(noted) == 1
    assert "'Milz'" in noted[0].where


def test_an_empty_roi_is_not_used() -> None:
    found = match([roi(1, "Spleen", contours=0), roi(2, "Milz")])
    assert found.organs["Spleen"].roi_names == ("Milz",)
    assert [f.where for f in found.findings if f.code == "LR151"] == ["ROI 1 'Spleen'"]


def test_a_point_is_not_an_organ() -> None:
    point = Structure(1, "Spleen", (np.zeros((1, 3)),))
    assert "Spleen" not in match([point]).organs


def test_the_body_by_its_type() -> None:
    found = match([roi(1, "<script>", "EXTERNAL"), roi(2, "Heart", "ORGAN")])
    assert found.organs["Body"].rung == "ROI type"
    named = match([roi(1, "xyz", "EXTERNAL"), roi(2, "BODY")])
    assert named.organs["Body"].roi_numbers == (2,)
    with pytest.raises(AmbiguousOrganError):
        match([roi(1, "a", "EXTERNAL"), roi(2, "b", "EXTERNAL")])
    assert match([roi(1, "Body", "EXTERNAL"), roi(2, "BODY", "")]).organs["Body"].roi_numbers == (1,)


def test_targets_are_recognised_and_not_lymphoid() -> None:
    found = match([roi(1, "PTV_5040"), roi(2, "iGTV1"), roi(3, "CTVp"), roi(4, "Tumor Bed", "CTV"), roi(5, "ITV")])
    assert [(t.kind, t.structure.number) for t in found.targets] == [
        ("PTV", 1),
        ("GTV", 2),
        ("CTV", 3),
        ("CTV", 4),
        ("ITV", 5),
    ]
    assert not found.organs


def test_a_stand_in_is_used_only_where_the_organ_is_missing() -> None:
    assert any(f.code == "LR156" for f in match(rois("Bag_Bowel")).findings)
    assert not any(f.code == "LR156" for f in match(rois("Bag_Bowel", "Bowel")).findings)


def test_a_huge_name_does_no_harm() -> None:
    found = match([roi(1, "x" * 65_536), roi(2, "Spleen" * 10_000)])
    assert not found.organs
    assert all(len(f.what) + len(f.where) + len(f.hint) < 500 for f in found.findings)


def test_organ_name_takes_any_name_and_refuses_others() -> None:
    assert organ_name("Milz") == "Spleen"
    assert organ_name("Thyroid") == "Glnd_Thyroid"
    with pytest.raises(MissingOrganError) as caught:
        organ_name("Splean")
    assert "Spleen" in caught.value.hint


def test_volumes_outside_the_adult_range_are_noted() -> None:
    assert check_volume("Spleen", 180.0) is None
    found = check_volume("Spleen", 5.0)
    assert found is not None
    assert found.code == "LR157"
    assert check_volume("PTV", 1e9) is None


EXPECTED = {
    "breast_photon": {"Body": ("BODY",), "Heart": ("Heart",), "Lung_L": ("Lt Lung",)},
    "prostate_eclipse": {
        "Body": ("BODY",),
        "Bladder": ("Bladder",),
        "Rectum": ("Rectum",),
        "Femur_Head_L": ("Femoral Head Lt",),
        "Femur_Head_R": ("Femoral Head RT",),
    },
    "pancreas_icrp": {
        "Body": ("BODY",),
        "Spleen": ("Spleen",),
        "Liver": ("Liver",),
        "Heart": ("Heart",),
        "Lung_L": ("Lung_L",),
        "Lung_R": ("Lung_R",),
        "Lungs": ("Lung_L", "Lung_R"),
        "BoneMarrow": ("BoneMarrow_RBM_sites",),
        "BoneMarrow_Pelvic": ("Pelvic_BM",),
        "Bowel": ("Bowel",),
        "Bowel_Small": ("SmallBowel",),
        "LN_Trunk": ("LN_Trunk",),
        "LN_Head": ("LN_Head",),
        "Glnd_Thymus": ("Thymus",),
        "GreatVes_Trunk": ("GreatVessels_Trunk",),
        "Kidneys": ("Kidneys",),
        "Brain": ("Brain",),
        "SpinalCord": ("SpinalCord",),
        "Pancreas": ("Pancreas",),
        "Stomach": ("Stomach",),
    },
    "headphantom_proton": {"Body": ("BODY",), "Brainstem": ("BrainStem",)},
    "proton_boxes_raystation": {"Body": ("External",)},
    "tiny_patient": {"Body": ("Body_Contour",)},
}


@pytest.mark.real
@pytest.mark.parametrize("case", slow_but(EXPECTED, "breast_photon", "tiny_patient"))
def test_real_structure_sets(case: str, real_data: Path) -> None:
    found = match(structures_of(real_data / case / "RS.dcm"))
    assert {name: m.roi_names for name, m in found.organs.items()} == EXPECTED[case]


def structures_of(path: Path) -> list[Structure]:
    import pydicom

    data = pydicom.dcmread(path, force=True)
    contours = {
        int(item.ReferencedROINumber): tuple(
            np.array(c.ContourData, dtype=float).reshape(-1, 3) for c in item.get("ContourSequence", None) or ()
        )
        for item in data.get("ROIContourSequence", ())
    }
    types = {
        int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType", "") or "")
        for item in data.get("RTROIObservationsSequence", ())
    }
    return [
        Structure(
            int(r.ROINumber), str(r.ROIName), contours.get(int(r.ROINumber), ()), "", types.get(int(r.ROINumber), "")
        )
        for r in data.StructureSetROISequence
    ]
