"""Who stands behind a model folder: a signature (Ed25519) of its card, which holds the hash of every other file.

Hashes say that a folder is what its card says, not who wrote the card. A clinic that gives a key takes its own
predictors only when the holder of the other half signed them; the shipped models are known by their hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.errors import InputError, PredictorFileError
from lymphorisk.plain import read_most

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: Beside the card; the one file of a model folder that the card does not list.
SIGNATURE = "card.toml.sig"
LENGTH = 64
#: Before the hash of the card, so that no signature of something else is one of a model.
MEANING = b"lymphorisk model card SHA-256 "
MAX_KEY = 1 << 16
MAKE = "make one: openssl genpkey -algorithm ed25519 -out model.key; openssl pkey -in model.key -pubout -out model.pem"


def _message(card_sha256: str) -> bytes:
    return MEANING + card_sha256.encode("ascii")


def private_key(path: Path, password: str | None = None) -> Ed25519PrivateKey:
    """The half of a key pair that signs, from PEM.

    Raises
    ------
    InputError
        It is no such key, or another password opens it.
    """
    _needs_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    word = None if password is None else password.encode()
    key = _pem(path, lambda raw: load_pem_private_key(raw, word), "private key that this password opens")
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path.name} is no Ed25519 key", MAKE)
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """The half of a key pair that everybody may have, from PEM.

    Raises
    ------
    InputError
        It is no such key.
    """
    _needs_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _pem(path, load_pem_public_key, "public key")
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path.name} is no Ed25519 key", MAKE)
    return key


def _pem(path: Path, load: Callable[[bytes], object], what: str) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(_raw(path))
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path.name} is no {what}", MAKE) from error


def needs_password(path: Path) -> bool:
    """Whether a private key is encrypted."""
    return b"ENCRYPTED" in _raw(path)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key's 32 bytes, by which two people compare it."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def signed(card_sha256: str, key: Ed25519PrivateKey) -> bytes:
    """The signature of a card's hash."""
    return key.sign(_message(card_sha256))


def hold_signature(folder: Path, card_sha256: str, key: Ed25519PublicKey) -> None:
    """Hold the signature in a model folder against the hash of its card.

    Raises
    ------
    PredictorFileError
        There is none, or it is of another card or another key.
    """
    from cryptography.exceptions import InvalidSignature

    path = folder / SIGNATURE
    if not path.is_file():
        raise PredictorFileError(
            f"{folder.name} is not signed, and a key is asked for",
            "whoever holds the other half of the key signs it: lymphorisk model sign",
        )
    try:
        key.verify(read_most(path, LENGTH, "a signature is shorter"), _message(card_sha256))
    except (InvalidSignature, InputError, OSError) as error:
        raise PredictorFileError(
            f"{folder.name}/{SIGNATURE} is no signature of this card by the key asked for",
            "do not use the model: ask who trained it",
        ) from error


def _raw(path: Path) -> bytes:
    try:
        return read_most(path, MAX_KEY, "a key is shorter")
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", MAKE) from error


def _needs_library() -> None:
    if find_spec("cryptography") is None:
        raise InputError("signatures of models need the package cryptography", "pip install 'lymphorisk[clinic]'")
