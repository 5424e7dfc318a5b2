"""Plans that replace each other: they are never added by guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom.rtplan import PlanFile
from lymphorisk.errors import ReplanError
from lymphorisk.parameters import load
from lymphorisk.plan import DoseGrid, Phase
from lymphorisk.plan.dose_sum import where_all_reach

#: What a plan is called that replaces another, and the end of a label that counts versions. Labels join words by "_".
WORDS = re.compile(
    r"(?<![a-z])re[\s_-]?plan|adapt|(?<![a-z])art\d*(?![a-z])|offline|umplan|neuplan|verworfen|discard|superseded",
    re.IGNORECASE,
)
VERSION = re.compile(
    r"(?:[\s_.:-]+(?:(?:revision|rev|version|ver|v|rp|ad|art|new|neu|copy|kopie|mod|final)\d*|r\d+)|:\d+"
    r"|(?<=[a-z0-9])(?:rev|ver|v|r)\d+)$",
    re.IGNORECASE,
)
#: What a part of a course is called.
PARTS = re.compile(
    r"boost|(?<![a-z])bst(?![a-z])|tumou?rbe(?:tt|d)|phase|(?<![a-z])ph(?=[\s_.-]?\d)|serie|(?<![a-z])sib(?![a-z])"
    r"|(?<![a-z])cone|(?<![a-z])cd(?![a-z])|(?<![a-z])teil|etappe",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\d+")


def refuse_replans(plans: Sequence[PlanFile], phases: Sequence[Phase]) -> None:
    """Refuse a sum of plans of which one looks like the other's replan.

    Parameters
    ----------
    plans : sequence of PlanFile
        That are to be added.
    phases : sequence of Phase
        Theirs, with doses; `Phase.plan` says whose.

    Raises
    ------
    ReplanError
        Naming the plans, the signs, and how to say what is meant.
    """
    of = {p.sop_uid: [ph for ph in phases if ph.plan is not None and ph.plan.uid == p.sop_uid] for p in plans}
    for a, b in combinations(plans, 2):
        if why := _why(a, b, of[a.sop_uid], of[b.sop_uid]):
            raise ReplanError(
                f"plans {a.label!r} and {b.label!r} look like a plan and its replan ({why}): their doses are not added",
                _meant(a, b, of[a.sop_uid], of[b.sop_uid]),
            )


def _why(a: PlanFile, b: PlanFile, own: Sequence[Phase], other: Sequence[Phase]) -> str:
    """The signs that one plan replaces the other; empty when there are none."""
    if b.sop_uid in a.replaces or a.sop_uid in b.replaces:
        return "one names the other as the plan it replaces"
    if b.sop_uid in a.beside or a.sop_uid in b.beside:
        return ""
    other_part = _part(a.label) != _part(b.label)
    derived = b.sop_uid in a.derived or a.sop_uid in b.derived
    same = load("dose")["replan.same"].number
    one_dose = _alike(_fraction_gy(own), _fraction_gy(other), same)
    one_prescription = _alike(_total_gy(own), _total_gy(other), same)
    one_number = sum(p.fractions for p in own) == sum(p.fractions for p in other)
    worded = derived or any(WORDS.search(p.label) for p in (a, b))
    called = (worded and not other_part) or (one_dose and _one_root(a.label, b.label))
    if not (called or one_dose or one_prescription):
        return ""
    shared = _overlap(own, other)
    if shared < load("dose")["replan.touch"].number:
        return ""
    volume = f"volumes that overlap by {100 * shared:.0f} %"
    if called:
        return f"{'one was made from the other' if derived else 'their labels'}, and {volume}"
    if shared < load("dose")["replan.overlap"].number:
        return f"the same prescription and fractions, and {volume}" if one_prescription and one_number else ""
    if one_prescription:
        return f"the same prescription, and {volume}"
    return "" if other_part else f"the same dose of a fraction, and {volume}"


def _meant(a: PlanFile, b: PlanFile, own: Sequence[Phase], other: Sequence[Phase]) -> str:
    n, m = (sum(p.fractions for p in phases) for phases in (own, other))
    first, second = (p.label or p.sop_uid[-12:] for p in (a, b))
    done = n - m if m < n else max(n // 2, 1)
    rest = f'--deliver "{second}={done + 1}-{n}"' if done < n else f'--deliver "{second}=..."'
    return (
        f'say which fractions each gives, such as --deliver "{first}=1-{done}" {rest}; both in full: '
        f'--deliver "{first}=1-{n}" --deliver "{second}={n + 1}-{n + m}"; one alone: --plan'
    )


def _part(label: str) -> str:
    """The part of a course that a label names, with its number; empty when it names none.

    Examples
    --------
    >>> [_part(label) for label in ("PROST_CD2", "Boost", "Serie 1b", "possible")]
    ['cd2', 'boost', 'serie1', '']
    """
    found = PARTS.search(label)
    if found is None:
        return ""
    number = NUMBER.search(label, found.end())
    return found[0].casefold() + (number[0] if number else "")


def _one_root(a: str, b: str) -> bool:
    """Whether two labels differ only in the number of a version."""
    roots = [VERSION.sub("", label.strip()).casefold() for label in (a, b)]
    return roots[0] == roots[1] != ""


def _alike(a: float | None, b: float | None, within: float) -> bool:
    return a is not None and b is not None and abs(a - b) <= within * max(a, b)


def _total_gy(phases: Sequence[Phase]) -> float | None:
    """What a plan prescribes, else what its targets should get, else its highest dose. [Gy]"""
    total = 0.0
    for phase in phases:
        said = phase.prescription_gy or (phase.witnesses[0].dose_gy if phase.witnesses else None)
        if said is None:
            said = None if phase.dose is None else float(phase.dose.dose_zyx.max())
        if said is None:
            return None
        total += said
    return total


def _fraction_gy(phases: Sequence[Phase]) -> float | None:
    total = _total_gy(phases)
    return None if total is None else total / sum(p.fractions for p in phases)


def _overlap(own: Sequence[Phase], other: Sequence[Phase]) -> float:
    """Dice overlap of the volumes that two plans treat, where all their grids reach; 0 where they do not meet."""
    grids = [p.dose for phases in (own, other) for p in phases if p.dose is not None]
    doses, reached = where_all_reach(grids, grids[0].frame)
    if not reached.any():
        return 0.0
    volumes = grids[0].frame.cell_volumes_cm3()[reached]
    mine = len([p for p in own if p.dose is not None])
    level = load("dose")["replan.level"].number
    parts = slice(None, mine), slice(mine, None)
    a, b = (_hot([d[reached] for d in doses[p]], grids[p], level) for p in parts)
    size = volumes[a].sum() + volumes[b].sum()
    return float(2.0 * volumes[a & b].sum() / size) if size else 0.0


def _hot(inside: Sequence[NDArray[np.float64]], grids: Sequence[DoseGrid], level: float) -> NDArray[np.bool_]:
    """Where a plan treats, by its highest dose; that may lie where another's grid does not reach."""
    total = np.sum(inside, axis=0)
    top = max(float(total.max()), *(float(g.dose_zyx.max()) for g in grids))
    return np.asarray(total >= level * top)
