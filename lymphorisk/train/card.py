"""The model card: what the model is, what it learned from, how well it does, and where it must not be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphorisk.features import VERSION
from lymphorisk.predict.caveats import unsteady
from lymphorisk.train.cohort import Cohort, part_hashes, parts_of, person_hashes, row_hashes
from lymphorisk.train.fit import Fitted
from lymphorisk.train.samplesize import sample_size

#: What published models of lymphopenia honestly reach on other hospitals' patients.
PUBLISHED_C = 0.70
SIMULATED = "simulated patients"


def tripod_items(model: Fitted, trained_on: str, window: str, aggregation: str) -> list[dict[str, str]]:
    """The items of TRIPOD+AI that a card can answer, each in a sentence.

    References
    ----------
    Collins GS et al. TRIPOD+AI statement. BMJ 2024;385:e078378.
    """
    cohort = model.cohort
    simulated = trained_on == SIMULATED
    order = {o: m.rank_stability for o, m in model.outcomes.items()}
    source = (
        "No patients. Every row is a simulated patient: phantom anatomy, beams of geometry, blood dose, and a count "
        "drawn from this program's mechanistic model with between-patient spread and counting noise."
        if simulated
        else f"Cohort file {cohort.name} given by the user; SHA-256 {cohort.sha256[:16]}."
    )
    groups = len(set(cohort.group.tolist()))
    who = (
        f"{len(cohort)} simulated patients on {groups} plans."
        if simulated
        else f"{groups} patients in {len(cohort)} rows."
    )
    early = "alc_week1" in cohort.names
    rows: list[tuple[str, str, str]] = [
        ("1", "Title", "Development and internal validation of a model of severe lymphopenia under radiotherapy."),
        ("3a", "Context", "Decision support for planners who weigh dose to lymphoid organs and blood."),
        ("4", "Objective", "Probability of grade 3 or more and of grade 4 lymphopenia, and quantiles of the nadir."),
        ("5a", "Source of data", source),
        ("6", "Participants", who),
        ("7", "Data preparation", _prepared(simulated)),
        ("8", "Outcome", f"ALC nadir below 0.5 (g3) and 0.2 x10^9/L (g4), CTCAE 5.0; {window}; {aggregation}."),
        ("9", "Predictors", f"{len(cohort.names)} features of schema {VERSION}, known {_when(early)}."),
        ("10", "Sample size", "; ".join(_sample_size(model))),
        (
            "11",
            "Missing data",
            "Missing values follow the branch that fitted best; shares missing are listed below.",
        ),
        (
            "12a",
            "Analysis",
            "Boosting (XGBoost) with monotone constraints in the simplest shape that is not worse by paired bootstrap "
            "of groups: stumps along a monotone logistic model, stumps, trees (table choice); nested "
            f"cross-validation grouped by {cohort.grouped_by}; logistic calibration on patients left out; "
            "class-conditional conformal sets.",
        ),
        ("12e", "Performance", "AUC, Brier, scaled Brier, calibration in the large, slope, curve, decision curve."),
        ("13", "Class imbalance", "No resampling and no class weights: they would spoil calibration."),
        ("14", "Fairness", "Scores by sex, baseline count, fractions, site and centre where known."),
        (
            "15",
            "Model output",
            "Calibrated probability, spread over resampled models, conformal set, domain check.",
        ),
        ("17", "Ethics", "Not applicable: no patients." if simulated else "To be stated by whoever holds the cohort."),
        (
            "18",
            "Open science",
            "Code, features, card and hashes are public; the cohort is re-made by one command."
            if simulated
            else "Code, features, card and hashes are with the model; the cohort is not stored in it.",
        ),
        ("22", "Model specification", "booster-*.ubj, calibration.json; features in order in this card."),
        ("25", "Limitations", " ".join(filter(None, (_limits(simulated), unsteady(order))))),
        (
            "26",
            "Usability",
            "Read beside the mechanistic and published voices; out of domain it steps back.",
        ),
    ]
    return [{"item": item, "about": about, "answer": answer} for item, about, answer in rows]


def _prepared(simulated: bool) -> str:
    if simulated:
        return (
            "In two plans of five the dose of some pools is spared or raised, so that pools can be told apart; pool "
            "doses of organs that clinics often do not contour carry the error of placing them; facts are removed, all "
            "at stated rates; no imputation."
        )
    return "Missing features stay missing; no imputation; checks LR411 to LR421 passed."


def _when(early: bool) -> str:
    return "after the first week of treatment" if early else "before treatment"


def _limits(simulated: bool) -> str:
    if simulated:
        return (
            "It can be no better than the mechanistic model that made its patients; high scores here say that the "
            "generator is learnable, nothing more. It has not been validated on patients. Explanations describe the "
            "model, not causes."
        )
    return (
        "Internally validated only; expect less elsewhere. Explanations describe the model, not causes. Recalibrate "
        "before use in another hospital."
    )


def _sample_size(model: Fitted) -> list[str]:
    out = []
    for outcome, done in model.outcomes.items():
        event = model.cohort.outcomes[outcome][done.patients]
        wanted = sample_size(float(event.mean()), PUBLISHED_C, len(model.cohort.names))
        enough = "met" if len(event) >= wanted.n else "NOT met"
        out.append(
            f"{outcome}: {len(event)} patients, {int(event.sum())} events; Riley's criteria for "
            f"{wanted.parameters} parameters at c {PUBLISHED_C:g} ask for {wanted.n} ({wanted.events} events): {enough}"
        )
    return out


#: Subgroups whose scores stand in the card: calibration over all says little about one of them.
CALIBRATED_BY = ("site", "modality")
SUMMARY = ("n", "events", "auc", "brier", "scaled_brier", "in_the_large", "slope")


def card_scores(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of an evaluation that belong in a card, without its curves."""
    out: dict[str, Any] = {"kind": evaluation["kind"], "rows": evaluation["rows"]}
    for outcome, e in evaluation["outcomes"].items():
        table: dict[str, Any] = {k: e[k] for k in SUMMARY}
        table["auc_interval"] = list(e["interval"]["auc"])
        for key in ("rank_stability", "shape", "depth", "trees", "choice"):
            if key in e:
                table[key] = e[key]
        if "conformal" in e:
            table["conformal"] = e["conformal"]
        if "logistic" in e:
            table["logistic"] = {k: e["logistic"][k] for k in ("auc", "brier", "slope")}
            table["against_logistic"] = e["against_logistic"]
        for name in CALIBRATED_BY:
            if found := e["subgroups"].get(name):
                table[f"by_{name}"] = {k: {s: v[s] for s in SUMMARY} for k, v in found.items()}
        if "held_out" in e:
            table["held_out"] = {k: {s: v[s] for s in SUMMARY} for k, v in e["held_out"].items()}
        out[outcome] = table
    if "nadir" in evaluation:
        out["nadir"] = evaluation["nadir"]
    return out


