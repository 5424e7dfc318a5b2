"""What is known of the patient."""

from __future__ import annotations

from dataclasses import dataclass

from lymphorisk.errors import ScenarioError
from lymphorisk.units import ALC_PLAUSIBLE_MAX

SITES = (
    "brain",
    "head_neck",
    "breast",
    "lung",
    "esophagus",
    "gastric",
    "liver",
    "pancreas",
    "pelvis",
    "prostate",
    "whole_body",
    "lymphoma",
)
SEXES = ("M", "F")
CHEMO = ("none", "temozolomide", "platinum", "other")
AGE_MAX = 120.0
HEIGHT_MAX = 250.0
WEIGHT_MAX = 400.0


@dataclass(frozen=True, slots=True)
class Patient:
    """Facts about the patient; None is "not known", never a default.

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
        Concurrent chemotherapy: ``none``, ``temozolomide``, ``platinum``, ``other``.
    """

    sex: str | None = None
    age_y: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    alc: float | None = None
    lln: float | None = None
    site: str | None = None
    chemo: str | None = None

    def __post_init__(self) -> None:
        if self.sex is not None and self.sex not in SEXES:
            raise ScenarioError(f"sex {self.sex!r} is not M or F")
        if self.site is not None and self.site not in SITES:
            raise ScenarioError(f"site {self.site!r} is unknown", f"use one of {', '.join(SITES)}")
        if self.chemo is not None and self.chemo not in CHEMO:
            raise ScenarioError(f"chemo {self.chemo!r} is unknown", f"use one of {', '.join(CHEMO)}")
        limits = {
            "age_y": (0.0, AGE_MAX, "years"),
            "height_cm": (0.0, HEIGHT_MAX, "cm"),
            "weight_kg": (0.0, WEIGHT_MAX, "kg"),
            "alc": (0.0, ALC_PLAUSIBLE_MAX, "10^9/L"),
            "lln": (0.0, ALC_PLAUSIBLE_MAX, "10^9/L"),
        }
        for name, (low, high, unit) in limits.items():
            value = getattr(self, name)
            if value is not None and not low < value <= high:
                raise ScenarioError(f"{name} = {value} is not between {low:g} and {high:g} {unit}", "check the unit")
