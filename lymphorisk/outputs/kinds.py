"""Kinds of files this program writes, and how it knows its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

#: What the head of a file must show within this many bytes. [bytes]
HEAD = 65536
#: No report of ours is longer; of longer files that much is looked at. [bytes]
OWN_MOST = 100_000_000
GENERATOR = b'<meta name="generator" content="lymphorisk'
#: Of pages written before they named their generator.
OLD_PAGE = b"<title>Lymphocyte report</title>"
SVG_MARK = b'data-generator="lymphorisk"'
PDF_MARK, PDF_AUTHOR = b"%PDF-", b"/Author (lymphorisk"
#: Of curves; the first of files written before they named their plan.
DVH_HEADS = (b"structure,tg263,dose_gy,volume_cm3", b"plan,structure,tg263,dose_gy,volume_cm3")
#: Of the count over time.
TRAJECTORY_HEAD = (
    "day,alc_p05,alc_p25,alc_median,alc_p75,alc_p95,measured_p05,measured_median,measured_p95,over_baseline,fractions"
)
DICM_AT, DICM = 128, b"DICM"
IMPLEMENTATION = b"LYMPHORISK"
#: SOP classes by kind of object.
PDF_CLASS, SR_CLASS = b"1.2.840.10008.5.1.4.1.1.104.1", b"1.2.840.10008.5.1.4.1.1.88.33"
DOSE_CLASS, STRUCTURES_CLASS = b"1.2.840.10008.5.1.4.1.1.481.2", b"1.2.840.10008.5.1.4.1.1.481.3"
KILL_MAP = b"kill map, NO DOSE"
AVOIDANCE = b"Where a gray costs most lymphocytes"
CARD = "card.toml"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of output: its name in messages, and whether an existing file is one of ours.

    `own` sees the file, up to `OWN_MOST`; `folder` kinds see nothing and are never replaced unasked.
    """

    name: str
    own: Callable[[bytes], bool]
    folder: bool = False


def _json(command: str) -> Callable[[bytes], bool]:
    mark = f'"schema": "lymphorisk/{command}/'.encode()
    return lambda data: data.lstrip().startswith(b"{") and mark in data[:HEAD]


def _pdf(data: bytes) -> bool:
    return data.startswith(PDF_MARK) and PDF_AUTHOR in data


def _page(data: bytes) -> bool:
    return GENERATOR in data[:HEAD] or OLD_PAGE in data[:HEAD]


def _dicom(sop_class: bytes, mark: bytes = b"") -> Callable[[bytes], bool]:
    def own(data: bytes) -> bool:
        head = data[:HEAD]
        return (
            head[DICM_AT : DICM_AT + len(DICM)] == DICM
            and IMPLEMENTATION in head
            and sop_class in head
            and mark in head
        )

    return own


#: Every kind, by what the commands call it. A protocol is a source once it is edited, and a model a result of
#: months: neither is ever replaced unasked.
KINDS: Mapping[str, Kind] = {
    "page": Kind("a report page of lymphorisk", _page),
    "pdf": Kind("a PDF report of lymphorisk", _pdf),
    "analyze": Kind("a JSON result of `lymphorisk analyze`", _json("analyze")),
    "conditioning": Kind("a JSON result of `lymphorisk conditioning`", _json("conditioning")),
    "dvh-csv": Kind("curves of `lymphorisk dvh --csv`", lambda data: data.startswith(DVH_HEADS)),
    "trajectory": Kind(
        "a table of `lymphorisk analyze --trajectory`", lambda data: data.startswith(TRAJECTORY_HEAD.encode())
    ),
    "figure": Kind("a figure of lymphorisk", lambda data: SVG_MARK in data[:HEAD]),
    "dicom-pdf": Kind("an Encapsulated PDF of lymphorisk", _dicom(PDF_CLASS)),
    "sr": Kind("a structured report of lymphorisk", _dicom(SR_CLASS)),
    "kill map": Kind("a kill map of lymphorisk", _dicom(DOSE_CLASS, KILL_MAP)),
    "avoidance": Kind("avoidance structures of lymphorisk", _dicom(STRUCTURES_CLASS, AVOIDANCE)),
    "pack": Kind("a validation pack of lymphorisk", _json("pack")),
    "protocol": Kind("a file nobody edited", lambda data: False),
    "clinic-file": Kind("a clinic file nobody edited", lambda data: False),
    "audit": Kind("an audit trail", lambda data: True),
    # replaced where the ledger beside it says that the folder is a cohort's
    "table": Kind("a table of a cohort", lambda data: False),
    "signature": Kind("a signature of this call", lambda data: False),
    "model": Kind("a model", lambda data: False, folder=True),
}


def is_model(path: Path) -> bool:
    """Whether a folder is a predictor's: only such a folder is ever replaced by one."""
    return (path / CARD).is_file()


def report_kind(path: Path) -> str:
    """Kind of a report by its name."""
    return "pdf" if path.suffix.lower() == ".pdf" else "page"
