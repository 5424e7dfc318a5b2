"""Studies of a DICOMweb server, in a private folder for as long as they are read.

An address is ``dicomweb:URL`` of the service, or ``orthanc:URL`` of an Orthanc, alone or with ``/studies/UID`` behind
it. Who may read is told by the environment, never by the address or an option. Neither an address nor a UID stands in
a message.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from dicomweb_client import DICOMwebClient

SCHEMES = ("dicomweb:", "orthanc:")
#: Where Orthanc's DICOMweb plug-in answers, unless it is told otherwise.
ORTHANC_ROOT = "/dicom-web"
USER, PASSWORD, TOKEN = "LYMPHORISK_DICOMWEB_USER", "LYMPHORISK_DICOMWEB_PASSWORD", "LYMPHORISK_DICOMWEB_TOKEN"
HINT_CERTIFICATE = (
    "name the authority that signed it (REQUESTS_CA_BUNDLE=FILE, as PEM), and the host as it is named there"
)
NO_BUNDLE = "the certificates to trust cannot be read"
HINT_FORM = "write dicomweb:https://HOST/ROOT, or behind it /studies/UID"
UID = re.compile(r"[0-9.]{1,64}")
STUDY = re.compile(r"(?P<root>.*?)/studies/(?P<uid>[^/]*)/?")
#: What an export is made of; images only of the series that a structure set names.
RT, IMAGES = ("RTPLAN", "RTSTRUCT", "RTDOSE"), ("CT",)
#: To connect, and between two pieces of an answer. [s]
TIMEOUT_S = (10.0, 60.0)
#: Of one study: as what a zip may unfold to. [bytes]
MAX_STUDY = 4 << 30
#: Of the answer to a search. [bytes]
MAX_ANSWER = 256 << 20
CHUNK = 1 << 20
#: Studies asked for at once.
PAGE = 500
#: Studies a server may drop in a row before it is left alone.
PATIENCE = 3
HINT_AGAIN = "call again when the server answers: what was done is kept"
#: Digits of a hash that tell studies and files of one server apart.
DIGITS = 16


@dataclass(frozen=True, slots=True)
class Address:
    """A DICOMweb service, or one study of it.

    Attributes
    ----------
    text : str
        As it was given; it may name a study.
    url, server : str
        The service, and the part of it that a message may say.
    study : str
        Study Instance UID; empty for the whole server.
    """

    text: str
    url: str
    server: str
    study: str = ""

    def __repr__(self) -> str:
        return f"Address({self.name} at {self.server})"

    @property
    def name(self) -> str:
        """What a message and a folder may call it."""
        return f"study-{_hashed(self.study)}" if self.study else "server"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A study that was asked for: its folder, and why it is not there."""

    address: Address
    folder: Path
    trouble: InputError | None = None


class _StudyError(InputError):
    """Of one study; the server answers, and other studies may be had."""


class _DroppedError(_StudyError):
    """The server went away, or kept silent, while it was asked for the study."""


class _NoPlanError(_StudyError):
    """The study is not there, or is none of radiotherapy."""


def is_address(source: object) -> bool:
    """Whether a source is the address of a DICOMweb server."""
    return isinstance(source, str) and source.lower().startswith(SCHEMES)


def name_of(source: str | os.PathLike[str]) -> str:
    """What a message may call a source: the last part of a path, of an address no more than a hash of its study."""
    if not is_address(source):
        return Path(source).name
    try:
        return read_address(str(source)).name
    except InputError:
        return "address"


def read_address(text: str) -> Address:
    """An address as typed.

    Raises
    ------
    InputError
        It is none, or says who asks.
    """
    scheme, _, url = text.partition(":")
    try:
        parts = urlsplit(url)
        server = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        raise InputError("the address is not a URL", HINT_FORM) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError("the address is not that of a DICOMweb server", HINT_FORM)
    if parts.username is not None:
        raise InputError("an address holds no user and no password", f"set {USER} and {PASSWORD}, or {TOKEN}")
    named = STUDY.fullmatch(parts.path)
    path, study = (parts.path, "") if named is None else (named["root"], named["uid"])
    if named is not None and not UID.fullmatch(study):
        raise InputError("the address names no Study Instance UID behind /studies/", HINT_FORM)
    root = path.rstrip("/") or (ORTHANC_ROOT if scheme.lower() == "orthanc" else "")
    return Address(text, f"{server}{root}", server, study)


@contextmanager
def opened(source: str | os.PathLike[str]) -> Iterator[Path]:
    """Where an export lies: its own path, or for the address of a study a folder that is removed afterwards.

    Raises
    ------
    InputError
        The address names no study, the server does not answer, or it refuses.
    """
    if not is_address(source):
        yield Path(source)
        return
    address = read_address(str(source))
    if not address.study:
        raise InputError("the address names a server: which of its plans is not known", "add /studies/UID")
    with fetched([address]) as studies:
        if studies[0].trouble is not None:
            raise studies[0].trouble
        yield studies[0].folder


