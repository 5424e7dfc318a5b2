"""How thick a structure is across its contours: shells, sheets and tubes are thinner than their boxes say."""

from __future__ import annotations

import numpy as np

from lymphorisk.dvh.lying import girths_mm
from lymphorisk.dvh.stack import Stack

#: Planes looked at, evenly through the structure: its thickness changes little from one to the next.
PLANES = 7


def thickness_mm(stack: Stack) -> float:
    """Twice the area over the perimeter of a structure's sections. [mm]

    The thickness of a sheet or shell, the radius of a disc, half the side of a square. Of a few planes, so that a
    structure of many contours costs no more.
    """
    chosen = np.unique(np.linspace(0, len(stack.contours) - 1, PLANES).astype(int)).tolist()
    area = float(stack.areas_mm2[chosen].sum())
    girth = float(girths_mm([stack.contours[k] for k in chosen]).sum())
    return 2 * area / girth if area > 0 and girth > 0 else np.inf
