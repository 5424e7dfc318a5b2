"""`lymphorisk cohort`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.options import ALC_UNIT, BLOOD, EVERY_PLAN, FORECAST, options_of, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, message, outputs_of
from lymphorisk.cli.reporting import report_option
from lymphorisk.outputs.kinds import report_kind

if TYPE_CHECKING:
    from lymphorisk.cohorts.run import Done

SHARD = re.compile(r"(\d+)/(\d+)")


class RunByDefault(click.Group):
    """A group whose first word may be the first argument of its command `run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave every option to the command."""
        if args and args[0] not in self.commands and args not in (["--help"], ["-h"]):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def shard_of(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Part and parts of ``i/M``."""
    if value is None:
        return None
    found = SHARD.fullmatch(value.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value!r} is not a part such as 3/8, from 1/8 to 8/8")
    return int(found[1]), int(found[2])


@click.group(cls=RunByDefault)
def cohort() -> None:
    """Many plans into tables: `lymphorisk cohort SOURCE... --out DIR` (options: `lymphorisk cohort run --help`).

    A second call goes on where the first stopped. Leaves with 0 when every plan is in the table, 5 when some are in
    quarantine, 3 when none is in the table.
    """


@cohort.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the tables and the ledger.",
)
@click.option(
    "--counts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measured counts in long form: patient_id, date or day, value, unit.",
)
@ALC_UNIT
@click.option("--protocol", metavar="NAME|FILE|auto", help="Judge every plan; auto takes the starter of its site.")
@click.option(
    "--metrics",
    "metrics_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="DVH metrics to keep, a line each: Lungs, V20Gy[%].",
)
@click.option(
    "--alpha-beta", type=click.FloatRange(min=0, min_open=True), metavar="GY", help="For metrics in EQD2 or BED."
)
@click.option(
    "--curves", "step_gy", type=click.FloatRange(min=0.01), metavar="GY", help="Keep the curves too, at this step."
)
@click.option(
    "--workers", type=click.IntRange(min=0), help="Processes; 0 is this one, without limits.  [default: processors]"
)
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler that is there, such as tcp://node7:8786.")
@click.option(
    "--limit-s", type=click.FloatRange(min=0, min_open=True), default=1800.0, show_default=True, help="Of one plan."
)
@click.option(
    "--limit-mb", type=click.FloatRange(min=0, min_open=True), default=4000.0, show_default=True, help="Of a worker."
)
@click.option("--retry", is_flag=True, help="Try what stands in quarantine again.")
@click.option(
    "--shard", callback=shard_of, metavar="I/M", help="Only part I of M, for job arrays; a call without it gathers."
)
@click.option(
    "--pseudonymise",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="KEYFILE",
    help="Patients by a keyed hash of their ID: the same in every cohort under this key.",
)
@click.option("--show-phi", is_flag=True, help="Write paths and plan labels beside the keys.")
@with_options(EVERY_PLAN, BLOOD, FORECAST)
def run(sources: tuple[str, ...], out: Path, **given: Any) -> int:
    """Analyse every plan of the sources and write one row each.

    SOURCE is a folder (searched through), a zip, a scenario TOML, a manifest CSV (a column `export`, and facts) or the
    address of a server (dicomweb:URL, orthanc:URL, with /studies/UID for one study).
    """
    from lymphorisk.cohorts.keys import Recipe
    from lymphorisk.cohorts.limits import Limits
    from lymphorisk.cohorts.metrics import DEFAULT, read_metrics
    from lymphorisk.cohorts.run import How, processors, run_cohort
    from lymphorisk.qa.audit import read_key

    metrics = DEFAULT if given["metrics_file"] is None else read_metrics(given["metrics_file"])
    recipe = Recipe(options_of(given), given["protocol"], metrics, given["step_gy"], given["alpha_beta"])
    how = How(
        workers=processors() if given["workers"] is None else given["workers"],
        scheduler=given["scheduler"],
        limits=Limits(given["limit_s"], given["limit_mb"]),
        retry=given["retry"],
        shard=given["shard"],
        key=b"" if given["key_file"] is None else read_key(given["key_file"]),
        show_phi=given["show_phi"],
        counts=given["counts"],
        count_unit=given["alc_unit"],
    )
    done = run_cohort(sources, out, recipe, how, message)
    _say(done)
    return done.exit_code


def _say(done: Done) -> None:
    """What became of the plans, and where the tables are."""
    message(f"{done.plans} plans in the table, {done.quarantined} in quarantine, {done.computed} computed now")
    for path in done.written:
        message(f"table: {path}")
    if not done.written:
        message("this part is kept in its ledger: a call without --shard gathers the parts into tables")


@cohort.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@report_option("Write the page: .html or .pdf.")
@with_options(SAFETY)
def report(folder: Path, report: Path | None, **given: Any) -> None:
    """What a cohort shows as a whole: groups, forecast against counts, control charts, outliers, quarantine."""
    from lymphorisk.cohorts.trends import trends_of
    from lymphorisk.report import cohort as page
    from lymphorisk.report import formats

    outputs = outputs_of({**given, "beside_inputs": True}, folder)
    outputs.expect(report, report_kind(report) if report else "page")
    made = page.report(trends_of(folder))
    with outputs:
        if report is not None:
            outputs.add(report, formats.written(report, made))
        finish(outputs, **{str(report): "report"})
    emit("\n".join(made.lead) + "\n")
