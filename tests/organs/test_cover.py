"""Which contours stand for which blood and lymphocytes: each share once, never more than the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.organs import NETWORKS, Covered, blood_cover, load, pool_cover
from lymphorisk.organs.cover import SHARE_TOLERANCE

NAMES = st.sets(st.sampled_from(sorted(load())))


@given(NAMES)
def test_no_pool_is_covered_twice(available: set[str]) -> None:
    for covered in pool_cover(available).values():
        assert sum(c.share for c in covered) <= 1.0 + SHARE_TOLERANCE
        assert len({c.organ for c in covered}) == len(covered)


@given(NAMES, st.sampled_from(NETWORKS))
def test_no_compartment_is_covered_twice(available: set[str], network: str) -> None:
    for covered in blood_cover(available, network).values():
        assert sum(c.share for c in covered) <= 1.0 + SHARE_TOLERANCE


def test_both_kinds_of_gonads_are_no_more_than_the_whole() -> None:
    """One ovary fills half of the compartment, the testes what is left."""
    covered = blood_cover({"Ovary_L", "Testis_L", "Testis_R"}, "28")["gonads"]
    assert covered == (Covered("Ovary_L", 0.5), Covered("Testis_L", 0.5))


@given(NAMES)
def test_no_part_counts_beside_its_whole(available: set[str]) -> None:
    for covered in pool_cover(available).values():
        used = {c.organ for c in covered if not c.stand_in}
        for name in used:
            whole = load()[name].part_of
            while whole:
                assert whole not in used
                whole = load()[whole].part_of


@given(NAMES)
def test_only_contoured_organs_are_used(available: set[str]) -> None:
    assert {c.organ for covered in pool_cover(available).values() for c in covered} <= available


def test_nothing_contoured_covers_nothing() -> None:
    assert not pool_cover(set())
    assert not blood_cover(set())


def test_the_order_of_bowel_contours() -> None:
    assert [c.organ for c in pool_cover({"Bowel_Small", "Bowel_Large", "Bowel", "Bag_Bowel"})["gut"]] == [
        "Bowel_Large",
        "Bowel_Small",
    ]
    assert [c.organ for c in pool_cover({"Bowel_Small", "Bowel", "Bag_Bowel"})["gut"]] == ["Bowel"]
    small_and_bag = pool_cover({"Bowel_Small", "Bag_Bowel"})["gut"]
    assert small_and_bag == (Covered("Bowel_Small", 0.75), Covered("Bag_Bowel", 0.25, stand_in=True))


def test_marrow_sites_by_their_share() -> None:
    covered = {c.organ: c.share for c in pool_cover({"VB_L3", "VB_L4", "Sacrum", "Bone_Ilium_L"})["marrow"]}
    assert covered == pytest.approx({"VB_L3": 0.0332, "VB_L4": 0.0332, "Sacrum": 0.092, "Bone_Ilium_L": 0.085})


def test_a_local_marrow_contour_leaves_the_rest_open() -> None:
    assert sum(c.share for c in pool_cover({"BoneMarrow_Pelvic", "Sacrum"})["marrow"]) == pytest.approx(0.389)


def test_great_vessels_in_both_networks() -> None:
    fine = blood_cover({"A_Aorta", "A_Pulmonary", "V_Venacava_S", "V_Venacava_I"}, "32")
    for name in ("aorta", "pulmonary_artery", "superior_vena_cava", "inferior_vena_cava"):
        assert [c.share for c in fine[name]] == [1.0]
    coarse = blood_cover({"A_Aorta", "A_Pulmonary", "V_Venacava_S", "V_Venacava_I"}, "28")
    assert sum(c.share for c in coarse["aorta_large_arteries"]) == pytest.approx((2.7 + 0.5) / 6.0)
    assert sum(c.share for c in coarse["large_veins"]) == pytest.approx((1.5 + 2.5) / 18.0, abs=1e-5)


def test_great_vessels_as_one_contour_stand_in() -> None:
    covered = blood_cover({"GreatVes"}, "32")
    assert covered["superior_vena_cava"] == (Covered("GreatVes", 1.0, stand_in=True),)
    assert blood_cover({"GreatVes", "V_Venacava_S"}, "32")["superior_vena_cava"] == (Covered("V_Venacava_S", 1.0),)


def test_femoral_heads_count_once() -> None:
    heads = {"Femur_Head_L", "Femur_Head_R"}
    assert sum(c.share for c in pool_cover(heads)["marrow"]) == pytest.approx(0.022)
    assert sum(c.share for c in pool_cover({"Femur_Heads"})["marrow"]) == pytest.approx(0.022)
    assert sum(c.share for c in pool_cover({"Femur_Heads", "Femurs"})["marrow"]) == pytest.approx(0.044)


def test_all_bone_fills_what_the_sites_leave() -> None:
    covered = {c.organ: c.share for c in pool_cover({"VB_T", "Bone"})["marrow"]}
    assert covered == pytest.approx({"VB_T": 0.199, "Bone": 0.801})


def test_heads_of_femurs_add_nothing_to_the_whole_marrow() -> None:
    assert pool_cover({"BoneMarrow", "Femur_Heads"})["marrow"] == (Covered("BoneMarrow", 1.0),)
    assert blood_cover({"BoneMarrow", "Femur_Heads"})["red_marrow"] == (Covered("BoneMarrow", 1.0),)
    assert [c.share for c in pool_cover({"Femur_Heads"})["marrow"]] == [0.022]
