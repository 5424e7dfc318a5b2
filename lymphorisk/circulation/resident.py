"""The simplest blood: it stays where it is during a fraction and mixes fully in between.

The limit of instant delivery (FLASH), and what a program without a circulation computes: the blood dose histogram is
the volume-weighted sum of the organs' DVHs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lymphorisk.circulation import flow
from lymphorisk.circulation.flow import BloodDose
from lymphorisk.circulation.lanes import PhaseBlood
from lymphorisk.circulation.network import Network
from lymphorisk.circulation.survival_form import SurvivalForm


def blood_dose(
    network: Network,
    phases: Sequence[PhaseBlood],
    survival: Mapping[str, SurvivalForm],
    *,
    stages: int,
    lanes: int | None,
) -> BloodDose:
    """Blood dose of a course when no blood moves during a fraction.

    Parameters
    ----------
    network, phases, survival
        As in `flow.blood_dose`.
    stages : int
        Without effect: nothing leaves.
    lanes : int or None
        1 is the well-mixed organ; otherwise every lane is used as given.
    """
    still = [replace(phase, on_s=np.zeros(len(phase.on_s)), start_s=None) for phase in phases]
    kept = 1 if lanes == 1 else None
    solved = flow.blood_dose(network, still, survival, stages=stages, lanes=kept, bounds=False)
    return replace(solved, engine="resident")
