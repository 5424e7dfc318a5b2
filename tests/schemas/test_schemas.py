"""Every JSON result fits its schema, refusals too; a key that is renamed or gone, and one that nobody told, do not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from lymphorisk import Options, compare, plain, schemas
from lymphorisk.cli.main import cli, run
from lymphorisk.cli.schema import FILES
from lymphorisk.errors import InputError
from lymphorisk.report import comparison

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "fixtures" / "scenarios"
ZERO = SCENARIOS / "zero_dose.toml"
#: Two fractions to two organs: blood is solved in a moment.
SMALL = """
[plan]
label = "A plan"
fractions = 2
[organs]
Spleen = { mean_gy = 4.0 }
Body = { mean_gy = 1.0 }
"""
QUICK = ("--draws", 64, "--horizon", 60)
FACTS = ("--alc", 1.4, "--age", 61, "--lln", 1.0)

SUMMARY = [
    "mean_gy", "sd_gy", "v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5", "d2_gy", "surviving", "dose_gy",
    "volume_fraction_cumulative", "by_organ",
]  # fmt: skip
BLOOD = {
    "": ["engine", "network", "fraction", "course", "edic"],
    "fraction": SUMMARY,
    "course": SUMMARY,
    "edic": ["edic_gy", "edric_gy"],
}
#: The keys that other programs rely on: results may gain keys, never lose one of these.
INTERFACE: dict[str, dict[str, list[str]]] = {
    "analyze": {
        "": [
            "schema", "inputs", "patient", "organs", "blood", "alc", "risk", "explanation", "physics_attribution",
            "findings", "provenance",
        ],
        "organs.*": ["roi", "source", "mean_gy", "sd_ln", "landmarks"],
        "blood": BLOOD[""],
        "blood.fraction": SUMMARY,
        "blood.course": SUMMARY,
        "blood.edic": BLOOD["edic"],
        "alc": [
            "day", "median", "p05", "p25", "p75", "p95", "nadir", "days_below_0_5", "days_below_0_2",
            "grade_probability",
        ],
        "alc.nadir": ["median", "p05", "p95", "day"],
        "alc.grade_probability": ["2", "3", "4"],
        "risk": ["mechanistic", "learned", "literature"],
        "risk.mechanistic": ["g3", "g4"],
        "risk.learned": ["g3", "g4", "interval", "in_domain"],
        "risk.literature.*": ["name", "outcome"],
        "explanation": ["groups", "features", "base"],
        "findings.*": ["code", "severity", "what", "where", "hint"],
    },
    "blood": {**BLOOD, "": ["schema", *BLOOD[""], "findings"]},
    "dvh": {
        "": ["schema", "plan", "structures"],
        "plan": ["fractions", "sop_uids"],
        "structures.*": [
            "number", "name", "tg263", "volume_cm3", "coverage", "mean_gy", "min_gy", "max_gy", "dose_gy",
            "volume_cm3_cumulative", "metrics",
        ],
    },
}  # fmt: skip


@cache
def validator(name: str) -> Draft202012Validator:
    made = schemas.schema(name)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def name_of(result: dict[str, Any]) -> str:
    found = re.fullmatch(r"lymphorisk/([a-z-]+)/1", result["schema"])
    assert found is not None, result["schema"]
    return found[1]


def fits(result: dict[str, Any]) -> None:
    fault = best_match(validator(name_of(result)).iter_errors(result))
    assert fault is None, f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that holds the small plan, to work in."""
    made = tmp_path_factory.mktemp("schemas")
    (made / "small.toml").write_text(SMALL)
    (made / "more.toml").write_text(SMALL.replace("4.0", "6.0"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        yield made


def printed(capsys: pytest.CaptureFixture[str], *args: object) -> dict[str, Any]:
    capsys.readouterr()
    run([str(a) for a in args])
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def commands(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        elif command is not None:
            yield "-".join((*before, name)), command


def test_every_command_that_writes_json_has_a_schema() -> None:
    writing = {name for name, c in commands(cli) if any("--json" in p.opts for p in c.params)}
    assert writing <= set(schemas.names())
    assert set(schemas.names()) - writing == {"blood-sweep", "conditioning-update", "pack", "pool"}


def test_every_schema_named_in_the_code_is_there() -> None:
    source = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "lymphorisk").rglob("*.py"))
    named = set(re.findall(r'"lymphorisk/([a-z-]+)/1"', source)) - {"protocol"}  # a file a person writes
    assert named <= set(schemas.names())


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


@pytest.mark.parametrize("name", [*schemas.names(), schemas.COMMON])
def test_every_object_is_closed_or_a_table_of_one_kind(name: str) -> None:
    """An object tells all of its keys, or is a table whose names are data; so no key slips in or out untold."""
    read = json.loads((schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for node in nodes(read):
        if node.get("type") != "object":
            continue
        assert "additionalProperties" in node, node
        if node["additionalProperties"] is False:
            assert set(node.get("required", ())) <= set(node["properties"])
            assert node.get("required"), node


REFUSED = (
    ("check", "no such plan", "--protocol", "esophagus", "--json"),
    ("check", "no such plan", "neither", "--protocol", "esophagus", "--json"),
    ("check", ZERO, "--protocol", "no such protocol", "--json"),
    ("check", ZERO, "--protocol", "esophagus", "--missing", "refuse", "--json"),
    ("check", "small.toml", "no such plan", "--protocol", "lung", *QUICK, "--json"),
    ("check", "small.toml", "--protocol", "lung", *QUICK, "--json"),
    ("blood", ZERO, "--json"),
)
WRITTEN = (
    ("blood", "small.toml", "--engine", "resident", "--json"),
    ("inspect", "small.toml", "--json"),
    ("conditioning", "--product", "axi-cel", "--alc", 0.8, "--draws", 32, "--json"),
    ("organs", "--json"),
    ("parameters", "--json"),
    ("cite", "--json"),
    ("explain", "--json"),
    ("model", "list", "--json"),
)


@pytest.mark.parametrize("args", [*WRITTEN, *REFUSED], ids=lambda args: " ".join(map(str, args))[:60])
def test_a_result_fits_its_schema(args: tuple[object, ...], capsys: pytest.CaptureFixture[str]) -> None:
    fits(printed(capsys, *args))


def test_a_comparison_fits_its_schema() -> None:
    made = compare("small.toml", "more.toml", options=Options(draws=64, horizon_d=60))
    fits(json.loads(plain.dumps(comparison.to_dict([made], ["a", "b"]))))


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, dict[str, Any]]:
    """One result of each kind the interface lists."""
    runner = CliRunner()

    def result(*args: object) -> dict[str, Any]:
        done = runner.invoke(cli, [str(a) for a in args])
        assert done.exit_code == 0, done.output
        read: dict[str, Any] = json.loads(done.stdout)
        return read

    plan = ROOT / "fixtures" / "rtplans" / "brain"
    return {
        "analyze": result("analyze", "small.toml", *QUICK, *FACTS, "--what-if", "Spleen-1Gy", "--curves", "--json"),
        "blood": result("blood", "small.toml", "--json"),
        "dvh": result("dvh", plan, "--structure", "Brain", "--json"),
    }


@pytest.mark.parametrize("name", INTERFACE)
def test_a_result_of_each_kind_fits(name: str, results: dict[str, dict[str, Any]]) -> None:
    fits(results[name])


def test_an_update_fits_its_schema(
    folder: Path, results: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "result.json").write_text(json.dumps(results["analyze"]))
    fits(printed(capsys, "update", "result.json", "--alc", "7=1.1", "--json"))


@pytest.fixture(scope="module")
def short(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same with curves of three numbers: faults are planted in the keys, many times."""
    return {name: shortened(result) for name, result in results.items()}


def shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: shortened(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shortened(v) for v in (value[:3] if value and isinstance(value[0], float) else value)]
    return value


def at(result: Any, place: str) -> Any:
    """The object at a dotted place; `*` is the first of a list or table."""
    for step in filter(None, place.split(".")):
        result = (
            (result[0] if isinstance(result, list) else next(iter(result.values()))) if step == "*" else result[step]
        )
    return result


LISTED = [(name, place, key) for name, places in INTERFACE.items() for place, keys in places.items() for key in keys]


@pytest.mark.parametrize(("name", "place", "key"), LISTED, ids=lambda part: part or "top")
def test_a_key_of_the_interface_that_is_gone_is_a_fault(
    name: str, place: str, key: str, short: dict[str, dict[str, Any]]
) -> None:
    checks = validator(name)
    gone = copy.deepcopy(short[name])
    del at(gone, place)[key]
    assert not checks.is_valid(gone)


@pytest.mark.parametrize(("name", "place"), [(name, place) for name, places in INTERFACE.items() for place in places])
def test_a_key_nobody_told_of_is_a_fault(name: str, place: str, short: dict[str, dict[str, Any]]) -> None:
    more = copy.deepcopy(short[name])
    at(more, place)["mean_cgy"] = 1.0
    assert not validator(name).is_valid(more)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("alc.nadir.median", "0.4"),
        ("risk.mechanistic.g3", 62.0),
        ("risk.mechanistic.g3", None),
        ("organs.*.source", "guessed"),
        ("organs.*.mean_gy", None),
        ("blood.course.v_gt_0", 101.0),
        ("schema", "lymphorisk/analyze/2"),
        ("risk.learned", None),
    ],
)
def test_a_value_of_another_kind_is_a_fault(place: str, value: object, short: dict[str, dict[str, Any]]) -> None:
    wrong = copy.deepcopy(short["analyze"])
    *above, key = place.split(".")
    at(wrong, ".".join(above))[key] = value
    assert not validator("analyze").is_valid(wrong)


def test_a_number_that_is_missing_needs_its_reason(short: dict[str, dict[str, Any]]) -> None:
    wrong = copy.deepcopy(short["blood"])
    assert wrong["edic"]["reasons"]
    wrong["edic"]["reasons"] = {}
    assert not validator("blood").is_valid(wrong)


def test_the_command_prints_a_schema_that_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "schema", "dvh") == schemas.schema("dvh")
    assert run(["schema"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*schemas.names(), *FILES]
    assert run(["schema", "anything"]) == 2
    with pytest.raises(InputError, match="anything"):
        schemas.schema("anything")


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan", sorted(p.parent for p in (ROOT / "fixtures" / "rtplans").glob("*/case.toml")), ids=lambda p: p.name
)
def test_results_of_every_fixture_plan_fit(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args in (("analyze", plan, *QUICK), ("dvh", plan, "--crosscheck"), ("inspect", plan), ("blood", plan)):
        fits(printed(capsys, *args, "--json"))
    fits(printed(capsys, "check", plan, "--protocol", "auto", *QUICK, "--json"))


@pytest.mark.slow
def test_training_and_validation_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohorts = ROOT / "fixtures" / "cohorts"
    model = tmp_path / "mine"
    fits(printed(capsys, "train", cohorts / "two_centres.csv", "--out", model, "--json"))
    judged = ("--recalibrate", tmp_path / "ours", "--record", tmp_path / "judged")
    fits(printed(capsys, "evaluate", model, cohorts / "other_hospital.csv", *judged, "--json"))


@pytest.mark.slow
def test_a_sweep_fits(capsys: pytest.CaptureFixture[str]) -> None:
    fits(printed(capsys, "blood", "small.toml", "--sweep", "beam-on=1:600", "--json"))


@pytest.mark.slow
def test_counts_update_a_conditioning_result_that_fits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    regimen = ROOT / "fixtures" / "regimens" / "low_dose_tbi.toml"
    run(["conditioning", str(regimen), "--draws", "32", "--infusion-date", "2026-03-10", "--out", "result.json"])
    capsys.readouterr()
    fits(printed(capsys, "update", "result.json", "--alc=-2=0.3", "--json"))


@pytest.mark.slow
def test_a_search_fits(capsys: pytest.CaptureFixture[str]) -> None:
    regimen = ROOT / "fixtures" / "regimens" / "flucy_after_bridging.toml"
    fits(printed(capsys, "conditioning", regimen, "--search", "--draws", 32, "--json"))
