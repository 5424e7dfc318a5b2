"""Time and accuracy of the blood dose: exact engine, event-driven Monte Carlo, and the public code when it is here.

    python benchmarks/bench_blood.py
    HEDOS_CHECKOUT=path/to/checkout HEDOS_PYTHON=path/to/its/python python benchmarks/bench_blood.py

The public code (MIT) is neither part of this project nor fetched by it: it runs from its own checkout, in its own
Python, on its own lung example. Its doses are read at the left edge of each DVH bin; so are ours here, so that the
comparison is of the blood, not of the bins. Seconds are processor seconds of one thread, on either side.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lymphorisk.circulation import (
    BloodDose,
    LaneDose,
    Network,
    PhaseBlood,
    SurvivalForm,
    blood_dose,
    build,
    montecarlo,
    with_tumour,
)
from lymphorisk.circulation.chain import Transits, chain, solve
from lymphorisk.circulation.lanes import adapted
from lymphorisk.parameters.network import network_table

SURVIVAL = {"mixture": SurvivalForm((0.8, 0.2), (1 / 1.6, 1 / 5.5), (0.0, 0.0))}
BEAMS = (np.full(4, 20.0), np.array([10.0, 40.0, 70.0, 100.0]))
FRACTIONS = 30
ORGANS = {
    "lung": ("lung",),
    "heart": ("left_heart", "right_heart"),
    "aorta": ("aorta",),
    "pulmonary_artery": ("pulmonary_artery",),
    "superior_vena_cava": ("superior_vena_cava",),
    "tumor": ("tumour",),
}
# Mean dose of the course, and spread of an invented DVH, when the example's own DVHs are not here. [Gy]
MEANS = {
    "lung": 14.25,
    "heart": 7.47,
    "aorta": 23.66,
    "pulmonary_artery": 25.52,
    "superior_vena_cava": 30.28,
    "tumor": 53.34,
}
REPEATS = 5

DRIVER = """
import json, resource, sys, time
sys.path.insert(0, ".")
import matplotlib
matplotlib.use("Agg")
import numpy as np
from simulation import ExpandFlowModel, TemporalDistribution, DoseRateFromDVH, CompartmentDose
shape, corrected, sample, seed = int(sys.argv[1]), sys.argv[2] == "corrected", int(sys.argv[3]), int(sys.argv[4])
np.random.seed(seed)
out, sys.stdout = sys.stdout, sys.stderr
begin = time.process_time()
simulation = dict(sample_size=sample, nr_steps=2400, dt=0.05, weibull_shape=max(shape, 1))
patient = dict(sheet_name="female_new", TBV=3.9, CO=5.9 / 60, tumor_site="lung", tumor_volume_fraction=0.05,
               relative_blood_density=1.0, relative_perfusion=1.0)
model = ExpandFlowModel("input/phantom/ICRP89_compartment_model.xlsx", patient, simulation)
if corrected:
    rate = lambda a, b, percent: percent / 100 * model.total_flow / model.G.nodes[a]["V"]
    model.G.remove_edge("bronchial", "large_veins")
    for a, b, percent in (("bronchial", "left_heart", 2.5), ("right_heart", "pulmonary_artery", 97.5),
                          ("pulmonary_artery", "lung", 97.5), ("lung", "left_heart", 97.5)):
        model.G.edges[(a, b)]["k"] = rate(a, b, percent)
    model._graph_to_rate_matrix()
    model._get_mtts()
model.split_box_parallel("tumor", patient)
blood = TemporalDistribution(model)
if shape == 0:
    model.construct_markov()
    blood.generate_from_markov()
else:
    model.construct_weibull()
    blood.generate_from_weibull()
rate = DoseRateFromDVH(n_fractions=30, total_beam_on_time=80)
dose = 0
for organ in ("lung", "heart", "aorta", "pulmonary_artery", "superior_vena_cava", "tumor"):
    ids = [i for i, name in enumerate(model.names) if organ in name]
    part = CompartmentDose(blood.path, model.dt)
    for start in (10, 40, 70, 100):
        part.add_dose(rate.get_dose_rate_hist("input/patient/DVHs/" + organ + "_DVH.csv"), ids, start, 20)
    dose = dose + part.dose
seconds = time.process_time() - begin
total = 0
for _ in range(30):
    np.random.shuffle(dose)
    total = total + dose
course_seconds = time.process_time() - begin
kill = 0.8 * np.exp(-dose / 1.6) + 0.2 * np.exp(-dose / 5.5)
json.dump(dict(mean=dose.mean(), sd=dose.std(), v0=(dose > 0).mean(), v07=(dose > 0.07).mean(),
               v125=(dose > 0.125).mean(), d2=np.percentile(dose, 98), surviving=kill.mean(), seconds=seconds,
               course_seconds=course_seconds,
               mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), out)
"""


def lung_network() -> Network:
    t = network_table("female32")
    net = build(t.names, t.volume_pct, t.edges, t.blood_volume_l, t.cardiac_output_l_min, t.title)
    return with_tumour(net, "lung", 0.05)


def organ_dose(organ: str, checkout: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Share and dose of the course [Gy], from the example's DVH at the left bin edge, or invented."""
    if checkout is None:
        q = (np.arange(64) + 0.5) / 64
        dose = -np.log(1 - q) * (1 if organ != "tumor" else 0) + (1 if organ == "tumor" else 0)
        return np.full(64, 1 / 64), dose * MEANS[organ] / dose.mean()
    with (checkout / "input/patient/DVHs" / f"{organ}_DVH.csv").open() as f:
        rows = [(float(r["dose_bins"]), float(r["coverage"])) for r in csv.DictReader(f)]
    edge, cover = np.array(rows).T
    share = -np.diff(cover)
    keep = share > 0
    return share[keep] / share[keep].sum(), edge[:-1][keep]


