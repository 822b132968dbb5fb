"""HTTP triggers of the local host, as the real host has them: real requests to a real port."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import azure.functions as func
import pytest
from azurefunctions.extensions import base

from local.functions_host.app_loader import read_functions
from local.functions_host.easy_auth import SignIn
from local.functions_host.errors import StartError
from local.functions_host.http_keys import FunctionKeys
from tests.local.functions_host.served import Answer, Serve
from tests.local.functions_host.stage import wait_until

LEVELS = {"anonymous": func.AuthLevel.ANONYMOUS, "function": func.AuthLevel.FUNCTION, "admin": func.AuthLevel.ADMIN}


def app_of(
    routes: dict[str, str | None], *, methods: Sequence[str] | None = None, level: str = "anonymous"
) -> func.FunctionApp:
    """Return an app with a function for each name, which answers with what it was given."""
    app = func.FunctionApp(http_auth_level=LEVELS[level])
    for name, route in routes.items():
        app.function_name(name)(app.route(route=route, methods=methods)(echo_of(name)))
    return app


def echo_of(name: str) -> Callable[[func.HttpRequest], func.HttpResponse]:
    def echo(req: func.HttpRequest) -> func.HttpResponse:
        seen = {
            "function": name,
            "method": req.method,
            "url": req.url,
            "headers": dict(req.headers),
            "params": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().decode("latin-1"),
        }
        return func.HttpResponse(json.dumps(seen), mimetype="application/json")

    echo.__name__ = name
    return echo


def answering(answer: Callable[[func.HttpRequest], Any], route: str = "x") -> func.FunctionApp:
    """Return an app with one function, which returns what `answer` does."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    def one(req: func.HttpRequest) -> Any:
        return answer(req)

    app.route(route=route)(one)
    return app


def seen(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


# --- Rows 1 to 8: which function a path is for ---


@pytest.mark.parametrize(
    ("section", "path"),
    [(None, "/api/items"), ({}, "/api/items"), ({"routePrefix": ""}, "/items"), ({"routePrefix": "x/y"}, "/x/y/items")],
)
def test_route_prefix_comes_from_host_json(serve: Serve, section: dict[str, str] | None, path: str) -> None:
    served = serve(app_of({"a": "items"}), section)
    assert seen(served.ask(path))["function"] == "a"
    assert {served.ask(other).status for other in ("/api/items", "/items", "/x/y/items") if other != path} == {404}


def test_doubled_slash_stops_start(serve: Serve) -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(StartError, match=r"'api//.*two slashes"):
        serve(func.AsgiFunctionApp(asgi))
    assert serve(func.AsgiFunctionApp(asgi), {"routePrefix": ""}).host.status()["functionsInError"] == {}


def test_first_function_by_name_wins(serve: Serve) -> None:
    served = serve(app_of({"a": "{*path}", "B": "items/{id}"}))
    assert seen(served.ask("/api/items/1"))["function"] == "a"
    served = serve(app_of({"Z": "{*path}", "b": "items/{id}"}))
    assert seen(served.ask("/api/items/1"))["function"] == "b"
    assert seen(served.ask("/api/other"))["function"] == "Z"


def test_literals_match_as_in_aspnet(serve: Serve) -> None:
    served = serve(app_of({"a": "items"}))
    assert {path: served.ask(path).status for path in ("/API/Items/", "/api/items", "/api//items", "/api/items/1")} == {
        "/API/Items/": 200,
        "/api/items": 200,
        "/api//items": 404,
        "/api/items/1": 404,
    }
    served = serve(app_of({"a": "{*p}"}), {"routePrefix": ""})
    assert served.ask("//x").status == 404
    assert seen(served.ask("/x//y/"))["route"] == {"p": "x//y/"}


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("{id}", "/7", {"id": "7"}),
        ("{id}", "/", None),
        ("{id?}", "/", {}),
        ("{id=9}", "/", {"id": "9"}),
        ("a/{*rest}", "/a", {}),
        ("a/{*rest}", "/a/b/c", {"rest": "b/c"}),
        ("{id:int}", "/-7", {"id": "-7"}),
        ("{id:int}", "/2147483648", None),
        ("{id:long}", "/2147483648", {"id": "2147483648"}),
        ("{id:guid}", "/5c6f1f3e-0b8b-4a3e-9a55-0123456789ab", {"id": "5c6f1f3e-0b8b-4a3e-9a55-0123456789ab"}),
        ("{id:guid}", "/5c6f1f3e", None),
        ("{id:alpha}", "/abC", {"id": "abC"}),
        ("{id:alpha}", "/ab1", None),
        ("{id:length(3)}", "/abcd", None),
        ("{id:length(2,4)}", "/abcd", {"id": "abcd"}),
        ("{id:minlength(2):maxlength(3)}", "/a", None),
        ("{id:minlength(2):maxlength(3)}", "/ab", {"id": "ab"}),
        ("{id:range(1,5)}", "/6", None),
        ("{id:min(1)}", "/6", {"id": "6"}),
        ("{id:max(5)}", "/x", None),
        ("{id:regex(^a\\d+$)}", "/A12", {"id": "A12"}),
        ("{id:regex(^a\\d{{2}}$)}", "/a123", None),
        ("{id:bool}", "/True", {"id": "True"}),
        ("{id:decimal}", "/1.5", {"id": "1.5"}),
        ("{id:int?}", "/", {}),
        ("{name:file}", "/a.txt", {"name": "a.txt"}),
        ("{name:nonfile}", "/a.txt", None),
    ],
)
def test_parameters_and_constraints(serve: Serve, template: str, path: str, expected: dict[str, str] | None) -> None:
    answer = serve(app_of({"a": template}), {"routePrefix": "r"}).ask(f"/r{path}")
    assert (None if answer.status == 404 else seen(answer)["route"]) == expected


