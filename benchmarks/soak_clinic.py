"""Many plans pushed into a service by several senders, with a real Orthanc behind it: answered, none lost, none twice.

``python -m benchmarks.soak_clinic --plans 500 --senders 3 --minutes 60 --out soak`` writes ``soak/soak.json`` and
``soak/soak.svg`` (memory and answers over time). Among the plans are broken, repeated and unrelated objects.
``--demo`` starts Orthanc and a receiver on this machine, pushes a fixture and waits for Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pydicom

from lymphorisk.clinic.send import NotSentError, send
from lymphorisk.clinic.service import Destination
from lymphorisk.clinic.store import Store
from tests.clinic.orthanc import Orthanc, Process, free_port, running, until

RTPLANS = Path(__file__).parents[1] / "fixtures" / "rtplans"
CASES = ("breast_tangents", "lung", "pancreas", "brain")
#: Every so many plans one that is broken, one that is repeated, one whose objects belong to nobody.
BROKEN, REPEATED, UNRELATED = 17, 11, 23


def of_patient(case: Path, out: Path, name: str) -> list[Path]:
    """A fixture as another patient's: other UIDs, names and IDs."""
    out.mkdir(parents=True)
    uids: dict[str, str] = {}
    files = []
    for path in sorted(case.glob("*.dcm")):
        data = pydicom.dcmread(path)
        for element in data.iterall():
            value = str(element.value) if element.VR == "UI" else ""
            if value and not value.startswith("1.2.840.10008"):
                element.value = uids.setdefault(value, pydicom.uid.generate_uid(entropy_srcs=[value, name]))
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.PatientID, data.PatientName = name, f"Soak^{name}"
        data.save_as(out / path.name)
        files.append(out / path.name)
    return files


class Senders:
    """Several senders that share a number of plans over a time."""

    def __init__(self, to: Destination, folder: Path, plans: int, senders: int, seconds: float) -> None:
        self.to, self.folder, self.seconds = to, folder, seconds
        self.left = list(range(plans))
        self.whole = self.repeats = self.refused = self.partial = 0
        self.every = seconds / max(plans, 1) * senders
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(senders)]

    def _run(self, n: int) -> None:
        chance = random.Random(n)
        while True:
            with self.lock:
                if not self.left:
                    return
                number = self.left.pop(0)
            begun = time.monotonic()
            files = of_patient(RTPLANS / CASES[number % len(CASES)], self.folder / str(number), f"P{number}")
            self._push(number, files, chance)
            time.sleep(max(0.0, self.every - (time.monotonic() - begun)))

    def _push(self, number: int, files: list[Path], chance: random.Random) -> None:
        if number % BROKEN == BROKEN - 1:
            data = pydicom.dcmread(files[0])
            data.StudyInstanceUID = ""
            data.save_as(files[0])
        elif number % UNRELATED == UNRELATED - 1:
            files = files[:1]
        chance.shuffle(files)
        try:
            self._sent(files)
            with self.lock:
                partial = number % UNRELATED == UNRELATED - 1
                self.partial += partial
                self.whole += not partial
            if number % REPEATED == REPEATED - 1:
                self._sent(files)
                with self.lock:
                    self.repeats += 1
        except NotSentError as error:
            if not error.final:
                raise
            with self.lock:
                self.refused += 1

    def _sent(self, files: list[Path]) -> None:
        for _ in range(100):
            try:
                send(files, self.to, "TPS")
                return
            except NotSentError as error:
                if error.final:
                    raise
                time.sleep(0.5)
        raise NotSentError("the service took nothing for a long time")


