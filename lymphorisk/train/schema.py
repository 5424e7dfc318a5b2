"""The columns a cohort file may have, as text for people and as data for checks."""

from __future__ import annotations

from dataclasses import dataclass

from lymphorisk.features import FEATURES, VERSION
from lymphorisk.plan.drugs import CHEMO
from lymphorisk.plan.words import BEAMS, SEXES, SITES

ID = "patient_id"
CENTRE = "centre"
#: Column that says how organs nobody drew stand in the features: placed by a reference body, or missing.
ORGANS = "organs"
PLACED, DRAWN = "placed", "drawn"
#: Columns of other voices begin with this and end in the outcome: their probability, judged beside a model.
VOICE = "voice_"
#: Text columns and what they may say; each becomes one or more 0/1 features.
TEXT_COLUMNS: dict[str, tuple[str, ...]] = {"sex": SEXES, "site": SITES, "chemo": CHEMO, "modality": BEAMS}
#: Grade thresholds of CTCAE 5.0, strict less-than. [10^9/L]
GRADE_BELOW = {"g3": 0.5, "g4": 0.2}
OUTCOMES = ("nadir_alc", "g3", "g4")
#: What an empty cell may look like.
MISSING = frozenset(
    {
        "", "na", "nan", "n/a", "#n/a", "#na", "#n/v", "n.a.", "n.a", "none known", "-", "--", "\u2013", "\u2014", "?",
        "unknown", "not known", "unbekannt", "missing", "null", "nil", ".", "nd", "n.d.", "not done", "-nan", "<na>",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a cohort file."""

    name: str
    unit: str
    meaning: str
    required: str


def columns() -> tuple[Column, ...]:
    """All columns a cohort file may have."""
    fixed = (
        Column(ID, "text", "the same patient has the same id in every row; never a name", "yes"),
        Column("nadir_alc", "10^9/L", "lowest count in the outcome's window; gives g3 and g4", "this, or g3 and g4"),
        Column("g3", "0/1", "nadir below 0.5 x10^9/L (CTCAE 5.0, strict)", "or nadir_alc"),
        Column("g4", "0/1", "nadir below 0.2 x10^9/L (CTCAE 5.0, strict)", "or nadir_alc"),
        Column(ORGANS, f"{DRAWN} | {PLACED}", "organs nobody drew are missing, or placed, in all rows", "no"),
        Column(f"{VOICE}NAME_g3", "1", "what another voice said, of g3 or g4: judged beside a model, no feature", "no"),
        Column(CENTRE, "text", "where treated; folds and a subgroup table by centre", "no"),
        *(Column(n, " | ".join(v), "text, becomes 0/1 features", "no") for n, v in TEXT_COLUMNS.items()),
    )
    derived = {"sex_female", "chemo_temozolomide", "chemo_platinum", "modality_proton"}
    rest = tuple(
        Column(f.name, f.unit, f"{f.label}; plausible {f.low:g} to {f.high:g}", "alc: yes" if f.name == "alc" else "no")
        for f in FEATURES
        if not f.name.startswith("site_") and f.name not in derived | {"chemo"}
    )
    return fixed + rest


def schema_text() -> str:
    """The document `lymphorisk train --schema` prints.

    Examples
    --------
    >>> "patient_id" in schema_text()
    True
    """
    rows = columns()
    width = max(len(c.name) for c in rows)
    unit = min(max(len(c.unit) for c in rows), 30)
    lines = [
        f"Cohort file, schema {VERSION}: CSV (UTF-8, header) or Parquet, one row a patient.",
        "Comma, semicolon or tab between cells; decimal point or comma; heads in any case, a unit in brackets.",
        "A nadir below detection may be <0.1: it counts for the grades it decides, and as the limit for the nadir.",
        "Empty cells, NA and ? are missing; missing is allowed everywhere but in patient_id and the outcome.",
        "The outcome's window and aggregation are yours to state (--window, --aggregation) and are stored in the card.",
        "Columns known only after treatment are refused (leakage) unless they are ignored by name (--ignore COLUMN).",
        "Columns beyond these (NLR, LDH, radiomics scores) are read when a schema file declares them (--columns FILE):",
        '  [[column]] name = "NLR"  unit = "1"  kind = "laboratory"  range = [0.1, 100]  known = "before treatment"',
        "  each key on a line of its own; kinds: laboratory, clinical, drug, radiomics, dosiomics (docs/predictor.md).",
        "",
    ]
    lines += [f"{c.name:<{width}}  {c.unit:<{unit}}  {c.meaning}  [needed: {c.required}]" for c in rows]
    return "\n".join(lines) + "\n"
