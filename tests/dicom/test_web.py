"""Addresses of DICOMweb servers: what they are, and what a server may do wrong. A real one: test_orthanc.py."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTDoseStorage

from lymphorisk.dicom import web
from lymphorisk.errors import InputError

UID = "1.2.826.0.1.99"


@pytest.mark.parametrize(
    ("text", "url", "study"),
    [
        ("dicomweb:http://h:8042/dicom-web", "http://h:8042/dicom-web", ""),
        (f"dicomweb:https://h/rs/studies/{UID}", "https://h/rs", UID),
        (f"orthanc:http://h:8042/studies/{UID}/", "http://h:8042/dicom-web", UID),
        ("ORTHANC:http://h/own-root/", "http://h/own-root", ""),
    ],
)
def test_an_address_is_read(text: str, url: str, study: str) -> None:
    address = web.read_address(text)
    assert (address.url, address.study) == (url, study)
    assert UID not in repr(address)
    assert UID not in web.name_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "dicomweb:",
        "dicomweb:h:8042/dicom-web",
        "dicomweb:ftp://h/rs",
        "dicomweb:http://h:port/rs",
        "dicomweb:http://me:secret@h/rs",
        "dicomweb:http://h/rs/studies/Miller",
        "dicomweb:http://h/rs?token=secret",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as told:
        web.read_address(text)
    assert "secret" not in str(told.value)
    assert "Miller" not in str(told.value)


def test_one_plan_needs_a_study() -> None:
    with pytest.raises(InputError, match="names a server"), web.opened("dicomweb:http://127.0.0.1:1/rs"):
        pass


Serve = Callable[..., str]


class Quiet(ThreadingHTTPServer):
    """A call that broke is the client's to tell."""

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server of this machine that answers every call by a function; gives the address of a study there."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None], tls: ssl.SSLContext | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(Quiet(("127.0.0.1", 0), Handler))
        if tls is not None:
            servers[-1].socket = tls.wrap_socket(servers[-1].socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.02}).start()
        return f"dicomweb:http{'s' if tls else ''}://127.0.0.1:{servers[-1].server_port}/rs/studies/{UID}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def said(status: int, kind: str, body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(call: BaseHTTPRequestHandler) -> None:
        call.send_response(status)
        call.send_header("Content-Type", kind)
        call.send_header("Content-Length", str(len(body)))
        call.end_headers()
        call.wfile.write(body)

    return answer


SERIES = (
    b'[{"0020000E": {"vr": "UI", "Value": ["1.2.3"]}, "00080060": {"vr": "CS", "Value": ["RTDOSE"]}},'
    b' {"0020000E": {"vr": "UI", "Value": ["1.2.4"]}}]'
)


