"""The count over time as a table is the forecast, day by day."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lymphorisk.cli.main import cli
from lymphorisk.outputs.kinds import TRAJECTORY_HEAD

PLAN = """
[plan]
days = [0, 1, 1.25, 4]
prescription_gy = 8
[organs]
Spleen = { mean_gy = 6.0 }
LN = { mean_gy = 3.0 }
Body = { mean_gy = 0.5 }
"""


def test_every_row_is_a_day_of_the_result(tmp_path: Path) -> None:
    plan, table, result = tmp_path / "plan.toml", tmp_path / "count.csv", tmp_path / "result.json"
    plan.write_text(PLAN, encoding="utf-8")
    args = ["analyze", str(plan), "--alc", "1.5", "--draws", "64", "--horizon", "40", "--trajectory", str(table)]
    for more in (["--out", str(result)], []):
        assert CliRunner().invoke(cli, [*args, *more]).exit_code == 0
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == TRAJECTORY_HEAD.split(",")
    alc = json.loads(result.read_text(encoding="utf-8"))["alc"]
    assert [float(r["day"]) for r in rows] == alc["day"]
    for name in ("p05", "p25", "median", "p75", "p95"):
        assert [float(r[f"alc_{name}"]) for r in rows] == pytest.approx(alc[name], rel=1e-5)
    for name in ("p05", "median", "p95"):
        assert [float(r[f"measured_{name}"]) for r in rows] == pytest.approx(alc["measured"][name], rel=1e-5)
    assert [float(r["over_baseline"]) * 1.5 for r in rows] == pytest.approx(alc["median"], rel=1e-5)
    assert [int(r["fractions"]) for r in rows[:6]] == [1, 2, 0, 0, 1, 0]
    assert sum(int(r["fractions"]) for r in rows) == 4


def test_an_existing_table_of_another_program_is_kept(tmp_path: Path) -> None:
    plan, table = tmp_path / "plan.toml", tmp_path / "count.csv"
    plan.write_text(PLAN, encoding="utf-8")
    table.write_text("mine\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["analyze", str(plan), "--alc", "1.5", "--trajectory", str(table)])
    assert done.exit_code != 0
    assert table.read_text(encoding="utf-8") == "mine\n"
