"""The forecast: counts of at least 512 drawn patients, and what they say.

The spread has two sources, drawn apart and reported apart: what is not known about the mean
patient, and how patients differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte.attribution import dimensions_met, loss_shares, spread_shares
from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.drugs import evidence_of
from lymphorisk.lymphocyte.grade import CTCAE_VERSION
from lymphorisk.lymphocyte.measured import Measured, measured_of
from lymphorisk.lymphocyte.observation import deviations, observation
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.population import Population, draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.summary import Band, Nadir, Recovery, Summary, band, summarise
from lymphorisk.plan.frame import read_only
from lymphorisk.plan.steroid import steroid_words

SURROGATE = rule(
    "LR301",
    "warning",
    "Lymphocyte pool without its own dose",
    "The pool's structure is not contoured; a named surrogate stands in for its dose and the band is widened.",
)
BASELINE_UNKNOWN = rule(
    "LR302",
    "warning",
    "Baseline count not known",
    "The forecast starts from the median of published cohorts and carries their spread; give the patient's own count.",
)
CHEMO_UNKNOWN = rule(
    "LR303",
    "info",
    "Concurrent chemotherapy not known",
    "The forecast assumes none. Say so, or name it: it deepens the nadir.",
)
BEYOND_SHOWN = rule(
    "LR304",
    "warning",
    "Fraction dose beyond what counts were shown for",
    "Half of a lymphocyte pool receives more in one fraction than the survival curve was compared with counts for.",
)
CHILD = rule(
    "LR305",
    "warning",
    "Younger than the calibration's patients",
    "The parameters, the pools' shares and the bodies that undrawn organs are placed from are adults'; children lost "
    "more under cranial irradiation than the model predicts. No gate rests a verdict on such a forecast.",
    undecides=True,
)
DRUG = rule(
    "LR307",
    "info",
    "Drug by the rate of its cohorts",
    "The drug's loss rate was fitted to whole cohorts that had it, or drugs of its kind, beside radiotherapy; it was "
    "never measured alone.",
)
NO_EFFECT = rule(
    "LR308",
    "info",
    "Drug without an assumed effect",
    "No effect of the drug on the count is assumed, because none was read; that is not a finding that it has none.",
)
UNMODELLED = rule(
    "LR309",
    "warning",
    "Drug not in the model",
    "The forecast leaves the drug out: no cohort of the calibration had it. If it kills lymphocytes, the count will be "
    "lower. The learned voice reads cytotoxic drugs as chemotherapy of another kind.",
)
STEROID_UNKNOWN = rule(
    "LR310",
    "info",
    "Steroid use not known",
    "Dexamethasone lowers the count. Not known, it is drawn: around the usual dose for every patient with a brain "
    "tumour or temozolomide, for a stated share of the others; the band is the wider for it.",
)
STEROID = rule(
    "LR311",
    "info",
    "Steroid by an assumed rate",
    "Dexamethasone acts as a loss rate that rises with the daily dose and ends with it. Its size is assumed from one "
    "comparison of glioblastoma patients above and below 2 mg a day; what was taken before the first fraction is in "
    "the baseline count. With temozolomide only the difference from the usual dose counts, which its cohorts took. The "
    "learned voice knows no steroids.",
)

ION = rule(
    "LR330",
    "warning",
    "Effectiveness of ions assumed",
    "Doses of carbon and other ions must be physical. Their effectiveness on lymphocytes was not read: it is assumed "
    "with a wide range, which the band holds. A dose that holds its biological effect already counts it twice here.",
)

#: Default number of draws: the standard error of a median nadir is then about 3 %, of a probability 2 points.
DRAWS = 512
#: Default horizon, a year. [d]
HORIZON_D = 365
#: Draws of the two ensembles that measure each source of spread alone: enough for two digits of a deviation.
SPREAD_DRAWS = 256
ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Spread:
    """sd of ln nadir: from what is not known of the mean patient, from how patients differ, and both."""

    parameters: float
    patients: float
    total: float

    def to_dict(self) -> dict[str, float]:
        """As plain data."""
        return {"parameters": self.parameters, "patients": self.patients, "total": self.total}


@dataclass(frozen=True, slots=True, eq=False)
class AlcForecast:
    """Forecast of the absolute lymphocyte count.

    All but `measured` is of the course: what the patient's lymphocytes do, starting from the baseline as if that one
    count were his level. What a laboratory will report on a day is `measured`.

    Attributes
    ----------
    day : ndarray, shape (t,)
        Days from the first fraction. [d]
    quantiles : mapping of str to ndarray, each of shape (t,)
        ``p025`` to ``p975``; `median` is ``p50``. [10^9/L]
    nadir : Nadir
        Lowest count of each patient: band [10^9/L], interval of its day and usual day [d].
    grade_probability : mapping of str to float
        CTCAE grade or worse at the nadir of the course: ``"2"``, ``"3"``, ``"4"``, and ``"1"`` when the LLN is
        known. By measured counts, as CTCAE grades are given, see `measured`.
    measured : Measured
        The forecast of measured counts.
    days_below : mapping of str to Band
        Days of the horizon below ``"0.5"`` and ``"0.2"`` x10^9/L. [d]
    recovery : Recovery
        Return above 0.5 x10^9/L.
    organ_share : mapping of str to float
        Share of the loss at the nadir by pool (and ``unexplained``, ``chemo``, ``steroid``): Shapley values
        of the median patient, sum 1; empty when nothing is lost.
    sensitivity : mapping of str to float
        Share of the spread of the nadir by random dimension (``patient.*`` are differences between
        patients), largest first, with ``interaction``; sums to 1.
    spread : Spread or None
        sd of ln nadir by source.
    baseline_alc : float
        Count the forecast starts from. [10^9/L]
    counts : ndarray, shape (n, t)
        The draws themselves. [10^9/L]
    weights : ndarray, shape (n,)
        Weight of each draw, sum 1.
    ensemble_id : str
        Hash of everything the draws depend on.
    """

    day: NDArray[np.float64]
    quantiles: Mapping[str, NDArray[np.float64]]
    nadir: Nadir
    grade_probability: Mapping[str, float]
    measured: Measured
    days_below: Mapping[str, Band]
    recovery: Recovery
    organ_share: Mapping[str, float]
    sensitivity: Mapping[str, float]
    spread: Spread | None
    baseline_alc: float
    baseline_known: bool
    seed: int
    horizon_d: float
    lln: float | None
    counts: NDArray[np.float64] = field(repr=False)
    weights: NDArray[np.float64] = field(repr=False)
    findings: tuple[Finding, ...]
    ensemble_id: str
    ctcae: str = CTCAE_VERSION

    def __repr__(self) -> str:
        low = f"{self.nadir.median:.2g} (90 % {self.nadir.p05:.2g} to {self.nadir.p95:.2g}) x10^9/L"
        days = f"day {self.day[0]:.0f} to {self.day[-1]:.0f}"
        return f"AlcForecast({self.baseline_alc:.3g} to {low} {self.nadir.when}; {days}, {self.draws} draws)"

    @property
    def draws(self) -> int:
        """Ensemble size."""
        return len(self.counts)

    @property
    def median(self) -> NDArray[np.float64]:
        """Median count on each day. [10^9/L]"""
        return self.quantiles["p50"]

    def at(self, day: float) -> Band:
        """Band of the count on any day of the horizon. [10^9/L]"""
        if not self.day[0] <= day <= self.day[-1]:
            raise ScenarioError(
                f"day {day:g} lies outside the forecast, day {self.day[0]:g} to {self.day[-1]:g}", "raise the horizon"
            )
        return band(counts_at(self.day, self.counts, day), self.weights)

    def probability_below(self, day: float, count: float) -> float:
        """Probability that the count on `day` [d] is below `count` [10^9/L]."""
        return float(self.weights @ (counts_at(self.day, self.counts, day) < count))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, keys as in the JSON result."""
        return {
            "day": self.day.tolist(),
            **{("median" if name == "p50" else name): q.tolist() for name, q in self.quantiles.items()},
            "nadir": self.nadir.to_dict(),
            **{f"days_below_{name.replace('.', '_')}": b.to_dict() for name, b in self.days_below.items()},
            "grade_probability": dict(self.grade_probability),
            "grade_probability_of": "nadir of the course",
            "measured": self.measured.to_dict(),
            "recovery_above_0_5": self.recovery.to_dict(),
            "organ_share": dict(self.organ_share),
            "sensitivity": dict(self.sensitivity),
            "spread_sd_ln_nadir": None if self.spread is None else self.spread.to_dict(),
            "baseline_alc": self.baseline_alc,
            "baseline_known": self.baseline_known,
            "ctcae": self.ctcae,
            "draws": self.draws,
            "seed": self.seed,
            "ensemble_id": self.ensemble_id,
        }


