"""One simulated plan: a drawn body, a usual treatment of it, and what its blood and lymphocytes meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from lymphorisk.analysis.row import RowPhase, feature_row
from lymphorisk.calibration.anchors import exposure, mixed, numbers
from lymphorisk.circulation.chain import Transits, chain, mean_gy, solve
from lymphorisk.circulation.lanes import LaneDose, PhaseBlood, adapted, lanes_from_distribution
from lymphorisk.circulation.network import Network, build, nadler_l, personal
from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import ScenarioError
from lymphorisk.features import FeatureVector
from lymphorisk.lymphocyte.course import Course, PhaseExposure, course_from_dict
from lymphorisk.organs.cover import blood_cover, pool_cover
from lymphorisk.parameters import load
from lymphorisk.parameters.network import network_key, network_table
from lymphorisk.phantom import SITES, phantom_plan
from lymphorisk.plan import Patient, Phase
from lymphorisk.plan.words import Modality
from lymphorisk.simulated.clinic import seen

#: What each arm of the simulated cohort is in the phantom: site, modality, technique (empty: the site's usual one).
ARMS: Mapping[str, tuple[str, Modality, str]] = {
    "brain_photon": ("brain", "photon", ""),
    "brain_proton": ("brain", "proton", ""),
    "whole_brain": ("whole_brain", "photon", ""),
    "head_neck_photon": ("head_neck", "photon", ""),
    "head_neck_proton": ("head_neck", "proton", ""),
    "breast_photon": ("breast", "photon", ""),
    "breast_right_photon": ("breast_right", "photon", ""),
    "breast_proton": ("breast", "proton", ""),
    "lung_photon": ("lung", "photon", ""),
    "lung_proton": ("lung", "proton", ""),
    "lung_sbrt": ("lung_sbrt", "photon", ""),
    "esophagus_photon": ("esophagus", "photon", ""),
    "esophagus_proton": ("esophagus", "proton", ""),
    "gastric_photon": ("gastric", "photon", ""),
    "gastric_proton": ("gastric", "proton", ""),
    "liver_photon": ("liver", "photon", ""),
    "liver_proton": ("liver", "proton", ""),
    "pancreas_photon": ("pancreas", "photon", ""),
    "pancreas_proton": ("pancreas", "proton", ""),
    "pelvis_photon": ("pelvis", "photon", ""),
    "pelvis_arc": ("pelvis", "photon", "arc"),
    "pelvis_proton": ("pelvis", "proton", ""),
    "prostate_photon": ("prostate", "photon", ""),
    "prostate_proton": ("prostate", "proton", ""),
    "lymphoma_photon": ("lymphoma", "photon", ""),
    "lymphoma_proton": ("lymphoma", "proton", ""),
    "large_volume": ("large_volume", "photon", ""),
    "whole_body": ("whole_body", "photon", ""),
    # further sites stand after: the streams of chance go by place
    "rectum_photon": ("rectum", "photon", ""),
    "bladder_photon": ("bladder", "photon", ""),
    "limb_photon": ("limb", "photon", ""),
    "prostate_nodes_photon": ("prostate_nodes", "photon", ""),
    "mediastinum_photon": ("mediastinum", "photon", ""),
    "mediastinum_proton": ("mediastinum", "proton", ""),
    "craniospinal_photon": ("csi", "photon", ""),
    "craniospinal_proton": ("csi", "proton", ""),
    "oligometastases_photon": ("oligometastases", "photon", ""),
}
#: Blood of a simulated plan is solved with few stages and lanes: kill within 2 % of the full engine, at a tenth of
#: its cost (tests/train/test_insilico.py measures it).
STAGES, LANES = 2, 2
#: Bins of an organ's dose on the way to the lanes.
BINS = 48
#: Classes of the irradiated blood's dose, a gamma distribution of the exact mean and spread.
BLOOD_CLASSES = 8
#: Classes of a pool's dose: enough for kill to 1e-3, few enough for thousands of courses in memory.
POOL_CLASSES = 32
#: Bodies the phantom can draw: BMI [kg/m2] and height [cm].
BMI_LIMITS = (16.0, 48.0)
HEIGHT_LIMITS = (145.0, 205.0)
#: Pools whose organ is made of several.
POOL_NAMES = (("marrow", "BoneMarrow"), ("nodes", "LN"), ("gut", "Bowel"))
#: Tries to draw a body in which the target lies inside.
TRIES = 8


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPlan:
    """A plan as the cohort keeps it.

    Attributes
    ----------
    arm, site : str
        Arm of the cohort; site as `Patient` names it.
    sex : str
    height_cm, weight_kg : float
    exposure : PhaseExposure
        Per-fraction doses of blood and pools. [Gy]
    features : FeatureVector
        Of the plan alone; the patient's facts are filled in later.
    prescription_gy : float
    """

    arm: str
    site: str
    sex: str
    height_cm: float
    weight_kg: float
    exposure: PhaseExposure
    features: FeatureVector
    prescription_gy: float


@cache
def topic(name: str) -> Mapping[str, float | tuple[float, ...]]:
    """Parameters of a topic, plain."""
    return {key: p.value for key, p in load(name).items()}


def scalar(name: str, of: str = "predictor") -> float:
    """One number."""
    value = topic(of)[name]
    assert not isinstance(value, tuple), name
    return value


def several(name: str, of: str = "predictor") -> tuple[float, ...]:
    """A list of numbers."""
    value = topic(of)[name]
    return value if isinstance(value, tuple) else (value,)


@cache
def reference_network(sex: str) -> Network:
    """The 32-compartment adult network."""
    t = network_table(network_key(sex, "32"))
    return build(t.names, t.volume_pct, t.edges, t.blood_volume_l, t.cardiac_output_l_min, t.title)


def network_of(sex: str, height_cm: float, weight_kg: float) -> Network:
    """The network with the body's own blood volume."""
    key = f"nadler.{'male' if sex == 'M' else 'female'}"
    volume = nadler_l(
        height_cm, weight_kg, *(scalar(f"{key}.{part}", "circulation") for part in ("height", "weight", "offset"))
    )
    return personal(reference_network(sex), volume)


