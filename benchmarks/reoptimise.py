"""The open case of docs/objective.md: pyRadPlan's abdominal plans optimised again with lymphocytes as an organ at risk.

    python fixtures/pyradplan/build.py abdomen_photon abdomen_proton --matrices FOLDER     (where pyRadPlan is)
    python fixtures/pyradplan/build.py abdomen_photon --matrices FOLDER --beams 12
    python fixtures/pyradplan/build.py abdomen_proton --matrices FOLDER --beams 8
    python benchmarks/reoptimise.py FOLDER [CASE]... [--within SHARE]... [--beams own|more]... [--out FILE.json]
    python benchmarks/reoptimise.py --page docs/objective.md --figure docs/figures/reoptimised.svg --of FILE.json

The reference is the plan of fixtures/pyradplan/build.py, its own objectives driven on until they fall no more. From
there the loss alone is lowered while target and organs are held where the reference has them, up to a share: D95%, D2%
and D99% of the target, D2% and mean of the organs at risk, D2% of the rest of the body. Each voxel that a limit holds
has a price (an augmented Lagrangian), raised from round to round; which voxels may lie beyond the edge of a D2% is
asked anew each round. What still breaks a limit is mixed with what holds until all hold. The loss is built without
spleen, bowel, marrow and nodes: these are placed. Counts are those of the forecast, once so, once with all contours.
With more beams, held as closely as is asked first, the reference's own stay in reach, and its objectives alone are
driven on with them too: what the angles give without the loss.
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
#: Angles beside the case's own.
MORE = {"abdomen_photon": 12, "abdomen_proton": 8}
#: How much more an organ at risk may get than in the reference; the last holds the target alone.
WITHIN = (0.01, 0.1, float("inf"))
#: The target is held to this whatever the organs may get.
TARGET_WITHIN = 0.01
#: Below this an organ's dose is no limit. [Gy]
NO_LIMIT_GY = 0.1
#: Held this much closer than said: the last rounds leave a little over the edge.
CLOSER = 0.9
FIRST, RISE, ROUNDS = 10.0, 1.6, 15
HALVINGS = 6
DRAWS = 512
#: A beam counts as used when it gives this share of the body's dose.
USED = 0.01
MORE_BEAMS, WITHOUT = "more beams", "without the loss"
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
    price: np.ndarray | None = None
    free: np.ndarray | None = None

    def value(self, dose: np.ndarray) -> float:
        """What is limited. [Gy]"""
        d = dose[self.index]
        if self.share is None:
            return float(d.mean())
        return self.sign * hottest(self.sign * d, self.share)

    def over(self, dose: np.ndarray) -> np.ndarray:
        """By how much of the edge each voxel, or the mean, lies beyond it; voxels that may say nothing."""
        d = dose[self.index]
        if self.share is None:
            return np.array([d.mean() / self.edge - 1.0])
        out = self.sign * (d / self.edge - 1.0)
        out[self.free] = -np.inf
        return np.asarray(out)

    def renew(self, dose: np.ndarray, *, first: bool) -> None:
        """Prices from what is broken, the voxels that may lie beyond anew."""
        if first:
            self.price = np.zeros(1 if self.share is None else len(self.index))
        else:
            assert self.price is not None
            over = self.over(dose)
            self.price = np.maximum(self.price + over, 0.0) / RISE
            self.weight *= RISE
        if self.share is not None:
            assert self.price is not None
            self.free = np.argsort(-self.sign * dose[self.index], kind="stable")[: int(self.share * len(self.index))]
            self.price[self.free] = 0.0

    def add(self, dose: np.ndarray, slope: np.ndarray) -> float:
        """Cost; its derivative by voxel is added to `slope`."""
        assert self.price is not None
        pressed = np.maximum(self.price + self.over(dose), 0.0)
        cells = len(self.index)
        scale = self.weight / (1.0 if self.share is None else self.share * cells)
        slope[self.index] += 2 * scale * self.sign * pressed / (self.edge * (cells if self.share is None else 1.0))
        return scale * float((pressed**2).sum())


def matrix_of(path: Path, rbe: float) -> tuple[sparse.csr_array, np.ndarray, Any]:
    """Dose by voxel and beamlet, the beam of each beamlet, and the file."""
    kept = np.load(path)
    columns = (kept["data"].astype(np.float64), kept["indices"].astype(np.int32), kept["indptr"].astype(np.int32))
    return sparse.csr_array(sparse.csc_array(columns, shape=tuple(kept["shape"]))) * rbe, kept["beam"], kept


class Case:
    """One plan: influence matrix, masks and the reference."""

    def __init__(self, name: str, matrices: Path) -> None:
        case = build().CASES[name]
        full = prepare(PLANS / f"{name}.zip", options=Options(draws=DRAWS))
        (phase,) = full.source.plan.phases
        own, self.beam, kept = matrix_of(matrices / f"{name}.npz", float(phase.rbe_in_dose))
        assert phase.dose is not None
        grid, cell = phase.dose, phase.dose.frame.cell_volumes_cm3()

        def inside(region: Any) -> np.ndarray:
            return np.flatnonzero((voxel_volumes(region, grid) > 0.5 * cell).reshape(-1))

        (target,) = [s for s in full.source.plan.structures if s.name.startswith("PTV")]
        self.target = inside(target)
        drawn = {s.name: inside(s) for s in full.source.plan.structures if s.name in case.spared}
        self.organs = {n: i for n, i in drawn.items() if len(i)}
        self.body = np.setdiff1d(inside(full.doses.regions["Body"]), self.target)
        self.rbe = float(phase.rbe_in_dose)
        self.prescribed, self.spared = float(phase.prescription_gy or 0.0), case.spared
        self.matrix = own
        start = kept["fluence"] * (phase.dose.dose_zyx.max() / (own @ kept["fluence"]).max())
        self.planned = own @ start
        self.fluence = self.driven_on(start)
        self.reference = own @ self.fluence
        self.loss = LymphocyteLoss(full.without(LYMPHOID)).at(self.reference)
        self.drawn = LymphocyteLoss(full).at(self.reference)

    def with_more(self, matrices: Path, name: str) -> None:
        """More angles; the reference's fluence leaves theirs dark."""
        more, beam, _ = matrix_of(matrices / f"{name}_{MORE[name]}.npz", self.rbe)
        self.matrix = sparse.csr_array(sparse.hstack([self.matrix, more], format="csr"))
        self.beam = np.concatenate([self.beam, self.beam.max() + 1 + beam])
        self.fluence = np.concatenate([self.fluence, np.zeros(more.shape[1])])

    def used(self, fluence: np.ndarray) -> int:
        """Beams that give a share of the dose worth naming."""
        given = np.bincount(self.beam.astype(int), fluence * (self.matrix.T @ np.ones(self.matrix.shape[0])))
        return int((given > USED * given.sum()).sum())

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
            return cost, scale * (self.matrix.T @ slope)

        options = {"maxiter": iterations, "maxcor": 30, "ftol": 1e-6, "maxfun": 2 * iterations}
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
        more = 1.0 + CLOSER * within
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

        for n in range(ROUNDS):
            dose = self.matrix @ fluence
            for limit in limits:
                limit.renew(dose, first=n == 0)
            fluence = self.lowered(both, fluence, iterations)
            dose = self.matrix @ fluence
            left = {limit.name: limit.sign * (limit.value(dose) / limit.edge - 1.0) for limit in limits}
            name = max(left, key=lambda k: left[k])
            print(f"  {n}: loss {self.loss.value(dose):.4f}, {name} {left[name]:+.2%}", file=sys.stderr, flush=True)
        return fluence

    def held(self, fluence: np.ndarray, within: float, safe: np.ndarray) -> np.ndarray:
        """The farthest fluence between a safe one and this whose plan is within the limits."""
        reference = self.organ_doses(self.reference)

        def fits(step: float) -> bool:
            row = self.organ_doses(self.normed(self.matrix @ (safe + step * (fluence - safe))))
            low, high = (row[f"PTV {k}"] / reference[f"PTV {k}"] - 1.0 for k in ("D99%", "D2%"))
            return (
                low >= -TARGET_WITHIN
                and high <= TARGET_WITHIN
                and worst(row, reference)[0] <= max(within, TARGET_WITHIN)
            )

        low, high = 0.0, 1.0
        if not fits(high):
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                low, high = (middle, high) if fits(middle) else (low, middle)
            high = low
        print(f"  {high:.2f} of the way", file=sys.stderr, flush=True)
        return safe + high * (fluence - safe)

    def normed(self, dose: np.ndarray) -> np.ndarray:
        """Scaled to the reference's D95%, as plans are."""
        return dose * (hottest(self.reference[self.target], 0.95) / hottest(dose[self.target], 0.95))

    def organ_doses(self, dose: np.ndarray) -> dict[str, float]:
        """Target, organs and body. [Gy]"""
        d = dose[self.target]
        out = {"PTV D95%": hottest(d, 0.95), "PTV D99%": hottest(d, 0.99), "PTV D2%": hottest(d, 0.02)}
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
    keys = [k for k in row if not k.startswith("nadir") and k not in ("PTV D95%", "PTV D99%", "Body mean", "beams")]
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
        rows["reference"]["beams"] = case.used(case.fluence)
        print(name, f"{time.process_time() - begun:.0f} s", json.dumps(rows), flush=True)
        found: dict[float, np.ndarray] = {}
        for beams in args.beams or ("own", "more"):
            if beams == "more":
                case.with_more(args.matrices, name)
                alone = case.driven_on(case.fluence)
                row = case.told(case.normed(case.matrix @ alone))
                row["beams"] = case.used(alone)
                rows[f"{MORE_BEAMS}, {WITHOUT}"] = row
            fluence = case.fluence
            for within in args.within or (WITHIN if beams == "own" else WITHIN[:1]):
                safe = case.fluence
                if within in found:
                    fluence = safe = np.concatenate([found[within], np.zeros(len(safe) - len(found[within]))])
                fluence = case.optimised(within, args.iterations, fluence)
                kept = found[within] = case.held(fluence, within, safe)
                row = case.told(case.normed(case.matrix @ kept))
                row["beams"] = case.used(kept)
                rows[f"{within:g}" if beams == "own" else f"{MORE_BEAMS}, {within:g}"] = row
                rise, what = worst(row, rows["reference"])
                gain = row["nadir, placed"] / rows["reference"]["nadir, placed"] - 1.0
                spent = time.process_time() - begun
                print(f"{name}, {beams} within {within:g}: {gain:+.1%}, {what} {rise:+.2%}, {spent:.0f} s", flush=True)
                results[name] = {"rows": rows, "target alone": case.ceiling()}
                args.out.write_text(json.dumps(results, indent=1) + "\n")


