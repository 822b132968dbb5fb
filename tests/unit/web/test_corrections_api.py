"""Corrections, the order of review, replays, labels and the model, over the API."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from functions import problems
from functions.core.decisions import corrections_name
from functions.core.index import IndexKind
from functions.core.review_order import ToReview, in_review_order
from functions.storage.index_store import IndexStore
from functions.web.application import api_app
from functions.web.document_ids import id_of
from tests.support.web import ENTRA, OPEN, Client, Reply, principal
from tests.support.world import Call, Crash, World, letter
from tests.unit.web.test_api import is_problem, of

CREATE = {"if-none-match": "*"}


@pytest.fixture
def world() -> World:
    return World(settings={**OPEN, "REVIEW_BELOW": "0.95"})


@pytest.fixture
def api(world: World) -> Client:
    return Client(api_app(world.app.web))


def settle(world: World, *names: str) -> None:
    for name in names:
        world.drop(name, letter(1))
    world.settle()
    world.app.journal.flush()


def decision(number: int, kind: str = "accepted", **changes: Any) -> dict[str, Any]:
    place = {"category": "Name", "offset": 15, "length": 11}
    return {
        "id": f"d{number}",
        "at": "2025-01-15T12:00:00Z",
        "by": "Somebody Else",
        "decision": kind,
        "modelEntity": None if kind == "added" else {**place, "confidence": 0.9},
        "entity": None if kind == "rejected" else place,
        **changes,
    }


def corrections(world: World, name: str = "a.txt", **changes: Any) -> dict[str, Any]:
    etag = world.intake.get_properties(name).etag
    text = world.intake.read(name).data
    return {
        "version": 1,
        "document": {"name": name, "etag": etag},
        "text": {"sha256": hashlib.sha256(text).hexdigest()},
        "stringIndexType": "UnicodeCodePoint",
        "model": {"project": "loans"},
        "decisions": [decision(1)],
        "status": "open",
        "reason": None,
        **changes,
    }


def put(api: Client, body: Any, headers: dict[str, str] | None = None, name: str = "a.txt") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", **(CREATE if headers is None else headers)}
    return api.ask(of(name) + "/corrections", "PUT", data, sent)


def rows(api: Client, path: str) -> list[dict[str, Any]]:
    return list(api.ask(path).json()["value"])


def test_saved_corrections_come_back(world: World, api: Client) -> None:
    settle(world, "a.txt")
    path = of("a.txt") + "/corrections"
    assert is_problem(api.ask(path), problems.NO_CORRECTIONS)
    saved = put(api, corrections(world))
    assert (saved.status, saved.body) == (204, b"")
    read = api.ask(path)
    assert read.headers["etag"] == saved.headers["etag"]
    assert read.json()["decisions"][0]["decision"] == "accepted"
    assert api.ask(path, headers={"if-none-match": read.headers["etag"]}).status == 304
    assert world.result("a.txt", ".corrections.json") == read.json()


def test_model_answer_stays(world: World, api: Client) -> None:
    settle(world, "a.txt")
    before = world.output.read("a.txt.entities.json")
    put(api, corrections(world, decisions=[decision(1, "rejected")]))
    assert world.output.read("a.txt.entities.json").info.etag == before.info.etag


def test_nobody_signs_for_others(world: World) -> None:
    """The client's `by` is not believed; who has decided before stays named."""
    world = World(settings=dict(ENTRA))
    settle(world, "a.txt")
    api = Client(api_app(world.app.web), {"host": "app.example", "origin": "https://app.example", **principal()})
    first = put(api, corrections(world))
    assert first.status == 204
    other = principal(claims={"name": "Bob", "http://schemas.microsoft.com/identity/claims/objectidentifier": "o2"})
    bob = Client(api_app(world.app.web), {"host": "app.example", "origin": "https://app.example", **other})
    both = [decision(1, by="Bob"), decision(2, "added", by="Ada", at="2099-01-01T00:00:00Z")]
    assert put(bob, corrections(world, decisions=both), {"if-match": first.headers["etag"]}).status == 204
    found = bob.ask(of("a.txt") + "/corrections").json()["decisions"]
    assert [one["by"] for one in found] == ["Ada Äpfel", "Bob"]
    assert found[1]["at"] < "2026"


def test_key_signs_without_a_name(world: World, api: Client) -> None:
    settle(world, "a.txt")
    put(api, corrections(world))
    (one,) = api.ask(of("a.txt") + "/corrections", headers=principal()).json()["decisions"]
    assert one["by"] == "key"


