"""Indexing: what is found in an app, and which apps are refused with which words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
import pytest

from local.functions_host.app_loader import AppFunction, RetryPolicy, load_app
from local.functions_host.errors import StartError

HEAD = """
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
app = func.FunctionApp()
"""


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], list[AppFunction]]]:
    """Write a function_app.py and index it; Python's own memory of it is wiped afterwards."""
    path = list(sys.path)

    def write_and_load(code: str) -> list[AppFunction]:
        (tmp_path / "function_app.py").write_text(code)
        return load_app(tmp_path)

    yield write_and_load
    sys.path[:] = path
    sys.modules.pop("function_app", None)


Load = Callable[[str], list[AppFunction]]


def test_all_three_triggers_are_found(load: Load) -> None:
    functions = load(
        HEAD
        + """
bp = func.Blueprint()

@bp.blob_trigger(arg_name="client", path="%IN%/{name}", connection="Docs", source="EventGrid")
def submit(client: blob.BlobClient): ...

@app.queue_trigger(arg_name="message", queue_name="jobs", connection="Docs")
async def advance(message: func.QueueMessage, context: func.Context): ...

@app.retry(strategy="exponential_backoff", max_retry_count="3",
           minimum_interval="00:00:01", maximum_interval="00:00:03")
@app.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=True)
def sweep(timer): ...

app.register_functions(bp)
"""
    )
    found = {function.name: function for function in functions}

    assert sorted(found) == ["advance", "submit", "sweep"]
    assert found["submit"].trigger["path"] == "%IN%/{name}"
    assert found["submit"].trigger["source"] == "EventGrid"
    assert found["submit"].takes_sdk_type
    assert found["submit"].annotation is blob.BlobClient
    assert found["submit"].id == "Host.Functions.submit"
    assert (found["advance"].is_async, found["advance"].wants_context) == (True, True)
    assert found["advance"].annotation is func.QueueMessage
    assert found["sweep"].retry == RetryPolicy("exponential_backoff", 3, 1.0, 3.0)
    assert [found["sweep"].retry.delay_s(retry) for retry in (1, 2, 3)] == [1.0, 2.0, 3.0]


def test_import_error_is_shown_with_place(load: Load) -> None:
    """With the app's own words."""
    with pytest.raises(StartError) as raised:
        load("import os\n\nraise ValueError('LANGUAGE_ENDPOINT is missing')")

    assert raised.value.problems == (
        "'function_app.py' cannot be imported (ValueError in function_app.py, line 3): LANGUAGE_ENDPOINT is missing",
    )


def test_exit_during_import_is_reported(load: Load) -> None:
    """As any other error of the import."""
    with pytest.raises(StartError, match="settings are wrong"):
        load("raise SystemExit('settings are wrong')")


def test_folder_without_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"There is no 'function_app\.py'"):
        load_app(tmp_path)


@pytest.mark.parametrize("code", ["x = 1", HEAD + "other = func.FunctionApp()"])
def test_module_must_hold_exactly_one_app(load: Load, code: str) -> None:
    with pytest.raises(StartError, match="exactly one FunctionApp"):
        load(code)


def test_app_without_functions_is_refused(load: Load) -> None:
    with pytest.raises(StartError, match="has no functions"):
        load(HEAD)


def test_unsupported_bindings_are_reported_together(load: Load) -> None:
    with pytest.raises(StartError) as raised:
        load(
            HEAD
            + """
@app.event_hub_message_trigger(arg_name="event", event_hub_name="x", connection="Docs")
def hub(event: func.EventHubEvent): ...

@app.queue_trigger(arg_name="message", queue_name="jobs", connection="Docs")
@app.queue_output(arg_name="out", queue_name="more", connection="Docs")
def with_output(message: str, out: func.Out[str]): ...

@app.queue_trigger(arg_name="message", queue_name="jobs", connection="Docs")
def wrong_name(msg: str): ...

@app.queue_trigger(arg_name="message", queue_name="jobs", connection="Docs")
def wrong_type(message: func.TimerRequest): ...

@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")
@app.queue_trigger(arg_name="message", queue_name="jobs", connection="Docs")
def with_policy(message: str): ...
"""
        )
    assert [problem.split(";")[0] for problem in raised.value.problems] == [
        "Function 'hub': its trigger is eventHubTrigger",
        "Function 'with_output': input and output bindings (out) are not driven by this host",
        "Function 'wrong_name': its parameters are (msg), its binding is called 'message'",
        "Function 'wrong_type': parameter 'message' is annotated <class 'azure.functions._abc.TimerRequest'>, "
        "which a queueTrigger does not give.",
        "Function 'with_policy': a retry policy on a queueTrigger is not driven by this host",
    ]
