"""A stored model tried in a process of its own, before this one reads it.

XGBoost's library ends the process over some damaged boosters. Hashes find damage; they do not find a folder whose
card was written anew. So a model that did not come with the program is first read and asked by another process.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from lymphorisk.errors import LymphoriskError, PredictorFileError

PACKAGE = Path(__file__).parent.parent
#: Where the models that come with the program lie: inside an installed package, else beside a checkout.
SHIPPED = (PACKAGE / "_models", PACKAGE.parent / "models")
#: Long enough for the largest model on a busy machine. [s]
LIMIT_S = 120.0
#: A model refused by name leaves with this, its reason on stdout.
REFUSED = 9
TRAIN_AGAIN = "the model is damaged: train it again, or restore its folder"


def tried(path: Path, digest: str) -> None:
    """Let another process read a model and answer from it, once for each card.

    Parameters
    ----------
    digest : str
        SHA-256 of the card, which holds the hashes of the other files.

    Raises
    ------
    PredictorFileError
        That process was refused, ended by the library, or did not end.
    """
    if path.resolve().parent not in SHIPPED:
        _tried(path.resolve(), digest)


@lru_cache(maxsize=64)
def _tried(path: Path, digest: str) -> None:
    del digest  # a folder that changed is tried again
    ask = [sys.executable, "-c", f"from {__name__} import main; main()", str(path)]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise PredictorFileError(f"{path.name}: XGBoost did not answer within {LIMIT_S:g} s", TRAIN_AGAIN) from None
    except OSError as error:
        raise PredictorFileError(
            f"{path.name}: no process could be started to try the model: {error.strerror}",
            "a model that did not come with the program is tried apart first",
        ) from error
    if done.returncode == REFUSED:
        message, _, hint = done.stdout.strip().partition("\n")
        raise PredictorFileError(message, hint)
    if done.returncode != 0:
        raise PredictorFileError(f"{path.name} ends the process that reads it ({done.returncode})", TRAIN_AGAIN)


def main() -> None:
    """The other process: read every booster of a folder and ask it."""
    from lymphorisk.predict.booster import read, resampled_margins, verified

    path = Path(sys.argv[1])
    try:
        predictor = read(path, *verified(path))
        row = predictor.background[0]
        for booster in predictor.boosters.values():
            booster.margins(row[None, :])
            booster.contributions(row[None, :])
        for outcome in predictor.spread:
            resampled_margins(predictor, outcome, row)
    except LymphoriskError as error:
        print(error.message, error.hint, sep="\n")
        sys.exit(REFUSED)
