"""Plans that replace each other are never added by guess; what is meant is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from lymphorisk.dicom import read_export, write_export
from lymphorisk.errors import LinkError, ReplanError
from lymphorisk.plan import DoseGrid, TreatmentPlan
from lymphorisk.plan.frame import Frame


def hot(tiny, low: int, high: int, top: float = 50.0):
    """A dose that is high in some columns of the grid only, and falls off beside them."""
    grid = tiny.grid()
    away = np.maximum(np.maximum(low - np.arange(11), np.arange(11) - (high - 1)), 0)
    return replace(grid, dose_zyx=np.broadcast_to(top * 0.6**away, grid.dose_zyx.shape).astype(np.float32))


@pytest.fixture
def two(tmp_path, tiny):
    """Write two plans on one structure set."""

    def make(first: dict, second: dict, name: str = "two"):
        phases = []
        for label, given in (("A", first), ("B", second)):
            phases.append(
                tiny.plan(**({"label": label, "dose": hot(tiny, 2, 8), "prescription_gy": 50.0} | given)).phases[0]
            )
        write_export(tmp_path / name, TreatmentPlan("x", tuple(phases), tiny.structures()), seed="two")
        return tmp_path / name

    return make


REPLANS = {
    "the same plan again": ({"fractions": 25}, {"fractions": 25}),
    "the same prescription in other fractions": ({"fractions": 25}, {"fractions": 10}),
    "a replan of the fractions that are left": ({"fractions": 25}, {"fractions": 15, "prescription_gy": 30.0}),
    "called a replan": (
        {"label": "Lung", "fractions": 25},
        {"label": "Lung adapt", "fractions": 15, "prescription_gy": 33.0},
    ),
    "a version": (
        {"label": "Lung", "fractions": 25},
        {"label": "Lung:1", "fractions": 15, "prescription_gy": 30.0},
    ),
}


LEFT = {"fractions": 15, "prescription_gy": 33.0}
REPLANS |= {
    "one series, its rest": (
        {"label": "Serie1", "fractions": 30},
        {"label": "Serie1b", "fractions": 15, "prescription_gy": 25.0},
    ),
    **{
        f"called {word}": ({"label": "Lung", "fractions": 25}, {"label": word} | LEFT)
        for word in ("Re Plan", "re_plan", "Neuplanung", "Lung_ART2", "Lung_adapt")
    },
}


@pytest.mark.parametrize("case", REPLANS)
def test_a_sum_of_a_plan_and_its_replan_is_refused_with_the_way_to_say_it(two, case) -> None:
    first, second = REPLANS[case]
    folder = two(first, second)
    with pytest.raises(ReplanError, match="look like a plan and its replan") as error:
        read_export(folder, sum_doses=True)
    assert "--deliver" in error.value.hint
    names = [phase.get("label", label) for phase, label in ((first, "A"), (second, "B"))]
    export = read_export(folder, deliver=names)
    assert [p.label for p in export.plan.phases] == names


def test_a_replan_on_a_smaller_target_is_known_by_prescription_and_fractions(two, tiny) -> None:
    folder = two({"fractions": 25}, {"fractions": 25, "dose": hot(tiny, 2, 5)})
    with pytest.raises(ReplanError, match="same prescription and fractions"):
        read_export(folder, sum_doses=True)


PHASES = {
    "a boost in larger fractions": {"label": "Boost", "fractions": 3, "prescription_gy": 15.0},
    "a boost of the same fraction dose, called so": {"label": "Boost", "fractions": 8, "prescription_gy": 16.0},
}
PHASES |= {
    f"{b} after {a}": {"label": b, "fractions": 8, "prescription_gy": 16.0, "first": a}
    for a, b in (
        ("PROST_CD1", "PROST_CD2"), ("LUNG_PH1", "LUNG_PH2"), ("Mamma", "Breast_BST"), ("Mamma", "Tumorbett"),
        ("Adapt50", "Boost16"), ("Serie1", "Serie2"),
    )
}  # fmt: skip


@pytest.mark.parametrize("case", PHASES)
def test_phases_of_a_course_are_added(two, case) -> None:
    given = dict(PHASES[case])
    folder = two({"fractions": 25, "label": given.pop("first", "A")}, given)
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2


#: Directions of columns, rows and frames of a grid, in the patient.
TURNED = {
    "head first prone": np.diag([-1.0, -1.0, 1.0]),
    "feet first": np.diag([-1.0, 1.0, -1.0]),
    "decubitus": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "coronal": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    **{
        f"oblique by {degrees}": np.array(
            [
                [np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0],
                [-np.sin(np.radians(degrees)), np.cos(np.radians(degrees)), 0.0],
                [0.0, 0.0, 1.0],
            ]
        )
        for degrees in (7, 45, -160)
    },
}


HERE, THERE = np.array([6.0, -5.0, 2.0]), np.array([-12.0, 14.0, -2.0])
LEVEL = np.eye(3)


def dose_where(inside, directions, z=None) -> DoseGrid:
    """A dose by patient coordinates on a grid that is turned about the origin, written down as if it were not."""
    at = np.arange(-40.0, 41.0, 4.0)
    z = at if z is None else z
    points = Frame(np.zeros(3), directions, at, at, z).points()
    return DoseGrid(
        np.asarray(inside(points), dtype=np.float32), Frame(np.zeros(3), LEVEL, at, at, z, "1.2.826.0.1.77")
    )


def ball(middle, radius: float):
    """50 Gy within a ball, and a fall-off around it."""
    return lambda points: 50.0 * np.clip(1.0 - (np.linalg.norm(points - middle, axis=-1) - radius) / 20.0, 0.0, 1.0)


def slab(low: float, high: float):
    """50 Gy between two heights, 40 Gy two millimetres outside."""

    def inside(points):
        away = np.maximum(np.maximum(low - points[..., 2], points[..., 2] - high), 0.0)
        return 50.0 * 0.8 ** (0.5 * away)

    return inside


def turned_to(folder, edit_file, directions) -> None:
    """The dose of plan B on its turned grid."""
    uid = next(d.SOPInstanceUID for d in map(pydicom.dcmread, folder.glob("RP*.dcm")) if d.RTPlanLabel == "B")

    def turn(ds):
        if ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == uid:
            ds.ImageOrientationPatient = [f"{v:.10f}" for v in directions[:2].ravel()]
            place = np.array(ds.ImagePositionPatient, dtype=float) @ directions
            ds.ImagePositionPatient = [f"{v:.6f}" for v in place]

    for file in folder.glob("RD*.dcm"):
        edit_file(file, turn)


@pytest.mark.parametrize("turned", TURNED)
def test_a_replan_on_a_turned_grid_is_known_by_where_its_dose_lies_in_the_patient(two, edit_file, turned) -> None:
    where = ball(HERE, 14.0)
    given = [{"fractions": 25, "dose": dose_where(where, d)} for d in (LEVEL, TURNED[turned])]
    folder = two(*given)
    turned_to(folder, edit_file, TURNED[turned])
    with pytest.raises(ReplanError, match=r"volumes that overlap by (9\d|100) %"):
        read_export(folder, sum_doses=True)


@pytest.mark.parametrize("turned", TURNED)
def test_another_target_on_a_turned_grid_is_none(two, edit_file, turned) -> None:
    doses = dose_where(ball(HERE, 8.0), LEVEL), dose_where(ball(THERE, 8.0), TURNED[turned])
    folder = two(*({"fractions": 25, "dose": dose} for dose in doses))
    turned_to(folder, edit_file, TURNED[turned])
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2


def test_grids_that_meet_at_their_rims_say_nothing_of_where_a_plan_treats(two) -> None:
    """What both grids hold is the scatter of either: no part of it is treated."""
    z = np.arange(-40.0, 41.0, 4.0)
    first = dose_where(lambda p: np.clip(-2.0 * p[..., 2] - 10.0, 2.0, 50.0), LEVEL, z[z <= 0.0])
    second = dose_where(lambda p: np.clip(2.0 * p[..., 2] - 10.0, 2.0, 50.0), LEVEL, z[z >= -8.0])
    folder = two({"fractions": 25, "dose": first}, {"fractions": 25, "dose": second})
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2


def test_planes_count_by_the_volume_they_stand_for(two) -> None:
    """Slabs of 32 and 48 mm of which one holds the other overlap by 80 %; planes are close where only one lies."""
    z = np.concatenate([np.arange(-32.0, 2.0, 4.0), np.arange(2.5, 33.0, 0.5)])
    doses = [dose_where(slab(-34.0, top), LEVEL, z) for top in (-1.0, 15.0)]
    folder = two(*({"fractions": 25, "dose": dose} for dose in doses))
    with pytest.raises(ReplanError, match=r"overlap by (79|80|81|82) %"):
        read_export(folder, sum_doses=True)


def test_a_boost_of_a_part_of_the_volume_is_added(two, tiny) -> None:
    folder = two({"fractions": 25}, {"fractions": 8, "prescription_gy": 16.0, "dose": hot(tiny, 2, 4, 16.0)})
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2


def test_two_targets_of_one_prescription_are_added(two, tiny) -> None:
    folder = two({"fractions": 5, "dose": hot(tiny, 0, 5)}, {"fractions": 5, "dose": hot(tiny, 6, 11)})
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2


RELATED = {
    "ALTERNATIVE": ({"label": "Boost", "fractions": 3, "prescription_gy": 15.0}, "names the other"),
    "PREDECESSOR": ({"label": "B", "fractions": 15, "prescription_gy": 33.0}, "made from the other"),
}
ADDED = {
    "PREDECESSOR": {"label": "Boost", "fractions": 8, "prescription_gy": 16.0},
    "PRIOR": {"label": "B", "fractions": 25},
    "CONCURRENT": {"label": "B", "fractions": 25},
}


def related(folder, edit_file, second: str, relation: str) -> None:
    labels = {pydicom.dcmread(f).RTPlanLabel: f for f in folder.glob("RP*.dcm")}
    other = pydicom.dcmread(labels["A"])

    def name(ds):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = other.SOPClassUID, other.SOPInstanceUID
        item.RTPlanRelationship = relation
        ds.ReferencedRTPlanSequence = [item]

    edit_file(labels[second], name)


@pytest.mark.parametrize("relation", RELATED)
def test_a_plan_that_names_the_one_it_replaces_is_its_replan(two, edit_file, relation) -> None:
    second, why = RELATED[relation]
    folder = two({"fractions": 25}, second)
    related(folder, edit_file, second["label"], relation)
    with pytest.raises(ReplanError, match=why):
        read_export(folder, sum_doses=True)


@pytest.mark.parametrize("relation", ADDED)
def test_plans_that_say_both_are_given_are_added(two, edit_file, relation) -> None:
    folder = two({"fractions": 25}, ADDED[relation])
    related(folder, edit_file, ADDED[relation]["label"], relation)
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2


def test_several_plans_say_how_a_course_is_told(two) -> None:
    with pytest.raises(LinkError) as error:
        read_export(two({"fractions": 25}, {"fractions": 25}))
    assert "--deliver" in error.value.hint


def test_a_delivered_plan_without_its_dose_is_named(two) -> None:
    folder = two({"fractions": 25}, {"fractions": 25})
    labels = {pydicom.dcmread(f).RTPlanLabel: f for f in folder.glob("RP*.dcm")}
    uid = pydicom.dcmread(labels["B"]).SOPInstanceUID
    for f in folder.glob("RD*.dcm"):
        if pydicom.dcmread(f).ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == uid:
            f.unlink()
    with pytest.raises(LinkError, match="no dose of its own"):
        read_export(folder, deliver=("A", "B"))


def test_plans_in_two_folders_are_one_export(two, tmp_path) -> None:
    folder = two({"fractions": 25}, {"fractions": 25})
    labels = {pydicom.dcmread(f).RTPlanLabel: f for f in folder.glob("RP*.dcm")}
    uid = pydicom.dcmread(labels["B"]).SOPInstanceUID
    other = tmp_path / "replan"
    other.mkdir()
    for f in folder.glob("RD*.dcm"):
        if pydicom.dcmread(f).ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == uid:
            f.rename(other / f.name)
    labels["B"].rename(other / "RP.dcm")
    export = read_export((folder, other), deliver=("A", "replan"))
    assert [p.label for p in export.plan.phases] == ["A", "B"]
    assert {p.plan.place for p in export.plan.phases if p.plan} == {"two", "replan"}


@pytest.mark.parametrize(("first", "second"), [("plan.1", "plan.2"), ("a/plan", "b/plan"), ("a/plan.1", "b/plan.1")])
def test_plans_in_folders_of_nearly_one_name_are_told_apart(two, tmp_path, first, second) -> None:
    """A dot in the name of a folder is no ending; a dose belongs to the plan of its own folder."""
    folder = two({"fractions": 25}, {"fractions": 25})
    labels = {pydicom.dcmread(f).RTPlanLabel: f for f in folder.glob("RP*.dcm")}
    uid = pydicom.dcmread(labels["B"]).SOPInstanceUID
    one, other = tmp_path / first, tmp_path / second
    one.parent.mkdir(exist_ok=True)
    folder.rename(one)
    other.mkdir(parents=True)
    for f in one.glob("RD*.dcm"):
        if pydicom.dcmread(f).ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == uid:
            f.rename(other / f.name)
    (one / labels["B"].name).rename(other / "RP.dcm")
    export = read_export((one, other), deliver=(first, second))
    assert [p.label for p in export.plan.phases] == ["A", "B"]
    assert [p.plan.place for p in export.plan.phases if p.plan] == [first, second]


def test_structure_sets_of_one_frame_are_named_and_the_first_is_used(two, edit_file) -> None:
    folder = two({"fractions": 25}, {"fractions": 25})
    other = pydicom.dcmread(folder / "RS.dcm")
    other.SOPInstanceUID += ".9"
    other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
    other.save_as(folder / "RS9.dcm")
    labels = {pydicom.dcmread(f).RTPlanLabel: f for f in folder.glob("RP*.dcm")}

    def drawn(ds):
        ds.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = other.SOPInstanceUID

    edit_file(labels["B"], drawn)
    with pytest.raises(LinkError, match="2 different structure sets"):
        read_export(folder, sum_doses=True)
    for order in (("A", "B"), ("B", "A")):
        export = read_export(folder, deliver=order)
        assert "LR050" in {f.code for f in export.findings}
        assert export.plan.uids["RTSTRUCT"][0].endswith(".9") == (order[0] == "B")
