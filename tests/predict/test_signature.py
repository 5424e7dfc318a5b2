"""A model's signature: of its card, by a key, asked for in a call or by a clinic file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from lymphorisk.cli.main import cli, run
from lymphorisk.errors import InputError, PredictorFileError
from lymphorisk.predict import load, signature

SHIPPED = Path(__file__).parents[2] / "models" / "insilico-2026.1"
PLAN = """
[plan]
fractions = 10
[organs]
Spleen = { mean_gy = 4.0 }
Body = { mean_gy = 1.0 }
[patient]
alc = 1.4
"""
QUICK = ("--draws", "64", "--horizon", "60")


def pair(folder: Path, name: str, password: str = "") -> tuple[Path, Path]:
    """Files of a private and a public key."""
    key = Ed25519PrivateKey.generate()
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    private, public = folder / f"{name}.key", folder / f"{name}.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return pair(tmp_path, "ours")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with another card than the shipped model's."""
    folder = tmp_path / "own"
    shutil.copytree(SHIPPED, folder)
    with (folder / "card.toml").open("a", encoding="utf-8") as card:
        card.write("# ours\n")
    return folder


def test_a_signed_model_is_read_and_any_change_of_its_card_is_not(own: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    with pytest.raises(PredictorFileError, match="own is not signed"):
        load(own, public)
    assert run(["model", "sign", str(own), "--key", str(private)]) == 0
    assert load(own, public).sha256 == load(own).sha256
    card = own / "card.toml"
    was = card.read_text(encoding="utf-8")
    card.write_text(was.replace("# ours", "# 0urs"), encoding="utf-8")
    with pytest.raises(PredictorFileError, match="no signature of this card"):
        load(own, public)
    assert load(own).name == load(SHIPPED).name
    card.write_text(was, encoding="utf-8")
    assert load(own, public).name == load(SHIPPED).name


@pytest.mark.parametrize("wrong", ["other key", "one bit", "longer", "shorter", "a folder"])
def test_another_signature_is_none(own: Path, keys: tuple[Path, Path], tmp_path: Path, wrong: str) -> None:
    private, public = keys
    assert run(["model", "sign", str(own), "--key", str(private)]) == 0
    path = own / signature.SIGNATURE
    raw = path.read_bytes()
    if wrong == "other key":
        _, public = pair(tmp_path, "theirs")
    elif wrong == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"one bit": bytes([raw[0] ^ 1]) + raw[1:], "longer": raw + b"\0", "shorter": raw[:-1]}[wrong])
    with pytest.raises(PredictorFileError, match=r"signature|not signed"):
        load(own, public)


def test_a_signature_of_other_bytes_is_none_of_a_model(own: Path, keys: tuple[Path, Path]) -> None:
    """The key may sign other things: what it signs for a model says that it is one."""
    private, public = keys
    digest = load(own).sha256
    (own / signature.SIGNATURE).write_bytes(signature.private_key(private).sign(digest.encode()))
    with pytest.raises(PredictorFileError, match="no signature of this card"):
        load(own, public)


def test_a_shipped_model_is_known_by_its_hash(keys: tuple[Path, Path]) -> None:
    assert load(SHIPPED, keys[1]).name == load(SHIPPED).name


def test_keys_that_are_none_are_named(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    other = rsa.generate_private_key(65537, 2048)
    (tmp_path / "rsa.key").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "rsa.pem").write_bytes(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "none").write_bytes(b"-----BEGIN PUBLIC KEY-----\nnone\n-----END PUBLIC KEY-----\n")
    for read, path in (
        (signature.public_key, private),
        (signature.private_key, public),
        (signature.public_key, tmp_path / "none"),
        (signature.private_key, tmp_path / "none"),
        (signature.public_key, tmp_path / "rsa.pem"),
        (signature.private_key, tmp_path / "rsa.key"),
        (signature.public_key, tmp_path / "absent"),
    ):
        with pytest.raises(InputError, match=path.name):
            read(path)


def test_without_the_library_it_is_asked_for(
    own: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="cryptography"):
        load(own, keys[1])
    assert load(own).name == load(SHIPPED).name


def test_the_command_asks_for_a_password_and_replaces_nothing_unasked(own: Path, tmp_path: Path) -> None:
    private, public = pair(tmp_path, "locked", "a word")
    call = ["model", "sign", str(own), "--key", str(private)]
    assert isinstance(CliRunner().invoke(cli, call, input="another\n").exception, InputError)
    assert not (own / signature.SIGNATURE).exists()
    made = CliRunner().invoke(cli, call, input="a word\n")
    assert made.exit_code == 0
    assert "a word" not in made.output
    by = signature.fingerprint(signature.public_key(public))
    assert by in made.stdout
    raw = (own / signature.SIGNATURE).read_bytes()
    assert isinstance(CliRunner().invoke(cli, call, input="a word\n").exception, InputError)
    assert (own / signature.SIGNATURE).read_bytes() == raw
    assert by in CliRunner().invoke(cli, ["model", "verify", str(own), "--key", str(public)]).stdout
    other = CliRunner().invoke(cli, ["model", "verify", str(own), "--key", str(pair(tmp_path, "theirs")[1])])
    assert isinstance(other.exception, PredictorFileError)
    assert "signed" not in CliRunner().invoke(cli, ["model", "verify", str(own)]).stdout


def test_a_clinic_file_asks_for_it(
    own: Path, keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    clinic = tmp_path / "lymphorisk.toml"
    clinic.write_text(f'[analysis]\nmodel = "{own.name}"\nmodel_key = "{public.name}"\n', encoding="utf-8")
    call = ["--config", str(clinic), "analyze", str(tmp_path / "plan.toml"), *QUICK]
    assert run(call) == PredictorFileError.exit_code
    assert "is not signed" in capsys.readouterr().err
    assert run(["model", "sign", str(own), "--key", str(private)]) == 0
    assert run(call) == 0
    assert "analysis.model_key" in capsys.readouterr().out
    theirs = str(pair(tmp_path, "theirs")[1])
    assert run([*call, "--model-key", theirs]) == PredictorFileError.exit_code
