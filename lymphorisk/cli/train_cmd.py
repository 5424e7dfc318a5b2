"""`lymphorisk train`, `evaluate` and `model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.clinicfile import of_exports
from lymphorisk.cli.options import ALC_UNIT, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, message, outputs_of, say
from lymphorisk.cli.reporting import report_option
from lymphorisk.errors import UndecidableError
from lymphorisk.outputs import Outputs
from lymphorisk.outputs.kinds import report_kind

if TYPE_CHECKING:
    from lymphorisk.train import Cohort

COHORT = click.argument("cohort", required=False, type=click.Path(path_type=Path))
COUNTS = click.option(
    "--counts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of exports: a row a patient (patient_id, alc, nadir_alc), or every count (patient_id, date, value, unit).",
)
WORKERS = click.option("--workers", type=click.IntRange(min=0), help="Processes; 0 is this one.  [default: processors]")
COLUMNS = click.option(
    "--columns",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Schema file (TOML) of columns beyond the program's own: NLR, LDH, steroid, radiomics scores.",
)
RADIOMICS = click.option(
    "--radiomics",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV of the PyRadiomics command line with patient_id: the columns that --columns declares.",
)
IGNORE = click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave a column out; repeat.")
KEY_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")


@click.command()
@COHORT
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the new model, such as models/mine.")
@COUNTS
@COLUMNS
@RADIOMICS
@click.option("--schema", is_flag=True, help="Print the columns a cohort file may have.")
@click.option("--insilico", type=click.IntRange(min=500), metavar="N", help="Train on N simulated patients instead.")
@click.option("--early", is_flag=True, help="The mid-course model, which reads the first week's count (alc_week1).")
@click.option("--window", default="not stated", help='When counts were looked at, such as "during RT".')
@click.option("--aggregation", default="nadir", show_default=True, help="How several counts became one.")
@IGNORE
@click.option("--seed", default=20261, show_default=True)
@WORKERS
@report_option("Write the evaluation as a report: .html or .pdf.", "--report", "--html", "report")
@with_options(SAFETY)
@JSON
def train(
    cohort: Path | None,
    out: Path | None,
    counts: Path | None,
    columns: Path | None,
    radiomics: Path | None,
    schema: bool,
    insilico: int | None,
    early: bool,
    window: str,
    aggregation: str,
    ignore: tuple[str, ...],
    seed: int,
    workers: int | None,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Train a predictor on a clinic's cohort and judge it.

    COHORT is a table of features (CSV, Parquet), the folder of a `lymphorisk cohort` with counts, or exports with
    --counts. A model that is there is never overwritten unless --force says so.
    """
    from lymphorisk.analysis.options import Options
    from lymphorisk.cohorts.own import read_own
    from lymphorisk.cohorts.run import processors
    from lymphorisk.simulated.run import run_insilico
    from lymphorisk.train import Choices, Declared, read_declared, run_training, schema_text

    if schema:
        emit(schema_text())
        return
    if out is None:
        raise click.UsageError("--out names the folder of the new model")
    if (cohort is None) == (insilico is None):
        raise click.UsageError("give a cohort file, or --insilico N")
    if radiomics is not None and columns is None:
        raise click.UsageError("--radiomics takes what --columns declares")
    if insilico is not None and (columns or counts):
        raise click.UsageError("--columns and --counts are of a cohort, not of --insilico")
    declared = Declared() if columns is None else read_declared(columns)
    outputs = outputs_of(given, cohort, counts, columns, radiomics)
    outputs.expect(out, "model")
    outputs.expect(report, report_kind(report) if report else "page")
    with outputs:
        folder = outputs.folder(out)
        if insilico is not None:
            shared = processors() if workers is None else max(workers, 1)
            done = run_insilico(insilico, folder, early=early, seed=seed, workers=shared, progress=message)
        else:
            assert cohort is not None
            own = read_own(
                cohort,
                counts,
                ignore=ignore,
                workers=workers,
                progress=message,
                declared=declared,
                radiomics=radiomics,
                options=Options(**of_exports()),
            )
            choices = Choices(window, aggregation, ignore, seed, early)
            done = run_training(own, folder, choices, radiomics=declared.radiomics, progress=message)
        for f in done.findings:
            message(f"{f.severity}: {f.code} {f.what}")
        from_file = {} if insilico is not None else own.clinic_file
        notes = [f"{f.code} {f.what}" for f in done.findings]
        page = (report, outputs)
        written = _shown(done.evaluation, f"Predictor {out.name}", folder, page, as_json, "train", notes, from_file)
        finish(outputs, **{str(out): "model", str(report): "evaluation"})
    emit(written)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="MODEL PLANS | PACK...")
