"""What a user may choose about an analysis. Every choice is repeated in the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, get_args

from lymphorisk import parameters
from lymphorisk.analysis.noderoles import role_of, roles_of
from lymphorisk.circulation.survival_form import SurvivalForm, form_of
from lymphorisk.dvh.curve import END_CAPS, EndCaps
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.survival import survival_named
from lymphorisk.plan.calendar import MAKE_UP, MakeUp
from lymphorisk.plan.delivery import delivery_of, when_of
from lymphorisk.plan.therapy import therapies_of, therapy_of
from lymphorisk.plan.words import LINK_BY, DoseIs, LinkBy
from lymphorisk.units import checked, quantity

P = ParamSpec("P")
R = TypeVar("R")

Missing = Literal["placed", "diluted", "refuse"]
MISSING: tuple[Missing, ...] = get_args(Missing)
NETWORKS = (None, "28", "32")
FLAGS = ("blood_bounds", "sum_doses", "shap_plots", "pictures", "prices")
#: Of an ensemble, draws times days: the most draws over the usual year. [d]
MOST_DAYS = 65536 * 366
NEEDED = ("first_weekday", "draws", "seed", "horizon_d")
#: Fields of the table of quantities; the command line has the same ranges.
NUMBERS = (
    *NEEDED, "stages", "lanes", "blood_volume_l", "cardiac_output_l_min", "fractions", "beam_on_s", "lln",
    "delivered_so_far",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """Choices; the defaults are the documented ones.

    Attributes
    ----------
    organs : mapping of str to str
        TG-263 name -> ROI name or number, overriding the matching.
    undrawn : tuple of str
        TG-263 names taken as not drawn, or not listed, whatever the source holds: so are plans compared alike.
    missing : str
        An organ that is not contoured: ``placed`` by a reference body fitted to the drawn ones (with a finding),
        given the body's dose ``diluted`` over the whole body (with a finding), or an error (``refuse``).
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
    survival : str, SurvivalForm or callable
        Name of the lymphocyte survival model, or one's own: a form, or a function from dose of one fraction [Gy] to
        surviving share, which becomes a form (`circulation.survival_form.form_of`).
    parameters : mapping of str to float
        One's own values in place of shipped ones, by full name (``lymphocyte.recovery.half_time``), held in every draw.
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
    model_key : Path or None
        Public key (PEM file) by whose other half a predictor that is not shipped must be signed.
    shap_plots : bool
        Also let the shap package draw the learned voice's reasons (a few seconds, most of it loading shap).
    pictures : bool
        Also draw where placed organs lie, for a report's page.
    what_if : tuple of str
        Changes to answer beside the plan, such as ``Spleen-5Gy`` or ``fractions=15``.
    link_by, sum_doses, plan : str, bool, str or None
        How files are linked, whether several plans are one course, which plan of several.
    dose_is : str or None
        ``physical`` or ``rbe``: what the dose is, whatever its labels say.
    segmentation : tuple of Path
        Masks or contours of an auto-contouring program handed in beside the export: DICOM SEG or RTSTRUCT files, NIfTI
        masks or label maps, or folders of them. They stand for organs nobody drew.
    labels : Path or None
        What the labels of the segmentations are: a clinic's list (TOML, JSON or CSV).
    aliases : mapping of str to sequence of str
        A clinic's own ROI names by TG-263 name, beside those the program knows; unlike `organs` they need not be there.
    lln : float or None
        The laboratory's lower limit of normal, where neither the patient's facts nor the files give one. [10^9/L]
    deliver : tuple of str
        Which fractions of the course each plan gives: ``A=1-10``, ``B=11-28``; `plan.delivery.delivery_of`.
    missed : tuple of str
        Days without treatment: ``2026-05-04``, ``day 14`` (from the first fraction) or ``fraction 11``.
    make_up : str
        A missed fraction is given ``later``, as a second one of the next treatment day (``bid``) or at the ``weekend``.
    delivered_so_far : int or None
        Only so many fractions are given; None is all.
    first_fraction : str or None
        Date of the first fraction, as ISO 8601 says it: what dates count from; it says the weekday, too.
    therapy : tuple of str
        Drugs or cells beside the course and their days: ``durvalumab=2026-06-01,2026-06-15``; `plan.therapy`.
    node_role : tuple of str
        What node regions are here: ``LN_Ax_L=draining``, ``LN_Pelvics=elective``; `analysis.noderoles`.
    prices : bool
        Also what each target, the nodes of a role and the unevenness of the dose do to the count (`analysis.prices`).
    clinic_file : mapping of str to Any
        Which of these settings a clinic file gave, and its ``sha256``: kept in the provenance, changes no number.
    """

    organs: Mapping[str, str] = field(default_factory=dict)
    missing: Missing = "placed"
    end_caps: EndCaps = "half"
    network: str | None = None
    stages: int | None = None
    lanes: int | None = None
    blood_engine: str = "exact"
    blood_bounds: bool = False
    survival: str | SurvivalForm | Callable[[Any], Any] = "combined"
    blood_volume_l: float | None = None
    cardiac_output_l_min: float | None = None
    fractions: int | None = None
    beam_on_s: float | None = None
    first_weekday: int = 0
    draws: int = 512
    seed: int = 20260101
    horizon_d: int = 365
    model: Path | None = None
    model_key: Path | None = None
    shap_plots: bool = False
    pictures: bool = False
    what_if: tuple[str, ...] = ()
    link_by: LinkBy = "uid"
    sum_doses: bool = False
    plan: str | None = None
    dose_is: DoseIs | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    undrawn: tuple[str, ...] = ()
    segmentation: tuple[Path, ...] = ()
    labels: Path | None = None
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lln: float | None = None
    clinic_file: Mapping[str, Any] = field(default_factory=dict)
    deliver: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    make_up: MakeUp = "later"
    delivered_so_far: int | None = None
    first_fraction: str | None = None
    therapy: tuple[str, ...] = ()
    node_role: tuple[str, ...] = ()
    prices: bool = False

    def __post_init__(self) -> None:
        allowed = {
            "missing": MISSING,
            "end_caps": END_CAPS,
            "network": NETWORKS,
            "link_by": LINK_BY,
            "make_up": MAKE_UP,
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                known = ", ".join(v for v in values if v is not None)
                raise ScenarioError(f"{name} = {getattr(self, name)!r} is not one of {known}")
        for name in NUMBERS:
            value = getattr(self, name)
            if isinstance(value, str):
                raise ScenarioError(f"{name} = {value!r} is text, not a number")
            if value is None and name not in NEEDED:
                continue
            if value is None:
                raise ScenarioError(f"{name} is None", "leave it out for the default")
            number = checked(name, value)
            object.__setattr__(self, name, int(number) if quantity(name).whole else number)
        if self.draws * self.horizon_d > MOST_DAYS:
            raise ScenarioError(
                f"{self.draws} draws of {self.horizon_d} days are more than {MOST_DAYS} days",
                "take fewer draws or a shorter horizon",
            )
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ScenarioError(f"{name} = {getattr(self, name)!r} is not True or False")
        _texts(self)

    @property
    def first_day(self) -> date | None:
        """Date of the first fraction."""
        return None if self.first_fraction is None else date.fromisoformat(self.first_fraction)

    @property
    def weekday(self) -> int:
        """Weekday of the first fraction: its date's, where that is known."""
        return self.first_weekday if self.first_day is None else self.first_day.weekday()

    @property
    def survival_model(self) -> str | SurvivalForm:
        """The survival model: a name, or the form that a function was made."""
        assert isinstance(self.survival, str | SurvivalForm)
        return self.survival


