"""The benchmark's own arithmetic and reports, and one small burst of each app."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from functions.text.splitting import MAX_REQUEST_CHARACTERS
from local.stack import THREADS

from .burst import Burst, run_burst
from .calls import Call
from .documents import CHARACTERS, documents, folders, letter
from .limited import LAST, MOST_PROCESSORS, RUNS, THIS, TWO_RESOURCES, Limited, Look, rate_used, run_limited
from .report import conditions, markdown, picture, sheets, sheets_of_instances
from .results import Bar, Machine, Results, bars, bars_of_instances, from_json
from .rig import BLOCKING, CONTESTANTS, OURS, TIMER, Contestant, Rig
from .single import Import, Lone, Long, Merging, long_document, read_import_trace
from .transactions import Transactions, kind_of

MACHINE = Machine(
    processor="Test",
    cores=2,
    memory_gib=8,
    python="3.11",
    node="v20",
    azurite="3.37.0",
    commit="abc1234",
    date="2026-11-23",
    load_before=0.1,
)
BURST = Burst(
    contestant=OURS.name,
    documents=1_000,
    lost=0,
    hosts=1,
    threads=THREADS,
    seconds=20.0,
    drop_seconds=2.0,
    documents_per_minute=3_000.0,
    requests_per_document=0.1,
    submissions=40,
    polls=60,
    refused_by_rate_limit=0,
    function_seconds_per_document=0.1,
    runs={"submit": 1_000},
    failures=0,
    median_s=10.0,
    p95_s=19.0,
    peak_memory=90_000_000,
    processor_share={"storage emulator": 0.9},
)
TIMERS = replace(BURST, contestant=TIMER.name, requests_per_document=0.2, function_seconds_per_document=0.4)
OTHER = replace(
    BURST,
    contestant=BLOCKING.name,
    lost=1,
    documents_per_minute=300.0,
    requests_per_document=3.0,
    function_seconds_per_document=10.0,
)

LIMITED = Limited(
    name="this-1",
    release=THIS,
    hosts=4,
    resources=1,
    limit=80,
    documents=4_000,
    unfinished=0,
    seconds=240.0,
    documents_per_minute=1_000.0,
    requests_per_document=0.08,
    refused=0.5,
    rate_used=93.9,
    delay_median_s=1.0,
    delay_p99_s=10.1,
    delay_most_s=11.0,
    processors=50.0,
    processor_share={"storage emulator": 0.9},
)


@pytest.fixture
def results() -> Results:
    return Results(
        machine=MACHINE,
        threads=THREADS,
        rounds=[replace(BURST, median_s=each) for each in (9.0, 10.0, 30.0)] + [OTHER] * 3,
        lone=[Lone(contestant=OURS.name, drop_to_result=4.0, detection=0.5, job=2.0)],
        long=Long(
            size=10, characters=10, requests=2, drop_to_result=1.0, entities=3, idle_memory=1, peak_memory=2_000_001
        ),
        imported=Import(seconds=0.5, without_bytecode=2.0, slowest=(("azure.storage.blob", 0.1),)),
        merging=Merging(entities=100, merge_seconds=0.5, write_seconds=0.5, result_bytes=1_000),
        growth=[BURST],
        transactions=Transactions(documents=10, jobs=1, per_document={"app: blob reads": 2.0}),
        calls=[Call(what="read a blob", app_ms=1.9, emulator_ms=1.4)],
        spread=[replace(BURST, hosts=hosts) for hosts in (1, 4, 10)],
        limited=[
            replace(LIMITED, name="last-1", release=LAST),
            LIMITED,
            replace(LIMITED, name="two-resources", documents_per_minute=900.0),
            replace(LIMITED, name="one-resource", documents_per_minute=500.0),
        ],
    )


# --- Documents ---


def test_bars_compare_ours_with_timer(results: Results) -> None:
    results.rounds.append(TIMERS)
    results.lone.append(Lone(contestant=TIMER.name, drop_to_result=8.0, detection=0.5, job=2.0))
    held = {bar.what: (round(bar.measured, 3), bar.is_met) for bar in bars(results) if "timer" in bar.what}
    assert held == {
        "requests per document, of the timer's": (50.0, True),
        "function-seconds per document, of the timer's": (25.0, True),
        "drop to result in a burst, median, of the timer's": (100.0, True),
        "drop to result in a burst, 95th percentile, of the timer's": (100.0, True),
        "lone document, drop to result, median, of the timer's": (50.0, True),
        "lone document, drop to result, 95th percentile, of the timer's": (50.0, True),
    }


def test_letters_are_reproducible_and_distinct() -> None:
    first, second = documents(300), documents(300)
    assert first == second
    assert len({document.text for document in first}) == len({document.name for document in first}) == 300
    assert all(CHARACTERS - 200 < len(document.text) <= CHARACTERS for document in first)


def test_folders_hold_all_documents() -> None:
    assert folders(documents(250)) == {"000/": 100, "001/": 100, "002/": 50}


def test_long_document_needs_several_requests() -> None:
    document = long_document(1_000_000)
    assert 997_000 < len(document.data) <= 1_000_000
    assert len(document.text) > 7 * MAX_REQUEST_CHARACTERS
    assert document.text.startswith(letter(0, 2_000))


# --- Results ---


def test_medians_cover_one_apps_rounds(results: Results) -> None:
    ours = results.of(OURS.name)
    assert ours is not None
    assert (ours["median_s"], ours["documents_per_minute"]) == (10.0, 3_000.0)
    assert results.of("nobody") is None


def test_bars_compare_ours_with_blocking(results: Results) -> None:
    held = {bar.what: (round(bar.measured, 3), bar.is_met) for bar in bars(results)}
    assert held == {
        "requests per document": (0.1, True),
        "fewer requests per document than blocking": (30.0, True),
        "function-seconds per document, of blocking's": (1.0, True),
        "more documents per minute than blocking": (10.0, True),
        "lone document, beyond job and detection": (1.5, True),
        "longest document, memory above idle": (2.0, True),
        "import of the app": (0.5, True),
    }


@pytest.mark.parametrize(("measured", "at_least", "met"), [(1.9, True, False), (2, True, True), (2.1, False, False)])
def test_threshold_is_inclusive(measured: float, at_least: bool, met: bool) -> None:
    assert Bar(what="", measured=measured, limit=2, unit="", at_least=at_least).is_met is met


def test_unmeasured_parts_are_left_out() -> None:
    nothing = Results(machine=MACHINE, threads=THREADS)
    assert bars(nothing) == []
    assert sheets(nothing) == []
    assert bars_of_instances(nothing) == []
    assert sheets_of_instances(nothing) == []


def test_results_survive_json_round_trip(results: Results) -> None:
    assert from_json(results.to_json()) == results
    held = [bar.what for bar in (*bars(results), *bars_of_instances(results))]
    assert [bar["what"] for bar in json.loads(results.to_json())["bars"]] == held


# --- Several instances ---


def test_bars_hold_instances_to_promises(results: Results) -> None:
    assert [(bar.what, bar.measured, bar.is_met) for bar in bars_of_instances(results)] == [
        ("requests per document, 4 hosts", 0.1, False),
        ("requests per document, 10 hosts", 0.1, True),
        ("this-1: requests refused", 0.5, True),
        ("this-1: rate used", 93.9, False),
        ("this-1: from job done to result, 99 %", 10.1, False),
        ("documents a minute, two resources of one", 1.8, True),
    ]


def test_busy_machine_makes_run_invalid(results: Results) -> None:
    results.spread = []
    results.add_limited([replace(each, processors=MOST_PROCESSORS + 0.1) for each in results.limited])
    assert bars_of_instances(results) == []
    assert "85 %, not valid" in markdown(results, sheets_of_instances(results))


def test_repeated_run_replaces_earlier_one(results: Results) -> None:
    results.add_limited([replace(LIMITED, refused=0.0), replace(LIMITED, name="this-2")])
    assert [each.name for each in results.limited] == ["this-1", "last-1", "this-2", "two-resources", "one-resource"]
    assert results.limited[0].refused == 0.0


def test_rate_is_used_from_first_to_last_request() -> None:
    """40 requests in half a minute, of 80 in a whole one; what comes before and after counts for nothing."""
    looks = [Look(0, 0, 0), Look(10, 0, 0), Look(20, 15, 1), Look(40, 40, 2), Look(50, 40, 3)]
    assert rate_used(looks, 80) == pytest.approx(100)


def test_releases_are_measured_in_turn() -> None:
    assert [run.release for run in RUNS[:4]] == [THIS, LAST, LAST, THIS]


# --- Reports ---


def test_every_row_has_cell_for_each_column(results: Results) -> None:
    for sheet in (*sheets(results), *sheets_of_instances(results)):
        assert all(len(row) == len(sheet.head) for row in sheet.rows), sheet.title


def test_page_names_measurement_setup(results: Results) -> None:
    page = markdown(results, sheets(results))
    for fact in (
        "1.5 to 3 s",
        "1,000 requests a minute",
        f"{THREADS} worker threads",
        "2 cores",
        "abc1234",
        "2026-11-23",
    ):
        assert fact in conditions(results)
    assert "10.0 (9.0 to 30.0)" in page
    assert "documents without a result | 0" in page


def test_profile_gives_documents_per_core(results: Results) -> None:
    """0.9 of a core for 20 s and 1,000 documents are 18 ms each; two cores do 120,000 ms of work in a minute."""
    assert results.processor_ms(OURS.name) == {"storage emulator": pytest.approx(18.0)}
    assert "documents a minute that 2 cores allow | 6,667" in markdown(results, sheets(results))


def test_picture_is_drawn(results: Results, tmp_path: Path) -> None:
    picture(results, tmp_path / "images" / "bench.png")
    assert (tmp_path / "images" / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_import_trace_is_summed_by_package() -> None:
    trace = """import time: self [us] | cumulative | imported package
