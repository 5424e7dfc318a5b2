"""Training and external validation as a user of the library calls them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lymphorisk.analysis.risk import shipped_models
from lymphorisk.cohorts.own import read_own
from lymphorisk.errors import InputError
from lymphorisk.outputs import Inputs, Outputs
from lymphorisk.train.declared import NOTHING, declared_for, read_declared
from lymphorisk.train.run import Training, evaluate_model, run_training
from lymphorisk.train.settings import Choices


def train(
    cohort: str | Path,
    out: str | Path,
    choices: Choices | None = None,
    *,
    counts: str | Path | None = None,
    columns: str | Path | None = None,
    force: bool = False,
) -> Training:
    """Train a model on a clinic's own cohort and write its folder, whole or not at all.

    Parameters
    ----------
    cohort : path
        CSV or Parquet (`lymphorisk train --schema` tells its columns), the folder of a `lymphorisk cohort`, or a folder
        of exports.
    out : path
        Folder of the model.
    choices : Choices, optional
        The outcome's key, columns to leave out, seed.
    counts : path, optional
        With exports: the table of counts.
    columns : path, optional
        Schema file of columns beyond the program's own.
    force : bool
        Replace a model that stands at `out`.

    Returns
    -------
    Training
        Where the model is, its evaluation, and what was noticed.

    Raises
    ------
    CohortError
        The cohort fails validation; every fault is named.
    InputError
        `out` cannot be written, or holds something else.
    """
    place, chosen = Path(out), choices or Choices()
    declared = NOTHING if columns is None else read_declared(columns)
    with Outputs(Inputs.of([cohort, counts, columns]), force=force) as outputs:
        outputs.expect(place, "model")
        folder = outputs.folder(place)
        own = read_own(cohort, counts, ignore=chosen.ignore, declared=declared)
        done = run_training(own, folder, chosen, radiomics=declared.radiomics)
        outputs.commit()
    return Training(place, done.evaluation, done.findings)


def evaluate(
    model: str | Path,
    plans: str | Path,
    *,
    counts: str | Path | None = None,
    columns: str | Path | None = None,
    ignore: Sequence[str] = (),
) -> dict[str, Any]:
    """External validation of a model, and of the voices beside it, on plans it has not seen.

    Parameters
    ----------
    model : path or str
        A model's folder, or the name of a shipped one.
    plans : path
        CSV or Parquet, the folder of a `lymphorisk cohort`, or a folder of exports.
    counts : path, optional
        With exports: the table of counts.
    columns : path, optional
        Schema file of this place's columns beyond the program's own; by default they are as the model's card says.
    ignore : sequence of str
        Columns to leave out.

    Returns
    -------
    dict
        What ``lymphorisk evaluate --json`` writes below its ``schema``; ``kind`` says whether the model had seen the
        cohort.

    Raises
    ------
    CohortError
        The cohort fails validation or has no outcome of the model.
    PredictorFileError
        The model was altered.
    """
    folder = model_folder(model)
    declared = declared_for(folder, columns)
    return evaluate_model(folder, read_own(plans, counts, ignore=ignore, declared=declared), declared=declared)


def model_folder(name: str | Path) -> Path:
    """Folder of a model: a path, or the name of a shipped one.

    Raises
    ------
    InputError
        Neither.
    """
    if Path(name).is_dir():
        return Path(name)
    shipped = shipped_models()
    if shipped is not None and (shipped / name / "card.toml").is_file():
        return shipped / name
    raise InputError(f"no predictor {str(name)!r}", "give a folder, or a name of `lymphorisk model list`")
