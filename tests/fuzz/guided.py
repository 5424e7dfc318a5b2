"""`python -m tests.fuzz.guided`: bytes that atheris chooses by the code they reach, in place of one file of an export.

Options are libFuzzer's, such as ``-max_total_time=600``. Atheris is installed where its wheels exist.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from .objects import dicom_file
from .seeds import tiny

NAMES = ("RD.dcm", "RP.dcm", "RS.dcm")


def main() -> None:
    """Read exports until something other than a named error comes out."""
    import atheris

    with atheris.instrument_imports(include=["lymphorisk.dicom"]):
        from lymphorisk.dicom import read_export
    from lymphorisk.errors import InputError

    os.environ["LYMPHORISK_CONFIG"] = "none"
    whole = {f"{name}.dcm": dicom_file(tree) for name, tree in tiny().trees.items()}
    with tempfile.TemporaryDirectory() as folder:
        corpus, export = Path(folder) / "corpus", Path(folder) / "export"
        for place in (corpus, export):
            place.mkdir()
        for n, name in enumerate(NAMES):
            (corpus / name).write_bytes(bytes([n]) + whole[name])

        def one(data: bytes) -> None:
            name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
            for other, content in whole.items():
                (export / other).write_bytes(data[1:] if other == name else content)
            try:
                read_export(export)
            except InputError:
                return

        atheris.Setup([*sys.argv, str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
