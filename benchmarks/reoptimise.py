"""The open case of docs/objective.md: pyRadPlan's abdominal plans optimised again with lymphocytes as an organ at risk.

    python fixtures/pyradplan/build.py abdomen_photon abdomen_proton --matrices FOLDER     (where pyRadPlan is)
    python benchmarks/reoptimise.py FOLDER [CASE]... [--within SHARE]... [--out FILE.json]
    python benchmarks/reoptimise.py --page docs/objective.md --figure docs/figures/reoptimised.svg --of FILE.json

The reference is the plan of fixtures/pyradplan/build.py, its own objectives driven on until they fall no more. From
there the loss alone is lowered while target and organs are held where the reference has them, up to a share: D95%, D2%
and D99% of the target, D2% and mean of the organs at risk, D2% of the rest of the body. Penalties of what is not held
rise from round to round; where something still is not, the farthest part of the way from the reference is taken that
keeps all. The loss is built without spleen, bowel, marrow and nodes: these are placed. Counts are those of the
forecast, once so and once with every contour.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from lymphorisk.analysis.chain import forecast_of
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import prepare
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.objective import LymphocyteLoss

PLANS = Path(__file__).parent.parent / "fixtures" / "pyradplan"
LYMPHOID = ("Spleen", "Bowel_Small", "Bowel_Large", "BoneMarrow", "LN_Paraaortic")
CASES = ("abdomen_photon", "abdomen_proton")
#: How much more an organ at risk may get than in the reference; the last holds the target alone.
WITHIN = (0.01, 0.1, float("inf"))
#: The target is held to this whatever the organs may get.
TARGET_WITHIN = 0.01
#: Below this an organ's dose is no limit. [Gy]
NO_LIMIT_GY = 0.1
#: Held this much closer than said, for penalties give way a little.
CLOSER = 0.3
ROUNDS, FIRST, RISE = 5, 30.0, 5.0
HALVINGS = 6
DRAWS = 512
BLOCK = "<!-- reoptimised -->", "<!-- /reoptimised -->"


def build() -> Any:
    """The module that made the plans: limits and weights of the reference are said there once."""
    spec = importlib.util.spec_from_file_location("pyradplan_build", PLANS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def hottest(dose: np.ndarray, share: float) -> float:
    """Dose that the hottest share of the voxels gets at least. [Gy]"""
    return float(np.quantile(dose, 1.0 - share))


@dataclass
class Limit:
    """Hottest share `share` of the voxels not above `edge`, or with `sign` -1 the coldest not below; or the mean."""

    name: str
    index: np.ndarray
    edge: float
    share: float | None
    sign: float = 1.0
    weight: float = FIRST

    def value(self, dose: np.ndarray) -> float:
        """What is limited. [Gy]"""
        d = dose[self.index]
        if self.share is None:
            return float(d.mean())
        return self.sign * hottest(self.sign * d, self.share)

    def broken(self, dose: np.ndarray) -> bool:
        return self.sign * (self.value(dose) - self.edge) > 1e-4 * self.edge

    def add(self, dose: np.ndarray, slope: np.ndarray) -> float:
        """Penalty; its derivative by voxel is added to `slope`."""
        d = dose[self.index]
        if self.share is None:
            over = max(float(d.mean()) / self.edge - 1.0, 0.0)
            slope[self.index] += 2 * self.weight * over / (self.edge * len(d))
            return self.weight * over**2
        above = self.sign * (d / self.edge - 1.0)
        # the voxels that may lie beyond the edge are let be
        held = (above > 0.0) & (self.sign * d <= hottest(self.sign * d, self.share))
        over_each = np.where(held, above, 0.0)
        scale = self.weight / (self.share * len(d))
        slope[self.index] += 2 * scale * self.sign * over_each / self.edge
        return scale * float((over_each**2).sum())


class Case:
    """One plan: influence matrix, masks and the reference."""

    def __init__(self, name: str, matrices: Path) -> None:
        kept = np.load(matrices / f"{name}.npz")
        case = build().CASES[name]
        full = prepare(PLANS / f"{name}.zip", options=Options(draws=DRAWS))
        (phase,) = full.source.plan.phases
        columns = (kept["data"].astype(np.float64), kept["indices"].astype(np.int32), kept["indptr"].astype(np.int32))
        self.matrix = sparse.csr_array(sparse.csc_array(columns, shape=tuple(kept["shape"]))) * float(phase.rbe_in_dose)
        self.back = self.matrix.T.tocsr()
        assert phase.dose is not None
        grid, cell = phase.dose, phase.dose.frame.cell_volumes_cm3()

        def inside(region: Any) -> np.ndarray:
            return np.flatnonzero((voxel_volumes(region, grid) > 0.5 * cell).reshape(-1))

        (target,) = [s for s in full.source.plan.structures if s.name.startswith("PTV")]
        self.target = inside(target)
        drawn = {s.name: inside(s) for s in full.source.plan.structures if s.name in case.spared}
        self.organs = {n: i for n, i in drawn.items() if len(i)}
        self.body = np.setdiff1d(inside(full.doses.regions["Body"]), self.target)
        self.prescribed, self.spared = float(phase.prescription_gy or 0.0), case.spared
        self.start = kept["fluence"] * (phase.dose.dose_zyx.max() / (self.matrix @ kept["fluence"]).max())
        self.planned = self.matrix @ self.start
        self.fluence = self.driven_on(self.start)
        self.reference = self.matrix @ self.fluence
        self.loss = LymphocyteLoss(full.without(LYMPHOID)).at(self.reference)
        self.drawn = LymphocyteLoss(full).at(self.reference)

    def driven_on(self, start: np.ndarray) -> np.ndarray:
        """pyRadPlan's objectives of the plan, lowered until they fall no more."""
        terms = [(self.target, 1000.0, self.prescribed, True), (self.body, 100.0, 0.6 * self.prescribed, False)]
        terms += [(np.setdiff1d(i, self.target), 100.0, self.spared[n], False) for n, i in self.organs.items()]

        def both(dose: np.ndarray) -> tuple[float, np.ndarray]:
            cost, slope = 0.0, np.zeros_like(dose)
            for index, weight, edge, two_sided in terms:
                off = dose[index] - edge
                off = off if two_sided else np.maximum(off, 0.0)
                cost += weight * float(off @ off) / len(index)
                slope[index] += 2 * weight * off / len(index)
            return cost, slope

        return self.lowered(both, start, 400)

    def lowered(self, both: Any, start: np.ndarray, iterations: int) -> np.ndarray:
        """Fluence of least cost from `start`; cost and slope are of the dose by voxel."""
        scale = float(start.max()) / 10.0

        def of(x: np.ndarray) -> tuple[float, np.ndarray]:
            cost, slope = both(self.matrix @ (scale * x))
            return cost, scale * (self.back @ slope)

        options = {"maxiter": iterations, "maxcor": 20, "ftol": 1e-6, "maxfun": 2 * iterations}
        bounds = [(0.0, None)] * len(start)
        return scale * minimize(of, start / scale, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x

    def limits(self, within: float) -> list[Limit]:
        """Where target and organs are held."""
        t, d = TARGET_WITHIN * CLOSER, self.reference
        low, high, lowest = (hottest(d[self.target], s) for s in (0.95, 0.02, 0.99))
        out = [
            Limit("PTV D95%", self.target, low, 0.05, -1.0),
            Limit("PTV D99%", self.target, lowest * (1 - t), 0.01, -1.0),
            Limit("PTV D2%", self.target, high * (1 + t), 0.02),
        ]
        if np.isinf(within):
            return out
        more = 1.0 + CLOSER * within if within <= TARGET_WITHIN else 1.0 + within - (1 - CLOSER) * TARGET_WITHIN
        for name, index in {**self.organs, "Body": self.body}.items():
            hot = max(hottest(d[index], 0.02) * more, NO_LIMIT_GY)
            out.append(Limit(f"{name} D2%", index, hot, 0.02))
            if name != "Body":
                out.append(Limit(f"{name} mean", index, max(float(d[index].mean()) * more, NO_LIMIT_GY), None))
        return out

    def optimised(self, within: float, iterations: int, start: np.ndarray) -> np.ndarray:
        """Fluence of least loss within the limits."""
        limits, fluence = self.limits(within), start

        def both(dose: np.ndarray) -> tuple[float, np.ndarray]:
            lost, (by_voxel,) = self.loss.value_and_gradient(dose)
            slope = by_voxel.reshape(-1).copy()
            return lost + sum(limit.add(dose, slope) for limit in limits), slope

        for _ in range(ROUNDS):
            fluence = self.lowered(both, fluence, iterations)
            dose = self.matrix @ fluence
            for limit in limits:
                limit.weight *= RISE if limit.broken(dose) else 1.0
        return fluence

    def held(self, fluence: np.ndarray, within: float) -> np.ndarray:
        """The farthest fluence between the reference's and this one whose plan is within the limits."""
        reference = self.organ_doses(self.reference)

        def fits(step: float) -> bool:
            row = self.organ_doses(self.normed(self.matrix @ (self.fluence + step * (fluence - self.fluence))))
            high = row["PTV D2%"] / reference["PTV D2%"] - 1.0
            return high <= TARGET_WITHIN and worst(row, reference)[0] <= max(within, TARGET_WITHIN)

        low, high = 0.0, 1.0
        if not fits(high):
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                low, high = (middle, high) if fits(middle) else (low, middle)
            high = low
        return self.fluence + high * (fluence - self.fluence)

    def normed(self, dose: np.ndarray) -> np.ndarray:
        """Scaled to the reference's D95%, as plans are."""
        return dose * (hottest(self.reference[self.target], 0.95) / hottest(dose[self.target], 0.95))

    def organ_doses(self, dose: np.ndarray) -> dict[str, float]:
        """Target, organs and body. [Gy]"""
        d = dose[self.target]
        out = {"PTV D95%": hottest(d, 0.95), "PTV D2%": hottest(d, 0.02)}
        for name, index in self.organs.items():
            out[f"{name} mean"] = float(dose[index].mean())
            out[f"{name} D2%"] = hottest(dose[index], 0.02)
        out["Body D2%"], out["Body mean"] = hottest(dose[self.body], 0.02), float(dose[self.body].mean())
        return out

    def told(self, dose: np.ndarray) -> dict[str, float]:
        """The same, and the expected nadir over baseline."""
        out = self.organ_doses(dose)
        for words, loss in (("placed", self.loss), ("drawn", self.drawn)):
            plan = loss.at(dose).plan
            plan = replace(plan, options=replace(plan.options, draws=DRAWS))
            count = forecast_of(exposure_of(plan, blood_dose_of(plan)), plan.patient, plan.options, explain=False)
            out[f"nadir, {words}"] = count.nadir.median / count.baseline_alc
        return out

    def ceiling(self) -> float:
        """Gain of the typical patient's lowest count if no dose but the target's were given."""
        alone = np.zeros_like(self.reference)
        alone[self.target] = self.reference[self.target]
        return float(np.expm1(self.loss.value(self.reference) - self.loss.value(alone)))


def worst(row: Mapping[str, float], reference: Mapping[str, float]) -> tuple[float, str]:
    """What of the organs at risk and the target's D2% rose most, as a share, and which."""
    keys = [k for k in row if not k.startswith("nadir") and k != "PTV D95%" and k != "Body mean"]
    rise = {k: row[k] / max(reference[k], NO_LIMIT_GY) - 1.0 for k in keys if row[k] > NO_LIMIT_GY}
    name = max(rise, key=lambda k: rise[k])
    return rise[name], name


def run(args: argparse.Namespace) -> None:
    """Optimise and keep what came out."""
    results = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name in args.cases or CASES:
        begun = time.process_time()
        case = Case(name, args.matrices)
        rows = {"as planned": case.told(case.planned), "reference": case.told(case.reference)}
        print(name, f"{time.process_time() - begun:.0f} s", json.dumps(rows), flush=True)
        fluence = case.fluence
        for within in args.within or WITHIN:
            fluence = case.optimised(within, args.iterations, fluence)
            row = case.told(case.normed(case.matrix @ case.held(fluence, within)))
            rows[f"{within:g}"] = row
            rise, what = worst(row, rows["reference"])
            gain = row["nadir, placed"] / rows["reference"]["nadir, placed"] - 1.0
            print(f"{name} within {within:g}: {gain:+.1%}, {what} {rise:+.2%}, {time.process_time() - begun:.0f} s")
            print(json.dumps(row), flush=True)
            results[name] = {"rows": rows, "target alone": case.ceiling()}
            args.out.write_text(json.dumps(results, indent=1) + "\n")


def table(results: Mapping[str, Any]) -> str:
    """The front as rows of Markdown."""
    out = [
        "| plan | organs at risk may get | lowest count, organs placed | all drawn | risen most | body, mean [Gy] |",
        "|---|---|---|---|---|---|",
    ]
    for name, made in results.items():
        reference = made["rows"]["reference"]
        for key, row in made["rows"].items():
            if key == "as planned":
                continue
            gains = [row[f"nadir, {w}"] / reference[f"nadir, {w}"] - 1.0 for w in ("placed", "drawn")]
            rise, what = worst(row, reference)
            held = {"reference": "reference", "inf": "anything"}.get(key) or f"{100 * float(key):g} % more"
            at = f"{row['nadir, placed']:.3f} of the baseline", f"{row['nadir, drawn']:.3f}"
            told = at if key == "reference" else tuple(f"{g:+.1%}".replace("%", " %") for g in gains)
            most = "" if key == "reference" else f"{what} {100 * rise:+.1f} %"
            out.append(f"| {name} | {held} | {told[0]} | {told[1]} | {most} | {row['Body mean']:.2f} |")
    return "\n".join(out)


def gains(made: Mapping[str, Any], words: str = "placed") -> dict[str, float]:
    """Gain of the lowest count over the reference by what the organs at risk may get. [%]"""
    reference = made["rows"]["reference"][f"nadir, {words}"]
    kept = {k: row for k, row in made["rows"].items() if k not in ("as planned", "reference")}
    return {k: 100.0 * (row[f"nadir, {words}"] / reference - 1.0) for k, row in kept.items()}


def figure(results: Mapping[str, Any]) -> str:
    """The front: gain of the lowest count against what the organs at risk may get."""
    from lymphorisk.report.blood import stand_alone
    from lymphorisk.report.svg import Drawing, Scale, nice_ticks

    held = [f"{w:g}" for w in WITHIN]
    x, y = Scale(0.0, len(held), 80, 640), Scale(0.0, 20.0, 280, 40)
    d = Drawing(720, 350, "Lowest count against organ doses", "Gain of the lowest count, by organ limits.", "front")
    d.y_axis(y, 80, 640, nice_ticks(0.0, 20.0, 4), "lowest count over the reference [%]")
    d.line([(80, y(15.0)), (640, y(15.0))], "soft", "7 4")
    for i, key in enumerate(held):
        said = "no limit" if key == "inf" else f"{100 * float(key):g} % more"
        d.text(x(i + 0.5), 302, said, "tick", "middle")
    d.text(360, 332, "organs at risk may get", "label", "middle")
    for n, (name, made) in enumerate(results.items()):
        points = [(x(held.index(k) + 0.5), y(v)) for k, v in gains(made).items() if k in held]
        d.line(points, f"curve c{n}")
        for at in points:
            d.mark(*at, "circle" if n else "square", f"c{n}")
        d.text(points[-1][0] + 8, points[-1][1] - 10, name.replace("_", ", "), "label", "end")
    return stand_alone(d.svg()).replace("<svg ", '<svg data-generator="lymphorisk" ', 1) + "\n"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("matrices", type=Path, nargs="?", help="Folder of the dose-influence matrices.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--within", type=float, action="append")
    parser.add_argument("--iterations", type=int, default=20, help="Of each round.")
    parser.add_argument("--out", type=Path, default=Path("reoptimised.json"))
    parser.add_argument("--of", type=Path, help="Results to write as figure and table.")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args(words)
    if args.matrices is not None:
        run(args)
    if args.of is not None:
        results = json.loads(args.of.read_text())
        if args.figure is not None:
            args.figure.write_text(figure(results))
        if args.page is not None:
            before, rest = args.page.read_text(encoding="utf-8").split(BLOCK[0])
            after = rest.split(BLOCK[1])[1]
            args.page.write_text(f"{before}{BLOCK[0]}\n{table(results)}\n{BLOCK[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
