"""What a cohort shows as a whole: groups, forecast against counts, findings, outliers, control charts.

References
----------
Shewhart WA. Economic control of quality of manufactured product. Van Nostrand 1931: limits three standard errors from
the mean, from the spread within the subgroups.
Nelson LS. The Shewhart control chart: tests for special causes. J Qual Technol 1984;16:237-239: nine points in a row on
one side of the mean.
Iglewicz B, Hoaglin DC. How to detect and handle outliers. ASQC 1993: modified z above 3.5.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lymphorisk.cohorts.tables import read_csv, read_rows
from lymphorisk.errors import InputError
from lymphorisk.lymphocyte.grade import GRADE_BELOW

#: What groups, outliers and charts look at: column, name, unit.
LOOKED_AT = (
    ("blood_mean_gy", "mean blood dose", "Gy"),
    ("p_g3", "probability of grade 3 or worse", ""),
    ("nadir_median", "nadir", "10⁹/L"),
)
CHARTS = LOOKED_AT[:2]
COLUMNS = ("key", "patient", "treated", "planning_system", "technique", "modality", "site", "site_inferred")
FORECAST = ("nadir_median", "p_g3", "blood_mean_gy", "findings", "errors", "warnings", "verdict")
#: What the forecast says of weekly counts: counts that were measured are held against these, not against the course.
BY_COUNTS = ("lowest_count_p05", "lowest_count_median", "lowest_count_p95", "p_g3_by_counts")
MEASURED = ("measured_nadir", "measured_below")
#: Modified z beyond which a value is looked at, and the factor that makes the median deviation a standard deviation.
OUTLYING, MAD_TO_SD = 3.5, 0.6745
#: A group of fewer has no spread to be outside of.
LEAST = 8
#: Standard errors between the mean and the limits of a chart; points in a row on one side that are no chance.
SIGMAS, RUN = 3.0, 9
#: Groups of predicted risk that the calibration is shown by.
TENTHS = 5
UNKNOWN = "not known"
#: A row a plan.
PLANS = "plans.parquet"


@dataclass(frozen=True, slots=True)
class Group:
    """Plans of one site or technique: number, and quartiles of each looked-at number."""

    name: str
    plans: int
    quartiles: Mapping[str, tuple[float, float, float] | None]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Forecast of the lowest weekly count against the lowest that was counted.

    Attributes
    ----------
    plans : int
        With a forecast and a lowest count (not only bounded).
    bias, error : float
        Mean and mean absolute difference, measured minus median forecast. [10^9/L]
    coverage : float
        Share of lowest counts inside the 90 % band.
    curve : tuple of (float, float, int, int)
        By group of predicted risk of grade 3: mean predicted, observed share, events, plans.
    """

    plans: int
    bias: float
    error: float
    coverage: float
    curve: tuple[tuple[float, float, int, int], ...]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A plan far from the others of its site."""

    key: str
    site: str
    name: str
    value: float
    median: float
    z: float


@dataclass(frozen=True, slots=True)
class Month:
    """One point of a chart: month, mean difference from the site's mean, limits, plans, and what is out of control."""

    month: str
    mean: float
    low: float
    high: float
    plans: int
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A control chart by month of treatment; `reason` where there is none."""

    name: str
    unit: str
    months: tuple[Month, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trends:
    """A cohort as a whole."""

    plans: int
    patients: int
    sites: tuple[Group, ...]
    techniques: tuple[Group, ...]
    systems: Mapping[str, int]
    verdicts: Mapping[str, int]
    agreement: Agreement | None
    findings: Mapping[str, int]
    outliers: tuple[Outlier, ...]
    charts: tuple[Chart, ...]
    warned: int
    quarantine: tuple[Mapping[str, str], ...]
    noticed: tuple[Mapping[str, str], ...]


def trends_of(folder: Path) -> Trends:
    """What the tables of a cohort show.

    Raises
    ------
    InputError
        The folder holds no cohort.
    """
    path = folder / PLANS
    if not path.is_file():
        raise InputError(f"{folder.name} holds no {PLANS}", "lymphorisk cohort SOURCE... --out DIR makes it")
    rows = list(read_rows(path, [*COLUMNS, *FORECAST, *BY_COUNTS, *MEASURED]))
    for row in rows:
        row["group"] = row["site_inferred"] or row["site"] or UNKNOWN
    codes = Counter(code for row in rows for code in set(row["findings"] or ()))
    return Trends(
        plans=len(rows),
        patients=len({row["patient"] for row in rows}),
        sites=_groups(rows, lambda r: str(r["group"])),
        techniques=_groups(rows, lambda r: f"{r['modality']}, {r['technique'] or UNKNOWN}"),
        systems=_counted(r["planning_system"] or UNKNOWN for r in rows),
        verdicts=_counted(r["verdict"] for r in rows if r["verdict"]),
        agreement=_agreement(rows),
        findings=dict(sorted(codes.items(), key=lambda c: (-c[1], c[0]))),
        outliers=_outliers(rows),
        charts=tuple(_chart(rows, *looked) for looked in CHARTS),
        warned=sum(bool(row.get("errors") or row.get("warnings")) for row in rows),
        quarantine=read_csv(folder / "quarantine.csv"),
        noticed=read_csv(folder / "noticed.csv"),
    )


def _counted(values: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda c: (-c[1], c[0])))


def _known(rows: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    return [float(r[column]) for r in rows if r.get(column) is not None]


def _groups(rows: Sequence[Mapping[str, Any]], of: Callable[[Mapping[str, Any]], str]) -> tuple[Group, ...]:
    """Groups, the largest first."""
    by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by[of(row)].append(row)
    made = (
        Group(name, len(group), {column: _quartiles(_known(group, column)) for column, _, _ in LOOKED_AT})
        for name, group in by.items()
    )
    return tuple(sorted(made, key=lambda g: (-g.plans, g.name)))


def _quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if not values:
        return None
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


def _agreement(rows: Sequence[Mapping[str, Any]]) -> Agreement | None:
    counted = [r for r in rows if r.get("measured_nadir") is not None and r["lowest_count_median"] is not None]
    exact = [r for r in counted if not r["measured_below"]]
    if not exact:
        return None
    differences = np.array([r["measured_nadir"] - r["lowest_count_median"] for r in exact])
    inside = [r["lowest_count_p05"] <= r["measured_nadir"] <= r["lowest_count_p95"] for r in exact]
    return Agreement(
        len(exact),
        float(differences.mean()),
        float(np.abs(differences).mean()),
        float(np.mean(inside)),
        _curve([(r["p_g3_by_counts"], event) for r in counted if (event := _severe(r)) is not None]),
    )


def _severe(row: Mapping[str, Any]) -> bool | None:
    """Whether the measured nadir was grade 3 or worse; None where a bound does not tell."""
    value = row["measured_nadir"]
    if row["measured_below"]:
        return True if value <= GRADE_BELOW[3] else None
    return bool(value < GRADE_BELOW[3])


def _curve(pairs: Sequence[tuple[float, bool]]) -> tuple[tuple[float, float, int, int], ...]:
    if not pairs:
        return ()
    ordered = sorted(pairs)
    parts = [part for part in np.array_split(np.arange(len(ordered)), min(TENTHS, len(ordered))) if len(part)]
    out = []
    for part in parts:
        p = [ordered[i][0] for i in part]
        events = sum(ordered[i][1] for i in part)
        out.append((float(np.mean(p)), events / len(part), events, len(part)))
    return tuple(out)


def _outliers(rows: Sequence[Mapping[str, Any]]) -> tuple[Outlier, ...]:
    """Plans whose modified z within their site is large, the farthest first."""
    by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by[str(row["group"])].append(row)
    out = []
    for site, group in by.items():
        if len(group) < LEAST:
            continue
        for column, name, _ in LOOKED_AT:
            known = [r for r in group if r[column] is not None]
            values = np.array([r[column] for r in known])
            if len(values) < LEAST:
                continue
            middle = float(np.median(values))
            spread = float(np.median(np.abs(values - middle)))
            if spread <= 0.0:
                continue
            z = MAD_TO_SD * (values - middle) / spread
            out += [
                Outlier(str(known[i]["key"]), site, name, float(values[i]), middle, float(z[i]))
                for i in np.flatnonzero(np.abs(z) > OUTLYING)
            ]
    return tuple(sorted(out, key=lambda o: (-abs(o.z), o.key, o.name)))


def _chart(rows: Sequence[Mapping[str, Any]], column: str, name: str, unit: str) -> Chart:
    """Monthly means of a number, each plan as its difference from the mean of its site."""
    known = [r for r in rows if r[column] is not None and r["treated"]]
    of_site: dict[str, list[float]] = defaultdict(list)
    for r in known:
        of_site[str(r["group"])].append(float(r[column]))
    means = {site: float(np.mean(values)) for site, values in of_site.items()}
    by_month: dict[str, list[float]] = defaultdict(list)
    for r in known:
        by_month[str(r["treated"])].append(float(r[column]) - means[str(r["group"])])
    within = [np.asarray(values) for values in by_month.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in within)
    if len(by_month) < 2 or freedom == 0:
        return Chart(name, unit, (), "fewer than two months with plans, or one plan a month")
    sd = math.sqrt(sum(float(((values - values.mean()) ** 2).sum()) for values in within) / freedom)
    points = []
    for month in sorted(by_month):
        values = by_month[month]
        limit = SIGMAS * sd / math.sqrt(len(values))
        mean = float(np.mean(values))
        points.append(Month(month, mean, -limit, limit, len(values), "beyond its limit" if abs(mean) > limit else ""))
    return Chart(name, unit, _runs(points))


def _runs(points: Sequence[Month]) -> tuple[Month, ...]:
    """Points with the runs on one side marked at the point that completes them."""
    out, side, length = [], 0.0, 0
    for p in points:
        now = math.copysign(1.0, p.mean) if p.mean else 0.0
        length = length + 1 if now == side and now else 1
        side = now
        signal = p.signal or (f"{length} months on one side" if length >= RUN else "")
        out.append(Month(p.month, p.mean, p.low, p.high, p.plans, signal))
    return tuple(out)
