"""Where lymphocytes live and how they travel: pools, shares, exchange.

Blood is the hub of a star. Spleen and nodes each hold travelling cells (back in blood within
hours) and residents; marrow, gut and lung mucosa take what traffic is left (days); the thymus
and the residents exchange slowly (weeks). With shares s_i (of all lymphocytes at baseline) and
residence times tau_i,

    blood -> i  at rate  s_i / (s_blood tau_i),     i -> blood  at rate  1 / tau_i,

so the baseline is a steady state by construction, for every draw of the parameters. The
generator is symmetric after scaling by sqrt(s), so its exponential is exact from one real
symmetric eigendecomposition; there is no step size.

Blood, traffic and residence times are fixed from anatomy because a count curve alone cannot
tell them from the sensitivity of the cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ParameterError
from lymphorisk.plan.frame import read_only
from lymphorisk.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_MINUTE

#: Pools that have a dose distribution of their own.
POOLS = ("blood", "spleen", "nodes", "marrow", "gut", "thymus", "lung", "elsewhere")
#: Compartments of the star and the pool whose dose each of them sees.
COMPARTMENTS = (
    ("blood", "blood"),
    ("spleen_travelling", "spleen"),
    ("nodes_travelling", "nodes"),
    ("marrow", "marrow"),
    ("gut", "gut"),
    ("lung", "lung"),
    ("elsewhere", "elsewhere"),
    ("spleen_resident", "spleen"),
    ("nodes_resident", "nodes"),
    ("thymus", "thymus"),
)
#: Index of the pool of each compartment.
POOL_OF = np.array([POOLS.index(pool) for _, pool in COMPARTMENTS])
#: A travelling part never takes more than this of its organ, so that residents remain: keeps the system regular.
TRAVELLING_MAX = 0.95
#: Least share of the traffic that reaches the other tissues when drawn spleen and node shares leave less.
OTHER_FLUX_MIN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class PoolSystem:
    """The star of n parameter draws, diagonalised.

    ``exp(A t) = diag(sqrt s) V diag(exp(eigenvalue t)) V^T diag(1/sqrt s)``

    Attributes
    ----------
    share : ndarray, shape (n, c)
        Share of all lymphocytes in each compartment at baseline; rows sum to 1.
    eigenvalue : ndarray, shape (n, c)
        Rates, 0 (the steady state, last) and negative. [1/d]
    to_modes, from_modes : ndarray, shape (n, c, c)
        From compartments to modes and back.
    """

    share: NDArray[np.float64]
    eigenvalue: NDArray[np.float64]
    to_modes: NDArray[np.float64]
    from_modes: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("share", "eigenvalue", "to_modes", "from_modes"):
            read_only(getattr(self, name))


def thymus_share(
    young: NDArray[np.float64],
    age_y: NDArray[np.float64],
    reference_age_y: NDArray[np.float64],
    halving_y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Share of the thymus at an age: the young adult's, halved every `halving_y` years after `reference_age_y`."""
    return young * np.exp2(-np.maximum(age_y - reference_age_y, 0.0) / halving_y)


