"""The EDIC family of a plan, each with its validity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lymphorisk.absent import Absent
from lymphorisk.analysis.doses import BodyNumbers, Doses
from lymphorisk.analysis.result import OrganDose
from lymphorisk.circulation.edic import EffectiveDose, edic, edic_esophagus, edic_esophagus_weights, edic_weights, edric
from lymphorisk.parameters import load
from lymphorisk.plan import Phase
from lymphorisk.units import ML_PER_L

#: EDIC counts fractions of beams.
NO_EDIC = Absent.declined("it counts fractions of beams, and the course has an internal emitter")


def edic_of(phases: Sequence[Phase], doses: Doses, body: BodyNumbers) -> Mapping[str, float | Absent]:
    """The EDIC family of a course; of one with an internal emitter, why there is none. [Gy]"""
    if any(phase.emitter is not None for phase in phases):
        return dict.fromkeys(("edic_gy", "edric_gy", "edic_esophagus_gy"), NO_EDIC)
    return edic_family(doses, sum(phase.fractions for phase in phases), body)


def edic_family(doses: Doses, fractions: int, body: BodyNumbers) -> Mapping[str, float | Absent]:
    """EDIC, EDRIC and the oesophageal EDIC of the course, as exported (RBE of the export included). [Gy]

    A contour ``Lungs-GTV`` comes before the lungs; surrogates do not count, nor lungs of which a part is not drawn.
    """
    numbers = {name: p.number for name, p in load("edic").items() if not isinstance(p.value, tuple)}
    whole = doses.of("Body")
    volume = None
    if whole is not None:
        volume = body.volume_l * ML_PER_L if whole.dvh is None else whole.dvh.covered_cm3
    heart, liver = (mean(doses.of(name), name) for name in ("Heart", "Liver"))
    lung = mean(doses.of("Lungs-GTV") or whole_lungs(doses), "Lungs")
    body_mean = mean(whole, "Body")
    integral = (
        Absent.not_contoured("Body is not contoured")
        if whole is None or volume is None
        else whole.course.mean_gy * volume
    )
    total = whole is not None and everywhere(whole, doses)
    weights = edic_weights(numbers)
    return {
        "edic_gy": told(edic(lung, heart, integral, fractions, weights, whole_body=total)),
        "edric_gy": told(edric(lung, heart, body_mean, fractions, weights, whole_body=total)),
        "edic_esophagus_gy": told(
            edic_esophagus(lung, heart, liver, integral, fractions, edic_esophagus_weights(numbers), whole_body=total)
        ),
    }


def mean(organ: OrganDose | None, name: str) -> float | Absent:
    """Mean course dose [Gy], or why there is none."""
    return Absent.not_contoured(f"{name} is not contoured") if organ is None else organ.course.mean_gy


def whole_lungs(doses: Doses) -> OrganDose | None:
    """The lungs when all of them are drawn or given."""
    drawn = sum(c.share for c in doses.pool_parts.get("lung", ()))
    return doses.of("Lungs") if drawn > load("apart")["lungs.whole"].number else None


def everywhere(body: OrganDose, doses: Doses) -> bool:
    """Whether the body is irradiated as a whole, as in TBI.

    A body given by its mean alone says nothing of its coolest share: it is irradiated as a whole when the organs that
    are given lie near that mean too.
    """
    import numpy as np

    course, numbers = body.course, load("edic")
    if len(course.dose_gy) == 1:
        share = numbers["whole_body_share"].number
        given = [o.course.mean_gy for name, o in doses.organs.items() if name != "Body" and o.source == "scenario"]
        return bool(given) and course.mean_gy >= share * max(given) and min(given) >= share * course.mean_gy > 0
    at = int(np.searchsorted(np.cumsum(course.share), numbers["coolest_share"].number))
    coolest = float(course.dose_gy[at])
    return course.mean_gy > 0 and coolest > numbers["whole_body_share"].number * course.mean_gy


def told(value: EffectiveDose | Absent) -> float | Absent:
    """The dose, or the reason there is none."""
    return value.gy if isinstance(value, EffectiveDose) else value
