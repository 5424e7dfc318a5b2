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
        r"(?<![a-z])(eqd|bio(?![a-z]*ps)|letd|(iso|equi)-?effect|ntd2?(?![a-z])|lq(ed|[ -]?(model|correct))"
        r"|g?eud(?![a-z])|(alpha|α|a) ?/ ?(beta|β|b)(?![a-z])|equivalent dose|dose equivalent|2 ?gy[ _-]?eq)",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![A-Za-z])LET(?![A-Za-z])"),
    re.compile(r"(?<![A-Za-z])BED(?=[\W_\d]|$)"),
)
BEDS = re.compile(
    r"(tumou?r|surgical|resection|op|lumpectomy|boost|cavity|prostat\w*|breast|fossa|node|nodal|liver)[\W_]*bed",
    re.IGNORECASE,
)
#: Words of a dose with an RBE in it: of photons none is, of particles one that is called PHYSICAL.
WEIGHTED = re.compile(r"(?<![A-Za-z])RBE|GyRBE|(?<![A-Za-z])c?C(GE|gE)(?![a-z])|(?i:gy ?[(\[]?e[)\]]?)(?![A-Za-z0-9])")
DOSE_TEXTS = {tags.DOSE_COMMENT: "Dose Comment", tags.SERIES_DESCRIPTION: "Series Description"}
PLAN_TEXTS = {
    tags.RT_PLAN_LABEL: "RT Plan Label",
    tags.RT_PLAN_NAME: "RT Plan Name",
    tags.RT_PLAN_DESCRIPTION: "RT Plan Description",
}
HINT = "export the physical dose; if it is one all the same, say so with --dose-is physical (or rbe)"


def word_in(text: str, *, unweighted: bool = False) -> str:
    """The word that says that a dose is not a physical one; empty when there is none.

    With `unweighted` that of an RBE is one of them.

    Examples
    --------
    >>> [word_in(t) for t in ("EQD2 alpha/beta 3", "BED10", "LETd keV/um", "biological dose", "plan_eqd2")]
    ['EQD', 'BED', 'LETd', 'bio', 'eqd']
    >>> [word_in(t) for t in ("Tumor Bed", "TUMOR BED boost", "let it be", "biopsy site", "prostate bed", "RBE 1.1")]
    ['', '', '', '', '', '']
    >>> [word_in(t, unweighted=True) for t in ("RBE 1.1", "Gy(RBE)", "60 CGE", "GyE", "energy", "Gy each")]
    ['RBE', 'RBE', 'CGE', 'GyE', '', '']
    """
    plain = BEDS.sub(" ", text)
    for pattern in (*WORDS, *((WEIGHTED,) if unweighted else ())):
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
        of_dose = root.role == "RTDOSE"
        called_physical = of_dose and root.code(tags.DOSE_TYPE) == "PHYSICAL"
        unweighted = modality is not None and (called_physical or not is_particle(modality))
        for tag, name in (DOSE_TEXTS if of_dose else PLAN_TEXTS).items():
            text, _ = root.text(tag)
            if word := word_in(text, unweighted=unweighted):
                raise UnsupportedDoseError(f"{root.role}: {name} says {word!r}: that is not a physical dose", HINT)
