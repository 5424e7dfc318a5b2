"""A row of the table that `lymphorisk train` and `evaluate` read: what is drawn, the baseline, what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphorisk.features import NAMES
from lymphorisk.plan.words import MODALITIES
from lymphorisk.train.schema import CENTRE, ID

#: Words of a plan that become features of their own.
WORDS = ("sex", "site", "chemo", "modality")
#: Features that those words, the patient's facts and the plan say.
SAID = ("alc", "fractions")
#: Features a training table holds as numbers: those of the dose, as drawn.
NUMBERS = tuple(n for n in NAMES if not n.startswith(("site_", "chemo", "sex_", "modality")) and n not in SAID)
FOR_TRAINING: Mapping[str, str] = {
    ID: "text",
    CENTRE: "text",
    "technique": "text",
    **dict.fromkeys(WORDS, "text"),
    **dict.fromkeys(SAID, "number"),
    **dict.fromkeys(NUMBERS, "number"),
    "nadir_alc": "text",
}


def training_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a training table from a row of plans; what is not drawn is missing."""
    out = {name: row.get(name) for name in (CENTRE, "technique", *WORDS, *SAID)}
    if out["modality"] not in MODALITIES:
        out["modality"] = None
    for name in NUMBERS:
        out[name] = row.get(name) if row.get(f"{name}_source") == "drawn" else None
    below = "<" if row.get("measured_below") else ""
    return {**out, ID: row["patient"], "nadir_alc": f"{below}{row['measured_nadir']:g}"}
