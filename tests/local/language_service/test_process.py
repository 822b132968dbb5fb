"""The stand-in as a process of its own: its command line, and what only a real connection shows."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from click.testing import CliRunner

from local.language_service.__main__ import main
from local.language_service.faults import FaultPlan
from local.language_service.service import LanguageService
from tests.local.language_service.material import GA, KEY_HEADER, NEW_LETTER, documents, entity_task

pytestmark = pytest.mark.processes

JOBS = f"/language/analyze-text/jobs?api-version={GA}"
BODY = {"analysisInput": {"documents": documents(NEW_LETTER)}, "tasks": [entity_task()]}
ROOT = Path(__file__).parents[3]


@pytest.fixture
def start(labels_files: dict[str, Path], model_cache: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the stand-in with the loans project and the given options."""
    started = []

    def run(*options: str) -> subprocess.Popen[str]:
        labels = labels_files["loans"]
        command = [sys.executable, "-m", "local.language_service", "--labels", str(labels), "--documents"]
        command += [str(labels.parent), "--model-cache", str(model_cache), *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("Language stand-in ready on http://127.0.0.1:"), process.communicate()[1]
    return line.split()[-1]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_process_starts_works_and_stops(start: Callable[..., subprocess.Popen[str]], stop: signal.Signals) -> None:
    process = start("--key", "secret", "--min-seconds", "0.01", "--max-seconds", "0.02", "--admin")
    address = address_of(process)
    with requests.Session() as session:
        session.headers["Ocp-Apim-Subscription-Key"] = "secret"
        submitted = session.post(address + JOBS, json=BODY, timeout=60)
        assert submitted.status_code == 202
        deadline = time.monotonic() + 60
        while (found := session.get(submitted.headers["operation-location"], timeout=60).json())[
            "status"
        ] != "succeeded":
            assert time.monotonic() < deadline
        texts = [one["text"] for one in found["tasks"]["items"][0]["results"]["documents"][0]["entities"]]
        assert "Grace Lee" in texts
        assert session.get(f"{address}/admin/counters", timeout=60).json()["documentsAccepted"] == 1
        # With a connection still open it stops, too.
        process.send_signal(stop)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")


def test_taken_port_is_reported(start: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        assert process.wait(120) == 1
    assert process.stderr
    assert f"Port {port} cannot be used" in process.stderr.read()


def invoke(labels_files: dict[str, Path], project: str, *options: str) -> tuple[int, str]:
    path = labels_files[project]
    result = CliRunner().invoke(main, ["--labels", str(path), "--documents", str(path.parent), *options])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--fault", "error-418=0.1"], 1, "There is no fault 'error-418'"),
        (["--min-seconds", "5"], 2, "is more than --max-seconds 3"),
        (["--documents", "."], 2, "one for each of the 1 --labels"),
        (["--evaluate", "--folds", "99"], 2, "24 documents cannot be held out"),
        (["--errors-page", "second"], 2, "Invalid value"),
    ],
)
def test_wrong_option_is_reported(labels_files: dict[str, Path], options: list[str], code: int, reason: str) -> None:
    assert invoke(labels_files, "loans", *options)[0] == code
    assert reason in invoke(labels_files, "loans", *options)[1]


def test_invalid_labels_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("{}", encoding="utf-8")
    result = CliRunner().invoke(main, ["--labels", str(tmp_path / "labels.json"), "--documents", str(tmp_path)])
    assert result.exit_code == 1
    assert "is not a labels file" in result.output


def test_evaluation_prints_every_category(labels_files: dict[str, Path]) -> None:
    code, output = invoke(labels_files, "loans", "--evaluate", "--folds", "2")
    assert code == 0
    header, *rows = output.splitlines()
    assert header.split() == ["precision", "recall", "F1", "labels"]
    assert [row.split("  ")[0] for row in rows[:-1]] == ["Amount", "Borrower", "Date", "Lender", "All categories"]