def test_second_person_is_told(world: World, api: Client) -> None:
    settle(world, "a.txt")
    first = put(api, corrections(world))
    for headers in (CREATE, {"if-match": '"0x0"'}):
        reply = put(api, corrections(world, decisions=[]), headers)
        assert is_problem(reply, problems.CORRECTIONS_CHANGED)
        assert reply.json()["etag"] == first.headers["etag"]
        assert reply.json()["present"]["decisions"][0]["id"] == "d1"
    assert put(api, corrections(world, decisions=[]), {"if-match": first.headers["etag"]}).status == 204


def test_condition_is_needed(world: World, api: Client) -> None:
    settle(world, "a.txt")
    for headers in ({}, {"if-match": "*"}, {"if-none-match": '"x"'}, {**CREATE, "if-match": '"x"'}):
        assert is_problem(put(api, corrections(world), headers), problems.CONDITION_NEEDED)


def test_older_version_is_refused(world: World, api: Client) -> None:
    settle(world, "a.txt")
    old = corrections(world)
    world.drop("a.txt", letter(2), announce=False)
    assert is_problem(put(api, old), problems.DOCUMENT_REPLACED)
    world.announce("a.txt")
    world.settle()
    assert is_problem(put(api, old), problems.DOCUMENT_REPLACED)
    other_text = corrections(world, text={"sha256": "00" * 32})
    assert is_problem(put(api, other_text), problems.DOCUMENT_REPLACED)


@pytest.mark.parametrize(
    "changes",
    [
        {"decisions": [decision(1, entity={"category": "Name", "offset": 79, "length": 9})]},
        {"decisions": [decision(1, modelEntity={"category": "Name", "offset": 200, "length": 1})]},
        {"decisions": [decision(1), decision(1)]},
        {"decisions": [decision(1, id="")]},
        {"decisions": [decision(1, entity={"category": "x" * 501, "offset": 1, "length": 1})]},
        {"status": "flagged"},
        {"status": "skipped", "reason": "x" * 2001},
        {"document": {"name": "b.txt", "etag": None}},
    ],
)
def test_decisions_must_fit(world: World, api: Client, changes: dict[str, Any]) -> None:
    settle(world, "a.txt")
    body = corrections(world)
    if "document" in changes:
        changes = {"document": {"name": "b.txt", "etag": body["document"]["etag"]}}
    assert is_problem(put(api, {**body, **changes}), problems.INVALID_CORRECTIONS)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", {"version": 2}, {"decisions": [{"decision": "liked"}]}, {"status": "great"}],
)
def test_other_content_is_refused(world: World, api: Client, body: Any) -> None:
    settle(world, "a.txt")
    whole = {**corrections(world), **body} if isinstance(body, dict) else body
    assert is_problem(put(api, whole), problems.INVALID_REQUEST)


def test_body_may_be_larger_here(world: World, api: Client) -> None:
    settle(world, "a.txt")
    many = [decision(number) for number in range(1000)]
    assert put(api, corrections(world, decisions=many)).status == 204
    headers = {"content-type": "application/json", "content-length": str(17 * 1024 * 1024), **CREATE}
    reply = api.ask(of("a.txt") + "/corrections", "PUT", b"", headers)
    assert is_problem(reply, problems.REQUEST_TOO_LARGE)


def test_reviewed_document_leaves_the_queue(world: World, api: Client) -> None:
    settle(world, "a.txt", "b.txt")
    assert [row["name"] for row in rows(api, "/api/review")] == ["a.txt", "b.txt"]
    first = put(api, corrections(world))
    assert len(rows(api, "/api/review")) == 2
    reviewed = corrections(world, status="reviewed", decisions=[decision(1, "rejected")])
    second = put(api, reviewed, {"if-match": first.headers["etag"]})
    assert [row["name"] for row in rows(api, "/api/review")] == ["b.txt"]
    (row,) = rows(api, f"/api/documents?ids={id_of('a.txt')}")
    assert (row["review"], row["reviewed"], row["corrected"]) == (False, True, 1)
    assert [row["name"] for row in rows(api, "/api/documents?reviewed=true")] == ["a.txt"]
    world.clock.advance(60)
    counts = api.ask("/api/status").json()["counts"]
    assert (counts["review"], counts["reviewed"]) == (1, 1)
    assert put(api, corrections(world), {"if-match": second.headers["etag"]}).status == 204
    assert len(rows(api, "/api/review")) == 2
    assert list(IndexStore(world.state).list(IndexKind.REVIEWED)) == []


def test_index_is_repaired_at_night(world: World, api: Client) -> None:
    settle(world, "a.txt")
    put(api, corrections(world, status="reviewed"))
    for info in list(world.state.list("index/review")):
        world.state.delete(info.name)
    world.reconcile()
    assert [entry.document for entry in IndexStore(world.state).list(IndexKind.REVIEWED)] == ["a.txt"]
    assert list(IndexStore(world.state).list(IndexKind.REVIEW)) == []


