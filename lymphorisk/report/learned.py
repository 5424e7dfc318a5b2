"""What counts say of a patient, in an oncologist's words: what goes up or down, never the name of a parameter."""

from __future__ import annotations

from collections.abc import Mapping

#: Deviates below this many standard deviations are said as "somewhat".
SOMEWHAT = 0.4
MORE = "loses more lymphocytes for the same dose than most"
FEWER = "loses fewer lymphocytes for the same dose than most"
#: By parameter or its family: what the count does when the parameter is higher, and when it is lower.
WORDS: Mapping[str, tuple[str, str]] = {
    "patient.recovery": ("recovers more slowly than most", "recovers faster than most"),
    "recovery.half_time": ("recovers more slowly than most", "recovers faster than most"),
    "recovery.slow_half_time": ("recovers more slowly than most late on", "recovers faster than most late on"),
    "recovery.lag_half_time": ("begins to recover later than most", "begins to recover sooner than most"),
    "patient.sensitivity": (MORE, FEWER),
    "survival.": (FEWER, MORE),
    "unexplained.loss_per_fraction": (
        "loses more in each fraction than the doses explain",
        "loses less in each fraction than most, doses apart",
    ),
    "clearance.": ("falls later after a dose than most", "falls sooner after a dose than most"),
    "chemo.": ("loses more to the {chemo} than most", "loses less to the {chemo} than most"),
    "patient.chemo": ("loses more to the {chemo} than most", "loses less to the {chemo} than most"),
    "steroid.half_dose": ("loses less to steroids than most", "loses more to steroids than most"),
    "steroid.": ("loses more to steroids than most", "loses less to steroids than most"),
    "patient.steroid": ("takes more steroids than was assumed", "takes fewer steroids than was assumed"),
    "spread.steroid": ("loses more to steroids than most", "loses less to steroids than most"),
    "patient.baseline": (
        "started from a higher count than was assumed",
        "started from a lower count than was assumed",
    ),
    "patient.age": ("looks older than was assumed", "looks younger than was assumed"),
    "patient.surrogate.": (
        "took more dose in organs that are not drawn than was assumed",
        "took less dose in organs that are not drawn than was assumed",
    ),
    "rbe.proton": ("loses more to the protons than most", "loses less to the protons than most"),
    "rbe.ion": ("loses more to the ions than most", "loses less to the ions than most"),
    "rbe.alpha": ("loses more to the alpha particles than most", "loses less to the alpha particles than most"),
    "marrow.": ("took more dose in the marrow than was stated", "took less dose in the marrow than was stated"),
    "pool.": ("", ""),
    "traffic.": ("", ""),
}
#: Drugs as they are said.
DRUGS = {"temozolomide": "temozolomide", "platinum": "platinum", "other": "chemotherapy"}
UNLIKE_MOST = "has lymphocytes that are spread over the body otherwise than in most"


def sentences(learned: Mapping[str, float], chemo: str) -> tuple[str, ...]:
    """One sentence a thing that the counts say, what they say most surely first.

    Several parameters that do the same are said once, by the one that moved most; those on opposite sides are not
    both said.

    Parameters
    ----------
    learned : mapping of str to float
        Mean deviate by dimension, in standard deviations.
    chemo : str
        The concurrent drug.

    Examples
    --------
    >>> sentences({"patient.recovery": 0.9, "recovery.half_time": 0.5, "chemo.platinum": -0.2}, "platinum")
    ('recovers more slowly than most', 'loses somewhat less to the platinum than most')
    """
    out: dict[str, str] = {}
    for name, move in sorted(learned.items(), key=lambda pair: -abs(pair[1])):
        key = next((k for k in WORDS if name == k or (k.endswith(".") and name.startswith(k))), None)
        if key is None:
            continue
        up, down = WORDS[key]
        text = (up if move > 0 else down) or UNLIKE_MOST
        topic = min(up, down) or UNLIKE_MOST
        if topic in out:
            continue
        out[topic] = _sized(text.format(chemo=DRUGS.get(chemo, "chemotherapy")), abs(move))
    return tuple(out.values())


def _sized(text: str, move: float) -> str:
    """The sentence with "somewhat" before its comparative when the deviate is small."""
    if move >= SOMEWHAT:
        return text
    for word in ("more", "fewer", "less", "faster", "later", "sooner", "higher", "lower", "older", "younger"):
        if f" {word}" in text:
            return text.replace(f" {word}", f" somewhat {word}", 1)
    return f"{text}, somewhat"
