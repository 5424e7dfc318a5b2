"""The exact engine and dicompyler-core beside truth, and beside each other on the clock.

    python benchmarks/bench_dvh.py            the table of cases in closed form (docs/dvh.md)
    python benchmarks/bench_dvh.py EXPORT     the processor time for all structures of an export, parse included

Errors are the largest distance from the true cumulative DVH at any dose, in percent of the structure's volume.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lymphorisk.dicom.dicompyler import calculate
from lymphorisk.dvh import DVH, exact, exact_with_findings
from lymphorisk.dvh.solids import (
    POSITIONS,
    Body,
    Gaussian,
    Linear,
    branching,
    cone,
    cylinder,
    dose_grid,
    ring,
    sphere,
)
from lymphorisk.plan import DoseGrid, Structure

SLOPES = ((0.0, 0.0, 0.5), (0.0, 0.5, 0.0), (0.3, -0.25, 0.3))
REPEATS = 5


@dataclass(frozen=True)
class Case:
    body: Body
    field: Linear | Gaussian
    planes_mm: np.ndarray
    spacing_mm: float
    position: str = "HFS"
    slice_mm: float | None = None


def even(body: Body, step: float, phase: float) -> np.ndarray:
    low, high = min(d.low_mm for d in body.discs), max(d.high_mm for d in body.discs)
    z = low + step * (phase + np.arange(int((high - low) / step) + 2))
    return z[(z > low + 1e-6) & (z < high - 1e-6)]


def gradients(make: Callable[[float, float], Body], phases: Iterable[float] = (0.5,)) -> list[Case]:
    cases = []
    for r in (12.0, 17.0, 24.0):
        for step in (1.0, 2.0, 3.0):
            for phase in phases:
                for slope in SLOPES:
                    body = make(r, 2 * step * int(r / step))
                    cases.append(
                        Case(body, Linear(30.0, slope), even(body, step, phase), (1.0, 2.5, 3.0)[len(cases) % 3])
                    )
    return cases


def uneven() -> list[Case]:
    rng = np.random.default_rng(7)
    cases = []
    for r in (12.0, 17.0, 24.0):
        for slope in SLOPES:
            z = -r + 0.3 + np.concatenate([[0.0], np.cumsum(rng.uniform(0.5, 3.0, 200))])
            cases.append(Case(sphere(r), Linear(30.0, slope), z[z < r], 2.5))
    return cases


def missing() -> list[Case]:
    cases = []
    for r in (12.0, 17.0, 24.0):
        for slope in SLOPES:
            z = even(sphere(r), 2.0, 0.5)
            cases.append(Case(sphere(r), Linear(30.0, slope), np.delete(z, len(z) // 3), 2.5))
    return cases


def positions() -> list[Case]:
    body = ring(15.0, 7.5, 28.0)
    return [Case(body, Linear(30.0, SLOPES[2]), even(body, 2.0, 0.5), 2.0, p) for p in POSITIONS]


def steep() -> list[Case]:
    body = sphere(4.0)
    return [
        Case(body, Gaussian(60.0, centre, sigma), even(body, step, phase), spacing)
        for centre in ((0.0, 0.0, 0.0), (3.0, 1.0, -2.0))
        for sigma in (3.0, 5.0)
        for step in (0.2, 1.0, 2.0, 3.0)
        for phase in (0.2, 0.6)
        for spacing in (0.4, 1.0, 2.0, 2.5, 3.0)
    ]


def two_slices() -> list[Case]:
    body = sphere(4.0)
    return [
        Case(body, field, np.array([low, low + 3.0]), spacing)
        for low in (-1.95, -1.7, -1.5, -1.2, -1.05)
        for field in (Gaussian(60.0, (0.0, 0.0, 0.0), 3.0), Linear(30.0, SLOPES[2]))
        for spacing in (1.0, 2.5, 3.0)
    ]


def one_slice() -> list[Case]:
    body = cylinder(10.0, 3.0)
    return [
        Case(body, Gaussian(60.0, centre, 6.0), np.zeros(1), spacing, slice_mm=3.0)
        for centre in ((0.0, 0.0, 0.0), (4.0, 0.0, 0.0))
        for spacing in (0.4, 1.0, 2.5, 3.0)
    ]


def table() -> dict[str, list[Case]]:
    return {
        "sphere": gradients(lambda r, _: sphere(r), (0.17, 0.5)),
        "cone": gradients(cone),
        "cylinder": gradients(cylinder),
        "ring": gradients(lambda r, length: ring(r, 0.5 * r, length)),
        "thin ring (1.5 mm)": gradients(lambda r, length: ring(r, r - 1.5, length)),
        "keyhole": gradients(lambda r, length: ring(r, 0.6 * r, length, keyhole=True)),
        "branching": gradients(lambda r, length: branching(r, 0.45 * r, 1.1 * r, length)),
        "uneven planes": uneven(),
        "a plane missing": missing(),
        "eight positions": positions(),
        "steep peak, r = 4 mm": steep(),
        "on two slices, r = 4 mm": two_slices(),
        "one slice in a peak": one_slice(),
    }


def grid_of(case: Case) -> DoseGrid:
    half = max(abs(v) for d in case.body.discs for v in (d.low_mm, d.high_mm)) + 6
    wide = (
        max(abs(d.x_mm) + float(d.radius_mm(np.array([0.5 * (d.low_mm + d.high_mm)]))[0]) for d in case.body.discs) + 6
    )
    side = np.ceil(max(half, wide) / case.spacing_mm) * case.spacing_mm
    return dose_grid(case.field, [-side] * 3, [side] * 3, case.spacing_mm, POSITIONS[case.position])


def errors(case: Case, result: object) -> tuple[float, float]:
    """Worst DVH error and volume error. [%]"""
    truth = case.body.volume_cm3
    if not isinstance(result, DVH):
        return 100.0, 100.0
    doses = np.linspace(0.0, result.max_gy * 1.02, 200)
    found = np.interp(doses, result.dose_gy, result.volume_cm3, right=0.0)
    worst = 100 * np.abs(found - case.body.volume_at(case.field, doses)).max() / truth
    return float(worst), 100 * abs(result.total_cm3 / truth - 1)


def cases_in_closed_form() -> None:
    print("| case | n | exact: median | worst | volume | dicompyler-core: median | worst | volume |")
    print("|---|---|---|---|---|---|---|---|")
    for name, cases in table().items():
        ours, theirs = [], []
        for case in cases:
            structure, grid = case.body.structure(case.planes_mm), grid_of(case)
            (found,), _ = exact_with_findings([structure], grid, slice_mm=case.slice_mm)
            ours.append(errors(case, found))
            theirs.append(errors(case, calculate([structure], grid)[0]))
        a, b = np.array(ours), np.array(theirs)
        print(
            f"| {name} | {len(cases)} | {np.median(a[:, 0]):.2f} | {a[:, 0].max():.2f} | {a[:, 1].max():.2f} "
            f"| {np.median(b[:, 0]):.1f} | {b[:, 0].max():.1f} | {b[:, 1].max():.1f} |"
        )


def clock(export: Path) -> None:
    from lymphorisk.dicom import read_export
    from lymphorisk.dicom.dicompyler import load

    calc = load("dvhcalc")
    kinds = {"RTSTRUCT": "", "RTDOSE": ""}
    parser = load("dicomparser")
    for path in sorted(export.glob("*.dcm")):
        kinds[str(parser.DicomParser(str(path)).ds.Modality)] = str(path)
    ours, parse, theirs = [], [], []
    structures: tuple[Structure, ...] = ()
    for _ in range(REPEATS):
        start = time.process_time()
        read = read_export(export)
        middle = time.process_time()
        structures = read.plan.structures
        dose = read.plan.phases[0].dose
        assert dose is not None
        exact(structures, dose)
        ours.append(time.process_time() - start)
        parse.append(middle - start)
        start = time.process_time()
        for structure in structures:
            calc.get_dvh(kinds["RTSTRUCT"], kinds["RTDOSE"], structure.number)
        theirs.append(time.process_time() - start)
    print(
        f"\n{len(structures)} structures, files read each time, processor time: "
        f"exact {min(ours):.3f} s (of it reading {min(parse):.3f} s), "
        f"dicompyler-core {min(theirs):.2f} s: {min(theirs) / min(ours):.0f} times faster"
    )


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        clock(Path(sys.argv[1]))
    else:
        cases_in_closed_form()


if __name__ == "__main__":
    main()
