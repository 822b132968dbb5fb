"""The whole app through the functions host, end to end: real triggers, real storage, the stand-in over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.process import ROOT
from local.stack import Stack
from tests.support.app_on_hosts import Containers, eventually

pytestmark = pytest.mark.processes

LETTER = (ROOT / "samples" / "drop" / "short-note.txt").read_text("utf-8")
FAST_JOBS = ["--min-seconds", "0.2", "--max-seconds", "0.6"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two functions hosts that share the work."""
    with Stack(tmp_path_factory.mktemp("stack"), hosts=2, language_options=FAST_JOBS) as running:
        yield running


NAMES = [
    "plain.txt",
    "with space.txt",
    "percent%20sign 100%.txt",
    "hash#and+plus&more=x.txt",
    "[brackets] (round) {curly}.txt",
    "quotes ' and \".txt",
    "straße/été/Ελλάδα/日本/😀.txt",
    "dots...and.more..txt",
    "no-extension",
    "a/b/c/d/e/f/g/h/i/j/deep.txt",
    "looks-like.entities.json",
    "x" * 200 + "/" + "y" * 200 + "/" + "z" * 250 + "/" + "w" * 250 + "/" + "v" * 92 + ".txt",
]


def test_any_name_gets_its_result(containers: Containers) -> None:
    """Spaces, percent signs, brackets, quotes, scripts, folders, dots and a thousand characters survive the journey."""
    assert len(NAMES[-1]) == 1000
    for name in NAMES:
        containers.drop(name, LETTER)
    results = containers.all_results(NAMES)
    assert [result["document"]["name"] for result in results.values()] == NAMES
    for result in results.values():
        assert result["entities"]
        assert all(
            LETTER[entity["offset"] : entity["offset"] + entity["length"]] == entity["text"]
            for entity in result["entities"]
        )


def test_result_names_its_document(containers: Containers) -> None:
    """The result names version, model, job and billing, and its blob's metadata lets a listing tell the same."""
    etag = containers.drop("provenance.txt", LETTER)
    result = containers.entities("provenance.txt", etag)
    assert result["document"]["sizeBytes"] == len(LETTER.encode())
    assert result["document"]["characters"] == len(LETTER)
    assert result["document"]["encoding"] == "utf-8"
    assert result["model"] == {"apiVersion": "2023-04-01", "project": "loans", "deployment": "production"}
    assert result["textRecords"] == 1
    assert result["stringIndexType"] == "UnicodeCodePoint"
    assert [job["polls"] >= 1 for job in result["jobs"]] == [True]
    metadata = containers.output.get_blob_client("provenance.txt.entities.json").get_blob_properties().metadata
    assert metadata["source_etag"] == etag
    assert metadata["job"]


BAD = {
    "empty.txt": (b"", "EmptyDocument"),
    "blank.txt": (b" \r\n\t ", "NoText"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "NoText"),
    "report.pdf": (b"%PDF-1.7 and the rest", "DamagedFile"),
    "broken-utf16.txt": (b"\xff\xfeH\x00" + b"\x00\xd8" * 4, "InvalidEncoding"),
}


def test_unreadable_document_is_reported_without_request(stack: Stack, containers: Containers) -> None:
    """Empty, blank, binary and damaged files are reported at once; the service never hears of them."""
    eventually(containers.is_quiet, "earlier jobs to end")
    before = stack.language.counters()["requests"]
    for name, (data, _) in BAD.items():
        containers.drop(name, data)
    reports = {name: containers.error(name) for name in BAD}
    assert {name: report["error"]["code"] for name, report in reports.items()} == {
        name: code for name, (_, code) in BAD.items()
    }
    assert all(report["error"]["message"] and report["error"]["help"] for report in reports.values())
    assert stack.language.counters()["requests"] == before


def test_replaced_document_has_newest_result_only(containers: Containers) -> None:
    """From readable to unreadable and back: the newest version's result stays, and the other kind goes away."""
    containers.entities("changing.txt", containers.drop("changing.txt", LETTER))
    containers.error("changing.txt", containers.drop("changing.txt", b"\x00\x01\x02"))
    eventually(lambda: containers.result("changing.txt.entities.json") is None, "the stale entities to be removed")
    containers.entities("changing.txt", containers.drop("changing.txt", LETTER + "\nBorrower: Ida Lindqvist\n"))
    eventually(lambda: containers.result("changing.txt.error.json") is None, "the stale report to be removed")