def told_of(key: str) -> tuple[str, str]:
    """Beams and what the organs may get, in words, by the key of a row."""
    beams, held = key.split(", ") if key.startswith(MORE_BEAMS) else ("own", key)
    words = {"inf": "anything", WITHOUT: "as the reference's objectives say"}
    return beams, words.get(held) or (held if held == "reference" else f"{100 * float(held):g} % more")


def table(results: Mapping[str, Any]) -> str:
    """The front as rows of Markdown."""
    out = [
        "| plan | beams | organs may get | lowest count, organs placed | all drawn | risen most | body, mean [Gy] |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, made in results.items():
        reference = made["rows"]["reference"]
        for key, row in made["rows"].items():
            if key == "as planned":
                continue
            gains = [row[f"nadir, {w}"] / reference[f"nadir, {w}"] - 1.0 for w in ("placed", "drawn")]
            rise, what = worst(row, reference)
            beams, held = told_of(key)
            at = f"{row['nadir, placed']:.3f} of the baseline", f"{row['nadir, drawn']:.3f}"
            told = at if key == "reference" else tuple(f"{g:+.1%}".replace("%", " %") for g in gains)
            most = "" if key == "reference" else f"{what} {100 * rise:+.1f} %"
            used = f"{beams}: {row['beams']}"
            out.append(f"| {name} | {used} | {held} | {told[0]} | {told[1]} | {most} | {row['Body mean']:.2f} |")
    return "\n".join(out)


def gains(made: Mapping[str, Any], beams: str = "own", words: str = "placed") -> dict[float, float]:
    """Gain of the lowest count over the reference by the share more that the organs at risk may get. [%]"""
    reference = made["rows"]["reference"][f"nadir, {words}"]
    start = "" if beams == "own" else f"{MORE_BEAMS}, "
    keys = {within: f"{start}{within:g}" for within in WITHIN}
    return {
        w: 100.0 * (made["rows"][k][f"nadir, {words}"] / reference - 1.0) for w, k in keys.items() if k in made["rows"]
    }


def figure(results: Mapping[str, Any]) -> str:
    """The front: gain of the lowest count against what the organs at risk may get."""
    from lymphorisk.report.blood import stand_alone
    from lymphorisk.report.svg import Drawing, Scale, nice_ticks

    lines = {(name, beams): gains(made, beams) for name, made in results.items() for beams in ("own", MORE_BEAMS)}
    top = 10.0 * np.ceil(max(20.0, *(v for line in lines.values() for v in line.values())) / 10.0)
    x, y = Scale(0.0, len(WITHIN), 80, 640), Scale(0.0, top, 280, 40)
    d = Drawing(720, 350, "Lowest count against organ doses", "Gain of the lowest count, by organ limits.", "front")
    d.y_axis(y, 80, 640, nice_ticks(0.0, top, 5), "lowest count over the reference [%]")
    d.line([(80, y(15.0)), (640, y(15.0))], "soft", "7 4")
    for i, within in enumerate(WITHIN):
        said = "no limit" if np.isinf(within) else f"{100 * within:g} % more"
        d.text(x(i + 0.5), 302, said, "tick", "middle")
    d.text(360, 332, "organs at risk may get", "label", "middle")
    for (name, beams), line in lines.items():
        n = list(results).index(name)
        points = [(x(WITHIN.index(w) + 0.5), y(v)) for w, v in line.items()]
        if not points:
            continue
        d.line(points, f"curve c{n}", "" if beams == "own" else "2 4")
        for at in points:
            d.mark(*at, "circle" if n else "square", f"c{n}")
        said = name.replace("_", ", ")
        if beams == "own":
            d.text(points[-1][0] + 8, points[-1][1] - 10, said, "label", "end")
        else:
            above = points[0][1] < y(lines[name, "own"][WITHIN[0]]) - 10
            d.text(points[0][0] + 10, points[0][1] + (-8 if above else 22), f"{said}, {beams}", "label")
    return stand_alone(d.svg()).replace("<svg ", '<svg data-generator="lymphorisk" ', 1) + "\n"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("matrices", type=Path, nargs="?", help="Folder of the dose-influence matrices.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--within", type=float, action="append")
    parser.add_argument("--beams", choices=("own", "more"), action="append")
    parser.add_argument("--iterations", type=int, default=80, help="Of each round.")
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
