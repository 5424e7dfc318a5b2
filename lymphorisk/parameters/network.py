"""Blood networks as plain tables: ``data/networks/<key>.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from lymphorisk.errors import ParameterError
from lymphorisk.parameters.store import DATA, KNOWN, sources

NETWORKS = DATA / "networks"
SEX_NAME = {"M": "male", "F": "female"}


@dataclass(frozen=True, slots=True)
class NetworkTable:
    """One network: volumes, flows, and where they come from.

    Attributes
    ----------
    names : tuple of str
        Compartments.
    volume_pct : tuple of float
        Blood in each compartment. [% of blood volume]
    edges : tuple of (str, str, float)
        Flow from, to, how much. [% of cardiac output]
    blood_volume_l : float
        Reference blood volume. [L]
    cardiac_output_l_min : float
        Reference cardiac output. [L/min]
    """

    key: str
    sex: str
    title: str
    names: tuple[str, ...]
    volume_pct: tuple[float, ...]
    edges: tuple[tuple[str, str, float], ...]
    blood_volume_l: float
    cardiac_output_l_min: float
    source: str
    place: str
    known: str
    note: str


def network_keys() -> tuple[str, ...]:
    """Names of the stored networks."""
    return tuple(sorted(path.stem for path in NETWORKS.glob("*.toml")))


@cache
def network_table(key: str) -> NetworkTable:
    """One stored network.

    Raises
    ------
    ParameterError
        Unknown key, or a file that breaks the rules of this package.

    Examples
    --------
    >>> network_table("male28").cardiac_output_l_min
    6.5
    """
    if key not in network_keys():
        raise ParameterError(f"no blood network {key!r}", f"there are: {', '.join(network_keys())}")
    table = tomllib.loads((NETWORKS / f"{key}.toml").read_text(encoding="utf-8"))
    if table["source"] not in sources():
        raise ParameterError(f"network {key}: source {table['source']!r} is not in sources.toml")
    if table["known"] not in KNOWN:
        raise ParameterError(f"network {key}: known = {table['known']!r} is not one of {KNOWN}")
    compartments = table["compartment"]
    if len(compartments) != table["compartments"]:
        raise ParameterError(f"network {key}: {len(compartments)} compartments, {table['compartments']} announced")
    return NetworkTable(
        key=key,
        sex=table["sex"],
        title=table["title"],
        names=tuple(compartments),
        volume_pct=tuple(float(c["volume"]) for c in compartments.values()),
        edges=tuple((name, to, float(flow)) for name, c in compartments.items() for to, flow in c["to"].items()),
        blood_volume_l=float(table["blood_volume_l"]),
        cardiac_output_l_min=float(table["cardiac_output_l_min"]),
        source=table["source"],
        place=table["place"],
        known=table["known"],
        note=table["note"].strip(),
    )


def network_key(sex: str, compartments: str | int) -> str:
    """Key of the adult network of a sex (``M`` or ``F``) and number of compartments (28 or 32)."""
    if sex not in SEX_NAME:
        raise ParameterError(f"no blood network for sex {sex!r}", "use M or F")
    return f"{SEX_NAME[sex]}{compartments}"
