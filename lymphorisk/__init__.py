"""lymphorisk: from the exported radiotherapy plan to blood dose, lymphocyte count and risk, with reasons.

>>> from lymphorisk import Patient, analyze
>>> result = analyze("export/", patient=Patient(sex="F", age_y=61, alc=1.4))  # doctest: +SKIP
>>> result.alc.nadir.median  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader
from lymphorisk.version import __version__

if TYPE_CHECKING:
    from lymphorisk.absent import Absent
    from lymphorisk.analysis import Analysis, Options, analyze
    from lymphorisk.dicom import read_export
    from lymphorisk.errors import LymphoriskError
    from lymphorisk.plan import Patient
    from lymphorisk.scenario import read_scenario

__all__ = [
    "Absent",
    "Analysis",
    "LymphoriskError",
    "Options",
    "Patient",
    "__version__",
    "analyze",
    "read_export",
    "read_scenario",
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
        "read_export": "dicom",
        "read_scenario": "scenario",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
