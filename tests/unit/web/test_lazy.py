"""The triggers of the page behind the adapter of the Functions library."""

import asyncio
import logging

import azure.functions as func
import pytest

from functions.triggers.http import blueprint
from functions.web.lazy import LazyApp, load_api
from functions.web.parts import WebParts
from tests.support.web import ENTRA, HOST, KEY_MODE, OPEN
from tests.support.world import World


def request(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> func.HttpRequest:
    sent = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return func.HttpRequest(method, f"http://{HOST}{path}", headers=sent, body=body)


def answer(app: LazyApp, asked: func.HttpRequest) -> func.HttpResponse:
    return asyncio.run(app.answer(asked, None))  # type: ignore[arg-type]


@pytest.fixture
def parts() -> WebParts:
    return World(settings=dict(OPEN)).app.web


@pytest.mark.parametrize(
    ("settings", "level"),
    [(OPEN, func.AuthLevel.ANONYMOUS), (ENTRA, func.AuthLevel.ANONYMOUS), (KEY_MODE, func.AuthLevel.FUNCTION)],
)
def test_host_asks_for_keys_in_key_mode_only(settings: dict[str, str], level: func.AuthLevel) -> None:
    app = func.FunctionApp()
    app.register_functions(blueprint(settings["WEB"], lambda: World(settings=dict(settings)).app.web))
    triggers = {one.get_function_name(): one.get_trigger().get_dict_repr() for one in app.get_functions()}
    assert triggers["web_api"]["authLevel"] == level
    assert triggers["web_page"]["authLevel"] == func.AuthLevel.ANONYMOUS
    # The host asks in the order of the names, and the page's route takes every path.
    assert max(triggers) == "web_page"
    assert (triggers["web_api"]["route"], triggers["web_page"]["route"]) == ("api/{*path}", "{*path}")


def test_application_is_loaded_once(parts: WebParts) -> None:
    loaded = []
    app = LazyApp(lambda given: (loaded.append(1), load_api(given))[1], lambda: parts)
    assert loaded == []
    for _ in range(3):
        assert answer(app, request("/api/session")).status_code == 200
    assert loaded == [1]


@pytest.mark.parametrize("path", ["/api/%FF", "/api/documents/%C3%28"])
def test_unreadable_address_is_problem(parts: WebParts, path: str) -> None:
    response = answer(LazyApp(load_api, lambda: parts), request(path))
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert b'"invalid_address"' in response.get_body()


def test_answers_stay_out_of_log(parts: WebParts, caplog: pytest.LogCaptureFixture) -> None:
    """The adapter would log each of them, with the signature of an upload, where debug is on."""
    body = b'{"name": "a.txt", "size": 1}'
    with caplog.at_level(logging.DEBUG):
        asked = request("/api/uploads", "POST", body, content_type="application/json", content_length=str(len(body)))
        response = answer(LazyApp(load_api, lambda: parts), asked)
        logging.debug("something else")
    assert response.status_code == 200
    assert "sig=signed" in response.get_body().decode()
    assert "signed" not in caplog.text
    assert "something else" in caplog.text


def test_headers_survive_adapter(parts: WebParts) -> None:
    response = answer(LazyApp(load_api, lambda: parts), request("/api/session"))
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert len(response.headers.getlist("content-security-policy")) == 1
