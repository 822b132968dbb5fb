"""The API and the page without a host: resources, problems, headers, sizes."""

import hashlib
import json
import logging
from typing import Any

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from functions import __version__, problems
from functions.core.health import Health, Standing
from functions.errors import NewerRecord, Problem
from functions.problems import RefusalKind
from functions.storage.ledger_store import HealthStore
from functions.tasks.custom_entities import EntitiesResult
from functions.web.application import api_app, page_app
from functions.web.document_ids import id_of
from functions.web.entities_csv import entities_csv
from functions.web.request_body import MOST_BODY_BYTES
from functions.web.sample_files import FOLDER
from tests.support.material import NOW
from tests.support.web import ENTRA, HOST, KEY_MODE, OPEN, Client, Reply, principal
from tests.support.world import ENDPOINT, Call, Gate, World, letter


@pytest.fixture
def world() -> World:
    return World(settings=dict(OPEN))


@pytest.fixture
def api(world: World) -> Client:
    return Client(api_app(world.app.web))


@pytest.fixture
def page(world: World) -> Client:
    return Client(page_app(world.app.web))


def fail_at(place: str, error: Exception) -> Gate:
    """Return what lets each call to a part of the storage fail."""

    def gate(call: Call) -> None:
        if call.place == place:
            raise error

    return gate


def is_problem(reply: Reply, kind: RefusalKind) -> bool:
    """Whether an answer is a problem of a kind, whole and in its own type."""
    content = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-ms-error-code"] == content["code"]
    assert (content["status"], content["type"]) == (reply.status, f"urn:entity-drop:problem:{content['code']}")
    assert content["title"] and content["detail"] and content["help"]
    return (content["code"], reply.status) == (kind.code, kind.status)


def of(name: str, result: str = "") -> str:
    return f"/api/documents/{id_of(name)}" + (f"/results/{result}" if result else "")


# --- Resources ---


def test_session_of_open_access(api: Client) -> None:
    session = api.ask("/api/session").json()
    assert session["limits"] == {"documentBytes": 10_485_760, "fileBytes": 52_428_800}
    assert (session["access"], session["user"], session["version"]) == ("open", None, __version__)
    assert session["storageOrigin"] == "https://account.blob.core.windows.net"
    assert "PDF" in session["formats"]


def test_samples_are_there_on_loopback_only(page: Client, api: Client) -> None:
    samples = api.ask("/api/session").json()["samples"]
    assert len(samples) > 2
    for sample in samples:
        reply = page.ask(f"/{sample['url']}")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")
        assert reply.body == (FOLDER / sample["name"]).read_bytes()
    world = World(settings=dict(KEY_MODE))
    assert Client(api_app(world.app.web)).ask("/api/session").json()["samples"] == []
    assert Client(page_app(world.app.web)).ask(f"/{samples[0]['url']}").status == 404


def test_session_names_latest_categories(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    world.app.journal.flush()
    assert api.ask("/api/session").json()["categories"] == ["Amount", "Name"]


def test_session_names_who_signed_in() -> None:
    api = Client(api_app(World(settings=dict(ENTRA)).app.web), {"host": "app.example"})
    session = api.ask("/api/session", headers=principal()).json()
    assert session["user"] == {"id": "object-1", "name": "Ada Äpfel"}
    assert session["signOut"] == "/.auth/logout"


@pytest.mark.parametrize("settings", [OPEN, KEY_MODE])
def test_forged_principal_is_not_believed(settings: dict[str, str]) -> None:
    """The header counts only where the platform sets it."""
    api = Client(api_app(World(settings=dict(settings)).app.web))
    assert api.ask("/api/session", headers=principal()).json()["user"] is None


def test_without_principal_nothing_is_answered() -> None:
    api = Client(api_app(World(settings=dict(ENTRA)).app.web))
    for path in ("/api/session", "/api/status", of("a.txt"), "/api/openapi.json", "/api/none", "/api"):
        assert is_problem(api.ask(path), problems.SIGN_IN_NEEDED), path
    sent = {"origin": f"https://{HOST}"}
    assert is_problem(api.post("/api/uploads", {"name": "a", "size": 1}, sent), problems.SIGN_IN_NEEDED)


def test_status_counts_documents(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1))
    world.drop("b.txt", b"")
    world.settle()
    world.app.journal.flush()
    status = api.ask("/api/status").json()
    assert status["counts"] == {
        "all": 2,
        "waiting": 0,
        "running": 0,
        "deferred": 0,
        "done": 1,
        "failed": 1,
        "review": 0,
        "reviewed": 0,
    }
    assert status["failures"] == [{"code": "EmptyDocument", "title": "Empty document", "count": 1}]
    assert [(hour["done"], hour["failed"], hour["textRecords"]) for hour in status["hours"]] == [(1, 1, 1)]
    assert status["models"][0]["model"] == "loans/production"
    assert status["dropToResult"]["median"] >= 0


