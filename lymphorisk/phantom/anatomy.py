"""A body of a given sex, height and weight: organs as solids, under their TG-263 names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from lymphorisk.errors import ParameterError, ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.phantom.shapes import Bands, Common, Ellipsoid, Loft, Shape, Together, Triple, Tube, Without
from lymphorisk.units import MM3_PER_CM3

Numbers: TypeAlias = Mapping[str, float | tuple[float, ...]]

#: Values to a section or point of each kind of solid in the parameter file.
COLUMNS = {"ellipsoid": 6, "loft": 5, "tube": 4, "trunk": 6}
UNSCALED: Triple = (1.0, 1.0, 1.0)
GRAMS_PER_KG = 1000.0
#: The Mosteller square root: body surface area over the reference goes as sqrt(height x weight).
SURFACE_POWER = 0.5
#: Girths between which the outline of a body of the given weight is sought: 25 kg to 300 kg at any height.
GIRTHS = (0.5, 2.5)
#: Halvings of that interval: 2 / 2^40 is far below a micrometre.
HALVINGS = 40
#: Draws farther out than this many standard deviations are pulled in: organs must stay inside the body.
FARTHEST_DRAW = 2.5
#: Body mass index outside which the outline no longer looks like a body. [kg/m2]
BMI_RANGE = (14.0, 55.0)
#: Heights the reference man and woman are scaled to; a smaller body is a child's, whose organs have other places and
#: sizes. [cm]
HEIGHT_RANGE_CM = (130.0, 225.0)
#: Organs given up to make room: (organ, what is cut out of it).
CARVED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Lung_L", ("Heart", "Spleen", "Stomach", "Liver", "VB_T", "A_Aorta")),
    ("Lung_R", ("Heart", "Liver", "VB_T")),
    ("Liver", ("Kidney_R", "Stomach", "V_Venacava_I", "VB_T", "Pancreas")),
    ("Stomach", ("Spleen", "Pancreas")),
    ("Bone_Pelvic", ("Femur_Head_L", "Femur_Head_R", "Femur_L", "Femur_R")),
    ("Femur_L", ("Femur_Head_L",)),
    ("Femur_R", ("Femur_Head_R",)),
    ("Heart", ("V_Venacava_I", "Liver")),
)
BONES = (
    "Skull",
    "VB_C",
    "VB_T",
    "VB_L",
    "Sacrum",
    "Bone_Pelvic",
    "Femur_Head_L",
    "Femur_Head_R",
    "Femur_L",
    "Femur_R",
    "Humerus_L",
    "Humerus_R",
    "Scapula_L",
    "Scapula_R",
    "Clavicle_L",
    "Clavicle_R",
    "Sternum",
    "Ribs",
)
LUNGS = ("Lung_L", "Lung_R")
#: Organs that are named together.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Lungs": LUNGS,
    "Kidneys": ("Kidney_L", "Kidney_R"),
    "BoneMarrow": tuple(b for b in BONES if b not in ("Femur_L", "Femur_R")),
}
BREASTS = ("Breast_L", "Breast_R")
SEXES = ("M", "F")
ARMS = ("up", "down")


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One body.

    Attributes
    ----------
    sex : str
        ``M`` or ``F``.
    height_cm, weight_kg : float
        Height [cm] and weight [kg]; the outline encloses weight / density.
    shapes : mapping of str to Shape
        Solids by TG-263 name; ``Body`` is the outline (``arms="up"``: without them). [mm]
    density : mapping of str to float
        Relative electron density of ``body``, ``lung``, ``bone``.
    trunk_place, head_place : tuple
        Scale and shift that carry the reference body's places into this body's trunk and head.
    numbers : mapping
        What the body was built from.
    """

    sex: str
    height_cm: float
    weight_kg: float
    shapes: Mapping[str, Shape]
    density: Mapping[str, float]
    trunk_place: tuple[Triple, Triple]
    head_place: tuple[Triple, Triple]
    numbers: Numbers = field(repr=False)


