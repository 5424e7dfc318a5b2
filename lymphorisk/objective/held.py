"""What is held while the dose changes: where lymphocytes and blood lie on the voxels of one phase's dose grid.

Shares, places, the bodies of undrawn organs, beam timing and how the beams share a lane's dose are those of the plan
the loss is built from. Each drawn organ's dose is scaled to the mean of the exact engine at that plan, each placed rest
to its mean in `analysis`: what lies between voxels stays in the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.blood import BINS
from lymphorisk.analysis.doses import Doses
from lymphorisk.analysis.placed import LEAST, Makeup, Piece
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.anatomy import nearest, within
from lymphorisk.circulation.chain import Chain, chain
from lymphorisk.circulation.lanes import LaneDose, PhaseBlood, adapted
from lymphorisk.dvh.curve import WHOLE
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import UndecidableError
from lymphorisk.lymphocyte import POOLS
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.units import ML_PER_L

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells at voxels, and beyond the grid.

    Attributes
    ----------
    index : ndarray of int, shape (n,)
        Flat positions in the dose grid; a voxel may come more than once.
    factor : ndarray, shape (n,)
        Dose of one fraction for one gray of the phase in the voxel.
    share : ndarray, shape (n,)
        Share of the cells there.
    beyond_gy, beyond_share : ndarray, shape (m,)
        Dose of one fraction beyond the grid, held [Gy], and the share of the cells there. All shares sum to 1.
    """

    index: NDArray[np.intp]
    factor: Real
    share: Real
    beyond_gy: Real
    beyond_share: Real

    def doses(self, dose: Real) -> Real:
        """Dose of one fraction at each voxel of the cells, from the flat dose of the phase. [Gy]"""
        return np.asarray(self.factor * dose[self.index])

    def mean_gy(self, dose: Real) -> float:
        """Mean dose of one fraction. [Gy]"""
        return float(self.share @ self.doses(dose) + self.beyond_share @ self.beyond_gy)

    def scaled_to(self, mean_gy: float, dose: Real) -> Cells:
        """The same cells with their doses in proportion, so that the mean of one fraction is this. [Gy]"""
        now = self.mean_gy(dose)
        ratio = mean_gy / now if now > 0.0 and mean_gy > 0.0 else 1.0
        return Cells(self.index, self.factor * ratio, self.share, self.beyond_gy * ratio, self.beyond_share)


