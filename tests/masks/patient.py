"""A small patient of boxes and balls with masks of its organs, and ways to write them as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lymphorisk.plan import Beam, DoseGrid, Phase, Structure, TreatmentPlan

FRAME = "1.2.826.0.1.99"
#: Half axes of the body, and organs as balls: middle and radius in DICOM's coordinates (x to the left, y to the back).
BODY_MM = (130.0, 95.0)
ORGANS: Mapping[str, tuple[tuple[float, float, float], float]] = {
    "Liver": ((-60.0, -5.0, 10.0), 52.0),
    "Spleen": ((80.0, 30.0, 12.0), 30.0),
    "Kidney_R": ((-45.0, 60.0, -45.0), 27.0),
    "Kidney_L": ((45.0, 60.0, -45.0), 27.0),
    "Heart": ((15.0, -35.0, 105.0), 45.0),
    "Stomach": ((45.0, -45.0, 20.0), 30.0),
}
#: Label numbers of TotalSegmentator's task total, version 2.
NUMBERS = {"Spleen": 1, "Kidney_R": 2, "Kidney_L": 3, "Liver": 5, "Stomach": 6, "Heart": 51}
CLASSES = {
    "Spleen": "spleen", "Kidney_R": "kidney_right", "Kidney_L": "kidney_left", "Liver": "liver", "Stomach": "stomach",
    "Heart": "heart",
}  # fmt: skip
SCAN_MM = (-100.0, 160.0)
PLANE_MM = 5.0


def circle(middle: tuple[float, float], half: tuple[float, float], z: float, corners: int = 72) -> np.ndarray:
    angle = 2 * np.pi * np.arange(corners) / corners
    x, y = middle[0] + half[0] * np.cos(angle), middle[1] + half[1] * np.sin(angle)
    return np.stack([x, y, np.full(corners, z)], axis=1)


def drawn(*names: str) -> tuple[Structure, ...]:
    """BODY, a PTV in the liver and these organs as contours."""
    planes = np.arange(SCAN_MM[0], SCAN_MM[1] + 1, PLANE_MM)
    body = tuple(circle((0.0, 0.0), BODY_MM, z) for z in planes)
    out = [Structure(1, "BODY", body, FRAME, "EXTERNAL")]
    for number, name in enumerate(("PTV", *names), start=2):
        (x, y, z), radius = ORGANS.get(name, ((-60.0, -5.0, 10.0), 25.0))
        at = [float(p) for p in planes if abs(p - z) < radius]
        contours = tuple(circle((x, y), (np.sqrt(radius**2 - (p - z) ** 2),) * 2, p) for p in at)
        out.append(Structure(number, name, contours, FRAME, "PTV" if name == "PTV" else "ORGAN"))
    return tuple(out)


def dose() -> DoseGrid:
    """A dose that falls off from the middle of the liver."""
    x, y, z = np.arange(-130.0, 131.0, 5.0), np.arange(-95.0, 96.0, 5.0), np.arange(-95.0, 156.0, 5.0)
    r2 = (x + 60.0) ** 2 + (y[:, None] + 5.0) ** 2 + (z[:, None, None] - 10.0) ** 2
    values = 50.0 * np.exp(-0.5 * r2 / 45.0**2)
    return DoseGrid(values.astype(np.float32), np.zeros(3), np.eye(3), x, y, z, FRAME)


def plan(*names: str) -> TreatmentPlan:
    beam = Beam(1, "B1", "photon", 200.0, 30.0, "plan", "STATIC")
    phase = Phase("P1", 25, (beam,), dose(), prescription_gy=45.0)
    return TreatmentPlan("P1", (phase,), drawn(*names), approval="APPROVED")


class Voxels:
    """Labels of all organs on a grid of DICOM's axes, shape (nx, ny, nz), and where it lies."""

    def __init__(self, pitch: float = 2.0, numbers: Mapping[str, int] = NUMBERS) -> None:
        self.pitch = pitch
        low, high = np.array([-140.0, -105.0, SCAN_MM[0] - 2.5]), np.array([140.0, 105.0, SCAN_MM[1] + 2.5])
        self.origin = low + pitch / 2
        x, y, z = (np.arange(a, b, pitch) for a, b in zip(self.origin, high, strict=True))
        self.values = np.zeros((len(x), len(y), len(z)), np.uint8)
        for name, number in numbers.items():
            (cx, cy, cz), radius = ORGANS[name]
            inside = (x[:, None, None] - cx) ** 2 + (y[:, None] - cy) ** 2 + (z - cz) ** 2 <= radius**2
            self.values[inside] = number

    @property
    def affine(self) -> np.ndarray:
        """From voxel numbers to NIfTI's coordinates (RAS). [mm]"""
        out = np.diag([-self.pitch, -self.pitch, self.pitch, 1.0])
        out[:3, 3] = self.origin * (-1, -1, 1)
        return out


