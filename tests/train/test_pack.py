"""Packs: nothing small leaves the hospital, by no subtraction; pools against a slow twin and a case worked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from lymphorisk import schemas
from lymphorisk.cli.main import run
from lymphorisk.errors import InputError
from lymphorisk.plain import dumps, tidy
from lymphorisk.report import html
from lymphorisk.report import pack as page_of_pack
from lymphorisk.train.pack import LEAST_CELL, binned, cells_of, decisions, digest, read_pack, subgroups_told
from lymphorisk.train.pool import pool, random_effects, reml

RNG = np.random.default_rng(4)
P = RNG.beta(1.2, 2.0, 400)
EVENT = (RNG.random(400) < P).astype(float)


def test_bins_hold_everybody_and_no_small_count() -> None:
    bins = binned(P, EVENT)
    assert len(bins) > 5
    assert sum(b["patients"] for b in bins) == 400
    assert sum(b["events"] for b in bins) == EVENT.sum()
    for b in bins:
        assert min(b["events"], b["patients"] - b["events"]) >= LEAST_CELL
    assert bins[-1]["up_to"] == 1.0


def test_a_decision_curve_tells_no_more_than_the_bins() -> None:
    """The net benefit at an edge, by the patients themselves."""
    for t, model, everybody in decisions(binned(P, EVENT)):
        treated = t <= P
        odds = t / (1 - t)
        assert model == pytest.approx(
            ((treated & (EVENT > 0)).sum() - (treated & (EVENT == 0)).sum() * odds) / 400, abs=1e-4
        )
        assert everybody == pytest.approx(EVENT.mean() - (1 - EVENT.mean()) * odds, abs=1e-4)


@pytest.mark.parametrize("n", [6, 12, 40])
def test_few_patients_make_few_bins_or_none(n: int) -> None:
    for b in binned(P[:n], EVENT[:n]):
        assert min(b["events"], b["patients"] - b["events"]) >= LEAST_CELL


def test_no_subgroup_can_be_had_by_subtraction() -> None:
    """Three women with an event would be the whole less the men: neither is told; two large groups are."""
    sex = np.array(["M"] * 397 + ["F"] * 3)
    site = np.array(["lung"] * 200 + ["breast"] * 190 + ["brain"] * 10)
    fractions = np.array(["1 to 5"] * 150 + ["6 to 20"] * 250)
    told = subgroups_told(P, EVENT, {"sex": sex, "site": site, "fractions": fractions, "centre": sex})
    assert set(told) == {"fractions"} | ({"site"} if "site" in told else set())
    for name, labels in (("site", site), ("fractions", fractions)):
        if name not in told:
            continue
        left = cells_of(EVENT)
        for label in told[name]:
            left = left.less(cells_of(EVENT[labels == label]))
        assert left.apart


def made_pack(clinic: str, auc: float, oe: float, se: float, n: int = 300, **changes: Any) -> dict[str, Any]:
    """A pack by its numbers."""
    measures = {
        "logit_auc": {"value": float(np.log(auc / (1 - auc))), "se": se},
        "log_oe": {"value": float(np.log(oe)), "se": se},
        "slope": {"value": oe, "se": se},
    }
    mean = round(n // 3 / n / oe, 4)
    bins = [{"up_to": 1.0, "mean": mean, "patients": n, "events": n // 3}]
    large = mean - n // 3 / n
    scores = {"brier": 0.2, "scaled_brier": 0.1, "in_the_large": large, "slope": oe, "intercept": 0.0}
    voice = {
        "n": n, "events": n // 3, "auc": auc, **scores, "measures": measures, "bins": bins, "decision_curve": [],
        "subgroups": {},
    }  # fmt: skip
    pack = {
        "schema": "lymphorisk/pack/1",
        "clinic": clinic,
        "kind": "external validation",
        "program": "1",
        "model": "a model",
        "model_sha256": "0",
        "cohort_sha256": clinic,
        "outcomes": {"g3": {"voices": {"predictor": voice, "mechanism": voice}, "standing": "holds"}},
        "declined": {},
        "absent_features": [],
        "withheld": [],
        **changes,
    }
    plain: dict[str, Any] = tidy(pack)
    return {**plain, "sha256": digest(plain)}


def restricted_likelihood(tau2: float, y: np.ndarray, v: np.ndarray) -> float:
    w = 1.0 / (v + tau2)
    mean = (w @ y) / w.sum()
    return float(-0.5 * (np.log(v + tau2).sum() + np.log(w.sum()) + w @ (y - mean) ** 2))


def test_the_variance_between_hospitals_is_the_top_of_the_restricted_likelihood() -> None:
    y, v = np.array([0.9, 1.4, 0.4, 1.1, 1.9, 0.7]), np.array([0.04, 0.09, 0.05, 0.02, 0.12, 0.03])
    grid = np.linspace(0.0, 1.0, 20001)
    best = grid[int(np.argmax([restricted_likelihood(t, y, v) for t in grid]))]
    assert reml(y, v) == pytest.approx(best, abs=1e-4)


def test_two_equal_hospitals_by_hand() -> None:
    """Equal variances: the mean is the plain mean, tau2 the sample variance less theirs, t of one degree 12.706."""
    found = random_effects(np.array([0.0, 1.0]), np.array([0.1, 0.1]))
    assert found.mean == pytest.approx(0.5)
    assert found.tau2 == pytest.approx(0.4, abs=1e-6)
    assert found.high - found.mean == pytest.approx(12.7062 * np.sqrt(0.25), rel=1e-4)
    assert np.isnan(found.expected_low)


def test_hospitals_that_agree_are_not_taken_to_agree_more_than_chance_allows() -> None:
    found = random_effects(np.array([1.0, 1.0, 1.0]), np.array([0.3, 0.3, 0.3]))
    assert found.tau2 == 0.0
    assert found.high - found.mean == pytest.approx(4.30265 * np.sqrt(0.1), rel=1e-4)


def test_a_pool_of_packs_and_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for i, (auc, oe) in enumerate([(0.72, 0.9), (0.78, 1.2), (0.69, 1.0)]):
        path = tmp_path / f"{i}.json"
        path.write_text(dumps(made_pack(f"Clinic {i}", auc, oe, 0.12)))
        Draft202012Validator(schemas.schema("pack")).validate(json.loads(path.read_text()))
        paths.append(str(path))
    page = tmp_path / "pool.html"
    assert run(["evaluate", "--pool", *paths, "--json", "--report", str(page)]) == 0
    said = json.loads(capsys.readouterr().out)
    Draft202012Validator(schemas.schema("pool")).validate(said)
    found = said["outcomes"]["g3"]["predictor"]["measures"]
    assert 0.69 < found["logit_auc"]["mean"] < 0.78
    assert found["logit_auc"]["expected"][0] < found["logit_auc"]["interval"][0]
    assert sum(h["weight"] for h in found["slope"]["hospitals"]) == pytest.approx(1.0, abs=1e-3)
    assert any(f.startswith("LR435") for f in said["findings"])
    html = page.read_text(encoding="utf-8")
    assert html.count("Forest plot: AUC") >= 2
    assert "Clinic 2" in html
    assert run(["evaluate", "--pool", *paths]) == 0
    assert "a hospital like these" in capsys.readouterr().out


def test_what_must_not_be_pooled_is_named(tmp_path: Path) -> None:
    one, two = made_pack("A", 0.7, 1.0, 0.1), made_pack("B", 0.8, 1.0, 0.1)
    trained = made_pack("C", 0.95, 1.0, 0.1, kind="training data (not a validation: ...)")
    said = pool([one, two, trained])
    assert [p["clinic"] for p in said["packs"]] == ["A", "B"]
    assert any(f.startswith("LR434 C") for f in said["findings"])
    with pytest.raises(InputError, match="packs of the same cohort"):
        pool([one, made_pack("D", 0.7, 1.0, 0.1, cohort_sha256="A")])
    with pytest.raises(InputError, match="two packs are of A"):
        pool([one, two, made_pack("a ", 0.75, 1.0, 0.1, cohort_sha256="another year")])
    with pytest.raises(InputError, match="different models"):
        pool([one, made_pack("E", 0.7, 1.0, 0.1, model="another")])
    with pytest.raises(InputError, match="fewer than two packs"):
        pool([one, trained])
    path = tmp_path / "altered.json"
    path.write_text(dumps({**one, "clinic": "Z"}))
    with pytest.raises(InputError, match="was altered"):
        read_pack(path)
    for name, value in (("auc", 0.9), ("n", 280), ("slope", 1.6), ("in_the_large", 0.1)):
        edited = json.loads(dumps(one))
        edited["outcomes"]["g3"]["voices"]["mechanism"][name] = value
        path.write_text(dumps({**edited, "sha256": digest(edited)}))
        with pytest.raises(InputError, match=r"does not fit itself \(g3, mechanism\)"):
            read_pack(path)
    path.write_text(dumps({"schema": one["schema"], "sha256": digest({"schema": one["schema"]})}))
    with pytest.raises(InputError, match="not whole"):
        read_pack(path)
    path.write_text("{}")
    with pytest.raises(InputError, match="no validation pack"):
        read_pack(path)


def test_a_pool_says_what_its_packs_do_not_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two versions of the program, a voice of one hospital alone, a voice whose patients cannot be told in parts."""
    one, two = made_pack("A", 0.72, 1.0, 0.1), made_pack("B", 0.78, 1.1, 0.1, program="2")
    alone = json.loads(dumps(one))
    voices = alone["outcomes"]["g3"]["voices"]
    voices["ours"] = {**voices["mechanism"], "bins": []}
    alone = {**alone, "sha256": digest(alone)}
    paths = [tmp_path / f"{n}.json" for n in "AB"]
    for path, pack in zip(paths, (alone, two), strict=True):
        path.write_text(dumps(pack))
    assert read_pack(paths[0])["outcomes"]["g3"]["voices"]["ours"]["bins"] == []
    page = tmp_path / "pool.html"
    assert run(["evaluate", "--pool", *map(str, paths), "--json", "--report", str(page)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["outcomes"]["g3"]) == {"predictor", "mechanism"}
    assert [f.partition(" ")[0] for f in said["findings"]] == ["LR435", "LR436"]
    assert "versions 1, 2" in said["findings"][1]
    assert said["outcomes"]["g3"]["predictor"]["measures"]["slope"]["expected"] == [None, None]
    text = page.read_text(encoding="utf-8")
    assert "Findings about the packs" in text
    assert ">ours<" not in text


def test_a_pool_of_enough_hospitals_has_no_finding() -> None:
    packs = [made_pack(f"Clinic {i}", 0.70 + 0.02 * i, 0.9 + 0.05 * i, 0.12) for i in range(5)]
    assert len(pool(packs[:4])["findings"]) == 1
    pooled = pool(packs)
    assert not pooled["findings"]
    assert "Findings about the packs" not in html.render(page_of_pack.pool_report(pooled))


def test_the_page_of_a_pack_without_gaps_names_none() -> None:
    whole = html.render(page_of_pack.report(made_pack("A", 0.72, 1.0, 0.1)))
    assert "What is not in it" not in whole
    assert whole.count("<caption>Patients by predicted risk") == 2
    less = made_pack("A", 0.72, 1.0, 0.1, declined={"far": 12}, absent_features=["BMI"], withheld=["g4: too few"])
    less["outcomes"]["g3"]["voices"]["mechanism"]["bins"] = []
    page = html.render(page_of_pack.report(less))
    assert page.count("<caption>Patients by predicted risk") == 1
    for said in ("Not told: g4: too few", "12 patients far", "Feature the cohort lacks: BMI"):
        assert said in page
