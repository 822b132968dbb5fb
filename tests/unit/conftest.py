"""What the unit tests share: an HTTP server for the stand-ins."""

from collections.abc import Callable, Iterator

import pytest

from local.stand_in.messages import Request, Response, StandIn
from local.stand_in.web import in_background


class _Switch:
    """Answers as the stand-in that the running test has put in."""

    def __init__(self) -> None:
        self.service: StandIn | None = None

    def handle(self, request: Request) -> Response:
        assert self.service is not None
        return self.service.handle(request)


@pytest.fixture(scope="session")
def over_http() -> Iterator[Callable[[StandIn], str]]:
    """Puts a stand-in behind HTTP until the next one is put there, and returns its address.

    One server for all tests of a process: to stop it takes longer than most of them.
    """
    switch = _Switch()
    with in_background(switch) as url:

        def put(service: StandIn) -> str:
            switch.service = service
            return url

        yield put
