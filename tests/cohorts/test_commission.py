"""A site's own plans through the checklist: what is apart, outside, assumed or refused stands on the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.cohorts.commission import commission
from lymphorisk.errors import InputError
from lymphorisk.report.commission import apart, checklist, report
from lymphorisk.report.html import render


def test_a_folder_without_plans_is_none_and_a_plan_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "s" / "failed").mkdir(parents=True)
    made = commission(tmp_path / "s")
    assert [f.code for f in made.refused] == ["LR702"]
    assert run(["commission", str(tmp_path / "s"), "--report", str(tmp_path / "c.html")]) == 3
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "0 plans checked; could not be checked: 1." in page
    assert "LR702" in page


@pytest.mark.slow
def test_each_plan_is_checked_alike(tmp_path: Path, rtplans: Path) -> None:
    shutil.copytree(rtplans / "brain", tmp_path / "s" / "brain")
    (tmp_path / "s" / "empty").mkdir()
    made = commission(tmp_path / "s")
    (checked,) = made.checked
    assert (len(made.refused), checked.table.fractions) == (1, 30)
    table = checklist(made.checked)
    assert table.column("DVHs apart") == (str(apart(checked)),)
    assert table.column("structures") == (str(len(checked.table.crosscheck)),)
    page = render(report(made))
    for said in ("Signatures", "Cross-check", "dicompyler-core", "beam-on", "1 plan checked; could not be checked: 1."):
        assert said in page


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        commission(tmp_path / "nothing")
