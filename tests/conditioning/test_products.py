"""Regimens on record: what the table of science says, and the calendar they come on."""

from __future__ import annotations

import dataclasses

import pytest

from lymphorisk.conditioning.regimen import DrugDose, RadiationCourse, Regimen, delayed
from lymphorisk.errors import ParameterError, ScenarioError
from lymphorisk.parameters import load
from lymphorisk.regimen import product, products

LABELS = {
    # id: fludarabine, its days; cyclophosphamide, its days; window
    "axi_cel": ((30, 3), (500, 3), (3, 3)),
    "brexu_mcl": ((30, 3), (500, 3), (3, 3)),
    "brexu_all": ((25, 3), (900, 1), (2, 2)),
    "tisa_all": ((30, 4), (500, 2), (2, 14)),
    "tisa_lymphoma": ((25, 3), (250, 3), (2, 11)),
    "tisa_fl": ((25, 3), (250, 3), (2, 6)),
    "liso_cel": ((30, 3), (300, 3), (2, 7)),
    "ide_cel": ((30, 3), (300, 3), (2, 7)),
    "cilta_cel": ((30, 3), (300, 3), (2, 4)),
    "obe_cel": ((30, 4), (500, 2), (3, 3)),
    "afami_cel": ((30, 4), (600, 3), (4, 4)),
    "lifileucel": ((25, 5), (60, 2), (1, 4)),
}


@pytest.mark.parametrize("name", LABELS)
def test_labelled_doses_days_and_windows(name: str) -> None:
    regimen = product(name)
    for drug, (amount, days) in zip(("fludarabine", "cyclophosphamide"), LABELS[name][:2], strict=True):
        doses = [d for d in regimen.drugs if d.drug == drug]
        assert {d.amount for d in doses} == {float(amount)}
        assert len(doses) == days
    assert regimen.window is not None
    assert (regimen.window.low_d, regimen.window.high_d) == LABELS[name][2]
    gap = -max(d.day for d in regimen.drugs)
    assert regimen.window.low_d <= gap <= regimen.window.high_d, "as planned it is inside its own window"


@pytest.mark.parametrize("name", list(products()))
def test_every_regimen_has_evidence_and_ends_before_the_infusion(name: str) -> None:
    regimen = products()[name]
    assert regimen.title
    assert regimen.evidence
    assert all(d.day < 0 for d in regimen.drugs)
    assert regimen.infusion_days[0] == 0.0


def test_recalled_regimens_are_marked() -> None:
    for name in ("obe_cel", "afami_cel"):
        assert any(e.known == "recalled" for e in product(name).evidence), name
    assert not any(e.known == "recalled" for e in product("axi_cel").evidence)


def test_the_old_liso_cel_dose_is_not_used() -> None:
    assert all(d.amount == 300.0 for d in product("liso-cel").drugs if d.drug == "cyclophosphamide")


def test_split_infusions_are_kept() -> None:
    assert product("obe-cel").infusion_days == (0.0, 9.0)


def test_only_the_mirror_that_says_it_waives_lymphodepletion() -> None:
    waiving = {name for name, r in products().items() if r.window is not None and r.window.waiver_wbc is not None}
    assert waiving == {"tisa_lymphoma", "tisa_fl", "tisa_lymphoma_benda"}
    repeating = {name for name, r in products().items() if r.window is not None and r.window.repeat_after_d is not None}
    assert repeating == {"cilta_cel"}


@pytest.mark.parametrize("spelling", ["axi-cel", "AXI_CEL", " axi cel "])
def test_spellings_of_a_product(spelling: str) -> None:
    assert product(spelling).product == "axi_cel"


def test_a_name_of_several_regimens_asks_which() -> None:
    with pytest.raises(ScenarioError, match="several regimens") as caught:
        product("tisa-cel")
    assert "tisa_lymphoma_benda" in caught.value.hint


def test_an_unknown_product_is_refused_with_the_list() -> None:
    with pytest.raises(ScenarioError, match="not on record") as caught:
        product("wonder-cel")
    assert "axi_cel" in caught.value.hint


def test_a_delay_moves_everything_back() -> None:
    late = delayed(product("cilta-cel"), 3.0)
    assert late.depletion_days == tuple(d - 3.0 for d in product("cilta-cel").depletion_days)
    assert late.infusion_days == (0.0,)


@pytest.mark.parametrize(
    "broken",
    [
        {"days": (), "whole_body_gy": 2.0},
        {"days": (-1.0,)},
        {"days": (-1.0,), "whole_body_gy": 2.0, "plan": "x"},
        {"days": (-1.0, -2.0), "whole_body_gy": 2.0},
        {"days": (-1.0,), "whole_body_gy": 200.0},
        {"days": (-1.0,), "whole_body_gy": -2.0},
        {"days": (-1.0,), "plan": "x", "dose_factor": -0.5},
        {"days": (-1.0,), "whole_body_gy": 2.0, "role": "cure"},
        {"days": (-1.0,), "whole_body_gy": 2.0, "kinetics": "magic"},
    ],
)
def test_radiation_that_makes_no_sense_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ScenarioError):
        RadiationCourse("x", **broken)  # type: ignore[arg-type]


def test_calendars_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ScenarioError, match="start with 0"):
        Regimen("x", infusion_days=(1.0, 10.0))
    with pytest.raises(ScenarioError, match="before infusion"):
        Regimen("x", leukapheresis_day=3.0)


def test_radiation_as_lymphodepletion_starts_it_and_bridging_does_not() -> None:
    flu = DrugDose("fludarabine", 30.0, "mg/m2", -4.0)
    tbi = RadiationCourse("tbi", (-6.0,), 2.0, role="lymphodepletion")
    field = RadiationCourse("field", (-20.0,), None, "plan")
    regimen = Regimen("x", (flu,), (tbi, field))
    assert regimen.depletion_days == (-6.0, -4.0)
    assert regimen.bridging_days == (-20.0,)


AXI = {name.partition(".")[2]: p for name, p in load("products").items() if name.startswith("axi_cel.")}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"infusion_days": {"note": "x (X) | LBCL | labelled"}}, "'labelled' is no standing"),
        ({"fludarabine": {"value": (30.0, 30.0)}}, "products.x.fludarabine: 2 doses on 3 days"),
        ({"whole_body": {"value": (2.0, 3.0)}, "whole_body_days": {"value": (-2.0, -1.0)}}, "fractions of different"),
        ({"fludarabine_days": {"unit": "d of lymphodepletion"}, "window": None}, "needs a window to place the"),
    ],
)
def test_a_record_of_a_product_that_breaks_the_rules_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, dict[str, object] | None], what: str
) -> None:
    entries = dict(AXI)
    for name, said in change.items():
        if said is None:
            del entries[name]
        else:
            entries[name] = dataclasses.replace(entries.get(name, AXI["fludarabine"]), **said)  # type: ignore[arg-type]
    monkeypatch.setattr("lymphorisk.parameters.load", lambda topic: {f"x.{name}": p for name, p in entries.items()})
    with pytest.raises(ParameterError, match=what):
        products.__wrapped__()
