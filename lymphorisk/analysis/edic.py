"""The EDIC family of a plan, each with its validity."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.analysis.doses import BodyNumbers, Doses
from lymphorisk.analysis.result import Declined


def edic_family(doses: Doses, fractions: int, body: BodyNumbers) -> Mapping[str, float | Declined]:
    raise NotImplementedError
