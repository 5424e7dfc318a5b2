"""`lymphorisk doctor`."""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from lymphorisk.cli.output import say
from lymphorisk.version import __version__

NEEDED = ("pydicom", "dicompyler-core", "numpy", "scipy", "shap", "scikit-learn", "click", "rich", "jinja2")
EXTRAS = {
    "pyarrow": "cohorts in Parquet",
    "dicomweb-client": "plans of a DICOMweb server or an Orthanc",
    "reportlab": "PDF reports",
    "highdicom": "DICOM structured reports",
    "nibabel": "segmentations in NIfTI",
    "pylibjpeg": "JPEG-compressed doses",
}
LEAST = (3, 11)


@click.command()
def doctor() -> int:
    """Check the installation: Python, packages, parameter files, models, a whole analysis."""
    good = True

    def line(ok: bool, what: str, hint: str = "") -> None:
        nonlocal good
        good &= ok
        say(f"{'ok  ' if ok else 'FAIL'}  {what}" + (f"  ({hint})" if hint and not ok else ""))

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


def installed(name: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
