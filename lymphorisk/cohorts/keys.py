"""The key of a plan: a hash of everything its row depends on, and of nothing else.

The bytes of its DICOM files (not their names or places), the facts given beside them, the options, the protocol, the
metrics asked for, the program, its parameters and its model. What is unchanged has its old key and is not computed
again; whatever changes makes another key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from lymphorisk import parameters
from lymphorisk.analysis.chain import shown
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.risk import shipped_model
from lymphorisk.cohorts.found import SCENARIO, FoundPlan
from lymphorisk.dicom.listing import digests
from lymphorisk.errors import InputError
from lymphorisk.plain import tidy
from lymphorisk.qa.judge import AUTO
from lymphorisk.qa.store import protocol_hash, read_protocol
from lymphorisk.version import __version__

PACKAGE = Path(__file__).parent.parent
OURS = (".py", ".toml", ".json", ".csv")
#: Raised when a row of the tables changes its meaning: rows of another version are computed again.
VERSION = 1
#: Hex digits of a key: no two of a billion plans share one.
DIGITS = 32

Digests = Callable[[Path], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is asked of every plan alike.

    Attributes
    ----------
    options : Options
    protocol : str or None
        A shipped starter, a file, or ``auto``; None judges nothing.
    metrics : tuple of (str, str)
        Structure and metric; ``*`` is every organ and target that is drawn.
    step_gy : float or None
        Step of the curves to keep; None keeps none. [Gy]
    alpha_beta_gy : float or None
        For metrics in EQD2 or BED. [Gy]
    """

    options: Options
    protocol: str | None = None
    metrics: tuple[tuple[str, str], ...] = ()
    step_gy: float | None = None
    alpha_beta_gy: float | None = None

    def sha256(self) -> str:
        """Of the choices, and of the program, parameters and model they run with."""
        with parameters.given(self.options.parameters):
            set_id = parameters.set_id()
        protocol = self.protocol
        if protocol not in (None, AUTO):
            protocol = protocol_hash(read_protocol(str(protocol)))
        return _hashed(
            {
                "version": VERSION,
                "program": [__version__, program_sha256()],
                "parameters": set_id,
                "model": folder_sha256(self.options.model or shipped_model()),
                "labels": folder_sha256(self.options.labels),
                "options": shown(replace(self.options, clinic_file={})),
                "protocol": protocol,
                "metrics": [list(m) for m in self.metrics],
                "step_gy": self.step_gy,
                "alpha_beta_gy": self.alpha_beta_gy,
            }
        )


def _hashed(value: dict[str, object]) -> str:
    text = json.dumps(tidy(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def program_sha256() -> str:
    """Of the program's source files: a checkout changes without changing its version.

    Raises
    ------
    InputError
        One is gone while they are read: the program is being installed anew.
    """
    out = hashlib.sha256()
    try:
        for path in sorted(p for p in PACKAGE.rglob("*") if p.suffix in OURS and p.is_file()):
            out.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
            out.update(hashlib.sha256(path.read_bytes()).digest())
    except FileNotFoundError as error:
        raise InputError("the program's own files are being replaced", "call again once it is installed") from error
    return out.hexdigest()


def folder_sha256(path: Path | None) -> str:
    """Of the files of a folder, or of one file; empty for nothing."""
    if path is None:
        return ""
    out = hashlib.sha256()
    for file in sorted(p for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()):
        out.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return out.hexdigest()


def inputs_of(plan: FoundPlan, of: Digests) -> tuple[str, ...]:
    """SHA-256 of every file of a plan that is an input, in order."""
    if plan.trouble is not None:
        return ()
    if plan.path.is_file():
        files = [plan.path]
    else:
        files = list(plan.files) or [p for p in plan.path.rglob("*") if p.is_file()]
    return tuple(sorted({sha for path in files for sha in of(path)}))


def file_digests(path: Path) -> tuple[str, ...]:
    """Of a scenario's text, or of the DICOM in a file or zip."""
    if path.suffix.lower() == SCENARIO:
        return (hashlib.sha256(path.read_bytes()).hexdigest(),)
    return digests(path)


def plan_key(plan: FoundPlan, inputs: Sequence[str], recipe_sha256: str) -> str:
    """The key of a plan.

    A plan of which nothing can be read has nothing to be known by but its number.
    """
    what: dict[str, object] = {
        "recipe": recipe_sha256,
        "inputs": list(inputs),
        "plan": plan.plan,
        "facts": asdict(plan.row.patient),
    }
    if not inputs:
        what["place"] = plan.place
    return _hashed(what)[:DIGITS]
