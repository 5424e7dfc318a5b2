"""Values by organ under the names of TG-263, whatever they were called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from lymphorisk.errors import AmbiguousOrganError
from lymphorisk.organs import organ_name
from lymphorisk.scenario import EVERYWHERE

T = TypeVar("T")


def named_doses(doses: Mapping[str, T]) -> Mapping[str, T]:
    """A scenario's doses by TG-263 name, whatever they were called.

    Raises
    ------
    MissingOrganError
        A name no organ has.
    AmbiguousOrganError
        Two names of one organ.
    """
    out: dict[str, T] = {}
    for typed, dose in doses.items():
        name = typed if typed == EVERYWHERE else organ_name(typed)
        if name in out:
            raise AmbiguousOrganError(f"the scenario gives {name} twice, once as {typed!r}", "keep one of them")
        out[name] = dose
    return out
