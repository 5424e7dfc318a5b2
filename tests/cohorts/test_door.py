"""A cohort as a library gives it: lazy, the same tables as the command's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lymphorisk
from lymphorisk.cohorts import engine
from lymphorisk.errors import InputError


def test_a_cohort_is_a_lazy_table(tmp_path: Path, small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "outcome_of", lambda task, recipe: small.outcome(task.key, int(task.key[:2], 16)))
    source = small.sources(tmp_path / "s", 4)
    (source / "empty").mkdir()
    plans = lymphorisk.cohort(source, out=tmp_path / "o", workers=0)
    assert len(plans) == 4
    assert "plans" in repr(plans)
    frame = plans.to_frame(columns=["nadir_median"])
    assert frame.index.name == "key"
    assert list(frame.columns) == ["nadir_median"]
    lazy = plans.table()
    assert type(lazy).__module__.startswith("dask")
    assert lazy["nadir_median"].mean().compute() == pytest.approx(frame["nadir_median"].mean())
    assert list(plans.to_frame("quarantine")["code"]) == ["LR701"]
    metrics = plans.to_frame("metrics", columns=["key", "value"])
    assert sorted(metrics["key"]) == sorted(frame.index)
    assert list(metrics.columns) == ["key", "value"]
    again = lymphorisk.cohort(out=tmp_path / "o")
    assert again == plans
    with pytest.raises(InputError, match="no table 'counts'"):
        plans.to_frame("counts")


def test_a_folder_without_a_cohort_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no cohort"):
        lymphorisk.cohort(out=tmp_path)
