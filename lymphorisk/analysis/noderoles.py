"""What part a node region plays in a course, as a person says it: it drains a target, or is treated electively."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lymphorisk.errors import MissingOrganError, ScenarioError
from lymphorisk.organs import load, organ_name
from lymphorisk.plan.words import NODE_ROLES, NodeRole
from lymphorisk.units import nearest

HOW = 'write "LN_Ax_L=draining" or "LN_Pelvics=elective": a node region, and what it is here'
SHOWN = 60
SIDES = ("_L", "_R")


def role_of(text: str) -> tuple[tuple[str, ...], NodeRole]:
    """The node regions a text names, both sides where it names none, and their role.

    Raises
    ------
    ScenarioError
        No region and role, another role, or an organ that holds no nodes.
    MissingOrganError
        No organ has this name.

    Examples
    --------
    >>> role_of("axillary nodes left = draining"), role_of("LN_Axillary=elective")
    ((('LN_Ax_L',), 'draining'), (('LN_Ax_L', 'LN_Ax_R'), 'elective'))
    """
    name, sign, word = (part.strip() for part in text.rpartition("="))
    if not sign or not name or not word:
        raise ScenarioError(f"{text[:SHOWN]!r} is no node region with its role", HOW)
    role = next((r for r in NODE_ROLES if r == word.casefold()), None)
    if role is None:
        near = nearest(word, NODE_ROLES)
        hint = f"did you mean {near}?" if near else f"one of {', '.join(NODE_ROLES)}"
        raise ScenarioError(f"{word[:SHOWN]!r} is no role of nodes", hint)
    organs = _regions(name)
    if other := [organ for organ in organs if load()[organ].pool != "nodes"]:
        raise ScenarioError(f"{other[0]} is no node region", "`lymphorisk organs` lists those whose pool is nodes")
    return organs, role


def _regions(name: str) -> tuple[str, ...]:
    """The organ of a name, or those of both its sides."""
    try:
        return (organ_name(name),)
    except MissingOrganError:
        try:
            return tuple(organ_name(name + side) for side in SIDES)
        except MissingOrganError:
            pass
        raise


def roles_of(texts: Sequence[str]) -> Mapping[tuple[str, ...], NodeRole]:
    """The roles that texts give, by node regions.

    Raises
    ------
    ScenarioError
        As `role_of`, or a region has two roles.
    """
    out: dict[tuple[str, ...], NodeRole] = {}
    seen: dict[str, NodeRole] = {}
    for organs, role in map(role_of, texts):
        for organ in organs:
            if seen.setdefault(organ, role) != role:
                raise ScenarioError(f"{organ} is both {seen[organ]} and {role}", "a region has one role")
        out[organs] = role
    return out
