"""The page served by the functions host, before real storage and the Language stand-in."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.support.app_on_hosts import Containers

FAST_JOBS = ["--min-seconds", "0.2", "--max-seconds", "0.6"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # Everything needs review, and a host that is started again is where it was.
    with Stack(
        tmp_path_factory.mktemp("page"),
        language_options=FAST_JOBS,
        settings={"REVIEW_BELOW": "1", "BATCH_LINGER_MS": "0"},
        host_options=["--port", str(free_port())],
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def stack_runs(stack: Stack) -> Iterator[None]:
    """After each test all parts run, or it says which one ended and what it wrote last."""
    yield
    stack.check()


@pytest.fixture
def page_url(stack: Stack) -> str:
    return stack.hosts[0].url


@pytest.fixture
def containers(stack: Stack) -> Iterator[Containers]:
    seen = Containers(stack)
    yield seen
    seen.close()
