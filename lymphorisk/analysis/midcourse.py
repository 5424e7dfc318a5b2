"""The forecast of a saved result, given the first counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

from lymphorisk import parameters
from lymphorisk.analysis.chain import options_from, people_of
from lymphorisk.analysis.options import Options, held
from lymphorisk.errors import InputError
from lymphorisk.lymphocyte import course_from_dict
from lymphorisk.lymphocyte.update import Update, update

SCHEMA = "lymphorisk/analyze/1"
#: Letters of a reason that a message shows.
SHOWN = 120


def updated(saved: Mapping[str, Any], counts: Sequence[tuple[float, float]]) -> Update:
    """The forecast of a saved analysis given measured counts.

    Parameters
    ----------
    saved : mapping
        The JSON of `lymphorisk analyze`.
    counts : sequence of (day, count)
        Days from the first fraction [d] and counts [10^9/L].

    Raises
    ------
    InputError
        Not such a result, not a whole one, or one made with another parameter set.
    UndecidableError
        The counts contradict the model.
    """
    if not isinstance(saved, Mapping) or saved.get("schema") != SCHEMA:
        raise InputError("the file is no result of `lymphorisk analyze`", "make one with analyze --json")
    with _whole():
        options, made_with = options_from(saved["provenance"]["options"]), saved["provenance"]["parameter_set"]
    return _updated(saved, made_with, counts, options)


@held
def _updated(
    saved: Mapping[str, Any], made_with: str, counts: Sequence[tuple[float, float]], options: Options
) -> Update:
    if made_with != parameters.set_id():
        raise InputError(
            f"the result was made with parameter set {made_with}, this program has {parameters.set_id()}",
            "run analyze again with this version",
        )
    with _whole():
        patient, alc, course = saved["patient"], saved["alc"], course_from_dict(saved["course"])
        baseline, horizon_d = _number(alc["baseline_alc"]), _number(alc["day"][-1])
        age_y, lln = (None if patient[name] is None else _number(patient[name]) for name in ("age_y", "lln"))
        known = alc["baseline_known"]
        if not isinstance(known, bool):
            raise TypeError("'baseline_known' is neither true nor false")
    people = people_of(options.survival_model)
    return update(
        course,
        baseline,
        people,
        counts,
        age_y=age_y,
        lln=lln,
        baseline_known=known,
        seed=options.seed,
        horizon_d=horizon_d,
    )


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


@contextmanager
def _whole() -> Iterator[None]:
    """What is read of a result is there; a result that somebody made or cut by hand is refused."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)[:SHOWN]
        raise InputError(
            f"the file is no whole result of `lymphorisk analyze`: {what}", "make it again; it is not to be edited"
        ) from None
