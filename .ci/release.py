"""What must hold before a release: the same bytes when built again, bare installs, the same numbers on every Python.

``python .ci/release.py --out dist`` builds wheel and source archive twice from the committed files and compares them,
installs each in an environment of its own on every supported Python that is found, with the versions of
``requirements.lock``, runs ``doctor``, ``demo`` and a few commands there, does the same once with the declared floors,
says how far the numbers move from one to the next, and writes the software bill of materials (CycloneDX) and the
licences of what was installed. A Python that is not found is named; ``--strict`` makes that an error. ``--write`` puts
the figures into ``docs/releasing.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from lowest import floors

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
PLAN = ROOT / "fixtures" / "rtplans" / "pancreas"
PAGE = ROOT / "docs" / "releasing.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
#: What is asked in every environment; {plan} is the built-in plan.
ASKED = {
    "analyze": ("analyze", "{plan}", "--alc", "1.4", "--sex", "F", "--age", "61", "--site", "pancreas", "--json"),
    "dvh": ("dvh", "{plan}", "--json"),
    "blood": ("blood", "{plan}", "--json"),
    "conditioning": ("conditioning", "--product", "axi-cel", "--json"),
}
#: The same plan may differ by this from one Python, or one allowed version of a library, to another: the learners'
#: single precision and the last digits of linear algebra.
TOLERANCE = 1e-5


def run(*command: str | Path, **more: Any) -> str:
    """Its standard output; the command's own words when it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\nends with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def works(python: Path, version: str) -> bool:
    said = subprocess.run(
        [python, "-c", "import sys;print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
    )
    return said.returncode == 0 and said.stdout.strip() == version


def python_of(version: str) -> Path | None:
    """The interpreter of a version: on the path, or among those of pyenv."""
    named = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [Path(named)] if named else []
    candidates += [home / "bin" / "python" for home in sorted(pyenv.glob(f"{version}.*"))]
    return next((c for c in candidates if works(c, version)), None)


def sources(folder: Path) -> Path:
    """The committed files alone, as a release is made from them."""
    folder.mkdir()
    archive = folder.parent / "committed.tar"
    run("git", "-C", ROOT, "archive", "--format=tar", "-o", archive, "HEAD")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def built(tools: Path, folder: Path, out: Path) -> dict[str, Path]:
    """Wheel and source archive of a folder."""
    epoch = run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()
    run(tools / "python", "-m", "build", "--outdir", out, folder, env={**os.environ, "SOURCE_DATE_EPOCH": epoch})
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leaves(value: object, at: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON result by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{at}[{i}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield at, float(value)


def distance(a: float, b: float) -> float:
    """Relative to the larger; numbers below a billionth are zero."""
    return abs(a - b) / max(abs(a), abs(b), 1e-9)


def moved(a: dict[str, float], b: dict[str, float]) -> dict[str, Any]:
    """The largest relative difference of two results, and where it is."""
    if a.keys() != b.keys():
        raise SystemExit(f"results differ in their keys: {sorted(a.keys() ^ b.keys())[:5]}")
    far = max(a, key=lambda key: distance(a[key], b[key]))
    largest = distance(a[far], b[far])
    if largest > TOLERANCE:
        raise SystemExit(f"{far} moves by {largest:.3g}, more than {TOLERANCE:g}: {a[far]!r} and {b[far]!r}")
    differ = sum(a[key] != b[key] for key in a)
    return {"numbers": len(a), "differ": differ, "largest": largest, "at": far if differ else ""}


def tried(uv: Path, python: Path, package: Path, home: Path, constraints: Path) -> tuple[Path, dict[str, float]]:
    """A bare environment with the package in it: doctor, demo and the commands; the environment and the numbers.

    Hashes of the constraints are held to.
    """
    run(python, "-m", "venv", "--without-pip", home)
    inside = ("--quiet", "--python", home / "bin" / "python")
    run(uv, "pip", "install", *inside, "-c", constraints, package)
    run(uv, "pip", "check", *inside)
    away = home / "away"
    away.mkdir()
    clean = {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "HOME": str(away), "LANG": "C.UTF-8"}
    program = home / "bin" / "lymphorisk"
    run(program, "doctor", cwd=away, env=clean)
    run(program, "demo", "--report", away / "demo.html", cwd=away, env=clean)
    if not (away / "demo.html").stat().st_size:
        raise SystemExit("the demo wrote an empty report")
    numbers: dict[str, float] = {}
    for name, words in ASKED.items():
        said = run(program, *(word.format(plan=PLAN) for word in words), cwd=away, env=clean)
        numbers |= dict(leaves(json.loads(said), name))
    return home, numbers


def section(figures: dict[str, Any]) -> str:
    """The figures as the page shows them."""
    rows = "".join(
        f"| {where} | {f['numbers']} | {f['differ']} | {f['largest']:.1e} | {f['at'] and '`' + f['at'] + '`'} |\n"
        for where, f in figures["moved"].items()
    )
    missing = f" Not found there, not tried: Python {', '.join(figures['missing'])}." if figures["missing"] else ""
    asked = ", ".join(f"`{name}`" for name in ASKED)
    return (
        f"Written by `make release-check`. Wheel and source archive of {figures['version']} were built twice with the "
        f"same bytes, and installed bare.{missing} Numbers of {asked} on a built-in plan, against the first line, "
        f"relative to the larger; more than {TOLERANCE:g} would end the check: that is the tolerance over Pythons and "
        "allowed versions of libraries.\n\n"
        "| Python and versions | numbers | differ | largest relative difference | where |\n|---|---|---|---|---|\n"
        f"{rows}\nKnown weaknesses (pip-audit): {figures['audit']}.\n"
    )


def written(page: str, figures: dict[str, Any]) -> str:
    """The page with its figures replaced."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + section(figures) + END + rest.split(END)[1]


LICENCES = """
import importlib.metadata as m, json
out = []
for d in m.distributions():
    t = d.metadata
    known = [c.rsplit(' :: ', 1)[-1] for c in t.get_all('Classifier') or [] if c.startswith('License :: ')]
    said = t.get('License-Expression') or ', '.join(known) or (t.get('License') or '').strip().splitlines()[:1]
    out.append([t['Name'], d.version, said if isinstance(said, str) else ''.join(said)])
print(json.dumps(sorted(out, key=lambda r: r[0].lower())))
"""


def licences(home: Path) -> list[tuple[str, str, str]]:
    """Name, version and licence, as its own metadata says, of everything an environment holds."""
    return [
        tuple(row)
        for row in json.loads(run(home / "bin" / "python", "-c", LICENCES))
        if row[0] not in {"pip", "setuptools"}
    ]


def audited(tools: Path, locked: Path) -> str:
    """What pip-audit says of the pinned versions; that it could say nothing is a word of its own, never a pass."""
    options = ["--disable-pip", "--format", "json", "--progress-spinner=off"]
    try:
        done = subprocess.run(
            [str(tools / "pip-audit"), "-r", str(locked), *options], capture_output=True, text=True, timeout=60
        )
        said = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return "not audited, the index of known weaknesses was out of reach"
    seen = [d for d in said if "skip_reason" not in d]
    weak = [f"{d['name']} {d['version']}: {', '.join(v['id'] for v in d['vulns'])}" for d in seen if d["vulns"]]
    if weak:
        raise SystemExit("known weaknesses:\n" + "\n".join(weak))
    if not seen:
        return "not audited, the index of known weaknesses was out of reach"
    return f"none in {len(seen)} of {len(said)} packages"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--out", type=Path, default=ROOT / "dist")
    ask.add_argument("--strict", action="store_true", help="a Python that is not found is an error")
    ask.add_argument("--write", action="store_true", help="the figures into docs/releasing.md")
    ask.add_argument("--quick", action="store_true", help="only the wheel, on this Python, locked versions")
    wanted = ask.parse_args()
    ours = "{}.{}".format(*sys.version_info[:2])
    found = {version: python_of(version) for version in ((ours,) if wanted.quick else PYTHONS)}
    here = {version: python for version, python in found.items() if python is not None}
    missing = [version for version in PYTHONS if version not in here]
    if missing:
        print(f"not found, not tried: Python {', '.join(missing)}", file=sys.stderr)
    if not here or (missing and wanted.strict):
        raise SystemExit(3)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tools = work / "tools" / "bin"
        run(sys.executable, "-m", "venv", tools.parent)
        run(tools / "python", "-m", "pip", "install", "--quiet", "build", "cyclonedx-bom", "pip-audit", "uv")
        first = built(tools, sources(work / "a"), work / "dist-a")
        second = built(tools, sources(work / "b"), work / "dist-b")
        for kind, path in first.items():
            if sha256(path) != sha256(second[kind]):
                raise SystemExit(f"the {kind} is not the same bytes when it is built again")
            print(f"{path.name}  sha256 {sha256(path)}  built twice, same bytes", flush=True)
        locked = ROOT / "requirements.lock"
        lowest = work / "floors.txt"
        lowest.write_text("\n".join(floors(ROOT / "pyproject.toml")) + "\n", encoding="utf-8")
        kinds = ("wheel",) if wanted.quick else tuple(first)
        plans = [(f"{v}, locked, {kind}", here[v], first[kind], locked) for v in here for kind in kinds]
        if not wanted.quick:
            plans.append((f"{next(iter(here))}, floors, wheel", next(iter(here.values())), first["wheel"], lowest))
        figures: dict[str, Any] = {"version": first["wheel"].name.split("-")[1], "missing": missing, "moved": {}}
        reference: dict[str, float] = {}
        kept: Path | None = None
        for n, (where, python, package, constraints) in enumerate(plans):
            home, numbers = tried(tools / "uv", python, package, work / str(n), constraints)
            reference = reference or numbers
            if kept is None:
                kept = home
            else:
                shutil.rmtree(home)
            figures["moved"][where] = moved(reference, numbers)
            print(f"Python {where}: doctor, demo, {', '.join(ASKED)}; {figures['moved'][where]}", flush=True)
        assert kept is not None
        wanted.out.mkdir(parents=True, exist_ok=True)
        for path in first.values():
            shutil.copy2(path, wanted.out / path.name)
        bill = wanted.out / "lymphorisk.cdx.json"
        run(tools / "cyclonedx-py", "environment", kept / "bin" / "python", "--output-reproducible", "-o", bill)
        print(f"{bill.name}: {len(json.loads(bill.read_text())['components'])} components")
        rows = licences(kept)
        silent = [name for name, _, licence in rows if not licence]
        if silent:
            raise SystemExit(f"no licence in the metadata of {', '.join(silent)}")
        table = "".join(f"| {name} | {release} | {licence} |\n" for name, release, licence in rows)
        table = f"| package | version | licence |\n|---|---|---|\n{table}"
        (wanted.out / "licences.md").write_text(table, encoding="utf-8")
        figures["audit"] = audited(tools, locked)
        print(figures["audit"])
        if wanted.write and not wanted.quick:
            PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")


if __name__ == "__main__":
    main()
