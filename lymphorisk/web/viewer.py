"""The viewer: three planes through a plan with isodose lines and organs, asked for one by one and kept."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lymphorisk.analysis.planes import AXES, WINDOWS, Axis
from lymphorisk.clinic.store import COMPLETED, Entry
from lymphorisk.clinic.worker import members_of
from lymphorisk.errors import InputError
from lymphorisk.web.desk import Desk
from lymphorisk.web.entry import entry_of
from lymphorisk.web.guard import Asked, number_of
from lymphorisk.web.render import page

#: Most organs that are shown at once: more lines cannot be told apart.
MOST = 40


def shown(desk: Desk, asked: Asked) -> Response:
    """Three planes, and what chooses them."""
    entry, query = _entry(desk, asked), asked.request.query_params
    scene = _scene(desk, entry)
    names = _names(scene, query)
    at = {axis: _index(query.get(axis), scene["planes"][axis], scene["middle"][axis]) for axis in AXES}
    window = _window(query)
    return page(
        "viewer.html",
        asked.session,
        entry=entry,
        scene=scene,
        names=names,
        at=at,
        window=window,
        windows=tuple(WINDOWS),
        planes={axis: _plane(desk, entry, axis, at[axis], names, window, scene) for axis in AXES},
    )


def plane(desk: Desk, asked: Asked) -> Response:
    """One plane as a part of that page, for its script."""
    entry, query, axis = _entry(desk, asked), asked.request.query_params, _axis(asked)
    scene = _scene(desk, entry)
    index = _index(query.get(axis), scene["planes"][axis], scene["middle"][axis])
    made = _plane(desk, entry, axis, index, _names(scene, query), _window(query), scene)
    return page("plane.html", asked.session, axis=axis, plane=made)


def picture(desk: Desk, asked: Asked) -> Response:
    """The CT of a plane: grey values alone."""
    entry, query, axis = _entry(desk, asked), asked.request.query_params, _axis(asked)
    scene = _scene(desk, entry)
    if not scene["ct"]:
        raise HTTPException(404, "the export has no CT")
    index = _index(query.get("at"), scene["planes"][axis], scene["middle"][axis])
    said = desk.kept.ask(desk.engine, do="picture", key=entry.key, axis=axis, index=index, window=_window(query))
    return Response(base64.b64decode(said["png"]), media_type="image/png")


def _entry(desk: Desk, asked: Asked) -> Entry:
    entry = entry_of(desk, asked)
    if entry.state != COMPLETED:
        raise HTTPException(404, f"the entry is {entry.state}: there is nothing to see")
    try:
        members_of(desk.store, entry.key)
    except InputError:  # deleted by retention: neither is a picture of it kept
        desk.kept.forget(entry.key)
        raise
    return entry


def _scene(desk: Desk, entry: Entry) -> dict[str, Any]:
    return desk.kept.ask(desk.engine, do="scene", key=entry.key)


def _plane(
    desk: Desk, entry: Entry, axis: Axis, index: int, names: list[str], window: str, scene: Mapping[str, Any]
) -> dict[str, Any]:
    image = f"/entries/{entry.key}/planes/{axis}.png?at={index}&window={window}" if scene["ct"] else ""
    said = desk.kept.ask(desk.engine, do="plane", key=entry.key, axis=axis, index=index, names=names, image=image)
    return {**said, "ct": scene["ct"], "html": Markup(said["html"])}  # made of escaped parts by the report's room


def _axis(asked: Asked) -> Axis:
    axis = asked.part("axis")
    if axis not in AXES:
        raise HTTPException(404, "no such plane")
    return axis


def _index(text: str | None, count: int, otherwise: int) -> int:
    """A plane by its number, the nearest there is; the middle when nothing is asked."""
    number = number_of(text)
    return otherwise if number is None else min(number, count - 1)


def _window(query: Mapping[str, str]) -> str:
    return query.get("window", "") if query.get("window") in WINDOWS else next(iter(WINDOWS))


def _names(scene: Mapping[str, Any], query: Any) -> list[str]:
    wanted = set(query.getlist("organ")) if "chosen" in query else set(scene["first"])
    return [organ["name"] for organ in scene["organs"] if organ["name"] in wanted][:MOST]
