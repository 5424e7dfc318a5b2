"""A result at a glance: what a console shows for it, what a notebook shows, and its organs as a table."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

from lymphorisk.absent import Absent

if TYPE_CHECKING:
    import pandas as pd

    from lymphorisk.analysis.result import Analysis

#: Longest plan label shown.
LABEL_MAX = 40


def rows(a: Analysis) -> list[tuple[str, str]]:
    """What a result says in few words, as pairs of heading and text."""
    f, nadir = a.forecast, a.forecast.nadir
    start = f"{f.baseline_alc:.2f}" + ("" if f.baseline_known else " (a cohort median)")
    learned = a.risk.learned
    voice = learned.reason if isinstance(learned, Absent) else ", ".join(f"{k} {p:.0%}" for k, p in learned.p.items())
    sources = Counter(o.source for o in a.organs.values())
    findings = Counter(x.severity for x in a.findings)
    grades, counted = (
        ", ".join(f"g{g} {p:.0%}" for g, p in of.items()) for of in (f.grade_probability, f.measured.grade_probability)
    )
    return [
        ("plan", f"{a.label[:LABEL_MAX]!r}, {a.fractions} fractions in {len(a.phases)} phase(s)"),
        ("count", f"{start} to {nadir.median:.2f} x10^9/L (90 % {nadir.p05:.2f} to {nadir.p95:.2f}), {nadir.when}"),
        ("nadir reaches", f"{grades} (mechanism); learned: {voice}"),
        ("weekly counts", f"{counted} (measured, up to day {f.measured.until_d:.0f})"),
        ("blood", f"mean {a.blood.course.mean_gy:.2f} Gy over the course"),
        ("organs", ", ".join(f"{n} {s}" for s, n in sources.items())),
        ("findings", ", ".join(f"{findings[s]} {s}" for s in ("error", "warning", "info") if findings[s]) or "none"),
        ("made by", f"lymphorisk {a.provenance.version}, parameters {a.provenance.parameter_set}"),
    ]


def text(a: Analysis) -> str:
    """A few lines for a console."""
    lines = rows(a)
    width = max(len(head) for head, _ in lines)
    return "Analysis(\n" + "\n".join(f"  {head.ljust(width)}  {said}" for head, said in lines) + "\n)"


def card(a: Analysis) -> str:
    """A small table for a notebook."""
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(head)}</th>'
        f'<td style="text-align:left">{escape(said)}</td></tr>'
        for head, said in rows(a)
    )
    return f"<table><caption>lymphorisk analysis</caption><tbody>{body}</tbody></table>"


def frame(a: Analysis) -> pd.DataFrame:
    """Organs as rows: source, ROI names, course doses [Gy], volume [cm3], coverage, and the share of the loss at the
    nadir that an organ's pool of lymphocytes has; parts of a pool's organ have none of their own.

    Raises
    ------
    ImportError
        pandas is not installed.
    """
    import pandas as pd

    from lymphorisk.analysis.doses import POOL_ORGAN

    lost = {organ: a.attribution[pool] for pool, organ in POOL_ORGAN.items() if pool in a.attribution}
    table: list[dict[str, Any]] = []
    for name, organ in a.organs.items():
        row: dict[str, Any] = {
            "organ": name,
            "source": organ.source,
            "roi": ", ".join(organ.roi_names),
            "mean_gy": organ.course.mean_gy,
            "min_gy": float(organ.course.dose_gy[0]),
            "max_gy": float(organ.course.dose_gy[-1]),
            "volume_cm3": organ.volume_cm3,
            "coverage": organ.coverage,
            "loss_share": lost.get(name),
        }
        table.append(row)
    return pd.DataFrame(table).set_index("organ")
