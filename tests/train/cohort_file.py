"""A cohort file of 200 real-looking patients, with drop-outs and gaps, and ways to spoil it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

MISSING = ("", "NA", "?")


def rows(n: int = 200, seed: int = 0) -> list[dict[str, str]]:
    """Patients of two centres and four sites; nadirs follow dose, fractions and baseline with spread."""
    rng = np.random.default_rng(seed)
    site = rng.choice(["lung", "esophagus", "breast", "brain"], n)
    alc = np.exp(rng.normal(0.4, 0.35, n))
    fractions = rng.choice([5, 15, 25, 30], n)
    spleen = np.where(site == "esophagus", rng.gamma(4, 3, n), rng.gamma(1, 1.0, n))
    integral = rng.gamma(4, 30.0, n)
    lungs = np.where(np.isin(site, ["lung", "esophagus"]), rng.gamma(6, 2.4, n), rng.gamma(2, 1, n))
    loss = 0.012 * fractions + 0.03 * spleen + 0.003 * integral + 0.02 * lungs
    nadir = np.minimum(alc * np.exp(-loss + rng.normal(0, 0.5, n)), 1.9 * alc)
    out = []
    for i in range(n):
        row = {
            "patient_id": f"P{i:04d}",
            "centre": "AB"[i % 2],
            "site": str(site[i]),
            "sex": str(rng.choice(["M", "F"])),
            "age": f"{rng.normal(62, 10):.0f}",
            "alc": f"{alc[i]:.2f}",
            "fractions": str(fractions[i]),
            "modality": "photon",
            "chemo": str(rng.choice(["none", "platinum"])),
            "body_integral": f"{integral[i]:.1f}",
            "spleen_mean": f"{spleen[i]:.2f}",
            "spleen_v5": f"{100 * (1 - np.exp(-spleen[i] / 5)):.1f}",
            "lungs_mean": f"{lungs[i]:.2f}",
            "lungs_v5": f"{100 * (1 - np.exp(-lungs[i] / 6)):.1f}",
            "nadir_alc": f"{nadir[i]:.3f}",
        }
        for name in ("age", "spleen_mean", "lungs_v5", "sex"):
            if rng.random() < 0.08:
                row[name] = str(rng.choice(MISSING))
        if rng.random() < 0.03:
            row["nadir_alc"] = ""
        out.append(row)
    return out


def write(path: Path, table: list[dict[str, str]]) -> Path:
    """As CSV."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path