def test_record_is_set_right_by_a_read(world: World, api: Client) -> None:
    """A worker that died after the file leaves a record that is behind."""
    settle(world, "a.txt")
    put(api, corrections(world))
    name = corrections_name("a.txt")
    file = json.loads(world.output.read(name).data)
    world.output.write(name, json.dumps({**file, "status": "reviewed"}).encode())
    assert api.ask(of("a.txt") + "/corrections").json()["status"] == "reviewed"
    assert rows(api, f"/api/documents?ids={id_of('a.txt')}")[0]["reviewed"] is True


def test_replaced_document_keeps_them_apart(world: World, api: Client) -> None:
    settle(world, "a.txt")
    body = corrections(world)
    put(api, body)
    etag = body["document"]["etag"].strip('"')
    world.drop("a.txt", letter(2))
    world.settle()
    assert is_problem(api.ask(of("a.txt") + "/corrections"), problems.NO_CORRECTIONS)
    kept = world.state.read(f"corrections/a.txt/{etag}.json").data
    assert json.loads(kept)["document"] == body["document"]
    assert world.state.read(f"corrections/a.txt/{etag}.txt").data.decode() == letter(1)
    assert world.result("a.txt", ".corrections.json") is None
    assert rows(api, f"/api/documents?ids={id_of('a.txt')}")[0]["corrected"] is None
    assert put(api, corrections(world)).status == 204


def test_answer_is_kept_with_finished_review(world: World, api: Client) -> None:
    """What nobody decided stands as the model found it then."""
    settle(world, "a.txt")
    body = corrections(world)
    kept = f"corrections/a.txt/{body['document']['etag'].strip(chr(34))}.entities.json"
    reply = put(api, body)
    assert [info.name for info in world.state.list("corrections/") if info.name == kept] == []
    assert put(api, {**body, "status": "reviewed"}, {"if-match": reply.headers["etag"]}).status == 204
    answer = world.output.read("a.txt.entities.json").data
    assert world.state.read(kept).data == answer
    metadata = world.output.read("a.txt.corrections.json").info.metadata
    assert metadata["answer_sha256"] == hashlib.sha256(answer).hexdigest()


def test_answer_of_another_version_is_not_kept(world: World, api: Client) -> None:
    """The result was written over while the review was saved."""
    settle(world, "a.txt")
    name = "a.txt.entities.json"
    world.output.write(name, world.output.read(name).data, metadata={"source_etag": '"0x9"'})
    assert put(api, corrections(world, status="reviewed")).status == 204
    assert [info.name for info in world.state.list("corrections/") if info.name.endswith(".entities.json")] == []
    assert "answer_sha256" not in world.output.read("a.txt.corrections.json").info.metadata


