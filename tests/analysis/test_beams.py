"""Beams with doses of their own against one dose split by meterset."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.analysis.blood import circulation
from lymphorisk.analysis.doses import BodyNumbers, Doses, organ_doses
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.source import Source
from lymphorisk.circulation import blood_dose
from lymphorisk.plan import Beam, DoseGrid, Patient, Phase, Structure, TreatmentPlan

BODY = BodyNumbers(volume_l=60.0, min_coverage=0.98, undecidable_coverage=0.8)
X = np.arange(-150.0, 151.0, 5.0)
Z = np.arange(-100.0, 101.0, 5.0)


def dose_of(profile: np.ndarray) -> DoseGrid:
    values = np.broadcast_to(profile.astype(np.float32), (len(Z), len(X), len(X))).copy()
    return DoseGrid(values, np.zeros(3), np.eye(3), X, X.copy(), Z, "1")


def box(number: int, name: str, x0: float, x1: float, half: float = 30.0) -> Structure:
    corners = [(x0, -half), (x1, -half), (x1, half), (x0, half)]
    return Structure(
        number, name, tuple(np.array([[x, y, z] for x, y in corners]) for z in np.arange(-30.0, 31.0, 5.0)), "1"
    )


STRUCTURES = (box(1, "BODY", -140.0, 140.0, 140.0), box(2, "Liver", -100.0, -50.0), box(3, "Spleen", 50.0, 100.0))


def solved(*parts: np.ndarray, own: bool) -> tuple[Source, Doses, object]:
    beams = tuple(
        Beam(n, meterset=100.0, on_s=20.0, time_source="plan", dose=dose_of(p) if own else None)
        for n, p in enumerate(parts, start=1)
    )
    phase = Phase("a", 10, beams=beams, dose=dose_of(np.sum(parts, axis=0)))
    source = Source(TreatmentPlan("p", (phase,), STRUCTURES), None, Patient(sex="M"), (), ())
    doses = organ_doses(source, Options(missing="diluted"), "32", BODY)
    flow = circulation(source, doses, Patient(sex="M"), Options(), "32")
    return source, doses, blood_dose(flow.network, flow.phases, {}, stages=1, lanes=8, bounds=False)


LEFT, RIGHT = np.where(X < 0, 20.0, 0.0), np.where(X > 0, 20.0, 0.0)


def test_two_equal_beams_are_one_dose_split_in_halves() -> None:
    half = np.full(len(X), 10.0)
    _, _, own = solved(half, half, own=True)
    _, _, split = solved(half, half, own=False)
    assert own.fraction[0].mean_gy == pytest.approx(split.fraction[0].mean_gy, rel=1e-6)
    assert own.fraction[0].sd_gy == pytest.approx(split.fraction[0].sd_gy, rel=1e-3)


def test_each_beam_doses_the_organs_it_meets() -> None:
    """The left beam meets the liver only: its share of the blood dose is the liver's and the body's left half."""
    _, _, own = solved(LEFT, 0.5 * RIGHT, own=True)
    first, second = own.attribution[0].dose_by_beam_gy
    assert first + second == pytest.approx(own.fraction[0].mean_gy, rel=1e-9)
    assert first > 2 * second
    _, _, split = solved(LEFT, 0.5 * RIGHT, own=False)
    equal = split.attribution[0].dose_by_beam_gy
    assert equal[0] == pytest.approx(equal[1], rel=1e-6)
    assert own.fraction[0].mean_gy == pytest.approx(split.fraction[0].mean_gy, rel=1e-3)


def test_the_result_says_how_the_beams_share_the_dose() -> None:
    for own, said in ((True, False), (False, True)):
        source, doses, _ = solved(LEFT, RIGHT, own=own)
        flow = circulation(source, doses, Patient(sex="M"), Options(), "32")
        assert ("LR252" in {f.code for f in flow.findings}) is said
