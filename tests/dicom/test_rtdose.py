"""The dose is linear in patient coordinates, so every voxel says where it lies."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from lymphorisk.dicom import read_export
from lymphorisk.dicom.write import ORIENTATIONS
from lymphorisk.errors import DicomReadError, UnsupportedDoseError, UnsupportedGeometryError


def worst(grid, tiny, factor=1.0):
    """Largest difference between the voxels and the dose their coordinates ask for. [Gy]"""
    k, j, i = np.meshgrid(grid.z_mm, grid.y_mm, grid.x_mm, indexing="ij")
    points = grid.to_patient(np.stack([i, j, k], axis=-1))
    return float(np.abs(grid.dose_zyx - factor * tiny.dose_at(points)).max())


def dose_of(folder, **options):
    return read_export(folder, **options).plan.phases[0].dose


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_every_patient_position_puts_every_voxel_where_it_was(export_of, tiny, position):
    grid = dose_of(export_of(position=position))
    assert worst(grid, tiny) < 1e-5
    assert grid.dose_zyx.size == tiny.grid().dose_zyx.size


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP"])
def test_uneven_planes_keep_their_places(export_of, tiny, position):
    folder = export_of(tiny.plan(dose=tiny.grid(uneven=True)), position=position)
    export = read_export(folder)
    assert worst(export.plan.phases[0].dose, tiny) < 1e-5
    assert any(f.code == "LR018" and "uneven" in f.what for f in export.findings)


def absolute(ds):
    z = float(ds.ImagePositionPatient[2])
    sign = -1.0 if ds.ImageOrientationPatient[0] * ds.ImageOrientationPatient[4] < 0 else 1.0
    ds.GridFrameOffsetVector = [z + sign * float(v) for v in ds.GridFrameOffsetVector]


def descending(ds):
    """The same frames from the last to the first, offsets counted backwards from it."""
    frames = ds.pixel_array[::-1]
    offsets = np.array([float(v) for v in ds.GridFrameOffsetVector])
    normal = np.cross(ds.ImageOrientationPatient[:3], ds.ImageOrientationPatient[3:])
    place = np.array(ds.ImagePositionPatient, dtype=float) + normal * offsets[-1]
    ds.ImagePositionPatient = [f"{v:.6f}" for v in place]
    ds.GridFrameOffsetVector = [f"{v:.6f}" for v in offsets[::-1] - offsets[-1]]
    ds.PixelData = frames.tobytes()


def shuffled(ds):
    """Frames out of order, each with its own offset (the standard wants them monotonic; not all are)."""
    order = np.array([3, 0, 6, 1, 5, 2, 4])
    offsets = np.array([float(v) for v in ds.GridFrameOffsetVector])[order]
    normal = np.cross(ds.ImageOrientationPatient[:3], ds.ImageOrientationPatient[3:])
    place = np.array(ds.ImagePositionPatient, dtype=float) + normal * offsets[0]
    ds.ImagePositionPatient = [f"{v:.6f}" for v in place]
    ds.GridFrameOffsetVector = [f"{v:.6f}" for v in offsets - offsets[0]]
    ds.PixelData = ds.pixel_array[order].tobytes()


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP"])
@pytest.mark.parametrize("change", [absolute, descending, shuffled], ids=lambda c: c.__name__)
def test_frame_offsets_are_read_as_meant(export_of, tiny, change, position):
    folder = export_of(RD=change, position=position)
    assert worst(dose_of(folder), tiny) < 1e-4


def test_absolute_offsets_that_fit_no_plane_are_refused(export_of):
    def shift(ds):
        ds.GridFrameOffsetVector = [float(v) + 5.0 for v in ds.GridFrameOffsetVector]

    with pytest.raises(UnsupportedGeometryError, match="first frame offset"):
        read_export(export_of(RD=shift))


def test_row_spacing_is_the_first_of_pixel_spacing(export_of, tiny):
    folder = export_of()
    assert [float(v) for v in pydicom.dcmread(folder / "RD.dcm").PixelSpacing] == [4.0, 2.5]
    grid = dose_of(folder)
    assert np.diff(grid.y_mm) == pytest.approx(4.0)
    assert np.diff(grid.x_mm) == pytest.approx(2.5)


def test_one_frame_without_frame_count_or_offsets(export_of, tiny):
    def strip(ds):
        del ds.NumberOfFrames
        del ds.GridFrameOffsetVector

    grid = dose_of(export_of(tiny.plan(dose=tiny.grid(frames=1)), RD=strip))
    assert grid.dose_zyx.shape == (1, 9, 11)
    assert worst(grid, tiny) < 1e-5


@pytest.mark.parametrize(("bits", "step"), [(16, 60.0 / 65535), (32, 1e-5)])
def test_sixteen_and_thirty_two_bits(export_of, tiny, bits, step):
    assert worst(dose_of(export_of(bits=bits)), tiny) <= step


def test_signed_pixels_below_zero_become_zero_with_a_finding(export_of, tiny):
    def signed(ds):
        values = (ds.pixel_array // 4).astype("<i4")
        values[0, 0, 0] = -5_000_000
        ds.PixelRepresentation, ds.PixelData = 1, values.tobytes()
        ds.DoseGridScaling = f"{float(ds.DoseGridScaling) * 4:.10g}"

    export = read_export(export_of(RD=signed))
    grid = export.plan.phases[0].dose
    assert grid.dose_zyx[0, 0, 0] == 0.0
    np.testing.assert_allclose(grid.dose_zyx.ravel()[1:], tiny.grid().dose_zyx.ravel()[1:], atol=1e-5)
    assert "LR019" in {f.code for f in export.findings}


def test_scaling_is_applied_in_full_precision(export_of):
    def coarse(ds):
        ds.PixelData = np.full(ds.pixel_array.shape, 3_000_000_019, dtype="<u4").tobytes()
        ds.DoseGridScaling = "1.4e-8"

    grid = dose_of(export_of(RD=coarse))
    assert grid.dose_zyx.flat[0] == np.float32(3_000_000_019 * 1.4e-8)


def test_effective_proton_dose_holds_the_rbe_of_the_parameter_file(export_of, tiny):
    from lymphorisk.parameters import load

    rbe = load("dose")["rbe_in_effective_proton_dose"].number
    export = read_export(export_of(tiny.plan(modality="proton", rbe_in_dose=rbe)))
    assert export.plan.phases[0].rbe_in_dose == rbe
    assert "LR015" in {f.code for f in export.findings}
    physical = read_export(export_of(tiny.plan(modality="proton"), name="physical"))
    assert physical.plan.phases[0].rbe_in_dose == 1.0


def test_effective_ion_dose_is_refused(export_of, tiny):
    with pytest.raises(UnsupportedDoseError, match="varies in space"):
        read_export(export_of(tiny.plan(modality="ion", rbe_in_dose=3.0)))


SYNTAXES = {
    "implicit": ("1.2.840.10008.1.2", True, True),
    "explicit": ("1.2.840.10008.1.2.1", False, True),
    "big endian": ("1.2.840.10008.1.2.2", False, False),
    "deflated": ("1.2.840.10008.1.2.1.99", False, True),
}


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("bits", [16, 32])
def test_native_transfer_syntaxes(export_of, tiny, name, bits):
    uid, implicit, little = SYNTAXES[name]
    folder = export_of(bits=bits)
    for path in sorted(folder.glob("*.dcm")):
        ds = pydicom.dcmread(path)
        if not little and "PixelData" in ds:
            ds.PixelData = ds.pixel_array.astype(f">u{bits // 8}").tobytes()
        ds.file_meta.TransferSyntaxUID = uid
        pydicom.dcmwrite(path, ds, implicit_vr=implicit, little_endian=little, force_encoding=True)
    export = read_export(folder)
    assert worst(export.plan.phases[0].dose, tiny) < 1e-3
    assert [s.name for s in export.plan.structures] == ["BODY", "Spleen", "Later"]
    assert [b.on_s for b in export.plan.phases[0].beams] == pytest.approx([15.0, 12.0])


def rle_frame(values):
    """A frame as literal runs, one segment for each byte of a pixel, the highest first (PS3.5 annex G)."""
    planes = values.reshape(-1).view(np.uint8).reshape(-1, values.dtype.itemsize)[:, ::-1].T
    segments = []
    for plane in planes:
        data = plane.tobytes()
        runs = [data[n : n + 128] for n in range(0, len(data), 128)]
        packed = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(packed + b"\0" * (len(packed) % 2))
    starts = np.cumsum([64] + [len(s) for s in segments[:-1]])
    header = np.zeros(16, dtype="<u4")
    header[0], header[1 : len(segments) + 1] = len(segments), starts
    return header.tobytes() + b"".join(segments)


@pytest.mark.parametrize("bits", [16, 32])
def test_run_length_encoded_dose(export_of, tiny, bits):
    def rle(ds):
        ds.PixelData = pydicom.encaps.encapsulate([rle_frame(frame) for frame in ds.pixel_array])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"

    assert worst(dose_of(export_of(RD=rle, bits=bits)), tiny) < 1e-3


def test_compressed_dose_without_its_codec_says_what_to_install(export_of, monkeypatch):
    """JPEG 2000 with no plug-in at hand: the message names the extra."""
    from pydicom.pixels.decoders import JPEG2000LosslessDecoder

    def jpeg(ds):
        ds.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(60)] * 7)
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"

    monkeypatch.setattr(JPEG2000LosslessDecoder, "_available", {})
    with pytest.raises(DicomReadError, match="could not be decoded") as error:
        read_export(export_of(RD=jpeg))
    assert "lymphorisk[compressed]" in error.value.hint
