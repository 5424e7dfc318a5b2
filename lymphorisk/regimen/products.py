"""Regimens by product or published arm, from the parameter topic ``products``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from lymphorisk import parameters
from lymphorisk.conditioning.regimen import (
    DRUGS,
    STANDINGS,
    DrugDose,
    Evidence,
    InfusionWindow,
    RadiationCourse,
    Regimen,
)
from lymphorisk.errors import ParameterError, ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.parameters import Parameter
from lymphorisk.units import nearest, squashed

FROM_START = "d of lymphodepletion"


@cache
def products() -> Mapping[str, Regimen]:
    """All built-in regimens by id, each on the calendar of its infusion."""
    groups: dict[str, dict[str, Parameter]] = {}
    for name, parameter in parameters.load("products").items():
        product, _, what = name.partition(".")
        groups.setdefault(product, {})[what] = parameter
    return FrozenDict({product: _regimen(product, entries) for product, entries in groups.items()})


def product(name: str) -> Regimen:
    """The regimen of a product.

    Raises
    ------
    ScenarioError
        No such product, or a name several regimens answer to.

    Examples
    --------
    >>> [d.amount for d in product("axi-cel").drugs if d.drug == "fludarabine"]
    [30.0, 30.0, 30.0]
    """
    table = products()
    key = squashed(name)
    exact = {squashed(k): k for k in table}
    if key in exact:
        return table[exact[key]]
    near = [k for k, words in _names().items() if key in words]
    if len(near) == 1:
        return table[near[0]]
    if near:
        raise ScenarioError(f"{name!r} has several regimens", f"use one of {', '.join(near)}")
    every = {word: k for k, words in _names().items() for word in words} | exact
    like = nearest(name, every)
    offered = f"did you mean {every[like]}? " if like else ""
    raise ScenarioError(f"product {name!r} is not on record", f"{offered}there are: {', '.join(table)}")


def product_named(name: str) -> str:
    """The id of a regimen from its id, its product's generic or brand name, or the short name (``axi-cel``)."""
    return product(name).product


@cache
def _names() -> Mapping[str, frozenset[str]]:
    """Other names of each regimen: generic and brand as its title gives them, and its id without the indication."""
    out = {}
    for key, regimen in products().items():
        generic, _, brand = regimen.title.rstrip(")").partition(" (")
        stem = key.partition("_")[0]
        words = {
            generic,
            generic.partition(" ")[0],
            brand,
            f"{generic} {brand}",
            f"{brand} {generic}",
            stem,
            f"{stem}cel",
        }
        out[key] = frozenset(squashed(w) for w in words if w)
    return FrozenDict(out)


def _numbers(p: Parameter) -> tuple[float, ...]:
    return p.value if isinstance(p.value, tuple) else (p.value,)


def _regimen(name: str, entries: Mapping[str, Parameter]) -> Regimen:
    infusion = entries["infusion_days"]
    title, _, rest = infusion.note.partition(" | ")
    indication, _, kind = rest.partition(" | ")
    standing = next((s for s in STANDINGS if s == kind and s != "own"), None)
    if standing is None:
        raise ParameterError(
            f"products.{name}.infusion_days: {kind!r} is no standing", f"one of {', '.join(STANDINGS)}"
        )
    window = _window(entries)
    doses = [d for drug in DRUGS if drug in entries for d in _doses(name, drug, entries, window)]
    radiation: tuple[RadiationCourse, ...] = ()
    if "whole_body" in entries:
        gy, days = _numbers(entries["whole_body"]), _numbers(entries["whole_body_days"])
        if len(set(gy)) != 1:
            raise ParameterError(f"products.{name}: whole-body fractions of different doses are not modelled")
        radiation = (RadiationCourse("whole body", tuple(days), gy[0], role="lymphodepletion"),)
    return Regimen(
        name=name,
        drugs=tuple(sorted(doses, key=lambda d: (d.day, d.drug))),
        radiation=radiation,
        infusion_days=_numbers(infusion),
        product=name,
        title=title,
        indication=f"{indication} ({standing})",
        standing=standing,
        window=window,
        evidence=tuple(Evidence(fact, p.place, p.source, p.known) for fact, p in entries.items()),
    )


def _window(entries: Mapping[str, Parameter]) -> InfusionWindow | None:
    if "window" not in entries:
        return None
    low, high = _numbers(entries["window"])
    repeat, waiver = entries.get("repeat_after"), entries.get("waiver_wbc")
    return InfusionWindow(
        low,
        high,
        None if repeat is None else repeat.number,
        None if waiver is None else waiver.number,
        entries["window"].known,
    )


def _doses(
    name: str, drug: str, entries: Mapping[str, Parameter], window: InfusionWindow | None
) -> tuple[DrugDose, ...]:
    amounts, calendar = _numbers(entries[drug]), entries[f"{drug}_days"]
    days = _numbers(calendar)
    if len(days) != len(amounts):
        raise ParameterError(f"products.{name}.{drug}: {len(amounts)} doses on {len(days)} days")
    if calendar.unit == FROM_START:
        if window is None:
            raise ParameterError(f"products.{name}: a calendar from the start needs a window to place the infusion")
        last = max(max(_numbers(entries[f"{d}_days"])) for d in DRUGS if f"{d}_days" in entries)
        days = tuple(day - last - window.low_d for day in days)
    unit = entries[drug].unit
    return tuple(DrugDose(drug, amount, unit, day) for amount, day in zip(amounts, days, strict=True))
