"""Where protocols come from: shipped starters by name, or a file by its ending."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from lymphorisk.errors import InputError
from lymphorisk.qa import clearplan, proknow, toml_protocol
from lymphorisk.qa.protocol import Protocol
from lymphorisk.tomlfile import read_bytes

SHIPPED = Path(__file__).parent / "protocols"


def shipped() -> tuple[str, ...]:
    """Names of the shipped starter protocols."""
    return tuple(sorted(p.stem for p in SHIPPED.glob("*.toml")))


def protocol_hash(protocol: Protocol) -> str:
    """SHA-256 of the file a protocol was read from; of its TOML when it was made in memory."""
    return protocol.sha256 or hashlib.sha256(toml_protocol.dumps(protocol).encode("utf-8")).hexdigest()


def read_protocol(name_or_path: str) -> Protocol:
    """A shipped protocol by name, or one from a .toml, .csv (ClearPlan) or .json (ProKnow) file.

    Raises
    ------
    InputError
        No such name or file, or an ending that is none of these.
    """
    if name_or_path in shipped():
        return toml_protocol.read(SHIPPED / f"{name_or_path}.toml")
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(f"no protocol {path.name!r}", f"name a file, or a shipped starter: {', '.join(shipped())}")
    if path.suffix.lower() == ".toml":
        return toml_protocol.read(path)
    readers = {".csv": lambda t: clearplan.loads(t, path.stem), ".json": proknow.loads}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path.name}: not a protocol", "protocols end in .toml, .csv (ClearPlan) or .json (ProKnow)")
    try:
        raw = read_bytes(path)
        return replace(reader(raw.decode("utf-8")), sha256=hashlib.sha256(raw).hexdigest())
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text", "save it as UTF-8") from None
