"""What a scenario or patient file says of a course beside its plan, as the command line would say it.

::

    [course]
    deliver = ["A=1-10", "B=11-28"]   # which plan gives which fractions
    missed = [2026-05-04, "day 7"]    # no treatment then
    compensate = "later"              # later | bid | weekend
    delivered_so_far = 12
    [[therapy]]
    name = "durvalumab"
    days = [2026-06-01, "day 40", 61] # dates, or days from the first fraction
    [nodes]
    LN_Ax_L = "draining"              # or "elective"

Dates count from ``first_fraction`` of ``[patient]`` or of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.calendar import MakeUp
from lymphorisk.plan.therapy import therapies_of
from lymphorisk.tomlfile import Key, Written

if TYPE_CHECKING:
    from lymphorisk.scenario.schema import CourseTable, TherapyTable


@dataclass(frozen=True, slots=True)
class Said:
    """The settings of a course as options take them; what is not said is empty or None.

    Attributes
    ----------
    deliver, missed, therapy, node_role : tuple of str
    make_up : str or None
    delivered_so_far : int or None
    first_fraction : str or None
        Of the patient, where one of the others may hold a date.
    places : mapping of str to str
        File, line and key of each, by the name of the setting, and of each role by its text.
    """

    deliver: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    make_up: MakeUp | None = None
    delivered_so_far: int | None = None
    therapy: tuple[str, ...] = ()
    node_role: tuple[str, ...] = ()
    first_fraction: str | None = None
    places: Mapping[str, str] = field(default_factory=lambda: FrozenDict({}))


def said_of(
    written: Written,
    course: CourseTable | None,
    therapy: Sequence[TherapyTable],
    nodes: Mapping[str, str],
    first: date | None,
) -> Said:
    """The settings of tables that were read by their schema.

    Raises
    ------
    ScenarioError
        A therapy stands twice; missed days are compensated and none is missed.
    """
    if course is None and not therapy and not nodes:
        return Said()
    places = {}

    def stands(name: str, path: tuple[Key, ...]) -> None:
        line = written.line(path)
        key = ".".join(str(k) for k in path)
        places[name] = f"{written.name}{'' if line is None else f', line {line}'}: {key}"

    if course is not None:
        if course.compensate is not None and not course.missed:
            raise written.error(("course", "compensate"), "stands without missed days", "missed = [...] says which")
        for name, key in (("deliver", "deliver"), ("missed", "missed"), ("delivered_so_far", "delivered_so_far")):
            if getattr(course, key) is not None:
                stands(name, ("course", key))
    texts = tuple(therapies_text(written, therapy, first))
    if texts:
        stands("therapy", ("therapy",))
    roles = tuple(f"{name}={role}" for name, role in nodes.items())
    for name, text in zip(nodes, roles, strict=True):
        stands(text, ("nodes", name))
    if roles:
        stands("node_role", ("nodes",))
    return Said(
        deliver=tuple(_listed(None if course is None else course.deliver)),
        missed=tuple(course.missed or ()) if course is not None else (),
        make_up=None if course is None else course.compensate,
        delivered_so_far=None if course is None else course.delivered_so_far,
        therapy=texts,
        node_role=roles,
        first_fraction=None if first is None else first.isoformat(),
        places=FrozenDict(places),
    )


def therapies_text(written: Written, therapy: Sequence[TherapyTable], first: date | None) -> list[str]:
    """Therapies as options take them.

    Raises
    ------
    ScenarioError
        A name or a day stands twice.
    """
    out: list[str] = []
    for n, one in enumerate(therapy):
        with written.at(("therapy", n)):
            out.append(f"{one.name.strip()}={','.join(_listed(one.days))}")
            made = therapies_of(out)[-1]
            if first is not None or all(day.on is None for day in made.given):
                made.days(first)
    return out


def _listed(value: Any) -> Sequence[str]:
    """A text or texts as a list; None is none."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def day_text(value: Any) -> str:
    """A day of a file in words: a date, a number of days from the first fraction, or a text.

    Raises
    ------
    ScenarioError
        It is none of them.

    Examples
    --------
    >>> day_text(date(2026, 5, 4)), day_text(40), day_text("fraction 11")
    ('2026-05-04', 'day 40', 'fraction 11')
    """
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer() and value >= 0:
        return f"day {int(value)}"
    raise ScenarioError(f"= {value!r} is no day", 'write 2026-05-04, 40 or "day 40"')
