"""Two workers against one warm process on made plans: clock, processor time, memory of a worker, equal tables.

`python benchmarks/cohort_speed.py PLANS FOLDER [DRAWS]`

The plans are those of the fixtures with other bodies (each axis 92 to 108 %), doses (80 to 120 %), names, IDs and UIDs.
"""

from __future__ import annotations

import csv
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from lymphorisk.analysis import Options
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.metrics import DEFAULT
from lymphorisk.cohorts.run import How, run_cohort

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rtplans"
AXIS, DOSE = (0.92, 1.08), (0.8, 1.2)
TABLES = ("plans.parquet", "plans.csv", "metrics.parquet", "quarantine.csv")
GY = ("TargetPrescriptionDose", "BeamDose", "DoseReferenceDose", "DeliveryMaximumDose")


def elements(data: Dataset) -> Iterator[tuple[Dataset, str]]:
    """Every element of a data set and of its items, with the data set it is in."""
    for element in list(data):
        if element.VR == "SQ":
            for item in element.value:
                yield from elements(item)
        else:
            yield data, element.keyword


def made(case: Path, out: Path, seed: int) -> None:
    """One plan from a fixture: body, dose and names varied, every UID new, links kept."""
    chance = random.Random(seed)
    axes = [chance.uniform(*AXIS) for _ in range(3)]
    dose, who = chance.uniform(*DOSE), f"MADE{seed:05d}"
    out.mkdir(parents=True)
    for path in sorted(case.glob("*.dcm")):
        data = pydicom.dcmread(path)
        for holder, keyword in elements(data):
            value = holder[keyword].value if keyword else None
            if keyword in ("ContourData", "ImagePositionPatient", "IsocenterPosition", "DoseReferencePointCoordinates"):
                holder[keyword].value = [round(float(v) * axes[k % 3], 3) for k, v in enumerate(value or [])]
            elif keyword == "PixelSpacing":
                holder[keyword].value = [round(float(value[0]) * axes[1], 6), round(float(value[1]) * axes[0], 6)]
            elif keyword == "GridFrameOffsetVector":
                holder[keyword].value = [round(float(v) * axes[2], 6) for v in value]
            elif keyword == "DoseGridScaling" or (keyword in GY and value is not None):
                holder[keyword].value = f"{float(value) * dose:.9g}"
            elif keyword.endswith("UID") and not keyword.startswith(("SOPClass", "ReferencedSOPClass", "Transfer")):
                holder[keyword].value = generate_uid(entropy_srcs=[who, str(value)])
        data.PatientID, data.PatientName = who, f"{who}^Plan"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(out / path.name)


def run_here(source: Path, out: Path, workers: int, draws: int) -> None:
    """One run; clock, and processor time with that of all children, on stdout."""
    recipe = Recipe(Options(draws=draws, sum_doses=True), metrics=DEFAULT)
    if workers == 0:
        warm = sorted(source.iterdir())[0]
        run_cohort([warm], out.with_name("warm"), recipe, How(workers=0))
    start, before = time.perf_counter(), spent()
    run_cohort([source], out, recipe, How(workers=workers))
    print(time.perf_counter() - start, spent() - before)


def spent() -> float:
    """Processor seconds of this process and of its children that ended."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def column(out: Path, name: str) -> list[float]:
    """A column of what each plan took."""
    with (out / "timings.csv").open(encoding="utf-8", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def main(plans: int, folder: Path, draws: int) -> None:
    """Make the plans, run both ways, print the comparison."""
    source, cases = folder / "plans", sorted(p for p in FIXTURES.iterdir() if p.is_dir())
    if not source.is_dir():
        for n in range(plans):
            made(cases[n % len(cases)], source / f"{n:05d}", n)
    took: dict[int, tuple[float, float]] = {}
    for workers in (0, 2):
        call = [
            sys.executable,
            __file__,
            "--run",
            str(source),
            str(folder / f"with{workers}"),
            str(workers),
            str(draws),
        ]
        said = subprocess.run(call, check=True, capture_output=True, text=True).stdout.split()
        took[workers] = (float(said[-2]), float(said[-1]))
    one, two = folder / "with0", folder / "with2"
    ratio: Callable[[int], float] = lambda k: took[2][k] / took[0][k]  # noqa: E731
    print(f"{plans} plans, {draws} draws; one warm process {took[0][0]:.0f} s, {took[0][1]:.0f} s of processor")
    print(f"two workers, their start and the tables with it: {took[2][0]:.0f} s, {took[2][1]:.0f} s of processor")
    print(
        f"speed {1 / ratio(0):.2f} times; processor time {ratio(1):.2f} times, in the plans alone "
        f"{sum(column(two, 'cpu_s')) / sum(column(one, 'cpu_s')):.2f} times"
    )
    print(f"memory of a worker at most {max(column(two, 'peak_mb')):.0f} MB")
    equal = all((one / name).read_bytes() == (two / name).read_bytes() for name in TABLES)
    print("tables equal byte for byte" if equal else "TABLES DIFFER")


if __name__ == "__main__":
    if sys.argv[1] == "--run":
        run_here(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 512)
