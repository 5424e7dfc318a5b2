"""CAR-HEMATOTOX: haematotoxicity to expect after CAR-T, from five laboratory values before lymphodepletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.units import checked

LABS_UNIT = rule(
    "LR510",
    "info",
    "A laboratory value whose unit decides the score",
    "Read in its usual other unit, the value would fall on the other side of a cut-off of CAR-HEMATOTOX.",
)
LABS_EDGE = rule(
    "LR511",
    "info",
    "A laboratory value exactly on a cut-off",
    "Published versions of CAR-HEMATOTOX differ in whether a value on the edge counts.",
)

LAB_NAMES = ("platelets", "anc", "hemoglobin", "crp", "ferritin")
#: A neutrophil count between zero and this is 10^9/L written as /uL. [/uL]
ANC_SLIP = 20.0
#: How the keys of a patient file turn into the unit of the score.
KEYS: Mapping[str, tuple[str, float]] = {
    "platelets_10e9_l": ("platelets", 1.0),
    "anc_per_ul": ("anc", 1.0),
    "anc_10e9_l": ("anc", 1000.0),
    "hb_g_dl": ("hemoglobin", 1.0),
    "hb_g_l": ("hemoglobin", 0.1),
    "crp_mg_dl": ("crp", 1.0),
    "crp_mg_l": ("crp", 0.1),
    "ferritin_ng_ml": ("ferritin", 1.0),
    "ferritin_ug_l": ("ferritin", 1.0),
}
#: Above this a C-reactive protein is rare enough before lymphodepletion to be mg/L written as mg/dL. [mg/dL]
CRP_SUSPECT = 10.0
#: mg/L in one mg/dL.
MG_L_PER_MG_DL = 10.0


@dataclass(frozen=True, slots=True)
class Labs:
    """Five values before lymphodepletion; None is "not known".

    Attributes
    ----------
    platelets : float or None
        [10^9/L]
    anc : float or None
        Absolute neutrophil count. [/uL]
    hemoglobin : float or None
        [g/dL]
    crp : float or None
        C-reactive protein; mg/dL, not mg/L. [mg/dL]
    ferritin : float or None
        [ng/mL]
    """

    platelets: float | None = None
    anc: float | None = None
    hemoglobin: float | None = None
    crp: float | None = None
    ferritin: float | None = None

    def __post_init__(self) -> None:
        for name in LAB_NAMES:
            value = getattr(self, name)
            if value is not None:
                checked(name, value, "laboratory value")
        if self.anc is not None and 0.0 < self.anc < ANC_SLIP:
            raise ScenarioError(
                f"anc = {self.anc:g} /uL looks like 10^9/L", "1.2 x10^9/L is 1200 /uL (anc_10e9_l = 1.2)"
            )


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Where points begin: `platelets` (high, low), `anc`, `hemoglobin`, `crp`, `ferritin` (low, high), `high` score."""

    platelets: tuple[float, float]
    anc: float
    hemoglobin: float
    crp: float
    ferritin: tuple[float, float]
    high: float


@dataclass(frozen=True, slots=True)
class Hematotox:
    """The score.

    Attributes
    ----------
    score : int or None
        0 to 7; None when a value is missing.
    low, high : int
        The least and greatest score the missing values allow; equal when none is missing.
    group : str
        ``low``, ``high``, or ``cannot say``.
    points : mapping of str to int
        By laboratory value.
    missing : tuple of str
    findings : tuple of Finding
    """

    score: int | None
    low: int
    high: int
    group: str
    points: Mapping[str, int]
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]


def labs_from(values: Mapping[str, float]) -> Labs:
    """Labs from keys that carry their unit, such as ``crp_mg_l``.

    Raises
    ------
    ScenarioError
        A key without a unit, an unknown key, or one value given twice.

    Examples
    --------
    >>> labs_from({"crp_mg_l": 30.0}).crp
    3.0
    """
    found: dict[str, float] = {}
    for key, value in values.items():
        if key not in KEYS:
            raise ScenarioError(f"laboratory value {key!r} is unknown or has no unit", f"use {', '.join(sorted(KEYS))}")
        name, factor = KEYS[key]
        if name in found:
            raise ScenarioError(f"{name} is given twice", "give it once, in one unit")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScenarioError(f"{key} = {value!r} is not a number")
        found[name] = round(float(value) * factor, DIGITS)
    return Labs(**found)


#: Keeps 30 mg/L from becoming 3.0000000000000004 mg/dL, on the wrong side of a cut-off.
DIGITS = 9
#: The most points of each value: the greatest score while one is missing.
MOST: Mapping[str, int] = {"platelets": 2, "anc": 1, "hemoglobin": 1, "crp": 1, "ferritin": 2}


def points(name: str, value: float, cutoffs: Cutoffs) -> int:
    """Points of one value."""
    if name == "platelets":
        high, low = cutoffs.platelets
        return int(value <= high) + int(value < low)
    if name == "ferritin":
        low, high = cutoffs.ferritin
        return int(value >= low) + int(value > high)
    if name == "crp":
        return int(value > cutoffs.crp)
    return int(value < getattr(cutoffs, name))


def hematotox(labs: Labs, cutoffs: Cutoffs) -> Hematotox:
    """CAR-HEMATOTOX score, with what its units and edges leave open.

    Platelets >175 / 75-175 / <75: 0, 1, 2. Neutrophils <1200 /uL: 1. Haemoglobin <9 g/dL: 1. CRP >3 mg/dL: 1.
    Ferritin <650 / 650-2000 / >2000 ng/mL: 0, 1, 2. Score >= 2: high.

    Pooled validation (n=180): AUC 0.89; an external series (n=245) found 0.73. Shown for lymphoma and myeloma;
    acute lymphoblastic leukaemia has another score.

    References
    ----------
    .. [1] Rejeski 2021; de Boer 2025 (external).
    """
    names = [f.name for f in fields(labs)]
    known = {n: float(getattr(labs, n)) for n in names if getattr(labs, n) is not None}
    missing = tuple(n for n in names if n not in known)
    got = {n: points(n, v, cutoffs) for n, v in known.items()}
    low = sum(got.values())
    most = low + sum(MOST[n] for n in missing)
    group = "high" if low >= cutoffs.high else "low" if most < cutoffs.high else "cannot say"
    notes: list[Finding] = []
    if labs.crp is not None:
        for other in (labs.crp / MG_L_PER_MG_DL, labs.crp * MG_L_PER_MG_DL):
            if points("crp", other, cutoffs) != got["crp"]:
                notes.append(
                    finding(
                        LABS_UNIT,
                        f"CRP was read as {labs.crp:g} mg/dL ({labs.crp * MG_L_PER_MG_DL:g} mg/L); "
                        f"were it {other:g} mg/dL, the score would change",
                        where="CRP",
                        hint="check that the value and the unit are the laboratory's",
                        severity="warning" if labs.crp > CRP_SUSPECT else None,
                    )
                )
    edges = {
        "platelets": cutoffs.platelets,
        "anc": (cutoffs.anc,),
        "hemoglobin": (cutoffs.hemoglobin,),
        "crp": (cutoffs.crp,),
        "ferritin": cutoffs.ferritin,
    }
    notes += [
        finding(LABS_EDGE, f"{n} = {v:g} lies on a cut-off; sources differ by a point there", where=n)
        for n, v in known.items()
        if v in edges[n]
    ]
    return Hematotox(low if not missing else None, low, most, group, got, missing, tuple(notes))
