"""Internal emitters in a scenario file: keys, words, refusals with line and hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphorisk.analysis.options import Options
from lymphorisk.analysis.source import open_source
from lymphorisk.errors import InputError, MissingOrganError, ScenarioError
from lymphorisk.scenario import read_scenario

ROOT = Path(__file__).parents[2] / "fixtures" / "scenarios"
GOOD = """
[[emitter]]
nuclide = "Lutetium-177"
agent = "DOTATATE"
marrow_method = "SPECT/CT"
cycles = 4
every_d = 56
effective_half_life_h = 60
[emitter.gy_per_cycle]
"Red marrow" = 0.42
Spleen = 4.5
Blood = 0.1
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "course.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_emitter_is_read_in_usual_words(tmp_path: Path) -> None:
    (given,) = read_scenario(file(tmp_path, GOOD)).emitters
    assert (given.nuclide, given.marrow_method, given.days) == ("177Lu", "imaging", (0.0, 56.0, 112.0, 168.0))
    source = open_source(tmp_path / "course.toml", Options())
    (phase,) = source.plan.phases
    assert phase.emitter is not None
    assert phase.fractions == 4
    assert phase.emitter.half_life("Spleen") == 60.0
    assert phase.emitter.blood_gy == 0.1
    assert source.given is not None
    assert source.given[0]["BoneMarrow"].mean_gy == pytest.approx(4 * 0.42)
    assert source.given[0]["*"].mean_gy == pytest.approx(4 * 0.1)


def test_beams_and_an_emitter_stand_in_one_file() -> None:
    source = open_source(ROOT / "y90_liver_then_beams.toml", Options())
    assert [p.modality for p in source.plan.phases] == ["photon", "emitter"]
    assert source.plan.phases[0].days is not None
    assert source.plan.phases[0].days[0] == 42.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('marrow_method = "SPECT/CT"', ""), "how the dose of the marrow was found"),
        (('marrow_method = "SPECT/CT"', 'marrow_method = "guess"'), "guess"),
        (('"Lutetium-177"', '"Cs-137"'), "Cs-137"),
        (("every_d = 56", ""), "without their days"),
        (("cycles = 4", "cycles = 4\ndays = [0, 1]"), "2 days for 4 cycles"),
        (("cycles = 4\nevery_d = 56", "days = [10, 3]"), "rise"),
        (('"Red marrow" = 0.42', ""), "marrow"),
        (("Blood = 0.1", ""), "blood or the body"),
        (("Spleen = 4.5", "Spleen = 4500"), "is not a dose"),
        (("Spleen = 4.5", "Spleeen = 4.5"), "Spleeen"),
        (("= 60", "= 600"), "longer than"),
        (("= 60", "= { Kidneys = 40 }"), "Kidneys"),
        (('agent = "DOTATATE"', 'agent = "DOTATATE"\nactivity = 7.4'), "activity"),
        (('agent = "DOTATATE"', 'agent = "DOTATATE"\nactivity_gbq = 7400'), "activity_gbq"),
        (("[emitter.gy_per_cycle]", "[emitter.gy_per_gbq]"), "without an activity"),
        (
            (
                "[emitter.gy_per_cycle]",
                "activity_gbq = 7.4\n[emitter.gy_per_gbq]\nSpleen = 0.7\n[emitter.gy_per_cycle]",
            ),
            "Spleen has a dose per cycle and one per activity",
        ),
        (("[[emitter]]", "[organs.Body]\nmean_gy = 1.0\n[[emitter]]"), "organs"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises((ScenarioError, InputError, MissingOrganError), match=said):
        open_source(file(tmp_path, text), Options())


def test_an_unknown_agent_asks_for_doses(tmp_path: Path) -> None:
    text = '[[emitter]]\nnuclide = "131I"\nactivity_gbq = 3.7\nmarrow_method = "given"\n'
    with pytest.raises(ScenarioError, match="no doses per activity") as caught:
        open_source(file(tmp_path, text), Options())
    assert "gy_per_cycle" in caught.value.hint


def test_an_agent_that_nobody_measured_takes_the_doses_it_is_given(tmp_path: Path) -> None:
    """Per activity, with the body's dose for what is not listed: nothing stands in for anything."""
    text = GOOD.replace('"DOTATATE"', '"own peptide"\nactivity_gbq = 7.4').replace("gy_per_cycle", "gy_per_gbq")
    source = open_source(file(tmp_path, text + "Body = 0.05\n"), Options())
    (phase,) = source.plan.phases
    assert phase.emitter is not None
    assert (phase.emitter.dose_from, phase.emitter.stands_in) == ("given", ())
    assert source.given is not None
    assert source.given[0]["BoneMarrow"].mean_gy == pytest.approx(4 * 7.4 * 0.42)
    assert source.given[0]["Body"].mean_gy == pytest.approx(4 * 7.4 * 0.05)
    assert phase.emitter.blood_gy == pytest.approx(7.4 * 0.1)


def test_a_marrow_dose_by_another_way_is_not_taken(tmp_path: Path) -> None:
    text = '[[emitter]]\nnuclide = "177Lu"\nagent = "PSMA-617"\nactivity_gbq = 7.4\nmarrow_method = "imaging"\n'
    with pytest.raises(MissingOrganError, match="no marrow dose of 177Lu PSMA-617 by imaging is on record") as caught:
        open_source(file(tmp_path, text), Options())
    assert "on record is blood-based" in caught.value.hint


def test_fractions_of_an_emitter_are_not_what_if(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="internal emitter"):
        open_source(file(tmp_path, GOOD), Options(fractions=3))


def test_beams_of_a_plan_are_no_emitter(tmp_path: Path) -> None:
    text = '[plan]\nfractions = 1\nmodality = "emitter"\n[organs.Body]\nmean_gy = 1.0\n'
    with pytest.raises(ScenarioError, match="emitter"):
        read_scenario(file(tmp_path, text))


def test_a_file_without_a_plan_and_without_an_emitter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="plan"):
        read_scenario(file(tmp_path, "[patient]\nalc = 1.0\n"))
