"""Which objects are one course, and whether it is whole: by their references, never by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from lymphorisk.clinic.objects import Held

#: Doses of which one alone is the dose of a plan.
WHOLE_DOSES = ("PLAN", "MULTI_PLAN", "PLAN_OVERVIEW")


@dataclass(frozen=True, slots=True)
class Course:
    """Objects to be analysed together.

    Attributes
    ----------
    key : str
        SHA-256 over those of its objects: the same objects are the same course, in whatever order they came.
    study_uid : str
    objects : tuple of Held
    missing : tuple of str
        What is named and is not there, or what a course cannot do without; empty when it is whole.
    plan_uid : str
        Empty when there is no plan.
    """

    key: str
    study_uid: str
    objects: tuple[Held, ...]
    missing: tuple[str, ...]
    plan_uid: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything it names is there."""
        return not self.missing


def courses(study_uid: str, objects: Sequence[Held]) -> tuple[Course, ...]:
    """The courses of a study among objects: one a plan, and what is left over as one without a plan.

    `objects` are those of the study and whatever they refer to.
    """
    by_uid = {held.sop_uid: held for held in objects}
    out: list[Course] = []
    used: set[str] = set()
    for plan in sorted((h for h in objects if h.is_plan and h.study_uid == study_uid), key=lambda h: h.sop_uid):
        made = _of_plan(plan, objects, by_uid)
        used |= {held.sop_uid for held in made.objects}
        out.append(made)
    rest = [h for h in objects if h.study_uid == study_uid and h.sop_uid not in used and h.role != "SEG"]
    structures = [h for h in rest if h.role == "RTSTRUCT"]
    if any(h.role != "CT" for h in rest) or (rest and not out):
        images = tuple(i for s in structures for i in _images(s, objects))
        members = dict.fromkeys((*(h for h in rest if h.role != "CT"), *(images or rest)))
        there = {h.role for h in members}
        missing = ["RTPLAN", *(role for role in ("RTSTRUCT", "RTDOSE") if role not in there)]
        out.append(_course(study_uid, tuple(members), tuple(missing)))
    return tuple(out)


def _of_plan(plan: Held, objects: Sequence[Held], by_uid: dict[str, Held]) -> Course:
    missing: list[str] = []
    doses = tuple(h for h in objects if h.role == "RTDOSE" and plan.sop_uid in h.refers_to)
    if not _dosed(plan, doses):
        beams = sum(d.summation == "BEAM" for d in doses)
        missing.append(f"RTDOSE ({beams} of {plan.beams} beams)" if beams else "RTDOSE")
    structures = tuple(by_uid[uid] for uid in plan.refers_to if uid in by_uid)
    if not plan.refers_to:  # names none: those in its frame
        structures = tuple(h for h in objects if h.role == "RTSTRUCT" and set(h.frames) & set(plan.frames))
    if not structures:
        missing.append("RTSTRUCT")
    images = tuple(image for s in structures for image in _images(s, objects))
    frames = {frame for s in structures for frame in s.frames}
    masks = tuple(
        h for h in objects if h.role == "SEG" and h.study_uid == plan.study_uid and set(h.frames) <= frames and h.frames
    )
    members = tuple(dict.fromkeys((plan, *structures, *doses, *images, *masks)))
    return _course(plan.study_uid, members, tuple(missing), plan.sop_uid)


def _images(structures: Held, objects: Sequence[Held]) -> tuple[Held, ...]:
    return tuple(h for h in objects if h.role == "CT" and h.series_uid in structures.refers_to)


def _dosed(plan: Held, doses: Sequence[Held]) -> bool:
    if any(d.summation in WHOLE_DOSES for d in doses):
        return True
    return 0 < plan.beams <= sum(d.summation == "BEAM" for d in doses)


def _course(study_uid: str, members: tuple[Held, ...], missing: tuple[str, ...], plan_uid: str = "") -> Course:
    key = hashlib.sha256("\n".join(sorted(h.sha256 for h in members)).encode()).hexdigest()
    return Course(key, study_uid, members, missing, plan_uid)
