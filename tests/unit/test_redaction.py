"""Secrets are taken out of texts, exceptions and log records; all else stays as it was."""

import logging
import traceback
from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from hypothesis import given
from hypothesis import strategies as st

from functions.redaction import HIDDEN, QUIET_LOGGERS, protect_logs, redact, redact_error, redacted_errors

SIGNATURE = "c2VjcmV0/c2VjcmV0+c2VjcmV0=="
QUOTED = SIGNATURE.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"url: /c/b.txt?sv=1&sig={QUOTED} (Caused by X)", f"url: /c/b.txt?{HIDDEN} (Caused by X)"),
        (f"'https://a.blob.core.windows.net/c?sig={SIGNATURE}'", f"'https://a.blob.core.windows.net/c?{HIDDEN}'"),
        (f'"GET /c?restype=container&sig={QUOTED} HTTP/1.1" 403', f'"GET /c?{HIDDEN} HTTP/1.1" 403'),
        (f"sv=1&sig={QUOTED}&se=2", f"sv=1&sig={HIDDEN}&se=2"),
        (f"AccountName=a;AccountKey={SIGNATURE};X=1", f"AccountName=a;AccountKey={HIDDEN};X=1"),
        (f"SharedAccessSignature=sv=1&sig={SIGNATURE};X=1", f"SharedAccessSignature={HIDDEN};X=1"),
        (f"Authorization: Bearer {SIGNATURE}", f"Authorization: Bearer {HIDDEN}"),
        (f"{{'Authorization': 'SharedKey a:{SIGNATURE}'}}", f"{{'Authorization': 'SharedKey {HIDDEN}'}}"),
        (f"{{'Ocp-Apim-Subscription-Key': '{SIGNATURE}'}}", f"{{'Ocp-Apim-Subscription-Key': '{HIDDEN}'}}"),
        (f"Ocp-Apim-Subscription-Key: {SIGNATURE}", f"Ocp-Apim-Subscription-Key: {HIDDEN}"),
        (f"{{'x-functions-key': '{SIGNATURE}'}}", f"{{'x-functions-key': '{HIDDEN}'}}"),
        (f"GET /api/session?code={QUOTED}", f"GET /api/session?{HIDDEN}"),
        (f"https://user:{SIGNATURE.replace('/', '')}@proxy:8080", f"https://{HIDDEN}@proxy:8080"),
        (f"signature found in the HTTP request '{SIGNATURE}' is", f"signature found in the HTTP request '{HIDDEN}' is"),
    ],
)
def test_secret_is_taken_out(text: str, clean: str) -> None:
    assert redact(text) == clean
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Is it there? Yes = no.",
        "Job j1 is polled again in 2.5 s (step 3).",
        "https://loans.cognitiveservices.azure.com/language",
        "documents/what?.txt",
        "The assignee's design=1",
    ],
)
def test_text_without_secrets_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def raised_from_an_address() -> Exception:
    """Return an exception as azure-core makes it: three libraries deep, the address in each."""
    try:
        try:
            try:
                raise OSError(111, f"/c?sig={QUOTED}")
            except OSError as error:
                cause = ConnectionError(error, f"/c?sig={QUOTED}")
                cause.url = f"/c?sig={QUOTED}"  # type: ignore[attr-defined]
                cause.add_note(f"sig={QUOTED}")
                raise cause from error
        except ConnectionError as error:
            raise ServiceRequestError(f"{error}", error=error) from ValueError(f"/c?sig={QUOTED}")
    except ServiceRequestError as error:
        return error


def test_exception_chain_is_redacted() -> None:
    error = raised_from_an_address()
    assert QUOTED in "".join(traceback.format_exception(error))
    redact_error(error)
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert QUOTED not in shown and SIGNATURE not in shown
    assert HIDDEN in str(error)
    assert type(error) is ServiceRequestError


def test_members_of_group_are_redacted() -> None:
    group = ExceptionGroup("several", [ValueError(f"sig={QUOTED}"), KeyError(f"/c?sig={QUOTED}")])
    redact_error(group)
    assert QUOTED not in "".join(traceback.format_exception(group))


def test_circular_exceptions_end() -> None:
    first, second = ValueError(f"sig={QUOTED}"), ValueError("x")
    first.__context__, second.__context__ = second, first
    redact_error(first)
    assert str(first) == f"sig={HIDDEN}"


class Response:
    status_code, reason, headers = 403, "Forbidden", {}

    def text(self) -> str:
        return f"The MAC signature found in the HTTP request '{SIGNATURE}' is not the same."


def test_quoted_body_is_dropped() -> None:
    error = HttpResponseError("Server failed to authenticate the request.", response=Response())  # type: ignore[arg-type]
    assert SIGNATURE in str(error)
    redact_error(error)
    assert SIGNATURE not in str(error)
    assert (error.status_code, error.reason) == (403, "Forbidden")
    assert str(error).startswith("Server failed to authenticate")


def test_exception_object_is_unchanged() -> None:
    error = raised_from_an_address()
    with pytest.raises(ServiceRequestError) as caught, redacted_errors():
        raise error
    assert caught.value is error
    assert QUOTED not in str(error)


# --- logs ---


@pytest.fixture
def logs() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    levels = {name: logging.getLogger(name).level for name in QUIET_LOGGERS}
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    logging.setLogRecordFactory(factory)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("logs")
def test_records_of_every_logger_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    protect_logs()
    logger = logging.getLogger("a.library")
    logger.warning('"GET %s HTTP/1.1" %s', f"/c?sig={QUOTED}", 403, stack_info=True)
    logger.warning("%(name)s", {"name": f"sig={QUOTED}"})
    try:
        raise raised_from_an_address()
    except ServiceRequestError:
        logger.exception("failed")
    assert QUOTED not in caplog.text
    assert f'"GET /c?{HIDDEN} HTTP/1.1" 403' in caplog.text


@pytest.mark.usefixtures("logs")
def test_harmless_record_keeps_message_and_arguments(caplog: pytest.LogCaptureFixture) -> None:
    protect_logs()
    logging.getLogger("a.library").warning("%s of %s", "one", 2)
    assert (caplog.records[0].msg, caplog.records[0].args) == ("%s of %s", ("one", 2))


@pytest.mark.usefixtures("logs")
def test_protecting_twice_wraps_once() -> None:
    protect_logs()
    factory = logging.getLogRecordFactory()
    protect_logs()
    assert logging.getLogRecordFactory() is factory


@pytest.mark.usefixtures("logs")
def test_libraries_are_quiet_by_default() -> None:
    logging.getLogger("msal").setLevel(logging.DEBUG)
    protect_logs()
    assert logging.getLogger("azure.core.pipeline.policies.http_logging_policy").getEffectiveLevel() == logging.WARNING
    assert logging.getLogger("urllib3.connectionpool").getEffectiveLevel() == logging.WARNING
    assert logging.getLogger("msal").level == logging.DEBUG
