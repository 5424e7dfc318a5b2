"""The worker: a process of its own that turns the objects of an entry into its results, one after another.

It is told which by lines on its input and answers by lines on its output; it ends with its input. What it makes lies in
a folder of its own until it is whole, and stands in the store by one commit.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lymphorisk.analysis.chain import analysis_of
from lymphorisk.analysis.envelope import provenance_of, render
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.source import read_source
from lymphorisk.clinic.child import teller
from lymphorisk.clinic.names import names_of, numbered, unnamed
from lymphorisk.clinic.service import ANSWERS, Service, from_json
from lymphorisk.clinic.store import INCOMING, Entry, Store
from lymphorisk.cohorts.limits import Limits, held
from lymphorisk.cohorts.work import gathered
from lymphorisk.dicom import Export
from lymphorisk.dicom.identity import OTHER_PATIENT
from lymphorisk.errors import InputError, LymphoriskError, UndecidableError
from lymphorisk.findings import Finding, finding
from lymphorisk.masks.rules import LEFT_OUT
from lymphorisk.plain import dumps
from lymphorisk.qa.judge import Judged, judge_prepared

UNDECIDED = "UNDECIDED"
RESULT, CHECK, PAGE, PDF = "result.json", "check.json", "report.html", "report.pdf"
#: What the export calls things, and what is said in its place to who may not know whose plan it is.
NAMES = "names.json"
#: The disk has no room: the entry waits for it, however often it is tried.
FULL = (errno.ENOSPC, errno.EDQUOT)
INTERNAL = "analyse this plan alone with --debug and report the traceback"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an entry was answered: the analysis, the gate's verdict or why there is none."""

    read: Export
    analysis: Analysis
    judged: Judged | None
    why: str = ""

    def facts(self) -> dict[str, Any]:
        """What the worklist keeps."""
        judged = self.judged
        return {
            "verdict": UNDECIDED if judged is None else judged.result.verdict,
            "exit_code": UndecidableError.exit_code if judged is None else judged.exit_code,
            "label": self.analysis.label,
            "protocol": "" if judged is None else judged.result.protocol.name,
            "reason": self.why,
        }


def members_of(store: Store, key: str) -> list[tuple[str, Path]]:
    """Role and file of the objects of an entry.

    Raises
    ------
    InputError
        One of them was deleted.
    """
    paths = [(role, store.object_path(sha)) for role, sha in store.members(key)]
    if gone := [role for role, path in paths if not path.is_file()]:
        raise InputError(f"the received {gone[0]} was deleted", "send the plan again")
    return paths


def opened(service: Service, paths: Sequence[tuple[str, Path]], *, images: bool = False) -> tuple[Export, Prepared]:
    """The objects (role, file) of one course, read and prepared; with `images` its CT can be looked at afterwards.

    Raises
    ------
    InputError
        They cannot be used, or are not of one patient.
    """
    options = Options(**{**service.options, "pictures": True, "segmentation": _masks(paths)})
    files = [path for role, path in paths if role != "SEG"]
    with gathered(Path(service.store), files) as folder:
        read = read_source(folder, options)
        assert isinstance(read, Export)
        prepared = prepare(read, None, options)
        if images and read.ct is not None:
            with suppress(InputError):  # a CT that cannot be read is said by who asks for it
                _ = read.ct.hu_zyx  # its files are linked here only
    other = next((f for f in prepared.source.findings if f.code == OTHER_PATIENT.code), None)
    if other is not None:
        raise InputError(other.what, other.hint)
    return read, prepared


def answer(service: Service, paths: Sequence[tuple[str, Path]], noted: Sequence[Finding] = ()) -> Answer:
    """Analyse and judge the objects (role, file) of one course; `noted` stands among the findings of its source.

    Raises
    ------
    InputError
        They cannot be used, or are not of one patient.
    """
    read, prepared = opened(service, paths)
    source = replace(prepared.source, findings=(*prepared.source.findings, *noted))
    prepared = replace(prepared, source=source)
    analysis = analysis_of(prepared)
    try:
        judged = judge_prepared(prepared, analysis, service.protocol, read=read, by_site=service.by_site)
    except UndecidableError as error:
        return Answer(read, analysis, None, error.message)
    return Answer(read, analysis, judged)


def _masks(paths: Sequence[tuple[str, Path]]) -> tuple[Path, ...]:
    return tuple(path for role, path in paths if role == "SEG")