@pytest.mark.parametrize("route", ["{id:datetime}", "{a}.{b}", "{*all}/x", "{id}/{ID}", "a{", "{a?}/b", "x?y"])
def test_unknown_route_forms_stop_start(serve: Serve, route: str) -> None:
    with pytest.raises(StartError, match="Function 'a': the route"):
        serve(app_of({"a": route}))


def test_wrong_method_is_not_found(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}, methods=["GET"]))
    for method in ("POST", "HEAD", "OPTIONS", "DELETE"):
        answer = served.ask("/api/x", method=method)
        assert (answer.status, answer.body, answer.header("allow")) == (404, b"", None)
    served = serve(app_of({"a": "x"}))
    assert {served.ask("/api/x", method=method).status for method in ("GET", "POST", "HEAD", "OPTIONS")} == {200}


def test_reserved_and_doubled_routes_are_left_out(serve: Serve) -> None:
    app = app_of({"a": "administration", "b": "/Runtime/x", "c": "items", "d": "Items", "e": "other"})
    served = serve(app, {"routePrefix": ""})
    assert [seen(served.ask(path))["function"] for path in ("/items", "/other")] == ["c", "e"]
    assert served.ask("/administration").status == 404
    assert sorted(served.host.status()["functionsInError"]) == ["a", "b", "d"]


def test_same_route_with_other_methods_is_served(serve: Serve) -> None:
    app = app_of({"a": "x"}, methods=["GET"])
    app.function_name("b")(app.route(route="x", methods=["POST"])(echo_of("b")))
    served = serve(app)
    assert [seen(served.ask("/api/x", method=method))["function"] for method in ("GET", "POST")] == ["a", "b"]


@pytest.mark.parametrize("route", [None, "", " "])
def test_name_stands_for_missing_route(serve: Serve, route: str | None) -> None:
    served = serve(app_of({"hello": route}))
    assert served.ask("/api/hello").status == 200
    assert served.ask("/api").status == 404


# --- Rows 9 to 13: what the host answers itself, keys ---


