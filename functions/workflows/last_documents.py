"""The last documents of the app: their results, what people made of them, and what another model says about them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..core.documents import DocumentState
from ..core.journal import DocumentEnded
from ..core.outcomes import Accepted, DeferReason, Deferred, Finished, StillRunning
from ..core.packing import pack
from ..core.results import entities_name
from ..core.scoring import Span
from ..core.work import WorkSpec
from ..errors import Missing, UnsafeName
from ..language.service import LanguageService
from ..storage.document_store import DocumentStore
from ..storage.journal_store import JournalStore
from ..tasks.custom_entities import CustomEntityRecognition, EntitiesResult
from ..tasks.entities import FoundEntities
from ..tasks.task import decoded_result
from ..text.offsets import CODE_POINT, Ruler
from ..text.splitting import MAX_REQUEST_CHARACTERS
from .result_files import result_text
from .reviewed_documents import CorrectionsReader, Reviewed

LOOKS_BACK: Final = (timedelta(hours=6), timedelta(days=2), timedelta(days=30))
"""How much of the journal is read until it has enough documents."""

LONGEST_JOB: Final = timedelta(minutes=15)
POLL_S: Final = 3.0
MAX_WAITS: Final = 20


class LastDocument(NamedTuple):
    """A document with what was found in it, in code points."""

    name: str
    text: str
    language: str
    found: list[Span]
    reviewed: list[Span] | None
    """What is right, where a person has reviewed it."""

    @property
    def work(self) -> WorkSpec:
        """What is asked about it; all are asked the same."""
        return _ANY

    @property
    def done(self) -> tuple[str, ...]:
        """Nothing of it is done."""
        return ()


_ANY: Final = WorkSpec(api_version="", tasks=(), language="", string_index_type=CODE_POINT)


class LastDocuments:
    """Reads the last documents, and asks another deployment about them. `work` is how the app asks."""

    def __init__(
        self,
        journal: JournalStore,
        documents: DocumentStore,
        reader: CorrectionsReader,
        language: LanguageService,
        work: WorkSpec,
        project: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._journal = journal
        self._documents = documents
        self._reader = reader
        self._language = language
        self._work = work
        self._project = project
        self._clock = clock
        self._sleep = sleep

    def read(self, number: int) -> Iterator[LastDocument]:
        """Yield up to so many documents, the last first, that have a result whose text is still there."""
        count = 0
        for name in self._names(number * 2):
            if count >= number:
                return
            found = self._document(name)
            if found:
                count += 1
                yield found

    def _names(self, number: int) -> list[str]:
        """Return the documents that were done last, the last first."""
        now = self._clock()
        names: dict[str, datetime] = {}
        for span in LOOKS_BACK:
            names = {}
            for entry in self._journal.entries(now - span, now):
                line = entry.line
                if isinstance(line, DocumentEnded) and line.state == DocumentState.DONE:
                    names[line.document] = max(line.at, names.get(line.document, line.at))
            if len(names) >= number:
                break
        return sorted(names, key=lambda name: (names[name], name), reverse=True)

    def _document(self, name: str) -> LastDocument | None:
        try:
            result = decoded_result(self._documents.read_result(entities_name(name)).data, EntitiesResult)
        except (Missing, UnsafeName):
            return None
        text = result_text(self._documents, result) if isinstance(result, EntitiesResult) else None
        # A longer text is asked about in several parts, as only the app's own jobs do.
        if result is None or not text or len(text) > MAX_REQUEST_CHARACTERS:
            return None
        ruler = Ruler(text, result.string_index_type)
        spans = (_in_code_points(ruler, Span(one.category, one.offset, one.length)) for one in result.entities)
        return LastDocument(
            name, text, result.document.language, [span for span in spans if span], self._reviewed(name)
        )

    def _reviewed(self, name: str) -> list[Span] | None:
        found = self._reader.reviewed(name)
        if not isinstance(found, Reviewed):
            return None
        return [Span(one.category, one.start, one.end - one.start) for one in found.document.spans]

    def ask(self, documents: Sequence[LastDocument], deployment: str) -> tuple[dict[str, list[Span]], int]:
        """Return what a deployment finds in each document, and about how many it gave no answer."""
        answers: dict[str, list[Span]] = {}
        work = self._work_of(deployment)
        for batch in pack(documents):
            found = self._answered(work, batch)
            for number, one in enumerate(batch):
                answer = found.get(str(number))
                if answer is not None:
                    ruler = Ruler(one.text, work.string_index_type)
                    spans = (Span(each.category, each.offset, each.length) for each in answer.entities)
                    in_points = (_in_code_points(ruler, span) for span in spans)
                    answers[one.name] = [span for span in in_points if span]
        return answers, len(documents) - len(answers)

    def _work_of(self, deployment: str) -> WorkSpec:
        other = CustomEntityRecognition(project=self._project, deployment=deployment)
        return WorkSpec(
            api_version=self._work.api_version,
            tasks=(other,),
            language=self._work.language,
            string_index_type=self._work.string_index_type,
            overlaps=self._work.overlaps,
        )

    def _answered(self, work: WorkSpec, batch: Sequence[LastDocument]) -> dict[str, FoundEntities]:
        """Return the answers of one job by their numbers; none where it does not come to an end."""
        languages = [one.language or None for one in batch]
        for attempt in range(MAX_WAITS):
            answer = self._language.submit(work, "candidate", [one.text for one in batch], languages=languages)
            if isinstance(answer, Accepted):
                return self._finished(work, answer.operation_url)
            if not isinstance(answer, Deferred) or answer.reason is DeferReason.MISCONFIGURED:
                return {}
            self._sleep(min(answer.retry_after_s or 2.0**attempt, 60.0))
        return {}

    def _finished(self, work: WorkSpec, url: str) -> dict[str, FoundEntities]:
        until = self._clock() + LONGEST_JOB
        while self._clock() < until:
            progress = self._language.progress(work, url)
            if isinstance(progress, Finished):
                name = work.tasks[0].name
                found = ((number, answers.get(name)) for number, answers in progress.chunks.items())
                return {number: one for number, one in found if isinstance(one, FoundEntities)}
            if not isinstance(progress, StillRunning | Deferred):
                return {}
            self._sleep(POLL_S)
        return {}


def _in_code_points(ruler: Ruler, one: Span) -> Span | None:
    start, end = ruler.to_code_point(one.offset), ruler.to_code_point(one.end)
    return None if start is None or end is None or start >= end else Span(one.category, start, end - start)
