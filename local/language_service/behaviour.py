"""How the stand-in answers where the service's behaviour was not found, or was seen in two forms: one switch each."""

from dataclasses import dataclass
from typing import Literal

from local.language_service.limits import MAX_REQUEST_BYTES

#: Among ``Behaviour.project_names``: every project name exists.
ANY_PROJECT = "ANY"

PreviewShape = Literal["docs", "client"]
UnknownProject = Literal["400", "404", "failed-task"]
ExpiredDeployment = Literal["400", "403", "404", "failed-task"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Every switch with its default; the README says for each what is known and why the default was chosen."""

    #: How long a job takes, in seconds: shortest and longest.
    job_seconds: tuple[float, float] = (1.5, 3.0)
    #: How long after a cancellation a job is ``cancelled`` (recorded: 1 to 8 seconds).
    cancel_seconds: tuple[float, float] = (1.0, 8.0)
    #: Names that every project answers to besides its own (that of its labels file); ``ANY`` means every name.
    project_names: frozenset[str] = frozenset()
    #: Deployment names that exist in every project; ``None`` means any.
    deployments: frozenset[str] | None = None
    #: What a project or deployment that does not exist is answered with.
    unknown_project: UnknownProject = "404"
    #: What a deployment past its date is answered with.
    expired_deployment: ExpiredDeployment = "400"
    #: The status of an unknown or expired job.
    unknown_job_status: int = 404
    #: The status of a request with too many characters or bytes: 400 documented for jobs; 413 is a guess.
    oversize_status: int = 400
    #: The most bytes a request may have.
    max_request_bytes: int = MAX_REQUEST_BYTES
    #: Whether a document of white space alone counts as empty.
    blank_is_empty: bool = True
    #: Whether language codes are checked, document by document.
    check_language: bool = True
    #: The most documents on a page, whatever ``top`` asks for; no bound is documented for the date-versioned API.
    most_on_a_page: int | None = None
    #: The page or pages on which per-document errors stand.
    errors_page: Literal["first", "last", "every"] = "first"
    #: The order of a document's entities: by place, or grouped by category as in recordings of 2021 and early 2022.
    entity_order: Literal["offset", "category"] = "offset"
    #: The spelling of a job's time of last change in versions without a recording.
    updated_key: Literal["lastUpdatedDateTime", "lastUpdateDateTime"] = "lastUpdatedDateTime"
    #: The shape of ``v3.1-preview.ct.1`` results: as the documents of 2021 show it, or as Microsoft's client read it.
    preview_shape: PreviewShape = "docs"
    #: The status of a preview poll: every recording has 200, the documents of 2021 say 202.
    preview_poll_status: int = 200
    #: What a preview API answers to a bad task parameter: 400 (v3.1-preview.5) or a failed job (v3.1-preview.4).
    preview_bad_parameter: Literal["400", "failed-job"] = "400"
    #: The word for a job of which some tasks failed: in the specification, or the other one that the SDK accepts.
    partial_status: Literal["partiallyCompleted", "partiallySucceeded"] = "partiallyCompleted"
    #: The region named in ``x-ms-region``.
    region: str = "West Europe"
