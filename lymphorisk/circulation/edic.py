"""Effective dose to immune cells (EDIC) and its kin: weighted means of organ doses, each with its validity.

Two things share a name in the literature and are kept apart here: EDIC dilutes the integral dose over a reference
body (``ITD / 61 800 cm3``), EDRIC takes the mean dose of the External contour. For a CT-limited External of a
thoracic plan the second is larger by gray; cut-offs do not carry over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.errors import ScenarioError

Dose = float | Absent | None


@dataclass(frozen=True, slots=True)
class EdicWeights:
    """Weights of the EDIC family.

    Attributes
    ----------
    lung, heart : float
        Weights of the mean doses of lungs and heart.
    great_vessels, small_vessels : float
        Weights of the body dose; the second grows with the number of fractions.
    saturation : float
        Share of the small-vessel weight reached at `fractions_scale` fractions.
    fractions_scale : float
        Number of fractions of the saturation.
    body_cm3 : float
        Reference body volume that dilutes the integral dose. [cm3]
    liver : float
        Weight of the mean liver dose (oesophageal variant), else 0.
    """

    lung: float
    heart: float
    great_vessels: float
    small_vessels: float
    saturation: float
    fractions_scale: float
    body_cm3: float
    liver: float = 0.0


@dataclass(frozen=True, slots=True)
class EffectiveDose:
    """A dose and which formula gave it. [Gy]"""

    name: str
    gy: float


def edic_weights(numbers: Mapping[str, float]) -> EdicWeights:
    """Weights from parameter values by name (topic ``edic``)."""
    return EdicWeights(
        numbers["lung"],
        numbers["heart"],
        numbers["great_vessels"],
        numbers["small_vessels"],
        numbers["saturation"],
        numbers["fractions_scale"],
        numbers["body_cm3"],
    )


def edic_esophagus_weights(numbers: Mapping[str, float]) -> EdicWeights:
    """Weights of the oesophageal variant from parameter values by name (topic ``edic``)."""
    base = edic_weights(numbers)
    return EdicWeights(
        base.lung,
        base.heart,
        base.great_vessels,
        base.small_vessels,
        base.saturation,
        base.fractions_scale,
        numbers["esophagus.body_cm3"],
        numbers["esophagus.liver"],
    )


def body_weight(fractions: int, weights: EdicWeights) -> float:
    """Weight of the body dose, ``g + s c sqrt(n / k)``.

    Examples
    --------
    >>> w = EdicWeights(0.12, 0.08, 0.45, 0.35, 0.85, 45, 61.8e3)
    >>> round(body_weight(30, w), 5)
    0.69291
    """
    if fractions < 1:
        raise ScenarioError(f"EDIC of {fractions} fractions")
    return weights.great_vessels + weights.small_vessels * weights.saturation * _root(fractions, weights)


def _root(fractions: int, weights: EdicWeights) -> float:
    return float(np.sqrt(fractions / weights.fractions_scale))


def edic(
    mean_lung_gy: Dose,
    mean_heart_gy: Dose,
    integral_gy_cm3: Dose,
    fractions: int,
    weights: EdicWeights,
    *,
    whole_body: bool = False,
) -> EffectiveDose | Absent:
    """EDIC of a thoracic or breast plan.

    ``EDIC = 0.12 MLD + 0.08 MHD + [0.45 + 0.35 x 0.85 sqrt(n/45)] ITD / 61800``

    Parameters
    ----------
    mean_lung_gy, mean_heart_gy : float or absence
        Mean doses of the course. [Gy]
    integral_gy_cm3 : float or absence
        Integral dose of the body: mean dose times volume. [Gy cm3]
    fractions : int
        Number of fractions n.
    weights : EdicWeights
        Weights; `edic_weights`.
    whole_body : bool
        Total-body or total-marrow irradiation: the formula does not hold (a uniform 12 Gy would give 9.1 Gy).

    Returns
    -------
    EffectiveDose or Absent

    References
    ----------
    Chen F et al. Front Oncol 2022;12:768956, doi:10.3389/fonc.2022.768956 (from its 2021 abstract).
    """
    if (
        refused := _refused("EDIC", whole_body, lungs=mean_lung_gy, heart=mean_heart_gy, body=integral_gy_cm3)
    ) is not None:
        return refused
    body = body_weight(fractions, weights) * _gy(integral_gy_cm3) / weights.body_cm3
    return EffectiveDose("EDIC", weights.lung * _gy(mean_lung_gy) + weights.heart * _gy(mean_heart_gy) + body)


def edric(
    mean_lung_gy: Dose,
    mean_heart_gy: Dose,
    mean_external_gy: Dose,
    fractions: int,
    weights: EdicWeights,
    *,
    whole_body: bool = False,
) -> EffectiveDose | Absent:
    """EDRIC: as `edic`, with the mean dose of the External contour as body dose.

    ``EDRIC = 0.12 MLD + 0.08 MHD + [0.45 + 0.35 x 0.85 sqrt(n/45)] MBD``

    Parameters
    ----------
    mean_external_gy : float or absence
        Mean dose of the External (BODY) contour. [Gy]
    mean_lung_gy, mean_heart_gy, fractions, weights, whole_body
        As in `edic`.

    References
    ----------
    Used in BMC Cancer 2024, doi:10.1186/s12885-024-12699-4 (PORT, mean 6.26 Gy).
    """
    if (
        refused := _refused("EDRIC", whole_body, lungs=mean_lung_gy, heart=mean_heart_gy, body=mean_external_gy)
    ) is not None:
        return refused
    body = body_weight(fractions, weights) * _gy(mean_external_gy)
    return EffectiveDose("EDRIC", weights.lung * _gy(mean_lung_gy) + weights.heart * _gy(mean_heart_gy) + body)


def edic_esophagus(
    mean_lung_gy: Dose,
    mean_heart_gy: Dose,
    mean_liver_gy: Dose,
    integral_gy_cm3: Dose,
    fractions: int,
    weights: EdicWeights,
    *,
    whole_body: bool = False,
) -> EffectiveDose | Absent:
    """EDIC of an oesophageal plan, with a liver term.

    ``EDIC = 0.12 MLD + 0.08 MHD + 0.15 x 0.85 sqrt(n/45) MlD + [0.45 + 0.35 x 0.85 sqrt(n/45)] ITD / 62000``

    Parameters
    ----------
    mean_liver_gy : float or absence
        Mean liver dose. [Gy]
    weights : EdicWeights
        Weights; `edic_esophagus_weights`.
    mean_lung_gy, mean_heart_gy, integral_gy_cm3, fractions, whole_body
        As in `edic`.

    References
    ----------
    Xu C et al. Radiother Oncol 2020;146:180-186, doi:10.1016/j.radonc.2020.02.015.
    """
    name = "EDIC (oesophagus)"
    refused = _refused(
        name, whole_body, lungs=mean_lung_gy, heart=mean_heart_gy, liver=mean_liver_gy, body=integral_gy_cm3
    )
    if refused is not None:
        return refused
    liver = weights.liver * weights.saturation * _root(fractions, weights) * _gy(mean_liver_gy)
    body = body_weight(fractions, weights) * _gy(integral_gy_cm3) / weights.body_cm3
    return EffectiveDose(name, weights.lung * _gy(mean_lung_gy) + weights.heart * _gy(mean_heart_gy) + liver + body)


def _gy(dose: Dose) -> float:
    assert isinstance(dose, int | float)
    return float(dose)


def _refused(name: str, whole_body: bool, **organs: Dose) -> Absent | None:
    if whole_body:
        return Absent.declined("not valid for total-body or total-marrow irradiation")
    for organ, dose in organs.items():
        if isinstance(dose, Absent):
            return Absent.declined(f"{organ}: {dose.reason}")
        if dose is None:
            return Absent.declined(f"{organ}: no dose")
        if not (np.isfinite(dose) and dose >= 0):
            raise ScenarioError(f"{name}: dose of {organ} is {dose:g}")
    return None


def coverage(first_fraction: float, fractions: int) -> float:
    """Share of the blood irradiated at least once, ``1 - (1 - p)^n``, when fractions mix fully.

    References
    ----------
    Hammi A et al. Phys Med Biol 2020 (PMC8268045): p = 0.184 reaches 90 % after the eleventh fraction.
    """
    if not 0 <= first_fraction <= 1 or fractions < 0:
        raise ScenarioError(f"coverage of {first_fraction:g} in {fractions} fractions")
    return 1 - (1 - first_fraction) ** fractions
