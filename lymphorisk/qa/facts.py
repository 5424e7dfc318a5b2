"""What a gate judges: the numbers of one plan and what each rests on, from an analysis or from its saved JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.doses import BLOOD_ORGANS, POOL_ORGAN
from lymphorisk.analysis.result import DoseSource
from lymphorisk.findings import Finding
from lymphorisk.plan.treatment import course_prescription

PLAN_METRICS: dict[str, str] = {
    "ALCnadir[10^9/L]": "median nadir of the absolute lymphocyte count",
    "P(G2+)[%]": "probability of grade 2 or worse",
    "P(G3+)[%]": "probability of grade 3 or worse",
    "P(G4)[%]": "probability of grade 4",
    "Tbelow0.5[d]": "median days below 0.5 x10^9/L",
    "Tbelow0.2[d]": "median days below 0.2 x10^9/L",
    "BloodMean[Gy]": "mean dose to blood over the course",
    "BloodV0.5Gy[%]": "blood that receives at least 0.5 Gy over the course",
    "BloodD2%[Gy]": "dose that 2 % of the blood exceeds over the course",
    "EDIC[Gy]": "effective dose to immune cells (thoracic form)",
    "EDRIC[Gy]": "effective dose to radiated immune cells (mean body dose form)",
    "EDICesophagus[Gy]": "effective dose to immune cells (oesophageal form, with liver)",
}
EDIC_NAMES = {"EDIC[Gy]": "edic_gy", "EDRIC[Gy]": "edric_gy", "EDICesophagus[Gy]": "edic_esophagus_gy"}
EDIC_ORGANS = ("Lungs-GTV", "Lungs", "Heart", "Body")
#: How a number came about that nobody drew or measured.
How = Literal["segmented", "derived", "placed", "diluted", "surrogate", "assumed"]
#: What `needs` of a protocol lets stand behind a line, each with what lies above it.
NEEDS: Mapping[str, tuple[How, ...]] = {
    "drawn": (),
    "segmented": ("segmented",),
    "placed": ("segmented", "derived", "placed"),
    "any": ("segmented", "derived", "placed", "diluted", "surrogate", "assumed"),
}


@dataclass(frozen=True, slots=True)
class Behind:
    """Something behind a number that nobody drew or measured: what, and how it came about."""

    what: str
    how: How

    def __str__(self) -> str:
        return f"{self.what} ({self.how})"


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """One plan as the gate sees it.

    Attributes
    ----------
    label : str
        Plan label as exported.
    inputs : tuple of (role, UID, SHA-256)
    fractions : int
    prescription_gy : float or None
        None when a phase does not state one. [Gy]
    highest_gy : float
        Highest dose of any organ or target. [Gy]
    values : mapping of str to float or Absent
        By metric of the plan (`PLAN_METRICS`).
    behind : mapping of str to tuple of Behind
        What each of these metrics rests on beyond contours and measurements.
    organs : mapping of str to How
        How the dose of each organ was found, by TG-263 name; only those nobody drew.
    findings : tuple of Finding
    clinic_file : mapping of str to Any
        Which settings a clinic file gave, and its ``sha256``; empty when none did.
    """

    label: str
    inputs: tuple[tuple[str, str, str], ...]
    fractions: int
    prescription_gy: float | None
    highest_gy: float
    values: Mapping[str, float | Absent]
    behind: Mapping[str, tuple[Behind, ...]]
    organs: Mapping[str, How]
    findings: tuple[Finding, ...]
    clinic_file: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plan_uid_sha256(self) -> str:
        """SHA-256 of the plan's SOP Instance UIDs, one a line; empty for a scenario."""
        uids = [uid for role, uid, _ in self.inputs if role in ("RTPLAN", "RTIONPLAN") and uid]
        return hashlib.sha256("\n".join(uids).encode("utf-8")).hexdigest() if uids else ""


def facts_of(a: Analysis) -> PlanFacts:
    """The facts of an analysis."""
    weak = weak_organs(a)
    forecast, blood = a.forecast, a.blood.course
    values: dict[str, float | Absent] = {
        "ALCnadir[10^9/L]": forecast.nadir.median,
        "BloodMean[Gy]": blood.mean_gy,
        "BloodV0.5Gy[%]": 100.0 * blood.v_ge_0_5,
        "BloodD2%[Gy]": blood.d2_gy,
        "Tbelow0.5[d]": forecast.days_below["0.5"].p50,
        "Tbelow0.2[d]": forecast.days_below["0.2"].p50,
    }
    values |= {name: 100.0 * forecast.grade_probability[name[3]] for name in PLAN_METRICS if name.startswith("P(G")}
    values |= {name: a.edic.get(key, Absent.declined("not computed")) for name, key in EDIC_NAMES.items()}
    known = (*a.organs.values(), *a.targets)
    return PlanFacts(
        label=a.label,
        inputs=a.provenance.inputs,
        fractions=a.fractions,
        prescription_gy=course_prescription(p.prescription_gy for p in a.phases),
        highest_gy=max([0.0, *(float(o.course.dose_gy[-1] if o.dvh is None else o.dvh.max_gy) for o in known)]),
        values=values,
        behind=behind_in(a),
        organs=weak,
        findings=a.findings,
        clinic_file=dict(a.provenance.options.get("clinic_file", {})),
    )


def weak_organs(a: Analysis) -> dict[str, How]:
    """Organs whose dose is not that of contours a person drew, and how it was found."""
    found = {n: _how(o.source, o.share, joined=o.dvh is not None) for n, o in a.organs.items()}
    return {n: how for n, how in found.items() if how is not None}


