"""One curve for a structure, whoever asks: the analysis, the table, one structure of it, the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis.chain import analysis_of
from lymphorisk.analysis.curves import Curve, Curves
from lymphorisk.analysis.dvhs import dvh_table
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare, prepared
from lymphorisk.analysis.source import Source, with_fractions
from lymphorisk.dvh import DVH
from lymphorisk.errors import AmbiguousOrganError
from lymphorisk.findings import Finding
from lymphorisk.plan import DoseGrid, Patient, Phase, Structure, TreatmentPlan
from lymphorisk.qa.check import CheckResult, check
from lymphorisk.qa.protocol import Line, Protocol, limit
from lymphorisk.scenario import scenario_from

FIXTURES = sorted(p.parent.name for p in (Path(__file__).parents[2] / "fixtures" / "rtplans").glob("*/case.toml"))
REAL = ("breast_photon", "pancreas_icrp", "pelvis_icrp_male", "prostate_eclipse", "proton_boxes_raystation")
FAST = Options(draws=64, horizon_d=60)


def same(a: Curve, b: Curve) -> bool:
    """Whether two curves are the same to the last digit."""
    if isinstance(a, Absent) or isinstance(b, Absent):
        return a == b
    numbers = ("mean_gy", "min_gy", "max_gy", "total_cm3", "coverage", "end_caps")
    return (
        np.array_equal(a.dose_gy, b.dose_gy)
        and np.array_equal(a.volume_cm3, b.volume_cm3)
        and all(getattr(a, name) == getattr(b, name) for name in numbers)
    )


def all_agree(plan: Prepared) -> int:
    """Every structure by every reader; how many have a curve."""
    source, drawn = plan.source, 0
    table = dvh_table(source, Curves(source, plan.options))
    for row in table.structures:
        # As `dvh --structure` does: nothing else was asked before.
        alone = dvh_table(source, Curves(source, plan.options), [row.name]).structures[0].curve
        assert same(row.curve, alone), f"dvh and dvh --structure {row.name}"
        assert same(row.curve, plan.curves.dvh(row.name)), f"dvh and check {row.name}"
        drawn += isinstance(row.curve, DVH)
    by_name = {row.name: row.curve for row in table.structures}
    for organ in (*plan.doses.organs.values(), *plan.doses.targets):
        if organ.dvh is not None and len(organ.roi_names) == 1:
            assert same(organ.dvh, by_name[organ.roi_names[0]]), f"analyze and dvh {organ.tg263}"
    names = [row.name for row in table.structures]
    assert set(plan.curves.findings_of(names)) <= set(table.findings)
    return drawn


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ("brain", "breast_tangents") else pytest.mark.slow) for name in FIXTURES],
)
def test_every_reader_has_the_same_curve_of_every_structure(name: str, rtplans: Path) -> None:
    assert all_agree(prepare(rtplans / name, options=FAST)) > 0


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
@pytest.mark.slow
def test_every_reader_has_the_same_curve_on_real_plans(name: str, real_data: Path) -> None:
    chosen = replace(FAST, plan="Cube101010") if name == "proton_boxes_raystation" else FAST
    assert all_agree(prepare(real_data / name, options=chosen)) > 0


def box(number: int, name: str, half: float, heights: np.ndarray) -> Structure:
    square = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    return Structure(number, name, tuple(np.column_stack([square, np.full(4, z)]) for z in heights), "1", slice_mm=5.0)


def slab_course(*more: Structure) -> Prepared:
    """A thymus on one plane, 30 mm square, beside a body on 5 mm slices; the dose has 2 mm planes of 30 Gy."""
    x = np.arange(-60.0, 61.0, 2.0)
    grid = DoseGrid(np.full((len(x),) * 3, 30.0, np.float32), np.zeros(3), np.eye(3), x, x.copy(), x.copy(), "1")
    structures = (box(1, "BODY", 50.0, np.arange(-50.0, 51.0, 5.0)), box(2, "Glnd_Thymus", 15.0, np.zeros(1)), *more)
    return prepared(
        Source(TreatmentPlan("p", (Phase("a", 10, dose=grid),), structures), None, Patient(), (), ()), Patient(), FAST
    )


def gate(plan: Prepared, *lines: Line, **rules: str) -> CheckResult:
    curves = plan.curves
    wanted = Protocol("test", lines, rules=rules)
    return check(analysis_of(plan), wanted, curves.dvh, highest_gy=curves.highest_gy, noticed=curves.findings_of)


def test_a_structure_on_one_plane_has_one_volume() -> None:
    plan = slab_course()
    assert all_agree(plan) == 2
    organ = plan.doses.organs["Glnd_Thymus"]
    assert organ.volume_cm3 == pytest.approx(3.0 * 3.0 * 0.5, rel=1e-6)
    failed = gate(plan, Line("V20Gy[cc]", "Glnd_Thymus", goal=limit("<= 3")))
    assert failed.lines[0].state == "FAIL"
    assert failed.lines[0].value == pytest.approx(4.5, rel=1e-6)


def test_other_structures_change_no_digit_of_a_curve() -> None:
    few, more = slab_course(), slab_course(box(3, "Heart", 20.0, np.arange(-20.0, 21.0, 5.0)))
    assert same(few.curves.dvh("Glnd_Thymus"), more.curves.dvh("Glnd_Thymus"))


@pytest.mark.slow
def test_what_the_engine_notices_reaches_the_gate() -> None:
    """The structure is no organ, so the analysis does not know it: only the gate's own line asks for it."""
    plan = slab_course(box(3, "Ring_1", 10.0, np.zeros(1)))
    line = Line("Mean[Gy]", "Ring_1", goal=limit("<= 50"))
    assert not any(f.code == "LR103" and "Ring_1" in f.where for f in analysis_of(plan).findings)
    heard = gate(plan, line, LR038="info")
    assert any(f.code == "LR103" and "Ring_1" in f.where for f in heard.findings)
    assert heard.verdict == "PASS"
    strict = gate(plan, line, LR103="error")
    assert strict.verdict == "FAIL"


