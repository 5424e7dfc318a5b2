"""The declared floors as a constraints file: every dependency of pyproject.toml at its lowest version.

``python .ci/lowest.py > lowest.txt; pip install -e '.[dev]' -c lowest.txt`` installs what the package promises to work
with and no newer. Tools that only look at the code (ruff, mypy) are left free.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

FREE = {"ruff", "mypy", "lymphorisk"}
LOWEST = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9][0-9a-z.]*)")


def floors(pyproject: Path) -> list[str]:
    """``name==floor`` of every dependency and extra; a dependency without a floor is an error."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    out: dict[str, str] = {}
    for requirement in wanted:
        name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
        if name in FREE:
            continue
        found = LOWEST.match(requirement)
        if found is None:
            raise SystemExit(f"{requirement!r} has no lowest version (NAME>=VERSION)")
        out[name] = found[2]
    return [f"{name}=={version}" for name, version in sorted(out.items())]


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    sys.stdout.write("\n".join(floors(root / "pyproject.toml")) + "\n")
