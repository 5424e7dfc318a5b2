"""A protocol: what a plan must meet, line by line, with the evidence of each line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from lymphorisk.errors import ScenarioError

LIMIT = re.compile(r"^\s*(<=|>=|<|>|≤|≥)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$")
UNICODE_SIGNS = {"≤": "<=", "≥": ">="}
#: ``undecided`` leaves the plan unjudged (exit code 4) where ``error`` fails it.
Setting = Literal["off", "info", "warning", "error", "undecided"]
RULE_SETTINGS: tuple[Setting, ...] = get_args(Setting)
#: What stands behind a line at most: see `lymphorisk.qa.facts.NEEDS`.
Needs = Literal["any", "placed", "segmented", "drawn"]
NEEDS_WORDS: tuple[Needs, ...] = get_args(Needs)
#: What a gate makes of findings that mean "this may not be the plan to judge", unless the protocol says otherwise.
#: Findings of severity info are left as they are.
GATE_RULES: Mapping[str, Setting] = {"LR010": "undecided", "LR162": "undecided"}
#: Findings about one organ that leave the lines that need it undecided, unless the protocol sets them.
ORGAN_RULES = ("LR157",)
#: What the gate itself says of lines: no setting makes a line that failed or is missing count for less.
LINE_RULES = ("LR601", "LR602", "LR603", "LR605")
#: An override stays visible: it may be made an error, never be hidden.
OVERRIDE_RULE = "LR604"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit with an explicit edge: ``<= 20`` lets 20 pass, ``< 20`` does not."""

    comparison: str
    value: float

    def met_by(self, value: float) -> bool:
        """Whether `value` keeps the limit."""
        return {
            "<=": value <= self.value,
            "<": value < self.value,
            ">=": value >= self.value,
            ">": value > self.value,
        }[self.comparison]

    def __str__(self) -> str:
        return f"{self.comparison} {self.value!r}".removesuffix(".0")


def setting_of(code: str, text: str) -> Setting:
    """What a rule counts for, from the word of a protocol.

    Raises
    ------
    ScenarioError
        There is no such setting.
    """
    found = next((setting for setting in RULE_SETTINGS if setting == text), None)
    if found is None:
        raise ScenarioError(f"rule {code} = {text!r}", f"use one of {', '.join(RULE_SETTINGS)}")
    return found


def limit(text: str) -> Limit:
    """A limit from text such as ``<= 20``.

    Raises
    ------
    ScenarioError
        The text has no comparison sign or no number.

    Examples
    --------
    >>> limit("<=20").met_by(20.0)
    True
    """
    match = LIMIT.match(text)
    if match is None:
        raise ScenarioError(f"{text!r} is not a limit", "write a comparison and a number, such as '<= 20' or '>= 95'")
    return Limit(UNICODE_SIGNS.get(match[1], match[1]), float(match[2]))


@dataclass(frozen=True, slots=True)
class Override:
    """A person's decision to accept a line; it stays visible. `reason` and `by` are required."""

    reason: str
    by: str

    def __post_init__(self) -> None:
        if not self.reason.strip() or not self.by.strip():
            raise ScenarioError("an override needs a reason and a name", "fill in both 'reason' and 'by'")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a protocol.

    Attributes
    ----------
    metric : str
        DVH grammar (``V5Gy[%]``) for a structure, or one of ours (``ALCnadir[10^9/L]``) for the plan.
    structure : str
        TG-263 name or ROI name; empty for a metric of the plan.
    aliases : tuple of str
        Other names of the structure, tried in order.
    goal, variation : Limit or None
        Without a goal the line is a reference: its value is placed in `published`, it does not gate.
    required : bool
        Whether the line can stop the gate, by failing or by having no value; one that cannot still keeps the verdict
        from PASS when it lies beyond its limit.
    published : tuple of float
        Published cut-offs or group values the result is placed among.
    alpha_beta_gy : float, optional
        For metrics in EQD2 or BED; the fractions are the plan's. [Gy]
    needs : str
        What may stand behind the value: ``any``, ``placed``, ``segmented`` or ``drawn``; empty takes the protocol's.
    endpoint, source, n, evidence : str
        What the limit is about, where it was published, on how many patients, how strong it is.
    """

    metric: str
    structure: str = ""
    aliases: tuple[str, ...] = ()
    goal: Limit | None = None
    variation: Limit | None = None
    required: bool = True
    priority: str = ""
    published: tuple[float, ...] = ()
    alpha_beta_gy: float | None = None
    endpoint: str = ""
    source: str = ""
    n: str = ""
    evidence: str = ""
    note: str = ""
    override: Override | None = None
    needs: str = ""

    def __post_init__(self) -> None:
        if self.needs and self.needs not in NEEDS_WORDS:
            raise ScenarioError(f"line {self.label}: needs = {self.needs!r}", f"use one of {', '.join(NEEDS_WORDS)}")
        if not all(math.isfinite(v) for v in self.published):
            raise ScenarioError(f"line {self.label}: published values must be numbers")
        if self.alpha_beta_gy is not None and not 0 < self.alpha_beta_gy < math.inf:
            raise ScenarioError(f"line {self.label}: alpha_beta_gy must be above zero")
        if self.variation is not None and self.goal is None:
            raise ScenarioError(f"line {self.label}: a variation limit without a goal")
        if self.goal is not None and self.variation is not None:
            if self.goal.comparison[0] != self.variation.comparison[0]:
                raise ScenarioError(f"line {self.label}: goal and variation point in opposite directions")
            looser = self.variation.value - self.goal.value
            if (looser if self.goal.comparison[0] == "<" else -looser) < 0 or (
                looser == 0 and self.goal.met_by(self.goal.value) and not self.variation.met_by(self.goal.value)
            ):
                raise ScenarioError(f"line {self.label}: the variation limit is stricter than the goal")

    @property
    def label(self) -> str:
        """Structure and metric as one reads them."""
        return f"{self.structure} {self.metric}".strip()


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named list of lines, and what the rules of lymphorisk count for.

    `rules` maps a finding code to ``off``, ``info``, ``warning``, ``error`` or ``undecided``; an error fails the gate,
    ``undecided`` keeps it from any verdict. `needs` holds for every line that does not say its own. An informative
    protocol shows values and never passes a plan. `sha256` is that of the file it was read from.
    """

    name: str
    lines: tuple[Line, ...]
    site: str = ""
    note: str = ""
    rules: Mapping[str, Setting] = field(default_factory=dict)
    needs: str = "any"
    informative: bool = False
    sha256: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.needs not in NEEDS_WORDS:
            raise ScenarioError(f"needs = {self.needs!r}", f"use one of {', '.join(NEEDS_WORDS)}")
        if self.informative and any(line.goal is not None and line.required for line in self.lines):
            raise ScenarioError(
                "an informative protocol judges nothing, and a line with a goal is required",
                "take out informative = true, or say required = false in its lines",
            )
        for code, setting in self.rules.items():
            if not re.fullmatch(r"LR\d{3}", code):
                raise ScenarioError(f"{code!r} is not a rule code", "rule codes look like LR012")
            setting_of(code, setting)
            if code in LINE_RULES or (code == OVERRIDE_RULE and setting == "off"):
                raise ScenarioError(
                    f"rule {code} = {setting!r}: what the gate says of a line cannot be set aside",
                    "make the line optional (required = false), or override it with a reason and a name",
                )
