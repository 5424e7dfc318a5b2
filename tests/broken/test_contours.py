"""Contours of any shape end in a body, or in a reason; never in an exception, never in another structure's loss."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lymphorisk.absent import Absent
from lymphorisk.cli.main import run
from lymphorisk.dicom import read_export
from lymphorisk.dvh import DVH, exact, exact_with_findings
from lymphorisk.dvh.solids import Linear, cylinder, dose_grid
from lymphorisk.organs import match
from lymphorisk.plan import Structure

GRID = dose_grid(Linear(30.0, (0.2, -0.1, 0.3)), [-40] * 3, [40] * 3, 8.0)
SQUARE = np.array([[-10, -10], [10, -10], [10, 10], [-10, 10]], float)


def at(xy, z):
    return np.column_stack([np.asarray(xy, float), np.full(len(xy), float(z))])


def found_of(*contours, **more):
    (result,), found = exact_with_findings([Structure(3, "odd", tuple(contours), **more)], GRID)
    return result, [f.code for f in found]


numbers = st.one_of(
    st.floats(-30, 30),
    st.integers(-20, 20).map(float),
    st.sampled_from([0.0, 1e-9, 1e-300, 99_999.0, 1e6, 1e30, 1e154, 1e308, -1e308, np.inf, -np.inf, np.nan]),
)
tame = st.one_of(st.floats(-30, 30), st.integers(-6, 6).map(lambda v: 5.0 * v))


def polygons(coordinate):
    return st.lists(st.tuples(coordinate, coordinate), min_size=0, max_size=9).map(
        lambda points: np.array(points, float).reshape(-1, 2)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(polygons(tame), st.integers(-4, 4)), min_size=1, max_size=6), st.booleans())
@example(
    [(np.array([[0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), 0), (np.array([[0.0, 3e-307], [0.0, -1.0], [-1.0, 0.0]]), 0)],
    False,
)
def test_any_polygons_are_a_body_or_a_reason(drawn, xor) -> None:
    """Self-crossing, spikes, figures of eight, edges without length, lines, points: random corners hold them all."""
    result, _ = found_of(*(at(xy, 1.5 * z) for xy, z in drawn), xor=xor)
    assert isinstance(result, Absent) or (np.isfinite(result.total_cm3) and 0 < result.total_cm3 < 400)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(numbers, numbers, numbers), max_size=7), min_size=1, max_size=4))
def test_any_coordinates_are_a_body_or_a_reason(contours) -> None:
    result, _ = found_of(*(np.array(c, float).reshape(-1, 3) for c in contours))
    assert isinstance(result, DVH | Absent)


def body_with(replacement, k=3):
    """A cylinder on nine planes, one of them drawn as something else."""
    planes = list(cylinder(12.0, 30.0).structure(np.arange(-12, 13, 3.0)).contours_mm)
    planes[k] = replacement(planes[k])
    return planes


NOTHING = {
    "a point": lambda c: np.repeat(c[:1], 5, axis=0),
    "a line": lambda c: at([(0, 0), (5, 5), (10, 10), (2, 2)], c[0, 2]),
    "two points": lambda c: c[:2].copy(),
    "forth and back": lambda c: np.vstack([c, c[::-1]]),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_a_plane_that_encloses_nothing_is_a_missing_plane(kind) -> None:
    result, codes = found_of(*body_with(NOTHING[kind]))
    assert isinstance(result, DVH)
    assert result.total_cm3 == pytest.approx(np.pi * 144 * 27 / 1000, rel=2e-3)
    assert "LR101" in codes
    assert kind == "two points" or "LR125" in codes


def test_a_contour_that_goes_round_twice_counts_once() -> None:
    result, codes = found_of(*body_with(lambda c: np.vstack([c, c])))
    assert isinstance(result, DVH)
    assert result.total_cm3 == pytest.approx(np.pi * 144 * 27 / 1000, rel=2e-3)
    assert codes == []


@pytest.mark.parametrize("off_mm", [0.1, 0.3, 0.6, 1.0])
def test_a_body_drawn_again_is_no_hole_in_itself(off_mm) -> None:
    """Drawn twice by an unsteady hand, each outline stands out of the other here and there: no wall between them."""
    rng = np.random.default_rng(1)
    planes = cylinder(30.0, 30.0).structure(np.arange(-12, 13, 3.0)).contours_mm
    again = [c + np.column_stack([rng.normal(0, off_mm, (len(c), 2)), np.zeros(len(c))]) for c in planes]
    result, codes = found_of(*planes, *again)
    assert isinstance(result, DVH)
    assert result.total_cm3 == pytest.approx(np.pi * 900 * 27 / 1000, rel=0.03)
    assert {"LR121", "LR122"} & set(codes)


@pytest.mark.parametrize("wall_mm", [1.0, 3.0])
def test_a_wall_whose_inner_outline_pokes_out_a_little_stays_a_wall(wall_mm) -> None:
    planes = cylinder(30.0, 30.0).structure(np.arange(-12, 13, 3.0)).contours_mm
    inner = [c * [1 - wall_mm / 30, 1 - wall_mm / 30, 1] for c in planes]
    for c in inner:
        c[5, :2] *= 31.0 / (30.0 - wall_mm)
    result, _ = found_of(*planes, *inner)
    assert isinstance(result, DVH)
    assert result.total_cm3 == pytest.approx(np.pi * (900 - (30 - wall_mm) ** 2) * 27 / 1000, rel=0.05)


def test_a_structure_of_nothing_is_not_drawn() -> None:
    result, codes = found_of(*(at([(0, 0), (5, 5), (9, 9)], z) for z in (0, 3, 6)))
    assert isinstance(result, Absent)
    assert codes == ["LR125"]


@pytest.mark.parametrize("axes", [(2, 1, 0), (0, 2, 1)])
def test_one_sagittal_or_coronal_contour_among_axial_ones(axes) -> None:
    result, codes = found_of(*body_with(lambda c: c[:, axes]))
    assert isinstance(result, Absent)
    assert "not usable" in result.reason
    assert codes == ["LR120"]


@pytest.mark.parametrize("degrees", [2.0, 5.0, 30.0])
def test_tilted_structures_are_not_usable(degrees) -> None:
    planes = cylinder(12.0, 30.0).structure(np.arange(-12, 13, 3.0)).contours_mm
    result, _ = found_of(*(c + np.outer(c[:, 0] * np.tan(np.radians(degrees)), (0, 0, 1)) for c in planes))
    assert isinstance(result, Absent)
    assert "tilted" in result.reason


def test_a_body_far_from_its_sections_is_undecidable(monkeypatch) -> None:
    """The net under the engine: a solid that loses half of its slabs gives no DVH."""
    import lymphorisk.dvh.engine as engine
    from lymphorisk.dvh.solid import Solid, worked_out

    whole = engine.solid_of

    def lossy(share):
        def make(*args):
            solid = whole(*args)
            return Solid(solid.edges_mm, tuple(np.float32(share) * worked_out(m) for m in solid.sections))

        return make

    planes = cylinder(12.0, 30.0).structure(np.arange(-12, 13, 1.5)).contours_mm
    monkeypatch.setattr(engine, "solid_of", lossy(0.5))
    (result,), (said,) = exact_with_findings([Structure(1, "half", planes)], GRID)
    assert isinstance(result, Absent)
    assert (said.code, said.severity) == ("LR126", "error")
    monkeypatch.setattr(engine, "solid_of", lossy(0.88))
    (result,), (said,) = exact_with_findings([Structure(1, "less", planes)], GRID)
    assert isinstance(result, DVH)
    assert (said.code, said.severity) == ("LR126", "warning")


def raw_data(text):
    def change(contour):
        tag = pydicom.tag.Tag("ContourData")
        value = text(contour).encode()
        value += b" " * (len(value) % 2)
        contour[tag] = pydicom.dataelem.RawDataElement(tag, "DS", len(value), value, 0, False, True, True)

    return change


def joined(contour):
    return "\\".join(str(v) for v in contour.ContourData)


def rotated(contour):
    points = np.array(contour.ContourData, float).reshape(-1, 3)[:, [2, 1, 0]]
    contour.ContourData = [f"{v:.3f}" for v in points.ravel()]


BAD = {
    "one value short": raw_data(lambda c: joined(c).rsplit("\\", 1)[0]),
    "NaN": raw_data(lambda c: joined(c).replace(str(c.ContourData[0]), "nan", 1)),
    "infinite": raw_data(lambda c: joined(c).replace(str(c.ContourData[0]), "1e308", 1)),
    "trailing backslash": raw_data(lambda c: joined(c) + "\\"),
    "decimal comma": raw_data(lambda c: joined(c).replace("\\", ",5\\")),
    "exponent D": raw_data(lambda c: joined(c).replace(str(c.ContourData[0]), "1.0D+02", 1)),
    "text": raw_data(lambda c: "see plan"),
    "sagittal": rotated,
    "no type": lambda c: delattr(c, "ContourGeometricType"),
    "unknown type": lambda c: setattr(c, "ContourGeometricType", "SCRIBBLE"),
}


def spoiled(bad, number=2):
    def change(ds):
        (roi,) = [r for r in ds.ROIContourSequence if r.ReferencedROINumber == number]
        for contour in roi.ContourSequence:
            bad(contour)

    return change


@pytest.mark.parametrize("name", BAD)
def test_one_bad_roi_is_one_bad_roi(export_of, name) -> None:
    good = read_export(export_of(name="good")).plan.structures
    export = read_export(export_of(RS=spoiled(BAD[name])))
    body, spleen, _ = export.plan.structures
    assert [c.tolist() for c in body.contours_mm] == [c.tolist() for c in good[0].contours_mm]
    assert spleen.contours_mm == ()
    assert spleen.unusable
    assert [f.where for f in export.findings if f.code == "LR120"] == ["ROI 2 Spleen"]
    matching = match(export.plan.structures)
    assert "Spleen" not in matching.organs
    assert "not usable" in matching.rejected["Spleen"]
    assert any(f.code == "LR162" and "Spleen" in f.what for f in matching.findings)
    (reason,) = [u.reason for u in matching.unmatched if u.number == 2]
    assert "not usable" in reason


PROTOCOL = """
name = "one line"
[[line]]
structure = "Spleen"
metric = "Mean[Gy]"
goal = "<= 60"
"""


@pytest.mark.parametrize("name", ["NaN", "decimal comma", "sagittal", "no type"])
def test_every_command_goes_on_and_the_gate_does_not_pass(export_of, tmp_path, capsys, name) -> None:
    folder = str(export_of(RS=spoiled(BAD[name])))
    protocol = tmp_path / "one.toml"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    for command in ("inspect", "dvh"):
        assert run([command, folder]) == 0
        assert "not usable" in capsys.readouterr().out
    assert run(["analyze", folder, "--draws", "64", "--alc", "1.5"]) == 0
    capsys.readouterr()
    assert run(["check", folder, "--protocol", str(protocol), "--draws", "64", "--alc", "1.5"]) in (1, 4)
    out = capsys.readouterr().out
    assert "MISSING" in out
    assert "not usable" in out


def test_impossible_volumes_are_not_used_and_partial_organs_are() -> None:
    body = cylinder(150.0, 400.0).structure(np.arange(-150, 151, 3.0), 1)
    body = Structure(1, "BODY", body.contours_mm, rt_type="EXTERNAL")

    def organ(name, radius, length, z=0.0, number=2):
        drawn = cylinder(radius, length).structure(np.arange(-length / 2 + 1.5, length / 2, 3.0), number)
        return Structure(number, name, tuple(c + np.array([0, 0, z]) for c in drawn.contours_mm))

    good = match([body, organ("Spleen", 30.0, 60.0)])
    assert "Spleen" in good.organs
    for radius, length in ((9.0, 18.0), (3.0, 6.0), (150.0, 120.0)):
        bad = match([body, organ("Spleen", radius, length)])
        assert "Spleen" not in bad.organs
        assert [(f.code, f.severity) for f in bad.findings if f.code == "LR161"] == [("LR161", "error")]
        assert "cm3" in bad.rejected["Spleen"]
    part = match([body, organ("Spleen", 9.0, 18.0, 141.0)])
    assert "Spleen" in part.organs


def test_a_body_in_centimetres_is_no_body() -> None:
    body = cylinder(150.0, 400.0).structure(np.arange(-150, 151, 3.0), 1)
    small = Structure(1, "BODY", tuple(c / 10 for c in body.contours_mm), rt_type="EXTERNAL")
    matching = match([small])
    assert "Body" not in matching.organs
    assert {f.code for f in matching.findings} >= {"LR161"}


def test_order_of_bad_and_good_does_not_matter() -> None:
    good = Structure(1, "good", tuple(at(SQUARE, z) for z in (-3, 0, 3)))
    bad = Structure(2, "bad", (np.full((4, 3), np.nan),))
    for regions in ((good, bad), (bad, good)):
        results = dict(zip((r.name for r in regions), exact(regions, GRID), strict=True))
        assert isinstance(results["good"], DVH)
        assert isinstance(results["bad"], Absent)
