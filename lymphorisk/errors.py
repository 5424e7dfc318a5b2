"""The errors of lymphorisk and the exit codes they become.

::

    LymphoriskError(message, hint)          70
      InputError                             3   a file cannot be used
        DicomReadError                           not DICOM, truncated, unreadable
        LinkError                                RTPLAN, RTSTRUCT and RTDOSE do not belong together
          ReplanError                            plans that replace each other are not added
        UnsupportedDoseError                     RELATIVE or ERROR dose, foreign frame, unknown unit
        UnsupportedGeometryError                 a geometry that would be computed wrongly
        ScenarioError                            a scenario, patient or regimen TOML does not say what it must
        CohortError                              a cohort table fails validation
        StructureError
          MissingOrganError                      an organ that was asked for is not there
          AmbiguousOrganError                    two ROIs claim the same organ
      UndecidableError                       4   the question is fair, the data cannot answer it
      ModelError                            70
        ParameterError                           a parameter file breaks its own rules
        NotConvergedError                        a numerical method missed its error bound
        PredictorFileError                       a model file is missing, foreign or altered
"""

from __future__ import annotations

__all__ = [
    "STOPPED",
    "AmbiguousOrganError",
    "CohortError",
    "DicomReadError",
    "InputError",
    "LinkError",
    "LymphoriskError",
    "MissingOrganError",
    "ModelError",
    "NotConvergedError",
    "ParameterError",
    "PredictorFileError",
    "ReplanError",
    "ScenarioError",
    "StructureError",
    "UndecidableError",
    "UnsupportedDoseError",
    "UnsupportedGeometryError",
]

#: The exit code of a call a person stopped, as shells count it.
STOPPED = 130


class LymphoriskError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    message : str
        What is wrong and where, without patient names or IDs.
    hint : str
        What the user can do about it.
    """

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(LymphoriskError):
    """A file, a number or a word of the user's cannot be used."""

    exit_code = 3


class DicomReadError(InputError):
    """Not DICOM, truncated, or unreadable."""


class LinkError(InputError):
    """Plan, structures and dose do not belong together, or one is missing."""


class ReplanError(LinkError):
    """Plans that look as if one replaced the other were to be added."""


class UnsupportedDoseError(InputError):
    """A dose that would be read wrongly: RELATIVE, not physical, in a foreign frame, of unknown unit."""


class UnsupportedGeometryError(InputError):
    """A geometry that would be computed wrongly."""


class ScenarioError(InputError):
    """A scenario, patient, regimen or option does not say what it must."""


class CohortError(InputError):
    """A cohort table fails validation."""


class StructureError(InputError):
    """A structure cannot be used."""


class MissingOrganError(StructureError):
    """An organ that was asked for is not there."""


class AmbiguousOrganError(StructureError):
    """Two ROIs claim the same organ."""


class UndecidableError(LymphoriskError):
    """The question is fair, the data cannot answer it."""

    exit_code = 4


class ModelError(LymphoriskError):
    """A fault of the program or of what it ships."""

    exit_code = 70


class ParameterError(ModelError):
    """A parameter file, or a value given for a parameter, breaks the rules."""


class NotConvergedError(ModelError):
    """A numerical method missed its error bound."""


class PredictorFileError(ModelError):
    """A model file is missing, foreign or altered."""
