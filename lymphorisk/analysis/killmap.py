"""Where a gray costs lymphocytes: the kill map of a plan on its own dose grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lymphorisk.analysis.chain import people_of
from lymphorisk.analysis.doses import POOL_ORGAN
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
    known: dict[str, Voxels] = {}

    def voxels(name: str) -> Voxels:
        if name not in known:
            volume = voxel_volumes(doses.regions[name], grid).reshape(-1)
            index = np.flatnonzero(volume > 0)
            organ = doses.organs[name]
            total = organ.volume_cm3 if name != "Body" else body.volume_l * ML_PER_L
            inside = volume[index]
            if name != "Body" and total is not None and organ.coverage == 1.0:
                inside = inside * (total / inside.sum())
            known[name] = Voxels(index, inside, total or float(inside.sum()))
        return known[name]

    def placed(key: str) -> Voxels:
        bodies, pieces = doses.bodies, doses.pieces.get(key, ())
        if bodies is None or not pieces:
            return voxels("Body")
        if key not in known:
            index, share_there = on_grid(bodies, pieces, phase)
            known[key] = Voxels(index, share_there, 1.0)
        return known[key]

    form = survival_used(options)
    gradient = kill_gradient(
        plan.flow.network,
        plan.flow.phases[phase],
        form,
        stages=plan.stages,
        lanes=plan.lanes,
    )
    blood = []
    for compartment in gradient.compartments:
        covered = doses.compartments.get(compartment, ())
        blood += [
            (compartment, placed(organ) if organ in doses.rests else voxels(organ), share) for organ, share in covered
        ]
        if (rest := 1.0 - sum(share for _, share in covered)) > 0:
            blood.append((compartment, voxels("Body"), rest))
    shares = people_of(options.survival_model).value
    total = sum(shares[f"pool.{pool}"] for pool in POOLS)
    pools = []
    for pool in (*POOL_ORGAN, "elsewhere"):
        covered_by = doses.pool_parts.get(pool, ())
        share = shares[f"pool.{pool}"] / total
        pools += [(voxels(c.organ), share * c.share, form) for c in covered_by]
        if (rest := 1.0 - sum(c.share for c in covered_by)) > 0:
            pools.append((placed(pool), share * rest, form))
    one = grid.dose_zyx / (part.fractions * part.rbe_in_dose)
    blood_share = shares["pool.blood"] / total
    per_voxel = kill_map(one.astype(np.float64), blood=blood, gradient=gradient, blood_share=blood_share, pools=pools)
    density = per_cm3(per_voxel, grid.frame.cell_volumes_cm3()) * PER_MILLION
    lost = blood_share * gradient.killed + sum(
        shares[f"pool.{pool}"] / total * float(d.share @ (1.0 - form(d.dose_gy)))
        for pool, d in ((p, doses.pools[p][phase]) for p in (*POOL_ORGAN, "elsewhere"))
    )
    drawn = replace(grid, dose_zyx=density.astype(np.float32))
    return KillMap(drawn, part.label, lost, part.fractions, is_particle(part.modality))
