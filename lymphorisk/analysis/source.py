"""What an analysis starts from: an export or a scenario, as one object."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lymphorisk.analysis.delivered import as_given, refractionated
from lymphorisk.analysis.emitted import emitted_phase
from lymphorisk.analysis.named import named_doses
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.said import placed, with_said
from lymphorisk.analysis.segmented import segmented
from lymphorisk.dicom import Export, read_export
from lymphorisk.dicom.checks import FRACTION_DOSE, check_phase
from lymphorisk.dicom.web import is_address
from lymphorisk.dvh import DVH, DoseDistribution
from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.organs.segments import Segment
from lymphorisk.plan import CTVolume, Patient, Phase, TreatmentPlan
from lymphorisk.plan.delivery import delivery_of
from lymphorisk.scenario import Said, Scenario, read_scenario, together

WHAT_IF = rule(
    "LR250",
    "warning",
    "What-if",
    "A number of the plan was replaced on request; the result is not that of the plan as exported.",
)

#: Hex digits of a plan's key: no two of a billion plans share one.
KEY_DIGITS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A course to analyse.

    Attributes
    ----------
    plan : TreatmentPlan
        With dose grids and structures, or (scenario) without.
    given : tuple of mapping, or None
        A scenario's organ doses by phase: TG-263 name -> course dose of that phase. [Gy]
    patient : Patient
        Facts the files hold.
    findings, inputs : tuple
        From reading.
    tps_dvhs : tuple of DVH
        The planning system's own, when exported.
    ct : CTVolume or None
        The planning CT, when exported.
    network, stages, lanes : str or None, int or None, int or None
        A scenario's choices.
    fractions_known : bool
        False in an export without a plan file that was opened for its DVHs.
    segments : tuple of Segment
        Structures of segmentations handed in, as far as they fit the plan.
    left : tuple of Phase
        Phases of the plans that the course as it is given has nothing of.
    said : Said
        What a scenario says of the course beside its plan; `analysis.said` takes it into the options.
    """

    plan: TreatmentPlan
    given: tuple[Mapping[str, DoseDistribution], ...] | None
    patient: Patient
    findings: tuple[Finding, ...]
    inputs: tuple[tuple[str, str, str], ...]
    tps_dvhs: tuple[DVH, ...] = ()
    ct: CTVolume | None = None
    network: str | None = None
    stages: int | None = None
    lanes: int | None = None
    fractions_known: bool = True
    segments: tuple[Segment, ...] = ()
    left: tuple[Phase, ...] = ()
    said: Said = field(default_factory=Said)


def plan_key(inputs: Sequence[tuple[str, str, str]]) -> str:
    """A plan by the bytes of its files, whatever they are called and wherever they lie: joins tables of one plan."""
    hashes = "".join(sorted(sha for _, _, sha in inputs))
    return hashlib.sha256(hashes.encode()).hexdigest()[:KEY_DIGITS]


#: What can be read: a path, several paths of one course, or what is read already.
Readable = str | Path | Sequence[str | Path] | Export | Scenario


def open_source(source: Readable, options: Options, *, need_fractions: bool = True) -> Source:
    """The source behind a path (folder, zip, DICOMDIR, study of a server, scenario TOML) or an object already read."""
    read = read_source(source, options, need_fractions=need_fractions)
    made = _from_scenario(read, options) if isinstance(read, Scenario) else _from_export(read, options)
    options, differ = with_said(options, made.said)
    if differ:
        made = replace(made, findings=(*made.findings, *differ))
    with placed(made.said, *(n for n in ("deliver", "missed", "delivered_so_far") if getattr(made.said, n))):
        plan, places, found = as_given(made.plan, options, by_rhythm=made.given is None)
    if plan is not made.plan:
        given = None if made.given is None else tuple(made.given[i] for i in places)
        # the planning system's curves are those of all fractions of its own plan
        own = made.tps_dvhs if all(p.share == 1.0 for p in plan.phases) else ()
        left = tuple(p for i, p in enumerate(made.plan.phases) if i not in places)
        made = replace(made, plan=plan, given=given, findings=(*made.findings, *found), tps_dvhs=own, left=left)
    return made if options.fractions is None else with_fractions(made, options.fractions)


#: Kinds of input that a file name's ending tells, one line each; everything else is an export.
READERS: Mapping[str, Callable[[Path], Export | Scenario]] = {".toml": read_scenario}


def read_source(source: Readable, options: Options, *, need_fractions: bool = True) -> Export | Scenario:
    """Read a path once: by its ending one of `READERS`, else an export; what is read already stays as it is.

    Several paths hold the plans of one course: exports, or scenarios.
    """
    if isinstance(source, Export | Scenario):
        return source
    if not isinstance(source, str | Path):
        return _read_together(source, options, need_fractions)
    path = source if is_address(source) else Path(source)
    if isinstance(path, Path) and not path.exists():
        raise InputError(f"{path.name!r} does not exist", "give a folder, a zip or a scenario TOML")
    if isinstance(path, Path) and (reader := READERS.get(path.suffix.lower())):
        return reader(path)
    return _exported(path, options, need_fractions)


