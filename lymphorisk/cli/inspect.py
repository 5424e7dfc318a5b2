"""`lymphorisk inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import EXPORT, JSON, PLAN, options_of, with_options
from lymphorisk.cli.output import message, say

#: Longest line: names in an export may be of any length. [characters]
LINE_MAX = 2000
#: Files of different patients: said before anything else.
OTHER_PATIENT = "LR041"


@click.command()
@EXPORT
@with_options(PLAN)
@JSON
def inspect(export: Path, as_json: bool, **given: Any) -> None:
    """What an export holds, how it links, which ROI became which organ and why, every finding.

    Nothing is computed: run it first on a new planning system.
    """
    from lymphorisk.analysis.overview import overview
    from lymphorisk.errors import InputError
    from lymphorisk.plain import dumps
    from lymphorisk.report import clinic

    try:
        result = overview(export, options_of(given))
    except InputError:
        _survey(export)
        raise
    if as_json:
        say(dumps(clinic.in_json(result, named())))
        return

    def line(text: str = "") -> None:
        """One line, whatever an export calls its things; a break before it is ours."""
        start = text[: len(text) - len(text.lstrip(" \n"))]
        plain = "".join(c if c.isprintable() else " " for c in text[len(start) :])
        say(start + (plain if len(plain) <= LINE_MAX else plain[: LINE_MAX - 1] + "…"))

    for f in result["findings"]:
        if f["code"] == OTHER_PATIENT:
            line(f"{f['code']} {f['severity']}: {f['what']}")
    line(f"plan: {result['plan']['label']}   approval: {result['plan']['approval'] or 'not stated'}")
    for phase in result["plan"]["phases"]:
        rbe = "" if phase["rbe_in_dose"] == 1 else f", RBE {phase['rbe_in_dose']:g} in the dose"
        prescribed = "" if phase["prescription_gy"] is None else f", {phase['prescription_gy']:g} Gy prescribed"
        line(
            f"  phase {phase['label']!r}: {phase['fractions'] or 'an unknown number of'} fractions, {phase['modality']}"
            f"{prescribed}{rbe}, dose: {phase['dose'] or 'none'}"
        )
        for beam in phase["beams"]:
            on = "time not in the plan" if beam["on_s"] is None else f"{beam['on_s']:.1f} s"
            line(f"    beam {beam['number']} {beam['name']!r}: {on}, meterset {beam['meterset'] or 'not in the plan'}")
    line("\norgans:")
    width = max([len(o["tg263"]) for o in result["organs"]], default=0)
    for organ in result["organs"]:
        line(f"  {organ['tg263']:<{width}}  {', '.join(organ['roi'])}  ({organ['how']})")
    if result["targets"]:
        line("\ntargets: " + ", ".join(f"{t['roi']} ({t['kind']})" for t in result["targets"]))
    if result["unmatched"]:
        line("\nnot used:")
        for roi in result["unmatched"]:
            near = f"; similar: {', '.join(roi['similar'])}" if roi["similar"] else ""
            line(f"  {roi['name']}  ({roi['reason']}{near})")
    if result["missing"]:
        line("\nnot contoured: " + ", ".join(result["missing"]))
    line("\nfiles:")
    for file in result["inputs"]:
        line(f"  {file['role']:<10} {file['sha256'][:16]}  {file['uid']}")
    line("\nfindings:" if result["findings"] else "\nno findings")
    for f in result["findings"]:
        where = f" [{f['where']}]" if f["where"] else ""
        line(f"  {f['code']} {f['severity']}: {f['what']}{where}")
        if f["hint"]:
            line(f"        {f['hint']}")
    if from_file := clinic.said(named()):
        line(f"\n{from_file}")


def _survey(export: Path) -> None:
    """What lies in an export that cannot be joined, on stderr."""
    from lymphorisk.dicom.survey import described, survey
    from lymphorisk.errors import InputError

    try:
        lines = described(survey(export))
    except InputError:  # it is said by the error that brought us here
        return
    for line in lines:
        message(line)
