"""What a dose costs the lymphocytes, and the exact derivative by the dose of every voxel.

    voxels -> dose of a fraction -> kill of every pool (its own dose) and of blood (the exact engine)
           -> -ln(1 - K) of each subset -> count of the typical patient -> the aim

The derivative goes back the same way: the count by complex steps in its few inputs, blood by the adjoint of its chain,
pools by -S'(d). Nothing of the model is written twice: survival, chain, pools, traffic, recovery and drugs are those of
`analyze`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphorisk.analysis.options import Options, held
from lymphorisk.analysis.prepared import Prepared, prepare, prepared
from lymphorisk.analysis.source import Source
from lymphorisk.circulation.chain import Transits, mean_gy
from lymphorisk.circulation.gradient import kill_slopes
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.dicom import Export
from lymphorisk.errors import ScenarioError, UnsupportedDoseError
from lymphorisk.lymphocyte import POOLS
from lymphorisk.lymphocyte.killmap import kill_slope
from lymphorisk.lymphocyte.realisation import KILL_MAX
from lymphorisk.objective.counts import Typical, from_kills, typical
from lymphorisk.objective.held import BloodMap, Held, held_of
from lymphorisk.organs import organ_name
from lymphorisk.organs.segments import Segment
from lymphorisk.plan import Beam, DoseGrid, KnownPatient, Mask, Patient, Phase, TreatmentPlan
from lymphorisk.plan.frame import borders
from lymphorisk.plan.words import Modality

if TYPE_CHECKING:
    from lymphorisk.objective.prices import Weight
    from lymphorisk.objective.surrogate import Surrogate

Real: TypeAlias = NDArray[np.float64]
#: Dose of every phase on its grid; of a course of one phase the array alone. [Gy]
Doses: TypeAlias = ArrayLike | Sequence[ArrayLike]
#: Pools beside blood, in the order of `POOLS`.
OWN = tuple(pool for pool in POOLS if pool != "blood")
BLOOD = POOLS.index("blood")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One phase, flat: entries of all pools one after another, and the map to blood."""

    held: Held
    index: NDArray[np.intp]
    factor: Real
    share: Real
    starts: NDArray[np.intp]
    beyond: Sequence[tuple[Real, Real]]
    blood: BloodMap
    transits: Transits

    @property
    def size(self) -> int:
        """Number of voxels."""
        return len(self.held.dose)

    @property
    def held_by_lane(self) -> Real:
        """Share of all blood in each lane."""
        c = self.blood.chain
        return np.asarray(c.network.volume_share[c.compartment] * c.share)

    def spread(self, by_pool: Real) -> Real:
        """One number a pool of `OWN`, repeated for each of its cells."""
        return np.repeat(by_pool, np.diff(np.append(self.starts, len(self.index))))

    def lane_doses(self, dose: Real) -> Real:
        """Dose of a fraction in each lane for the dose of the phase, without what lies beyond the grid. [Gy]"""
        return np.asarray(self.blood.lanes @ (self.blood.bins @ dose))

    def voxels(self, by_cell: Real) -> Real:
        """Cells summed into their voxels."""
        return np.asarray(np.bincount(self.index, weights=by_cell, minlength=self.size), dtype=np.float64)

    def blood_voxels(self, by_lane: Real) -> Real:
        """Derivative by voxel from that by lane."""
        return np.asarray(self.blood.bins.T @ (self.blood.lanes.T @ by_lane))


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One phase at a dose: killed share by subset and pool, shape (s, pools), mean blood dose [Gy], and slopes."""

    killed: Real
    blood_gy: float
    own: Sequence[Real]
    blood: Sequence[Real]


class LymphocyteLoss:
    """The loss of lymphocytes as a function of the dose of every voxel.

    Parameters
    ----------
    source : path, Export, TreatmentPlan or Prepared
        The plan that says where organs lie, how it is fractionated and timed; its dose is where blood's lanes and
        everything else that is held were taken (`held`).
    patient : Patient, optional
    options : Options, optional
        As for `analyze`.
    aim : str
        ``nadir``: -ln of the typical patient's lowest count over his baseline. ``lost``: share of the count that he has
        lost on `day`.
    day : float, optional
        For ``lost``: days from the first fraction. [d]

    Attributes
    ----------
    dose : tuple of ndarray, one a phase
        Dose of the plan it is built from. [Gy]
    grids : tuple of DoseGrid

    Raises
    ------
    ScenarioError
        A scenario (it has no voxels), an unknown aim, a day that does not fit.
    UndecidableError
        A phase without a dose grid.

    Notes
    -----
    The typical patient has every parameter and every difference between patients at its median: his is the course in
    the middle of the forecast's draws, not the mean over them.
    """

    def __init__(
        self,
        source: str | Path | Export | TreatmentPlan | Prepared,
        patient: Patient | KnownPatient | None = None,
        options: Options | None = None,
        *,
        aim: str = "nadir",
        day: float | None = None,
    ) -> None:
        self.plan = _prepared(source, patient, options)
        self.options = self.plan.options
        if self.plan.source.given is not None:
            raise ScenarioError("a scenario has no voxels to take a derivative by", "give an export")
        self._build(aim, day)

    @held
    def _build(self, aim: str, day: float | None) -> None:
        self.typical: Typical = typical(self.plan, aim, day)
        transits = Transits(self.plan.flow.network, self.plan.stages)
        self.parts = tuple(_phase(h, transits) for h in held_of(self.plan))

    @classmethod
    def from_arrays(
        cls,
        dose_gy: ArrayLike,
        spacing_mm: Sequence[float],
        origin_mm: Sequence[float],
        organs: Mapping[str, ArrayLike],
        *,
        fractions: int,
        beam_on_s: Sequence[float] = (),
        modality: Modality = "photon",
        rbe_in_dose: float = 1.0,
        patient: Patient | None = None,
        options: Options | None = None,
        aim: str = "nadir",
        day: float | None = None,
    ) -> LymphocyteLoss:
        """The loss from arrays, as a planner of one's own has them.

        Parameters
        ----------
        dose_gy : ndarray, shape (nz, ny, nx)
            A dose to start from, of the whole course: lanes of blood are cut by it. [Gy]
        spacing_mm, origin_mm : sequence of float, length 3
            Along x, y, z: distance of the voxels, and the centre of the first, in patient coordinates (LPS). [mm]
        organs : mapping of str to ndarray of bool or float, shape (nz, ny, nx)
            Masks by organ name; ``Body`` among them lets undrawn organs be placed.
        fractions : int
        beam_on_s : sequence of float
            Beam-on time of each beam of a fraction; the default for the modality without. [s]
        modality, rbe_in_dose : str, float
            The kind of beam, and the RBE inside `dose_gy`; doses of ions must be physical.

        Raises
        ------
        StructureError
            A mask that is empty or does not fit the dose.
        MissingOrganError
            A name that no organ has.
        """
        dose = np.asarray(dose_gy, dtype=np.float32)
        if dose.ndim != 3:
            raise UnsupportedDoseError(f"a dose of shape {dose.shape} is no grid", "give an array (nz, ny, nx)")
        x, y, z = (float(s) * np.arange(n) for s, n in zip(spacing_mm, dose.shape[::-1], strict=True))
        grid = DoseGrid(dose, np.asarray(origin_mm, dtype=np.float64), np.eye(3), x, y, z)
        edges = [borders(axis) + o for axis, o in zip((z, y, x), np.asarray(origin_mm, float)[::-1], strict=True)]
        segments = tuple(
            Segment(name, Mask(i, name, _mask(inside), *edges), organ_name(name), "given as an array")
            for i, (name, inside) in enumerate(organs.items(), start=1)
        )
        beams = tuple(
            Beam(i, f"beam {i}", modality, on_s=float(on), time_source="user")
            for i, on in enumerate(beam_on_s, start=1)
        )
        phase = Phase("arrays", fractions, beams, grid, modality, rbe_in_dose)
        course = Source(TreatmentPlan("arrays", (phase,), ()), None, Patient(), (), (), segments=segments)
        return cls(prepared(course, patient or Patient(), options or Options()), aim=aim, day=day)

    @property
    def grids(self) -> tuple[DoseGrid, ...]:
        """Dose grid of every phase."""
        return tuple(p.held.grid for p in self.parts)

    @property
    def dose(self) -> tuple[Real, ...]:
        """Dose of the plan by phase, each of shape (nz, ny, nx). [Gy]"""
        return tuple(p.held.dose.reshape(p.held.grid.dose_zyx.shape) for p in self.parts)

    def at(self, dose: Doses) -> LymphocyteLoss:
        """The same loss built anew from another dose: blood's lanes are cut by it, the engine's means taken at it."""
        flat = self.by_phase(dose)
        phases = tuple(
            replace(part, dose=replace_dose(p.held.grid, d), beams=tuple(replace(b, dose=None) for b in part.beams))
            for part, p, d in zip(self.plan.source.plan.phases, self.parts, flat, strict=True)
        )
        source = replace(self.plan.source, plan=replace(self.plan.source.plan, phases=phases))
        day = None if self.typical.aim == "nadir" else self.typical.day
        return LymphocyteLoss(prepared(source, self.plan.patient, self.options), aim=self.typical.aim, day=day)

    def value(self, dose: Doses) -> float:
        """The loss at a dose.

        Parameters
        ----------
        dose : ndarray, shape (nz, ny, nx), or a sequence of them, one a phase
            Dose of each whole phase as the plan states it (with its RBE); flat arrays are taken too. [Gy]
        """
        states = self.states(self.by_phase(dose))
        return self.typical.value(self._log_kill(states))

    def gradient(self, dose: Doses) -> tuple[Real, ...]:
        """Derivative by the dose of every voxel, one array a phase in the shape of its grid. [1/Gy]"""
        return self.value_and_gradient(dose)[1]

    def value_and_gradient(self, dose: Doses) -> tuple[float, tuple[Real, ...]]:
        """The loss and its derivative, for little more than the loss alone."""
        flat = self.by_phase(dose)
        states = self.states(flat)
        value, by_log = self.typical.gradient(self._log_kill(states))
        out = []
        for i, (part, state) in enumerate(zip(self.parts, states, strict=True)):
            voxels = part.voxels(self._by_cell(part, state, by_log[:, i]))
            voxels += part.blood_voxels(self._by_lane(part, state, by_log[:, i]))
            out.append(voxels.reshape(part.held.grid.dose_zyx.shape))
        return value, tuple(out)

    def log_kill(self, dose: Doses) -> Real:
        """-ln(1 - K) of one fraction, shape (subsets, phases, pools), unexplained loss included."""
        return self._log_kill(self.states(self.by_phase(dose)))

    def by_phase(self, dose: Doses) -> list[Real]:
        """Doses, flat, one a phase."""
        each = [dose] if len(self.parts) == 1 and np.ndim(dose) in (1, 3) else list(dose)  # type: ignore[arg-type]
        if len(each) != len(self.parts):
            raise UnsupportedDoseError(f"{len(each)} doses for {len(self.parts)} phases", "give one a phase")
        out = []
        for given, part in zip(each, self.parts, strict=True):
            flat = np.asarray(given, dtype=np.float64).reshape(-1)
            if flat.size != part.size:
                shape = part.held.grid.dose_zyx.shape
                raise UnsupportedDoseError(f"a dose of {flat.size} voxels for a grid of {shape}")
            if not np.all(np.isfinite(flat)):
                raise UnsupportedDoseError("the dose holds values that are not numbers")
            out.append(flat)
        return out

    def _log_kill(self, states: Sequence[State]) -> Real:
        return np.stack([from_kills(s.killed, self.typical.unexplained(s.blood_gy)[0]) for s in states], axis=1)

    @one_blas_thread
    def states(self, flat: Sequence[Real]) -> list[State]:
        """Kills and their slopes in every phase."""
        return [self._state(i, part, dose) for i, (part, dose) in enumerate(zip(self.parts, flat, strict=True))]

    def _state(self, i: int, part: Part, dose: Real) -> State:
        forms = self.typical.forms[i]
        unique = list(dict.fromkeys(forms))
        at = part.factor * dose[part.index]
        totals = part.lane_doses(dose) + part.blood.lanes @ part.blood.bins_gy
        c = replace(part.blood.chain, dose_gy=part.blood.split * totals)
        killed, slope = kill_slopes(c, unique, part.transits)
        rows, own = [], []
        for n, form in enumerate(unique):
            survived, falls = _survival(form, at)
            row = np.add.reduceat(part.share * (1.0 - survived), part.starts)
            row += [float(share @ (1.0 - form(gy))) for gy, share in part.beyond]
            rows.append(np.minimum(np.insert(row, BLOOD, killed[n]), KILL_MAX))
            own.append(part.share * part.factor * falls)
        which = [unique.index(form) for form in forms]
        by_lane = [np.asarray((part.blood.split * slope[n]).sum(axis=0)) for n in range(len(unique))]
        return State(
            np.stack([rows[n] for n in which]), mean_gy(c), [own[n] for n in which], [by_lane[n] for n in which]
        )

    def _by_cell(self, part: Part, state: State, by_log: Real) -> Real:
        """Derivative by the dose of the phase at each cell of the pools."""
        by_kill = by_log / (1.0 - state.killed)
        weights = np.zeros(len(part.index))
        for slope, row in zip(state.own, by_kill, strict=True):
            weights += slope * part.spread(np.delete(row, BLOOD))
        return weights

    def _by_lane(self, part: Part, state: State, by_log: Real) -> Real:
        """Derivative by the dose of a fraction in each lane of blood, unexplained loss included."""
        by_kill = by_log / (1.0 - state.killed)
        _, more = self.typical.unexplained(state.blood_gy)
        lanes = float(by_log.sum(axis=1) @ more) * part.held_by_lane
        for row, slope in zip(by_kill, state.blood, strict=True):
            lanes = lanes + row[BLOOD] * slope
        return np.asarray(lanes)

    def by_pool(self, dose: Doses) -> tuple[Real, Real, Real]:
        """Of every pool of `POOLS`: loss for one gray more in all of it, gradient times dose, and mean dose [Gy]."""
        flat = self.by_phase(dose)
        states = self.states(flat)
        _, by_log = self.typical.gradient(self._log_kill(states))
        out = np.zeros((3, len(POOLS)))
        for i, (part, state, d) in enumerate(zip(self.parts, states, flat, strict=True)):
            cells, lanes = self._by_cell(part, state, by_log[:, i]), self._by_lane(part, state, by_log[:, i])
            at = part.share * part.factor * d[part.index]
            mean = np.add.reduceat(at, part.starts) + [float(gy @ share) for gy, share in part.beyond]
            rows = (np.add.reduceat(cells, part.starts), np.add.reduceat(cells * d[part.index], part.starts), mean)
            scale = part.held.per_fraction
            blood = (scale * lanes.sum(), part.blood_voxels(lanes) @ d, state.blood_gy)
            for n, (row, own) in enumerate(zip(rows, blood, strict=True)):
                out[n] += np.insert(row, BLOOD, own) / (scale if n == 2 else 1.0)
        return out[0], out[1], out[2]

    def weights(self, dose: Doses | None = None) -> tuple[Weight, ...]:
        """Prices of organs and pools at a dose, the plan's without: `prices.Weight`, the dearest organ first."""
        from lymphorisk.objective.prices import weights_at

        return weights_at(self, self.dose if dose is None else dose)

    def surrogate(self, dose: Doses | None = None) -> Surrogate:
        """The loss as a quadratic about a dose, the plan's without, with its measured error: `surrogate.Surrogate`."""
        from lymphorisk.objective.surrogate import surrogate_at

        return surrogate_at(self, self.dose if dose is None else dose)


