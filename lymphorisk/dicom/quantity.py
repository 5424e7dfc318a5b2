"""Whether a dose is a dose: EQD2, BED, LET and their kind are refused by name, until the user says what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lymphorisk.dicom import tags
from lymphorisk.dicom.tree import Item
from lymphorisk.errors import UnsupportedDoseError
from lymphorisk.findings import rule
from lymphorisk.plan.words import Modality, is_particle

DOSE_AS_SAID = rule(
    "LR045",
    "warning",
    "kind of dose as said",
    "What the dose is (physical or RBE-weighted) was given with --dose-is, whatever the files call it.",
)
#: Words of what was computed from a dose; BED and LET count in capitals alone, and no tumour bed does.
WORDS = (
    re.compile(
        r"(?<![a-z])(eqd|bio(?![a-z]*ps)|letd|iso-?effect|ntd2|(alpha|α|a) ?/ ?(beta|β|b)(?![a-z]))", re.IGNORECASE
    ),
    re.compile(r"(?<![A-Za-z])LET(?![A-Za-z])"),
    re.compile(r"(?<![A-Za-z])BED(?=[\W_\d]|$)"),
)
BEDS = re.compile(
    r"(tumou?r|surgical|resection|op|lumpectomy|boost|cavity|prostat\w*|breast|fossa|node|nodal|liver)[\W_]*bed",
    re.IGNORECASE,
)
OF_PHOTONS = re.compile(r"(?<![A-Za-z])RBE")
DOSE_TEXTS = {tags.DOSE_COMMENT: "Dose Comment", tags.SERIES_DESCRIPTION: "Series Description"}
PLAN_TEXTS = {
    tags.RT_PLAN_LABEL: "RT Plan Label",
    tags.RT_PLAN_NAME: "RT Plan Name",
    tags.RT_PLAN_DESCRIPTION: "RT Plan Description",
}
HINT = "export the physical dose; if it is one all the same, say so with --dose-is physical (or rbe)"


def word_in(text: str, *, photons: bool = False) -> str:
    """The word that says that a dose is not a physical one; empty when there is none.

    Examples
    --------
    >>> [word_in(t) for t in ("EQD2 alpha/beta 3", "BED10", "LETd keV/um", "biological dose", "plan_eqd2")]
    ['EQD', 'BED', 'LETd', 'bio', 'eqd']
    >>> [word_in(t) for t in ("Tumor Bed", "TUMOR BED boost", "let it be", "biopsy site", "prostate bed", "RBE 1.1")]
    ['', '', '', '', '', '']
    >>> word_in("RBE 1.1", photons=True)
    'RBE'
    """
    plain = BEDS.sub(" ", text)
    for pattern in (*WORDS, *((OF_PHOTONS,) if photons else ())):
        if found := pattern.search(plain):
            return str(found.group(0))
    return ""


def check_texts(roots: Sequence[Item], modality: Modality | None = None) -> None:
    """Refuse a dose, or a plan, whose own words say that it is not a physical dose.

    Raises
    ------
    UnsupportedDoseError
        Naming the field and the word.
    """
    for root in roots:
        for tag, name in (DOSE_TEXTS if root.role == "RTDOSE" else PLAN_TEXTS).items():
            text, _ = root.text(tag)
            if word := word_in(text, photons=modality is not None and not is_particle(modality)):
                raise UnsupportedDoseError(f"{root.role}: {name} says {word!r}: that is not a physical dose", HINT)
