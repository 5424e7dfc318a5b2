"""From structures and dose to dose-volume histograms. Knows no organs, patients or fractions."""

from __future__ import annotations

from lymphorisk.dvh.curve import DVH, DoseDistribution, NotContoured, OutsideGrid, diluted, mixture, uniform

__all__ = ["DVH", "DoseDistribution", "NotContoured", "OutsideGrid", "diluted", "mixture", "uniform"]
