"""The columns of the table of plans: name, kind, unit, meaning, and where each comes from.

A number that is not there is empty, and where there is a reason it stands in the column beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lymphorisk.absent import Absent
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.source import plan_key
from lymphorisk.features import NAMES, FeatureVector, feature
from lymphorisk.literature import MODELS
from lymphorisk.plan.treatment import course_prescription
from lymphorisk.qa.check import CheckResult

Kind = Literal["text", "number", "whole", "list"]
COUNT = "10^9/L"
#: Grades of CTCAE whose probability every forecast has.
GRADES = ("2", "3", "4")
EDIC = ("edic_gy", "edric_gy", "edic_esophagus_gy")
FACTS = {
    "sex": ("text", "F or M"),
    "age_y": ("number", "y"),
    "height_cm": ("number", "cm"),
    "weight_kg": ("number", "kg"),
    "alc": ("number", COUNT),
    "lln": ("number", COUNT),
    "chemo": ("text", "concurrent chemotherapy"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One plan after its analysis.

    Attributes
    ----------
    analysis : Analysis
    drawn, placed : FeatureVector
        Features of what is drawn alone, and with placed organs known.
    judged : CheckResult, Absent or None
        The gate's answer; why there is none; None when no protocol was given.
    site : Mapping
        The site by dose and anatomy, see `site.inferred`.
    """

    analysis: Analysis
    drawn: FeatureVector
    placed: FeatureVector
    judged: CheckResult | Absent | None
    site: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, kind, unit, meaning, and its value of one plan."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    of: Callable[[Seen], Any]


def _named(of: Callable[[Seen, str], Any], name: str) -> Callable[[Seen], Any]:
    """The value of one name among several."""
    return lambda s: of(s, name)


def _fact(name: str, kind: Any, unit: str) -> tuple[Column, Column]:
    return (
        Column(name, kind, unit, "fact of the patient as used", lambda s: getattr(s.analysis.patient, name)),
        Column(
            f"{name}_source", "text", "", "given, plan file or not known", lambda s: s.analysis.patient_sources[name]
        ),
    )


def _plan() -> tuple[Column, ...]:
    return (
        Column("plan", "text", "", "by its files, as in `dvh --csv`", lambda s: plan_key(s.analysis.provenance.inputs)),
        Column("modality", "text", "", "photon, proton ...", lambda s: s.analysis.modality),
        Column("fractions", "whole", "1", "of the course", lambda s: s.analysis.fractions),
        Column("prescription_gy", "number", "Gy", "of the course", lambda s: _prescription(s.analysis)),
        Column("phases", "whole", "1", "of the course", lambda s: len(s.analysis.phases)),
        Column("last_day", "number", "d", "last fraction from the first", lambda s: _last_day(s.analysis)),
        Column("site", "text", "", "site as used by the models", lambda s: s.analysis.patient.site),
        Column("site_inferred", "text", "", "site by dose and anatomy", lambda s: s.site["site"]),
        Column("site_p", "number", "1", "its probability", lambda s: s.site["p"]),
        Column("site_why", "text", "", "what says so", lambda s: s.site["why"]),
        Column("site_agrees", "text", "", "yes or no, when a site was given", lambda s: s.site["agrees"]),
    )


def _prescription(analysis: Analysis) -> float | None:
    return course_prescription(p.prescription_gy for p in analysis.phases)


def _last_day(analysis: Analysis) -> float | None:
    return max((day for phase in analysis.phases for day in phase.days), default=None)


def _blood() -> tuple[Column, ...]:
    course = {"mean_gy": "Gy", "sd_gy": "Gy", "v_gt_0_125": "1", "v_ge_0_5": "1", "d2_gy": "Gy"}
    numbers = tuple(
        Column(f"blood_{n}", "number", unit, "blood, course", _named(_course, n)) for n, unit in course.items()
    )
    fraction = Column(
        "blood_fraction_mean_gy",
        "number",
        "Gy",
        "blood, one fraction of the first phase",
        lambda s: s.analysis.blood.fraction[0].mean_gy,
    )
    family = tuple(Column(n, "number", "Gy", "EDIC family", _named(_family, n)) for n in EDIC)
    why = Column("edic_reason", "text", "", "why there is no EDIC", lambda s: _reason(s.analysis.edic["edic_gy"]))
    return (*numbers, fraction, *family, why)


def _forecast() -> tuple[Column, ...]:
    nadir = tuple(
        Column(f"nadir_{n}", "number", COUNT, "lowest count", _named(_nadir, n)) for n in ("p05", "median", "p95")
    )
    day = Column("nadir_day", "number", "d", "usual day", lambda s: s.analysis.forecast.nadir.usual_day)
    below = tuple(
        Column(
            f"days_below_{cut.replace('.', '_')}",
            "number",
            "d",
            "median of the draws",
            _named(_days_below, cut),
        )
        for cut in ("0.5", "0.2")
    )
    grades = tuple(
        Column(
            f"p_g{g}",
            "number",
            "1",
            "by the nadir of the course",
            _named(_grade, g),
        )
        for g in GRADES
    )
    lowest = tuple(
        Column(f"lowest_count_{n}", "number", COUNT, "lowest of weekly counts", _named(_lowest, n))
        for n in ("p05", "median", "p95")
    )
    by_counts = tuple(
        Column(f"p_g{g}_by_counts", "number", "1", "by weekly counts", _named(_by_counts, g)) for g in GRADES
    )
    return (*nadir, day, *below, *grades, *lowest, *by_counts)


