"""Draw the picture of docs/anatomy.md: ``python docs/figures/placed.py``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lymphorisk.analysis import analyze
from lymphorisk.dicom import read_export
from lymphorisk.report.palette import LIGHT, figure_css, variables
from lymphorisk.report.placed import placed_figure

HERE = Path(__file__).parent
PELVIS = HERE.parents[1] / "fixtures" / "rtplans" / "pelvis"
DRAWN = ("Body", "Bladder", "Femur_Head_L", "Femur_Head_R", "Bowel_Small", "Rectum")


def main() -> None:
    export = read_export(PELVIS)
    few = tuple(s for s in export.plan.structures if s.name in DRAWN or s.rt_type == "PTV")
    drawing = placed_figure(analyze(replace(export, plan=replace(export.plan, structures=few))))
    assert drawing is not None
    style = (
        f"<style>svg {{ {variables(LIGHT)} background: var(--paper); font-family: sans-serif; }} {figure_css()}</style>"
    )
    svg = (
        drawing.svg()
        .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        .replace("><title", f">{style}<title", 1)
    )
    (HERE / "placed.svg").write_text(svg + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
