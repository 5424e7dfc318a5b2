"""The front half of the chain, for everything that follows: a source opened, its patient, network, doses and flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from lymphorisk import parameters
from lymphorisk.analysis.blood import Circulation, circulation
from lymphorisk.analysis.curves import Curves
from lymphorisk.analysis.doses import BodyNumbers, Doses, organ_doses
from lymphorisk.analysis.options import Options, held
from lymphorisk.analysis.said import with_said
from lymphorisk.analysis.source import Readable, Source, open_source, with_fractions, with_phase_fractions
from lymphorisk.analysis.told import against_plan
from lymphorisk.analysis.whatif import at_dose_rate
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.findings import Finding
from lymphorisk.plan import KnownPatient, Patient, known_patient

#: Where a patient's lower limit of normal came from, when it is the laboratory's for everybody.
LABORATORY = "laboratory"
#: Blood network when neither the user nor the scenario chooses one.
DEFAULT_NETWORK = "32"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A course as every model of the chain takes it.

    Attributes
    ----------
    source : Source
        The course as opened.
    options : Options
    patient : Patient
        As used; `told` says where each fact came from, `contradicted` what the sources differ in.
    network : str
        Blood compartments, ``28`` or ``32``: the user's choice, else the scenario's, else the default.
    stages, lanes : int
        Of the circulation model, chosen in the same order.
    body : BodyNumbers
    curves : Curves
        All dose-volume curves of the source.
    doses : Doses
        Of every organ that matters.
    flow : Circulation
        What the blood model is given.
    """

    source: Source
    options: Options
    patient: Patient
    told: Mapping[str, str]
    contradicted: tuple[Finding, ...]
    network: str
    stages: int
    lanes: int
    body: BodyNumbers
    curves: Curves
    doses: Doses
    flow: Circulation

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of the files, the patient, the organ doses and the blood's timing, in the order they were met."""
        return (*self.source.findings, *self.contradicted, *self.doses.findings, *self.flow.findings)

    def with_doses(self, doses: Doses) -> Prepared:
        """The same course with other organ doses."""
        flow = circulation(self.source, doses, self.patient, self.options, self.network)
        return replace(self, doses=doses, flow=flow)

    def at_dose_rate(self, gy_per_s: float) -> Prepared:
        """The same course with its beams on as long as a dose rate of the target takes; doses stay. [Gy/s]

        The dose of a fraction is the prescribed one, else the mean of the hottest target, else of the hottest organ.
        """
        phases = []
        for i, phase in enumerate(self.source.plan.phases):
            targets = [t.per_fraction[i].mean_gy for t in self.doses.targets]
            hottest = max(targets or [d[i].mean_gy for d in self.doses.drawn.values()] or [0.0])
            told = phase.prescription_gy
            phases.append(at_dose_rate(phase, gy_per_s, hottest if told is None else told / phase.of_fractions))
        course = replace(self.source, plan=replace(self.source.plan, phases=tuple(phases)))
        options = replace(self.options, beam_on_s=None)
        flow = circulation(course, self.doses, self.patient, options, self.network)
        return replace(self, source=course, options=options, flow=flow)

    @held
    def without(self, organs: tuple[str, ...]) -> Prepared:
        """The same course with organs taken as not drawn; the curves stay."""
        names = tuple(dict.fromkeys((*self.options.undrawn, *organs)))
        options, curves = replace(self.options, undrawn=names), self.curves.without(names)
        doses = organ_doses(self.source, options, self.network, self.body, curves, self.patient)
        return replace(self, options=options, curves=curves).with_doses(doses)

    def with_fractions(self, fractions: int) -> Prepared:
        """The same total dose in another number of fractions; the curves stay."""
        return self._refractionated(with_fractions(self.source, fractions))

    def with_phase_fractions(self, fractions: Sequence[int]) -> Prepared:
        """The same dose of each phase in another number of fractions; the curves stay."""
        return self._refractionated(with_phase_fractions(self.source, fractions))

    def _refractionated(self, course: Source) -> Prepared:
        doses = organ_doses(course, self.options, self.network, self.body, self.curves, self.patient)
        return replace(self, source=course).with_doses(doses)


def prepare(
    source: Readable,
    patient: Patient | KnownPatient | None = None,
    options: Options | None = None,
) -> Prepared:
    """Open a source and prepare it for the models; takes and raises what `analyze` does.

    Where a `KnownPatient` and the files differ, a finding says so.
    """
    options = options or Options()
    return prepared(open_source(source, options), patient or Patient(), options)


@one_blas_thread
@held
def prepared(course: Source, patient: Patient | KnownPatient, options: Options) -> Prepared:
    """Prepare a source that is open; what its file says of the course is taken into the options."""
    options, _ = with_said(options, course.said)
    given = patient if isinstance(patient, KnownPatient) else KnownPatient(patient)
    read_from = "the plan's files" if course.given is None else "the scenario"
    known = known_patient(asdict(given.patient), "as given", course.patient, read_from, given.findings)
    who = known.patient if known.patient.lln is not None else replace(known.patient, lln=options.lln)
    network = options.network or course.network or DEFAULT_NETWORK
    numbers = parameters.load("circulation")
    body = body_numbers(who)
    curves = Curves(course, options, who)
    doses = organ_doses(course, options, network, body, curves, who)
    return Prepared(
        source=course,
        options=options,
        patient=who,
        told=sources_of(given.patient, known.patient) | ({"lln": LABORATORY} if known.patient.lln != who.lln else {}),
        contradicted=(*known.findings, *against_plan(who, curves, given.patient.site)),
        network=network,
        stages=options.stages or course.stages or int(numbers["stages"].number),
        lanes=options.lanes or course.lanes or int(numbers["lanes"].number),
        body=body,
        curves=curves,
        doses=doses,
        flow=circulation(course, doses, who, options, network),
    )


def sources_of(given: Patient, used: Patient) -> dict[str, str]:
    """Where each fact of the patient came from: ``given``, ``plan file`` or ``not known``."""
    return {
        name: "given" if value is not None else "not known" if getattr(used, name) is None else "plan file"
        for name, value in asdict(given).items()
    }


def body_numbers(patient: Patient) -> BodyNumbers:
    """Body volume from the weight, else the reference body's."""
    numbers = parameters.load("body")
    if patient.weight_kg is None:
        volume = numbers["volume"].number
    else:
        volume = patient.weight_kg / numbers["density"].number
    return BodyNumbers(
        volume_l=volume,
        min_coverage=numbers["min_coverage"].number,
        undecidable_coverage=numbers["undecidable_coverage"].number,
        from_weight=patient.weight_kg is not None,
        bone_threshold_hu=numbers["bone_threshold"].number,
        bone_volume_l=numbers["bone_volume"].number,
        pool_share=numbers["pool_share"].number,
    )
