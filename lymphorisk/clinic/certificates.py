"""When the certificates of a service begin and end: its listener's, those it sends with, and who it trusts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lymphorisk.clinic.service import Service, Tls
from lymphorisk.errors import InputError

#: A certificate that ends sooner than this is worth a line. [days]
SOON_D = 30.0
SECONDS_PER_DAY = 86400.0
RENEW = "renew it"

Line = tuple[bool, str, str]


def certified(service: Service, now: float) -> Iterator[Line]:
    """Lines about every certificate: whether it is valid now, what, and what helps where something must be done."""
    parts = [("receiver", service.tls, True), *((to.name, to.tls, False) for to in service.destinations)]
    for name, tls, ours in parts:
        if tls is not None:
            yield from _of(name, tls, now, server=ours)


def _of(name: str, tls: Tls, now: float, *, server: bool) -> Iterator[Line]:
    from lymphorisk.clinic.send import client_context, server_context

    try:
        (server_context if server else client_context)(tls)
        own, trusted = _spans(tls.certificate)[0], _spans(tls.trusted)
    except (InputError, OSError, ValueError, IndexError) as error:
        yield False, f"{name}: {error}", "PEM files of certificate, key and who is trusted"
        return
    yield _line(f"{name}: certificate", own, now)
    longest = max(trusted, key=lambda span: (span[0] <= now, span[1]))  # one that holds is enough
    yield _line(f"{name}: certificate of who is trusted", longest, now)


def _line(what: str, span: tuple[float, float], now: float) -> Line:
    begins, left = (moment - now for moment in span)
    if begins > 0:
        return False, f"{what} is not valid before {begins / SECONDS_PER_DAY:.1f} days from now", "check date and clock"
    if left <= 0:
        return False, f"{what} ended {-left / SECONDS_PER_DAY:.1f} days ago", RENEW
    days = left / SECONDS_PER_DAY
    return True, f"{what} ends in {days:.0f} days", RENEW if days < SOON_D else ""


def _spans(path: str) -> list[tuple[float, float]]:
    """Beginning and end of the certificates of a PEM file. [s since 1970]"""
    from cryptography.x509 import load_pem_x509_certificates

    found = load_pem_x509_certificates(Path(path).read_bytes())
    return [(one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()) for one in found]
