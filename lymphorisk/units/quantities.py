"""One table of every number a person may type: unit, range, and the slips that explain a number outside it.

Command line, patient and regimen files, scenarios, cohort tables and the Python objects all ask here. The ranges are
what any patient or machine could have, with room to spare; they are assumed, not fitted, and only refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lymphorisk.errors import ScenarioError
from lymphorisk.units.counts import ALC_PLAUSIBLE_MAX, ALC_PLAUSIBLE_MIN
from lymphorisk.units.numbers import number_from


@dataclass(frozen=True, slots=True)
class Slip:
    """A number typed in another unit.

    Attributes
    ----------
    named : str
        The slip in words, such as ``metres``.
    factor : float
        From the typed number to the unit of the quantity.
    """

    named: str
    factor: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit and the range it may have.

    Attributes
    ----------
    name : str
        As a field or key is called.
    unit : str
    low, high : float
        The least and the greatest value, both allowed.
    usual : tuple of float
        Where a slip must lead to be named: what nearly everybody has.
    slips : tuple of Slip
        The likelier first.
    whole : bool
        Only whole numbers.
    zero : bool
        Nothing at all is allowed beside the range.
    """

    name: str
    unit: str
    low: float
    high: float
    usual: tuple[float, float]
    slips: tuple[Slip, ...] = ()
    whole: bool = False
    zero: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return self.low, self.high

    def slip(self, value: float) -> tuple[Slip, float] | None:
        """The slip that explains a value outside the range, and the value in the right unit."""
        for slip in self.slips:
            meant = value * slip.factor
            if self.usual[0] <= meant <= self.usual[1]:
                return slip, float(f"{meant:.3g}")
        return None


#: One dose of a drug: the published ones and room beside them, see the topic ``products``.
TEN = Slip("ten times a published dose", 0.1)
GRAMS = Slip("grams", 1e3)
SUM = Slip("the sum of three days", 1 / 3)
TABLE = (
    Quantity("age_y", "years", 0.01, 120.0, (1.0, 110.0), (Slip("months", 1 / 12), Slip("days", 1 / 365.25))),
    Quantity(
        "height_cm", "cm", 40.0, 250.0, (120.0, 215.0),
        (Slip("metres", 100.0), Slip("feet", 30.48), Slip("inches", 2.54), Slip("millimetres", 0.1)),
    ),
    Quantity("weight_kg", "kg", 1.5, 400.0, (30.0, 200.0), (Slip("grams", 1e-3),)),
    Quantity(
        "alc", "10^9/L", ALC_PLAUSIBLE_MIN, ALC_PLAUSIBLE_MAX, (0.02, 10.0), (Slip("cells/uL", 1e-3),),
    ),
    Quantity("lln", "10^9/L", 0.2, 5.0, (0.5, 5.0), (Slip("cells/uL", 1e-3),)),
    Quantity(
        "blood_volume_l", "L", 0.1, 12.0, (1.0, 9.0), (Slip("mL", 1e-3), Slip("dL", 0.1)),
    ),
    Quantity(
        "cardiac_output_l_min", "L/min", 0.3, 20.0, (1.5, 15.0),
        (Slip("mL/min", 1e-3), Slip("L/h", 1 / 60), Slip("mL/s", 0.06), Slip("L/s", 60.0)),
    ),
    Quantity("beam_on_s", "s", 0.0, 28800.0, (1.0, 1800.0), (Slip("milliseconds", 1e-3),)),
    Quantity("fractions", "", 1, 120, (1, 60), (), whole=True),
    Quantity("delivered_so_far", "", 1, 120, (1, 60), (), whole=True),
    Quantity("prescription_gy", "Gy", 0.1, 120.0, (1.0, 90.0), (Slip("cGy", 0.01),)),
    Quantity(
        "creatinine_mg_dl", "mg/dL", 0.1, 15.0, (0.2, 12.0), (Slip("umol/L", 1 / 88.4), Slip("mmol/L", 1000 / 88.4)),
    ),
    Quantity(
        "egfr_ml_min", "mL/min/1.73m2", 5.0, 200.0, (15.0, 180.0), (Slip("mL/s", 60.0), Slip("L/h", 1000 / 60)),
    ),
    Quantity(
        "bsa_m2", "m2", 0.15, 3.5, (1.0, 3.0),
        (Slip("m2 without its decimal point", 0.1), Slip("dm2", 0.01), Slip("cm2", 1e-4)),
    ),
    Quantity("wbc", "10^9/L", 0.0, 100.0, (0.05, 100.0), (Slip("cells/uL", 1e-3),)),
    Quantity("platelets", "10^9/L", 0.0, 2000.0, (2.0, 1500.0), (Slip("/uL", 1e-3),)),
    Quantity("anc", "/uL", 0.0, 100000.0, (20.0, 50000.0), (Slip("10^9/L", 1e3),)),
    Quantity("hemoglobin", "g/dL", 2.0, 25.0, (4.0, 20.0), (Slip("g/L", 0.1), Slip("mmol/L", 1.611))),
    Quantity("crp", "mg/dL", 0.0, 60.0, (0.1, 60.0), (Slip("mg/L", 0.1),)),
    Quantity("ferritin", "ng/mL", 0.0, 200000.0, (5.0, 100000.0), (Slip("pg/mL", 1e-3),)),
    Quantity("fludarabine mg/m2", "mg/m2 of one day", 1.0, 60.0, (10.0, 50.0), (TEN, SUM, GRAMS), zero=True),
    Quantity("fludarabine mg/kg", "mg/kg of one day", 0.1, 2.0, (0.3, 1.6), (TEN, SUM), zero=True),
    Quantity("fludarabine mg", "mg of one day", 2.0, 150.0, (15.0, 120.0), (TEN, SUM, GRAMS), zero=True),
    Quantity("cyclophosphamide mg/m2", "mg/m2 of one day", 10.0, 2400.0, (200.0, 2300.0), (TEN, SUM, GRAMS), zero=True),
    Quantity("cyclophosphamide mg/kg", "mg/kg of one day", 1.0, 100.0, (5.0, 80.0), (TEN, SUM), zero=True),
    Quantity("cyclophosphamide mg", "mg of one day", 20.0, 5000.0, (300.0, 4800.0), (TEN, SUM, GRAMS), zero=True),
    Quantity("bendamustine mg/m2", "mg/m2 of one day", 5.0, 200.0, (50.0, 150.0), (TEN, SUM, GRAMS), zero=True),
    Quantity("bendamustine mg/kg", "mg/kg of one day", 0.2, 6.0, (1.0, 4.0), (TEN, SUM), zero=True),
    Quantity("bendamustine mg", "mg of one day", 10.0, 450.0, (80.0, 300.0), (TEN, SUM, GRAMS), zero=True),
    Quantity("neutrophils", "10^9/L", 0.05, 100.0, (0.2, 50.0), (Slip("cells/uL", 1e-3),)),
    Quantity("subset_percent", "% of the lymphocytes", 1.0, 100.0, (1.0, 90.0), (Slip("a share of one", 100.0),)),
    Quantity("dexamethasone_mg_d", "mg a day", 0.0, 100.0, (0.25, 40.0), (Slip("micrograms", 1e-3), GRAMS)),
    Quantity("first_weekday", "", 0, 4, (0, 4), whole=True),
    Quantity("stages", "", 1, 16, (1, 16), whole=True),
    Quantity("lanes", "", 1, 256, (1, 256), whole=True),
    Quantity("draws", "", 16, 65536, (16, 65536), whole=True),
    Quantity("seed", "", 0, 2**53, (0, 1), whole=True),
    Quantity("horizon_d", "days", 30, 3650, (30, 3650), whole=True),
    Quantity("infusion_day", "days", -1000.0, 1000.0, (-365.0, 365.0)),
    Quantity("end_day", "days", 1.0, 1000.0, (28.0, 365.0)),
    Quantity("recovery_by", "days", 0.0, 1000.0, (14.0, 365.0)),
)  # fmt: skip
QUANTITIES: Mapping[str, Quantity] = MappingProxyType({q.name: q for q in TABLE})
#: Years of birth, for an age that is one.
BORN = (1900.0, 2100.0)
DAY_S = 86400.0
#: A number of fractions above this is a dose.
DOSES = 1000.0


