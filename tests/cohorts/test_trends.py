"""What a cohort shows as a whole: planted drifts and outliers are found, another mix of sites is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphorisk.cohorts import tables
from lymphorisk.cohorts.trends import LOOKED_AT, Agreement, Group, Outlier, Trends, trends_of
from lymphorisk.errors import InputError
from lymphorisk.predict.prediction import NO_BASELINE
from lymphorisk.report.cohort import report
from lymphorisk.report.html import render


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A cohort of made rows."""

    def make(rows: Iterable[Mapping[str, Any]], *, counted: bool = False) -> Path:
        columns = {**tables.PLANS, **(tables.MEASURED if counted else {})}
        writer = tables.Writer(tmp_path / "plans.parquet", columns, parquet=True)
        for row in rows:
            writer.add(row)
        writer.flush()
        writer.close()
        return tmp_path

    return make


def plans(number: int, months: int = 24, seed: int = 1) -> list[dict[str, Any]]:
    """Plans of two sites over months; nothing changes but the share of the sites."""
    rng = np.random.default_rng(seed)
    out = []
    for n in range(number):
        month = n * months // number
        site = "lung" if rng.random() < 0.2 + 0.6 * month / months else "brain"
        out.append(
            {
                "key": f"{n:032x}",
                "patient": f"p{n}",
                "treated": f"{2022 + month // 12}-{month % 12 + 1:02d}",
                "site_inferred": site,
                "modality": "photon",
                "technique": "arc",
                "blood_mean_gy": (3.0 if site == "lung" else 1.0) + 0.1 * rng.standard_normal(),
                "p_g3": float(np.clip(0.3 + 0.05 * rng.standard_normal(), 0, 1)),
                "nadir_median": 0.6 + 0.05 * rng.standard_normal(),
                "lowest_count_p05": 0.3,
                "lowest_count_median": 0.5,
                "lowest_count_p95": 0.9,
                "p_g3_by_counts": 0.5,
                "warnings": n % 2,
                "findings": ["LR402", "LR402"],
            }
        )
    return out


def test_another_mix_of_sites_is_no_drift_and_a_drift_is_one(folder: Callable[..., Path]) -> None:
    rows = plans(480)
    assert not any(m.signal for m in trends_of(folder(rows)).charts[0].months)
    for row in rows:
        row["blood_mean_gy"] += 0.25 * (row["treated"] >= "2023-07")
    signals = [m.month for m in trends_of(folder(rows)).charts[0].months if m.signal]
    assert signals
    assert any(month >= "2023-07" for month in signals)


def test_a_plan_far_from_its_site_is_found_and_not_one_of_another_site(folder: Callable[..., Path]) -> None:
    rows = plans(100)
    brain = next(r for r in rows if r["site_inferred"] == "brain")
    brain["blood_mean_gy"] = 3.0
    (found,) = [o for o in trends_of(folder(rows)).outliers if abs(o.z) > 10]
    assert (found.key, found.site) == (brain["key"], "brain")


def test_forecasts_are_held_against_what_was_counted(folder: Callable[..., Path]) -> None:
    rows = plans(4)
    for row, nadir in zip(rows, (0.5, 0.2, 1.0, 0.1), strict=True):
        row.update(nadir_median=3.0, lowest_count_median=0.6, measured_nadir=nadir, measured_below=nadir == 0.1)
    a = trends_of(folder(rows, counted=True)).agreement
    assert a is not None
    assert (a.plans, a.bias, a.coverage) == (3, pytest.approx(-0.1 / 3), pytest.approx(1 / 3))
    assert sum(events for _, _, events, _ in a.curve) == 2
    assert sum(n for *_, n in a.curve) == 4


def test_the_page_says_what_the_tables_hold(folder: Callable[..., Path]) -> None:
    made = folder(plans(60))
    (made / "quarantine.csv").write_text("key,place,code,what,hint\nabc,1,LR702,RTDOSE missing,export it\n")
    document = report(trends_of(made))
    page = render(document)
    words = ("60 plans of 60 patients", "LR702", "plans with a warning or an error", NO_BASELINE.title)
    for said in (*words, "RTDOSE missing", "Control chart", "lung"):
        assert said in page
    assert document.tables()[0].column("plans") == tuple(str(g.plans) for g in trends_of(made).sites)
    assert all("NaN" not in f.drawing.svg() for f in document.figures())


