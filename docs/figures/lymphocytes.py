"""Draw the figures of docs/lymphocytes.md: ``python docs/figures/lymphocytes.py`` (needs matplotlib)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from lymphorisk.lymphocyte import forecast, population
from lymphorisk.lymphocyte.update import update
from lymphorisk.parameters import load, posterior
from lymphorisk.calibration.anchors import site_courses
from lymphorisk.calibration.calibrate import Scene, all_rows, calibrated, check

HERE = Path(__file__).parent
PEOPLE = population(load("lymphocyte"), posterior())
mpl.rcParams.update({"svg.hashsalt": "lymphorisk", "font.size": 9, "svg.fonttype": "none"})


def save(figure: plt.Figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def bands() -> None:
    """Forecast of a pancreas phantom, and what two counts do to it."""
    course = site_courses("pancreas", "photon", 28, 50.4, "other")[1]
    f = forecast(course, 1.4, PEOPLE, age_y=62.0, explain=False)
    low = [(7.0, 0.85 * float(f.median[7])), (14.0, 0.8 * float(f.median[14]))]
    after = update(course, 1.4, PEOPLE, low, age_y=62.0).posterior
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    for axis, a, title in ((axes[0], f, "forecast"), (axes[1], after, "after two counts")):
        for lower, upper, shade in (("p025", "p975", 0.15), ("p10", "p90", 0.25), ("p25", "p75", 0.4)):
            axis.fill_between(a.day, a.quantiles[lower], a.quantiles[upper], color="C0", alpha=shade, lw=0)
        axis.plot(a.day, a.median, color="C0", label="course")
        for edge in ("p10", "p90"):
            label = "80 % of counts" if edge == "p10" else None
            axis.plot(a.day, a.measured.quantiles[edge], color="C1", lw=0.8, label=label)
        axis.axhline(0.5, color="k", lw=0.5, ls="--")
        axis.axhline(0.2, color="k", lw=0.5, ls=":")
        axis.set(title=title, xlabel="day", xlim=(0, 180), ylim=(0, 1.8))
    axes[1].plot(*zip(*low, strict=True), "ko", ms=4)
    axes[0].legend(frameon=False, loc="lower right")
    axes[0].set_ylabel("ALC [10^9/L]")
    save(figure, "lymphocyte_forecast")


def calibration() -> None:
    """Published against predicted, at the median of the posterior."""
    rows = all_rows()
    checks = check(rows, PEOPLE, *calibrated())
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6))
    for c, row in zip(checks, rows, strict=True):
        rate = isinstance(row, Scene) and row.anchor.value is None
        mark = "o" if c.role == "fit" else "x"
        axes[0 if rate else 1].plot(c.observed, c.predicted, mark, color="C0" if c.role == "fit" else "C1", ms=4)
    for axis, title, top in ((axes[0], "rates of grade 3 and 4", 1.0), (axes[1], "counts [10^9/L] and shares", 2.5)):
        axis.plot([0, top], [0, top], color="k", lw=0.5)
        axis.set(title=title, xlabel="published", ylabel="predicted", xlim=(0, top), ylim=(0, top))
    save(figure, "lymphocyte_calibration")


if __name__ == "__main__":
    bands()
    calibration()
