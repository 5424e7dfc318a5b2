"""Plan objects -> RTPLAN, RTIONPLAN, RTSTRUCT and RTDOSE files, byte for byte the same each time.

UIDs come from a seed by hash under 2.25, dates are fixed, no clock is read. The plan objects know no
gantry angles or collimators; what the standard demands of a beam beyond meterset and time is
written as a plain open field.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lymphorisk.dicom.study import Study, study_of, uid
from lymphorisk.dicom.write_dose import ORIENTATIONS, write_dose
from lymphorisk.dicom.write_plan import write_plan
from lymphorisk.dicom.write_structures import write_structures
from lymphorisk.dvh.curve import DVH
from lymphorisk.plan import Patient, TreatmentPlan
from lymphorisk.plan.words import is_particle

__all__ = ["ORIENTATIONS", "Study", "study_of", "uid", "write_dose", "write_export", "write_plan", "write_structures"]


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
                    ion=is_particle(phase.modality),
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
                        ion=is_particle(phase.modality),
                        dose_uid=uid(seed, "RTDOSE", n, "beam", beam.number),
                        dose_type="PHYSICAL" if phase.rbe_in_dose == 1.0 else "EFFECTIVE",
                        bits=bits,
                        position=position,
                        beam=beam.number,
                    )
                )
    return tuple(written)
