"""`lymphorisk doctor`."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.output import say
from lymphorisk.version import __version__

if TYPE_CHECKING:
    from lymphorisk.settings import ClinicFile

NEEDED = ("pydicom", "dicompyler-core", "numpy", "scipy", "shap", "scikit-learn", "click", "rich", "jinja2", "msgspec")
EXTRAS = {
    "pyarrow": "cohorts in Parquet",
    "dicomweb-client": "plans of a DICOMweb server or an Orthanc",
    "reportlab": "PDF reports",
    "highdicom": "DICOM structured reports",
    "nibabel": "segmentations in NIfTI",
    "pynetdicom": "plans received and answers sent",
    "pylibjpeg": "JPEG-compressed doses",
}
LEAST = (3, 11)


@click.command()
@click.option("--service", is_flag=True, help="Examine the service of the clinic file instead: store, port, TLS, PACS.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="The service's store, if not in the file."
)
def doctor(service: bool, out: Path | None) -> int:
    """Check the installation: Python, packages, parameter files, models, a whole analysis."""
    good = True

    def line(ok: bool, what: str, hint: str = "") -> None:
        nonlocal good
        good &= ok
        say(f"{'ok  ' if ok else 'FAIL'}  {what}" + (f"  ({hint})" if hint and not ok else ""))

    if service:
        _service(line, out)
        return 0 if good else 70
    say(f"lymphorisk {__version__}, Python {platform.python_version()}, {platform.system()}")
    line(sys.version_info >= LEAST, "Python 3.11 or newer")
    for name in NEEDED:
        found = installed(name)
        line(found is not None, f"{name} {found or ''}".rstrip(), f"pip install {name}")
    xgboost = installed("xgboost-cpu") or installed("xgboost")
    line(xgboost is not None, f"xgboost {xgboost or ''}".rstrip(), "pip install xgboost-cpu")
    for name, use in EXTRAS.items():
        found = installed(name)
        say(f"{'ok  ' if found else '-   '}  {name} {found or 'not installed'}, for {use}")

    clinic(line)
    schemas(line)

    from lymphorisk import parameters

    for topic in parameters.topics():
        parameters.load(topic)
    line(True, f"parameter set {parameters.set_id()}, {len(parameters.topics())} topics")

    from lymphorisk.analysis.risk import shipped_models

    folder = shipped_models()
    models = sorted(p.parent for p in folder.glob("*/card.toml")) if folder else []
    line(bool(models), f"{len(models)} trained predictor(s)", "the shipped models folder is missing")
    if importlib.util.find_spec("xgboost") is not None:
        from lymphorisk import predict

        for model in models:
            predictor = predict.load(model)
            line(True, f"model {predictor.name} {predictor.identity}, trained on {predictor.trained_on}")

    from lymphorisk.analysis import Options, analyze
    from lymphorisk.cli.demo import demo_plan

    path = demo_plan()
    if path is None:
        line(False, "demo plan", "the shipped fixtures are missing")
    else:
        result = analyze(path, options=Options(draws=64))
        line(result.forecast.nadir.median > 0, f"analysis of the demo plan, parameter set {parameters.set_id()}")
    say("all is well" if good else "something is missing: see FAIL above")
    return 0 if good else 70


def clinic(line: Callable[..., None]) -> None:
    """The clinic file in force, its settings, and what is wrong with it."""
    from lymphorisk.cli.clinicfile import clinic_path, described
    from lymphorisk.errors import InputError
    from lymphorisk.settings import read_clinic
    from lymphorisk.settings.schema import plain

    try:
        path = clinic_path()
        if path is None:
            say("-     no clinic file: `lymphorisk init` writes one")
            return
        file = read_clinic(path)
    except InputError as error:
        line(False, error.message, error.hint)
        return
    line(True, f"clinic file {described(file)}, {len(file.said)} settings")
    table = plain(file.clinic)
    for key in file.said:
        say(f"        {key} = {_shown(table, key)}")
    for key, value in sorted(_leaves(table).items()):
        if not any(key == said or key.startswith(f"{said}.") for said in file.said):
            say(f"        {key} = {value if value not in (None, '') else '-'}  (not in the file)")
    for what, hint in troubles(file):
        line(False, what, hint)


def _service(line: Callable[..., None], out: Path | None) -> None:
    """The service of the clinic file, examined."""
    from lymphorisk.cli.clinicfile import clinic_path
    from lymphorisk.clinic.examine import examined
    from lymphorisk.clinic.service import from_clinic
    from lymphorisk.settings import read_clinic

    path = clinic_path()
    clinic = None if path is None else read_clinic(path).clinic
    store = str(out.absolute()) if out is not None else None if clinic is None else clinic.receiver.store
    if store is None:
        raise click.UsageError("no store: give --out DIR, or receiver.store in the clinic file")
    for ok, what, hint in examined(from_clinic(clinic, store)):
        line(ok, what, hint)


def schemas(line: Callable[..., None]) -> None:
    """The kinds of files that people write, each with its schema."""
    from lymphorisk.cli.schema import FILES, of_file

    made = [name for name in FILES if of_file(name)["properties"]]
    line(made == list(FILES), f"schemas of files: {', '.join(made)} (`lymphorisk schema NAME`)")


def _leaves(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Settings by key; a list, and a table without keys, are one."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        inner = isinstance(value, Mapping) and value
        out |= _leaves(value, f"{before}{key}.") if inner else {f"{before}{key}": None if value in ({}, []) else value}
    return out


def _shown(table: Any, key: str) -> str:
    """A setting's value; of secrets nothing but where they lie is in a clinic file."""
    for part in key.split("."):
        table = table[part]
    return str(table)


def troubles(file: ClinicFile) -> list[tuple[str, str]]:
    """What a clinic file names and nobody can use: protocols, models, folders, keys."""
    from lymphorisk.errors import InputError
    from lymphorisk.qa.judge import AUTO
    from lymphorisk.qa.store import read_protocol
    from lymphorisk.settings.schema import paths, plain

    out: list[tuple[str, str]] = []
    for site, name in file.clinic.protocols.items():
        try:
            if name != AUTO:
                read_protocol(name)
        except InputError as error:
            out.append((f"protocols.{site}: {error.message}", error.hint))
    for key in paths():
        table: Any = plain(file.clinic)
        for part in key:
            table = None if table is None else table[part]
        if table is not None and key[-1] != "store" and not Path(table).exists():
            out.append((f"{'.'.join(key)} names {Path(table).name!r}, which is not there", ""))
    return out


def installed(name: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
