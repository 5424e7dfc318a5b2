"""A clinic file: found where it is said to be, every key of the template known, each mistake named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lymphorisk.errors import InputError
from lymphorisk.settings import TEMPLATE, find, read_clinic
from lymphorisk.settings.file import FILE
from lymphorisk.settings.schema import Clinic, plain


def opened(template: str) -> str:
    """The template with every key in force."""
    return "\n".join(line[2:] if re.match(r"# (\[|\w+ = )", line) else line for line in template.splitlines())


def clinic(folder: Path, text: str) -> Path:
    path = folder / FILE
    path.write_text(text, encoding="utf-8")
    return path


def keys(table: object) -> set[str]:
    if isinstance(table, dict):
        return set(table).union(*map(keys, table.values()))
    return set().union(*map(keys, table)) if isinstance(table, list) else set()


def test_the_template_changes_nothing(tmp_path: Path) -> None:
    made = read_clinic(clinic(tmp_path, TEMPLATE))
    assert made.clinic == Clinic()
    assert made.said == ()


def test_the_template_shows_every_key_with_its_default(tmp_path: Path) -> None:
    made = read_clinic(clinic(tmp_path, opened(TEMPLATE)))
    shown = set(re.findall(r"^# \[*(?:\w+\.)?(\w+)\]*(?: =|\s|$)", TEMPLATE, re.MULTILINE))
    assert keys(plain(made.clinic)) - keys(plain(made.clinic.organs)) - shown - {"trusted", "certificate"} == set()
    receiver = plain(made.clinic.receiver) | {"store": None, "peer": [], "tls": None}
    assert receiver == plain(Clinic().receiver)
    assert plain(made.clinic.worker) == plain(Clinic().worker)


def test_options_of_the_environment_and_folders_in_order(tmp_path: Path) -> None:
    working, user, other = tmp_path / "w", tmp_path / "u", tmp_path / "o"
    for folder in (working, user, other):
        folder.mkdir()
    assert find(None, {}, working, user) is None
    of_user = clinic(user, "")
    assert find(None, {}, working, user) == of_user
    of_folder = clinic(working, "")
    assert find(None, {}, working, user) == of_folder
    of_environment = clinic(other, "")
    assert find(None, {"LYMPHORISK_CONFIG": str(of_environment)}, working, user) == of_environment
    assert find(of_user, {"LYMPHORISK_CONFIG": str(of_environment)}, working, user) == of_user
    assert find(None, {"LYMPHORISK_CONFIG": "none"}, working, user) is None
    with pytest.raises(InputError, match="which is no file"):
        find(Path("no.toml"), {}, working, user)


def test_counts_and_paths_are_whole(tmp_path: Path) -> None:
    text = '[counts]\nunit = "cells/uL"\nlln = 1000\n[analysis]\nmodel = "ours"\n[audit]\nfolder = "/a"\n'
    made = read_clinic(clinic(tmp_path, text))
    assert made.clinic.counts.lln == 1.0
    assert made.clinic.analysis.model == str(tmp_path / "ours")
    assert made.clinic.audit.folder == "/a"
    assert made.said == ("counts.unit", "counts.lln", "analysis.model", "audit.folder")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[counts]\nlln = 1000", "line 2: counts.lln: a lymphocyte count of 1000"),
        ('[counts]\nunit = "%"', "line 2: counts.unit: per cent"),
        ('[organs]\nSplen = ["a"]', "line 2: organs.Splen: 'Splen' is no organ"),
        ('[organs]\nSpleen = ["a"]\nHeart = ["a"]', "line 3: organs.Heart[1] = 'a' is a name of Spleen already"),
        ('[protocols]\nlngx = "u"', "line 2: protocols.lngx: site 'lngx' is unknown"),
        ('[[sender]]\naet = "A"', "line 1: sender[1] needs host"),
        ('[[sender]]\nweb = "http://x"\naet = "A"', "has an address of both kinds"),
        ('[receiver]\naet = "LONGER THAN SIXTEEN"', "line 2: receiver.aet: 'LONGER THAN SIXTEEN' is no AE title"),
        ('[audit]\nkey = "k"', "line 2: audit.key seals no trail"),
        ("[reciever]\nport = 3", "line 1: reciever is not a key here"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_clinic(clinic(tmp_path, text))
    assert said in error.value.message
