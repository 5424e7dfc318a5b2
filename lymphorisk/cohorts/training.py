"""A row of the table that `lymphorisk train` and `evaluate` read: the features as a predictor is served them, what the
other voices said of the plan, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphorisk.features import NAMES
from lymphorisk.literature import OUTCOMES
from lymphorisk.plan.words import BEAMS
from lymphorisk.train.schema import CENTRE, ID, ORGANS, PLACED, VOICE

#: Words of a plan that become features of their own.
WORDS = ("sex", "site", "chemo", "modality")
#: Features that those words, the patient's facts and the plan say.
SAID = ("alc", "fractions")
#: The one that counts during the course say.
FIRST_WEEK = "alc_week1"
#: Features a training table holds as numbers.
NUMBERS = tuple(n for n in NAMES if not n.startswith(("site_", "chemo", "sex_", "modality")) and n not in SAID)
#: What the mechanism and the published models that answer for a grade said: column, and where a row of plans holds it.
VOICES: Mapping[str, str] = {
    **{f"{VOICE}mechanism_g{grade}": f"p_g{grade}_by_counts" for grade in (3, 4)},
    **{
        f"{VOICE}{name}_g{outcome.grade}": f"literature_{name}"
        for name, outcome in OUTCOMES.items()
        if outcome.grade is not None
    },
}
FOR_TRAINING: Mapping[str, str] = {
    ID: "text",
    CENTRE: "text",
    "technique": "text",
    ORGANS: "text",
    **dict.fromkeys(WORDS, "text"),
    **dict.fromkeys(SAID, "number"),
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(VOICES, "number"),
    "nadir_alc": "text",
}


def training_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a training table from a row of plans: organs nobody drew are placed, as in an analysis."""
    out = {name: row.get(name) for name in (CENTRE, "technique", *WORDS, *SAID, *NUMBERS)}
    if out["modality"] not in BEAMS:
        out["modality"] = None
    out |= {name: row.get(where) for name, where in VOICES.items()}
    if row.get("measured_nadir") is not None:
        out["nadir_alc"] = f"{'<' if row.get('measured_below') else ''}{row['measured_nadir']:g}"
    return {**out, FIRST_WEEK: row.get("measured_week1"), ID: row["patient"], ORGANS: PLACED}