def test_host_answers_without_body(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: func.HttpRequest) -> None:
        raise RuntimeError("the secret of the function")

    served = serve(answering(fail))
    for path, status in (("/api/x", 500), ("/api/none", 404)):
        answer = served.ask(path)
        assert (answer.status, answer.body) == (status, b"")
    assert "the secret of the function" in caplog.text
    locked = serve(app_of({"a": "x"}, level="function"), keys=FunctionKeys(True))
    answer = locked.ask("/api/x")
    assert (answer.status, answer.body, answer.header("www-authenticate")) == (401, b"", None)


def test_homepage(serve: Serve) -> None:
    answer = serve(app_of({"a": "x"})).ask("/")
    assert (answer.status, (answer.header("content-type") or "")[:9]) == (200, "text/html")
    served = serve(app_of({"a": "x"}), environ={"AzureWebJobsDisableHomepage": "true"})
    assert served.ask("/").status == 204
    served = serve(app_of({"a": "{*path}"}), {"routePrefix": ""})
    assert seen(served.ask("/"))["route"] == {}


KEYS = FunctionKeys(True, master="master", host="host", functions={"anonymous": "a", "function": "f", "admin": "d"})
OPENS = {
    "anonymous": {None, "wrong", "system", "a", "f", "d", "host", "master"},
    "function": {"f", "host", "master"},
    "admin": {"master"},
}


@pytest.mark.parametrize("level", OPENS)
def test_keys_open_their_levels(serve: Serve, level: str) -> None:
    """By header and by query; a system key and the key of another function open nothing."""
    served = serve(app_of({level: "x"}, level=level), keys=KEYS, extension_key="system")
    by_header = {key: served.ask("/api/x", [("X-Functions-Key", key)] if key else []) for key in OPENS["anonymous"]}
    by_query = {key: served.ask(f"/api/x?code={key}" if key else "/api/x") for key in OPENS["anonymous"]}
    for answers in (by_header, by_query):
        assert {key for key, answer in answers.items() if answer.status == 200} == OPENS[level]
        assert {answer.status for answer in answers.values()} <= {200, 401}


def test_header_key_wins_over_query(serve: Serve) -> None:
    served = serve(app_of({"function": "x"}, level="function"), keys=KEYS)
    assert served.ask("/api/x?code=f", [("x-functions-key", "wrong")]).status == 401
    assert served.ask("/api/x?code=wrong", [("x-functions-key", "f")]).status == 200
    assert served.ask("/api/x", [("x-functions-key", "wrong"), ("x-functions-key", "f")]).status == 401
    assert "code=f" in seen(served.ask("/api/x?code=f"))["url"]


def test_default_level_is_function(serve: Serve) -> None:
    app = func.FunctionApp()
    app.route(route="x")(echo_of("a"))
    assert serve(app, keys=FunctionKeys(True)).ask("/api/x").status == 401


def test_without_enforcement_everything_is_open(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}, level="admin"))
    assert served.ask("/api/x", [("x-functions-key", "wrong")]).status == 200


def test_own_routes_come_before_functions(serve: Serve) -> None:
    served = serve(app_of({"a": "{*path}"}), {"routePrefix": ""}, keys=KEYS)
    assert served.ask("/admin/host/status").status == 401
    assert json.loads(served.ask("/admin/host/status", [("x-functions-key", "master")]).body)["state"] == "Running"
    assert served.ask("/runtime/webhooks/blobs", method="POST", body=b"[]").status == 401


# --- Rows 14 to 19: the request ---


def test_repeated_headers_are_joined(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}))
    headers = seen(served.ask("/api/x", [("X-A", "1"), ("X-A", "2"), ("X-B", "3")]))["headers"]
    assert (headers["x-a"], headers["x-b"]) == ("1,2", "3")
    assert all(name == name.lower() for name in headers)


def test_query_parameters(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}))
    request = seen(served.ask("/api/x?a=1&a=2&b=&c=%C3%A4"))
    assert request["params"] == {"a": "1,2", "c": "ä"}
    assert request["url"].endswith("/api/x?a=1&a=2&b=&c=%C3%A4")


