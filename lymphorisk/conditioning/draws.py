"""Draws of the hosts of a conditioning forecast, paired across regimens by seed and name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lymphorisk.conditioning.host import Clearance, HostDraws
from lymphorisk.conditioning.pharmacokinetics import FludarabinePopulation, kinetics
from lymphorisk.conditioning.regimen import DRUGS
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.population import Population, draw, in_range
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, system_of

#: How patients differ beyond the dimensions of the lymphocyte ensemble.
HOST_DIMENSIONS = (
    "fludarabine_clearance",
    "fludarabine_volume",
    "drug_sensitivity",
    *(f"kill.{d}" for d in DRUGS),
    "count",
)
VARY = ("parameters", "patients")


def host_draws(
    lymphocytes: Population,
    drugs: Population,
    fludarabine: FludarabinePopulation,
    *,
    baseline_alc: float,
    weight_kg: float,
    egfr_ml_min: float,
    age_y: float | None = None,
    baseline_sd_ln: float = 0.0,
    draws: int,
    seed: int,
    vary: Sequence[str] = VARY,
) -> HostDraws:
    """The hosts of an ensemble.

    Parameters
    ----------
    lymphocytes : Population
        Of the topic ``lymphocyte``: pools, traffic, kill of a plan's fractions.
    drugs : Population
        Of the topic ``drugs``: ``kill.*``, ``recovery.*``, ``radiation.*``.
    fludarabine : FludarabinePopulation
    baseline_alc : float
        Count before everything. [10^9/L]
    weight_kg, egfr_ml_min : float
        Actual weight [kg] and kidney function [mL/min/1.73m2].
    age_y : float, optional
        Drawn when not known. [y]
    baseline_sd_ln : float
        Spread of the baseline: 0 for a patient whose count was measured, above 0 for a cohort.
    draws, seed : int
        Same seed, same draws, whatever the regimen: comparisons are paired.
    vary : sequence of str
        Of ``parameters`` and ``patients``; none gives the central forecast.
    """
    if not baseline_alc > 0.0:
        raise ScenarioError("a conditioning forecast needs a count above zero before treatment", "give --alc")
    body = draw(lymphocytes, draws, seed, PATIENT_DIMENSIONS, vary=vary)
    own = draw(drugs, draws, seed, HOST_DIMENSIONS, vary=vary)
    v, z = own.values, own.z
    rho = drugs.value["kill.correlation"]
    kill = {}
    for drug in DRUGS:
        name = f"kill.{drug}"
        both = np.sqrt(rho) * z["patient.drug_sensitivity"] + np.sqrt(1.0 - rho) * z[f"patient.{name}"]
        kill[drug] = in_range(both, drugs.value[name], drugs.low[name], drugs.high[name])
    pk = kinetics(
        fludarabine, weight_kg, egfr_ml_min, z["patient.fludarabine_clearance"], z["patient.fludarabine_volume"]
    )
    return HostDraws(
        baseline=baseline_alc * np.exp(baseline_sd_ln * z["patient.count"]),
        kill=kill,
        effect_h=v["kill.effect_half_time"],
        recovery=v["recovery.rate"],
        source=v["recovery.source"],
        d0_gy=v["radiation.d0"],
        whole_body=Clearance(
            drugs.value["radiation.fast_share"], v["radiation.fast_half_time"], v["radiation.slow_half_time"]
        ),
        plan=Clearance(
            lymphocytes.value["clearance.fast_share"],
            body.values["clearance.fast_half_time"],
            body.values["clearance.slow_half_time"],
        ),
        fludarabine=pk,
        pools=system_of(body, lymphocytes, age_y),
        lymphocytes=body,
        people=lymphocytes,
    )
