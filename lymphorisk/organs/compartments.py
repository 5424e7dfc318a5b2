"""Blood compartments as the organs a reader knows."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.organs.table import load


def organ_of_compartment(compartment: str) -> str:
    """The organ that is the whole of a blood compartment, else the compartment in words.

    Examples
    --------
    >>> organ_of_compartment("bronchial"), organ_of_compartment("left_heart"), organ_of_compartment("large_veins")
    ('Lungs', 'Heart', 'large veins')
    """
    for organ in load().values():
        if organ.part_of or organ.stands_for:
            continue
        if any(table.get(compartment) == 1.0 for table in organ.compartments.values()):
            return organ.name
    return compartment.replace("_", " ")


def by_organ(compartments: Mapping[str, float]) -> dict[str, float]:
    """Contributions of compartments summed by organ, largest first."""
    out: dict[str, float] = {}
    for compartment, value in compartments.items():
        name = organ_of_compartment(compartment)
        out[name] = out.get(name, 0.0) + value
    return dict(sorted(out.items(), key=lambda item: (-item[1], item[0])))
