"""Waterfall and beeswarm as the shap package draws them: SVG text that is the same for the same model and patient.

What shap draws is made for a notebook. Here it becomes part of a page: no script, no raster, no style sheet of its own
(one would restyle the whole page), no reference out of it, and ids that no other figure has.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.features import Feature, FeatureVector
from lymphorisk.predict.booster import Predictor, row_of
from lymphorisk.predict.explain import OUTCOME_WORDS, shap_package

#: Rows of a figure; the last one sums up all other features.
ROWS = 12
#: Salt of the ids matplotlib makes, and seed of the vertical jitter of the beeswarm: fixed, so bytes repeat.
SALT, JITTER_SEED = "lymphorisk", 0
PATIENT = {"marker": "D", "s": 46, "facecolor": "#ffffff", "edgecolor": "#000000", "linewidth": 1.6, "zorder": 10}
NOT_KNOWN = "not known"
#: What matplotlib writes around a figure and a page must not hold.
NOT_FOR_A_PAGE = (
    r"<\?xml.*?\?>",
    r"<!DOCTYPE.*?>",
    r"<!--.*?-->",
    r"<metadata>.*?</metadata>",
    r"<style.*?</style>",
    r"<defs>\s*</defs>",
)


def shap_drawings(predictor: Predictor, vector: FeatureVector, outcome: str = "g3") -> Mapping[str, str]:
    """The figures of one patient.

    Both are on the scale of the calibrated log-odds, with the same contributions as `explain`.

    Parameters
    ----------
    predictor : Predictor
        From `load`.
    vector : FeatureVector
        The patient.
    outcome : str
        ``g3`` or ``g4``.

    Returns
    -------
    mapping of str to str
        ``waterfall``: from the model's average patient to this one. ``beeswarm``: the stored background patients, one
        dot each, with this patient as a diamond. Each one SVG element.
    """
    row = row_of(predictor, vector)
    return {"waterfall": waterfall(predictor, row, outcome), "beeswarm": beeswarm(predictor, outcome, row)}


def waterfall(predictor: Predictor, row: NDArray[np.float64], outcome: str) -> str:
    """From the model's average patient to the patient with features `row`, shape (n,), largest contribution on top."""
    shap = shap_package()
    base, values = _calibrated(predictor, row[None, :], outcome)
    labels = [f.label for f in predictor.asked(row)]
    reasons = shap.Explanation(
        values=values[0],
        base_values=base,
        data=row,
        display_data=np.array([_shown(f, v) for f, v in zip(predictor.schema, row, strict=True)], dtype=object),
        feature_names=labels,
    )
    top = [labels[i] for i in np.argsort(-np.abs(values[0]), kind="stable")[:3]]
    with _figure() as figure:
        shap.plots.waterfall(reasons, max_display=ROWS, show=False)
        return _page_part(
            figure,
            f"shap-waterfall-{outcome}",
            f"SHAP waterfall of this patient, {_words(outcome)}",
            f"From {base:.2f} for the average patient to {base + values.sum():.2f} for this one, in log-odds. "
            f"Largest contributions: {', '.join(top)}.",
        )


def beeswarm(predictor: Predictor, outcome: str, row: NDArray[np.float64] | None = None) -> str:
    """Contributions of every stored background patient; a diamond marks the patient with features `row`, if given."""
    shap = shap_package()
    _, values = _calibrated(predictor, predictor.background, outcome)
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
    crowd = shap.Explanation(values=values, data=predictor.background, feature_names=list(predictor.labels))
    top = ", ".join(predictor.labels[i] for i in order[:3])
    said = f"{len(values)} background patients, one dot each, contribution in log-odds. Widest: {top}."
    with _figure() as figure:
        axes = shap.plots.beeswarm(crowd, max_display=ROWS, order=order, show=False)
        axes.set_xlabel("SHAP value (contribution to the calibrated log-odds)")
        if row is not None:
            mine = _rows_of_figure(_calibrated(predictor, row[None, :], outcome)[1][0][order])
            axes.scatter(mine, np.arange(len(mine))[::-1], **PATIENT)
            said += " Diamonds: this patient."
        title = f"SHAP beeswarm of the background patients, {_words(outcome)}"
        return _page_part(figure, f"shap-beeswarm-{outcome}", title, said)


def _rows_of_figure(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ordered contributions as the beeswarm shows them: the last row holds the sum of all that are left."""
    if len(values) <= ROWS:
        return values
    return np.append(values[: ROWS - 1], values[ROWS - 1 :].sum())


def _calibrated(predictor: Predictor, rows: NDArray[np.float64], outcome: str) -> tuple[float, NDArray[np.float64]]:
    """Base and contributions, shape (m, n). [logit]"""
    line = predictor.calibration[outcome]
    parts = line.slope * predictor.boosters[outcome].contributions(rows)
    return line.intercept + float(parts[0, -1]), parts[:, :-1]


def _words(outcome: str) -> str:
    return OUTCOME_WORDS.get(outcome, outcome)


def _shown(known: Feature, value: float) -> str:
    if not np.isfinite(value):
        return NOT_KNOWN
    if known.unit == "0/1":
        return "yes" if value > 0.5 else "no"
    unit = "" if f"[{known.unit}]" in known.label else known.unit
    return f"{value:.3g} {unit}".rstrip()


@contextmanager
def _figure() -> Iterator[Any]:
    """An empty figure for shap to draw into, whatever the user's settings; all that is global is put back."""
    import matplotlib

    before = matplotlib.get_backend(auto_select=False)
    jitter = np.random.get_state()  # shap jitters with numpy's global state
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")
        import matplotlib.pyplot as plt

        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": SALT, "svg.fonttype": "path", "text.parse_math": True})
        plt.switch_backend("agg")
        np.random.seed(JITTER_SEED)
        figure = plt.figure()
        try:
            yield figure
        finally:
            plt.close(figure)
            np.random.set_state(jitter)
            if before is not None:
                plt.switch_backend(before)


def _page_part(figure: Any, key: str, title: str, description: str) -> str:
    """The figure as one SVG element with a title, for a page that holds others."""
    for artist in figure.findobj():
        artist.set_clip_on(False)
        artist.set_rasterized(False)
    written = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", bbox_inches="tight", facecolor="white", metadata=nothing)
    text = written.getvalue()
    for unwanted in NOT_FOR_A_PAGE:
        text = re.sub(unwanted, "", text, flags=re.S)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", text)
    text = _shorter(text)
    box = re.search(r'viewBox="[^"]*"', text)
    if box is None:
        raise ValueError("matplotlib wrote an SVG without a viewBox")
    head = (
        f'<svg {box.group()} role="img" aria-label="{escape(title)}" stroke-linejoin="round" stroke-linecap="butt">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    )
    return re.sub(r"<svg.*?>", lambda _: head, text, count=1, flags=re.S).strip()


def _shorter(text: str) -> str:
    """Coordinates to a hundredth of a point, no blank between elements."""

    def rounded(m: re.Match[str]) -> str:
        return f"{float(m.group()):.2f}".rstrip("0").rstrip(".")

    text = re.sub(r'(?<= [xy]=")-?\d+\.\d{3,}', rounded, text)
    return re.sub(r">\s+<", "><", text)
