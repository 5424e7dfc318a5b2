"""Phase -> RTPLAN or RTIONPLAN. What the standard demands of a beam beyond meterset and time is a plain open field."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.dicom.study import (
    FIXED_DATE,
    FIXED_TIME,
    SOP_CLASSES,
    Study,
    dataset,
    decimal,
    item_of,
    save,
    uid,
)
from lymphorisk.plan import Beam, Phase
from lymphorisk.plan.words import is_particle
from lymphorisk.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

RADIATION = {"photon": "PHOTON", "electron": "ELECTRON", "proton": "PROTON", "ion": "ION"}
SAD_MM = 1000.0
FIELD_MM = 100.0
#: RT Plan Label is a short string. [characters]
LABEL_LENGTH = 16


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
    ion = is_particle(phase.modality)
    ds = dataset(
        "RTIONPLAN" if ion else "RTPLAN",
        study,
        plan_uid or uid(study.seed, "RTPLAN", 1),
        unicode=not phase.label.isascii() or not all(b.name.isascii() for b in phase.beams),
    )
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = study.frame_uid, ""
    ds.RTPlanLabel = phase.label[:LABEL_LENGTH]
    ds.RTPlanDate, ds.RTPlanTime = FIXED_DATE, FIXED_TIME
    ds.RTPlanGeometry = "PATIENT"
    ds.ReferencedStructureSetSequence = [
        item_of(ReferencedSOPClassUID=SOP_CLASSES["RTSTRUCT"], ReferencedSOPInstanceUID=study.structure_uid)
    ]
    if phase.prescription_gy is not None:
        ds.DoseReferenceSequence = [
            item_of(
                DoseReferenceNumber=1,
                DoseReferenceUID=uid(study.seed, "dose reference", phase.label),
                DoseReferenceStructureType="SITE",
                DoseReferenceDescription="Target",
                DoseReferenceType="TARGET",
                TargetPrescriptionDose=decimal(phase.prescription_gy),
            )
        ]
    ds.PatientSetupSequence = [item_of(PatientSetupNumber=1, PatientPosition=position)]
    group = item_of(
        FractionGroupNumber=1,
        NumberOfFractionsPlanned=phase.fractions,
        NumberOfBeams=len(phase.beams),
        NumberOfBrachyApplicationSetups=0,
    )
    if phase.beams:
        group.ReferencedBeamSequence = [referenced_beam(b) for b in phase.beams]
        angles = list(gantry_deg) + [0.0] * len(phase.beams)
        items = [beam_item(b, a, ion) for b, a in zip(phase.beams, angles, strict=False)]
        if ion:
            ds.IonBeamSequence = items
        else:
            ds.BeamSequence = items
    ds.FractionGroupSequence = [group]
    ds.ApprovalStatus = approval
    if approval != "UNAPPROVED":
        ds.ReviewDate, ds.ReviewTime, ds.ReviewerName = FIXED_DATE, FIXED_TIME, "Fixture^"
    return save(ds, path)


def referenced_beam(beam: Beam) -> Dataset:
    """A beam as a fraction group lists it, with its meterset."""
    item = item_of(ReferencedBeamNumber=beam.number)
    if beam.meterset is not None:
        item.BeamMeterset = decimal(beam.meterset)
    return item


def beam_item(beam: Beam, gantry_deg: float, ion: bool) -> Dataset:
    """One beam with two control points; its dose rate gives the beam-on time."""
    name = beam.name or f"Beam {beam.number}"
    item = item_of(
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
    half = decimal(FIELD_MM / 2)
    item.SourceAxisDistance = decimal(SAD_MM)
    item.BeamLimitingDeviceSequence = [
        item_of(RTBeamLimitingDeviceType=kind, NumberOfLeafJawPairs=1) for kind in ("ASYMX", "ASYMY")
    ]
    first = item_of(
        ControlPointIndex=0,
        NominalBeamEnergy="6",
        BeamLimitingDevicePositionSequence=[
            item_of(RTBeamLimitingDeviceType=kind, LeafJawPositions=[f"-{half}", half]) for kind in ("ASYMX", "ASYMY")
        ],
        GantryAngle=decimal(gantry_deg),
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
        first.DoseRateSet = decimal(rate)
    last = item_of(ControlPointIndex=1, CumulativeMetersetWeight="1")
    if beam.technique == "ARC":
        last.GantryAngle, last.GantryRotationDirection = decimal((gantry_deg + 359) % 360), "NONE"
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
        point = item_of(ControlPointIndex=n, CumulativeMetersetWeight=str(n))
        if n == 0:
            point.NominalBeamEnergy = "150"
            point.GantryAngle, point.GantryRotationDirection = decimal(gantry_deg), "NONE"
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