def quantity(name: str) -> Quantity:
    """The quantity of a field."""
    return QUANTITIES[name]


def checked(name: str, value: float | str, where: str = "") -> float:
    """A value within the range of its quantity.

    Parameters
    ----------
    name : str
        Of `QUANTITIES`.
    value : float or str
    where : str
        The place, such as ``[patient]``.

    Raises
    ------
    ScenarioError
        Outside; a slip of units is named as that slip, with what to type.

    Examples
    --------
    >>> checked("height_cm", 175)
    175.0
    """
    of = QUANTITIES[name]
    place = f"{where}: {name}" if where else name
    number = number_from(value, place)
    if of.whole and not number.is_integer():
        hint = "it looks like a dose per fraction" if name == "fractions" else "give a whole number"
        raise ScenarioError(f"{place} = {number:g} is not a whole number", hint)
    if of.low <= number <= of.high or (of.zero and number == 0.0):
        return number
    unit = f" {of.unit}" if of.unit else ""
    what, hint = _explained(of, number)
    raise ScenarioError(f"{place} = {number:g} is not between {of.low:g} and {of.high:g}{unit}{what}", hint)


def _explained(of: Quantity, number: float) -> tuple[str, str]:
    if of.name == "age_y" and BORN[0] <= number <= BORN[1]:
        return ": it looks like a year of birth", "give the age in years"
    if of.name == "fractions" and number >= DOSES:
        return ": it looks like a dose in cGy", "give the number of fractions"
    if of.name == "beam_on_s" and number >= DAY_S:
        return ": it is a day or more", "give the beam-on time of one beam in one fraction, in seconds"
    if of.name in ("alc", "lln") and ALC_PLAUSIBLE_MAX < number <= 100.0:
        return (
            f": it looks like per cent of the white cells, or {number:g} cells/uL ({number / 1000:g} x10^9/L)",
            "give the absolute count in 10^9/L",
        )
    if (found := of.slip(number)) is not None:
        slip, meant = found
        return f": it looks like {slip.named}", f"type {meant:g} ({of.unit})"
    if number <= 0.0:
        return "", "leave it out when it is not known"
    return "", f"check the value; its unit is {of.unit}" if of.unit else "check the value"