def lanes_of(network: Network, per_fraction: Mapping[str, DoseDistribution], beams: int) -> dict[str, LaneDose]:
    """Lanes of every compartment: its organs by the share they hold, the body's dose for the rest."""
    cover = blood_cover(set(per_fraction), "32")
    even = [1.0 / beams] * beams
    out = {}
    for name in network.names:
        dose = mixed(cover.get(name, ()), per_fraction, per_fraction["Body"]).rebinned(BINS)
        if dose.mean_gy > 0:
            out[name] = lanes_from_distribution(dose, even)
    return out


def gamma_classes(mean_gy: float, sd_gy: float, untouched: float) -> DoseDistribution:
    """Blood dose of a fraction: a share without dose, the rest gamma distributed with the exact mean and spread.

    Examples
    --------
    >>> d = gamma_classes(0.3, 0.2, 0.1)
    >>> round(d.mean_gy, 12), round(float(d.share[0]), 12)
    (0.3, 0.1)
    """
    from scipy.special import gammainc, gammaincinv

    hit = 1.0 - untouched
    mean = mean_gy / hit
    variance = (sd_gy**2 + mean_gy**2) / hit - mean**2
    if mean <= 0:
        return DoseDistribution(np.zeros(1), np.ones(1))
    if variance <= (1e-6 * mean) ** 2:
        dose = np.full(1, mean)
    else:
        shape = mean**2 / variance
        # Halving shares towards the tail: the few far-out doses carry the spread.
        cut = 1.0 - 0.5 ** np.arange(BLOOD_CLASSES)
        edge = np.append(gammaincinv(shape, cut), np.inf)
        part = np.diff(np.append(gammainc(shape + 1.0, edge[:-1]), 1.0))
        dose = mean * part / np.diff(np.append(cut, 1.0))
    share = np.diff(np.append(1.0 - 0.5 ** np.arange(len(dose)), 1.0)) * hit
    if untouched > 0:
        dose, share = np.append(0.0, dose), np.append(untouched, share)
    return DoseDistribution(np.maximum.accumulate(dose), share / share.sum())


@dataclass(frozen=True, slots=True, eq=False)
class QuickBlood:
    """Blood of one fraction: exact mean [Gy], spread and untouched share; kill of the default survival set."""

    distribution: DoseDistribution
    mean_gy: float
    killed: float


