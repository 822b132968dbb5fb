"""Lines of the journal, and what is counted from them."""

import random
import statistics
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from functions.core.documents import DocumentRecord, DocumentState
from functions.core.journal import (
    DocumentEnded,
    Durations,
    Entry,
    JobSubmitted,
    Line,
    Summary,
    Sums,
    Tally,
    as_repaired,
    by_day,
    by_folder,
    by_hour,
    by_model,
    decode_lines,
    distinct,
    document_ended,
    encode_lines,
    job_submitted,
    totals_by,
)
from functions.core.lifecycle import DocumentEvent, claim, conclude
from functions.core.records import Reading
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.tasks.key_phrases import KeyPhraseExtraction
from tests.support.material import PROBLEM, chunk, facts, running_job, work

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODEL = work().model


def ended(document: str = "a.txt", *, at: datetime = NOON, job: str = "j1", **fields: object) -> DocumentEnded:
    whole = {"at": at, "document": document, "etag": '"0x1"', "job": job, "state": "done", "claimed": at, **fields}
    return msgspec.convert(whole, DocumentEnded, from_attributes=True, strict=False)


def submitted(job: str = "j1", *, at: datetime = NOON, **fields: object) -> JobSubmitted:
    return JobSubmitted(at=at, job=job, submission=1, chunks=2, **fields)  # type: ignore[arg-type]


def claimed(before: DocumentRecord | None = None, etag: str = '"0x1"', at: datetime = NOON) -> DocumentRecord:
    return claim(before, facts(etag=etag, last_modified=NOON - timedelta(seconds=5)), "j1", work(), at)


def done(record: DocumentRecord, at: datetime = NOON) -> DocumentRecord:
    return conclude(record, DocumentEvent.EXTRACTED, at)


def test_line_of_result_tells_what_happened() -> None:
    line = document_ended(done(claimed()), Sums(text_records=2, found=7))
    assert line == DocumentEnded(
        at=NOON,
        document="a.txt",
        etag='"0x1"',
        job="j1",
        state=DocumentState.DONE,
        model=MODEL,
        text_records=2,
        found=7,
        claimed=NOON,
        seconds=5.0,
    )


def test_line_of_report_has_its_code() -> None:
    line = document_ended(conclude(claimed(), DocumentEvent.REPORTED, NOON, PROBLEM))
    assert (line.state, line.code, line.was) == (DocumentState.FAILED, PROBLEM.code, "")


def test_replay_tells_earlier_state_and_no_duration() -> None:
    """The document was dropped long ago; the time since then says nothing."""
    failed = conclude(claimed(), DocumentEvent.REPORTED, NOON, PROBLEM)
    line = document_ended(done(claimed(failed)))
    assert (line.was, line.seconds) == ("failed", None)


def test_new_version_tells_earlier_state_and_duration() -> None:
    line = document_ended(done(claimed(done(claimed()), '"0x2"')))
    assert (line.was, line.seconds) == ("done", 5.0)


def test_second_owner_keeps_duration() -> None:
    """A job was lost; the document waited all the time."""
    line = document_ended(done(claimed(claimed()), NOON + timedelta(hours=1)))
    assert (line.was, line.seconds) == ("", 3605.0)


def test_job_line_counts_billed_records() -> None:
    line = job_submitted(running_job(chunks=(chunk(end=1000), chunk("b.txt", end=1001)), submissions=2), NOON)
    assert line == JobSubmitted(at=NOON, job="j1", submission=2, chunks=2, model=MODEL, text_records=3)


def test_only_the_tasks_left_are_counted() -> None:
    tasks = (CustomEntityRecognition(project="p", deployment="d"), KeyPhraseExtraction())
    asked = msgspec.structs.replace(work(), tasks=tasks)
    assert job_submitted(running_job(work=asked), NOON).text_records == 2
    assert job_submitted(running_job(work=asked, tasks=("keyphrases",)), NOON).text_records == 1


def test_job_line_counts_pages() -> None:
    line = job_submitted(running_job(reading=Reading(pages=(3, 4, 9))), NOON)
    assert (line.text_records, line.pages) == (0, 3)
    assert job_submitted(running_job(reading=Reading(pages=None)), NOON).pages == 1


