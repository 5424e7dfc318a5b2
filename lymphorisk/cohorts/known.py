"""What is known of a plan before it is read: its key, its patient's pseudonym, month, planning system, technique."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lymphorisk.cohorts.found import FoundPlan, persons

#: Characters of a pseudonym.
PSEUDONYM = 16


@dataclass(frozen=True, slots=True)
class Keyed:
    """A plan found, with its key and the places where the same plan lies again."""

    plan: FoundPlan
    key: str
    inputs: tuple[str, ...]
    copies: tuple[FoundPlan, ...] = ()


def known_of(plan: FoundPlan) -> dict[str, Any]:
    """What is known of a plan before it is read; of dates no more than the month."""
    head, row = plan.head, plan.row
    day = row.treated or ("" if head is None else head.made)
    return {
        "treated": f"{day[:4]}-{day[4:6]}" if day else None,
        "treated_source": None if not day else "manifest" if row.treated else "plan file",
        "planning_system": None if head is None else head.system,
        "technique": row.technique or (None if head is None else head.technique),
        "centre": row.centre or None,
    }


def pseudonym(who: str, secret: bytes) -> str:
    """A patient by a keyed hash of the ID (HMAC-SHA256)."""
    return hmac.new(secret, who.encode(), hashlib.sha256).hexdigest()[:PSEUDONYM]


def patients_of(keyed: Sequence[Keyed], secret: bytes) -> dict[str, str]:
    """Pseudonym of the patient of each plan, by its key.

    With a secret a keyed hash of the patient's ID, the same in every cohort under that secret; of an ID that several
    people have, of what `persons` tells them apart by. Without one the first key of the patient's plans: it holds
    within this cohort, and says nothing of the ID.
    """
    first: dict[str, str] = {}
    people = persons([k.plan for k in keyed])
    for k, who in zip(keyed, people, strict=True):
        if who:
            first[who] = min(first.get(who, k.key), k.key)
    out = {}
    for k, who in zip(keyed, people, strict=True):
        out[k.key] = pseudonym(who, secret) if who and secret else first.get(who, k.key)[:PSEUDONYM]
    return out
