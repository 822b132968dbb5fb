"""Scans through the functions host: the Document Intelligence stand-in reads them, then they are analysed."""

from collections.abc import Iterator

import pytest

from local.document_intelligence.documents import pdf, picture
from local.process import ROOT
from local.stack import Stack
from tests.support.app_on_hosts import Containers, eventually

pytestmark = pytest.mark.processes

LETTER = (ROOT / "samples" / "drop" / "short-note.txt").read_text("utf-8")
FAST_JOBS = ["--min-seconds", "0.1", "--max-seconds", "0.2"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("scans")
    with Stack(folder, language_options=FAST_JOBS, has_ocr=True, ocr_options=FAST_JOBS) as running:
        yield running


def test_scan_and_text_have_same_entities(stack: Stack, containers: Containers) -> None:
    containers.drop("letter.txt", LETTER)
    containers.drop("scan.pdf", pdf(["", LETTER]))
    containers.drop("photo.png", picture(LETTER))
    found = {
        name: [(one["text"], one["category"]) for one in result["entities"]]
        for name, result in containers.all_results(["letter.txt", "scan.pdf", "photo.png"]).items()
    }
    assert found["letter.txt"] and found["scan.pdf"] == found["photo.png"] == found["letter.txt"]
    places = [one["location"] for one in containers.entities("scan.pdf")["entities"]]
    assert {place["page"] for place in places} == {2}
    assert all(0 < place["readConfidence"] <= 1 for place in places)
    eventually(containers.is_quiet, "the end of all jobs")
    assert stack.ocr and stack.ocr.counters()["pages"] == 3
