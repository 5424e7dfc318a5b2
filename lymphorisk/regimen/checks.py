"""What a planner must be told about a regimen beside the numbers: label windows, gaps, limits of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lymphorisk.conditioning.criteria import Criterion
from lymphorisk.conditioning.host import FractionKill
from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.parameters import Parameter, load
from lymphorisk.regimen.exposure import PlanExposure
from lymphorisk.regimen.settings import Body

WINDOW = rule(
    "LR501",
    "warning",
    "Infusion outside the product's window",
    "The days between the last lymphodepleting dose and the infusion are not those of the label on record.",
)
AFTER_INFUSION = rule(
    "LR502",
    "warning",
    "A fraction on or after the infusion",
    "The infused cells are lymphocytes too and see the blood dose of every later fraction.",
)
BEYOND_SHOWN = rule(
    "LR503",
    "warning",
    "Whole-body fraction beyond the range shown",
    "The kinetics of the dead were shown to 4 Gy in one fraction; above, the count falls faster than forecast.",
)
ASSUMED_BODY = rule(
    "LR504",
    "info",
    "Body size or kidney function assumed",
    "Drug doses and fludarabine exposure rest on values that were not given.",
)
HOST_ONLY = rule(
    "LR505",
    "info",
    "The forecast is the host's count",
    "From about day 4 after infusion the measured count holds the expanding infused cells; do not compare it.",
)
DRUG_ASSUMED = rule(
    "LR506",
    "info",
    "Drug kill is an assumption",
    "No published model gives the kill of these drugs on host lymphocytes; their split is a prior, the band is wide.",
)
EXTRAPOLATED = rule(
    "LR507",
    "warning",
    "Radiation as lymphodepletion is extrapolated",
    "No clinical series of whole-body or large-volume low-dose radiation as lymphodepletion before CAR-T was found; "
    "labels on record do not mention radiation.",
)
RECALLED = rule(
    "LR508",
    "warning",
    "Regimen recalled, not verified",
    "The doses or days of this regimen were not seen in a label: check them.",
)
REPEAT = rule(
    "LR509",
    "warning",
    "Delay beyond which the label asks to consider repeating lymphodepletion",
    "The label on record names a delay after which lymphodepletion may be repeated.",
)
WAIVER = rule(
    "LR512",
    "info",
    "White count and lymphodepletion",
    "The label on record lets lymphodepletion be omitted at a low white count in the week before infusion. A low "
    "lymphocyte count from radiation alone does not satisfy it.",
)
NO_BASELINE = rule(
    "LR513",
    "warning",
    "Baseline count assumed",
    "The patient's own count was not given; the forecast starts from a cohort's median with a cohort's spread.",
)
CHEMO_NOT_SEEN = rule(
    "LR515",
    "warning",
    "Concurrent chemotherapy is not in this forecast",
    "Of drugs, only the lymphodepleting ones of the regimen act here; chemotherapy and steroids given with bridging do "
    "not.",
)
NOT_MODELLED = rule(
    "LR520",
    "warning",
    "Conditioning drug not in the model",
    "No source gives what the drug kills of the lymphocytes: its days are kept, its kill is in no count. Every count "
    "is of the radiation and the modelled drugs alone and the true one lies below it, so that no criterion on a count "
    "is judged.",
    undecides=True,
)
APHERESIS_FORECAST = rule(
    "LR514",
    "info",
    "Leukapheresis before the first treatment",
    "Collection itself lowers the count; the forecast does not model it.",
)


def regimen_findings(
    regimen: Regimen,
    fractions: Sequence[FractionKill],
    whole_body_gy: Mapping[str, float],
    body: Body,
    drugs: Mapping[str, Parameter],
    wbc: float | None,
) -> tuple[Finding, ...]:
    """All findings of one regimen.

    Parameters
    ----------
    whole_body_gy : mapping of str to float
        Dose of one fraction of the courses that kill with the whole-body set, by label. [Gy]
    """
    where = regimen.name
    out: list[Finding] = []
    out += window_findings(regimen)
    late = [f for f in fractions if f.day >= 0.0]
    if late:
        dose = sum(f.blood_gy for f in late)
        out.append(
            finding(
                AFTER_INFUSION,
                f"{len(late)} fraction(s), days {late[0].day:g} to {late[-1].day:g}: mean blood dose {dose:.2g} Gy",
                where,
                "the infused cells share the sensitivity of lymphocytes (D0 about 1.2 Gy)",
            )
        )
    shown = drugs["radiation.shown_to"].number
    out += [
        finding(BEYOND_SHOWN, f"{label}: {gy:.3g} Gy in one whole-body fraction (shown to {shown:g} Gy)", where)
        for label, gy in whole_body_gy.items()
        if gy > shown
    ]
    if body.assumed and regimen.drugs:
        out.append(finding(ASSUMED_BODY, f"assumed: {', '.join(body.assumed)}", where, "give weight, height and eGFR"))
    out.append(
        finding(
            HOST_ONLY, f"from day {drugs['forecast.host_until'].number:g} a measured count is not the host's", where
        )
    )
    if regimen.unmodelled:
        names = ", ".join(regimen.unmodelled)
        out.append(finding(NOT_MODELLED, f"the counts are without {names}", where, "read them as upper limits"))
    if modelled := list(dict.fromkeys(d.drug for d in regimen.drugs if d.modelled)):
        names = ", ".join(modelled)
        out.append(finding(DRUG_ASSUMED, f"kill of {names} is assumed, see `lymphorisk parameters`", where))
    if any(c.role == "lymphodepletion" for c in regimen.radiation):
        what = "radiation is part of the lymphodepletion; the one comparison read found TBI 2 Gy + Flu 75 shallower"
        out.append(finding(EXTRAPOLATED, f"{what} than Cy/Flu (PMID 33990415), whatever this forecast says", where))
    unsure = [e.what for e in regimen.evidence if e.known == "recalled"]
    if unsure:
        out.append(finding(RECALLED, f"recalled: {'; '.join(unsure)}", where, "check the current label"))
    if regimen.leukapheresis_day is not None:
        out.append(finding(APHERESIS_FORECAST, f"leukapheresis on day {regimen.leukapheresis_day:g}", where))
    if regimen.window is not None and regimen.window.waiver_wbc is not None:
        limit = regimen.window.waiver_wbc
        said = "no white count was given" if wbc is None else f"the white count given is {wbc:g}"
        out.append(finding(WAIVER, f"omission at a white count of {limit:g} x10^9/L or less; {said}", where))
    return tuple(out)


def window_findings(regimen: Regimen) -> list[Finding]:
    """Whether the infusion falls into the product's window, and whether a delay asks for a second look."""
    window, days = regimen.window, [d.day for d in regimen.drugs if d.amount > 0.0 and d.day <= 0.0]
    if window is None or not days:
        return []
    gap = -max(days)
    out = []
    if not window.low_d <= gap <= window.high_d:
        span = f"{window.low_d:g}" if window.low_d == window.high_d else f"{window.low_d:g} to {window.high_d:g}"
        out.append(
            finding(
                WINDOW,
                f"infusion {gap:g} d after the last drug dose; the label on record says {span} d",
                regimen.name,
                "check the current label of the product",
            )
        )
    if window.repeat_after_d is not None and gap > window.repeat_after_d:
        out.append(
            finding(
                REPEAT, f"{gap:g} d since lymphodepletion; the label names {window.repeat_after_d:g} d", regimen.name
            )
        )
    return out


