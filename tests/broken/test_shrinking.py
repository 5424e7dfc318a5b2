"""Files that are cut while they are read: what was read is answered from, or a named error."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import textwrap

import pytest

from lymphorisk.dicom import reader, window
from lymphorisk.dicom.rtdose import read_grid
from lymphorisk.dicom.window import AHEAD, Window, sha256_of
from lymphorisk.errors import DicomReadError


def test_a_file_cut_after_it_was_found_is_answered_from_as_it_was(export_of):
    folder = export_of()
    want, _ = read_grid(reader.find(folder).of("RTDOSE")[0])
    (found,) = reader.find(folder).of("RTDOSE")
    os.truncate(folder / "RD.dcm", 10)
    got, _ = read_grid(found)
    assert (got.dose_zyx == want.dose_zyx).all()


def test_a_file_that_becomes_shorter_while_it_is_read_is_named(export_of, monkeypatch):
    folder = export_of()
    real = os.fstat

    class Longer:
        def __init__(self, stat):
            self.st_size, self.st_mode = stat.st_size + 4, stat.st_mode

    with monkeypatch.context() as patch:
        patch.setattr(reader.os, "fstat", lambda n: Longer(real(n)))
        with pytest.raises(DicomReadError, match="shorter") as error:
            reader.read_file(folder / "RD.dcm")
    assert error.value.hint


def test_files_beyond_what_is_held_are_read_where_they_lie(export_of, monkeypatch):
    """The same answer, no descriptor kept, and a file that is cut meanwhile is named: a mapped one ends the process."""
    folder = export_of()
    want, _ = read_grid(reader.find(folder).of("RTDOSE")[0])
    monkeypatch.setattr(reader, "HELD", 0)
    monkeypatch.setattr(window, "AHEAD", 256)
    before = len(os.listdir("/proc/self/fd"))
    found = reader.find(folder)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [f for f in found.files if isinstance(f.whole, bytes)]
    (dose,) = found.of("RTDOSE")
    got, _ = read_grid(dose)
    assert (got.dose_zyx == want.dose_zyx).all()
    assert dose.sha256() == hashlib.sha256((folder / "RD.dcm").read_bytes()).hexdigest()
    (plan,) = found.of("RTPLAN")
    os.truncate(folder / "RD.dcm", 10)
    with pytest.raises(DicomReadError, match="changed while it was read") as error:
        read_grid(dose)
    assert error.value.hint
    (folder / "RP.dcm").unlink()
    with pytest.raises(DicomReadError, match="cannot be read any more"):
        plan.sha256()


def test_a_window_is_the_file(tmp_path):
    data = random.Random(3).randbytes(3 * AHEAD + 17)
    (tmp_path / "file").write_bytes(data)
    seen, chance = Window(tmp_path / "file"), random.Random(4)
    for _ in range(300):
        start = chance.randrange(len(data) + 10)
        stop = start + chance.choice((1, 8, 100, AHEAD, 2 * AHEAD))
        assert seen[start:stop] == data[start:stop]
    assert seen[:] == data
    assert sha256_of(seen) == hashlib.sha256(data).hexdigest()


@pytest.mark.slow
def test_a_folder_whose_files_are_cut_all_the_while_ends_with_an_exit_code(export_of):
    """Another process cuts and mends the dose without end; every call ends with one of the codes, never by a signal."""
    folder = export_of()
    cut = f"""
        import os
        path = {str(folder / "RD.dcm")!r}
        whole = open(path, "rb").read()
        while True:
            os.truncate(path, 200)
            with open(path, "r+b") as stream:
                stream.write(whole)
    """
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent(cut)])
    ask = f"""
        from lymphorisk.cli.main import run
        print([run(["dvh", {str(folder)!r}]) for _ in range(40)])
    """
    try:
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(ask)], capture_output=True, text=True, check=False)
    finally:
        other.kill()
        other.wait()
    assert done.returncode == 0, done.stderr[-2000:]
    codes = done.stdout.splitlines()[-1]
    assert set(codes) <= set("[0, 3]"), codes