def test_left_over_corrections_are_put_apart(world: World, api: Client) -> None:
    """A worker died after it had claimed the new version; the next save finds them."""
    settle(world, "a.txt")
    put(api, corrections(world))
    left = world.output.read("a.txt.corrections.json")
    world.drop("a.txt", letter(2))
    world.settle()
    world.output.write("a.txt.corrections.json", left.data, metadata=left.info.metadata)
    assert is_problem(api.ask(of("a.txt") + "/corrections"), problems.NO_CORRECTIONS)
    assert put(api, corrections(world)).status == 204
    kept = [info.name.rpartition(".")[2] for info in world.state.list("corrections/a.txt/")]
    assert kept == ["json", "txt", "txt"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("action", ["write", "delete"])
def test_putting_apart_survives_a_crash(world: World, api: Client, moment: str, action: str) -> None:
    settle(world, "a.txt")
    put(api, corrections(world))
    before = world.output.read("a.txt.corrections.json").data
    died: list[Call] = []

    def crash(call: Call) -> None:
        name = call.name.endswith(".json") and "corrections" in call.name
        if not died and name and (call.action, call.moment) == (action, moment):
            died.append(call)
            raise Crash

    world.gate = crash
    world.drop("a.txt", letter(2))
    with pytest.raises(Crash):
        world.settle()
    world.restart()
    world.settle()
    assert died
    kept = [info for info in world.state.list("corrections/a.txt/") if info.name.endswith(".json")]
    assert [world.state.read(info.name).data for info in kept] == [before]
    assert world.result("a.txt", ".corrections.json") is None
    world.check_right("a.txt")


# --- The order of review ---


def test_least_sure_come_first() -> None:
    found = [ToReview("a.txt", 0.9), ToReview("b.txt", 0.2), ToReview("c.txt", 0.5)]
    assert [one.name for one in in_review_order(found)] == ["b.txt", "c.txt", "a.txt"]


def test_series_take_turns() -> None:
    found = [ToReview(f"invoice-{number}.txt", number / 100) for number in range(4)] + [ToReview("letter.txt", 0.9)]
    names = [one.name for one in in_review_order(found)]
    assert names == ["invoice-0.txt", "letter.txt", "invoice-1.txt", "invoice-2.txt", "invoice-3.txt"]


def test_review_goes_on_by_cursor(world: World, api: Client) -> None:
    settle(world, *(f"{letter_}.txt" for letter_ in "abcde"))
    page = api.ask("/api/review?limit=3").json()
    rest = api.ask(f"/api/review?limit=3&cursor={page['nextCursor']}").json()
    assert [row["name"] for row in page["value"] + rest["value"]] == [f"{one}.txt" for one in "abcde"]
    assert "nextCursor" not in rest
    assert [row["name"] for row in rows(api, "/api/review?prefix=c")] == ["c.txt"]


# --- Lists ---


def test_cursor_is_checked(world: World, api: Client) -> None:
    settle(world, "a.txt", "b.txt")
    page = api.ask("/api/documents?limit=1").json()
    assert api.ask(f"/api/documents?limit=1&cursor={page['nextCursor']}").status == 200
    for cursor in ("x", page["nextCursor"][:-3] + "AAA", "A" * 6001):
        for path in ("documents", "review"):
            assert is_problem(api.ask(f"/api/{path}?cursor={cursor}"), problems.INVALID_CURSOR)


@pytest.mark.parametrize(
    "query", ["state=gone", "review=perhaps", "limit=0", "limit=101", "limit=x", "prefix=" + "x" * 1025, "ids=~"]
)
def test_other_questions_are_refused(api: Client, query: str) -> None:
    assert is_problem(api.ask(f"/api/documents?{query}"), problems.INVALID_REQUEST)


# --- Replays ---


def test_document_is_replayed(world: World, api: Client) -> None:
    settle(world, "a.txt")
    reply = api.post(of("a.txt") + "/replay", {})
    assert (reply.status, reply.json()) == (202, {"count": 1, "started": 1, "complete": True})
    (row,) = rows(api, f"/api/documents?ids={id_of('a.txt')}")
    assert row["state"] in ("waiting", "running")
    assert is_problem(api.post(of("a.txt") + "/replay", {}), problems.NOT_REPLAYABLE)
    world.settle()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 2


def test_unknown_document_is_not_replayed(api: Client) -> None:
    assert is_problem(api.post(of("none.txt") + "/replay", {}), problems.NOT_REPLAYABLE)


def test_many_are_replayed_by_filter(world: World, api: Client) -> None:
    for number in range(3):
        world.drop(f"bad/{number}.txt", b"")
    world.drop("other.txt", b"")
    settle(world, "good.txt")
    reply = api.post("/api/replays", {"state": "failed", "code": "EmptyDocument", "prefix": "bad/"})
    assert (reply.status, reply.json()) == (202, {"count": 3, "started": 3, "complete": True})
    world.settle()
    reply = api.post("/api/replays", {"state": "failed", "code": "NoSuchCode"})
    assert reply.json() == {"count": 0, "started": 0, "complete": True}
    for body in ({}, {"state": "running"}, {"state": "failed", "all": True}):
        assert is_problem(api.post("/api/replays", body), problems.INVALID_REQUEST)


def test_replays_start_a_bounded_number(world: World, api: Client) -> None:
    for number in range(105):
        world.drop(f"{number:03}.txt", b"")
    settle(world)
    reply = api.post("/api/replays", {"state": "failed"}).json()
    assert (reply["count"], reply["started"]) == (105, 100)


# --- Labels and model ---


@pytest.mark.parametrize("name", ["language-studio", "language-studio-2021", "doccano", "conll"])
def test_labels_of_reviewed_documents(world: World, api: Client, name: str) -> None:
    settle(world, "a.txt", "b.txt")
    put(api, corrections(world, status="reviewed"))
    reply = api.ask(f"/api/labels?format={name}")
    assert reply.status == 200
    assert reply.headers["content-disposition"].startswith("attachment; ")
    assert b"Name" in reply.body
    none = api.ask(f"/api/labels?format={name}&prefix=zzz")
    assert none.status == 200 and b"Mary" not in none.body
    left = api.ask(f"/api/labels?format={name}&state=failed").body
    assert b'"Name"' not in left and b"-Name" not in left and b"Mary" not in left


def test_unknown_format_is_refused(api: Client) -> None:
    for query in ("", "?format=", "?format=xml"):
        assert is_problem(api.ask(f"/api/labels{query}"), problems.INVALID_REQUEST)


def test_model_counts_reviewed(world: World, api: Client) -> None:
    settle(world, "a.txt")
    model = api.ask("/api/model").json()
    assert (model["model"], model["reviewedSinceTraining"], model["mayTrain"]) == ("loans/production", 0, False)
    put(api, corrections(world, status="reviewed"))
    world.clock.advance(timedelta(minutes=1).total_seconds())
    assert api.ask("/api/model").json()["reviewedSinceTraining"] == 1
