"""Two Language resources share the work of a functions host, and one of them goes away for good."""

from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.benchmarks.documents import documents
from tests.support.app_on_hosts import Containers, eventually

pytestmark = pytest.mark.processes

FAST_JOBS = ["--min-seconds", "0.2", "--max-seconds", "0.6"]
SETTINGS = {"BATCH_LINGER_MS": "0", "JOB_TIMEOUT_MINUTES": "0.2"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("pool")
    with Stack(folder, resources=2, language_options=FAST_JOBS, settings=SETTINGS) as running:
        yield running


def test_other_resource_takes_over(stack: Stack, containers: Containers) -> None:
    texts = {document.name: document.text for document in documents(60)}
    first, second = stack.languages
    for name, text in list(texts.items())[:30]:
        containers.drop(name, text)
    eventually(lambda: second.counters()["jobsAccepted"] and first.counters()["jobsAccepted"], "jobs at both resources")
    second.kill()
    for name, text in list(texts.items())[30:]:
        containers.drop(name, text)
    for name, result in containers.all_results(texts).items():
        assert [texts[name][one["offset"] :][: one["length"]] for one in result["entities"]] == [
            one["text"] for one in result["entities"]
        ]
    eventually(containers.is_quiet, "the end of all jobs")
