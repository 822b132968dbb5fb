"""The faults of the Language stand-in: those of every stand-in, and its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from local.stand_in import faults
from local.stand_in.faults import SUBMISSION_ONLY, FaultKinds

#: What can happen to a single request.
REQUEST_FAULTS: Mapping[str, str] = {
    **faults.REQUEST_FAULTS,
    "other-key-401": "answered 401: the key is one of another kind of resource",
    "unknown-project": "submission only: answered as if project or deployment did not exist",
}

#: What can happen to a job that was accepted.
JOB_FAULTS: Mapping[str, str] = {
    "stuck": "runs for ever",
    "stuck-not-started": "is never started",
    "failed": "fails, with an error",
    "failed-bare": "fails without saying why",
    "failed-project": "fails because project or deployment are not found",
    "vanished": "is unknown when asked for, sooner or later",
    "partial": "ends partially completed: of several tasks the last fails, of a single one half the results lack",
    "missing-documents": "succeeds, but one document is neither among the results nor among the errors",
    "document-error": "succeeds, but one document has an error instead of a result",
    "rejected": "ends in the status rejected",
    "unknown-status": "ends in a status that no list has",
    "cancelled": "ends cancelled though nobody asked for it",
    "repeated-documents": "succeeds; its pages overlap, and a document stands twice on a page",
    "misfit-offsets": "succeeds; one entity's offset does not fit the text",
    "document-internal": "succeeds, but every document has the error InternalServerError",
    "document-unknown": "succeeds, but every document has an error with a code that is documented nowhere",
    "all-missing": "succeeds, but no document is among the results or the errors",
    "odd-entity": "succeeds; one entity of the first document is malformed (see oddities.ODD_ENTITIES)",
    "odd-document": "succeeds; the first document's entry is malformed (see oddities.ODD_DOCUMENTS)",
    "not-started-long": "is not started for not_started_seconds, then runs and succeeds",
    "task-missing": "succeeds, but its last task is not among the results",
    "task-unknown-kind": "succeeds, but the results of its last task are of a kind that no list has",
    "documents-reordered": "succeeds; the last task has its documents in the reverse order",
    "failed-internal": "fails with an internal error of the whole job that names no task",
}

#: The fate of a job with one of ``FaultPlan.poison_texts``; it is never drawn.
POISONED = "poison-text"

KINDS = FaultKinds(REQUEST_FAULTS, JOB_FAULTS, SUBMISSION_ONLY | {"unknown-project"})


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(text) for text in value)


@dataclass(slots=True)
class FaultPlan(faults.FaultPlan):
    """A plan in which also what a document says decides."""

    kinds: ClassVar[FaultKinds] = KINDS
    options: ClassVar[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
        **faults.FaultPlan.options,
        "refusedTexts": ("refused_texts", _texts),
        "poisonTexts": ("poison_texts", _texts),
        "notStartedSeconds": ("not_started_seconds", float),
    }

    #: A request with one of these strings in a document is refused as a whole, with 400.
    refused_texts: tuple[str, ...] = ()
    #: A job with one of these strings in a document fails as a whole, with an internal error, each time.
    poison_texts: tuple[str, ...] = ()
    #: How long a job with the fault ``not-started-long`` is not started, in seconds.
    not_started_seconds: float = 5400.0

    def is_poison(self, texts: Iterable[str]) -> bool:
        """Tell whether one of the documents' texts holds one of ``poison_texts``."""
        return any(poison in text for text in texts for poison in self.poison_texts)
