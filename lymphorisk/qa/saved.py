"""Curves for the gate out of a result that was saved as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lymphorisk.absent import Absent
from lymphorisk.analysis.saved import curve_from_dict
from lymphorisk.analysis.site import Site, agreed
from lymphorisk.dvh import DVH
from lymphorisk.qa.check import Lookup

#: Signs that join two names into a structure, which only the export can draw.
JOINED = re.compile(r"[-+&]")


def saved_site(saved: Mapping[str, Any]) -> Site:
    """The site that targets and dose said when the result was written; no name where it holds none."""
    kept = (saved.get("curves") or {}).get("site")
    if kept is None:
        return Site("", "the result does not hold the site of its dose: analyze again with --curves")
    return agreed(Site(kept["name"], kept["why"]), saved["patient"]["site"])


def saved_lookup(saved: Mapping[str, Any]) -> tuple[Lookup, float | None]:
    """Curves of a saved result by name, and the highest dose of its grid [Gy].

    A curve that the result does not hold is not missing from the plan: it is unknown, and its line undecided.
    """
    kept = saved.get("curves")
    if kept is None:
        return lambda name: Absent.unknown("the result holds no curves: analyze again with --curves"), None

    def dvh_of(name: str) -> DVH | Absent:
        found = kept["structures"].get(name)
        if found is None:
            if JOINED.search(name):
                return Absent.unknown(f"the result holds no curve of it: analyze again with --curve {name!r}")
            return Absent.not_contoured("no such structure in the result")
        if "outside_grid" in found:
            return Absent.outside_grid(found["outside_grid"])
        return curve_from_dict(found)

    return dvh_of, kept["highest_gy"]
