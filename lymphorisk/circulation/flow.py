"""Blood dose of a fraction and of a course, exact: the engine behind `blood_dose`.

The dose D of one fraction to a blood particle has the transform

    E[exp(sD)] = pi^T prod_b { exp(G_b Q) exp(T_b (Q + s R_b)) } 1

with the generator Q of the network, the dose rates R_b of beam b, its on-time T_b and the gap G_b before it. Mean,
standard deviation, share of blood never irradiated and surviving fractions come from it without sampling and
without a time step (`chain`); the histogram comes from stepping a dose grid with measured error (`dosegrid`); the
course from powers of the transform (`summary`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.chain import Chain, Solved, Transits, chain, mean_gy, solve
from lymphorisk.circulation.dosegrid import Histogram, histogram, least_gy, range_gy
from lymphorisk.circulation.lanes import LANES_IN_ALL, PhaseBlood, adapted, variance_lost, well_mixed
from lymphorisk.circulation.network import Network
from lymphorisk.circulation.summary import BloodSummary, course, summarise
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.errors import NotConvergedError, ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.frozen import FrozenDict

Real = NDArray[np.float64]

#: Resolution of the blood dose histogram. [Gy]
BIN_GY = 1e-3
#: Grid points of a fraction; beyond it (single fractions of many Gy) the bin is doubled until it fits.
MAX_POINTS = 4096
#: Time steps over the beam-on time of a fraction: with Richardson's rule D2% is then right to about 0.02 %.
STEPS = 80
#: Error allowed in the Gauss-Hermite sum of a quadratic survival term.
HERMITE_TOLERANCE = 1e-11
#: Error of that sum above which the surviving fraction is refused: a thousandth, the smallest difference reported.
HERMITE_LIMIT = 1e-3
#: Most Gauss-Hermite nodes; too few only where a fraction gives blood tens of Gy, whose survival is then nil.
HERMITE_NODES = 48

#: Most lanes a compartment may have in the per-visit bound; all together twice those of the default.
PER_VISIT_LANES = 64

UNCOVERED = rule(
    "LR201",
    "info",
    "Blood without dose",
    "These compartments have no contour or surrogate; their blood counts as unirradiated.",
)
COARSE = rule("LR202", "info", "Coarse blood dose grid", "The dose range is so wide that the bin exceeds 1 mGy.")

JOINED = rule(
    "LR203",
    "info",
    "Blood lanes joined",
    "Many compartments asked for many lanes; joining them costs the stated part of the spread, not of the mean.",
)
#: Part of the variance that joining lanes may cost without a finding: one half of it, 0.5 %, of the standard deviation.
JOINED_VARIANCE = 0.01


@dataclass(frozen=True, slots=True)
class NumericalError:
    """What the numbers may be off by.

    Attributes
    ----------
    series : float
        Bound on the probability the exponential series leaves out, and on the error of the Gauss-Hermite sum.
    bin_gy : float
        Distance of points of the dose histogram. [Gy]
    step : float
        Measured bound on the share of blood misplaced by the time step, before extrapolation removed most of it.
    lost, negative : float
        Mass folded back at the tail or lost to rounding; negative mass settled with its neighbours.
    lanes : float
        Estimated share of the variance lost by joining lanes.
    histogram_sd_gy, histogram_surviving : float
        Largest difference between histogram and exact solution: standard deviation [Gy], surviving share.
    """

    series: float
    bin_gy: float
    step: float
    lost: float
    negative: float
    lanes: float
    histogram_sd_gy: float
    histogram_surviving: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who gives the dose and who does the killing, in one fraction or the course.

    Attributes
    ----------
    dose_gy : mapping of str to float
        Contribution of each irradiated compartment to the mean blood dose; adds up to it. [Gy]
    dose_by_beam_gy : tuple of float
        The same by beam, as numbered in the plan (one fraction); phases one after the other in a course. [Gy]
    killed : mapping of str to mapping of str to float
        By survival form and compartment: share of lymphocytes that die there; adds up to 1 - surviving.
    killed_by_beam : mapping of str to tuple of float
        The same by beam.
    """

    dose_gy: Mapping[str, float]
    dose_by_beam_gy: tuple[float, ...]
    killed: Mapping[str, Mapping[str, float]]
    killed_by_beam: Mapping[str, tuple[float, ...]]

    def __repr__(self) -> str:
        parts = sorted(self.dose_gy.items(), key=lambda part: -part[1])[:3]
        return f"Attribution(most dose from {', '.join(f'{name} {dose:.3g} Gy' for name, dose in parts) or 'nowhere'})"


