"""lymphorisk: from the exported radiotherapy plan to blood dose, lymphocyte count and risk, with reasons.

>>> from lymphorisk import Patient, analyze
>>> result = analyze("export/", patient=Patient(sex="F", age_y=61, alc=1.4))  # doctest: +SKIP
>>> result.alc.nadir.median  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader, verbs
from lymphorisk.version import __version__

if TYPE_CHECKING:
    from lymphorisk.absent import Absent
    from lymphorisk.analysis import Analysis, Options, analyze
    from lymphorisk.analysis.compare import compare
    from lymphorisk.cohorts.door import cohort
    from lymphorisk.cohorts.learning import evaluate, train
    from lymphorisk.dicom import read_export
    from lymphorisk.errors import LymphoriskError
    from lymphorisk.plan import Patient
    from lymphorisk.qa.judge import check
    from lymphorisk.regimen.door import conditioning
    from lymphorisk.scenario import read_scenario

__all__ = [
    "Absent",
    "Analysis",
    "LymphoriskError",
    "Options",
    "Patient",
    "__version__",
    "analyze",
    "check",
    "cohort",
    "compare",
    "conditioning",
    "evaluate",
    "read_export",
    "read_scenario",
    "train",
]

__getattr__ = loader(
    __name__,
    {
        "Absent": "absent",
        "Analysis": "analysis",
        "LymphoriskError": "errors",
        "Options": "analysis",
        "Patient": "plan",
        "analyze": "analysis",
        "check": "qa.judge",
        "cohort": "cohorts.door",
        "compare": "analysis.compare",
        "conditioning": "regimen.door",
        "evaluate": "cohorts.learning",
        "read_export": "dicom",
        "read_scenario": "scenario",
        "train": "cohorts.learning",
    },
)


verbs(__name__, {"conditioning": "regimen.door", "train": "cohorts.learning"})


def __dir__() -> list[str]:
    return sorted(__all__)
