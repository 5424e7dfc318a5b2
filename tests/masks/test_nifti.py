"""NIfTI: whatever way the array runs, the organs lie where they lie."""

from __future__ import annotations

import runpy
from itertools import permutations, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lymphorisk.errors import InputError, UnsupportedGeometryError
from lymphorisk.masks.nifti import read_nifti, stem
from lymphorisk.masks.read import masks_of
from lymphorisk.plan import Mask

P = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "patient.py")))

nibabel = pytest.importorskip("nibabel")


def masks(path: Path) -> dict[int, Mask]:
    return {mask.number: mask for mask in masks_of(read_nifti(path.read_bytes()).raster, {})}


def middle(mask: Mask) -> np.ndarray:
    z, y, x = mask.centres_mm()
    share = mask.share_zyx.astype(float)
    total = share.sum()
    return np.array([share.sum((0, 1)) @ x, share.sum((0, 2)) @ y, share.sum((1, 2)) @ z]) / total


def same_place(found: dict[int, Mask], tolerance: float = 0.5) -> None:
    assert set(found) == set(P.NUMBERS.values())
    for name, number in P.NUMBERS.items():
        at, radius = P.ORGANS[name]
        assert np.abs(middle(found[number]) - at).max() < tolerance
        assert found[number].volume_cm3 == pytest.approx(4e-3 / 3 * np.pi * radius**3, rel=0.01)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((False, True), repeat=3)))
def test_arrays_stored_in_any_order_and_direction_are_one_image(
    voxels: Any, tmp_path: Path, order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    """nibabel stores the same image in all 48 orientations; none moves an organ."""
    affine = voxels.affine[:, [*order, 3]].copy()
    values = voxels.values.transpose(order)
    for axis in np.flatnonzero(flips):
        affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
        affine[:3, axis] *= -1
        values = np.flip(values, axis)
    same_place(masks(P.nifti(tmp_path / "m.nii", values, affine)))


def test_a_grid_turned_against_the_patient_keeps_volume_and_place(tmp_path: Path) -> None:
    """The organs rasterised on a grid turned by 20 degrees about z and 10 about x."""
    a, b = np.radians(20), np.radians(10)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    pitch, count = 3.0, np.array([120, 110, 120])
    affine = np.eye(4)
    affine[:3, :3] = turn * pitch
    affine[:3, 3] = -affine[:3, :3] @ (count - 1) / 2 + (0.0, 0.0, 30.0)
    at = np.stack(np.meshgrid(*(np.arange(n) for n in count), indexing="ij"), axis=-1)
    points = (at @ affine[:3, :3].T + affine[:3, 3]) * (-1, -1, 1)
    values = np.zeros(tuple(count), np.uint8)
    for name, number in P.NUMBERS.items():
        middle_mm, radius = P.ORGANS[name]
        values[((points - middle_mm) ** 2).sum(axis=-1) <= radius**2] = number
    same_place(masks(P.nifti(tmp_path / "m.nii", values, affine)))


def test_metres_are_read_as_metres(voxels: Any, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(voxels.values, voxels.affine / 1000 * (1, 1, 1, 1) + np.diag([0, 0, 0, 0.999]))
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "m.nii")
    same_place(masks(tmp_path / "m.nii"))


def test_floats_that_are_whole_are_labels(voxels: Any, tmp_path: Path) -> None:
    same_place(masks(P.nifti(tmp_path / "m.nii.gz", voxels.values[..., None].astype(np.float32), voxels.affine)))


def test_the_names_a_file_holds_win_over_numbers(voxels: Any, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(voxels.values, voxels.affine)
    table = '<Label Key="5" Red="1"><![CDATA[liver]]></Label><Label Key="51"><![CDATA[heart]]></Label>'
    xml = f"<?xml version='1.0'?> <CaretExtension><VolumeInformation><LabelTable>{table}</LabelTable>"
    xml += "</VolumeInformation></CaretExtension>\n   "
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, xml.encode()))
    nibabel.save(image, tmp_path / "m.nii.gz")
    assert read_nifti((tmp_path / "m.nii.gz").read_bytes()).names == {5: "liver", 51: "heart"}