def quick_blood(network: Network, phase: Phase, per_fraction: Mapping[str, DoseDistribution]) -> QuickBlood:
    """Blood dose of one fraction by the exact chain with few stages and lanes."""
    on = np.array([b.on_s if b.on_s is not None else scalar("photon_beam_on", "delivery") for b in phase.beams])
    gap = scalar("gap", "delivery")
    start = np.array([on[:i].sum() + gap * i for i in range(len(on))])
    blood = PhaseBlood(phase.fractions, on, start, lanes_of(network, per_fraction, len(on)))
    resistant = scalar("survival.combined.resistant_share", "lymphocyte")
    rates = [1.0 / scalar(f"survival.combined.d0_{kind}", "lymphocyte") for kind in ("sensitive", "resistant")]
    c = chain(network, adapted(network, blood, LANES), STAGES)
    solved = solve(c, -np.array(rates), Transits(network, STAGES))
    left = (1.0 - resistant) * solved.transform[0].real + resistant * solved.transform[1].real
    mean = mean_gy(c)
    # Least dose any blood gets is not zero when every organ has scatter; the untouched share then starts there.
    least = float(sum(c.dose_gy[b].min() for b in range(len(c.on_s))))
    untouched = min(solved.untouched, 1.0 - 1e-9) if least == 0 else 0.0
    return QuickBlood(gamma_classes(mean, solved.sd_gy, untouched), mean, float(1.0 - left))


def packed(plan: SimulatedPlan) -> dict[str, Any]:
    """The plan as plain data that travels between processes; `unpacked` makes the same plan again."""
    return {
        "facts": (plan.arm, plan.site, plan.sex, plan.height_cm, plan.weight_kg),
        "course": Course((plan.exposure,)).to_dict(),
        "features": plan.features.values.tolist(),
        "missing": dict(plan.features.missing),
        "prescription_gy": plan.prescription_gy,
    }


def unpacked(data: Mapping[str, Any]) -> SimulatedPlan:
    """The plan that `packed` wrote."""
    arm, site, sex, height_cm, weight_kg = data["facts"]
    return SimulatedPlan(
        arm=arm,
        site=site,
        sex=sex,
        height_cm=height_cm,
        weight_kg=weight_kg,
        exposure=course_from_dict(data["course"]).phases[0],
        features=FeatureVector(np.array(data["features"]), missing=data["missing"]),
        prescription_gy=data["prescription_gy"],
    )


def simulated_plan(arm: str, seed: int, index: int, *, clinic: bool = False) -> SimulatedPlan:
    """The `index`-th plan of an arm; same seed, same plan.

    With `clinic` its features see organs as a clinic's export gives them (`simulated.clinic`): the usual contours,
    the rest placed. What blood and lymphocytes meet stays the truth.
    """
    which = [seed, list(ARMS).index(arm), index]
    rng = np.random.default_rng(which)
    drawing = np.random.default_rng([*which, 1]) if clinic else None
    for _ in range(TRIES):
        try:
            return _plan(arm, rng, drawing)
        except ScenarioError:
            continue
    raise ScenarioError(f"no body could be drawn for {arm} in {TRIES} tries")


def drawn_body(arm: str, rng: np.random.Generator) -> tuple[str, float, float]:
    """Sex, height [cm] and weight [kg] of a patient of an arm."""
    sex = "F" if rng.random() < scalar(f"arm.{arm}.female") else "M"
    male, female, spread = several("patient.height_cm")
    height = float(np.clip(rng.normal(male if sex == "M" else female, spread), *HEIGHT_LIMITS))
    median, sd = several("patient.bmi")
    bmi = float(np.clip(median * np.exp(sd * rng.standard_normal()), *BMI_LIMITS))
    return sex, height, bmi * (height / 100.0) ** 2


def _between(rng: np.random.Generator, name: str) -> float:
    low, high = several(name)
    return float(rng.uniform(low, high))


