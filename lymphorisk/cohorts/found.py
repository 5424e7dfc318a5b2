"""The plans behind the sources of a cohort, in one order, with what the manifest says of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lymphorisk import tomlfile
from lymphorisk.cohorts.manifest import Row, read_manifest
from lymphorisk.dicom.export import PatientIdentity
from lymphorisk.dicom.identity import facts_of
from lymphorisk.dicom.listing import ListedExport, PlanHead, list_exports, list_one
from lymphorisk.dicom.web import Fetched, fetched, is_address, read_address
from lymphorisk.errors import InputError, LymphoriskError, ScenarioError

SCENARIO = ".toml"
MANIFESTS = (".csv", ".tsv", ".txt", ".parquet", ".pq")
#: What an address begins with that does not say its kind.
BARE = ("http:", "https:")
NO_FACTS = Row()
#: Between an ID and what tells the people apart who share it; in no ID.
SEVERAL = "\0"


@dataclass(frozen=True, slots=True)
class FoundPlan:
    """One plan: where it lies, and what is known of it before it is read.

    Attributes
    ----------
    place : int
        Its number among the plans found, from 1.
    path : Path
        Folder, zip, file or scenario.
    files : tuple of Path
        Its files, where others lie in the same folder.
    plan : str or None
        UID of the plan, where the export holds several.
    head : PlanHead or None
        What the plan file says.
    row : Row
        What the manifest says.
    identity : PatientIdentity
        Whose it is; never written.
    trouble : LymphoriskError or None
        Why it cannot even be tried.
    origin : str
        Address of the study, where it was fetched from a server.
    """

    place: int
    path: Path
    files: tuple[Path, ...] = ()
    plan: str | None = None
    head: PlanHead | None = None
    row: Row = NO_FACTS
    identity: PatientIdentity = field(default_factory=PatientIdentity, repr=False)
    trouble: LymphoriskError | None = None
    origin: str = field(default="", repr=False)

    @property
    def patient(self) -> str:
        """Whose plan it is, as far as manifest or files say: ID, else name with birth date; empty when unknown."""
        facts = facts_of(self.identity)
        if self.row.patient_id:
            return " ".join(self.row.patient_id.casefold().split())
        return facts["patient ID"] or " ".join(filter(None, (facts["name"], facts["birth date"])))


def persons(plans: Sequence[FoundPlan]) -> tuple[str, ...]:
    """Whose each plan is: the ID, and where one ID stands for several people what tells them apart.

    Plans of one ID are of several people when their files give other issuers of it, or other birth dates; an ID of the
    manifest is one person's. Empty when unknown.
    """
    apart = [("", "") if p.row.patient_id else _issuer_and_birth(p.identity) for p in plans]
    issuers: dict[str, set[str]] = defaultdict(set)
    births: dict[str, set[str]] = defaultdict(set)
    for plan, (issuer, born) in zip(plans, apart, strict=True):
        issuers[plan.patient].add(issuer)
        births[plan.patient].add(born)
    out = []
    for plan, (issuer, born) in zip(plans, apart, strict=True):
        who = plan.patient
        more = [what for what, all_ in ((issuer, issuers[who]), (born, births[who])) if len(all_ - {""}) > 1]
        out.append(SEVERAL.join([who, *more]) if who else "")
    return tuple(out)


def _issuer_and_birth(identity: PatientIdentity) -> tuple[str, str]:
    return " ".join(identity.issuer.casefold().split()), facts_of(identity)["birth date"]


@contextmanager
def reachable(sources: Sequence[str | Path]) -> Iterator[tuple[str | Path | Fetched, ...]]:
    """Sources with every study behind an address fetched; gone at the end.

    Raises
    ------
    InputError
        A server does not answer or refuses.
    """
    addresses = [read_address(s) for s in sources if isinstance(s, str) and is_address(s)]
    if not addresses:
        yield tuple(sources)
        return
    with fetched(addresses) as studies:
        yield (*(s for s in sources if not is_address(s)), *studies)


def find_plans(sources: Sequence[str | Path | Fetched], *, sum_doses: bool = False) -> tuple[FoundPlan, ...]:
    """Every plan of the sources: folders (searched through), zips, scenarios, manifests, studies that were fetched.

    Parameters
    ----------
    sources : sequence of str, path or Fetched
    sum_doses : bool
        Several plans of an export are one course.

    Raises
    ------
    InputError
        A source that is not there, or is none.
    """
    out: list[FoundPlan] = []
    for source in sources:
        out += _of_source(source, sum_doses)
    unique = {(p.path, p.files, p.plan, p.row): p for p in reversed(out)}
    return tuple(replace(plan, place=n) for n, plan in enumerate(reversed(unique.values()), start=1))


def there(path: Path) -> bool:
    """Whether a path can be looked at; one that no file can have, or that is not ours to see, is not there."""
    try:
        return path.exists()
    except OSError:
        return False


def _of_source(source: str | Path | Fetched, sum_doses: bool) -> list[FoundPlan]:
    if isinstance(source, Fetched):
        return _of_study(source, sum_doses)
    if isinstance(source, str) and source.lower().startswith(BARE):
        raise InputError("a web address does not say what answers there", "write dicomweb: or orthanc: before it")
    path = Path(source)
    if not there(path):
        raise InputError(f"{path.name!r} does not exist", "give folders, zips, scenarios or a manifest CSV")
    if path.is_file() and path.suffix.lower() in MANIFESTS:
        return _of_rows(read_manifest(path), path.parent, sum_doses)
    return _below(path, NO_FACTS, sum_doses)


def _of_study(study: Fetched, sum_doses: bool) -> list[FoundPlan]:
    if study.trouble is not None:
        plans = [FoundPlan(0, study.folder, trouble=study.trouble)]
    else:
        plans = _below(study.folder, NO_FACTS, sum_doses)
    return [replace(plan, origin=study.address.text) for plan in plans]


def plans_of_rows(rows: Sequence[Row], folder: Path, *, sum_doses: bool = False) -> tuple[FoundPlan, ...]:
    """The plans that the rows of a manifest name, from its folder."""
    return tuple(replace(plan, place=n) for n, plan in enumerate(_of_rows(rows, folder, sum_doses), start=1))


def _of_rows(rows: Sequence[Row], folder: Path, sum_doses: bool) -> list[FoundPlan]:
    out: list[FoundPlan] = []
    for row in rows:
        where = folder / row.source
        if row.trouble is not None:
            out.append(FoundPlan(0, where, row=row, trouble=row.trouble))
        elif not there(where):
            missing = InputError(f"row {row.number} of the manifest names an export that is not there", "correct it")
            out.append(FoundPlan(0, where, row=row, trouble=missing))
        else:
            out += _chosen(_below(where, row, sum_doses), row)
    return out


def _chosen(plans: list[FoundPlan], row: Row) -> list[FoundPlan]:
    """The plan a row names by label or UID, or all."""
    if not row.plan:
        return plans
    wanted = row.plan.casefold()
    found = [p for p in plans if p.head and wanted in (p.head.label.casefold(), p.head.uid)]
    if found:
        return found
    trouble = InputError(f"row {row.number} of the manifest names a plan that is not in its export", "correct it")
    return [FoundPlan(0, plans[0].path, row=row, trouble=trouble)] if plans else []


def _below(path: Path, row: Row, sum_doses: bool) -> list[FoundPlan]:
    """The plans of a path."""
    if path.is_file() and path.suffix.lower() == SCENARIO:
        return [FoundPlan(0, path, row=row)]
    if path.is_file():
        return _plans_of(list_one(path), row, sum_doses)
    scenarios = _scenarios(path)
    out = [FoundPlan(0, s, row=row) for s in scenarios]
    for export in list_exports(path, set(scenarios)):
        out += _plans_of(export, row, sum_doses)
    return sorted(out, key=lambda p: (str(p.path), p.plan or "", p.files))


def _scenarios(top: Path) -> list[Path]:
    """Scenario files below a folder: TOML with a table of organs, and TOML that cannot be read."""
    return [path for path in sorted(top.rglob(f"*{SCENARIO}")) if path.is_file() and _says_organs(path)]


def _says_organs(path: Path) -> bool:
    try:
        return "organs" in tomlfile.read_file(path).table
    except ScenarioError:
        return True


def _plans_of(export: ListedExport, row: Row, sum_doses: bool) -> list[FoundPlan]:
    """The plans of an export, each by itself unless they are one course."""
    whole = len(export.plans) < 2 or export.joined or sum_doses
    heads: list[PlanHead | None] = [export.plans[0] if export.plans else None] if whole else list(export.plans)
    return [
        FoundPlan(
            0,
            export.path,
            export.files,
            None if whole or head is None else head.uid,
            head,
            row,
            export.identity if head is None else head.identity,
        )
        for head in heads
    ]
