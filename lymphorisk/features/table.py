"""A plan and a patient as one row of features; what is not known stays missing, with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution, mixture
from lymphorisk.errors import ScenarioError
from lymphorisk.features.schema import FEATURES, NAMES, POOL_D0_GY, POOLS, SITE_NAMES, VERSION
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.frame import read_only
from lymphorisk.plan.patient import Patient

CM_PER_M = 100.0
CM3_PER_L = 1000.0

#: Kinds of features that are read from an organ's dose of the course; pool doses come from the fractions.
OF_ORGANS = ("mean dose", "volume at dose")
#: Organs described by absolute amounts, because contours end where the scan does.
ABSOLUTE = ("Body", "VB")
#: TG-263 names that stand for an organ of the schema: alternatives in order, each a set of parts taken together.
PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = FrozenDict(
    {
        "Body": (("Body",), ("External",)),
        "Spleen": (("Spleen",),),
        "BoneMarrow": (("BoneMarrow",),),
        "LymphNodes": (("LymphNodes",), ("LN",)),
        "Bowel": (("Bowel",), ("Bowel_Small", "Bowel_Large"), ("Bag_Bowel",), ("Bowel_Small",)),
        "Lungs": (("Lungs",), ("Lung_L", "Lung_R")),
        "Heart": (("Heart",),),
        "Liver": (("Liver",),),
        "A_Aorta": (("A_Aorta",),),
        "Brain": (("Brain",),),
        "VB": (("VB",), ("VB_C", "VB_T", "VB_L"), ("VB_T", "VB_L"), ("VB_C", "VB_T"), ("VB_C",), ("VB_T",), ("VB_L",)),
        "Kidneys": (("Kidneys",), ("Kidney_L", "Kidney_R")),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureVector:
    """One patient as the predictor sees it.

    Attributes
    ----------
    values : ndarray, shape (n,)
        In the order and units of `names`; NaN where missing.
    names : tuple of str
        Feature names; behind those of the schema, columns that only a clinic's own model reads.
    missing : mapping of str to str
        Reason by name of each feature that is missing.
    version : str
        Version of the feature schema.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...] = NAMES
    missing: Mapping[str, str] = field(default_factory=dict)
    version: str = VERSION

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.names),):
            raise ScenarioError(f"a feature vector has {len(self.names)} values, not {self.values.shape}")
        read_only(self.values)

    def __getitem__(self, name: str) -> float:
        return float(self.values[self.names.index(name)])


def organ_parts(
    organ: str, organ_doses: Mapping[str, DoseDistribution], surrogates: Set[str] = frozenset()
) -> tuple[str, ...] | str:
    """The structures that stand for an organ, the first alternative all present; else why it is missing."""
    for parts in PARTS[organ]:
        if all(p in organ_doses for p in parts):
            if any(p in surrogates for p in parts):
                return f"{organ}: not contoured, the dose is a surrogate's"
            return parts
    return f"{organ}: not contoured"


def mixed_by_volume(
    parts: tuple[str, ...], organ_doses: Mapping[str, DoseDistribution], organ_volumes_cm3: Mapping[str, float]
) -> tuple[DoseDistribution, float]:
    """Dose of the parts together, mixed by volume (evenly when one is not known), and their volume. [Gy], [cm3]"""
    volumes = [organ_volumes_cm3.get(p, math.nan) for p in parts]
    total = sum(volumes)
    shares = [v / total for v in volumes] if total > 0 else [1.0 / len(parts)] * len(parts)
    return mixture(zip(shares, (organ_doses[p] for p in parts), strict=True)), total


def volume_at(distribution: DoseDistribution, dose_gy: float) -> float:
    """Share of the organ receiving at least `dose_gy`. [%]"""
    return min(100.0 * float(distribution.share[distribution.dose_gy >= dose_gy].sum()), 100.0)


def eud_gy(distribution: DoseDistribution, d0_gy: float) -> float:
    """Equivalent uniform dose of one fraction, ``-D0 ln sum_j w_j exp(-d_j / D0)``. [Gy]

    Examples
    --------
    >>> from lymphorisk.dvh.curve import diluted, uniform
    >>> round(eud_gy(uniform(2.0), 4.0), 12), round(eud_gy(diluted(uniform(2.0), 0.5), 4.0), 3)
    (2.0, 0.876)
    """
    return -d0_gy * math.log1p(float(np.expm1(-distribution.dose_gy / d0_gy) @ distribution.share))


