"""Read the organ files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lymphorisk.errors import ParameterError
from lymphorisk.frozen import FrozenDict
from lymphorisk.organs.names import transliterated, with_side
from lymphorisk.organs.organ import KINDS, NETWORKS, POOLS, Organ, Origin, Recipe
from lymphorisk.parameters import KNOWN, sources

DATA = Path(__file__).parent / "data"
KEYS = {
    "name", "numbered", "sides", "side", "fma", "tg263", "kind", "part_of", "by_parts", "stands_for", "dilution",
    "not_alone", "aliases", "recipes", "blood", "pool", "volume_cm3",
}  # fmt: skip


@cache
def load() -> Mapping[str, Organ]:
    """Every organ by TG-263 name.

    Raises
    ------
    ParameterError
        An organ file breaks the rules: unknown key, unknown source, a part without its whole.

    Examples
    --------
    >>> load()["Lung_L"].part_of
    'Lungs'
    >>> load()["VB_T07"].pool_share
    0.016583
    """
    organs: dict[str, Organ] = {}
    for path in sorted(DATA.glob("*.toml")):
        for organ in _expanded(tomllib.loads(path.read_text(encoding="utf-8")), path.name):
            if organ.name in organs:
                raise ParameterError(f"organ {organ.name} stands in two files, one is {path.name}")
            organs[organ.name] = organ
    for organ in organs.values():
        named = (organ.part_of, organ.stands_for, *(part for recipe in organ.recipes for part in recipe.of))
        if unknown := [name for name in named if name and name not in organs]:
            raise ParameterError(f"organ {organ.name} names {unknown[0]!r}, which is no organ")
    return FrozenDict(organs)


def _expanded(table: Mapping[str, Any], file: str) -> Iterator[Organ]:
    """One organ, or one for each number and side the file asks for."""
    if unknown := set(table) - KEYS:
        raise ParameterError(f"organ file {file}: unknown key {sorted(unknown)[0]!r}")
    numbered = table.get("numbered")
    numbers: tuple[int | None, ...] = (None,)
    if numbered:
        numbers = tuple(range(numbered["first"], numbered["last"] + 1))
    for number in numbers:
        for side in ("L", "R") if table.get("sides") else (table.get("side"),):
            yield _organ(table, file, number, side)


def _organ(table: Mapping[str, Any], file: str, number: int | None, side: str | None) -> Organ:
    digits = table.get("numbered", {}).get("digits", 1)

    def filled(text: str, padded: bool = False) -> str:
        text = text.replace("{side}", side or "")
        return text if number is None else text.replace("{n}", f"{number:0{digits}d}" if padded else str(number))

    kind, pool, blood = table.get("kind", "organ"), table.get("pool"), table.get("blood", {})
    if kind not in KINDS or (pool and pool["name"] not in POOLS):
        raise ParameterError(f"organ file {file}: unknown kind or pool")
    aliases = {language: tuple(filled(a) for a in names) for language, names in table.get("aliases", {}).items()}
    fma = table.get("fma", "")
    volume = table.get("volume_cm3")
    return Organ(
        name=filled(table["name"], padded=True) + (f"_{side}" if side and table.get("sides") else ""),
        tg263=table["tg263"],
        fma=fma if isinstance(fma, str) else fma[0 if side == "L" else 1],
        kind=kind,
        aliases=FrozenDict(aliases),
        spellings=tuple(_spellings(table, filled, side)),
        recipes=tuple(Recipe(r["how"], tuple(filled(o) for o in r["of"])) for r in table.get("recipes", ())),
        compartments=FrozenDict({n: FrozenDict(dict(blood[n])) for n in NETWORKS if n in blood}),
        pool=pool["name"] if pool else None,
        pool_share=float(pool["share"]) if pool else 0.0,
        part_of=filled(table.get("part_of", "")),
        by_parts=table.get("by_parts", False),
        stands_for=table.get("stands_for", ""),
        dilution=table.get("dilution", ""),
        not_alone=tuple(filled(name) for name in table.get("not_alone", ())),
        grows="early" if (volume or {}).get("grows") == "early" else "body",
        volume_range_cm3=(float(volume["low"]), float(volume["high"])) if volume else None,
        origins=FrozenDict({key: _origin(table[key], file) for key in ("blood", "pool", "volume_cm3") if key in table}),
    )


def _spellings(table: Mapping[str, Any], filled: Any, side: str | None) -> Iterator[str]:
    for language, names in table.get("aliases", {}).items():
        for name in names:
            for text in dict.fromkeys((filled(name), filled(name, padded=True), transliterated(filled(name)))):
                if side:
                    yield from with_side(text, side, language)
                else:
                    yield text


def _origin(entry: Mapping[str, Any], file: str) -> Origin:
    if entry["source"] not in sources() or entry["known"] not in KNOWN:
        raise ParameterError(f"organ file {file}: source {entry['source']!r} or known {entry['known']!r} is unknown")
    return Origin(entry["source"], entry["place"], entry["known"])
