"""Options shared by the commands that take an export."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.typed import Count, ExportPath, Number, Word, whole

if TYPE_CHECKING:
    from lymphorisk.analysis import Options
    from lymphorisk.plan import KnownPatient

Command = Callable[..., Any]
SURVIVAL = Word("lymphorisk.lymphocyte.survival:survival_named")

#: The unit of every count that is typed beside it.
ALC_UNIT = click.option(
    "--alc-unit",
    type=Word("lymphorisk.units.counts:count_unit"),
    default="10^9/L",
    show_default=True,
    help="Unit of the counts typed.",
)
PATIENT = (
    click.option(
        "--patient",
        "patient_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML with a [patient] table.",
    ),
    click.option("--age", type=Number("age_y"), help="Age in years."),
    click.option("--sex", type=Word("lymphorisk.plan.words:sex_of"), metavar="[F|M]", help="Sex."),
    click.option("--height-cm", type=Number("height_cm"), help="Body height in cm."),
    click.option("--weight-kg", type=Number("weight_kg"), help="Body weight in kg."),
    click.option("--alc", type=Count(), help="Lymphocyte count before radiotherapy."),
    ALC_UNIT,
    click.option("--lln", type=Count(), help="The laboratory's lower limit of normal; CTCAE grade 1 needs it."),
    click.option(
        "--site", type=Word("lymphorisk.plan.words:site_of"), help="Treated site: the gate of the published models."
    ),
    click.option(
        "--chemo",
        type=Word("lymphorisk.plan.drugs:told_drugs"),
        help="Concurrent drugs by name, such as cisplatin weekly; or a class: none, temozolomide, platinum, other.",
    ),
    click.option(
        "--steroid",
        multiple=True,
        metavar="MG[@FROM..TO]",
        help="Dexamethasone in mg a day, over the course or from day to day (or dates); none; not known. Repeat.",
    ),
    click.option(
        "--neutrophils",
        type=Number("neutrophils"),
        help="Neutrophil count before radiotherapy, in 10^9/L: for the ratio to the lymphocytes.",
    ),
    click.option(
        "--subset",
        "subsets",
        multiple=True,
        metavar="NAME=PERCENT",
        help="CD4, CD8, B or NK cells in per cent of the lymphocytes before radiotherapy; repeat.",
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="NAME=VALUE",
        help="A column that only your own model reads, such as NLR=3.1; repeat.",
    ),
    click.option(
        "--first-fraction",
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="DATE",
        help="Day of the first fraction: what dates count from, and its weekday.",
    ),
)
#: Which plan of an export, and masks beside it: of one plan, never of many.
WHICH_PLAN = click.option("--plan", "plan_name", help="Which plan, when the export holds several (label or UID).")
HANDED_IN = (
    click.option(
        "--segmentation",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="Organs nobody drew, by masks: a DICOM SEG, a second RTSTRUCT, NIfTI masks or a label map; repeat.",
    ),
    click.option(
        "--labels",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="What the labels of a segmentation are: TOML, JSON or CSV.",
    ),
)
HOW_READ = (
    click.option("--organ", "organs", multiple=True, metavar="TG263=ROI", help="Map an organ to a ROI name or number."),
    click.option(
        "--missing",
        type=click.Choice(["placed", "diluted", "refuse"]),
        default="placed",
        show_default=True,
        help="What an organ without contours gets.",
    ),
    click.option(
        "--end-caps",
        type=click.Choice(["half", "none"]),
        default="half",
        show_default=True,
        help="Volume beyond the outermost contours.",
    ),
    click.option(
        "--fractions",
        type=whole("fractions"),
        help="Number of fractions, when the export does not say or as a what-if.",
    ),
    click.option("--beam-on", type=Number("beam_on_s"), help="Beam-on time of every beam in s."),
)
HOW_LINKED = (
    click.option("--sum", "sum_doses", is_flag=True, help="Several plans are one course; beam doses add up."),
    click.option(
        "--link-by",
        type=click.Choice(["uid", "frame", "folder"]),
        default="uid",
        show_default=True,
        help="How files are linked where UIDs are broken.",
    ),
    click.option(
        "--dose-is",
        type=click.Choice(["physical", "rbe"]),
        help="What the dose is, where its labels say EQD2, BED, biological or EFFECTIVE.",
    ),
)
#: Which fractions of a course are given, and when.
COURSE = (
    click.option(
        "--deliver",
        multiple=True,
        metavar="PLAN=FRACTIONS",
        help='Fractions of the course that a plan gives: "A=1-10", then "B=11-28"; "Boost=26-30 from 2026-06-15 bid"; '
        "repeat.",
    ),
    click.option(
        "--missed", multiple=True, metavar="DAY", help="No treatment: 2026-05-04, day 14, or fraction 11; repeat."
    ),
    click.option(
        "--compensate",
        type=click.Choice(["later", "bid", "weekend"]),
        default="later",
        show_default=True,
        help="When a missed fraction is given.",
    ),
    click.option(
        "--delivered-so-far", type=whole("delivered_so_far"), metavar="N", help="Only the first N fractions are given."
    ),
)
#: What may be said of many plans alike.
EVERY_PLAN = (*HOW_READ, *HOW_LINKED)
PLAN = (*HOW_READ, WHICH_PLAN, *COURSE, *HOW_LINKED, *HANDED_IN)
BLOOD = (
    click.option("--network", type=click.Choice(["28", "32"]), help="Blood compartments."),
    click.option("--blood-volume", type=Number("blood_volume_l"), help="Blood volume in L."),
    click.option("--cardiac-output", type=Number("cardiac_output_l_min"), help="Cardiac output in L/min."),
)
FORECAST = (
    click.option(
        "--therapy",
        multiple=True,
        metavar="NAME=DAYS",
        help='A drug or cells: "durvalumab=2026-06-01,2026-06-15", "cells=day 40": the count and dose then; repeat.',
    ),
    click.option(
        "--node-role",
        "node_role",
        multiple=True,
        metavar="REGION=ROLE",
        help="What a node region is here: LN_Ax_L=draining, LN_Pelvics=elective; else its place is a guess; repeat.",
    ),
    click.option(
        "--first-weekday",
        type=whole("first_weekday"),
        default=0,
        show_default=True,
        help="Weekday of the first fraction, 0 is Monday.",
    ),
    click.option(
        "--survival",
        type=SURVIVAL,
        default="combined",
        show_default=True,
        help="Lymphocyte survival model. They kill 55 to 81 % at 2 Gy; one review prints near 90 %.",
    ),
    click.option("--draws", type=whole("draws"), default=512, show_default=True, help="Ensemble size."),
    click.option("--seed", type=whole("seed"), default=20260101, show_default=True, help="Seed of the ensemble."),
    click.option("--horizon", type=whole("horizon_d"), default=365, show_default=True, help="Days forecast."),
    click.option(
        "--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of a trained predictor."
    ),
    click.option(
        "--model-key",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Public key (PEM): a predictor of one's own must be signed by its other half.",
    ),
)
EXPORT = click.argument("export", type=ExportPath())
#: Several sources are the plans of one course.
EXPORTS = click.argument("exports", nargs=-1, required=True, type=ExportPath(), metavar="EXPORT...")
JSON = click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
SHOW_PHI = click.option("--show-phi", is_flag=True, help="Add the patient's name and ID to the output.")


def course_of(exports: tuple[Path, ...], given: dict[str, Any]) -> Path | tuple[Path, ...]:
    """What is read as one course: a source, or several whose plans are delivered or summed."""
    if len(exports) == 1:
        return exports[0]
    if not given.get("deliver") and not given.get("sum_doses"):
        raise click.UsageError(
            'several exports are one course when it is said which fractions each plan gives: --deliver "A=1-10" '
            '--deliver "B=11-28"'
        )
    return exports


def with_options(*groups: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """Add groups of options to a command; they arrive as keyword arguments."""

    def add(command: Command) -> Command:
        return functools.reduce(lambda c, option: option(c), reversed([o for g in groups for o in g]), command)

    return add


def patient_of(given: dict[str, Any]) -> KnownPatient:
    """The patient from a file and the options; an option wins over the file, and a finding says where they differ."""
    from lymphorisk.plan import Patient, known_patient
    from lymphorisk.scenario import read_patient
    from lymphorisk.units import alc_from

    base = read_patient(given["patient_file"]) if given.get("patient_file") else Patient()
    facts: dict[str, Any] = {
        "sex": given.get("sex"),
        "age_y": given.get("age"),
        "height_cm": given.get("height_cm"),
        "weight_kg": given.get("weight_kg"),
        "alc": None if given.get("alc") is None else alc_from(given["alc"], given["alc_unit"]),
        "lln": None if given.get("lln") is None else alc_from(given["lln"], given["alc_unit"]),
        "site": given.get("site"),
        **_drugs(given.get("chemo")),
        "steroid": _steroid(given),
        "neutrophils": given.get("neutrophils"),
        "subsets": _subsets(given),
        "columns": _columns(given),
    }
    return known_patient(facts, "as typed", base, "the patient file")


def _drugs(typed: Any) -> dict[str, Any]:
    """Class and names of the drugs, from words or as the option has read them."""
    from lymphorisk.plan.drugs import told_drugs

    return told_drugs(typed) if isinstance(typed, str) else dict(typed or {})


def _steroid(given: dict[str, Any]) -> Any:
    """Steroid periods as typed; None when nothing was, or not known."""
    from lymphorisk.errors import ScenarioError
    from lymphorisk.plan import steroid_of

    first = given.get("first_fraction")
    try:
        return steroid_of(list(given.get("steroid") or ()) or None, first.date() if first else None)
    except ScenarioError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise click.BadParameter(f"{error.message}{hint}", param_hint="--steroid") from None


def _subsets(given: dict[str, Any]) -> Any:
    """Subsets as typed; None when none was."""
    from lymphorisk.errors import ScenarioError
    from lymphorisk.plan.subsets import subsets_of

    try:
        return subsets_of(list(given.get("subsets") or ()) or None)
    except ScenarioError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise click.BadParameter(f"{error.message}{hint}", param_hint="--subset") from None


def _columns(given: dict[str, Any]) -> Any:
    """Columns of a clinic's own model as typed; None when none was."""
    from lymphorisk.errors import ScenarioError
    from lymphorisk.plan.columns import columns_of

    try:
        return columns_of(list(given.get("columns") or ()) or None)
    except ScenarioError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise click.BadParameter(f"{error.message}{hint}", param_hint="--column") from None