def test_skipped_labels_are_reported(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    (tmp_path / "a.txt").write_text("Grace pays.", encoding="utf-8")
    labels.write_text(
        '{"entityNames": ["Who"], "documents": [{"location": "a.txt", "entities": [{"labels": '
        '[{"entity": 0, "start": 0, "length": 5}, {"entity": 0, "start": 7, "length": 99}]}]}]}',
        encoding="utf-8",
    )
    result = CliRunner().invoke(
        main, ["--labels", str(labels), "--documents", str(tmp_path), "--evaluate", "--folds", "2"]
    )
    assert "labels.json: a.txt, offset 7: a length of 99 does not fit a text of 11 UTF-16 units; left out." in (
        result.output
    )


def test_readme_lists_every_option() -> None:
    readme = (ROOT / "local" / "language_service" / "README.md").read_text(encoding="utf-8")
    for option in main.params:
        assert f"`{option.opts[0]}" in readme, option.opts[0]


def raw_exchange(address: str, request: bytes) -> bytes:
    """Send bytes and read until the connection is closed."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(request)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


Serve = Callable[..., tuple[LanguageService, str]]


def submission(address: str, path: str, body: bytes) -> bytes:
    """A raw submission that calls the server `localhost`."""
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: localhost:{urlsplit(address).port}",
        "Ocp-Apim-Subscription-Key: local",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def test_preview_submission_is_answered_in_chunks(serve: Serve) -> None:
    _, address = serve()
    body = (
        b'{"analysisInput":{"documents":[{"id":"1","text":"x"}]},"tasks":{"customEntityRecognitionTasks":'
        b'[{"parameters":{"project-name":"loans","deployment-name":"d"}}]}}'
    )
    request = submission(address, "/text/analytics/v3.1-preview.ct.1/analyze", body)
    head, _, rest = raw_exchange(address, request).partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "http/1.1 202 accepted"
    assert "transfer-encoding: chunked" in lines
    # Links start with the host that the client named.
    assert any(
        line.startswith(f"operation-location: http://localhost:{urlsplit(address).port}/text/") for line in lines
    )
    assert rest == b"0\r\n\r\n"


def test_cut_connection_sends_nothing(serve: Serve) -> None:
    _, address = serve(service={"faults": FaultPlan(rates={"cut-after": 1.0})})
    assert raw_exchange(address, submission(address, JOBS, b"{}")) == b""


def test_half_body_is_sent(serve: Serve) -> None:
    service, address = serve(service={"faults": FaultPlan(rates={"truncated": 1.0})})
    head, _, body = raw_exchange(address, submission(address, JOBS, b"{}")).partition(b"\r\n\r\n")
    (length,) = [int(line.split()[1]) for line in head.decode().split("\r\n") if line.startswith("content-length:")]
    assert 0 < len(body) < length
    service.faults.rates.clear()
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("POST", JOBS, b"{}", KEY_HEADER)
    whole = connection.getresponse().read()
    connection.close()
    assert whole.startswith(body)


def test_late_reply_delays_no_others(serve: Serve) -> None:
    service, address = serve(service={"faults": FaultPlan(rates={"latency@POST": 1.0}, latency_seconds=(30, 30))})
    with requests.Session() as session:
        session.headers.update(KEY_HEADER)
        with pytest.raises(requests.ReadTimeout):
            session.post(address + JOBS, json=BODY, timeout=0.5)
        assert session.get(f"{address}/language/analyze-text/jobs/1?api-version={GA}", timeout=10).status_code == 404
    assert service.counters.jobs_accepted == 1


def test_oversized_body_is_not_kept(serve: Serve) -> None:
    _, address = serve()
    reply = requests.post(address + JOBS, data=b" " * (17 * 1024 * 1024), headers=KEY_HEADER, timeout=120)
    assert reply.status_code == 400
    assert "Limit request size to: 1048576 bytes" in reply.text


def test_only_loopback_is_served(serve: Serve) -> None:
    _, address = serve()
    listening = [one for one in psutil.Process().net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert [one.laddr.ip for one in listening if one.laddr.port == urlsplit(address).port] == ["127.0.0.1"]
