"""The PDF: the same content, the same bytes, no harm from names."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.errors import InputError

pytest.importorskip("reportlab")

from lymphorisk.report import formats, pdf
from lymphorisk.report.content import ProtocolRow, ProtocolTable, report


def pages(made: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", made))


def test_it_is_a_pdf_of_a_few_pages(explained: Analysis) -> None:
    made = pdf.render(report(explained))
    assert made.startswith(b"%PDF-")
    assert 3 <= pages(made) <= 8
    assert len(made) < 1_000_000


def test_the_same_result_is_the_same_file(explained: Analysis) -> None:
    assert pdf.render(report(explained)) == pdf.render(report(explained))


def test_hostile_and_foreign_names_do_no_harm(hostile: Analysis) -> None:
    assert pdf.render(report(hostile)).startswith(b"%PDF-")
    organs = dict(hostile.organs)
    organs["Spleen"] = replace(organs["Spleen"], roi_names=("脾臓", "Außenkontur", "<b>", "&amp", "🫁" * 400))
    assert pages(pdf.render(report(replace(hostile, organs=organs)))) >= 3


def test_the_title_names_nobody(explained: Analysis) -> None:
    made = pdf.render(report(explained, ("Doe^Jane", "7")))
    assert re.findall(rb"/Title \(([^)]*)\)", made) == [b"Lymphocyte report"]
    assert not re.search(rb"/(Author|Subject|Keywords) \([^)]*Doe", made)


def test_without_a_predictor_and_with_a_protocol(result: Analysis) -> None:
    rows = tuple(ProtocolRow(f"S{i}", "Mean[Gy]", "<= 9", "4.0", "PASS", "n" * 400) for i in range(60))
    assert pages(pdf.render(report(result, protocol=ProtocolTable("house", "PASS", rows), signature=False))) > 4


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext here")
def test_what_it_says(explained: Analysis, tmp_path: Path) -> None:
    path = tmp_path / "r.pdf"
    path.write_bytes(pdf.render(report(explained, ("Doe^Jane", "7"), written="2026-01-31")))
    said = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    for part in (
        "two phases", "Doe^Jane", "2026-01-31", "They differ.", "62 %", "Spleen", "Kim 2024, GBM", "Organ doses",
        "Blood dose", "Provenance", "not a medical device", "Medical physicist", "odds ×3.00", "grade 3: below 0.5",
    ):  # fmt: skip
        assert part in said, part


def test_the_file_name_decides_the_form(result: Analysis) -> None:
    assert isinstance(formats.written(Path("a.html"), report(result)), str)
    assert isinstance(formats.written(Path("a.PDF"), report(result)), bytes)


def test_a_missing_reportlab_is_named(result: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reportlab", None)
    with pytest.raises(InputError) as caught:
        formats.written(Path("a.pdf"), report(result))
    assert "lymphorisk[pdf]" in caught.value.hint
