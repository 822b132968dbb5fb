"""A document as a row of a list, and problems in words for people: what several resources answer."""

from datetime import datetime

import msgspec

from ...core.documents import DocumentRecord
from ...core.jobs import Job
from ...core.views import PENDING, ShownState
from ...errors import Fault, Problem
from ...workflows.document_lists import Told
from ..document_ids import id_of


class CategoryView(msgspec.Struct, frozen=True, rename="camel"):
    """How many entities of a category were found; the most frequent ones are told."""

    category: str
    count: int


class ProblemView(msgspec.Struct, frozen=True, rename="camel"):
    """Why a document failed, or what it waits for."""

    code: str
    message: str
    help: str
    fault: str
    can_replay: bool
    """Whether it can be submitted again on request."""

    @classmethod
    def of(cls, problem: Problem, *, can_replay: bool) -> "ProblemView":
        """Return a problem as the API shows it."""
        return cls(problem.code, problem.message, problem.help, (problem.fault or Fault.SERVICE).value, can_replay)


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """A document of a list; what is null is not known yet, or does not apply."""

    id: str
    name: str
    etag: str
    state: str
    review: bool
    reviewed: bool
    warnings: int
    size: int
    changed: datetime
    categories: list[CategoryView]
    entity_count: int | None
    characters: int | None
    least_sure: float | None
    corrected: int | None
    problem: ProblemView | None
    model: str | None
    next_attempt: datetime | None
    job_documents: int | None


def row_of(told: Told) -> Row:
    """Return a document as a list shows it."""
    row, record, job = told
    has_ended = row.state not in PENDING
    summary = record.summary if record and has_ended else None
    return Row(
        id=id_of(row.name),
        name=row.name,
        etag=row.etag,
        state=row.state.value,
        review=row.review,
        reviewed=row.reviewed,
        warnings=len(record.warnings) if record else 0,
        size=row.size_bytes,
        changed=row.updated or row.dropped,
        categories=[CategoryView(one.category, one.count) for one in summary.categories] if summary else [],
        entity_count=summary.entities if summary else None,
        characters=record.document.characters if record and row.state is ShownState.DONE else None,
        least_sure=summary.least_sure if summary else None,
        corrected=record.review.corrected if record and record.review else None,
        problem=_problem(row.state, record, job),
        model=model_name(row.model) or None,
        next_attempt=job.due if job and row.state is ShownState.DEFERRED else None,
        job_documents=len({chunk.document for chunk in job.chunks}) if job else None,
    )


def model_name(model: str) -> str:
    """Return the name of a model for people: what kind of task it is goes without saying for entities of one's own."""
    return model.replace("CustomEntityRecognition/", "")


def _problem(state: ShownState, record: DocumentRecord | None, job: Job | None) -> ProblemView | None:
    if state is ShownState.FAILED and record and record.last_error:
        return ProblemView.of(record.last_error, can_replay=True)
    if state is ShownState.DEFERRED and job and job.last_error:
        return ProblemView.of(job.last_error, can_replay=False)
    return None