def _texts(options: Options) -> None:
    """The fields that are names."""
    engine: object = options.blood_engine
    if not isinstance(engine, str):
        raise ScenarioError(f"blood_engine = {engine!r} is not the name of a circulation model")
    if engine != "exact":
        from lymphorisk.circulation.models import engine_named

        try:
            object.__setattr__(options, "blood_engine", engine_named(engine))
        except ScenarioError as error:
            raise ScenarioError(f"blood_engine: {error.message}", error.hint) from None
    survival: object = options.survival
    if isinstance(survival, str):
        object.__setattr__(options, "survival", survival_named(survival))
    elif not isinstance(survival, SurvivalForm):
        if not callable(survival):
            raise ScenarioError(f"survival = {survival!r} is neither the name of a survival model nor a function")
        object.__setattr__(options, "survival", form_of(survival))
    own: object = options.parameters
    if not isinstance(own, Mapping):
        raise ScenarioError(f"parameters = {own!r} is not a mapping of names to numbers")
    object.__setattr__(options, "parameters", parameters.checked_values(own))
    what_if: object = options.what_if
    if not isinstance(what_if, tuple | list) or not all(isinstance(w, str) for w in what_if):
        raise ScenarioError(f"what_if = {what_if!r} is not a list of texts", 'what_if=("Spleen-5Gy",)')
    object.__setattr__(options, "what_if", tuple(what_if))
    undrawn: object = options.undrawn
    if not isinstance(undrawn, tuple | list) or not all(isinstance(n, str) for n in undrawn):
        raise ScenarioError(f"undrawn = {undrawn!r} is not a list of names", 'undrawn=("Spleen",)')
    object.__setattr__(options, "undrawn", tuple(undrawn))
    organs: object = options.organs
    if not isinstance(organs, Mapping) or not all(isinstance(n, str) for pair in organs.items() for n in pair):
        raise ScenarioError(f"organs = {organs!r} is not a mapping of names", 'organs={"Spleen": "SPL_v2"}')
    aliases: object = options.aliases
    if not isinstance(aliases, Mapping) or not all(
        isinstance(organ, str) and isinstance(names, tuple | list) and all(isinstance(n, str) for n in names)
        for organ, names in aliases.items()
    ):
        raise ScenarioError(f"aliases = {aliases!r} is not names by organ", 'aliases={"Spleen": ("SPL_v2",)}')
    for name, what in (("model", "folder"), ("model_key", "file")):
        given: object = getattr(options, name)
        if isinstance(given, str):
            object.__setattr__(options, name, Path(given))
        elif given is not None and not isinstance(given, Path):
            raise ScenarioError(f"{name} = {given!r} is not the path of a {what}")
    _paths(options)
    _course(options)
    plan: object = options.plan
    if plan is not None and not isinstance(plan, str):
        raise ScenarioError(f"plan = {plan!r} is not a plan's label or UID")


