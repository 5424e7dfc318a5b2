"""Networks and fractions the circulation tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lymphorisk.circulation import LaneDose, Network, PhaseBlood, build
from lymphorisk.parameters.network import network_table


@pytest.fixture(scope="session")
def network() -> Callable[[str], Network]:
    """A stored network by key."""

    def make(key: str) -> Network:
        t = network_table(key)
        return build(t.names, t.volume_pct, t.edges, t.blood_volume_l, t.cardiac_output_l_min, t.title)

    return make


@pytest.fixture(scope="session")
def uniform_phase() -> Callable[..., PhaseBlood]:
    """One beam that gives each named compartment one dose."""

    def make(doses: dict[str, float], on_s: float, fractions: int = 1) -> PhaseBlood:
        lanes = {name: LaneDose(np.ones(1), np.array([[gy]])) for name, gy in doses.items()}
        return PhaseBlood(fractions, np.array([float(on_s)]), None, lanes)

    return make


@pytest.fixture
def two_beams() -> PhaseBlood:
    """Two beams out of order, a gap between, lanes of different dose in lung, liver and large veins (of 28)."""
    lanes = {
        "lung": LaneDose(np.array([0.5, 0.3, 0.2]), np.array([[0.0, 0.2, 1.0], [0.0, 0.5, 0.6]])),
        "liver": LaneDose(np.array([0.6, 0.4]), np.array([[0.1, 0.4], [0.0, 0.3]])),
        "large_veins": LaneDose(np.ones(1), np.array([[0.15], [0.25]])),
    }
    return PhaseBlood(5, np.array([25.0, 8.0]), np.array([30.0, 4.0]), lanes)