@pytest.mark.parametrize(
    ("sent", "address", "parameter"),
    [
        ("a%20b", "a%20b", "a b"),
        ("a%2Fb", "a%2Fb", "a%2Fb"),
        ("a%252Fb", "a%2Fb", "a%2Fb"),
        ("a%2525b", "a%25b", "a%25b"),
        ("%C3%A4", "%C3%A4", "ä"),
        ("%61", "a", "a"),
        ("a%FFb", "a%FFb", "a%FFb"),
        ("x/../y", "y", "y"),
        ("x/%2e%2e/y", "y", "y"),
        ("a%5Cb", "a%5Cb", "a\\b"),
    ],
)
def test_path_is_decoded_once(serve: Serve, sent: str, address: str, parameter: str) -> None:
    served = serve(app_of({"a": "{*path}"}), {"routePrefix": ""})
    request = seen(served.ask(f"/{sent}"))
    assert request["url"] == f"http://127.0.0.1:{served.port}/{address}"
    assert request["route"] == {"path": parameter}


@pytest.mark.parametrize("path", ["/%00", "/a%00b"])
def test_nul_in_path_is_bad_request(serve: Serve, path: str) -> None:
    assert serve(app_of({"a": "{*path}"}), {"routePrefix": ""}).ask(path).status == 400


def test_chunked_body_does_not_arrive(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served = serve(app_of({"a": "x"}))
    assert seen(served.ask("/api/x", method="POST", body=b"hello"))["body"] == "hello"
    with caplog.at_level(logging.WARNING):
        assert seen(served.ask("/api/x", method="POST", body=b"hello", is_chunked=True))["body"] == ""
    assert "came in chunks" in caplog.text
    assert seen(served.ask("/api/x", method="POST", body=b""))["body"] == ""


def test_body_limit_is_obeyed(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}), environ={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "10"})
    assert seen(served.ask("/api/x", method="POST", body=b"0123456789"))["body"] == "0123456789"
    assert served.ask("/api/x", method="POST", body=b"0123456789A").status == 413
    served = serve(app_of({"a": "x"}))
    # By its announcement: nothing is read first.
    head = f"POST /api/x HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: close\r\n"
    assert served.ask_raw(f"{head}Content-Length: 104857601\r\n\r\n".encode()).split()[1] == b"413"


def test_request_line_and_headers_are_limited(serve: Serve) -> None:
    served = serve(app_of({"a": "{*path}"}), {"routePrefix": ""})
    assert served.ask("/" + "a" * 8_000).status == 200
    assert served.ask("/" + "a" * 8_200).status == 414
    assert served.ask("/x", [(f"x-{number}", "1") for number in range(120)]).status == 431
    assert served.ask("/x", [(f"x-{number}", "a" * 8_000) for number in range(5)]).status == 431


# --- Rows 20 to 23: the answer ---


def test_last_repeated_header_is_left(serve: Serve) -> None:
    def answer(_: func.HttpRequest) -> func.HttpResponse:
        response = func.HttpResponse("x", headers={"Vary": "A"})
        response.headers.add("Vary", "B")
        return response

    assert serve(answering(answer)).ask("/api/x").all("vary") == ["B"]


def test_cookies_are_rebuilt(serve: Serve) -> None:
    def answer(_: func.HttpRequest) -> func.HttpResponse:
        response = func.HttpResponse("x")
        response.headers.add("Set-Cookie", "a=a==; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60")
        response.headers.add("Set-Cookie", "b=1; Priority=High")
        response.headers.add("Set-Cookie", "c=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT")
        return response

    assert serve(answering(answer)).ask("/api/x").all("set-cookie") == [
        "a=a%3D%3D; max-age=60; path=/; secure; httponly; samesite=strict",
        "b=1",
        "Priority=High",
        "c=1; expires=Thu, 01 Jan 2026 00:00:00 GMT",
    ]