def _course(options: Options) -> None:
    """The fields that say which fractions are given, and when."""
    readers = {"deliver": delivery_of, "missed": when_of, "therapy": therapy_of, "node_role": role_of}
    for name, read in readers.items():
        given: object = getattr(options, name)
        if isinstance(given, str) or not isinstance(given, tuple | list) or not all(isinstance(t, str) for t in given):
            raise ScenarioError(f"{name} = {given!r} is not a list of texts", f"{name}=({EXAMPLES[name]!r},)")
        for text in given:
            read(text)
        object.__setattr__(options, name, tuple(given))
    therapies_of(options.therapy)
    roles_of(options.node_role)
    if options.deliver and (options.plan is not None or options.sum_doses):
        raise ScenarioError("plans to deliver stand beside one plan, or beside their sum", "leave --plan and --sum out")
    first: object = options.first_fraction
    if isinstance(first, date):
        first = first.isoformat()[: len("2026-03-02")]
    if first is not None:
        try:
            day = date.fromisoformat(str(first))
        except ValueError:
            raise ScenarioError(f"first_fraction = {first!r} is no date", "write 2026-03-02") from None
        object.__setattr__(options, "first_fraction", day.isoformat())
        if options.first_weekday not in (0, day.weekday()):
            raise ScenarioError(
                f"the first fraction is on {day}, and its weekday {options.first_weekday} is another",
                "leave the weekday out: the date says it",
            )


#: One of each, for a message.
EXAMPLES = {
    "deliver": "A=1-10",
    "missed": "2026-05-04",
    "therapy": "durvalumab=2026-06-01",
    "node_role": "LN_Ax_L=draining",
}


def _paths(options: Options) -> None:
    """The fields that name files."""
    given: object = options.segmentation
    paths = (given,) if isinstance(given, str | Path) else given
    if not isinstance(paths, tuple | list) or not all(isinstance(p, str | Path) for p in paths):
        raise ScenarioError(f"segmentation = {given!r} is not a list of paths", 'segmentation=("masks/",)')
    object.__setattr__(options, "segmentation", tuple(Path(p) for p in paths))
    labels: object = options.labels
    if isinstance(labels, str):
        object.__setattr__(options, "labels", Path(labels))
    elif labels is not None and not isinstance(labels, Path):
        raise ScenarioError(f"labels = {labels!r} is not the path of a file")
    if options.labels is not None and not options.segmentation:
        raise ScenarioError("labels are given and no segmentation", "they say what its labels are: --segmentation PATH")


def held(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function within the parameter values that the `Options` among its arguments give."""

    @wraps(function)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        every = (*args, *kwargs.values())
        found = [a if isinstance(a, Options) else getattr(a, "options", None) for a in every]
        options = next((o for o in found if isinstance(o, Options)), None)
        with parameters.given({} if options is None else options.parameters):
            return function(*args, **kwargs)

    return within