@click.option("--pool", "pooled", is_flag=True, help="Join the packs of several hospitals (random effects).")
@COUNTS
@COLUMNS
@ALC_UNIT
@WORKERS
@IGNORE
@click.option(
    "--recalibrate",
    "recalibrated",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Fit the calibration line to these patients where they suffice (Riley); write the model to OUT.",
)
@click.option(
    "--record",
    "recorded",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write the model to OUT with this judgement in its card; where it was poor it gives no number.",
)
@click.option(
    "--pack",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.json",
    help="Write what may leave the hospital: aggregates alone, no count of patients below 5.",
)
@click.option("--pack-page", type=click.Path(dir_okay=False, path_type=Path), help="Its page to sign: .html or .pdf.")
@click.option("--clinic", default="", help="What this place is called in a pool.")
@report_option("Write the evaluation as a report: .html or .pdf.", "--report", "--html", "report")
@with_options(SAFETY)
@JSON
def evaluate(
    words: tuple[str, ...],
    pooled: bool,
    counts: Path | None,
    columns: Path | None,
    workers: int | None,
    ignore: tuple[str, ...],
    recalibrated: Path | None,
    recorded: Path | None,
    pack: Path | None,
    pack_page: Path | None,
    clinic: str,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Judge a predictor, and the voices beside it, on a clinic's own plans; or pool packs of such judgements.

    MODEL is a folder, or a name of `lymphorisk model list`. PLANS is the folder of a `lymphorisk cohort` with counts,
    exports or a manifest with --counts, or a table of features (CSV, Parquet). PACK is what --pack wrote elsewhere.
    """
    from lymphorisk.analysis.options import Options
    from lymphorisk.cohorts.own import read_own
    from lymphorisk.train import evaluate_model, recalibrate, record
    from lymphorisk.train.declared import declared_for

    if pooled:
        _pool([Path(word) for word in words], report, as_json, given)
        return
    if len(words) != 2:
        raise click.UsageError("give a model and plans; or --pool and packs")
    judged, plans = _folder(words[0]), Path(words[1])
    outputs = outputs_of(given, judged, plans, counts, columns)
    outputs.expect(recalibrated, "model")
    outputs.expect(recorded, "model")
    outputs.expect(pack, "pack")
    outputs.expect(pack_page, report_kind(pack_page) if pack_page else "page")
    outputs.expect(report, report_kind(report) if report else "page")
    declared, unit = declared_for(judged, columns), given["alc_unit"]
    own = read_own(
        plans,
        counts,
        ignore=ignore,
        count_unit=unit,
        workers=workers,
        progress=message,
        declared=declared,
        options=Options(**of_exports()),
    )
    result = evaluate_model(judged, own, declared=declared)
    for note in (noticed := result["findings"]):
        message(note)
    with outputs:
        if recalibrated is not None:
            lines, short = recalibrate(judged, own, outputs.folder(recalibrated))
            result["findings"] = noticed + [f"{f.code} {f.what}" for f in short]
            result["recalibration"] = {outcome: found.to_dict() for outcome, found in lines.items()}
        if recorded is not None:
            record(judged, result, outputs.folder(recorded))
        if pack is not None or pack_page is not None:
            _add_pack(outputs, (pack, pack_page), judged, own, result, clinic)
        for note in result["findings"][len(noticed) :]:
            message(note)
        title = f"{judged.name} on {own.name}"
        page, notes = (report, outputs), result["findings"]
        written = _shown(result, title, judged, page, as_json, "evaluate", notes, own.clinic_file)
        files = (recalibrated, recorded, report, pack, pack_page)
        named = ("recalibrated model", "judged model", "evaluation", "pack", "page of the pack")
        finish(outputs, **{str(path): name for path, name in zip(files, named, strict=True) if path})
    emit(written)


def _add_pack(
    outputs: Outputs,
    to: tuple[Path | None, Path | None],
    folder: Path,
    own: Cohort,
    result: dict[str, Any],
    clinic: str,
) -> None:
    """The pack and its page."""
    from lymphorisk import predict
    from lymphorisk.plain import dumps
    from lymphorisk.report import formats
    from lymphorisk.report import pack as page
    from lymphorisk.train.pack import pack_of

    made = pack_of(predict.load(folder), own, result, clinic)
    if to[0] is not None:
        outputs.add(to[0], dumps(made))
    if to[1] is not None:
        outputs.add(to[1], formats.written(to[1], page.report(made)))


def _pool(packs: list[Path], report: Path | None, as_json: bool, given: dict[str, Any]) -> None:
    """Packs of several hospitals as one answer."""
    from lymphorisk.plain import dumps
    from lymphorisk.report import formats
    from lymphorisk.report import pack as page
    from lymphorisk.train.pack import read_pack
    from lymphorisk.train.pool import pool

    outputs = outputs_of(given, *packs)
    outputs.expect(report, report_kind(report) if report else "page")
    result = pool([read_pack(path) for path in packs])
    with outputs:
        if report is not None:
            outputs.add(report, formats.written(report, page.pool_report(result)))
        for note in result["findings"]:
            message(note)
        finish(outputs, **{str(report): "pool"})
    emit(dumps({"schema": "lymphorisk/pool/1", **result}) if as_json else page.pool_text(result))


def _shown(
    evaluation: dict[str, Any],
    title: str,
    folder: Path,
    page: tuple[Path | None, Outputs],
    as_json: bool,
    command: str,
    notes: list[str],
    from_file: Mapping[str, Any],
) -> str:
    """The evaluation as text or JSON; its page is added to the outputs."""
    from lymphorisk import predict
    from lymphorisk.plain import dumps
    from lymphorisk.report import clinic, formats
    from lymphorisk.report import evaluation as reported

    report, outputs = page
    if report is not None:
        judged = predict.load(folder)
        beeswarms = {o: predict.beeswarm(judged, o) for o in judged.outcomes if o in evaluation["outcomes"]}
        made = clinic.on_page(reported.report(evaluation, title, notes, beeswarms), from_file)
        outputs.add(report, formats.written(report, made))
    if as_json:
        return dumps(clinic.in_json({"schema": f"lymphorisk/{command}/1", **evaluation}, from_file))
    return clinic.in_text(reported.evaluation_text(evaluation), from_file)


@click.group()
def model() -> None:
    """Trained predictors: what is installed, its card, its hashes."""


def _folder(name: str) -> Path:
    from lymphorisk.cohorts.learning import model_folder

    return model_folder(name)


@model.command("list")
@JSON
def listed(as_json: bool) -> None:
    """The predictors beside this program."""
    from lymphorisk import predict
    from lymphorisk.analysis.risk import shipped_models
    from lymphorisk.plain import dumps

    folder = shipped_models()
    rows = []
    for path in sorted(p.parent for p in folder.glob("*/card.toml")) if folder else []:
        p = predict.load(path)
        rows.append({"name": p.name, "identity": p.identity, "trained_on": p.trained_on, "features": len(p.features)})
    if as_json:
        emit(dumps({"schema": "lymphorisk/model-list/1", "models": rows}))
        return
    for row in rows:
        say(f"{row['name']}  {row['identity']}  trained on {row['trained_on']}, {row['features']} features")


@model.command()
@click.argument("name")
def card(name: str) -> None:
    """The card of a predictor, after its hashes were checked, and what its risk of bias is by domain."""
    from lymphorisk import predict
    from lymphorisk.predict.booster import CARD, verified
    from lymphorisk.train.probast import as_toml

    path = _folder(name)
    verified(path)
    emit((path / CARD).read_text(encoding="utf-8") + as_toml(predict.load(path).card))


@model.command()
@click.argument("name")
@click.option("--key", type=KEY_FILE, help="Public key (PEM): it must be signed by the other half.")
def verify(name: str, key: Path | None) -> None:
    """Check every file of a predictor against its card, and with a key the card's signature."""
    from lymphorisk import predict
    from lymphorisk.predict.signature import fingerprint, hold_signature, public_key

    folder = _folder(name)
    p = predict.load(folder)
    said = ""
    if key is not None:
        by = public_key(key)
        hold_signature(folder, p.sha256, by)
        said = f"; signed by the key {fingerprint(by)}"
    say(f"{p.name} {p.identity}: {len(p.card['sha256'])} files as listed; trained on {p.trained_on}{said}")


@model.command()
@click.argument("name")
@click.option("--key", required=True, type=KEY_FILE, help="Private key (PEM, Ed25519); its password is asked for.")
@with_options(SAFETY)
def sign(name: str, key: Path, **given: Any) -> None:
    """Sign a predictor, so that a clinic that has the public key knows who stands behind it.

    Every file is checked first. `analysis.model_key` in the clinic file, or --model-key, asks for the signature.
    """
    from lymphorisk import predict
    from lymphorisk.predict import signature

    folder = _folder(name)
    p = predict.load(folder)
    word = click.prompt(f"password of {key.name}", hide_input=True, err=True) if signature.needs_password(key) else None
    by = signature.private_key(key, word)
    place = folder / signature.SIGNATURE
    outputs = outputs_of(given, key)
    outputs.expect(place, "signature")
    with outputs:
        outputs.add(place, signature.signed(p.sha256, by))
        finish(outputs, **{str(place): "signature"})
    say(f"{p.name} {p.identity}: signed by the key {signature.fingerprint(by.public_key())}")


@model.command()
@click.argument("name")
@click.option(
    "--patient",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML of feature values, as in `lymphorisk train --schema`.",
)
def use(name: str, patient: Path) -> None:
    """Ask a predictor about one row of features, with its reasons; outside its domain it gives neither."""
    import numpy as np

    from lymphorisk import predict, tomlfile
    from lymphorisk.features import NAMES, FeatureVector

    written = tomlfile.read_file(patient)
    values = written.table
    p = predict.load(_folder(name))
    names = (*NAMES, *(e.name for e in p.external))
    for key, value in values.items():
        if key not in names:
            raise written.error((key,), "is no feature", "`lymphorisk train --schema` lists them")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise written.error((key,), "is not a number", "give the value as `lymphorisk train --schema` says")
    row = FeatureVector(np.array([float(values.get(n, np.nan)) for n in names]), names)
    said = predict.predict(p, row)
    if (why_not := said.declined) is not None:
        raise UndecidableError(
            f"{p.name} gives no number: {why_not.reason}", "give what is missing, or use the forecast"
        )
    for outcome, value in said.p.items():
        low, high = said.interval[outcome]
        say(f"{outcome}: {value:.1%} ({low:.1%} to {high:.1%}), set: {', '.join(said.sets.get(outcome, ())) or '-'}")
    for caveat in said.caveats:
        say(caveat)
    say("in domain")
    why = predict.explain(p, row)
    for sentence in why.sentences:
        say(f"- {sentence}")
    say(why.note)
