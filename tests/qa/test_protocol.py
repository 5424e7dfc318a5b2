from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.qa import clearplan, proknow, toml_protocol
from lymphorisk.qa.protocol import Limit, Line, Override, Protocol, limit
from lymphorisk.qa.store import read_protocol, shipped


@pytest.mark.parametrize(
    ("text", "at_edge"), [("<= 20", True), ("<20", False), (">= 20.0", True), ("> 2e1", False), ("≤20", True)]
)
def test_the_sign_decides_the_edge(text: str, at_edge: bool) -> None:
    assert limit(text).met_by(20.0) is at_edge


@pytest.mark.parametrize("text", ["20", "= 20", "<= x", "", "<= 20 Gy"])
def test_text_that_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match="not a limit"):
        limit(text)


@pytest.mark.parametrize(
    ("goal", "variation", "what"),
    [
        ("<= 20", ">= 30", "opposite"),
        ("<= 20", "<= 10", "stricter"),
        (">= 95", ">= 97", "stricter"),
        (None, "<= 1", "without"),
    ],
)
def test_limits_that_contradict_are_refused(goal: str | None, variation: str, what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        Line("Mean[Gy]", "Spleen", goal=limit(goal) if goal else None, variation=limit(variation))


def test_an_override_needs_reason_and_name() -> None:
    with pytest.raises(ScenarioError):
        Override("tumour next to it", " ")


words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
limits = st.builds(lambda v: f"<= {v!r}", st.floats(0, 1e3).map(lambda x: round(x, 4)))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    value = round(draw(st.floats(0, 100)), 3)
    sign = draw(st.sampled_from(["<=", "<", ">=", ">"]))
    slack = round(draw(st.floats(0, 50)), 3)
    looser = value + slack if sign[0] == "<" else value - slack
    metric = draw(
        st.sampled_from(["V5Gy[%]", "D2%[Gy]", "D0.03cc[Gy]", "DC10cc[Gy]", "V20.5Gy[cc]", "Mean[Gy]", "Max[Gy]"])
    )
    loose = f"{sign[0]}=" if draw(st.booleans()) else sign
    if looser == value and sign.endswith("="):
        loose = sign
    return Line(
        metric,
        draw(st.text("ABCabc_", min_size=1, max_size=8)),
        aliases=tuple(draw(st.lists(st.text("xyz", min_size=1, max_size=4), max_size=2))),
        goal=limit(f"{sign} {value}"),
        variation=limit(f"{loose} {looser}") if draw(st.booleans()) else None,
        required=draw(st.booleans()),
        priority=draw(st.sampled_from(["", "1", "2"])),
        published=tuple(draw(st.lists(st.floats(0, 100), max_size=3))),
        alpha_beta_gy=draw(st.none() | st.floats(0.5, 20)),
        endpoint=draw(words),
        source=draw(st.text("abc 123", max_size=9)).strip(),
        note=draw(st.text("abc, \"'", max_size=9)).strip(),
        override=Override("reason", "name") if draw(st.booleans()) else None,
    )


protocols = st.builds(
    lambda name, ls: Protocol(name, tuple(ls), rules={"LR012": "off"}), words, st.lists(lines(), min_size=1, max_size=4)
)


@given(protocols)
def test_toml_gives_the_same_protocol_back(protocol: Protocol) -> None:
    assert toml_protocol.loads(toml_protocol.dumps(protocol)) == protocol


def test_toml_says_only_what_the_protocol_adds() -> None:
    bare = Protocol("t", (Line("Mean[Gy]", "Spleen", goal=limit("<= 1")),))
    assert [row.split(" = ")[0] for row in toml_protocol.dumps(bare).splitlines() if " = " in row] == [
        "schema",
        "name",
        "structure",
        "metric",
        "goal",
    ]
    assert 'needs = "drawn"' in toml_protocol.dumps(replace(bare, needs="drawn")).splitlines()


@given(protocols)
def test_a_constraint_sheet_keeps_all_it_can_hold(protocol: Protocol) -> None:
    back = clearplan.loads(clearplan.dumps(protocol))
    for ours, theirs in zip(protocol.lines, back.lines, strict=True):
        for name in ("metric", "structure", "aliases", "goal", "variation", "priority", "source", "note"):
            assert getattr(theirs, name) == getattr(ours, name), name


@given(protocols)
def test_a_scorecard_keeps_metric_structure_and_edges(protocol: Protocol) -> None:
    text, left_out = proknow.dumps(protocol)
    held = [x for x in protocol.lines if x.variation is None or x.goal is None or not mixed(x.goal, x.variation)]
    assert len(json.loads(text)["computed"]) == len(held)
    assert len(left_out) >= 1 + len(protocol.lines) - len(held)
    if not held:
        return
    for ours, theirs in zip(held, proknow.loads(text).lines, strict=True):
        for name in ("metric", "structure", "goal", "variation"):
            assert getattr(theirs, name) == getattr(ours, name), name


def mixed(goal: Limit, variation: Limit) -> bool:
    """An edge outside the best bin and one inside the middle bin: the scorecard would not say which way is up."""
    return not goal.comparison.endswith("=") and variation.comparison.endswith("=")


BINS = [{"label": "a"}, {"label": "b"}, {"label": "c"}]


@pytest.mark.parametrize(
    ("edges", "goal", "variation"),
    [
        (({"max": 20}, {"max": 25}, {}), "<= 20", "<= 25"),
        (({"max": 20}, {}, {"min": 25}), "<= 20", "< 25"),
        (({}, {"min": 20}, {"min": 25}), "< 20", "< 25"),
        (({"min": 95}, {"min": 90}, {}), ">= 95", ">= 90"),
        (({"min": 95}, {}, {"max": 90}), ">= 95", "> 90"),
        (({}, {"max": 95}, {"max": 90}), "> 95", "> 90"),
        (({"max": 20}, {}), "<= 20", None),
        (({}, {"min": 20}), "< 20", None),
        (({}, {"max": 20}), "> 20", None),
    ],
)
def test_the_bin_that_carries_an_edge_owns_it(
    edges: tuple[dict[str, float], ...], goal: str, variation: str | None
) -> None:
    bins = [b | e for b, e in zip(BINS, edges, strict=False)]
    card = {"computed": [{"type": "MEAN_DOSE_ROI", "roi_name": "x", "objectives": bins}]}
    made = proknow.loads(json.dumps(card)).lines[0]
    assert (made.goal, made.variation) == (limit(goal), limit(variation) if variation else None)


@pytest.mark.parametrize(
    "metric",
    [
        3,
        {"type": "SPEED"},
        {"type": "DOSE_VOLUME_PERCENT_ROI"},
        {"type": "DOSE_VOLUME_PERCENT_ROI", "arg_1": "much"},
        {"type": "MEAN_DOSE_ROI", "objectives": "low"},
        {"type": "MEAN_DOSE_ROI", "objectives": [{"max": 1}]},
        {"type": "MEAN_DOSE_ROI", "objectives": [{"max": "x"}, {}]},
        {"type": "MEAN_DOSE_ROI", "objectives": [{}, {}]},
        {"type": "MEAN_DOSE_ROI", "objectives": [{"max": 1}, {"min": 2}]},
        {"type": "MEAN_DOSE_ROI", "objectives": [{}, {"min": 1, "max": 2}, {}]},
        {"type": "MEAN_DOSE_ROI", "objectives": [{"max": 2}, {"max": 1}, {}]},
    ],
)
def test_a_scorecard_that_says_nothing_clear_is_refused(metric: object) -> None:
    with pytest.raises(ScenarioError):
        proknow.loads(json.dumps({"computed": [metric]}))


def test_a_line_without_a_goal_is_optional_in_forms_that_cannot_say() -> None:
    sheet = clearplan.loads("TemplateId,DVHObjective,Goal\nSpleen,Mean[Gy],\nHeart,Mean[Gy],<=3\n")
    assert [x.required for x in sheet.lines] == [False, True]
    card = {"computed": [{"type": "MEAN_DOSE_ROI", "roi_name": "x", "objectives": []}]}
    assert not proknow.loads(json.dumps(card)).lines[0].required


def test_a_sheet_with_a_cell_beyond_reason_is_refused() -> None:
    with pytest.raises(ScenarioError, match="not CSV"):
        clearplan.loads("TemplateId,DVHObjective,Goal\n" + "x" * 200_000 + ",Mean[Gy],<=3\n")


@pytest.mark.parametrize("computed", [[], {}, {"type": "x"}, "V20", 3, None])
def test_a_scorecard_without_metrics_is_refused(computed: object) -> None:
    with pytest.raises(ScenarioError, match="no 'computed' metrics"):
        proknow.loads(json.dumps({"name": "P", "computed": computed}))


def test_a_scorecard_says_what_it_cannot_hold() -> None:
    protocol = Protocol("p", (Line("EDIC[Gy]", goal=limit("<= 4")), Line("Mean[Gy]", "Spleen", goal=limit("<= 4"))))
    text, left_out = proknow.dumps(protocol)
    assert len(left_out) == 1
    assert "EDIC[Gy]" in left_out[0]
    assert len(proknow.loads(text).lines) == 1


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_line_states_its_evidence(name: str) -> None:
    protocol = read_protocol(name)
    for line in protocol.lines:
        assert line.evidence, line.label
        assert line.goal is None or (line.source and line.endpoint and line.n) or "EDRIC" in line.metric, line.label
    assert toml_protocol.loads(toml_protocol.dumps(protocol)) == protocol


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name = 'x'", "needs \\[\\[line\\]\\]"),
        ("[[line]]\nmetric='Mean[Gy]'\ncolour='red'", "colour"),
        ("[[line]]\nstructure='Spleen'", "needs metric"),
        ("not toml", "TOML"),
        ("[rules]\nspleen='off'\n[[line]]\nmetric='Mean[Gy]'", "rule code"),
        ("[[line]]\nmetric='Mean[Gy]'\ngoal='small'", "not a limit"),
        ("line = 'x'", "line = 'x' is not a list"),
        ("line = [1]", "line\\[1\\] = 1 is not a table"),
        ("rules = 'off'\n[[line]]\nmetric='Mean[Gy]'", "not a table"),
        ("[[line]]\nmetric='Mean[Gy]'\nrequired='no'", "is not true or false"),
        ("[[line]]\nmetric='Mean[Gy]'\naliases='Milz'", "aliases = 'Milz' is not a list"),
        ("[[line]]\nmetric='Mean[Gy]'\npublished=['5']", "is text, not a number"),
        ("[[line]]\nmetric='Mean[Gy]'\npublished=[nan]", "= nan is not a number"),
        ("[[line]]\nmetric='Mean[Gy]'\noverride='me'", "not a table"),
        ("[[line]]\nmetric='Mean[Gy]'\noverride={reason='x'}", "reason and a name"),
        ("[[line]]\nmetric='Mean[EQD2]'\nalpha_beta_gy='3'", "not a number"),
        ("[[line]]\nmetric='Mean[EQD2]'\nalpha_beta_gy=0", "above zero"),
        ("[[line]]\nmetric='Mean[Gy]'\ngoal='<= 3'\nvariation='< 3'", "stricter"),
    ],
)
def test_broken_protocols_are_refused_by_name(text: str, what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        toml_protocol.loads(text)


def test_a_broken_row_is_named() -> None:
    with pytest.raises(ScenarioError, match="row 3"):
        clearplan.loads("TemplateId,DVHObjective,Goal\nSpleen,Mean[Gy],<=3\nHeart,Mean[Gy],low\n")


def test_unknown_names_and_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no protocol"):
        read_protocol("nonsense")
    (tmp_path / "p.xls").write_bytes(b"x")
    with pytest.raises(InputError, match="not a protocol"):
        read_protocol(str(tmp_path / "p.xls"))
