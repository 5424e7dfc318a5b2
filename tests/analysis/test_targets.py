"""The sheet of the targets: which structures are one target, what dose each has, what each costs in lymphocytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import analyze
from lymphorisk.analysis.chain import analysis_of, forecast_again
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepared
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.source import Source
from lymphorisk.analysis.targets import Target, TargetSheet, target_sheet
from lymphorisk.errors import LymphoriskError, MissingOrganError, ScenarioError
from lymphorisk.lymphocyte.whatif import difference
from lymphorisk.parameters.classes import classes, classes_of
from lymphorisk.plan import Beam, DoseGrid, Patient, Phase, Structure, TreatmentPlan
from lymphorisk.report import content, targets, text
from lymphorisk.scenario import scenario_from

FIXTURES = Path(__file__).parents[2] / "fixtures"
WHO = Patient(sex="F", age_y=55, alc=1.6, chemo="none")
FAST = Options(missing="diluted", draws=16, horizon_d=60)
X = np.arange(-150.0, 151.0, 5.0)
Z = np.arange(-100.0, 101.0, 5.0)
SPACE = np.meshgrid(Z, X, X, indexing="ij")


def box(number: int, name: str, x: tuple[float, float], half: float = 30.0, kind: str = "") -> Structure:
    corners = [(x[0], -half), (x[1], -half), (x[1], half), (x[0], half)]
    planes = np.arange(-half, half + 0.1, 5.0)
    return Structure(number, name, tuple(np.array([[u, v, z] for u, v in corners]) for z in planes), "1", rt_type=kind)


def around(x: tuple[float, float], gray: float, half: float = 30.0, beyond: float = 0.0) -> np.ndarray:
    """A dose in a box with a margin, and what lies beyond it."""
    z, y, xs = SPACE
    inside = (np.abs(z) <= half + 10) & (np.abs(y) <= half + 10) & (xs >= x[0] - 10) & (xs <= x[1] + 10)
    return np.where(inside, gray, beyond)


def grid(values: np.ndarray) -> DoseGrid:
    return DoseGrid(values.astype(np.float32), np.zeros(3), np.eye(3), X, X.copy(), Z, "1")


def phase(label: str, values: np.ndarray, fractions: int, own: Sequence[np.ndarray] = (), **more: object) -> Phase:
    beams = tuple(Beam(n, on_s=30.0, time_source="plan", dose=grid(v)) for n, v in enumerate(own, 1))
    return Phase(label, fractions, beams=beams, dose=grid(values), **more)


BODY = box(1, "BODY", (-140.0, 140.0), 90.0, "EXTERNAL")
LEFT, RIGHT = (-90.0, -30.0), (30.0, 90.0)
ONE, TWO = box(2, "PTV_1", LEFT), box(3, "PTV_2", RIGHT)


def sheet(structures: Sequence[Structure], *phases: Phase, **options: object) -> TargetSheet:
    """The sheet of a plan; without prices it needs no forecast."""
    plan = planned(structures, *phases, **options)
    made = analysis_of(plan).target_sheet if plan.options.prices else target_sheet(plan)
    assert made is not None
    return made


def planned(structures: Sequence[Structure], *phases: Phase, **options: object) -> Prepared:
    plan = TreatmentPlan("p", phases, (BODY, *structures))
    source = Source(plan, None, Patient(), (), (("RTPLAN", "1", "a" * 64),))
    return prepared(source, WHO, replace(FAST, **options))


def row(of: TargetSheet, name: str) -> Target:
    return next(t for t in of.targets if t.name == name)


def nadir(of: TargetSheet) -> Mapping[str, float]:
    """Median change of the nadir by target."""
    assert of.prices is not None
    return {p.name: p.effect.difference.nadir.p50 for p in of.prices.targets}


# what is one target


def test_the_ptv_stands_where_both_are_drawn() -> None:
    inner = box(4, "GTV", (-80.0, -40.0), 20.0)
    made = sheet((ONE, inner, TWO), phase("a", around(LEFT, 40.0) + around(RIGHT, 40.0), 20, prescription_gy=40.0))
    assert [t.name for t in made.targets] == ["PTV_1", "PTV_2"]
    assert row(made, "PTV_1").stands_for == ("GTV",)
    assert made.apart == 2
    assert "LR274" in {f.code for f in made.findings}


def test_a_target_known_by_its_type_alone_is_one() -> None:
    made = sheet((box(2, "lesion left", LEFT, kind="GTV"),), phase("a", around(LEFT, 30.0), 10))
    assert [(t.name, t.kind, t.dose_from) for t in made.targets] == [("lesion left", "GTV", "median D50%")]
    assert made.targets[0].dose_gy == pytest.approx(30.0, rel=1e-3)


def test_an_integrated_boost_is_a_target_inside_another() -> None:
    inner = box(4, "PTV_boost", (-75.0, -45.0), 15.0)
    dose = around(LEFT, 50.0)
    dose[around((-65.0, -55.0), 1.0, 5.0) > 0] = 60.0
    made = sheet((ONE, inner), phase("a", dose, 25), prices=True)
    assert row(made, "PTV_boost").within == "PTV_1"
    assert (made.apart, len(made.targets)) == (1, 2)
    assert row(made, "PTV_boost").groups[0].fraction_gy == pytest.approx(2.4, rel=1e-3)
    assert made.prices is not None
    ways = {p.name: p.ways for p in made.prices.targets}
    assert ways == {"PTV_1": ("phases",), "PTV_boost": ("level",)}
    assert 0.0 <= nadir(made)["PTV_boost"] < nadir(made)["PTV_1"]


def test_a_copy_and_a_sum_of_targets_are_no_targets_of_their_own() -> None:
    both = Structure(9, "PTV_all", (*ONE.contours_mm, *TWO.contours_mm), "1")
    copy = replace(ONE, number=8, name="PTV_1_copy")
    made = sheet((ONE, TWO, both, copy), phase("a", around(LEFT, 40.0) + around(RIGHT, 40.0), 20))
    assert {t.name for t in made.targets} in ({"PTV_1", "PTV_2"}, {"PTV_1_copy", "PTV_2"})
    assert made.apart == 2
    assert any("PTV_all" in f.what and f.code == "LR274" for f in made.findings)


def test_what_is_called_a_target_and_is_not_drawn_or_lies_outside_is_named() -> None:
    empty = Structure(5, "PTV_3", (), "1")
    away = Structure(6, "PTV_4", tuple(c + np.array([0.0, 0.0, 400.0]) for c in ONE.contours_mm), "1")
    made = sheet((ONE, empty, away), phase("a", around(LEFT, 40.0), 20))
    assert [t.name for t in made.targets] == ["PTV_1"]
    assert {name for name, _ in made.without_dose} == {"PTV_3", "PTV_4"}
    assert {f.where for f in made.findings if f.code == "LR270"} == {"PTV_3", "PTV_4"}


# dose, fractions, class


def test_bed_and_eqd2_by_hand() -> None:
    made = row(sheet((ONE,), phase("a", around(LEFT, 54.0), 3, prescription_gy=54.0)), "PTV_1")
    assert (made.dose_gy, made.fractions, made.dose_from) == (54.0, 3, "prescribed")
    assert made.bed_gy == pytest.approx(54 * (1 + 18 / 10))
    assert made.eqd2_gy == pytest.approx(54 * (10 + 18) / (10 + 2))
    assert [c.id for c in made.classes] == ["hypofractionated", "ablative"]


def test_a_dose_that_is_not_the_prescribed_one_is_measured() -> None:
    """A second target of low dose in the same plan has not the plan's prescription."""
    made = sheet((ONE, TWO), phase("a", around(LEFT, 50.0) + around(RIGHT, 3.5), 5, prescription_gy=50.0))
    assert [(t.dose_from, t.incidental) for t in made.targets] == [("prescribed", False), ("median D50%", True)]
    low = row(made, "PTV_2")
    assert low.dose_gy == pytest.approx(3.5, rel=1e-3)
    assert [c.id for c in low.classes] == ["low_dose"]
    assert "PTV_2: no phase" not in low.name


