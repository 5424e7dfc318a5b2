"""Protocols as a ClearPlan-style constraint sheet (CSV)."""

from __future__ import annotations

import csv
import io

from lymphorisk.errors import ScenarioError
from lymphorisk.outputs.cells import cell, text_of
from lymphorisk.qa.protocol import Line, Protocol, limit

COLUMNS = (
    "TemplateId",
    "TemplateCodes",
    "TemplateAliases",
    "TemplateTypes",
    "DVHObjective",
    "Goal",
    "Variation",
    "Priority",
    "Source",
    "Notes",
)
#: Our lines about the whole plan have no structure; the sheet needs an id in every row.
PLAN_ID = "PLAN"


def loads(text: str, name: str = "") -> Protocol:
    """A protocol from a constraint sheet.

    The sheet has no column for the name, the site, rules, evidence or overrides; `required` is
    true for the lines with a goal and false for the others.

    Raises
    ------
    ScenarioError
        A column is missing or a limit does not parse; the row is named.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise ScenarioError(f"the sheet is not CSV: {error}") from None
    missing = {"TemplateId", "DVHObjective", "Goal"} - set(reader.fieldnames or ())
    if missing:
        raise ScenarioError(
            f"the sheet has no column {sorted(missing)[0]}", f"a ClearPlan sheet has the columns {', '.join(COLUMNS)}"
        )
    lines = []
    for number, row in rows:
        texts = {key: text_of((row.get(key) or "").strip()) for key in COLUMNS}
        if not any(texts.values()):
            continue
        try:
            lines.append(
                Line(
                    metric=texts["DVHObjective"],
                    structure="" if texts["TemplateId"] == PLAN_ID else texts["TemplateId"],
                    aliases=tuple(a.strip() for a in texts["TemplateAliases"].split("|") if a.strip()),
                    goal=limit(texts["Goal"]) if texts["Goal"] else None,
                    variation=limit(texts["Variation"]) if texts["Variation"] else None,
                    required=bool(texts["Goal"]),
                    priority=texts["Priority"],
                    source=texts["Source"],
                    note=texts["Notes"],
                )
            )
        except ScenarioError as error:
            raise ScenarioError(f"row {number}: {error.message}", error.hint) from None
    if not lines:
        raise ScenarioError("the sheet has no constraint rows")
    return Protocol(name=name, lines=tuple(lines))


def dumps(protocol: Protocol) -> str:
    """The constraint sheet of a protocol; what the sheet cannot hold is left out."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in protocol.lines:
        row = {
            "TemplateId": line.structure or PLAN_ID,
            "TemplateAliases": "|".join(line.aliases),
            "DVHObjective": line.metric,
            "Goal": "" if line.goal is None else str(line.goal),
            "Variation": "" if line.variation is None else str(line.variation),
            "Priority": line.priority,
            "Source": line.source,
            "Notes": line.note,
        }
        writer.writerow({key: cell(value) for key, value in row.items()})
    return out.getvalue()


def left_out(protocol: Protocol) -> tuple[str, ...]:
    """What a constraint sheet has no column for, in words; empty when nothing is lost."""
    out = [f"rules {', '.join(sorted(protocol.rules))}"] if protocol.rules else []
    for line in protocol.lines:
        lost = [
            name
            for name in ("published", "alpha_beta_gy", "endpoint", "n", "evidence", "override", "needs")
            if getattr(line, name)
        ]
        if line.required != (line.goal is not None):
            lost.insert(0, "required")
        if lost:
            out.append(f"{line.label}: {', '.join(lost)}")
    return tuple(out)
