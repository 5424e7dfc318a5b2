"""What the engine is asked: changes of a plan, counts of a course, two plans; answers are parts of a page."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lymphorisk.analysis.alike import noted_of
from lymphorisk.analysis.asked import Changes, forecast_with
from lymphorisk.analysis.chain import forecast_of
from lymphorisk.analysis.compare import compared
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.midcourse import updated
from lymphorisk.analysis.planes import Axis, Scene, at_first, picture_of, plane_of, scene_of
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.saved import read_saved
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import Store
from lymphorisk.clinic.worker import RESULT, members_of, opened
from lymphorisk.dicom import Export
from lymphorisk.dicom.identity import check_exports
from lymphorisk.errors import InputError
from lymphorisk.lymphocyte import AlcForecast, Course
from lymphorisk.lymphocyte.whatif import difference
from lymphorisk.report import comparison, html, midcourse, planes, whatif

#: Plans kept open.
KEPT = 3
#: Of an entry's key, as a plan's name.
DIGITS = 12


@dataclass(frozen=True, eq=False)
class Open:
    """A plan that is asked about: as read, as prepared; its exposure and its own forecast once they are needed."""

    read: Export
    plan: Prepared

    @cached_property
    def course(self) -> Course:
        """What its lymphocytes meet."""
        return exposure_of(self.plan, blood_dose_of(self.plan, {}))

    @cached_property
    def scene(self) -> Scene:
        """What planes are cut from."""
        return scene_of(self.plan)

    @cached_property
    def forecast(self) -> AlcForecast:
        """As planned."""
        return forecast_of(self.course, self.plan.patient, self.plan.options, explain=False)


class Questions:
    """Answers about the entries of a store."""

    def __init__(self, service: Service, store: Store) -> None:
        self.service, self.store = service, store
        self._open: dict[str, Open] = {}

    def answer(self, do: str, **given: Any) -> dict[str, Any]:
        """The answer to a question by its name."""
        known: dict[str, Callable[..., dict[str, Any]]] = {
            "planned": self.planned,
            "what_if": self.what_if,
            "update": self.update,
            "compare": self.compare,
            "scene": self.scene,
            "plane": self.plane,
            "picture": self.picture,
        }
        return known[do](**given)

    def planned(self, key: str) -> dict[str, Any]:
        """What can be changed of a plan, as it is."""
        held = self.opened(key)
        phases = held.plan.flow.summaries
        times = sorted({beam.on_s for phase in phases for beam in phase.beams})
        patient = held.plan.patient
        return {
            "fractions": [phase.fractions for phase in phases],
            "beam_on_s": times[0] if len(times) == 1 else None,
            "alc": held.forecast.baseline_alc,
            "alc_known": patient.alc is not None,
            "organs": sorted(held.plan.doses.organs),
        }

    def what_if(self, key: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The forecast with changes beside the plan's own."""
        held = self.opened(key)
        begun = time.perf_counter()
        fractions = changes.get("fractions")
        lists = {"organs": tuple(changes.get("organs", ())), "fractions": fractions and tuple(fractions)}
        wanted = Changes(**{**changes, **lists})
        other = forecast_with(held.plan, wanted, held.course)
        blocks = whatif.blocks(held.forecast, other, difference(held.forecast, other))
        return {"html": html.blocks(blocks), "seconds": round(time.perf_counter() - begun, 2)}

    def update(self, key: str, counts: Sequence[tuple[float, float]]) -> dict[str, Any]:
        """The forecast of an entry's result given counts."""
        entry = self.store.entry(key)
        made = updated(read_saved(self.store.results(entry.key) / RESULT), [(day, count) for day, count in counts])
        return {"html": html.body(midcourse.report(made))}

    def compare(self, first: str, second: str) -> dict[str, Any]:
        """One entry's plan against another's."""
        one, other = self.opened(first), self.opened(second)
        if one is other:
            raise InputError("a plan is compared with another", "choose two entries")
        names = [first[:DIGITS], second[:DIGITS]]
        made = compared([one.plan, other.plan])
        same = check_exports([one.read, other.read], names)
        noted = (*same, *noted_of(comparison.alone(made), names, made[0].unlike))
        return {"html": html.body(comparison.report(made, names, noted))}

    def scene(self, key: str) -> dict[str, Any]:
        """What planes can be cut of an entry's plan."""
        scene = self.opened(key).scene
        names = [s.name for s in scene.shown]
        return {
            "planes": {axis: len(at) for axis, at in scene.at_mm.items()},
            "middle": {axis: scene.middle(axis) for axis in scene.at_mm},
            "organs": [
                {"name": s.name, "letter": mark, "colour": colour, "drawn": s.region is not None, "placed": s.placed}
                for s, (_, mark, colour) in zip(scene.shown, planes.legend_of(names), strict=True)
            ],
            "first": list(at_first(scene)),
            "ct": scene.plan.source.ct is not None,
        }

    def plane(self, key: str, axis: Axis, index: int, names: Sequence[str], image: str) -> dict[str, Any]:
        """A plane as a figure, over the picture at an address."""
        scene = self.opened(key).scene
        made = plane_of(scene, axis, index, names)
        figure = planes.plane_figure(made, [s.name for s in scene.shown], image)
        return {"html": figure, "index": made.index, "count": made.count, "at_mm": round(made.at_mm, 1)}

    def picture(self, key: str, axis: Axis, index: int, window: str) -> dict[str, Any]:
        """The CT of a plane as a PNG in base64; empty without a CT."""
        shades = picture_of(self.opened(key).scene, axis, index, window)
        return {"png": "" if shades is None else base64.b64encode(planes.png(shades)).decode()}

    def opened(self, key: str) -> Open:
        """An entry's plan, kept open while it is one of the last that were asked about."""
        entry = self.store.entry(key)
        try:
            paths = members_of(self.store, entry.key)
        except InputError:
            self._open.pop(entry.key, None)
            raise
        if entry.key in self._open:
            self._open[entry.key] = self._open.pop(entry.key)
            return self._open[entry.key]
        read, plan = opened(self.service, paths, images=True)
        self._open[entry.key] = Open(read, plan)
        while len(self._open) > KEPT:
            del self._open[next(iter(self._open))]
        return self._open[entry.key]
