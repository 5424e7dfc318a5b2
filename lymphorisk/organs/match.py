"""Which ROI is which organ, and why.

The ladder, first rung that holds: override, the clinic's own name, exact name, normalised name, reverse order, alias,
ROI type EXTERNAL (the body only), recipe (a union of parts). Similar names are suggested, never used.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from lymphorisk import parameters
from lymphorisk.dvh.curve import EndCaps
from lymphorisk.dvh.regions import Region, Union
from lymphorisk.dvh.stack import Stack, slabs_of, stacks_of
from lymphorisk.errors import AmbiguousOrganError, MissingOrganError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.frozen import FrozenDict
from lymphorisk.organs import names
from lymphorisk.organs.cover import blood_cover, pool_cover
from lymphorisk.organs.organ import NETWORKS, Organ
from lymphorisk.organs.place import check_places, check_sides
from lymphorisk.organs.size import mass_kg, volume_range_cm3
from lymphorisk.organs.table import load
from lymphorisk.plan import Patient
from lymphorisk.plan.structures import Structure

EMPTY_ROI = rule("LR151", "info", "Empty ROI", "An ROI holds no closed contour; it is not used.")
NOT_USED = rule(
    "LR152", "info", "ROI not used", "An ROI has the name of a planning structure or variant, not of an organ."
)
VAGUE_ROI = rule("LR153", "warning", "Vague ROI name", "An ROI name may mean an organ, but not surely; it is not used.")
SIMILAR_ROI = rule(
    "LR154", "info", "Similar ROI name", "An ROI name resembles an organ's; similar names are never used silently."
)
TWO_ROIS = rule("LR155", "warning", "Two ROIs for one organ", "Several ROIs claim an organ; the better match is used.")
STAND_IN = rule(
    "LR156", "warning", "Organ by a stand-in", "An organ is not contoured; a wider or smaller contour stands in."
)
IMPLAUSIBLE = rule("LR157", "warning", "Implausible volume", "The volume of a structure lies outside the adult range.")
DERIVED = rule(
    "LR158", "info", "Organ made of parts", "An organ is not contoured as a whole; it is the union of its parts."
)
IMPOSSIBLE = rule(
    "LR161",
    "error",
    "Impossible volume",
    "The volume of a structure lies several times outside the adult range: damaged contours, another unit, another "
    "structure. It is not used as that organ.",
)
NOT_DRAWN = rule(
    "LR162",
    "warning",
    "Organ not usable",
    "The ROI of an organ or target is not usable; the organ counts as not drawn.",
)

RUNGS = ("override", "clinic", "exact", "normalised", "reverse order", "alias", "ROI type", "recipe", "segmentation")
#: Similarity from which a name is suggested: one letter wrong or two swapped in a name of six letters.
SUGGESTION_CUTOFF = 0.8
SUGGESTIONS = 2
#: Volumes below the adult range divided by the first, or above it times the second, are no volume of that organ. The
#: heart of a two-year-old is a quarter of the smallest adult one; swollen organs stay within twice the range.
TOO_SMALL = 4.0
TOO_LARGE = 3.0
#: The end-cap rule a rough volume is taken with.
HALF: EndCaps = "half"
#: A closed contour has at least three points.
CONTOUR_POINTS = 3
#: Names longer than this are cut in messages: an ROI name may hold 64 characters, a hostile one far more.
NAME_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Match:
    """An organ found in an export.

    Attributes
    ----------
    region : Region
        What to compute on: a structure, or structures joined.
    roi_numbers, roi_names : tuple
        The ROIs it is made of, as exported.
    how : str
        The rung of the ladder and what matched.
    rung : str
        One of `RUNGS`.
    segmented : bool
        A mask or contour handed in beside the export is it, or is a part of it.
    """

    region: Region
    roi_numbers: tuple[int, ...]
    roi_names: tuple[str, ...]
    how: str
    rung: str
    segmented: bool = False


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An ROI no organ claimed, and why."""

    number: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """An ROI recognised as a target: ``GTV``, ``CTV``, ``ITV`` or ``PTV``."""

    kind: str
    structure: Structure


