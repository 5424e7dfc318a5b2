from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lymphorisk.errors import ScenarioError, StructureError, UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.plan import Beam, DoseGrid, Patient, Phase, Structure, TreatmentPlan, every_day, weekdays
from lymphorisk.plan.raster import Raster
from lymphorisk.units import alc_from


def test_weekday_schedule_by_hand() -> None:
    assert weekdays(7, first_weekday=3).tolist() == [0, 1, 4, 5, 6, 7, 8]
    assert weekdays(30)[-1] == 39
    assert weekdays(3, first_day=10).tolist() == [10, 11, 12]


def test_twice_daily() -> None:
    assert every_day(3, per_day=2, gap_h=8.0).tolist() == pytest.approx([0, 8 / 24, 1])


@pytest.mark.parametrize("bad", [{"fractions": 0}, {"fractions": 3, "first_weekday": 5}])
def test_impossible_schedules_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ScenarioError):
        weekdays(**bad)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(1.4, "10^9/L", 1.4), (1.4, "K/uL", 1.4), (1400, "cells/uL", 1.4), (0.0, "10^9/L", 0.0)],
)
def test_counts_in_every_unit(value: float, unit: str, expected: float) -> None:
    assert alc_from(value, unit) == expected


@pytest.mark.parametrize(("value", "unit"), [(1400, "10^9/L"), (-0.1, "K/uL"), (1.2, "mg/dL")])
def test_a_slip_of_units_is_caught(value: float, unit: str) -> None:
    with pytest.raises(ScenarioError, match="count"):
        alc_from(value, unit)


@pytest.mark.parametrize(
    "facts", [{"sex": "X"}, {"age_y": -1.0}, {"alc": 1400.0}, {"site": "toe"}, {"height_cm": 1750.0}, {"chemo": "x"}]
)
def test_impossible_patients_are_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ScenarioError):
        Patient(**facts)  # type: ignore[arg-type]


def test_a_missing_fact_is_none_not_a_default() -> None:
    assert all(getattr(Patient(), f.name) is None for f in dataclasses.fields(Patient))


def test_a_grid_must_fit_its_coordinates() -> None:
    axis = np.arange(3.0)
    with pytest.raises(UnsupportedDoseError, match="fit"):
        DoseGrid(np.zeros((2, 3, 3), np.float32), np.zeros(3), np.eye(3), axis, axis, axis)
    with pytest.raises(UnsupportedGeometryError, match="increase"):
        DoseGrid(np.zeros((3, 3, 3), np.float32), np.zeros(3), np.eye(3), axis[::-1].copy(), axis, axis)
    with pytest.raises(UnsupportedGeometryError, match="orthonormal"):
        DoseGrid(np.zeros((3, 3, 3), np.float32), np.zeros(3), 2 * np.eye(3), axis, axis, axis)
    nan = np.full((3, 3, 3), np.nan, np.float32)
    with pytest.raises(UnsupportedDoseError, match="not numbers"):
        DoseGrid(nan, np.zeros(3), np.eye(3), axis, axis, axis)


def test_local_and_patient_coordinates_are_inverse() -> None:
    rng = np.random.default_rng(3)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    axis = np.arange(3.0)
    g = DoseGrid(np.zeros((3, 3, 3), np.float32), rng.normal(size=3), q, axis, axis, axis)
    p = rng.normal(size=(7, 3))
    np.testing.assert_allclose(g.to_patient(g.to_local(p)), p, atol=1e-12)


def test_voxel_volume_of_an_even_grid() -> None:
    axis = np.arange(4.0) * 2.5
    g = DoseGrid(np.zeros((4, 4, 4), np.float32), np.zeros(3), np.eye(3), axis, axis, axis)
    np.testing.assert_allclose(g.frame.cell_volumes_cm3(), np.full((4, 4, 4), 2.5**3 / 1000))


def test_arrays_are_read_only() -> None:
    axis = np.arange(3.0)
    g = DoseGrid(np.zeros((3, 3, 3), np.float32), np.zeros(3), np.eye(3), axis, axis.copy(), axis.copy())
    with pytest.raises(ValueError, match="read-only"):
        g.dose_zyx[0, 0, 0] = 1
    with pytest.raises(StructureError, match="shape"):
        Structure(1, "x", (np.zeros((4, 2)),))


def test_beams_of_a_phase_share_one_grid() -> None:
    """A 2 mm and a 3 mm grid of one size, or two that start elsewhere, are never taken voxel by voxel."""

    def beam(number: int, step: float = 2.0, start: float = 0.0) -> Beam:
        axis = np.arange(3.0) * step
        dose = np.ones((3, 3, 3), np.float32)
        return Beam(number, dose=DoseGrid(dose, np.full(3, start), np.eye(3), axis, axis.copy(), axis.copy()))

    assert len(Phase("p", 2, beams=(beam(1), beam(2))).beams) == 2
    for other in (beam(2, step=3.0), beam(2, start=2.0)):
        with pytest.raises(UnsupportedDoseError, match="different grids"):
            Phase("p", 2, beams=(beam(1), Beam(3), other))


def test_plans_without_fractions_or_phases_are_refused() -> None:
    with pytest.raises(ScenarioError):
        Phase("p", 0)
    with pytest.raises(ScenarioError):
        Phase("p", 2, days=(0.0,))
    with pytest.raises(ScenarioError):
        Beam(1, on_s=-1.0)
    with pytest.raises(ScenarioError):
        TreatmentPlan("p", (), ())
    with pytest.raises(ScenarioError, match="2 of 1 fractions"):
        Phase("p", 2, planned=1)
    with pytest.raises(ScenarioError, match="internal emitter says which"):
        Phase("p", 2, modality="emitter")
    with pytest.raises(ScenarioError, match="modality 'neutron' is not one of photon"):
        Phase("p", 2, modality="neutron")  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match="modality 'neutron' is not one of photon"):
        Beam(1, modality="neutron")  # type: ignore[arg-type]
    assert TreatmentPlan("p", (Phase("a", 25), Phase("b", 5)), ()).fractions == 30


def test_a_structure_that_cannot_be_is_refused() -> None:
    square = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0], [9.0, 9.0, 0.0]])
    with pytest.raises(StructureError, match="ROI 7: a slice of 0 mm has no thickness"):
        Structure(7, "x", (square,), slice_mm=0.0)
    with pytest.raises(StructureError, match="ROI 7 is not usable and has contours"):
        Structure(7, "x", (square,), unusable="open contours")


def test_voxels_whose_axes_are_sheared_are_refused() -> None:
    lines = [np.arange(3.0)] * 3
    with pytest.raises(UnsupportedGeometryError, match="sheared"):
        Raster(np.zeros((2, 2, 2)), np.zeros(3), np.array([[1.0, 0.0, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]]), *lines)
