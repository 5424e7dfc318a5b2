"""How far placed organs are from the truth, and what that does to the forecast.

    python benchmarks/bench_anatomy.py [--real FOLDER] [--bodies N] [--no-fixtures] [--write]

Nadir and risk of clinical contour sets of the fixtures against all their contours; where a folder of plans with voxel
truth is given, organ doses and nadirs of clinical sets and of everything drawn against the whole body's truth; and the
errors of placed organs: clinical sets of phantoms with independently varied bodies (the whole body is known there),
and every organ left out in turn of those, of the fixtures and of the plans with truth. `--write` puts the last into
the parameters (topic ``placement``), where the reports take it from.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lymphorisk.analysis import Options, analyze
from lymphorisk.analysis.placed import Bodies, bodies_of, mix_of
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.source import read_source
from lymphorisk.anatomy import reference_body
from lymphorisk.dicom import Export, read_export
from lymphorisk.dvh import DoseDistribution
from lymphorisk.dvh.regions import Region
from lymphorisk.organs import match
from lymphorisk.parameters import load
from lymphorisk.phantom import PhantomPlan, anatomy, phantom_plan, treatment_plan
from lymphorisk.plan import Patient, Phase
from lymphorisk.scenario import Scenario

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "rtplans"
NUMBERS = {name: p.value for name, p in load("phantom").items()}
#: What clinics usually export, by site.
CLINICAL: Mapping[str, tuple[str, ...]] = {
    "brain": ("Brain", "Brainstem", "Eye_L", "Eye_R"),
    "head_neck": ("Parotid_L", "Parotid_R", "SpinalCord", "Brainstem"),
    "breast": ("Lung_L", "Lung_R", "Heart"),
    "lung": ("Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord"),
    "esophagus": ("Lung_L", "Lung_R", "Heart", "SpinalCord", "Liver"),
    "pancreas": ("Kidney_L", "Kidney_R", "Kidneys", "Liver", "Stomach", "SpinalCord"),
    "gastric": ("Kidney_L", "Kidney_R", "Liver", "Heart", "SpinalCord"),
    "pelvis": ("Bladder", "Rectum", "Femur_Head_L", "Femur_Head_R", "Bowel_Small"),
    "prostate": ("Bladder", "Rectum", "Femur_Head_L", "Femur_Head_R"),
    "lymphoma": ("Lung_L", "Lung_R", "Heart", "SpinalCord", "Liver", "Kidney_L", "Kidney_R"),
    "tbi": ("Lung_L", "Lung_R"),
}
SITE_OF_FIXTURE = {
    "brain": "brain",
    "breast_tangents": "breast",
    "lung": "lung",
    "esophagus_photon": "esophagus",
    "esophagus_proton": "esophagus",
    "pancreas": "pancreas",
    "pelvis": "pelvis",
    "two_phase": "pelvis",
    "large_volume_low_dose": "lymphoma",
    "tbi": "tbi",
}
ORGANS = ("Spleen", "LN", "BoneMarrow", "Bowel", "Lungs", "Heart", "A_Aorta", "V_Venacava_I", "Liver", "Kidneys",
          "Brain", "Glnd_Thymus")  # fmt: skip
BODIES = (
    ("M", 176.0, 73.0), ("F", 163.0, 60.0), ("M", 182.0, 110.0),
    ("F", 158.0, 90.0), ("M", 168.0, 58.0), ("F", 170.0, 52.0),
)  # fmt: skip
#: Rows of the truth files by the organ they are.
TRUE_NAMES = {
    "Spleen": "Spleen", "Liver": "Liver", "Heart": "Heart", "Lungs": "Lungs", "Bowel": "Bowel", "LN": "LN",
    "BoneMarrow": "BoneMarrow", "BoneMarrow_RBM_sites": "BoneMarrow", "GreatVessels_Trunk": "GreatVes_Trunk",
    "Thymus": "Glnd_Thymus", "Brain": "Brain", "Kidneys": "Kidneys", "Stomach": "Stomach", "Pancreas": "Pancreas",
    "BODY": "Body",
}  # fmt: skip
#: Drawn beside the clinical set where organs of the varied phantoms are left out in turn.
USUAL = ("Lung_L", "Lung_R", "Heart", "Liver", "Kidney_L", "Kidney_R", "Spleen", "Stomach", "SpinalCord", "Bladder",
         "Femur_Head_L", "Femur_Head_R", "Brain")  # fmt: skip
#: True mean doses below this are not compared. [Gy]
LEAST_GY = 0.01
#: Fewest errors a row of the table rests on.
FEWEST = 6
PARAMETERS = HERE.parent / "lymphorisk" / "parameters" / "data" / "placement.toml"
VOLUME_DOSES = (2.0, 5.0, 10.0, 20.0)
ALC = 1.6


def clinical(export: Export, site: str) -> Export:
    """The export with the contours a clinic draws: body, targets, usual organs at risk."""
    matching = match(export.plan.structures)
    keep = {t.structure.number for t in matching.targets}
    for name in ("Body", *CLINICAL[site]):
        if name in matching.organs:
            keep |= set(matching.organs[name].roi_numbers)
    kept = tuple(s for s in export.plan.structures if s.number in keep)
    return replace(export, plan=replace(export.plan, structures=kept))


def exported(plan: PhantomPlan, names: Iterable[str], patient: Patient) -> Export:
    """A phantom plan as a reader would hand it over."""
    drawn = ("Body", *(n for n in names if n in plan.body.shapes), *plan.targets)
    made = treatment_plan(plan, plane_mm=plan.grid.spacing_mm, names=drawn)
    return Export(plan=made, patient=patient, findings=(), inputs=())


def true_means(plan: PhantomPlan) -> dict[str, float]:
    """Mean doses of whole organs of a phantom on a grid of the whole body, joined as the program joins them. [Gy]"""
    known = {name: d.mean_gy for name, d in plan.organ_doses()[0].items()}
    single = {n: m for n, m in known.items() if n not in ORGANS or n in plan.body.shapes}
    out = {}
    for organ in ORGANS:
        mix = mix_of(organ, single)
        if mix is not None:
            out[organ] = sum(w * single[n] for n, w in mix.items())
    return out


def rms(values: Iterable[float]) -> float:
    array = np.array(list(values))
    return float(np.sqrt(np.mean(array**2))) if len(array) else float("nan")


@dataclass(frozen=True)
class Errors:
    """Of each placed organ: ln(typical body's mean dose / true mean dose) and the sd between bodies, plan by plan."""

    found: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, bodies: Bodies, organ: str, true_gy: float) -> None:
        mix = bodies.mix(organ)
        if mix is None or true_gy < LEAST_GY:
            return
        means = np.maximum(bodies.dosed.means(mix).sum(axis=0), 1e-4)
        error = float(np.log(np.median(means) / true_gy))
        self.found.setdefault(organ, []).append((error, float(np.log(means).std())))

    def rows(self) -> dict[str, tuple[int, float, float, float, float]]:
        """By organ: number, mean and rms error, rms of the sd between bodies, and what the error has beyond that."""
        out = {}
        for organ in ORGANS:
            error, sd = np.array(self.found.get(organ, np.zeros((0, 2)))).reshape(-1, 2).T
            if len(error):
                whole, between = rms(error), rms(sd)
                beyond = float(np.sqrt(max(whole**2 - between**2, 0.0)))
                out[organ] = (len(error), float(error.mean()), whole, between, beyond)
        return out

    def table(self, title: str) -> None:
        print(f"\n{title}: ln(typical body's mean dose / true)")
        print(f"{'organ':14s} {'n':>3s} {'mean':>6s} {'rms':>6s} {'bodies':>6s} {'beyond':>6s}")
        for organ, (n, mean, whole, between, beyond) in self.rows().items():
            print(f"{organ:14s} {n:3d} {mean:6.2f} {whole:6.2f} {between:6.2f} {beyond:6.2f}")


