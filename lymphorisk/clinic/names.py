"""What an export calls its things, on pages that not everybody may read: names, and what is said in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from lymphorisk.analysis.result import Analysis
from lymphorisk.dicom import Export
from lymphorisk.frozen import FrozenDict
from lymphorisk.report.withheld import too_short


def unnamed(analysis: Analysis) -> Analysis:
    """The same without the labels of the plan and its phases, which may say who the patient is."""
    phases = tuple(replace(phase, label=f"phase {n}") for n, phase in enumerate(analysis.phases, start=1))
    labels = {old.label: new.label for old, new in zip(analysis.phases, phases, strict=True)}
    labels = {old: new for old, new in {analysis.label: "plan", **labels}.items() if old}

    def clean(text: str) -> str:
        for old, new in labels.items():
            text = new if text == old else text.replace(repr(old), new)
        return text

    findings = tuple(replace(f, what=clean(f.what), where=clean(f.where)) for f in analysis.findings)
    return replace(analysis, label="", phases=phases, findings=findings)


def numbered(read: Export, analysis: Analysis) -> Analysis:
    """The same with the number of an ROI or beam behind each name of a letter or two.

    Such a name stands in too many words to be taken out of a page; with its number it can be told.
    """
    longer = _longer(read)
    named = {
        name: _with(getattr(analysis, name), longer) for name in ("organs", "targets", "unmatched", "target_sheet")
    }
    phases = tuple(replace(phase, beams=_with(phase.beams, longer)) for phase in analysis.phases)
    return replace(analysis, phases=phases, **named) if longer else analysis


def _longer(read: Export) -> dict[str, str]:
    """Names of a letter or two, with the number of their ROI or beam."""
    out: dict[str, str] = {}
    for phase in read.plan.phases:
        out |= {beam.name: f"{beam.name} (beam {beam.number})" for beam in phase.beams}
    out |= {s.name: f"{s.name} (ROI {s.number})" for s in reversed(read.plan.structures)}
    return {name: more for name, more in out.items() if too_short(name)}


def _with(value: Any, longer: Mapping[str, str]) -> Any:
    """A value whose texts that are such a name are the longer ones."""
    if isinstance(value, str):
        return longer.get(value, value)
    if isinstance(value, tuple):
        return tuple(_with(v, longer) for v in value)
    if isinstance(value, FrozenDict):
        return FrozenDict({k: _with(v, longer) for k, v in value.items()})
    if is_dataclass(value) and not isinstance(value, type):
        new = {f.name: (old, _with(old, longer)) for f in fields(value) if f.init for old in (getattr(value, f.name),)}
        changed = {name: made for name, (old, made) in new.items() if made is not old and made != old}
        return replace(value, **changed) if changed else value
    return value


def names_of(read: Export, analysis: Analysis) -> dict[str, str]:
    """Names of an export that may say who the patient is, and what is said in their place.

    ROIs become the organ they are, or their number; plans, phases and beams their number.
    """
    organs = {roi: name for name, organ in analysis.organs.items() for roi in organ.roi_names}
    out = {s.name: organs.get(s.name, f"ROI {s.number}") for s in read.plan.structures}
    for number, phase in enumerate(read.plan.phases, start=1):
        out |= {beam.name: f"beam {beam.number}" for beam in phase.beams} | {phase.label: f"phase {number}"}
    out[analysis.label] = "the plan"
    out[read.plan.label] = "the plan"
    out |= {more: out[name] for name, more in _longer(read).items()}
    return {name: word for name, word in out.items() if name.strip()}


def told(names: Mapping[str, str]) -> bool:
    """Whether short names were numbered on the pages of these results: those of an older version hold them bare."""
    return all(any(n.startswith(f"{name} (") for n in names) for name in names if too_short(name))
