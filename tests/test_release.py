"""What is shipped beside the code says what pyproject.toml says: lock file, conda recipe, container, citation."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lymphorisk.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
RECIPE = (ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8")
#: As conda-forge calls what has another name on the index of Python.
CONDA = {"xgboost-cpu": "py-xgboost-cpu", "matplotlib": "matplotlib-base"}
#: Extras that a user of a package does not install.
INSIDE = {"dev", "docs"}
PYTHONS = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
MINI = {"3.11": "3.11.0", "3.12": "3.12.0", "3.13": "3.13.0"}


def asked(*extras: str) -> list[Requirement]:
    """What the package asks for, with the extras of these names; its own extras opened."""
    out = [Requirement(text) for text in PROJECT["dependencies"]]
    for extra in extras:
        for text in PROJECT["optional-dependencies"][extra]:
            wanted = Requirement(text)
            out += asked(*wanted.extras) if wanted.name == "lymphorisk" else [wanted]
    return out


def locked(text: str, environment: dict[str, str]) -> dict[str, list[str]]:
    """Versions by name that the lock file has for an environment."""
    out: dict[str, list[str]] = {}
    for line in re.findall(r"^[a-z0-9].*$", text, re.M):
        wanted, _, marker = line.rstrip(" \\").partition(" ; ")
        name, version = wanted.split("==")
        if not marker or Marker(marker).evaluate(environment):
            out.setdefault(canonicalize_name(name), []).append(version)
    return out


def unsatisfied(text: str, environment: dict[str, str]) -> set[str]:
    """What pyproject.toml asks for and the lock file does not give, or gives twice."""
    have = locked(text, environment)
    return {
        str(wanted)
        for wanted in asked(*PROJECT["optional-dependencies"])
        if len(versions := have.get(canonicalize_name(wanted.name), [])) != 1 or versions[0] not in wanted.specifier
    }


def linux(python: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": MINI[python],
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def ci(name: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_satisfies_what_the_package_asks_for(python: str) -> None:
    assert unsatisfied(LOCK, linux(python)) == set(), "make lock writes it again"


def test_a_lock_file_that_does_not_is_seen() -> None:
    here = linux("3.12")
    older = re.sub(r"^click==\S+", "click==8.0", LOCK, flags=re.M)
    missing = re.sub(r"^reportlab==", "report-lab==", LOCK, flags=re.M)
    assert unsatisfied(older, here) == {"click>=8.1"}
    assert unsatisfied(missing, here) == {"reportlab>=4.2"}
    assert unsatisfied(LOCK + "\nclick==8.1 \\\n", here) == {"click>=8.1"}


def test_everything_locked_has_hashes_and_no_address() -> None:
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.M)[1:]
    assert len(entries) > 100
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert not re.search(r"://|index-url|find-links|\.whl|file:|/home/|/root/|/opt/|/work/", LOCK)


def recipe(key: str) -> list[Requirement]:
    """A list of requirements of the conda recipe."""
    body = re.search(rf"^  {key}:\n((?:    - .*\n)+)", RECIPE, re.M)
    assert body is not None
    lines = [line[6:].replace("${{ python_min }}", min_python()) for line in body[1].splitlines()]
    return [Requirement(line) for line in lines]


def min_python() -> str:
    return PROJECT["requires-python"].removeprefix(">=")


def bounds(wanted: list[Requirement]) -> dict[str, str]:
    return {canonicalize_name(r.name): str(r.specifier) for r in wanted}


def conda(wanted: list[Requirement]) -> dict[str, str]:
    return bounds([Requirement(f"{CONDA.get(r.name, r.name)}{r.specifier}") for r in wanted])


def test_the_conda_recipe_asks_for_what_the_package_asks_for() -> None:
    assert bounds(recipe("run")) == conda(asked()) | {"python": PROJECT["requires-python"]}
    extras = conda(asked(*(e for e in PROJECT["optional-dependencies"] if e not in INSIDE)))
    assert bounds(recipe("run_constraints")) == {k: v for k, v in extras.items() if k not in conda(asked())}


def test_version_and_command_are_the_same_everywhere() -> None:
    assert f'version: "{__version__}"' in RECIPE
    assert f'python_min: "{min_python()}"' in RECIPE
    for name, place in PROJECT["scripts"].items():
        assert f"- {name} = {place}\n" in RECIPE
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_what_is_tried_before_a_release_is_what_the_package_promises() -> None:
    release = ci("release")
    assert list(release.PYTHONS) == PYTHONS
    assert min(PYTHONS) == min_python()


def test_numbers_that_move_too_far_end_the_check() -> None:
    release = ci("release")
    there = {"risk": 0.3, "count": 1.0, "zero": 0.0}
    assert release.moved(there, there) == {"numbers": 3, "differ": 0, "largest": 0.0, "at": ""}
    near = release.moved(there, there | {"count": 1.0 + release.TOLERANCE / 2})
    assert (near["differ"], near["at"]) == (1, "count")
    with pytest.raises(SystemExit, match="risk moves"):
        release.moved(there, there | {"risk": 0.3 * (1 + 2 * release.TOLERANCE)})
    with pytest.raises(SystemExit, match="keys"):
        release.moved(there, {"risk": 0.3})


def test_the_page_on_releasing_takes_the_figures() -> None:
    release = ci("release")
    page = release.PAGE.read_text(encoding="utf-8")
    row = {"numbers": 7, "differ": 1, "largest": 1e-9, "at": "analyze.x"}
    figures = {"version": "9", "missing": ["3.99"], "moved": {"3.11, locked, wheel": row}, "audit": "not audited"}
    made = release.written(page, figures)
    assert "| 3.11, locked, wheel | 7 | 1 | 1.0e-09 | `analyze.x` |" in made
    assert "not tried: Python 3.99" in made
    assert release.written(made, figures) == made


def test_the_versioned_site_is_made_by_the_programs_of_its_own_environment() -> None:
    """mike calls mkdocs by its name: it is found where both were installed, whatever the caller's PATH is."""
    made = subprocess.run(["make", "-n", "docs-version"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    calls = [line for line in made.splitlines() if "/mike " in line]
    assert len(calls) == 2
    assert all(line.startswith(f'PATH="{ROOT / ".venv" / "bin"}:') for line in calls)
