"""What the stand-ins answer to a browser that speaks for a page of somebody else: raw requests over real sockets."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.functions_host.http_face import HttpFace, bind, create_app
from local.language_service.service import LanguageService
from local.loopback import is_loopback
from local.stand_in.web import in_background

Ask = Callable[..., tuple[int, bytes]]


class RecordingHost:
    """The part of a functions host that its HTTP face asks; it notes what reached it."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def receive_events(self, function_name: str, event_type: str, body: bytes) -> tuple[int, Any]:
        self.runs.append(function_name)
        return 202, None

    def run_by_hand(self, function_name: str, text: str) -> None:
        self.runs.append(function_name)

    def status(self) -> dict[str, Any]:
        self.runs.append("status")
        return {"state": "Running"}


@pytest.fixture(scope="module")
def host() -> Iterator[tuple[RecordingHost, int]]:
    recording = RecordingHost()
    face = HttpFace(create_app(recording, "extension", None), bind(0))
    face.start()
    yield recording, int(face.url.rpartition(":")[2])
    face.stop()


@pytest.fixture(scope="module")
def language() -> Iterator[tuple[LanguageService, int]]:
    service = LanguageService([], admin=True)
    with in_background(service) as address:
        yield service, int(address.rpartition(":")[2])


@pytest.fixture(params=["functions host", "Language stand-in"])
def server(
    request: pytest.FixtureRequest, host: tuple[RecordingHost, int], language: tuple[LanguageService, int]
) -> tuple[int, str]:
    """The port of a stand-in, and an admin path that it answers with 200."""
    return (host[1], "/admin/host/status") if request.param == "functions host" else (language[1], "/admin/counters")


def ask(port: int, path: str, *headers: str, method: str = "GET", version: str = "1.1") -> tuple[int, bytes]:
    """Send a request whose headers are written as given; return status and body."""
    lines = [f"{method} {path} HTTP/{version}", *headers, "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost"])
def test_loopback_names_with_port_are_served(server: tuple[int, str], name: str) -> None:
    port, path = server
    assert ask(port, path, f"Host: {name}:{port}")[0] == 200


@pytest.mark.parametrize(
    "given",
    [
        "attacker.example",
        "attacker.example:{port}",
        "127.0.0.1",
        "localhost:1",
        "127.0.0.1.attacker.example:{port}",
        "attacker.example@127.0.0.1:{port}",
        "127.0.0.1:{port}@attacker.example",
        "localhost.:{port}",
        "127.0.0.2:{port}",
        "0.0.0.0:{port}",
        "2130706433:{port}",
        "[::1]:1",
        "",
        "127.0.0.1:{port}:{port}",
        "127.0.0.1:0{port}0",
    ],
)
def test_other_hosts_are_refused(server: tuple[int, str], given: str) -> None:
    port, path = server
    status, body = ask(port, path, f"Host: {given.format(port=port)}")
    assert status == 421
    assert b"Host header" in body


def test_missing_or_doubled_host_is_refused(server: tuple[int, str]) -> None:
    port, path = server
    good = f"Host: 127.0.0.1:{port}"
    assert ask(port, path, version="1.0")[0] == 421
    assert ask(port, path, good, "Host: attacker.example")[0] in (400, 421)
    assert ask(port, path, "Host: attacker.example", good)[0] in (400, 421)
    assert ask(port, f"http://attacker.example:{port}{path}", "Host: attacker.example")[0] == 421


@pytest.mark.parametrize(
    "header",
    [
        "Origin: http://attacker.example",
        "Origin: https://127.0.0.1:{port}",
        "Origin: http://127.0.0.1:3000",
        "Origin: http://localhost",
        "Origin: null",
        "Origin: file://",
        "Origin: ",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
def test_pages_of_other_origins_are_refused(server: tuple[int, str], header: str) -> None:
    port, path = server
    assert ask(port, path, f"Host: 127.0.0.1:{port}", header.format(port=port))[0] == 403


@pytest.mark.parametrize(
    "header", ["Origin: http://127.0.0.1:{port}", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"]
)
def test_own_origin_is_served(server: tuple[int, str], header: str) -> None:
    port, path = server
    assert ask(port, path, f"Host: 127.0.0.1:{port}", header.format(port=port))[0] == 200


def test_refused_request_has_no_effect(host: tuple[RecordingHost, int], language: tuple[LanguageService, int]) -> None:
    recording, port = host
    recording.runs.clear()
    assert ask(port, "/admin/functions/sweep", "Host: attacker.example", "Content-Length: 0", method="POST")[0] == 421
    origin = "Origin: http://attacker.example"
    webhook = "/runtime/webhooks/blobs?functionName=f&code=extension"
    assert ask(port, webhook, f"Host: localhost:{port}", origin, "Content-Length: 0", method="POST")[0] == 403
    assert recording.runs == []
    service, port = language
    service.counters.requests["submit"] = 7
    assert ask(port, "/admin/counters", f"Host: localhost:{port}", origin, method="DELETE")[0] == 403
    assert service.counters.requests == {"submit": 7}


def test_default_port_may_be_omitted() -> None:
    assert is_loopback("localhost", 80)
    assert is_loopback("[::1]:80", 80)
    assert not is_loopback("localhost", 8080)
