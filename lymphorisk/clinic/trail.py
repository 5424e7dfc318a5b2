"""What a service says in the audit trail: each line once, whatever ended between it and the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import AUDIT, Store
from lymphorisk.errors import InputError
from lymphorisk.qa import audit


def record_all(service: Service, store: Store) -> str:
    """Append what the store has for the trail and is not in it; why it could not be, empty when it was."""
    for number, said in store.unrecorded():
        try:
            there = audit.holds(_folder(service, store), said)
        except OSError as error:
            return f"the trail cannot be read: {error.strerror}"
        if not there and (trouble := record(service, store, said)):
            return trouble
        store.recorded(number)
    return ""


def record(service: Service, store: Store, said: Mapping[str, Any]) -> str:
    """Append a line; why it could not be, empty when it was."""
    try:
        key = audit.read_key(Path(service.audit_key)) if service.audit_key else b""
        audit.append(_folder(service, store), said, key)
    except InputError as error:
        return error.message
    return ""


def _folder(service: Service, store: Store) -> Path:
    return Path(service.audit) if service.audit else store.folder / AUDIT
