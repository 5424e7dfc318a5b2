from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from lymphorisk import parameters
from lymphorisk.errors import ParameterError
from lymphorisk.parameters import network, store


@pytest.mark.parametrize("topic", parameters.topics())
def test_every_parameter_says_where_it_comes_from(topic: str) -> None:
    for name, p in parameters.load(topic).items():
        assert p.place.strip(), f"{topic}.{name} has no place"
        if p.source == "assumption":
            assert p.known == "assumed", f"{topic}.{name} has no source and is not marked assumed"


def test_every_source_has_a_citation() -> None:
    for source in parameters.sources().values():
        assert len(source.citation) > 10, source


def test_every_source_is_behind_a_number_or_a_sentence() -> None:
    """By its key in a file of numbers, or by author and year in what the program says: nothing else is cited."""
    package = store.DATA.parents[1]
    files = [p for p in package.rglob("*") if p.suffix in (".toml", ".csv", ".py") and p.name != "sources.toml"]
    text = "\n".join(p.read_text(encoding="utf-8") for p in files)
    words = set(re.findall(r"\w+", text))
    said = set(re.findall(r"([a-z]+)(?: et al\.?)? (\d{4})", text.casefold()))
    unused = [k for k in parameters.sources() if k not in words and not said & set(re.findall(r"^([a-z]+)(\d{4})", k))]
    assert unused == []


def test_an_unknown_topic_is_refused_with_the_list() -> None:
    with pytest.raises(ParameterError, match="nonsense") as caught:
        parameters.load("nonsense")
    assert "body" in caught.value.hint


ENTRY = {"value": 1.0, "unit": "1", "source": "definition", "place": "x", "known": "assumed"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"known": "guessed"}, "guessed"),
        ({"source": "nobody"}, "nobody"),
        ({"low": 2.0, "high": 3.0}, "outside its own range"),
        ({"colour": "red"}, "colour"),
        ({"unit": None}, "unit"),
    ],
)
def test_a_broken_entry_is_refused_by_name(change: dict[str, object], what: str) -> None:
    entry = {k: v for k, v in {**ENTRY, **change}.items() if v is not None}
    with pytest.raises(ParameterError, match=what):
        store._parameter("t", "n", entry, parameters.sources())


def test_the_set_id_changes_with_any_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = parameters.set_id()
    for p in store.DATA.glob("*.toml"):
        (tmp_path / p.name).write_bytes(p.read_bytes())
    (tmp_path / "body.toml").write_bytes((tmp_path / "body.toml").read_bytes() + b"\n")
    monkeypatch.setattr(store, "DATA", tmp_path)
    store._shipped_id.cache_clear()
    try:
        assert parameters.set_id() != before
    finally:
        monkeypatch.undo()
        store._shipped_id.cache_clear()


def test_a_given_value_stands_only_within_its_block() -> None:
    before = parameters.set_id()
    with parameters.given({"lymphocyte.recovery.half_time": 28.0}):
        p = parameters.load("lymphocyte")["recovery.half_time"]
        assert (p.number, p.low, p.high, p.known) == (28.0, None, None, "given")
        assert parameters.set_id().startswith(f"{before}+")
        draws = parameters.posterior()
        assert draws is not None
        assert "recovery.half_time" not in draws.names
        assert draws.z.shape[1] == len(draws.names)
    assert parameters.load("lymphocyte")["recovery.half_time"].known != "given"
    assert parameters.set_id() == before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lymphocyte.recovery.halftime": 28.0}, "lymphocyte.recovery.halftime"),
        ({"recovery.half_time": 28.0}, "no parameter"),
        ({"lymphocyte.recovery.half_time": float("nan")}, "not a number"),
        ({"lymphocyte.recovery.half_time": True}, "not a number"),
        ({"products.axi_cel.fludarabine": 30.0}, "is a list, which cannot be given"),
    ],
)
def test_a_given_value_that_means_nothing_is_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(ParameterError, match=said), parameters.given(values):
        raise AssertionError("taken")


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(ParameterError) as refused, parameters.given({"lymphocyte.recovery.half_tme": 28.0}):
        raise AssertionError("taken")
    assert "lymphocyte.recovery.half_time" in refused.value.hint


def test_a_list_is_not_one_number_and_one_number_no_pair() -> None:
    numbers = parameters.load("products")
    with pytest.raises(ParameterError, match=r"axi_cel\.fludarabine is a list, not one number"):
        assert numbers["axi_cel.fludarabine"].number
    for name in ("axi_cel.fludarabine", "tisa_fl.waiver_wbc"):
        with pytest.raises(ParameterError, match=f"{name} is not a pair of numbers"):
            assert numbers[name].pair
    assert numbers["axi_cel.window"].pair == (3.0, 3.0)


def test_a_number_without_its_record_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match=r"parameter t\.kill\.flu is not a table"):
        store._parameters("t", {"kill": {"flu": 3.0}})


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('source = "hedos_icrp89"', 'source = "nobody"', "network male28: source 'nobody' is not in sources.toml"),
        ('known = "read"', 'known = "guessed"', "network male28: known = 'guessed'"),
        ("compartments = 28", "compartments = 29", "network male28: 28 compartments, 29 announced"),
    ],
)
def test_a_network_that_breaks_the_rules_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, what: str
) -> None:
    text = (network.NETWORKS / "male28.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "male28.toml").write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(network, "NETWORKS", tmp_path)
    with pytest.raises(ParameterError, match=re.escape(what)):
        network.network_table.__wrapped__("male28")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("recovery.halftime\n0.1\n", "'recovery.halftime' is not a parameter of lymphocyte"),
        ("recovery.half_time\n", "rows and columns do not fit"),
        ("recovery.half_time\n0.1,0.2\n", "rows and columns do not fit"),
    ],
)
def test_a_posterior_that_breaks_the_rules_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    draws_of = importlib.import_module("lymphorisk.parameters.posterior")  # the package has a function of this name
    monkeypatch.setattr(draws_of, "DATA", tmp_path)
    assert draws_of._shipped_draws.__wrapped__("lymphocyte") is None
    (tmp_path / "lymphocyte_posterior.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=what):
        draws_of._shipped_draws.__wrapped__("lymphocyte")