def number(numbers: Numbers, name: str) -> float:
    """A scalar of the phantom's parameters."""
    value = numbers.get(name)
    if value is None or isinstance(value, tuple):
        raise ParameterError(f"phantom parameter {name!r} is missing or not one number")
    return value


def numbers_of(numbers: Numbers, name: str) -> tuple[float, ...]:
    """A list of the phantom's parameters."""
    value = numbers.get(name)
    if not isinstance(value, tuple):
        raise ParameterError(f"phantom parameter {name!r} is missing or not a list")
    return value


def drawn_solid(numbers: Numbers, prefix: str, names: Iterable[str] = ()) -> Shape | None:
    """The solid drawn under `prefix`, None when nothing is drawn there; `names` spares the search."""
    parts: list[Shape] = []
    shell: dict[str, Shape] = {}
    bands: Bands | None = None
    for name in sorted(n for n in (names or numbers) if n.startswith(f"{prefix}.")):
        kind, _, rest = name.removeprefix(f"{prefix}.").partition("_")
        if kind == "bands":
            bands = Bands(*numbers_of(numbers, name))
        elif kind in COLUMNS:
            solid = _solid(kind, numbers_of(numbers, name))
            if rest in ("outer", "inner"):
                shell[rest] = solid
            elif rest.endswith("LR"):
                parts += [solid, mirrored(solid)]
            else:
                parts.append(solid)
    if shell:
        parts.append(Without(shell["outer"], (shell["inner"],)))
    if not parts:
        return None
    whole = parts[0] if len(parts) == 1 else Together(tuple(parts))
    return whole if bands is None else Common((whole, bands))


def mirrored(shape: Shape) -> Shape:
    """The solid on the other side of the midline."""
    if isinstance(shape, Ellipsoid):
        x, y, z = shape.center
        return Ellipsoid((-x, y, z), shape.axes, -shape.turn_rad, -shape.tip_rad)
    if isinstance(shape, Loft):
        return Loft(tuple((z, -cx, cy, a, b) for z, cx, cy, a, b in shape.sections), shape.power)
    if isinstance(shape, Tube):
        return Tube(tuple((-x, y, z, r) for x, y, z, r in shape.points))
    if isinstance(shape, Together):
        return Together(tuple(mirrored(p) for p in shape.parts))
    raise ScenarioError(f"a {type(shape).__name__} has no mirror image here")


def organ_parts(numbers: Numbers) -> dict[str, list[str]]:
    """Parameter names of every drawn organ, sides not yet unfolded, in alphabetical order."""
    out: dict[str, list[str]] = {}
    for name in sorted(n for n in numbers if n.startswith("organ.")):
        out.setdefault(name.split(".")[1], []).append(name)
    return out


