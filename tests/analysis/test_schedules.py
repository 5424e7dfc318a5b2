"""Other schedules of a plan: doses by hand, the same plan written out as its twin, and what few fractions cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lymphorisk import Options, Patient, analyze, parameters
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.schedules import Schedule, isoeffective, listed, names, schedules_asked
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Phase
from lymphorisk.report import content, html, schedules, text

WHO = Patient(sex="M", age_y=60, alc=1.6, chemo="none", steroid=())
PLAN = """
[plan]
modality = "photon"
fractions = {fractions}
{prescription}
beam_on_s = [20, 20]
[organs.Lungs]
mean_gy = {lungs}
[organs.LN_Mediastinals]
mean_gy = {nodes}
[organs.BoneMarrow]
mean_gy = {marrow}
[organs.Body]
mean_gy = {body}
"""


def scenario(folder: Path, fractions: int = 30, total: float = 60.0, told: bool = True) -> Path:
    """A thoracic plan whose organ doses go with its total dose."""
    share = total / 60.0
    path = folder / f"{fractions}x{total:g}{told}.toml"
    path.write_text(
        PLAN.format(
            fractions=fractions,
            prescription=f"prescription_gy = {total}" if told else "",
            lungs=16 * share,
            nodes=50 * share,
            marrow=6 * share,
            body=4 * share,
        ),
        encoding="utf-8",
    )
    return path


def asked(path: Path, *texts: str) -> Analysis:
    return analyze(path, WHO, Options(draws=64, what_if=texts))


PHASE = (Phase("p", 30, prescription_gy=60.0),)


@pytest.mark.parametrize(
    ("text", "total", "fractions"),
    [
        ("schedule=3x8", 24.0, 3),
        ("schedule = 3 x 8 Gy", 24.0, 3),
        ("schedule=24/3", 24.0, 3),
        ("Schedule=50Gy/4", 50.0, 4),
        ("isoeffect=30", 60.0, 30),
    ],
)
def test_a_schedule_is_read_as_it_is_written(text: str, total: float, fractions: int) -> None:
    assert schedules_asked(text, PHASE) == (Schedule(total, fractions),)


@pytest.mark.parametrize(
    "text", ["schedule=3", "schedule=0x8", "isoeffect=0", "isoeffect=2.5", "schedules=nothing", "schedule=3x", "3x8"]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        schedules_asked(text, PHASE)


def test_bed_and_eqd2_by_hand() -> None:
    """n d (1 + d/10) and that over 1.2."""
    for total, n, bed in ((20.0, 1, 60.0), (24.0, 3, 43.2), (30.0, 5, 48.0), (45.0, 15, 58.5), (60.0, 30, 72.0)):
        assert Schedule(total, n).bed_gy == pytest.approx(bed)
        assert Schedule(total, n).eqd2_gy == pytest.approx(bed / 1.2)


@pytest.mark.parametrize("fractions", [1, 3, 5, 15, 30])
def test_the_same_effect_in_other_fractions(fractions: int) -> None:
    assert isoeffective(Schedule(60.0, 30), fractions).bed_gy == pytest.approx(72.0, abs=1e-6)


def test_lists_are_those_of_the_reviews() -> None:
    assert {n: [(s.total_gy, s.fractions) for s in listed(n)] for n in names() if n != "isoeffect"} == {
        "abscopal": [(20, 1), (24, 3), (30, 5)],
        "pembrolizumab": [(24, 3), (50, 4), (45, 15)],
        "ipilimumab": [(50, 4), (60, 10)],
        "sarcoma": [(50, 25), (27, 3), (60, 5)],
    }
    kept = parameters.load("schedules")
    assert all(p.source in ("deutsch2019", "wang2023") for key, p in kept.items() if p.known == "read")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return asked(scenario(tmp_path_factory.mktemp("plan")), "schedules=isoeffect", "schedules=pembrolizumab")


def test_the_plans_own_schedule_changes_nothing(compared: Analysis) -> None:
    own = next(w for w in compared.what_ifs if w.cost is not None and w.cost.schedule.fractions == 30)
    assert (own.difference.nadir.p025, own.difference.nadir.p975) == (0.0, 0.0)


def test_another_schedule_is_the_plan_written_out_in_it(tmp_path: Path, compared: Analysis) -> None:
    """The twin: a scenario with every dose times 24/60 in 3 fractions."""
    made = next(w.cost for w in compared.what_ifs if w.cost is not None and w.cost.schedule == Schedule(24.0, 3))
    twin = asked(scenario(tmp_path, 3, 24.0))
    assert made.forecast.nadir.median == pytest.approx(twin.forecast.nadir.median, rel=1e-6)
    assert made.forecast.grade_probability == twin.forecast.grade_probability


def test_at_one_effect_fewer_fractions_cost_fewer_lymphocytes(compared: Analysis) -> None:
    """S057, S084: both hypotheses can be weighed against what they cost; 15 and 30 fractions are near each other."""
    nadir = {w.cost.schedule.fractions: w.cost.forecast.nadir.median for w in compared.what_ifs[:5] if w.cost}
    assert list(nadir) == [1, 3, 5, 15, 30]
    assert nadir[1] > nadir[3] > nadir[5] > nadir[15]


def test_the_table_stands_in_text_page_and_result(compared: Analysis) -> None:
    table = schedules.table(compared)
    assert table is not None
    assert table.column("Schedule")[0] == "30 x 2 Gy, as planned"
    assert table.column("BED10 Gy")[:6] == ("72.0",) * 6
    assert table.column("BED10 Gy")[6:] == ("43.2", "112", "58.5")
    said = text.render(compared)
    assert table.caption in said
    assert "held and its doses scaled" in said
    assert "Other schedules" in html.render(content.report(compared))
    kept = json.loads(compared.to_json())["what_if"]
    assert [w["schedule"]["fractions"] for w in kept] == [1, 3, 5, 15, 30, 3, 4, 15]
    assert kept[5]["schedule"]["bed_gy"] == pytest.approx(43.2)
    made = compared.what_ifs[5].cost
    assert made is not None
    assert kept[5]["schedule"]["alc_nadir"]["median"] == pytest.approx(made.forecast.nadir.median, rel=1e-8)


def test_without_a_question_there_is_no_table(tmp_path: Path) -> None:
    made = asked(scenario(tmp_path), "Lungs-1Gy")
    assert schedules.table(made) is None
    assert "schedule" not in json.loads(made.to_json())["what_if"][0]


def test_a_plan_without_a_dose_to_start_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="prescribed dose"):
        asked(scenario(tmp_path, told=False), "schedule=3x8")
    with pytest.raises(ScenarioError, match="2 phases"):
        schedules_asked("schedule=3x8", PHASE * 2)
