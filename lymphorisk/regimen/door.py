"""Regimens and a patient, gathered from files and products; and the comparison of them in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lymphorisk.analysis.options import Options
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.regimen.chain import Comparison, compare
from lymphorisk.regimen.exposure import PlanExposure
from lymphorisk.regimen.plan import plan_exposure
from lymphorisk.regimen.products import product
from lymphorisk.regimen.read import PatientFacts, RegimenFile, conflict, is_regimen, merged, read_regimen
from lymphorisk.regimen.settings import Choices
from lymphorisk.scenario import Scenario


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Regimens as read, and the doses of every plan that was opened for them."""

    files: tuple[RegimenFile, ...]
    plans: Mapping[Path, PlanExposure]


def gathered(
    paths: Sequence[Path],
    products: Sequence[str],
    patient: Patient | None = None,
    options: Options | None = None,
    export: Path | None = None,
) -> Gathered:
    """Regimen files, then products by name; each plan is opened once.

    Parameters
    ----------
    export : Path, optional
        The plan of radiation entries that name none.
    """
    seen: dict[Path, PlanExposure] = {}

    def load(source: Path | Scenario) -> PlanExposure:
        if isinstance(source, Scenario):
            return plan_exposure(source, patient, options)
        if source not in seen:
            seen[source] = plan_exposure(source, patient, options)
        return seen[source]

    files = [read_regimen(path, load, export) for path in paths]
    files += [RegimenFile(product(name), {}, PatientFacts(), ()) for name in products]
    return Gathered(tuple(files), seen)


def facts_told(read: Gathered, own: PatientFacts) -> PatientFacts:
    """The one patient the regimens are compared for: `own` wins over regimen files, they over the plans.

    Raises
    ------
    ScenarioError
        Two regimens say different things, and `own` does not decide.
    """
    plans, files = PatientFacts(Patient()), PatientFacts(Patient())
    for exposure in read.plans.values():
        plans = merged(PatientFacts(exposure.patient), plans, "another plan's files", "in a plan's files")
    for f in read.files:
        if differs := conflict(merged(files, own), merged(f.facts, own)):
            raise ScenarioError(
                f"the regimens are compared for one patient, but {differs} differs in {f.regimen.name}",
                "give the patient once, in one file or on the command line",
            )
        files = merged(f.facts, files, f.regimen.name, "in another regimen")
    told = merged(plans, files, "the plan's files", "in the regimen")
    return merged(told, own, "the files")


def conditioning(
    regimens: str | Path | Sequence[str | Path],
    *,
    patient: Patient | None = None,
    facts: PatientFacts | None = None,
    options: Options | None = None,
    choices: Choices | None = None,
) -> Comparison:
    """Regimens around an infusion of cells, compared for one patient: the host's count with bands, planner criteria.

    Parameters
    ----------
    regimens : path, str or sequence of them
        Regimen files, and products by name such as ``axi-cel``. Radiation comes from the plans the files name.
    patient : Patient, optional
        Wins over what files say.
    facts : PatientFacts, optional
        Kidney, body surface, white count and laboratory values, which win over what files say.
    options : Options, optional
        For the plans of the regimens.
    choices : Choices, optional
        Draws, seed, last day, survival, own drugs and criteria.

    Returns
    -------
    Comparison
        ``forecasts`` with bands of counts, metrics and criteria, ``findings``. Not a dosing tool.

    Raises
    ------
    ScenarioError
        No regimen, a file that is none, or two that are not of one patient.
    """
    given = [regimens] if isinstance(regimens, str | Path) else list(regimens)
    if not given:
        raise ScenarioError("no regimen is given", "name a regimen file or a product")
    paths = [Path(r) for r in given if isinstance(r, Path) or is_regimen(Path(r))]
    names = [str(r) for r in given if not isinstance(r, Path) and not is_regimen(Path(r))]
    read = gathered(paths, names, patient, options)
    own = PatientFacts(patient or Patient())
    known = facts_told(read, own if facts is None else merged(facts, own, "`facts`", "in `patient`"))
    inputs = [("regimen", "", f.sha256) for f in read.files if f.sha256]
    return compare([(f.regimen, f.plans) for f in read.files], known, choices or Choices(), inputs=inputs)
