"""Plans of one patient beside each other: the same again, rivals, replans, parts of a course. Named, never summed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from lymphorisk.cohorts.known import Keyed

#: Prescriptions closer to one another than this are the same. [Gy]
SAME_GY = 0.01
#: A patient with more plans is no patient: an anonymiser gave one ID to many.
MANY = 30


@dataclass(frozen=True, slots=True)
class Pair:
    """Two plans of one patient, what the second is to the first, and what says so."""

    key: str
    other: str
    relation: str
    why: str


def pairs_of(keyed: Sequence[Keyed], patients: Mapping[str, str], rows: Mapping[str, Mapping[str, Any]]) -> list[Pair]:
    """All pairs of plans of one patient, in the order of their keys.

    Parameters
    ----------
    keyed : sequence of Keyed
    patients : mapping of str to str
        Pseudonym by key.
    rows : mapping of str to mapping
        ``fractions``, ``prescription_gy`` and ``site_inferred`` of plans in the table, by key.
    """
    few = [plans for plans in by_patient(keyed, patients).values() if len(plans) <= MANY]
    return sorted(_pairs(few, rows), key=lambda p: (p.key, p.other))


def by_patient(keyed: Sequence[Keyed], patients: Mapping[str, str]) -> Mapping[str, list[Keyed]]:
    """Plans by the pseudonym of their patient."""
    out: dict[str, list[Keyed]] = defaultdict(list)
    for k in keyed:
        out[patients[k.key]].append(k)
    return out


def _pairs(groups: Sequence[list[Keyed]], rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Pair]:
    for group in groups:
        for a, b in combinations(sorted(group, key=_made), 2):
            relation, why = related(a, b, rows.get(a.key, {}), rows.get(b.key, {}))
            yield Pair(a.key, b.key, relation, why)


def _made(k: Keyed) -> tuple[str, str]:
    """The order plans were made in, as far as they say."""
    return ("" if k.plan.head is None else k.plan.head.made, k.key)


def related(a: Keyed, b: Keyed, row_a: Mapping[str, Any], row_b: Mapping[str, Any]) -> tuple[str, str]:
    """What plan `b` is to plan `a`, made no later, and what says so."""
    one, two = a.plan.head, b.plan.head
    if a.inputs == b.inputs and a.plan.plan == b.plan.plan:
        return "same files", "the same files with other facts: one of the two rows is too many"
    if one is None or two is None:
        return "same patient", "one of them has no plan file"
    if one.uid == two.uid:
        return "same plan", "one plan exported twice, in other bytes: one of the two rows is too many"
    if one.structures and one.structures == two.structures:
        if _alike(row_a, row_b):
            return "rival", "the same structures, fractions and prescription: one of them was treated, or neither"
        return "part", "the same structures with other fractions or prescription: boost, phase, or a rival"
    if one.frame and one.frame == two.frame:
        return "part", "other structures on the same images: boost, phase, or drawn again"
    site_a, site_b = row_a.get("site_inferred"), row_b.get("site_inferred")
    if site_a and site_a == site_b:
        return "replan", f"other images, the same site ({site_a}): replanned, or treated again"
    if site_a and site_b:
        return "other course", f"other images, another site ({site_a}, {site_b})"
    return "same patient", "other images; the site of one of them is not known"


def _alike(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """The same number of fractions and the same prescription; where one is not known they are not."""
    first, second = a.get("prescription_gy"), b.get("prescription_gy")
    if a.get("fractions") is None or a.get("fractions") != b.get("fractions") or first is None or second is None:
        return False
    return bool(abs(first - second) < SAME_GY)
