"""A functions host is killed in the middle of a step, and another one takes the job up within 30 seconds."""

import time
from collections.abc import Iterator

import pytest

from local.stack import HostPart, Stack
from tests.support.app_on_hosts import Containers, eventually

pytestmark = pytest.mark.processes

SLOW_S = 20
JOBS = ["--min-seconds", "0.2", "--max-seconds", "0.6"]
LETTER = "Dear Sir or Madam,\nBorrower: Carlos Ortega\nLoan amount: $310,000\nSincerely,\nCarlos Ortega\n"


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("killed")
    with Stack(folder, hosts=2, language_options=JOBS, settings={"BATCH_LINGER_MS": "0"}) as running:
        yield running


def test_killed_step_is_taken_up_soon(stack: Stack, containers: Containers) -> None:
    """It waits for the service when its host is killed; the answer of that would have come later than the limit."""
    script = [{"kind": "latency", "method": "GET"}]
    stack.language.admin("PUT", "faults", {"script": script, "latencySeconds": [SLOW_S, SLOW_S]})
    containers.drop("a.txt", LETTER)
    killed = eventually(lambda: next(filter(is_polling, stack.hosts), None), "a step in work")
    eventually(
        lambda: stack.language.counters()["faults"].get("latency"), "the poll, before which its message is hidden"
    )
    killed.kill()
    since = time.monotonic()
    assert containers.result("a.txt.entities.json") is None
    result = containers.entities("a.txt")
    took = time.monotonic() - since
    assert took <= 30, took
    assert result["entities"]
    assert stack.language.counters()["jobsAccepted"] == 1
    eventually(containers.is_quiet, "the end of the job")


def is_polling(host: HostPart) -> bool:
    return bool(host.status()["functions"]["advance"]["running"])