def test_status_tells_what_is_under_way(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1))
    assert world.step()
    status = api.ask("/api/status").json()
    pending = sum(status["counts"][name] for name in ("waiting", "running", "deferred"))
    assert (pending, status["counts"]["all"]) == (1, 1)
    assert status["oldestUnfinished"]


def test_status_tells_budget(api: Client) -> None:
    (resource,) = api.ask("/api/status").json()["resources"]
    assert resource == {
        "name": "loans.cognitiveservices.azure.com",
        "requestsPerMinute": 1000,
        "requestsInUse": 0,
        "throttledUntil": None,
        "state": "healthy",
        "detail": None,
    }


@pytest.mark.parametrize(
    ("kind", "state"), [(problems.NO_ANSWER, "failing"), (problems.MISCONFIGURED, "misconfigured")]
)
def test_status_tells_what_fails(world: World, api: Client, kind: Any, state: str) -> None:
    reason = Problem(kind.code, "It fails.", "Wait.")
    failing = Health(resource=Standing(opened_at=NOW, reason=reason))
    HealthStore(world.state, ENDPOINT).save(failing, None)
    (resource,) = api.ask("/api/status").json()["resources"]
    assert (resource["state"], resource["detail"]) == (state, kind.code)


def test_status_takes_few_requests(world: World, api: Client) -> None:
    """Whatever the journal keeps: only what has come since is read, and the lists of the index now and then."""
    world.drop("a.txt", letter(1))
    world.settle()
    world.app.journal.flush()
    api.ask("/api/status")
    world.clock.advance(2)
    assert len(world.calls_of(lambda: api.ask("/api/status"))) <= 7


def test_status_is_kept_for_a_moment(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    world.app.journal.flush()
    api.ask("/api/status")
    calls: list[Call] = []
    world.gate = calls.append
    api.ask("/api/status")
    assert calls == []


def test_upload_address(api: Client) -> None:
    asked = {"name": "loans/a.txt", "size": 5, "contentType": "text/plain", "replace": None}
    answer = api.post("/api/uploads", asked).json()
    assert (answer["id"], answer["mode"], answer["permission"]) == (id_of("loans/a.txt"), "put", "create")
    assert answer["url"].startswith("https://account.blob.core.windows.net/documents/loans/a.txt?sp=c&")
    assert answer["headers"] == {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}


def test_large_upload_goes_in_blocks() -> None:
    world = World(settings={**OPEN, "MAX_FILE_BYTES": "100000000"})
    answer = Client(api_app(world.app.web)).post("/api/uploads", {"name": "a.pdf", "size": 80_000_000}).json()
    assert (answer["mode"], answer["blockBytes"], answer["headers"]) == ("blocks", 8_388_608, {"If-None-Match": "*"})


def test_present_document_comes_with_refusal(world: World, api: Client) -> None:
    etag = world.drop("a.txt", "old")
    reply = api.post("/api/uploads", {"name": "a.txt", "size": 5})
    assert is_problem(reply, problems.DOCUMENT_EXISTS)
    assert (reply.json()["existing"]["etag"], reply.json()["existing"]["size"]) == (etag, 3)
    answer = api.post("/api/uploads", {"name": "a.txt", "size": 5, "replace": etag}).json()
    assert answer["permission"] == "write"
    stale = api.post("/api/uploads", {"name": "a.txt", "size": 5, "replace": '"0x0"'})
    assert is_problem(stale, problems.DOCUMENT_CHANGED)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        "x",
        None,
        {"name": "a.txt"},
        {"name": 1, "size": 1},
        {"name": "a.txt", "size": -1},
        {"name": "a.txt", "size": 1.5},
        {"name": "a.txt", "size": True},
        {"name": "a.txt", "size": 1, "replace": ""},
        {"name": "a.txt", "size": 1, "permission": "w"},
    ],
)
def test_other_content_is_refused(api: Client, content: Any) -> None:
    assert is_problem(api.post("/api/uploads", content), problems.INVALID_REQUEST)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": "\xff", "size": 1}', b'{"name":"\\ud800","size":1}'])