def regions_of(export: Export) -> dict[str, Region]:
    return {name: m.region for name, m in match(export.plan.structures).organs.items()}


def without(regions: Mapping[str, Region], organ: str) -> dict[str, Region]:
    """The regions without an organ, its parts, and what it is a part of."""
    known = known_organs()
    own = set(mix_of(organ, known) or ())
    return {n: r for n, r in regions.items() if n == "Body" or not own & set(mix_of(n, known) or ())}


def known_organs() -> Mapping[str, object]:
    """Organs of the reference body."""
    extra = {n: p.value for n, p in load("anatomy").items()}
    return reference_body(NUMBERS, "M", extra).organs


def left_out(
    errors: Errors, regions: Mapping[str, Region], phases: tuple[Phase, ...], who: Patient, true: Mapping[str, float]
) -> None:
    """Every organ that is drawn, left out in turn and placed by the others."""
    for organ, true_gy in true.items():
        rest = without(regions, organ)
        if len(rest) < len(regions) and true_gy >= LEAST_GY:
            bodies = bodies_of(rest, phases, who, 1)
            if isinstance(bodies, Bodies):
                errors.add(bodies, organ, true_gy)


def varied(count: int, spacing_mm: float, few: Errors, turn: Errors) -> None:
    """Clinical sets of independently varied phantoms against their own whole body, and organs left out in turn."""
    for i, site in enumerate(s for s in CLINICAL if s not in ("tbi", "lymphoma")):
        for j in range(count):
            sex, height, weight = BODIES[(2 * i + 3 * j) % len(BODIES)]
            if site in ("breast", "prostate"):
                sex, height, weight = [b for b in BODIES if (b[0] == "F") is (site == "breast")][j % 3]
            body = anatomy(NUMBERS, sex=sex, height_cm=height, weight_kg=weight, rng=np.random.default_rng([i, j]))
            true = true_means(phantom_plan(NUMBERS, site, body=body, spacing_mm=spacing_mm))
            scan = phantom_plan(NUMBERS, site, body=body, spacing_mm=spacing_mm, whole_body=False)
            who = Patient(sex=sex)
            clinic = exported(scan, CLINICAL[site], who)
            regions = regions_of(clinic)
            bodies = bodies_of(regions, clinic.plan.phases, who, 1)
            for organ in true:
                if isinstance(bodies, Bodies) and without(regions, organ).keys() == regions.keys():
                    few.add(bodies, organ, true[organ])
            usual = exported(scan, USUAL, who)
            left_out(turn, regions_of(usual), usual.plan.phases, who, true)


