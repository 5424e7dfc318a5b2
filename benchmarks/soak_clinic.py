"""Many plans pushed into a service by several senders, with a real Orthanc behind it: answered, none lost, none twice.

``python -m benchmarks.soak_clinic --plans 500 --senders 3 --minutes 60 --out soak`` writes ``soak/soak.json`` and
``soak/soak.svg`` (memory, queue and time to an answer). Among the plans are truncated, foreign, repeated and unrelated
objects and connections that break off; every study is looked for in the store and in the archive at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pynetdicom

from lymphorisk.clinic.receive import NOT_UNDERSTOOD
from lymphorisk.clinic.send import NotSentError, send
from lymphorisk.clinic.service import Destination
from lymphorisk.clinic.store import Entry, Store
from tests.clinic.orthanc import Orthanc, Process, free_port, running

RTPLANS = Path(__file__).parents[1] / "fixtures" / "rtplans"
CASES = ("breast_tangents", "lung", "pancreas", "brain")
#: What every so many plans are, beside whole ones.
EVERY = {
    "repeated": 11,  # sent twice
    "broken off": 13,  # the connection ends within an object; then sent again
    "truncated": 17,  # one object is cut
    "nowhere": 19,  # one object has no study
    "alone": 23,  # one object of three
    "two patients": 29,  # one object is another patient's
    "of no use": 31,  # an object of a class that is not taken comes first
}
#: Those of which nothing is missing in the end.
WHOLE = ("plan", "repeated", "broken off", "of no use")
#: Of which one object is refused.
REFUSED = ("truncated", "nowhere")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
#: What is read of an object that is cut.
CUT = 0.7


def kind_of(number: int) -> str:
    """What a plan of the row is."""
    return next((kind for kind, every in EVERY.items() if number % every == every - 1), "plan")


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


def changed(path: Path, **values: str) -> None:
    """Write other values into a file."""
    data = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(data, name, value)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.save_as(path)


def cut(path: Path, to: Destination) -> int:
    """Send a file without its end; the status it is answered with."""
    data, whole = pydicom.dcmread(path, stop_before_pixels=True), path.read_bytes()
    path.write_bytes(whole[: int(CUT * len(whole))])
    entity = pynetdicom.AE("TPS")
    entity.add_requested_context(data.SOPClassUID, data.file_meta.TransferSyntaxUID)
    association = entity.associate(to.host, to.port, ae_title=to.aet)
    if not association.is_established:
        return 0
    status = int(association.send_c_store(path).get("Status", 0))
    association.release()
    return status


def breaking_off(to: Destination, after: int) -> Destination:
    """A way to a destination that ends after a number of bytes."""
    gate = socket.create_server(("127.0.0.1", 0))

    def back(from_: socket.socket, to_: socket.socket) -> None:
        with suppress(OSError):
            while data := from_.recv(65536):
                to_.sendall(data)

    def forth() -> None:
        left = after
        with gate, gate.accept()[0] as sender, socket.create_connection((to.host, to.port)) as service:
            threading.Thread(target=back, args=(service, sender), daemon=True).start()
            with suppress(OSError):
                while left > 0 and (data := sender.recv(min(left, 65536))):
                    service.sendall(data)
                    left -= len(data)
            for one in (sender, service):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=forth, daemon=True).start()
    return replace(to, port=int(gate.getsockname()[1]))


class Senders:
    """Several senders that share a number of plans over a time.

    Attributes
    ----------
    sent : dict
        By study, what was pushed of it.
    """

    def __init__(self, to: Destination, folder: Path, plans: int, senders: int, seconds: float) -> None:
        self.to, self.folder, self.seconds = to, folder, seconds
        self.left = list(range(plans))
        self.sent: dict[str, str] = {}
        self.failed: list[str] = []
        self.every = seconds / max(plans, 1) * senders
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(senders)]

    @property
    def busy(self) -> bool:
        """Whether one of them still has something to send."""
        return any(thread.is_alive() for thread in self.threads)

    def _run(self, n: int) -> None:
        chance, begun = random.Random(n), time.monotonic()
        for turn in range(1, sys.maxsize):
            with self.lock:
                if not self.left:
                    return
                number = self.left.pop(0)
            files = of_patient(RTPLANS / CASES[number % len(CASES)], self.folder / str(number), f"P{number}")
            kind = kind_of(number)
            with self.lock:
                self.sent[str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)] = kind
            try:
                self._push(kind, files, chance)
            except Exception as error:
                with self.lock:
                    self.failed.append(f"{number} ({kind}): {error}")
            time.sleep(max(0.0, begun + turn * self.every - time.monotonic()))

    def _push(self, kind: str, files: list[Path], chance: random.Random) -> None:
        chance.shuffle(files)
        odd = files[1]
        if kind == "nowhere":
            changed(odd, StudyInstanceUID="")
        elif kind == "two patients":
            changed(odd, PatientID="ANOTHER", PatientName="Another^One")
        elif kind == "alone":
            files = files[:1]
        elif kind == "broken off":
            size = sum(path.stat().st_size for path in files)
            with suppress(NotSentError):
                send(files, breaking_off(self.to, chance.randrange(1000, size)), "TPS")
        elif kind == "of no use":
            other = odd.with_name("of_no_use.dcm")
            other.write_bytes(odd.read_bytes())
            changed(other, SOPClassUID=SECONDARY_CAPTURE)
            self._refused([other])
        if kind in REFUSED:
            self._sent(files[:1])
            if kind == "nowhere":
                self._refused([odd])
            elif (status := cut(odd, self.to)) != NOT_UNDERSTOOD:
                raise NotSentError(f"an object that is cut is answered with {status:04X}")
            self._sent(files[2:])
            return
        self._sent(files)
        if kind == "repeated":
            self._sent(files)

    def _refused(self, files: list[Path]) -> None:
        try:
            self._sent(files)
        except NotSentError as error:
            if error.final:
                return
            raise
        raise NotSentError("what should be refused was taken")

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
    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True  # the bytes of a file as they are, cut ones, too
    gate, health = free_port(), free_port()
    with tempfile.TemporaryDirectory() as top:
        pacs = Orthanc(Path(top) / "pacs", gate)
        told = ("--draws", str(arguments.draws), "--quiet", "60", "--health", str(health))
        listen = Process(Path(top) / "store", gate, (*told, "--send", f"PACS@127.0.0.1:{pacs.port}"))
        to = Destination("LYMPHORISK", "127.0.0.1", gate)
        rows: list[dict[str, Any]] = []
        with running(pacs, listen):
            store = Store(Path(top) / "store")
            senders = Senders(to, Path(top) / "plans", arguments.plans, arguments.senders, arguments.minutes * 60)
            begun = time.time()
            for thread in senders.threads:
                thread.start()
            still = 0
            while still < 5:
                time.sleep(min(5.0, arguments.minutes * 6))
                rows.append(_row(listen, store, begun, health))
                (out / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
                busy = senders.busy or store.arrived() or rows[-1]["waiting"] or rows[-1]["unsent"]
                still = 0 if busy else still + 1
            entries, outgoing = store.entries(), store.outgoing()
            found = _answers(pacs)
            said: dict[str, Any] = {
                "plans": arguments.plans,
                "senders": arguments.senders,
                "seconds": round(time.time() - begun),
                "pushed": dict(sorted(Counter(senders.sent.values()).items())),
                "not_pushed": senders.failed,
                "entries": store.counts()["entries"],
                "refused": store.counts()["refused"],
                "answers_in_archive": sum(sum(kinds.values()) for kinds in found.values()),
                "wrong": wrong(senders.sent, entries, found),
                "unsent": sum(o.state != "COMPLETED" for o in outgoing),
                "seconds_to_answer": _shares(store.seconds_to_answer()),
                "load_average": _shares([row["load"] for row in rows]),
                "receiver_mb": _shares([row["receiver_mb"] for row in rows]),
                "worker_mb": _shares([row["worker_mb"] for row in rows]),
                "longest_queue": max(row["waiting"] for row in rows),
                "healthy": sum(row["healthy"] for row in rows) / len(rows),
                "rows": rows,
                "answers": _answered(entries, {o.key: o.ended_at for o in outgoing if o.what == "sr"}, begun),
            }
            store.close()
    (out / "soak.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    draw(said, out / "soak.svg")
    print(json.dumps({k: v for k, v in said.items() if k not in ("rows", "answers")}, indent=1))
    return int(bool(said["wrong"] or said["not_pushed"] or said["unsent"]))


def wrong(sent: dict[str, str], entries: list[Entry], found: dict[str, Counter[str]]) -> list[str]:
    """Studies that did not end as they must: lost, twice, unnamed, or answered elsewhere."""
    out = [f"a study nobody sent: {study}" for study in {*found, *(e.study_uid for e in entries)} - set(sent)]
    for study, kind in sent.items():
        mine = [e for e in entries if e.study_uid == study]
        answered = sum(e.state == "COMPLETED" for e in mine)
        whole = [e for e in mine if not e.missing]
        parts = [e for e in mine if e.missing]  # what came before a pause of the sender, named
        if kind in WHOLE and [e.state for e in whole] != ["COMPLETED"]:
            out.append(f"{kind}: {[(e.state, e.reason) for e in mine]}")
        elif kind not in WHOLE and not parts and not any(e.reason for e in whole):
            out.append(f"{kind}: not named")
        elif any(e.ended_at is None for e in mine):
            out.append(f"{kind}: not ended")
        if found.get(study, Counter()) != Counter({"SR": answered, "DOC": answered}):
            out.append(f"{kind}: {answered} entries answered, in the archive are {dict(found.get(study, {}))}")
    return out


def _answers(pacs: Orthanc) -> dict[str, Counter[str]]:
    """Answers in the archive by study and modality."""
    out: dict[str, Counter[str]] = {}
    for study in pacs.ask("studies?expand"):
        for series in study["Series"]:
            told = pacs.ask(f"series/{series}")
            kinds = out.setdefault(str(study["MainDicomTags"]["StudyInstanceUID"]), Counter())
            kinds[str(told["MainDicomTags"]["Modality"])] += len(told["Instances"])
    return out


def _answered(entries: list[Entry], sent_at: dict[str, float | None], begun: float) -> list[tuple[float, float]]:
    """When the last object of an entry came, and how long its structured report then took. [s]"""
    ended = [(e.last_object_at, sent_at.get(e.key)) for e in entries]
    return [(round(last - begun, 1), round(at - last, 2)) for last, at in ended if at is not None]


def _shares(values: list[float]) -> dict[str, float]:
    """Least, median, 95 % and most."""
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "least": round(ordered[0], 2),
        "median": round(statistics.median(ordered), 2),
        "of_95_percent": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "most": round(ordered[-1], 2),
    }


def _row(listen: Process, store: Store, begun: float, health: int) -> dict[str, Any]:
    """Memory of receiver and worker [MB], what waits and what is done, and how busy the machine is, at a time [s]."""
    assert listen.process is not None
    service = psutil.Process(listen.process.pid)
    worker = 0
    for child in service.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            worker += child.memory_info().rss
    counts = store.counts()
    healthy = False
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{health}/healthz", timeout=10) as said:
        healthy = said.status == 200
    return {
        "at": round(time.time() - begun, 1),
        "receiver_mb": round(service.memory_info().rss / 2**20, 1),
        "worker_mb": round(worker / 2**20, 1),
        "threads": service.num_threads(),
        "files": service.num_fds(),
        "waiting": sum(counts["entries"].get(state, 0) for state in ("SCHEDULED", "IN PROGRESS")),
        "unsent": sum(counts["outgoing"].get(state, 0) for state in ("SCHEDULED", "IN PROGRESS")),
        "ended": sum(counts["entries"].get(state, 0) for state in ("COMPLETED", "CANCELED")),
        "load": round(os.getloadavg()[0], 2),
        "healthy": healthy,
    }


def draw(said: dict[str, Any], path: Path) -> None:
    """The hour in four rows: memory, queue, time to an answer, load of the machine; same numbers, same bytes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "soak"
    rows = said["rows"]
    minutes = [r["at"] / 60 for r in rows]
    figure, (memory, queue, answers, load) = plt.subplots(4, 1, sharex=True, figsize=(7, 8), layout="constrained")
    for name, label in (("receiver_mb", "receiver"), ("worker_mb", "worker")):
        memory.plot(minutes, [r[name] for r in rows], label=label)
    memory.set_ylabel("memory [MB]")
    for name, label in (("waiting", "entries"), ("unsent", "answers unsent")):
        queue.step(minutes, [r[name] for r in rows], label=label, where="post")
    queue.set_ylabel("in the queue")
    answers.plot([at / 60 for at, _ in said["answers"]], [s for _, s in said["answers"]], ".", markersize=3)
    answers.set_ylabel("last object\nto SR [s]")
    load.plot(minutes, [r["load"] for r in rows], color="gray")
    load.set_ylabel("load average")
    load.set_xlabel("time [min]")
    for axes in (memory, queue):
        axes.legend()
    for axes in (memory, queue, answers, load):
        axes.set_ylim(bottom=0)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=500)
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--draws", type=int, default=512)
    parser.add_argument("--out", default="soak")
    sys.exit(soak(parser.parse_args()))
