"""Why a plan stands in quarantine, each reason with a code."""

from __future__ import annotations

from lymphorisk.errors import (
    DicomReadError,
    InputError,
    LinkError,
    LymphoriskError,
    ScenarioError,
    StructureError,
    UndecidableError,
    UnsupportedDoseError,
    UnsupportedGeometryError,
)
from lymphorisk.findings import Rule, rule

UNREADABLE = rule("LR701", "error", "Export not readable", "A file is broken, empty or not DICOM.")
UNLINKED = rule("LR702", "error", "Files do not make a plan", "Plan, structures or dose are missing or do not join.")
NO_DOSE = rule("LR703", "error", "Dose not usable", "The dose would be read wrongly: relative, foreign, of no unit.")
GEOMETRY = rule("LR704", "error", "Geometry not usable", "The geometry would be computed wrongly.")
STRUCTURES = rule("LR705", "error", "Structures not usable", "An organ that was asked for is missing or ambiguous.")
FACTS = rule("LR706", "error", "Facts not usable", "A fact of the manifest, or a scenario, does not say what it must.")
OTHER = rule("LR707", "error", "Input not usable", "Another fault of the input, as the row says.")
UNDECIDABLE = rule("LR708", "error", "Not decidable", "The data of the plan cannot answer.")
FAULT = rule("LR709", "error", "Fault of the program", "The program failed on this plan and not on the others.")
TOO_LONG = rule("LR710", "error", "Over the time limit", "The plan ran out of its time twice, the second time alone.")
TOO_LARGE = rule("LR711", "error", "Over the memory limit", "The plan outgrew its memory twice, the second time alone.")
KILLED = rule("LR712", "error", "Worker died", "The worker died twice with this plan, the second time alone.")
CHANGED = rule("LR713", "error", "Files changed", "The files read were not those that were found: somebody wrote them.")

#: The kinds of errors, the special before the general.
BY_ERROR: tuple[tuple[type[LymphoriskError], Rule], ...] = (
    (DicomReadError, UNREADABLE),
    (LinkError, UNLINKED),
    (UnsupportedDoseError, NO_DOSE),
    (UnsupportedGeometryError, GEOMETRY),
    (StructureError, STRUCTURES),
    (ScenarioError, FACTS),
    (InputError, OTHER),
    (UndecidableError, UNDECIDABLE),
)


def rule_of(error: Exception) -> Rule:
    """The rule an error falls under; whatever was not raised on purpose is a fault of the program."""
    return next((of for kind, of in BY_ERROR if isinstance(error, kind)), FAULT)