def test_the_number_in_a_name_is_its_dose_where_it_has_it() -> None:
    named = replace(TWO, name="PTV_4500")
    made = sheet((ONE, named), phase("a", around(LEFT, 54.0) + around(RIGHT, 45.6), 30, prescription_gy=54.0))
    assert (row(made, "PTV_4500").dose_gy, row(made, "PTV_4500").dose_from) == (45.0, "name")
    wrong = sheet((ONE, named), phase("a", around(LEFT, 54.0) + around(RIGHT, 30.0), 30, prescription_gy=54.0))
    assert row(wrong, "PTV_4500").dose_from == "median D50%"


def test_a_dose_between_the_classes_and_one_in_several_are_said() -> None:
    made = sheet((ONE,), phase("a", around(LEFT, 15.0), 10, prescription_gy=15.0))
    assert row(made, "PTV_1").classes == ()
    assert [f.code for f in made.findings if f.where == "PTV_1"] == ["LR271"]
    one = sheet((ONE,), phase("a", around(LEFT, 8.0), 1, prescription_gy=8.0))
    assert [c.id for c in row(one, "PTV_1").classes] == ["five_to_ten", "hypofractionated"]
    assert "LR272" in {f.code for f in one.findings}


def test_classes_have_a_source_or_are_assumed_and_hold_their_limits() -> None:
    from lymphorisk import parameters

    assert len(classes()) == 5
    for c in classes():
        assert c.source in parameters.sources()
        assert c.known == "read" or "assum" in c.place or c.source == "assumption"
        assert c.holds(c.low_gy) is c.low_included
        assert c.high_gy is None or c.holds(c.high_gy) is c.high_included
    assert [c.id for c in classes_of([1.4], 1.4, 1.6)] == ["low_dose"]


