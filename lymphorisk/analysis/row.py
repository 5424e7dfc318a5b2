"""One row of features, for an analysis, a training row from an export and a simulated patient alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from lymphorisk.absent import Absent
from lymphorisk.analysis.doses import NOT_DRAWN, POOL_ORGAN, typical_pools
from lymphorisk.analysis.edic import edic_family
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.circulation import BloodDose
from lymphorisk.dvh import DoseDistribution
from lymphorisk.features import FeatureVector, feature_vector
from lymphorisk.plan import Patient
from lymphorisk.plan.treatment import course_prescription, particle_share
from lymphorisk.plan.words import Modality
from lymphorisk.units import ML_PER_L

#: Survival set of the blood feature in every trained predictor.
TRAINED_SURVIVAL = "combined"


@dataclass(frozen=True, slots=True)
class RowPhase:
    """A phase as a row counts it: its fractions, modality, prescription [Gy], the blood's kill of one fraction, and the
    physical dose of one fraction in every lymphocyte pool that is known [Gy]."""

    fractions: int
    modality: Modality
    prescription_gy: float | None
    killed: float
    pools: Mapping[str, DoseDistribution]


def feature_row(
    *,
    patient: Patient,
    phases: Sequence[RowPhase],
    physical: Mapping[str, DoseDistribution],
    volumes_cm3: Mapping[str, float],
    ptv_cm3: Sequence[float],
    blood_mean_gy: float,
    surrogates: Set[str] = frozenset(),
    edic_gy: float | None = None,
) -> FeatureVector:
    """A course as the predictor sees it, whatever it comes from: added over its phases, in no order.

    Parameters
    ----------
    physical : mapping of str to DoseDistribution
        Physical dose of the whole course by TG-263 name. [Gy]
    volumes_cm3 : mapping of str to float
        By the same names. [cm3]
    ptv_cm3 : sequence of float
        Volumes of the planning targets; the largest counts. [cm3]
    blood_mean_gy : float
        Mean blood dose of the course. [Gy]
    surrogates : set of str
        Organs whose dose is borrowed: missing here.
    edic_gy : float or None
        EDIC, where it applies. [Gy]
    """
    fractions = sum(p.fractions for p in phases)
    volumes = dict(volumes_cm3) | ({"PTV": max(ptv_cm3)} if ptv_cm3 else {})
    return feature_vector(
        patient=patient,
        fractions=fractions,
        particle_share=particle_share([(p.fractions, p.modality) for p in phases]),
        organ_doses=physical,
        organ_volumes_cm3=volumes,
        surrogates=surrogates,
        pools=[(p.fractions, p.pools) for p in phases],
        prescription_gy=course_prescription(p.prescription_gy for p in phases),
        blood_mean_gy=blood_mean_gy,
        blood_kill_percent=100.0 * sum(p.fractions * p.killed for p in phases) / fractions,
        edic_gy=edic_gy,
    )


def row_of(
    plan: Prepared,
    blood: BloodDose,
    edic: Mapping[str, float | Absent] | None = None,
    *,
    placed: bool = False,
) -> FeatureVector:
    """The plan and the patient as the predictor sees them.

    A diluted body is no evidence: it counts as missing. So do placed organs, and pools of which less than half is
    contoured, unless `placed` says that the predictor was trained with them placed. The blood's kill is always that
    of the survival set the predictor was trained with, whatever the forecast uses.
    """
    doses = plan.doses
    edic = edic or edic_family(doses, plan.source.plan.fractions, plan.body)
    unknown, undrawn = (("diluted",), doses.surrogates) if placed else (NOT_DRAWN, doses.undrawn)
    surrogates = {name for name, organ in doses.organs.items() if organ.source in unknown}
    surrogates |= {POOL_ORGAN[pool] for pool in undrawn if pool in POOL_ORGAN}
    pools = {pool: d for pool, d in typical_pools(doses.by_body).items() if pool not in undrawn}
    volumes = {name: o.volume_cm3 for name, o in doses.organs.items() if o.volume_cm3 is not None}
    if (whole := doses.organs.get("Body")) is not None and whole.source == "scenario":
        volumes["Body"] = plan.body.volume_l * ML_PER_L
    return feature_row(
        patient=plan.patient,
        phases=[
            RowPhase(
                s.fractions,
                s.modality,
                s.prescription_gy,
                1.0 - b.surviving[TRAINED_SURVIVAL],
                {pool: d[i] for pool, d in pools.items()} | {"blood": b.distribution()},
            )
            for i, (s, b) in enumerate(zip(plan.flow.summaries, blood.fraction, strict=True))
        ],
        physical={name: organ.physical for name, organ in doses.organs.items()},
        volumes_cm3=volumes,
        ptv_cm3=[t.volume_cm3 for t in doses.targets if t.tg263 == "PTV" and t.volume_cm3 is not None],
        blood_mean_gy=blood.course.mean_gy,
        surrogates=surrogates,
        edic_gy=number(edic["edic_gy"]),
    )


def number(value: float | Absent) -> float | None:
    """The number, or None where there is none."""
    return None if isinstance(value, Absent) else value
