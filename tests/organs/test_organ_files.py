"""The organ files: every name decides one organ, shares add up, every number has a source."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from pathlib import Path

import pytest

from lymphorisk.errors import ParameterError
from lymphorisk.organs import NETWORKS, POOLS, load, names, table
from lymphorisk.organs.cover import SHARE_TOLERANCE
from lymphorisk.organs.table import _expanded

WANTED = [
    "Spleen",
    "BoneMarrow",
    "BoneMarrow_Pelvic",
    "Skull",
    "Humeri",
    "Sternum",
    "Ribs",
    "Scapulae",
    "Clavicles",
    "VB_C",
    "VB_T",
    "VB_L",
    "Sacrum",
    "Bone_Pelvic",
    "Bone_Ilium_L",
    "Femurs",
    "LN",
    "LN_Mediastinals",
    "LN_Ax_L",
    "LN_Ax_L1_R",
    "LN_IMN_L",
    "LN_Pelvics",
    "LN_Paraaortic",
    "LN_Inguinofem",
    "LN_Neck_II_L",
    "LN_Sclav_R",
    "Bowel_Small",
    "Bowel_Large",
    "Bowel",
    "Bag_Bowel",
    "Spc_Bowel",
    "Heart",
    "A_Aorta",
    "A_Pulmonary",
    "GreatVes",
    "V_Venacava_S",
    "V_Venacava_I",
    "Lungs",
    "Lung_L",
    "Lung_R",
    "Liver",
    "Kidneys",
    "Brain",
    "Stomach",
    "Esophagus",
    "Pancreas",
    "Bladder",
    "Glnd_Thyroid",
    "Glnd_Adrenals",
    "Gonads",
    "Glnd_Thymus",
    "Body",
    "PTV",
    "CTV",
    "GTV",
]


@pytest.mark.parametrize("name", WANTED)
def test_the_organs_of_interest_are_known(name: str) -> None:
    assert name in load()


def test_no_name_means_two_organs() -> None:
    """Names are compared without case and separators, and in any word order; TG-263's own VBs and VB_S are the one
    pair that differs by case alone, and is therefore told apart by the exact name only."""
    meant: dict[object, set[str]] = defaultdict(set)
    for organ in load().values():
        for spelling in (organ.name, *organ.spellings):
            meant[names.squash(spelling)].add(organ.name)
            meant[names.shuffled(spelling)].add(organ.name)
    clashes = {key: organs for key, organs in meant.items() if len(organs) > 1}
    assert clashes == {"vbs": {"VBs", "VB_S"}}


@pytest.mark.parametrize("pool", POOLS)
def test_parts_share_no_more_than_their_whole(pool: str) -> None:
    organs = [o for o in load().values() if o.pool == pool]
    for whole in organs:
        parts = sum(o.pool_share for o in organs if o.part_of == whole.name)
        assert parts <= whole.pool_share + SHARE_TOLERANCE, whole.name


@pytest.mark.parametrize(
    "whole", ["BoneMarrow", "BoneMarrow_Pelvic", "Bowel", "LN", "LN_Head", "LN_Trunk", "VBs", "LN_Pelvics"]
)
def test_wholes_that_go_by_parts_are_the_sum_of_them(whole: str) -> None:
    organ = load()[whole]
    parts = sum(o.pool_share for o in load().values() if o.part_of == whole)
    assert organ.by_parts
    assert parts == pytest.approx(organ.pool_share, abs=SHARE_TOLERANCE)


def test_marrow_shares_are_the_published_ones() -> None:
    """Hayman 2011, abstract: percent of proliferating marrow by site."""
    published = {
        "Skull": 2.9,
        "Humeri": 1.9,
        "Sternum": 2.9,
        "Scapulae": 3.8,
        "VB_C": 4.3,
        "VB_T": 19.9,
        "VB_L": 16.6,
        "Sacrum": 9.2,
        "Bone_Pelvic": 25.3,
        "Femurs": 4.4,
    }
    organs = load()
    assert {organs[name].pool for name in (*published, "Ribs", "Clavicles")} == {"marrow"}
    for name, percent in published.items():
        assert 100 * organs[name].pool_share == pytest.approx(percent), name
    assert 100 * (organs["Ribs"].pool_share + organs["Clavicles"].pool_share) == pytest.approx(8.8)


@pytest.mark.parametrize("network", NETWORKS)
def test_compartments_are_those_of_the_network(network: str) -> None:
    used = {c for o in load().values() for c in o.compartments.get(network, ())}
    assert used <= set(COMPARTMENTS[network])


COMMON = [
    "right_heart",
    "left_heart",
    "coronary",
    "lung",
    "bronchial",
    "brain",
    "kidneys",
    "adrenals",
    "liver",
    "spleen",
    "pancreas",
    "stomach_oesophagus",
    "small_intestine",
    "large_intestine",
    "bladder",
    "gonads",
    "thyroid",
    "lymph_nodes",
    "compact_bone",
    "spongy_bone",
    "red_marrow",
    "other_skeleton",
    "skeletal_muscle",
    "fat",
    "skin",
    "all_other",
    "large_veins",
]
COMPARTMENTS = {
    "28": (*COMMON, "aorta_large_arteries"),
    "32": (*COMMON, "aorta", "pulmonary_artery", "large_arteries", "superior_vena_cava", "inferior_vena_cava"),
}


@pytest.mark.real
def test_compartment_names_are_those_of_the_published_sheets(real_data: Path) -> None:
    sheet = real_data.parent / "science" / "icrp89_blood.csv"
    if not sheet.is_file():
        pytest.skip("no compartment sheet here")
    with sheet.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for network, names_of in COMPARTMENTS.items():
        assert {r["organ"] for r in rows if r["model"] == f"{network}-compartment"} == set(names_of)


@pytest.mark.parametrize("network", NETWORKS)
def test_whole_organs_never_claim_more_than_a_compartment(network: str) -> None:
    tops = [o for o in load().values() if not o.part_of and not o.stands_for]
    for compartment in COMPARTMENTS[network]:
        # The gonads are either testes or ovaries; as parts of one whole they count once.
        assert sum(o.compartments.get(network, {}).get(compartment, 0.0) for o in tops) <= 1.0 + SHARE_TOLERANCE


def test_every_share_says_where_it_comes_from() -> None:
    for organ in load().values():
        if organ.pool:
            assert organ.origins["pool"].place, organ.name
        if organ.compartments:
            assert set(organ.compartments) == set(NETWORKS), organ.name
            assert organ.origins["blood"].place, organ.name
        if organ.volume_range_cm3:
            assert 0 < organ.volume_range_cm3[0] < organ.volume_range_cm3[1], organ.name


def test_names_fit_sixteen_characters_where_the_nomenclature_has_them() -> None:
    assert all(len(o.name) <= 16 for o in load().values() if o.tg263)


def test_unions_of_left_and_right_keep_their_sides() -> None:
    for organ in load().values():
        sides = {part[-2:] for recipe in organ.recipes for part in recipe.of if part[-2:] in {"_L", "_R"}}
        if organ.name[-2:] in {"_L", "_R"} and not organ.name.startswith("VB_"):
            assert sides <= {organ.name[-2:]}, organ.name


@pytest.mark.parametrize(
    "table",
    [
        {"name": "X", "tg263": True, "volume": 3},
        {"name": "X", "tg263": True, "kind": "thing"},
        {"name": "X", "tg263": True, "pool": {"name": "moon", "share": 1.0}},
        {
            "name": "X",
            "tg263": True,
            "pool": {"name": "gut", "share": 1.0, "source": "no", "place": "", "known": "read"},
        },
    ],
    ids=["unknown key", "unknown kind", "unknown pool", "unknown source"],
)
def test_a_file_that_breaks_the_rules_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=r"x\.toml"):
        list(_expanded(table, "x.toml"))


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (('name = "X"', 'name = "X"'), "organ X stands in two files, one is b.toml"),
        (('name = "X"\npart_of = "Y"', 'name = "Z"'), "organ X names 'Y', which is no organ"),
        (('name = "X"\nstands_for = "Y"', 'name = "Z"'), "organ X names 'Y', which is no organ"),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: tuple[str, str], what: str
) -> None:
    for name, text in zip("ab", texts, strict=True):
        (tmp_path / f"{name}.toml").write_text(f"{text}\ntg263 = true\n", encoding="utf-8")
    monkeypatch.setattr(table, "DATA", tmp_path)
    with pytest.raises(ParameterError, match=what):
        load.__wrapped__()


def test_sides_are_never_the_same_word_within_a_language() -> None:
    for language in names.SIDES["L"]:
        left = {*names.SIDES["L"]["en"], *names.SIDES["L"][language]}
        right = {*names.SIDES["R"]["en"], *names.SIDES["R"][language]}
        assert not left & right, language
    assert not any(a == b for a, b in itertools.product(names.TARGETS, names.PLANNING_WORDS))