def feature_vector(
    *,
    patient: Patient,
    fractions: int,
    particle_share: float,
    organ_doses: Mapping[str, DoseDistribution],
    organ_volumes_cm3: Mapping[str, float] | None = None,
    surrogates: Set[str] = frozenset(),
    pools: Sequence[tuple[int, Mapping[str, DoseDistribution]]] = (),
    prescription_gy: float | None = None,
    blood_mean_gy: float | None = None,
    blood_kill_percent: float | None = None,
    edic_gy: float | None = None,
    alc_week1: float | None = None,
) -> FeatureVector:
    """One row of features.

    Parameters
    ----------
    patient : Patient
        What is known of the patient; what is None stays missing.
    fractions : int
        Fractions of the whole course.
    particle_share : float
        Share of the fractions given with protons or ions: 0 or 1, in between for a course of several modalities.
    organ_doses : mapping of str to DoseDistribution
        Physical dose of the whole course by TG-263 name; ``BoneMarrow`` is weighted by active marrow and
        ``LymphNodes`` by the pool's shares by whoever calls. [Gy]
    organ_volumes_cm3 : mapping of str to float
        Volumes by the same names (of the body, what its dose distribution is of), and ``PTV``. [cm3]
    surrogates : set of str
        Organs whose dose is borrowed from another structure: missing here, because a borrowed dose is no
        evidence about the organ.
    pools : sequence of (int, mapping of str to DoseDistribution)
        By phase: its fractions, and the physical dose of one of them in each lymphocyte pool that is known. [Gy]
    prescription_gy : float or None
        Prescribed dose of the course. [Gy]
    blood_mean_gy : float or None
        Mean blood dose of the course. [Gy]
    blood_kill_percent : float or None
        Lymphocytes in blood killed by one fraction, averaged over the course. [%]
    edic_gy : float or None
        Effective dose to immune cells. [Gy]
    alc_week1 : float or None
        Count after one week of treatment, for the mid-course model. [10^9/L]

    Returns
    -------
    FeatureVector
        Values in the order of `FEATURES`.

    Examples
    --------
    >>> from lymphorisk.dvh.curve import uniform
    >>> row = feature_vector(
    ...     patient=Patient(sex="F", alc=1.4), fractions=28, particle_share=0.0, organ_doses={"Spleen": uniform(12.0)}
    ... )
    >>> row["spleen_v10"], row["sex_female"], row.missing["heart_mean"]
    (100.0, 1.0, 'Heart: not contoured')
    """
    volumes = organ_volumes_cm3 or {}
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}

    def put(name: str, value: float | None, reason: str) -> None:
        if value is None or not math.isfinite(value):
            reasons[name] = reason
        else:
            values[name] = float(value)

    put("alc", patient.alc, "baseline count not given")
    put("age", patient.age_y, "age not given")
    put("sex_female", None if patient.sex is None else float(patient.sex == "F"), "sex not given")
    size = patient.height_cm, patient.weight_kg
    bmi = None if size[0] is None or size[1] is None else size[1] / (size[0] / CM_PER_M) ** 2
    put("bmi", bmi, "height or weight not given")
    chemo = patient.chemo
    put("chemo", None if chemo is None else float(chemo != "none"), "chemotherapy not given")
    for drug in ("temozolomide", "platinum"):
        put(f"chemo_{drug}", None if chemo is None else float(chemo == drug), "chemotherapy not given")
    for site in SITE_NAMES:
        put(f"site_{site}", None if patient.site is None else float(patient.site == site), "site not given")
    put("fractions", float(fractions), "")
    put("prescription", prescription_gy, "prescription not given")
    put("modality_proton", particle_share, "")
    put("ptv_volume", volumes.get("PTV"), "PTV: not contoured")
    put("blood_mean", blood_mean_gy, "blood dose not computed")
    put("blood_kill", blood_kill_percent, "blood dose not computed")
    put("edic", edic_gy, "EDIC does not apply or lacks an organ")
    put("alc_week1", alc_week1, "no count after one week")
    for organ in PARTS:
        parts = organ_parts(organ, organ_doses, surrogates)
        metrics = [f for f in FEATURES if f.organ == organ and f.kind in OF_ORGANS]
        if isinstance(parts, str):
            reasons |= {f.name: parts for f in metrics}
            continue
        distribution, volume = mixed_by_volume(parts, organ_doses, volumes)
        for f in metrics:
            amount = distribution.mean_gy if f.at_gy is None else volume_at(distribution, f.at_gy)
            if organ in ABSOLUTE:
                amount *= volume if f.at_gy is None else volume / 100
                put(f.name, amount if f.unit == "cm3" else amount / CM3_PER_L, f"{organ}: volume not known")
            else:
                values[f.name] = amount
    for pool, (organ, prefix) in POOLS.items():
        known = bool(pools) and all(pool in doses for _, doses in pools)
        total = sum(n * eud_gy(doses[pool], POOL_D0_GY) for n, doses in pools) if known else None
        put(f"{prefix}_eud", total, f"{organ}: the dose of its lymphocytes is not known")
    own = dict(patient.columns or ())
    row = np.array([*(values.get(name, math.nan) for name in NAMES), *own.values()])
    return FeatureVector(row, (*NAMES, *own), FrozenDict({n: reasons[n] for n in NAMES if n in reasons}))
