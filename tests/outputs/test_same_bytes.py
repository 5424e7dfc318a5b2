"""The same input gives the same bytes wherever the process lives: threads, hash seeds, languages, zones, folders."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: In a process of its own, as an embedding program would start us: its language is the user's.
DRIVER = """
import contextlib, io, json, locale, sys
from pathlib import Path
from lymphorisk.cli.main import run
locale.setlocale(locale.LC_ALL, "")
for number, args in enumerate(json.loads(sys.argv[1])):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = run(args)
    if code not in (0, 1, 4):
        raise SystemExit(f"{args}: {code}")
    Path(f"stdout-{number}").write_text(said.getvalue(), encoding="utf-8")
print(locale.localeconv()["decimal_point"])
"""
PATIENT = ("--alc", "1.4", "--sex", "F", "--age", "61", "--draws", "64", "--horizon", "90")
DATED = ("--dated", "2026-03-01T10:00:00")
COMMANDS = (
    ("analyze", "export", *PATIENT, *DATED, "--curves", "--out", "a.json", "--report", "a.html", "--sr", "a-sr.dcm"),
    ("analyze", "export", *PATIENT, *DATED, "--report", "a.pdf", "--dicom-pdf", "a-pdf.dcm", "--json"),
    ("check", "export", "--protocol", "brain", *PATIENT, *DATED, "--report", "c.html", "--format", "junit"),
    ("check", "a.json", "--protocol", "brain", "--json"),
    ("dvh", "export", "--metric", "V20Gy[%]", "--csv", "d.csv", "--json"),
    ("dvh", "export"),
    ("blood", "export", "--json"),
    ("blood", "export", "--engine", "montecarlo"),
    ("conditioning", "--product", "axi-cel", "--draws", "64", *DATED, "--report", "r.html", "--out", "r.json"),
    ("conditioning", "--product", "axi-cel", "export", "--first-day", "-21", "--draws", "64", *DATED, "--sr", "r.dcm"),
    ("update", "a.json", "--alc", "7=1.0", "--json"),
    ("compare", "export", "export", *PATIENT, "--report", "v.html"),
    ("killmap", "export", *DATED, "--out", "k.dcm"),
    ("cohort", "run", "export", "plan.toml", "--out", "cohort", "--workers", "0", "--curves", "1", "--draws", "64"),
)
SCENARIO = """
[plan]
label = "İstanbul ılık, Straße"
fractions = 10
[organs]
Spleen = { mean_gy = 4.0 }
Body = { mean_gy = 1.0 }
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
#: What stands in a cohort's folder beside the tables: when and by whom each plan was analysed.
OF_THE_RUN = ("timings.csv", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm")
TWO = dict.fromkeys(THREADS, "2")
BARE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PLACES = {
    "Turkish, two threads": (
        "ığdır şehri",
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2"} | TWO,
    ),
    "German": ("deep/er/folder", {"LC_ALL": "de_DE.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "3"}),
    "no language, two threads": ("c", {**BARE, "TZ": "Asia/Kathmandu", **TWO}),
}


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Turkish and German, made here: few machines have them."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("no localedef on this machine: languages cannot be made")
    for name in ("tr_TR", "de_DE"):
        made = subprocess.run(
            ["localedef", "-i", name, "-f", "UTF-8", str(folder / f"{name}.UTF-8")], capture_output=True, text=True
        )
        if not (folder / f"{name}.UTF-8").exists():
            pytest.skip(f"localedef cannot make {name}: {made.stderr[-200:]}")
    return folder


def answers(place: Path, rtplans: Path, more: dict[str, str]) -> tuple[dict[str, str], str]:
    """SHA-256 of every output of every command in a folder, and the decimal point of the process's language."""
    place.mkdir(parents=True)
    shutil.copytree(rtplans / "brain", place / "export")
    (place / "plan.toml").write_text(SCENARIO, encoding="utf-8")
    before = {p for p in place.rglob("*") if p.is_file()}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", *THREADS))}
    env |= {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", **dict.fromkeys(THREADS, "1"), **more}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(COMMANDS)], cwd=place, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    files = sorted(p for p in place.rglob("*") if p.is_file() and p not in before and p.name not in OF_THE_RUN)
    return {str(p.relative_to(place)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}, done.stdout.strip()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, rtplans: Path) -> dict[str, str]:
    made, _ = answers(tmp_path_factory.mktemp("here") / "here", rtplans, {})
    assert {Path(name).suffix for name in made} >= {".json", ".html", ".pdf", ".dcm", ".csv", ".parquet"}
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_the_bytes_do_not_depend_on_where_they_are_made(
    name: str, here: dict[str, str], languages: Path, tmp_path: Path, rtplans: Path
) -> None:
    folder, more = PLACES[name]
    made, point = answers(tmp_path / folder, rtplans, {"LOCPATH": str(languages), **more})
    assert point == ("," if more.get("LC_ALL", "C")[:2] in ("tr", "de") else "."), "the language is not in force"
    assert made.keys() == here.keys()
    assert [file for file, digest in here.items() if made[file] != digest] == []
