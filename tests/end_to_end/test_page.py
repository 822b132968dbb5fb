"""The page and its API through the functions host: real requests, real storage, each way of access."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from functions.web.api.described import OPENAPI
from functions.web.document_ids import id_of
from local.process import ROOT
from local.stack import Stack
from tests.support.app_on_hosts import Containers, eventually
from tests.support.web import principal

pytestmark = pytest.mark.processes

LETTER = (ROOT / "samples" / "drop" / "short-note.txt").read_text("utf-8")
FAST_JOBS = ["--min-seconds", "0.2", "--max-seconds", "0.6"]
DESCRIBED = json.loads(OPENAPI.read_text("utf-8"))["paths"]


def address(path: str) -> str:
    """Return an address of a described path."""
    return path.replace("{id}", id_of("a.txt")).replace("{suffix}", "entities.json")


PATHS = [address(path) for path, item in DESCRIBED.items() if "get" in item] + ["/api/none", "/api/"]
CHANGES = [(method.upper(), address(path)) for path, item in DESCRIBED.items() for method in item if method != "get"]
HOSTILE = "<img src=x onerror=alert(1)>.txt"


class Site:
    """One host, as a browser or a program sees it; `verify` and redirects are left to the tests."""

    def __init__(self, stack: Stack, host: int = 0) -> None:
        self.url = stack.hosts[host].url

    def ask(self, path: str, method: str = "GET", **options: Any) -> requests.Response:
        # The path goes out as it is: the library would resolve dots and escapes.
        request = requests.Request(method, self.url, **options).prepare()
        request.url = self.url + path
        with requests.Session() as session:
            session.trust_env = False
            return session.send(request, timeout=60, allow_redirects=False)

    def begin_upload(self, name: str, size: int, replaces: str | None = None, **options: Any) -> requests.Response:
        return self.ask("/api/uploads", "POST", json={"name": name, "size": size, "replace": replaces}, **options)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One host, open to this machine as `make start` leaves it."""
    with Stack(tmp_path_factory.mktemp("page"), language_options=FAST_JOBS) as running:
        yield running


@pytest.fixture
def site(stack: Stack) -> Site:
    return Site(stack)


def test_dropped_document_comes_back(site: Site, containers: Containers) -> None:
    """From the page's request to the result, as the page does it; the second time it is asked before replacing."""
    for name in (HOSTILE, "loans/ü%2F b.txt", "מכתב-😀.txt", "n" * 900 + ".txt"):
        begun = site.begin_upload(name, len(LETTER.encode())).json()
        assert begun["id"] == id_of(name)
        origin = {"Origin": site.url}
        sent = requests.put(begun["url"], LETTER.encode(), headers=begun["headers"] | origin, timeout=60)
        assert sent.status_code == 201
        assert sent.headers["access-control-allow-origin"] == site.url
        assert "etag" in sent.headers["access-control-expose-headers"].lower()
        address = f"/api/documents/{begun['id']}"
        document = eventually(lambda address=address: _ended(site, address), f"{name} to end")
        assert (document["state"], document["name"]) == ("done", name)
        result = site.ask(f"{address}/results/{document['results'][0]['suffix'].lstrip('.')}")
        assert result.json() == containers.entities(name)
        again = site.begin_upload(name, 5)
        assert (again.status_code, again.json()["existing"]["etag"]) == (409, document["etag"])
        agreed = site.begin_upload(name, 5, document["etag"]).json()
        assert agreed["permission"] == "write"


def _ended(site: Site, address: str) -> dict[str, Any] | None:
    reply = site.ask(address)
    document: dict[str, Any] = reply.json()
    return document if reply.ok and document["state"] in ("done", "failed") else None


def test_storage_answers_own_page_only(site: Site) -> None:
    address = site.begin_upload("cors.txt", 5).json()["url"]

    def preflight(origin: str) -> requests.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        headers["Access-Control-Request-Headers"] = "content-type,x-ms-blob-type,if-none-match"
        return requests.options(address, headers=headers, timeout=60)

    assert preflight(site.url).headers["access-control-allow-origin"] == site.url
    assert preflight(site.url.replace("127.0.0.1", "localhost")).ok
    for origin in ("https://evil.example", "null", site.url.rpartition(":")[0] + ":1"):
        assert preflight(origin).status_code == 403