def test_broken_json_is_refused(api: Client, body: bytes) -> None:
    reply = api.ask("/api/uploads", "POST", body, {"content-type": "application/json"})
    assert reply.status == 400
    assert reply.json()["code"] in (problems.INVALID_REQUEST.code, problems.INVALID_NAME.code)


def test_document_and_result(world: World, api: Client) -> None:
    etag = world.drop("loans/a%2Fb.txt", letter(1))
    world.settle()
    document = api.ask(of("loans/a%2Fb.txt")).json()
    assert (document["name"], document["state"], document["etag"]) == ("loans/a%2Fb.txt", "done", etag)
    (result,) = document["results"]
    assert (result["task"], result["kind"], result["suffix"]) == (
        "entities",
        "CustomEntityRecognition",
        ".entities.json",
    )
    assert [one["event"] for one in document["history"]] == ["dropped", "submitted", "done"]
    reply = api.ask(of("loans/a%2Fb.txt", "entities.json"))
    assert (reply.headers["content-type"], reply.headers["cache-control"]) == ("application/json", "no-store")
    assert (reply.json()["document"]["etag"], reply.headers["etag"]) == (etag, result["etag"])
    again = api.ask(
        of("loans/a%2Fb.txt", "entities.json"), headers={"if-none-match": f'"x", W/{reply.headers["etag"]}'}
    )
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", reply.headers["etag"])


def test_text_has_its_digest_as_etag(world: World, api: Client) -> None:
    world.drop("a.txt", "\ufeff" + letter(1))
    world.settle()
    reply = api.ask(of("a.txt") + "/text")
    assert reply.body.decode() == letter(1)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    digest = hashlib.sha256(reply.body).hexdigest()
    assert (reply.headers["etag"], api.ask(of("a.txt")).json()["text"]["sha256"]) == (f'"{digest}"', digest)
    world.drop("a.txt", "newer", announce=False)
    assert is_problem(api.ask(of("a.txt") + "/text"), problems.UNKNOWN_TEXT)


def test_content_is_saved_and_never_shown(world: World, api: Client) -> None:
    name = 'x/"<b>\u05d0.html'
    world.drop(name, "<script>alert(1)</script>")
    reply = api.ask(of(name) + "/content")
    assert reply.body == b"<script>alert(1)</script>"
    assert reply.headers["content-type"] == "application/octet-stream"
    disposition = reply.headers["content-disposition"]
    assert disposition == "attachment; filename=\"__b__.html\"; filename*=UTF-8''%22%3Cb%3E%D7%90.html"
    assert reply.headers["content-security-policy"].endswith("sandbox")


def test_csv_has_no_formulas(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    reply = api.ask(of("a.txt") + "/entities.csv")
    lines = reply.body.decode().splitlines()
    assert lines[0] == "text,category,subcategory,offset,length,confidence,review,location"
    assert lines[2] == "Mary Miller,Name,,15,11,0.9,,"
    (entity,) = msgspec.json.decode(world.output.read("a.txt.entities.json").data, type=EntitiesResult).entities[:1]
    hostile = msgspec.structs.replace(entity, text="=HYPERLINK(1)", location={"sheet": "@a"})
    result = msgspec.json.decode(world.output.read("a.txt.entities.json").data, type=EntitiesResult)
    line = entities_csv(msgspec.structs.replace(result, entities=(hostile,))).splitlines()[1]
    assert (line.startswith("'=HYPERLINK"), line.endswith("sheet @a")) == (True, True)


def test_view_is_one_file(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1) + "<img src=x onerror=alert(1)>")
    world.settle()
    reply = api.ask(of("a.txt") + "/view.html")
    assert reply.headers["content-disposition"].startswith('attachment; filename="a.txt.html"')
    page = reply.body.decode()
    assert "Mary Miller" in page
    assert "<img src=x" not in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("part", ["text", "content", "entities.csv", "view.html"])
