"""The faults of the Document Intelligence stand-in: those of every stand-in, and what happens to its jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from local.stand_in import faults
from local.stand_in.faults import REQUEST_FAULTS, FaultKinds

#: What can happen to a job that was accepted.
JOB_FAULTS: Mapping[str, str] = {
    "stuck": "runs for ever",
    "stuck-not-started": "is never started",
    "long": "runs for long_seconds, then succeeds",
    "failed": "fails with an internal error",
    "failed-bare": "fails without saying why",
    "failed-content": "fails because the file is damaged, and names the page",
    "vanished": "is unknown when asked for, sooner or later",
    "canceled": "ends canceled though nobody asked for it",
    "skipped": "ends in the status skipped, which only the client's list has",
    "unknown-status": "ends in a status that no list has",
    "no-result": "succeeds without a result",
    "missing-page": "succeeds, but the last page is not in the result",
    "blank": "succeeds; every page is blank, and there is no list of paragraphs",
    "low-confidence": "succeeds; every word has the confidence 0.2",
    "other-units": "succeeds; the result names another unit of offsets than was asked for",
    "odd-page": "succeeds; a part of the first page is malformed (see oddities.ODD_PAGES)",
    "odd-result": "succeeds; the result as a whole is malformed (see oddities.ODD_RESULTS)",
}

KINDS = FaultKinds(REQUEST_FAULTS, JOB_FAULTS)


@dataclass(slots=True)
class FaultPlan(faults.FaultPlan):
    """A plan for the requests and the jobs of this stand-in."""

    kinds: ClassVar[FaultKinds] = KINDS
    options: ClassVar[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
        **faults.FaultPlan.options,
        "longSeconds": ("long_seconds", float),
    }

    #: How long a job with the fault ``long`` runs, in seconds.
    long_seconds: float = 5400.0
