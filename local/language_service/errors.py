"""The error replies of the Language service, word for word where they were recorded (docs/language-api.md 4).

Those of the gateway in front of it are in ``local.stand_in.errors``.
Where no recording is known the choice is marked ASSUMED, here and in the README.
"""

from local.stand_in.errors import Operation, Refusal, WireError, gateway

# --- the gateway ---------------------------------------------------------------------------------------------------


def other_kind_of_key(operation: Operation) -> Refusal:
    """Answer a key of another kind of resource."""
    return gateway(
        401,
        f"The {operation.name} Operation under {operation.api} is not supported with the current subscription key and "
        "pricing tier OpenAI.S0.",
        {"WWW-Authenticate": 'AzureApiManagementKey realm="Language",name="Ocp-Apim-Subscription-Key",type="header"'},
    )


# --- the service: whole requests -----------------------------------------------------------------------------------

_INVALID_DOCUMENT = "Invalid Document in request."


def too_many_documents(limit: int) -> Refusal:
    """Answer more than ``limit`` documents in one request."""
    return _bad_batch(f"Batch request contains too many records. Max {limit} records are permitted.")


def all_documents_empty() -> Refusal:
    """Answer a request in which no document has text."""
    return _bad_batch("Document text is empty.")


def request_too_large(status: int, limit: int) -> Refusal:
    """Answer more characters than a request may have (status 400 documented, 413 a guess; text ASSUMED)."""
    return _refusal(
        status,
        _INVALID_DOCUMENT,
        "InvalidDocumentBatch",
        f"A document within the request was too large to be processed. Limit document size to: {limit} text elements. "
        "For additional details on the data limitations see https://aka.ms/text-analytics-data-limits",
    )


def body_too_large(status: int, limit: int) -> Refusal:
    """Answer a body of more bytes than are accepted (text and code ASSUMED)."""
    return _refusal(
        status,
        "Invalid Request.",
        "InvalidRequestBodyFormat",
        f"Request body is too large to be processed. Limit request size to: {limit} bytes.",
    )


def duplicate_ids(*, preview: bool) -> Refusal:
    """Answer two documents of one id."""
    sentence = "Request contains duplicated Ids. Make sure each document has a unique Id."
    if preview:
        return Refusal(400, WireError("InvalidArgument", sentence))
    return _refusal(400, _INVALID_DOCUMENT, "InvalidDocument", sentence)


def unreadable_body() -> Refusal:
    """Answer a body that is missing or no JSON object."""
    return _refusal(400, "Invalid Request.", "EmptyRequest", "Request body must be present.")


def missing_documents(*, preview: bool) -> Refusal:
    """Answer a request without documents (ASSUMED; the codes are the ones of the published lists)."""
    code = "MissingInputRecords" if preview else "MissingInputDocuments"
    return _refusal(400, "Invalid Request.", code, "Missing input documents.")


def bad_document(sentence: str) -> Refusal:
    """Answer a document without id or text, or with one that is no string (ASSUMED)."""
    return _refusal(400, _INVALID_DOCUMENT, "InvalidDocument", sentence)


def bad_request_body(sentence: str) -> Refusal:
    """Answer JSON of the wrong shape (ASSUMED)."""
    return _refusal(400, "Invalid Request.", "InvalidRequestBodyFormat", sentence)


def bad_parameter(value: object, parameter: str, kind: str, supported: str, *, preview: bool = False) -> Refusal:
    """Answer a task parameter that is not supported; the whole request is refused."""
    sentence = (
        f"Job task parameter value '{value}' is not supported for {parameter} parameter for job task type {kind}. "
        f"Supported values: {supported}."
    )
    if preview:
        return Refusal(400, WireError("InvalidRequest", sentence))
    return _refusal(400, "Invalid parameter in request", "InvalidParameterValue", sentence)


def bad_query(parameter: str, value: str) -> Refusal:
    """Answer a paging parameter that is no number or out of its bounds (ASSUMED)."""
    return _refusal(
        400,
        "Invalid parameter in request",
        "InvalidParameterValue",
        f"Invalid value '{value}' of parameter {parameter}.",
    )


def cannot_cancel(job_id: str) -> Refusal:
    """Answer the cancellation of a job that has ended; the grammar is the service's."""
    return Refusal(
        400, WireError("InvalidRequest", f"Failed to cancel job with job id {job_id} as its already completed.")
    )


def unknown_job(status: int, job_id: str) -> Refusal:
    """Answer a job that never was or is older than the service keeps jobs (ASSUMED)."""
    return Refusal(status, WireError("NotFound", f"Job with job id {job_id} is not found."))


def unknown_project(status: int, project: str, deployment: str) -> Refusal:
    """Answer a project or deployment that does not exist, at submission (ASSUMED)."""
    return Refusal(status, unknown_project_error(project, deployment))


def unknown_project_error(project: str, deployment: str) -> WireError:
    """Describe an unknown project or deployment, for a request or for a failed task (ASSUMED)."""
    return WireError("ProjectNotFound", f"The project {project} or its deployment {deployment} is not found.")


def _bad_batch(sentence: str) -> Refusal:
    return _refusal(400, _INVALID_DOCUMENT, "InvalidDocumentBatch", sentence)


def _refusal(status: int, message: str, inner_code: str, inner_message: str) -> Refusal:
    return Refusal(status, WireError("InvalidRequest", message, inner_code, inner_message))


# --- the service: single documents and jobs ------------------------------------------------------------------------

EMPTY_DOCUMENT = WireError("InvalidArgument", _INVALID_DOCUMENT, "InvalidDocument", "Document text is empty.")


def unsupported_language(supported: str) -> WireError:
    """Describe a document whose language code the service does not know."""
    return WireError(
        "InvalidArgument",
        "Invalid Language Code.",
        "UnsupportedLanguageCode",
        f"Invalid language code. Supported languages: {supported}",
    )


TASK_FAILED = WireError("InternalServerError", "An internal error has occurred while the task was processed.")
JOB_FAILED = WireError("InternalServerError", "An internal error has occurred while the job was processed.")
DOCUMENT_INTERNAL = WireError("InternalServerError", "An internal error has occurred while the document was processed.")
DOCUMENT_UNKNOWN = WireError("ModelHostEvicted", "The model host was evicted.")
DOCUMENT_FAILED = WireError(
    "InvalidArgument", _INVALID_DOCUMENT, "InvalidDocument", "The document could not be processed."
)
