"""Schemas of the files people write: what our readers take they take, what those refuse of one key they refuse."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jsonschema")

from jsonschema import Draft202012Validator, ValidationError

from lymphorisk.cli.main import run
from lymphorisk.cli.schema import FILES, of_file
from lymphorisk.errors import InputError
from lymphorisk.qa import toml_protocol
from lymphorisk.regimen import read_regimen
from lymphorisk.scenario import read_scenario
from lymphorisk.settings import read_clinic

ROOT = Path(__file__).parents[2]
READ: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "scenario": ("fixtures/scenarios", read_scenario),
    "regimen": ("fixtures/regimens", lambda path: read_regimen(path, lambda other: None)),
    "protocol": ("lymphorisk/qa/protocols", lambda path: toml_protocol.loads(path.read_text(encoding="utf-8"))),
}
OWN = [(kind, path) for kind, (folder, _) in READ.items() for path in sorted((ROOT / folder).glob("*.toml"))]


def judge(kind: str) -> Draft202012Validator:
    made = of_file(kind)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


@pytest.mark.parametrize(("kind", "path"), OWN, ids=[f"{k}-{p.stem}" for k, p in OWN])
def test_every_file_that_comes_along_is_of_its_schema(kind: str, path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    judge("scenario" if kind == "regimen" and "conditioning" not in table else kind).validate(table)


def test_the_file_that_init_writes_is_of_its_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    text = (tmp_path / "lymphorisk.toml").read_text(encoding="utf-8")
    said = "\n".join(
        line for line in text.splitlines() if not line.startswith(("# lymphorisk", "# Found", "# An", "# `"))
    )
    uncommented = re.sub(r"(?m)^# (?=\[|[\w\"]+ = )", "", said)
    table = tomllib.loads(uncommented)
    assert {"organs", "counts", "receiver", "sender", "page"} <= set(table)
    judge("clinic").validate(table)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("clinic", "[receiver]\nport = 70000"),
        ("clinic", "[receiver]\nprot = 104"),
        ("clinic", "[analysis]\nmissing = 'none'"),
        ("clinic", "[counts]\nlln = '1,0'"),
        ("scenario", "[plan]\nfractions = 20000\n[organs.Body]\nmean_gy = 1.0"),
        ("scenario", "[plan]\nfractions = 2\n[organs.Body]\nmean_gy = 6000.0"),
        ("scenario", "[plan]\nschedule = 'often'\n[organs.Body]\nmean_gy = 1.0"),
        ("scenario", "[plan]\nfractions = 2\n[organs.Body]\nmean = 1.0"),
        ("regimen", "[[conditioning.drug]]\nday = -3"),
        ("regimen", "name = 'no table of conditioning'"),
        ("protocol", "name = 'no lines'"),
        ("protocol", "[[line]]\nstructure = 'Spleen'"),
        ("protocol", "[[line]]\nmetric = 'Mean[Gy]'\nstructure = 'Spleen'\nneeds = 'magic'"),
    ],
)
def test_what_a_reader_refuses_of_a_key_its_schema_refuses(kind: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    reader = {**{k: r for k, (_, r) in READ.items()}, "clinic": read_clinic}[kind]
    with pytest.raises(InputError):
        reader(path)
    with pytest.raises(ValidationError):
        judge(kind).validate(tomllib.loads(text))


def test_units_and_ranges_stand_beside_the_keys() -> None:
    port = of_file("clinic")["$defs"]["Receiver"]["properties"]["port"]
    assert (port["minimum"], port["maximum"], port["default"]) == (1, 65535, 11112)
    weight = json.dumps(of_file("patient")["$defs"]["PatientTable"]["properties"]["weight_kg"])
    assert '"kg"' in weight
    assert '"minimum"' in weight


def test_every_kind_is_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    listed = capsys.readouterr().out
    for name, (_, _, title) in FILES.items():
        assert re.search(rf"^{name} +{re.escape(title)}$", listed, re.MULTILINE)
        assert run(["schema", name]) == 0
        assert json.loads(capsys.readouterr().out) == of_file(name)
    assert run(["schema", "clinics"]) == 2
    assert run(["doctor"]) == 0
    assert f"ok    schemas of files: {', '.join(FILES)}" in capsys.readouterr().out