def soak(arguments: argparse.Namespace) -> int:
    """Run, and say what came of it."""
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    gate = free_port()
    with tempfile.TemporaryDirectory() as top:
        pacs = Orthanc(Path(top) / "pacs", gate)
        told = ("--draws", str(arguments.draws), "--quiet", "10", "--send", f"PACS@127.0.0.1:{pacs.port}")
        listen = Process(Path(top) / "store", gate, told)
        to = Destination("LYMPHORISK", "127.0.0.1", gate)
        rows: list[dict[str, float]] = []
        with running(pacs, listen):
            store = Store(Path(top) / "store")
            senders = Senders(to, Path(top) / "plans", arguments.plans, arguments.senders, arguments.minutes * 60)
            for thread in senders.threads:
                thread.start()
            begun, quiet = time.monotonic(), 0
            while quiet < 5:
                time.sleep(min(5.0, arguments.minutes * 6))
                rows.append(_row(listen, store, time.monotonic() - begun))
                busy = any(t.is_alive() for t in senders.threads) or store.arrived()
                open_ = [e for e in store.entries() if e.ended_at is None] or store.outgoing("SCHEDULED")
                quiet = 0 if busy or open_ else quiet + 1
            expected = 2 * sum(e.state == "COMPLETED" for e in store.entries())
            until(lambda: len(pacs.answers()) >= expected, 60)
            found = len(pacs.answers())
            seconds = store.seconds_to_answer()
            said: dict[str, Any] = {
                "plans": arguments.plans,
                "senders": arguments.senders,
                "seconds": round(time.monotonic() - begun),
                "whole": senders.whole,
                "partial": senders.partial,
                "refused": senders.refused,
                "repeats": senders.repeats,
                "entries": store.counts()["entries"],
                "answers_expected": expected,
                "answers_in_archive": found,
                "median_s_to_answer": round(statistics.median(seconds), 2) if seconds else None,
                "rows": rows,
            }
            store.close()
    (out / "soak.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    _draw(rows, out / "soak.svg")
    print(json.dumps({k: v for k, v in said.items() if k != "rows"}, indent=1))
    lost = senders.whole - said["entries"].get("COMPLETED", 0)
    return int(lost != 0 or found != expected)


def _row(listen: Process, store: Store, at: float) -> dict[str, float]:
    """Memory of receiver and worker [MB], and what is done, at a time [s]."""
    assert listen.process is not None
    service = psutil.Process(listen.process.pid)
    worker = sum(c.memory_info().rss for c in service.children(recursive=True))
    counts = store.counts()
    return {
        "at": round(at, 1),
        "receiver_mb": round(service.memory_info().rss / 2**20, 1),
        "worker_mb": round(worker / 2**20, 1),
        "completed": counts["entries"].get("COMPLETED", 0),
        "sent": counts["outgoing"].get("COMPLETED", 0),
    }


def _draw(rows: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 5))
    minutes = [r["at"] / 60 for r in rows]
    for name in ("receiver_mb", "worker_mb"):
        top.plot(minutes, [r[name] for r in rows], label=name.removesuffix("_mb"))
    top.set_ylabel("memory [MB]")
    top.set_ylim(bottom=0)
    for name in ("completed", "sent"):
        bottom.plot(minutes, [r[name] for r in rows], label=name)
    bottom.set_xlabel("time [min]")
    for axes in (top, bottom):
        axes.legend()
    figure.savefig(path)


def demo() -> int:
    """Orthanc and a receiver on this machine, and a plan on its way."""
    gate = free_port()
    with tempfile.TemporaryDirectory() as top:
        pacs = Orthanc(Path(top) / "pacs", gate)
        listen = Process(Path(top) / "store", gate, ("--quiet", "5", "--send", f"PACS@127.0.0.1:{pacs.port}"))
        with running(pacs, listen):
            begun = time.monotonic()
            pacs.forward([pacs.store(p) for p in sorted((RTPLANS / "breast_tangents").glob("*.dcm"))])
            until(lambda: len(pacs.answers()) == 2, 120)
            print(f"a plan went to Orthanc, and its answers came back after {time.monotonic() - begun:.1f} s")
            print(f"Orthanc: http://127.0.0.1:{pacs.http}/app/explorer.html (series SR and DOC of the study)")
            print(f"store: {listen.out} (lymphorisk worklist {listen.out})")
            print(f"send it another: lymphorisk send fixtures/rtplans/lung LYMPHORISK@127.0.0.1:{gate}")
            print("Ctrl-C ends")
            try:
                while sys.stdin.isatty():
                    time.sleep(1)
            except KeyboardInterrupt:
                pass
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=500)
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--draws", type=int, default=512)
    parser.add_argument("--out", default="soak")
    parser.add_argument("--demo", action="store_true")
    given = parser.parse_args()
    sys.exit(demo() if given.demo else soak(given))
