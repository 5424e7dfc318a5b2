"""What is held against an answer: the outcome's kind, and the right answer where it is known."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from .cases import Promise

#: What says where an answer comes from and not what it is.
ORIGIN = {
    "inputs",
    "sop_uids",
    "findings",
    "provenance",
    "checksum",
    "plan_uid_sha256",
    "ensemble_id",
    "protocol_sha256",
    "tps_end_caps",
}
NAMED = (2, 3, 4, 5, 70)
#: A verdict, and cohorts whose plans stand in quarantine: the reason is in the output.
WITHOUT_A_WORD = (3, 4, 5)
CODE = re.compile(r"\bLR\d{3}\b")
#: What every dose of a structure is called in the answer of `dvh --json`.
DOSES = ("mean_gy", "min_gy", "max_gy")
CONFIDENCE = 0.95
#: From this tolerance on curves may differ by the rounding of what they are made of.
ROUNDED = 1e-3


@dataclass(frozen=True)
class Answer:
    """What a command left with."""

    code: int
    out: str
    err: str

    @property
    def codes(self) -> set[str]:
        """Findings, wherever they stand."""
        return set(CODE.findall(self.out)) | set(CODE.findall(self.err))

    @property
    def uncaught(self) -> str:
        """The kind of an exception nobody raised on purpose and where it was raised; empty when there is none."""
        if "internal error: " not in self.err:
            return ""
        kind = self.err.split("internal error: ")[1].split()[0].strip("'\"")
        places = re.findall(r'File "[^"]*?((?:lymphorisk|site-packages)/[^"]+)", line (\d+), in (\S+)', self.err)
        ours = [p for p in places if p[0].startswith("lymphorisk") and "/cli/main" not in p[0]]
        where = " < ".join(f"{p[0]}:{p[1]} {p[2]}" for p in (ours or places)[-2:][::-1])
        return f"{kind} at {where}"


def outcome_of(answer: Answer, base: Answer | None) -> str:
    """``result``, ``finding``, ``named`` or ``uncaught``."""
    if answer.uncaught:
        return "memory" if "MemoryError" in answer.uncaught else "uncaught"
    if answer.code in (0, 1):
        known = base.codes if base is not None else set()
        return "finding" if answer.codes - known else "result"
    if answer.code in NAMED and ("rror:" in answer.err or answer.code in WITHOUT_A_WORD):
        return "named"
    return "uncaught"


def kept(answer: Answer, promise: Promise, base: Answer | None) -> str:
    """Why a promise is broken; empty when it is kept."""
    refused = answer.code in (2, 3, 4, 5) or (answer.code == 70 and not answer.uncaught)
    if promise.must == "refused":
        return "" if refused else f"left with {answer.code} where nothing could be right"
    assert base is not None
    if not base.out:
        return "the whole input has no answer to be held to"
    if promise.must in ("scaled", "told") and refused:
        return ""
    if promise.must == "told" and answer.codes - base.codes:
        return ""
    if answer.code != base.code:
        return f"left with {answer.code}, not {base.code}: {answer.err[:200]}"
    return differing(answer.out, base.out, promise)


def differing(out: str, base: str, promise: Promise) -> str:
    """Where two answers differ; empty when they are the same within the promise."""
    if out == base and promise.factor == 1.0:
        return ""
    try:
        one, other = json.loads(out), json.loads(base)
    except ValueError:
        told = [[line for line in text.splitlines() if not CODE.match(line)] for text in (out, base)]
        return "" if told[0] == told[1] else "the text differs"
    if promise.must == "scaled":
        return _scaled(one, other, promise)
    return _unlike(one, other, promise.close, "")


def _scaled(one: Any, other: Any, promise: Promise) -> str:
    for ours, theirs in zip(_structures(one), _structures(other), strict=True):
        for name in DOSES:
            if not isinstance(theirs.get(name), float):
                continue
            want = theirs[name] * promise.factor
            if not math.isclose(ours.get(name, math.nan), want, rel_tol=promise.close, abs_tol=1e-6):
                return f"{name} of {theirs.get('number')} is {ours.get(name)}, not {want}"
    return ""


def _structures(result: Any) -> list[dict[str, Any]]:
    return sorted(result["structures"], key=lambda s: (s["number"] is None, s["number"]))


def _unlike(one: Any, other: Any, close: float, where: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{where}: other keys"
        parts = ((one[k], other[k], f"{where}.{k}") for k in other if k not in ORIGIN)
    elif isinstance(one, list) and isinstance(other, list):
        if abs(len(one) - len(other)) > close * len(other):  # a curve of doses within `close` ends a bin away
            return f"{where}: {len(one)} values, not {len(other)}"
        one, other = _by_name(one), _by_name(other)
        if close >= ROUNDED and all(isinstance(v, float) for v in (*one, *other)):  # a curve, by what it reaches
            far = max((abs(a - b) for a, b in zip(one, other, strict=False)), default=0.0)
            return "" if far <= close * max(map(abs, other), default=0.0) else f"{where}: {far} apart"
        parts = ((a, b, f"{where}[{n}]") for n, (a, b) in enumerate(zip(one, other, strict=False)))
    elif isinstance(one, float | int) and isinstance(other, float | int) and not isinstance(one, bool):
        scale = max(abs(one), abs(other), 1e-3)
        return "" if abs(one - other) <= close * scale else f"{where}: {one}, not {other}"
    else:
        return "" if one == other else f"{where}: {one!r}, not {other!r}"
    return next((found for a, b, at in parts if (found := _unlike(a, b, close, at))), "")


def _by_name(rows: list[Any]) -> list[Any]:
    """Rows of a table by what they are called: their order is that of the input."""
    for name in ("number", "name", "roi"):
        if rows and all(isinstance(row, dict) and name in row for row in rows):
            return sorted(rows, key=lambda row: (row[name] is None, str(row[name]), row.get("start_s", 0.0)))
    return rows


def upper_limit(events: int, trials: int) -> float:
    """Upper end of the two-sided Clopper-Pearson interval of a share."""
    from scipy.stats import beta

    return 1.0 if events >= trials else float(beta.ppf((1 + CONFIDENCE) / 2, events + 1, trials - events))


def lower_limit(events: int, trials: int) -> float:
    """Lower end of the same interval."""
    from scipy.stats import beta

    return 0.0 if events == 0 else float(beta.ppf((1 - CONFIDENCE) / 2, events, trials - events + 1))