def test_lesions_are_counted_and_those_of_a_class_apart() -> None:
    """High dose to one lesion, 5 to 10 Gy and a low dose to others, in one plan."""
    boxes = {"PTV_1": (-130.0, -90.0), "PTV_2": (-40.0, 0.0), "PTV_3": (60.0, 100.0)}
    doses = {"PTV_1": 36.0, "PTV_2": 7.5, "PTV_3": 2.0}
    values = np.sum([around(boxes[n], doses[n], 15.0) for n in boxes], axis=0)
    structures = [box(k, name, x, 15.0) for k, (name, x) in enumerate(boxes.items(), 2)]
    made = sheet(structures, phase("a", values, 3, prescription_gy=36.0))
    assert made.apart == 3
    plain = made.to_dict()
    assert plain["in_class"] == {
        "low_dose": 1, "five_to_ten": 1, "conventional": 0, "hypofractionated": 2, "ablative": 0,
    }  # fmt: skip
    assert [t["bed10_gy"] for t in plain["targets"]] == pytest.approx(
        [36 * 2.2, 7.5 * 1.25, 2 * (1 + 2 / 30)], rel=2e-3
    )
    assert "1 in the class 5 to 10 Gy" in " ".join(targets.sentences(made))


def test_ions_have_no_bed() -> None:
    ions = phase("a", around(LEFT, 30.0), 10, modality="ion", prescription_gy=30.0)
    made = row(sheet((ONE,), ions), "PTV_1")
    assert not isinstance(made.bed_gy, float)
    assert made.classes == ()
    (shown,) = targets.table(sheet((ONE,), ions)).rows
    assert [cell.text for cell in shown[-3:]] == ["–", "–", "none: physical dose of ions"]


def test_protons_keep_the_rbe_of_the_export_and_say_so() -> None:
    kind = {"modality": "proton", "rbe_in_dose": 1.1}
    made = row(sheet((ONE,), phase("a", around(LEFT, 50.0), 25, prescription_gy=50.0, **kind)), "PTV_1")
    assert made.rbe_in_dose
    assert made.groups[0].fraction_gy == 2.0
    assert made.median_gy == pytest.approx(50.0, rel=1e-3)


# prices


@cache
def two_sites(prices: bool = True) -> Analysis:
    """The left target in ten fractions, then the right one in five."""
    return analysis_of(
        planned(
            (ONE, TWO),
            phase("left", around(LEFT, 30.0, beyond=0.4), 10, prescription_gy=30.0),
            phase("right", around(RIGHT, 25.0, beyond=0.4), 5, prescription_gy=25.0),
            prices=prices,
        )
    )


