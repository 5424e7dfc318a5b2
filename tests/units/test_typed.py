"""Numbers and words as people type them: read, or refused as the slip they are with what to type."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lymphorisk.analysis import Options
from lymphorisk.cli.main import run
from lymphorisk.conditioning.regimen import DrugDose
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient, Steroid, steroid_of
from lymphorisk.plan.drugs import NAMED, chemo_of, told_drugs
from lymphorisk.plan.words import modality_of, site_of
from lymphorisk.regimen.products import product
from lymphorisk.units import QUANTITIES, alc_from, checked, count_exponent, number_from

BILLIONS = (
    "10^9/L",
    "10*9/L",
    "x10^9/L",
    "X 10^9 / l",
    "10E9/L",
    "1e9/L",
    "10\u2079/L",
    "\u00d710\u2079/L",
    "x10(9)/L",
    "G/L",
    "g/l",
    "Gpt/L",
    "K/uL",
    "k/\u00b5L",
    "K/\u03bcl",
    "10*3/uL",
    "10^3/ul",
    "x10E3/uL",
    "x10\u00b3/\u00b5L",
    "10^3/mm3",
    "K/mm\u00b3",
    "Thousand/uL",
    "thou/mcL",
    "/nL",
    "10^9 cells/L",
    "tsd/\u00b5l",
    "Tsd./\u00b5l",
    "10*3/uL{cells}",
    "E9/L",
    "10x9/L",
    "10 x 3/uL",
    "10^9 L-1",
    "10\u2079\u00b7L\u207b\u00b9",
    "billions per liter",
)
MILLIONS = (
    "/uL",
    "cells/uL",
    "cells/\u00b5L",
    "cells/\u03bcL",
    "/mm3",
    "/mm\u00b3",
    "cells/mm^3",
    "/cmm",
    "10^6/L",
    "10E6/L",
    "cells per uL",
    "{cells}/uL",
    "/cu. mm",
    "cells per cubic millimeter",
)


@pytest.mark.parametrize("unit", BILLIONS)
def test_billions_in_a_litre(unit: str) -> None:
    assert count_exponent(unit) == 9
    assert alc_from("0.32", unit) == 0.32


@pytest.mark.parametrize("unit", MILLIONS)
def test_cells_in_a_microlitre(unit: str) -> None:
    assert alc_from(320, unit) == 0.32


@pytest.mark.parametrize("unit", ["mg/dL", "10^9", "10^12/L", "", "L", "/", "10^/L", "pints", "K"])
def test_what_is_no_unit_of_a_count(unit: str) -> None:
    with pytest.raises(ScenarioError, match="unknown unit"):
        alc_from(1.0, unit)


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        ("18.5", "10^9/L", r"18\.5 % of the white cells.*cells/uL"),
        (12, "K/uL", "12 % of the white cells"),
        (320, "10^9/L", "looks like 320 cells/uL"),
        (1.4, "cells/uL", r"looks like 1\.4 x10\^9/L"),
        ("18.5", "%", "a share, not a count"),
        ("<0.1", "10^9/L", "is a bound"),
        ("1,400", "/uL", "may be 1.4 or 1400"),
        ("-1", "10^9/L", "below zero"),
        ("high", "10^9/L", "not a number"),
        ("18.5 %", "10^9/L", "is per cent"),
        ("1400 cells/uL", "10^9/L", "has 'cells/uL' behind the number"),
        ("1.2 L", "K/uL", "has 'L' behind the number"),
        ("1\u2019200", "/uL", "parts thousands"),
        ("1_200", "/uL", "parts thousands"),
    ],
)
def test_a_count_that_is_none_is_named(value: float | str, unit: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        alc_from(value, unit)


def test_a_decimal_comma_is_read() -> None:
    assert alc_from("0,32", "10^9/L") == 0.32


SLIPS: tuple[tuple[str, float, str, str], ...] = (
    ("height_cm", 1.75, "metres", "175"),
    ("height_cm", 5.9, "feet", "180"),
    ("height_cm", 1750, "millimetres", "175"),
    ("weight_kg", 70000, "grams", "70"),
    ("age_y", 720, "months", "60"),
    ("age_y", 21900, "days", "60"),
    ("age_y", 1955, "year of birth", "years"),
    ("blood_volume_l", 5000, "mL", "5"),
    ("cardiac_output_l_min", 6500, "mL/min", "6.5"),
    ("creatinine_mg_dl", 88, "umol/L", "0.995"),
    ("creatinine_mg_dl", 0.088, "mmol/L", "0.995"),
    ("egfr_ml_min", 1.5, "mL/s", "90"),
    ("egfr_ml_min", 400, "between 5 and 200", "check"),
    ("bsa_m2", 18, "decimal point", "1.8"),
    ("wbc", 4500, "cells/uL", "4.5"),
    ("crp", 80, "mg/L", "8"),
    ("hemoglobin", 124, "g/L", "12.4"),
    ("platelets", 150000, "/uL", "150"),
    ("beam_on_s", 86400, "a day", "seconds"),
    ("fractions", 5040, "dose in cGy", "number"),
    ("fractions", 1.8, "whole number", "dose per fraction"),
    ("prescription_gy", 5040, "cGy", "50.4"),
    ("lln", 1000, "cells/uL", "1 "),
    ("alc", 18.5, "per cent", "absolute"),
)


@pytest.mark.parametrize(("name", "value", "slip", "hint"), SLIPS)
def test_a_slip_is_named_with_what_to_type(name: str, value: float, slip: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        checked(name, value)
    assert name in refused.value.message
    assert slip in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_ends_of_a_range_belong_to_it(name: str) -> None:
    q = QUANTITIES[name]
    assert checked(name, q.low) == q.low
    assert checked(name, q.high) == q.high
    assert q.low <= q.usual[0] <= q.usual[1] <= q.high
    with pytest.raises(ScenarioError):
        checked(name, q.high * 2 + 1)


BODIES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"weight_kg": 7.0}, "no adult's weight"),
    ({"weight_kg": 7.0, "age_y": 60.0}, "no adult's weight"),
    ({"height_cm": 69.0}, "inches"),
    ({"height_cm": 80.0, "weight_kg": 172.0}, "exchanged"),
    ({"height_cm": 150.0, "weight_kg": 220.0}, "pounds"),
    ({"age_y": 2.0, "height_cm": 170.0}, "no child's"),
    ({"alc": "1.4"}, "text, not a number"),
    ({"sex": 1}, "sex"),
    ({"age_y": float("nan")}, "age_y"),
)


@pytest.mark.parametrize(("facts", "says"), BODIES)
def test_a_body_that_cannot_be_is_refused(facts: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        Patient(**facts)


def test_bodies_that_can_be_are_taken() -> None:
    assert Patient(weight_kg=7.0, age_y=0.5, height_cm=66.0).weight_kg == 7.0
    assert Patient(weight_kg=176.0, height_cm=175.0).weight_kg == 176.0


def test_words_in_any_spelling() -> None:
    who = Patient(sex="female", site="Oesophageal cancer", chemo="Temodal")
    assert (who.sex, who.site, who.chemo) == ("F", "esophagus", "temozolomide")
    assert [site_of(s) for s in ("Head & Neck", "NSCLC", "TBI", "\u0152sophagus")] == [
        "head_neck",
        "lung",
        "whole_body",
        "esophagus",
    ]
    assert [modality_of(m) for m in ("VMAT", "IMRT", "IMPT", "carbon ions", "Photons")] == [
        "photon",
        "photon",
        "proton",
        "ion",
        "photon",
    ]
    assert [chemo_of(c) for c in ("TMZ", "carboplatin/paclitaxel", "Cisplatin weekly", "5-FU", "No")] == [
        "temozolomide",
        "platinum",
        "platinum",
        "other",
        "none",
    ]
    assert [product(p).product for p in ("Yescarta", "axi-cel", "AXICABTAGENE", "Carvykti")] == [
        "axi_cel",
        "axi_cel",
        "axi_cel",
        "cilta_cel",
    ]


@pytest.mark.parametrize(
    ("typed", "site"),
    [
        ("Rectal cancer", "rectum"),
        ("bladder", "bladder"),
        ("sarcoma of limb", "limb"),
        ("limb sarcoma", "limb"),
        ("lymphoma mediastinum", "lymphoma"),
        ("mediastinal lymphoma", "lymphoma"),
        ("prostate bed with nodes", "prostate_nodes"),
        ("prostate bed", "prostate"),
        ("CSI", "craniospinal"),
        ("SBRT to several lesions", "oligometastases"),
        ("anal canal", "pelvis"),
    ],
)
def test_further_sites_are_read(typed: str, site: str) -> None:
    assert Patient(site=typed).site == site


def test_an_unknown_word_offers_the_nearest() -> None:
    with pytest.raises(ScenarioError) as refused:
        site_of("esofagus")
    assert "did you mean esophagus?" in refused.value.hint
    with pytest.raises(ScenarioError, match="none and a drug"):
        chemo_of("no cisplatin")
    with pytest.raises(ScenarioError) as refused:
        chemo_of("cisplatn")
    assert "did you mean cisplatin?" in refused.value.hint
    with pytest.raises(ScenarioError) as refused:
        chemo_of("dexamethasone")
    assert "--steroid" in refused.value.hint


@pytest.mark.parametrize(
    ("typed", "chemo", "drugs"),
    [
        ("Cisplatin 40 mg/m2 weekly", "platinum", ("cisplatin weekly",)),
        ("cisplatin, every 3 weeks", "platinum", ("cisplatin three-weekly",)),
        ("carboplatin-paclitaxel", "platinum", ("carboplatin", "paclitaxel")),
        ("5 FU + mitomycin", "other", ("5-fluorouracil", "mitomycin")),
        ("nab-paclitaxel and gemcitabine", "other", ("nab-paclitaxel", "gemcitabine")),
        ("durvalumab", "none", ("durvalumab",)),
        ("anti-PD-1", "none", ("checkpoint-inhibitor",)),
        ("TMZ + pembrolizumab", "temozolomide", ("temozolomide", "pembrolizumab")),
        ("FOLFOX", "platinum", ("5-fluorouracil", "oxaliplatin", "leucovorin")),
        ("platinum", "platinum", ()),
        ("none", "none", ()),
    ],
)
def test_drugs_keep_their_names_beside_their_class(typed: str, chemo: str, drugs: tuple[str, ...]) -> None:
    who = Patient(chemo=typed)
    assert (who.chemo, who.drugs) == (chemo, drugs)
    assert Patient(**dataclasses.asdict(who)) == who


def test_every_word_for_a_drug_is_read_as_its_own() -> None:
    for name, listed in NAMED.items():
        for words in listed:
            first, *others = words.split()
            assert all(told_drugs(w) == {"chemo": name, "drugs": (first,)} for w in (first, *others)), words


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("none", ()),
        ("not known", None),
        (None, None),
        (4, (Steroid(4.0),)),
        ("dexamethasone 8 mg/d", (Steroid(8.0),)),
        ("4@14..40; 8 @ -3..14", (Steroid(8.0, -3.0, 14.0), Steroid(4.0, 14.0, 40.0))),
        ("8@2026-03-01..2026-03-16", (Steroid(8.0, -1.0, 14.0),)),
        ([{"dexamethasone_mg_d": 2, "from": 7}, "0"], (Steroid(2.0, 7.0),)),
    ],
)
def test_steroids_are_read_as_people_write_them(typed: object, read: object) -> None:
    assert steroid_of(typed, date(2026, 3, 2)) == read
    assert steroid_of(read) == read


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("prednisone 20", "stands for the prednisone"),
        ("4@5..3", "not after its first"),
        ("2@0..9;3@8..10", "overlap"),
        ("4@3", "FROM..TO"),
        ("4000", "micrograms"),
        ("4@2026-03-02..", "first-fraction"),
        ("none;not known", "not known, and known"),
        (True, "no dose"),
        ([True], "no dose"),
        ([{"mg": 4}], "dexamethasone_mg_d"),
        ({"from": 3}, "no dexamethasone_mg_d"),
        ({"dexamethasone_mg_d": None}, "not a number"),
        ({"dexamethasone_mg_d": 4, "from": "soon"}, "neither a day nor a date"),
        ([(8.0, "soon", 3)], "neither a day nor a date"),
        ([(8.0, float("nan"))], "a day = nan is not a number"),
        ("8@0..inf", "neither a day nor a date"),
        ([(8.0, 0.0, 3.0, 4.0)], "no dose"),
        ([()], "no dose"),
    ],
)
def test_steroids_that_are_no_dose_of_dexamethasone_say_why(typed: object, says: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        steroid_of(typed)
    assert says in f"{refused.value.message} {refused.value.hint}"


def test_a_steroid_is_typed_as_it_is_said() -> None:
    for periods in ((Steroid(4.0),), (Steroid(8.0, -3.0, 14.0),), (Steroid(8.0, 2.0),)):
        assert steroid_of(str(periods[0])) == periods
    assert steroid_of([(8.0, "2026-03-09", date(2026, 3, 16))], date(2026, 3, 2)) == (Steroid(8.0, 7.0, 14.0),)


@pytest.mark.parametrize(
    ("field", "given", "says"),
    [
        ("columns", ["=3"], "not NAME=VALUE"),
        ("columns", ["NLR="], "not NAME=VALUE"),
        ("columns", [("NLR",)], "not NAME=VALUE"),
        ("columns", [5], "not NAME=VALUE"),
        ("columns", "NLR=3", "not columns by name"),
        ("columns", 5, "not columns by name"),
        ("columns", ["NLR=3", "nlr = 4"], "nlr is given twice"),
        ("columns", {"NLR": True}, "NLR = True is not a number"),
        ("columns", {"NLR": None}, "NLR = None is not a number"),
        ("subsets", ["CD4=40", "helper=20"], "cd4 is given twice"),
        ("subsets", 40, "no shares by subset"),
        ("subsets", [("cd4",)], "not NAME=PERCENT"),
        ("subsets", [("cd4", -0.4)], "no share of the lymphocytes"),
        ("subsets", [("cd4", None)], "cd4 = None is not a number"),
        ("subsets", {"cd4": None}, "None is not a number"),
        ("drugs", "cisplatin", "not a list of names"),
        ("drugs", (5,), "not a list of names"),
        ("drugs", ("temozolomide",), "drugs temozolomide are temozolomide, and chemo is cisplatin"),
    ],
)
def test_facts_of_several_parts_are_refused_by_the_part(field: str, given: Any, says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as refused:
        Patient(chemo="cisplatin", **{field: given})
    assert refused.value.hint or "None" in says


def test_nothing_said_of_subsets_or_columns_is_not_known() -> None:
    who = Patient(subsets="", columns=[])  # type: ignore[arg-type]
    assert (who.subsets, who.columns) == (None, None)
    assert Patient(subsets=(("cd4", 0.4), ("nk", 0.0)), columns=(("NLR", 3.0),)).subsets == (("cd4", 0.4), ("nk", 0.0))


@pytest.mark.parametrize(
    ("drug", "amount", "unit", "says"),
    [
        ("fludarabine", 300.0, "mg/m2", "ten times"),
        ("fludarabine", 90.0, "mg/m2", "sum of three days"),
        ("cyclophosphamide", 0.5, "mg/m2", "grams"),
        ("cyclophosphamide", 3000.0, "mg/m2", "ten times"),
        ("cyclophosphamide", 600.0, "mg/kg", "ten times"),
        ("bendamustine", 900.0, "mg/m2", "ten times"),
    ],
)
def test_a_dose_of_ten_times_is_named(drug: str, amount: float, unit: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        DrugDose(drug, amount, unit, -5.0)


WRONG: tuple[tuple[str, Any], ...] = (
    ("fractions", 0),
    ("fractions", 5040),
    ("fractions", "30"),
    ("fractions", 1.5),
    ("beam_on_s", 86400.0),
    ("beam_on_s", -1.0),
    ("blood_volume_l", 5000.0),
    ("cardiac_output_l_min", 5000.0),
    ("stages", 0),
    ("lanes", 1000),
    ("draws", 4),
    ("draws", None),
    ("seed", -1),
    ("horizon_d", 1),
    ("first_weekday", 5),
    ("survival", "combind"),
    ("survival", 3),
    ("link_by", "name"),
    ("missing", "zero"),
    ("network", 28),
    ("blood_bounds", 1),
    ("sum_doses", "yes"),
    ("what_if", "Spleen-5Gy"),
    ("organs", ["Spleen"]),
    ("model", 3),
    ("plan", 1),
    ("end_caps", "full"),
    ("blood_engine", "fast"),
    ("shap_plots", None),
    ("blood_engine", 3),
    ("parameters", ["lymphocyte.recovery.half_time"]),
    ("what_if", (3,)),
    ("undrawn", "Spleen"),
    ("undrawn", (3,)),
    ("organs", {"Spleen": 3}),
    ("aliases", {"Spleen": "SPL_v2"}),
    ("aliases", {"Spleen": (3,)}),
    ("aliases", ("Spleen",)),
    ("model_key", 3),
    ("deliver", "A=1-10"),
    ("missed", (3,)),
    ("therapy", {"durvalumab": "day 3"}),
    ("node_role", 3),
    ("first_fraction", "2026-13-01"),
    ("segmentation", 3),
    ("segmentation", (3,)),
    ("labels", 3),
    ("labels", "labels.toml"),
)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_options_say_which_field_is_wrong(name: str, value: Any) -> None:
    with pytest.raises(ScenarioError, match=name.removesuffix("_d") if name != "survival" else "survival"):
        Options(**{name: value})


def test_options_take_a_path_as_text_and_a_date_as_it_is() -> None:
    """What may be typed in two ways is one setting: the same run, the same record."""
    typed = Options(
        model="m", model_key="k.pem", segmentation="masks", labels="labels.toml", first_fraction="2026-03-04"
    )
    given = Options(
        model=Path("m"), model_key=Path("k.pem"), segmentation=(Path("masks"),), labels=Path("labels.toml"),
        first_fraction=date(2026, 3, 4),  # type: ignore[arg-type]
    )  # fmt: skip
    assert typed == given
    assert (given.first_day, given.weekday) == (date(2026, 3, 4), 2)
    assert Options(first_fraction=datetime(2026, 3, 4, 8, 30)) == Options(first_fraction="2026-03-04")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("--site", "toe"), 2, "site 'toe' is unknown"),
        (("--site", "esofagus"), 2, "did you mean esophagus"),
        (("--sex", "x"), 2, "not M or F"),
        (("--survival", "combind"), 2, "did you mean combined"),
        (("--alc", "1", "--alc-unit", "pints"), 2, "unknown unit"),
        (("--alc", "<0.1"), 2, "is a bound"),
        (("--alc", "18.5"), 3, "%"),
        (("--height-cm", "1.75"), 3, "metres"),
        (("--cardiac-output", "5000"), 3, "mL/min"),
        (("--chemo", "cisplatn"), 2, "did you mean cisplatin"),
        (("--steroid", "prednisone 20"), 2, "stands for the prednisone"),
        (("--steroid", "8@2026-03-02.."), 2, "first-fraction"),
    ],
)
def test_the_command_line_says_it_too(
    args: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[plan]\nfractions = 2\n[organs."*"]\nmean_gy = 2.0\n')
    assert run(["analyze", str(plan), *args]) == code
    assert says in capsys.readouterr().err


OTHER_UNITS = [
    ("176 lb", "79.8 kg"),
    ("12,5 stones", "79.4 kg"),
    ("12 st 8", "80 kg"),
    ("69 in", "175 cm"),
    ("1.75 m", "175 cm"),
    ("5'9\"", "175 cm"),
    ("5 ft 9", "175 cm"),
    ("5\u20329\u2033", "175 cm"),
    ("6 feet", "183 cm"),
    ("18 months", "1.5 years"),
    ("88 umol/L", "0.995 mg/dL"),
    ("200 cGy", "2 Gy"),
]


@pytest.mark.parametrize(("text", "meant"), OTHER_UNITS)
def test_a_unit_behind_a_number_is_turned_into_the_one_asked_for(text: str, meant: str) -> None:
    """Never `write 176` for 176 lb."""
    with pytest.raises(ScenarioError) as caught:
        number_from(text, "the value")
    assert meant in caught.value.hint
    assert f"write {text.split()[0]}" not in caught.value.hint