def test_parts_of_unknown_documents(api: Client, part: str) -> None:
    assert is_problem(api.ask(f"{of('none.txt')}/{part}"), problems.UNKNOWN_DOCUMENT)


def test_failed_document_has_its_problem(world: World, api: Client) -> None:
    world.drop("a.txt", b"")
    world.settle()
    document = api.ask(of("a.txt")).json()
    assert (document["state"], document["problem"]["code"], document["problem"]["fault"]) == (
        "failed",
        "EmptyDocument",
        "document",
    )


def test_hostile_name_stays_data(world: World, api: Client) -> None:
    name = "<img src=x onerror=alert(1)>.txt"
    world.drop(name, letter(1))
    world.settle()
    reply = api.ask(of(name))
    assert (reply.json()["name"], reply.headers["content-type"]) == (name, "application/json")
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [of("none.txt"), of("../extraction-state/x"), of("a/../../b"), "/api/documents/%2E%2E", "/api/documents/x y"],
)
def test_unknown_documents_are_not_found(api: Client, path: str) -> None:
    assert is_problem(api.ask(path), problems.UNKNOWN_DOCUMENT)


@pytest.mark.parametrize("result", ["..", "error.json", "entities.json%00", "%2e%2e", "entities", "ENTITIES.JSON"])
def test_unknown_results_are_not_found(world: World, api: Client, result: str) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    assert is_problem(api.ask(of("a.txt", result)), problems.UNKNOWN_RESULT)


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/", "/api/none", "/api/session/", "/API/session", "/api//session", "/api/../api/session"]
)
def test_unknown_addresses_are_problems(api: Client, path: str) -> None:
    assert is_problem(api.ask(path), problems.UNKNOWN_ADDRESS)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "QUERY"])
def test_wrong_method_is_problem(api: Client, method: str) -> None:
    reply = api.ask("/api/session", method)
    assert is_problem(reply, problems.WRONG_METHOD)
    assert reply.headers["allow"] == "GET, HEAD"


# --- Sizes and types ---


def test_length_is_needed(api: Client) -> None:
    sent = {"content-type": "application/json", "transfer-encoding": "chunked"}
    assert is_problem(api.ask("/api/uploads", "POST", headers=sent), problems.LENGTH_NEEDED)


def test_body_limit_is_inclusive(api: Client) -> None:
    sent = {"content-type": "application/json"}
    assert is_problem(api.ask("/api/uploads", "POST", b" " * MOST_BODY_BYTES, sent), problems.INVALID_REQUEST)
    assert is_problem(api.ask("/api/uploads", "POST", b" " * (MOST_BODY_BYTES + 1), sent), problems.REQUEST_TOO_LARGE)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
def test_only_json_is_taken(api: Client, content_type: str) -> None:
    reply = api.post("/api/uploads", {"name": "a", "size": 1}, {"content-type": content_type})
    assert is_problem(reply, problems.WRONG_CONTENT_TYPE)


# --- Other sites and hosts ---


@pytest.mark.parametrize("path", ["/api/session", "/api/status", of("a.txt"), "/api/openapi.json"])
def test_other_sites_are_refused(api: Client, path: str) -> None:
    for sent in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        reply = api.ask(path, headers=sent)
        assert is_problem(reply, problems.FOREIGN_ORIGIN)
        assert not any(name.startswith("access-control") for name in reply.headers)
    preflight = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    assert api.ask(path, "OPTIONS", headers=preflight).status == 403


