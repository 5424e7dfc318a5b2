"""The trends of a cohort as a page: made from its folder when its table changes, and kept."""

from __future__ import annotations

import threading
from pathlib import Path


class Trends:
    """The page of a cohort's folder, or a page that is ready."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: tuple[str, int, int] | None = None
        self._page = ""

    def __call__(self, cohort: Path) -> str:
        """The page.

        Raises
        ------
        InputError
            The folder holds no cohort.
        """
        if cohort.is_file():
            return cohort.read_text(encoding="utf-8")
        from lymphorisk.cohorts.trends import PLANS, trends_of
        from lymphorisk.report import cohort as laid_out
        from lymphorisk.report import html

        with self._lock:
            table = cohort / PLANS
            now = (str(table), table.stat().st_mtime_ns, table.stat().st_ino) if table.is_file() else None
            if now is None or now != self._seen:
                self._page = html.render(laid_out.report(trends_of(cohort)))
                self._seen = now
            return self._page
