"""Write the page of statements: `python docs/figures/statements.py` makes statements.md from statements.csv.

The table holds what published reviews of radiotherapy with cell and immune therapy say that a program like this must
know, in our words, and what stands for each. Counts, and numbers that the program can give itself, are computed.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lymphorisk import parameters
from lymphorisk.lymphocyte import survival_sets

HERE = Path(__file__).parent
TABLE = HERE.parent / "statements.csv"
PAGE = HERE.parent / "statements.md"
COLUMNS = ("id", "review", "place", "statement", "state", "command", "shown_by", "note")
#: What each state means; the order of the page.
STATES: Mapping[str, str] = {
    "met": "The program does what the statement asks for: the command, and a test that shows it.",
    "partly": "A part of it: the note says which part is missing.",
    "open": "Not built; the note says why.",
    "named": "Biology, or a matter outside a count of lymphocytes: named here, not to be built.",
}

HEAD = """# What the reviews say, and what the program does

Four reviews of radiotherapy with adoptive cells or immunotherapy, and one of imaging with it, speak of what a
program like this one would have to know. Each of their {total} statements stands here in our words, with what the
program does about it and a test that shows it. {named} are biology or lie outside a count of lymphocytes and are
only named; of the {buildable} others {met} are met, {partly} partly, {open} are open. The page is made from
`docs/statements.csv`; a test holds every command against the command line and every named test against the tests. A
statement stands here because a review makes it, not because it is right: most are about response, which this
program does not forecast.

"""

CONFLICTS = """## Where sources contradict each other, or the program

- **One fraction of 2 Gy (S001).** The review says that it kills near 90 % of human lymphocytes. The survival sets
  of this program say {kills}. The review's source is a colony assay; the curve digitised from that assay (`colony`)
  says {colony:.0f} %, and 90 % only at {d10:.1f} Gy. Cells that cannot form a colony are not the cells that leave
  the blood: the sets read from counts of patients say {vivo_low:.0f} and {vivo_high:.0f} % in local fields,
  {tbi:.0f} % in whole-body irradiation of leukaemia patients. The default has a resistant half, without which
  counts over months are not met ([lymphocytes](lymphocytes.md)). The sentence is kept as an acceptance row that
  fails.
- **TBI 2 Gy with fludarabine (S012, S013).** The review writes cytarabine for the trial arm; the trial's abstract
  says cyclophosphamide and fludarabine for the arms that deplete more deeply. The regimens here follow the
  abstract. The review's "at least 2 days of severe lymphopenia in a large share" gives no share: only the direction
  is tested.
- **A beta emitter called an alpha emitter (S023).** The review lists 177Lu-PSMA among alpha emitters. 177Lu emits
  beta rays; it is treated so. That 90 % of the activity is gone within 70 h means an effective half-life of
  {half_life:.1f} h, which the review does not print.
- **A dose printed ambiguously (S103).** The review prints 9 Gy in three fractions for a negative trial in head and
  neck cancer; the trial is known as
  three fractions of 9 Gy. Nothing here rests on either.
- **Fraction dose and systemic effect (S029, S057, S083, S084).** Fractions of 8 to 12 Gy, more than 10 to 12 Gy,
  any dose with a high BED, or less than 3 Gy: the reviews hold each for best, from mice and small series. None of
  it enters the risk; what each schedule costs in lymphocytes is computed.
- **NK cells (S026, S086).** Resistant in one study, among the most sensitive cells in another. The subsets are
  research output with ranges that span both.
- **Lymphopenia and outcome (S003, S109).** Most cohorts link it with shorter survival; a nasopharyngeal cohort
  shows the opposite sign and a breast cohort none. All stand beside each other in the output.
"""


def rows() -> list[dict[str, str]]:
    """The statements."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counts(statements: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """How many are of each state, in all, and to be built."""
    found = Counter(r["state"] for r in statements)
    out = {state: found[state] for state in STATES}
    return out | {"total": len(statements), "buildable": len(statements) - out["named"]}


def conflicts() -> str:
    """The section of conflicts, with the program's own numbers."""
    import numpy as np

    numbers = {name: p.number for name, p in parameters.load("lymphocyte").items() if not isinstance(p.value, tuple)}
    forms = survival_sets(numbers)
    kill = {name: 100 * (1 - float(form(np.array([2.0]))[0])) for name, form in forms.items()}
    doses = np.linspace(0.0, 10.0, 10001)
    d10 = float(doses[np.argmax(forms["colony"](doses) <= 0.1)])
    said = ", ".join(f"{value:.0f} % (`{name}`)" for name, value in sorted(kill.items(), key=lambda item: item[1]))
    return CONFLICTS.format(
        kills=said,
        colony=kill["colony"],
        d10=d10,
        tbi=kill["tbi"],
        vivo_low=min(kill["in_vivo_jin"], kill["in_vivo_hcc"]),
        vivo_high=max(kill["in_vivo_jin"], kill["in_vivo_hcc"]),
        half_life=70.0 / np.log2(10.0),
    )


def cell(text: str) -> str:
    """Text that stays in its cell."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def shown(row: Mapping[str, str]) -> list[str]:
    """What shows a statement: tests as file::function, places in the documentation."""
    return [part.strip() for part in row["shown_by"].split(";") if part.strip()]


def evidence(part: str) -> str:
    """A test by its function, a place in the documentation as a link."""
    if part.startswith("docs/"):
        target = part.removeprefix("docs/")
        return f"[{target.split('#')[0].removesuffix('.md')}]({target})"
    return f"`{part.split('::')[1]}`"


def does(row: Mapping[str, str]) -> str:
    """What the program does about it."""
    parts = [f"`{row['command']}`"] if row["command"] else []
    parts += [cell(row["note"])] if row["note"] else []
    parts += ["Shown by " + ", ".join(evidence(p) for p in shown(row)) + "."] if row["shown_by"] else []
    return "<br>".join(parts)


def page() -> str:
    """The page as it must stand."""
    statements = rows()
    out = [HEAD.format(**counts(statements))]
    out += ["| state | statements | what it means |\n|---|---|---|\n"]
    out += [f"| {state} | {counts(statements)[state]} | {meaning} |\n" for state, meaning in STATES.items()]
    reviews = list(dict.fromkeys(r["review"] for r in statements))
    out += [f"\n| review | {' | '.join(STATES)} |\n|---|{'---|' * len(STATES)}\n"]
    for review in reviews:
        of = counts([r for r in statements if r["review"] == review])
        out += [f"| {review} | {' | '.join(str(of[state]) for state in STATES)} |\n"]
    out += ["\n", conflicts()]
    for review in reviews:
        out += [f"\n## {review}\n\n| | statement | state | what the program does |\n|---|---|---|---|\n"]
        for r in (r for r in statements if r["review"] == review):
            place = f" ({cell(r['place'])})" if r["place"] else ""
            out += [f"| {r['id']} | {cell(r['statement'])}{place} | {r['state']} | {does(r)} |\n"]
    return "".join(out)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