def _read_together(paths: Sequence[str | Path], options: Options, need_fractions: bool) -> Export | Scenario:
    if not paths:
        raise InputError("there is nothing to read", "give a folder, a zip or a scenario TOML")
    if len(paths) == 1:
        return read_source(paths[0], options, need_fractions=need_fractions)
    endings = {Path(p).suffix.lower() for p in paths if not is_address(p)}
    if endings & set(READERS):
        read = [read_source(p, options) for p in paths]
        scenarios = [r for r in read if isinstance(r, Scenario)]
        if len(scenarios) < len(read):
            raise InputError("scenarios and exports are not of one course", "give exports, or scenarios")
        return together(scenarios)
    for path in paths:
        if not is_address(path) and not Path(path).exists():
            raise InputError(f"{Path(path).name!r} does not exist", "give a folder or a zip")
    return _exported(tuple(paths), options, need_fractions)


def _exported(path: str | Path | tuple[str | Path, ...], options: Options, need_fractions: bool) -> Export:
    return read_export(
        path,
        link_by=options.link_by,
        sum_doses=options.sum_doses,
        plan=options.plan,
        fractions=options.fractions,
        dose_is=options.dose_is,
        deliver=tuple(delivery_of(text).plan for text in options.deliver),
        need_fractions=need_fractions,
    )


def _from_export(export: Export, options: Options) -> Source:
    handed = segmented(export, options)
    return Source(
        plan=export.plan,
        given=None,
        patient=export.patient,
        findings=export.findings if handed is None else (*export.findings, *handed.findings),
        inputs=(
            *((f.role, f.sop_uid, f.sha256) for f in export.inputs),
            *(() if handed is None else handed.inputs),
        ),
        tps_dvhs=export.tps_dvhs,
        ct=export.ct,
        fractions_known=export.fractions_known,
        segments=() if handed is None else handed.segments,
    )


def _from_scenario(scenario: Scenario, options: Options) -> Source:
    if options.segmentation:
        raise ScenarioError("a scenario gives the doses of organs: a segmentation says nothing more", "give an export")
    emitted = [emitted_phase(e) for e in scenario.emitters]
    return Source(
        plan=TreatmentPlan(scenario.label, (*scenario.phases, *(phase for phase, _ in emitted)), ()),
        given=(*(named_doses(doses) for doses in scenario.organ_doses), *(doses for _, doses in emitted)),
        patient=scenario.patient,
        findings=scenario.findings,
        inputs=(("scenario", "", scenario.sha256),),
        network=scenario.network,
        stages=scenario.stages,
        lanes=scenario.lanes,
        said=scenario.said,
    )


def with_fractions(source: Source, wanted: int) -> Source:
    """The same total dose in another number of fractions, on weekdays.

    Raises
    ------
    ScenarioError
        The course has several phases.
    """
    if wanted == source.plan.fractions:
        return source
    if len(source.plan.phases) > 1:
        raise ScenarioError(
            f"--fractions {wanted} for a course of {len(source.plan.phases)} phases is ambiguous",
            "analyse the phases one by one",
        )
    return with_phase_fractions(source, (wanted,))


def with_phase_fractions(source: Source, wanted: Sequence[int]) -> Source:
    """The same dose of each phase in another number of fractions, on weekdays, one phase after the other.

    Raises
    ------
    ScenarioError
        Not one number a phase; a phase of which only a part is given; an internal emitter.
    """
    phases = source.plan.phases
    if any(phase.emitter is not None for phase in phases):
        raise ScenarioError(
            "another number of fractions for a course with an internal emitter is ambiguous",
            "change the days of its cycles",
        )
    if any(phase.planned is not None for phase in phases):
        raise ScenarioError(
            "another number of fractions for a course that is given in part is ambiguous", "ask it of the whole course"
        )
    if len(wanted) != len(phases):
        raise ScenarioError(f"{len(wanted)} numbers of fractions for {len(phases)} phases", "give one a phase")
    others, notes = [], []
    for phase, count in zip(phases, wanted, strict=True):
        other = refractionated(phase, count)
        others.append(other)
        if count != phase.fractions:
            said = f"{count} fractions instead of {phase.fractions}, the same total dose"
            notes.append(finding(WHAT_IF, said, f"phase {phase.label!r}"))
            notes += [f for f in check_phase(other) if f.code == FRACTION_DOSE.code]
    plan = replace(source.plan, phases=tuple(others))
    return replace(source, plan=plan, findings=(*source.findings, *notes))
