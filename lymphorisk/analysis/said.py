"""What a file says of the course, taken into the options where the command line says nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lymphorisk.analysis.noderoles import role_of
from lymphorisk.analysis.options import Options
from lymphorisk.errors import LymphoriskError
from lymphorisk.findings import Finding, finding, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lymphorisk.scenario import Said

OPTION_WINS = rule(
    "LR263",
    "warning",
    "command line against the file",
    "The command line and the file say different things of the course: the command line's is used.",
)

#: Settings of a course that a file may hold, with the option of each on the command line.
SETTINGS: Mapping[str, str] = {
    "deliver": "--deliver",
    "missed": "--missed",
    "delivered_so_far": "--delivered-so-far",
    "therapy": "--therapy",
    "node_role": "--node-role",
    "first_fraction": "--first-fraction",
}


def with_said(options: Options, said: Said) -> tuple[Options, tuple[Finding, ...]]:
    """The options with what a file says, where they say nothing themselves; and what the two differ in.

    Raises
    ------
    ScenarioError, MissingOrganError
        What the file says does not go with the options, or names no node region; with file, line and key.
    """
    for text in said.node_role:
        with placed(said, text):
            role_of(text)
    changes: dict[str, Any] = {}
    found = []
    for name, option in SETTINGS.items():
        theirs, own = getattr(said, name), getattr(options, name)
        if theirs in ((), None) or theirs == own:
            continue
        if own in ((), None):
            changes[name] = theirs
        else:
            found.append(finding(OPTION_WINS, f"{option} against {said.places.get(name, 'the file')}", "course"))
    if "missed" in changes and said.make_up is not None:
        changes["make_up"] = said.make_up
    if not changes:
        return options, tuple(found)
    with placed(said, *changes):
        return replace(options, **changes), tuple(found)


@contextmanager
def placed(said: Said, *names: str) -> Iterator[None]:
    """What is refused inside gets the place in the file of the settings it rests on."""
    try:
        yield
    except LymphoriskError as error:
        where = [said.places[n] for n in names if n in said.places]
        if where and not error.message.startswith(where[0]):
            raise type(error)(f"{'; '.join(where)}: {error.message}", error.hint) from None
        raise
