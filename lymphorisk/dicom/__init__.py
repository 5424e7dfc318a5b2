"""DICOM RT in and out: the only room that knows the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.dicom.assemble import read_export, read_plan
from lymphorisk.dicom.export import Export, InputFile, PatientIdentity
from lymphorisk.dicom.survey import Survey, survey
from lymphorisk.lazy import loader

if TYPE_CHECKING:
    from lymphorisk.dicom.dvh_text import read_dvh_text
    from lymphorisk.dicom.write import Study, study_of, uid, write_export

__all__ = [
    "Export",
    "InputFile",
    "PatientIdentity",
    "Study",
    "Survey",
    "read_dvh_text",
    "read_export",
    "read_plan",
    "study_of",
    "survey",
    "uid",
    "write_export",
]

_WRITE = ("Study", "study_of", "uid", "write_export")

__getattr__ = loader(__name__, {"read_dvh_text": "dvh_text", **dict.fromkeys(_WRITE, "write")})
