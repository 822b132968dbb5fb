"""Replies about 25 documents of which one document's part is not what it should be, and replies of any kind at all."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from functions.core.outcomes import (
    Accepted,
    Answer,
    DeferReason,
    Deferred,
    Finished,
    JobFailed,
    JobLost,
    Refused,
    StillRunning,
    Unanswered,
)
from functions.errors import Fault, Problem
from functions.language.error_codes import MAX_RECORDED_BYTES, Reply
from functions.language.payloads import Page, submission_outcome
from functions.language.tolerant_json import MAX_DEPTH, UNREADABLE, decode
from functions.tasks.entities import FoundEntities
from tests.support.examples import examples
from tests.support.material import NOW
from tests.support.replies import (
    EMPTY_ERROR,
    ct1_page,
    ct1_task,
    error_body,
    ga_item,
    ga_page,
    of_one_task,
    page_outcome,
    reply,
    wire_entity,
)

COUNT = 25
ERRORS = (7, 19)
"""The documents that have an error instead of entities."""


class Raw(str):
    """Text that stands in the JSON as it is: what `json.dumps` would not write."""


MARK = "\u0000raw:{}\u0000"


def dumps(body: Any) -> bytes:
    """Return JSON in which each `Raw` stands as it is."""
    raws: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, Raw):
            raws.append(value)
            return MARK.format(len(raws) - 1)
        if isinstance(value, dict):
            return {key: marked(part) for key, part in value.items()}
        return [marked(part) for part in value] if isinstance(value, list) else value

    text = json.dumps(marked(body))
    for number, raw in enumerate(raws):
        text = text.replace(json.dumps(MARK.format(number)), raw, 1)
    return text.encode("utf-8", "surrogatepass")


def document(number: int) -> dict[str, Any]:
    entities = [wire_entity(f"Name {number}-{one}", 10 * one) for one in range(number % 4 + 1)]
    return {"id": str(number), "entities": entities, "warnings": [{"code": "W", "message": f"of {number}"}]}


def ga_state(documents: list[Any], errors: list[Any]) -> dict[str, Any]:
    return ga_page(items=[ga_item(documents, errors)])


def preview_state(documents: list[Any], errors: list[Any]) -> dict[str, Any]:
    return ct1_page({"customEntityRecognitionTasks": [ct1_task("state", "succeeded", documents, errors)]})


def first_preview_state(documents: list[Any], errors: list[Any]) -> dict[str, Any]:
    task = ct1_task("status", "completed", documents, errors)
    return ct1_page({"tasks": {"customEntityRecognitionTasks": [task]}}, "completed")


GENERATIONS = {"GA": ga_state, "preview": preview_state, "preview of 2021": first_preview_state}
DOCUMENTS = [document(number) for number in range(COUNT) if number not in ERRORS]
FAILED = [{"id": str(number), "error": EMPTY_ERROR} for number in ERRORS]


def chunks_of(body: bytes) -> dict[str, Answer]:
    page = page_outcome(reply(200, body), NOW)
    assert isinstance(page.progress, Finished), page.progress
    return of_one_task(page.progress)


UNMUTATED = {name: chunks_of(dumps(state(DOCUMENTS, FAILED))) for name, state in GENERATIONS.items()}


def nested(depth: int, is_object: bool) -> Raw:
    return Raw('{"a":' * depth + "1" + "}" * depth if is_object else "[" * depth + "]" * depth)


OWN_IDS = {str(number) for number in range(COUNT)}
TEXTS = st.text(max_size=8).filter(lambda text: text not in OWN_IDS)
RAW = st.sampled_from(
    ["NaN", "-Infinity", "1e999", "12.5", "12.0", "01", "9" * 400, "9" * 5_000, "-0", "nonsense", "tru", "1.5e-400"]
) | st.sampled_from(['"\\ud800"', '"a\\udc00b"', '"\\x"', '"\t"', '"\\u0000"', '"\ud800"'])
DEEP = st.builds(nested, st.sampled_from([20, 30, 500, 950, 1_500, 3_000, 10_000]), st.booleans())
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | RAW.map(Raw)
VALUES = st.recursive(
    LEAVES | DEEP,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)

Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Return the way to each part of a value, itself first."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, part in parts for way in paths(part, (*path, key)))]


def changed(entry: Any, path: Path, change: Callable[[Any, Any], None]) -> Any:
    """Return a copy of an entry, changed at a place: `change` gets the container and the key or index."""
    holder = [copy.deepcopy(entry)]
    container: Any = holder
    key: Any = 0
    for step in path:
        container, key = container[key], step
    change(container, key)
    return holder


def add(container: Any, key: Any, name: str, value: Any) -> None:
    """Give an object one more member; what is no object is replaced."""
    if isinstance(container[key], dict):
        container[key][name] = value
    else:
        container[key] = value


@st.composite
def mutations(draw: st.DrawFn, entry: Any) -> list[Any]:
    """Draw what stands in the place of a document's entry: changed at a place, missing, twice, or anything else."""
    path = draw(st.sampled_from(paths(entry)))
    kind = draw(st.sampled_from(["replace", "replace", "replace", "remove", "wrap", "add", "twice"]))
    if kind == "remove":
        return changed(entry, path, lambda container, key: container.pop(key))
    if kind == "wrap":
        return changed(entry, path, lambda container, key: container.__setitem__(key, [container[key]]))
    value = draw(VALUES)
    if kind == "twice":
        return [entry, *changed(entry, path, lambda container, key: container.__setitem__(key, value))]
    if kind == "add":
        name = draw(TEXTS)
        return changed(entry, path, lambda container, key: add(container, key, name, value))
    return changed(entry, path, lambda container, key: container.__setitem__(key, value))


