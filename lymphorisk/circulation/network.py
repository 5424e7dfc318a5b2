"""Where blood flows: a network of compartments that conserves flow, or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ParameterError
from lymphorisk.plan.frame import read_only
from lymphorisk.units import SECONDS_PER_MINUTE

#: Flow in and out of a compartment agree within this share of the cardiac output: rounding of sums of decimals.
FLOW_TOLERANCE = 1e-12
#: Volumes may miss 100 % by this before they are a mistake: one printed table sums to 99.98 %.
VOLUME_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A closed network of well-named blood compartments.

    Attributes
    ----------
    names : tuple of str, length n
        Compartments.
    volume_share : ndarray, shape (n,)
        Share of the blood volume; sums to 1.
    flow : ndarray, shape (n, n)
        Flow from row to column, as a share of the cardiac output; row sums equal column sums.
    blood_volume_l : float
        Blood volume. [L]
    cardiac_output_l_min : float
        Cardiac output. [L/min]
    title : str
        What it is, for the report.

    Raises
    ------
    ParameterError
        A compartment that gains or loses blood, holds none, or is not connected.
    """

    names: tuple[str, ...]
    volume_share: NDArray[np.float64]
    flow: NDArray[np.float64]
    blood_volume_l: float
    cardiac_output_l_min: float
    title: str = ""

    def __post_init__(self) -> None:
        n = len(self.names)
        if len(set(self.names)) != n:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ParameterError(f"blood network: compartment {twice!r} appears twice")
        if self.volume_share.shape != (n,) or self.flow.shape != (n, n):
            raise ParameterError(f"blood network: {n} names, volumes {self.volume_share.shape}, flow {self.flow.shape}")
        if not (np.all(np.isfinite(self.flow)) and np.all(self.flow >= 0) and np.all(np.diag(self.flow) == 0)):
            raise ParameterError("blood network: flows must be finite, not negative, and leave their compartment")
        if abs(float(self.volume_share.sum()) - 1.0) > FLOW_TOLERANCE:
            raise ParameterError(f"blood network: volume shares sum to {self.volume_share.sum():.15g}, not 1")
        out, into = self.flow.sum(axis=1), self.flow.sum(axis=0)
        for i, name in enumerate(self.names):
            if not self.volume_share[i] > 0:
                raise ParameterError(f"blood network: compartment {name!r} holds no blood")
            if abs(out[i] - into[i]) > FLOW_TOLERANCE:
                raise ParameterError(
                    f"blood network leaks at {name!r}: {100 * into[i]:.6g} % of cardiac output in, "
                    f"{100 * out[i]:.6g} % out (imbalance {100 * (into[i] - out[i]):+.6g} %)",
                    "correct the flow table: in and out of every compartment must agree",
                )
            if not out[i] > 0:
                raise ParameterError(f"blood network: no blood flows through {name!r}")
        for value, what in ((self.blood_volume_l, "blood volume"), (self.cardiac_output_l_min, "cardiac output")):
            if not (np.isfinite(value) and value > 0):
                raise ParameterError(f"{what} {value:g} is not above zero")
        read_only(self.volume_share)
        read_only(self.flow)

    @property
    def transit_s(self) -> NDArray[np.float64]:
        """Mean transit time V_i / F_i of each compartment, shape (n,). [s]"""
        per_second = self.cardiac_output_l_min / SECONDS_PER_MINUTE
        return np.asarray(self.volume_share * self.blood_volume_l / (self.flow.sum(axis=1) * per_second))

    @property
    def routing(self) -> NDArray[np.float64]:
        """Probability that blood leaving the row goes to the column, shape (n, n)."""
        return np.asarray(self.flow / self.flow.sum(axis=1, keepdims=True))

    def index(self, name: str) -> int:
        """Position of a compartment.

        Raises
        ------
        ParameterError
            There is no such compartment.
        """
        if name not in self.names:
            raise ParameterError(
                f"no blood compartment {name!r} in {self.title or 'this network'}",
                f"there are: {', '.join(self.names)}",
            )
        return self.names.index(name)