def _how(source: DoseSource, share: float, *, joined: bool) -> How | None:
    """How an organ's dose was found; None when a person drew it or gave it.

    A mask of a part of an organ, with the rest placed, counts as placed. A derived organ that is `joined`, a union or
    difference of contours, is as good as drawn; parts that stand for a whole have no curve and are not.
    """
    match source:
        case "roi" | "scenario":
            return None
        case "derived":
            return None if joined else "derived"
        case "segmented":
            return "placed" if share < 1.0 else "segmented"
        case "placed" | "diluted":
            return source
        case _:
            assert_never(source)


def behind_in(a: Analysis) -> dict[str, tuple[Behind, ...]]:
    """By metric of the plan: what it rests on that nobody drew or measured."""
    weak = weak_organs(a)
    return behind_of(
        weak,
        baseline_known=a.forecast.baseline_known,
        schedules=[p.schedule for p in a.phases],
        times=[b.time_source for p in a.phases for b in p.beams],
        sources=a.patient_sources,
        drawn=set(a.organs) - set(weak),
        exported=all(role != "scenario" for role, _, _ in a.provenance.inputs),
    )


def behind_of(
    weak: Mapping[str, How],
    *,
    baseline_known: bool,
    schedules: Sequence[str],
    times: Sequence[str],
    sources: Mapping[str, str],
    drawn: Iterable[str] = (),
    exported: bool = True,
) -> dict[str, tuple[Behind, ...]]:
    """By metric of the plan: the organs nobody drew and the facts nobody gave."""
    there = set(drawn)
    calendar = [Behind("calendar", "assumed")] if any(s.endswith("assumed") for s in schedules) else []
    beams = [Behind("beam-on times", "assumed")] if "assumed" in times else []
    facts = [Behind(name.removesuffix("_y"), "assumed") for name, how in sources.items() if how == "assumed"]
    body = [] if "Body" in there or not exported else [Behind("Body", "surrogate")]
    blood = [Behind(n, weak[n]) for n in BLOOD_ORGANS if n in weak] + body
    pools = [Behind(n, weak[n]) for n in dict.fromkeys(POOL_ORGAN.values()) if n in weak and n not in BLOOD_ORGANS]
    start = [] if baseline_known else [Behind("baseline count", "assumed")]
    facts = [f for f in facts if f.what != "alc"]
    forecast = (*start, *pools, *blood, *calendar, *beams, *facts)
    out = {name: forecast for name in PLAN_METRICS if not name.startswith(("Blood", "ED"))}
    out |= {"BloodMean[Gy]": (*blood, *facts)}
    out |= dict.fromkeys(("BloodV0.5Gy[%]", "BloodD2%[Gy]"), (*blood, *beams, *facts))
    for name in EDIC_NAMES:
        organs = (*EDIC_ORGANS, *(["Liver"] if name == "EDICesophagus[Gy]" else []))
        used = [n for n in organs if n in weak and not (n == "Lungs" and "Lungs-GTV" in there)]
        out[name] = (*(Behind(n, weak[n]) for n in used), *body)
    return out


def facts_of_saved(saved: Mapping[str, Any]) -> PlanFacts:
    """The facts of a result that was saved as JSON (`lymphorisk.analysis.saved` has checked it)."""
    alc, blood, edic = saved["alc"], saved["blood"]["course"], saved["blood"]["edic"]
    found = {n: _how(o["source"], o.get("share", 1.0), joined="metrics" in o) for n, o in saved["organs"].items()}
    weak = {n: how for n, how in found.items() if how is not None}

    def number(value: Any, why: str = "the result holds no number") -> float | Absent:
        return float(value) if isinstance(value, int | float) else Absent.declined(why)

    def percent(value: Any) -> float | Absent:
        found = number(value)
        return found if isinstance(found, Absent) else 100.0 * found

    values: dict[str, float | Absent] = {
        "ALCnadir[10^9/L]": number(alc["nadir"]["median"]),
        "BloodMean[Gy]": number(blood["mean_gy"]),
        "BloodV0.5Gy[%]": percent(blood["v_ge_0_5"]),
        "BloodD2%[Gy]": number(blood["d2_gy"]),
        "Tbelow0.5[d]": number(alc["days_below_0_5"]["median"]),
        "Tbelow0.2[d]": number(alc["days_below_0_2"]["median"]),
    }
    values |= {n: percent(alc["grade_probability"][n[3]]) for n in PLAN_METRICS if n.startswith("P(G")}
    reasons = edic.get("reasons", {})
    values |= {n: number(edic.get(key), reasons.get(key, "not computed")) for n, key in EDIC_NAMES.items()}
    phases = saved["plan"]["phases"]
    return PlanFacts(
        label=saved["plan"]["label"],
        inputs=tuple((i["role"], i["uid"], i["sha256"]) for i in saved["inputs"]),
        fractions=saved["plan"]["fractions"],
        prescription_gy=course_prescription(p["prescription_gy"] for p in phases),
        highest_gy=max([0.0, *(o["max_gy"] for o in (*saved["organs"].values(), *saved["targets"]))]),
        values=values,
        behind=behind_of(
            weak,
            baseline_known=alc["baseline_known"],
            schedules=[p["schedule"] for p in phases],
            times=[b["time_source"] for p in phases for b in p["beams"]],
            sources=saved["patient"]["sources"],
            drawn=set(saved["organs"]) - set(weak),
            exported=all(i["role"] != "scenario" for i in saved["inputs"]),
        ),
        organs=weak,
        findings=tuple(Finding(f["code"], f["severity"], f["what"], f["where"], f["hint"]) for f in saved["findings"]),
        clinic_file=dict(saved["provenance"]["options"].get("clinic_file", {})),
    )