def _plan(arm: str, rng: np.random.Generator, drawing: np.random.Generator | None) -> SimulatedPlan:
    site, modality, technique = ARMS[arm]
    sex, height, weight = drawn_body(arm, rng)
    fractions, prescription = several(f"arm.{arm}.fractions"), several(f"arm.{arm}.prescription")
    # The first schedule is the usual one: half of the plans.
    odds = np.array([1.0] + [1.0 / (len(fractions) - 1)] * (len(fractions) - 1)) if len(fractions) > 1 else np.ones(1)
    choice = int(rng.choice(len(fractions), p=odds / odds.sum()))
    return treated(
        arm,
        site,
        modality,
        technique,
        sex,
        height,
        weight,
        round(fractions[choice]),
        prescription[choice],
        rng,
        stretch=_between(rng, "plan.stretch") if rng.random() < scalar("plan.stretched_share") else 1.0,
        drawing=drawing,
    )


def met_by(phase: Phase, organs: Mapping[str, DoseDistribution], sex: str) -> PhaseExposure:
    """What the pools meet in a fraction, in `POOL_CLASSES` doses each, from the organs' doses of the phase [Gy]."""
    met = exposure(phase, organs, sex)
    return replace(met, pools={name: d.rebinned(POOL_CLASSES) for name, d in met.pools.items()})


def treated(
    arm: str,
    site: str,
    modality: Modality,
    technique: str,
    sex: str,
    height: float,
    weight: float,
    fractions: int,
    prescription: float,
    rng: np.random.Generator,
    stretch: float = 1.0,
    size: float = 1.0,
    drawing: np.random.Generator | None = None,
) -> SimulatedPlan:
    """A site treated in a drawn body, as blood, lymphocytes and features see it.

    `stretch` widens the PTV margin, `size` the tumour (its diameter) around which sizes are drawn. With `drawing` the
    features see what a clinic draws by that chance, and the rest placed.
    """
    phantom = topic("phantom")
    usual_margin, usual_field = (phantom[f"site.{site}.{kind}_margin"] for kind in ("ptv", "field"))
    assert not isinstance(usual_margin, tuple)
    assert not isinstance(usual_field, tuple)
    plan = phantom_plan(
        numbers(),
        site,
        sex=sex,
        height_cm=height,
        weight_kg=weight,
        rng=rng,
        modality=modality,
        technique=technique or None,
        fractions=fractions,
        prescription_gy=prescription,
        margin_mm=usual_margin * _between(rng, "plan.margin_factor") * stretch,
        field_margin_mm=usual_field * _between(rng, "plan.field_margin_factor"),
        size=size * float(np.exp(scalar("plan.size_sd") * rng.standard_normal())),
    )
    phase = plan.phases[0]
    organs = {
        name: d
        for name, d in plan.organ_doses()[0].items()
        if not name.startswith(("PTV", "GTV")) and name != "BoneMarrow"
    }
    met = met_by(phase, organs, sex)
    to_fraction = 1.0 / (phase.fractions * phase.rbe_in_dose)
    network = network_of(sex, height, weight)
    blood = told = quick_blood(network, phase, {name: d.scaled(to_fraction) for name, d in organs.items()})
    known = met
    volumes = {name: plan.grid.volume_cm3(name) for name in plan.grid.owned}
    if drawing is not None:
        organs, drawn = seen(plan, organs, sex, height, drawing)
        told = quick_blood(network, phase, {name: d.scaled(to_fraction) for name, d in organs.items()})
        known = met_by(phase, organs, sex)
        volumes = {n: v for n, v in volumes.items() if n in drawn or n.startswith("PTV")}
    physical = {name: d.scaled(1.0 / phase.rbe_in_dose) for name, d in organs.items()}
    cover = pool_cover(set(organs))
    for pool, organ in POOL_NAMES:
        physical[organ] = mixed(cover.get(pool, ()), physical, physical["Body"])
    features = feature_row(
        patient=Patient(sex=sex, height_cm=height, weight_kg=weight, site=SITES[site].patient_site),
        phases=[RowPhase(fractions, modality, prescription, told.killed, {**known.pools, "blood": told.distribution})],
        physical=physical,
        volumes_cm3=volumes,
        ptv_cm3=[v for name, v in volumes.items() if name.startswith("PTV")],
        blood_mean_gy=told.mean_gy * fractions,
        surrogates={organ for pool, organ in POOL_NAMES if pool not in cover},
    )
    return SimulatedPlan(
        arm=arm,
        site=SITES[site].patient_site,
        sex=sex,
        height_cm=height,
        weight_kg=weight,
        exposure=replace(met, blood=blood.distribution),
        features=features,
        prescription_gy=prescription,
    )