def test_what_any_step_notices_reaches_the_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files, the patient, the doses, the blood's timing, the blood dose and the forecast: each says one thing."""
    from lymphorisk.analysis import chain

    def said(step: str) -> tuple[Finding, ...]:
        return (Finding("LR110", "info", step, step),)

    plan = slab_course()
    plan = replace(
        plan,
        source=replace(plan.source, findings=said("files")),
        contradicted=said("patient"),
        doses=replace(plan.doses, findings=said("doses")),
        flow=replace(plan.flow, findings=said("timing")),
    )
    blood, count = chain.blood_dose_of, chain.forecast_of
    monkeypatch.setattr(chain, "blood_dose_of", lambda p: replace(blood(p), findings=said("blood")))
    monkeypatch.setattr(chain, "forecast_of", lambda *a, **k: replace(count(*a, **k), findings=said("forecast")))
    steps = ["files", "patient", "doses", "timing", "blood", "forecast"]
    assert [f.what for f in analysis_of(plan).findings if f.what in steps] == steps


def test_a_planning_systems_own_curve_is_held_against_ours() -> None:
    plan = slab_course()
    mine = plan.curves.dvh("Glnd_Thymus")
    assert isinstance(mine, DVH)
    theirs = replace(mine, total_cm3=2 * mine.total_cm3, volume_cm3=2 * mine.volume_cm3)
    (phase,) = plan.source.plan.phases
    hot = phase.dose.dose_zyx.copy()  # type: ignore[union-attr]
    hot[0, 0, 0] = 44.0
    dose = replace(phase.dose, dose_zyx=hot)  # type: ignore[type-var]
    course = replace(plan.source.plan, phases=(replace(phase, dose=dose),))
    source = replace(plan.source, plan=course, tps_dvhs=(theirs,))
    table = dvh_table(source, Curves(source, plan.options), ["Glnd_Thymus"], crosscheck=True)
    (row,) = table.crosscheck
    assert row.tps is theirs
    assert row.ours.total_cm3 == mine.total_cm3  # type: ignore[union-attr]
    assert table.tps_end_caps is not None
    assert any(f.where == "Glnd_Thymus" and "-4.50 cm3 (-50.0 %)" in f.what for f in table.findings)
    assert table.highest_gy == 44.0