def pool_shares(values: Mapping[str, NDArray[np.float64]], age_y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of all lymphocytes by pool in the order of `POOLS`, shape (n, 8).

    Blood keeps its own share; the tissues share the rest in proportion, after the thymus has aged.
    """
    blood = values["pool.blood"]
    thymus = thymus_share(values["pool.thymus"], age_y, values["thymus.reference_age"], values["thymus.halving"])
    tissue = np.stack([thymus if p == "thymus" else values[f"pool.{p}"] for p in POOLS if p != "blood"], axis=1)
    tissue = tissue / tissue.sum(axis=1, keepdims=True) * (1.0 - blood)[:, None]
    return np.concatenate([blood[:, None], tissue], axis=1)


def compartment_shares(
    values: Mapping[str, NDArray[np.float64]], age_y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares [1] and residence times [d] of the compartments, each of shape (n, 10); blood has no residence time of
    its own (it follows from the others) and carries infinity."""
    pool = dict(zip(POOLS, pool_shares(values, age_y).T, strict=True))
    minutes_per_day = SECONDS_PER_DAY / SECONDS_PER_MINUTE
    traffic = pool["blood"] / (values["traffic.blood_residence"] / minutes_per_day)
    spleen_tau = values["traffic.spleen_residence"] / HOURS_PER_DAY
    nodes_tau = values["traffic.nodes_residence"] / HOURS_PER_DAY
    other = ("marrow", "gut", "lung", "elsewhere")
    other_share = sum((pool[name] for name in other), np.zeros_like(traffic))
    other_flux = np.maximum(1.0 - values["traffic.spleen_flux"] - values["traffic.nodes_flux"], OTHER_FLUX_MIN)
    spleen = np.minimum(traffic * values["traffic.spleen_flux"] * spleen_tau, TRAVELLING_MAX * pool["spleen"])
    nodes = np.minimum(traffic * values["traffic.nodes_flux"] * nodes_tau, TRAVELLING_MAX * pool["nodes"])
    share = {
        "blood": pool["blood"],
        "spleen_travelling": spleen,
        "nodes_travelling": nodes,
        **{name: pool[name] for name in other},
        "spleen_resident": pool["spleen"] - spleen,
        "nodes_resident": pool["nodes"] - nodes,
        "thymus": pool["thymus"],
    }
    slow = values["traffic.resident_residence"]
    middle = other_share / (traffic * other_flux)
    tau = {
        "blood": np.full_like(traffic, np.inf),
        "spleen_travelling": spleen_tau,
        "nodes_travelling": nodes_tau,
        **dict.fromkeys(other, middle),
        "spleen_resident": slow,
        "nodes_resident": slow,
        "thymus": slow,
    }
    order = [name for name, _ in COMPARTMENTS]
    return np.stack([share[name] for name in order], axis=1), np.stack([tau[name] for name in order], axis=1)


def pool_system(share: NDArray[np.float64], residence_d: NDArray[np.float64]) -> PoolSystem:
    """Diagonalise the star.

    Parameters
    ----------
    share : ndarray, shape (n, c)
        Baseline shares, blood first; rows sum to 1.
    residence_d : ndarray, shape (n, c)
        Residence times of the tissues; the first column is not read. [d]

    Raises
    ------
    ParameterError
        A share or residence time that is not above zero.
    """
    if np.any(share <= 0) or np.any(residence_d[:, 1:] <= 0):
        raise ParameterError("pool shares and residence times must be above zero")
    generator = exchange(share, residence_d)
    root = np.sqrt(share)
    symmetric = generator * root[:, None, :] / root[:, :, None]
    eigenvalue, vector = np.linalg.eigh(0.5 * (symmetric + np.swapaxes(symmetric, 1, 2)))
    # The steady state is known exactly: its rate is zero and its vector sqrt(s), not their rounded estimates.
    eigenvalue = np.minimum(eigenvalue, 0.0)
    eigenvalue[:, -1] = 0.0
    vector[:, :, -1] = root
    return PoolSystem(
        share=share.copy(),
        eigenvalue=eigenvalue,
        to_modes=np.ascontiguousarray(np.swapaxes(vector, 1, 2) / root[:, None, :]),
        from_modes=np.ascontiguousarray(root[:, :, None] * vector),
    )


def exchange(share: NDArray[np.float64], residence_d: NDArray[np.float64]) -> NDArray[np.float64]:
    """The generator A of dx/dt = A x, shape (n, c, c); columns sum to zero. [1/d]"""
    n, c = share.shape
    out = np.zeros((n, c, c))
    back = 1.0 / residence_d[:, 1:]
    there = share[:, 1:] * back / share[:, :1]
    tissue = np.arange(1, c)
    out[:, 0, 1:] = back
    out[:, tissue, tissue] = -back
    out[:, 1:, 0] = there
    out[:, 0, 0] = -there.sum(axis=1)
    return out