@dataclass(frozen=True, slots=True)
class Matching:
    """All ROIs of an export, sorted out.

    Attributes
    ----------
    organs : mapping of str to Match
        By TG-263 name.
    unmatched : tuple of Unmatched
        Every other ROI with the reason; targets are listed apart.
    suggestions : mapping of str to tuple of str
        Organs an unmatched ROI name may mean, by ROI name. Nothing is done with them.
    targets : tuple of Target
    findings : tuple of Finding
    rejected : mapping of str to str
        Organs an ROI has the name of and is not usable as, with the reason, by organ and by ROI name.
    """

    organs: Mapping[str, Match]
    unmatched: tuple[Unmatched, ...] = ()
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: FrozenDict({}))
    targets: tuple[Target, ...] = ()
    findings: tuple[Finding, ...] = ()
    rejected: Mapping[str, str] = field(default_factory=lambda: FrozenDict({}))

    @property
    def regions(self) -> Mapping[str, Region]:
        """What each organ is drawn as."""
        return {name: m.region for name, m in self.organs.items()}


@dataclass(frozen=True, slots=True)
class _Claim:
    rung: str
    structure: Structure
    detail: str


@cache
def _index() -> Mapping[str, Mapping[object, str]]:
    """Lookup tables of the ladder, each from key to organ name."""
    claimed: dict[str, dict[object, set[str]]] = {
        rung: defaultdict(set) for rung in ("exact", "normalised", "reverse order", "alias")
    }
    for organ in load().values():
        if organ.kind == "target":
            continue
        claimed["exact"][organ.name].add(organ.name)
        claimed["normalised"][names.squash(organ.name)].add(organ.name)
        claimed["reverse order"][names.shuffled(organ.name)].add(organ.name)
        for spelling in organ.spellings:
            for key in names.keys(spelling):
                claimed["alias"][key].add(organ.name)
    # A key two organs claim decides nothing: VBs and VB_S differ by case alone.
    return {rung: {k: next(iter(v)) for k, v in keys.items() if len(v) == 1} for rung, keys in claimed.items()}


@cache
def _vague() -> Mapping[str, tuple[str, ...]]:
    out: dict[str, list[str]] = defaultdict(list)
    for organ in load().values():
        for name in organ.not_alone:
            out[names.squash(name)].append(organ.name)
        if organ.name.endswith("_L") and organ.name[:-1] + "R" in load():
            for aliases in organ.aliases.values():
                for name in aliases:
                    out[names.squash(name)] += [organ.name, organ.name[:-1] + "R"]
    return {key: tuple(dict.fromkeys(value)) for key, value in out.items()}


def organ_of(name: str) -> tuple[str, str] | None:
    """The organ a name means and the rung it was found on, or None.

    Examples
    --------
    >>> organ_of("Spleen"), organ_of("Milz"), organ_of("Lt Lung")
    (('Spleen', 'exact'), ('Spleen', 'alias'), ('Lung_L', 'alias'))
    >>> organ_of("Thymus_Glnd"), organ_of("heart"), organ_of("Parotid_L")
    (('Glnd_Thymus', 'reverse order'), ('Heart', 'normalised'), ('Parotid_L', 'exact'))
    >>> organ_of("zSpleen_opt") is organ_of("Spleen_PRV05") is organ_of("NOT_Spleen") is None
    True
    """
    index = _index()
    squashed, shuffled = names.keys(name)
    if name in index["exact"] and squashed not in _vague_names():
        return name, "exact"
    if not squashed or (names.planning_reason(name) and "minus" not in shuffled) or squashed in _vague_names():
        return None
    for rung, keys in (
        ("normalised", (squashed,)),
        ("reverse order", (shuffled,)),
        ("alias", (squashed, shuffled)),
    ):
        for key in keys:
            if key in index[rung]:
                return index[rung][key], rung
    return None


@cache
def _vague_names() -> frozenset[str]:
    return frozenset(names.squash(name) for organ in load().values() for name in organ.not_alone)