import time:       300 |        300 |     azure.storage.blob._models
import time:       200 |        500 |   azure.storage.blob
import time:        50 |         50 |   json.decoder
import time:       100 |        650 | function_app
import time:      9000 |       9000 | afterwards
"""
    seconds, packages = read_import_trace(trace)
    assert seconds == pytest.approx(0.00065)
    assert packages["azure.storage.blob"] == pytest.approx(0.0005)
    assert "afterwards" not in packages
    with pytest.raises(ValueError, match="function_app"):
        read_import_trace("nothing")


@pytest.mark.parametrize(
    ("request_line", "kind"),
    [
        ("PUT /devstoreaccount1/documents-a/000/x.txt", None),
        ("GET /devstoreaccount1/documents-a/000/x.txt", "app: blob reads"),
        ("HEAD /devstoreaccount1/documents-a/000/x.txt", "trigger: blobs"),
        ("PUT /devstoreaccount1/state-a/documents/000/x.txt", "app: blob writes"),
        ("DELETE /devstoreaccount1/state-a/jobs/1.json", "app: blob deletions"),
        ("GET /devstoreaccount1/entities-a?restype=container&comp=list&prefix=000", None),
        ("POST /devstoreaccount1/jobs-a/messages?visibilitytimeout=60", "app: queue"),
        ("GET /devstoreaccount1/jobs-a/messages?numofmessages=16", "trigger: job queue"),
        ("POST /devstoreaccount1/azure-webjobs-blobtrigger-a/messages", "trigger: queue"),
        ("PUT /devstoreaccount1/azure-webjobs-hosts/blobreceipts/a?comp=lease", "trigger: blobs"),
    ],
)
def test_storage_requests_are_attributed_to_callers(request_line: str, kind: str | None) -> None:
    """They are told apart by who makes them: triggers, host or app."""
    assert kind_of(f'127.0.0.1 - - [23/Nov/2026:15:00:00 +0000] "{request_line} HTTP/1.1" 201 -') == kind


# --- The real thing, small ---


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("bench")) as rig:
        yield rig


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
def test_small_burst_is_measured(rig: Rig, contestant: Contestant) -> None:
    """Every document of it has the right result."""
    dropped = documents(6)
    rig.acquaint(dropped)
    burst = run_burst(rig, contestant, dropped)
    assert (burst.contestant, burst.documents, burst.lost, burst.failures) == (contestant.name, 6, 0, 0)
    assert burst.function_seconds_per_document > 0
    assert burst.submissions == 6 if contestant is BLOCKING else 1 <= burst.submissions <= 6
    assert 0 < burst.median_s <= burst.p95_s <= burst.seconds


@pytest.mark.processes
@pytest.mark.long
def test_small_run_at_limit_is_measured(tmp_path: Path) -> None:
    """Two resources and two hosts; each result is right, and there is one for each document."""
    limited = run_limited(TWO_RESOURCES, tmp_path, documents(24), 600, hosts=2, threads=THREADS)
    assert (limited.documents, limited.resources, limited.limit, limited.refused) == (12, 2, 300, 0)
    assert 2 / 12 <= limited.requests_per_document <= 2
    assert 0 <= limited.delay_median_s <= limited.delay_p99_s <= limited.delay_most_s < limited.seconds
    assert limited.rate_used > 0
    assert 0 < limited.processors <= 100
