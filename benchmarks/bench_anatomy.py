"""How far placed organs are from the truth, and what that does to the forecast.

    python benchmarks/bench_anatomy.py [--real FOLDER] [--bodies N] [--no-fixtures] [--write]

Nadir and risk of clinical contour sets of the fixtures against all their contours; where a folder of plans with voxel
truth is given, organ doses and nadirs of clinical sets and of everything drawn against the whole body's truth; and the
errors of placed organs: clinical sets of phantoms with independently varied bodies (the whole body is known there),
and every organ left out in turn of those, of the fixtures and of the plans with truth, these also stretched to other
habitus; and what displaced contours change. `--write` puts the last into the parameters (topic ``placement``), where
reports and forecasts take it from.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from lymphorisk.analysis import Options, analyze
from lymphorisk.analysis.placed import Bodies, bodies_of, mix_of
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.source import read_source
from lymphorisk.anatomy import reference_body
from lymphorisk.dicom import Export, read_export
from lymphorisk.dvh import DoseDistribution
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.regions import Region
from lymphorisk.dvh.sections import boxes_of
from lymphorisk.organs import match
from lymphorisk.parameters import load
from lymphorisk.phantom import PhantomPlan, anatomy, phantom_plan, treatment_plan
from lymphorisk.plan import DoseGrid, Frame, Patient, Phase
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
#: Overlap (Dice) of a published program's segmentations with its readers': Wasserthal 2023, doi 10.1148/ryai.230024.
DICE = 0.943
#: Points tried in an organ's box, and halvings by which the displacement is found.
TRIED, HALVINGS = 6000, 12
#: Plans with truth as they are, short and stout, tall and slim: stretched across, front to back, along.
HABITUS = ((1.0, 1.0, 1.0), (1.12, 1.15, 0.95), (0.92, 0.9, 1.05))
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

    def row(self, organ: str) -> tuple[int, float, float, float]:
        """Number, mean and rms error, rms of the sd between bodies."""
        found = np.array(self.found.get(organ, np.full((0, 2), np.nan))).reshape(-1, 2)
        mean = float(found[:, 0].mean()) if len(found) else float("nan")
        return len(found), mean, rms(found[:, 0]), rms(found[:, 1])

    def ratio(self, organs: Iterable[str] = ORGANS) -> float:
        """rms error over the rms sd between bodies, over all plans and organs."""
        pairs = [pair for organ in organs for pair in self.found.get(organ, [])]
        return rms(e for e, _ in pairs) / rms(sd for _, sd in pairs)

    def table(self, title: str) -> None:
        print(f"\n{title}: ln(typical body's mean dose / true)")
        print(f"{'organ':14s} {'n':>3s} {'mean':>6s} {'rms':>6s} {'bodies':>6s}")
        for organ in ORGANS:
            if organ in self.found:
                n, mean, whole, between = self.row(organ)
                print(f"{organ:14s} {n:3d} {mean:6.2f} {whole:6.2f} {between:6.2f}")


@dataclass(frozen=True)
class Family:
    """Errors on bodies of one kind: clinical sets, and every organ left out in turn."""

    name: str
    few: Errors = field(default_factory=Errors)
    turn: Errors = field(default_factory=Errors)

    @property
    def both(self) -> Errors:
        return Errors({o: [*self.few.found.get(o, []), *self.turn.found.get(o, [])] for o in ORGANS})


def wider(families: Iterable[Family], organ: str) -> float:
    """rms error over the rms sd between bodies: of the family of bodies where it is larger, at least 1.

    A family with few plans of an organ lends it the ratio of all its organs.
    """
    out = [1.0]
    for family in families:
        both = family.both
        if any(both.found.values()):
            out.append(both.ratio((organ,)) if len(both.found.get(organ, [])) >= FEWEST else both.ratio())
    return max(out)


def error(families: Iterable[Family], organ: str) -> float:
    """rms error on the family of bodies where it is larger."""
    rows = [family.both.row(organ) for family in families if family.both.found.get(organ)]
    return max(r[2] for r in rows if r[0] >= FEWEST)


@dataclass(frozen=True)
class Masks:
    """ln(mean dose / mean dose where drawn) of displaced organs, displaced until they overlap as segmentations do."""

    found: dict[str, list[float]] = field(default_factory=dict)

    def add(self, regions: Mapping[str, Region], phases: tuple[Phase, ...]) -> None:
        """Every drawn organ displaced six ways."""
        for organ in ORGANS:
            if organ in regions:
                self.found.setdefault(organ, []).extend(displaced(regions[organ], phases))

    def table(self) -> None:
        print(f"\nOrgans displaced to an overlap of {DICE}: ln(mean dose / drawn)")
        for organ, e in self.found.items():
            print(f"{organ:14s} {len(e):3d} rms {rms(e):5.3f}")


def displaced(region: Region, phases: tuple[Phase, ...]) -> list[float]:
    """ln(mean dose / drawn) of an organ moved along each axis both ways until it overlaps itself as stated."""
    boxes = boxes_of(region)
    low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    tried = low + (high - low) * np.random.default_rng(1).random((TRIED, 3))
    points = tried[inside(region, tried)]
    if not len(points) or (mean := course_gy(phases, points)) < LEAST_GY:
        return []
    out = []
    for way in (*np.eye(3), *-np.eye(3)):
        near, far = 0.0, float((high - low).max())
        for _ in range(HALVINGS):
            middle = 0.5 * (near + far)
            overlaps = float(np.mean(inside(region, points + middle * way))) > DICE
            near, far = (middle, far) if overlaps else (near, middle)
        out.append(float(np.log(course_gy(phases, points + near * way) / mean)))
    return out


def course_gy(phases: tuple[Phase, ...], points: np.ndarray) -> float:
    """Mean dose over the course at points; beyond a grid that of its edge. [Gy]"""
    total = 0.0
    for phase in phases:
        grid = phase.dose
        assert grid is not None
        local = grid.to_local(points)
        axes = zip((2, 1, 0), (grid.z_mm, grid.y_mm, grid.x_mm), strict=True)
        at = [np.interp(local[:, n], axis, np.arange(len(axis))) for n, axis in axes]
        total += float(map_coordinates(grid.dose_zyx, at, order=1, mode="nearest").mean())
    return total


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


def varied(count: int, spacing_mm: float, family: Family, masks: Masks) -> None:
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
                    family.few.add(bodies, organ, true[organ])
            usual = exported(scan, USUAL, who)
            left_out(family.turn, regions_of(usual), usual.plan.phases, who, true)
            masks.add(regions_of(usual), usual.plan.phases)


def fixtures_left_out(options: Options, family: Family, masks: Masks) -> None:
    """Organs of the fixtures that are drawn as a whole, left out in turn."""
    for name in SITE_OF_FIXTURE:
        export = read_source(FIXTURES / name, options)
        assert isinstance(export, Export)
        found = prepare(export, options=options).doses.organs
        whole = {n: found[n].course.mean_gy for n in ORGANS if n in found and found[n].source == "roi"}
        left_out(family.turn, regions_of(export), export.plan.phases, export.patient, whole)
        masks.add(regions_of(export), export.plan.phases)


def stretched(export: Export, by: tuple[float, float, float]) -> Export:
    """The same person and dose stretched across, front to back and along: another habitus with the same truth."""
    factor = np.array(by)
    structures = tuple(replace(s, contours_mm=tuple(c * factor for c in s.contours_mm)) for s in export.plan.structures)
    phases = []
    for phase in export.plan.phases:
        assert phase.dose is not None
        frame = phase.dose.frame
        along = [float(np.abs(d) @ factor) for d in frame.directions]
        x, y, z = (axis * f for axis, f in zip((frame.x_mm, frame.y_mm, frame.z_mm), along, strict=True))
        other = Frame(frame.origin_mm * factor, frame.directions.copy(), x, y, z, frame.frame_of_reference)
        phases.append(replace(phase, dose=DoseGrid(phase.dose.dose_zyx.copy(), other)))
    return replace(export, plan=replace(export.plan, structures=structures, phases=tuple(phases)))


def row(name: str, value: float, place: str) -> str:
    """A line of the parameter file."""
    return (
        f'{name} = {{ value = {value:.2f}, unit = "1", source = "bench_anatomy", place = "{place}", known = "fitted" }}'
    )


def write(families: tuple[Family, ...], masks: Masks) -> None:
    """The tables as the parameters of topic ``placement``."""
    lines = ["# Errors of organs nobody drew: made by `make bench-anatomy`, not by hand.", ""]
    lines += ["# By what factor ln dose of a placed organ is farther off than placed bodies differ.", "[wider]"]
    for organ in ORGANS:
        parts = []
        for family in families:
            n, _, whole, between = family.both.row(organ)
            parts.append(f"{family.name}: {n} plans, rms {whole:.2f}, between bodies {between:.2f}" if n else "")
        lines.append(row(organ, wider(families, organ), "; ".join(filter(None, parts))))
    lines += ["", "# rms of ln(placed / true), of the family of bodies where it is larger.", "[error]"]
    lines += [row(organ, error(families, organ), "as above") for organ in ORGANS]
    lines += ["", "# rms of ln(segmented / drawn).", "[segmented]"]
    for organ, e in masks.found.items():
        if len(e) >= FEWEST:
            lines.append(row(organ, rms(e), f"{len(e)} displacements to an overlap (Dice) of {DICE}"))
    PARAMETERS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def told(families: tuple[Family, ...], masks: Masks) -> None:
    """The table of the documentation."""
    heads = "".join(" n | mean | rms | between |" for _ in families)
    print(f"\n| organ |{heads} wider | segmented |")
    for organ in ORGANS:
        cells = [
            "{} | {:.2f} | {:.2f} | {:.2f}".format(*f.both.row(organ)) for f in families if f.both.found.get(organ)
        ]
        masked = f"{rms(masks.found[organ]):.2f}" if len(masks.found.get(organ, [])) >= FEWEST else ""
        print(f"| {organ} | {' | '.join(cells)} | {wider(families, organ):.2f} | {masked} |")


def against_all(label: str, export: Export, site: str, options: Options) -> tuple[float, float]:
    """Nadir and risk of a clinical set beside those of all contours."""
    full, few = (analyze(e, Patient(alc=ALC), options) for e in (export, clinical(export, site)))
    ln, g4 = against(few, full)
    wide = [np.log(a.forecast.nadir.count.p95 / a.forecast.nadir.count.p05) for a in (few, full)]
    band = few.forecast.nadir.count
    counts = [a.forecast.nadir.count.p95 - a.forecast.nadir.count.p05 for a in (few, full)]
    holds = band.p05 <= full.forecast.nadir.count.p50 <= band.p95
    held, counted = "yes" if holds else "NO", counts[0] / counts[1]
    print(f"{label:24s} {ln:7.3f} {g4:7.3f} {wide[0] / wide[1]:10.2f} {counted:9.2f} {held:>6s}")
    return ln, g4


def against(a: Analysis, b: Analysis) -> tuple[float, float]:
    ln = float(np.log(a.forecast.nadir.count.p50 / b.forecast.nadir.count.p50))
    return ln, a.risk.mechanistic["g4"] - b.risk.mechanistic["g4"]


def fixtures(options: Options) -> None:
    """Clinical sets of the fixtures against all their contours."""
    print("\nFixtures, clinical set against all contours")
    print(f"{'plan':24s} {'ln nadir':>8s} {'dP(G4)':>6s} {'band ratio':>10s} {'in counts':>9s} {'holds':>6s}")
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


def real(root: Path, options: Options, family: Family, masks: Masks) -> None:
    """Plans with voxel truth: organs and nadirs of the clinical set and of everything drawn."""
    errors: dict[str, list[float]] = {}
    lines = []
    for folder in sorted(p.parent for p in root.glob("*/TRUTH_from_voxel_masks.csv")):
        site = next(s for s in CLINICAL if folder.name.startswith(s))
        export = read_export(folder)
        sex = export.patient.sex or ("F" if "female" in folder.name else "M")
        who = Patient(alc=ALC, sex=sex)
        true = {n: row["mean_Gy"] for n, row in truth(folder).items() if n in ORGANS}
        for by in HABITUS:
            one = stretched(export, by)
            clinic = regions_of(clinical(one, site))
            bodies = bodies_of(clinic, one.plan.phases, who, options.seed)
            for organ in true:
                if isinstance(bodies, Bodies) and without(clinic, organ).keys() == clinic.keys():
                    family.few.add(bodies, organ, true[organ])
            left_out(family.turn, regions_of(one), one.plan.phases, who, true)
        masks.add(regions_of(export), export.plan.phases)
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
    voxels, phantoms, masks = Family("voxel phantoms"), Family("phantoms"), Masks()
    if args.real is not None:
        real(args.real, options, voxels, masks)
    if not args.no_fixtures:
        fixtures(options)
        fixtures_left_out(options, phantoms, masks)
    if args.bodies:
        varied(args.bodies, 8.0, phantoms, masks)
    families = tuple(f for f in (phantoms, voxels) if any(f.both.found.values()))
    for family in families:
        family.few.table(f"{family.name}, clinical sets, organs not drawn")
        family.turn.table(f"{family.name}, every organ left out in turn")
    masks.table()
    told(families, masks)
    if args.write:
        write(families, masks)


if __name__ == "__main__":
    main()