def counts_at(day: NDArray[np.float64], counts: NDArray[np.float64], when: float) -> NDArray[np.float64]:
    """Counts of every draw at one time, linear between days, shape (n,). [10^9/L]"""
    right = int(np.clip(np.searchsorted(day, when), 1, len(day) - 1))
    share = (when - day[right - 1]) / (day[right] - day[right - 1])
    return np.asarray(counts[:, right - 1] * (1.0 - share) + counts[:, right] * share)


def daily(horizon_d: float) -> NDArray[np.float64]:
    """Days 0, 1, ... up to the horizon. [d]"""
    return np.arange(np.floor(horizon_d) + 1.0)


def sample_counts(
    course: Course,
    baseline_alc: float,
    people: Population,
    *,
    age_y: float | None = None,
    baseline_known: bool = True,
    seed: int = 1,
    draws: int = DRAWS,
    horizon_d: float = HORIZON_D,
    vary: tuple[str, ...] = ("parameters", "patients"),
) -> NDArray[np.float64]:
    """Daily counts of the draws, shape (draws, days). [10^9/L]"""
    drawn = draw(people, draws, seed, PATIENT_DIMENSIONS, vary=vary)
    ratio = realise(course, drawn, people, age_y).ratio(daily(horizon_d))
    start = baseline_alc
    if baseline_known:
        return ratio * start
    return ratio * (start * drawn.patient("baseline", people.value["spread.baseline"]))[:, None]


