"""Health and metrics over HTTP on this machine: ``/healthz`` as JSON, ``/metrics`` for Prometheus; no identity."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lymphorisk.clinic.certificates import certified
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import SCHEDULED, Store
from lymphorisk.errors import InputError

HOST = "127.0.0.1"
BYTES_PER_MB = 1024 * 1024
#: Upper ends of the classes of seconds from the last object to the answer's arrival. [s]
CLASSES = (2.0, 4.0, 6.0, 10.0, 20.0, 60.0, 600.0, 3600.0)
#: An entry or an answer that waits longer than this is a sign of trouble. [s]
LONG_S = 3600.0

Alive = Callable[[], dict[str, bool]]


def health(service: Service, store: Store, alive: Alive | None = None) -> dict[str, Any]:
    """What works and what does not: ``status`` is ``ok`` or ``failing``; ``soon`` will fail if nobody does anything."""
    parts = {} if alive is None else alive()
    trouble = [f"{name} is not running" for name, runs in parts.items() if not runs]
    free = shutil.disk_usage(store.folder).free / BYTES_PER_MB
    if free < service.free_mb:
        trouble.append(f"{free:.0f} MB free, {service.free_mb:g} MB must stay free")
    now = time.time()
    trouble += store.troubles(now)
    lines = list(certified(service, now))
    trouble += [what for good, what, _ in lines if not good]
    waiting = [now - e.made_at for e in store.entries(SCHEDULED)]
    unsent = [now - o.made_at for o in store.outgoing(SCHEDULED)]
    for what, ages in (("entry waits", waiting), ("answer waits to be sent", unsent)):
        if ages and max(ages) > LONG_S:
            trouble.append(f"the oldest {what} for {max(ages) / 60:.0f} minutes")
    return {
        "status": "failing" if trouble else "ok",
        "trouble": trouble,
        "soon": [f"{what}: {hint}" for good, what, hint in lines if good and hint],
        "free_mb": round(free),
        "waiting": len(waiting),
        "unsent": len(unsent),
        "parts": parts,
    }


class _Collector:
    """The store as metrics; it is asked anew with every scrape, so that counts outlive the process."""

    def __init__(self, service: Service, store: Store, alive: Alive | None) -> None:
        self.service, self.store, self.alive = service, store, alive

    def collect(self) -> Iterator[Any]:
        """Every metric."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        told = {
            "entries": ("state", "Entries of the worklist by state"),
            "verdicts": ("verdict", "Completed entries by verdict"),
            "outgoing": ("state", "Answers by state"),
            "objects": ("role", "Objects in the store by kind"),
        }
        counts = self.store.counts()
        for name, (label, text) in told.items():
            made = GaugeMetricFamily(f"lymphorisk_{name}", text, labels=[label])
            for value, number in sorted(counts[name].items()):
                made.add_metric([value], number)
            yield made
        refused = CounterMetricFamily("lymphorisk_refused", "Objects and senders refused", labels=["reason"])
        for reason, number in sorted(counts["refused"].items()):
            refused.add_metric([reason], number)
        yield refused
        said = health(self.service, self.store, self.alive)
        yield GaugeMetricFamily("lymphorisk_healthy", "1 when nothing fails", value=float(said["status"] == "ok"))
        yield GaugeMetricFamily("lymphorisk_soon", "What will fail if nobody does anything", value=len(said["soon"]))
        yield GaugeMetricFamily("lymphorisk_free_megabytes", "Free on the store's disk", value=said["free_mb"])
        seconds = self.store.seconds_to_answer()
        below = [(f"{top:g}", sum(s <= top for s in seconds)) for top in CLASSES]
        yield HistogramMetricFamily(
            "lymphorisk_answer_seconds",
            "From the last object received to an answer that has arrived",
            buckets=[*below, ("+Inf", len(seconds))],
            sum_value=sum(seconds),
        )


class Health:
    """The HTTP server of health and metrics."""

    def __init__(self, service: Service, store: Store, alive: Alive | None = None) -> None:
        self.service, self.store, self.alive = service, store, alive
        self.port = service.health
        self._server: ThreadingHTTPServer | None = None

    def begin(self) -> None:
        """Answer.

        Raises
        ------
        InputError
            The port is taken.
        """
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry()
        registry.register(_Collector(self.service, self.store, self.alive))
        ProcessCollector(registry=registry)
        service, store, alive = self.service, self.store, self.alive

        class Answers(BaseHTTPRequestHandler):
            server_version, sys_version = "lymphorisk", ""
            timeout = 10

            def do_GET(self) -> None:
                """Health or metrics."""
                if self.path == "/healthz":
                    said = health(service, store, alive)
                    code = 200 if said["status"] == "ok" else 503
                    self._answer(code, "application/json", json.dumps(said).encode())
                elif self.path == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4; charset=utf-8", generate_latest(registry))
                else:
                    self._answer(404, "text/plain", b"/healthz or /metrics\n")

            def _answer(self, code: int, kind: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the service's log is its own."""

        try:
            self._server = ThreadingHTTPServer((HOST, self.service.health), Answers)
        except OSError as error:
            raise InputError(f"port {self.service.health} cannot be answered on: {error.strerror}") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def end(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
