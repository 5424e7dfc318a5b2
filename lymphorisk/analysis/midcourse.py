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
        Not such a result, or one made with another parameter set.
    UndecidableError
        The counts contradict the model.
    """
    if not isinstance(saved, Mapping) or saved.get("schema") != SCHEMA:
        raise InputError("the file is no result of `lymphorisk analyze`", "make one with analyze --json")
    options = options_from(saved["provenance"]["options"])
    return _updated(saved, counts, options)


@held
def _updated(saved: Mapping[str, Any], counts: Sequence[tuple[float, float]], options: Options) -> Update:
    made_with = saved["provenance"]["parameter_set"]
    if made_with != parameters.set_id():
        raise InputError(
            f"the result was made with parameter set {made_with}, this program has {parameters.set_id()}",
            "run analyze again with this version",
        )
    patient, alc = saved["patient"], saved["alc"]
    return update(
        course_from_dict(saved["course"]),
        alc["baseline_alc"],
        people_of(options.survival_model),
        counts,
        age_y=patient["age_y"],
        lln=patient["lln"],
        baseline_known=alc["baseline_known"],
        seed=options.seed,
        horizon_d=alc["day"][-1],
    )