@pytest.mark.slow
def test_a_phase_that_serves_one_target_is_its_price() -> None:
    """Exactly: the same forecast as that of the course in which the other phase alone gives dose."""
    made = two_sites()
    assert made.target_sheet is not None
    assert made.target_sheet.prices is not None
    by_name = {p.name: p for p in made.target_sheet.prices.targets}
    assert {p.ways for p in by_name.values()} == {("phases",)}
    course = replace(made.course, phases=(made.course.phases[0].scaled(0.0), made.course.phases[1]))
    left_out = difference(made.forecast, forecast_again(made, course))
    assert by_name["PTV_1"].effect.difference == left_out
    assert left_out.nadir.p05 >= 0.0


def test_every_price_is_a_gain_and_all_together_the_largest() -> None:
    made = two_sites().target_sheet
    assert made is not None
    assert made.prices is not None
    every = made.prices.all_targets.difference.nadir.p50
    assert all(0.0 < one < every for one in nadir(made).values())


@pytest.mark.slow
def test_prices_change_no_other_number() -> None:
    with_, without = json.loads(two_sites().to_json()), json.loads(two_sites(prices=False).to_json())
    assert without["target_sheet"]["prices"] is None
    with_["target_sheet"]["prices"] = None
    for made in (with_, without):
        made.pop("checksum")
        made["provenance"]["options"].pop("prices", None)
    assert with_ == without


def both(own: bool) -> Phase:
    parts = around(LEFT, 30.0, beyond=0.4), around(RIGHT, 30.0, beyond=0.4)
    return phase("both", parts[0] + parts[1], 10, parts if own else (), prescription_gy=30.0)


@pytest.mark.slow
def test_one_dose_of_two_targets_is_told_apart_by_beams_or_by_place() -> None:
    by_beam, by_place = (sheet((ONE, TWO), both(own), prices=True) for own in (True, False))
    assert by_beam.prices is not None
    assert by_place.prices is not None
    assert {p.ways for p in by_beam.prices.targets} == {("beams",)}
    assert {p.ways for p in by_place.prices.targets} == {("place",)}
    assert [f.code for f in by_place.findings if f.code == "LR276"] == ["LR276"] * 2
    assert "LR276" not in {f.code for f in by_beam.findings}
    for one in (by_beam, by_place):
        # the targets mirror each other, and so do their prices
        assert nadir(one)["PTV_1"] == pytest.approx(nadir(one)["PTV_2"], rel=0.02)
        assert one.prices is not None
        assert 0.0 < nadir(one)["PTV_1"] < one.prices.all_targets.difference.nadir.p50
    assert nadir(by_beam)["PTV_1"] == pytest.approx(nadir(by_place)["PTV_1"], rel=0.1)


def test_the_parts_by_place_are_the_whole_dose() -> None:
    from lymphorisk.analysis.drawn import drawn_targets
    from lymphorisk.analysis.prices import _away_factor

    one = both(own=False)
    drawn, _ = drawn_targets(planned((ONE, TWO), one))
    kept = [_away_factor(one, t, drawn, one) for t in drawn]
    assert one.dose is not None
    np.testing.assert_array_equal((1.0 - kept[0]) + (1.0 - kept[1]), np.ones(one.dose.dose_zyx.shape))


def test_a_boost_after_the_whole_has_the_dose_of_both_and_its_own_phase_as_price() -> None:
    inner = box(4, "PTV_boost", (-75.0, -45.0), 15.0)
    made = sheet(
        (ONE, inner),
        phase("a", around(LEFT, 45.0), 25, prescription_gy=45.0),
        phase("b", around((-65.0, -55.0), 14.4, 5.0), 8, prescription_gy=14.4),
        prices=True,
    )
    assert [(g.fractions, g.fraction_gy) for g in row(made, "PTV_boost").groups] == [(33, pytest.approx(1.8))]
    assert row(made, "PTV_boost").dose_gy == pytest.approx(59.4)
    assert made.prices is not None
    assert {p.name: p.ways for p in made.prices.targets} == {"PTV_1": ("phases",), "PTV_boost": ("phases",)}


