"""What people write for a site, a sex, a drug beside radiotherapy and a kind of beam."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, assert_never, get_args

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.drugs import chemo_of
from lymphorisk.units import chosen, squashed

SITES = (
    "brain",
    "head_neck",
    "breast",
    "lung",
    "esophagus",
    "gastric",
    "liver",
    "pancreas",
    "pelvis",
    "prostate",
    "whole_body",
    "lymphoma",
    "rectum",
    "bladder",
    "limb",
    "prostate_nodes",
    "craniospinal",
    "oligometastases",
)
SEXES = ("M", "F")
Modality = Literal["photon", "electron", "proton", "ion", "emitter"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
#: Kinds of beams: what a plan may be made of.
BEAMS: tuple[Modality, ...] = MODALITIES[:-1]
#: By what the files of an export are joined, and what a person says a dose is.
LinkBy = Literal["uid", "frame", "folder"]
LINK_BY: tuple[LinkBy, ...] = get_args(LinkBy)
DoseIs = Literal["physical", "rbe"]
DOSE_IS: tuple[DoseIs, ...] = get_args(DoseIs)

#: Words by what they mean. A word stands here only when it means one thing.
SITE_WORDS: Mapping[str, str] = {
    "brain": "cerebral cerebrum cns glioma glioblastoma gbm meningioma astrocytoma intracranial hirn gehirn",
    "head_neck": "headandneck hn hnscc hnc headneck nasopharynx nasopharyngeal npc oropharynx oropharyngeal larynx "
    "laryngeal hypopharynx oral oralcavity tonsil orl ent hno",
    "breast": "mamma mammary chestwall mammae",
    "lung": "lungs nsclc sclc pulmonary bronchial bronchus lunge",
    "esophagus": "esophageal oesophagus oesophageal gej gastroesophageal gastroesophagealjunction speiserohre",
    "gastric": "stomach magen",
    "liver": "hepatic hcc hepatocellular cholangio leber",
    "pancreas": "pancreatic pdac pankreas",
    "pelvis": "pelvic cervix uteri cervixuteri anus anal analcanal anorectal endometrium endometrial "
    "gynecologic gynecological gyn vulva uterus becken",
    "prostate": "prostatic prostata prostatebed prostaticbed prostatefossa",
    "whole_body": "tbi totalbody totalbodyirradiation wholebodyirradiation",
    "lymphoma": "hodgkin hl nhl dlbcl hodgkins lymphom mediastinum mediastinal mediastinallymphoma lymphomamediastinum "
    "lymphomaofmediastinum",
    "rectum": "rectal",
    "bladder": "vesical urothelial harnblase",
    "limb": "limbs extremity extremities sarcomaoflimb limbsarcoma sarcomalimb sarcomaofthelimb extremitysarcoma",
    "prostate_nodes": "prostatebedwithnodes prostatewithnodes prostatebedandnodes prostateandnodes prostatebednodes "
    "prostatepelvicnodes prostatewithpelvicnodes",
    "craniospinal": "csi craniospinalaxis craniospinalirradiation neuraxis",
    "oligometastases": "oligometastasis oligometastatic oligomets severallesions sbrttoseverallesions multiplelesions",
}
SEX_WORDS: Mapping[str, str] = {"M": "male man mann mannlich homme", "F": "female woman w frau weiblich femme"}
MODALITY_WORDS: Mapping[str, str] = {
    "photon": "photons xray xrays vmat imrt 3dcrt 3d crt conformal arc rapidarc tomotherapy tomo linac sliding window "
    "photonen stepandshoot dcat ssimrt fff 6mv 10mv 15mv 18mv 6x 10x 15x 18x 6fff 10fff",
    "electron": "electrons elektronen e- iort ioert",
    "proton": "protons impt pbs pbt pencilbeam protonen ppbs protonentherapie",
    "ion": "ions carbon carbonion carbonions heavyion heavyions c12 helium",
}
#: Words around a name that change nothing.
FILLERS = ("cancer", "carcinoma", "tumor", "ca", "karzinom", "therapy", "radiotherapy", "concurrent")


def _meanings(words: Mapping[str, str]) -> dict[str, str]:
    return {word: choice for choice, listed in words.items() for word in listed.split()}


def _without_fillers(text: str) -> str:
    kept = [w for w in re.split(r"[\s_]+", text.strip()) if squashed(w) not in FILLERS]
    return " ".join(kept) or text


def site_of(text: str) -> str:
    """The site of `SITES` that a text means.

    Examples
    --------
    >>> site_of("Oesophageal cancer"), site_of("Head & Neck")
    ('esophagus', 'head_neck')
    """
    return chosen(_without_fillers(text), SITES, _meanings(SITE_WORDS), "site")


def sex_of(text: str) -> str:
    """``M`` or ``F``; the nearest word would be a guess and is not offered."""
    try:
        return chosen(text, SEXES, _meanings(SEX_WORDS), "sex")
    except ScenarioError:
        raise ScenarioError(f"sex {text!r} is not M or F", "write M, F, male or female") from None


def modality_of(text: str) -> Modality:
    """The kind of beam of `BEAMS`; a photon technique is photons."""
    return chosen(_without_fillers(text), BEAMS, _meanings(MODALITY_WORDS), "modality")


#: How the texts of a patient or a plan are read, by field.
READERS: Mapping[str, Callable[[str], str]] = {
    "sex": sex_of,
    "site": site_of,
    "chemo": chemo_of,
    "modality": modality_of,
}


def is_particle(modality: Modality) -> bool:
    """Whether a dose is given by heavy charged particles.

    Examples
    --------
    >>> is_particle("proton"), is_particle("electron")
    (True, False)
    """
    match modality:
        case "proton" | "ion":
            return True
        case "photon" | "electron" | "emitter":
            return False
        case _:
            assert_never(modality)


#: What a node region can be beside a target.
NodeRole = Literal["draining", "elective"]
NODE_ROLES: tuple[NodeRole, ...] = get_args(NodeRole)