def forecast(
    course: Course,
    baseline_alc: float,
    people: Population,
    *,
    age_y: float | None = None,
    lln: float | None = None,
    baseline_known: bool = True,
    chemo_known: bool = True,
    seed: int = 1,
    draws: int = DRAWS,
    horizon_d: float = HORIZON_D,
    explain: bool = True,
) -> AlcForecast:
    """Forecast of the count over time with bands.

    Parameters
    ----------
    course : Course
        Per-fraction doses of blood and pools, calendar, concurrent drug.
    baseline_alc : float
        Count before the first fraction. [10^9/L]
    people : Population
        Parameters with their ranges, from `population(parameters.load("lymphocyte"), posterior)`.
    age_y : float, optional
        Age; the thymus shrinks with it. Unknown is drawn. [y]
    lln : float, optional
        Lower limit of normal, for grade 1. [10^9/L]
    baseline_known : bool
        False when `baseline_alc` is a cohort's median: its spread is added.
    chemo_known : bool
        False when nobody said whether there is concurrent chemotherapy: a finding says so.
    seed, draws, horizon_d : int, int, float
        Same seed, same draws. Horizon [d].
    explain : bool
        Also compute `organ_share`, `sensitivity` and `spread`.

    Returns
    -------
    AlcForecast
    """
    if not baseline_alc > 0:
        raise ScenarioError(f"a baseline count of {baseline_alc:g} x10^9/L cannot fall", "give the count before RT")
    if horizon_d < course.last_fraction_d:
        raise ScenarioError(
            f"the horizon of {horizon_d:g} d ends before the last fraction on day {course.last_fraction_d:g}",
            "raise the horizon",
        )
    drawn = draw(people, draws, seed, PATIENT_DIMENSIONS)
    day = daily(horizon_d)
    counts = realise(course, drawn, people, age_y).ratio(day) * baseline_alc
    if not baseline_known:
        counts = counts * drawn.patient("baseline", people.value["spread.baseline"])[:, None]
    summary = summarise(day, counts, lln=lln)
    weights = np.full(draws, 1.0 / draws)
    noise = deviations(observation(drawn.values, baseline_known), day, seed)
    organ_share: Mapping[str, float] = {}
    sensitivity: Mapping[str, float] = {}
    spread = None
    if explain:
        organ_share = loss_shares(course, people, age_y, seed, summary.nadir.usual_day)
        met = dimensions_met(course, drawn, age_y is not None, baseline_known)
        sensitivity = spread_shares(drawn, counts.min(axis=1), met)
        spread = _spread(course, baseline_alc, people, age_y, baseline_known, seed, summary)
    return assemble(
        day,
        counts,
        summary,
        weights,
        measured=measured_of(day, counts, noise, course.last_fraction_d, weights, lln),
        organ_share=organ_share,
        sensitivity=sensitivity,
        spread=spread,
        baseline_alc=baseline_alc,
        baseline_known=baseline_known,
        seed=seed,
        horizon_d=horizon_d,
        lln=lln,
        findings=_findings(course, people, age_y, baseline_known, chemo_known),
        ensemble_id=ensemble_id(course, baseline_alc, people, age_y, baseline_known, seed, draws, horizon_d),
    )


def assemble(
    day: NDArray[np.float64],
    counts: NDArray[np.float64],
    summary: Summary,
    weights: NDArray[np.float64],
    **fields: Any,
) -> AlcForecast:
    """An `AlcForecast` of a summary and the fields beside it."""
    for array in (day, counts, weights):
        read_only(array)
    return AlcForecast(
        day=day,
        quantiles=summary.quantiles,
        nadir=summary.nadir,
        grade_probability=summary.grade_probability,
        days_below=summary.days_below,
        recovery=summary.recovery,
        counts=counts,
        weights=weights,
        **fields,
    )


