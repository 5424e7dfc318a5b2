"""Published risk models, one a file, each inside its own gate of site, modality and outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lymphorisk.literature import chen2022_breast, kim2024_gbm, kim2024_hcc, xu2020_esophagus
from lymphorisk.literature.case import Case, Estimate, Outcome
from lymphorisk.literature.unusable import UNUSABLE, Unusable

__all__ = [
    "MODELS",
    "OUTCOMES",
    "UNUSABLE",
    "Case",
    "Estimate",
    "Outcome",
    "Unusable",
    "estimate_all",
]

Model = Callable[[Case, Mapping[str, float]], Estimate]

_MODULES = (kim2024_gbm, chen2022_breast, xu2020_esophagus, kim2024_hcc)
MODELS: Mapping[str, Model] = {module.NAME: module.estimate for module in _MODULES}
#: What each model's probability is of.
OUTCOMES: Mapping[str, Outcome] = {module.NAME: module.OUTCOME for module in _MODULES}


def estimate_all(case: Case, numbers: Mapping[str, float]) -> tuple[Estimate, ...]:
    """What every published model says, or why it does not.

    Parameters
    ----------
    case : Case
        The patient and plan.
    numbers : mapping of str to float
        Parameters of the topic `literature` by full name, ``<model>.<number>``.
    """
    answers = []
    for name, model in MODELS.items():
        prefix = f"{name}."
        own = {key.removeprefix(prefix): value for key, value in numbers.items() if key.startswith(prefix)}
        answers.append(model(case, own))
    return tuple(answers)
