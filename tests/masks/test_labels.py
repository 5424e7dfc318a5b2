"""Which organ a label is: TotalSegmentator's classes, names of ROIs, and the clinic's own list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lymphorisk.errors import InputError, MissingOrganError
from lymphorisk.masks.classes import CLASSES, NUMBERED, ORGANS
from lymphorisk.masks.labels import read_labels
from lymphorisk.organs import organ_of

#: Classes that are no organ of this program: muscles, vessels, cysts, cartilage.
NO_ORGAN = 10 + 14 + 2 + 1


def test_the_classes_are_those_of_version_2() -> None:
    """Numbers read off the published list, one of each part of it."""
    assert len(CLASSES) == len(set(CLASSES)) == 117
    known = {1: "spleen", 5: "liver", 10: "lung_upper_lobe_left", 20: "colon", 27: "vertebrae_L5", 50: "vertebrae_C1"}
    known |= {51: "heart", 52: "aorta", 63: "inferior_vena_cava", 77: "hip_left", 90: "brain", 103: "rib_left_12"}
    known |= {104: "rib_right_1", 117: "costal_cartilages"}
    assert {n: NUMBERED[n] for n in known} == known


def test_every_class_of_an_organ_finds_it() -> None:
    found = {name: ORGANS.get(name) or (organ[0] if (organ := organ_of(name)) else None) for name in CLASSES}
    assert sum(organ is None for organ in found.values()) == NO_ORGAN
    expected = {
        "kidney_left": "Kidney_L",
        "vertebrae_T4": "VB_T04",
        "rib_right_9": "Rib09_R",
        "hip_right": "Bone_Pelvic_R",
    }
    expected |= {"lung_middle_lobe_right": "Lung_RML", "clavicula_left": "Clavicle_L", "vertebrae_S1": "Sacrum"}
    expected |= {"small_bowel": "Jejunum_Ileum", "inferior_vena_cava": "V_Venacava_I", "femur_right": "Femur_R"}
    assert {name: found[name] for name in expected} == expected
    sides = {name: organ for name, organ in found.items() if organ and ("left" in name or "right" in name)}
    assert all(o.endswith("_L") == ("left" in n) or o in ("Lung_LUL", "Lung_LLL") for n, o in sides.items())


@pytest.mark.parametrize("kind", ["toml", "json", "csv"])
def test_a_clinics_list_in_three_ways(kind: str, tmp_path: Path) -> None:
    pairs = {"7": "Milz", "012": "Lt Lung", "my_bowel": "Bowel", "9": "-"}
    text = {
        "toml": "[labels]\n" + "".join(f'"{k}" = "{v}"\n' for k, v in pairs.items()),
        "json": json.dumps(pairs),
        "csv": "label,organ\n" + "".join(f"{k}, {v}\n" for k, v in pairs.items()),
    }[kind]
    path = tmp_path / f"labels.{kind}"
    path.write_text(text, encoding="utf-8")
    read = read_labels(path)
    assert dict(read.organs) == {"7": "Spleen", "12": "Lung_L", "my_bowel": "Bowel", "9": ""}
    assert read.of("nothing", "12") == ("12", "Lung_L")
    assert read.of("my_bowel", "7") == ("my_bowel", "Bowel"), "a name comes before a number"
    assert read.of("nothing") is None


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.toml", "[labels]\n7 = 3\n", "names of organs"),
        ("a.toml", "not toml at all [", "a.toml is not TOML"),
        ("a.toml", "a = " + "[" * 100_000, "nested too deeply"),
        ("a.toml", "a." * 5_000 + "a = 1", "a hundred parts"),
        ("a.json", "[" * 200_000, "nested too deeply"),
        ("a.csv", "7," + "x" * 200_000, "field larger"),
        ("a.csv", "7,Spleen,more\n", "not label, organ"),
        ("a.csv", "", "lists nothing"),
        ("a.csv", "7,Spleen\n07,Liver\n", "twice"),
        ("a.json", "[1, 2]", "names of organs"),
        ("a.txt", "7 Spleen", "none of"),
    ],
)
def test_a_list_that_is_none_is_refused(name: str, text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=why):
        read_labels(tmp_path / name)


def test_an_organ_nobody_knows_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("7,Splean\n", encoding="utf-8")
    with pytest.raises(MissingOrganError, match="Splean") as caught:
        read_labels(tmp_path / "a.csv")
    assert "Spleen" in caught.value.hint