def replace_dose(grid: DoseGrid, dose: Real) -> DoseGrid:
    """The grid with another dose; nothing below zero. [Gy]"""
    return DoseGrid(np.maximum(dose, 0.0).astype(np.float32).reshape(grid.dose_zyx.shape), grid.frame)


def _survival(form: SurvivalForm, dose: Real) -> tuple[Real, Real]:
    """S(d) and -S'(d)."""
    if len(form.weights) == 1 and form.betas[0] == 0.0:
        survived = np.exp(-form.alphas[0] * dose)
        return survived, form.alphas[0] * survived
    return form(dose), kill_slope(form, dose)


def _phase(h: Held, transits: Transits) -> Part:
    pools = h.pools()
    cells = [pools[name] for name in OWN]
    return Part(
        h,
        np.concatenate([c.index for c in cells]),
        np.concatenate([c.factor for c in cells]),
        np.concatenate([c.share for c in cells]),
        np.cumsum([0, *(len(c.index) for c in cells)])[:-1],
        tuple((c.beyond_gy, c.beyond_share) for c in cells),
        h.blood(),
        transits,
    )


def _prepared(
    source: str | Path | Export | TreatmentPlan | Prepared,
    patient: Patient | KnownPatient | None,
    options: Options | None,
) -> Prepared:
    if isinstance(source, Prepared):
        return source
    if isinstance(source, TreatmentPlan):
        return prepared(Source(source, None, Patient(), (), ()), patient or Patient(), options or Options())
    return prepare(source, patient, options)


def _mask(inside: ArrayLike) -> NDArray[np.bool_] | NDArray[np.float32]:
    array = np.array(inside)
    return array if array.dtype == np.bool_ else array.astype(np.float32)
