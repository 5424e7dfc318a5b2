"""DVHs as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from lymphorisk.absent import Absent
from lymphorisk.analysis.curves import Curve
from lymphorisk.analysis.dvhs import Crosscheck, DvhTable, StructureDvh
from lymphorisk.dvh import DVH, stepped
from lymphorisk.dvh.metrics import bounds, metric
from lymphorisk.errors import UndecidableError
from lymphorisk.outputs import cell
from lymphorisk.report.table import Column, Table, tabled, text_lines

SCHEMA = "lymphorisk/dvh/1"
#: Metrics of the table when none are asked for.
USUAL = ("V5Gy[%]", "V20Gy[%]", "D2%[Gy]")
ALWAYS = ("Mean[Gy]", "Min[Gy]", "Max[Gy]")
#: Step of the curves of a CSV: finer than any constraint is written, and a tenth of the engine's rows. [Gy]
STEP_GY = 0.1
CSV_HEAD = ("plan", "structure", "tg263", "dose_gy", "volume_cm3", "metric", "value", "low", "high", "reason")
#: Differences beyond these are marked in the cross-check: share of the larger mean dose scale [Gy], of the volume.
MEAN_APART_GY = 0.2
VOLUME_APART = 0.02


def reason(curve: Curve) -> str:
    """Why there is no DVH; empty when there is one."""
    return curve.reason if isinstance(curve, Absent) else ""


def values(curve: DVH, wanted: Sequence[str], table: DvhTable) -> dict[str, Any]:
    """Metrics by name: a number, bounds when part lies outside the grid, or the reason there is none."""
    out: dict[str, Any] = {}
    for text in wanted:
        try:
            if curve.is_covered:
                out[text] = metric(
                    curve,
                    text,
                    prescription_gy=table.prescription_gy,
                    alpha_beta_gy=table.alpha_beta_gy,
                    fractions=table.fractions,
                )
            else:
                out[text] = bounded(curve, text, table)
        except UndecidableError as error:
            out[text] = {"reason": error.message}
    return out


def bounded(curve: DVH, text: str, table: DvhTable) -> dict[str, float]:
    """Lowest and highest value, whatever the part outside the grid received up to the grid's highest dose."""
    low, high = bounds(
        curve,
        text,
        ceiling_gy=table.highest_gy,
        prescription_gy=table.prescription_gy,
        alpha_beta_gy=table.alpha_beta_gy,
        fractions=table.fractions,
    )
    return {"low": low, "high": high}


def to_dict(table: DvhTable, wanted: Sequence[str] = ()) -> dict[str, Any]:
    """The envelope `lymphorisk/dvh/1`."""
    return {
        "schema": SCHEMA,
        "engine": table.engine,
        "end_caps": table.end_caps,
        "tps_end_caps": table.tps_end_caps,
        "plan": {
            "fractions": table.fractions,
            "sop_uids": {role: list(uids) for role, uids in table.uids.items()},
            "prescription_gy": table.prescription_gy,
        },
        "structures": [_structure(row, wanted, table) for row in table.structures],
        "crosscheck": [
            {"number": c.number, "name": c.name}
            | {who: _figures(curve) for who, curve in (("ours", c.ours), ("dicompyler", c.dicompyler), ("tps", c.tps))}
            for c in table.crosscheck
        ],
        "findings": [f.to_dict() for f in table.findings],
    }


def _structure(row: StructureDvh, wanted: Sequence[str], table: DvhTable) -> dict[str, Any]:
    head: dict[str, Any] = {"number": row.number, "name": row.name}
    if row.segmented:
        head["source"] = "segmented"
    curve = row.curve
    if not isinstance(curve, DVH):
        return head | {"tg263": row.tg263, "not_contoured": reason(curve)}
    if not curve.is_covered:
        head |= {
            "decidable": curve.coverage >= table.undecidable_coverage,
            "bounds": {text: bounded(curve, text, table) for text in ("Mean[Gy]", "Min[Gy]", "Max[Gy]")},
        }
    return head | {
        "tg263": row.tg263,
        "volume_cm3": curve.total_cm3,
        "coverage": 1.0 if curve.is_covered else curve.coverage,
        "mean_gy": curve.mean_gy,
        "min_gy": curve.min_gy,
        "max_gy": curve.max_gy,
        "end_caps": curve.end_caps,
        "dose_gy": curve.dose_gy,
        "volume_cm3_cumulative": curve.volume_cm3,
        "metrics": values(curve, wanted, table),
    }


def _figures(curve: Curve | None) -> dict[str, Any]:
    if curve is None:
        return {"none": "not exported"}
    if not isinstance(curve, DVH):
        return {"none": reason(curve)}
    return {
        "volume_cm3": curve.total_cm3 or curve.covered_cm3,
        "mean_gy": curve.mean_gy,
        "d2_gy": metric(curve, "D2%[Gy]"),
        "max_gy": curve.max_gy,
    }


