"""Research output beside the forecast: subsets add up, neutrophils obey their law, publications contradict."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.analysis.beside import outcome_of, sentence
from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import population
from lymphorisk.lymphocyte.neutrophils import neutrophils, ratio_forecast
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise, shares_of
from lymphorisk.lymphocyte.subsets import membership, subset_forecasts
from lymphorisk.parameters import load
from lymphorisk.parameters.outcome import associations
from lymphorisk.plan import SITES, Patient
from lymphorisk.plan.subsets import SUBSETS, subsets_of

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("courses.py"))))
PEOPLE = C.people()
CELLS, MARROW = population(load("subsets")), population(load("neutrophils"))
COURSE = C.upper_abdomen(12)
OWN = draw(MARROW, 16, 3, ("ratio",))
DAYS = np.arange(0.0, 120.0, 7.0)


def test_the_two_populations_are_the_parts_of_the_total() -> None:
    drawn = draw(PEOPLE, 8, 5, PATIENT_DIMENSIONS)
    met = realise(COURSE, drawn, PEOPLE)
    parts = sum(s[:, None] * r for s, r in zip(shares_of(drawn), met.each_ratio(DAYS), strict=True))
    assert np.abs(parts - met.ratio(DAYS)).max() < 1e-12


def test_groups_hold_the_sensitive_cells_and_keep_their_order() -> None:
    share = np.array([[0.42, 0.25, 0.11, 0.13, 0.09]] * 3)
    prior = np.array([[0.6, 0.45, 0.85, 0.15, 0.5]] * 3)
    wanted = np.array([0.1, 0.47, 0.9])
    w = membership(share, prior, wanted)
    assert (share * w).sum(axis=1) == pytest.approx(wanted, abs=1e-9)
    assert (np.argsort(w, axis=1) == np.argsort(prior, axis=1)).all()


def test_subsets_start_at_their_share_and_fall_in_the_order_of_the_studies() -> None:
    made = {s.name: s for s in subset_forecasts(COURSE, 1.4, PEOPLE, CELLS, given={"cd4": 0.5, "nk": 0.1}, age_y=60.0)}
    assert tuple(made) == SUBSETS
    assert {n: s.known for n, s in made.items()} == {"cd4": True, "cd8": False, "b": False, "nk": True}
    assert made["cd4"].bands["p05"][0] == pytest.approx(0.7)
    fall = {n: s.nadir.median / (1.4 * s.share) for n, s in made.items()}
    assert fall["b"] < fall["cd4"] < fall["cd8"] < fall["nk"] < 1.0
    assert made["cd8"].to_dict()["share_of"] == "a typical patient"
    assert sum(s.share for s in made.values()) < 1.0


def test_shares_of_all_lymphocytes_leave_nothing_for_others() -> None:
    with pytest.raises(ScenarioError, match="sum to 100 %"):
        subset_forecasts(COURSE, 1.4, PEOPLE, CELLS, given={"cd4": 0.6, "cd8": 0.4}, draws=2)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("CD5=10", "cd4, cd8, b, nk"),
        ("CD4", "NAME=PERCENT"),
        ("CD4=0.45", "a share of one"),
        ("CD4=50,CD4=40", "twice"),
        ("CD4=70,CD8=40", "110 %"),
    ],
)
def test_subsets_that_cannot_be_say_why(typed: str, says: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        Patient(subsets=typed)
    assert says in f"{refused.value.message} {refused.value.hint}"
    assert subsets_of(Patient(subsets="B=9").subsets) == (("b", 0.09),)


def test_without_dose_and_drug_neutrophils_and_ratio_stay() -> None:
    nothing = C.course(list(range(20)), uniform(0.0))
    assert (neutrophils(nothing, OWN, DAYS) == 1.0).all()
    r = ratio_forecast(nothing, PEOPLE, MARROW, before=3.0, draws=8, horizon_d=100.0)
    assert np.abs(r.ratio["p95"] - 3.0).max() < 1e-9
    assert r.known


def test_one_fraction_takes_what_its_dose_says_after_the_transit_and_comes_back() -> None:
    once = draw(C.replaced(MARROW, {"d0": 1.3, "transit": 6.0, "regrowth.half_time": 20.0}), 1, 3, ("ratio",))
    met = neutrophils(C.course([0.0], uniform(0.0), marrow=uniform(1.3)), once, np.array([0.0, 5.9, 6.0, 26.0]))[0]
    lost = 1.0 - np.exp(-1.0)
    assert met == pytest.approx([1.0, 1.0, 1.0 - lost, 1.0 - 0.5 * lost])


def test_more_marrow_dose_and_a_drug_never_raise_the_neutrophils() -> None:
    times = list(range(0, 28, 2))
    little, more = (C.course(times, uniform(0.0), marrow=C.part(d, 0.3)) for d in (0.2, 0.4))
    low, high = neutrophils(little, OWN, DAYS), neutrophils(more, OWN, DAYS)
    assert (high <= low + 1e-12).all()
    assert (neutrophils(replace(little, chemo="platinum"), OWN, DAYS) <= low + 1e-12).all()
    # what is not in the field goes on making them
    assert high.min() > 0.69


@pytest.mark.parametrize("site", [None, *SITES])
def test_every_patient_is_told_what_speaks_against(site: str | None) -> None:
    rows = outcome_of(site)
    assert rows[-1].against
    assert {a.site for a in rows if not a.against} <= {"any", site, "pelvis", "brain"}
    assert len({a.id for a in rows}) == len(rows)


def test_associations_are_told_with_their_interval_and_direction() -> None:
    rows = {a.id: a for a in associations()}
    assert all(a.source and a.direction for a in rows.values())
    assert sentence(rows["C01"]).startswith(
        "nasopharyngeal cancer, n 374: lymphopenia during radiotherapy, grade 3 or 4"
    )
    assert "hazard ratio 0.676 of progression or death, p .022, adjusted" in sentence(rows["C01"])
    assert [i for i, a in rows.items() if a.against] == ["C01", "C04", "C06"]