@contextmanager
def fetched(addresses: Sequence[Address]) -> Iterator[tuple[Fetched, ...]]:
    """Every study of some addresses, each in a folder of its own that only this user may read.

    Of a whole server every study that holds a plan or a dose. One that a server drops says so, the others are had;
    after `PATIENCE` of them in a row that server is asked for no more. The folders are removed at the end.

    Raises
    ------
    InputError
        A server does not answer, refuses, or is none; every study was dropped.
    """
    with tempfile.TemporaryDirectory(prefix="lymphorisk-", ignore_cleanup_errors=True) as top:
        out: list[Fetched] = []
        for n, address in enumerate(addresses):
            service, dropped = _Service(address), 0
            for study in (address.study,) if address.study else service.studies():
                one = Address(f"{address.text.rstrip('/')}/studies/{study}", address.url, address.server, study)
                made = service.fetch(address if address.study else one, Path(top) / str(n), ask=dropped < PATIENCE)
                dropped = dropped + 1 if isinstance(made.trouble, _DroppedError) else 0
                if address.study or not isinstance(made.trouble, _NoPlanError):
                    out.append(made)
        if out and out[0].trouble and all(isinstance(one.trouble, _DroppedError) for one in out):
            raise out[0].trouble
        yield tuple(out)


def _hashed(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:DIGITS]


class _Service:
    """A DICOMweb service by its client, with our limits, and our words for what goes wrong."""

    def __init__(self, address: Address) -> None:
        try:
            from dicomweb_client import DICOMwebClient
        except ImportError as error:
            raise InputError("addresses need dicomweb-client", "pip install lymphorisk[dicomweb]") from error
        self._server = address.server
        self._budget = _Budget(MAX_ANSWER)
        try:
            self._client: DICOMwebClient = DICOMwebClient(
                address.url, session=_session(self._budget), chunk_size=CHUNK, timeout=TIMEOUT_S
            )
        except ValueError:
            raise InputError("the address is not that of a DICOMweb server", HINT_FORM) from None
        self._client.set_http_retry_params(retry=False)

    def studies(self) -> tuple[str, ...]:
        """UIDs of the studies that hold a plan or a dose, in order."""
        found: set[str] = set()
        for modality in ("RTPLAN", "RTDOSE"):
            found |= self._listed({"ModalitiesInStudy": modality})
        return tuple(sorted(found))

    def _listed(self, filters: dict[str, str]) -> set[str]:
        """Studies that pass a filter, page by page until a page holds nothing new: some servers know no pages."""
        found: set[str] = set()
        self._budget.left = MAX_ANSWER
        while True:
            with self._said("the search for plans"):
                answer = self._client.search_for_studies(search_filters=filters, limit=PAGE, offset=len(found))
                uids = {uid for study in answer if UID.fullmatch(uid := _value(study, "0020000D"))}
            if uids <= found:
                return found
            found |= uids

    def fetch(self, address: Address, top: Path, *, ask: bool = True) -> Fetched:
        """Bring a study into its folder below `top`, or say that the server is not asked for it."""
        folder = top / address.name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if not ask:
                raise _DroppedError(f"{self._server} dropped the studies before: not asked for", HINT_AGAIN)
            self._series(address.study, folder)
        except _StudyError as error:
            return Fetched(address, folder, error)
        return Fetched(address, folder)

    def _series(self, study: str, folder: Path) -> None:
        self._budget.left = MAX_ANSWER
        with self._said("the study"):
            listed = self._client.search_for_series(study)
            kinds = {_value(series, "0020000E"): _value(series, "00080060") for series in listed}
        if not set(kinds.values()) & set(RT):
            raise _NoPlanError("the server holds no such study, or no plan, structures or dose in it", "check the UID")
        self._budget.left = MAX_STUDY
        named: list[bytes] = []
        for uid in sorted(uid for uid, kind in kinds.items() if kind in RT):
            files = self._files(study, uid, folder)
            named += [path.read_bytes() for path in files if kinds[uid] == "RTSTRUCT"]
        for uid in sorted(uid for uid, kind in kinds.items() if kind in IMAGES):
            if any(uid.encode() in whole for whole in named):
                self._files(study, uid, folder)

    def store(self, data: Any) -> None:
        """Store a data set."""
        with self._said("the object"):
            answer = self._client.store_instances([data])
        if "ReferencedSOPSequence" not in answer:
            raise _StudyError(f"{self._server} did not store the object", "look at the server's log")

    def _files(self, study: str, series: str, folder: Path) -> list[Path]:
        """The files of a series, as the server keeps them."""
        out = []
        with self._said("a series"):
            for data in self._client.iter_series(study, series, media_types=(("application/dicom", "*"),)):
                path = folder / f"{_hashed(str(data.SOPInstanceUID))}.dcm"
                try:
                    data.save_as(path, enforce_file_format=True)
                except OSError as error:
                    raise InputError(
                        f"the study cannot be kept while it is read: {error.strerror}", "make room, or set TMPDIR"
                    ) from None
                out.append(path)
        return out

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """What goes wrong on the network, without the URL that its errors name."""
        import requests
        from pydicom.errors import InvalidDicomError

        try:
            yield
        except InputError:
            raise
        except requests.exceptions.SSLError as error:
            raise InputError(f"{self._server}: {_of_certificate(str(error))}", HINT_CERTIFICATE) from None
        except requests.Timeout:
            raise _DroppedError(f"{self._server} does not answer in time", "try again, or ask who runs it") from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise _DroppedError(f"{self._server} broke off {what}", HINT_AGAIN) from None
        except requests.HTTPError as error:
            raise self._refused(0 if error.response is None else error.response.status_code, what) from None
        except requests.exceptions.JSONDecodeError:
            raise InputError(f"{self._server} answers, but not as a DICOMweb server", HINT_FORM) from None
        except requests.RequestException:
            raise _DroppedError(f"no DICOMweb server answers at {self._server}", "check host and port") from None
        except OSError:
            raise InputError(f"{self._server}: {NO_BUNDLE}", HINT_CERTIFICATE) from None
        except (InvalidDicomError, AttributeError, ValueError, KeyError, EOFError):
            raise _StudyError(f"{self._server} answers with what is not DICOM", "look at the study there") from None

    def _refused(self, status: int, what: str) -> InputError:
        if status in (401, 403):
            kind = InputError if status == 401 else _StudyError
            return kind(
                f"{self._server} refuses {what} ({status})", f"set {USER} and {PASSWORD}, or {TOKEN}, to who may read"
            )
        if status == 404:
            return _StudyError(f"{self._server} has no {what.split()[-1]} there (404)", "check root and UID")
        return _StudyError(f"{self._server} fails on {what} ({status})", "try again, or look at the server's log")


