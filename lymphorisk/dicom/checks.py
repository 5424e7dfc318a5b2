"""What an export makes one notice: the rules LR0xx and the checks that raise them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lymphorisk.dvh.curve import DVH
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan import DoseGrid, Phase, Structure
from lymphorisk.units import quantity

NO_META = rule(
    "LR001",
    "info",
    "file without meta information",
    "The file lacks the DICOM header; its encoding was read off its bytes.",
)
BROKEN_FILE = rule("LR002", "warning", "unreadable file left out", "A file of the export is broken and was not used.")
DIRECTORY_GAP = rule(
    "LR003", "warning", "file missing from the DICOMDIR", "The directory names files that are not there."
)
WEAK_LINK = rule(
    "LR004", "warning", "linked without UIDs", "The files do not name each other; they were joined by weaker signs."
)
UNUSED_FILE = rule("LR005", "info", "file not used", "An RT file of the export is not part of the plan that was read.")
FOREIGN_FRAME = rule(
    "LR006", "error", "frames of reference differ", "Dose and structures are drawn in frames with different UIDs."
)
NO_FRAME = rule(
    "LR007",
    "warning",
    "no frame of reference",
    "A file does not say its frame of reference; positions were taken at face value.",
)
CHARACTER_SET = rule(
    "LR008",
    "warning",
    "names in an undeclared character set",
    "ROI names could not be decoded as declared and may be misread.",
)
UNAPPROVED = rule("LR010", "warning", "plan not approved", "The plan's approval status is not APPROVED.")
FRACTIONS_GIVEN = rule(
    "LR011", "warning", "fractions not from a plan", "There is no plan file; the number of fractions is the user's."
)
FRACTIONS_UNKNOWN = rule(
    "LR046",
    "warning",
    "number of fractions not known",
    "There is no plan file. A DVH needs none; whatever depends on the dose of one fraction does.",
)
DOSE_AGAINST_PRESCRIPTION = rule(
    "LR012", "warning", "dose does not fit the prescription", "The dose maximum is far from the prescribed dose."
)
SUMMED = rule(
    "LR013", "info", "doses joined", "The dose of a phase was put together from several files, or spans several."
)
SETUP_BEAM = rule("LR014", "info", "setup beam left out", "A setup or imaging beam treats nobody and was left out.")
RBE = rule(
    "LR015", "warning", "RBE inside the dose", "The dose is EFFECTIVE; the RBE it contains is assumed, not read."
)
TPS_DVH_UNITS = rule(
    "LR016",
    "info",
    "mislabelled DVH statistics",
    "Min, max or mean dose of the planning system's DVH are not in the unit they say.",
)
NO_METERSET = rule(
    "LR017", "info", "beam without meterset", "A beam gives no meterset; beams cannot be weighted by it."
)
GRID_OFFSETS = rule(
    "LR018", "info", "unusual frame offsets", "The dose planes are given in absolute, descending or uneven offsets."
)
NEGATIVE_DOSE = rule(
    "LR019", "warning", "negative dose", "The dose grid holds values below zero; they were set to zero."
)
NOT_CLOSED = rule(
    "LR020",
    "info",
    "points and open contours ignored",
    "Points and open contours enclose no volume. Where closing them would, or their type is unknown, it is a warning.",
)
EMPTY_ROI = rule("LR021", "info", "empty ROI", "The ROI has a name and no contours.")
DUPLICATE_NAME = rule("LR022", "warning", "ROI names repeat", "Several ROIs carry the same name; use the ROI number.")
LONG_NAME = rule(
    "LR023", "info", "ROI name cut", "A ROI name is longer than DICOM allows, or holds control characters."
)
PLANES_OUTSIDE = rule(
    "LR024", "info", "contours beyond the dose grid", "Contour planes lie outside the dose grid; its share is reported."
)
DEGENERATE = rule("LR025", "info", "contours of fewer than three points ignored", "They enclose nothing.")
ROI_WITHOUT_ENTRY = rule(
    "LR026", "warning", "contours of an unlisted ROI", "Contours refer to an ROI number that has no entry."
)
CT_REJECTED = rule(
    "LR027", "info", "CT series not used", "CT slices that the structures do not refer to, or that form no volume."
)
PATIENT_FACT = rule("LR028", "info", "patient fact not usable", "Age, size or weight in the header is not plausible.")
GROUPS_MERGED = rule(
    "LR029",
    "warning",
    "fraction groups share one dose",
    "One dose covers several fraction groups; its share of each is not known.",
)
SEVERAL_DOSES = rule("LR030", "warning", "several doses of a plan", "More than one dose fits the plan; one was chosen.")

FRACTION_DOSE = rule(
    "LR031", "info", "unusual dose per fraction", "Prescribed dose and number of fractions give an unusual fraction."
)
NOMINAL_RATE = rule(
    "LR032",
    "info",
    "beam-on time not believed",
    "The meterset rate of a particle beam is a placeholder, or the metersets of a beam make a time no beam takes: it "
    "was not used.",
)
UNUSUAL_TIME = rule(
    "LR049",
    "warning",
    "unusual beam-on time",
    "The metersets and rates of the plan make a fraction far shorter or longer than fractions are. It is used as "
    "stated: blood doses hang on it.",
)
NO_ROI_TYPES = rule(
    "LR033", "warning", "ROI types missing", "The structure set has no ROI observations; it may have been cut off."
)
ONE_PLANE = rule(
    "LR034", "warning", "dose of one plane", "The dose is one plane; what lies above and below it is not known."
)
TPS_DVH_AGAINST_DOSE = rule(
    "LR035",
    "warning",
    "dose grid and the planning system's DVHs disagree",
    "The DVHs in the dose file reach another dose than its grid: one of them is of another plan, fraction or scale.",
    undecides=True,
)

FRACTIONS_AGAINST_PRESCRIPTION = rule(
    "LR036",
    "warning",
    "fractions do not give the prescription",
    "The beam doses of one fraction times the number of fractions are far from the prescribed dose.",
    undecides=True,
)
#: Beam doses are of one point each, which modulated fields may spare: only a factor of two says that the number of
#: fractions or the prescription is another plan's.
FRACTIONS_LOW, FRACTIONS_HIGH = 0.5, 2.0

#: The DVHs of a planning system may be sampled finer or coarser than its grid; more than this is another dose.
TPS_DVH_RATIO = 1.2
#: Names in one message; more would hide the rest.
MAX_LISTED = 8
#: Dose per fraction outside this is rare enough to look twice: single fractions of 34 Gy to a lung
#: tumour are the top of common use, 0.1 Gy to a spleen the bottom. [Gy]
FRACTION_LOW_GY, FRACTION_HIGH_GY = 0.1, 34.0
#: A dose maximum below or above these multiples of the prescription needs an explanation: hot spots
#: of stereotactic plans reach twice the prescription, and no plan stays below nine tenths.
PRESCRIPTION_LOW, PRESCRIPTION_HIGH = 0.9, 2.2


def listed(names: Sequence[str]) -> str:
    """The first few names, and that there are more."""
    return ", ".join(names[:MAX_LISTED]) + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")


def check_structures(structures: Sequence[Structure]) -> list[Finding]:
    """Findings on names and emptiness."""
    found: list[Finding] = []
    empty = [f"{s.number} {s.name!r}" for s in structures if not (s.contours_mm or s.unusable)]
    if empty:
        found.append(finding(EMPTY_ROI, f"no contours in ROI {listed(empty)}", "RTSTRUCT"))
    by_name: dict[str, list[str]] = {}
    for s in structures:
        by_name.setdefault(s.name, []).append(str(s.number))
    for name, numbers in by_name.items():
        if len(numbers) > 1:
            what = f"{len(numbers)} ROIs are named alike: {listed(numbers)}"
            found.append(finding(DUPLICATE_NAME, what, f"ROI name {name!r}", "choose by number: --organ Spleen=NUMBER"))
    return found


def check_extent(structures: Sequence[Structure], phases: Sequence[Phase]) -> list[Finding]:
    """Findings on contour planes outside the dose grid of a phase."""
    found: list[Finding] = []
    for phase in phases:
        grid = phase.dose
        if grid is None:
            continue
        if len(grid.z_mm) == 1:
            found.append(
                finding(ONE_PLANE, "a dose of one plane", f"phase {phase.label!r}", "export the whole dose grid")
            )
            continue
        low, high = float(grid.z_mm[0]), float(grid.z_mm[-1])
        outside: list[str] = []
        for structure in structures:
            if not structure.contours_mm:
                continue
            firsts = np.stack([contour[0] for contour in structure.contours_mm])
            z = grid.to_local(firsts)[:, 2]
            share = float(np.mean((z < low) | (z > high)))
            if share > 0:
                outside.append(f"{structure.name} ({100 * share:.0f} %)")
        if outside:
            found.append(
                finding(
                    PLANES_OUTSIDE,
                    f"{len(outside)} ROIs have contours above or below the dose grid: {listed(outside)}",
                    f"phase {phase.label!r}",
                )
            )
    return found


def check_tps_dvhs(dvhs: Sequence[DVH], structures: Sequence[Structure], grid: DoseGrid | None) -> list[Finding]:
    """A finding when the planning system's curves reach another dose than the grid."""
    if grid is None or not dvhs:
        return []
    top = float(grid.dose_zyx.max())
    outer = {s.name for s in structures if s.rt_type == "EXTERNAL"}
    highest = max(dvhs, key=lambda d: d.max_gy)
    too_high = highest.max_gy > TPS_DVH_RATIO * top
    too_low = any(d.name in outer and d.max_gy * TPS_DVH_RATIO < top for d in dvhs)
    if not (too_high or too_low):
        return []
    what = f"the grid reaches {top:.2f} Gy, the DVHs {highest.max_gy:.2f} Gy"
    return [
        finding(TPS_DVH_AGAINST_DOSE, what, "RTDOSE DVHSequence", "check Dose Grid Scaling and Dose Summation Type")
    ]


