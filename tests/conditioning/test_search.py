"""The search: every schedule once, nearest first, and a frontier no schedule beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import tomlfile
from lymphorisk.conditioning.regimen import DRUGS, STANDINGS, DrugDose, Evidence, RadiationCourse, Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, PlanExposure, product, search
from lymphorisk.regimen.checks import label_criteria
from lymphorisk.regimen.knobs import Knob, Schedule, label_limit, read_knobs, schedules
from lymphorisk.regimen.products import products
from lymphorisk.regimen.schema import RegimenTables
from lymphorisk.regimen.search import Found, SearchResult, frontier
from lymphorisk.report.conditioning.figures import frontier_figure
from lymphorisk.report.conditioning.search import frontier_table, listed_table, search_lines
from lymphorisk.report.svg import Path as DrawnPath

FACTS = PatientFacts(Patient(alc=0.8, weight_kg=80.0, height_cm=172.0), egfr_ml_min=85.0)
FAST = Choices(draws=32)
CY = Knob("cyclophosphamide", "mg_per_m2", (0.0, 300.0, 500.0), 500.0)
DELAY = Knob("infusion", "delay_d", (0.0, 1.0, 2.0), 0.0)


def knobs_of(search: str, regimen: Regimen) -> tuple[Knob, ...]:
    """The knobs of one search table of a file."""
    written = tomlfile.parsed(f"[[conditioning.search]]\n{search}\n".encode(), "regimen.toml")
    return read_knobs(written, tomlfile.read(written, RegimenTables).conditioning.search, regimen)


def test_every_setting_once_and_the_given_one_first() -> None:
    found = schedules(product("tisa_all"), (CY, DELAY))
    assert len(found) == 9
    assert found[0].distance == 0.0
    assert found[0].regimen == product("tisa_all")
    assert [s.distance for s in found] == sorted(s.distance for s in found)


def test_a_dose_of_zero_leaves_the_drug_out() -> None:
    without = [s for s in schedules(product("tisa_all"), (CY,)) if dict(s.settings)["cyclophosphamide mg/m2"] == 0.0]
    assert {d.drug for d in without[0].regimen.drugs} == {"fludarabine"}


def test_a_field_left_out_is_one_schedule_however_many_days_it_could_have() -> None:
    tbi = Regimen("x", product("axi_cel").drugs, (RadiationCourse("tbi", (-1.0,), 2.0, role="lymphodepletion"),))
    knobs = knobs_of('radiation = "tbi"\ngy_per_fraction = [0, 1, 2]\nfractions = [1, 2]\nlast_day = [-3, -1]', tbi)
    found = schedules(tbi, knobs)
    assert len(found) == 1 + 2 * 2 * 2
    two = next(s for s in found if dict(s.settings) == {"tbi Gy/fx": 1.0, "tbi fx": 2.0, "tbi last day": -3.0})
    assert two.regimen.radiation[0].days == (-4.0, -3.0)


def test_a_plans_field_moves_and_scales_as_a_whole(bridging: PlanExposure) -> None:
    regimen = Regimen("x", radiation=(RadiationCourse("b", tuple(d - 30.0 for d in bridging.days), None, "p"),))
    knobs = knobs_of('radiation = "b"\ndose_factor = [0, 0.5, 1]\nlast_day = [-19, -14]', regimen)
    found = search(regimen, {"p": bridging}, knobs, FACTS, FAST)
    assert len(found.found) == 5
    later = {dict(f.schedule.settings)["b x dose"]: f for f in found.found if f.schedule.regimen.radiation}
    assert later[0.5].depth > later[1.0].depth


def test_more_drug_is_deeper_in_the_search_too() -> None:
    found = search(product("tisa_all"), {}, (CY,), FACTS, FAST)
    by_dose = {dict(f.schedule.settings)["cyclophosphamide mg/m2"]: f.depth for f in found.found}
    assert by_dose[0.0] > by_dose[300.0] > by_dose[500.0]


def made(depth: float, duration: float, *, meets: bool = False, distance: float = 0.0, joint: float = 0.0) -> Found:
    """A schedule judged by hand."""
    schedule = Schedule((("infusion delay d", distance),), product("tisa_all"), distance)
    return Found(schedule, joint, meets, True, depth, duration, False, ())


def beaten(f: Found, found: Sequence[Found]) -> bool:
    return any(
        g.depth <= f.depth and g.duration <= f.duration and (g.depth < f.depth or g.duration < f.duration - 1e-3)
        for g in found
    )


def test_the_frontier_is_what_brute_force_finds() -> None:
    found = search(product("tisa_all"), {}, (CY, DELAY), FACTS, FAST).found
    marked = {(f.depth, f.duration) for f in found if f.on_frontier}
    assert marked == {(f.depth, f.duration) for f in found if not beaten(f, found)}


def test_the_frontier_holds_every_schedule_no_other_beats() -> None:
    """Four points by hand, three of them on it, given in no order."""
    points = [(0.02, 5.0), (0.03, 5.0), (0.04, 1.0), (0.01, 10.0), (0.05, 8.0)]
    marked = frontier([made(*p) for p in points])
    assert [f.on_frontier for f in marked] == [True, False, True, True, False]


@pytest.mark.parametrize("seed", range(20))
def test_the_frontier_of_random_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = [made(float(d), float(t)) for d, t in rng.integers(1, 9, (12, 2))]
    marked = frontier(points)
    on = {(f.depth, f.duration) for f in marked if f.on_frontier}
    assert on == {(f.depth, f.duration) for f in points if not beaten(f, points)}


def test_schedules_that_meet_come_first_and_nearest_first(tmp_path: Path) -> None:
    """A criterion every schedule meets: four of them, by their distance from the regimen as given."""
    own = tmp_path / "criteria.toml"
    own.write_text(
        '[alc_at_infusion.at_most]\nvalue = 5.0\nunit = "10^9/L"\nsource = "s"\nplace = "p"\nknown = "assumed"\n'
        '[decision.search_from]\nvalue = 0.5\nunit = "1"\nsource = "s"\nplace = "p"\nknown = "assumed"\n',
        encoding="utf-8",
    )
    far_first = Knob("infusion", "delay_d", (9.0, 2.0, 1.0, 0.0), 0.0)
    result = search(product("cilta-cel"), {}, (far_first,), FACTS, replace(FAST, criteria=own))
    met = [f.schedule.distance for f in result.meeting]
    assert len(met) >= 3
    assert met == sorted(met)
    assert met[0] < met[-1]
    assert all(f.in_window for f in result.meeting)
    assert [f.meets for f in result.found] == sorted((f.meets for f in result.found), reverse=True)
    assert not result.found[-1].meets


def test_the_list_shows_the_nearest_first_and_the_frontier_whole() -> None:
    """The rows a reader sees keep the order and the values of the search."""
    found = (
        made(0.30, 2.0, meets=True, distance=0.5, joint=0.9),
        made(0.20, 4.0, meets=True, distance=1.5, joint=0.8),
        made(0.10, 8.0, distance=0.2, joint=0.3),
    )
    result = SearchResult(product("tisa_all"), (DELAY,), tuple(frontier(found)), 0.5, 32, 1)
    listed = listed_table(result)
    assert listed.column("") == ("1", "2")
    assert listed.column("distance") == ("0.50", "1.50")
    assert listed.column("all met") == ("90 %", "80 %")
    assert listed.column("ALC day 0") == ("0.30", "0.20")
    assert listed.column("days <0.2 after") == ("2.0", "4.0")
    assert listed.column(DELAY.label) == ("0.5", "1.5")
    assert listed.column("window") == ("in", "in")
    front = frontier_table(result)
    assert front.column("ALC day 0") == ("0.10", "0.20", "0.30"), "deepest first"
    assert front.column("days <0.2 after") == ("8.0", "4.0", "2.0")
    text = "\n".join(search_lines(result))
    assert "nearest to the regimen as given first" in text
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")][1:3] == ["1", "2"]


def test_the_figure_joins_the_whole_frontier() -> None:
    points = [made(0.10, 8.0), made(0.20, 4.0), made(0.30, 2.0), made(0.35, 6.0)]
    result = SearchResult(product("tisa_all"), (DELAY,), tuple(frontier(points)), 0.5, 32, 1)
    shapes = [s for s in frontier_figure(result).shapes if isinstance(s, DrawnPath)]
    assert len([s for s in shapes if s.kind == "frontier c1"]) == 3
    joined = next(s for s in shapes if s.kind == "curve c1")
    assert len(joined.points) == 3
    alone = SearchResult(product("tisa_all"), (DELAY,), tuple(frontier(points[:1])), 0.5, 32, 1)
    kinds = [s.kind for s in frontier_figure(alone).shapes]
    assert kinds.count("frontier c1") == 1, "a frontier of one point is drawn too"


def test_schedules_that_do_not_meet_come_by_their_share(tmp_path: Path) -> None:
    own = tmp_path / "criteria.toml"
    own.write_text(
        '[alc_at_infusion.at_most]\nvalue = 0.1\nunit = "10^9/L"\nsource = "s"\nplace = "p"\nknown = "assumed"\n'
        '[decision.search_from]\nvalue = 0.9\nunit = "1"\nsource = "s"\nplace = "p"\nknown = "assumed"\n',
        encoding="utf-8",
    )
    result = search(product("tisa_all"), {}, (CY,), FACTS, replace(FAST, criteria=own))
    assert not result.meeting
    shares = [f.joint or 0.0 for f in result.found]
    assert shares[0] > shares[-1]
    assert shares == sorted(shares, reverse=True)
    assert dict(result.found[0].schedule.settings)["cyclophosphamide mg/m2"] == 500.0


def test_outside_the_window_never_meets() -> None:
    late = Knob("infusion", "delay_d", (0.0, 5.0), 0.0)
    result = search(product("cilta-cel"), {}, (late,), FACTS, FAST)
    outside = next(f for f in result.found if dict(f.schedule.settings)["infusion delay d"] == 5.0)
    assert not outside.in_window
    assert not outside.meets
    assert outside.joint == 0.0, "the window is one of the criteria"


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    search(product("cilta-cel"), {}, (DELAY,), FACTS, FAST, on_progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_nothing_to_search_and_too_much_are_refused() -> None:
    with pytest.raises(ScenarioError, match="nothing to search"):
        schedules(product("axi-cel"), ())
    many = Knob("infusion", "delay_d", tuple(np.linspace(0.0, 1.0, 30_000)), 0.0)
    with pytest.raises(ScenarioError, match="more than"):
        schedules(product("axi-cel"), (many,))


def test_doses_searched_stay_within_labels() -> None:
    assert label_limit("fludarabine", "mg/m2") == 30.0
    assert label_limit("cyclophosphamide", "mg/m2") == 900.0
    assert label_limit("bendamustine", "mg/m2") == 90.0
    assert label_limit("bendamustine", "mg/kg") is None
    assert set(DRUGS) == {"fludarabine", "cyclophosphamide", "bendamustine"}


def test_the_dose_limit_follows_the_standing_not_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The indication may say anything: only the field decides whose doses are labelled."""
    strong = Regimen(
        "x", (DrugDose("bendamustine", 120.0, "mg/m2", -4.0),), indication="x (label)", standing="published"
    )
    for standing, expected in (("published", None), ("hypothetical", None), ("own", None), ("label", 120.0)):
        table = {"x": replace(strong, standing=standing)}
        monkeypatch.setattr("lymphorisk.regimen.knobs.products", lambda table=table: table)
        assert label_limit("bendamustine", "mg/m2") == expected, standing


def test_every_product_has_a_standing_of_the_record() -> None:
    standings = {name: r.standing for name, r in products().items()}
    assert set(standings.values()) == set(STANDINGS) - {"own"}
    assert all(r.indication.endswith(f"({r.standing})") for r in products().values())


def test_the_window_cites_the_source_of_the_window() -> None:
    """A criterion's evidence is found by the fact, whatever stands in its place."""
    regimen = product("axi_cel")
    odd = Evidence("window", "p. 3: waiver_wbc: 1", "label_x", "read")
    shuffled = replace(regimen, evidence=(Evidence("waiver_wbc", "window: p. 1", "label_y", "read"), odd))
    assert [c.source for c in label_criteria(shuffled)] == ["label_x"]


def test_the_same_seed_gives_the_same_list() -> None:
    one, two = (search(product("tisa_all"), {}, (CY, DELAY), FACTS, FAST) for _ in range(2))
    assert [f.joint for f in one.found] == [f.joint for f in two.found]
