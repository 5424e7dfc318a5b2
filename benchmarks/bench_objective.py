"""Cost of the loss and its gradient on a fine grid: `python benchmarks/bench_objective.py [SPACING_MM]`."""

from __future__ import annotations

import sys
import time

import numpy as np

from lymphorisk.objective import LymphocyteLoss
from lymphorisk.parameters import load
from lymphorisk.phantom import phantom_plan, treatment_plan
from lymphorisk.plan import Patient

NUMBERS = {name: p.value for name, p in load("phantom").items()}
WHO = Patient(sex="F", age_y=69, height_cm=163, weight_kg=60, site="pancreas")
NAMES = ("Body", "Liver", "Spleen", "Stomach", "Kidney_L", "Kidney_R", "Bowel_Small", "Bowel_Large", "BoneMarrow")


def main() -> None:
    spacing = float(sys.argv[1]) if len(sys.argv) > 1 else 2.5
    made = phantom_plan(NUMBERS, "pancreas", sex="F", height_cm=163, weight_kg=60, spacing_mm=spacing, whole_body=False)
    plan = treatment_plan(made, plane_mm=5.0, names=(*NAMES, *made.targets))
    begun = time.perf_counter()
    loss = LymphocyteLoss(plan, WHO)
    built = time.perf_counter() - begun
    (dose,) = loss.dose
    wall, cpu = [], []
    for _ in range(7):
        w, c = time.perf_counter(), time.process_time()
        loss.value_and_gradient(dose)
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    print(f"{dose.shape}, {dose.size:,} voxels of {spacing:g} mm; built in {built:.1f} s")
    print(
        f"value and gradient: best {min(wall):.3f} s, median {np.median(wall):.3f} s; processor {np.median(cpu):.3f} s"
    )


if __name__ == "__main__":
    main()