def match(
    structures: Sequence[Structure],
    overrides: Mapping[str, str | int] | None = None,
    patient: Patient | None = None,
    aliases: Mapping[str, Sequence[str]] | None = None,
) -> Matching:
    """Match ROIs to organs.

    Parameters
    ----------
    structures : sequence of Structure
        ROIs as exported.
    overrides : mapping of str to str or int, optional
        ROI name or number by organ name; names joined by ``+`` become a union.
    patient : Patient, optional
        Whose weight or age say how large organs may be; else the drawn trunk does, else they are an adult's.
    aliases : mapping of str to sequence of str, optional
        A clinic's own ROI names by organ, as exported; they come before the names the program knows, and may be absent.

    Raises
    ------
    MissingOrganError
        An override or an alias names no organ or no ROI, or an ROI that is empty.
    AmbiguousOrganError
        Two ROIs claim an organ on the same rung of the ladder.
    """
    drawn = [s for s in structures if _closed(s)]
    findings = [
        finding(EMPTY_ROI, "no closed contour", _where(s), "draw it or ignore this")
        for s in structures
        if not (_closed(s) or s.unusable)
    ]
    rejected = dict(_not_drawn(structures, findings))
    organs = dict(_overridden(drawn, structures, overrides or {}))
    claims: dict[str, list[_Claim]] = defaultdict(list)
    unclaimed: list[Structure] = []
    own = {text: organ_name(key) for key, texts in (aliases or {}).items() for text in texts}
    for structure in drawn:
        found = (own[structure.name], "clinic") if structure.name in own else organ_of(structure.name)
        if found:
            claims[found[0]].append(_Claim(found[1], structure, f"{structure.name!r}"))
        else:
            unclaimed.append(structure)
    bodies = [s for s in drawn if s.rt_type.upper() == "EXTERNAL"]
    if "Body" not in claims and bodies:
        claims["Body"] = [_Claim("ROI type", s, "interpreted type EXTERNAL") for s in bodies]
        unclaimed = [s for s in unclaimed if s not in bodies]
    used = {number for m in organs.values() for number in m.roi_numbers}
    for name in load():
        if name in claims and name not in organs:
            chosen, noted = _choose(name, claims[name])
            findings += noted
            organs[name] = Match(
                chosen.structure,
                (chosen.structure.number,),
                (chosen.structure.name,),
                f"{chosen.rung}: {_short(chosen.detail)}",
                chosen.rung,
            )
    named = {name: m.region for name, m in organs.items()}
    impossible = _impossible(organs, drawn, findings, patient or Patient())
    findings += derive(organs)
    targets = tuple(Target(kind, s) for s in unclaimed if (kind := _target(s)))
    taken = used | {t.structure.number for t in targets}
    for name, (numbers, reason) in impossible.items():
        rejected |= {name: reason} | {s.name: reason for s in drawn if s.number in numbers}
    unmatched, suggestions, noted = _left_over([s for s in unclaimed if s.number not in taken])
    empty = [Unmatched(s.number, s.name, _why_empty(s)) for s in structures if not _closed(s)]
    empty += [Unmatched(s.number, s.name, rejected[s.name]) for s in drawn if s.name in rejected]
    regions = {name: m.region for name, m in organs.items()} | named
    return Matching(
        FrozenDict({name: organs[name] for name in load() if name in organs}),
        tuple(sorted([*unmatched, *empty], key=lambda u: u.number)),
        FrozenDict(suggestions),
        targets,
        (*findings, *noted, *_stand_ins(organs), *check_sides(regions), *check_places(regions)),
        FrozenDict(rejected),
    )


def organ_name(name: str) -> str:
    """The TG-263 name of an organ given under any of its names.

    Raises
    ------
    MissingOrganError
        No organ has this name.
    """
    if name in load():
        return name
    found = organ_of(name)
    if found is None:
        near = similar(name)
        raise MissingOrganError(
            f"{_short(name)!r} is no organ this program knows",
            f"did you mean {' or '.join(near)}?" if near else "`lymphorisk organs` lists the names",
        )
    return found[0]


def similar(name: str) -> tuple[str, ...]:
    """Organs whose names resemble this one: a suggestion, never a match.

    Examples
    --------
    >>> similar("Splean"), similar("Bolus")
    (('Spleen',), ())
    """
    wanted = names.squash(name)[:NAME_SHOWN]
    if not wanted:
        return ()
    # Names of too different a length cannot reach the cutoff: 2 min / (a + b) < 0.8.
    low, high = len(wanted) * SUGGESTION_CUTOFF / 2, len(wanted) * 2 / SUGGESTION_CUTOFF
    keys = [k for k in _vocabulary() if low < len(k) < high and (k[0] == wanted[0] or k[-1] == wanted[-1])]
    close = difflib.get_close_matches(wanted, keys, n=SUGGESTIONS, cutoff=SUGGESTION_CUTOFF)
    return tuple(dict.fromkeys(_vocabulary()[key] for key in close))


@cache
def _vocabulary() -> Mapping[str, str]:
    keys = {**_index()["alias"], **_index()["normalised"]}
    return {key: organ for key, organ in keys.items() if isinstance(key, str)}


def check_volume(name: str, volume_cm3: float, mass_kg: float | None = None) -> Finding | None:
    """A finding when the volume of an organ lies outside its plausible range, an adult's or that of a body's mass."""
    organ = load().get(name)
    limits = None if organ is None else volume_range_cm3(organ, mass_kg)
    if limits is None or limits[0] <= volume_cm3 <= limits[1]:
        return None
    least, most = parameters.load("size")["adult.mass"].pair
    adult = mass_kg is None or least <= mass_kg <= most
    body = "" if adult else f" in a body of {mass_kg:.0f} kg"
    return finding(
        IMPLAUSIBLE,
        f"{volume_cm3:.1f} cm3 is outside {_rounded(limits[0]):g} to {_rounded(limits[1]):g} cm3 for {name}{body}",
        name,
        "is it the right structure, contoured as a whole? A child's organ may be smaller"
        if adult
        else "is it the right structure, contoured as a whole?",
    )


