"""What the lymphocytes meet: phases of fractions, each with its dose distributions, and drug events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import MissingOrganError, ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.drugs import Steroids
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.plan.emitter import MARROW_METHODS, MarrowMethod
from lymphorisk.plan.frame import read_only
from lymphorisk.plan.steroid import Steroid
from lymphorisk.plan.words import MODALITIES, Modality


@dataclass(frozen=True, slots=True, eq=False)
class LowRate:
    """What the dose of an internal emitter has beside its amount.

    Attributes
    ----------
    quadratic_gy : mapping of str to float
        By pool: the factor on a quadratic coefficient of the survival that adds to the linear one, dose of the whole
        cycle times what repair leaves of it. [Gy]
    marrow_method : str
        How the marrow's dose was found: its uncertainty.
    alpha : bool
        Given by alpha particles.
    """

    quadratic_gy: Mapping[str, float]
    marrow_method: MarrowMethod
    alpha: bool = False

    def __post_init__(self) -> None:
        if self.marrow_method not in MARROW_METHODS:
            raise ScenarioError(f"marrow method {self.marrow_method!r} is not one of {', '.join(MARROW_METHODS)}")
        if missing := [p for p in POOLS if p not in self.quadratic_gy]:
            raise MissingOrganError(f"no dose of the whole cycle for the lymphocytes of: {', '.join(missing)}")

    def scaled(self, factor: float) -> LowRate:
        """With every dose times a factor."""
        return replace(self, quadratic_gy=FrozenDict({p: factor * d for p, d in self.quadratic_gy.items()}))

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"quadratic_gy": dict(self.quadratic_gy), "marrow_method": self.marrow_method, "alpha": self.alpha}


@dataclass(frozen=True, slots=True, eq=False)
class PhaseExposure:
    """Fractions of one dose distribution.

    Attributes
    ----------
    times_d : ndarray, shape (n,)
        Fraction times from the start of the course, in order. [d]
    blood : DoseDistribution
        Blood dose of ONE fraction, physical. [Gy]
    pools : mapping of str to DoseDistribution
        Dose of ONE fraction of every pool but blood (`pools.POOLS`), physical. [Gy]
    surrogate : frozenset of str
        Pools whose distribution stands in for a structure that was not contoured.
    modality : str
        ``proton`` and ``ion`` let the relative effectiveness of protons and ions vary within its range.
    bodies : tuple of mapping of str to DoseDistribution
        Of each body that a placement of undrawn organs allows: the pools whose dose differs there [Gy]. Each draw of
        an ensemble lives in one of them; without any, all draws meet `pools`.
    low_rate : LowRate or None
        Of a step of an internal emitter; None of a fraction of a beam.
    """

    times_d: NDArray[np.float64]
    blood: DoseDistribution
    pools: Mapping[str, DoseDistribution]
    surrogate: frozenset[str] = frozenset()
    modality: Modality = "photon"
    bodies: tuple[Mapping[str, DoseDistribution], ...] = ()
    low_rate: LowRate | None = None

    def __post_init__(self) -> None:
        times = np.asarray(self.times_d, dtype=np.float64)
        if times.ndim != 1 or len(times) == 0:
            raise ScenarioError("a phase has at least one fraction time")
        if times[0] < 0 or np.any(np.diff(times) < 0) or not np.all(np.isfinite(times)):
            raise ScenarioError("fraction times must be finite, not negative, and in order")
        if missing := [p for p in POOLS if p != "blood" and p not in self.pools]:
            raise MissingOrganError(
                f"no dose for the lymphocytes of: {', '.join(missing)}",
                "give each pool a distribution, or a named surrogate; no dose at all is uniform(0)",
            )
        named = (*self.pools, *self.surrogate, *(pool for body in self.bodies for pool in body))
        if unknown := [p for p in named if p not in POOLS]:
            raise ScenarioError(f"unknown lymphocyte pool {unknown[0]!r}", f"use {', '.join(POOLS)}")
        if self.modality not in MODALITIES:
            raise ScenarioError(f"modality {self.modality!r} is not one of {', '.join(MODALITIES)}")
        object.__setattr__(self, "times_d", read_only(times.copy()))
        object.__setattr__(self, "pools", FrozenDict(dict(self.pools)))

    def __repr__(self) -> str:
        doses = ", ".join(f"{pool} {self.distribution(pool).mean_gy:.3g}" for pool in POOLS)
        return f"PhaseExposure({self.fractions} {self.modality} fractions, mean Gy a fraction: {doses})"

    def distribution(self, pool: str) -> DoseDistribution:
        """Dose of one fraction to `pool`, blood included. [Gy]"""
        return self.blood if pool == "blood" else self.pools[pool]

    @property
    def fractions(self) -> int:
        """Number of fractions."""
        return len(self.times_d)

    def scaled(self, factor: float) -> PhaseExposure:
        """The same fractions with every dose times a factor, in every body."""
        bodies = tuple({p: d.scaled(factor) for p, d in body.items()} for body in self.bodies)
        pools = {p: d.scaled(factor) for p, d in self.pools.items()}
        how = None if self.low_rate is None else self.low_rate.scaled(factor)
        return replace(self, blood=self.blood.scaled(factor), pools=pools, bodies=bodies, low_rate=how)

    def with_pool_of(self, other: PhaseExposure, pool: str) -> PhaseExposure:
        """The same fractions with one pool's dose from others, in every body; bodies are paired in their order.

        Where the others have not as many bodies, their mean dose stands in all of these.
        """
        if pool == "blood":
            return replace(self, blood=other.blood)
        mine: Sequence[Mapping[str, DoseDistribution]] = self.bodies
        theirs: Sequence[Mapping[str, DoseDistribution]] = other.bodies
        if not mine:
            mine = ({},) * len(theirs)
        if len(theirs) != len(mine):
            theirs = ({},) * len(mine)
        varied = any(pool in body for body in (*mine, *theirs))
        bodies = tuple(
            {**a, pool: b.get(pool, other.pools[pool])} if varied else a for a, b in zip(mine, theirs, strict=True)
        )
        return replace(self, pools={**self.pools, pool: other.pools[pool]}, bodies=bodies if any(bodies) else ())


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A course of radiotherapy as the lymphocytes meet it.

    Attributes
    ----------
    phases : tuple of PhaseExposure
        In any order; their calendars may interleave.
    chemo : str
        Class of the concurrent chemotherapy, one of `plan.CHEMO`; acts from day 0 to the last fraction.
    drugs : tuple of str
        Its drugs by name; without names the class acts.
    steroid : tuple of Steroid, ``usual``, ``not known`` or ``as fitted``
        Dexamethasone by period; `drugs.Steroids`.
    """

    phases: tuple[PhaseExposure, ...]
    chemo: str = "none"
    drugs: tuple[str, ...] = ()
    steroid: Steroids = ()

    def __post_init__(self) -> None:
        if not self.phases:
            raise ScenarioError("a course has a phase")

    @property
    def fractions(self) -> int:
        """Fractions of all phases."""
        return sum(phase.fractions for phase in self.phases)

    @property
    def last_fraction_d(self) -> float:
        """Day of the last fraction, 0 without radiotherapy. [d]"""
        return max((float(phase.times_d[-1]) for phase in self.phases), default=0.0)

    @property
    def surrogates(self) -> tuple[str, ...]:
        """Pools that see a surrogate in any phase, in the order of `POOLS`."""
        return tuple(p for p in POOLS if any(p in phase.surrogate for phase in self.phases))

    def events(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Times [d] and kinds of all events in order: kinds count the phases."""
        calendars = [phase.times_d for phase in self.phases]
        times = np.concatenate(calendars)
        kind = np.concatenate([np.full(len(c), i, dtype=np.intp) for i, c in enumerate(calendars)])
        order = np.lexsort((kind, times))
        return times[order], kind[order]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers that `course_from_dict` turns back into the same course."""
        return {
            "chemo": self.chemo,
            "drugs": list(self.drugs),
            "steroid": self.steroid if isinstance(self.steroid, str) else [list(p) for p in self.steroid],
            "phases": [
                {
                    "times_d": phase.times_d.tolist(),
                    "modality": phase.modality,
                    "surrogate": sorted(phase.surrogate),
                    "dose_gy": {p: phase.distribution(p).dose_gy.tolist() for p in POOLS},
                    "share": {p: phase.distribution(p).share.tolist() for p in POOLS},
                    "bodies": [
                        {p: [d.dose_gy.tolist(), d.share.tolist()] for p, d in body.items()} for body in phase.bodies
                    ],
                    **({} if phase.low_rate is None else {"low_rate": phase.low_rate.to_dict()}),
                }
                for phase in self.phases
            ],
        }


def course_from_dict(table: Mapping[str, Any]) -> Course:
    """The course that `Course.to_dict` wrote."""
    phases = []
    for row in table["phases"]:
        dose = {p: _distribution(row["dose_gy"][p], row["share"][p]) for p in POOLS}
        blood = dose.pop("blood")
        phases.append(
            PhaseExposure(
                np.asarray(row["times_d"], dtype=np.float64),
                blood,
                dose,
                frozenset(row["surrogate"]),
                row["modality"],
                tuple({p: _distribution(*pair) for p, pair in body.items()} for body in row.get("bodies", ())),
                None if "low_rate" not in row else _low_rate(row["low_rate"]),
            )
        )
    steroid: Any = table.get("steroid", ())
    taken: Steroids = steroid if isinstance(steroid, str) else tuple(Steroid(*p) for p in steroid)  # type: ignore[assignment]
    return Course(tuple(phases), table["chemo"], tuple(table["drugs"]), taken)


def _distribution(dose_gy: list[float], share: list[float]) -> DoseDistribution:
    return DoseDistribution(np.asarray(dose_gy, dtype=np.float64), np.asarray(share, dtype=np.float64))


def _low_rate(row: Mapping[str, Any]) -> LowRate:
    return LowRate(FrozenDict(dict(row["quadratic_gy"])), row["marrow_method"], row["alpha"])