@pytest.mark.parametrize("way", [1, -1])
def test_only_the_planes_that_hold_anything_are_kept_and_the_ends_of_the_image_are_known(
    voxels: Any, tmp_path: Path, way: int
) -> None:
    """The spleen lies in 30 of 132 planes; the image goes on on both sides."""
    values = np.where(voxels.values == P.NUMBERS["Spleen"], 1, 0).astype(np.int16)[..., ::way]
    affine = voxels.affine.copy()
    affine[2, 2] *= way
    affine[2, 3] += 2.0 * (values.shape[2] - 1) * (way < 0)
    image = read_nifti(P.nifti(tmp_path / "m.nii.gz", values, affine).read_bytes())
    low, high = float(voxels.affine[2, 3]) - 1.0, float(voxels.affine[2, 3]) - 1.0 + 2.0 * values.shape[2]
    assert image.ends_mm == pytest.approx((low, high))
    assert 30 <= len(image.raster.values) < 40  # whole pieces of the file
    (mask,) = masks_of(image.raster, {}, image.ends_mm)
    assert mask.image_z_mm == image.ends_mm
    assert middle(mask) == pytest.approx(P.ORGANS["Spleen"][0], abs=0.5)


def test_stored_numbers_are_scaled_as_the_header_says(voxels: Any, tmp_path: Path) -> None:
    """Zeros in the file are no zeros in the image when it adds something."""
    image = nibabel.Nifti1Image(voxels.values.astype(np.int16) * 2 - 6, None)
    image.header.set_sform(voxels.affine, 1)
    image.header.set_slope_inter(0.5, 3.0)
    raw = bytearray(image.to_bytes())
    stored = (voxels.values.astype(np.int16) * 2 - 6).tobytes(order="F")
    raw[-len(stored) :] = stored
    raw[112:120] = np.array([0.5, 3.0], "<f4").tobytes()
    (tmp_path / "m.nii").write_bytes(raw)
    same_place(masks(tmp_path / "m.nii"))


def test_a_compressed_file_in_several_members_is_one_file(voxels: Any, tmp_path: Path) -> None:
    import gzip

    raw = P.nifti(tmp_path / "m.nii", voxels.values, voxels.affine).read_bytes()
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(raw[:100_000]) + gzip.compress(raw[100_000:]))
    same_place(masks(tmp_path / "m.nii.gz"))


def test_an_empty_mask_holds_no_masks(voxels: Any, tmp_path: Path) -> None:
    assert masks(P.nifti(tmp_path / "m.nii.gz", np.zeros_like(voxels.values), voxels.affine)) == {}


def edited(affine: np.ndarray, at: tuple[int, int], value: float) -> np.ndarray:
    out = affine.copy()
    out[at] = value
    return out


def test_an_affine_that_is_sheared_or_no_number_is_refused(voxels: Any, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedGeometryError, match="sheared"):
        read_nifti(P.nifti(tmp_path / "a.nii", voxels.values, edited(voxels.affine, (0, 1), 0.3)).read_bytes())
    with pytest.raises(InputError, match="not numbers"):
        read_nifti(P.nifti(tmp_path / "b.nii", voxels.values, edited(voxels.affine, (0, 3), np.nan)).read_bytes())
    with pytest.raises(UnsupportedGeometryError, match="no size"):
        read_nifti(P.nifti(tmp_path / "c.nii", voxels.values, edited(voxels.affine, (0, 0), 0.0)).read_bytes())


def test_values_that_are_no_labels_are_refused(voxels: Any, tmp_path: Path) -> None:
    wrong = {
        "not numbers": np.where(voxels.values > 0, np.nan, 0).astype(np.float32),
        "not whole": voxels.values * np.float32(0.5),
        "an image": voxels.values.astype(np.int16) - 1000,
        "4 dimensions": np.stack([voxels.values] * 2, axis=-1),
    }
    for why, values in wrong.items():
        with pytest.raises(InputError, match=why):
            read_nifti(P.nifti(tmp_path / "m.nii", values, voxels.affine).read_bytes())


