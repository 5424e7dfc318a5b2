"""The forecast of a saved result, given the first counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lymphorisk import parameters
from lymphorisk.analysis.chain import options_from, people_of
from lymphorisk.analysis.options import Options, held
from lymphorisk.errors import InputError
from lymphorisk.lymphocyte import course_from_dict
from lymphorisk.lymphocyte.update import Update, update
from lymphorisk.plain import number, whole

SCHEMA = "lymphorisk/analyze/1"


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
    with whole(saved, SCHEMA):
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
    with whole(saved, SCHEMA):
        patient, alc, course = saved["patient"], saved["alc"], course_from_dict(saved["course"])
        baseline, horizon_d = number(alc["baseline_alc"]), number(alc["day"][-1])
        age_y, lln = (None if patient[name] is None else number(patient[name]) for name in ("age_y", "lln"))
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
