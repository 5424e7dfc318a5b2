"""The clinic file of a call: found, its settings as defaults of options, and which of them were used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.settings.file import FILE, ClinicFile, find, read_clinic

if TYPE_CHECKING:
    from lymphorisk.settings.schema import Clinic

#: Commands whose options take settings of the file.
USING = (
    "analyze", "check", "inspect", "dvh", "blood", "compare", "update", "killmap", "objective", "cohort",
    "commission", "conditioning", "train", "evaluate", "listen", "watch", "send", "serve",
)  # fmt: skip
#: Commands that judge a plan by a protocol of the clinic.
JUDGING = ("check", "listen", "watch", "serve")
#: The command of a group that takes its settings, as `cohort run` does.
BY_DEFAULT = "run"
#: Commands that read plans, and forecast no count.
WITHOUT_COUNTS = ("inspect", "dvh", "commission")
#: Commands that read no plan with its ROI names.
WITHOUT_PLANS = ("update",)
#: Digits of a hash by which a person knows a file.
DIGITS = 12
#: The setting behind each option.
SETTING = {
    "alc_unit": "counts.unit",
    "missing": "analysis.missing",
    "model": "analysis.model",
    "model_key": "analysis.model_key",
    "audit": "audit.folder",
    "audit_key": "audit.key",
    "protocol": "protocols",
}


def found(given: Path | None) -> Path | None:
    """The clinic file in force, if there is one."""
    return find(given, os.environ, Path.cwd(), user_folder())


def user_folder() -> Path | None:
    """The user's configuration folder of this program; none for a user without a home."""
    folder = Path(click.get_app_dir("lymphorisk"))
    return folder if folder.is_absolute() else None


def in_force(ctx: click.Context, given: Path | None) -> None:
    """Let the settings of the clinic file be the defaults of the command that follows."""
    command = ctx.invoked_subcommand
    if command not in USING:
        return
    path = found(given)
    if path is None:
        return
    ctx.obj = read_clinic(path)
    defaults = _defaults(ctx.obj.clinic, ctx.obj.said)
    if command not in JUDGING:
        defaults.pop("protocol", None)
    ctx.default_map = {command: {**defaults, BY_DEFAULT: defaults}}


def clinic_path() -> Path | None:
    """The clinic file in force for a command that does not take its settings."""
    root = click.get_current_context().find_root()
    return found(root.params.get("config"))


def _defaults(clinic: Clinic, said: tuple[str, ...]) -> dict[str, Any]:
    from lymphorisk.settings.schema import DEFAULT

    given = {
        "alc_unit": clinic.counts.unit if "counts.unit" in said else None,
        "missing": clinic.analysis.missing,
        "model": clinic.analysis.model,
        "model_key": clinic.analysis.model_key,
        "audit": clinic.audit.folder,
        "audit_key": clinic.audit.key,
        "protocol": clinic.protocols.get(DEFAULT, "auto") if clinic.protocols else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def clinic_file() -> ClinicFile | None:
    """The clinic file of the running command."""
    ctx = click.get_current_context(silent=True)
    return None if ctx is None else ctx.find_object(ClinicFile)


def told() -> dict[str, Any]:
    """What `Options` take of the clinic file: names, limit, and which settings came from it."""
    file = clinic_file()
    if file is None:
        return {}
    used = used_settings(file)
    of_file = {"sha256": file.sha256, "settings": used}
    return {"aliases": file.clinic.organs, "lln": file.clinic.counts.lln, "clinic_file": of_file}


def named() -> dict[str, Any]:
    """The clinic file's hash and the settings the running command takes from it; empty when it takes none."""
    file = clinic_file()
    return {} if file is None else _named(file, used_settings(file))


def _named(file: ClinicFile, used: list[str]) -> dict[str, Any]:
    return {"sha256": file.sha256, "settings": used} if used else {}


def used_settings(file: ClinicFile) -> list[str]:
    """Settings that the running command takes from the file, because no option says otherwise."""
    ctx = click.get_current_context()
    options = [
        setting
        for name, setting in SETTING.items()
        if ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP
    ]
    own = [f"organs.{name}" for name in file.clinic.organs if ctx.command.name not in WITHOUT_PLANS]
    forecasts = ctx.command.name not in (*WITHOUT_COUNTS, *WITHOUT_PLANS)
    if forecasts and file.clinic.counts.lln is not None and ctx.params.get("lln") is None:
        own.append("counts.lln")
    return sorted([*options, *own])


def of_exports() -> dict[str, Any]:
    """What `Options` take of the clinic file where plans become rows of a cohort: ROI names, and the unit of counts."""
    file = clinic_file()
    if file is None:
        return {}
    used = [s for s in used_settings(file) if s not in ("counts.lln", SETTING["model"], SETTING["model_key"])]
    return {"aliases": file.clinic.organs, "clinic_file": _named(file, used)}


def by_site() -> dict[str, str]:
    """The clinic's protocols by site."""
    from lymphorisk.settings.schema import DEFAULT

    file = clinic_file()
    return {} if file is None else {s: name for s, name in file.clinic.protocols.items() if s != DEFAULT}


def described(file: ClinicFile) -> str:
    """The file in a message."""
    return f"{FILE if file.path.name == FILE else file.path.name} {file.sha256[:DIGITS]}"
