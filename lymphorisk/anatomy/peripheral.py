"""Dose outside the dose grid: what scatter, the collimator and the head's leakage give away from the field."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Peripheral:
    """Parameters of the peripheral dose, as shares of the target's dose.

    Attributes
    ----------
    patient, patient_length : float
        Share and length [mm] of scatter in the patient.
    collimator, collimator_length : float
        Share and length [mm] of collimator scatter.
    leakage : float
        Share by leakage at one monitor unit a cGy.
    monitor_units : float
        Monitor units a cGy where the plan does not say. [MU/cGy]
    proton : float
        Share outside a proton field, neutrons included.
    sd_ln : float
        sd of the logarithm of measured over calculated dose.
    planned_ln, planned_sd : float
        ln of the planning system's dose over the measured at the edge of the grid, and its sd.
    """

    patient: float
    patient_length: float
    collimator: float
    collimator_length: float
    leakage: float
    monitor_units: float
    proton: float
    sd_ln: float
    planned_ln: float
    planned_sd: float


def photon_share(away_mm: Real, numbers: Peripheral, monitor_units: float | None = None) -> Real:
    """Dose outside a photon field over the target's dose, by distance from the field edge.

    Parameters
    ----------
    away_mm : ndarray
        Distance from the field edge. [mm]
    numbers : Peripheral
    monitor_units : float, optional
        Of one fraction over its target dose. [MU/cGy]

    Notes
    -----
    ``D / D_target = P exp(-d / p) + C exp(-d / c) + L m``: scatter in the patient, in the collimator, leakage
    proportional to the monitor units. Depth, field size and energy are not seen; the stated sd holds them: against
    measured fetal doses tables of this kind were off by up to a factor of 3 [2]_.

    References
    ----------
    .. [1] Kry SF et al. AAPM TG 158. Med Phys 2017;44:e391-e429. doi:10.1002/mp.12462
    .. [2] Kry SF et al. Med Phys 2007;34:1193-1197. doi:10.1118/1.2710332

    Examples
    --------
    >>> p = Peripheral(0.05, 45.0, 0.0044, 150.0, 0.0003, 2.0, 1e-4, 0.45, -0.5, 0.5)
    >>> [round(float(100 * s), 2) for s in photon_share(np.array([50.0, 100.0, 300.0, 800.0]), p)]
    [2.02, 0.83, 0.13, 0.06]
    """
    units = numbers.monitor_units if monitor_units is None else monitor_units
    near = numbers.patient * np.exp(-away_mm / numbers.patient_length)
    far = numbers.collimator * np.exp(-away_mm / numbers.collimator_length)
    return np.asarray(near + far + numbers.leakage * units)


def anchored_ln(at_edge: float, expected: float, numbers: Peripheral) -> tuple[float, float]:
    """ln of the factor on the peripheral dose, and its sd, from the dose at the edge of the grid.

    Planning systems underestimate there, by a stated amount and not precisely: prior and edge are weighted by their
    variances. An edge without dose says nothing.
    """
    if not at_edge > 0.0 or not expected > 0.0:
        return 0.0, numbers.sd_ln
    seen = math.log(at_edge / expected) - numbers.planned_ln
    prior, noise = numbers.sd_ln**2, numbers.planned_sd**2
    return seen * prior / (prior + noise), math.sqrt(prior * noise / (prior + noise))