def fixtures_left_out(options: Options, turn: Errors) -> None:
    """Organs of the fixtures that are drawn as a whole, left out in turn."""
    for name in SITE_OF_FIXTURE:
        export = read_source(FIXTURES / name, options)
        assert isinstance(export, Export)
        found = prepare(export, options=options).doses.organs
        whole = {n: found[n].course.mean_gy for n in ORGANS if n in found and found[n].source == "roi"}
        left_out(turn, regions_of(export), export.plan.phases, export.patient, whole)


def write(errors: Errors) -> None:
    """The table as the parameters of topic ``placement``."""
    lines = [
        "# Errors of placed organs beyond what placed bodies differ by: made by `make bench-anatomy`, not by hand.",
        "",
        "[beyond]",
    ]
    for organ, (n, mean, whole, between, beyond) in errors.rows().items():
        if n >= FEWEST:
            place = f"{n} plans, rms {whole:.2f}, mean {mean:.2f}, between bodies {between:.2f}"
            lines.append(
                f'{organ} = {{ value = {beyond:.2f}, unit = "1", source = "bench_anatomy", place = "{place}", '
                'known = "fitted" }'
            )
    PARAMETERS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def against_all(label: str, export: Export, site: str, options: Options) -> tuple[float, float]:
    """Nadir and risk of a clinical set beside those of all contours."""
    full, few = (analyze(e, Patient(alc=ALC), options) for e in (export, clinical(export, site)))
    ln, g4 = against(few, full)
    wide = [np.log(a.forecast.nadir.count.p95 / a.forecast.nadir.count.p05) for a in (few, full)]
    band = few.forecast.nadir.count
    holds = band.p05 <= full.forecast.nadir.count.p50 <= band.p95
    print(f"{label:24s} {ln:7.3f} {g4:7.3f} {wide[0] / wide[1]:10.2f} {'yes' if holds else 'NO':>6s}")
    return ln, g4


def against(a: Analysis, b: Analysis) -> tuple[float, float]:
    ln = float(np.log(a.forecast.nadir.count.p50 / b.forecast.nadir.count.p50))
    return ln, a.risk.mechanistic["g4"] - b.risk.mechanistic["g4"]


def fixtures(options: Options) -> None:
    """Clinical sets of the fixtures against all their contours."""
    print("\nFixtures, clinical set against all contours")
    print(f"{'plan':24s} {'ln nadir':>8s} {'dP(G4)':>6s} {'band ratio':>10s} {'holds':>6s}")
    rows = []
    for name, site in SITE_OF_FIXTURE.items():
        export = read_source(FIXTURES / name, options)
        assert isinstance(export, Export)
        rows.append(against_all(name, export, site, options))
    ln = np.abs([r[0] for r in rows])
    worst = max(abs(r[1]) for r in rows)
    print(f"|ln nadir| median {np.median(ln):.3f}, worst {ln.max():.3f}; |dP(G4)| worst {worst:.3f}")


