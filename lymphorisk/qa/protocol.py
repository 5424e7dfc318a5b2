"""A protocol: what a plan must meet, line by line, with the evidence of each line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lymphorisk.errors import ScenarioError

COMPARISONS = ("<=", "<", ">=", ">")
LIMIT = re.compile(r"^\s*(<=|>=|<|>|≤|≥)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$")
UNICODE_SIGNS = {"≤": "<=", "≥": ">="}
RULE_SETTINGS = ("off", "info", "warning", "error")


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
        Whether a missing value stops the gate.
    published : tuple of float
        Published cut-offs or group values the result is placed among.
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
    endpoint: str = ""
    source: str = ""
    n: str = ""
    evidence: str = ""
    note: str = ""
    override: Override | None = None

    def __post_init__(self) -> None:
        if self.variation is not None and self.goal is None:
            raise ScenarioError(f"line {self.label}: a variation limit without a goal")
        if self.goal is not None and self.variation is not None:
            if self.goal.comparison[0] != self.variation.comparison[0]:
                raise ScenarioError(f"line {self.label}: goal and variation point in opposite directions")
            looser = self.variation.value - self.goal.value
            if (looser if self.goal.comparison[0] == "<" else -looser) < 0:
                raise ScenarioError(f"line {self.label}: the variation limit is stricter than the goal")

    @property
    def label(self) -> str:
        """Structure and metric as one reads them."""
        return f"{self.structure} {self.metric}".strip()


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named list of lines, and what the rules of lymphorisk count for.

    `rules` maps a finding code to ``off``, ``info``, ``warning`` or ``error``; an error fails the gate.
    """

    name: str
    lines: tuple[Line, ...]
    site: str = ""
    note: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for code, setting in self.rules.items():
            if not re.fullmatch(r"LR\d{3}", code):
                raise ScenarioError(f"{code!r} is not a rule code", "rule codes look like LR012")
            if setting not in RULE_SETTINGS:
                raise ScenarioError(f"rule {code} = {setting!r}", f"use one of {', '.join(RULE_SETTINGS)}")