def test_documents_that_arrive_together_share_requests(stack: Stack, containers: Containers) -> None:
    """Sixty documents on two hosts take far fewer than sixty jobs, and leave no job behind."""
    eventually(containers.is_quiet, "earlier jobs to end")
    before = stack.language.counters()["jobsAccepted"]
    names = [f"burst/{number}.txt" for number in range(60)]
    for name in names:
        containers.drop(name, f"{LETTER}\nCopy {name}\n")
    assert all(result["entities"] for result in containers.all_results(names).values())
    assert stack.language.counters()["jobsAccepted"] - before <= 30
    eventually(containers.is_quiet, "the last job to end")


def test_long_document_is_split_and_merged(stack: Stack, containers: Containers) -> None:
    """Three requests' worth of text comes back as one result whose every offset fits."""
    text = "\n\n".join(f"Page {page}.\n{LETTER}" for page in range(300_000 // len(LETTER)))
    containers.drop("long.txt", text)
    result = containers.entities("long.txt")
    assert len(result["jobs"]) >= 3
    assert result["warnings"] == []
    offsets = [entity["offset"] for entity in result["entities"]]
    assert offsets == sorted(offsets)
    assert all(text[e["offset"] : e["offset"] + e["length"]] == e["text"] for e in result["entities"])
    pages = text.count("Page ")
    once = containers.entities("once.txt", containers.drop("once.txt", LETTER))["entities"]
    assert len(result["entities"]) == pages * len(once)
    assert list(containers.state.list_blobs(name_starts_with="pieces/")) == []


def test_preview_api_works(tmp_path: Path) -> None:
    """With v3.1-preview.ct.1 and a model id, in the shape of its documents, a document gets its entities."""
    settings = {
        "LANGUAGE_API_VERSION": "v3.1-preview.ct.1",
        "LANGUAGE_PROJECT": "",
        "LANGUAGE_DEPLOYMENT": "",
        "LANGUAGE_MODEL_ID": "00000000-0000-0000-0000-000000000001_Extraction_latest",
    }
    options = [*FAST_JOBS, "--project", "ANY"]
    with Stack(tmp_path, settings=settings, language_options=options) as stack:
        containers = Containers(stack)
        containers.drop("preview.txt", LETTER)
        result = containers.entities("preview.txt")
        containers.close()
    assert result["entities"]
    assert result["model"] == {
        "apiVersion": "v3.1-preview.ct.1",
        "modelId": "00000000-0000-0000-0000-000000000001_Extraction_latest",
    }


def test_app_creates_missing_containers(tmp_path: Path) -> None:
    """With other names, and only the intake container there, the app creates the rest when it first writes."""
    settings = {
        "INPUT_CONTAINER": "in-tray",
        "OUTPUT_CONTAINER": "out-tray",
        "STATE_CONTAINER": "book-keeping",
        "JOB_QUEUE": "work",
    }
    with Stack(tmp_path, settings=settings, language_options=FAST_JOBS) as stack:
        containers = Containers(stack)
        for container in (containers.output, containers.state):
            container.delete_container()
        containers.drop("letter.txt", LETTER)
        assert containers.entities("letter.txt")["entities"]
        containers.close()


def test_wrong_settings_stop_app_at_start(tmp_path: Path) -> None:
    """The host does not start, and one message names every problem and what is expected."""
    settings = {
        "OUTPUT_CONTAINER": "documents",
        "LANGUAGE_API_VERSION": "latest",
        "BATCH_LINGER_MS": "soon",
        "STRING_INDEX_TYPE": "bytes",
    }
    stack = Stack(tmp_path, settings=settings)
    with pytest.raises(Exception, match="cannot start") as failure:
        stack.start()
    message = str(failure.value)
    for name in (
        "INPUT_CONTAINER and OUTPUT_CONTAINER",
        "LANGUAGE_API_VERSION",
        "BATCH_LINGER_MS",
        "STRING_INDEX_TYPE",
    ):
        assert name in message
