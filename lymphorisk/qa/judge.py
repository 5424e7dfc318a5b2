"""The gate from whatever a plan comes as: an export, a scenario, a result in memory, or one saved as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lymphorisk.absent import Absent
from lymphorisk.analysis import chain
from lymphorisk.analysis.curves import as_dvh
from lymphorisk.analysis.envelope import provenance_of
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.analysis.result import Analysis, OrganDose
from lymphorisk.analysis.saved import read_saved
from lymphorisk.analysis.site import Site, site_of
from lymphorisk.analysis.source import read_source
from lymphorisk.dicom import Export
from lymphorisk.dvh import DVH
from lymphorisk.errors import ScenarioError, UndecidableError
from lymphorisk.findings import Finding
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan import KnownPatient, Patient
from lymphorisk.qa import check as gate
from lymphorisk.qa.facts import facts_of_saved
from lymphorisk.qa.protocol import Protocol
from lymphorisk.qa.saved import saved_lookup, saved_site
from lymphorisk.qa.store import read_protocol, shipped
from lymphorisk.scenario import Scenario

#: Takes the starter of the site that targets and dose say.
AUTO = "auto"
#: Sources of an organ whose curve in a result is the one the export would give.
AS_DRAWN = ("roi", "derived", "segmented")


@dataclass(frozen=True, slots=True)
class Judged:
    """One plan after the gate: the result, its exit code, why this protocol, what reports and a trail need of it."""

    result: gate.CheckResult
    exit_code: int
    why: str
    provenance: Mapping[str, Any]
    analysis: Analysis | None = None
    read: Export | Scenario | None = None


def check(
    plan: str | Path | Export | Scenario | Analysis,
    protocol: str | Path | Protocol,
    *,
    patient: Patient | None = None,
    options: Options | None = None,
    strict: bool = False,
) -> gate.CheckResult:
    """The pre-treatment gate: every line of a protocol evaluated, or explained.

    Parameters
    ----------
    plan : Analysis, path, Export or Scenario
        A result; the JSON of one that was saved with its curves; or what `analyze` takes, which is analysed first.
        A result in memory holds the curves of organs and targets: a line on another structure is undecided.
    protocol : str, path or Protocol
        A shipped starter by name, a .toml, .csv or .json file, or ``auto``: the starter of the site the dose says.
    patient, options : Patient, Options, optional
        For a plan that is analysed here.
    strict : bool
        A variation, an accepted line, and an optional line that is missing or undecided, fail too.

    Returns
    -------
    CheckResult
        ``verdict`` and ``exit_code``, ``lines`` with their states, ``findings``, and ``why`` no verdict was given.

    Raises
    ------
    InputError
        A plan or a protocol that cannot be used.
    UndecidableError
        No protocol can be picked, or the data cannot answer.
    """
    return judge(plan, protocol, patient, options, strict=strict).result


def judge(
    plan: str | Path | Export | Scenario | Analysis,
    protocol: str | Path | Protocol,
    patient: Patient | KnownPatient | None = None,
    options: Options | None = None,
    *,
    strict: bool = False,
    exit_zero: bool = False,
    noted: Sequence[Finding] = (),
    by_site: Mapping[str, str] | None = None,
) -> Judged:
    """The same with what it was judged from; a failure is forgiven with `exit_zero`, `noted` is the gate's own.

    `by_site` are a clinic's protocols by site, which ``auto`` takes before the starters.
    """
    wanted = _chosen(protocol)
    if isinstance(plan, Analysis):
        if patient is not None or options is not None:
            raise ScenarioError("the plan is analysed already", "give patient and options to `analyze`")
        dvh_of = curves_of(plan)
        wanted, why, _ = _wanted(wanted, lambda: site_of(dvh_of, plan.patient.site), by_site)
        made = gate.check(plan, wanted, dvh_of, strict=strict, noted=noted)
        return Judged(made, made.leaving(exit_zero), why, provenance_of(plan), plan)
    if isinstance(plan, str | Path) and is_saved(Path(plan)):
        saved = read_saved(Path(plan))
        dvh_of, highest = saved_lookup(saved)
        wanted, why, of_site = _wanted(wanted, lambda: saved_site(saved), by_site)
        facts = facts_of_saved(saved)
        facts = replace(facts, clinic_file=with_setting(facts.clinic_file, of_site, options))
        made = gate.check(facts, wanted, dvh_of, strict=strict, highest_gy=highest, noted=noted)
        return Judged(made, made.leaving(exit_zero), why, _saved_provenance(saved))
    options = options or Options()
    read = read_source(plan, options)
    prepared = prepare(read, patient, options)
    return judge_prepared(
        prepared,
        chain.analysis_of(prepared),
        wanted or AUTO,
        strict=strict,
        exit_zero=exit_zero,
        noted=noted,
        read=read,
        by_site=by_site,
    )


def judge_prepared(
    prepared: Prepared,
    analysis: Analysis,
    protocol: str | Path | Protocol,
    *,
    strict: bool = False,
    exit_zero: bool = False,
    noted: Sequence[Finding] = (),
    read: Export | Scenario | None = None,
    by_site: Mapping[str, str] | None = None,
) -> Judged:
    """A plan that is prepared and analysed already; every curve of its source can be asked for."""
    curves = prepared.curves
    wanted, why, of_site = _wanted(_chosen(protocol), lambda: site_of(curves.dvh, analysis.patient.site), by_site)
    if of_site:
        kept = analysis.provenance
        said = with_setting(kept.options.get("clinic_file", {}), of_site, prepared.options)
        kept = replace(kept, options=FrozenDict({**kept.options, "clinic_file": said}))
        analysis = replace(analysis, provenance=kept)
    made = gate.check(
        analysis,
        wanted,
        curves.dvh,
        strict=strict,
        highest_gy=curves.highest_gy,
        noticed=curves.findings_of,
        noted=noted,
    )
    return Judged(made, made.leaving(exit_zero), why, provenance_of(analysis), analysis, read)


def with_setting(said: Any, setting: str, options: Options | None) -> dict[str, Any]:
    """The settings of a result and one more of the clinic file in force, where that one was used."""
    of_file = {} if options is None else options.clinic_file
    if not setting or not of_file:
        return dict(said)
    sha256 = of_file["sha256"]
    if said and said["sha256"] != sha256:  # a saved result of another file
        return {**said, "settings": [*said["settings"], f"{setting} of {sha256}"]}
    return {"sha256": sha256, "settings": sorted({*(said or {}).get("settings", ()), setting})}


def is_saved(path: Path) -> bool:
    """Whether a path is a result saved as JSON rather than a plan."""
    return path.suffix.lower() == ".json" and path.is_file()


def curves_of(analysis: Analysis) -> gate.Lookup:
    """Curves of a result by organ, by the name of its ROI, and by kind of target.

    What a result does not hold is not missing from the plan: it is unknown, and its line undecided. A stand-in has no
    curve of its own: the organ is not contoured.
    """
    drawn = [o for o in (*analysis.organs.values(), *analysis.targets) if o.source in AS_DRAWN]
    by_roi = {o.roi_names[0]: o for o in drawn if len(o.roi_names) == 1}
    kinds: dict[str, list[OrganDose]] = {}
    for target in analysis.targets:
        kinds.setdefault(target.tg263, []).append(target)

    def dvh_of(name: str) -> DVH | Absent:
        same = kinds.get(name.upper(), [])
        organ = by_roi.get(name) or analysis.organs.get(name) or (same[0] if len(same) == 1 else None)
        if organ is None:
            return Absent.unknown("the result holds no curve of it: check the export itself")
        if organ.source == "scenario":
            return as_dvh(name, organ.course)
        if organ.source not in AS_DRAWN or organ.dvh is None:
            return Absent.not_contoured(f"{organ.tg263} was not contoured ({organ.source})")
        return organ.dvh

    return dvh_of


def _saved_provenance(saved: Mapping[str, Any]) -> dict[str, Any]:
    kept = saved["provenance"]
    return {"inputs": saved["inputs"], **{k: kept[k] for k in ("version", "parameter_set", "model_sha256")}}


def _chosen(protocol: str | Path | Protocol) -> Protocol | None:
    """The protocol that was named; None where the site is to pick one."""
    if isinstance(protocol, Protocol):
        return protocol
    return None if str(protocol) == AUTO else read_protocol(str(protocol))


def _wanted(
    protocol: Protocol | None, found: Callable[[], Site], by_site: Mapping[str, str] | None
) -> tuple[Protocol, str, str]:
    """The protocol, or the clinic's or the starter of the site that targets and dose say; why; the clinic's setting."""
    if protocol is not None:
        return protocol, "", ""
    site = found()
    if not site.name:
        raise UndecidableError(
            f"no protocol can be picked: {site.why}", f"name one with --protocol: {', '.join(shipped())}, or a file"
        )
    name = (by_site or {}).get(site.name, site.name)
    setting = f"protocols.{site.name}" if site.name in (by_site or {}) else ""
    return read_protocol(name), f"picked by site {site.name}: {site.why}; name another with --protocol", setting