def anatomy(
    numbers: Numbers,
    *,
    sex: str,
    height_cm: float | None = None,
    weight_kg: float | None = None,
    arms: str = "up",
    volume_factor: Mapping[str, float] | None = None,
    shift_mm: Mapping[str, Triple] | None = None,
    rng: Generator | None = None,
) -> Anatomy:
    """A body.

    Parameters
    ----------
    numbers : mapping of str to float or tuple of float
        The parameters of topic ``phantom``, plain.
    sex : str
        ``M`` or ``F``.
    height_cm, weight_kg : float, optional
        Default to the reference man or woman. [cm], [kg]
    arms : str
        ``up`` (raised, out of the scan) or ``down`` (alongside).
    volume_factor : mapping, optional
        Organ volume over its expected one, by name.
    shift_mm : mapping, optional
        Organ displacement by name (x, y, z). [mm]
    rng : Generator, optional
        Draws the factors and displacements that are not given; without it the body is the expected one.

    Notes
    -----
    Outline: the girth of trunk and limbs is the one root at which the outline, with arms and legs, encloses
    weight / density. Organs keep their place relative to the body (positions spread as girth to a stated
    power) and take the reference volume times the ratio of body surfaces (Mosteller).
    """
    if sex not in SEXES:
        raise ScenarioError(f"a phantom is M or F, not {sex!r}")
    if arms not in ARMS:
        raise ScenarioError(f"arms are up or down, not {arms!r}")
    which = SEXES.index(sex)
    ref_height, ref_weight = (numbers_of(numbers, f"reference.{n}") for n in ("height_cm", "weight_kg"))
    height = ref_height[which] if height_cm is None else height_cm
    weight = ref_weight[which] if weight_kg is None else weight_kg
    if not HEIGHT_RANGE_CM[0] <= height <= HEIGHT_RANGE_CM[1]:
        raise ScenarioError(
            f"a height of {height:.0f} cm is outside {HEIGHT_RANGE_CM} of the phantom", "it has bodies of adults only"
        )
    bmi = weight / (height / 100) ** 2
    if not BMI_RANGE[0] <= bmi <= BMI_RANGE[1]:
        raise ScenarioError(f"a body mass index of {bmi:.1f} kg/m2 is outside {BMI_RANGE} of the phantom")
    tall = height / ref_height[0]
    head = numbers_of(numbers, "reference.head_scale")[which]
    girth = _girth(numbers, weight, tall, head)
    inner = girth ** number(numbers, "reference.inner_girth_exponent")
    surface = ((height * weight) / (ref_height[which] * ref_weight[which])) ** SURFACE_POWER
    grow = surface ** number(numbers, "reference.organ_size_exponent")

    in_head = (head, head, head), (0.0, 0.0, _top(numbers) * (tall - head))
    in_trunk = (inner, inner, tall), (0.0, 0.0, 0.0)

    shapes: dict[str, Shape] = {}
    for drawn, names in organ_parts(numbers).items():
        prefix = f"organ.{drawn}"
        volume = numbers.get(f"{prefix}.volume_{'mf'[which]}")
        if volume is None and any(f"{prefix}.volume_{s}" in numbers for s in "mf"):
            continue
        solid = drawn_solid(numbers, prefix, names)
        if solid is None:
            raise ParameterError(f"organ {drawn} has numbers and no shape")
        headed = f"{prefix}.head" in numbers
        for name, side in _sides(drawn, solid):
            shape = side.placed(*(in_head if headed else in_trunk))
            if volume is not None:
                wanted = number(numbers, f"{prefix}.volume_{'mf'[which]}") * (1.0 if headed else grow)
                shape = _of_volume(shape, wanted * _factor(numbers, prefix, name, volume_factor, rng) * MM3_PER_CM3)
                shape = shape.placed(UNSCALED, _shift(numbers, name, shift_mm, None if headed else rng))
            shapes[name] = shape
    for name, cuts in CARVED:
        present = tuple(shapes[c] for c in cuts if c in shapes)
        if name in shapes and present:
            shapes[name] = Without(shapes[name], present)
    outline = _outline(numbers, girth, tall, head, arms)
    breasts = tuple(shapes[n] for n in BREASTS if n in shapes)
    shapes["Body"] = Together((*outline, *breasts))
    for name in BREASTS:
        if name in shapes:
            shapes[name] = Without(shapes[name], (_chest(numbers, in_trunk),))
    density = {n: number(numbers, f"density.{n}") for n in ("body", "lung", "bone")}
    return Anatomy(
        sex,
        height,
        weight,
        FrozenDict(shapes),
        FrozenDict(density),
        in_trunk,
        in_head,
        FrozenDict(dict(numbers)),
    )


def _sides(drawn: str, solid: Shape) -> tuple[tuple[str, Shape], ...]:
    if not drawn.endswith("_LR"):
        return ((drawn, solid),)
    name = drawn.removesuffix("_LR")
    return (f"{name}_L", solid), (f"{name}_R", mirrored(solid))


