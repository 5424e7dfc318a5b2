"""RTPLAN and RTIONPLAN -> fraction groups, beams, prescriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.tree import Item
from lymphorisk.errors import DicomReadError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Beam, Phase, PlanName
from lymphorisk.plan.treatment import LONGEST_BEAM_S, MAX_BEAMS
from lymphorisk.plan.words import Modality
from lymphorisk.units import SECONDS_PER_MINUTE

HEAVIEST_FIRST: tuple[Modality, ...] = ("ion", "proton", "photon", "electron")
MODALITIES: Mapping[str, Modality] = {
    "PHOTON": "photon",
    "ELECTRON": "electron",
    "PROTON": "proton",
    "ION": "ion",
    "NEUTRON": "ion",
}
#: RT Plan Relationship: the other is a choice beside this plan; it was used to make this one; both are given.
ALTERNATIVE, DERIVED, BESIDE = (
    frozenset(("ALTERNATIVE",)),
    frozenset(("PREDECESSOR",)),
    frozenset(("PRIOR", "CONCURRENT")),
)
NOT_TREATMENT = frozenset(("SETUP", "OPEN_PORTFILM", "TRMT_PORTFILM"))
MAX_LABEL = 64
#: The longest courses in use have below a hundred fractions; more than this is a broken number.
MAX_FRACTIONS = 300
#: A particle field is delivered in a minute or two; some systems export a placeholder for its rate. [s]
MAX_ION_BEAM_S = 600.0


@dataclass(frozen=True, slots=True)
class FractionGroup:
    """Fractions that are alike: how many, and the meterset of each beam."""

    number: int
    fractions: int | None
    metersets: dict[int, float | None]
    brachy_setups: int
    prescription_gy: float | None
    beam_doses_gy: dict[int, float | None] = field(default_factory=dict)
    levels_gy: tuple[float, ...] = ()

    @property
    def fraction_gy(self) -> float | None:
        """Dose of one fraction by the doses of the beams it delivers; None when one of them does not say. [Gy]"""
        given = [
            self.beam_doses_gy.get(n)
            for n, meterset in self.metersets.items()
            if meterset or (meterset is None and self.beam_doses_gy.get(n))  # imaging fields say neither
        ]
        known = [dose for dose in given if dose is not None]
        return sum(known) if known and len(known) == len(given) else None


@dataclass(frozen=True, slots=True, eq=False)
class PlanFile:
    """An RTPLAN or RTIONPLAN as read."""

    sop_uid: str
    role: str
    study_uid: str
    frame: str
    folder: str
    label: str
    made: str
    structure_uid: str
    approval: str
    patient_position: str
    groups: tuple[FractionGroup, ...]
    beams: dict[int, Beam]
    setup_beams: frozenset[int]
    prescription_gy: float | None
    findings: tuple[Finding, ...]
    levels_gy: tuple[float, ...] = ()
    to_points: bool = False
    replaces: frozenset[str] = frozenset()
    derived: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()

    @property
    def name(self) -> PlanName:
        """How the plan is told from others."""
        return PlanName(self.label, self.sop_uid, self.folder)

    @property
    def fractions(self) -> int:
        """Fractions of all groups, as far as they say."""
        return sum(g.fractions or 0 for g in self.groups)

    @property
    def modality(self) -> Modality:
        """Modality of the treatment beams; that of the heaviest particle when they differ."""
        return modality_of(self.beams.values(), "proton" if self.role == "RTIONPLAN" else "photon")


def modality_of(beams: Iterable[Beam], otherwise: Modality) -> Modality:
    """Modality of some beams; that of the heaviest particle when they differ."""
    present = {b.modality for b in beams}
    return next((name for name in HEAVIEST_FIRST if name in present), otherwise)


def read_plan(file: DicomFile) -> PlanFile:
    """Fraction groups, beams and prescriptions of a plan file.

    Raises
    ------
    DicomReadError
        The file is truncated or its numbers cannot be read.
    """
    root = file.root
    if file.role not in ("RTPLAN", "RTIONPLAN"):
        raise DicomReadError(f"{file.role}: this is not a plan", "give an RTPLAN or RTIONPLAN")
    found: list[Finding] = []
    doses = _dose_references(root)
    groups = tuple(_group(item, doses) for item in root.items(tags.FRACTION_GROUP_SEQUENCE))
    # Metersets belong to a beam in a fraction group: the first that delivers something gives the beam's time.
    given = [(n, m) for group in groups for n, m in group.metersets.items() if m is not None]
    metersets = {n: m for n, m in reversed(given) if m > 0}
    zero = {n for n, _ in given} - set(metersets)
    dosed = {n for group in groups for n, dose in group.beam_doses_gy.items() if dose}
    beams: dict[int, Beam] = {}
    setup: set[int] = set()
    unknown: list[int] = []
    ion = tags.ION_BEAM_SEQUENCE in root
    for item in root.items(tags.ION_BEAM_SEQUENCE if ion else tags.BEAM_SEQUENCE):
        number = item.integer(tags.BEAM_NUMBER)
        if number is None or number in beams:
            raise item.error(f"beam number {number} is missing or used twice")
        if item.code(tags.TREATMENT_DELIVERY_TYPE) in NOT_TREATMENT:
            setup.add(number)
            continue
        # A CBCT beam is often exported as TREATMENT; what delivers nothing beside beams that do is no treatment.
        if metersets and number not in metersets and number not in dosed:
            setup.add(number)
            if number not in zero:
                unknown.append(number)
            continue
        if len(beams) == MAX_BEAMS:
            raise root.error(f"more than {MAX_BEAMS} beams")
        beams[number] = _beam(item, number, metersets.get(number), ion, found)
    listed_beams = {n for group in groups for n in group.metersets}
    if lost := listed_beams - set(beams) - setup:
        raise root.error(f"fraction groups list beam {min(lost)}, which the file does not hold: truncated")
    if setup:
        listed = ", ".join(map(str, sorted(setup)))
        found.append(finding(checks.SETUP_BEAM, f"beam {listed} left out: setup, imaging or no meterset", file.role))
    found += _meterset_findings(groups, beams, unknown, bool(metersets), file.role)
    for group in groups:
        doses_gy = [group.beam_doses_gy[n] for n, meterset in group.metersets.items() if n in beams and meterset != 0]
        prescribed = group.prescription_gy or (_prescription(root) if len(groups) == 1 else None)
        if group.fractions and prescribed and None not in doses_gy:
            known = [d for d in doses_gy if d is not None]
            found += checks.check_fractions(known, group.fractions, prescribed, f"fraction group {group.number}")
    volumes, points = _prescriptions(root)
    structure = root.items(tags.REFERENCED_STRUCTURE_SET_SEQUENCE)
    label, _ = root.text(tags.RT_PLAN_LABEL)
    positions = {i.code(tags.PATIENT_POSITION) for i in root.items(tags.PATIENT_SETUP_SEQUENCE)} - {""}
    return PlanFile(
        sop_uid=file.sop_uid,
        role=file.role,
        study_uid=root.code(tags.STUDY_INSTANCE_UID),
        frame=root.code(tags.FRAME_OF_REFERENCE_UID),
        folder=file.folder,
        label="".join(c for c in label if c.isprintable())[:MAX_LABEL],
        made=root.code(tags.RT_PLAN_DATE) + root.code(tags.RT_PLAN_TIME),
        structure_uid=structure[0].code(tags.REFERENCED_SOP_INSTANCE_UID) if structure else "",
        approval=root.code(tags.APPROVAL_STATUS),
        patient_position=positions.pop() if len(positions) == 1 else "",
        groups=groups,
        beams=beams,
        setup_beams=frozenset(setup),
        prescription_gy=max(volumes or points, default=None),
        findings=tuple(found),
        levels_gy=tuple(volumes or points),
        to_points=not volumes,
        replaces=_related(root, ALTERNATIVE),
        derived=_related(root, DERIVED),
        beside=_related(root, BESIDE),
    )


def _related(root: Item, relations: frozenset[str]) -> frozenset[str]:
    """SOP Instance UIDs of the plans to which a plan says it stands in one of these relations."""
    return frozenset(
        other.code(tags.REFERENCED_SOP_INSTANCE_UID)
        for other in root.items(tags.REFERENCED_RT_PLAN_SEQUENCE)
        if other.code(tags.RT_PLAN_RELATIONSHIP) in relations
    )


def _meterset_findings(
    groups: tuple[FractionGroup, ...], beams: dict[int, Beam], unknown: list[int], any_given: bool, role: str
) -> list[Finding]:
    """What is not known of the metersets: missing is unknown, zero is not delivered."""
    if beams and not any_given:
        return [finding(checks.NO_METERSET, "no beam has a meterset", role)]
    found = []
    hint = "export the plan with its metersets"
    if unknown:
        listed = ", ".join(map(str, unknown))
        what = f"beam {listed} gives no meterset where others do and is no setup beam: taken as imaging"
        found.append(finding(checks.NO_METERSET, what, role, hint, severity="warning"))
    for group in groups:
        where = f"fraction group {group.number}"
        treated = {n: m for n, m in group.metersets.items() if n in beams}
        if missing := [n for n, m in treated.items() if m is None]:
            listed = ", ".join(map(str, missing))
            what = f"beam {listed} is listed without a meterset: its share and time in this group are not known"
            found.append(finding(checks.NO_METERSET, what, where, hint, severity="warning"))
        if treated and not any(m is None or m > 0 for m in treated.values()):
            what = "every beam has a meterset of 0: the group delivers nothing"
            found.append(finding(checks.NO_METERSET, what, where, hint, severity="error"))
    return found


def _group(item: Item, doses: dict[int, float]) -> FractionGroup:
    metersets: dict[int, float | None] = {}
    beam_doses: dict[int, float | None] = {}
    for beam in item.items(tags.REFERENCED_BEAM_SEQUENCE):
        number = beam.integer(tags.REFERENCED_BEAM_NUMBER)
        if number is not None:
            if number in metersets:
                raise beam.error(f"a fraction group lists beam {number} twice")
            metersets[number] = beam.number(tags.BEAM_METERSET)
            if (metersets[number] or 0.0) < 0.0:
                raise beam.error(f"the meterset of beam {number} is negative")
            beam_doses[number] = beam.number(tags.BEAM_DOSE)
    own = [
        doses[n]
        for reference in item.items(tags.REFERENCED_DOSE_REFERENCE_SEQUENCE)
        if (n := reference.integer(tags.REFERENCED_DOSE_REFERENCE_NUMBER)) in doses
    ]
    number, fractions = item.integer(tags.FRACTION_GROUP_NUMBER), item.integer(tags.NUMBER_OF_FRACTIONS_PLANNED)
    if fractions is not None and fractions > MAX_FRACTIONS:
        raise item.error(f"{fractions} fractions are no course")
    return FractionGroup(
        number=0 if number is None else number,
        fractions=fractions,
        metersets=metersets,
        brachy_setups=item.integer(tags.NUMBER_OF_BRACHY_APPLICATION_SETUPS) or 0,
        prescription_gy=max(own, default=None),
        beam_doses_gy=beam_doses,
        levels_gy=tuple(own),
    )


def _dose_references(root: Item) -> dict[int, float]:
    """Target prescription doses by dose reference number. [Gy]"""
    out: dict[int, float] = {}
    for item in root.items(tags.DOSE_REFERENCE_SEQUENCE):
        number, dose = item.integer(tags.DOSE_REFERENCE_NUMBER), item.number(tags.TARGET_PRESCRIPTION_DOSE)
        if number is not None and dose is not None and dose > 0 and item.code(tags.DOSE_REFERENCE_TYPE) == "TARGET":
            out[number] = dose
    return out


def _prescription(root: Item) -> float | None:
    """The highest prescription to a volume or site; one to a point only when there is no other. [Gy]"""
    volumes, points = _prescriptions(root)
    return max(volumes or points, default=None)


def _prescriptions(root: Item) -> tuple[list[float], list[float]]:
    """Target prescription doses to volumes or sites, and to points. [Gy]"""
    volumes: list[float] = []
    points: list[float] = []
    for item in root.items(tags.DOSE_REFERENCE_SEQUENCE):
        dose = item.number(tags.TARGET_PRESCRIPTION_DOSE)
        if dose is None or dose <= 0 or item.code(tags.DOSE_REFERENCE_TYPE) != "TARGET":
            continue
        point = item.code(tags.DOSE_REFERENCE_STRUCTURE_TYPE) in ("COORDINATES", "POINT")
        (points if point else volumes).append(dose)
    return volumes, points


def _beam(item: Item, number: int, meterset: float | None, ion: bool, found: list[Finding]) -> Beam:
    radiation = item.code(tags.RADIATION_TYPE)
    control = item.items(tags.ION_CONTROL_POINT_SEQUENCE if ion else tags.CONTROL_POINT_SEQUENCE)
    on_s = _beam_on(item, control, meterset)
    if on_s is not None and on_s > (MAX_ION_BEAM_S if ion else LONGEST_BEAM_S):
        what = f"the stated rate would take {on_s / SECONDS_PER_MINUTE:.0f} min"
        found.append(finding(checks.NOMINAL_RATE, what, f"beam {number}", severity="info" if ion else "warning"))
        on_s = None
    name, _ = item.text(tags.BEAM_NAME)
    return Beam(
        number=number,
        name="".join(c for c in name if c.isprintable())[:MAX_LABEL],
        modality=MODALITIES.get(radiation, "proton" if ion else "photon"),
        meterset=meterset,
        on_s=on_s,
        time_source="assumed" if on_s is None else "plan",
        technique=_technique(item, control, ion),
    )


def _technique(item: Item, control: tuple[Item, ...], ion: bool) -> str:
    if ion:
        return item.code(tags.SCAN_MODE) or item.code(tags.BEAM_TYPE)
    if control and control[0].code(tags.GANTRY_ROTATION_DIRECTION) in ("CW", "CC"):
        return "ARC"
    return item.code(tags.BEAM_TYPE)


def _beam_on(item: Item, control: tuple[Item, ...], meterset: float | None) -> float | None:
    """Beam-on time of one fraction from the control points; None when the plan does not say. [s]

    Each segment delivers its share of the meterset at the dose rate of the control point it starts
    from. A machine that moves leaves or gantry may be slower, never faster.
    """
    if meterset is None:
        return None
    if item.code(tags.PRIMARY_DOSIMETER_UNIT) == "MINUTE":
        return meterset * SECONDS_PER_MINUTE
    rates = [c.number(tags.DOSE_RATE_SET) for c in control]
    if not any(rates):
        rates = [float(r[0]) if len(r := c.binary(tags.METERSET_RATE, "f4")) else None for c in control]
    if not any(rates):
        return None
    final = item.number(tags.FINAL_CUMULATIVE_METERSET_WEIGHT)
    weights = [c.number(tags.CUMULATIVE_METERSET_WEIGHT) for c in control]
    if not final or final <= 0 or weights[0] is None:
        return None
    minutes, rate, last = 0.0, None, float(weights[0])
    for k in range(1, len(control)):
        rate = rates[k - 1] or rate
        weight = weights[k]
        if weight is None:
            continue
        share, last = (weight - last) / final, float(weight)
        if share < 0:
            raise item.error("the cumulative meterset of a beam falls")
        if share > 0:
            if rate is None or rate <= 0:
                return None
            minutes += share * meterset / rate
    return minutes * SECONDS_PER_MINUTE


def phases_of(plan: PlanFile) -> tuple[Phase, ...]:
    """The fraction groups of a plan as phases, without dose.

    Raises
    ------
    DicomReadError
        A group does not say its number of fractions.
    """
    out: list[Phase] = []
    several = len(plan.groups) > 1
    for group in plan.groups:
        if not group.fractions or group.fractions < 1:
            raise DicomReadError(
                f"{plan.role}: fraction group {group.number} has no number of fractions", "give it with --fractions"
            )
        beams = beams_of(plan, group)
        out.append(
            Phase(
                label=f"{plan.label} group {group.number}" if several else plan.label,
                fractions=group.fractions,
                beams=beams,
                modality=modality_of(beams, plan.modality),
                prescription_gy=group.prescription_gy if several else (group.prescription_gy or plan.prescription_gy),
            )
        )
    return tuple(out)


def beams_of(plan: PlanFile, group: FractionGroup) -> tuple[Beam, ...]:
    """Treatment beams of a fraction group, in its order; all beams when it lists none.

    A beam with a meterset of 0 is not delivered in this group; one without keeps its place, its time unknown.
    """
    listed = [n for n in group.metersets if n in plan.beams]
    out: list[Beam] = []
    for number in listed:
        beam = plan.beams[number]
        meterset = group.metersets[number]
        if meterset == 0:
            continue
        if meterset is None:
            beam = replace(beam, on_s=None, time_source="assumed")
        elif beam.meterset and meterset != beam.meterset and beam.on_s is not None:
            beam = replace(beam, on_s=beam.on_s * meterset / beam.meterset)
        out.append(replace(beam, meterset=meterset))
    return tuple(out) if listed else tuple(plan.beams.values())