def check_phase(phase: Phase) -> list[Finding]:
    """Findings on dose against prescription."""
    if phase.dose is None or not phase.prescription_gy:
        return []
    per_fraction = phase.prescription_gy / phase.fractions
    if not FRACTION_LOW_GY <= per_fraction <= FRACTION_HIGH_GY:
        what = f"{phase.prescription_gy:g} Gy in {phase.fractions} fractions: {per_fraction:.3g} Gy each"
        return [finding(FRACTION_DOSE, what, f"phase {phase.label!r}", "check the number of fractions")]
    top = float(phase.dose.dose_zyx.max())
    ratio = top / phase.prescription_gy
    if PRESCRIPTION_LOW <= ratio <= PRESCRIPTION_HIGH:
        return []
    return [
        finding(
            DOSE_AGAINST_PRESCRIPTION,
            f"dose maximum {top:.2f} Gy, prescribed {phase.prescription_gy:g} Gy in {phase.fractions} fractions",
            f"phase {phase.label!r}",
            "check whether the dose is of one fraction, of one beam or of the whole phase",
        )
    ]


def check_time(phase: Phase) -> list[Finding]:
    """A finding when the beams of a fraction run for a time that fractions do not take, by the plan's own numbers."""
    times = [b.on_s for b in phase.beams if b.on_s is not None and b.time_source == "plan"]
    if len(times) < len(phase.beams) or not times:
        return []
    total, (low, high) = sum(times), quantity("beam_on_s").usual
    if low <= total <= high:
        return []
    what = f"{len(times)} beams run for {total:.3g} s a fraction by their metersets and dose rates"
    hint = "check the metersets and dose rates of the plan, or give the times with --beam-on"
    return [finding(UNUSUAL_TIME, what, f"phase {phase.label!r}", hint)]