@dataclass(frozen=True, slots=True, eq=False)
class BloodDose:
    """The blood dose of a course.

    Attributes
    ----------
    engine : str
        Key in `MODELS`.
    network : str
        Title of the network.
    fraction : tuple of BloodSummary
        One fraction of each phase.
    course : BloodSummary
        The whole course, blood fully mixed between fractions.
    by_organ : mapping of str to float
        Contribution of each compartment to the mean dose of the course. [Gy]
    attribution : tuple of Attribution
        One fraction of each phase.
    course_attribution : Attribution
        The whole course.
    bounds : mapping of str to BloodSummary
        ``well_mixed`` (dose of an organ redrawn all the time) and ``per_visit`` (one draw per visit, every lane
        given), one fraction of the first phase; empty when not asked.
    error : tuple of NumericalError
        Of each phase.
    stages, lanes : int, mapping of str to int
        Erlang stages; lanes used by compartment (first phase).
    """

    engine: str
    network: str
    fraction: tuple[BloodSummary, ...]
    course: BloodSummary
    by_organ: Mapping[str, float]
    attribution: tuple[Attribution, ...]
    course_attribution: Attribution
    bounds: Mapping[str, BloodSummary]
    error: tuple[NumericalError, ...]
    findings: tuple[Finding, ...]
    stages: int
    lanes: Mapping[str, int]

    def __repr__(self) -> str:
        course = f"mean {self.course.mean_gy:.4g} Gy over the course"
        return f"BloodDose({course}, {len(self.fraction)} phase(s), engine {self.engine!r}, {self.network!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """A survival form as a weighted sum of exponentials: S(d) = sum Re(weight exp(s d)), and a bound on the error."""

    s: NDArray[np.complex128]
    weight: Real
    error: float


def exponential_sum(form: SurvivalForm, dose_gy: Real, share: Real) -> Nodes:
    """The form as exponentials.

    A quadratic term is the mean of exponentials over a standard normal Z (Hubbard 1959, Stratonovich 1957),
    ``exp(-b d^2) = E[exp(i sqrt(2b) Z d)]``, summed at Gauss-Hermite nodes; conjugate pairs are taken once.

    Parameters
    ----------
    form : SurvivalForm
        What to write as exponentials.
    dose_gy, share : ndarray, shape (k,)
        Doses at which the sum must be right on average within `HERMITE_TOLERANCE`. [Gy]
    """
    s: list[complex] = []
    weight: list[float] = []
    error = 0.0
    for w, a, b in zip(form.weights, form.alphas, form.betas, strict=True):
        z, v, off = hermite(np.sqrt(2 * b) * dose_gy, share * np.exp(-a * dose_gy))
        s += [complex(-a, float(np.sqrt(2 * b)) * float(x)) for x in z]
        weight += [w * float(x) for x in v]
        error += w * off
    return Nodes(np.array(s), np.array(weight), error)


def hermite(phase: Real, share: Real) -> tuple[Real, Real, float]:
    """Non-negative nodes and weights for E[exp(i phase Z)], as many as the phases need, and the error.

    The error of n nodes is at most ``n! / (2n)! phase^(2n)``, and at most 2; it is averaged over the share at each
    phase. When `HERMITE_NODES` are too few the best number is taken and its error returned.
    """
    from scipy.special import gammaln, roots_hermitenorm

    lit = (phase > 0) & (share > 0)
    if not np.any(lit):
        return np.zeros(1), np.ones(1), 0.0
    log_phase, weight = np.log(phase[lit]), share[lit]
    best, count = np.inf, 2
    for n in range(2, HERMITE_NODES + 1, 2):
        log_error = gammaln(n + 1) - gammaln(2 * n + 1) + 2 * n * log_phase
        error = float(weight @ np.exp(np.minimum(log_error, np.log(2.0))))
        if error < best:
            best, count = error, n
        if best < HERMITE_TOLERANCE:
            break
    z, w = roots_hermitenorm(count)
    half = count // 2
    return z[half:], 2 * w[half:] / w.sum(), best


@dataclass(frozen=True, slots=True, eq=False)
class _Fraction:
    """One fraction solved: the exact numbers and the histogram."""

    chain: Chain
    solved: Solved
    histogram: Histogram
    surviving: Mapping[str, float]
    killed: Mapping[str, Real]  # (b, l) by form
    mean_gy: float
    top_gy: float
    hermite: float

    def summary(self) -> BloodSummary:
        return summarise(self.histogram, self.mean_gy, self.solved.sd_gy, self.top_gy, self.surviving)

    def error(self, survival: Mapping[str, SurvivalForm], lanes: float) -> NumericalError:
        h = self.histogram
        x = h.offset_gy + h.bin_gy * np.arange(len(h.mass))
        sd = float(np.sqrt(max(float(h.mass @ (x - h.mean_gy) ** 2), 0.0)))
        off = [abs(float(h.mass @ form(x)) - self.surviving[name]) for name, form in survival.items()]
        return NumericalError(
            series=self.solved.missed + self.hermite,
            bin_gy=h.bin_gy,
            step=h.step_error,
            lost=h.lost,
            negative=h.negative,
            lanes=lanes,
            histogram_sd_gy=abs(sd - self.solved.sd_gy),
            histogram_surviving=max(off, default=0.0),
        )


def _solve_fraction(
    c: Chain, survival: Mapping[str, SurvivalForm], bin_gy: float, steps: int, transits: Transits
) -> _Fraction:
    """The exact numbers and the histogram; quadratic survival needs the histogram to know how many nodes."""
    linear = sorted({-a for form in survival.values() for a, b in zip(form.alphas, form.betas, strict=True) if b == 0})
    solved = solve(c, np.array(linear), transits)
    h = histogram(c, solved.untouched, bin_gy, steps, transits)
    x: Real = h.offset_gy + h.bin_gy * np.arange(len(h.mass), dtype=np.float64)
    nodes = {name: exponential_sum(form, x, h.mass) for name, form in survival.items()}
    value = dict(zip([complex(s) for s in linear], range(len(linear)), strict=True))
    bent = sorted({complex(s) for n in nodes.values() for s in n.s} - set(value), key=lambda s: (s.real, s.imag))
    transform, spent = solved.transform, solved.spent
    if bent:
        more = solve(c, np.array(bent), transits, moments=False)
        value |= {s: len(linear) + i for i, s in enumerate(bent)}
        transform, spent = np.concatenate([transform, more.transform]), np.concatenate([spent, more.spent])
    surviving: dict[str, float] = {}
    killed: dict[str, Real] = {}
    for name, n in nodes.items():
        rows = [value[s] for s in n.s]
        surviving[name] = float(np.real(n.weight @ transform[rows]))
        killed[name] = np.real(np.tensordot(n.weight, spent[rows], axes=1))
    top = float(least_gy(c).sum()) + range_gy(c)
    for name, n in nodes.items():
        if n.error > HERMITE_LIMIT:
            raise NotConvergedError(
                f"survival form {name!r}: its quadratic term is known to {n.error:.1g} only, up to {x[-1]:.3g} Gy",
                "use a form with a linear term, or fewer gray a fraction",
            )
    off = max((n.error for n in nodes.values()), default=0.0)
    return _Fraction(c, solved, h, surviving, killed, mean_gy(c), top, off)


def grid_bin(chains: Sequence[Chain], bin_gy: float = BIN_GY) -> float:
    """The dose bin all phases can share within `MAX_POINTS`. [Gy]"""
    reach = max(range_gy(c) for c in chains)
    while reach / bin_gy > MAX_POINTS:
        bin_gy *= 2
    return bin_gy


@one_blas_thread
def blood_dose(
    network: Network,
    phases: Sequence[PhaseBlood],
    survival: Mapping[str, SurvivalForm],
    *,
    stages: int,
    lanes: int | None,
    bin_gy: float = BIN_GY,
    steps: int = STEPS,
    bounds: bool = True,
) -> BloodDose:
    """Blood dose of a course, exact.

    Parameters
    ----------
    network : Network
        Where blood flows.
    phases : sequence of PhaseBlood
        The course.
    survival : mapping of str to SurvivalForm
        Survival forms to evaluate, by name.
    stages : int
        Erlang stages of every compartment; 1 is the exponential network.
    lanes : int
        Most lanes a compartment may have; 1 is the well-mixed organ. Fewer are used where the blood cannot tell
        (`lanes.adapted`). None uses every lane as given.
    bin_gy : float
        Resolution of the histogram. [Gy]
    steps : int
        Time steps of the histogram over the beam-on time of a fraction.
    bounds : bool
        Also solve the well-mixed and the per-visit organ.

    Returns
    -------
    BloodDose

    Raises
    ------
    ScenarioError
        No phase, or lanes and times that cannot be.
    ParameterError
        Dose to a compartment the network does not have.
    """
    if not phases:
        raise ScenarioError("a course has at least one phase")
    transits = Transits(network, stages)
    used = [adapted(network, phase, lanes) for phase in phases]
    chains = [chain(network, phase, stages) for phase in used]
    bin_gy = grid_bin(chains, bin_gy)
    solved = [_solve_fraction(c, survival, bin_gy, steps, transits) for c in chains]
    counts = [phase.fractions for phase in phases]
    whole = course([(n, f.histogram) for n, f in zip(counts, solved, strict=True)])
    summary = summarise(
        whole,
        sum(n * f.mean_gy for n, f in zip(counts, solved, strict=True)),
        float(np.sqrt(sum(n * f.solved.sd_gy**2 for n, f in zip(counts, solved, strict=True)))),
        sum(n * f.top_gy for n, f in zip(counts, solved, strict=True)),
        {
            name: float(np.prod([f.surviving[name] ** n for n, f in zip(counts, solved, strict=True)]))
            for name in survival
        },
    )
    errors = tuple(
        f.error(survival, variance_lost(network, a, b)) for f, a, b in zip(solved, phases, used, strict=True)
    )
    parts = tuple(_attribution(f, phase) for f, phase in zip(solved, used, strict=True))
    total = _course_attribution(parts, counts, [f.surviving for f in solved])
    return BloodDose(
        engine="exact",
        network=network.title,
        fraction=tuple(f.summary() for f in solved),
        course=summary,
        by_organ=total.dose_gy,
        attribution=parts,
        course_attribution=total,
        bounds=_bounds(network, phases[0], used[0], survival, stages, bin_gy, steps, transits, solved[0])
        if bounds
        else {},
        error=errors,
        findings=_findings(network, phases, bin_gy, max(e.lanes for e in errors)),
        stages=stages,
        lanes=FrozenDict({name: len(lane.share) for name, lane in used[0].lanes.items()}),
    )


def _bounds(
    network: Network,
    given: PhaseBlood,
    used: PhaseBlood,
    survival: Mapping[str, SurvivalForm],
    stages: int,
    bin_gy: float,
    steps: int,
    transits: Transits,
    solved: _Fraction,
) -> Mapping[str, BloodSummary]:
    out: dict[str, BloodSummary] = {}
    mixed = replace(given, lanes={name: well_mixed(lane) for name, lane in given.lanes.items()})
    for name, phase in (
        ("well_mixed", mixed),
        ("per_visit", adapted(network, given, PER_VISIT_LANES, 2 * LANES_IN_ALL)),
    ):
        same = all(len(phase.lanes[key].share) == len(used.lanes[key].share) for key in phase.lanes)
        f = solved if same else _solve_fraction(chain(network, phase, stages), survival, bin_gy, steps, transits)
        out[name] = f.summary()
    return FrozenDict(out)


def _attribution(f: _Fraction, phase: PhaseBlood) -> Attribution:
    c = f.chain
    dose = c.network.volume_share[c.compartment] * c.share * c.dose_gy
    back = np.argsort(phase.order)
    names = {name: np.flatnonzero(c.compartment == c.network.index(name)) for name in phase.lanes}
    return Attribution(
        dose_gy=FrozenDict({name: float(dose[:, i].sum()) for name, i in names.items()}),
        dose_by_beam_gy=tuple(float(d) for d in dose.sum(axis=1)[back]),
        killed=FrozenDict(
            {
                form: FrozenDict({name: float(k[:, i].sum()) for name, i in names.items()})
                for form, k in f.killed.items()
            }
        ),
        killed_by_beam=FrozenDict({form: tuple(float(v) for v in k.sum(axis=1)[back]) for form, k in f.killed.items()}),
    )


def _course_attribution(
    parts: Sequence[Attribution], counts: Sequence[int], surviving: Sequence[Mapping[str, float]]
) -> Attribution:
    """Fractions follow each other: those alive after the earlier ones are killed in the same proportions."""
    dose: dict[str, float] = {}
    beams: list[float] = []
    for part, n in zip(parts, counts, strict=True):
        for name, gy in part.dose_gy.items():
            dose[name] = dose.get(name, 0.0) + n * gy
        beams += [n * gy for gy in part.dose_by_beam_gy]
    killed: dict[str, Mapping[str, float]] = {}
    by_beam: dict[str, tuple[float, ...]] = {}
    for form in surviving[0]:
        alive = 1.0
        organ: dict[str, float] = {}
        beam: list[float] = []
        for part, n, left in zip(parts, counts, surviving, strict=True):
            s = left[form]
            times = alive * (float(n) if s == 1 else (1 - s**n) / (1 - s))
            for name, k in part.killed[form].items():
                organ[name] = organ.get(name, 0.0) + times * k
            beam += [times * k for k in part.killed_by_beam[form]]
            alive *= s**n
        killed[form] = FrozenDict(organ)
        by_beam[form] = tuple(beam)
    return Attribution(FrozenDict(dose), tuple(beams), FrozenDict(killed), FrozenDict(by_beam))


def _findings(network: Network, phases: Sequence[PhaseBlood], bin_gy: float, joined: float) -> tuple[Finding, ...]:
    out: list[Finding] = []
    known = set().union(*(phase.lanes for phase in phases))
    without = [name for name in network.names if name not in known]
    if without:
        share = sum(float(network.volume_share[network.index(name)]) for name in without)
        out.append(
            finding(
                UNCOVERED,
                f"{100 * share:.3g} % of the blood is in {len(without)} compartments without dose: "
                + ", ".join(without),
                "blood",
            )
        )
    if bin_gy > BIN_GY:
        out.append(finding(COARSE, f"blood dose histogram in bins of {bin_gy:g} Gy", "blood"))
    if joined > JOINED_VARIANCE:
        what = f"joining lanes lowers the standard deviation of the blood dose by about {100 * joined / 2:.1f} %"
        out.append(finding(JOINED, what, "blood", "see the per-visit bound"))
    return tuple(out)
