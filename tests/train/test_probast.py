"""A model's own judgement of its risk of bias: every domain, by what its card holds, and honest about simulation."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from lymphorisk import predict
from lymphorisk.analysis.risk import shipped_models
from lymphorisk.cli.main import cli
from lymphorisk.train.probast import APPLIES, DEVELOPMENT, DOMAINS, EVALUATION, HIGH, LOW, NOTE, UNCLEAR, judged

FOLDER = shipped_models()
assert FOLDER is not None
SHIPPED = sorted(path.parent.name for path in Path(FOLDER).glob("*/card.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_is_shown_with_every_domain_and_stays_readable(name: str) -> None:
    done = CliRunner().invoke(cli, ["model", "card", name])
    assert done.exit_code == 0
    assert NOTE in done.output
    rows = tomllib.loads(done.output)["probast"]
    assert [(r["part"], r["domain"]) for r in rows] == [
        *((part, domain) for part in (DEVELOPMENT, EVALUATION) for domain in DOMAINS),
        *((APPLIES, domain) for domain in DOMAINS[:3]),
    ]
    assert {r["concern"] for r in rows} <= {LOW, HIGH, UNCLEAR}


def test_a_model_of_simulated_patients_never_calls_its_patients_low() -> None:
    assert SHIPPED
    for name in SHIPPED:
        rows = {(j.part, j.domain): j for j in judged(predict.load(Path(FOLDER) / name).card)}  # type: ignore[arg-type]
        for part in (DEVELOPMENT, EVALUATION, APPLIES):
            assert rows[part, DOMAINS[0]].concern == HIGH


def test_a_clinics_own_model_is_unclear_where_its_file_says_nothing_and_high_with_too_few() -> None:
    card = copy.deepcopy(dict(predict.load(Path(FOLDER) / SHIPPED[0]).card))  # type: ignore[arg-type]
    card["model"] = {**card["model"], "trained_on": "a cohort"}
    own = {(j.part, j.domain): j.concern for j in judged(card)}
    assert own[DEVELOPMENT, DOMAINS[0]] == UNCLEAR
    assert own[DEVELOPMENT, DOMAINS[3]] == LOW
    card["tripod"] = [
        {**row, "answer": "g3: 90 patients: NOT met"} if row["item"] == "10" else row for row in card["tripod"]
    ]
    few = {(j.part, j.domain): j.concern for j in judged(card)}
    assert few[DEVELOPMENT, DOMAINS[3]] == HIGH