def test_lines_survive_being_stored() -> None:
    lines: list[Line] = [ended("a\nb é\u2028.txt", seconds=1.5), submitted(), as_repaired(ended())]
    assert list(decode_lines(encode_lines(lines))) == lines


def test_unreadable_lines_are_left_out() -> None:
    """Those of a newer release, half a line, and what is no JSON."""
    newer = b'{"kind":"weather","at":"2026-11-23T12:00:00Z"}\n'
    data = newer + encode_lines([ended()]) + b"\xff\n{\n\n" + encode_lines([submitted()])[:-9]
    assert list(decode_lines(data)) == [ended()]


def test_each_line_counts_once() -> None:
    lines: list[Line] = [ended(), submitted(), ended(), as_repaired(ended()), submitted(), ended(job="j2")]
    kept = [entry.line for entry in distinct(Entry("i1", line) for line in lines)]
    assert kept == [ended(), submitted(), ended(job="j2")]


@pytest.mark.parametrize(
    ("key", "groups"),
    [
        (by_hour, {NOON: 2, NOON + timedelta(hours=13): 1}),
        (by_day, {NOON - timedelta(hours=12): 2, NOON + timedelta(hours=12): 1}),
        (by_folder, {"": 1, "loans": 2}),
        (by_model, {"one": 2, "": 1}),
    ],
)
def test_documents_are_counted_by_group(key: object, groups: dict[object, int]) -> None:
    lines = [
        ended("a.txt", at=NOON, model="one"),
        ended("loans/b.txt", at=NOON + timedelta(minutes=59)),
        ended("loans/2026/c.txt", at=NOON + timedelta(hours=13), model="one"),
    ]
    totals = totals_by((Entry("i1", line) for line in lines), key)  # type: ignore[arg-type,var-annotated]
    assert {group: total.done for group, total in totals.items()} == groups


def test_totals_sum_documents_and_jobs() -> None:
    lines: list[Line] = [
        ended(found=3),
        ended("b.txt", state="failed", code="NotText"),
        ended("c.txt", state="failed", code="NotText"),
        submitted(text_records=4, pages=2),
    ]
    total = totals_by((Entry("i1", line) for line in lines), lambda _: "all")["all"]
    assert (total.done, total.failed, total.ended, total.found) == (1, 2, 3, 3)
    assert (total.submissions, total.text_records, total.pages) == (1, 4, 2)
    assert total.codes == {"NotText": 2}


def test_quantiles_are_exact_to_one_per_cent() -> None:
    rng = random.Random(7)
    drawn = [rng.lognormvariate(1, 1.5) for _ in range(2001)]
    durations = Durations()
    for seconds in drawn:
        durations.add(seconds)
    ordered = sorted(drawn)
    assert durations.quantile(0.5) == pytest.approx(statistics.median(drawn), rel=0.011)
    assert durations.quantile(0.95) == pytest.approx(ordered[int(0.95 * len(drawn))], rel=0.03)
    assert Durations().quantile(0.5) is None


@pytest.mark.parametrize(
    ("line", "standing"),
    [
        (ended(at=NOON - timedelta(seconds=1)), (10, 5)),
        (ended(at=NOON), (11, 5)),
        (ended(at=NOON, was="failed"), (11, 4)),
        (ended(at=NOON, was="failed", claimed=NOON - timedelta(seconds=1)), (11, 5)),
        (ended(at=NOON, state="failed", code="NotText", was="done"), (9, 6)),
        (submitted(), (10, 5)),
    ],
    ids=["counted before", "new", "replayed", "pending when counted", "newer version fails", "job"],
)
def test_summary_is_continued_by_lines(line: Line, standing: tuple[int, int]) -> None:
    tally = Tally(Summary(as_of=NOON, done=10, failed=5))
    tally.add(line)
    assert tally.standing == (*standing, NOON)


def test_without_summary_all_lines_count() -> None:
    tally = Tally(None)
    for line in (ended(), ended("b.txt", state="failed", code="NotText"), ended("b.txt", was="failed")):
        tally.add(line)
    assert tally.standing == (2, 0, None)
