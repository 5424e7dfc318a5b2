"""What a segmentation handed in costs: 100 classes on voxels of 1.5 mm over a body section, as files and as a map.

    python benchmarks/bench_masks.py [EXPORT] [--pitch 1.5] [--classes 100]

The organs are those of the export's contours, taken out of the export; the rest of the body is cut into blocks until
there are as many classes as asked; air around it fills a CT image. Whole processes: seconds of the processor and the
clock, and the most memory, of `lymphorisk analyze` without and with the segmentation.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from matplotlib.path import Path as Outline

from lymphorisk.dicom import read_export
from lymphorisk.errors import MissingOrganError
from lymphorisk.organs import organ_name
from lymphorisk.plan import Structure

FIXTURE = Path(__file__).parents[1] / "fixtures" / "rtplans" / "pancreas"
BODY, TARGETS = "EXTERNAL", ("PTV", "CTV", "GTV")
#: Width of a reconstructed CT image. [mm]
FIELD_MM = 500.0
MB_PER_KB = 1 / 1024


def raster(structure: Structure, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Voxels inside the contours of the plane next to each height, shape (nz, ny, nx)."""
    planes: dict[float, list[np.ndarray]] = {}
    for contour in structure.contours_mm:
        planes.setdefault(round(float(contour[0, 2]), 2), []).append(contour[:, :2])
    at = np.array(sorted(planes))
    half = np.median(np.diff(at)) / 2 if len(at) > 1 else 1.0
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    out = np.zeros((len(z), len(y), len(x)), bool)
    for k, height in enumerate(z):
        near = int(np.argmin(abs(at - height)))
        if abs(at[near] - height) <= half:
            inside = np.zeros(len(points), bool)
            for outline in planes[at[near]]:
                inside ^= Outline(outline).contains_points(points)
            out[k] = inside.reshape(len(y), len(x))
    return out


def voxels(export: Path, pitch: float, classes: int) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """A label map (nx, ny, nz), its affine in NIfTI's axes, and the names of its labels."""
    structures = read_export(export).plan.structures
    (body,) = (s for s in structures if s.rt_type == BODY)
    corners = np.concatenate(body.contours_mm)
    x, y, z = (
        np.arange(low + pitch / 2, high, pitch) for low, high in zip(corners.min(0), corners.max(0), strict=True)
    )
    labels, names = np.zeros((len(z), len(y), len(x)), np.uint8), {}
    for structure in structures:
        if structure.rt_type not in (BODY, *TARGETS) and structure.contours_mm:
            number = len(names) + 1
            names[number] = structure.name
            labels[raster(structure, z, y, x)] = number
    rest = np.flatnonzero((labels == 0) & raster(body, z, y, x))
    drawn = len(names)
    for number, part in enumerate(np.array_split(rest, classes - drawn), start=drawn + 1):
        names[number] = f"block_{number}"
        labels.reshape(-1)[part] = number
    air = [max(round((FIELD_MM / pitch - n) / 2), 0) for n in (len(y), len(x))]
    labels = np.pad(labels, ((0, 0), (air[0], air[0]), (air[1], air[1])))
    affine = np.diag([-pitch, -pitch, pitch, 1.0])
    affine[:3, 3] = np.array([x[0] - air[1] * pitch, y[0] - air[0] * pitch, z[0]]) * (-1, -1, 1)
    return labels.transpose(2, 1, 0), affine, names


def undrawn(export: Path, out: Path) -> Path:
    """The export with body and targets alone, so that masks give every organ's dose."""
    shutil.copytree(export, out)
    for path in out.rglob("*.dcm"):
        data = pydicom.dcmread(path)
        if data.Modality == "RTSTRUCT":
            kept = {
                int(item.ReferencedROINumber)
                for item in data.RTROIObservationsSequence
                if item.RTROIInterpretedType in (BODY, *TARGETS)
            }
            data.ROIContourSequence = [i for i in data.ROIContourSequence if int(i.ReferencedROINumber) in kept]
            data.save_as(path)
    return out


def written(folder: Path, values: np.ndarray, affine: np.ndarray, names: dict[int, str]) -> tuple[Path, Path, Path]:
    """A folder of masks, one label map, and the list of its labels."""
    many, one, listed = folder / "masks", folder / "map.nii.gz", folder / "labels.csv"
    many.mkdir()
    for number, name in names.items():
        save(many / f"{name}.nii.gz", (values == number).astype(np.uint8), affine)
    save(one, values, affine)
    listed.write_text("label,organ\n" + "".join(f"{n},{organ_of(name)}\n" for n, name in names.items()))
    return many, one, listed


def organ_of(name: str) -> str:
    """The organ that a list of labels may name, or nothing."""
    try:
        return organ_name(name)
    except MissingOrganError:
        return "-"


def save(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Write a NIfTI file with a qualified place."""
    image = nibabel.Nifti1Image(values, None)
    image.header.set_sform(affine, 1)
    nibabel.save(image, path)


def call(*arguments: str) -> tuple[float, float, float, str]:
    """Processor and clock seconds, most memory [MB] and sources of organs of one analysis in a process of its own."""
    program = "import resource, sys; from lymphorisk.cli.main import main\ntry:\n main()\nfinally:\n"
    program += " u = resource.getrusage(resource.RUSAGE_SELF)\n"
    program += " print('\\n', u.ru_utime + u.ru_stime, u.ru_maxrss, file=sys.stderr)"
    clock = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, "analyze", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    clock = time.perf_counter() - clock
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu, kb = map(float, done.stderr.split()[-2:])
    sources = Counter(organ["source"] for organ in json.loads(done.stdout)["organs"].values())
    return cpu, clock, kb * MB_PER_KB, ", ".join(f"{n} {source}" for source, n in sorted(sources.items()))


def main() -> None:
    """Make the segmentation, run the three ways, print them."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("export", nargs="?", type=Path, default=FIXTURE)
    given.add_argument("--pitch", type=float, default=1.5)
    given.add_argument("--classes", type=int, default=100)
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        values, affine, names = voxels(asked.export, asked.pitch, asked.classes)
        many, one, listed = written(Path(folder), values, affine, names)
        print(f"{len(names)} classes, {values.size / 1e6:.0f} million voxels of {asked.pitch:g} mm")
        export = undrawn(asked.export, Path(folder) / "export")
        for what, options in {
            "without": [],
            "a folder of masks": ["--segmentation", str(many)],
            "one label map": ["--segmentation", str(one), "--labels", str(listed)],
        }.items():
            cpu, clock, mb, sources = call(str(export), *options)
            print(f"{what}: {cpu:.1f} s of processor, {clock:.1f} s, {mb:.0f} MB; organs: {sources}")


if __name__ == "__main__":
    main()