def nifti(path: Path, values: np.ndarray, affine: np.ndarray, *, code: int = 1) -> Path:
    import nibabel

    image = nibabel.Nifti1Image(values, None)
    image.header.set_sform(affine, code)
    nibabel.save(image, path)
    return path


def seg(
    path: Path,
    voxels: Voxels,
    names: Mapping[int, str],
    *,
    kind: str = "BINARY",
    frame: str = FRAME,
    patient_id: str = "LYMPHORISK",
    keep_empty: bool = False,
) -> Path:
    """A DICOM Segmentation of the voxels' labels, written element by element; empty frames are left out."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset

    def item(**values: object) -> Dataset:
        out = Dataset()
        for name, value in values.items():
            setattr(out, name, value)
        return out

    labels = voxels.values.transpose(2, 1, 0)
    ds = item(
        SOPClassUID=f"1.2.840.10008.5.1.4.1.1.66.{7 if kind == 'LABELMAP' else 4}", SOPInstanceUID="1.2.826.0.1.5",
        Modality="SEG", PatientID=patient_id, PatientName="Lymphorisk^Fixture", FrameOfReferenceUID=frame,
        StudyInstanceUID="1.2.826.0.1.6", SeriesInstanceUID="1.2.826.0.1.7", SegmentationType=kind,
        Rows=labels.shape[1], Columns=labels.shape[2], SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
        PixelRepresentation=0,
    )  # fmt: skip
    ds.SegmentSequence = [item(SegmentNumber=n, SegmentLabel=name) for n, name in names.items()]
    wanted = [0] if kind == "LABELMAP" else list(names)
    frames, planes = [], []
    for number in wanted:
        for k, plane in enumerate(labels):
            values = plane if kind == "LABELMAP" else (plane == number).astype(np.uint8)
            if values.any() or keep_empty:
                at = [str(v) for v in voxels.origin + np.array([0, 0, k * voxels.pitch])]
                frame_item = item(PlanePositionSequence=[item(ImagePositionPatient=at)])
                if kind != "LABELMAP":
                    frame_item.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=number)]
                frames.append(frame_item)
                planes.append(values)
    pixels = np.stack(planes)
    ds.NumberOfFrames = len(frames)
    bits = 1 if kind == "BINARY" else 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PerFrameFunctionalGroupsSequence = frames
    measures = item(PixelSpacing=[voxels.pitch] * 2, SliceThickness=voxels.pitch, SpacingBetweenSlices=voxels.pitch)
    orientation = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    ds.SharedFunctionalGroupsSequence = [item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[orientation])]
    if kind == "FRACTIONAL":
        ds.MaximumFractionalValue, ds.SegmentationFractionalType = 200, "OCCUPANCY"
        pixels = pixels * 100  # half of each voxel
    raw = np.packbits(pixels.ravel(), bitorder="little") if bits == 1 else pixels.astype(np.uint8)
    ds.add_new("PixelData", "OB" if bits == 1 else "OW", raw.tobytes() + b"\0" * (raw.nbytes % 2))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path
