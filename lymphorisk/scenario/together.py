"""Several scenarios as the plans of one course."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient, PlanName
from lymphorisk.scenario.read import Scenario
from lymphorisk.scenario.said import Said


def together(scenarios: Sequence[Scenario]) -> Scenario:
    """One scenario whose phases are those of several, each plan called by its scenario's label.

    Raises
    ------
    ScenarioError
        They speak of different patients, or of different blood models; two have one label; one has conditioning.
    """
    first = scenarios[0]
    patients = [s.patient for s in scenarios if s.patient != Patient()]
    for what, values in (
        ("patients", patients),
        ("blood models", [(s.network, s.stages, s.lanes) for s in scenarios]),
    ):
        if any(value != values[0] for value in values):
            raise ScenarioError(f"the scenarios of a course have different {what}", "one course is of one patient")
    labels = [s.label for s in scenarios]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise ScenarioError(f"two scenarios of a course are called {twice!r}", "give each its own label in [plan]")
    if any(s.conditioning for s in scenarios):
        raise ScenarioError("a scenario with conditioning is not a plan of a course", "give it to `conditioning`")
    told = [s.said for s in scenarios if s.said != Said()]
    if len(told) > 1:
        raise ScenarioError(
            "several scenarios of a course say how it is given, or what is beside it", "say it in one of them"
        )
    return replace(
        first,
        said=told[0] if told else Said(),
        label=" + ".join(s.label for s in scenarios),
        phases=tuple(replace(p, plan=p.plan or PlanName(s.label)) for s in scenarios for p in s.phases),
        organ_doses=tuple(doses for s in scenarios for doses in s.organ_doses),
        patient=patients[0] if patients else first.patient,
        emitters=tuple(e for s in scenarios for e in s.emitters),
        findings=tuple(dict.fromkeys(f for s in scenarios for f in s.findings)),
        sha256=hashlib.sha256("".join(s.sha256 for s in scenarios).encode()).hexdigest(),
    )
