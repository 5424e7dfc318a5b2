"""Small whole exports that mutations start from: our own, and cut ones of fixtures and real planning systems."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from .objects import Element, tree_of

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ("brain", "esophagus_proton", "two_phase")
REAL = ("prostate_eclipse", "pancreas_icrp", "breast_photon", "tiny_patient")
#: Not empty: only the tiny export, for a quick sample.
FEW: list[int] = []
MOST_VOXELS, MOST_POINTS, MOST_PLANES, MOST_ROIS = 14, 16, 8, 4


@dataclass(eq=False)
class Seed:
    """An export as trees by file name, and what the commands say of it."""

    name: str
    trees: dict[str, list[Element]]
    args: tuple[str, ...] = ()
    #: Exit code and answer by command, filled before the work begins.
    base: dict[str, Any] = field(default_factory=dict)

    def copied(self) -> dict[str, list[Element]]:
        return {name: copied(tree) for name, tree in self.trees.items()}


def copied(tree: list[Element]) -> list[Element]:
    """A copy whose lists may be changed; bytes are shared."""
    out = []
    for e in tree:
        items = None if e.items is None else [copied(item) for item in e.items]
        out.append(Element(e.tag, e.vr, e.value, items))
    return out


def tiny_of() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_tiny", ROOT / "tests" / "dicom" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Tiny


@lru_cache(maxsize=1)
def tiny() -> Seed:
    """Two drawn organs in a grid of 7 x 9 x 11 voxels: one beam of two seconds, thirty fractions."""
    import tempfile

    from lymphorisk.dicom import write_export
    from lymphorisk.plan import Beam, Patient

    beams = (Beam(1, "B1", "photon", 20.0, 2.0, "plan", "STATIC"),)
    with tempfile.TemporaryDirectory() as folder:
        patient = Patient(sex="F", age_y=61.0, height_cm=165.0)
        write_export(Path(folder), tiny_of().plan(beams=beams, fractions=30), seed="fuzz", patient=patient)
        return Seed("tiny", {p.stem: tree_of(pydicom.dcmread(p)) for p in sorted(Path(folder).glob("*.dcm"))})


def cut(folder: Path, args: tuple[str, ...] = ()) -> Seed:
    """An export with a few structures of few points and a coarse dose grid, whole by its own words."""
    trees = {}
    for n, path in enumerate(sorted(folder.rglob("*.dcm"))):
        ds = pydicom.dcmread(path, force=True)
        modality = str(ds.get("Modality", ""))
        if modality == "RTDOSE":
            _coarser(ds)
        elif modality == "RTSTRUCT":
            _fewer(ds)
        elif modality not in ("RTPLAN", "RTION"):
            continue
        trees[f"{modality}{n}"] = tree_of(ds)
    return Seed(folder.name, trees, args)


def _coarser(ds: pydicom.Dataset) -> None:
    for name in ("DVHSequence", "ReferencedImageSequence"):
        if name in ds:
            del ds[name]
    values = ds.pixel_array
    values = values if values.ndim == 3 else values[None]
    steps = [max(1, -(-size // MOST_VOXELS)) for size in values.shape]
    values = np.ascontiguousarray(values[:: steps[0], :: steps[1], :: steps[2]])
    if "GridFrameOffsetVector" in ds:
        ds.GridFrameOffsetVector = list(ds.GridFrameOffsetVector)[:: steps[0]]
    ds.NumberOfFrames, ds.Rows, ds.Columns = values.shape
    ds.PixelSpacing = [float(s) * step for s, step in zip(ds.PixelSpacing, steps[1:], strict=True)]
    ds.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)


def _fewer(ds: pydicom.Dataset) -> None:
    roles = {int(o.ReferencedROINumber): str(o.get("RTROIInterpretedType", "")) for o in ds.RTROIObservationsSequence}
    drawn = {int(c.ReferencedROINumber): c for c in ds.ROIContourSequence if c.get("ContourSequence")}
    body = [n for n in drawn if roles.get(n) == "EXTERNAL"]
    small = sorted((n for n in drawn if n not in body), key=lambda n: (-len(drawn[n].ContourSequence), n))
    kept = {*body[:1], *small[:MOST_ROIS]}
    ds.StructureSetROISequence = [i for i in ds.StructureSetROISequence if int(i.ROINumber) in kept]
    ds.RTROIObservationsSequence = [i for i in ds.RTROIObservationsSequence if int(i.ReferencedROINumber) in kept]
    ds.ROIContourSequence = [i for i in ds.ROIContourSequence if int(i.ReferencedROINumber) in kept]
    for item in ds.ROIContourSequence:
        step = max(1, -(-len(item.ContourSequence) // MOST_PLANES))
        item.ContourSequence = list(item.ContourSequence)[::step]
        for contour in item.ContourSequence:
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            points = points[:: max(1, -(-len(points) // MOST_POINTS))]
            contour.ContourData = [f"{v:.3f}" for v in points.reshape(-1)]
            contour.NumberOfContourPoints = len(points)
            if "ContourImageSequence" in contour:
                del contour.ContourImageSequence
    for frame in ds.get("ReferencedFrameOfReferenceSequence", ()):
        for study in frame.get("RTReferencedStudySequence", ()):
            for series in study.get("RTReferencedSeriesSequence", ()):
                series.ContourImageSequence = list(series.ContourImageSequence)[:2]


@lru_cache(maxsize=1)
def seeds() -> tuple[Seed, ...]:
    """The tiny export, the cut fixtures and, where they lie, cut exports of real planning systems."""
    if FEW:
        return (tiny(),)
    out = [tiny(), *(cut(ROOT / "fixtures" / "rtplans" / name, _sums(name)) for name in FIXTURES)]
    real = Path(os.environ.get("LYMPHORISK_REAL_DATA", ROOT.parent / "shared" / "data"))
    out += [cut(real / name) for name in REAL if (real / name).is_dir()]
    return tuple(out)


def _sums(name: str) -> tuple[str, ...]:
    return ("--sum",) if name == "two_phase" else ()