def options_of(given: dict[str, Any]) -> Options:
    """The analysis options from a command's keyword arguments."""
    from lymphorisk.analysis import Options
    from lymphorisk.cli.clinicfile import DIGITS, told
    from lymphorisk.cli.output import message

    overrides = {}
    for pair in given.get("organs", ()):
        name, sign, roi = pair.partition("=")
        if not sign or not name.strip() or not roi.strip():
            raise click.BadParameter(f"{pair!r} is not TG263=ROI, such as Spleen=SPL_v2", param_hint="--organ")
        overrides[name.strip()] = roi.strip()
    direct = {
        "missing": "missing",
        "end_caps": "end_caps",
        "fractions": "fractions",
        "beam_on": "beam_on_s",
        "plan_name": "plan",
        "sum_doses": "sum_doses",
        "link_by": "link_by",
        "dose_is": "dose_is",
        "segmentation": "segmentation",
        "labels": "labels",
        "network": "network",
        "blood_volume": "blood_volume_l",
        "cardiac_output": "cardiac_output_l_min",
        "first_weekday": "first_weekday",
        "survival": "survival",
        "draws": "draws",
        "seed": "seed",
        "horizon": "horizon_d",
        "model": "model",
        "model_key": "model_key",
        "shap_plots": "shap_plots",
        "deliver": "deliver",
        "missed": "missed",
        "therapy": "therapy",
        "node_role": "node_role",
        "prices": "prices",
        "compensate": "make_up",
        "delivered_so_far": "delivered_so_far",
    }
    chosen = {ours: given[theirs] for theirs, ours in direct.items() if given.get(theirs) is not None}
    if (first := given.get("first_fraction")) is not None:
        chosen["first_fraction"] = first.date().isoformat()
    if given.get("patient_file") and not chosen.get("therapy"):
        from lymphorisk.scenario import read_beside

        beside = read_beside(given["patient_file"])
        if beside.therapy:
            chosen["therapy"] = beside.therapy
            if beside.first_fraction is not None:
                chosen.setdefault("first_fraction", beside.first_fraction)
    of_clinic = told()
    if (used := of_clinic.get("clinic_file")) and used["settings"]:
        message(f"clinic file {used['sha256'][:DIGITS]}: {', '.join(used['settings'])}")
    return Options(organs=overrides, what_if=tuple(given.get("what_if", ())), **of_clinic, **chosen)