def _who(cohort: Cohort) -> dict[str, Any]:
    """Short hashes by which rows, parts of rows and patients of the training are known again."""
    persons, parts = sorted({h for h in person_hashes(cohort) if h}), parts_of(cohort)
    pieces = {"columns": [" ".join(p) for p in parts], "sha256": [" ".join(h) for h in part_hashes(cohort, parts)]}
    return {
        "row_sha256": row_hashes(cohort, cohort.names),
        **({"person_sha256": persons} if persons else {}),
        **({"row_part": pieces} if parts else {}),
    }


def card_of(
    model: Fitted,
    *,
    name: str,
    version: str,
    trained_on: str,
    evaluation: Mapping[str, Any],
    window: str,
    aggregation: str,
    extra: Mapping[str, Any],
    sha256: Mapping[str, str],
    program: str,
) -> dict[str, Any]:
    """The card as data; `toml_text` makes the file.

    Parameters
    ----------
    evaluation : mapping
        From `evaluation_of`.
    window, aggregation : str
        The rest of the outcome key.
    extra : mapping
        Further tables: the incidence check of a simulated cohort, a test cohort's scores.
    sha256 : mapping of str to str
        Hash of every other file of the model.
    program : str
        Version of this program.
    """
    cohort = model.cohort
    adds = {o: e["against_logistic"]["adds"] for o, e in evaluation["outcomes"].items()}
    simpler = [o for o, better in adds.items() if not better]
    verdict = (
        "The boosted model adds to a logistic model on the same features."
        if not simpler
        else f"For {', '.join(simpler)} the boosted model does not add to a logistic model on the same features; "
        "the logistic model ships beside it (logistic.json)."
    )
    return {
        "model": {
            "name": name,
            "version": version,
            "trained_on": trained_on,
            "statement": f"trained on {trained_on}",
            "program": program,
            "seed": model.settings.seed,
            "against_logistic": verdict,
            "intended_use": "A second voice beside the mechanistic forecast and the published models, for review by "
            "medical physicists. Not a medical device; no treatment decision rests on it alone.",
        },
        "cohort": {
            "name": cohort.name,
            "sha256": cohort.sha256,
            "rows": len(cohort),
            "patients": cohort.patients,
            "grouped_by": cohort.grouped_by,
            "groups": len(set(cohort.group.tolist())),
            "findings": [f"{f.code} {f.what}" for f in cohort.findings],
            **({"clinic_file": dict(cohort.clinic_file)} if cohort.clinic_file else {}),
            **({"radiomics_sha256": cohort.radiomics_sha256} if cohort.radiomics_sha256 else {}),
            **({} if trained_on == SIMULATED else _who(cohort)),
        },
        "outcome": {
            "g3": {"threshold": "ALC < 0.5 x10^9/L", "window": window, "aggregation": aggregation},
            "g4": {"threshold": "ALC < 0.2 x10^9/L", "window": window, "aggregation": aggregation},
        },
        "features": {"schema": VERSION, "names": list(cohort.names)},
        "evaluation": {"internal": card_scores(evaluation)},
        "standing": {o: e["standing"] for o, e in evaluation["outcomes"].items()},
        **extra,
        "missing": {k: float(v) for k, v in evaluation["missing"].items()},
        "sha256": dict(sha256),
        "feature": [
            {"name": f.name, "unit": f.unit, "label": f.label, "monotone": f.monotone, "low": f.low, "high": f.high}
            for f in cohort.schema
        ],
        "tripod": tripod_items(model, trained_on, window, aggregation),
    }
