"""Takes secrets out of texts, exceptions and log records: signatures and other queries, keys, tokens, passwords.

A shared access signature is part of every address that a storage client asks for, and libraries put addresses into
exceptions and log lines. Exceptions are cleaned where they leave the transport of the storage clients, before anybody
can log them; log records and spans are cleaned once more, whoever wrote them.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

HIDDEN = "[redacted]"

_END = r"[^\s\"'<>`\\;]"
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # The query of an address or of a path, whatever is in it: its values may be secrets under any name.
        (r"\?(?=[\w$.%-]+=)[^\s\"'<>`\\]*", f"?{HIDDEN}"),
        # A part of a query or a connection string without the rest.
        (
            rf"\b(SharedAccessSignature|AccountKey|SharedAccessKey|client_secret|access_token)=(?!\[){_END}+",
            rf"\1={HIDDEN}",
        ),
        (r"\b(sig|signature)=(?!\[)[^\s\"'<>`\\;&]+", rf"\1={HIDDEN}"),
        # Headers, as text and as the representation of a mapping.
        (r"\b(Bearer|SharedKey|SharedKeyLite) +(?!\[)[^\s\"'<>`\\,]+", rf"\1 {HIDDEN}"),
        (
            r"\b(Ocp-Apim-Subscription-Key|x-functions-key|api-key|Authorization)(['\"]?\s*[:=]\s*['\"]?)"
            rf"(?!Bearer |SharedKey|\[){_END}+",
            rf"\1\2{HIDDEN}",
        ),
        # User name and password of an address.
        (r"(?<=://)[^\s/@\"'<>`\\]+@", f"{HIDDEN}@"),
        # What the storage quotes of a request whose signature it refuses ("AuthenticationErrorDetail").
        (r"(signature found in the HTTP request )'[^']*'", rf"\1'{HIDDEN}'"),
    )
)

QUIET_LOGGERS = ("azure.core", "azure.identity", "azure.storage", "msal", "urllib3")
"""Libraries that log each request with its address. host.json says the same to the host's own (`Azure.Core`, …)."""


def redact(text: str) -> str:
    """Return a text without queries, signatures, keys, tokens and passwords. Doing it twice changes nothing more."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_error(error: BaseException) -> None:
    """Take the secrets out of an exception and of all that it was raised from; its type and codes stay.

    It is changed in place, because whoever logs it later prints the whole chain.
    """
    seen: set[int] = set()
    to_do: list[BaseException] = [error]
    while to_do:
        current = to_do.pop()
        if id(current) not in seen:
            seen.add(id(current))
            _redact_one(current)
            to_do += _linked(current)


@contextmanager
def redacted_errors() -> Iterator[None]:
    """Redact whatever exception leaves the block."""
    try:
        yield
    except BaseException as error:
        redact_error(error)
        raise


def protect_logs() -> None:
    """Redact every log record of this process from now on, and quieten libraries that log addresses.

    A filter would see only what is logged to its own logger or handler; the platform brings handlers of its own.
    """
    make = logging.getLogRecordFactory()
    if not getattr(make, "redacts", False):

        def make_redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
            return _redacted(make(*args, **kwargs))

        make_redacted.redacts = True  # type: ignore[attr-defined]
        logging.setLogRecordFactory(make_redacted)
    for name in QUIET_LOGGERS:
        library = logging.getLogger(name)
        if library.level == logging.NOTSET:
            library.setLevel(logging.WARNING)


def _redacted(record: logging.LogRecord) -> logging.LogRecord:
    try:
        message = record.getMessage()
    except Exception:
        # Arguments that do not fit their message: logging itself reports that, with message and arguments.
        message = f"{record.msg} {record.args}"
    clean = redact(message)
    if clean != message:
        # Only then: formatters and tests may count on message and arguments apart.
        record.msg, record.args = clean, None
    if record.exc_info and record.exc_info[1]:
        redact_error(record.exc_info[1])
    if record.stack_info:
        record.stack_info = redact(record.stack_info)
    return record


def _redact_one(error: BaseException) -> None:
    clean = tuple(redact(arg) if isinstance(arg, str) else arg for arg in error.args)
    if clean != error.args:
        error.args = clean
    held: Mapping[str, Any] = getattr(error, "__dict__", {})
    # `strerror` and `filename` of an OSError are kept apart from its arguments.
    for name in (*held, "strerror", "filename"):
        value = getattr(error, name, None)
        if isinstance(value, str) and redact(value) != value:
            setattr(error, name, redact(value))
    notes = getattr(error, "__notes__", None)
    if notes:
        notes[:] = [redact(note) if isinstance(note, str) else note for note in notes]
    if hasattr(error, "response") and redact(str(error)) != str(error):
        # azure-core adds the body of the response whenever the exception is printed.
        error.response = None


def _linked(error: BaseException) -> Iterator[BaseException]:
    held: Mapping[str, Any] = getattr(error, "__dict__", {})
    members: tuple[Any, ...] = getattr(error, "exceptions", ())
    for value in (error.__cause__, error.__context__, *error.args, *held.values(), *members):
        if isinstance(value, BaseException):
            yield value
