"""What people are told of documents that are not among the labels."""

from ..workflows.reviewed_documents import NotLearnt


def told_of(reason: str) -> str:
    """Return a reason with what to do about it, where an option does that."""
    return f"{reason}; --replaced takes that version" if reason == NotLearnt.REPLACED else reason
