"""Structures and dose without a plan file: a DVH needs no number of fractions, everything else says that it does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lymphorisk.analysis.dvhs import structure_dvhs
from lymphorisk.analysis.options import Options
from lymphorisk.cli.main import cli
from lymphorisk.dvh import DVH
from lymphorisk.errors import InputError, LinkError

LUNG = Path(__file__).parents[2] / "fixtures" / "rtplans" / "lung"


@pytest.fixture(scope="module")
def no_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("no_plan")
    for name in ("RS.dcm", "RD.dcm"):
        shutil.copy(LUNG / name, folder / name)
    return folder


def test_the_curves_are_those_with_the_plan(no_plan: Path) -> None:
    alone, whole = (structure_dvhs(folder, Options(), ["Heart"]) for folder in (no_plan, LUNG))
    ours, theirs = alone.structures[0].curve, whole.structures[0].curve
    assert isinstance(ours, DVH)
    assert isinstance(theirs, DVH)
    assert ours.mean_gy == theirs.mean_gy
    assert ours.volume_cm3.tolist() == theirs.volume_cm3.tolist()
    assert alone.fractions is None
    assert "LR046" in {f.code for f in alone.findings}


def test_inspect_says_what_is_not_known(no_plan: Path) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(no_plan), "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["plan"]["fractions"] is None
    assert "LR046" in {f["code"] for f in told["findings"]}


def test_a_metric_per_fraction_is_not_answered(no_plan: Path) -> None:
    from lymphorisk.report.dvh import to_dict

    table = structure_dvhs(no_plan, Options(), ["Heart"], alpha_beta_gy=3.0)
    assert isinstance(to_dict(table, ["Mean[Gy]"])["structures"][0]["metrics"]["Mean[Gy]"], float)
    with pytest.raises(InputError, match="number of fractions"):
        to_dict(table, ["D2cc[EQD2]"])


def test_what_needs_fractions_says_so(no_plan: Path) -> None:
    from lymphorisk.analysis.prepared import prepare

    with pytest.raises(LinkError, match="number of fractions") as refused:
        prepare(no_plan)
    assert "--fractions" in refused.value.hint