@pytest.mark.slow
def test_how_a_plan_is_split_does_not_change_the_sheet() -> None:
    dose = around(LEFT, 50.0, beyond=0.5)
    whole = sheet((ONE,), phase("a", dose, 25, prescription_gy=50.0), prices=True)
    parts = tuple(
        phase("a", dose, n, planned=25, prescription_gy=50.0, days=days)
        for n, days in ((10, tuple(float(d) for d in DAYS[:10])), (15, tuple(float(d) for d in DAYS[10:25])))
    )
    split = sheet((ONE,), *parts, prices=True)
    assert (whole.targets[0].groups, whole.targets[0].bed_gy) == (split.targets[0].groups, split.targets[0].bed_gy)
    assert nadir(split)["PTV_1"] == pytest.approx(nadir(whole)["PTV_1"], rel=1e-9)
    assert whole.prices is not None
    assert split.prices is not None
    assert split.prices.gain.difference.nadir.p50 == pytest.approx(whole.prices.gain.difference.nadir.p50, abs=1e-9)


DAYS = [d for d in range(40) if d % 7 < 5]


# unevenness


def scenario(spleen: Mapping[str, object], **options: object) -> Analysis:
    table = {"plan": {"fractions": 10, "prescription_gy": 30.0}, "organs": {"Spleen": spleen, "Body": {"mean_gy": 1.0}}}
    return analyze(scenario_from(table), WHO, replace(FAST, prices=True, **options))


def test_an_even_dose_gains_exactly_nothing() -> None:
    made = scenario({"mean_gy": 10.0}).target_sheet
    assert made is not None
    assert made.prices is not None
    gain = made.prices.gain
    assert (gain.difference.nadir.p05, gain.difference.nadir.p95, gain.at_end.p50) == (0.0, 0.0, 0.0)
    assert all(o.killed == o.killed_if_even for o in made.prices.organs)
    assert targets.uneven_table(made.prices) is None
    (section,) = targets.section(made)
    assert "Organs with an uneven dose" not in str(section)


def test_an_uneven_dose_spares_what_its_mean_would_kill() -> None:
    half = {"dvh_dose_gy": [0.0, 20.0, 20.001], "dvh_volume": [1.0, 0.5, 0.0]}
    made = scenario(half).target_sheet
    assert made is not None
    assert made.prices is not None
    assert made.prices.gain.difference.nadir.p50 > 0.0
    spleen = next(o for o in made.prices.organs if o.name == "Spleen")
    assert spleen.killed < spleen.killed_if_even
    uneven = targets.uneven_table(made.prices)
    assert uneven is not None
    assert "Spleen" in uneven.column("Organ")
    (section,) = targets.section(made)
    assert "Organs with an uneven dose" in str(section)


def test_a_grid_of_peaks_in_a_target_kills_less_there_than_its_mean() -> None:
    z, y, x = SPACE
    peaks = around(LEFT, 1.0) * np.where((np.round(z / 10) + np.round(y / 10) + np.round(x / 10)) % 2 == 0, 15.0, 1.0)
    made = row(sheet((ONE,), phase("lattice", peaks, 1)), "PTV_1")
    assert made.killed is not None
    assert made.killed_if_even is not None
    assert made.killed < made.killed_if_even - 0.05


# nodes


NEAR, FAR = box(10, "LN_Ax_L", (-125.0, -95.0), 15.0), box(11, "LN_Ax_R", (95.0, 125.0), 15.0)


def test_the_nearest_nodes_are_guessed_and_a_given_role_wins() -> None:
    one = phase("a", around(LEFT, 40.0, beyond=1.0), 20, prescription_gy=40.0)
    guess = sheet((ONE, NEAR, FAR), one)
    assert {n.name: (n.role, n.role_from) for n in guess.nodes} == {
        "LN_Ax_L": ("draining", "place"),
        "LN_Ax_R": ("", ""),
    }
    assert [f.where for f in guess.findings if f.code == "LR273"] == ["LN_Ax_L"]
    told = sheet((ONE, NEAR, FAR), one, node_role=("LN_Ax_L=elective", "LN_Ax_R=draining"))
    assert {n.name: (n.role, n.role_from) for n in told.nodes} == {
        "LN_Ax_L": ("elective", "given"),
        "LN_Ax_R": ("draining", "given"),
    }
    assert "LR273" not in {f.code for f in told.findings}


