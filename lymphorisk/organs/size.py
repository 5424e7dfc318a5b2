"""How heavy a body is by what is drawn of it, and the range of an organ's volume in a body of that mass."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk import parameters
from lymphorisk.dvh.regions import Region
from lymphorisk.dvh.sections import largest_section_mm2
from lymphorisk.organs.organ import Organ
from lymphorisk.plan import Patient
from lymphorisk.plan.likely import child_mass_kg
from lymphorisk.plan.patient import ADULT_AGE_Y
from lymphorisk.units import MM_PER_CM

#: Organs that say that the trunk is in the scan: a head's outline tells no mass.
TRUNK = (
    "Heart", "Lungs", "Lung_L", "Lung_R", "Liver", "Spleen", "Stomach", "Kidneys", "Kidney_L", "Kidney_R", "Pancreas",
    "Bowel", "Bag_Bowel", "Bladder", "Rectum", "Prostate", "Uterus", "Sacrum", "Bone_Pelvic",
)  # fmt: skip
#: A section goes with the square of a length, a mass with its cube.
CUBE_OF_SQUARE = 1.5
#: The head is ahead in growing: its organs go with the length of the body.
LENGTH_OF_CUBE = 1 / 3


def trunk_section_cm2(regions: Mapping[str, Region]) -> float | None:
    """Largest section of the drawn body; None without one, or where no organ of the trunk is drawn. [cm2]

    Parameters
    ----------
    regions : mapping of str to Region
        By TG-263 name.
    """
    if "Body" not in regions or not any(name in regions for name in TRUNK):
        return None
    return largest_section_mm2(regions["Body"]) / MM_PER_CM**2 or None


def mass_kg(patient: Patient, regions: Mapping[str, Region]) -> float | None:
    """Mass of the body: as told, else by its drawn trunk, else the middle of a child's age; None without any. [kg]"""
    if patient.weight_kg is not None:
        return patient.weight_kg
    section = trunk_section_cm2(regions)
    if section is not None:
        return drawn_mass_kg(section)
    child = patient.age_y is not None and patient.age_y < ADULT_AGE_Y
    return child_mass_kg(patient.age_y) if child and patient.age_y is not None else None


def drawn_mass_kg(section_cm2: float) -> float:
    """Mass of a body by the largest section of its trunk. [kg]"""
    numbers = parameters.load("size")
    area, mass = numbers["section.area"].number, numbers["section.mass"].number
    return float(mass * (section_cm2 / area) ** CUBE_OF_SQUARE)


def volume_range_cm3(organ: Organ, mass_kg: float | None = None) -> tuple[float, float] | None:
    """Plausible volumes of an organ; those of adults where the mass is not known. [cm3]

    In bodies below the adults the range was written for both ends go down with the mass, above them the upper one goes
    up. Organs that grow early keep their upper end, and the lower one goes with the body's length.
    """
    if organ.volume_range_cm3 is None or mass_kg is None:
        return organ.volume_range_cm3
    least, most = parameters.load("size")["adult.mass"].pair
    small, large = min(mass_kg / least, 1.0), max(mass_kg / most, 1.0)
    low, high = organ.volume_range_cm3
    if organ.grows == "early":
        return float(low * small**LENGTH_OF_CUBE), high
    return low * small, high * small * large
