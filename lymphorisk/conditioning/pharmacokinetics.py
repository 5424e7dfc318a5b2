"""Fludarabine in plasma: exposure to its active form F-ara-A by body size and kidney function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.units import SECONDS_PER_MINUTE

ML_PER_MIN_TO_L_PER_H = SECONDS_PER_MINUTE / 1000.0
#: Below this difference of two rates [1/h] partial fractions lose more than half the digits of a double.
RATE_GAP = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FludarabinePopulation:
    """The population model: three compartments, clearance in part by the kidney.

    Attributes
    ----------
    cl_base_l_h, cl_per_egfr : float
        ``CL = (cl_base + cl_per_egfr * eGFR[L/h]) (W/ref)^exponent``. [L/h], [1]
    v1_l, v2_l, v3_l : float
        Volumes at the reference weight, proportional to weight. [L]
    q12_l_h, q13_l_h : float
        Exchange clearances at the reference weight. [L/h]
    weight_ref_kg, exponent : float
        Allometry. [kg], [1]
    cv_clearance, cv_volume : float
        Between-patient spread (coefficient of variation, log-normal), one shared by CL and Q, one by the volumes.
    active_mass : float
        Mass of F-ara-A in one mg of fludarabine phosphate, 285.23/365.21.
    infusion_h : float
        Length of one infusion. [h]
    """

    cl_base_l_h: float
    cl_per_egfr: float
    v1_l: float
    v2_l: float
    v3_l: float
    q12_l_h: float
    q13_l_h: float
    weight_ref_kg: float
    exponent: float
    cv_clearance: float
    cv_volume: float
    active_mass: float
    infusion_h: float


@dataclass(frozen=True, slots=True, eq=False)
class FludarabineKinetics:
    """Rates of one or many patients; every array has shape (n,).

    Attributes
    ----------
    clearance_l_h : ndarray, shape (n,)
        [L/h]
    rate_per_h, weight_per_l : ndarray, shape (n, 3)
        The concentration after a unit bolus of F-ara-A is ``sum_i weight_i exp(-rate_i t)``. [1/h], [1/L]
    """

    clearance_l_h: Array
    rate_per_h: Array
    weight_per_l: Array
    infusion_h: float
    active_mass: float


def bsa_mosteller(height_cm: float, weight_kg: float, divisor: float) -> float:
    """Body surface area, ``sqrt(height * weight / divisor)`` (Mosteller). [m2]

    Examples
    --------
    >>> round(bsa_mosteller(172.0, 80.0, 3600.0), 2)
    1.96
    """
    if height_cm <= 0.0 or weight_kg <= 0.0:
        raise ScenarioError("body surface area needs a height and a weight above zero")
    return float(np.sqrt(height_cm * weight_kg / divisor))


def clearance_l_h(model: FludarabinePopulation, weight_kg: float, egfr_ml_min: float) -> float:
    """Clearance of F-ara-A in a typical patient. [L/h]

    ``CL = (3.24 + 0.782 eGFR[L/h]) (W/70)^0.75`` with the values of Langenhorst et al. 2019.

    Parameters
    ----------
    model : FludarabinePopulation
    weight_kg : float
        Actual body weight. [kg]
    egfr_ml_min : float
        Glomerular filtration rate normalised to 1.73 m2. [mL/min]

    References
    ----------
    .. [1] Langenhorst 2019, population pharmacokinetics of fludarabine, n=258, 0.3 to 74 y.
       Clin Pharmacokinet 58:627. doi:10.1007/s40262-018-0715-9
    """
    if weight_kg <= 0.0 or egfr_ml_min < 0.0:
        raise ScenarioError("fludarabine clearance needs a weight above zero and an eGFR not below zero")
    scale = float((weight_kg / model.weight_ref_kg) ** model.exponent)
    return (model.cl_base_l_h + model.cl_per_egfr * egfr_ml_min * ML_PER_MIN_TO_L_PER_H) * scale


def kinetics(
    model: FludarabinePopulation,
    weight_kg: float,
    egfr_ml_min: float,
    z_clearance: Array | None = None,
    z_volume: Array | None = None,
) -> FludarabineKinetics:
    """Rates of patients who differ by standard-normal effects `z` (none: the typical patient).

    Parameters
    ----------
    z_clearance, z_volume : ndarray, shape (n,), optional
        Standard-normal effects on clearances and on volumes.
    """
    zc = np.zeros(1) if z_clearance is None else z_clearance
    zv = np.zeros_like(zc) if z_volume is None else z_volume
    flow = np.exp(zc * np.sqrt(np.log1p(model.cv_clearance**2)))
    size = np.exp(zv * np.sqrt(np.log1p(model.cv_volume**2)))
    allometry = (weight_kg / model.weight_ref_kg) ** model.exponent
    linear = weight_kg / model.weight_ref_kg
    cl = clearance_l_h(model, weight_kg, egfr_ml_min) * flow
    q12, q13 = model.q12_l_h * allometry * flow, model.q13_l_h * allometry * flow
    v1, v2, v3 = (v * linear * size for v in (model.v1_l, model.v2_l, model.v3_l))
    rate, weight = _exponentials(cl / v1, q12 / v1, q13 / v1, q12 / v2, q13 / v3)
    return FludarabineKinetics(cl, rate, weight / v1[:, None], model.infusion_h, model.active_mass)


def _exponentials(k10: Array, k12: Array, k13: Array, k21: Array, k31: Array) -> tuple[Array, Array]:
    """Rates and weights of the central compartment after a unit bolus (sum of weights 1)."""
    n = len(k10)
    m = np.zeros((n, 3, 3))
    # Symmetric form of the mammillary system: same eigenvalues, real and positive.
    m[:, 0, 0] = k10 + k12 + k13
    m[:, 1, 1], m[:, 2, 2] = k21, k31
    m[:, 0, 1] = m[:, 1, 0] = -np.sqrt(k12 * k21)
    m[:, 0, 2] = m[:, 2, 0] = -np.sqrt(k13 * k31)
    rate, vectors = np.linalg.eigh(m)
    return np.maximum(rate, RATE_GAP), vectors[:, 0, :] ** 2


def cumulative_exposure(kinetics: FludarabineKinetics, since_start_h: Array) -> Array:
    """AUC so far per mg of fludarabine phosphate, at times since the start of its infusion. [mg h/L per mg]

    Exact for a constant-rate infusion; 0 before the start, ``active_mass / CL`` in the end.

    Parameters
    ----------
    since_start_h : ndarray, shape (t,)
        Times, negative before the infusion. [h]

    Returns
    -------
    ndarray, shape (n, t)
    """
    t = np.maximum(since_start_h, 0.0)[None, :, None]
    rate = kinetics.rate_per_h[:, None, :]
    length = kinetics.infusion_h
    running = np.minimum(t, length)
    # amount given so far minus what of it is still to be eliminated, per exponential
    left = np.exp(-rate * (t - running)) * -np.expm1(-rate * running) / rate
    done = (running - left) / (rate * length)
    return np.asarray(kinetics.active_mass * np.einsum("ntk,nk->nt", done, kinetics.weight_per_l))


def total_auc(kinetics: FludarabineKinetics, phosphate_mg: float) -> Array:
    """AUC to infinity of F-ara-A, shape (n,). [mg h/L]

    The dose is fludarabine phosphate, as prescribed; only 0.781 of its mass is F-ara-A.
    """
    return phosphate_mg * kinetics.active_mass / kinetics.clearance_l_h


def cockcroft_gault_ml_min(
    sex: str, age_y: float, weight_kg: float, creatinine_mg_dl: float, constants: tuple[float, float, float]
) -> float:
    """Creatinine clearance, ``(140 - age) W / (72 Scr)``, times 0.85 for women. [mL/min]

    Parameters
    ----------
    constants : tuple of float
        ``(140, 72, 0.85)``, handed down from the parameters.
    """
    top, bottom, female = constants
    if creatinine_mg_dl <= 0.0 or age_y >= top:
        raise ScenarioError(
            "creatinine must be above zero and the age below 140", "creatinine in mg/dL (88.4 umol/L = 1)"
        )
    value = (top - age_y) * weight_kg / (bottom * creatinine_mg_dl)
    return value * (female if sex == "F" else 1.0)
