"""Plain text, exactly as decoded, and the text of formats that are written as text."""

from ... import problems
from ...errors import DocumentError, Warning
from ..decoding import DecodedText, decode
from .extraction import NotExtractable, Output, Reason

_REASONS = (
    (problems.NO_TEXT, Reason.NO_TEXT),
    (problems.NOT_TEXT, Reason.UNKNOWN_FORMAT),
    (problems.UNKNOWN_ENCODING, Reason.UNKNOWN_FORMAT),
)


def extract(data: bytes, output: Output) -> None:
    """Write the text as it is."""
    output.place()
    output.write(decoded(data, output))


def decoded(data: bytes, output: Output, charset: str = "") -> str:
    """Return bytes as text; `charset` is the declared one. What is not certain about it becomes warnings."""
    try:
        found: DecodedText = decode(data, f"text/plain; charset={charset}" if charset else "")
    except DocumentError as error:
        reason = next((reason for kind, reason in _REASONS if kind.matches(error.problem)), Reason.DAMAGED)
        raise NotExtractable(reason, f"{error.problem.message} {error.problem.help}") from error
    for warning in found.warnings:
        output.warn(Warning(warning.code, f"{output.path}: {warning.message}") if output.path else warning)
    return found.text