def _of_certificate(said: str) -> str:
    """What is wrong with a certificate, by what the library says of it; a host name stays out."""
    if "expired" in said or "not yet valid" in said:
        return "its certificate is out of date"
    if "mismatch" in said or "doesn't match" in said or "not valid for" in said:
        return "its certificate is another host's"
    if "X509" in said:
        return NO_BUNDLE
    return "its certificate is not trusted" if "CERTIFICATE_VERIFY" in said else "it speaks no TLS that is trusted"


@dataclass(slots=True)
class _Budget:
    """Bytes that may still come."""

    left: int

    def take(self, size: int) -> None:
        """Count what came."""
        self.left -= size
        if self.left < 0:
            raise _StudyError("the server sends far more than a study holds", "export the plan to a folder")


def _session(budget: _Budget) -> Any:
    """A session that knows who asks and counts what comes; certificates are checked."""
    import requests
    from requests.adapters import HTTPAdapter

    class Bearer(requests.auth.AuthBase):
        def __init__(self, token: str) -> None:
            self.token = token

        def __call__(self, request: Any) -> Any:
            request.headers["Authorization"] = f"Bearer {self.token}"
            return request

    class Counting(HTTPAdapter):
        def send(self, *args: Any, **options: Any) -> Any:
            response = super().send(*args, **options)
            response.raw = _Counted(response.raw, budget)
            return response

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, Counting())
    if token := os.environ.get(TOKEN):
        session.auth = Bearer(token)
    elif user := os.environ.get(USER):
        session.auth = (user, os.environ.get(PASSWORD, ""))
    return session


class _Counted:
    """The body of an answer, counted as it comes."""

    def __init__(self, raw: Any, budget: _Budget) -> None:
        self._raw, self._budget = raw, budget

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, *args: Any, **options: Any) -> Iterator[bytes]:
        """Pieces of the body."""
        for piece in self._raw.stream(*args, **options):
            self._budget.take(len(piece))
            yield piece


def _value(answer: Any, tag: str) -> str:
    """One value of a DICOM JSON data set, as text."""
    values = answer.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip()


def stow(text: str, path: Path) -> None:
    """Store a DICOM file in a DICOMweb service (STOW-RS).

    Raises
    ------
    InputError
        The service does not answer, or refuses.
    """
    from pydicom import dcmread

    typed = text if is_address(text) else f"dicomweb:{text}"
    _Service(read_address(typed)).store(dcmread(path))
