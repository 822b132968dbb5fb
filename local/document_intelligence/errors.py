"""The error replies of Document Intelligence, word for word where they were recorded (README, "What is known").

Those of the gateway in front of it are in ``local.stand_in.errors``. Where no recording is known the choice is marked
ASSUMED, here and in the README.
"""

from local.stand_in.errors import Refusal, WireError

_INVALID_REQUEST = "Invalid request."
_INVALID_ARGUMENT = "Invalid argument."

BAD_CONTENT = WireError(
    "InvalidRequest",
    _INVALID_REQUEST,
    "InvalidContent",
    "The file is corrupted or format is unsupported. Refer to documentation for the list of supported formats.",
)
INTERNAL_ERROR = WireError("InternalServerError", "An unexpected error occurred.")


def bad_content() -> Refusal:
    """Answer a file that is damaged, protected or of an unknown format."""
    return Refusal(400, BAD_CONTENT)


def content_too_large() -> Refusal:
    """Answer a file with more bytes than the tier takes (text ASSUMED)."""
    return _bad_request("InvalidContentLength", "The input image is too large. Refer to documentation for the limits.")


def bad_dimensions() -> Refusal:
    """Answer an image with too few or too many pixels (text ASSUMED)."""
    return _bad_request(
        "InvalidContentDimensions",
        "The input image dimensions are out of range. Refer to documentation for supported image dimensions.",
    )


def bad_parameter(name: str, sentence: str) -> Refusal:
    """Answer a query parameter that is not understood; where a list has a bad value, that stands for the name."""
    return _bad_argument("InvalidParameter", f"The parameter {name} is invalid: {sentence}")


def bad_source() -> Refusal:
    """Answer JSON without a usable source (text ASSUMED)."""
    return _bad_argument("InvalidContentSourceFormat", "Invalid content source: exactly one of the two must be given.")


def unsupported_media_type() -> Refusal:
    """Answer a content type that no document has (text ASSUMED)."""
    return Refusal(415, WireError("UnsupportedMediaType", "Request content type is not supported."))


def unknown_model() -> Refusal:
    """Answer a model that does not exist."""
    return _not_found("ModelNotFound", "The requested model was not found.")


def unknown_result(form: str) -> Refusal:
    """Answer a result that never was, was deleted or is too old: as recorded for models, or as a user reported it."""
    if form == "wrapped":
        return _not_found("OperationNotFound", "The requested operation was not found.")
    refusal = Refusal(404, WireError("NotFound", "Analyze result does not exist."))
    refusal.raw = b'{"code":"NotFound","message":"Analyze result does not exist."}'
    return refusal


def internal_error() -> Refusal:
    """Answer as a service that is ill."""
    return Refusal(500, INTERNAL_ERROR)


def unavailable() -> Refusal:
    """Answer as a service that cannot take requests for the moment."""
    return Refusal(503, WireError("ServiceUnavailable", "A transient error has occurred. Try again."))


def _bad_request(code: str, message: str) -> Refusal:
    return Refusal(400, WireError("InvalidRequest", _INVALID_REQUEST, code, message))


def _bad_argument(code: str, message: str) -> Refusal:
    return Refusal(400, WireError("InvalidArgument", _INVALID_ARGUMENT, code, message))


def _not_found(code: str, message: str) -> Refusal:
    return Refusal(404, WireError("NotFound", "Resource not found.", code, message))
