"""What a user may choose about an analysis. Every choice is repeated in the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lymphorisk.errors import ScenarioError

MISSING = ("surrogate", "refuse")
END_CAPS = ("half", "none")
BLOOD_ENGINES = ("exact", "montecarlo", "resident")
NETWORKS = (None, "28", "32")


@dataclass(frozen=True, slots=True)
class Options:
    """Choices; the defaults are the documented ones.

    Attributes
    ----------
    organs : mapping of str to str
        TG-263 name -> ROI name or number, overriding the matching.
    missing : str
        ``surrogate``: an organ that is not contoured gets the body's diluted dose, with a finding;
        ``refuse``: it is an error.
    end_caps : str
        Volume beyond the outermost contours: ``half`` a spacing or ``none``.
    network : str or None
        ``28`` or ``32`` blood compartments; None takes a scenario's choice, else 32.
    stages, lanes : int or None
        Erlang stages of a compartment's transit, parallel lanes of an irradiated organ; None is the default.
    blood_engine : str
        ``exact``, ``montecarlo`` or ``resident``.
    blood_bounds : bool
        Also solve the two bounds of how blood mixes inside an organ: well mixed and one draw per visit.
    survival : str
        Name of the lymphocyte survival model.
    blood_volume_l, cardiac_output_l_min : float or None
        Override the reference blood volume [L] and cardiac output [L/min].
    fractions : int or None
        Override the number of fractions (what-if), the dose per fraction stays dose / fractions.
    beam_on_s : float or None
        Override the beam-on time of every beam. [s]
    first_weekday : int
        Weekday of the first fraction, 0 is Monday.
    draws : int
        Ensemble size.
    seed : int
    horizon_d : int
        Days forecast from the first fraction. [d]
    model : Path or None
        Folder of a trained predictor; None takes the shipped one.
    shap_plots : bool
        Also let the shap package draw the learned voice's reasons (a few seconds, most of it loading shap).
    what_if : tuple of str
        Changes to answer beside the plan, such as ``Spleen-5Gy`` or ``fractions=15``.
    link_by, sum_doses, plan : str, bool, str or None
        How files are linked, whether several plans are one course, which plan of several.
    """

    organs: Mapping[str, str] = field(default_factory=dict)
    missing: str = "surrogate"
    end_caps: str = "half"
    network: str | None = None
    stages: int | None = None
    lanes: int | None = None
    blood_engine: str = "exact"
    blood_bounds: bool = False
    survival: str = "combined"
    blood_volume_l: float | None = None
    cardiac_output_l_min: float | None = None
    fractions: int | None = None
    beam_on_s: float | None = None
    first_weekday: int = 0
    draws: int = 512
    seed: int = 20260101
    horizon_d: int = 365
    model: Path | None = None
    shap_plots: bool = False
    what_if: tuple[str, ...] = ()
    link_by: str = "uid"
    sum_doses: bool = False
    plan: str | None = None

    def __post_init__(self) -> None:
        allowed = {
            "missing": MISSING,
            "end_caps": END_CAPS,
            "blood_engine": BLOOD_ENGINES,
            "network": NETWORKS,
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                known = ", ".join(v for v in values if v is not None)
                raise ScenarioError(f"{name} = {getattr(self, name)!r} is not one of {known}")
