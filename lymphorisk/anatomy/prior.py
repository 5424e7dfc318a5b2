"""What is known before anything is drawn: how organs vary in place and size, and how the body stretches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lymphorisk.errors import ParameterError

Numbers = Mapping[str, float | tuple[float, ...]]

#: Columns of an organ's row in the parameter file.
COLUMNS = 11


@dataclass(frozen=True, slots=True)
class OrganPrior:
    """How one organ varies, and which of its features are landmarks.

    Attributes
    ----------
    place_mm : tuple of float
        sd of its place in the patient beside the reference's, across, front to back, along the body. [mm]
    length : float
        sd of its length over the reference's.
    breath : tuple of float
        How far its lowest and its highest end follow the diaphragm, 0 to 1.
    spine : float
        How far it follows the depth of the spine, 0 to 1.
    low, high, middle, levels : float
        sd of its lowest end, its highest end, its centre, and its centre plane by plane (long organs, drawn over any
        length) as landmarks; 0 where it is none. [mm]
    """

    place_mm: tuple[float, float, float]
    length: float
    breath: tuple[float, float]
    spine: float
    low: float
    high: float
    middle: float
    levels: float


@dataclass(frozen=True, slots=True)
class Prior:
    """The stated prior of the fit. Lengths in mm.

    Attributes
    ----------
    organs : mapping of str to OrganPrior
        By reference organ.
    other : OrganPrior
        For an organ without a row.
    stretch : float
        sd of the body's length over the expected one.
    bend, bend_length : tuple of float
        sd [mm] of the smooth departure from the reference, across, front to back, along; and the length [mm] over
        which it changes.
    spread : float
        sd of how far organs spread within the outline, over the expected.
    diaphragm : float
        sd of the level of the diaphragm. [mm]
    spine : tuple of float
        Depth of the spine in the outline beside the reference's: expected [mm] and its sd [mm].
    inner_girth : float
        Organs spread as the outline to this power.
    level_from, level_by : tuple of float
        Correction of the reference's levels: heights [mm of the reference man] and what is added there [mm].
    expected : mapping of str to tuple of float
        By reference organ: how much higher [mm] and how much longer (share of its length) than in the corrected
        reference it is expected.
    residual : float
        A landmark whose residual exceeds this many sd is left out.
    implausible : float
        Share of landmarks left out from which the fit is implausible.
    placements : int
        Bodies drawn.
    sections : tuple of float
        Where the outline alone tells the level: sd of ln of the girth, sd of ln and length [mm] of a smooth departure
        of the sections, and what is added to the sd of the level found [mm].
    scanned : tuple of float
        Lowest and highest level of the middle of a scan, over the height: where tumours are treated.
    small, small_girth : float
        Height over the reference's, and girth over it where the height is not known, below which a body is no adult's.
    """

    organs: Mapping[str, OrganPrior]
    other: OrganPrior
    stretch: float
    bend: tuple[float, float, float]
    bend_length: float
    spread: float
    diaphragm: float
    spine: tuple[float, float]
    inner_girth: float
    level_from: tuple[float, ...]
    level_by: tuple[float, ...]
    expected: Mapping[str, tuple[float, float]]
    residual: float
    implausible: float
    placements: int
    sections: tuple[float, float, float, float]
    scanned: tuple[float, float]
    small: float
    small_girth: float

    def of(self, organ: str) -> OrganPrior:
        """The organ's prior; that of its pair or region where it has no row of its own."""
        return next((self.organs[n] for n in _names(organ) if n in self.organs), self.other)

    def expected_of(self, organ: str) -> tuple[float, float]:
        """How much higher [mm] and longer than the reference's the organ is expected."""
        return next((self.expected[n] for n in _names(organ) if n in self.expected), (0.0, 0.0))


def _names(organ: str) -> tuple[str, str, str]:
    """An organ, its pair, its region."""
    return organ, organ[:-2] if organ[-2:] in ("_L", "_R") else organ, organ.rstrip("0123456789")


def prior_of(numbers: Numbers) -> Prior:
    """The prior of the parameters of topic ``anatomy``, plain."""

    def number(name: str) -> float:
        value = numbers.get(name)
        if value is None or isinstance(value, tuple):
            raise ParameterError(f"anatomy parameter {name!r} is missing or not one number")
        return value

    def row(name: str) -> tuple[float, ...]:
        value = numbers.get(name)
        if not isinstance(value, tuple):
            raise ParameterError(f"anatomy parameter {name!r} is missing or not a list")
        return value

    organs = {n.removeprefix("organ."): _organ(row(n), n) for n in numbers if n.startswith("organ.")}
    across, deep, along = row("fit.bend")
    spine, spine_sd = row("fit.spine")
    girth, departure, over, own = row("fit.sections")
    return Prior(
        organs={n: o for n, o in organs.items() if n != "other"},
        other=organs["other"],
        stretch=number("fit.stretch"),
        bend=(across, deep, along),
        bend_length=number("fit.bend_length"),
        spread=number("fit.spread"),
        diaphragm=number("fit.diaphragm"),
        spine=(spine, spine_sd),
        inner_girth=number("fit.inner_girth"),
        level_from=row("fit.level_from"),
        level_by=row("fit.level_by"),
        expected={n.removeprefix("expected."): _pair(row(n)) for n in numbers if n.startswith("expected.")},
        residual=number("fit.residual"),
        implausible=number("fit.implausible"),
        placements=round(number("fit.placements")),
        sections=(girth, departure, over, own),
        scanned=_pair(row("fit.scanned")),
        small=number("fit.small"),
        small_girth=number("fit.small_girth"),
    )


def _organ(values: tuple[float, ...], name: str) -> OrganPrior:
    if len(values) != COLUMNS:
        raise ParameterError(f"anatomy parameter {name!r} has {len(values)} values, not {COLUMNS}")
    x, y, z, length, breath_low, breath_high, spine, low, high, middle, levels = values
    return OrganPrior((x, y, z), length, (breath_low, breath_high), spine, low, high, middle, levels)


def _pair(values: tuple[float, ...]) -> tuple[float, float]:
    higher, longer = values
    return higher, longer
