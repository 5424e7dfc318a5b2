"""Node regions of a course and what part they play: as a person says it, or by their place, which is a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lymphorisk.analysis.drawn import Drawn, median_of, number
from lymphorisk.analysis.noderoles import roles_of
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.whatif import inside
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.organs import load
from lymphorisk.plan.words import NODE_ROLES, NodeRole

NODES_GUESSED = rule(
    "LR273",
    "info",
    "role of nodes guessed",
    "Nobody said which nodes drain a target and which are treated electively: the drawn regions beside a target and "
    "those that get much of its dose are a guess. Say it: --node-role.",
)
NO_ROLE_DOSE = rule(
    "LR275",
    "warning",
    "nodes without a dose",
    "A node region that was given a role is neither drawn nor placed nor listed: it has no dose here.",
)


@dataclass(frozen=True, slots=True)
class Nodes:
    """A node region.

    Attributes
    ----------
    name : str
        TG-263 name.
    role : str
        ``draining``, ``elective``, or empty.
    role_from : str
        ``given``, ``place`` (a guess), or empty.
    source : str
        Of its dose: `OrganDose.source`.
    mean_gy, median_gy : float
        Course dose. [Gy]
    beside : str
        The nearest target, where both are drawn.
    distance_mm : float or None
        To that target, 0 where they meet. [mm]
    """

    name: str
    role: NodeRole | Literal[""]
    role_from: str
    source: str
    mean_gy: float
    median_gy: float
    beside: str = ""
    distance_mm: float | None = None


def node_regions(plan: Prepared) -> tuple[str, ...]:
    """Node regions with a dose that are no sum of others that have one."""
    known = load()
    found = [n for n in plan.doses.organs if n in known and known[n].pool == "nodes" and n != "LN"]
    return tuple(n for n in found if not any(inside(other, n) for other in found))


def nodes_of(plan: Prepared, targets: Sequence[Drawn]) -> tuple[tuple[Nodes, ...], list[Finding]]:
    """Node regions with a dose, and those that were given a role; and what is said of them.

    Raises
    ------
    ScenarioError
        A region is given two roles.
    """
    regions = node_regions(plan)
    given, said = _given_roles(plan, regions)
    near = _nearest(plan, regions, targets)
    guessed: dict[str, NodeRole] = {} if plan.options.node_role else _by_place(plan, near, targets)
    out = []
    for name in dict.fromkeys((*regions, *given)):
        organ = plan.doses.organs[name]
        role = given.get(name) or guessed.get(name) or ""
        target, distance = near[name][:2] if name in near else ("", None)
        out.append(
            Nodes(
                name,
                role,
                "given" if name in given else "place" if name in guessed else "",
                organ.source,
                organ.course.mean_gy,
                median_of(organ.course),
                target,
                distance,
            )
        )
    findings = [finding(NO_ROLE_DOSE, f"{', '.join(names)}: {role}", names[0]) for names, role in said]
    for role in NODE_ROLES:
        names = [n for n, r in guessed.items() if r == role]
        if names:
            what = "beside a target" if role == "draining" else "with much of a target's dose"
            hint = f'say it: --node-role "{names[0]}={role}"'
            findings.append(finding(NODES_GUESSED, f"{', '.join(names)}: {role}, a guess ({what})", names[0], hint))
    return tuple(out), findings


def _given_roles(
    plan: Prepared, regions: Sequence[str]
) -> tuple[dict[str, NodeRole], list[tuple[tuple[str, ...], NodeRole]]]:
    """Roles by region that has a dose, and what was said of regions without one.

    A name with parts that have a dose of their own means these.
    """
    out: dict[str, NodeRole] = {}
    without = []
    for names, role in roles_of(plan.options.node_role).items():
        found = [n for name in names for n in _meant(plan, name, regions)]
        if not found:
            without.append((names, role))
        for n in found:
            if out.setdefault(n, role) != role:
                raise ScenarioError(f"{n} is both {out[n]} and {role}", "a region has one role")
    return out, without


def _meant(plan: Prepared, name: str, regions: Sequence[str]) -> list[str]:
    parts = [n for n in regions if n == name or inside(n, name)]
    return parts or ([name] if name in plan.doses.organs else [])


def _nearest(plan: Prepared, regions: Sequence[str], targets: Sequence[Drawn]) -> dict[str, tuple[str, float, float]]:
    """By drawn node region: the nearest target, how far it is [mm], 0 where they meet, and the share inside it."""
    drawn = [n for n in regions if n in plan.doses.regions]
    if not drawn or not targets:
        return {}
    from scipy.spatial import cKDTree

    grid = plan.source.plan.phases[0].dose
    assert grid is not None
    points = grid.frame.points().reshape(-1, 3)
    trees = [(t.name, cKDTree(points[t.volume.reshape(-1) > 0.0]), t.volume) for t in targets if t.volume.any()]
    out = {}
    for name in drawn:
        volume = voxel_volumes(plan.doses.regions[name], grid)
        if not volume.any() or not trees:
            continue
        mine = points[volume.reshape(-1) > 0.0]
        found = []
        for target, tree, theirs in trees:
            shared = float(np.minimum(volume, theirs).sum() / volume.sum())
            found.append((0.0 if shared > 0.0 else float(tree.query(mine)[0].min()), -shared, target))
        distance, share, target = min(found)
        out[name] = (target, distance, -share)
    return out


def _other_side(name: str) -> str:
    """The region of the other side of the body; empty of one without sides."""
    return name[:-1] + {"L": "R", "R": "L"}[name[-1]] if name.endswith(("_L", "_R")) else ""


def _by_place(
    plan: Prepared, near: Mapping[str, tuple[str, float, float]], targets: Sequence[Drawn]
) -> dict[str, NodeRole]:
    """Roles as the place of drawn regions suggests them: a guess."""
    out: dict[str, NodeRole] = {}
    reach = number("draining.reach")
    for target in dict.fromkeys(t for t, _, _ in near.values()):
        beside = {n: (d, -share) for n, (t, d, share) in near.items() if t == target}
        first = min(beside, key=lambda n: beside[n])
        if beside[first][0] <= reach:
            pair = [n for n in beside if n == _other_side(first) and beside[n][0] == beside[first][0]]
            out |= dict.fromkeys((first, *pair), "draining")
    floor = min((median_of(t.organ.course) for t in targets), default=np.inf)
    for n in near:
        if n not in out and median_of(plan.doses.organs[n].course) >= number("elective.share") * floor:
            out[n] = "elective"
    return {n: out[n] for n in near if n in out}
