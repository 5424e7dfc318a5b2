"""The numbers of a forecast that criteria and tables speak of, one value a draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.conditioning.counts import HostTrajectories, days_below, nadir
from lymphorisk.conditioning.criteria import Value
from lymphorisk.conditioning.host import FractionKill
from lymphorisk.conditioning.pharmacokinetics import FludarabineKinetics, total_auc
from lymphorisk.conditioning.regimen import Regimen

THRESHOLDS = {"0_1": 0.1, "0_2": 0.2, "0_5": 0.5}
DAY_30, DAY_90 = 30.0, 90.0
#: What stands for "not by the end of the forecast". [d]
BEYOND_D = 1.0
NO_RADIATION = Absent.not_applicable("no radiation")
NO_BRIDGING = Absent.not_applicable("no bridging radiation")
NO_DEPLETION = Absent.not_applicable("no lymphodepletion")


def without_unmodelled(metrics: Mapping[str, Value], regimen: Regimen) -> dict[str, Value]:
    """The metrics that can be judged: of a regimen with drugs outside the model, no number of a count can."""
    if not regimen.unmodelled:
        return dict(metrics)
    why = Absent.unknown(f"rests on {', '.join(regimen.unmodelled)}, whose kill is not in the model")
    return {name: why if of_count(name) else value for name, value in metrics.items()}


def of_count(metric: str) -> bool:
    """Whether a metric is of the forecast count, and so lower or longer under more drugs.

    Examples
    --------
    >>> of_count("alc_at_infusion"), of_count("days_below_0_2_after"), of_count("wbc")
    (True, True, False)
    """
    return metric.startswith(("alc_", "days_below_", "nadir_", "day_back"))


def day_back(forecast: HostTrajectories, count: float) -> NDArray[np.float64]:
    """Day from which each draw's count stays at or above `count` [10^9/L], not before the infusion; a day beyond
    the end if it does not by then, shape (n,). [d]"""
    after = forecast.day >= 0.0
    day, alc = forecast.day[after], forecast.alc[:, after]
    low = alc < count
    last = np.where(low.any(axis=1), low.shape[1] - 1 - np.argmax(low[:, ::-1], axis=1), -1)
    out = np.zeros(len(alc))
    for i, k in enumerate(last):
        if k >= 0:
            out[i] = day[-1] + BEYOND_D if k == len(day) - 1 else _crossing(day, alc[i], int(k), count)
    return out


def _crossing(day: NDArray[np.float64], alc: NDArray[np.float64], k: int, count: float) -> float:
    """Where the count crosses upwards between two times. [d]"""
    share = (count - alc[k]) / (alc[k + 1] - alc[k])
    return float(day[k] + share * (day[k + 1] - day[k]))


def metrics_of(
    regimen: Regimen,
    forecast: HostTrajectories,
    fractions: Sequence[FractionKill],
    kinetics: FludarabineKinetics,
    fludarabine_mg: float,
    wbc: float | None,
    window_days: tuple[float, float] | None,
    recovered: float = THRESHOLDS["0_5"],
) -> dict[str, Value]:
    """All metrics of `criteria.METRICS` that this forecast can give, and why for those it cannot.

    Parameters
    ----------
    fludarabine_mg : float
        Fludarabine phosphate of the whole regimen. [mg]
    window_days : tuple of float, or None
        First and last day on which the product may be infused, on this calendar. [d]
    recovered : float
        Count from which a host is back. [10^9/L]
    """
    lowest, lowest_day = nadir(forecast)
    start, end = float(forecast.day[0]), float(forecast.day[-1])
    out: dict[str, Value] = {
        "alc_at_infusion": forecast.at(0.0),
        "alc_nadir": lowest,
        "nadir_day": lowest_day,
        "alc_max_in_window": _highest(forecast, window_days),
        "alc_at_last_infusion": forecast.at(regimen.infusion_days[-1])
        if len(regimen.infusion_days) > 1
        else Absent.not_applicable("one infusion"),
        "alc_at_apheresis": Absent.unknown("no day of leukapheresis")
        if regimen.leukapheresis_day is None
        else forecast.at(regimen.leukapheresis_day),
        "alc_at_lymphodepletion": NO_DEPLETION
        if not regimen.depletion_days
        else forecast.at(regimen.depletion_days[0]),
        "fludarabine_auc": total_auc(kinetics, fludarabine_mg)
        if fludarabine_mg > 0.0
        else Absent.not_applicable("no fludarabine"),
        "wbc": Absent.unknown("no white count given; a lymphocyte count does not stand for it") if wbc is None else wbc,
    }
    for name, threshold in THRESHOLDS.items():
        out[f"days_below_{name}_before"] = days_below(forecast, threshold, start, 0.0)
        out[f"days_below_{name}_after"] = days_below(forecast, threshold, 0.0, end)
    short = Absent.unknown(f"the forecast ends on day {end:g}")
    out["days_below_0_2_beyond_day_30"] = (
        days_below(forecast, THRESHOLDS["0_2"], DAY_30, end) if end > DAY_30 else short
    )
    out["day_back"] = day_back(forecast, recovered)
    out["alc_day_30"] = forecast.at(DAY_30) if end >= DAY_30 else short
    out["alc_day_90"] = forecast.at(DAY_90) if end >= DAY_90 else short
    return out | _calendar(regimen, fractions)


def _highest(forecast: HostTrajectories, window: tuple[float, float] | None) -> Value:
    if window is None:
        return Absent.unknown("no product window")
    low, high = window
    inside = (forecast.day >= low) & (forecast.day <= high)
    ends = np.stack([forecast.at(low), forecast.at(high)], axis=1)
    counts = np.concatenate([ends, forecast.alc[:, inside]], axis=1)
    return np.asarray(counts.max(axis=1))


def _calendar(regimen: Regimen, fractions: Sequence[FractionKill]) -> dict[str, Value]:
    """What the calendar alone says: gaps, and the dose of fractions the infused cells see."""
    every, bridging, depletion = regimen.fraction_days, regimen.bridging_days, regimen.depletion_days
    drugs = sorted(d.day for d in regimen.drugs if d.amount > 0.0)
    before = [day for day in every if day < 0.0]
    out: dict[str, Value] = {
        "fraction_to_infusion_d": -before[-1] if before else NO_RADIATION,
        "blood_gy_after_infusion": float(sum(f.blood_gy for f in fractions if f.day >= 0.0)),
        "lymphodepletion_to_infusion_d": _gap(depletion, 0.0) if depletion else NO_DEPLETION,
        "days_outside_window": _outside(regimen, drugs),
    }
    if depletion and bridging:
        until = [day for day in bridging if day < depletion[-1]] or list(bridging)
        out["fraction_to_lymphodepletion_d"] = depletion[0] - until[-1]
    else:
        out["fraction_to_lymphodepletion_d"] = NO_BRIDGING if not bridging else NO_DEPLETION
    begin = depletion[0] if depletion else 0.0
    out["fractions_to_day_30"] = float(sum(begin <= day <= DAY_30 for day in bridging))
    if regimen.leukapheresis_day is None:
        out["fraction_to_apheresis_d"] = Absent.unknown("no day of leukapheresis") if every else NO_RADIATION
    else:
        prior = [day for day in every if day <= regimen.leukapheresis_day]
        out["fraction_to_apheresis_d"] = (
            regimen.leukapheresis_day - prior[-1]
            if prior
            else Absent.not_applicable("no fraction before leukapheresis")
        )
    return out


def _outside(regimen: Regimen, drugs: Sequence[float]) -> Value:
    """How far the infusion lies outside the product's window. [d]"""
    if regimen.window is None:
        return Absent.unknown("no product window")
    gap = _gap(drugs, 0.0) if drugs else Absent.unknown("no drug dose: the window counts from the last one")
    if isinstance(gap, Absent):
        return gap
    return max(regimen.window.low_d - gap, gap - regimen.window.high_d, 0.0)


def _gap(days: Sequence[float], to: float) -> float | Absent:
    before = [day for day in days if day <= to]
    return to - before[-1] if before else Absent.unknown("lymphodepletion comes after infusion")