def build(
    names: Sequence[str],
    volume: Sequence[float],
    edges: Iterable[tuple[str, str, float]],
    blood_volume_l: float,
    cardiac_output_l_min: float,
    title: str = "",
) -> Network:
    """A network from tables in percent.

    Parameters
    ----------
    names : sequence of str
        Compartments.
    volume : sequence of float
        Blood volume of each. [% of blood volume]
    edges : iterable of (str, str, float)
        Flow from, to, amount. [% of cardiac output]
    blood_volume_l, cardiac_output_l_min : float
        [L], [L/min]

    Returns
    -------
    Network
        Volumes may miss 100 % by rounding (`VOLUME_TOLERANCE`): shares are divided by their sum and the blood volume
        is multiplied by it, so that every compartment keeps its printed volume and transit time.

    Raises
    ------
    ParameterError
        An edge to nowhere, volumes far from 100 %, or a network that leaks.

    Examples
    --------
    >>> ring = build(["heart", "body"], [20, 80], [("heart", "body", 100), ("body", "heart", 100)], 5.0, 6.0)
    >>> [round(float(t), 9) for t in ring.transit_s]
    [10.0, 40.0]
    """
    position = {name: i for i, name in enumerate(names)}
    flow = np.zeros((len(names), len(names)))
    for a, b, percent in edges:
        for end in (a, b):
            if end not in position:
                raise ParameterError(f"blood network: flow {a} -> {b} names no compartment {end!r}")
        flow[position[a], position[b]] += percent / 100
    share = np.asarray(volume, dtype=np.float64) / 100
    total = float(share.sum())
    if abs(total - 1.0) > VOLUME_TOLERANCE:
        raise ParameterError(f"blood network: volumes sum to {100 * total:g} %, not 100 %")
    return Network(tuple(names), share / total, flow, blood_volume_l * total, cardiac_output_l_min, title)


def personal(
    network: Network, blood_volume_l: float | None = None, cardiac_output_l_min: float | None = None
) -> Network:
    """The network with a patient's blood volume and cardiac output.

    When only the volume is known the cardiac output is scaled with it, which keeps every mean transit time.
    """
    volume = network.blood_volume_l if blood_volume_l is None else blood_volume_l
    output = cardiac_output_l_min
    if output is None:
        output = network.cardiac_output_l_min * volume / network.blood_volume_l
    return replace(network, blood_volume_l=volume, cardiac_output_l_min=output)


def nadler_l(height_cm: float, weight_kg: float, height_l_m3: float, weight_l_kg: float, offset_l: float) -> float:
    """Blood volume from body size.

    ``V = a H^3 + b W + c`` with H in metres.

    Parameters
    ----------
    height_cm, weight_kg : float
        Body size. [cm], [kg]
    height_l_m3, weight_l_kg, offset_l : float
        Coefficients a, b, c of the sex. [L/m^3], [L/kg], [L]

    Returns
    -------
    float
        Blood volume. [L]

    References
    ----------
    Nadler SB, Hidalgo JU, Bloch T. Prediction of blood volume in normal human adults. Surgery 1962;51:224.
    """
    height_m = height_cm / 100
    return height_l_m3 * height_m**3 + weight_l_kg * weight_kg + offset_l


def with_tumour(
    network: Network,
    site: str,
    volume_fraction: float,
    *,
    density: float = 1.0,
    perfusion: float = 1.0,
    name: str = "tumour",
) -> Network:
    """The network with a tumour as a parallel part of one compartment.

    Parameters
    ----------
    site : str
        Compartment that is split.
    volume_fraction : float
        Tumour volume as a fraction of the site's volume, between 0 and 1.
    density : float
        Blood per volume in the tumour relative to the rest of the site.
    perfusion : float
        Flow per volume in the tumour relative to the rest of the site.

    Returns
    -------
    Network
        One compartment more, named `name`; total blood and flow of the site are unchanged.
    """
    if not 0.0 < volume_fraction < 1.0:
        raise ParameterError(f"tumour fraction {volume_fraction:g} of {site} is not between 0 and 1")
    if not (density > 0 and perfusion > 0):
        raise ParameterError(f"tumour in {site}: relative density and perfusion must be above zero")
    i = network.index(site)
    blood = volume_fraction * density / (volume_fraction * density + 1 - volume_fraction)
    through = volume_fraction * perfusion / (volume_fraction * perfusion + 1 - volume_fraction)
    n = len(network.names)
    volume = np.append(network.volume_share, network.volume_share[i] * blood)
    volume[i] *= 1 - blood
    flow = np.zeros((n + 1, n + 1))
    flow[:n, :n] = network.flow
    flow[n, :n], flow[:n, n] = flow[i, :n] * through, flow[:n, i] * through
    flow[i, :n] *= 1 - through
    flow[:n, i] *= 1 - through
    return Network(
        (*network.names, name),
        volume / volume.sum(),
        flow,
        network.blood_volume_l,
        network.cardiac_output_l_min,
        f"{network.title}, {name} in {site}",
    )


def dwell_rate(network: Network, stages: int) -> NDArray[np.float64]:
    """Rate out of one Erlang stage of each compartment, shape (n,). [1/s]"""
    return np.asarray(stages / network.transit_s)


def generator(network: Network) -> NDArray[np.float64]:
    """Generator of the exponential network, Q_ij = F_ij / V_i, rows summing to 0, shape (n, n). [1/s]"""
    q = network.routing / network.transit_s[:, None]
    np.fill_diagonal(q, -1 / network.transit_s)
    return np.asarray(q)
