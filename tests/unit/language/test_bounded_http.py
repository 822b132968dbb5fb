"""The client before a server of bare sockets: each exchange ends in time, in an outcome, and costs little memory."""

import gzip
import json
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from functions.core.outcomes import Accepted, DeferReason, Deferred, Finished, JobLost, StillRunning, Unanswered
from functions.language import bounded_http
from functions.language.auth import KeyAuth
from functions.language.budget import RequestBudget
from functions.language.client import MAX_REPLY_BYTES, LanguageClient, default_session
from tests.support.language import WorkClient
from tests.support.material import NOW, work
from tests.support.raw_server import RawServer, Script, raw_server
from tests.support.replies import ga_item, ga_page, wire_entity

LIMIT_S = 0.8
MARGIN_S = 2.0
"""What a busy machine may need besides the limit."""

JOB_ID = "7a9d4c1e"
ACCEPTED = (
    f"HTTP/1.1 202 Accepted\r\noperation-location: https://x/language/analyze-text/jobs/{JOB_ID}\r\n"
    "Content-Length: 0\r\n\r\n"
).encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
RUNNING = json.dumps(ga_page("running")).encode()


def with_length(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def says(data: bytes) -> Script:
    """Send a reply, and wait for the next request."""

    def script(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(data)

    return script


def says_and_closes(data: bytes) -> Script:
    def script(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def drips(start: bytes, drop: bytes = b"x") -> Script:
    """Send the start of a reply, and then a drop of it ever again."""

    def script(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(start)
        while not server.over.wait(0.02):
            connection.sendall(drop)

    return script


def never_answers(connection: socket.socket, server: RawServer) -> None:
    server.over.wait()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with default_session() as opened:
        # Whatever proxy the environment names is not for this machine.
        opened.trust_env = False
        yield opened


def client_of(url: str, session: requests.Session, longest_s: float = LIMIT_S, most: int = 2**20) -> WorkClient:
    budget = RequestBudget(1_000_000, NOW)
    client = LanguageClient(
        url, session, KeyAuth("key"), budget, lambda: NOW, longest_exchange_s=longest_s, max_reply_bytes=most
    )
    return WorkClient(client, work())


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    outcome = call()
    return outcome, time.monotonic() - started


def poll(client: WorkClient) -> Any:
    return client.progress(f"/language/analyze-text/jobs/{JOB_ID}")


# --- In time ---

ENDLESS: dict[str, Script] = {
    "no answer": never_answers,
    "dripping status": drips(b"HTTP/1.1 2", b""),
    "dripping headers": drips(b"HTTP/1.1 200 OK\r\nX: "),
    "header after header": drips(OK, b"X: y\r\n"),
    "interim replies": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "dripping body": drips(OK + b"Content-Length: 100000\r\n\r\n{", b" "),
    "dripping chunks": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "dripping chunk size": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "dripping without length": drips(OK + b"Connection: close\r\n\r\n", b" "),
    "empty gzip members": drips(OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n", gzip.compress(b"")),
}


IN_QUICK_RUN = ("no answer", "dripping body")
"""Each case waits for its limit twice; together they take longer than a test of the quick run may."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in IN_QUICK_RUN else pytest.mark.long) for case in ENDLESS]
)
def test_endless_exchange_ends_at_its_limit(case: str, session: requests.Session) -> None:
    with raw_server(ENDLESS[case]) as server:
        client = client_of(server.url, session)
        submitted, submit_s = timed(lambda: client.submit("name", ["text"]))
        polled, poll_s = timed(lambda: poll(client))
    assert isinstance(submitted, Unanswered)
    assert isinstance(polled, Deferred) and polled.reason is DeferReason.UNAVAILABLE
    assert max(submit_s, poll_s) < LIMIT_S + MARGIN_S


def test_all_pages_of_poll_share_one_limit(session: requests.Session) -> None:
    pages = iter(range(100))

    def page(connection: socket.socket, server: RawServer) -> None:
        server.over.wait(LIMIT_S / 3)
        body = json.dumps(ga_page(items=[ga_item([])], nextLink=f"/x?skip={next(pages)}")).encode()
        connection.sendall(with_length(OK, body))

    with raw_server(page) as server:
        polled, poll_s = timed(lambda: poll(client_of(server.url, session)))
    assert isinstance(polled, Deferred)
    assert poll_s < LIMIT_S + MARGIN_S


def test_caller_can_give_less_time(session: requests.Session) -> None:
    with raw_server(never_answers) as server:
        client = client_of(server.url, session, longest_s=30)
        submitted, submit_s = timed(lambda: client.submit("name", ["text"], deadline_s=LIMIT_S))
    assert isinstance(submitted, Unanswered)
    assert submit_s < LIMIT_S + MARGIN_S


def test_accepted_job_needs_no_body(session: requests.Session) -> None:
    """The reply to a submission has no body; where it has one, it changes nothing about the job."""
    head = ACCEPTED.replace(b"Content-Length: 0\r\n\r\n", b"")
    bodies = [drips(head + b"Content-Length: 9\r\n\r\n", b""), says_and_closes(head + b"Content-Length: 9\r\n\r\n")]
    for body in bodies:
        with raw_server(body) as server:
            assert isinstance(client_of(server.url, session).submit("name", ["text"]), Accepted)


# --- Nothing is sent late ---


def test_no_byte_is_sent_after_limit(session: requests.Session) -> None:
    """A server that reads nothing until the limit is over gets what was in flight, and no whole request."""
    received, returned = bytearray(), threading.Event()
    size, limit_s = 30_000_000, 2.0  # time enough to write so large a body on a busy machine

    def reads_late(connection: socket.socket, server: RawServer) -> None:
        returned.wait(5)
        try:
            while more := connection.recv(1 << 20):
                received.extend(more)
        except ConnectionResetError:
            received.extend(b"")

    with raw_server(reads_late, reads=False) as server:
        client = client_of(server.url, session, longest_s=limit_s)
        submitted, submit_s = timed(lambda: client.submit("name", ["x" * size]))
        returned.set()
    assert isinstance(submitted, Unanswered)
    assert submit_s < limit_s + MARGIN_S
    assert len(received) < size


@pytest.fixture
def slow_lookup(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A lookup of names that answers once the event is set."""
    answers, real = threading.Event(), socket.getaddrinfo

    def look_up(*args: Any, **options: Any) -> Any:
        assert answers.wait(5)
        return real(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield answers
    answers.set()


def test_hanging_lookup_sends_nothing(session: requests.Session, slow_lookup: threading.Event) -> None:
    with raw_server(says(ACCEPTED)) as server:
        client = client_of(server.url, session)
        submitted, submit_s = timed(lambda: client.submit("name", ["text"]))
        assert isinstance(submitted, Deferred) and submitted.reason is DeferReason.UNAVAILABLE
        assert submit_s < LIMIT_S + MARGIN_S
        running = [thread for thread in threading.enumerate() if thread.name == "name lookup"]
        assert isinstance(client.submit("name", ["text"]), Deferred)
        assert [thread for thread in threading.enumerate() if thread.name == "name lookup"] == running
        slow_lookup.set()
        for thread in running:
            thread.join()
        assert (server.connections, server.requests) == (0, [])
        assert isinstance(client.submit("name", ["text"]), Accepted)


def test_hanging_connection_sends_nothing(session: requests.Session) -> None:
    """A listener whose queue is full lets nobody in, and refuses nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        submitted, submit_s = timed(lambda: client_of(url, session).submit("name", ["text"]))
        for filler in fillers:
            filler.close()
    assert isinstance(submitted, Deferred) and submitted.reason is DeferReason.UNAVAILABLE
    assert submit_s < LIMIT_S + MARGIN_S


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 70 + ".invalid", "127.0.0.1"])
def test_unreachable_host_gets_no_request(name: str, session: requests.Session) -> None:
    submitted = client_of(f"http://{name}:1", session, longest_s=5).submit("name", ["text"])
    assert isinstance(submitted, Deferred)
    assert submitted.problem.code == "Unreachable"


def test_silent_proxy_sends_nothing(session: requests.Session) -> None:
    with raw_server(never_answers) as proxy:
        session.proxies = {"https": proxy.url}
        submitted, submit_s = timed(lambda: client_of("https://x.invalid", session).submit("name", ["text"]))
        assert proxy.requests[0].startswith(b"CONNECT x.invalid:443")
    assert isinstance(submitted, Deferred)
    assert submit_s < LIMIT_S + MARGIN_S


def test_proxied_request_may_be_sent(session: requests.Session) -> None:
    with raw_server(says_and_closes(b"")) as proxy:
        session.proxies = {"http": proxy.url}
        assert isinstance(client_of("http://x.invalid", session).submit("name", ["text"]), Unanswered)
        assert proxy.requests[0].startswith(b"POST http://x.invalid/language")


# --- Within bounds ---


def bomb(wbits: int = 31) -> bytes:
    """Return 1.5 MB that expand to 1.5 GB of white space in JSON."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    start = packer.compress(b"{") + packer.flush(zlib.Z_FULL_FLUSH)
    return start + (packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)) * 1_500


BOMBS = {
    "gzip": lambda: (b"gzip", bomb()),
    "deflate": lambda: (b"deflate", bomb(15)),
    "gzip twice": lambda: (b"gzip, gzip", gzip.compress(bomb())),
}


def peak_mb(call: Callable[[], Any]) -> tuple[Any, float]:
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad Request"])
def test_compression_bomb_costs_little(kind: str, status: bytes, session: requests.Session) -> None:
    coding, body = BOMBS[kind]()
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Encoding: " + coding + b"\r\n"
    with raw_server(says(with_length(head, body))) as server:
        client = client_of(server.url, session, longest_s=10)
        polled, poll_mb = peak_mb(lambda: poll(client))
        submitted, submit_mb = peak_mb(lambda: client.submit("name", ["text"]))
    assert isinstance(polled, Deferred) and polled.reason is DeferReason.UNAVAILABLE
    assert isinstance(submitted, Unanswered)
    assert polled.problem.code == "ReplyTooLarge"
    assert "1,048,576 bytes" in polled.problem.message
    # Of a submission that was accepted only the headers count.
    is_accepted = status.startswith(b"200")
    assert submitted.problem.code == ("NoOperationLocation" if is_accepted else "ReplyTooLarge")
    assert max(poll_mb, submit_mb) < 8


def test_bomb_is_cut_off_at_64_mb(session: requests.Session) -> None:
    head = OK + b"Content-Encoding: gzip\r\n"
    with raw_server(says(with_length(head, bomb()))) as server:
        client = client_of(server.url, session, longest_s=20, most=MAX_REPLY_BYTES)
        polled, poll_mb = peak_mb(lambda: poll(client))
    assert isinstance(polled, Deferred) and polled.problem.code == "ReplyTooLarge"
    assert poll_mb < 80


def test_bomb_behind_redirect_is_not_read(session: requests.Session) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Encoding: gzip\r\n"
    with raw_server(says(with_length(head, bomb()))) as server:
        submitted, submit_mb = peak_mb(lambda: client_of(server.url, session).submit("name", ["text"]))
    assert isinstance(submitted, Unanswered)
    assert submit_mb < 8


def test_bytes_of_all_pages_count_together(session: requests.Session) -> None:
    pages = iter(range(100))

    def page(connection: socket.socket, server: RawServer) -> None:
        body = json.dumps(ga_page(nextLink=f"/x?skip={next(pages)}", filler="x" * 300_000)).encode()
        connection.sendall(with_length(OK, body))

    with raw_server(page) as server:
        polled = poll(client_of(server.url, session, longest_s=5))
    assert isinstance(polled, Deferred) and polled.problem.code == "ReplyTooLarge"
    assert len(server.requests) == 4


# --- Malformed ---

MALFORMED = {
    "nothing": b"",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "status 99": b"HTTP/1.1 99 Odd\r\n\r\n",
    "bytes": bytes(range(256)),
    "a header without an end": OK + b"operation-location",
    "a header of 100,000 bytes": OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
    "1,000 headers": OK + b"X: y\r\n" * 1_000 + b"\r\n",
    "closed after the headers": OK + b"Content-Length: 50\r\n\r\n",
    "half a body": OK + b"Content-Length: 5000\r\n\r\n" + RUNNING[:40],
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "no length": OK + b"Content-Length: many\r\n\r\n{}",
    "no chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no gzip": with_length(OK + b"Content-Encoding: gzip\r\n", b"{}"),
    "seven codings": with_length(OK + b"Content-Encoding: gzip" + b", gzip" * 6 + b"\r\n", b"{}"),
    "malformed redirect": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/x\r\nContent-Length: 0\r\n\r\n",
    "redirect without an address": b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "malformed cookie": with_length(OK + b"Set-Cookie: \xff=;;; expires=99999999999\r\n", b"{}"),
    "malformed location": b"HTTP/1.1 202 OK\r\noperation-location: http://[::1/x\r\nContent-Length: 0\r\n\r\n",
    "retry after for ever": b"HTTP/1.1 503 No\r\nRetry-After: " + b"9" * 5_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "a sign-in page": with_length(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", b"<html>"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_reply_is_outcome(case: str, session: requests.Session) -> None:
    with raw_server(says_and_closes(MALFORMED[case])) as server:
        client = client_of(server.url, session, longest_s=5)
        submitted = client.submit("name", ["text"])
        polled = poll(client)
        client.cancel(f"/language/analyze-text/jobs/{JOB_ID}")
    assert isinstance(submitted, Unanswered)
    assert isinstance(polled, Deferred) and polled.reason is DeferReason.UNAVAILABLE


# --- Connections are used again ---


@pytest.mark.parametrize(
    "reply",
    [
        with_length(OK, RUNNING),
        OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(RUNNING) + RUNNING + b"\r\n0\r\n\r\n",
        with_length(OK + b"Content-Encoding: gzip\r\n", gzip.compress(RUNNING)),
        with_length(OK + b"Content-Encoding: deflate\r\n", zlib.compress(RUNNING)),
    ],
    ids=["length", "chunks", "gzip", "deflate"],
)
def test_polls_share_connection(reply: bytes, session: requests.Session) -> None:
    with raw_server(says(reply)) as server:
        client = client_of(server.url, session, longest_s=5)
        assert all(isinstance(poll(client), StillRunning) for _ in range(3))
        assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (ACCEPTED, Accepted),
        (ACCEPTED.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", Accepted),
        (with_length(b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n", b"<html>"), Unanswered),
    ],
    ids=["empty", "empty chunks", "a page"],
)
def test_submissions_share_connection(reply: bytes, outcome: type, session: requests.Session) -> None:
    with raw_server(says(reply)) as server:
        client = client_of(server.url, session, longest_s=5)
        assert all(isinstance(client.submit("name", ["text"]), outcome) for _ in range(3))
        assert (server.connections, len(server.requests)) == (1, 3)


def test_idle_connection_is_replaced(session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "MAX_IDLE_S", -1.0)
    with raw_server(says(ACCEPTED)) as server:
        client = client_of(server.url, session, longest_s=5)
        assert all(isinstance(client.submit("name", ["text"]), Accepted) for _ in range(2))
        assert server.connections == 2


def test_no_connection_outlives_its_limit(session: requests.Session) -> None:
    """The exchange after one that met its limit gets a connection of its own."""
    scripts = iter([drips(OK), says(with_length(OK, RUNNING)), says(with_length(OK, RUNNING))])

    def one_after_the_other(connection: socket.socket, server: RawServer) -> None:
        next(scripts)(connection, server)

    with raw_server(one_after_the_other) as server:
        client = client_of(server.url, session)
        assert isinstance(poll(client), Deferred)
        assert isinstance(poll(client), StillRunning)
        assert server.connections == 2


def test_cookies_are_not_kept(session: requests.Session) -> None:
    with raw_server(says(with_length(OK + b"Set-Cookie: a=b\r\n", RUNNING))) as server:
        client = client_of(server.url, session, longest_s=5)
        assert all(isinstance(poll(client), StillRunning) for _ in range(2))
        assert not any(b"ookie" in request for request in server.requests)


def test_own_404_over_socket_loses_job(session: requests.Session) -> None:
    body = json.dumps({"error": {"code": "NotFound", "message": "Unknown."}}).encode()
    with raw_server(says(with_length(b"HTTP/1.1 404 No\r\nContent-Type: application/json\r\n", body))) as server:
        assert isinstance(poll(client_of(server.url, session, longest_s=5)), JobLost)


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody else has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_is_verified_and_shared(session: requests.Session, tls: ssl.SSLContext, certificate: Path) -> None:
    state = json.dumps(ga_page(items=[ga_item([{"id": "0", "entities": [wire_entity()]}])])).encode()
    with raw_server(says(with_length(OK, state)), tls=tls) as server:
        session.verify = str(certificate)
        client = client_of(f"https://localhost:{server.port}", session, longest_s=5)
        assert all(isinstance(poll(client), Finished) for _ in range(3))
        assert server.connections == 1
        wrong_name = client_of(f"https://127.0.0.1:{server.port}", session, longest_s=5).submit("name", ["text"])
        session.verify = True
        untrusted = client_of(f"https://localhost:{server.port}", session, longest_s=5).submit("name", ["text"])
        assert len(server.requests) == 3
    for refused in (wrong_name, untrusted):
        assert isinstance(refused, Deferred)
        assert "SSLCertVerificationError" in refused.problem.message


@pytest.mark.parametrize("case", ["no answer", "dripping headers", "dripping body"])
def test_tls_ends_at_its_limit(case: str, session: requests.Session, tls: ssl.SSLContext, certificate: Path) -> None:
    session.verify = str(certificate)
    with raw_server(ENDLESS[case], tls=tls) as server:
        client = client_of(f"https://localhost:{server.port}", session)
        submitted, submit_s = timed(lambda: client.submit("name", ["text"]))
    assert isinstance(submitted, Unanswered)
    assert submit_s < LIMIT_S + MARGIN_S


@pytest.mark.parametrize("script", [never_answers, drips(b"\x16\x03\x03\x40\x00", b"\x00")])
def test_handshake_ends_at_its_limit(script: Script, session: requests.Session) -> None:
    """Nothing of the request was sent, whatever went wrong in the handshake."""
    with raw_server(script, reads=False) as server:
        client = client_of(f"https://localhost:{server.port}", session)
        submitted, submit_s = timed(lambda: client.submit("name", ["text"]))
    assert isinstance(submitted, Deferred) and submitted.reason is DeferReason.UNAVAILABLE
    assert submit_s < LIMIT_S + MARGIN_S


@pytest.mark.parametrize("reply", [b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_failed_handshake_sends_nothing(reply: bytes, session: requests.Session) -> None:
    with raw_server(says_and_closes(reply), reads=False) as server:
        submitted = client_of(f"https://localhost:{server.port}", session).submit("name", ["text"])
    assert isinstance(submitted, Deferred)
