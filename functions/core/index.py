"""What the index of documents has: those that failed, those that somebody should check, those that somebody has.

It saves lists the way over all documents. It never decides about work: whoever reads it looks at the record, too.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .decisions import ReviewStatus
from .documents import DocumentState
from .records import Moment, Record
from .views import Filter, ShownState


class IndexKind(StrEnum):
    """One list of documents."""

    FAILED = "failed"
    REVIEW = "review"
    REVIEWED = "reviewed"


def kinds_of(metadata: Mapping[str, str]) -> frozenset[IndexKind]:
    """Return which lists a document belongs into, by the metadata of its record."""
    state = metadata.get("state")
    found = set()
    if state == DocumentState.FAILED:
        found.add(IndexKind.FAILED)
    if state in (DocumentState.DONE, DocumentState.FAILED):
        status = metadata.get("review_status")
        if metadata.get("review") == "true" and status is None:
            found.add(IndexKind.REVIEW)
        if status == ReviewStatus.REVIEWED:
            found.add(IndexKind.REVIEWED)
    return frozenset(found)


def index_of(asked: Filter) -> IndexKind | None:
    """Return the list of the index that has all documents that are asked for; None where none has."""
    if asked.states == {ShownState.FAILED}:
        return IndexKind.FAILED
    if asked.review:
        return IndexKind.REVIEW
    return IndexKind.REVIEWED if asked.reviewed else None


NOWHERE: Final[frozenset[IndexKind]] = frozenset()
"""What a document belongs into that is pending, or gone."""


class Indexed(Record, frozen=True, kw_only=True):
    """An entry of the index."""

    name: str
    """Of the document: the very longest names do not fit into that of the entry."""


class Rebuilt(Record, frozen=True, kw_only=True):
    """Says that the index has every document that belongs into it."""

    as_of: Moment
    """When `reconcile` last began to compare it with all records. What has ended since is added by who ended it."""
