"""The features: name, unit, organ, kind, the sign risk may move in, and the range a value can plausibly have.

The order is part of the version: a stored model names its features and is refused when the schema has moved on.
Site is text in a cohort and one 0/1 feature a site here; the model trained on simulated patients does not use it,
because there the organ doses carry what differs between sites.

Of the body and the spine only what a scan's length does not change is a feature: integral dose and absolute volumes,
never the mean dose of however much was scanned.

What a pool of lymphocytes meets is written as its equivalent uniform dose: the dose which, given evenly in each
fraction, would leave as many cells of one mean lethal dose D0 alive,

    EUD = sum over fractions of  -D0 ln sum_j w_j exp(-d_j / D0).

It is the mean dose where doses are small and alike, less where a part is spared, and adds over fractions and phases.

References
----------
Niemierko A. Reporting and analyzing dose distributions: a concept of equivalent uniform dose. Med Phys 1997;24:103-110.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.words import SITES

#: Kind of a column that a clinic declares itself.
EXTERNAL = "external"
KINDS = ("clinical", "plan", "blood", "mean dose", "volume at dose", "pool dose", EXTERNAL)

#: Organ group of what radiotherapy and drugs leave as it is.
FACTS = "Patient"

#: Raised whenever a feature is added, removed, reordered or changes its meaning.
VERSION = "2"


@dataclass(frozen=True, slots=True)
class Feature:
    """One number the predictor reads.

    Attributes
    ----------
    name : str
        Column name in a cohort file and key in every result.
    unit : str
        Unit; ``0/1`` for a flag, which a course of several modalities has in part.
    label : str
        How a physicist writes it, for example ``Spleen V5Gy[%]``.
    organ : str
        Organ group: a TG-263 name, ``Blood``, ``Plan``, ``Drugs`` or ``Patient``.
    kind : str
        One of `KINDS`.
    monotone : int
        -1 when risk may only fall with the feature, +1 when it may only rise, 0 when free.
    low, high : float
        Range a value can plausibly have, in `unit`; outside it a cohort value is refused as a slip of units.
    at_gy : float or None
        Dose of a volume-at-dose feature. [Gy]
    optional : bool
        Known only in the mid-course mode.
    unexposed : float
        Value without radiotherapy and drugs, of what is no fact of the patient.
    """

    name: str
    unit: str
    label: str
    organ: str
    kind: str
    monotone: int
    low: float
    high: float
    at_gy: float | None = None
    optional: bool = False
    unexposed: float = 0.0

    @property
    def without_dose(self) -> float | None:
        """Value in the same patient without radiotherapy and drugs; None for facts, which stay."""
        return None if self.organ == FACTS else self.unexposed


def _volumes(organ: str, prefix: str, doses: tuple[float, ...]) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{prefix}_v{d:g}", "%", f"{organ} V{d:g}Gy[%]", organ, "volume at dose", +1, 0.0, 100.0, d)
        for d in doses
    )


#: No organ's mean dose of one course exceeds this: the largest prescriptions are near 80 Gy. [Gy]
MEAN_MAX_GY = 100.0


def _mean(organ: str, prefix: str) -> Feature:
    return Feature(f"{prefix}_mean", "Gy", f"{organ} Mean[Gy]", organ, "mean dose", +1, 0.0, MEAN_MAX_GY)


#: Mean lethal dose at which pool doses are written: that of the resistant cells of the forecast's default survival. On
#: simulated patients a second one, of the sensitive cells, added nothing. It is part of what the feature means. [Gy]
POOL_D0_GY = 4.0


def _pool_dose(organ: str, prefix: str) -> Feature:
    return Feature(f"{prefix}_eud", "Gy", f"{organ} EUD[Gy]", organ, "pool dose", +1, 0.0, MEAN_MAX_GY)


def _site(name: str) -> Feature:
    return Feature(f"site_{name}", "0/1", f"Site: {name.replace('_', ' ')}", "Patient", "clinical", 0, 0.0, 1.0)


#: One 0/1 feature a site, in the order of `plan.words.SITES`: a site more is another version of the schema.
SITE_NAMES = SITES

#: The share of the course given with particles, whose dose is RBE-weighted.
PARTICLES = "modality_proton"

#: Organ group and prefix of the pool doses by lymphocyte pool.
POOLS: Mapping[str, tuple[str, str]] = FrozenDict(
    {
        "blood": ("Blood", "blood"),
        "spleen": ("Spleen", "spleen"),
        "nodes": ("LymphNodes", "nodes"),
        "marrow": ("BoneMarrow", "marrow"),
        "gut": ("Bowel", "bowel"),
        "thymus": ("Glnd_Thymus", "thymus"),
        "lung": ("Lungs", "lungs"),
    }
)

FEATURES: tuple[Feature, ...] = (
    Feature("alc", "10^9/L", "Baseline ALC", "Patient", "clinical", -1, 0.02, 10.0),
    Feature("age", "y", "Age", "Patient", "clinical", 0, 0.0, 110.0),
    Feature("sex_female", "0/1", "Female", "Patient", "clinical", 0, 0.0, 1.0),
    Feature("bmi", "kg/m2", "Body mass index", "Patient", "clinical", 0, 10.0, 70.0),
    Feature("chemo", "0/1", "Concurrent chemotherapy", "Drugs", "clinical", +1, 0.0, 1.0),
    Feature("chemo_temozolomide", "0/1", "Temozolomide", "Drugs", "clinical", 0, 0.0, 1.0),
    Feature("chemo_platinum", "0/1", "Platinum", "Drugs", "clinical", 0, 0.0, 1.0),
    *(_site(s) for s in SITE_NAMES),
    Feature("fractions", "", "Fractions", "Plan", "plan", +1, 1.0, 60.0),
    Feature("prescription", "Gy", "Prescribed dose", "Plan", "plan", 0, 0.5, 100.0),
    Feature(PARTICLES, "0/1", "Protons or ions", "Plan", "plan", 0, 0.0, 1.0),
    Feature("ptv_volume", "cm3", "PTV volume", "Plan", "plan", +1, 0.1, 250000.0),
    Feature("blood_mean", "Gy", "Blood Mean[Gy] of the course", "Blood", "blood", +1, 0.0, 30.0),
    Feature("blood_kill", "%", "Blood lymphocytes killed per fraction", "Blood", "blood", +1, 0.0, 100.0),
    Feature("edic", "Gy", "EDIC", "Blood", "blood", +1, 0.0, 30.0),
    Feature("body_integral", "Gy.L", "Body integral dose", "Body", "mean dose", +1, 0.0, 3000.0),
    Feature("body_v5", "L", "Body V5Gy", "Body", "volume at dose", +1, 0.0, 200.0, 5.0),
    _mean("Spleen", "spleen"),
    *_volumes("Spleen", "spleen", (5.0, 10.0, 20.0)),
    _mean("BoneMarrow", "marrow"),
    *_volumes("BoneMarrow", "marrow", (5.0, 10.0, 20.0, 40.0)),
    _mean("LymphNodes", "nodes"),
    *_volumes("LymphNodes", "nodes", (5.0,)),
    _mean("Bowel", "bowel"),
    *_volumes("Bowel", "bowel", (5.0,)),
    _mean("Lungs", "lungs"),
    *_volumes("Lungs", "lungs", (5.0, 20.0)),
    _mean("Heart", "heart"),
    *_volumes("Heart", "heart", (5.0,)),
    _mean("Liver", "liver"),
    *_volumes("Liver", "liver", (5.0,)),
    _mean("A_Aorta", "aorta"),
    *_volumes("A_Aorta", "aorta", (5.0,)),
    _mean("Brain", "brain"),
    *_volumes("Brain", "brain", (20.0, 25.0)),
    *(
        Feature(f"vertebrae_v{d:g}", "cm3", f"VB V{d:g}Gy", "VB", "volume at dose", +1, 0.0, 3000.0, d)
        for d in (10.0, 20.0, 30.0)
    ),
    *_volumes("Kidneys", "kidneys", (5.0,)),
    *(_pool_dose(organ, prefix) for organ, prefix in POOLS.values()),
    Feature("alc_week1", "10^9/L", "ALC after one week", "Patient", "clinical", -1, 0.0, 10.0, optional=True),
)

#: Kinds of features that are read from an organ's physical dose, whatever a report shows beside them.
OF_DOSE = ("mean dose", "volume at dose", "pool dose")


def physical(known: Feature) -> Feature:
    """The feature as it is called beside an RBE-weighted dose: one of physical dose says so.

    Examples
    --------
    >>> physical(feature("spleen_v5")).label, physical(feature("body_v5")).label, physical(feature("edic")).label
    ('Spleen V5Gy physical[%]', 'Body V5Gy physical', 'EDIC')
    """
    if known.kind not in OF_DOSE:
        return known
    name, bracket, unit = known.label.partition("[")
    return replace(known, label=f"{name} physical{bracket}{unit}")


NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES)

_BY_NAME = {f.name: f for f in FEATURES}


def feature(name: str) -> Feature:
    """The feature of this name.

    Examples
    --------
    >>> feature("spleen_v5").label
    'Spleen V5Gy[%]'
    """
    return _BY_NAME[name]
