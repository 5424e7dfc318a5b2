"""Which objects are one course: by their references, in whatever order they came."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.objects import Held

PLAN = Held("a1", "plan", "RTPLAN", "study", "s1", ("structures",), ("frame",), beams=2)
STRUCTURES = Held("a2", "structures", "RTSTRUCT", "study", "s2", ("images",), ("frame",))
DOSE = Held("a3", "dose", "RTDOSE", "study", "s3", ("plan",), ("frame",), "PLAN")
IMAGES = tuple(Held(f"c{n}", f"image{n}", "CT", "study", "images", (), ("frame",)) for n in range(3))
OTHER = Held("c9", "image9", "CT", "study", "other images", (), ("frame",))


def test_three_objects_are_a_whole_course_in_any_order() -> None:
    made = {courses("study", order) for order in itertools.permutations((PLAN, STRUCTURES, DOSE))}
    assert len({course.key for one in made for course in one}) == 1
    assert all(one[0].whole and len(one) == 1 for one in made)


@pytest.mark.parametrize(("without", "named"), [(DOSE, "RTDOSE"), (STRUCTURES, "RTSTRUCT")])
def test_what_is_missing_is_named(without: Held, named: str) -> None:
    (made,) = courses("study", [h for h in (PLAN, STRUCTURES, DOSE) if h is not without])
    assert made.missing == (named,)


def test_without_a_plan_the_plan_is_named() -> None:
    (made,) = courses("study", [STRUCTURES, DOSE])
    assert made.missing == ("RTPLAN",)
    assert made.plan_uid == ""


def test_doses_of_every_beam_are_the_dose_of_the_plan() -> None:
    beams = [Held(f"b{n}", f"beam{n}", "RTDOSE", "study", "s3", ("plan",), ("frame",), "BEAM") for n in range(2)]
    assert courses("study", [PLAN, STRUCTURES, beams[0]])[0].missing == ("RTDOSE (1 of 2 beams)",)
    assert courses("study", [PLAN, STRUCTURES, *beams])[0].whole


def test_images_of_the_structures_belong_and_others_do_not() -> None:
    (made,) = courses("study", [PLAN, STRUCTURES, DOSE, *IMAGES, OTHER])
    assert {h.sop_uid for h in made.objects if h.role == "CT"} == {"image0", "image1", "image2"}
    assert made.key != courses("study", [PLAN, STRUCTURES, DOSE])[0].key


def test_a_replan_is_a_course_of_its_own_with_the_same_structures() -> None:
    again = replace(PLAN, sha256="a4", sop_uid="replan")
    dose = replace(DOSE, sha256="a5", sop_uid="dose2", refers_to=("replan",))
    made = courses("study", [PLAN, STRUCTURES, DOSE, again, dose])
    assert [course.plan_uid for course in made] == ["plan", "replan"]
    assert all(course.whole and STRUCTURES in course.objects for course in made)


def test_images_alone_are_named() -> None:
    (made,) = courses("study", [OTHER])
    assert made.missing == ("RTPLAN", "RTSTRUCT", "RTDOSE")


def test_structures_in_another_study_are_those_that_the_plan_names() -> None:
    (made,) = courses("study", [PLAN, replace(STRUCTURES, study_uid="other"), DOSE])
    assert made.whole


def test_masks_belong_where_their_frame_is_that_of_the_structures() -> None:
    mask = Held("m1", "mask", "SEG", "study", "s4", (), ("frame",))
    (made,) = courses("study", [PLAN, STRUCTURES, DOSE, mask, replace(mask, sop_uid="m2", frames=("elsewhere",))])
    assert [h.sop_uid for h in made.objects if h.role == "SEG"] == ["mask"]


def test_a_plan_that_names_no_structures_has_those_of_its_frame() -> None:
    silent, elsewhere = replace(PLAN, refers_to=()), replace(STRUCTURES, sop_uid="far", frames=("other",))
    (made,) = [c for c in courses("study", [silent, STRUCTURES, elsewhere, DOSE]) if c.plan_uid]
    assert {h.sop_uid for h in made.objects if h.role == "RTSTRUCT"} == {"structures"}
    assert made.whole
    (less,) = [c for c in courses("study", [silent, elsewhere, DOSE]) if c.plan_uid]
    assert less.missing == ("RTSTRUCT",)