@pytest.mark.parametrize(("code", "why"), [(0, "does not say where"), (3, "template"), (4, "template")])
def test_a_file_without_a_place_or_of_a_template_is_refused(voxels: Any, tmp_path: Path, code: int, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_nifti(P.nifti(tmp_path / "m.nii", voxels.values, voxels.affine, code=code).read_bytes())


def test_a_broken_file_is_named_as_one(voxels: Any, tmp_path: Path) -> None:
    whole = P.nifti(tmp_path / "m.nii.gz", voxels.values, voxels.affine).read_bytes()
    for part in (b"", b"nothing at all", whole[:100], whole[: len(whole) // 2]):
        (tmp_path / "b.nii.gz").write_bytes(part)
        with pytest.raises(InputError):
            read_nifti((tmp_path / "b.nii.gz").read_bytes())


def test_two_places_in_one_header_are_said(voxels: Any, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(voxels.values, voxels.affine)
    image.set_sform(voxels.affine, 1)
    image.set_qform(edited(voxels.affine, (2, 3), 99.0), 1)
    nibabel.save(image, tmp_path / "m.nii")
    assert "differ" in read_nifti((tmp_path / "m.nii").read_bytes()).doubt


@pytest.mark.parametrize(("field", "value"), [("quatern_b", 5.0), ("quatern_b", np.nan), ("pixdim", np.inf)])
def test_a_broken_qform_beside_a_sform_is_said(field: str, value: float, voxels: Any, tmp_path: Path, capfd) -> None:
    raw, fields = two_places(voxels, tmp_path)
    turned, at = bytearray(raw), fields[field][1] + 4 * (field == "pixdim")
    turned[at : at + 4] = np.float32(value).tobytes()
    found = read_nifti(bytes(turned))
    assert found.doubt == "qform is broken; sform is used"
    assert np.array_equal(found.raster.values, read_nifti(bytes(raw)).raster.values)
    assert capfd.readouterr() == ("", "")


def test_what_the_library_mends_in_a_header_it_does_not_say(voxels: Any, tmp_path: Path, caplog) -> None:
    raw, fields = two_places(voxels, tmp_path)
    at = fields["pixdim"][1] + 4
    raw[at : at + 4] = np.float32(-np.frombuffer(raw, np.float32, 1, at)[0]).tobytes()
    assert read_nifti(bytes(raw)).doubt == ""
    assert not caplog.records


def two_places(voxels: Any, tmp_path: Path) -> tuple[bytearray, Any]:
    """A file whose header says twice where it lies, and where the fields of a header are."""
    image = nibabel.Nifti1Image(voxels.values, voxels.affine)
    image.set_sform(voxels.affine, 1)
    image.set_qform(voxels.affine, 1)
    nibabel.save(image, tmp_path / "m.nii")
    return bytearray((tmp_path / "m.nii").read_bytes()), nibabel.Nifti1Header.template_dtype.fields


def test_a_unit_that_is_none_is_refused(voxels: Any, tmp_path: Path) -> None:
    raw, fields = two_places(voxels, tmp_path)
    raw[fields["xyzt_units"][1]] = 7
    with pytest.raises(InputError, match="unit of length, code 7, is none"):
        read_nifti(bytes(raw))


def test_without_nibabel_the_extra_is_named(voxels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = P.nifti(tmp_path / "m.nii", voxels.values, voxels.affine)
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(InputError) as caught:
        read_nifti(path.read_bytes())
    assert "lymphorisk[masks]" in caught.value.hint


def test_a_name_loses_its_ending_only() -> None:
    assert stem(Path("kidney_left.nii.gz")) == stem(Path("kidney_left.NII")) == "kidney_left"