def test_foreign_host_is_refused_or_harmless(api: Client, page: Client) -> None:
    evil = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    assert is_problem(api.ask("/api/session", headers=evil), problems.WRONG_HOST)
    assert is_problem(page.ask("/", headers=evil), problems.WRONG_HOST)
    world = World(settings=dict(KEY_MODE))
    world.drop("a.txt", letter(1))
    world.settle()
    for client, path in ((Client(api_app(world.app.web)), of("a.txt")), (Client(page_app(world.app.web)), "/")):
        reply = client.ask(path, headers=evil)
        assert reply.status == 200
        assert "evil" not in reply.body.decode() + str(reply.headers)


# --- Faults ---


def test_storage_fault_is_unavailable(world: World, api: Client) -> None:
    error = HttpResponseError("the secret of the storage")
    error.status_code = 503
    world.gate = fail_at("intake", error)
    for reply in (api.ask(of("a.txt")), api.post("/api/uploads", {"name": "a.txt", "size": 1})):
        assert is_problem(reply, problems.STORAGE_UNAVAILABLE)
        assert reply.headers["retry-after"] == "5"
        assert b"secret" not in reply.body


def test_newer_record_is_left_alone(world: World, api: Client) -> None:
    world.drop("a.txt", letter(1), announce=False)
    world.gate = fail_at("state", NewerRecord("documents/a.txt", 9, 3))
    assert is_problem(api.ask(of("a.txt")), problems.NEWER_RELEASE)


def test_fault_of_app_shows_nothing(world: World, api: Client, caplog: pytest.LogCaptureFixture) -> None:
    world.drop("a.txt", letter(1), announce=False)
    world.gate = fail_at("state", KeyError("the secret of the app"))
    reply = api.ask(of("a.txt"))
    assert is_problem(reply, problems.REQUEST_FAILED)
    assert b"secret" not in reply.body
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info


# --- Headers ---

SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def test_every_answer_has_safe_headers(world: World, api: Client, page: Client) -> None:
    world.gate = None
    answers = {
        "api": api.ask("/api/session"),
        "problem": api.ask("/api/none"),
        "method": api.ask("/api/session", "DELETE"),
        "refused": api.ask("/api/session", headers={"origin": "https://evil.example"}),
        "page": page.ask("/"),
        "script": page.ask("/static/app.js"),
        "none": page.ask("/none"),
    }
    for what, answer in answers.items():
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE, what
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "set-cookie" not in answer.headers
        is_page = what in ("page", "script", "none")
        assert answer.headers["cache-control"] == ("no-cache" if is_page else "no-store")


def test_page_talks_to_app_and_storage_only(page: Client) -> None:
    policy = dict(part.split(" ", 1) for part in page.ask("/").headers["content-security-policy"].split("; "))
    assert policy["connect-src"] == "'self' https://account.blob.core.windows.net"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"


# --- The page's files ---


def test_page_has_nothing_inline(page: Client) -> None:
    text = page.ask("/").body.decode()
    assert "<style" not in text
    assert " style=" not in text
    assert not [part for part in text.split("<script")[1:] if "src=" not in part.partition(">")[0]]
    assert " on" not in "".join(part.partition(">")[0] for part in text.split("<")[1:] if "=" in part).lower().replace(
        "content", ""
    )
    assert "http" not in text


def test_files_are_known_by_etag(page: Client) -> None:
    reply = page.ask("/static/app.js")
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    again = page.ask("/static/app.js", headers={"if-none-match": reply.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/session",
        "//api/session",
        "/api//session",
        "/static/../access.py",
        "/static/..%2Faccess.py",
        "/static/%2e%2e/access.py",
        "/static/",
        "/static",
        "/openapi.json",
        "/static/app.js/",
        "/static/app.js%00",
        "/Static/page.js",
        "/..%5C..%5Csettings.py",
        "/function_app.py",
        "/local.settings.json",
    ],
)
def test_page_serves_its_files_only(page: Client, path: str) -> None:
    """No path of the page leads to data: the host asks for no key there."""
    assert is_problem(page.ask(path), problems.UNKNOWN_ADDRESS)


def test_description_is_served(api: Client) -> None:
    assert api.ask("/api/openapi.json").json()["openapi"] == "3.1.0"
    assert json.loads(api.ask("/api/openapi.json").body)["info"]["title"] == "Entity Drop"
