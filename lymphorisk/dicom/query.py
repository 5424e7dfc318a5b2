"""The question whether an archive holds an object already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.dicom import tags
from lymphorisk.dicom.reader import open_file
from lymphorisk.dicom.window import Window
from lymphorisk.errors import DicomReadError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def kind_of(path: Path, called: str = "") -> tuple[str, str]:
    """SOP class and transfer syntax of a DICOM file, which an error calls by its name or what it is `called`.

    Raises
    ------
    DicomReadError
        Not DICOM.
    """
    name = called or path.name
    try:
        file = open_file(Window(path), folder="")
    except OSError as error:
        raise DicomReadError(f"{name} cannot be read: {error.strerror}") from error
    if file is None:
        raise DicomReadError(f"{name} is not DICOM", "give the DICOM files to be sent")
    return file.root.code(tags.SOP_CLASS_UID), file.syntax


def image_query(path: Path) -> Dataset:
    """A query on the level of images for the object in a file."""
    from pydicom.dataset import Dataset

    file = open_file(Window(path), folder="")
    if file is None:
        raise DicomReadError(f"{path.name} is not DICOM")
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = file.root.code(tags.STUDY_INSTANCE_UID)
    query.SeriesInstanceUID = file.root.code(tags.SERIES_INSTANCE_UID)
    query.SOPInstanceUID = file.sop_uid or file.root.code(tags.SOP_INSTANCE_UID)
    return query
