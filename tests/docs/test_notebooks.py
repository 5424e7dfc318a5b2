"""The notebooks run from top to bottom, are kept without outputs, and stand in the site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def cells(notebook: Path) -> list[dict[str, object]]:
    """Cells of code."""
    read = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in read["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_kept_without_outputs_and_stands_in_the_site(notebook: Path) -> None:
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells(notebook))
    assert f"notebooks/{notebook.name}" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own folder, as the site's build runs it; the last value of a cell is not looked at."""
    import matplotlib
    import matplotlib.pyplot as plt

    monkeypatch.chdir(notebook.parent)
    names: dict[str, object] = {"__name__": "__main__"}
    with matplotlib.rc_context():
        plt.switch_backend("agg")
        try:
            for number, cell in enumerate(cells(notebook), start=1):
                source = "".join(cell["source"])  # type: ignore[arg-type]
                exec(compile(source, f"{notebook.name}, cell {number}", "exec"), names)
        finally:
            plt.close("all")
