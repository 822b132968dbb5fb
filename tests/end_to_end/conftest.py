"""What the tests of the whole app share."""

from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.support.app_on_hosts import Containers


@pytest.fixture
def containers(stack: Stack) -> Iterator[Containers]:
    """The containers of the module's own `stack`."""
    seen = Containers(stack)
    yield seen
    seen.close()