def _of_volume(shape: Shape, wanted_mm3: float) -> Shape:
    return shape.resized((wanted_mm3 / shape.volume_mm3()) ** (1 / 3))


def _chest(numbers: Numbers, place: tuple[Triple, Triple]) -> Shape:
    """What lies behind the breast: the outside of the rib cage."""
    return _solid("loft", numbers_of(numbers, "organ.Ribs.loft_outer")).placed(*place)


def _factor(
    numbers: Numbers, prefix: str, name: str, given: Mapping[str, float] | None, rng: Generator | None
) -> float:
    if given is not None and name in given:
        return given[name]
    spread = numbers.get(f"{prefix}.volume_cv")
    if rng is None or spread is None:
        return 1.0
    # log-normal with median 1: volumes stay positive
    sd = math.sqrt(math.log1p(number(numbers, f"{prefix}.volume_cv") ** 2))
    return math.exp(sd * _draw(rng))


def _shift(numbers: Numbers, name: str, given: Mapping[str, Triple] | None, rng: Generator | None) -> Triple:
    if given is not None and name in given:
        return given[name]
    if rng is None:
        return (0.0, 0.0, 0.0)
    sd = number(numbers, "reference.position_sd")
    return sd * _draw(rng), sd * _draw(rng), sd * _draw(rng)


def _draw(rng: Generator) -> float:
    return float(np.clip(rng.standard_normal(), -FARTHEST_DRAW, FARTHEST_DRAW))


def _top(numbers: Numbers) -> float:
    return numbers_of(numbers, "body.trunk")[-COLUMNS["trunk"]]


def _outline(numbers: Numbers, girth: float, tall: float, head: float, arms: str) -> tuple[Shape, ...]:
    """Trunk with head, legs and, alongside, arms."""
    rows = _rows(numbers_of(numbers, "body.trunk"), COLUMNS["trunk"])
    top = rows[-1][0]
    sections = []
    for z, cx, cy, a, b, share in rows:
        wide = head * (girth / head) ** share
        height = share * z * tall + (1.0 - share) * (top * (tall - head) + z * head)
        sections.append((height, cx * wide, cy * wide, a * wide, b * wide))
    parts: list[Shape] = [Loft(tuple(sections), number(numbers, "body.trunk_power"))]
    limbs = ["leg_LR"] + (["arm_LR"] if arms == "down" else [])
    for limb in limbs:
        left = _solid("loft", numbers_of(numbers, f"body.{limb}")).placed((girth, girth, tall), (0.0, 0.0, 0.0))
        parts += [left, mirrored(left)]
    return tuple(parts)


def _girth(numbers: Numbers, weight_kg: float, tall: float, head: float) -> float:
    wanted = weight_kg * GRAMS_PER_KG / number(numbers, "reference.body_density") * MM3_PER_CM3
    low, high = GIRTHS
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        volume = sum(part.volume_mm3() for part in _outline(numbers, middle, tall, head, "down"))
        low, high = (middle, high) if volume < wanted else (low, middle)
    return 0.5 * (low + high)


def _rows(values: tuple[float, ...], columns: int) -> list[tuple[float, ...]]:
    if len(values) % columns:
        raise ParameterError(f"{len(values)} values do not make rows of {columns}")
    return [values[i : i + columns] for i in range(0, len(values), columns)]


def _solid(kind: str, values: tuple[float, ...]) -> Shape:
    if kind == "ellipsoid":
        cx, cy, cz, a, b, c, *turns = values
        turn, tip = (math.radians(t) for t in (turns or (0.0, 0.0)))
        return Ellipsoid((cx, cy, cz), (a, b, c), turn, tip)
    rows = tuple(_rows(values, COLUMNS[kind]))
    if kind == "loft":
        return Loft(rows)  # type: ignore[arg-type]
    return Tube(rows)  # type: ignore[arg-type]
