"""Says what documents would take before anything is submitted: text records, requests, time.

Every document is counted; some of each kind and size are read, as they would be at intake, and the rest is estimated
from them. Nothing is written.
"""

from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import PurePosixPath
from typing import NamedTuple

from ..core.estimates import SAMPLED, Estimate, Sample, estimate_of
from ..core.packing import MAX_REQUEST_DOCUMENTS, REQUESTS_PER_JOB
from ..core.records import Record
from ..errors import StorageOutcome
from ..storage.containers import BlobInfo, is_archived, is_refusal
from ..tasks.task import ProjectTask
from ..text.chunks import ReadyChunk
from ..text.offsets import text_records
from ..text.splitting import MAX_REQUEST_CHARACTERS
from .intake import Gone, Ignored, Intake, LongDocument, Ready, Rejected, Scanned
from .parallel import run_all
from .replay import Rules

AT_ONCE = 16
"""Documents that are read at the same time."""


class Sum(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A sum, and how far the true one may be from it in 95 of 100 cases; 0 where every document was read."""

    about: float
    error: float


class Forecast(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What documents would take."""

    documents: int
    """Those that would be submitted or reported."""
    ignored: int
    """Further ones, which a rule leaves alone."""
    archived: int
    """Further ones, which are in the archive tier and would wait."""
    read: int
    """How many of the documents were read for this."""
    unreadable: Sum
    """Documents that would end in an error report."""
    characters: Sum
    text_records: Sum
    """Of custom tasks, each task by itself."""
    prebuilt_text_records: Sum
    """Of prebuilt tasks, each task by itself; their price is another one."""
    pages: Sum
    """Pages that OCR would read; the text in them is not known before, and is not counted."""
    requests: Sum
    """To the Language service, submissions and polls, where documents come together."""

    def seconds(self, requests_per_minute: float) -> float:
        """Return how long the requests take that may be sent so often."""
        return 60 * self.requests.about / requests_per_minute


class _Measured(NamedTuple):
    """What one document would take."""

    unreadable: int = 0
    characters: int = 0
    text_records: int = 0
    prebuilt: int = 0
    pages: int = 0
    jobs: float = 0.0


class Forecaster:
    """Makes forecasts."""

    def __init__(self, intake: Intake, rules: Rules, threads: Executor, sampled: int = SAMPLED) -> None:
        self._intake = intake
        self._rules = rules
        self._threads = threads
        self._sampled = sampled

    def forecast(self, documents: Iterable[BlobInfo]) -> Forecast:
        """Return what documents would take, whose names `intake` can read. In constant memory."""
        sample: Sample[str] = Sample(self._sampled)
        ignored = archived = 0
        for info in documents:
            if info.is_folder:
                continue
            if self._rules.work_for(info.name) is None:
                ignored += 1
            elif info.is_archived:
                archived += 1
            else:
                sample.add(info.name, _stratum(info))
        measured = [
            (stratum.count, run_all(self._threads, self._measure, stratum.sample)) for stratum in sample.strata()
        ]
        jobs = estimate_of(measured, lambda one: one.jobs)
        requests = max(jobs.total, 1.0 if sample.count and jobs.total else 0.0)
        return Forecast(
            documents=sample.count,
            ignored=ignored,
            archived=archived,
            read=sample.kept,
            unreadable=_sum(estimate_of(measured, lambda one: one.unreadable)),
            characters=_sum(estimate_of(measured, lambda one: one.characters)),
            text_records=_sum(estimate_of(measured, lambda one: one.text_records)),
            prebuilt_text_records=_sum(estimate_of(measured, lambda one: one.prebuilt)),
            pages=_sum(estimate_of(measured, lambda one: one.pages)),
            requests=_sum(Estimate(REQUESTS_PER_JOB * requests, REQUESTS_PER_JOB * jobs.error)),
        )

    def _measure(self, name: str) -> _Measured:
        try:
            outcome = self._intake.read(name)
        except StorageOutcome:
            return _Measured()
        except OSError:
            return _Measured(unreadable=1)
        except Exception as error:
            if is_refusal(error) or is_archived(error):
                return _Measured()
            raise
        match outcome:
            case Ready(chunk):
                return _of_chunks([chunk])
            case LongDocument(chunks):
                return _of_chunks(chunks)
            case Scanned((chunk,)):
                pages = len(chunk.reading.pages) if chunk.reading and chunk.reading.pages is not None else 1
                return _Measured(pages=pages)
            case Rejected():
                return _Measured(unreadable=1)
            case Gone() | Ignored():
                return _Measured()


def _of_chunks(chunks: Iterable[ReadyChunk]) -> _Measured:
    chunks = list(chunks)
    records = sum(text_records(one.text) for one in chunks)
    tasks = chunks[0].work.tasks
    custom = sum(isinstance(task, ProjectTask) for task in tasks)
    # A request has room for so many documents and characters; documents of one kind of work fill it together.
    jobs = sum(max(1 / MAX_REQUEST_DOCUMENTS, len(one.text) / MAX_REQUEST_CHARACTERS) for one in chunks)
    return _Measured(
        characters=chunks[0].facts.characters or 0,
        text_records=records * custom,
        prebuilt=records * (len(tasks) - custom),
        jobs=jobs,
    )


def _stratum(info: BlobInfo) -> tuple[str, int]:
    """Return what documents have in common that take about the same: the ending of the name, and the size by fours."""
    return PurePosixPath(info.name).suffix.lower()[:8], info.size_bytes.bit_length() // 2


def _sum(estimated: Estimate) -> Sum:
    return Sum(about=round(estimated.total, 3), error=round(estimated.error, 3))
