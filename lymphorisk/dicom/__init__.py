"""DICOM RT in and out: the only room that knows the format."""

from __future__ import annotations

from lymphorisk.dicom.assemble import read_export, read_plan
from lymphorisk.dicom.export import CTVolume, Export, InputFile, PatientIdentity

__all__ = ["CTVolume", "Export", "InputFile", "PatientIdentity", "read_export", "read_plan"]
