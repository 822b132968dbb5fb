"""No signature stands in the host's log, whether the host's own storage fails or the app's."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import urllib3

from local.functions_host.connections import Connection
from local.functions_host.errors import StorageError
from local.functions_host.redaction import RedactingFormatter, without_queries
from local.functions_host.storage import StorageAccount

SIGNATURE = "c2VjcmV0c2VjcmV0%3D"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the host's handler writes, at the most talkative level of every logger."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def test_storage_outage_shows_no_signature(log: io.StringIO) -> None:
    """urllib3 warns of every repetition with the address it asked for."""
    connection = Connection("Docs", "a", "http://127.0.0.1:9/a", "http://127.0.0.1:9/a", sas=f"sv=1&sig={SIGNATURE}")
    http = urllib3.PoolManager(retries=urllib3.Retry(total=2, backoff_factor=0))
    with pytest.raises(StorageError) as caught:
        StorageAccount(connection, http).container("documents").head("a.txt")
    logging.getLogger("host").error("failed", exc_info=caught.value)
    assert "Retrying" in log.getvalue() and "no answer" in log.getvalue()
    assert SIGNATURE not in log.getvalue()
    assert SIGNATURE not in str(caught.value)


def test_exception_shows_no_signature(log: io.StringIO) -> None:
    try:
        raise RuntimeError(f"https://a.blob.core.windows.net/c?sv=1&sig={SIGNATURE}")
    except RuntimeError:
        logging.getLogger("host").exception("Function '%s' failed.", "submit")
    assert "RuntimeError: https://a.blob.core.windows.net/c?[redacted]" in log.getvalue()
    assert SIGNATURE not in log.getvalue()


def test_plain_query_is_kept() -> None:
    assert without_queries("Is it there? No. a?b") == "Is it there? No. a?b"
