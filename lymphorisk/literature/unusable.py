"""Published models that cannot be used here, and why: their coefficients or their intercept are not public.

An odds ratio without an intercept ranks patients of one cohort; it gives no probability. An intercept guessed from
assumed covariates would be an invention, so these models decline for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unusable:
    """A published model without usable numbers."""

    name: str
    site: str
    doi: str
    outcome: str
    predictors: str
    reason: str


NO_INTERCEPT = "odds ratios only; no intercept printed in what was read"
NOT_RECOVERED = "coefficients are in a figure or table that was not read"

UNUSABLE: tuple[Unusable, ...] = (
    Unusable(
        "mohan2021_gbm",
        "brain",
        "10.1093/neuonc/noaa182",
        "ALC <0.5, weekly during RT to one month after, nadir",
        "sex, baseline ALC, brain V20Gy",
        NO_INTERCEPT,
    ),
    Unusable(
        "huang2015_hgg",
        "brain",
        "IJROBP 2015",
        "ALC <0.5, 3 months from the start, nadir",
        "sex, age, baseline count, brain V25Gy",
        NO_INTERCEPT + ", and the unit of the count is not stated",
    ),
    Unusable(
        "byun2019_gbm",
        "brain",
        "10.1186/s13014-019-1256-6",
        "ALC <0.5, 3 months from the start, nadir",
        "PTV volume, IMRT against 3D",
        NO_INTERCEPT,
    ),
    Unusable(
        "vanrossum2020_esophagus",
        "esophagus",
        "10.1016/j.prro.2019.07.010",
        "ALC <0.2, during chemoradiotherapy, nadir",
        "age, PTV x BMI, photon or proton, baseline ALC",
        NOT_RECOVERED,
    ),
    Unusable(
        "davuluri2017_esophagus",
        "esophagus",
        "10.1016/j.ijrobp.2017.05.037",
        "ALC <0.2, during chemoradiotherapy, nadir",
        "mean body dose (OR 1.22 per Gy) and four clinical terms",
        NO_INTERCEPT,
    ),
    Unusable(
        "fang2018_esophagus",
        "esophagus",
        "10.14338/IJPT-17-00033.1",
        "ALC <0.2, during chemoradiotherapy, nadir",
        "IMRT against proton, age, ln PTV",
        NO_INTERCEPT,
    ),
    Unusable(
        "newman2020_esophagus",
        "esophagus",
        "jtd.amegroups.org/article/view/38595",
        "ALC <0.2, during chemoradiotherapy, nadir",
        "vertebrae V10, V20, V30 in cm3",
        NO_INTERCEPT,
    ),
    Unusable(
        "abravan2020_lung",
        "lung",
        "10.1016/j.jtho.2020.06.008",
        "ALC <0.5, during RT, nadir",
        "age, baseline ALC, thoracic vertebrae V20Gy, mean lung and heart dose",
        NOT_RECOVERED,
    ),
    Unusable(
        "udine2025_nsclc",
        "lung",
        "air.uniud.it/handle/11390/1328885",
        "ALC <0.24, during chemoradiotherapy, nadir",
        "age, cN3, PTV, more than 30 fractions, mean lung dose, baseline ALC",
        NOT_RECOVERED,
    ),
    Unusable(
        "ntcp2025_pancreas",
        "pancreas",
        "PMID 39817285",
        "ALC <0.5, during chemoradiotherapy, nadir",
        "baseline ALC, PTV, kidneys V5Gy",
        NOT_RECOVERED,
    ),
    Unusable(
        "kims2024_hcc_lkb",
        "liver",
        "IJROBP 2024",
        "ALC <0.5, after RT",
        "blood dose histogram (LKB)",
        "TD50, m and n not printed in the abstract; the derived anchor kim2024_hcc_blood_dose stands in",
    ),
    Unusable(
        "byun2019_hcc",
        "liver",
        "10.1007/s00066-019-01462-5",
        "ALC <0.5, 3 months from the start, nadir",
        "PTV, baseline count, SBRT",
        NO_INTERCEPT + ", and the units are not stated",
    ),
    Unusable(
        "sini2016_prostate",
        "prostate",
        "10.1016/j.radonc.2015.11.020",
        "acute grade 3",
        "baseline ALC, pelvic marrow V40Gy",
        NO_INTERCEPT,
    ),
    Unusable(
        "xuz2022_cervix",
        "pelvis",
        "10.3389/fonc.2022.905222",
        "ALC <0.2, during RT, nadir",
        "seven clinical and dose factors (elastic net)",
        NOT_RECOVERED,
    ),
    Unusable(
        "chen2022_breast_ntcp",
        "breast",
        "10.3389/fonc.2022.768956",
        "CTCAE grade at the end of RT",
        "EDIC (TD50 1.2, 2.1, 3.7 Gy for G1, G2, G3)",
        "the slope of the curves is not printed in what was read",
    ),
)
