"""The errors of lymphorisk and the exit codes they become.

::

    LymphoriskError(message, hint)          70
      InputError                             3   a file cannot be used
        DicomReadError                           not DICOM, truncated, unreadable
        LinkError                                RTPLAN, RTSTRUCT and RTDOSE do not belong together
        UnsupportedDoseError                     RELATIVE or ERROR dose, foreign frame, unknown unit
        UnsupportedGeometryError                 a geometry that would be computed wrongly
        ScenarioError                            a scenario, patient or regimen TOML does not say what it must
        CohortError                              a cohort table fails validation
        StructureError
          MissingOrganError                      an organ that was asked for is not there
          AmbiguousOrganError                    two ROIs claim the same organ
          DegenerateContourError                 contours that enclose nothing
      UndecidableError                       4   the question is fair, the data cannot answer it
      ModelError                            70
        ParameterError                           a parameter file breaks its own rules
        NotConvergedError                        a numerical method missed its error bound
        PredictorFileError                       a model file is missing, foreign or altered

    LymphoriskWarning
      PlanWarning                            recorded as a finding
      ExtrapolationWarning                   a model used outside the range it was shown for
"""

from __future__ import annotations

__all__ = [
    "AmbiguousOrganError",
    "CohortError",
    "DegenerateContourError",
    "DicomReadError",
    "ExtrapolationWarning",
    "InputError",
    "LinkError",
    "LymphoriskError",
    "LymphoriskWarning",
    "MissingOrganError",
    "ModelError",
    "NotConvergedError",
    "ParameterError",
    "PlanWarning",
    "PredictorFileError",
    "ScenarioError",
    "StructureError",
    "UndecidableError",
    "UnsupportedDoseError",
    "UnsupportedGeometryError",
]


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
    exit_code = 3


class DicomReadError(InputError):
    pass


class LinkError(InputError):
    pass


class UnsupportedDoseError(InputError):
    pass


class UnsupportedGeometryError(InputError):
    pass


class ScenarioError(InputError):
    pass


class CohortError(InputError):
    pass


class StructureError(InputError):
    pass


class MissingOrganError(StructureError):
    pass


class AmbiguousOrganError(StructureError):
    pass


class DegenerateContourError(StructureError):
    pass


class UndecidableError(LymphoriskError):
    exit_code = 4


class ModelError(LymphoriskError):
    exit_code = 70


class ParameterError(ModelError):
    pass


class NotConvergedError(ModelError):
    pass


class PredictorFileError(ModelError):
    pass


class LymphoriskWarning(UserWarning):
    pass


class PlanWarning(LymphoriskWarning):
    pass


class ExtrapolationWarning(LymphoriskWarning):
    pass
