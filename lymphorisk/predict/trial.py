"""A model that this package does not ship is opened first in a process of its own.

XGBoost trusts what it reads: trees whose branches lead nowhere, or back, end the process that asks them, or never end.
A card that was written anew over such a file says nothing against it. So the folder is read, held against its stored
prediction, its trees walked and asked in another process, within limits of time and memory; what that process says, or
that it said nothing, is a named error here. The shipped models are known by the hash of their cards, which holds the
hash of every other file, and cost nothing; any other is tried once per process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from lymphorisk.errors import PredictorFileError
from lymphorisk.predict.trees import Trees

#: SHA-256 of the cards of the shipped models.
SHIPPED: Final = {
    "early-2026.1": "8a49f66953960389bc3624f397e8415ef71211ef434b05e3b3c9d3bbe38ed154",
    "insilico-2026.1": "20ebd8cf25be203740e1fc32a3cc10c619c835f5934420c81594cefafdc4ee2a",
}
#: Of a trial: the shipped models take one second and less than 1 GB of addresses. [s], [s], [bytes]
PROCESSOR_S, WALL_S, ADDRESSES = 60, 300.0, 6 << 30
#: Without the working folder on the path, which may hold anything.
RUN = "import sys; sys.path.append(sys.argv[1]); from lymphorisk.predict.trial import main; main(sys.argv[2])"
CHANGED = "the model was not written by this program, or was changed since: restore its folder"

_passed: set[str] = set()


def tried(path: Path, sha256: str) -> None:
    """Try a model folder in a process of its own, unless it is shipped or passed before.

    Parameters
    ----------
    sha256 : str
        Of the card, as it was read here; the other process must read the same.

    Raises
    ------
    PredictorFileError
        It is refused there, ends the process, or goes beyond the limits.
    """
    if sha256 in SHIPPED.values() or sha256 in _passed:
        return
    package = Path(__file__).parents[2]
    # one thread: each takes addresses of its own
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    ask = [sys.executable, "-P", "-c", RUN, str(package), str(path.absolute())]
    try:
        done = subprocess.run(
            ask,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=WALL_S,
            env=env,
        )
    except subprocess.TimeoutExpired as error:
        raise PredictorFileError(f"{path.name} is not opened within {WALL_S:.0f} s", CHANGED) from error
    except OSError as error:
        raise PredictorFileError(
            f"{path.name} cannot be tried in a process of its own: {error.strerror}", "the shipped models need none"
        ) from error
    if done.returncode < 0:
        by = signal.Signals(-done.returncode).name
        raise PredictorFileError(f"{path.name} ends the process that opens it ({by})", CHANGED)
    said = _said(done.stdout)
    if said.get("error"):
        raise PredictorFileError(said["error"], said.get("hint", ""))
    if done.returncode or said.get("sha256") != sha256:
        last = (done.stderr.strip().splitlines() or [f"it ends with {done.returncode}"])[-1]
        why = "it changed meanwhile" if "sha256" in said else last
        raise PredictorFileError(f"{path.name} cannot be tried in a process of its own: {why}", "see lymphorisk doctor")
    _passed.add(sha256)


def _said(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def walked(name: str, trees: Trees, features: int) -> None:
    """Follow every branch of every tree as the library holds them.

    Raises
    ------
    PredictorFileError
        A branch leads nowhere or to a node that another leads to, or a node asks for a feature that there is not.
    """
    learner = trees.as_json["learner"]
    model = learner["gradient_booster"]["model"]
    if int(learner["learner_model_param"]["num_feature"]) != features:
        raise PredictorFileError(f"{name} has another number of features than the card", CHANGED)
    for n, tree in enumerate(model["trees"]):
        left, right, asks = tree["left_children"], tree["right_children"], tree["split_indices"]
        nodes, deleted = int(tree["tree_param"]["num_nodes"]), int(tree["tree_param"]["num_deleted"])
        inner = {i for i, child in enumerate(left) if child != -1}
        reached = [child for i in inner for child in (left[i], right[i])]
        sizes = {len(column) for column in (left, right, asks, tree["split_conditions"], tree["default_left"])}
        once = len(set(reached)) == len(reached) == nodes - 1 - deleted and all(0 < child < nodes for child in reached)
        if sizes != {nodes} or not once or any(not 0 <= asks[i] < features for i in inner) or any(tree["split_type"]):
            raise PredictorFileError(f"tree {n} of {name} leads nowhere", CHANGED)
        if not all(isfinite(tree["split_conditions"][i]) for i in {0, *reached} - inner):
            raise PredictorFileError(f"tree {n} of {name} ends in no number", CHANGED)


def _asked(path: Path) -> str:
    """Everything the program will ask of the model; the hash of its card."""
    from lymphorisk.predict.booster import opened, resampled_boosters

    predictor, rows = opened(path)
    every: dict[str, tuple[Trees, ...]] = {name: (trees,) for name, trees in predictor.boosters.items()}
    every |= {f"{name}, resampled": resampled_boosters(predictor, name) for name in predictor.spread}
    rows = np.vstack([rows, predictor.background[:1], np.full((1, len(predictor.features)), np.nan)])
    for name, boosters in every.items():
        for trees in boosters:
            walked(name, trees, len(predictor.features))
            trees.raw_margins(rows)
            trees.raw_contributions(rows)
    for name in predictor.outcomes:
        predictor.boosters[name].margins(rows)
        predictor.boosters[name].contributions(rows)
    return predictor.sha256


def _limit() -> None:
    try:
        import resource
    except ImportError:  # of other systems
        return
    for what, most in (("RLIMIT_CORE", 0), ("RLIMIT_CPU", PROCESSOR_S), ("RLIMIT_AS", ADDRESSES)):
        number = getattr(resource, what, None)
        if number is not None and sys.platform != "darwin":
            _, hard = resource.getrlimit(number)
            resource.setrlimit(number, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main(path: str) -> None:
    """Try one folder and say how it went, as one line of JSON."""
    _limit()
    try:
        said = {"sha256": _asked(Path(path))}
    except PredictorFileError as error:
        said = {"error": error.message, "hint": error.hint}
    except MemoryError:
        said = {"error": f"{Path(path).name} asks for more memory than a model needs", "hint": CHANGED}
    print(json.dumps(said))
