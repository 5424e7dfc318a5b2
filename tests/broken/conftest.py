"""The broken exports start from the whole ones of tests/dicom."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("tiny_exports", Path(__file__).parent.parent / "dicom" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
tiny, export_of, edit_file = _module.tiny, _module.export_of, _module.edit_file
