"""The shipped model made: simulate a cohort, hold it against published rates, train, score on plans kept aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.simulated.cohort import insilico_cohort, people
from lymphorisk.simulated.incidence import incidence_table
from lymphorisk.simulated.plan import scalar
from lymphorisk.train.card import SIMULATED, card_scores
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.evaluate import against, judged, scores, subgroup_labels
from lymphorisk.train.fit import Fitted, fit, margins
from lymphorisk.train.package import write_model
from lymphorisk.train.run import Training
from lymphorisk.train.settings import Progress, Settings

#: Share of plans kept aside, untouched by training, for the scores in the card.
TEST_SHARE = 0.2


def run_insilico(
    patients: int,
    out: str | Path,
    *,
    early: bool = False,
    seed: int = 20261,
    workers: int = 2,
    version: str = "2026.1",
    progress: Progress = lambda _: None,
) -> Training:
    """Simulate a cohort, hold it against published rates, train on it, and score it on plans kept aside.

    Parameters
    ----------
    patients : int
        About how many simulated patients.
    out : path
        Model folder to write.
    early : bool
        Train the mid-course model, which also reads the count after one week.
    workers : int
        Processes that draw plans.

    Raises
    ------
    CohortError
        The cohort misses too many published rates: nothing is trained. The message holds the table.
    """
    table = incidence_table(people(), seed, progress)
    progress(table.text())
    if not table.accepted:
        raise CohortError(
            "the simulated cohort misses published rates\n" + table.text(), "calibrate the forecast first"
        )
    cohort = insilico_cohort(patients, seed, early=early, workers=workers, progress=progress)
    aside = np.isin(cohort.group, _some_groups(cohort.group[cohort.as_drawn], TEST_SHARE, seed))
    model = fit(cohort.rows(~aside), Settings(seed=seed), hold_out="site", progress=progress)
    test = scores_aside(model, cohort.rows(aside), seed)
    evaluation = write_model(
        model,
        Path(out),
        trained_on=SIMULATED,
        window=f"weekly counts from the start to {scalar('outcome.window_d'):g} days after the last fraction",
        version=version,
        extra={
            "incidence": table.as_card(),
            "test": card_scores(test),
            "organs": {"placed": True},
        },
        also={"test": test, "incidence": table.as_card()},
    )
    return Training(Path(out), evaluation, ())


def _some_groups(group: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    groups = np.unique(group)
    return np.random.default_rng([seed, 5]).permutation(groups)[: round(share * len(groups))]


def scores_aside(model: Fitted, aside: Cohort, seed: int) -> dict[str, Any]:
    """Scores on patients that no step of training, calibration or conformal sets has seen."""
    outcomes: dict[str, Any] = {}
    for outcome, done in model.outcomes.items():
        event = aside.outcomes[outcome]
        p = sigmoid(done.calibration.log_odds(margins(done.booster, aside.features)))
        every = np.arange(len(aside))
        result = judged(p, event, aside.group, subgroup_labels(aside, every), done.conformal, seed)
        simple = done.logistic.probability(aside.features)
        result["logistic"] = scores(simple, event)
        result["against_logistic"] = against(p, simple, event, aside.group, seed)
        outcomes[outcome] = result
    return {
        "kind": "plans kept aside from all training",
        "cohort": aside.name,
        "rows": len(aside),
        "outcomes": outcomes,
    }
