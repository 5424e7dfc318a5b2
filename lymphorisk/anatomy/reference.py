"""A reference body as clouds of points: every organ it has, and its outline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lymphorisk.anatomy.outline import Outline, outline_of_shape
from lymphorisk.phantom.anatomy import SEXES, Anatomy, Numbers, anatomy, drawn_solid
from lymphorisk.phantom.shapes import Shape
from lymphorisk.phantom.voxels import centred, voxels_of
from lymphorisk.plan.frame import read_only
from lymphorisk.units import MM3_PER_CM3

Real = NDArray[np.float64]

#: Points wanted of an organ: its mean dose is then right to a few per cent even across a field edge.
POINTS = 400
#: Points below which the lattice is refined.
FEWEST = 150
#: Spacing a search begins with, and how it is refined until an organ has enough points. [mm]
COARSEST_MM = 16.0
FINER = 0.8
BODY_MM = 30.0
#: Above this spacing an organ is large and gets all its points. [mm]
COARSE_MM = 8.0
FINEST_MM = 1.5
#: Begins the names of further solids among the parameters.
EXTRA = "extra."
#: Vertebrae by region: the drawn column is cut into equal parts, named as the organ table names them.
VERTEBRAE: Mapping[str, tuple[int, str]] = {"VB_C": (7, "d"), "VB_T": (12, "02d"), "VB_L": (5, "d")}


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """An organ as points of equal weight, shape (n, 3), its lowest and highest corner [mm], and its volume [cm3]."""

    points_mm: Real
    low_mm: Real
    high_mm: Real
    volume_cm3: float

    @property
    def middle_mm(self) -> Real:
        """Centre of mass. [mm]"""
        return np.asarray(self.points_mm.mean(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A reference body.

    Attributes
    ----------
    sex : str
        ``M`` or ``F``.
    height_mm : float
        Sole to vertex. [mm]
    organs : mapping of str to Cloud
        By TG-263 name; ``Body`` is the body with its arms alongside.
    outline : Outline
        Of the body without arms.
    """

    sex: str
    height_mm: float
    organs: Mapping[str, Cloud]
    outline: Outline


_KNOWN: dict[tuple[str, int], Reference] = {}


def reference_body(numbers: Numbers, sex: str, extra: Numbers | None = None) -> Reference:
    """The reference man or woman of the phantom's parameters, made once.

    Parameters
    ----------
    numbers : mapping
        The parameters of topic ``phantom``, plain.
    sex : str
        ``M`` or ``F``.
    extra : mapping, optional
        Parameters that hold further solids as ``extra.NAME.KIND``.
    """
    more = {n: v for n, v in (extra or {}).items() if n.startswith(EXTRA)}
    drawn = [(n, v) for n, v in numbers.items() if n.startswith(("organ.", "body.", "reference."))]
    key = (sex, hash(tuple(sorted([*drawn, *more.items()]))))
    if key not in _KNOWN:
        _KNOWN[key] = _made(anatomy(numbers, sex=sex), anatomy(numbers, sex=sex, arms="down"), more)
    return _KNOWN[key]


def _made(body: Anatomy, with_arms: Anatomy, more: Numbers) -> Reference:
    assert body.sex in SEXES
    organs = {name: cloud_of(shape) for name, shape in body.shapes.items() if name != "Body"}
    for name in sorted({n.split(".")[1] for n in more}):
        solid = drawn_solid(more, EXTRA + name)
        if solid is not None:
            organs[name] = cloud_of(solid.placed(*body.trunk_place))
    for region, (count, digits) in VERTEBRAE.items():
        organs |= _vertebrae(region, organs[region], count, digits)
    organs["Body"] = cloud_of(with_arms.shapes["Body"], BODY_MM)
    (_, _, low), (_, _, high) = body.shapes["Body"].bounds()
    return Reference(body.sex, high - low, MappingProxyType(organs), outline_of_shape(body.shapes["Body"]))


def cloud_of(shape: Shape, coarsest_mm: float = COARSEST_MM) -> Cloud:
    """Lattice points inside a solid, enough of them for a mean dose."""
    low, high = shape.bounds()
    spacing = coarsest_mm
    while True:
        x, y, z = (centred(lo, hi, spacing) for lo, hi in zip(low, high, strict=True))
        flat = voxels_of(shape, x, y, z)
        if len(flat) >= (POINTS if spacing > COARSE_MM else FEWEST) or spacing * FINER < FINEST_MM:
            break
        spacing *= FINER
    k, rest = np.divmod(flat, len(x) * len(y))
    j, i = np.divmod(rest, len(x))
    points = np.stack([x[i], y[j], z[k]], axis=-1)
    half = spacing / 2
    return _cloud(points, points.min(axis=0) - half, points.max(axis=0) + half, spacing**3 / MM3_PER_CM3)


def _cloud(points: Real, low: Real, high: Real, each_cm3: float) -> Cloud:
    for array in (points, low, high):
        read_only(array)
    return Cloud(points, low, high, len(points) * each_cm3)


def _vertebrae(region: str, whole: Cloud, count: int, digits: str) -> dict[str, Cloud]:
    """Equal lengths of a column, numbered from the head down."""
    each = whole.volume_cm3 / len(whole.points_mm)
    edges = np.linspace(whole.high_mm[2], whole.low_mm[2], count + 1)
    out = {}
    for n in range(count):
        inside = (whole.points_mm[:, 2] <= edges[n]) & (whole.points_mm[:, 2] > edges[n + 1])
        low, high = whole.low_mm.copy(), whole.high_mm.copy()
        low[2], high[2] = edges[n + 1], edges[n]
        if inside.any():
            out[f"{region}{n + 1:{digits}}"] = _cloud(whole.points_mm[inside].copy(), low, high, each)
    return out