def lung_phase(checkout: Path | None) -> PhaseBlood:
    on, start = BEAMS
    lanes = {}
    for organ, compartments in ORGANS.items():
        share, dose = organ_dose(organ, checkout)
        for name in compartments:
            lanes[name] = LaneDose(share.copy(), np.outer(on / on.sum(), dose / FRACTIONS))
    return PhaseBlood(FRACTIONS, on.copy(), start.copy(), lanes)


def best(run: Callable[[], object]) -> float:
    """Least processor time of a few runs: on a shared machine the wall tells of the neighbours. [s]"""
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return min(times)


def row(
    name: str, mean: float, sd: float, v0: float, v07: float, v125: float, d2: float, s: float, seconds: float
) -> None:
    print(
        f"{name:44} {mean:8.5f} {sd:8.5f} {100 * v0:7.2f} {100 * v07:7.2f} {100 * v125:7.2f} {d2:8.5f} {s:9.6f} "
        f"{seconds:8.3f}"
    )


def public(checkout: Path, shape: int, corrected: bool, particles: int, seed: int = 1) -> dict[str, float]:
    """One run of the public code in its own Python."""
    python = os.environ.get("HEDOS_PYTHON", sys.executable)
    with tempfile.NamedTemporaryFile("w", suffix=".py") as driver:
        driver.write(DRIVER)
        driver.flush()
        command = [python, driver.name, str(shape), "corrected" if corrected else "shipped", str(particles), str(seed)]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare(net: Network, phase: PhaseBlood, stages: int) -> dict[tuple[int, int], float]:
    """Rows of the exact engine and its twin; seconds by (stages, lanes), lanes 0 is the surviving fraction alone."""
    ours: dict[tuple[int, int], float] = {}

    def exact(lanes: int, bounds: bool = False) -> BloodDose:
        return blood_dose(net, [phase], SURVIVAL, stages=stages, lanes=lanes, bounds=bounds)

    for lanes, what in ((16, "lanes"), (1, "well mixed")):
        ours[stages, lanes] = best(lambda lanes=lanes: exact(lanes))
        tell(f"exact, {stages} stages, {what}: fraction + course", exact(lanes), ours[stages, lanes])
    c = chain(net, adapted(net, phase, 16), stages)
    ours[stages, 0] = best(lambda: solve(c, np.array([-0.4]), Transits(net, stages), moments=False))
    both = best(lambda: exact(16, True))
    print(f"   surviving fraction alone: {1e3 * ours[stages, 0]:.1f} ms; with both bounds: {both:.3f} s")
    for particles in (100_000, 400_000):
        begin = time.process_time()
        got = montecarlo.blood_dose(net, [phase], SURVIVAL, stages=stages, lanes=16, particles=particles)
        seconds = time.process_time() - begin
        tell(f"event-driven twin, {stages} stages, {particles} particles", got, seconds)
        print(f"   twin / exact: {seconds / ours[stages, 16]:.1f}")
    return ours


def tell(name: str, got: BloodDose, seconds: float) -> None:
    f = got.fraction[0]
    values = (f.mean_gy, f.sd_gy, f.v_gt_0, f.v_gt_0_07, f.v_gt_0_125, f.d2_gy, f.surviving["mixture"])
    row(name, *values, seconds)


def main() -> None:
    where = os.environ.get("HEDOS_CHECKOUT")
    checkout = Path(where) if where else None
    net, phase = lung_network(), lung_phase(checkout)
    print(
        f"{'':44} {'mean':>8} {'SD':>8} {'V>0':>7} {'V>.07':>7} {'V>.125':>7} {'D2%':>8} {'surviving':>9} {'cpu s':>8}"
    )
    ours: dict[tuple[int, int], float] = {}
    for stages in (1, 4):
        ours |= compare(net, phase, stages)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if checkout is None:
        print("public code: set HEDOS_CHECKOUT (and HEDOS_PYTHON) to compare")
        return
    for shape, corrected, what, stages in (
        (2, False, "public, Weibull 2, as shipped", 4),
        (1, False, "public, Weibull 1, as shipped", 1),
        (0, False, "public, Markov walk, its table", 1),
        (0, True, "public, Markov walk, table corrected", 1),
    ):
        got = public(checkout, shape, corrected, 100_000)
        row(
            what,
            got["mean"],
            got["sd"],
            got["v0"],
            got["v07"],
            got["v125"],
            got["d2"],
            got["surviving"],
            got["seconds"],
        )
        whole, fraction = got["course_seconds"], got["seconds"]
        print(
            f"   {got['mb']:.0f} MB; with the course {whole:.2f} s; public / exact: distribution "
            f"{whole / ours[stages, 16]:.0f}, well mixed {whole / ours[stages, 1]:.0f}, "
            f"surviving fraction {fraction / ours[stages, 0]:.0f}"
        )


if __name__ == "__main__":
    main()
