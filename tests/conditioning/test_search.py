"""The search: every schedule once, nearest first, and a frontier no schedule beats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.conditioning.regimen import DRUGS, STANDINGS, DrugDose, Evidence, RadiationCourse, Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, PlanExposure, product, search
from lymphorisk.regimen.checks import label_criteria
from lymphorisk.regimen.knobs import Knob, label_limit, read_knobs, schedules
from lymphorisk.regimen.products import products

FACTS = PatientFacts(Patient(alc=0.8, weight_kg=80.0, height_cm=172.0), egfr_ml_min=85.0)
FAST = Choices(draws=32)
CY = Knob("cyclophosphamide", "mg_per_m2", (0.0, 300.0, 500.0), 500.0)
DELAY = Knob("infusion", "delay_d", (0.0, 1.0, 2.0), 0.0)


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
    knobs = read_knobs(
        {"search": [{"radiation": "tbi", "gy_per_fraction": [0, 1, 2], "fractions": [1, 2], "last_day": [-3, -1]}]}, tbi
    )
    found = schedules(tbi, knobs)
    assert len(found) == 1 + 2 * 2 * 2
    two = next(s for s in found if dict(s.settings) == {"tbi Gy/fx": 1.0, "tbi fx": 2.0, "tbi last day": -3.0})
    assert two.regimen.radiation[0].days == (-4.0, -3.0)


def test_a_plans_field_moves_and_scales_as_a_whole(bridging: PlanExposure) -> None:
    regimen = Regimen("x", radiation=(RadiationCourse("b", tuple(d - 30.0 for d in bridging.days), None, "p"),))
    knobs = read_knobs({"search": [{"radiation": "b", "dose_factor": [0, 0.5, 1], "last_day": [-19, -14]}]}, regimen)
    found = search(regimen, {"p": bridging}, knobs, FACTS, FAST)
    assert len(found.found) == 5
    later = {dict(f.schedule.settings)["b x dose"]: f for f in found.found if f.schedule.regimen.radiation}
    assert later[0.5].depth > later[1.0].depth


def test_more_drug_is_deeper_in_the_search_too() -> None:
    found = search(product("tisa_all"), {}, (CY,), FACTS, FAST)
    by_dose = {dict(f.schedule.settings)["cyclophosphamide mg/m2"]: f.depth for f in found.found}
    assert by_dose[0.0] > by_dose[300.0] > by_dose[500.0]


def test_the_frontier_is_what_brute_force_finds() -> None:
    found = search(product("tisa_all"), {}, (CY, DELAY), FACTS, FAST).found
    for f in found:
        beaten = any(
            g.depth <= f.depth and g.duration <= f.duration and (g.depth < f.depth or g.duration < f.duration - 1e-3)
            for g in found
        )
        if f.on_frontier:
            assert not beaten
    assert any(f.on_frontier for f in found)


def test_schedules_that_meet_come_first_and_nearest_first() -> None:
    easy = replace(FAST, criteria=None)
    result = search(product("cilta-cel"), {}, (DELAY,), FACTS, easy)
    shares = [f.joint for f in result.found if not f.meets]
    assert shares == sorted(shares, key=lambda p: -(p or 0.0))
    met = [f.schedule.distance for f in result.meeting]
    assert met == sorted(met)
    assert all(f.in_window for f in result.meeting)


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