def _rounded(volume_cm3: float) -> float:
    return float(f"{volume_cm3:.3g}")


def _not_drawn(structures: Sequence[Structure], findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Organs and ROIs that are not usable, with the reason."""
    for structure in structures:
        if not structure.unusable:
            continue
        reason = f"not usable: {structure.unusable}"
        yield structure.name, reason
        found = organ_of(structure.name)
        if found is not None:
            yield found[0], reason
        if meant := found[0] if found is not None else _target(structure):
            findings.append(finding(NOT_DRAWN, f"{meant} counts as not drawn: {structure.unusable}", _where(structure)))


def _impossible(
    organs: dict[str, Match], drawn: Sequence[Structure], findings: list[Finding], patient: Patient
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Takes organs whose volume is none of that organ out of `organs`: their ROIs and why."""
    stacks = {s.number: stacks_of(s) for s in drawn}
    spacing = float(np.median([s.spacing_mm for of in stacks.values() for s in of if s.spacing_mm] or [0.0]))
    body = organs.get("Body")
    scan = [s for n in body.roi_numbers for s in stacks.get(n, ())] if body is not None else []
    mass = mass_kg(patient, {name: m.region for name, m in organs.items()})
    out: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, match_ in list(organs.items()):
        limits = volume_range_cm3(load()[name], mass)
        parts = [s for n in match_.roi_numbers for s in stacks.get(n, ())]
        if limits is None or not parts:
            continue
        volume = slabs_of(parts, HALF, spacing).volume_cm3
        low, high = limits
        small = 0 < volume < low / TOO_SMALL and (name == "Body" or not _cut_off(parts, scan))
        if small or volume > high * TOO_LARGE:
            what = f"about {volume:.3g} cm3, a {name} has {_rounded(low):g} to {_rounded(high):g}: not used as {name}"
            hint = "look at the contours and their unit, or map the right ROI with --organ"
            findings.append(finding(IMPOSSIBLE, what, name, hint))
            out[name] = match_.roi_numbers, what
            del organs[name]
    return out


def _cut_off(parts: Sequence[Stack], scan: Sequence[Stack]) -> bool:
    """Whether a structure ends where the scan, as the body shows it, ends: part of the organ may lie outside."""
    for body in scan:
        reach = 2 * (body.spacing_mm or 0.0)
        low, high = body.z_mm[0] + reach, body.z_mm[-1] - reach
        if any(part.z_mm[0] <= low or part.z_mm[-1] >= high for part in parts):
            return True
    return False


def _why_empty(structure: Structure) -> str:
    return f"not usable: {structure.unusable}" if structure.unusable else "no closed contour"


def _closed(structure: Structure) -> bool:
    return any(len(contour) >= CONTOUR_POINTS for contour in structure.contours_mm)


def _where(structure: Structure) -> str:
    return f"ROI {structure.number} {_short(structure.name)!r}"


def _short(text: str) -> str:
    return text if len(text) <= NAME_SHOWN else text[: NAME_SHOWN - 1] + "…"


def _overridden(
    drawn: Sequence[Structure], structures: Sequence[Structure], overrides: Mapping[str, str | int]
) -> Iterator[tuple[str, Match]]:
    for key, wanted in overrides.items():
        name = organ_name(key)
        whole = _find(str(wanted), drawn)
        parts = [whole] if whole else [_find(part.strip(), drawn) for part in str(wanted).split("+")]
        members = [part for part in parts if part is not None]
        if len(members) < len(parts):
            there = _find(str(wanted), structures)
            is_empty = there is not None
            if there is not None and there.unusable:
                raise MissingOrganError(
                    f"{name}: ROI {_short(str(wanted))!r} is not usable: {there.unusable}",
                    "redraw it, or map another ROI",
                )
            near = difflib.get_close_matches(str(wanted), [s.name for s in drawn], n=SUGGESTIONS)
            raise MissingOrganError(
                f"{name}: ROI {_short(str(wanted))!r} {'is empty' if is_empty else 'is not in the structure set'}",
                f"nearest: {', '.join(map(repr, near))}" if near else "`lymphorisk inspect` lists the ROIs",
            )
        region: Region = members[0] if len(members) == 1 else Union(name, tuple(members))
        yield (
            name,
            Match(
                region,
                tuple(s.number for s in members),
                tuple(s.name for s in members),
                f"override: {_short(str(wanted))!r}",
                "override",
            ),
        )


def _find(text: str, structures: Sequence[Structure]) -> Structure | None:
    by_name = [s for s in structures if s.name == text]
    if len(by_name) > 1:
        raise AmbiguousOrganError(
            f"two ROIs are named {_short(text)!r}", f"give the number: {', '.join(str(s.number) for s in by_name)}"
        )
    by_number = [s for s in structures if str(s.number) == text.lstrip("#")]
    return next(iter(by_name or by_number), None)


def _choose(name: str, claims: Sequence[_Claim]) -> tuple[_Claim, list[Finding]]:
    ordered = sorted(claims, key=lambda c: RUNGS.index(c.rung))
    best = [c for c in ordered if c.rung == ordered[0].rung]
    if name == "Body" and len(best) > 1:
        best = [c for c in best if c.structure.rt_type.upper() == "EXTERNAL"] or best
    if len(best) > 1:
        rois = ", ".join(f"{c.structure.number} {_short(c.structure.name)!r}" for c in best)
        raise AmbiguousOrganError(
            f"{name}: ROIs {rois} claim it alike ({best[0].rung})",
            f"say which: --organ {name}={best[0].structure.number}",
        )
    noted = [
        finding(
            TWO_ROIS,
            f"{name} is ROI {best[0].structure.number} ({best[0].rung}), not this one ({c.rung})",
            _where(c.structure),
            f"to change it: --organ {name}={c.structure.number}",
        )
        for c in ordered
        if c is not best[0]
    ]
    return best[0], noted


def derive(organs: dict[str, Match]) -> list[Finding]:
    """Add unions of parts until nothing more can be made; a union never replaces a contour."""
    noted: list[Finding] = []
    grown = True
    while grown:
        grown = False
        for organ in load().values():
            if organ.name in organs:
                continue
            made = _union(organ, organs)
            if made:
                organs[organ.name] = made
                noted.append(finding(DERIVED, made.how, organ.name))
                grown = True
    return noted


def _union(organ: Organ, organs: Mapping[str, Match]) -> Match | None:
    for recipe in organ.recipes:
        if recipe.how != "union" or any(part not in organs for part in recipe.of):
            continue
        parts = [organs[part] for part in recipe.of]
        return Match(
            Union(organ.name, tuple(part.region for part in parts)),
            tuple(n for part in parts for n in part.roi_numbers),
            tuple(n for part in parts for n in part.roi_names),
            f"recipe: union of {' + '.join(recipe.of)}",
            "recipe",
            any(part.segmented for part in parts),
        )
    return None


def _target(structure: Structure) -> str | None:
    kind = names.target_kind(structure.name)
    if kind is None and structure.rt_type.upper() in {"GTV", "CTV", "ITV", "PTV"}:
        return structure.rt_type.upper()
    return kind


def _left_over(
    structures: Sequence[Structure],
) -> tuple[list[Unmatched], dict[str, tuple[str, ...]], list[Finding]]:
    unmatched: list[Unmatched] = []
    suggestions: dict[str, tuple[str, ...]] = {}
    noted: list[Finding] = []
    for structure in structures:
        reason = names.planning_reason(structure.name)
        near: tuple[str, ...] = ()
        vague = _vague().get(names.squash(structure.name))
        if reason:
            noted.append(finding(NOT_USED, reason, _where(structure)))
        elif vague:
            reason, near = f"may mean {' or '.join(vague)}", vague
            hint = f"if it does: --organ {vague[0]}={structure.number}"
            if "LN" in vague:
                hint = f"which region? such as --organ LN_Pelvics={structure.number}; LN alone is all nodes of the body"
            noted.append(finding(VAGUE_ROI, reason, _where(structure), hint))
        elif near := similar(structure.name):
            reason = f"resembles {' or '.join(near)}, but similar names are not used"
            hint = f"if it is: --organ {near[0]}={structure.number}"
            noted.append(finding(SIMILAR_ROI, reason, _where(structure), hint))
        if near:
            suggestions[structure.name] = near
        unmatched.append(Unmatched(structure.number, structure.name, reason or "no organ has this name"))
    return unmatched, suggestions, noted


def _stand_ins(organs: Mapping[str, Match]) -> list[Finding]:
    used = {
        c.organ
        for cover in (pool_cover(organs), *(blood_cover(organs, n) for n in NETWORKS))
        for parts in cover.values()
        for c in parts
        if c.stand_in
    }
    return [
        finding(STAND_IN, load()[name].dilution, name, f"contour {load()[name].stands_for}")
        for name in load()
        if name in used
    ]