def test_partitioned_cookie_vanishes(serve: Serve) -> None:
    def answer(_: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("x", headers={"Set-Cookie": "p=1; Secure; Partitioned"})

    assert serve(answering(answer)).ask("/api/x").all("set-cookie") == []


def test_missing_type_becomes_plain_text(serve: Serve) -> None:
    answer = serve(answering(lambda _: func.HttpResponse(b"x", status_code=202))).ask("/api/x")
    assert (answer.status, answer.header("content-type"), answer.body) == (202, "text/plain; charset=utf-8", b"x")


def test_nothing_returned_is_no_content(serve: Serve) -> None:
    answer = serve(answering(lambda _: None)).ask("/api/x")
    assert (answer.status, answer.body) == (204, b"")


def test_head_has_no_body(serve: Serve) -> None:
    answer = serve(answering(lambda _: func.HttpResponse("hello"))).ask("/api/x", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_custom_headers_fill_gaps(serve: Serve) -> None:
    section = {"routePrefix": "", "customHeaders": {"X-A": "host", "X-B": "host"}}
    served = serve(answering(lambda _: func.HttpResponse("x", headers={"x-a": "own"})), section)
    assert [served.ask("/x").header(name) for name in ("x-a", "x-b")] == ["own", "host"]
    assert served.ask("/none").header("x-b") == "host"
    assert served.ask("/").header("x-b") == "host"
    locked = serve(app_of({"a": "x"}, level="function"), section, keys=FunctionKeys(True))
    assert (locked.ask("/x").status, locked.ask("/x").header("x-b")) == (401, "host")


def test_hsts_over_https_only(serve: Serve) -> None:
    section = {"hsts": {"isEnabled": True, "maxAge": "10", "includeSubDomains": True, "excludedHosts": ["other"]}}
    served = serve(app_of({"a": "x"}), section, behind_front_end=True)
    assert served.ask("/api/x").header("strict-transport-security") is None
    secure = served.ask("/api/x", [("X-Forwarded-Proto", "https")])
    assert secure.header("strict-transport-security") == "max-age=864000; includeSubDomains"


def test_front_end_names_scheme_and_host(serve: Serve) -> None:
    headers = [("X-Forwarded-Proto", "https"), ("DISGUISED-HOST", "app.example"), ("X-Forwarded-Host", "evil.example")]
    served = serve(app_of({"a": "x"}), behind_front_end=True)
    assert seen(served.ask("/api/x", headers))["url"] == "https://app.example/api/x"
    served = serve(app_of({"a": "x"}))
    assert seen(served.ask("/api/x", headers))["url"] == f"http://127.0.0.1:{served.port}/api/x"


def test_answers_are_not_compressed(serve: Serve) -> None:
    served = serve(answering(lambda _: func.HttpResponse("x" * 10_000)))
    assert served.ask("/api/x", [("Accept-Encoding", "gzip")]).header("content-encoding") is None


# --- Rows 25 to 31: running ---


def test_too_many_requests_are_refused(serve: Serve) -> None:
    release = threading.Event()
    app = answering(lambda _: func.HttpResponse("x") if release.wait(300) else None)
    served = serve(app, {"maxConcurrentRequests": 1, "maxOutstandingRequests": 2})

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(served.ask, "/api/x") for _ in range(3)]
        # One runs and one is queued until `release` is set, so the third is answered first.
        refused = next(as_completed(asked)).result()
        assert (refused.status, refused.body, refused.header("x-function-scaleout")) == (429, b"", "1")
        assert served.ask("/api/none").status == 429
        assert served.ask("/admin/host/status").status == 200
        release.set()
        assert sorted(future.result().status for future in asked) == [200, 200, 429]


def test_function_timeout_is_error(serve: Serve) -> None:
    release = threading.Event()
    served = serve(answering(lambda _: release.wait(60)), host_json={"functionTimeout": "00:00:01"})
    answer = served.ask("/api/x")
    release.set()
    assert (answer.status, answer.body) == (500, b"")
    assert served.host.status()["functions"]["one"]["timeouts"] == 1


def test_slow_answer_is_bad_gateway(serve: Serve) -> None:
    """The function runs on."""
    release, ended = threading.Event(), threading.Event()

    def slow(_: func.HttpRequest) -> func.HttpResponse:
        release.wait(60)
        ended.set()
        return func.HttpResponse("too late")

    served = serve(answering(slow), response_timeout_s=0.2)
    assert served.ask("/api/x").status == 502
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_default_response_timeout_is_230_seconds(serve: Serve) -> None:
    assert serve(app_of({"a": "x"})).host.settings.response_timeout_s == 230


def test_async_functions_share_one_loop(serve: Serve) -> None:
    """A blocking one delays the others; functions without `async` do not."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    release = threading.Event()

    async def blocking(req: func.HttpRequest) -> func.HttpResponse:
        release.wait(60)
        return func.HttpResponse(threading.current_thread().name)

    async def quick(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(threading.current_thread().name)

    def threaded(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(threading.current_thread().name)

    for handler in (blocking, quick, threaded):
        app.route(route=handler.__name__)(handler)
    served = serve(app)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(served.ask, "/api/blocking")
        wait_until(lambda: served.host.status()["functions"]["blocking"]["running"] == 1, "it runs")
        second = pool.submit(served.ask, "/api/quick")
        other = served.ask("/api/threaded")
        assert other.body.startswith(b"function_")
        assert not second.done()
        release.set()
        assert first.result().body == second.result().body == b"function-loop"


def test_lifespan_begins_with_first_request(serve: Serve) -> None:
    startups: list[str] = []

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            startups.append("startup")
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    app = func.AsgiFunctionApp(asgi, http_auth_level=func.AuthLevel.ANONYMOUS)
    served = serve(app, {"routePrefix": ""})
    assert startups == []
    assert served.ask("/x").body == b"hello"
    assert served.ask("/x").body == b"hello"
    assert startups == ["startup"]
    app.startup_task_done = False  # else its destructor would begin a loop of its own


def mounted(asgi: Any) -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    middleware = func.AsgiMiddleware(asgi)

    async def web(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return await middleware.handle_async(req, context)

    app.route(route="{*path}")(web)
    return app


def test_streamed_answer_comes_in_one_piece(serve: Serve) -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    answer = serve(mounted(asgi)).ask("/api/events")
    assert answer.header("content-length") == "27"
    assert answer.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_asgi_scope(serve: Serve) -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        kept = {key: scope[key] for key in ("client", "root_path", "path", "scheme", "server", "http_version")}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(kept).encode()})

    served = serve(mounted(asgi))
    assert seen(served.ask("/api/a%2Fb")) == {
        "client": None,
        "root_path": "",
        "path": "/api/a/b",
        "scheme": "http",
        "server": ["127.0.0.1", served.port],
        "http_version": "1.1",
    }


def test_text_like_response_is_refused(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    assert serve(answering(lambda _: "plain")).ask("/api/x").body == b"plain"
    assert serve(answering(lambda _: '{"body": "x", "status": 201}')).ask("/api/x").status == 500
    assert "return func.HttpResponse" in caplog.text


# --- Rows 32, 33: App Service Authentication ---

PRINCIPAL = "x-ms-client-principal"
USER = SignIn("ada@example.org")


def test_client_principal_passes_without_sign_in(serve: Serve) -> None:
    headers = seen(serve(app_of({"a": "x"})).ask("/api/x", [(PRINCIPAL, "forged")]))["headers"]
    assert headers[PRINCIPAL] == "forged"


def test_forged_principal_is_replaced(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}), sign_in=USER)
    forged = [(PRINCIPAL, "forged"), (f"{PRINCIPAL}-id", "forged"), ("X-MS-TOKEN-AAD-ID-TOKEN", "forged")]
    assert not any("ms-" in name for name in seen(served.ask("/api/x", forged))["headers"])
    login = served.ask("/.auth/login/aad?post_login_redirect_uri=/api/x")
    assert (login.status, login.header("location")) == (302, "/api/x")
    session = ("Cookie", (login.header("set-cookie") or "").split(";")[0])
    headers = seen(served.ask("/api/x", [*forged, session]))["headers"]
    assert headers[f"{PRINCIPAL}-id"] == USER.object_id
    assert headers[PRINCIPAL] != "forged"
    assert "x-ms-token-aad-id-token" not in headers
    me = json.loads(served.ask("/.auth/me", [session]).body)
    assert me[0]["user_id"] == "ada@example.org"
    assert served.ask("/.auth/logout", [session]).status == 302
    assert served.ask("/.auth/me", [session]).status == 401


@pytest.mark.parametrize(("action", "status"), [("Return401", 401), ("Return403", 403), ("RedirectToLoginPage", 302)])
def test_requests_without_session_are_refused(serve: Serve, action: str, status: int) -> None:
    """Webhooks and admin routes, too, unless their paths are excluded; then their keys count."""
    served = serve(app_of({"a": "x"}), sign_in=SignIn("ada", action=action), keys=KEYS, extension_key="system")
    webhook = "/runtime/webhooks/blobs?functionName=none&code=system"
    assert served.ask("/api/x").status == status
    assert served.ask(webhook, method="POST", body=b"[]").status == status
    excluded = SignIn("ada", action=action, excluded_paths=("/runtime/webhooks/*",))
    served = serve(app_of({"a": "x"}), sign_in=excluded, keys=KEYS, extension_key="system")
    assert served.ask(webhook, method="POST", body=b"[]").status == 404  # no blob function has this name
    assert served.ask(webhook.replace("system", "wrong"), method="POST", body=b"[]").status == 401
    assert served.ask("/api/x").status == status


def test_webhook_passes_where_anonymous_is_allowed(serve: Serve) -> None:
    served = serve(app_of({"a": "x"}), sign_in=USER, extension_key="system")
    webhook = "/runtime/webhooks/blobs?functionName=none&code=system"
    assert served.ask(webhook, method="POST", body=b"[]").status == 404


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_login_leads_nowhere_else(serve: Serve, target: str) -> None:
    served = serve(app_of({"a": "x"}), sign_in=USER)
    assert served.ask(f"/.auth/login/aad?post_login_redirect_uri={target}").header("location") == "/"


# --- Rows 35, 37 ---


def test_streaming_extension_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.ModuleTrackerMeta, "_module", "azurefunctions.extensions.http.fastapi")
    with pytest.raises(StartError, match=r"http\.fastapi.*streams HTTP requests"):
        read_functions(app_of({"a": "x"}))


def test_http_functions_are_counted(serve: Serve) -> None:
    def answer(req: func.HttpRequest) -> func.HttpResponse:
        if "fail" in req.params:
            raise RuntimeError
        return func.HttpResponse("x")

    served = serve(answering(answer))
    for query in ("", "?fail=1", ""):
        served.ask(f"/api/x{query}")
    counters = served.host.status()["functions"]["one"]
    assert (counters["runs"], counters["failures"], counters["running"]) == (3, 1, 0)


def test_requests_of_other_origins_are_refused(serve: Serve) -> None:
    """They never reach a function: the host answers this machine only."""
    served = serve(app_of({"a": "x"}))
    assert served.ask("/api/x", [("Host", "evil.example")]).status == 421
    assert served.ask("/api/x", [("Origin", "https://evil.example")]).status == 403
    assert served.host.status()["functions"]["a"]["runs"] == 0


def test_slow_request_does_not_block_others(serve: Serve) -> None:
    """Forty waiting requests hold no thread of the host's own."""
    release = threading.Event()
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    async def slow(req: func.HttpRequest) -> func.HttpResponse:
        while not release.is_set():
            await asyncio.sleep(0.02)
        return func.HttpResponse("x")

    app.route(route="slow")(slow)
    served = serve(app)
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(served.ask, "/api/slow") for _ in range(50)]
        wait_until(lambda: served.host.status()["functions"]["slow"]["running"] == 50, "all wait")
        started = time.monotonic()
        assert served.ask("/admin/host/status").status == 200
        assert time.monotonic() - started < 10
        release.set()
        assert {future.result().status for future in waiting} == {200}
