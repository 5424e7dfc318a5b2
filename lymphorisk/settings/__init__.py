"""What a clinic has said once, for every call: its names, units, protocols, receivers and senders."""

from __future__ import annotations

from lymphorisk.settings.file import ClinicFile, find, read_clinic
from lymphorisk.settings.template import TEMPLATE

__all__ = ["TEMPLATE", "ClinicFile", "find", "read_clinic"]