def text(table: DvhTable, wanted: Sequence[str] = ()) -> str:
    """One line a structure."""
    fractions = "an unknown number of" if table.fractions is None else table.fractions
    out = [
        f"engine {table.engine}, end caps {table.end_caps}, {fractions} fractions",
        *([f"the planning system's own DVHs fit end caps {table.tps_end_caps} best"] if table.tps_end_caps else []),
        "",
        *text_lines(structure_table(table, tuple(wanted) or USUAL), ""),
    ]
    absent = [r for r in table.structures if isinstance(r.curve, Absent)]
    out += [f"{r.name}: {reason(r.curve)}" for r in absent]
    if table.crosscheck:
        beside = crosscheck_table(table.crosscheck)
        out += ["", beside.caption, *text_lines(beside, "")]
    noted = [f for f in table.findings if f.severity != "info"]
    if noted:
        out += ["", *(f.line() for f in noted)]
    return "\n".join(out) + "\n"


def structure_table(table: DvhTable, shown: Sequence[str]) -> Table:
    """Structures with a curve: volume, what the grid covers, and metrics by name."""
    rows = [(r, r.curve) for r in table.structures if isinstance(r.curve, DVH)]
    metrics = {"mean Gy": "Mean[Gy]", "min Gy": "Min[Gy]", "max Gy": "Max[Gy]", **{name: name for name in shown}}

    def metric_column(head: str, name: str) -> Column[tuple[StructureDvh, DVH]]:
        return Column(head, lambda r: _cell(values(r[1], (name,), table)[name]), numeric=True)

    columns: tuple[Column[tuple[StructureDvh, DVH]], ...] = (
        Column("ROI", lambda r: r[0].name),
        Column("organ", lambda r: r[0].tg263),
        Column("cm3", lambda r: f"{r[1].total_cm3:.2f}", numeric=True),
        Column("covered", lambda r: _covered(r[1], table)),
        *(metric_column(head, name) for head, name in metrics.items()),
    )
    return tabled("Structures", rows, columns)


def _covered(curve: DVH, table: DvhTable) -> str:
    covered = "all" if curve.is_covered else f"{100 * curve.coverage:.1f} %"
    return covered + (" UNDECIDABLE" if curve.coverage < table.undecidable_coverage else "")


def _cell(value: float | dict[str, Any]) -> str:
    if not isinstance(value, dict):
        return f"{value:.3f}"
    return "-" if "reason" in value else f"{value['low']:.3g} to {value['high']:.3g}"


def crosscheck_table(checks: Sequence[Crosscheck]) -> Table:
    """Volume, mean and D2% by three engines, and what is apart."""
    columns: tuple[Column[Crosscheck], ...] = (
        Column("ROI", lambda c: c.name),
        Column("lymphorisk", lambda c: _three(c.ours)),
        Column("dicompyler-core", lambda c: _three(c.dicompyler)),
        Column("planning system", lambda c: _three(c.tps)),
        Column(
            "difference",
            lambda c: _apart([_figures(curve) for curve in (c.ours, c.dicompyler, c.tps)]),
            width=3,
            style="wide",
        ),
    )
    return tabled("Cross-check: volume [cm3] / mean [Gy] / D2% [Gy]", checks, columns)


def _three(curve: Curve | None) -> str:
    given = _figures(curve)
    return str(given.get("none") or f"{given['volume_cm3']:.2f} / {given['mean_gy']:.3f} / {given['d2_gy']:.3f}")


def _apart(given: list[dict[str, Any]]) -> str:
    ours = given[0]
    if "none" in ours:
        return ""
    notes = []
    for who, other in zip(("dicompyler-core", "planning system"), given[1:], strict=True):
        if "none" in other:
            continue
        volume = other["volume_cm3"] / ours["volume_cm3"] - 1.0
        mean = other["mean_gy"] - ours["mean_gy"]
        if abs(volume) > VOLUME_APART or abs(mean) > MEAN_APART_GY:
            notes.append(f"{who}: volume {100 * volume:+.1f} %, mean {mean:+.2f} Gy")
    return "; ".join(notes)


def to_csv(table: DvhTable, wanted: Sequence[str] = (), step_gy: float = STEP_GY) -> str:
    """Long form, every row with the plan's key: curves at a step, then metrics with value, bounds or reason."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for row in table.structures:
        head = (table.plan_key, cell(row.name), cell(row.tg263))
        if not isinstance(row.curve, DVH):
            writer.writerow((*head, *[""] * 6, cell(reason(row.curve))))
            continue
        for dose, volume in zip(*stepped(row.curve, step_gy), strict=True):
            writer.writerow((*head, f"{dose:.4f}", f"{volume:.6g}", *[""] * 5))
        for name, value in values(row.curve, tuple(wanted) or (*ALWAYS, *USUAL), table).items():
            writer.writerow((*head, "", "", name, *_csv_cells(value)))
    return out.getvalue()


def _csv_cells(value: float | dict[str, Any]) -> tuple[str, str, str, str]:
    """Value, low, high and reason of a metric."""
    if not isinstance(value, dict):
        return f"{value:.6g}", "", "", ""
    if "reason" in value:
        return "", "", "", value["reason"]
    return "", f"{value['low']:.6g}", f"{value['high']:.6g}", ""
