"""A plan and the same with changes, as blocks of a page."""

from __future__ import annotations

from lymphorisk.lymphocyte import AlcForecast
from lymphorisk.lymphocyte.whatif import Difference
from lymphorisk.report import overlay
from lymphorisk.report.comparison import Change, forecast_changes
from lymphorisk.report.document import Block, Figure
from lymphorisk.report.legend import NARROW
from lymphorisk.report.table import Column, tabled

PLANNED, CHANGED = "as planned", "changed"


def blocks(planned: AlcForecast, changed: AlcForecast, difference: Difference) -> tuple[Block, ...]:
    """Both forecasts on one axis, and their difference on the same draws."""
    both = [(PLANNED, planned), (CHANGED, changed)]
    drawn = overlay.forecasts(both, key="what-if")
    narrow = overlay.forecasts(both, key="what-if", width=NARROW)
    columns: tuple[Column[Change], ...] = (
        Column("", lambda r: r.name, width=4),
        Column("As planned", lambda r: r.first, numeric=True),
        Column("Changed", lambda r: r.second, numeric=True),
        Column("Median change", lambda r: r.change, numeric=True),
        Column("95 % band", lambda r: r.band, numeric=True, width=3),
    )
    table = tabled("Difference on the same draws", forecast_changes(planned, changed, difference), columns)
    return (Figure(drawn, "Thick: medians. Thin: 80 % bands.", narrow), table)
