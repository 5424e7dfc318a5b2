"""Our DVHs beside the planning system's: which end-cap rule it follows, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.dvh.curve import DVH, END_CAPS, EndCaps
from lymphorisk.findings import Finding, finding, rule

#: Means further apart than this share of the highest dose are a difference to explain.
MEAN_SHARE = 0.01
#: Volumes further apart than this share and this volume are a difference to explain. [-, cm3]
VOLUME_SHARE = 0.02
VOLUME_CM3 = 0.3
#: Doses at which two curves are compared.
POINTS = 500

MATCHING_CAPS = rule(
    "LR105",
    "info",
    "end caps of the planning system",
    "The planning system's own volumes agree best with this rule for the volume beyond the outermost contours.",
)
UNLIKE_TPS = rule(
    "LR106",
    "warning",
    "DVH unlike the planning system's",
    "Volume or mean dose differs from the exported DVH by more than contour models explain.",
)


@dataclass(frozen=True, slots=True)
class CurveDifference:
    """One structure by two engines.

    Attributes
    ----------
    name : str
        Structure name.
    volume_cm3 : float
        Volume, ours less theirs. [cm3]
    volume_share : float
        The same as a share of theirs.
    mean_gy : float
        Mean dose, ours less theirs. [Gy]
    worst_share : float
        Largest distance of the two relative curves at any dose, as a share of the volume.
    """

    name: str
    volume_cm3: float
    volume_share: float
    mean_gy: float
    worst_share: float


def difference(ours: DVH, theirs: DVH) -> CurveDifference:
    """How far two DVHs of one structure lie apart, inside the dose grid both."""
    doses = np.linspace(0, max(ours.dose_gy[-1], theirs.dose_gy[-1]), POINTS)
    a = np.interp(doses, ours.dose_gy, ours.volume_cm3, right=0) / ours.covered_cm3
    b = np.interp(doses, theirs.dose_gy, theirs.volume_cm3, right=0) / theirs.covered_cm3
    volume = ours.covered_cm3 - theirs.covered_cm3
    return CurveDifference(
        ours.name,
        volume,
        volume / theirs.covered_cm3,
        ours.mean_gy - theirs.mean_gy,
        float(np.abs(a - b).max()),
    )


def matching_end_caps(
    by_rule: Mapping[EndCaps, Sequence[DVH | Absent]], tps: Sequence[DVH], highest_gy: float
) -> tuple[EndCaps, tuple[Finding, ...]]:
    """The end-cap rule that agrees best with the planning system's volumes, and what still differs.

    Parameters
    ----------
    by_rule : mapping of str to sequence of curves
        Our curves of the structures `tps` has DVHs of, by end-cap rule; they meet by name.
    tps : sequence of DVH
        The planning system's DVHs.
    highest_gy : float
        Highest dose of the grid. [Gy]

    Returns
    -------
    rule : str
        ``half`` or ``none``; ``half`` when there is nothing to compare.
    findings : tuple of Finding
        The rule, and each structure whose DVH differs all the same.
    """
    theirs = {d.name: d for d in tps if d.covered_cm3 > 0}
    apart = {
        caps: [difference(d, theirs[d.name]) for d in curves if isinstance(d, DVH) and d.name in theirs]
        for caps, curves in by_rule.items()
    }
    off = {caps: float(np.median([abs(d.volume_share) for d in of])) for caps, of in apart.items() if of}
    if not off:
        return END_CAPS[0], ()
    best = min(off, key=lambda caps: off[caps])
    said = ", ".join(f"{caps}: {100 * share:.1f} %" for caps, share in off.items())
    found = [finding(MATCHING_CAPS, f"'{best}' (median difference of volumes {said})", "RTDOSE DVHSequence")]
    for d in apart[best]:
        volume = abs(d.volume_cm3) > VOLUME_CM3 and abs(d.volume_share) > VOLUME_SHARE
        if volume or abs(d.mean_gy) > MEAN_SHARE * highest_gy:
            what = f"volume {d.volume_cm3:+.2f} cm3 ({100 * d.volume_share:+.1f} %), mean {d.mean_gy:+.2f} Gy"
            found.append(finding(UNLIKE_TPS, what, d.name, "compare the contours and dose grid with the system's"))
    return best, tuple(found)
