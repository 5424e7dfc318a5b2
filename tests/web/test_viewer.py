"""Planes of a plan: what is drawn and placed, over CT and over the outline; and nothing of it says whose it is."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

pytest.importorskip("starlette")

from lymphorisk.analysis.options import Options
from lymphorisk.analysis.planes import AXES, PLACES, Axis, Scene, at_first, picture_of, plane_of, scene_of
from lymphorisk.analysis.prepared import prepare
from lymphorisk.errors import InputError, UndecidableError
from lymphorisk.phantom.contours import area
from lymphorisk.plan import Structure
from lymphorisk.report.planes import plane_figure
from lymphorisk.web.app import PAGES
from lymphorisk.web.desk import Desk
from lymphorisk.web.questions import Questions
from tests.web.conftest import BRAIN, INITIALS, MARK, client, middle_of, token


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(prepare(BRAIN, None, Options(draws=16, horizon_d=60)))


def engine_of(desk: Desk) -> Questions:
    asked = Questions(desk.service, desk.store)
    desk.engine.ask = asked.answer  # type: ignore[method-assign,assignment]
    return asked


def test_a_plane_holds_contours_as_drawn(scene: Scene) -> None:
    drawn = next(s for s in scene.shown if s.name == "Brainstem")
    assert isinstance(drawn.region, Structure)
    height = float(np.median([c[0, 2] for c in drawn.region.contours_mm]))
    index = int(np.abs(scene.at_mm["axial"] - height).argmin())
    plane = plane_of(scene, "axial", index, ["Brainstem"])
    (cut,) = plane.cuts
    contours = [c for c in drawn.region.contours_mm if abs(c[0, 2] - plane.at_mm) < 0.02]
    assert sorted(len(line) - 1 for line in cut.drawn) == sorted(len(c) for c in contours)
    np.testing.assert_allclose(np.array(cut.drawn[0])[:-1], contours[0][:, :2], atol=0.051)


@pytest.mark.parametrize("axis", ["coronal", "sagittal"])
def test_cuts_along_the_body_add_up_to_the_volume(scene: Scene, axis: Axis) -> None:
    """Areas of an organ's cuts times the planes' distance are its volume, whichever way it is cut."""
    name = "Brainstem"
    across = sum(
        abs(sum(area(np.array(line)) for line in cut.drawn))
        for i in range(len(scene.at_mm[axis]))
        for cut in plane_of(scene, axis, i, [name]).cuts
    )
    step = float(np.diff(scene.at_mm[axis])[0])
    organ = scene.plan.doses.organs[name]
    assert organ.volume_cm3 is not None
    assert across * step / 1000.0 == pytest.approx(organ.volume_cm3, rel=0.15)


def test_isodoses_enclose_what_gets_as_much(scene: Scene) -> None:
    """The area within a line is that of the grid points at or above its dose."""
    grid = scene.plan.curves.course_dose
    plane = plane_of(scene, "axial", scene.middle("axial"), [])
    levels = [g for g, _ in plane.doses]
    assert levels == sorted(levels, reverse=True)
    of_scene = np.array(scene.levels_gy)
    assert np.diff(of_scene).max() < 0.0 < of_scene.min()
    heights = grid.z_mm + grid.origin_mm[2]
    cell = float(np.diff(grid.x_mm)[0] * np.diff(grid.y_mm)[0])
    lines = dict(plane.doses)[scene.levels_gy[3]]
    enclosed = abs(sum(area(np.array(line)) for line in lines))
    counted = [float((dose >= scene.levels_gy[3]).sum()) * cell for dose in grid.dose_zyx]
    assert enclosed == pytest.approx(float(np.interp(plane.at_mm, heights, counted)), rel=0.05)


def test_placed_organs_are_dashed_and_drawn_ones_are_not(scene: Scene) -> None:
    names = [s.name for s in scene.shown]
    assert any(s.placed and s.region is None for s in scene.shown)
    placed = [s.name for s in scene.shown if s.placed and s.region is None]
    only_drawn = [s.name for s in scene.shown if not s.placed]
    drawn = 0
    for axis in AXES:
        for wanted, dashed in ((placed, True), (only_drawn, False)):
            plane = plane_of(scene, axis, scene.middle(axis), wanted)
            figure = plane_figure(plane, names)
            lines = re.findall(r'<path class="(?:curve|thin) c\d"[^>]*>', figure)
            assert all(("stroke-dasharray" in line) == dashed for line in lines)
            drawn += bool(lines)
            said = figure.split("<desc")[1].split("</desc>")[0]
            assert all(f"{c.name} {'placed' if dashed else 'drawn'}" in said for c in plane.cuts)
    assert drawn >= 4


def test_letters_do_not_hide_one_another(scene: Scene) -> None:
    """Structures that touch at the left have their letters apart: target and brain do in the target's middle."""
    plane = plane_of(scene, "axial", scene.middle("axial"), ["PTV", "Brain"])
    figure = plane_figure(plane, [s.name for s in scene.shown])
    places = [(float(x), float(y)) for x, y in re.findall(r'class="letter c\d" cx="([\d.]+)" cy="([\d.]+)"', figure)]
    assert len(places) == 2
    assert np.hypot(*np.subtract(*places)) > 20.0


