"""Drugs beside radiotherapy, by name, as people write them, and the class of each.

A drug is known here when it can be named in a message; what the forecast makes of it is `lymphocyte.drugs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.units import nearest, squashed

CHEMO = ("none", "temozolomide", "platinum", "other")
#: Words for a class, where no drug is named.
CLASS_WORDS: Mapping[str, str] = {
    "none": "no nil without keine nein rtalone radiotherapyalone",
    "platinum": "platin",
}
#: Drugs by class: each name, then other words for it.
NAMED: Mapping[str, tuple[str, ...]] = {
    "temozolomide": ("temozolomide tmz temodal temodar temozolomid",),
    "platinum": (
        "cisplatin cddp cisplatinum cis",
        "carboplatin carboplatinum carbo",
        "oxaliplatin",
        "nedaplatin",
    ),
    "other": (
        "paclitaxel taxol taxane", "docetaxel taxotere", "nab-paclitaxel abraxane", "capecitabine xeloda",
        "5-fluorouracil 5fu fu fluorouracil", "gemcitabine gemcitabin gemzar", "s-1", "etoposide vp16", "vinorelbine",
        "pemetrexed", "mitomycin mmc", "irinotecan", "doxorubicin", "epirubicin", "cyclophosphamide", "ifosfamide",
        "methotrexate mtx", "leucovorin", "cetuximab", "bevacizumab", "panitumumab", "nimotuzumab", "lomustine ccnu",
        "carmustine bcnu", "procarbazine", "vincristine", "vinblastine", "bleomycin", "dacarbazine dtic", "topotecan",
        "melphalan", "bendamustine", "fludarabine", "cytarabine", "hydroxyurea hydroxycarbamide", "trifluridine",
        "raltitrexed", "eribulin", "trabectedin", "actinomycin", "rituximab", "brentuximab", "azacitidine",
    ),
    "none": (
        "pembrolizumab keytruda", "nivolumab opdivo", "durvalumab imfinzi", "atezolizumab tecentriq", "ipilimumab",
        "avelumab", "cemiplimab", "dostarlimab", "tislelizumab", "toripalimab", "sintilimab", "camrelizumab",
        "tremelimumab", "checkpoint-inhibitor checkpointinhibitors ici pd1 pdl1 antipd1 antipdl1 immunotherapy",
        "trastuzumab herceptin", "pertuzumab", "olaparib", "erlotinib", "gefitinib", "osimertinib", "alectinib",
        "sorafenib", "lenvatinib", "regorafenib", "sunitinib", "imatinib", "everolimus", "ibrutinib", "palbociclib",
        "ribociclib", "abemaciclib", "tamoxifen", "letrozole", "anastrozole", "exemestane", "fulvestrant", "goserelin",
        "leuprorelin leuprolide", "degarelix", "bicalutamide", "enzalutamide", "abiraterone", "apalutamide",
        "adt androgendeprivation",
    ),
}  # fmt: skip
#: Checkpoint inhibitors among them, up to the word for all.
CHECKPOINT = tuple(words.split()[0] for words in NAMED["none"][:14])
#: Regimens by their drugs.
REGIMENS: Mapping[str, tuple[str, ...]] = {
    "cross": ("carboplatin", "paclitaxel"), "carbotaxol": ("carboplatin", "paclitaxel"),
    "folfox": ("5-fluorouracil", "oxaliplatin", "leucovorin"),
    "flot": ("5-fluorouracil", "leucovorin", "oxaliplatin", "docetaxel"),
    "xelox": ("capecitabine", "oxaliplatin"), "capox": ("capecitabine", "oxaliplatin"),
    "folfirinox": ("5-fluorouracil", "leucovorin", "irinotecan", "oxaliplatin"),
    "folfiri": ("5-fluorouracil", "leucovorin", "irinotecan"), "pcv": ("procarbazine", "lomustine", "vincristine"),
}  # fmt: skip
#: Schedules of cisplatin that are told apart.
SCHEDULED = "cisplatin"
THREE_WEEKLY = re.compile(r"(three|3)[\s-]*weekly|q3w|every\s+(three|3)\s+weeks|100\s*mg\s*/\s*m2", re.IGNORECASE)
WEEKLY = re.compile(r"weekly|\bq1?w\b|every\s+week|40\s*mg\s*/\s*m2", re.IGNORECASE)
#: Signs and words between the drugs of a combination.
JOINED = re.compile(r"\s*[/+,;&]\s*|\s+and\s+|\s+und\s+|\s+")
#: Names written with a sign that also joins drugs.
SIGNED = re.compile(r"\b(5|nab|s|vp|checkpoint|anti|pd|androgen)[\s-]+(fu|fluorouracil|paclitaxel|1|16|inhibitors?|"
                    r"pd-?l?1|l1|deprivation)\b", re.IGNORECASE)  # fmt: skip
#: Words around a drug that change nothing.
FILLERS = ("concurrent", "therapy", "chemotherapy", "chemo", "inhibitor", "inhibitors")
STEROIDS = ("dexamethasone", "dexa", "dexamethason", "prednisone", "prednisolone", "methylprednisolone", "steroid")


def drugs_of(text: str) -> tuple[str, ...]:
    """The drugs a text names, in its order; empty where it names a class only, or none.

    Examples
    --------
    >>> drugs_of("Cisplatin q3w"), drugs_of("CROSS"), drugs_of("5-FU + mitomycin"), drugs_of("platinum")
    (('cisplatin three-weekly',), ('carboplatin', 'paclitaxel'), ('5-fluorouracil', 'mitomycin'), ())
    """
    return _read(text)[1]


def chemo_of(text: str) -> str:
    """The class of `CHEMO` of concurrent drugs; several may be joined by signs.

    Examples
    --------
    >>> chemo_of("Temodal"), chemo_of("carboplatin/paclitaxel"), chemo_of("None"), chemo_of("durvalumab")
    ('temozolomide', 'platinum', 'none', 'none')
    """
    return _read(text)[0]


def told_drugs(text: str) -> dict[str, Any]:
    """Class and named drugs as `Patient` keeps them.

    Examples
    --------
    >>> told_drugs("TMZ")
    {'chemo': 'temozolomide', 'drugs': ('temozolomide',)}
    """
    return {"chemo": chemo_of(text), "drugs": drugs_of(text)}


def _read(text: str) -> tuple[str, tuple[str, ...]]:
    schedule = "three-weekly" if THREE_WEEKLY.search(text) else "weekly" if WEEKLY.search(text) else ""
    plain = SIGNED.sub(r"\1\2", WEEKLY.sub(" ", THREE_WEEKLY.sub(" ", text)).strip())
    parts = [plain] if squashed(plain) in _meanings() else [p for part in JOINED.split(plain) for p in _hyphened(part)]
    parts = [p for p in parts if squashed(p) not in FILLERS] or [plain]
    read = [_part(part, text) for part in parts]
    classes = {c for c, _ in read}
    drugs = tuple(dict.fromkeys(d for _, found in read for d in found))
    if ("none", ()) in read and len(read) > 1:
        raise ScenarioError(f"chemo {text!r} says none and a drug", f"use one of {', '.join(CHEMO)}")
    if schedule:
        drugs = tuple(f"{d} {schedule}" if d == SCHEDULED else d for d in drugs)
    return next(c for c in ("temozolomide", "platinum", "other", "none") if c in classes), drugs


def _hyphened(part: str) -> list[str]:
    """A part, or the drugs joined in it by hyphens."""
    return [p for p in ([part] if squashed(part) in _meanings() else part.split("-")) if p]


def _part(part: str, text: str) -> tuple[str, tuple[str, ...]]:
    known = _meanings()
    key = squashed(part)
    if key in known:
        return known[key]
    if key in STEROIDS:
        raise ScenarioError(f"chemo {text!r} names a steroid", "say it as --steroid MG, dexamethasone in mg a day")
    near = nearest(part, known)
    offered = f"did you mean {near}? " if near else ""
    raise ScenarioError(
        f"chemo {part!r} is unknown", f"{offered}use one of {', '.join(CHEMO)}, or the international name of a drug"
    )


@cache
def _meanings() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Class and drugs by every word."""
    out: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, words in CLASS_WORDS.items():
        out |= {squashed(word): (name, ()) for word in words.split()}
    for name, listed in NAMED.items():
        for words in listed:
            first = words.split()[0]
            out |= {squashed(word): (name, (first,)) for word in words.split()}
    classes = {drug: name for name, listed in NAMED.items() for drug in (w.split()[0] for w in listed)}
    for regimen, drugs in REGIMENS.items():
        own = {classes[d] for d in drugs}
        out[squashed(regimen)] = (next(c for c in CHEMO[1:] if c in own), drugs)
    for name in CHEMO:
        out.setdefault(squashed(name), (name, ()))
    return out
