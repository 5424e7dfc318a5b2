"""Structures of many bodies, each with slices at heights of its own: lesions, nodes, ribs of a tilted scan."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh import DVH, bodies, exact_with_findings, solids
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.sections import largest_section_mm2
from lymphorisk.dvh.stack import stacks_of
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.masks.against import volume_of
from lymphorisk.plan import DoseGrid, Structure
from tests.slowly import slow_but


def square(x: float, y: float, z: float, side: float) -> np.ndarray:
    return np.array([[x, y, z], [x + side, y, z], [x + side, y + side, z], [x, y + side, z]])


def measured(loops: list[np.ndarray]) -> tuple[DVH, set[str]]:
    points = np.concatenate(loops)
    x, y, z = (np.arange(points[:, k].min() - 12, points[:, k].max() + 13, 5.0) for k in range(3))
    dose = DoseGrid(np.ones((len(z), len(y), len(x)), np.float32), np.zeros(3), np.eye(3), x, y, z)
    (dvh,), found = exact_with_findings([Structure(1, "lesions", tuple(loops))], dose)
    assert isinstance(dvh, DVH)
    return dvh, {f.code for f in found}


@pytest.mark.parametrize("step", [3.0, 5.0])
@pytest.mark.parametrize("bodies", [2, 6, 7, 12, pytest.param(26, marks=pytest.mark.slow)])
def test_bodies_a_part_of_a_slice_apart_keep_their_volume(bodies: int, step: float) -> None:
    """However many planes of the others lie between two slices of one."""
    loops = [square(20.0 * body, 0.0, step * (k + body / bodies), 10.0) for body in range(bodies) for k in range(10)]
    dvh, codes = measured(loops)
    assert dvh.total_cm3 == pytest.approx(bodies * step, rel=2e-3)
    assert "LR124" in codes


def lesions(count: int, step: float, seed: int, fewest: int = 2) -> list[list[np.ndarray]]:
    """Bodies beside each other, each on slices at heights of its own."""
    rng = np.random.default_rng(seed)
    made = []
    for body in range(count):
        first, slices, side = rng.uniform(0, 10 * step), int(rng.integers(fewest, 12)), rng.uniform(6, 14)
        x, y = 20.0 * (body % 6), 20.0 * (body // 6)
        made.append([square(x, y, first + k * step, side) for k in range(slices)])
    return made


def volume(body: list[np.ndarray], step: float) -> float:
    return sum(float(np.ptp(loop[:, 0])) ** 2 for loop in body) * step / 1000


@pytest.mark.parametrize("step", [1.5, 3.0, 5.0])
def test_thirty_lesions_wherever_their_slices_lie(step: float) -> None:
    made = lesions(30, step, 1)
    dvh, codes = measured([loop for body in made for loop in body])
    assert dvh.total_cm3 == pytest.approx(sum(volume(body, step) for body in made), rel=3e-3)
    assert "LR124" in codes


@pytest.mark.parametrize("seed", [2, 3])
def test_together_they_are_what_they_are_one_by_one(seed: int) -> None:
    """Curve by curve, in a dose that falls along every axis; also the order they are drawn in changes nothing."""
    made = lesions(9, 3.0, seed)
    slope = solids.Linear(30.0, (0.15, -0.1, 0.3))
    dose = solids.dose_grid(slope, (-15.0, -15.0, -15.0), (125.0, 60.0, 90.0), 3.0)
    alone, _ = exact_with_findings([Structure(n, f"{n}", tuple(body)) for n, body in enumerate(made)], dose)
    mixed = [loop for body in made for loop in body]
    shuffled = [mixed[k] for k in np.random.default_rng(seed).permutation(len(mixed))]
    both = [Structure(1, "lesions", tuple(loops)) for loops in (mixed, shuffled)]
    (dvh, again), _ = exact_with_findings(both, dose)
    assert isinstance(dvh, DVH)
    assert isinstance(again, DVH)
    levels = np.linspace(0.0, 60.0, 61)
    wanted = sum(volume_at(one, levels) for one in alone if isinstance(one, DVH))
    assert volume_at(dvh, levels) == pytest.approx(wanted, abs=4e-3 * float(np.max(wanted)))
    assert volume_at(again, levels) == pytest.approx(volume_at(dvh, levels), rel=1e-6)


def volume_at(dvh: DVH, dose_gy: np.ndarray) -> np.ndarray:
    return np.interp(dose_gy, dvh.dose_gy, dvh.volume_cm3, right=0.0)


def test_two_scans_of_two_slice_steps() -> None:
    """3 mm and 5 mm: a body keeps its own step, however many slices the other has beside it."""
    fine = [square(0.0, 0.0, 3.0 * k, 20.0) for k in range(20)]
    coarse = [square(40.0, 0.0, 1.0 + 5.0 * k, 20.0) for k in range(12)]
    dvh, _ = measured(fine + coarse)
    assert dvh.total_cm3 == pytest.approx(2 * 400 * 60 / 1000, rel=2e-3)


def test_bodies_that_touch_are_one_and_share_their_slices() -> None:
    """Two halves of one block drawn on slices half a step apart: they meet, so no set of heights is theirs alone."""
    loops = [square(9.0 * half, 0.0, 3.0 * k + 1.5 * half, 10.0) for half in (0, 1) for k in range(10)]
    dvh, _ = measured(loops)
    assert dvh.total_cm3 == pytest.approx(19 * 10 * 30 / 1000, rel=0.12)


@pytest.mark.parametrize(("seed", "fewest"), [(5, 2), (6, 1), (7, 1)])
def test_every_reader_of_contours_counts_each_body_once(seed: int, fewest: int) -> None:
    """Bodies of one slice too, which is as thick as the slices of the others."""
    made = lesions(12, 3.0, seed, fewest)
    assert fewest in {len(body) for body in made} or fewest > 1
    structure = Structure(1, "lesions", tuple(loop for body in made for loop in body))
    truth = sum(volume(body, 3.0) for body in made)
    assert len(stacks_of(structure)) > 2
    assert volume_of(structure) == pytest.approx(truth, rel=3e-3)
    areas = [float(np.ptp(body[0][:, 0]) ** 2) for body in made]
    assert max(areas) <= largest_section_mm2(structure) < sum(areas)
    grid = solids.dose_grid(lambda p: np.ones(p.shape[:-1]), (-15.0, -15.0, -15.0), (125.0, 60.0, 90.0), 3.0)
    assert voxel_volumes(structure, grid).sum() == pytest.approx(truth, rel=3e-3)
    middles = np.array([np.concatenate(body).mean(axis=0) for body in made])
    assert inside(structure, middles).all()
    gaps = np.array([[body[0][:, 0].min() + 17.0, *middle[1:]] for body, middle in zip(made, middles, strict=True)])
    assert not inside(structure, gaps).any()


def test_more_sets_of_heights_than_are_told_apart_are_taken_plane_by_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_SETS", 5)
    made = lesions(20, 3.0, 7, fewest=8)
    structure = Structure(1, "lesions", tuple(loop for body in made for loop in body))
    assert len(stacks_of(structure)) == 1
    dvh, codes = measured(list(structure.contours_mm))
    assert dvh.total_cm3 == pytest.approx(sum(volume(body, 3.0) for body in made), rel=0.1)
    assert "LR124" in codes


def disc(x: float, y: float, z: float, a: float, b: float, turn: float) -> np.ndarray:
    t = np.arange(40) * 2 * np.pi / 40
    u, v = a * np.cos(t), b * np.sin(t)
    return np.stack(
        [x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn), np.full(40, z)], axis=1
    )


@pytest.mark.parametrize("aside", [15.0, 18.0, 22.0])
@pytest.mark.parametrize("shift", [0.3, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("slices", [3, 10])
def test_bodies_whose_boxes_meet_while_they_do_not(aside: float, shift: float, slices: int) -> None:
    """Two discs aslant of each other: half of their volume was lost without a word."""
    loops = [disc(d, d, 3.0 * k + s, 10.0, 10.0, 0.0) for d, s in ((0.0, 0.0), (aside, shift)) for k in range(slices)]
    dvh, _ = measured(loops)
    assert dvh.total_cm3 == pytest.approx(2 * 20 * 100 * np.sin(np.pi / 20) * slices * 3 / 1000, rel=5e-3)


def assembly(rng: np.random.Generator) -> list[list[np.ndarray]]:
    """Two to eight bodies that do not touch: steps, heights, forms and leanings of their own."""
    made: list[list[np.ndarray]] = []
    places: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(2, 9))):
        step, wide, deep = rng.choice([1.5, 2.0, 3.0, 5.0]), *rng.uniform(3, 15, 2)
        reach = max(wide, deep) + 4
        tried = (rng.uniform(0, 90, 2) for _ in range(200))
        free = (p for p in tried if all((p[0] - x) ** 2 + (p[1] - y) ** 2 > (reach + r - 4) ** 2 for x, y, r in places))
        place = next(free, None)
        if place is None:
            continue
        places.append((*place, reach))
        slices, first, turn = int(rng.integers(4, 20)), rng.uniform(0, 40), rng.uniform(0, 3)
        lean = rng.uniform(-0.06, 0.06, 2) * step
        round_ = np.ones(slices)
        if rng.random() < 0.4:
            round_ = np.sqrt(np.maximum(1 - ((np.arange(slices) - 0.5 * (slices - 1)) / (0.5 * slices)) ** 2, 0.05))
        made.append(
            [
                disc(*(place + k * lean), first + k * step, wide * round_[k], deep * round_[k], turn)
                for k in range(slices)
            ]
        )
    return made


@pytest.mark.parametrize("seed", slow_but(map(str, range(40)), *"0123"))
def test_whatever_bodies_stand_beside_each_other_each_keeps_its_volume(seed: str) -> None:
    made = assembly(np.random.default_rng(int(seed)))
    whole, _ = measured([loop for body in made for loop in body])
    assert whole.total_cm3 == pytest.approx(sum(measured(body)[0].total_cm3 for body in made), rel=0.02)


def test_nodes_scattered_over_the_slices_of_one_scan_stay_together() -> None:
    """Small bodies of one to three slices: above each other by chance, and of one set of heights all the same."""
    rng = np.random.default_rng(4)
    loops = [
        disc(x, y, 5.0 * (first + k), 4.0, 4.0, 0.0)
        for x, y, first, slices in zip(
            *rng.uniform(0, 120, (2, 80)), *rng.integers(1, [[40], [4]], (2, 80)), strict=True
        )
        for k in range(int(slices))
    ]
    assert len(stacks_of(Structure(1, "LN", tuple(loops)))) == 1


@pytest.mark.parametrize("seed", range(6))
def test_nodes_on_slices_of_two_and_three_thicknesses_of_one_scan_stay_together(seed: int) -> None:
    """Each as thick as the slices it is drawn on, those of one slice too."""
    rng = np.random.default_rng(seed)
    steps = ([3.0] * 20 + [5.0] * 12, [2.0] * 30 + [3.0] * 10 + [5.0] * 8)[seed % 2]
    z = np.cumsum([0.0, *steps])
    thick = 0.5 * (np.array([*steps, steps[-1]]) + np.array([steps[0], *steps]))
    loops, truth = [], 0.0
    for cell in rng.permutation(100)[: int(rng.integers(60, 100))].tolist():
        first, side = int(rng.integers(0, len(z))), rng.uniform(4, 9)
        for k in range(first, min(first + int(rng.integers(1, 5)), len(z))):
            loops.append(square(12.0 * (cell % 10), 12.0 * (cell // 10), float(z[k]), side))
            truth += side**2 * thick[k] / 1000
    dvh, codes = measured(loops)
    assert "LR124" not in codes
    assert dvh.total_cm3 == pytest.approx(truth, rel=0.03)


def test_a_body_on_every_second_slice_of_another_keeps_its_own_step() -> None:
    fine = [square(0.0, 0.0, 1.5 * k, 10.0) for k in range(40)]
    coarse = [square(30.0, 0.0, 6.0 + 3.0 * k, 10.0) for k in range(6)]
    dvh, _ = measured(fine + coarse)
    assert dvh.total_cm3 == pytest.approx((60 + 18) * 100 / 1000, rel=2e-3)