def test_every_plane_of_an_axis_can_be_drawn(scene: Scene) -> None:
    for axis in AXES:
        count = len(scene.at_mm[axis])
        for index in (-5, 0, count // 2, count - 1, count + 5):
            plane = plane_of(scene, axis, index, at_first(scene))
            assert 0 <= plane.index < count
            assert plane.at_mm == scene.at_mm[axis][plane.index]
            assert plane_figure(plane, [s.name for s in scene.shown]).count("<svg") == 1
    assert picture_of(scene, "axial", 3, "soft") is None


def test_a_scenario_lies_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text("[plan]\nfractions = 5\n[organs.Spleen]\nmean_gy = 3.0\n")
    with pytest.raises(UndecidableError, match="where they lie"):
        scene_of(prepare(path))


def test_the_page_shows_three_planes_and_answers_for_each(desk: Desk) -> None:
    asked = engine_of(desk)
    seen: list[str] = []

    def counted(**question: object) -> dict[str, object]:
        seen.append(str(question["do"]))
        return asked.answer(**question)  # type: ignore[arg-type]

    desk.engine.ask = counted  # type: ignore[method-assign]
    entry, at = desk.store.entries()[0], client(desk, "view")
    for _ in range(2):
        page = at.get(f"/entries/{entry.key}/view").text
        assert page.count('aria-labelledby="plane-') == 3
        assert "the export has no CT" in page
    assert seen == ["scene", "plane", "plane", "plane"], "each is asked for once"
    assert at.get(f"/entries/{entry.key}/planes/axial.png").status_code == 404
    for axis in AXES:
        part = at.get(f"/entries/{entry.key}/planes/{axis}", params={axis: "5", "chosen": "1", "organ": "Brainstem"})
        assert part.status_code == 200
        assert "<html" not in part.text
        assert f"{axis.capitalize()}, 6 of" in part.text
        assert "organs: Brainstem drawn" in part.text or "organs: none" in part.text
    assert at.get(f"/entries/{entry.key}/planes/oblique").status_code == 404
    far = at.get(f"/entries/{entry.key}/planes/axial", params={"axial": "99999"}).text
    assert re.search(r"Axial, (\d+) of \1,", far)
    for odd in ("-3", "x", "1" * 30, "\u0663"):
        assert at.get(f"/entries/{entry.key}/planes/axial", params={"axial": odd}).status_code == 200


@pytest.mark.slow
def test_a_ct_lies_beneath_and_is_grey_values_alone(marked_desk: Desk) -> None:
    questions = engine_of(marked_desk)
    entry, at = marked_desk.store.entries()[0], client(marked_desk, "view")
    page = at.get(f"/entries/{entry.key}/view").text
    images = re.findall(r'<image href="([^"]+)"', page)
    assert len(images) == 3
    for address in images:
        answer = at.get(address.replace("&amp;", "&"))
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"
        shades = read_png(answer.content)
        assert shades.min() == 0, "air"
        assert 90 < shades.max() < 120, "water in the soft window"
    scene, middle = questions.opened(entry.key).scene, middle_of(pydicom.dcmread(BRAIN / "RS.dcm"))
    for axis in AXES:
        right, up, through = PLACES[axis]
        made = picture_of(scene, axis, int(np.abs(scene.at_mm[axis] - middle[through]).argmin()), "soft")
        assert made is not None
        rows, columns = np.nonzero(made > 60)
        across = scene.low_mm[right] + (columns + 0.5) * (scene.high_mm[right] - scene.low_mm[right]) / made.shape[1]
        down = (rows + 0.5) * (scene.high_mm[up] - scene.low_mm[up]) / made.shape[0]
        along = scene.low_mm[up] + down if axis == "axial" else scene.high_mm[up] - down
        assert 70.0 < float(np.hypot(across - middle[right], along - middle[up]).max()) < 90.0


def read_png(data: bytes) -> np.ndarray:
    kinds, place, rows, size = [], 8, b"", (0, 0)
    while place < len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        held = data[place + 8 : place + 8 + length]
        kinds.append(kind)
        if kind == b"IHDR":
            size = int.from_bytes(held[:4], "big"), int.from_bytes(held[4:8], "big")
        if kind == b"IDAT":
            rows = zlib.decompress(held)
        place += length + 12
    assert kinds == [b"IHDR", b"IDAT", b"IEND"], "nothing but the picture"
    return np.frombuffer(rows, np.uint8).reshape(size[1], size[0] + 1)[:, 1:]


@pytest.mark.slow
def test_nothing_that_an_export_says_reaches_the_role_view(marked_desk: Desk) -> None:
    """A marker stands in every text tag, in an organ's ROI name and in a reason: no route shows it to `view`."""
    desk = marked_desk
    engine_of(desk)
    first = desk.store.entries()[0]
    with desk.store.commit() as db:
        db.execute(
            "INSERT INTO entries (key, state, study_uid, plan_uid, missing, made_at, last_object_at, label) "
            "VALUES ('second', 'COMPLETED', ?, ?, '[]', 0, 0, ?)", (first.study_uid, first.plan_uid, MARK),
        )  # fmt: skip
        db.execute("INSERT INTO members SELECT 'second', sha256, role FROM members")
    (desk.store.results(first.key).parent / "second").symlink_to(desk.store.results(first.key))
    decide = client(desk, "decide")
    said = {"token": token(desk, decide), "what": "not accepted", "line": "", "reason": f"{MARK} reason"}
    assert decide.post(f"/entries/{first.key}/decisions", data=said).status_code == 303
    asked = {
        "/entries/{key}/what-if": "?fractions=10&alc=1.1",
        "/entries/{key}/update": "?day=10&count=0.9&unit=10^9/L",
        "/compare": f"?first={first.key}&second=second",
    }
    found: dict[str, set[str]] = {"view": set(), "decide": set()}
    short = re.compile(rf"(?<![\w-])({INITIALS}|{INITIALS[::-1]})(?![\w-])")
    assert short.search(decide.get(f"/entries/{first.key}/report").text)
    for role, seen in found.items():
        at = client(desk, role)
        for page in PAGES:
            if page.method != "GET" or page.role is None:
                continue
            path = page.path.format(key=first.key, site="brain", upload="x", axis="axial")
            answer = at.get(path + asked.get(page.path, ""))
            assert answer.status_code in (200, 403, 404), (page.path, answer.text)
            if MARK.lower().encode() in answer.content.lower() or short.search(answer.text):
                seen.add(page.path)
    assert found["view"] == set()
    assert {"/", "/entries/{key}", "/entries/{key}/report", "/audit"} <= found["decide"]


@pytest.mark.parametrize("names", [None, {"Heart": "Heart", "QJ": "ROI 5"}])
def test_older_results_are_not_shown_to_the_role_view(desk: Desk, names: dict[str, str] | None) -> None:
    """Without names, or with short ones that their pages hold without a number."""
    entry = desk.store.entries()[0]
    place = desk.store.results(entry.key) / "names.json"
    place.unlink() if names is None else place.write_text(json.dumps(names))
    for path in ("", "/report"):
        assert client(desk, "view").get(f"/entries/{entry.key}{path}").status_code == 403
        assert client(desk, "decide").get(f"/entries/{entry.key}{path}").status_code == 200


def test_planes_go_with_the_files_that_they_were_drawn_from(desk: Desk) -> None:
    asked = engine_of(desk)
    entry, at = desk.store.entries()[0], client(desk, "view")
    places = (f"/entries/{entry.key}/view", f"/entries/{entry.key}/planes/axial")
    for place in places:
        assert at.get(place).status_code == 200
    opened = asked.opened(entry.key)
    assert asked.opened(entry.key) is opened, "kept open"
    assert desk.store.forget_objects(entry.key) > 0
    with pytest.raises(InputError, match="deleted"):
        asked.opened(entry.key)
    for place in places:
        gone = at.get(place)
        assert gone.status_code == 400
        assert "deleted" in gone.text
        assert "<svg" not in gone.text
