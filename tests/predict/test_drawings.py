"""Figures by shap: the same bytes, fit for a page, the numbers of the explanation, and nothing global left changed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.predict import Predictor, explain, shap_drawings
from lymphorisk.predict.drawings import ROWS, _rows_of_figure, beeswarm


@pytest.fixture(scope="module")
def patient() -> FeatureVector:
    known = {"alc": 1.4, "age": 61.0, "fractions": 25.0, "blood_mean": 2.0, "spleen_mean": 9.0}
    return FeatureVector(np.array([known.get(n, np.nan) for n in NAMES]))


@pytest.fixture(scope="module")
def drawn(predictor: Predictor, patient: FeatureVector) -> dict[str, str]:
    return dict(shap_drawings(predictor, patient))


def test_the_same_patient_is_the_same_bytes(
    predictor: Predictor, patient: FeatureVector, drawn: dict[str, str]
) -> None:
    assert dict(shap_drawings(predictor, patient)) == drawn


def test_another_patient_is_another_drawing(predictor: Predictor, drawn: dict[str, str]) -> None:
    other = FeatureVector(np.array([{"alc": 0.6, "spleen_mean": 20.0}.get(n, np.nan) for n in NAMES]))
    changed = shap_drawings(predictor, other)
    assert all(changed[name] != drawn[name] for name in drawn)


def test_each_is_one_self_contained_element_with_a_title(drawn: dict[str, str]) -> None:
    assert set(drawn) == {"waterfall", "beeswarm"}
    for drawing in drawn.values():
        root = ElementTree.fromstring(drawing)
        assert root.tag == "svg"
        assert root.attrib["role"] == "img"
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert root[0].text == root.attrib["aria-label"]
        assert not re.search(r"https?:|url\(|<image|<style|<metadata|<!--|<script|data:|20\d\d-\d\d-\d\d", drawing)
        ids = re.findall(r'\bid="([^"]+)"', drawing)
        assert set(re.findall(r'href="#([^"]+)"', drawing)) <= set(ids)
        assert len(drawing) < 300_000
    ids = re.findall(r'\bid="([^"]+)"', "".join(drawn.values()))
    assert len(ids) == len(set(ids))


def test_it_tells_the_numbers_of_the_explanation(
    predictor: Predictor, patient: FeatureVector, drawn: dict[str, str]
) -> None:
    why = explain(predictor, patient)
    description = ElementTree.fromstring(drawn["waterfall"])[1].text or ""
    assert f"From {why.average_base:.2f} " in description
    assert f" to {why.log_odds:.2f} " in description
    assert description.index(why.features[0].label) < description.index(why.features[1].label)


def test_every_background_patient_is_a_dot_and_this_one_a_diamond_a_row(
    predictor: Predictor, drawn: dict[str, str]
) -> None:
    rows = min(ROWS, len(predictor.features))
    marked, unmarked = drawn["beeswarm"], beeswarm(predictor, "g3")
    dots = re.findall(r'<use [^>]*x="[^"]*" y="[^"]*" style="fill: ', unmarked)
    assert len(dots) >= rows * len(predictor.background)
    assert marked.count("<use ") - unmarked.count("<use ") == rows
    assert "this patient" in marked
    assert "this patient" not in unmarked


def test_the_last_row_sums_up_what_is_left() -> None:
    values = np.arange(20.0)
    shown = _rows_of_figure(values)
    assert len(shown) == ROWS
    assert shown.sum() == values.sum()
    assert shown[0] == 0.0
    assert shown[-1] == sum(range(ROWS - 1, 20))


@pytest.mark.slow
def test_nothing_global_is_left_changed(predictor: Predictor, patient: FeatureVector) -> None:
    import matplotlib
    import matplotlib.pyplot as plt

    np.random.seed(7)
    expected = np.random.random()
    np.random.seed(7)
    users = plt.figure()
    try:
        opened = plt.get_fignums()
        with matplotlib.rc_context({"font.size": 23.0, "axes.facecolor": "black"}):
            settings = dict(matplotlib.rcParams)
            strange = dict(shap_drawings(predictor, patient))
            assert dict(matplotlib.rcParams) == settings
        assert np.random.random() == expected
        assert plt.get_fignums() == opened
        assert plt.gcf() is users
        assert not users.axes
    finally:
        plt.close(users)
    assert strange == dict(shap_drawings(predictor, patient))