def broken_dicom(call: BaseHTTPRequestHandler) -> None:
    if call.path.endswith("/series"):
        said(200, "application/dicom+json", SERIES)(call)
    else:
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\nnone\r\n--x--"
        said(200, 'multipart/related; type="application/dicom"; boundary=x', body)(call)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (said(200, "text/html", b"<html>the hospital's portal</html>"), "not as a DICOMweb server"),
        (said(200, "application/json", b'["odd"]'), "not DICOM"),
        (said(401, "text/plain", b""), "refuses the study"),
        (said(404, "text/plain", b""), "no study there"),
        (said(503, "text/plain", b""), "fails on the study"),
        (said(200, "application/dicom+json", b"[]"), "no such study"),
        (broken_dicom, "not DICOM"),
    ],
)
def test_what_goes_wrong_is_named_without_the_study(
    serve: Serve, answer: Callable[[BaseHTTPRequestHandler], None], match: str
) -> None:
    address = serve(answer)
    with pytest.raises(InputError, match=match) as told, web.opened(address):
        pass
    error: BaseException | None = told.value
    assert UID not in f"{told.value} {told.value.hint}"
    while error is not None:  # what a traceback would show
        assert UID not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_server_that_keeps_silent_is_left(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(web, "TIMEOUT_S", (0.2, 0.2))
    address = serve(lambda _: free.wait(5.0) and None)
    try:
        with pytest.raises(InputError, match="in time"), web.opened(address):
            pass
    finally:
        free.set()


def test_more_than_a_study_holds_is_not_taken(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_STUDY", 1000)
    big = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + b"\0" * 10_000

    def answer(call: BaseHTTPRequestHandler) -> None:
        kind, body = ("application/dicom+json", SERIES) if call.path.endswith("/series") else ("", big)
        said(200, kind or 'multipart/related; type="application/dicom"; boundary=x', body)(call)

    with pytest.raises(InputError, match="far more than a study"), web.opened(serve(answer)):
        pass


def test_nobody_there_is_said() -> None:
    with (
        pytest.raises(InputError, match="no DICOMweb server answers"),
        web.opened("orthanc:http://127.0.0.1:1/studies/1"),
    ):
        pass


@pytest.mark.parametrize("token", ["", "word"])
def test_who_asks_is_told_by_the_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    seen: list[str] = []
    monkeypatch.setenv(web.USER, "reader")
    monkeypatch.setenv(web.PASSWORD, "secret")
    monkeypatch.setenv(web.TOKEN, token)

    def answer(call: BaseHTTPRequestHandler) -> None:
        seen.append(call.headers["Authorization"])
        said(200, "application/dicom+json", b"[]")(call)

    with pytest.raises(InputError, match="no such study"), web.opened(serve(answer)):
        pass
    assert seen == ["Bearer word" if token else "Basic cmVhZGVyOnNlY3JldA=="]


def test_a_server_without_pages_is_searched_once(serve: Serve) -> None:
    """It gives the same list to every offset, and lists what holds no plan although asked for plans."""
    calls: list[str] = []

    def answer(call: BaseHTTPRequestHandler) -> None:
        calls.append(call.path)
        images = SERIES.replace(b"RTDOSE", b"CT")
        body = images if call.path.endswith("/series") else b'[{"0020000D": {"vr": "UI", "Value": ["1.2"]}}]'
        said(200, "application/dicom+json", body)(call)

    server = serve(answer).partition("/studies/")[0]
    with web.fetched([web.read_address(server)]) as studies:
        assert studies == ()
    assert len(calls) == 5  # two pages a modality, and the series of the study


def test_a_study_that_is_broken_off_is_named_and_the_others_are_had(serve: Serve) -> None:
    """Three studies: of the second half a file comes, and the connection ends."""
    data = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + pydicom_bytes() + b"\r\n--x--"

    def answer(call: BaseHTTPRequestHandler) -> None:
        if call.path.endswith("/series"):
            said(200, "application/dicom+json", SERIES)(call)
        elif "/studies?" in call.path:
            said(200, "application/dicom+json", listed(3))(call)
        else:
            call.send_response(200)
            call.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=x')
            call.send_header("Content-Length", str(len(data)))
            call.end_headers()
            call.wfile.write(data[: len(data) // 2] if "/studies/1.2.2/" in call.path else data)

    server = serve(answer).partition("/studies/")[0]
    with web.fetched([web.read_address(server)]) as studies:
        troubles = [str(study.trouble or "") for study in studies]
        assert [len(list(study.folder.iterdir())) for study in studies] == [1, 0, 1]
    assert ["broke off a series" in trouble for trouble in troubles] == [False, True, False]


def test_a_server_that_goes_away_is_left_alone(serve: Serve) -> None:
    """After three studies in a row without an answer no more are asked for; with none at all it is an error."""
    calls: list[str] = []
    good = ["1.2.1"]
    data = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + pydicom_bytes() + b"\r\n--x--"

    def answer(call: BaseHTTPRequestHandler) -> None:
        calls.append(call.path)
        if "/studies?" in call.path:
            said(200, "application/dicom+json", listed(7))(call)
        elif not any(f"/{uid}/" in call.path for uid in good):
            call.close_connection = True
        elif call.path.endswith("/series"):
            said(200, "application/dicom+json", SERIES)(call)
        else:
            said(200, 'multipart/related; type="application/dicom"; boundary=x', data)(call)

    server = web.read_address(serve(answer).partition("/studies/")[0])
    with web.fetched([server]) as studies:
        assert [study.trouble is None for study in studies] == [True] + [False] * 6
        assert "not asked for" in str(studies[-1].trouble)
    assert len({call for call in calls if "/1.2." in call and call.endswith("/series")}) == 4
    good.clear()
    with pytest.raises(InputError, match="no DICOMweb server answers"), web.fetched([server]):
        pass


def listed(studies: int) -> bytes:
    """The answer of a server that holds so many studies."""
    return b"[" + b",".join(b'{"0020000D": {"Value": ["1.2.%d"]}}' % n for n in range(1, studies + 1)) + b"]"


def pydicom_bytes() -> bytes:
    """A file as a server keeps it."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = RTDoseStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.RedPaletteColorLookupTableData = b"-" * 5000
    stream = BytesIO()
    dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of our own, and certificates of this machine and of another one that it signed."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=hospital", *usage)
    for name, host in (("here", "IP:127.0.0.1"), ("elsewhere", "DNS:pacs.elsewhere")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\n")
        openssl("req", "-new", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
        )
    return folder


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
@pytest.mark.parametrize(
    ("certificate", "bundle", "match"),
    [
        ("here", "ca.pem", "no such study"),
        ("here", "", "its certificate is not trusted"),
        ("here", "elsewhere.pem", "its certificate is not trusted"),
        ("elsewhere", "ca.pem", "another host's"),
        ("here", "gone.pem", "certificates to trust cannot be read"),
        ("here", "here.key", "certificates to trust cannot be read"),
    ],
)
def test_a_server_is_trusted_by_the_authority_that_is_named(
    authority: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, certificate: str, bundle: str, match: str
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if bundle:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / bundle))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority / f"{certificate}.pem", authority / f"{certificate}.key")
    address = serve(said(200, "application/dicom+json", b"[]"), tls)
    with pytest.raises(InputError, match=match) as told, web.opened(address):
        pass
    assert UID not in f"{told.value} {told.value.hint}"