def _risk() -> tuple[Column, ...]:
    learned = tuple(
        Column(f"learned_{g}", "number", "1", "trained predictor", _named(_learned, g)) for g in ("g3", "g4")
    )
    why = Column("learned_declined", "text", "", "why it says nothing", lambda s: _reason(s.analysis.risk.learned))
    literature = tuple(
        column
        for name in MODELS
        for column in (
            Column(f"literature_{name}", "number", "1", "published model", _named(_published, name)),
            Column(
                f"literature_{name}_declined",
                "text",
                "",
                "why it says nothing",
                _named(_unpublished, name),
            ),
        )
    )
    return (*learned, why, *literature)


def _course(s: Seen, name: str) -> Any:
    return getattr(s.analysis.blood.course, name)


def _family(s: Seen, name: str) -> float | None:
    return _known(s.analysis.edic[name])


def _nadir(s: Seen, name: str) -> Any:
    return getattr(s.analysis.forecast.nadir, name)


def _grade(s: Seen, grade: str) -> float:
    return s.analysis.forecast.grade_probability[grade]


def _lowest(s: Seen, name: str) -> Any:
    return getattr(s.analysis.forecast.measured.lowest, name)


def _by_counts(s: Seen, grade: str) -> float:
    return s.analysis.forecast.measured.grade_probability[grade]


def _days_below(s: Seen, cut: str) -> float:
    return s.analysis.forecast.days_below[cut].median


def _learned(s: Seen, outcome: str) -> float | None:
    learned = s.analysis.risk.learned
    return None if isinstance(learned, Absent) else learned.p.get(outcome)


def _published(s: Seen, name: str) -> float | None:
    return next((_known(e.p) for e in s.analysis.risk.literature if e.name == name), None)


def _unpublished(s: Seen, name: str) -> str:
    return next((_reason(e.p) for e in s.analysis.risk.literature if e.name == name), "not asked")


def _known(value: float | Absent) -> float | None:
    return None if isinstance(value, Absent) else value


def _reason(value: object) -> str:
    return value.reason if isinstance(value, Absent) else ""


def _features() -> tuple[Column, ...]:
    out = []
    for name in NAMES:
        f = feature(name)
        if f.name in FACTS or f.name == "fractions":
            continue
        out.append(Column(name, "number", f.unit, f.label, _named(_value, name)))
        out.append(Column(f"{name}_source", "text", "", "drawn, placed, or why missing", _named(_source, name)))
    return tuple(out)


def _value(s: Seen, name: str) -> float | None:
    value = s.placed[name]
    return value if math.isfinite(value) else None


def _source(s: Seen, name: str) -> str:
    if math.isfinite(s.drawn[name]):
        return "drawn"
    return "placed" if math.isfinite(s.placed[name]) else s.placed.missing.get(name, "missing")


def _gate() -> tuple[Column, ...]:
    return (
        Column("findings", "list", "", "codes, each as often as it was met", lambda s: _codes(s.analysis)),
        Column("errors", "whole", "1", "findings that are errors", lambda s: _severity(s.analysis, "error")),
        Column("warnings", "whole", "1", "findings that are warnings", lambda s: _severity(s.analysis, "warning")),
        Column("verdict", "text", "", "of the protocol", lambda s: _verdict(s.judged)),
        Column("verdict_why", "text", "", "why there is none", lambda s: _verdict_why(s.judged)),
        Column("protocol", "text", "", "its name", lambda s: _protocol(s.judged)),
    )


def _codes(analysis: Analysis) -> list[str]:
    return sorted(Counter(f.code for f in analysis.findings).elements())


def _severity(analysis: Analysis, severity: str) -> int:
    return sum(f.severity == severity for f in analysis.findings)


def _verdict(judged: CheckResult | Absent | None) -> str | None:
    return judged.verdict if isinstance(judged, CheckResult) else None


def _verdict_why(judged: CheckResult | Absent | None) -> str | None:
    if isinstance(judged, CheckResult):
        return "; ".join(judged.why)
    return None if judged is None else judged.reason


def _protocol(judged: CheckResult | Absent | None) -> str | None:
    return judged.protocol.name if isinstance(judged, CheckResult) else None


def _provenance() -> tuple[Column, ...]:
    return (
        Column("model", "text", "", "trained predictor asked", lambda s: s.analysis.provenance.model_name),
        Column("model_sha256", "text", "", "of its files", lambda s: s.analysis.provenance.model_sha256),
        Column("parameter_set", "text", "", "of the numbers", lambda s: s.analysis.provenance.parameter_set),
        Column("version", "text", "", "of the program", lambda s: s.analysis.provenance.version),
        Column("seed", "whole", "1", "of the draws", lambda s: s.analysis.provenance.seed),
        Column("draws", "whole", "1", "patients of the forecast", lambda s: s.analysis.provenance.draws),
    )


#: What a plan's analysis says, in the order of the table.
ANALYSED: tuple[Column, ...] = (
    *_plan(),
    *(c for name, (kind, unit) in FACTS.items() for c in _fact(name, kind, unit)),
    *_forecast(),
    *_risk(),
    *_blood(),
    *_features(),
    *_gate(),
    *_provenance(),
)
