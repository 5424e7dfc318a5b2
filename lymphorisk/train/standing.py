"""What a judgement on patients comes to: a model holds, wants recalibration, is poor, or cannot be told yet.

The cuts are assumed: they say when a model must not speak, and no score moves by them.

References
----------
Collins GS, Ogundimu EO, Altman DG. Sample size considerations for the external validation of a multivariable prognostic
model: a resampling study. Stat Med 2016;35:214-226: at least 100 events.
Van Calster B et al. Calibration: the Achilles heel of predictive analytics. BMC Med 2019;17:230.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lymphorisk.predict.booster import POOR

State = Literal["holds", "recalibrate", "poor", "too few"]
#: Events, and patients without, below which nothing is told, and below which an answer is told with a warning.
LEAST_EVENTS, FIRM_EVENTS = 10, 100
#: An AUC whose interval reaches down to this is chance, and one that reaches up to this may yet be useful.
CHANCE, USEFUL = 0.5, 0.7
#: Slopes, and differences of the mean prediction from the observed rate, that a clinic can live with.
SLOPES, IN_THE_LARGE = (0.8, 1.25), 0.05


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a model for one outcome, and why."""

    state: State
    why: str

    def to_dict(self) -> dict[str, str]:
        """As a card and a result hold it."""
        return {"state": self.state, "why": self.why}


def standing(e: Mapping[str, Any]) -> Standing:
    """The standing by scores and their intervals.

    Parameters
    ----------
    e : mapping
        With ``n``, ``events``, ``auc``, ``scaled_brier``, ``slope``, ``in_the_large``, and ``interval`` of them.

    Examples
    --------
    >>> interval = {"auc": (0.45, 0.6), "scaled_brier": (-0.1, 0.02), "slope": (-0.2, 0.4), "in_the_large": (-0.1, 0.1)}
    >>> scores = {"n": 300, "events": 120, "auc": 0.53, "scaled_brier": -0.04, "slope": 0.1, "in_the_large": 0.0}
    >>> standing({**scores, "interval": interval}).state
    'poor'
    """
    events = min(e["events"], e["n"] - e["events"])
    low, high = e["interval"]["auc"]
    of = f"{e['events']} events among {e['n']} patients"
    if events < LEAST_EVENTS:
        return Standing("too few", f"{of}: at least {LEAST_EVENTS} of each are needed to tell anything")
    if low <= CHANCE:
        said = f"AUC {e['auc']:.2f} ({low:.2f} to {high:.2f}) on {of}"
        if high >= USEFUL:
            return Standing("too few", f"{said}: neither chance nor a useful order can be ruled out")
        return Standing(POOR, f"{said}: it ranks patients no better than chance")
    worst, best = e["interval"]["scaled_brier"]
    if best <= 0.0:
        said = f"scaled Brier score {e['scaled_brier']:.2f} ({worst:.2f} to {best:.2f}) on {of}"
        return Standing(POOR, f"{said}: the bare rate of events tells more")
    if wrong := _miscalibrated(e):
        return Standing("recalibrate", f"{wrong} on {of}")
    few = "" if events >= FIRM_EVENTS else f"; fewer than the {FIRM_EVENTS} events a firm judgement needs"
    return Standing("holds", f"AUC {e['auc']:.2f} ({low:.2f} to {high:.2f}), slope {e['slope']:.2f} on {of}{few}")


def _miscalibrated(e: Mapping[str, Any]) -> str:
    """What of the calibration is surely and noticeably off; empty when nothing is."""
    low, high = e["interval"]["slope"]
    wrong = []
    if (low > 1.0 or high < 1.0) and not SLOPES[0] <= e["slope"] <= SLOPES[1]:
        wrong.append(f"calibration slope {e['slope']:.2f} ({low:.2f} to {high:.2f})")
    low, high = e["interval"]["in_the_large"]
    if (low > 0.0 or high < 0.0) and abs(e["in_the_large"]) > IN_THE_LARGE:
        wrong.append(f"predicted less observed {e['in_the_large']:+.2f} ({low:+.2f} to {high:+.2f})")
    return ", ".join(wrong)