def test_no_plan_and_no_cohort_are_said(folder: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no plans\.parquet"):
        trends_of(tmp_path)
    assert "0 plans" in render(report(trends_of(folder([]))))


def test_what_few_plans_cannot_show_is_not_said_to_be_absent(folder: Callable[..., Path]) -> None:
    page = render(report(trends_of(folder(plans(1)))))
    for said in ("1 plan of 1 patient;", "There is no control chart", "No site has 8 plans"):
        assert said in page
    for said in ("No drift", "No plan lies far"):
        assert said not in page


def test_a_column_without_values_or_without_spread_has_no_outlier(folder: Callable[..., Path]) -> None:
    rows = plans(60)
    for row in rows:
        row.update(nadir_median=0.6, p_g3=None, p_g3_by_counts=None, measured_nadir=None)
    found = trends_of(folder(rows, counted=True))
    assert {g.quartiles["p_g3"] for g in found.sites} == {None}
    assert all(g.quartiles["nadir_median"] == (0.6, 0.6, 0.6) for g in found.sites)
    assert not {o.name for o in found.outliers} & {name for column, name, _ in LOOKED_AT if column != "blood_mean_gy"}


def test_the_page_tells_a_quiet_cohort_from_one_out_of_control(folder: Callable[..., Path]) -> None:
    rows = plans(480)
    for row in rows:
        row.update(site_inferred="brain", blood_mean_gy=1.0 + 0.01 * (int(row["key"], 16) % 3))
    quiet = render(report(trends_of(folder(rows))))
    assert "No drift in" in quiet
    assert "Mean blood dose: out of control" not in quiet
    assert "No plan lies far from the others of its site" in quiet
    for row in rows:
        row["blood_mean_gy"] += 0.25 * (row["treated"] >= "2023-07")
    drifting = render(report(trends_of(folder(rows))))
    assert "Out of control: " in drifting
    assert "Mean blood dose: out of control" in drifting
    assert "No drift in" not in drifting


SEVERITY_AND_TITLE = """
import sys
from pathlib import Path
from lymphorisk.cohorts.trends import LOOKED_AT, Agreement, Group, Outlier, Trends, trends_of
from lymphorisk.report.cohort import report

(table,) = (t for t in report(trends_of(Path(sys.argv[1]))).tables() if t.caption.startswith("Findings"))
print(table.column("Severity")[0], "|", table.column("What it is")[0])
"""


def test_every_code_of_the_page_has_its_severity_and_title(folder: Callable[..., Path]) -> None:
    """Rows name codes only: the rooms that raise them have not been entered in a fresh process."""
    run = [sys.executable, "-c", SEVERITY_AND_TITLE, str(folder(plans(12)))]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    assert said == f"{NO_BASELINE.severity} | {NO_BASELINE.title}"


def test_each_cell_of_the_page_is_the_number_its_head_names() -> None:
    """Made by hand, no two numbers alike."""
    spread = {column: (0.1 * i + 1, 0.1 * i + 2, 0.1 * i + 3) for i, (column, _, _) in enumerate(LOOKED_AT)}
    curve = ((0.15, 0.25, 3, 12), (0.65, 0.55, 7, 13))
    t = Trends(
        plans=40, patients=31, sites=(Group("lung", 29, spread), Group("brain", 11, dict.fromkeys(spread))),
        techniques=(), systems={"TPS 1": 40}, verdicts={"PASS": 5}, agreement=Agreement(25, -0.07, 0.19, 0.88, curve),
        findings={"LR402": 10}, outliers=(Outlier("k1", "lung", "mean blood dose", 4.5, 2.25, 6.7),), charts=(),
        warned=9, quarantine=({"key": "k2", "place": "1", "code": "LR702", "what": "no dose", "hint": "export"},),
        noticed=(),
    )  # fmt: skip
    document = report(t)
    tables_of = {table.caption: table for table in document.tables()}

    def rows(caption: str) -> list[list[str]]:
        return [[cell.text for cell in row] for row in tables_of[caption].rows]

    quartiles = [f"{q[1]:.3g} ({q[0]:.3g} to {q[2]:.3g})" for q in spread.values()]
    assert rows("By site: median (quartiles)") == [["lung", "29", *quartiles], ["brain", "11", *["–"] * len(spread)]]
    assert rows("Calibration of grade 3 or worse") == [["0.15", "0.25", "3", "12"], ["0.65", "0.55", "7", "13"]]
    assert rows("Outliers") == [["k1", "lung", "mean blood dose", "4.5", "2.25", "+6.7"]]
    assert rows("Findings of the plans")[0][:4] == ["LR402", "warning", "10", "25%"]
    assert rows("Plans that gave no row")[0] == ["LR702", "k2", "no dose", "export"]
    assert rows("Planning systems, as the plan files say") == [["TPS 1", "40"]]
    page = render(document)
    said = "Lowest count minus the forecast of it over 25 plans: mean -0.07, mean absolute 0.19 "
    assert said in page
    assert document.lead[0] == "40 plans of 31 patients; in quarantine: 1."
    assert document.lead[1] == "88% of 25 lowest counts lie in the 90 % band of their forecast."