def test_page_is_served_with_its_files(site: Site) -> None:
    page = site.ask("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "connect-src 'self' http://127.0.0.1:" in page.headers["content-security-policy"]
    for part in ("/static/app.js", "/static/api.js", "/static/style.css"):
        file = site.ask(part)
        assert file.status_code == 200
        assert site.ask(part, headers={"If-None-Match": file.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/../function_app.py",
        "/static/%2e%2e/%2e%2e/settings.py",
        "/static/..%2f..%2fsettings.py",
        "/static/..%252f..%252fsettings.py",
        "/static/..%5c..%5csettings.py",
        "/local.settings.json",
        "/host.json",
        "//evil.example/",
        "/static//page.js",
    ],
)
def test_no_path_leads_to_files(site: Site, path: str) -> None:
    reply = site.ask(path)
    assert reply.status_code == 404
    assert "location" not in reply.headers


@pytest.mark.parametrize("path", ["/api/documents/%FF", "/%FF", "/api/documents/a%C3%28/results/x"])
def test_broken_escapes_are_bad_requests(site: Site, path: str) -> None:
    reply = site.ask(path)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_address")
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_chunked_request_is_refused(site: Site) -> None:
    reply = site.ask("/api/uploads", "POST", data=iter([b"{}"]), headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (411, "length_needed")


def test_oversized_request_is_refused(site: Site) -> None:
    reply = site.begin_upload("a" * 70_000, 5)
    assert (reply.status_code, reply.json()["code"]) == (413, "request_too_large")


def test_foreign_requests_are_refused(site: Site) -> None:
    for sent in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/", *PATHS):
            assert site.ask(path, headers=sent).status_code in (403, 421)
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    reply = site.ask("/api/session", headers=forged)
    assert reply.status_code == 200
    assert "evil" not in reply.text + str(reply.headers)


# --- With keys ---


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    keys = ["--enable-auth", "--host-key", "host", "--master-key", "master", "--extension-key", "system"]
    functions = ["--function-key", "web_api=own", "--function-key", "web_page=other"]
    with Stack(tmp_path_factory.mktemp("locked"), settings={"WEB": "key"}, host_options=[*keys, *functions]) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_every_endpoint_asks_for_key(locked: Stack, path: str) -> None:
    """None without, with a wrong one, or with that of another function, whatever the way."""
    site = Site(locked)
    for key in (None, "wrong", "other", "system", ""):
        by_header = site.ask(path, headers={} if key is None else {"x-functions-key": key})
        by_query = site.ask(path if key is None else f"{path}?code={key}")
        for reply in (by_header, by_query):
            assert (reply.status_code, reply.content) == (401, b"")
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["cache-control"] == "no-store"
    for key in ("own", "host", "master"):
        # Some want a query, and say so.
        assert site.ask(path, headers={"x-functions-key": key}).status_code in (200, 400, 404)
    assert site.begin_upload("a.txt", 5).status_code == 401
    assert site.begin_upload("a.txt", 5, headers={"x-functions-key": "own"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "//api/session",
        "/api//session",
        "/api%2Fsession",
        "/api%252Fsession",
        "/%61pi/session",
        "/API/session",
        "/x/../api/session",
        "/x/%2e%2e/api/session",
        "/api/./session",
        "/api/session/",
        "/api;x/session",
        "/api%5Csession",
        "/static/..%2fapi/session",
    ],
)
def test_no_path_leads_round_keys(locked: Stack, path: str) -> None:
    """Whatever way the host reads a path, without a key there is no data."""
    reply = Site(locked).ask(path)
    assert reply.status_code in (401, 404)
    assert b"storageOrigin" not in reply.content


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_every_change_asks_for_key(locked: Stack, method: str, path: str) -> None:
    site = Site(locked)
    for key in (None, "wrong", "other", "system"):
        reply = site.ask(path, method, json={}, headers={} if key is None else {"x-functions-key": key})
        assert (reply.status_code, reply.content) == (401, b"")
    assert site.ask(path, method, json={}, headers={"x-functions-key": "own"}).status_code in (400, 409, 428)


def test_page_itself_needs_no_key(locked: Stack) -> None:
    reply = Site(locked).ask("/")
    assert reply.status_code == 200
    assert Site(locked).ask("/static/app.js").status_code == 200


# --- With App Service Authentication ---


@pytest.fixture(scope="module")
def entra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    options = ["--enable-auth", "--extension-key", "system", "--sign-in", "ada@example.org"]
    with Stack(tmp_path_factory.mktemp("entra"), settings={"WEB": "entra"}, host_options=options) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_every_endpoint_asks_for_principal(entra: Stack, path: str) -> None:
    site = Site(entra)
    for sent in ({}, principal(), {"x-functions-key": "wrong"}):
        reply = site.ask(path, headers=sent)
        assert (reply.status_code, reply.json()["code"]) == (401, "sign_in_needed")


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_every_change_asks_for_principal(entra: Stack, method: str, path: str) -> None:
    site = Site(entra)
    for sent in ({}, principal(), {"Authorization": "Bearer none"}):
        reply = site.ask(path, method, json={}, headers=sent | {"Origin": site.url})
        assert (reply.status_code, reply.json()["code"]) == (401, "sign_in_needed")


def test_signed_in_person_is_answered(entra: Stack) -> None:
    site = Site(entra)
    login = site.ask("/.auth/login/aad?post_login_redirect_uri=/")
    cookie = {"Cookie": login.headers["set-cookie"].split(";")[0]}
    session = site.ask("/api/session", headers=cookie | principal()).json()
    assert session["user"] == {"id": "11111111-2222-3333-4444-555555555555", "name": "ada@example.org"}
    # A browser sends the cookie along for every site; only the page's own requests count.
    assert site.begin_upload("a.txt", 5, headers=cookie).json()["code"] == "foreign_origin"
    assert site.begin_upload("a.txt", 5, headers=cookie | {"Origin": site.url}).status_code == 200


def test_webhook_goes_on_with_its_key(entra: Stack) -> None:
    site = Site(entra)
    webhook = "/runtime/webhooks/blobs?functionName=Host.Functions.submit&code="
    handshake = [{"data": {"validationCode": "1"}}]
    sent = {"aeg-event-type": "SubscriptionValidation"}
    assert site.ask(f"{webhook}system", "POST", json=handshake, headers=sent).json() == {"validationResponse": "1"}
    assert site.ask(f"{webhook}wrong", "POST", json=handshake, headers=sent).status_code == 401


def test_entra_does_not_start_without_platform(tmp_path: Path) -> None:
    stack = Stack(tmp_path, settings={"WEB": "entra"})
    with pytest.raises(Exception, match="App Service Authentication is not on"):
        stack.start()


def test_page_can_be_switched_off(tmp_path: Path) -> None:
    with Stack(tmp_path, settings={"WEB": "off"}) as stack:
        site = Site(stack)
        assert [site.ask(path).status_code for path in ("/api/session", "/static/app.js")] == [404, 404]
        assert not [name for name in stack.hosts[0].status()["functions"] if name.startswith("web")]