def write(made: Answer, folder: Path, dated: datetime) -> None:
    """Every result of an entry into a folder; the date makes equal bytes of equal results."""
    from lymphorisk.report import archived, content, formats, gate

    table = None if made.judged is None else gate.protocol_table(made.judged.result)
    texts = () if made.judged is None else gate.sentences(made.judged.result)
    written, at = archived.stamp(dated), archived.made_at(dated)
    page = content.report(made.analysis, None, protocol=table, written=written)
    shown = content.report(unnamed(numbered(made.read, made.analysis)), None, protocol=table, written=written)
    pdf = formats.written(folder / PDF, page)
    assert isinstance(pdf, bytes)
    files: dict[str, str | bytes] = {
        RESULT: render(made.analysis),
        PAGE: formats.written(folder / PAGE, shown, interactive=True),
        PDF: pdf,
        NAMES: dumps(names_of(made.read, made.analysis)),
        ANSWERS["sr"]: archived.sr_object(made.read, made.analysis, at, texts),
        ANSWERS["pdf"]: archived.pdf_object(made.read, pdf, at),
    }
    if made.judged is not None:
        judged = made.judged
        files[CHECK] = dumps(gate.to_dict(judged.result, judged.why, exit_code=judged.exit_code))
    for name, data in files.items():
        with open(folder / name, "wb") as out:
            out.write(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)
            out.flush()
            os.fsync(out.fileno())


def work(service: Service, store: Store, key: str, token: str) -> dict[str, Any]:
    """Answer one entry that is claimed under a token; what the supervisor is told."""
    try:
        return _worked(service, store, key, token)
    except sqlite3.OperationalError as error:
        return {"key": key, "again": str(error), "full": error.sqlite_errorcode == sqlite3.SQLITE_FULL}


def _worked(service: Service, store: Store, key: str, token: str) -> dict[str, Any]:
    entry = store.entry(key)
    staged = store.folder / INCOMING / f"results-{token}"
    try:
        made = _answered(service, members_of(store, key))
        staged.mkdir(mode=0o700)
        write(made, staged, datetime.fromtimestamp(int(entry.made_at)))
        return _committed(service, store, entry, token, made, staged)
    except LymphoriskError as error:
        return _canceled(store, key, token, error.message, error.hint)
    except OSError as error:
        return {"key": key, "again": error.strerror or type(error).__name__, "full": error.errno in FULL}
    except sqlite3.OperationalError:
        raise
    except Exception as error:
        return _canceled(store, key, token, f"internal error: {type(error).__name__}", INTERNAL)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _answered(service: Service, paths: Sequence[tuple[str, Path]]) -> Answer:
    """With the masks that came along, or without them when they do not fit; a finding of the answer says so."""
    try:
        return answer(service, paths)
    except InputError as error:
        if not _masks(paths):
            raise
        left_out = finding(LEFT_OUT, error.message, "segmentation", error.hint)
        return answer(service, [(role, path) for role, path in paths if role != "SEG"], [left_out])


def _committed(service: Service, store: Store, entry: Entry, token: str, made: Answer, staged: Path) -> dict[str, Any]:
    place, facts = store.results(entry.key), made.facts()
    if place.exists():  # of a worker that ended before its commit
        shutil.rmtree(place)
    os.rename(staged, place)
    answers = [(what, to.name) for to in service.destinations for what in to.what]
    if not store.complete(entry.key, token, facts, answers, _said(service, entry, made, facts)):
        return {"key": entry.key, "lost": True}
    return {"key": entry.key, "state": "COMPLETED", **facts}


def _said(service: Service, entry: Entry, made: Answer, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail says of an entry."""
    return {
        "who": service.aet,
        "when": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": "listen",
        **provenance_of(made.analysis),
        "entry": entry.key,
        **{name: value for name, value in facts.items() if name not in ("label", "reason")},
        "missing": list(entry.missing),
    }


def _canceled(store: Store, key: str, token: str, reason: str, hint: str) -> dict[str, Any]:
    done = store.cancel(key, token, reason, hint)
    return {"key": key, "state": "CANCELED", "reason": reason, "hint": hint} if done else {"key": key, "lost": True}


def main() -> None:
    """Answer entries until the input ends."""
    tell = teller()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    service = from_json(sys.stdin.readline())
    store = Store(service.folder)
    _warm()
    tell({"ready": os.getpid()})
    for line in sys.stdin:
        task = json.loads(line)
        limits = Limits(service.time_s, service.memory_mb)
        with held(limits, lambda beyond: tell({"beyond": beyond})):
            said = work(service, store, task["key"], task["token"])
        tell(said)


def _warm() -> None:
    """Load what the first plan would wait for."""
    import warnings

    from lymphorisk.analysis.risk import shipped_model
    from lymphorisk.report import archived, content, formats, gate, measurements

    del archived, content, formats, gate, measurements
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import importlib

        for name in ("lymphorisk.dicom.write_sr", "lymphorisk.dicom.write_pdf", "lymphorisk.report.pdf"):
            importlib.import_module(name)
    if (folder := shipped_model()) is not None:
        from lymphorisk import predict

        predict.load(folder)


if __name__ == "__main__":
    main()
