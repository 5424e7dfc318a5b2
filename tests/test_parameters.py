from __future__ import annotations

import re
from pathlib import Path

import pytest

from lymphorisk import parameters
from lymphorisk.errors import ParameterError
from lymphorisk.parameters import store


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
    ],
)
def test_a_given_value_that_means_nothing_is_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(ParameterError, match=said), parameters.given(values):
        raise AssertionError("taken")


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(ParameterError) as refused, parameters.given({"lymphocyte.recovery.half_tme": 28.0}):
        raise AssertionError("taken")
    assert "lymphocyte.recovery.half_time" in refused.value.hint
