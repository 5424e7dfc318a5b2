"""Every kind of TOML file a person writes: what is wrong is refused with file, line, key and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lymphorisk.errors import LymphoriskError, ScenarioError
from lymphorisk.qa.store import read_protocol
from lymphorisk.regimen.door import gathered
from lymphorisk.scenario import read_patient, read_scenario
from lymphorisk.settings import read_clinic
from lymphorisk.tomlfile import SIZE_MAX
from lymphorisk.train import read_declared


@dataclass(frozen=True)
class Kind:
    """A kind of file: who reads it, a good one, and a number in it that stands behind `= ` in a line of its own.

    `slip` is a misspelt key and the key it means; `beyond` one outside the range and words of the refusal, if any.
    """

    read: Callable[[Path], Any]
    good: str
    key: str
    number: str
    slip: tuple[str, str]
    beyond: tuple[str, str]

    @property
    def line(self) -> int:
        """Of the number."""
        return self.good[: self.good.index(f"{self.number} = ")].count("\n") + 1

    def with_number(self, value: str) -> str:
        return re.sub(rf"(?m)^{re.escape(self.number)} = .*$", lambda _: f"{self.number} = {value}", self.good)


KINDS = {
    "scenario": Kind(
        read_scenario,
        '[plan]\nfractions = 3\nrbe = 1.0\nbeam_on_s = [20]\n\n[organs."*"]\nmean_gy = 3.0\n[patient]\nsex = "F"\n',
        "organs.*.mean_gy", "mean_gy", ("mean_gyy", "mean_gy"), ("1425", "= 1425 is not between 0 and 200 Gy"),
    ),
    "phase": Kind(
        read_scenario,
        '[organs.Spleen]\nmean_gy = 3.0\n[plan]\nmodality = "photon"\n[[plan.phase]]\nfractions = 3\n'
        "[[plan.phase]]\nfractions = 2\nprescription_gy = 4.0\n",
        "plan.phase[2].prescription_gy", "prescription_gy", ("prescription", "prescription_gy"),
        ("6000", "= 6000 is not between 0.1 and 120 Gy"),
    ),
    "patient": Kind(
        read_patient,
        '[patient]\nsex = "F"\nage = 61\nheight_cm = 170\n',
        "patient.height_cm", "height_cm", ("heigth_cm", "height_cm"), ("1.7", "= 1.7 is not between 40 and 250 cm"),
    ),
    "patient without a table": Kind(
        read_patient,
        'sex = "F"\nage = 61\n', "age", "age", ("agee", "age"), ("1961", "= 1961 is not between 0.01 and 120 years"),
    ),
    "conditioning of a scenario": Kind(
        read_scenario,
        '[plan]\nfractions = 1\n[organs."*"]\nmean_gy = 2\n[conditioning]\ninfusion_day = 3\n'
        "[[conditioning.radiation]]\ngy_per_fraction = 2\n",
        "conditioning.radiation[1].gy_per_fraction", "gy_per_fraction", ("gy_per_fractoin", "gy_per_fraction"),
        ("200", "= 200 is not between 0 and 30 Gy"),
    ),
    "regimen": Kind(
        lambda path: gathered([path], []),
        '[conditioning]\ninfusion_day = 0\n[[conditioning.drug]]\nname = "fludarabine"\nmg_per_m2 = 30\nday = -5\n'
        "[patient]\nalc = 0.8\n",
        "conditioning.drug[1].mg_per_m2", "mg_per_m2", ("mg_per_m", "mg_per_m2"),
        ("300", "= 300 is not between 1 and 60 mg/m2"),
    ),
    "labs of a regimen": Kind(
        lambda path: gathered([path], []),
        '[conditioning]\nproduct = "axi-cel"\n[labs]\nhb_g_l = 120\ncrp_mg_l = 8\n',
        "labs.hb_g_l", "hb_g_l", ("hb_gl", "hb_g_l"), ("12", "= 1.2 is not between 2 and 25 g/dL"),
    ),
    "protocol": Kind(
        lambda path: read_protocol(str(path)),
        'name = "own"\n[[line]]\nstructure = "Spleen"\nmetric = "Mean[EQD2]"\nalpha_beta_gy = 3\ngoal = "<= 3"\n',
        "line[1].alpha_beta_gy", "alpha_beta_gy", ("alpha_beta", "alpha_beta_gy"), ("0", "must be above zero"),
    ),
    "columns": Kind(
        read_declared,
        '[[column]]\nname = "NLR"\nunit = "1"\nkind = "dosiomics"\nrange = [0.1, 100]\nknown = "before treatment"\n'
        'software = "a"\nversion = "1"\nsource = "b"\nwithout_dose = 0.5\n',
        "column[1].without_dose", "without_dose", ("without_doze", "without_dose"),
        ("", ""),
    ),
    "clinic": Kind(
        read_clinic,
        'name = "ours"\n[counts]\nunit = "10^9/L"\nlln = 1.0\n[receiver]\nport = 11112\n',
        "receiver.port", "port", ("prot", "port"), ("70000", "= 70000 is not between 1 and 65535"),
    ),
}  # fmt: skip
PLACE = re.compile(r"^(own\.toml)(?:, line (\d+))?: ")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def refused(kind: Kind, tmp_path: Path, content: str | bytes) -> LymphoriskError:
    path = tmp_path / "own.toml"
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    with pytest.raises(LymphoriskError) as error:
        kind.read(path)
    assert error.value.exit_code == 3
    assert error.value.message.startswith("own.toml")
    assert len(error.value.message) < 400
    return error.value


def test_the_good_one_is_read(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(kind.good, encoding="utf-8")
    kind.read(tmp_path / "own.toml")


def test_with_a_byte_order_mark_and_the_line_ends_of_windows_it_is_the_same(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf" + kind.good.replace("\n", "\r\n").encode("utf-8"))
    kind.read(path)
    error = refused(kind, tmp_path, path.read_bytes().replace(kind.number.encode(), kind.slip[0].encode()))
    assert f"line {kind.line}: " in error.message


def test_an_unknown_key_is_named_with_the_nearest(kind: Kind, tmp_path: Path) -> None:
    wrong, right = kind.slip
    error = refused(kind, tmp_path, re.sub(rf"(?m)^{kind.number} =", f"{wrong} =", kind.good))
    around = kind.key.removesuffix(kind.number)
    assert error.message == f"own.toml, line {kind.line}: {around}{wrong} is not a key here"
    assert f"did you mean {right}?" in error.hint
    assert right in error.hint.split("allowed are ")[1].split(", ")


@pytest.mark.parametrize(
    "value", ['"much"', "true", "[[]]", "{}", "2026-03-02", "07:30:00", "2026-03-02T07:30:00Z", '"3"']
)
def test_another_kind_than_a_number_is_refused_in_its_line(kind: Kind, value: str, tmp_path: Path) -> None:
    error = refused(kind, tmp_path, kind.with_number(value))
    assert error.message.startswith(f"own.toml, line {kind.line}: {kind.key}")
    assert "not a" in error.message


@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "-inf"])
def test_no_number_at_all(kind: Kind, value: str, tmp_path: Path) -> None:
    error = refused(kind, tmp_path, kind.with_number(value))
    assert error.message.startswith(
        f"own.toml, line {kind.line}: {kind.key} = {value.removeprefix('-') if 'nan' in value else value} is not a"
    )


@pytest.mark.parametrize("value", ["9223372036854775808", "-9223372036854775809", "0x" + "f" * 9000, "1" * 4000])
def test_whole_numbers_of_more_than_64_bit(kind: Kind, value: str, tmp_path: Path) -> None:
    error = refused(kind, tmp_path, kind.with_number(value))
    assert error.message == f"own.toml, line {kind.line}: {kind.key} is a number of more than 64 bit"


@pytest.mark.parametrize("value", ["1" * 5000, "1e999"])
def test_numbers_that_nobody_reads(kind: Kind, value: str, tmp_path: Path) -> None:
    refused(kind, tmp_path, kind.with_number(value))


def test_outside_its_range(kind: Kind, tmp_path: Path) -> None:
    value, said = kind.beyond
    if not said:
        pytest.skip("a clinic's own column has the range its file gives it")
    error = refused(kind, tmp_path, kind.with_number(value))
    assert said in error.message
    assert PLACE.match(error.message)
    assert kind.key.partition("[")[0].partition(".")[0] in error.message


def test_a_key_that_stands_twice(kind: Kind, tmp_path: Path) -> None:
    line = next(line for line in kind.good.splitlines() if line.startswith(kind.number))
    error = refused(kind, tmp_path, kind.good.replace(line, f"{line}\n# again\n{line}"))
    assert f"line {kind.line + 2}: " in error.message
    assert f"{kind.number} stands in line {kind.line} already" in error.message


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe" + "a = 1\n".encode("utf-16-le"),
        b'name = "M\xfcller"\n',
        b"\x00\x01\x02\x03" * 200,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"DICM" + b"\x00" * 128,
        b"a = 1\x00\n",
        b"\xef\xbb\xbf\xef\xbb\xbfa = 1",
        b"a = 1\rb = 2\r",
        b'{"plan": {"fractions": 3}}',
        b"[plan\nfractions = 3",
        b"[[[[[[[[[[",
        b"a = '''\n[plan]\n",
    ],
)
def test_bytes_that_are_no_toml(kind: Kind, content: bytes, tmp_path: Path) -> None:
    error = refused(kind, tmp_path, content)
    assert "is not text" in error.message or "is not TOML" in error.message


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "\ufeff"])
def test_an_empty_file_lacks_what_it_needs_or_says_nothing(kind: Kind, text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    if kind.read in (read_patient, read_clinic):
        kind.read(path)
        return
    error = refused(kind, tmp_path, text)
    assert re.search(r"needs \[|has no \[", error.message)


@pytest.mark.parametrize("opened", ["a = " + "[" * 10_000, "[" * 10_000, "a = " + "{a = " * 10_000])
def test_ten_thousand_brackets(kind: Kind, opened: str, tmp_path: Path) -> None:
    assert "is not TOML" in refused(kind, tmp_path, opened).message


def test_ten_thousand_tables_in_one_another(kind: Kind, tmp_path: Path) -> None:
    """Dotted keys need no bracket and nest as deep."""
    deep = ".".join("a" * 10_000)
    for text in (f"{deep} = 1", f"[{deep}]", f"x = {{ '=' . {deep} = 1 }}", f"{kind.good}\n[[b.{deep}]]\nb = 1"):
        assert "a key of a hundred parts" in refused(kind, tmp_path, text).message
    deep = ".".join("a" * 90)
    assert "is not a key here" in refused(kind, tmp_path, f"{deep} = 1\n{kind.good}").message


def test_a_file_as_long_as_a_plan(kind: Kind, tmp_path: Path) -> None:
    assert "is longer than 16 MB" in refused(kind, tmp_path, b"#" * (SIZE_MAX + 1)).message


def test_a_very_long_name_is_not_repeated(kind: Kind, tmp_path: Path) -> None:
    assert "is not a key here" in refused(kind, tmp_path, f"{'k' * 100_000} = 1\n{kind.good}").message
    assert refused(kind, tmp_path, kind.with_number(f"'{'9' * 100_000}x'"))


def test_a_key_that_steers_a_terminal_is_written_out(kind: Kind, tmp_path: Path) -> None:
    error = refused(kind, tmp_path, f'"\\u001b[2J" = 1\n{kind.good}')
    assert "\x1b" not in error.message + error.hint


def test_a_folder_and_a_file_that_is_not_there(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    for name in ("folder.toml", "none.toml"):
        with pytest.raises(LymphoriskError, match=name.partition(".")[0]) as error:
            kind.read(tmp_path / name)
        assert error.value.exit_code == 3


def test_brackets_and_texts_of_several_lines_do_not_move_a_line(kind: Kind, tmp_path: Path) -> None:
    """The line of a mistake is counted behind whatever hides brackets, quotes and signs of a comment."""
    odd = '"x y" = [\n  \'[a]\', # ]\n  "#",\n]\n'
    error = refused(kind, tmp_path, f"# ''' [\n{odd}{kind.good}")
    assert error.message == "own.toml, line 2: x y is not a key here"
    wrong, _ = kind.slip
    text = re.sub(rf"(?m)^{kind.number} =", f"{wrong} =", kind.good)
    if "[[" in kind.good or kind.good.startswith("["):
        error = refused(kind, tmp_path, f"# ''' [ \"\n\n{text}")
        assert f"line {kind.line + 2}: " in error.message


def test_tables_that_are_none(kind: Kind, tmp_path: Path) -> None:
    top = kind.key.partition(".")[0].partition("[")[0]
    if top == kind.key:
        return
    error = refused(kind, tmp_path, f"{top} = 3\n")
    assert isinstance(error, ScenarioError)
    assert re.search(rf"{top} = 3 is not a (table|list)|has no \[", error.message)
