"""Plans whose dose is not ours (fixtures/pyradplan): what they are, placed anatomy, predictor domain, the objective."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lymphorisk import Analysis, Options, Patient, analyze, read_export
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.dicom import Export
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.lymphocyte.ensemble import daily
from lymphorisk.objective import LymphocyteLoss
from tests.loaded import module_at

FOLDER = Path(__file__).parents[2] / "fixtures" / "pyradplan"
NAMES = ("abdomen_photon", "abdomen_proton", "thorax_photon", "thorax_proton", "pelvis_photon", "pelvis_proton")
#: One in full at every run; the others are slow.
PLANS = [n if n == "abdomen_proton" else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
Counts = Callable[[Prepared, np.ndarray], np.ndarray]
#: Voxels by their centres against the exact DVH engine; gradient against central differences.
AGREES, DIFFERENCES = 5e-3, 1e-4
WHO = Patient(alc=1.8)
#: What is taken as not drawn, where a plan has it.
UNDRAWN = ("Spleen", "Bowel_Small", "Bowel_Large", "BoneMarrow", "A_Aorta", "Heart", "LN_Paraaortic", "LN_Mediastinals")
#: Thinner than two voxels of 6 mm across: voxels by their centres are no measure of it.
THIN = ("SpinalCord",)
LARGEST = 300_000


@cache
def build() -> ModuleType:
    """The module that made the plans; pyRadPlan is imported inside the functions that need it."""
    return module_at("pyradplan_build", FOLDER / "build.py")


@cache
def export(name: str) -> Export:
    return read_export(FOLDER / f"{name}.zip")


@cache
def analysis(name: str, undrawn: tuple[str, ...] = ()) -> Analysis:
    return analyze(export(name), patient=WHO, options=Options(draws=64, undrawn=undrawn))


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_small_and_its_bytes_do_not_depend_on_the_day(name: str) -> None:
    packed = FOLDER / f"{name}.zip"
    assert packed.stat().st_size < LARGEST
    with zipfile.ZipFile(packed) as whole:
        entries = whole.infolist()
    assert {e.date_time for e in entries} == {build().STAMP}
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert len(entries) == 3


def test_the_plans_are_those_of_the_builder() -> None:
    assert tuple(build().CASES) == NAMES
    assert sorted(p.stem for p in FOLDER.glob("*.zip")) == sorted(NAMES)
    for name in NAMES:
        assert f"| {name} |" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_dose_is_what_is_stated(name: str) -> None:
    """RBE-weighted for protons, physical for photons; the target gets what is prescribed."""
    plan = export(name).plan
    (phase,) = plan.phases
    case = build().CASES[name]
    assert phase.modality == case.modality
    assert phase.rbe_in_dose == (build().RBE if case.modality == "proton" else 1.0)
    assert len(phase.beams) == len(case.gantry)
    assert not [f for f in export(name).findings if f.severity == "error"]
    assert phase.dose is not None
    assert phase.prescription_gy is not None
    (target,) = [s for s in plan.structures if s.name.startswith("PTV")]
    inside = voxel_volumes(target, phase.dose) > 0.5 * phase.dose.frame.cell_volumes_cm3()
    dose = phase.dose.dose_zyx[inside]
    assert np.mean(dose) == pytest.approx(phase.prescription_gy, rel=0.01)
    assert np.quantile(dose, 0.05) > 0.92 * phase.prescription_gy


@pytest.mark.parametrize("name", PLANS)
def test_drawn_organs_get_the_dose_of_the_voxels_they_were_drawn_from(name: str) -> None:
    """The phantom knows which voxels an organ owns; contours on planes of 6 mm are all that the files say of it."""
    (phase,) = export(name).plan.phases
    assert phase.dose is not None
    made = build().phantom_of(build().CASES[name])
    dose = phase.dose.dose_zyx.reshape(-1)
    assert phase.dose.dose_zyx.shape == made.grid.shape
    organs = analysis(name).to_dict()["organs"]
    compared = [n for n, o in organs.items() if o["source"] == "roi" and n in made.grid.owned and n not in THIN]
    assert len(compared) >= 4
    for organ in compared:
        truth = float(dose[made.grid.owned[organ]].mean())
        assert organs[organ]["mean_gy"] == pytest.approx(truth, rel=0.06, abs=0.05), organ


@pytest.mark.parametrize("name", PLANS)
def test_placed_organs_lie_within_their_stated_error_of_the_drawn_ones(name: str) -> None:
    drawn = analysis(name).to_dict()["organs"]
    without = tuple(n for n in UNDRAWN if n in build().CASES[name].drawn)
    placed = analysis(name, without).to_dict()["organs"]
    compared = [n for n in without if n in placed and n in drawn and placed[n]["source"] in ("placed", "derived")]
    assert compared
    for organ in compared:
        here, there = placed[organ]["mean_gy"], drawn[organ]["mean_gy"]
        if max(here, there) < 0.1:
            continue
        sd = math.hypot(placed[organ]["sd_ln"], drawn[organ]["sd_ln"])
        assert abs(math.log(here / there)) < 3 * sd, (organ, here, there, sd)
    counts = [analysis(name, u).forecast.nadir.median for u in ((), without)]
    assert counts[1] == pytest.approx(counts[0], rel=0.07)


@pytest.mark.parametrize("name", PLANS)
def test_the_learned_model_says_whether_it_knows_such_a_plan(name: str) -> None:
    """Its training plans are of our own beams; these are not, and lie among them."""
    learned = analysis(name).to_dict()["risk"]["learned"]
    assert learned["in_domain"] is True
    assert 0.0 < learned["g3"] < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_the_objective_is_the_forecasts_and_its_gradient_that_of_differences(name: str, counts_of: Counts) -> None:
    plan = prepare(export(name), WHO)
    loss = LymphocyteLoss(plan)
    (dose,) = loss.dose
    value, (gradient,) = loss.value_and_gradient(dose)
    assert math.exp(-value) == pytest.approx(counts_of(plan, daily(loss.typical.horizon_d)).min(), rel=AGREES)
    rng = np.random.default_rng(7)
    for _ in range(3):
        along = dose * rng.normal(size=dose.shape)
        step = 1e-4
        ends = [loss.value(dose + sign * step * along) for sign in (1, -1)]
        assert float((gradient * along).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=DIFFERENCES)