def truth(folder: Path) -> dict[str, dict[str, float]]:
    """The whole body's rows of a truth file."""
    with (folder / "TRUTH_from_voxel_masks.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r.get("scope", "body") == "body"]
    found = {r["roi"]: {k: float(v) for k, v in r.items() if k not in ("roi", "scope")} for r in rows}
    for whole, parts in {"LN": ("LN_Trunk", "LN_Head"), "Lungs": ("Lung_L", "Lung_R")}.items():
        if whole not in found:
            volumes = [found[p]["volume_cc"] for p in parts]
            found[whole] = {
                k: float(np.average([found[p][k] for p in parts], weights=volumes)) for k in found[parts[0]]
            }
    return {name: found[row] for row, name in TRUE_NAMES.items() if row in found}


def distribution(row: Mapping[str, float]) -> DoseDistribution:
    """A dose distribution through the points of a truth row, with its mean."""
    points = {1.0: row["min_Gy"], 0.95: row["D95_Gy"], 0.5: row["D50_Gy"], 0.02: row["D2_Gy"], 0.0: row["max_Gy"]}
    for dose in VOLUME_DOSES:
        points.setdefault(row[f"V{dose:g}_pct"] / 100, dose)
    share = np.array(sorted(points, reverse=True))
    dose = np.maximum.accumulate([points[s] for s in share])
    middle = np.linspace(1.0, 0.0, 401)
    middle = 0.5 * (middle[1:] + middle[:-1])
    value = np.interp(1.0 - middle, 1.0 - share, dose)
    if row["mean_Gy"] > 0.0:
        value = value * row["mean_Gy"] / value.mean()
    return DoseDistribution(value, np.full(len(value), 1.0 / len(value)))


def with_truth(folder: Path, export: Export) -> Scenario:
    """The plan's course with the true doses of whole organs, as a scenario gives them."""
    phases = tuple(replace(p, dose=None) for p in export.plan.phases)
    doses = {name: distribution(row) for name, row in truth(folder).items()}
    return Scenario(
        label=folder.name,
        phases=phases,
        organ_doses=(doses,),
        patient=export.patient,
        findings=(),
        sha256="",
    )


def real(root: Path, options: Options, few: Errors, turn: Errors) -> None:
    """Plans with voxel truth: organs and nadirs of the clinical set and of everything drawn."""
    errors: dict[str, list[float]] = {}
    lines = []
    for folder in sorted(p.parent for p in root.glob("*/TRUTH_from_voxel_masks.csv")):
        site = next(s for s in CLINICAL if folder.name.startswith(s))
        export = read_export(folder)
        sex = export.patient.sex or ("F" if "female" in folder.name else "M")
        who = Patient(alc=ALC, sex=sex)
        true = {n: row["mean_Gy"] for n, row in truth(folder).items() if n in ORGANS}
        clinic = regions_of(clinical(export, site))
        bodies = bodies_of(clinic, export.plan.phases, who, options.seed)
        for organ in true:
            if isinstance(bodies, Bodies) and without(clinic, organ).keys() == clinic.keys():
                few.add(bodies, organ, true[organ])
        left_out(turn, regions_of(export), export.plan.phases, who, true)
        whole = analyze(with_truth(folder, export), who, options)
        for label, one in (("clinical", clinical(export, site)), ("all drawn", export)):
            start = time.perf_counter()
            a = analyze(one, who, options)
            ln, g4 = against(a, whole)
            lines.append(f"{folder.name:20s} {label:10s} {ln:8.3f} {g4:8.3f} {time.perf_counter() - start:8.1f} s")
            for name, row in truth(folder).items():
                if name in a.organs and row["mean_Gy"] > 0.01 and name != "Body":
                    error = float(np.log(max(a.organs[name].course.mean_gy, 1e-4) / row["mean_Gy"]))
                    errors.setdefault(f"{label}: {name}", []).append(error)
    print("\nPlans with voxel truth: ln nadir and P(G4) against the whole body's")
    print("\n".join(lines))
    print("\nrms of ln(mean dose / truth) of whole organs")
    for name, e in sorted(errors.items()):
        print(f"{name:28s} rms {rms(e):5.2f}   {' '.join(f'{v:6.2f}' for v in e)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, help="folder of plans with TRUTH_from_voxel_masks.csv")
    parser.add_argument("--bodies", type=int, default=3, help="varied bodies a site; 0 leaves the phantoms out")
    parser.add_argument("--missing", default="placed", choices=("placed", "diluted"))
    parser.add_argument("--no-fixtures", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the errors into the parameters")
    args = parser.parse_args()
    options = Options(missing=args.missing)
    few, turn = Errors(), Errors()
    if args.real is not None:
        real(args.real, options, few, turn)
    if not args.no_fixtures:
        fixtures(options)
        fixtures_left_out(options, turn)
    if args.bodies:
        varied(args.bodies, 8.0, few, turn)
    few.table("Clinical sets, organs not drawn")
    turn.table("Every organ left out in turn")
    both = Errors({o: [*few.found.get(o, []), *turn.found.get(o, [])] for o in ORGANS})
    both.table("Both")
    if args.write:
        write(both)


if __name__ == "__main__":
    main()
