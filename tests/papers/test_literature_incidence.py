"""Published incidence, row by row: what the simulated cohort is held against, and why some rows cannot be.

The rates themselves stand in `parameters/data/calibration_anchors.csv` (simulated before any training, table in the
model card) and `cohort.toml` (published rates, beside it).
"""

from __future__ import annotations

import pytest

from lymphorisk.calibration.anchors import anchors, not_represented
from lymphorisk.parameters import load

#: Published row -> anchors that simulate it.
ROWS: dict[str, tuple[str, ...]] = {
    "esophagus IMRT, Shiraishi 2018": ("esophagus_photon_g4_a",),
    "esophagus proton, Shiraishi 2018": ("esophagus_proton_g4_a",),
    "esophagus photon, Routman 2019": ("esophagus_photon_g4_b",),
    "esophagus proton, Routman 2019": ("esophagus_proton_g4_b",),
    "ESCC IMRT, Zhang 2024": ("esophagus_photon_g3",),
    "esophagus photon, open series": ("esophagus_photon_g3_c", "esophagus_photon_g4_c"),
    "gastric photon, open series": ("gastric_g3", "gastric_g4"),
    "pancreas photon, open series": ("pancreas_g3_a", "pancreas_g4_a"),
    "lung 24 x 2.75 Gy, van Rossum 2023": ("lung_g3_a", "lung_g4_a"),
    "lung, Kang 2022": ("lung_g3_b",),
    "lung, P37": ("lung_g3_c", "lung_g4_c"),
    "lung, Zhao 2019": ("lung_g3_d",),
    "glioblastoma, Byun 2019": ("glioma_tmz_g3_a",),
    "high-grade glioma, Huang 2015": ("glioma_tmz_g3_b",),
    "glioblastoma limited and standard field, Rudra 2018": ("glioma_limited", "glioma_standard"),
    "glioblastoma, 764 patients": ("glioma_tmz_g3_c",),
    "elderly glioblastoma without drug, Song 2021": ("glioma_short_rt",),
    "elderly glioblastoma with drug, Song 2021": ("glioma_short_tmz",),
    "oropharynx, Ng 2020": ("oropharynx_g3", "oropharynx_g4"),
    "oropharynx HPV-negative": ("oropharynx_neg_g3", "oropharynx_neg_g4"),
    "pancreas, NTCP 2025": ("pancreas_g3_b",),
    "liver, Byun 2019": ("liver_g3_a",),
    "liver, Kim Seohan 2024": ("liver_g3_b", "liver_g4_b"),
    "cervix, Xu Z 2022": ("cervix_g4",),
    "cervix, RO 2023": ("cervix_g3",),
    "breast, Chen 2021": ("breast_g3_a", "breast_g4_a"),
    "breast, Song 2024": ("breast_g3_b", "breast_g4_b"),
    "thoracic SBRT": ("lung_sbrt_g3",),
}
#: Cohorts with rates, and series of counts that no row of the calibration stands for.
PUBLISHED = 48 + 14
SIMULATED = {a.id: a for a in anchors()}


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_published_row_is_simulated(row: str) -> None:
    for name in ROWS[row]:
        assert SIMULATED[name].outcome.startswith("below_")
        assert SIMULATED[name].listed
        assert SIMULATED[name].n > 0


def test_or_has_its_reason() -> None:
    """48 published cohorts with rates in all; every series of counts is a row too, or listed here."""
    assert all(not_represented().values())
    assert not set(not_represented()) & set(ROWS)
    assert len(not_represented()) + len(ROWS) == PUBLISHED


def test_every_listed_rate_is_a_published_row() -> None:
    named = {name for names in ROWS.values() for name in names}
    assert named == {a.id for a in SIMULATED.values() if a.listed}


def test_both_tables_of_rates_agree() -> None:
    """The same cohort has the same rate in both tables."""
    shown = {name: p.value[0] / p.value[1] for name, p in load("cohort").items()}
    pairs = {
        "shiraishi2018_photon_g4": "esophagus_photon_g4_a",
        "shiraishi2018_proton_g4": "esophagus_proton_g4_a",
        "routman2019_photon_g4": "esophagus_photon_g4_b",
        "ng2020_oropharynx_g3": "oropharynx_g3",
        "byun2019_gbm_g3": "glioma_tmz_g3_a",
        "byun2019_hcc_g3": "liver_g3_a",
        "chen2021_breast_g3": "breast_g3_a",
        "xuz2022_cervix_g4": "cervix_g4",
        "vanrossum2023_lung_g4": "lung_g4_a",
    }
    for one, other in pairs.items():
        assert shown[one] == pytest.approx(SIMULATED[other].observed, abs=0.006)


def test_protons_spare_in_every_published_contrast() -> None:
    shown = {name: p.value[0] / p.value[1] for name, p in load("cohort").items()}
    for pair in ("shiraishi2018", "routman2019"):
        ratio = shown[f"{pair}_proton_g4"] / shown[f"{pair}_photon_g4"]
        assert 0.3 <= ratio <= 0.45
