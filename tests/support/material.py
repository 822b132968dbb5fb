"""Records and settings for the tests of the core, each with every field that matters given a value of its own."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from functions.core.jobs import Job, JobState
from functions.core.planning import Policy
from functions.core.records import DOCUMENT_TEXT, Chunk, DocumentFacts, JobFacts
from functions.core.work import WorkSpec, work_of
from functions.errors import Fault, Problem, Warning
from functions.settings import Settings
from functions.tasks.entities import Entity, EntityChunk, entity_fields
from functions.tasks.task import ModelFacts, ResultFacts

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ENDPOINT = "https://loans.cognitiveservices.azure.com"
GA_URL = f"{ENDPOINT}/language/analyze-text/jobs/3fa85f64-5717?api-version=2023-04-01"

REQUIRED = {
    "LANGUAGE_ENDPOINT": ENDPOINT,
    "LANGUAGE_KEY": "0123456789abcdef",
    "LANGUAGE_PROJECT": "loans",
    "LANGUAGE_DEPLOYMENT": "production",
    "DocumentStorage": "UseDevelopmentStorage=true",
}
PREVIEW = {"LANGUAGE_API_VERSION": "v3.1-preview.ct.1"}

PROBLEM = Problem("Some", "Something happened.", "Do something.", fault=Fault.SERVICE)


def settings(environ: Mapping[str, str] | None = None, /, **changes: str) -> Settings:
    return Settings.from_env({**REQUIRED, **(environ or {}), **changes})


def work(environ: Mapping[str, str] | None = None, /, **changes: str) -> WorkSpec:
    """Return what is done with documents under the settings of `settings`."""
    return work_of(settings(environ, **changes))


def work_in(unit: str) -> WorkSpec:
    """Return work whose offsets are asked for in a unit."""
    return work(STRING_INDEX_TYPE=unit)


def facts(name: str = "a.txt", etag: str = '"0x1"', **changes: Any) -> DocumentFacts:
    given: dict[str, Any] = {
        "name": name,
        "etag": etag,
        "last_modified": NOW - timedelta(minutes=1),
        "size_bytes": 20,
        "encoding": "utf-8",
        "characters": 20,
        "language": "en",
    }
    return DocumentFacts(**{**given, **changes})


def chunk(document: str = "a.txt", etag: str = '"0x1"', **changes: Any) -> Chunk:
    given: dict[str, Any] = {"start": 0, "end": 20, "own_start": 0, "own_end": 20, "encoding": "utf-8"}
    return Chunk(document=document, etag=etag, **{**given, **changes})


def chunks(count: int) -> tuple[Chunk, ...]:
    return tuple(chunk(f"{number}.txt") for number in range(count))


def waiting_job(count: int = 1, **changes: Any) -> Job:
    given: dict[str, Any] = {
        "id": "j1",
        "owner": "j1",
        "state": JobState.WAITING,
        "step": 3,
        "due": NOW,
        "created": NOW - timedelta(minutes=5),
        "chunks": chunks(count),
        "work": work(),
    }
    return Job(**{**given, **changes})


def running_job(count: int = 1, **changes: Any) -> Job:
    given: dict[str, Any] = {
        "state": JobState.RUNNING,
        "operation_url": GA_URL,
        "submitted": NOW - timedelta(seconds=2),
        "submissions": 1,
    }
    return waiting_job(count, **{**given, **changes})


def reserved_job(count: int = 1, **changes: Any) -> Job:
    """A job whose request is about to be sent, by the worker that has reserved it."""
    given: dict[str, Any] = {"submissions": 1, "unanswered": 1}
    return waiting_job(count, **{**given, **changes})


def failed_job(count: int = 1, **changes: Any) -> Job:
    """A job whose first submission has failed ten seconds ago, and of which nothing is decided yet."""
    given: dict[str, Any] = {
        "submissions": 1,
        "failed_at": NOW - timedelta(seconds=10),
        "failed_sent": NOW - timedelta(seconds=15),
        "last_error": PROBLEM,
    }
    return waiting_job(count, **{**given, **changes})


class NoJitter(Random):
    """A source of randomness whose every draw lies in the middle, so that waits can be compared as numbers."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def policy(**changes: Any) -> Policy:
    given: dict[str, Any] = {
        "first_poll_s": 2.0,
        "max_poll_s": 30.0,
        "job_timeout": timedelta(minutes=60),
        "give_up": timedelta(hours=168),
        "rng": NoJitter(),
    }
    return Policy(**{**given, **changes})


def job_facts(**changes: Any) -> JobFacts:
    given: dict[str, Any] = {
        "operation_id": "3fa85f64-5717",
        "submitted_date_time": NOW,
        "completed_date_time": NOW + timedelta(seconds=2),
        "polls": 1,
    }
    return JobFacts(**{**given, **changes})


def result_facts(**changes: Any) -> ResultFacts:
    given: dict[str, Any] = {
        "document": facts(),
        "text": DOCUMENT_TEXT,
        "reading": (),
        "model": ModelFacts(api_version="2023-04-01"),
        "unit": "UnicodeCodePoint",
        "now": NOW,
    }
    return ResultFacts(**{**given, **changes})


Merged = tuple[tuple[Entity, ...], tuple[Warning, ...], tuple[JobFacts, ...], int]


def merge(chunks: Iterable[EntityChunk]) -> Merged:
    """Return the entities, warnings, jobs and text records of a document with these chunks."""
    fields = entity_fields(result_facts(), chunks)
    return fields["entities"], fields["warnings"], fields["jobs"], fields["text_records"]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# Characters that behave differently from ASCII somewhere: marks, joiners, surrogate pairs, line ends, wide spaces.
SPECIAL = (
    "\u0301\u0308\u20dd\ufe0f\u200d\u093f\u0e31"
    "👩🏽👨😀🏴𝔘𐐷"
    "日本語한각\u1112\u1161\u11abПриветΚαλημέρα"
    "\r\n\t\v\u00a0\u2028\u3000.!?。"
)

any_text = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"]), st.sampled_from("abc ,.\n")),
    max_size=60,
)
"""Texts as a document can have them: everything but lone surrogates, which no decoder lets through."""
