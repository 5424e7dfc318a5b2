"""The worklist, and handing in plans."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from lymphorisk.clinic.store import IN_PROGRESS, SCHEDULED, Entry
from lymphorisk.errors import InputError
from lymphorisk.web.desk import Desk
from lymphorisk.web.entry import IDENTITY, identity_of
from lymphorisk.web.guard import Asked, number_of
from lymphorisk.web.intake import Upload, take
from lymphorisk.web.render import page

#: Entries of one page of the worklist.
SHOWN = 50


def shown(desk: Desk, asked: Asked) -> Response:
    """Entries, the newest first."""
    entries = desk.store.entries()[::-1]
    before = number_of(asked.request.query_params.get("before"))
    if before is not None:
        entries = [e for e in entries if e.number < before]
    more, entries = len(entries) > SHOWN, entries[:SHOWN]
    user = asked.who.user
    return page(
        "worklist.html",
        asked.session,
        rows=[(e, identity_of(desk.store, e, user), _decided(desk, e)) for e in entries],
        named=user.may(IDENTITY),
        waiting=len(desk.store.arrived()),
        state=_state(desk),
        more=entries[-1].number if more else None,
        cohort=desk.cohort is not None,
    )


def _decided(desk: Desk, entry: Entry) -> str:
    """What was decided of the plan as a whole last, and of how many lines."""
    decisions = desk.store.decisions(entry.key)
    whole = [d for d in decisions if not d.line]
    lines = {d.line for d in decisions if d.line}
    said = [f"{whole[-1].what} by {whole[-1].who}"] if whole else []
    if lines:
        said.append(f"{len(lines)} line{'s' if len(lines) != 1 else ''} decided")
    return ", ".join(said)


def progress(desk: Desk, asked: Asked) -> Response:
    """A word that changes when anything on the worklist does."""
    return JSONResponse({"state": _state(desk)})


def _state(desk: Desk) -> str:
    counts = desk.store.counts()["entries"]
    return ";".join([*(f"{state}={n}" for state, n in sorted(counts.items())), f"arrived={len(desk.store.arrived())}"])


def upload(desk: Desk, asked: Asked) -> Response:
    """Take the files that were handed in; where their progress is shown."""
    if not asked.files or not any(f.filename for f in asked.files):
        raise InputError("no file was chosen", "choose a zip, or the DICOM files of one plan")
    made = take(desk.service, desk.store, [f.file for f in asked.files], asked.who.user.name, desk.upload_mb)
    return RedirectResponse(f"/uploads/{desk.uploads.add(made)}", 303)


def uploaded(desk: Desk, asked: Asked) -> Response:
    """What became of an upload."""
    made = _upload(desk, asked)
    return page("upload.html", asked.session, key=asked.part("upload"), made=made, **_progress(desk, made))


def upload_progress(desk: Desk, asked: Asked) -> Response:
    """The same as a part of that page, for its script."""
    made = _upload(desk, asked)
    said = _progress(desk, made)
    answer = page("progress.html", asked.session, **said)
    answer.headers["X-Ended"] = "1" if said["ended"] else "0"
    return answer


def _upload(desk: Desk, asked: Asked) -> Upload:
    made = desk.uploads.find(asked.part("upload"))
    if made is None or made.who != asked.who.user.name:
        raise HTTPException(404, "no such upload")
    return made


def _progress(desk: Desk, made: Upload) -> dict[str, Any]:
    entries = [e for e in reversed(desk.store.entries()) if e.study_uid in made.studies]  # the latest first
    waiting = sum(study in made.studies for study, _, _ in desk.store.arrived())
    working = any(e.state in (SCHEDULED, IN_PROGRESS) for e in entries)
    ahead = sum(e.state in (SCHEDULED, IN_PROGRESS) for e in desk.store.entries()) if working else 0
    return {
        "entries": entries,
        "waiting": waiting,
        "ahead": ahead,
        "quiet_s": desk.service.quiet_s,
        "ended": not waiting and not working,
    }