def test_sparing_nodes_without_a_dose_costs_nothing_and_with_one_gives_something_back() -> None:
    one = phase("a", around(LEFT, 40.0), 20, prescription_gy=40.0)
    made = sheet((ONE, NEAR, FAR), one, node_role=("LN_Ax_L=draining", "LN_Ax_R=elective"), prices=True)
    assert made.prices is not None
    by_role = {p.role: p.effect.difference.nadir for p in made.prices.nodes}
    assert (by_role["elective"].p05, by_role["elective"].p95) == (0.0, 0.0)
    assert by_role["draining"].p50 > 0.0


def test_nodes_that_are_not_here_are_said_to_have_no_dose() -> None:
    one = phase("a", around(LEFT, 40.0), 20, prescription_gy=40.0)
    made = sheet((ONE, NEAR), one, node_role=("LN_Pelvics=elective",), prices=True)
    assert [f.code for f in made.findings if f.code == "LR275"] == ["LR275"]
    assert made.prices is not None
    assert made.prices.nodes == ()


def test_both_sides_are_meant_where_a_name_says_none() -> None:
    one = phase("a", around(LEFT, 40.0, beyond=1.0), 20, prescription_gy=40.0)
    made = sheet((ONE, NEAR, FAR), one, node_role=("LN_Axillary=draining",))
    assert made.of_role("draining") == ("LN_Ax_L", "LN_Ax_R")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("LN_Ax_L", ScenarioError),
        ("LN_Ax_L=sentinel", ScenarioError),
        ("Spleen=draining", ScenarioError),
        ("Nodes of the moon=draining", MissingOrganError),
        ("=draining", ScenarioError),
    ],
)
def test_a_role_that_says_nothing_is_refused(text: str, kind: type[LymphoriskError]) -> None:
    with pytest.raises(kind) as refused:
        Options(node_role=(text,))
    assert refused.value.hint


def test_two_roles_of_one_region_are_refused() -> None:
    with pytest.raises(ScenarioError, match="both"):
        Options(node_role=("LN_Ax_L=draining", "LN_Ax_L=elective"))


# courses without a drawn target


def test_without_a_drawn_target_a_phase_stands_for_its_target() -> None:
    made = analyze(FIXTURES / "scenarios" / "two_sites_35gy_10fx.toml", WHO, FAST).target_sheet
    assert made is not None
    assert [(t.name, t.kind, t.dose_gy, t.dose_from) for t in made.targets] == [
        ("first site", "phase", 35.0, "prescribed"),
        ("second site", "phase", 35.0, "prescribed"),
    ]


@pytest.mark.slow
def test_emitters_alone_have_no_sheet_and_beside_beams_no_row() -> None:
    alone = analyze(FIXTURES / "scenarios" / "lu177_dotatate.toml", WHO, FAST)
    assert alone.target_sheet is None
    assert targets.section(None) == ()
    assert "TARGETS" not in text.render(alone)
    assert "target_sheet" not in alone.to_dict()
    with pytest.raises(ScenarioError, match="emitters alone"):
        analyze(FIXTURES / "scenarios" / "lu177_dotatate.toml", WHO, replace(FAST, node_role=("LN=draining",)))
    mixed = analyze(FIXTURES / "scenarios" / "y90_liver_then_beams.toml", WHO, replace(FAST, prices=True)).target_sheet
    assert mixed is not None
    assert [t.name for t in mixed.targets] == ["external beams"]
    assert mixed.prices is not None
    # what the emitter does stays: leaving out the beams is leaving out all that beams do
    assert mixed.prices.targets[0].effect == mixed.prices.all_targets


# reports


def test_a_result_with_prices_fits_its_schema() -> None:
    from jsonschema import Draft202012Validator

    from lymphorisk import schemas

    made = json.loads(two_sites().to_json())
    assert made["target_sheet"]["prices"]["targets"]
    assert not list(Draft202012Validator(schemas.schema("analyze")).iter_errors(made))


def test_page_and_terminal_show_the_sheet() -> None:
    made = two_sites()
    page = "\n".join(s.heading for s in content.report(made).sections)
    assert "Targets" in page
    shown = text.render(made)
    assert "TARGETS" in shown
    assert "without PTV_1" in shown
    assert max(len(line) for line in shown.splitlines()) <= 130
