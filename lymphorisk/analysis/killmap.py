"""Where a gray costs lymphocytes: the kill map of a plan on its own dose grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lymphorisk.analysis.chain import people_of
from lymphorisk.analysis.doses import POOL_ORGAN, Doses
from lymphorisk.analysis.exposure import survival_used
from lymphorisk.analysis.options import Options, held
from lymphorisk.analysis.placed import on_grid
from lymphorisk.analysis.prepared import prepare
from lymphorisk.circulation.gradient import kill_gradient
from lymphorisk.dicom import Export
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import ScenarioError, UndecidableError
from lymphorisk.lymphocyte import POOLS
from lymphorisk.lymphocyte.killmap import Voxels, kill_map, per_cm3
from lymphorisk.plan import DoseGrid, KnownPatient, Patient
from lymphorisk.plan.words import is_particle
from lymphorisk.scenario import Scenario
from lymphorisk.units import ML_PER_L

#: The map is given in lymphocytes per million, so that planning systems show readable numbers.
PER_MILLION = 1e6
#: Lymphocytes outside blood.
RESIDENT = (*POOL_ORGAN, "elsewhere")
#: What the RTDOSE says of itself (Dose Comment holds at most 64 characters).
COMMENT = "kill map, NO DOSE: lymphocytes lost, 1e-6 per Gy cm3, 1 fraction"


@dataclass(frozen=True, slots=True, eq=False)
class KillMap:
    """The map of one phase.

    Attributes
    ----------
    grid : DoseGrid
        `dose_zyx` holds lymphocytes lost, per million of the body's, for one gray more in one cm3 [1e-6/(Gy cm3)].
        It is no dose.
    phase : str
    lost : float
        Share of the body's lymphocytes that one fraction kills.
    fractions : int
    """

    grid: DoseGrid
    phase: str
    lost: float
    fractions: int
    ion: bool = False


@held
def killmap(
    source: str | Path | Export | Scenario, patient: Patient | KnownPatient, options: Options, phase: int = 0
) -> KillMap:
    """The kill map of one phase of a plan, for one fraction.

    Blood's part comes from the adjoint of the blood engine, each pool's part from -S'(d); what is not
    contoured lies where the placed bodies have it, all alike, or is spread over the body.

    Raises
    ------
    ScenarioError
        A scenario has no dose grid; no such phase.
    UndecidableError
        There is no body contour to spread the rest over.
    """
    plan = prepare(source, patient, options)
    if plan.source.given is not None:
        raise ScenarioError("a scenario has no dose grid to draw a map on", "give an export")
    of = plan.source.plan.phases
    if not 0 <= phase < len(of):
        raise ScenarioError(f"the course has no phase {phase + 1}", f"it has {len(of)}")
    doses, body = plan.doses, plan.body
    if "Body" not in doses.regions:
        raise UndecidableError(
            "without a body contour the map has nowhere to put what is not contoured", "contour BODY"
        )
    part = of[phase]
    grid = part.dose
    assert grid is not None
    places = _Places(doses, grid, phase, body.volume_l * ML_PER_L)
    form = survival_used(options)
    gradient = kill_gradient(plan.flow.network, plan.flow.phases[phase], form, stages=plan.stages, lanes=plan.lanes)
    people = people_of(options.survival_model).value
    total = sum(people[f"pool.{pool}"] for pool in POOLS)
    shares = {pool: people[f"pool.{pool}"] / total for pool in POOLS}
    per_voxel = kill_map(
        (grid.dose_zyx / (part.of_fractions * part.rbe_in_dose)).astype(np.float64),
        blood=_of_blood(gradient.compartments, places),
        gradient=gradient,
        blood_share=shares["blood"],
        pools=[(voxels, share, form) for voxels, share in _of_pools(shares, places)],
    )
    density = per_cm3(per_voxel, grid.frame.cell_volumes_cm3()) * PER_MILLION
    resident = {pool: doses.pools[pool][phase] for pool in RESIDENT}
    killed = {pool: float(d.share @ (1.0 - form(d.dose_gy))) for pool, d in resident.items()}
    lost = shares["blood"] * gradient.killed + sum(shares[pool] * share for pool, share in killed.items())
    drawn = replace(grid, dose_zyx=density.astype(np.float32))
    return KillMap(drawn, part.label, lost, part.fractions, is_particle(part.modality))


class _Places:
    """Where organs, drawn or placed, lie on the voxels of one phase's dose grid."""

    def __init__(self, doses: Doses, grid: DoseGrid, phase: int, body_cm3: float) -> None:
        self.doses = doses
        self._grid, self._phase, self._body_cm3 = grid, phase, body_cm3
        self._known: dict[str, Voxels] = {}

    def drawn(self, name: str) -> Voxels:
        """A contoured organ; of the body, all of it."""
        if name not in self._known:
            volume = voxel_volumes(self.doses.regions[name], self._grid).reshape(-1)
            index = np.flatnonzero(volume > 0)
            organ = self.doses.organs[name]
            total = self._body_cm3 if name == "Body" else organ.volume_cm3
            inside = volume[index]
            if name != "Body" and total is not None and organ.coverage == 1.0:
                inside = inside * (total / inside.sum())
            self._known[name] = Voxels(index, inside, total or float(inside.sum()))
        return self._known[name]

    def placed(self, key: str) -> Voxels:
        """What nobody drew of an organ or a pool, where the placed bodies have it; else the body."""
        bodies, pieces = self.doses.bodies, self.doses.pieces.get(key, ())
        if bodies is None or not pieces:
            return self.drawn("Body")
        if key not in self._known:
            index, share_there = on_grid(bodies, pieces, self._phase)
            self._known[key] = Voxels(index, share_there, 1.0)
        return self._known[key]

    def of(self, organ: str) -> Voxels:
        """An organ that stands for a blood compartment."""
        return self.placed(organ) if organ in self.doses.rests else self.drawn(organ)


def _of_blood(compartments: Iterable[str], places: _Places) -> list[tuple[str, Voxels, float]]:
    """Compartments with where their blood lies, and the share of it."""
    out = []
    for compartment in compartments:
        covered = places.doses.compartments.get(compartment, ())
        out += [(compartment, places.of(organ), share) for organ, share in covered]
        if (rest := 1.0 - sum(share for _, share in covered)) > 0:
            out.append((compartment, places.drawn("Body"), rest))
    return out


def _of_pools(shares: Mapping[str, float], places: _Places) -> list[tuple[Voxels, float]]:
    """Where the lymphocytes outside blood lie, with the share of the body's."""
    out = []
    for pool in RESIDENT:
        covered = places.doses.pool_parts.get(pool, ())
        out += [(places.drawn(c.organ), shares[pool] * c.share) for c in covered]
        if (rest := 1.0 - sum(c.share for c in covered)) > 0:
            out.append((places.placed(pool), shares[pool] * rest))
    return out