@st.composite
def mutated_replies(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """Draw a generation, the id of a document, and the reply in which that document's part is mutated."""
    generation = draw(st.sampled_from(sorted(GENERATIONS)))
    documents, errors = list(DOCUMENTS), list(FAILED)
    entries = draw(st.sampled_from([documents, documents, documents, errors]))
    place = draw(st.integers(0, len(entries) - 1))
    victim = entries[place]["id"]
    entries[place : place + 1] = draw(mutations(entries[place]))
    return generation, str(victim), dumps(GENERATIONS[generation](documents, errors))


def check_neighbours(generation: str, victim: str, body: bytes) -> FoundEntities | Problem | None:
    """Check that all others have the answer that they have in the unmutated reply; return the victim's."""
    chunks, unmutated = chunks_of(body), UNMUTATED[generation]
    own = chunks.pop(victim, None)
    others = {chunk: answer for chunk, answer in chunks.items() if chunk in OWN_IDS}
    assert others == {chunk: answer for chunk, answer in unmutated.items() if chunk != victim}
    return own


@pytest.mark.long
@settings(
    max_examples=examples(2_000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(mutated_replies())
def test_mutated_document_affects_no_neighbours(case: tuple[str, str, bytes]) -> None:
    own = check_neighbours(*case)
    # What is passed on can be stored: it has no lone surrogates, and no number that a record can not hold.
    if isinstance(own, Problem):
        assert own.code.isascii() and 0 < len(own.code) <= 64
        assert len(own.message) < 1_000
        assert len(json.dumps(own.service)) <= 2 * MAX_RECORDED_BYTES
        assert own.fault in (Fault.DOCUMENT, Fault.SERVICE)
    if isinstance(own, FoundEntities):
        json.dumps([str(warning) for warning in own.warnings], ensure_ascii=False).encode()
        for entity in own.entities:
            assert abs(entity.offset) <= 2**53 and abs(entity.length) <= 2**53
            f"{entity.text}{entity.category}{entity.subcategory}".encode()


NAMED = {
    "innererror a string": ("errors", ("error", "innererror"), "text"),
    "code a list": ("errors", ("error", "code"), ["InvalidDocument"]),
    "code a number": ("errors", ("error", "code"), 400),
    "error a string": ("errors", ("error",), "InvalidDocument"),
    "error missing": ("errors", ("error",), None),
    "NaN": ("documents", ("entities", 0, "confidenceScore"), Raw("NaN")),
    "half an offset": ("documents", ("entities", 0, "offset"), 12.5),
    "lone surrogate": ("documents", ("entities", 0, "text"), Raw('"\\ud800"')),
    "raw surrogate": ("documents", ("entities", 0, "text"), Raw('"\ud800"')),
    "null": ("documents", ("entities", 0, "category"), None),
    "huge number": ("documents", ("entities", 0, "offset"), 10**30),
    "number of 5,000 digits": ("documents", ("entities", 0, "offset"), Raw("9" * 5_000)),
    "no entities": ("documents", ("entities",), None),
    "no id": ("documents", ("id",), None),
    "id of a neighbour as a number": ("documents", ("id",), 1),
    "deep entities": ("documents", ("entities",), nested(3_000, is_object=True)),
    "deep list": ("documents", ("entities", 0), nested(3_000, is_object=False)),
    "deep entity": ("documents", ("entities", 0), nested(3_000, is_object=True)),
    "deep warnings": ("documents", ("warnings",), nested(3_000, is_object=False)),
    "deep and endless": ("documents", ("entities",), nested(200_000, is_object=True)),
    "deep error": ("errors", ("error", "innererror"), nested(3_000, is_object=True)),
    "escapes without end": ("documents", ("entities", 0, "text"), Raw('"' + "\\n" * 200_000 + "\\ud800" + '"')),
}
EXPECTED = {
    "innererror a string": "InvalidArgument",
    "code a list": "InvalidDocument",
    "code a number": "InvalidDocument",
    "deep error": "InvalidArgument",
}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("case", NAMED)
def test_known_oddity_affects_own_document(case: str, generation: str) -> None:
    part, path, value = NAMED[case]
    documents, errors = list(DOCUMENTS), list(FAILED)
    entries = errors if part == "errors" else documents
    victim = str(entries[0]["id"])
    entries[:1] = changed(entries[0], path, lambda container, key: container.__setitem__(key, value))
    own = check_neighbours(generation, victim, dumps(GENERATIONS[generation](documents, errors)))
    if part == "errors":
        assert isinstance(own, Problem)
        assert own.code == EXPECTED.get(case, "UnreadableAnswer")
    elif path == ("id",):
        assert own is None
    elif path == ("entities",):
        assert isinstance(own, Problem) and own.code == "UnreadableAnswer"
    elif path == ("warnings",):
        assert isinstance(own, FoundEntities)
        assert own.entities == UNMUTATED[generation][victim].entities  # type: ignore[union-attr]
    else:
        assert isinstance(own, FoundEntities)
        left_out = [warning.message for warning in own.warnings if warning.code == "EntityUnreadable"]
        assert (len(own.entities), len(left_out)) == (0, 1)
        assert path[-1] == 0 or str(path[-1]) in left_out[0]


# --- Whole replies of any kind ---

NAMES = st.sampled_from(["status", "error", "code", "innererror", "message", "id", "errors", "nextLink", "jobId"])
INNER_NAMES = st.sampled_from(["tasks", "items", "results", "documents", "entities", "kind", "warnings", "@nextLink"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | INNER_NAMES, inner, max_size=5),
    max_leaves=20,
)
STATUS_WORDS = st.sampled_from(["succeeded", "failed", "running", "notStarted", "cancelled", "x" * 1_000, "\ud83d"])
BODIES = (
    st.binary(max_size=200)
    | ANY_JSON.map(lambda body: json.dumps(body).encode())
    | st.builds(lambda word, body: json.dumps({"status": word, "tasks": body}).encode(), STATUS_WORDS, ANY_JSON)
    | st.builds(lambda code, inner: json.dumps(error_body(code, code, inner, inner)).encode(), ANY_JSON, ANY_JSON)
    | st.builds(lambda depth: b'{"status":"succeeded","tasks":' + b"[" * depth, st.integers(0, 100_000))
    | st.sampled_from([dumps(ga_state(DOCUMENTS, FAILED)), dumps(preview_state(DOCUMENTS, FAILED))]).flatmap(
        lambda body: st.integers(0, len(body)).map(lambda end: body[:end])
    )
)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Retry-After", "operation-location", "Location"]),
    st.sampled_from(["application/json", "application/json; charset=utf-8", "text/html", "9" * 50, "http://[::1/x"])
    | st.sampled_from(["/jobs/1", "Mon, 23 Nov 99999999999 10:00:30 GMT", "https://x/language/analyze-text/jobs/../x"])
    | st.text(st.characters(max_codepoint=255), max_size=60),
)
STATUSES = st.integers(100, 999) | st.sampled_from([200, 202, 302, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503])


@pytest.mark.long
@settings(max_examples=examples(1_500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STATUSES, HEADERS, BODIES)
@example(200, {"Content-Type": "application/json"}, b"[" * 1_000_000)
def test_any_reply_is_outcome(status: int, headers: dict[str, str], body: bytes) -> None:
    given_reply = Reply(status, CaseInsensitiveDict(headers), body)
    submission = submission_outcome("https://x", "2023-04-01", given_reply, NOW)
    assert isinstance(submission, Accepted | Refused | Deferred | Unanswered)
    page = page_outcome(given_reply, NOW)
    assert isinstance(page, Page)
    assert isinstance(page.progress, StillRunning | Finished | JobFailed | JobLost | Deferred)
    for outcome in (submission, page.progress):
        if isinstance(outcome, Deferred | Unanswered):
            assert outcome.retry_after_s is None or 0 <= outcome.retry_after_s <= 31 * 86_400
        if isinstance(outcome, Refused | Deferred | Unanswered | JobFailed | JobLost):
            problem = outcome.problem
            assert problem.code.isascii() and 0 < len(problem.code) <= 64
            json.dumps([problem.message, problem.service], ensure_ascii=False).encode()
            assert len(problem.message) < 1_200
            assert len(json.dumps(problem.service)) <= 2 * MAX_RECORDED_BYTES
        if isinstance(outcome, Deferred) and outcome.reason is DeferReason.MISCONFIGURED:
            assert outcome.problem.fault is Fault.CONFIGURATION


# --- The decoder behind it ---


@given(ANY_JSON.filter(lambda value: "NaN" not in json.dumps(value) and "Infinity" not in json.dumps(value)))
def test_readable_json_is_read_normally(value: Any) -> None:
    text = json.dumps(value, indent=random.Random(0).choice([None, 2])).encode()
    assert decode(text) == json.loads(text)


@pytest.mark.parametrize("bad", ["NaN", "1e999", "01", '"\\ud800"', '"\\x"', "word", '"\x01"'])
def test_unreadable_value_alone_is_lost(bad: str) -> None:
    assert decode(f'{{"a": [1, {bad}, {{"b": {bad}}}], "c": "d"}}'.encode()) == {
        "a": [1, UNREADABLE, {"b": UNREADABLE}],
        "c": "d",
    }


def test_depth_is_bounded_exactly() -> None:
    fits, too_deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    assert "UNREADABLE" not in repr(decode(fits))
    assert "UNREADABLE" in repr(decode(too_deep))
    assert decode(b'{"a": ' + too_deep + b', "b": 1}')["b"] == 1


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[1", b'{"a"}', b'{"a":}', b"[1 2]", b"[}", b'"abc', b"1 2", b"[,]", b"{1: 2}", b"[1,,2]", b"]"],
)
def test_broken_structure_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="byte"):
        decode(text)