def together(parts: Iterable[tuple[float, Cells]]) -> Cells:
    """Cells of several kinds by weights that sum to 1."""
    kept = [(w, c) for w, c in parts if w > 0.0]
    total = sum(w for w, _ in kept)
    return Cells(
        np.concatenate([c.index for _, c in kept]),
        np.concatenate([c.factor for _, c in kept]),
        np.concatenate([w / total * c.share for w, c in kept]),
        np.concatenate([c.beyond_gy for _, c in kept]),
        np.concatenate([w / total * c.beyond_share for w, c in kept]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class BloodMap:
    """From the dose of voxels to the lanes of the blood engine: two linear steps, bins of organs, then lanes.

    Attributes
    ----------
    bins : sparse array, shape (n, voxels)
        Mean dose of one fraction in bins of organs, for the dose of the phase.
    bins_gy : ndarray, shape (n,)
        What bins get beyond the grid. [Gy]
    lanes : sparse array, shape (l, n)
        Dose of each lane of the chain from those of the bins.
    split : ndarray, shape (b, l)
        How the beams, in the order of treatment, share a lane's dose.
    chain : Chain
        Of the plan: timing, shares of lanes.
    """

    bins: Any
    bins_gy: Real
    lanes: Any
    split: Real
    chain: Chain


class Held:
    """Pools and blood of one phase on the voxels of its dose grid."""

    def __init__(self, plan: Prepared, phase: int) -> None:
        self.plan, self.phase = plan, phase
        self.part = plan.source.plan.phases[phase]
        grid = self.part.dose
        if grid is None:
            raise UndecidableError("a phase without a dose grid has no voxels", "give an export, or a dose grid")
        self.grid: DoseGrid = grid
        self.dose: Real = grid.dose_zyx.reshape(-1).astype(np.float64)
        self.per_fraction = 1.0 / (self.part.of_fractions * self.part.rbe_in_dose)
        self._known: dict[str, Cells] = {}

    @property
    def doses(self) -> Doses:
        """Organ doses of the plan."""
        return self.plan.doses

    def drawn(self, name: str) -> Cells:
        """A contoured organ, its mean that of the exact engine."""
        if name not in self._known:
            volume = voxel_volumes(self.doses.regions[name], self.grid).reshape(-1)
            self._known[name] = self._at(np.flatnonzero(volume > 0), volume, self.doses.drawn[name][self.phase].mean_gy)
        return self._known[name]

    def _at(self, index: NDArray[np.intp], volume: Real, mean_gy: float) -> Cells:
        if not len(index):
            return _beyond(np.array([mean_gy]))
        inside = volume[index]
        none = np.zeros(0)
        made = Cells(index, np.full(len(index), self.per_fraction), inside / inside.sum(), none, none)
        return made.scaled_to(mean_gy, self.dose)

    def body(self) -> Cells:
        """What has the body's dose: the body in the grid, and what lies beyond it."""
        if "" not in self._known:
            organ, whole = self.doses.organs.get("Body"), self.plan.body.volume_l
            if organ is not None and organ.dvh is not None and "Body" in self.doses.regions:
                inside, litres = self.drawn("Body"), organ.dvh.covered_cm3 / ML_PER_L
            else:
                volume = self.grid.frame.cell_volumes_cm3().reshape(-1)
                mean = float(volume @ self.dose) / float(volume.sum()) * self.per_fraction
                inside, litres = self._at(np.arange(len(volume)), volume, mean), float(volume.sum()) / ML_PER_L
            share = min(litres / whole, 1.0)
            bodies = self.doses.bodies
            far = None if bodies is None or share == 1.0 else bodies.beyond_scan(self.phase)
            rest = _beyond(np.zeros(1)) if far is None else _beyond(far.dose_gy, far.share)
            self._known[""] = together([(share, inside), (1.0 - share, rest)])
        return self._known[""]

    def placed(self, key: str, pieces: Sequence[Piece], body: int | None, mean_gy: float) -> Cells:
        """A rest nobody drew, in one placed body or in all alike; the body where there is none."""
        if key in self._known:
            return self._known[key]
        bodies = self.doses.bodies
        parts = [] if bodies is None else [(p.share, c) for p in pieces if (c := self._piece(p, body)) is not None]
        if sum(w for w, _ in parts) <= LEAST:
            return self.body()
        self._known[key] = together(parts).scaled_to(mean_gy, self.dose)
        return self._known[key]

    def _piece(self, piece: Piece, body: int | None) -> Cells | None:
        assert self.doses.bodies is not None
        dosed = self.doses.bodies.dosed
        which = slice(None) if body is None else slice(body, body + 1)
        out = []
        for name, weight in piece.mix.items():
            points, height = dosed.placed.points(name)[which], dosed.heights(name)[which]
            wanted = (height < piece.low_mm) | (height > piece.high_mm)
            inside = within(self.grid, points) & wanted
            beyond = dosed.doses(name)[self.phase, which][wanted & ~inside] * self.per_fraction
            index = nearest(self.grid, points[inside])
            if not len(index) + len(beyond):
                continue
            each = 1.0 / (len(index) + len(beyond))
            cells = Cells(
                index,
                np.full(len(index), self.per_fraction),
                np.full(len(index), each),
                beyond,
                np.full(len(beyond), each),
            )
            out.append((weight * float(wanted.mean()), cells))
        return together(out) if out else None

    def pool(self, name: str) -> Cells:
        """A pool outside blood, all bodies alike, as the typical patient has it."""
        made: dict[int, tuple[Makeup, list[int]]] = {}
        for body, pools in enumerate(self.doses.makeup):
            made.setdefault(id(pools[name]), (pools[name], []))[1].append(body)
        drawn: dict[str, float] = {}
        parts: list[tuple[float, Cells]] = []
        for makeup, bodies in made.values():
            weight = len(bodies) / len(self.doses.makeup)
            left = 1.0 - sum(c.share for c in makeup.covered)
            covered = 1.0 if left < WHOLE else 1.0 - left
            for c in makeup.covered:
                drawn[c.organ] = drawn.get(c.organ, 0.0) + weight * covered * c.share / (1.0 - left)
            if left >= WHOLE:
                key = f"{name} in {bodies[0]}"
                rest = self.placed(key, makeup.pieces, bodies[0], makeup.rest[self.phase].mean_gy)
                parts.append((weight * left, rest))
        return together([*((w, self.drawn(organ)) for organ, w in drawn.items()), *parts])

    def pools(self) -> Mapping[str, Cells]:
        """Every pool outside blood."""
        return {name: self.pool(name) for name in POOLS if name != "blood"}

    def blood(self) -> BloodMap:
        """Where the blood's dose comes from."""
        flow, doses = self.plan.flow, self.doses
        given = flow.phases[self.phase]
        used = adapted(flow.network, given, self.plan.lanes)
        made = chain(flow.network, used, self.plan.stages)
        bins: dict[str, _Bins] = {}
        rows: list[Any] = []
        for compartment in flow.network.names:
            covered = doses.compartments.get(compartment, ())
            left = 1.0 - sum(share for _, share in covered)
            parts = list(covered)
            if left > 0.0 or not parts:
                parts.append(("", max(left, 0.0)))
            own = [(self._bins(name, bins), share) for name, share in parts]
            lane = used.lanes.get(compartment, LaneDose(np.ones(1), np.zeros((len(given.on_s), 1))))
            rows.append(_lanes(own, lane))
        return self._joined(bins, rows, made, used)

    def _bins(self, name: str, known: dict[str, _Bins]) -> _Bins:
        if name not in known:
            if name == "":
                cells = self.body()
            elif name in self.doses.rests:
                cells = self.placed(name, self.doses.pieces[name], None, self.doses.rests[name][self.phase].mean_gy)
            else:
                cells = self.drawn(name)
            known[name] = _binned(cells, self.dose, first=sum(len(b.share) for b in known.values()))
        return known[name]

    def _joined(
        self, bins: Mapping[str, _Bins], rows: Sequence[tuple[Any, Real]], made: Chain, used: PhaseBlood
    ) -> BloodMap:
        from scipy import sparse

        count = sum(len(b.share) for b in bins.values())
        shape = (count, len(self.dose))
        matrix = sparse.csr_array(
            (
                np.concatenate([b.weight for b in bins.values()]),
                (np.concatenate([b.row for b in bins.values()]), np.concatenate([b.column for b in bins.values()])),
            ),
            shape=shape,
        )
        triples = [np.concatenate(part) for part in zip(*(r[0] for r in rows), strict=True)]
        height = np.cumsum([0, *(len(r[1]) for r in rows)])
        lane = np.concatenate([r[0][0] + h for r, h in zip(rows, height, strict=False)])
        lanes = sparse.csr_array((triples[2], (lane, triples[1])), shape=(int(height[-1]), count))
        total = made.dose_gy.sum(axis=0)
        beams = np.array([b.weight for b in self.plan.flow.summaries[self.phase].beams])[used.order]
        split = np.where(total > 0.0, made.dose_gy / np.where(total > 0.0, total, 1.0), beams[:, None])
        beyond = np.concatenate([b.beyond for b in bins.values()])
        found = lanes @ (matrix @ self.dose + beyond)
        ratio = np.where((found > 0.0) & (total > 0.0), total / np.where(found > 0.0, found, 1.0), 1.0)
        return BloodMap(matrix, beyond, sparse.csr_array(sparse.diags_array(ratio) @ lanes), split, made)


def held_of(plan: Prepared) -> tuple[Held, ...]:
    """What is held of every phase."""
    return tuple(Held(plan, i) for i in range(len(plan.source.plan.phases)))


def _beyond(dose_gy: Real, share: Real | None = None) -> Cells:
    none = np.zeros(0)
    even = np.full(len(dose_gy), 1.0 / len(dose_gy)) if share is None else share
    return Cells(np.zeros(0, dtype=np.intp), none, none, dose_gy.astype(np.float64), even)


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """Cells of an organ in bins of near-equal share by the plan's dose: held, so that the dose of a bin is linear.

    `row`, `column`, `weight` are entries of the matrix from the phase's dose to the mean dose of each bin; `beyond` is
    what lies outside the grid; `share` and `dose_gy` those of the bins at the plan's dose; `first` their first row.
    """

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    weight: Real
    beyond: Real
    share: Real
    dose_gy: Real
    first: int


def _binned(cells: Cells, dose: Real, first: int) -> _Bins:
    at = np.concatenate([cells.doses(dose), cells.beyond_gy])
    share = np.concatenate([cells.share, cells.beyond_share])
    order = np.argsort(at, kind="stable")
    spared = at[order] <= 0.0
    reached = np.cumsum(share[order]) - 0.5 * share[order]
    zero = float(share[order][spared].sum())
    place = np.where(spared, 0, 1 + np.floor(BINS * (reached - zero) / max(1.0 - zero, LEAST)).clip(0, BINS - 1))
    _, of = np.unique(place.astype(np.intp), return_inverse=True)
    which = np.empty(len(at), dtype=np.intp)
    which[order] = of
    held = np.bincount(which, weights=share).astype(np.float64)
    inside = len(cells.index)
    beyond = np.bincount(which[inside:], weights=cells.beyond_share * cells.beyond_gy, minlength=len(held)) / held
    weight = cells.share * cells.factor / held[which[:inside]]
    mean = np.bincount(which, weights=share * at) / held
    return _Bins(which[:inside] + first, cells.index, weight, np.asarray(beyond), held, np.asarray(mean), first)


def _lanes(parts: Sequence[tuple[_Bins, float]], lane: LaneDose) -> tuple[tuple[Any, Any, Real], Real]:
    """Entries (lane, bin, weight) that make the lanes of one compartment of its organs' bins, coldest to hottest."""
    share = np.concatenate([w * b.share for b, w in parts])
    share = share / share.sum()
    at = np.concatenate([b.dose_gy for b, _ in parts])
    number = np.concatenate([b.first + np.arange(len(b.share)) for b, _ in parts])
    order = np.argsort(at, kind="stable")
    edge = np.concatenate([[0.0], np.cumsum(share[order])])
    rank = np.argsort(lane.total_gy, kind="stable")
    cut = np.concatenate([[0.0], np.cumsum(lane.share[rank])])
    low = np.maximum(edge[None, :-1], cut[:-1, None])
    overlap = np.maximum(np.minimum(edge[None, 1:], cut[1:, None]) - low, 0.0)
    k, j = np.nonzero(overlap)
    weight = overlap[k, j] / overlap.sum(axis=1)[k]
    return (rank[k], number[order][j], weight), lane.share