def test_a_curve_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from lymphorisk.analysis import curves as module

    asked: list[str] = []
    engine: Callable[..., object] = module.region_curves

    def counted(regions: list[Structure], *given: object, **more: object) -> object:
        asked.extend(r.name for r in regions)
        return engine(regions, *given, **more)

    monkeypatch.setattr(module, "region_curves", counted)
    plan = slab_course()
    gate(plan, Line("Mean[Gy]", "Glnd_Thymus"), Line("Max[Gy]", "Glnd_Thymus"), Line("Max[Gy]", "BODY"))
    plan.with_fractions(5)
    dvh_table(plan.source, plan.curves)
    assert sorted(asked) == ["BODY", "Glnd_Thymus"]


def test_the_gate_reads_a_scenario_as_the_analysis_does() -> None:
    one = {"fractions": 5, "organs": {"Spleen": {"mean_gy": 8.0}, "Body": {"mean_gy": 1.0}}}
    two = {"fractions": 5, "organs": {"Body": {"mean_gy": 1.0}}}
    plan = prepare(scenario_from({"plan": {"phase": [one, two]}}), options=FAST)
    curve = plan.curves.dvh("Spleen")
    assert isinstance(curve, DVH)
    assert curve.mean_gy == plan.doses.organs["Spleen"].course.mean_gy == 9.0
    assert isinstance(plan.curves.dvh("Liver"), Absent)


@pytest.mark.slow
def test_typed_fractions_against_the_plans_are_named_at_the_gate() -> None:
    """A verdict on a course that is not the exported one says so, and what its fractions come to."""
    plan = slab_course().with_fractions(1)
    judged = gate(plan, Line("Mean[Gy]", "Glnd_Thymus", goal=limit("<= 50")), LR038="info")
    (said,) = (f for f in judged.findings if f.code == "LR250")
    assert (said.severity, said.what) == ("warning", "1 fractions instead of 10, the same total dose")
    with_dose = slab_course()
    phase = replace(with_dose.source.plan.phases[0], prescription_gy=40.0)
    source = replace(with_dose.source, plan=replace(with_dose.source.plan, phases=(phase,)))
    assert [f.what for f in with_fractions(source, 1).findings if f.code == "LR031"] == [
        "40 Gy in 1 fractions: 40 Gy each"
    ]
    assert not [f for f in with_fractions(source, 5).findings if f.code == "LR031"]


def test_an_empty_roi_of_the_same_name_hides_none() -> None:
    drawn = box(4, "Ring", 10.0, np.arange(-10.0, 11.0, 5.0))
    plan = slab_course(Structure(3, "Ring", (), "1"), drawn)
    assert isinstance(curve := plan.curves.dvh("Ring"), DVH)
    assert curve.total_cm3 == pytest.approx(2.0 * 2.0 * 2.5, rel=1e-6)
    alone = dvh_table(plan.source, plan.curves, ["Ring"]).structures[0]
    assert (alone.number, alone.curve) == (4, curve)


def test_two_rois_of_one_name_are_no_answer() -> None:
    """The first of them was taken."""
    heights = np.arange(-10.0, 11.0, 5.0)
    plan = slab_course(box(3, "Ring", 10.0, heights), box(4, "Ring", 20.0, heights))
    said = plan.curves.dvh("Ring")
    assert isinstance(said, Absent)
    assert "2 ROIs are called 'Ring'" in said.reason
    judged = gate(plan, Line("Mean[Gy]", "Ring", goal=limit("<= 50")), LR038="info")
    assert (judged.lines[0].state, judged.verdict) == ("UNDECIDED", "UNDECIDED")
    with pytest.raises(AmbiguousOrganError):
        dvh_table(plan.source, plan.curves, ["Ring"])


def test_targets_called_by_their_kind_are_meant_together() -> None:
    heights = np.arange(-10.0, 11.0, 5.0)
    plan = slab_course(box(3, "PTV", 10.0, heights), box(4, "PTV", 20.0, heights))
    assert isinstance(curve := plan.curves.dvh("PTV"), DVH)
    assert curve.total_cm3 == pytest.approx(4.0 * 4.0 * 2.5, rel=1e-6)


def test_a_target_is_called_alike_alone_and_in_the_table() -> None:
    plan = slab_course(box(3, "PTV_30", 10.0, np.arange(-10.0, 11.0, 5.0)))
    for names in ((), ("PTV_30",)):
        rows = {row.name: row.tg263 for row in dvh_table(plan.source, plan.curves, names).structures}
        assert rows["PTV_30"] == "PTV"
