"""From the pages that OCR has read to the jobs that analyse the text.

The text so far is a working copy; each answer of OCR makes a new one, with the pages in their places. The order: (a)
the new copy, (b) the document's record, which names it, (c) the jobs that come next, (d) the end of this one. Whatever
is repeated after a crash makes the same copy, the same record and the same jobs.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from .. import problems
from ..core.documents import DocumentRecord
from ..core.extracted_texts import chunks_of_text, text_facts
from ..core.jobs import Job
from ..core.lifecycle import JobEvent, analysis_of, end, may_write, read_on, text_read
from ..core.packing import pack
from ..core.planning import Step, give_up, nothing_left
from ..core.records import Chunk, Reading
from ..errors import Changed, Problem, Warning
from ..reading.pages import PagesRead
from ..reading.read_api import OCR
from ..storage.extracted_store import WorkingCopy, copy_key
from ..storage.record_store import RecordStore
from ..text.formats.locations import page_ranges
from ..text.read_pages import with_read_pages
from ..text.splitting import is_blank
from .publishing import MAX_RACES, Publisher
from .texts import TextReader

DOUBTFUL_BELOW = 0.8
"""The mean confidence of a page below which a person should check it. Our choice: clean print has 0.97 and more."""


class Readings:
    """Decides what follows where OCR has answered; keeps the text for it."""

    def __init__(
        self, records: RecordStore, texts: TextReader, publisher: Publisher, clock: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._texts = texts
        self._publisher = publisher
        self._clock = clock

    def after_pages(self, job: Job, answer: PagesRead) -> Step:
        """Return the step that pages lead to which OCR has read for a job: the next pages, or the analysis."""
        from ..text.formats.extraction import NotExtractable
        from .extractor import problem_of

        chunk, reading = job.chunks[0], _reading_of(job)
        asked, rest = reading.batch, reading.rest
        try:
            base = self._texts.copy(chunk)
            text, locations = with_read_pages(base.text, base.locations, answer.pages)
        except Changed:
            return self._left(job, chunk)
        except NotExtractable as error:
            return replace(give_up(job, problem_of(error), self._clock()), succeeded=True)
        if not rest and is_blank(text):
            return replace(give_up(job, problems.NO_TEXT_READ.problem(), self._clock()), succeeded=True)
        key = copy_key(chunk.document, chunk.etag, f"{base.key} {asked[-1] if asked else 'all'}")
        copy = WorkingCopy(key, text, locations)
        self._texts.keep_copy(copy)
        step = self._advance(job, copy, _warnings_of(asked, answer), rest, ocr=OCR)
        return replace(step, succeeded=True)

    def instead_of_report(self, job: Job, step: Step) -> Step:
        """Return the step of a job that ends in an error report; where there is other text, that is analysed instead.

        The result has a warning that names the pages which are missing, and why.
        """
        chunk, reading = job.chunks[0], _reading_of(job)
        problem = step.answers[0][1]
        assert isinstance(problem, Problem)  # noqa: S101 - no job of OCR has entities; for the type checker
        try:
            base = self._texts.copy(chunk)
        except Changed:
            return self._left(job, chunk)
        if is_blank(base.text):
            return step
        pages = page_ranges(reading.pages or ())
        warning = problems.PAGES_NOT_READ.warning(pages=pages, reason=problem.message)
        return replace(self._advance(job, base, (warning,), None, ocr=None), succeeded=step.succeeded, reason=problem)

    def delete_copy_of(self, job: Job, step: Step) -> None:
        """Delete the working copy of a job whose step is done, if what follows reads from another."""
        following = (*step.parts, *((step.job,) if step.job else ()))
        key = job.chunks[0].extracted
        if key and following and all(chunk.extracted != key for one in following for chunk in one.chunks):
            self._texts.delete_copy(key)

    def _left(self, job: Job, chunk: Chunk) -> Step:
        """Return the end of a job whose document is no longer its own, or has to be read anew from the start."""
        self._publisher.release_claim(job, chunk)
        return nothing_left(job, self._clock())

    def _advance(
        self, job: Job, copy: WorkingCopy, warnings: tuple[Warning, ...], rest: Reading | None, *, ocr: str | None
    ) -> Step:
        """Record the text in `copy` and return the step to the pages in `rest`, or to the analysis."""
        chunk, claim = job.chunks[0], job.claim_of(job.chunks[0])
        for _ in range(MAX_RACES):
            record, etag = self._records.claimed_document(claim)
            if record is None or etag is None or not may_write(record, claim):
                # Another owner of the same version has the same copy, and needs it.
                if record is None or record.document.etag != claim.etag:
                    self._texts.delete_copy(copy.key)
                return self._left(job, chunk)
            changed, step = self._changed(job, record, copy, warnings, rest, ocr)
            if changed == record:
                return step
            try:
                self._records.save_document(changed, etag)
            except Changed:
                continue
            return step
        raise Changed(claim.document)

    def _changed(
        self,
        job: Job,
        record: DocumentRecord,
        copy: WorkingCopy,
        warnings: tuple[Warning, ...],
        rest: Reading | None,
        ocr: str | None,
    ) -> tuple[DocumentRecord, Step]:
        """Return the record with a text, the same where it has that already, and the step that follows."""
        (chunk,), now, known = job.chunks, self._clock(), record.text
        assert known is not None  # noqa: S101 - every record of a file has it; for the type checker
        facts = text_facts(chunk.document, copy.text, known.format, known.extractor, ocr or known.ocr)
        items = chunks_of_text(record.document, "" if rest else copy.text, job.work, copy.key, chunk.language)
        changed = text_read(
            record,
            facts,
            copy.key,
            characters=len(copy.text),
            chunks=len(items),
            warnings=tuple(dict.fromkeys((*record.warnings, *map(str, warnings)))),
        )
        if rest:
            return changed, Step(event=JobEvent.PAGES_READ, job=read_on(job, copy.key, rest, now))
        parts = tuple(analysis_of(job, tuple(item.chunk for item in group), now) for group in pack(items))
        ended = end(job, JobEvent.TEXT_COMPLETE, now)
        return changed, Step(event=JobEvent.TEXT_COMPLETE, job=ended, parts=parts)


def _reading_of(job: Job) -> Reading:
    assert job.reading is not None  # noqa: S101 - only such jobs come here; for the type checker
    return job.reading


def _warnings_of(asked: tuple[int, ...] | None, answer: PagesRead) -> tuple[Warning, ...]:
    """Return warnings about pages that are missing from an answer, and about those that are hard to read."""
    read = {page.number for page in answer.pages}
    missing = [number for number in asked or () if number not in read]
    doubtful = [
        page.number for page in answer.pages if page.confidence is not None and page.confidence < DOUBTFUL_BELOW
    ]
    warnings = []
    if missing:
        warnings.append(problems.PAGES_LEFT_OUT.warning(pages=page_ranges(missing)))
    if doubtful:
        warnings.append(problems.PAGES_DOUBTFUL.warning(pages=page_ranges(doubtful), limit=DOUBTFUL_BELOW))
    return tuple(warnings)
