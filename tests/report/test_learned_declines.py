"""A learned number outside its domain, or without what it needs, is nowhere; a model's own doubts stand beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, Options, analyze, envelope
from lymphorisk.analysis import risk as voices
from lymphorisk.plan import Patient
from lymphorisk.predict import Prediction
from lymphorisk.predict.applicability import Domain
from lymphorisk.predict.caveats import caveats
from lymphorisk.qa.facts import facts_of
from lymphorisk.report import content, html, text
from lymphorisk.report.measurements import measurements, sentences
from lymphorisk.scenario import scenario_from

#: Of a pancreas plan: dose of the bulk, of the hottest part [Gy], share above the first.
ORGANS = {
    "Spleen": (5, 30, 0.3),
    "Lungs": (5, 30, 0.05),
    "Bowel": (5, 45, 0.3),
    "Liver": (5, 40, 0.4),
    "Body": (5, 50, 0.12),
    "LN": (5, 50, 0.3),
    "BoneMarrow": (5, 40, 0.15),
    "Kidneys": (5, 25, 0.4),
    "Heart": (1, 10, 0.05),
    "A_Aorta": (5, 50, 0.2),
    "Glnd_Thymus": (1, 5, 0.05),
}
KNOWN = Patient(sex="M", age_y=60.0, height_cm=175.0, weight_kg=70.0, chemo="none", alc=1.5)


def scenario(only: str = "", without: str = "none") -> Any:
    plan = {"fractions": 28, "modality": "photon", "prescription_gy": 50.4}
    curves = {
        o: {"dvh_dose_gy": [0.0, low, high], "dvh_volume": [1.0, share, 0.0]}
        for o, (low, high, share) in ORGANS.items()
        if only in o and o != without
    }
    return scenario_from({"plan": plan, "organs": curves})


def asked(*given: Any, patient: Patient = KNOWN) -> Analysis:
    return analyze(*given, patient, Options(draws=32, horizon_d=120))


@pytest.fixture(scope="module")
def ways() -> dict[str, Analysis]:
    """Every way to have no learned number: each needs another fact."""
    mixed = scenario_from(
        {
            "plan": {"phase": [{"fractions": 12, "modality": "photon"}, {"fractions": 13, "modality": "proton"}]},
            "organs": {o: {"mean_gy": 4.0} for o in ORGANS},
        }
    )
    return {
        "outside the training range": asked(scenario(), patient=replace(KNOWN, alc=9.5)),
        "baseline ALC is missing": asked(scenario(), patient=replace(KNOWN, alc=None)),
        "features are known": asked(scenario(only="Spleen"), patient=Patient(alc=1.5)),
        "Glnd_Thymus EUD[Gy] not known; known of every training patient": asked(scenario(without="Glnd_Thymus")),
        "mixed": asked(mixed),
    }


WAYS = (
    "outside the training range",
    "baseline ALC is missing",
    "features are known",
    "Glnd_Thymus EUD[Gy] not known; known of every training patient",
    "mixed",
)


@pytest.mark.parametrize("why", WAYS)
def test_no_number_and_no_reason_of_it_is_anywhere(ways: dict[str, Analysis], why: str) -> None:
    a = ways[why]
    assert isinstance(a.risk.learned, Absent)
    assert why in a.risk.learned.reason
    plain = json.loads(envelope.render(a))
    learned = plain["risk"]["learned"]
    assert why in learned["declined"]
    assert not [v for v in learned.values() if isinstance(v, int | float | list | dict)]
    assert plain["explanation"]["groups"] == plain["explanation"]["features"] == []
    assert plain["explanation"]["base"] is None
    assert plain["agreement"] is None
    assert "learned" not in plain["risk"]["outcome"]
    assert "trained predictor" not in plain["risk"]["disagreement"]
    assert "LR401" in {f["code"] for f in plain["findings"]}
    shown = content.trained(a)
    assert (shown.third, shown.fourth) == (content.NONE, content.NONE)
    said = text.render(a)
    assert "odds x" not in said
    assert "trained predictor: none" in said
    assert "moved the trained predictor</h3><p>No explanation" in html.render(content.report(a)).replace("\n", "")
    assert not [code for code, *_ in measurements(a) if "LEARNED" in code]
    assert any("trained predictor" in told for code, _, told in sentences(a) if code == "LR-DECLINED")
    assert not [name for name in facts_of(a).values if "learned" in name.lower()]
    assert "gives no number" in " ".join(said.split())
    assert "learned: this patient" in repr(a)


def test_each_fact_alone_is_what_was_missing() -> None:
    """The same plan with everything the model needs has a number."""
    a = asked(scenario())
    assert not isinstance(a.risk.learned, Absent), a.risk.learned.reason
    assert "LR-LEARNED-G3" in {code for code, *_ in measurements(a)}


def test_a_result_cannot_hold_a_learned_number_outside_its_domain(explained: Analysis) -> None:
    learned = explained.risk.learned
    assert isinstance(learned, Prediction)
    outside = replace(learned, domain=Domain(False, ("seen by nobody",), 3.0, 0.9))
    with pytest.raises(ValueError, match="outside its domain"):
        replace(explained.risk, learned=outside)


def test_what_the_card_holds_against_the_model_stands_beside_its_number(explained: Analysis) -> None:
    learned = explained.risk.learned
    assert isinstance(learned, Prediction)
    doubt = "By its own card it does no better than a logistic model on the same features for g4."
    a = replace(explained, risk=replace(explained.risk, learned=replace(learned, caveats=(doubt,))))
    assert doubt in content.trained(a).basis
    assert doubt in " ".join(text.render(a).split())
    assert doubt in html.render(content.report(a))
    assert json.loads(envelope.render(a))["risk"]["learned"]["caveats"] == [doubt]
    assert doubt in [told for code, _, told in sentences(a) if code == "LR-CAVEAT"]


@pytest.mark.parametrize("name", ["early-2026.1", "insilico-2026.1"])
def test_the_shipped_cards_are_taken_at_their_word(name: str) -> None:
    import tomllib

    folder = voices.shipped_models()
    assert folder is not None
    card = tomllib.loads((folder / name / "card.toml").read_text(encoding="utf-8"))
    scores = [*card["evaluation"]["internal"].items(), *card["test"].items()]
    tables = [(o, e) for o, e in scores if isinstance(e, dict)]
    simpler = {o for o, e in tables if not e.get("against_logistic", {}).get("adds", True)}
    low = {o for o, e in tables if e.get("rank_stability", 1.0) < 0.8}
    said = " ".join(caveats(card))
    assert ("no better than a logistic" in said) == bool(simpler)
    assert ("not steady" in said) == bool(low)
    assert all(o in said for o in simpler | low)