def label_criteria(regimen: Regimen) -> tuple[Criterion, ...]:
    """The product's own window as a criterion."""
    window = regimen.window
    if window is None:
        return ()
    said = {e.fact: e for e in regimen.evidence}
    source = said["window"].source if "window" in said else "assumption"
    span = f"{window.low_d:g}" if window.low_d == window.high_d else f"{window.low_d:g} to {window.high_d:g}"
    place = f"{span} d after the last drug dose"
    return (Criterion("days_outside_window", "at_most", 0.0, window.known, source, place),)


def emitter_criteria(regimen: Regimen, plans: Mapping[str, PlanExposure]) -> tuple[Criterion, ...]:
    """What an internal emitter before the infusion may leave: the dose rate the infused cells meet."""
    if not any(plans[r.plan].emitters for r in regimen.radiation if r.plan):
        return ()
    p = load("emitters")["infusion.blood_rate"]
    return (Criterion("emitter_mgy_h_at_infusion", "at_most", p.number, p.known, p.source, p.place, p.note),)


def waiver_criteria(regimen: Regimen) -> tuple[Criterion, ...]:
    """The white count at which the label lets lymphodepletion be omitted; reported, not required."""
    window = regimen.window
    if window is None or window.waiver_wbc is None:
        return ()
    said = {e.fact: e for e in regimen.evidence}
    e = said["waiver_wbc"]
    return (Criterion("wbc", "at_most", window.waiver_wbc, e.known, e.source, "lymphodepletion may be omitted"),)
