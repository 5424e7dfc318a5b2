"""How numbers and names are written in every report."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from lymphorisk.analysis import OrganDose
    from lymphorisk.analysis.result import DoseSource

#: Longest name shown; an ROI name holds up to 64 characters, a hostile one far more.
NAME_MAX = 64
#: Longest sentence shown.
TEXT_MAX = 400
POOL_LABELS = {
    "blood": "Circulating blood",
    "spleen": "Spleen",
    "nodes": "Lymph nodes",
    "marrow": "Bone marrow",
    "gut": "Gut",
    "thymus": "Thymus",
    "lung": "Lung mucosa",
    "elsewhere": "Other tissues",
    "unexplained": "Unexplained loss",
    "chemo": "Chemotherapy",
    "steroid": "Steroids",
    "drugs": "Drugs",
}
#: What stands for an organ nobody drew, in words.
STANDS_IN = {"placed": "reference body, placed", "diluted": "body's dose, diluted"}
#: Sources of organs nobody drew.
NOBODY_DREW = tuple(STANDS_IN)
GRADE_EDGES = {"2": 0.8, "3": 0.5, "4": 0.2}
SIMULATED = "The trained predictor learned from simulated patients."


def source_label(source: DoseSource) -> str:
    """What stands behind the dose of an organ, in a word or two."""
    match source:
        case "roi":
            return "contour"
        case "diluted":
            return "diluted body"
        case "scenario":
            return "given"
        case "derived" | "segmented" | "placed":
            return source
        case _:
            assert_never(source)


def short(name: str, longest: int = NAME_MAX) -> str:
    """A name in one line of bounded length, without control characters.

    Examples
    --------
    >>> short("a" * 100, 5)
    'aaaa…'
    """
    one_line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return one_line if len(one_line) <= longest else one_line[: longest - 1] + "…"


def digits(value: float | None, significant: int = 3) -> str:
    """A number with so many significant digits, without an exponent; a dash when there is none.

    Examples
    --------
    >>> digits(0.03141), digits(1234.5), digits(None), digits(0.0), digits(2.0)
    ('0.0314', '1234', '–', '0', '2.00')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = significant - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, max(places, 0))
    if rounded != 0:
        places = significant - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(places, 0)}f}"


def percent(share: float | None) -> str:
    """A share as percent, honest at both ends.

    Examples
    --------
    >>> percent(0.842), percent(0.004), percent(0.9996), percent(0.0), percent(1.0), percent(0.034)
    ('84 %', '< 1 %', '> 99 %', '0 %', '100 %', '3 %')
    """
    if share is None or not math.isfinite(share):
        return "–"
    value = 100.0 * share
    if 0 < value < 1:
        return "< 1 %"
    if 99 < value < 100:
        return "> 99 %"
    return f"{value:.0f} %"


def chance(probability: float | None) -> str:
    """A probability counted over draws, which never makes anything impossible or certain.

    Examples
    --------
    >>> chance(0.0), chance(0.5), chance(1.0), chance(None)
    ('< 1 %', '50 %', '> 99 %', '–')
    """
    if probability == 0:
        return "< 1 %"
    return "> 99 %" if probability == 1 else percent(probability)


def days(value: float | None) -> str:
    """A time in days.

    Examples
    --------
    >>> days(38.2), days(None)
    ('38 d', '–')
    """
    return "–" if value is None or not math.isfinite(value) else f"{value:.0f} d"


def plural(n: int, word: str) -> str:
    """
    Examples
    --------
    >>> plural(1, "fraction"), plural(3, "fraction")
    ('1 fraction', '3 fractions')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def model_name(name: str) -> str:
    """The name of a published model as a reader would say it.

    Examples
    --------
    >>> model_name("kim2024_hcc_blood_dose"), model_name("own")
    ('Kim 2024, HCC blood dose', 'own')
    """
    found = re.fullmatch(r"([a-z]+)(\d{4})_(\w+)", name)
    if not found:
        return name.replace("_", " ")
    words = [w.upper() if w in {"gbm", "hcc", "edic"} else w for w in found[3].split("_")]
    return f"{found[1].capitalize()} {found[2]}, {' '.join(words)}"


#: Organs a reader looks for first; the rest follow by name, surrogates last.
READING_ORDER = (
    *("Spleen", "BoneMarrow", "LN", "Bowel", "Glnd_Thymus"),
    *("Heart", "Lungs", "A_Aorta", "A_Pulmonary", "V_Venacava_S", "V_Venacava_I", "Liver", "Kidneys", "Brain", "Body"),
)


def in_reading_order(organs: Mapping[str, OrganDose]) -> list[str]:
    """Names of organs: lymphoid, blood-filled, others by name; surrogates last."""

    def place(name: str) -> tuple[bool, int, str]:
        rank = READING_ORDER.index(name) if name in READING_ORDER else len(READING_ORDER)
        return organs[name].source in NOBODY_DREW, rank, name

    return sorted(organs, key=place)
