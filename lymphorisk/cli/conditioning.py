"""`lymphorisk conditioning`: regimens around an infusion of cells, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.archive import DATED, SR, Archive
from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import BLOOD, PATIENT, PLAN, SURVIVAL, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, say
from lymphorisk.cli.reporting import report_option
from lymphorisk.cli.typed import ExportPath, Number, Word, whole
from lymphorisk.errors import InputError
from lymphorisk.outputs.kinds import report_kind
from lymphorisk.units import quantity

if TYPE_CHECKING:
    from lymphorisk.conditioning.regimen import Regimen
    from lymphorisk.dicom import Export
    from lymphorisk.regimen import PatientFacts, PlanExposure, RegimenFile, SearchResult
    from lymphorisk.regimen.chain import Comparison

PRODUCT = Word("lymphorisk.regimen.products:product_named")
TOML = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("conditioning")
@click.argument("paths", nargs=-1, type=ExportPath(), metavar="REGIMEN.toml... [EXPORT]")
@click.option(
    "--product",
    "products",
    type=PRODUCT,
    multiple=True,
    metavar="TEXT",
    help="Add the regimen of a product, such as axi-cel.",
)
@click.option("--list-products", is_flag=True, help="List the regimens on record and stop.")
@click.option("--show-criteria", is_flag=True, help="Print the built-in planner criteria as TOML to edit, and stop.")
@click.option(
    "--first-day",
    type=click.FloatRange(-1000.0, 1000.0),
    help="Day of EXPORT's first fraction from infusion, such as -21: adds it to every regimen that names no plan.",
)
@with_options(PATIENT, PLAN, BLOOD)
@click.option("--egfr", type=Number("egfr_ml_min"), help="eGFR in mL/min/1.73m2.")
@click.option(
    "--creatinine", type=Number("creatinine_mg_dl"), help="Creatinine in mg/dL, when eGFR is not given (adults)."
)
@click.option("--bsa", type=Number("bsa_m2"), help="Body surface in m2; from height and weight otherwise.")
@click.option("--wbc", type=Number("wbc"), help="White count in the week before infusion, 10^9/L.")
@click.option("--lab", "labs", multiple=True, metavar="KEY=VALUE", help="For CAR-HEMATOTOX, such as crp_mg_l=8.")
@click.option(
    "--delay", type=click.FloatRange(-100.0, 100.0), default=0.0, help="Infusion this many days later than planned."
)
@click.option("--cohort", is_flag=True, help="Spread the baseline as between patients of a cohort.")
@click.option("--criteria", type=TOML, help="Own planner criteria in place of the built-in ones.")
@click.option("--drugs", type=TOML, help="Own drug parameters in place of the built-in ones.")
@click.option(
    "--search", "searching", is_flag=True, help="List the schedules of the free knobs that meet the criteria."
)
@click.option(
    "--depth", type=Number("alc"), help="With --search: the host's count at infusion that is asked for, 10^9/L."
)
@click.option(
    "--recovery-by",
    type=click.FloatRange(*quantity("recovery_by").range),
    help="With --search: the day by which the host must be back.",
)
@click.option(
    "--recovery-count",
    type=Number("alc"),
    help="Count from which the host is back, 10^9/L; otherwise that of the criterion on day 30.",
)
@click.option(
    "--infusion-date",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Date of day 0: adds a calendar of dates.",
)
@click.option(
    "--survival",
    type=SURVIVAL,
    default="combined",
    show_default=True,
    help="Lymphocyte survival model of a plan's fractions.",
)
@click.option(
    "--draws",
    type=click.IntRange(1, int(quantity("draws").high)),
    default=512,
    show_default=True,
    help="Ensemble size.",
)
@click.option("--seed", type=whole("seed"), default=20260101, show_default=True, help="Seed of the ensemble.")
@click.option(
    "--to-day",
    type=click.FloatRange(*quantity("end_day").range),
    default=90.0,
    show_default=True,
    help="Last day forecast, from infusion.",
)
@report_option("Write a report: .html or .pdf.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the JSON result to a file as well.")
@with_options((SR, DATED), SAFETY)
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
def conditioning(**given: Any) -> None:
    """Depth and duration of lymphopenia around an infusion of cells, regimens compared.

    REGIMEN.toml files hold drugs, radiation and their days; --product adds a built-in one. Radiation comes from
    its own plan: an export or a scenario. The forecast is of the host's count, with bands; planner criteria are
    MET, NOT MET or CANNOT SAY and carry their evidence. Not a dosing tool.
    """
    from lymphorisk.regimen import Choices, compare
    from lymphorisk.regimen.read import sha256_of

    if given["list_products"]:
        _list_products()
        return
    if given["show_criteria"]:
        _show_criteria()
        return
    report, out = given["report"], given["out"]
    outputs = outputs_of(given, *given["paths"], given["criteria"], given["drugs"])
    outputs.expect(report, report_kind(report) if report else "page")
    outputs.expect(out, "conditioning")
    archive = Archive(outputs, None, given["sr"], given["dated"])
    study = _study(given) if given["sr"] is not None else None
    files, facts = _read(given)
    choices = Choices(
        draws=given["draws"],
        seed=given["seed"],
        end_day=given["to_day"],
        cohort=given["cohort"],
        survival=given["survival"],
        drugs=given["drugs"],
        criteria=given["criteria"],
        infusion_date=None if given["infusion_date"] is None else given["infusion_date"].date(),
        depth=given["depth"],
        recovery_by=given["recovery_by"],
        recovery_count=given["recovery_count"],
    )
    if choices.asked and not given["searching"]:
        raise click.UsageError("--depth and --recovery-by ask for schedules: add --search")
    if given["searching"] and choices.recovery_count is not None and choices.recovery_by is None:
        raise click.UsageError("--recovery-count is asked of a day: add --recovery-by DAY")
    if choices.recovery_by is not None and choices.recovery_by > choices.end_day:
        raise click.UsageError(f"--recovery-by {choices.recovery_by:g} lies after the forecast's end: raise --to-day")
    read = [("regimen", "", f.sha256) for f in files if f.sha256]
    read += [(what, "", sha256_of(given[what])) for what in ("drugs", "criteria") if given[what] is not None]
    comparison = compare([(f.regimen, f.plans) for f in files], facts, choices, inputs=read)
    found = _search(files, facts, choices) if given["searching"] else None
    from lymphorisk.analysis.saved import sealed
    from lymphorisk.report import clinic
    from lymphorisk.report.conditioning.json_ import conditioning_json
    from lymphorisk.report.conditioning.text import conditioning_text

    result, from_file = "", named()
    with outputs:
        if report is not None:
            outputs.add(report, _page(report, comparison, found))
        if out is not None or given["as_json"]:
            result = sealed(clinic.in_json(conditioning_json(comparison, found), from_file))
        if out is not None:
            outputs.add(out, result)
        if study is not None:
            _archive(archive, study, comparison)
        written = result if given["as_json"] else clinic.in_text(conditioning_text(comparison, found), from_file)
        finish(outputs, **{str(report): "report", str(out): "result", **archive.names})
    emit(written)


def _page(path: Path, comparison: Comparison, found: SearchResult | None) -> str | bytes:
    from lymphorisk.report import clinic, formats
    from lymphorisk.report.conditioning.document import report

    return formats.written(path, clinic.on_page(report(comparison, found), named()))


def _study(given: dict[str, Any]) -> Export:
    """The export whose study a structured report joins."""
    from lymphorisk.analysis.source import read_source
    from lymphorisk.cli.archive import exported
    from lymphorisk.cli.options import options_of
    from lymphorisk.regimen import is_regimen

    exports = [p for p in given["paths"] if not is_regimen(p)]
    if len(exports) != 1:
        raise InputError("a structured report joins the study of a plan", "give the EXPORT it belongs to")
    return exported(read_source(exports[0], options_of(given)))


def _archive(archive: Archive, export: Export, comparison: Comparison) -> None:
    from lymphorisk.dicom.write_sr import ReportedNumber, ReportedText
    from lymphorisk.report import clinic
    from lymphorisk.report.conditioning.measurements import measurements, sentences

    numbers = [ReportedNumber(*row) for row in measurements(comparison)]
    texts = [ReportedText(*row) for row in (*sentences(comparison), *clinic.sentences(named()))]
    archive.report(export, numbers, texts, comparison.version)


def _list_products() -> None:
    from lymphorisk.regimen import products
    from lymphorisk.report.conditioning.text import product_table
    from lymphorisk.report.table import text_lines

    say("\n".join(text_lines(product_table(products()), "", heads=False)))


def _show_criteria() -> None:
    from lymphorisk.conditioning.criteria import METRICS
    from lymphorisk.parameters.store import DATA

    say((DATA / "criteria.toml").read_text(encoding="utf-8"))
    say("# Metrics a criterion may be on:")
    for m in METRICS.values():
        say(f"#   {m.name}: {m.label} [{m.unit}]")


def _read(given: dict[str, Any]) -> tuple[list[RegimenFile], PatientFacts]:
    from dataclasses import replace

    from lymphorisk.cli.options import options_of, patient_of
    from lymphorisk.conditioning.hematotox import labs_from
    from lymphorisk.conditioning.regimen import delayed
    from lymphorisk.regimen import PatientFacts, is_regimen
    from lymphorisk.regimen.door import Gathered, facts_told, gathered
    from lymphorisk.regimen.plan import plan_exposure

    regimens = [p for p in given["paths"] if is_regimen(p)]
    exports = [p for p in given["paths"] if p not in regimens]
    if len(exports) > 1:
        raise click.UsageError(f"{len(exports)} exports given; one at most, other plans go into the regimen files")
    if not regimens and not given["products"]:
        raise click.UsageError("give a REGIMEN.toml or --product (see --list-products)")
    who, options = patient_of(given), options_of(given)
    export = exports[0] if exports else None
    read = gathered(regimens, given["products"], who.patient, options, export)
    files = list(read.files)
    if export is not None and export not in read.plans:
        if given["first_day"] is None:
            raise click.UsageError(
                "no regimen uses EXPORT: give --first-day, or a [[conditioning.radiation]] without plan"
            )
        exposure = plan_exposure(export, who.patient, options)
        read = Gathered(read.files, {**read.plans, export: exposure})
        files = [_with_export(f, exposure, given["first_day"]) for f in files]
    if given["delay"]:
        files = [replace(f, regimen=delayed(f.regimen, given["delay"])) for f in files]
    pairs = dict(_pair(text) for text in given["labs"])
    own = PatientFacts(
        who.patient,
        given["egfr"],
        given["creatinine"],
        given["bsa"],
        given["wbc"],
        labs_from(pairs) if pairs else None,
        who.findings,
    )
    return files, facts_told(read, own)


def _pair(text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    try:
        return key.strip(), float(value)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE, such as crp_mg_l=8", param_hint="--lab") from None


def _with_export(file: RegimenFile, exposure: PlanExposure, first_day: float) -> RegimenFile:
    from dataclasses import replace

    from lymphorisk.conditioning.regimen import RadiationCourse
    from lymphorisk.regimen.exposure import is_even

    if file.plans:
        return file
    days = tuple(first_day + day - exposure.days[0] for day in exposure.days)
    role = "lymphodepletion" if is_even(exposure) else "bridging"
    course = RadiationCourse("bridging" if role == "bridging" else "whole body", days, plan=exposure.label, role=role)
    regimen: Regimen = replace(file.regimen, radiation=(*file.regimen.radiation, course))
    return replace(file, regimen=regimen, plans={exposure.label: exposure})


def _search(files: list[RegimenFile], facts: PatientFacts, choices: Any) -> SearchResult:
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import Progress

    from lymphorisk.regimen import search

    free = [f for f in files if f.knobs]
    if not free and len(files) == 1 and choices.asked:
        from lymphorisk.regimen.free import default_knobs

        free = [replace(files[0], knobs=default_knobs(files[0].regimen))]
    if len(free) != 1:
        raise click.UsageError(
            f"--search needs exactly one regimen with [[conditioning.search]] tables, not {len(free)}"
        )
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("schedules", total=None)
        return search(
            free[0].regimen,
            free[0].plans,
            free[0].knobs,
            facts,
            choices,
            on_progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
