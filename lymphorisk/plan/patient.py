"""What is known of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.columns import columns_of
from lymphorisk.plan.drugs import chemo_of, drugs_of
from lymphorisk.plan.steroid import Steroid, steroid_of
from lymphorisk.plan.subsets import subsets_of
from lymphorisk.plan.words import READERS
from lymphorisk.units import CM_PER_INCH, CM_PER_M, KG_PER_POUND, POUNDS_PER_STONE, checked

NUMBERS = ("age_y", "height_cm", "weight_kg", "alc", "lln", "neutrophils")
WORDS = ("sex", "site", "chemo")
ADULT_AGE_Y = 18.0
#: The least and the greatest of adults: smaller or larger is another unit or a lost digit. [cm], [kg]
ADULT_HEIGHT_CM = (100.0, 250.0)
ADULT_WEIGHT_KG = (25.0, 400.0)
#: Body mass index of adults who live; between them lies everybody. [kg/m2]
ADULT_BMI = (9.0, 90.0)
#: Body mass index nearly everybody has: a slip must lead here to be named. [kg/m2]
USUAL_BMI = (16.0, 45.0)
#: What no child of that age is: age up to [y], height [cm], weight [kg].
CHILDREN = ((1.0, 95.0, 18.0), (3.0, 120.0, 35.0), (6.0, 145.0, 60.0), (10.0, 180.0, 110.0))
#: Heights of nearly all adults. [cm], [in]
USUAL_HEIGHT_CM = (140.0, 215.0)
ADULT_INCHES = (48.0, 84.0)
TEN = 10.0


@dataclass(frozen=True, slots=True)
class Patient:
    """Facts about the patient; None is "not known", never a default.

    Words are read as people write them (``male``, ``Oesophagus``, ``TMZ``) and kept as the program names them; every
    number is held to its range, and to the others.

    Attributes
    ----------
    sex : str or None
        ``M`` or ``F``.
    age_y : float or None
        Age at the start of radiotherapy. [y]
    height_cm, weight_kg : float or None
        Body height [cm] and weight [kg].
    alc : float or None
        Absolute lymphocyte count before radiotherapy. [10^9/L]
    lln : float or None
        The laboratory's lower limit of normal; CTCAE grade 1 needs it. [10^9/L]
    site : str or None
        One of `SITES`: the gate of the published models.
    chemo : str or None
        Concurrent chemotherapy: ``none``, ``temozolomide``, ``platinum``, ``other``; a drug's name is kept in `drugs`.
    drugs : tuple of str, or None
        Concurrent drugs by name, from the words of `chemo`; empty when only a class, or none, was said.
    steroid : tuple of Steroid, or None
        Dexamethasone by period, as `steroid_of` reads it; empty is none, None is not known.
    neutrophils : float or None
        Neutrophil count before radiotherapy. [10^9/L]
    subsets : tuple of (str, float), or None
        Share of CD4, CD8, B and NK cells of all lymphocytes before radiotherapy, as `subsets_of` reads them. [1]
    columns : tuple of (str, float), or None
        What only a clinic's own model reads, by the name of its column, as `columns_of` reads them.

    Raises
    ------
    ScenarioError
        Names the field, and the slip when one explains the value.
    """

    sex: str | None = None
    age_y: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    alc: float | None = None
    lln: float | None = None
    site: str | None = None
    chemo: str | None = None
    drugs: tuple[str, ...] | None = None
    steroid: tuple[Steroid, ...] | None = None
    neutrophils: float | None = None
    subsets: tuple[tuple[str, float], ...] | None = None
    columns: tuple[tuple[str, float], ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.chemo, str):
            object.__setattr__(self, "drugs", _drugs(self.chemo, self.drugs or ()))
        object.__setattr__(self, "steroid", steroid_of(self.steroid))
        object.__setattr__(self, "subsets", subsets_of(self.subsets))
        object.__setattr__(self, "columns", columns_of(self.columns))
        for name in WORDS:
            word = getattr(self, name)
            if word is not None:
                if not isinstance(word, str):
                    raise ScenarioError(f"{name} = {word!r} is not text")
                object.__setattr__(self, name, READERS[name](word))
        for name in NUMBERS:
            value = getattr(self, name)
            if isinstance(value, str):
                raise ScenarioError(f"{name} = {value!r} is text, not a number")
            if value is not None:
                object.__setattr__(self, name, checked(name, value))
        _relations(self)


def _drugs(chemo: str, named: Sequence[str]) -> tuple[str, ...]:
    """Drugs by name: those said beside their class, or those the words for it name."""
    if isinstance(named, str) or not all(isinstance(name, str) for name in named):
        raise ScenarioError(f"drugs = {named!r} is not a list of names", 'drugs=("cisplatin",)')
    found = drugs_of(", ".join(named)) if named else ()
    if found and (own := chemo_of(", ".join(named))) != chemo_of(chemo):
        raise ScenarioError(f"drugs {', '.join(named)} are {own}, and chemo is {chemo}", "say the drugs as chemo")
    return found or drugs_of(chemo)


def _relations(p: Patient) -> None:
    """Facts that cannot be true of one body."""
    if p.age_y is not None and p.age_y < ADULT_AGE_Y:
        _child(p, p.age_y)
        return
    unless = "" if p.age_y is not None else "; of a child give the age too"
    if p.height_cm is not None and p.weight_kg is not None:
        _exchanged(p.height_cm, p.weight_kg)
    if p.height_cm is not None and not ADULT_HEIGHT_CM[0] <= p.height_cm <= ADULT_HEIGHT_CM[1]:
        meant = p.height_cm * CM_PER_INCH
        slip = f"inches ({meant:.0f} cm)" if ADULT_INCHES[0] <= p.height_cm <= ADULT_INCHES[1] else "a lost digit"
        raise ScenarioError(
            f"height_cm = {p.height_cm:g} is no adult's height: it looks like {slip}", f"type the height in cm{unless}"
        )
    if p.weight_kg is None:
        return
    if not ADULT_WEIGHT_KG[0] <= p.weight_kg <= ADULT_WEIGHT_KG[1]:
        stones = p.weight_kg * POUNDS_PER_STONE * KG_PER_POUND
        raise ScenarioError(
            f"weight_kg = {p.weight_kg:g} is no adult's weight: it looks like a lost digit ({p.weight_kg * TEN:g} kg) "
            f"or stones ({stones:.0f} kg)",
            f"type the weight in kg{unless}",
        )
    if p.height_cm is not None:
        _body_mass(p.height_cm, p.weight_kg)


def _body_mass(height_cm: float, weight_kg: float) -> None:
    square = (height_cm / CM_PER_M) ** 2
    bmi = weight_kg / square
    if ADULT_BMI[0] <= bmi <= ADULT_BMI[1]:
        return
    said = "which no adult has"
    if USUAL_BMI[0] <= bmi * KG_PER_POUND <= USUAL_BMI[1]:
        said += f": the weight looks like pounds ({weight_kg * KG_PER_POUND:.0f} kg)"
    raise ScenarioError(
        f"weight_kg = {weight_kg:g} at height_cm = {height_cm:g} is a body mass index of {bmi:.0f}, {said}",
        "type the height in cm and the weight in kg",
    )


def _exchanged(height_cm: float, weight_kg: float) -> None:
    """Refuse a height that is a weight beside a weight that is a height."""
    turned = height_cm / (weight_kg / CM_PER_M) ** 2
    low, high = USUAL_HEIGHT_CM
    if height_cm < low < weight_kg < high and USUAL_BMI[0] <= turned <= USUAL_BMI[1]:
        raise ScenarioError(
            f"height_cm = {height_cm:g} and weight_kg = {weight_kg:g} look exchanged",
            f"type the height ({weight_kg:g}) as height_cm and the weight ({height_cm:g}) as weight_kg",
        )


def _child(p: Patient, age: float) -> None:
    for below, tall, heavy in CHILDREN:
        if age >= below:
            continue
        for name, value, most in (("height_cm", p.height_cm, tall), ("weight_kg", p.weight_kg, heavy)):
            if value is not None and value > most:
                raise ScenarioError(
                    f"{name} = {value:g} at age_y = {age:g} is no child's",
                    "type the age in years, the height in cm, kg",
                )
        return
