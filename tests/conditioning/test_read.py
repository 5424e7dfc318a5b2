"""Reading regimen files, good and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphorisk.conditioning.hematotox import labs_from
from lymphorisk.errors import LymphoriskError, ParameterError, ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, PlanExposure, compare, is_regimen, merged, product, read_regimen
from lymphorisk.regimen.read import conflict
from lymphorisk.scenario import Scenario


def no_plan(source: Path | Scenario) -> PlanExposure:
    raise AssertionError("no plan is asked for")


def read(tmp_path: Path, text: str, load=no_plan, export: Path | None = None):  # type: ignore[no-untyped-def]
    path = tmp_path / "r.toml"
    path.write_text(text, encoding="utf-8")
    return read_regimen(path, load, export)


DRUG = '[[conditioning.drug]]\nname = "fludarabine"\nmg_per_m2 = 30\nday = [-5, -4, -3]\n'
HEAD = "[conditioning]\n"
TBI = '[[conditioning.radiation]]\nlabel = "t"\n'
FIELD = "gy_per_fraction = 2\ndays = [-2, -1]\n"
SEARCH = "[[conditioning.search]]\n"


def test_days_are_moved_so_that_the_infusion_is_day_0(tmp_path: Path) -> None:
    text = HEAD + "infusion_day = 28\nleukapheresis_day = 0\n" + DRUG.replace("[-5, -4, -3]", "[23, 24, 25]")
    regimen = read(tmp_path, text).regimen
    assert [d.day for d in regimen.drugs] == [-5.0, -4.0, -3.0]
    assert regimen.leukapheresis_day == -28.0


def test_a_product_gives_drugs_and_window_and_own_drugs_replace_them(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + 'product = "axi-cel"\n').regimen.drugs == product("axi-cel").drugs
    own = read(tmp_path, HEAD + 'product = "axi-cel"\n' + DRUG).regimen
    assert {d.drug for d in own.drugs} == {"fludarabine"}
    assert own.window == product("axi-cel").window


def test_a_plan_is_placed_by_its_last_fraction(tmp_path: Path, bridging: PlanExposure) -> None:
    text = HEAD + DRUG + '[[conditioning.radiation]]\nlabel = "b"\nplan = "p"\nlast_day = -14\n'
    course = read(tmp_path, text, lambda _: bridging).regimen.radiation[0]
    assert course.days[-1] == -14.0
    assert len(course.days) == 10
    assert course.role == "bridging"


def test_radiation_is_moved_with_the_infusion(tmp_path: Path, bridging: PlanExposure) -> None:
    for calendar in ("last_day = 14", "first_day = 3"):
        text = HEAD + "infusion_day = 28\n" + f'[[conditioning.radiation]]\nplan = "p"\n{calendar}\n'
        course = read(tmp_path, text, lambda _: bridging).regimen.radiation[0]
        assert (course.days[0], course.days[-1]) == (-25.0, -14.0)
    text = (
        HEAD + "infusion_day = 28\n" + "[[conditioning.radiation]]\ngy_per_fraction = 2\nfractions = 3\nlast_day = 27\n"
    )
    assert read(tmp_path, text).regimen.radiation[0].days == (-3.0, -2.0, -1.0)
    twice = text.replace("last_day = 27", 'first_day = 26\nschedule = "bid"')
    assert read(tmp_path, twice).regimen.radiation[0].days == (-2.0, -1.75, -1.0)


def test_a_plan_that_spares_nothing_is_lymphodepletion(tmp_path: Path) -> None:
    from lymphorisk.regimen.plan import plan_exposure

    (tmp_path / "tbi.toml").write_text('[plan]\nfractions = 2\n[organs."*"]\nmean_gy = 4.0\n', encoding="utf-8")
    text = HEAD + '[[conditioning.radiation]]\nplan = "tbi.toml"\nlast_day = -1\n'
    assert read(tmp_path, text, plan_exposure).regimen.radiation[0].role == "lymphodepletion"
    told = text + 'role = "bridging"\nkinetics = "plan"\n'
    course = read(tmp_path, told, plan_exposure).regimen.radiation[0]
    assert (course.role, course.kinetics) == ("bridging", "plan")


def test_radiation_without_plan_takes_the_export(tmp_path: Path, bridging: PlanExposure) -> None:
    text = HEAD + DRUG + '[[conditioning.radiation]]\nlabel = "b"\nfirst_day = -30\n'
    file = read(tmp_path, text, lambda _: bridging, tmp_path / "EXPORT")
    assert file.regimen.radiation[0].plan == "bridging", "the plan's label, never the folder's name"
    assert set(file.plans) == {"bridging"}
    with pytest.raises(ScenarioError, match="has no dose"):
        read(tmp_path, text, lambda _: bridging)


def test_a_scenario_may_carry_its_conditioning(tmp_path: Path) -> None:
    from lymphorisk.regimen.plan import plan_exposure

    text = '[plan]\nfractions = 2\n[organs."*"]\nmean_gy = 4.0\n[conditioning]\ninfusion_day = 3\n' + DRUG.replace(
        "[-5, -4, -3]", "-2"
    )
    file = read(tmp_path, text, plan_exposure)
    course = file.regimen.radiation[0]
    assert course.days == (-3.0, -2.0)
    assert course.role == "lymphodepletion", "every pool gets the same dose"
    even = compare([(file.regimen, file.plans)], PatientFacts(Patient(alc=1.0)), Choices(draws=64)).forecasts[0]
    from dataclasses import replace

    from lymphorisk.conditioning.regimen import RadiationCourse

    plain = replace(
        file.regimen,
        radiation=(RadiationCourse("scenario", (-3.0, -2.0), 2.0, role="lymphodepletion"),),
    )
    told = compare([(plain, {})], PatientFacts(Patient(alc=1.0)), Choices(draws=64)).forecasts[0]
    assert even.bands["p50"] == pytest.approx(told.bands["p50"], rel=1e-2), "a plan of 2 Gy everywhere is 2 Gy TBI"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[conditioning\n", "not TOML"),
        ("[patient]\nalc = 1.0\n", "no .conditioning. table"),
        (HEAD + "colour = 1\n", "conditioning.colour is not a key here"),
        (HEAD + DRUG + "dose = 3\n", "dose is not a key here"),
        (HEAD + DRUG.replace("mg_per_m2", "g_per_m2"), "g_per_m2 is not a key here"),
        (HEAD + DRUG.replace("mg_per_m2 = 30\n", ""), "exactly one of"),
        (HEAD + DRUG + "mg_per_kg = 3\n", "exactly one of"),
        (HEAD + DRUG.replace("day = [-5, -4, -3]", ""), "needs day"),
        (HEAD + DRUG.replace("[-5, -4, -3]", "[-3, -4]"), "must rise"),
        (HEAD + DRUG.replace("[-5, -4, -3]", '"monday"'), "not a number"),
        (HEAD + DRUG.replace("fludarabine", "vincristine"), "drug 'vincristine' is unknown"),
        (HEAD + DRUG.replace("30", "300"), "ten times a published dose"),
        (HEAD + DRUG + TBI + 'gy_per_fraction = 2\n', "give days, or fractions"),
        (HEAD + DRUG + TBI + 'gy_per_fraction = 2\nfractions = 2\n', "first_day or last"),
        (HEAD + DRUG + TBI + 'gy_per_fraction = 2\nplan = "x"\n', "whole body"),
        (HEAD + DRUG + TBI + 'gy_per_fraction = 2000\ndays = [-1]\n', "in one fraction"),
        (HEAD + DRUG.replace("[-5, -4, -3]", "inf"), "not a number"),
        (HEAD + DRUG.replace("[-5, -4, -3]", "-1e12"), "more than"),
        (HEAD + 'product = "wonder-cel"\n', "not on record"),
        (HEAD + DRUG + "[labs]\ncrp = 8\n", "labs.crp is not a key here"),
        (HEAD + DRUG + "[patient]\nweight = 80\n", "patient.weight is not a key here"),
        (HEAD + DRUG + "[patient]\nalc = 1400\n", "no patient has"),
        (HEAD + "window_d = [2]\n" + DRUG, "first, last"),
        (HEAD + DRUG + SEARCH + 'drug = "bendamustine"\nmg_per_m2 = [90]\n', "has no bendamustine"),
        (HEAD + DRUG + SEARCH + 'drug = "fludarabine"\nmg_per_m2 = [30, 60]\n', "labels on record reach 30"),
        (HEAD + DRUG + SEARCH + 'drug = "fludarabine"\nmg_per_kg = [1]\n', "give its doses in mg/m2"),
        (HEAD + DRUG + SEARCH + 'radiation = "x"\ndose_factor = [1]\n', "not one of the regimen's"),
        (HEAD + DRUG + SEARCH + 'mg_per_m2 = [30]\n', "needs one of drug"),
        (HEAD + DRUG + SEARCH + 'drug = "fludarabine"\nradiation = "t"\nmg_per_m2 = [30]\n', "needs one of drug"),
        (HEAD + DRUG + SEARCH + 'drug = "fludarabine"\nmg_per_m2 = [30]\nlast_day = [-1]\n', "is no key of drug"),
        (HEAD + DRUG + 2 * (SEARCH + 'drug = "fludarabine"\nmg_per_m2 = [30]\n'), "a knob is given twice"),
        (HEAD + DRUG + TBI + FIELD + SEARCH + 'radiation = "t"\ndose_factor = [1]\n', "dose_factor is for a plan"),
        (HEAD + DRUG + TBI + FIELD + SEARCH + 'radiation = "t"\nfractions = [1.5]\n', "whole numbers from 1"),
        (HEAD + "infusion_day = 0\ninfusion_days = [0, 7]\n" + DRUG, "infusion_day and infusion_days are both given"),
        (HEAD + DRUG + '[organs."*"]\nmean_gy = 4.0\n', "without .plan."),
        (HEAD + DRUG + TBI + 'gy_per_fraction = 2\nfractions = 3\ndays = [-2, -1]\n', "2 days for 3 fractions"),
        (HEAD + DRUG.replace("fludarabine", "Flu/Cy"), "'Flu/Cy' is several drugs"),
        (HEAD + "window_d = [7, 2]\n" + DRUG, r"^r.toml, line 2: conditioning.window_d must rise"),
        (HEAD + "window_d = [-1, 2]\n" + DRUG, r"^r.toml, line 2: .*an infusion window of -1 to 2 d is not one"),
    ],
)  # fmt: skip
def test_broken_regimens_are_refused_by_name(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        read(tmp_path, text)


def test_days_that_do_not_fit_the_plan_are_refused(tmp_path: Path, bridging: PlanExposure) -> None:
    text = HEAD + DRUG + '[[conditioning.radiation]]\nlabel = "b"\nplan = "p"\ndays = [-20, -19]\n'
    with pytest.raises(ScenarioError, match="2 days for the 10 fractions"):
        read(tmp_path, text, lambda _: bridging)


@pytest.mark.parametrize(
    ("more", "what"), [("fractions = 5", "b.*fractions and schedule come"), ('schedule = "bid"', "and schedule come")]
)
def test_a_plan_has_its_own_fractions(tmp_path: Path, bridging: PlanExposure, more: str, what: str) -> None:
    text = HEAD + DRUG + f'[[conditioning.radiation]]\nlabel = "b"\nplan = "p"\nlast_day = -14\n{more}\n'
    with pytest.raises(ScenarioError, match=what) as refused:
        read(tmp_path, text, lambda _: bridging)
    assert refused.value.hint == "give days to change them"


def test_a_plan_without_a_day_keeps_its_own_and_a_field_on_weekdays_pauses(
    tmp_path: Path, bridging: PlanExposure
) -> None:
    text = HEAD + "infusion_day = 28\n" + '[[conditioning.radiation]]\nplan = "p"\n'
    course = read(tmp_path, text, lambda _: bridging).regimen.radiation[0]
    assert course.days == tuple(float(day) - 28.0 for day in bridging.days)
    field = 'gy_per_fraction = 2\nfractions = 4\nfirst_day = -20\nschedule = "weekdays"\nfirst_weekday = 3\n'
    assert read(tmp_path, HEAD + DRUG + TBI + field).regimen.radiation[0].days == (-20.0, -19.0, -16.0, -15.0)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    from lymphorisk.regimen.plan import plan_exposure

    text = HEAD + DRUG + '[[conditioning.radiation]]\nlabel = "b"\nplan = "gone"\nlast_day = -14\n'
    with pytest.raises(LymphoriskError, match="gone"):
        read(tmp_path, text, plan_exposure)


def test_what_is_a_regimen_and_what_a_plan(folder: Path) -> None:
    assert is_regimen(folder / "regimen.toml")
    assert not is_regimen(folder / "bridging.toml")
    assert not is_regimen(folder)


def test_facts_merge_and_conflict() -> None:
    one, other = PatientFacts(Patient(alc=0.8)), PatientFacts(Patient(sex="F"), egfr_ml_min=60.0)
    both = merged(one, other)
    assert (both.patient.alc, both.patient.sex, both.egfr_ml_min) == (0.8, "F", 60.0)
    assert conflict(one, other) == ""
    assert conflict(one, PatientFacts(Patient(alc=0.9))) == "alc"
    assert conflict(other, PatientFacts(egfr_ml_min=90.0)) == "egfr_ml_min"


def test_laboratory_values_that_differ_are_said_and_the_nearer_are_used() -> None:
    typed, of_file = (PatientFacts(labs=labs_from({"anc_per_ul": anc})) for anc in (3400.0, 900.0))
    both = merged(of_file, typed)
    assert both.labs == typed.labs
    assert [f.what for f in both.contradicted] == [
        "laboratory values differ as given and in the files: the former are used"
    ]
    assert conflict(typed, of_file) == "labs"
    assert merged(typed, PatientFacts()).contradicted == merged(typed, typed).contradicted == ()


def test_parameters_replaced_by_file(tmp_path: Path) -> None:
    own = tmp_path / "drugs.toml"
    own.write_text(
        '[kill.bendamustine]\nvalue = 0.02\nunit = "1/(mg/m2)"\n'
        'source = "our own cohort"\nplace = "n=40"\nknown = "fitted"\n',
        encoding="utf-8",
    )
    regimen = product("benda_axi")
    facts = PatientFacts(Patient(alc=0.8))
    before, after = (
        compare([(regimen, {})], facts, Choices(draws=1, drugs=d)).forecasts[0].metrics["alc_at_infusion"]
        for d in (None, own)
    )
    assert after[0] < 0.5 * before[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[kill.melphalan]\nvalue = 1\nunit = "1"\nsource = "s"\nplace = "p"\nknown = "fitted"\n', "not a parameter"),
        (
            '[kill.bendamustine]\nvalue = 1\nunit = "1/g"\nsource = "s"\nplace = "p"\nknown = "fitted"\n',
            "the model wants",
        ),
        ('[kill.bendamustine]\nvalue = 1\nunit = "1"\n', "missing"),
        ("kill\n", "cannot read"),
    ],
)
def test_broken_parameter_files_are_refused(tmp_path: Path, text: str, what: str) -> None:
    own = tmp_path / "drugs.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=what):
        compare([(product("axi-cel"), {})], PatientFacts(Patient(alc=0.8)), Choices(draws=1, drugs=own))


def test_own_criteria_take_the_place_of_the_built_in_ones(tmp_path: Path) -> None:
    own = tmp_path / "criteria.toml"
    own.write_text(
        '[alc_nadir.at_least]\nvalue = 0.05\nunit = "10^9/L"\n'
        'source = "tumour board"\nplace = "memo"\nknown = "assumed"\n',
        encoding="utf-8",
    )
    forecast = compare(
        [(product("ide-cel"), {})], PatientFacts(Patient(alc=0.8)), Choices(draws=64, criteria=own)
    ).forecasts[0]
    assert [j.criterion.metric for j in forecast.judgements] == ["alc_nadir", "days_outside_window"]
    assert forecast.judgements[0].criterion.source == "tumour board"