def _spread(
    course: Course,
    baseline_alc: float,
    people: Population,
    age_y: float | None,
    baseline_known: bool,
    seed: int,
    summary: Summary,
) -> Spread:
    until = min(course.last_fraction_d + summary.nadir.day.p50, HORIZON_D)
    one = {
        source: float(
            np.log(
                sample_counts(
                    course,
                    baseline_alc,
                    people,
                    age_y=age_y,
                    baseline_known=baseline_known,
                    seed=seed,
                    draws=SPREAD_DRAWS,
                    horizon_d=until,
                    vary=(source,),
                ).min(axis=1)
            ).std()
        )
        for source in ("parameters", "patients")
    }
    return Spread(one["parameters"], one["patients"], summary.sd_ln_nadir)


def _findings(
    course: Course, people: Population, age_y: float | None, baseline_known: bool, chemo_known: bool
) -> tuple[Finding, ...]:
    out = []
    if course.surrogates:
        pools = ", ".join(course.surrogates)
        out.append(finding(SURROGATE, f"these lymphocytes see a surrogate dose, the band is widened: {pools}", "pools"))
    if not baseline_known:
        out.append(finding(BASELINE_UNKNOWN, "the forecast starts from a cohort's median count", hint="give --alc"))
    shown = people.value["survival.shown_to"]
    for pool in POOLS:
        distributions = [phase.distribution(pool) for phase in course.phases]
        if any(float(d.share[d.dose_gy > shown].sum()) > 0.5 for d in distributions):
            out.append(finding(BEYOND_SHOWN, f"half of the {pool} gets more than {shown:g} Gy in a fraction", pool))
    if age_y is not None and age_y < people.value["calibration.youngest"]:
        out.append(finding(CHILD, f"the patient is {age_y:g} years old", "patient"))
    if any(phase.modality == "ion" for phase in course.phases):
        low, middle, high = (of["rbe.ion"] for of in (people.low, people.value, people.high))
        what = f"physical doses count {middle:g} times ({low:g} to {high:g}) on lymphocytes"
        out.append(finding(ION, what, "ions", "give the physical dose, not Gy(RBE)"))
    if not chemo_known:
        out.append(finding(CHEMO_UNKNOWN, "the forecast assumes no concurrent chemotherapy", hint="give --chemo"))
    return (*out, *_drug_findings(course))


def _drug_findings(course: Course) -> list[Finding]:
    """What the forecast makes of each named drug, and of steroids."""
    out = []
    for name, known in evidence_of(course.drugs).items():
        if known is None:
            out.append(finding(UNMODELLED, f"{name} is not in the model: the forecast leaves it out", "drugs"))
        else:
            out.append(finding(DRUG if known.parameter else NO_EFFECT, f"{name}: {known.why}", "drugs"))
    if course.steroid == "as fitted":
        return out
    if isinstance(course.steroid, str):
        drawn = "around the usual dose of brain tumours" if course.steroid == "usual" else "for some of the patients"
        hint = "give --steroid: none, or dexamethasone in mg a day"
        out.append(finding(STEROID_UNKNOWN, f"steroid use is not known: drawn {drawn}", "steroid", hint))
    elif course.steroid:
        out.append(finding(STEROID, f"{steroid_words(course.steroid)}: by an assumed loss rate", "steroid"))
    return out


def ensemble_id(course: Course, baseline_alc: float, people: Population, *rest: object) -> str:
    """Hash of the course, the numbers and the settings."""
    digest = hashlib.sha256()
    for phase in course.phases:
        digest.update(phase.times_d.tobytes())
        for pool in POOLS:
            digest.update(phase.distribution(pool).dose_gy.tobytes())
            digest.update(phase.distribution(pool).share.tobytes())
        digest.update(repr((sorted(phase.surrogate), phase.modality)).encode())
        if phase.low_rate is not None:
            digest.update(repr(phase.low_rate.to_dict()).encode())
        for body in phase.bodies:
            for pool, dose in body.items():
                digest.update(pool.encode() + dose.dose_gy.tobytes() + dose.share.tobytes())
    digest.update(repr((course.chemo, course.drugs, course.steroid, baseline_alc, rest)).encode())
    digest.update(repr((dict(people.value), dict(people.low), dict(people.high), people.survival)).encode())
    if people.posterior is not None:
        digest.update(repr(people.posterior.names).encode())
        digest.update(people.posterior.z.tobytes())
    return digest.hexdigest()[:ID_LENGTH]