def check_fractions(
    beam_doses_gy: Sequence[float], fractions: int, prescription_gy: float, where: str
) -> list[Finding]:
    """A finding when the beam doses of all fractions are far from the prescription.

    Parameters
    ----------
    beam_doses_gy : sequence of float
        Dose of each treatment beam in one fraction; empty when a beam does not say. [Gy]
    fractions : int
    prescription_gy : float
        Of the fraction group. [Gy]
    where : str
        The fraction group.
    """
    given = sum(beam_doses_gy)
    if not given > 0 or FRACTIONS_LOW <= fractions * given / prescription_gy <= FRACTIONS_HIGH:
        return []
    what = f"{fractions} fractions of {given:.3g} Gy by the beams, {prescription_gy:g} Gy prescribed"
    return [finding(FRACTIONS_AGAINST_PRESCRIPTION, what, where, "check the number of fractions and the prescription")]


def check_approval(approval: str, label: str) -> list[Finding]:
    """A finding when the plan is not approved, or does not say."""
    if approval == "APPROVED":
        return []
    if not approval:
        return [finding(UNAPPROVED, "the plan does not say whether it is approved", f"plan {label!r}", severity="info")]
    return [finding(UNAPPROVED, f"approval status {approval}", f"plan {label!r}", "analyse the approved plan")]
