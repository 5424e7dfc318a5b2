"""Plan objects -> RTPLAN, RTIONPLAN, RTSTRUCT and RTDOSE files, byte for byte the same each time.

UIDs come from a seed by hash under 2.25, dates are fixed, no clock is read. The plan objects know no
gantry angles or collimators; what the standard demands of a beam beyond meterset and time is
written as a plain open field.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom.export import Export, PatientIdentity
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.plan import Beam, DoseGrid, Patient, Phase, Structure, TreatmentPlan
from lymphorisk.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

UID_ROOT = "2.25"
UID_BYTES = 16
FIXED_DATE, FIXED_TIME = "20000101", "120000"
IMPLEMENTATION_UID = "2.25.190134752108325163024318206723571284591"
IMPLEMENTATION_NAME = "LYMPHORISK"
SOP_CLASSES = {
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
    "RTIONPLAN": "1.2.840.10008.5.1.4.1.1.481.8",
}
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DS_LENGTH = 16
#: Image Orientation (Patient) a planning system writes for each patient position.
ORIENTATIONS: Mapping[str, tuple[int, ...]] = {
    "HFS": (1, 0, 0, 0, 1, 0),
    "HFP": (-1, 0, 0, 0, -1, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "HFDL": (0, -1, 0, 1, 0, 0),
    "HFDR": (0, 1, 0, -1, 0, 0),
    "FFDL": (0, 1, 0, 1, 0, 0),
    "FFDR": (0, -1, 0, -1, 0, 0),
}
#: A matrix entry this close to 0 or 1 is one: grids are turned by right angles only.
RIGHT_ANGLE_TOLERANCE = 1e-6
#: In-plane spacings that differ by less than this are one spacing. [mm]
SPACING_TOLERANCE = 1e-4
RADIATION = {"photon": "PHOTON", "electron": "ELECTRON", "proton": "PROTON", "ion": "ION"}
PARTICLES = ("proton", "ion")
DEFAULT_RATE = 600.0
SAD_MM = 1000.0
FIELD_MM = 100.0


def uid(seed: str, *parts: object) -> str:
    """A UID that the same seed and parts always give.

    Examples
    --------
    >>> uid("demo", "RTPLAN", 1) == uid("demo", "RTPLAN", 1) != uid("demo", "RTPLAN", 2)
    True
    """
    digest = hashlib.sha256("/".join((seed, *map(str, parts))).encode()).digest()
    return f"{UID_ROOT}.{int.from_bytes(digest[:UID_BYTES], 'big')}"


@dataclass(frozen=True, slots=True)
class Study:
    """What the files of one export share.

    Attributes
    ----------
    seed : str
        Every UID not given follows from it.
    identity, patient : PatientIdentity, Patient
        Who it is; an invented patient for fixtures.
    study_uid, frame_uid, structure_uid : str
        Given where files join an existing study, else made from the seed.
    """

    seed: str
    identity: PatientIdentity = field(default_factory=lambda: PatientIdentity("Lymphorisk^Fixture", "LYMPHORISK"))
    patient: Patient = field(default_factory=Patient)
    study_uid: str = ""
    frame_uid: str = ""
    structure_uid: str = ""

    def filled(self) -> Study:
        """The same with every UID made."""
        return replace(
            self,
            study_uid=self.study_uid or uid(self.seed, "study"),
            frame_uid=self.frame_uid or uid(self.seed, "frame of reference"),
            structure_uid=self.structure_uid or uid(self.seed, "RTSTRUCT"),
        )


def study_of(export: Export, seed: str) -> Study:
    """The study of an export that was read, for files that join it (a kill map, DVHs)."""
    frames = [p.dose.frame_of_reference for p in export.plan.phases if p.dose is not None]
    return Study(
        seed,
        identity=export.phi,
        patient=export.patient,
        study_uid=export.study_uid,
        frame_uid=frames[0] if frames else "",
        structure_uid=next(iter(export.plan.uids.get("RTSTRUCT", ())), ""),
    ).filled()


def write_export(
    folder: str | os.PathLike[str],
    plan: TreatmentPlan,
    *,
    seed: str,
    patient: Patient | None = None,
    bits: int = 32,
    position: str = "HFS",
    decimals: int = 3,
    gantry_deg: Sequence[float] = (),
    dvhs: Mapping[int, DVH] | None = None,
) -> tuple[Path, ...]:
    """Write a plan as a planning system would: RS.dcm, and RP.dcm with RD.dcm for each phase.

    Parameters
    ----------
    folder : path
        Made when it is not there.
    plan : TreatmentPlan
        Each phase becomes a plan file with its own dose; beams that carry a dose get a BEAM dose file.
    seed : str
        Names the export; the same seed gives the same bytes.
    bits : int
        16 or 32 bits a voxel.
    position : str
        Patient position, one of `ORIENTATIONS`; the grid is turned, not moved.
    decimals : int
        Digits after the point of contour coordinates in mm.
    gantry_deg : sequence of float
        Gantry angle of each beam, for the looks of the file. [deg]
    dvhs : mapping of ROI number to DVH, optional
        Written into the dose of the first phase.

    Returns
    -------
    tuple of Path
        The files, structures first.
    """
    top = Path(folder)
    top.mkdir(parents=True, exist_ok=True)
    frame = next((p.dose.frame_of_reference for p in plan.phases if p.dose is not None), "")
    study = Study(seed, patient=patient or Patient(), frame_uid=frame).filled()
    written = [write_structures(top / "RS.dcm", plan.structures, study, decimals=decimals)]
    for n, phase in enumerate(plan.phases, start=1):
        end = "" if len(plan.phases) == 1 else str(n)
        plan_uid = uid(seed, "RTPLAN", n)
        written.append(
            write_plan(
                top / f"RP{end}.dcm",
                phase,
                study,
                plan_uid=plan_uid,
                approval=plan.approval or "APPROVED",
                position=position,
                gantry_deg=gantry_deg,
            )
        )
        if phase.dose is not None:
            written.append(
                write_dose(
                    top / f"RD{end}.dcm",
                    phase.dose,
                    study,
                    plan_uid=plan_uid,
                    ion=phase.modality in PARTICLES,
                    dose_uid=uid(seed, "RTDOSE", n),
                    dose_type="PHYSICAL" if phase.rbe_in_dose == 1.0 else "EFFECTIVE",
                    bits=bits,
                    position=position,
                    dvhs=dvhs if n == 1 else None,
                )
            )
        for beam in phase.beams:
            if beam.dose is not None:
                written.append(
                    write_dose(
                        top / f"RD{end}_beam{beam.number}.dcm",
                        beam.dose,
                        study,
                        plan_uid=plan_uid,
                        ion=phase.modality in PARTICLES,
                        dose_uid=uid(seed, "RTDOSE", n, "beam", beam.number),
                        dose_type="PHYSICAL" if phase.rbe_in_dose == 1.0 else "EFFECTIVE",
                        bits=bits,
                        position=position,
                        beam=beam.number,
                    )
                )
    return tuple(written)


def write_structures(
    path: str | os.PathLike[str], structures: Sequence[Structure], study: Study, *, decimals: int = 3
) -> Path:
    """Write an RTSTRUCT. Names may hold any character (UTF-8 is declared when one is beyond ASCII)."""
    return _save(structures_dataset(structures, study, decimals=decimals), path)


def structures_dataset(structures: Sequence[Structure], study: Study, *, decimals: int = 3) -> Dataset:
    """An RTSTRUCT as a pydicom data set."""
    study = study.filled()
    ds = _dataset("RTSTRUCT", study, study.structure_uid, unicode=not all(s.name.isascii() for s in structures))
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = study.frame_uid, ""
    ds.StructureSetLabel = "LYMPHORISK"
    ds.StructureSetDate, ds.StructureSetTime = FIXED_DATE, FIXED_TIME
    image = _item(ReferencedSOPClassUID=CT_CLASS, ReferencedSOPInstanceUID=uid(study.seed, "CT", 1))
    series = _item(SeriesInstanceUID=uid(study.seed, "CT series"), ContourImageSequence=[image])
    whole = _item(
        ReferencedSOPClassUID=STUDY_CLASS,
        ReferencedSOPInstanceUID=study.study_uid,
        RTReferencedSeriesSequence=[series],
    )
    ds.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=study.frame_uid, RTReferencedStudySequence=[whole])
    ]
    ds.StructureSetROISequence = [
        _item(
            ROINumber=s.number,
            ReferencedFrameOfReferenceUID=s.frame_of_reference or study.frame_uid,
            ROIName=s.name,
            ROIGenerationAlgorithm="AUTOMATIC",
        )
        for s in structures
    ]
    ds.ROIContourSequence = [_roi_contours(s, decimals) for s in structures]
    ds.RTROIObservationsSequence = [
        _item(
            ObservationNumber=n,
            ReferencedROINumber=s.number,
            RTROIInterpretedType=s.rt_type,
            ROIInterpreter="",
        )
        for n, s in enumerate(structures, start=1)
    ]
    ds.ApprovalStatus = "UNAPPROVED"
    return ds


def write_plan(
    path: str | os.PathLike[str],
    phase: Phase,
    study: Study,
    *,
    plan_uid: str = "",
    approval: str = "APPROVED",
    position: str = "HFS",
    gantry_deg: Sequence[float] = (),
) -> Path:
    """Write an RTPLAN, or an RTIONPLAN when the phase is of protons or ions."""
    study = study.filled()
    ion = phase.modality in PARTICLES
    ds = _dataset(
        "RTIONPLAN" if ion else "RTPLAN",
        study,
        plan_uid or uid(study.seed, "RTPLAN", 1),
        unicode=not phase.label.isascii() or not all(b.name.isascii() for b in phase.beams),
    )
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = study.frame_uid, ""
    ds.RTPlanLabel = phase.label[:DS_LENGTH]
    ds.RTPlanDate, ds.RTPlanTime = FIXED_DATE, FIXED_TIME
    ds.RTPlanGeometry = "PATIENT"
    ds.ReferencedStructureSetSequence = [
        _item(ReferencedSOPClassUID=SOP_CLASSES["RTSTRUCT"], ReferencedSOPInstanceUID=study.structure_uid)
    ]
    if phase.prescription_gy is not None:
        ds.DoseReferenceSequence = [
            _item(
                DoseReferenceNumber=1,
                DoseReferenceUID=uid(study.seed, "dose reference", phase.label),
                DoseReferenceStructureType="SITE",
                DoseReferenceDescription="Target",
                DoseReferenceType="TARGET",
                TargetPrescriptionDose=_ds(phase.prescription_gy),
            )
        ]
    ds.PatientSetupSequence = [_item(PatientSetupNumber=1, PatientPosition=position)]
    group = _item(
        FractionGroupNumber=1,
        NumberOfFractionsPlanned=phase.fractions,
        NumberOfBeams=len(phase.beams),
        NumberOfBrachyApplicationSetups=0,
    )
    if phase.beams:
        group.ReferencedBeamSequence = [_referenced_beam(b) for b in phase.beams]
        angles = list(gantry_deg) + [0.0] * len(phase.beams)
        items = [_beam(b, a, ion) for b, a in zip(phase.beams, angles, strict=False)]
        if ion:
            ds.IonBeamSequence = items
        else:
            ds.BeamSequence = items
    ds.FractionGroupSequence = [group]
    ds.ApprovalStatus = approval
    if approval != "UNAPPROVED":
        ds.ReviewDate, ds.ReviewTime, ds.ReviewerName = FIXED_DATE, FIXED_TIME, "Fixture^"
    return _save(ds, path)


def write_dose(
    path: str | os.PathLike[str],
    grid: DoseGrid,
    study: Study,
    *,
    plan_uid: str = "",
    ion: bool = False,
    dose_uid: str = "",
    dose_type: str = "PHYSICAL",
    units: str = "GY",
    summation: str = "",
    comment: str = "",
    bits: int = 32,
    position: str = "HFS",
    beam: int | None = None,
    dvhs: Mapping[int, DVH] | None = None,
) -> Path:
    """Write an RTDOSE.

    Parameters
    ----------
    units : str
        ``GY``, or ``RELATIVE`` for a map that is no dose (then `comment` says what it is).
    summation : str
        DoseSummationType; BEAM when `beam` is given, else PLAN, when empty.
    bits : int
        16 or 32; the step is the maximum over the largest number, stated in DoseGridScaling.
    position : str
        One of `ORIENTATIONS`: the grid is written in that orientation, every voxel where it was.

    Raises
    ------
    UnsupportedGeometryError
        The grid is oblique, or uneven along an axis that would lie in the plane.
    """
    ds = dose_dataset(
        grid,
        study,
        plan_uid=plan_uid,
        ion=ion,
        dose_uid=dose_uid,
        dose_type=dose_type,
        units=units,
        summation=summation,
        comment=comment,
        bits=bits,
        position=position,
        beam=beam,
        dvhs=dvhs,
    )
    return _save(ds, path)


def dose_dataset(
    grid: DoseGrid,
    study: Study,
    *,
    plan_uid: str = "",
    ion: bool = False,
    dose_uid: str = "",
    dose_type: str = "PHYSICAL",
    units: str = "GY",
    summation: str = "",
    comment: str = "",
    bits: int = 32,
    position: str = "HFS",
    beam: int | None = None,
    dvhs: Mapping[int, DVH] | None = None,
) -> Dataset:
    """An RTDOSE as a pydicom data set; parameters as in `write_dose`."""
    study = study.filled()
    if bits not in (16, 32):
        raise UnsupportedDoseError(f"{bits} bits a voxel cannot be written", "use 16 or 32")
    dose, origin, offsets, spacing = _turned(grid, position)
    ds = _dataset("RTDOSE", study, dose_uid or uid(study.seed, "RTDOSE", 1))
    ds.FrameOfReferenceUID = grid.frame_of_reference or study.frame_uid
    ds.PositionReferenceIndicator = ""
    ds.SliceThickness = None
    ds.ImagePositionPatient = [_ds(v) for v in origin]
    ds.ImageOrientationPatient = [_ds(v) for v in ORIENTATIONS[position]]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    frames, ds.Rows, ds.Columns = dose.shape
    ds.PixelSpacing = [_ds(v) for v in spacing]
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, 0
    ds.NumberOfFrames = frames
    ds.FrameIncrementPointer = 0x3004000C
    ds.GridFrameOffsetVector = [_ds(v) for v in offsets]
    ds.DoseUnits, ds.DoseType = units, dose_type
    ds.DoseSummationType = summation or ("PLAN" if beam is None else "BEAM")
    if comment:
        ds.DoseComment = comment
    top = float(dose.max())
    scaling = _ds(top / (2**bits - 1)) if top > 0 else "1"
    ds.DoseGridScaling = scaling
    stored = np.rint(dose.astype(np.float64) / float(scaling)).clip(0, 2**bits - 1)
    ds.ReferencedRTPlanSequence = [_plan_reference(study, plan_uid, ion, beam)]
    if dvhs:
        ds.ReferencedStructureSetSequence = [
            _item(ReferencedSOPClassUID=SOP_CLASSES["RTSTRUCT"], ReferencedSOPInstanceUID=study.structure_uid)
        ]
        ds.DVHSequence = [_dvh(number, dvh, dose_type) for number, dvh in sorted(dvhs.items())]
    pixels = stored.astype("<u2" if bits == 16 else "<u4").tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds["PixelData"].VR = "OW"
    return ds


def _dataset(role: str, study: Study, instance: str, *, unicode: bool = False) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset

    ds = Dataset()
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = SOP_CLASSES[role]  # type: ignore[assignment]
    meta.MediaStorageSOPInstanceUID = instance  # type: ignore[assignment]
    meta.TransferSyntaxUID = EXPLICIT_LITTLE  # type: ignore[assignment]
    meta.ImplementationClassUID = IMPLEMENTATION_UID  # type: ignore[assignment]
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    ds.file_meta = meta
    modality = "RTPLAN" if role == "RTIONPLAN" else role
    patient, identity = study.patient, study.identity
    if unicode or not identity.name.isascii():
        ds.SpecificCharacterSet = "ISO_IR 192"
    ds.InstanceCreationDate, ds.InstanceCreationTime = FIXED_DATE, FIXED_TIME
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = SOP_CLASSES[role], instance, modality
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = FIXED_DATE, FIXED_TIME, ""
    ds.Manufacturer, ds.ManufacturerModelName = "lymphorisk", "lymphorisk"
    ds.SoftwareVersions = IMPLEMENTATION_NAME
    ds.ReferringPhysicianName, ds.OperatorsName = "", ""
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = identity.name, identity.id, ""
    ds.PatientSex = patient.sex or ""
    if patient.age_y is not None:
        ds.PatientAge = f"{int(patient.age_y):03d}Y"
    if patient.height_cm is not None:
        ds.PatientSize = _ds(patient.height_cm / 100)
    if patient.weight_kg is not None:
        ds.PatientWeight = _ds(patient.weight_kg)
    ds.StudyInstanceUID = study.study_uid
    ds.SeriesInstanceUID = uid(study.seed, "series", role)
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, 1
    return ds


def _item(**values: object) -> Dataset:
    from pydicom.dataset import Dataset

    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def _save(ds: Dataset, path: str | os.PathLike[str]) -> Path:
    """Write in full or not at all."""
    from pydicom import dcmwrite

    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        dcmwrite(part, ds, enforce_file_format=True, implicit_vr=False, little_endian=True)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _ds(value: float) -> str:
    """A number as a decimal string of at most 16 characters, as exact as that allows.

    Examples
    --------
    >>> _ds(-1.0), _ds(1 / 3), _ds(-1.23456789e-7)
    ('-1', '0.33333333333333', '-1.23456789e-07')
    """
    number = float(value) + 0.0
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    for digits in range(17, 0, -1):
        text = f"{number:.{digits}g}"
        if len(text) <= DS_LENGTH:
            return text
    raise UnsupportedGeometryError(f"{value!r} does not fit a decimal string")


def _roi_contours(structure: Structure, decimals: int) -> Dataset:
    item = _item(ReferencedROINumber=structure.number)
    if structure.contours_mm:
        item.ContourSequence = [_contour(c, n, decimals) for n, c in enumerate(structure.contours_mm, start=1)]
    return item


def _contour(points: NDArray[np.float64], number: int, decimals: int) -> Dataset:
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    item = _item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(points), ContourNumber=number)
    rounded = np.round(points.ravel(), decimals) + 0.0
    text = "\\".join(f"{v:.{decimals}f}".rstrip("0").rstrip(".") for v in rounded.tolist()).encode()
    text += b" " * (len(text) % 2)
    # The bytes themselves: pydicom would make an object of each of half a million coordinates.
    tag = Tag(0x30060050)
    item[tag] = RawDataElement(tag, "DS", len(text), text, 0, False, True, True)
    return item


def _referenced_beam(beam: Beam) -> Dataset:
    item = _item(ReferencedBeamNumber=beam.number)
    if beam.meterset is not None:
        item.BeamMeterset = _ds(beam.meterset)
    return item


def _beam(beam: Beam, gantry_deg: float, ion: bool) -> Dataset:
    """One beam with two control points; its dose rate gives the beam-on time."""
    name = beam.name or f"Beam {beam.number}"
    item = _item(
        BeamNumber=beam.number,
        BeamName=name,
        BeamType="DYNAMIC" if beam.technique in ("DYNAMIC", "ARC") else "STATIC",
        RadiationType=RADIATION[beam.modality],
        TreatmentMachineName="FIXTURE",
        Manufacturer="lymphorisk",
        PrimaryDosimeterUnit="MU",
        TreatmentDeliveryType="TREATMENT",
        NumberOfWedges=0,
        NumberOfCompensators=0,
        NumberOfBoli=0,
        NumberOfBlocks=0,
        FinalCumulativeMetersetWeight="1",
        NumberOfControlPoints=2,
        ReferencedPatientSetupNumber=1,
    )
    rate = beam.meterset / beam.on_s * SECONDS_PER_MINUTE if beam.meterset and beam.on_s else None
    if ion:
        _ion_beam(item, beam, gantry_deg, rate)
    else:
        _photon_beam(item, beam, gantry_deg, rate)
    return item


def _photon_beam(item: Dataset, beam: Beam, gantry_deg: float, rate: float | None) -> None:
    half = _ds(FIELD_MM / 2)
    item.SourceAxisDistance = _ds(SAD_MM)
    item.BeamLimitingDeviceSequence = [
        _item(RTBeamLimitingDeviceType=kind, NumberOfLeafJawPairs=1) for kind in ("ASYMX", "ASYMY")
    ]
    first = _item(
        ControlPointIndex=0,
        NominalBeamEnergy="6",
        BeamLimitingDevicePositionSequence=[
            _item(RTBeamLimitingDeviceType=kind, LeafJawPositions=[f"-{half}", half]) for kind in ("ASYMX", "ASYMY")
        ],
        GantryAngle=_ds(gantry_deg),
        GantryRotationDirection="CW" if beam.technique == "ARC" else "NONE",
        BeamLimitingDeviceAngle="0",
        BeamLimitingDeviceRotationDirection="NONE",
        PatientSupportAngle="0",
        PatientSupportRotationDirection="NONE",
        TableTopEccentricAngle="0",
        TableTopEccentricRotationDirection="NONE",
        TableTopVerticalPosition=None,
        TableTopLongitudinalPosition=None,
        TableTopLateralPosition=None,
        IsocenterPosition=None,
        CumulativeMetersetWeight="0",
    )
    if rate is not None:
        first.DoseRateSet = _ds(rate)
    last = _item(ControlPointIndex=1, CumulativeMetersetWeight="1")
    if beam.technique == "ARC":
        last.GantryAngle, last.GantryRotationDirection = _ds((gantry_deg + 359) % 360), "NONE"
    item.ControlPointSequence = [first, last]


def _ion_beam(item: Dataset, beam: Beam, gantry_deg: float, rate: float | None) -> None:
    scanned = beam.technique == "MODULATED"
    item.ScanMode = "MODULATED" if scanned else "NONE"
    if scanned:
        item.ModulatedScanModeType = "STATIONARY"
    item.VirtualSourceAxisDistances = [SAD_MM, SAD_MM]
    if beam.modality == "ion":
        item.RadiationMassNumber, item.RadiationAtomicNumber, item.RadiationChargeState = 12, 6, 6
    for name in ("RangeShifters", "LateralSpreadingDevices", "RangeModulators"):
        setattr(item, f"NumberOf{name}", 0)
    item.PatientSupportType = "TABLE"
    item.NumberOfWedges = 0
    points = []
    for n in (0, 1):
        point = _item(ControlPointIndex=n, CumulativeMetersetWeight=str(n))
        if n == 0:
            point.NominalBeamEnergy = "150"
            point.GantryAngle, point.GantryRotationDirection = _ds(gantry_deg), "NONE"
            point.BeamLimitingDeviceAngle, point.BeamLimitingDeviceRotationDirection = "0", "NONE"
            point.PatientSupportAngle, point.PatientSupportRotationDirection = "0", "NONE"
            point.TableTopVerticalPosition = point.TableTopLongitudinalPosition = None
            point.TableTopLateralPosition = point.IsocenterPosition = None
            point.TableTopPitchAngle, point.TableTopPitchRotationDirection = 0.0, "NONE"
            point.TableTopRollAngle, point.TableTopRollRotationDirection = 0.0, "NONE"
            point.GantryPitchAngle, point.GantryPitchRotationDirection = 0.0, "NONE"
            point.SnoutPosition = 0.0
            if rate is not None:
                point.MetersetRate = rate
        if scanned:
            point.ScanSpotTuneID = "1"
            point.NumberOfScanSpotPositions = 1
            point.ScanSpotPositionMap = [0.0, 0.0]
            point.ScanSpotMetersetWeights = 1.0 - n
            point.ScanningSpotSize = [5.0, 5.0]
            point.NumberOfPaintings = 1
        points.append(point)
    item.IonControlPointSequence = points


def _plan_reference(study: Study, plan_uid: str, ion: bool, beam: int | None) -> Dataset:
    item = _item(
        ReferencedSOPClassUID=SOP_CLASSES["RTIONPLAN" if ion else "RTPLAN"],
        ReferencedSOPInstanceUID=plan_uid or uid(study.seed, "RTPLAN", 1),
    )
    if beam is not None:
        item.ReferencedFractionGroupSequence = [
            _item(ReferencedFractionGroupNumber=1, ReferencedBeamSequence=[_item(ReferencedBeamNumber=beam)])
        ]
    return item


def _dvh(number: int, dvh: DVH, dose_type: str) -> Dataset:
    width = float(dvh.dose_gy[1] - dvh.dose_gy[0])
    pairs = [t for v in dvh.volume_cm3[:-1] for t in (_ds(width), _ds(v))]
    return _item(
        DVHType="CUMULATIVE",
        DoseUnits="GY",
        DoseType=dose_type,
        DVHDoseScaling="1",
        DVHVolumeUnits="CM3",
        DVHNumberOfBins=len(dvh.dose_gy) - 1,
        DVHData=pairs,
        DVHReferencedROISequence=[_item(DVHROIContributionType="INCLUDED", ReferencedROINumber=number)],
        DVHMinimumDose=_ds(dvh.min_gy),
        DVHMaximumDose=_ds(dvh.max_gy),
        DVHMeanDose=_ds(dvh.mean_gy),
    )


def _turned(
    grid: DoseGrid, position: str
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """The grid in the orientation of a patient position: dose, first point, frame offsets, (row, column) spacing."""
    if position not in ORIENTATIONS:
        raise UnsupportedGeometryError(
            f"patient position {position!r} is unknown", f"use one of {', '.join(ORIENTATIONS)}"
        )
    cosines = np.array(ORIENTATIONS[position], dtype=np.float64)
    wanted = np.stack([cosines[:3], cosines[3:], np.cross(cosines[:3], cosines[3:])])
    turn = wanted @ grid.directions.T
    signs = np.rint(turn)
    if np.abs(turn - signs).max() > RIGHT_ANGLE_TOLERANCE:
        raise UnsupportedGeometryError("an oblique dose grid cannot be written in a patient position")
    source = [int(np.flatnonzero(row)[0]) for row in signs]
    coordinates = (grid.x_mm, grid.y_mm, grid.z_mm)
    corner = np.zeros(3)
    axes: list[NDArray[np.float64]] = []
    flips: list[bool] = []
    for new, old in enumerate(source):
        values = coordinates[old]
        flips.append(bool(signs[new, old] < 0))
        corner[old] = values[-1] if flips[-1] else values[0]
        axes.append((values[-1] - values[::-1]) if flips[-1] else values - values[0])
    # Array axes run (z, y, x): axis 2 - n of the array is local axis n.
    dose = grid.dose_zyx.transpose(tuple(2 - source[new] for new in (2, 1, 0)))
    dose = dose[tuple(slice(None, None, -1 if flips[new] else 1) for new in (2, 1, 0))]
    return dose, grid.to_patient(corner), axes[2], (_even(axes[1]), _even(axes[0]))


def _even(values: NDArray[np.float64]) -> float:
    if len(values) == 1:
        return 1.0
    steps = np.diff(values)
    if np.ptp(steps) > SPACING_TOLERANCE:
        raise UnsupportedGeometryError("rows or columns of the dose grid are not evenly spaced")
    return float(values[-1] / (len(values) - 1))
