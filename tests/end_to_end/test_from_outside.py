"""25 documents and one odd thing of the service after another, over real sockets; only the clock is not real.

The app's workflows and its own Language client talk to a server of bare sockets. An odd reply comes once, or to every
request of its kind for two minutes of the app's time. Afterwards all documents have their entities, none was reported
for it or submitted more than twice, nobody else was called, nothing is left, and few requests were made.
"""

import functools
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from functions.app import EntityDrop
from functions.core.documents import MAX_SUBMISSIONS
from functions.core.health import CONTROL_TEXT
from functions.core.time_limits import LONGEST_EXCHANGE_S
from functions.language.auth import KeyAuth
from functions.language.budget import RequestBudget
from functions.language.client import LanguageClient, default_session
from local.language_service.oddities import ODD_DOCUMENTS, ODD_ENTITIES, apply, deepened
from tests.support.language_server import Asked, LanguageServer, Odd, foreign_host, head, language_server
from tests.support.world import KEY, Gate, Worker, World, letter, pairs_in

DOCUMENTS = 25
NAMES = [f"{number}.txt" for number in range(DOCUMENTS)]
ODD_ONE = 7
"""The document whose entry is odd, where one is."""

SHORT_EXCHANGE_S = 0.3
"""What an exchange may take while replies drip, so that the test need not wait for the real limit."""

MAX_REPLY_BYTES = 4 * 2**20
"""Less than the real limit, for the same reason."""

WINDOW = timedelta(minutes=2)
"""How long an odd reply lasts that does not come once only; by the clock of app and service."""

RECOVERY = timedelta(minutes=5)
"""How long after the end of an odd reply the last result may come."""

LONGEST_RECOVERY = timedelta(hours=7)
"""The same where a reply asks for a long wait, which is honoured for six hours, or where one document fails alone."""


# --- The world with real sockets ---


class OutsideWorld(World):
    """A world whose way to the service is a real one."""

    def __init__(self, server: LanguageServer) -> None:
        self.server = server
        self.session: requests.Session = default_session()
        # Whatever proxy the environment names is not for this machine.
        self.session.trust_env = False
        self.longest_exchange_s = LONGEST_EXCHANGE_S
        super().__init__(settings={"LANGUAGE_ENDPOINT": server.url})
        server.service = self.service

    def start_worker(self, gate: Gate | None = None) -> Worker:
        worker = super().start_worker(gate)
        settings = worker.app.parts.settings
        client = LanguageClient(
            settings.language_resources[0].endpoint,
            self.session,
            KeyAuth(str(settings.language_key)),
            RequestBudget(settings.requests_per_minute, self.clock()),
            self.clock,
            longest_exchange_s=self.longest_exchange_s,
            max_reply_bytes=MAX_REPLY_BYTES,
        )
        (resource,) = worker.app.parts.pool
        app = EntityDrop(replace(worker.app.parts, pool=(replace(resource, service=client),)))
        return Worker(app, worker.wire, worker.foreign)

    def restart_within(self, longest_exchange_s: float) -> None:
        """Let a new process take over, with another limit of an exchange."""
        self.longest_exchange_s = longest_exchange_s
        self.restart()


@dataclass
class Outside:
    """A server, a host that is not to be called, and the world of one test."""

    server: LanguageServer
    foreign: LanguageServer
    world: OutsideWorld

    def drop(self) -> None:
        """Drop 25 documents, which share a job."""
        for number, name in enumerate(NAMES):
            self.world.drop(name, letter(number), announce=False)
        self.world.deliver_together(*NAMES)

    def odd_once(self, odd: Odd, wants: Callable[[Asked], bool]) -> None:
        """Let the next request of a kind have an odd reply."""
        left = [odd]
        self.server.odd = lambda asked: left.pop() if left and wants(asked) else None

    def odd_until(self, end: datetime | None, odd: Odd, wants: Callable[[Asked], bool]) -> None:
        """Let every request of a kind have an odd reply until a time, None for ever."""
        self.server.odd = lambda asked: odd if (end is None or self.world.clock() < end) and wants(asked) else None

    def settle(self, within: timedelta = RECOVERY) -> None:
        """Let two minutes pass, then run the app until nothing is left to do; all results have to come `within` a time.

        Whatever the reply was, it is over then, or lasts.
        """
        self.world.run_for(WINDOW)
        end = self.world.clock()
        self.world.restart_within(LONGEST_EXCHANGE_S)
        self.world.run(within=LONGEST_RECOVERY)
        assert max(info.last_modified for info in self.world.output.list()) <= end + within
        for _ in range(3):
            self.world.clock.advance(301)
            self.world.sweep()
            self.world.run(within=LONGEST_RECOVERY)

    def submissions(self) -> list[int]:
        return [self.world.submissions_of(letter(number)) for number in range(DOCUMENTS)]

    def check(self, *, most_requests: int, most_submissions: int = 2, without: tuple[str, ...] = ()) -> None:
        """Check all that holds whatever the service has answered."""
        world = self.world
        world.check_right(*(name for name in NAMES if name not in without))
        most = [count for name, count in zip(NAMES, self.submissions(), strict=True) if name not in without]
        assert max(most) <= most_submissions
        assert self.foreign.requests == []
        assert all(one.headers["ocp-apim-subscription-key"] == KEY for one in self.server.requests)
        world.check_quiet()
        assert len(self.server.requests) <= most_requests, [(one.method, one.path) for one in self.server.requests]


@pytest.fixture
def outside() -> Iterator[Outside]:
    with ExitStack() as stack:
        server, foreign = stack.enter_context(language_server()), stack.enter_context(foreign_host())
        world = OutsideWorld(server)
        stack.callback(world.session.close)
        yield Outside(server, foreign, world)


def is_submission(asked: Asked) -> bool:
    return asked.is_submission


def is_poll(asked: Asked) -> bool:
    return asked.request.method == "GET"


def is_control(asked: Asked) -> bool:
    """Whether a request is about a control document."""
    return CONTROL_TEXT.encode() in asked.request.body or CONTROL_TEXT in asked.documents().values()


KINDS: dict[str, Callable[[Asked], bool]] = {"POST": is_submission, "GET": is_poll}


# --- Odd replies ---

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8", "Server": "proxy"}
ERROR = b'{"error":{"code":"ServiceUnavailable","message":"Later."}}'


def page(status: int, **headers: str) -> Odd:
    """A page of something between the app and the service, which has not seen the request."""
    body = f"<html><body><h1>{status}</h1></body></html>".encode()
    return lambda asked: asked.reply(
        status, {**HTML, **{name.replace("_", "-"): headers[name] for name in headers}}, body
    )


def said(status: int, body: bytes, **headers: str) -> Odd:
    """An error in the service's own form, for a request that was not carried out."""
    return lambda asked: asked.reply(
        status, {**JSON, **{name.replace("_", "-"): headers[name] for name in headers}}, body
    )


def sends(data: bytes) -> Odd:
    """Bytes, and the end of the connection."""
    return lambda asked: asked.send(data)


def drips(start: bytes, drop: bytes) -> Odd:
    def odd(asked: Asked) -> None:
        asked.send(start)
        asked.drip(drop)

    return odd


def after(odd: Odd) -> Odd:
    """Carry the request out, and let its reply be an odd one."""

    def carried_out(asked: Asked) -> None:
        asked.carry_out()
        odd(asked)

    return carried_out


def located(location: str | None) -> Odd:
    """Accept a submission, and name another place to ask for its results; `{foreign}` is the other host."""

    def odd(asked: Asked) -> None:
        asked.carry_out()
        asked.reply(202, {} if location is None else {"operation-location": location})

    return odd


def half(asked: Asked) -> None:
    """Carry the request out, and end in the middle of a reply with a body."""
    response = asked.carry_out()
    body = response.body or b"{" * 200
    asked.send(head(response.status if response.body else 400, {**JSON, "Content-Length": str(len(body))}))
    asked.send(body[: len(body) // 2])


@functools.cache
def bomb() -> bytes:
    """Return gzip that expands to a hundred times its size, and to more than a reply may have."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(b'{"status":"succeeded","x":"' + b" " * 2 * MAX_REPLY_BYTES) + packer.flush()


def bombs(status: int) -> Odd:
    return lambda asked: asked.reply(status, {**JSON, "Content-Encoding": "gzip"}, bomb())


def nested(status: int) -> Odd:
    return said(status, b'{"error":' * 3_000 + b"1" + b"}" * 3_000)


def nothing(asked: Asked) -> None:
    """Close the connection behind the request."""


PAGES = {
    "proxy's 400": page(400),
    "proxy's 404": page(404),
    "proxy's 413": page(413),
    "proxy's 502": page(502),
    "sign-in page": page(200),
    "proxy's 503, later in 99999999 s": page(503, Retry_After="99999999"),
    "closed after the request": nothing,
    "malformed status line": sends(b"HTTP/1.1 2OO FINE\r\n\r\n"),
    "no HTTP at all": sends(b"\x00\x01\x02\xff\xfe\r\n\r\n"),
    "headers without end": sends(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000),
    "redirect to a malformed place": page(302, Location="http://[::1/x"),
    "later in 10**30 s": said(503, ERROR, Retry_After=str(10**30)),
    "later on a date with 20 digits": said(503, ERROR, Retry_After="Wed, 21 Oct 99999999999999999999 07:28:00 GMT"),
    "throttled until a date with 20 digits": said(
        429, ERROR, Retry_After="Wed, 21 Oct 99999999999999999999 07:28:00 GMT"
    ),
    "error nested 3,000 deep": nested(500),
    "refusal nested 3,000 deep": nested(400),
    "error that is no object": said(400, b'{"error":[]}'),
    "gzip bomb": bombs(400),
    "broken gzip": lambda asked: asked.reply(200, {**JSON, "Content-Encoding": "gzip"}, b"no gzip"),
}
"""Replies that a POST and a GET can have."""

SUBMISSIONS = {
    "accepted at a malformed place": located("http://[::1/x"),
    "accepted at no place": located(None),
    "accepted at a place without a job": located("https://language.example.net/"),
    "accepted, closed without a reply": after(nothing),
    "accepted, behind a sign-in page": after(page(200)),
    "accepted, behind a proxy's 502": after(page(502)),
    "accepted, behind a malformed redirect": after(page(302, Location="http://[::1/x")),
    "accepted, half a reply": half,
}

POLLS = {
    "half a body": half,
    "gzip bomb with 200": bombs(200),
    "empty body": lambda asked: asked.reply(200, JSON),
    "state nested 3,000 deep": said(200, b'{"status":' * 3_000 + b"1" + b"}" * 3_000),
    "state that is a list": said(200, b"[]"),
}

DRIPS = {
    "dripping headers": drips(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "dripping body": drips(head(200, {**JSON, "Content-Length": "100000"}), b" "),
    "no answer": drips(b"", b""),
}

REPLIES = {
    **{f"{kind}: {name}": (kind, odd) for kind in KINDS for name, odd in PAGES.items()},
    **{f"POST: {name}": ("POST", odd) for name, odd in SUBMISSIONS.items()},
    **{f"GET: {name}": ("GET", odd) for name, odd in POLLS.items()},
}


def recovery(case: str) -> timedelta:
    """How long the results may take after the end of an odd reply."""
    return LONGEST_RECOVERY if "later in" in case else RECOVERY


DRIPPING = {f"{kind}: {name}": (kind, odd) for kind in KINDS for name, odd in DRIPS.items()}


@pytest.mark.parametrize("case", REPLIES)
def test_one_odd_reply_leaves_no_damage(case: str, outside: Outside) -> None:
    kind, odd = REPLIES[case]
    outside.odd_once(odd, KINDS[kind])
    outside.drop()
    outside.settle(recovery(case))
    outside.check(most_requests=25)


@pytest.mark.parametrize("case", REPLIES)
def test_two_minutes_of_odd_replies_leave_no_damage(case: str, outside: Outside) -> None:
    kind, odd = REPLIES[case]
    outside.odd_until(outside.world.clock() + WINDOW, odd, KINDS[kind])
    outside.drop()
    outside.settle(recovery(case))
    outside.check(most_requests=40)


@pytest.mark.parametrize("case", REPLIES)
def test_odd_replies_to_control_documents_leave_no_damage(case: str, outside: Outside) -> None:
    """Jobs fail for two minutes, and the control documents, which are sent for that, have odd replies."""
    kind, odd = REPLIES[case]
    outside.world.faults.rates = {"failed-internal": 1.0}
    end = outside.world.clock() + WINDOW
    outside.odd_until(end, odd, lambda asked: KINDS[kind](asked) and is_control(asked))
    outside.drop()
    outside.world.run_for(WINDOW)
    outside.world.faults.rates = {}
    outside.settle(recovery(case))
    outside.check(most_requests=60)


@pytest.mark.parametrize("case", DRIPPING)
def test_dripping_replies_leave_no_damage(case: str, outside: Outside) -> None:
    kind, odd = DRIPPING[case]
    outside.world.restart_within(SHORT_EXCHANGE_S)
    outside.odd_until(outside.world.clock() + WINDOW, odd, KINDS[kind])
    outside.drop()
    outside.settle()
    outside.check(most_requests=40)


# --- Other places ---


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int, outside: Outside) -> None:
    odd = page(status, Location=outside.foreign.url + "/language/analyze-text/jobs")
    outside.odd_until(outside.world.clock() + WINDOW, odd, lambda asked: True)
    outside.drop()
    outside.settle()
    outside.check(most_requests=40)


def test_foreign_operation_location_is_not_called(outside: Outside) -> None:
    """Its job id is used on the own endpoint, so nothing is submitted twice."""

    def odd(asked: Asked) -> None:
        location = asked.carry_out().headers["operation-location"]
        asked.reply(202, {"operation-location": location.replace(outside.server.url, outside.foreign.url)})

    outside.odd_until(None, odd, is_submission)
    outside.drop()
    outside.settle()
    outside.check(most_requests=5)
    assert outside.submissions() == [1] * DOCUMENTS


def test_foreign_next_link_is_not_called(outside: Outside) -> None:
    def odd(asked: Asked) -> None:
        response = asked.carry_out()
        state = json.loads(response.body)
        state["nextLink"] = outside.foreign.url + asked.request.path + "?" + asked.request.query
        asked.reply(200, JSON, json.dumps(state).encode())

    outside.odd_until(None, odd, is_poll)
    outside.drop()
    outside.settle()
    outside.check(most_requests=30)


# --- What happens to jobs, and to the connection ---


@pytest.mark.parametrize(
    "fault", ["failed-internal", "failed", "failed-bare", "document-internal", "all-missing", "json-404@GET"]
)
def test_two_minutes_of_failing_jobs_leave_no_damage(fault: str, outside: Outside) -> None:
    outside.world.faults.rates = {fault: 1.0}
    outside.drop()
    outside.world.run_for(WINDOW)
    outside.world.faults.rates = {}
    outside.settle()
    outside.check(most_requests=40)
    assert outside.world.submissions_of(CONTROL_TEXT) <= 6


def test_ninety_minutes_in_queue_is_waiting(outside: Outside) -> None:
    """`notStarted` is polled until the job runs: nothing is submitted again."""
    outside.world.script("not-started-long")
    outside.drop()
    outside.settle(timedelta(minutes=90))
    outside.check(most_requests=250)
    assert outside.submissions() == [1] * DOCUMENTS


@pytest.mark.parametrize("is_submitted", [False, True])
def test_two_minutes_of_refused_connections_leave_no_damage(is_submitted: bool, outside: Outside) -> None:
    if is_submitted:
        outside.drop()
        outside.server.close()
    else:
        outside.server.close()
        outside.drop()
    outside.world.run_for(WINDOW)
    outside.server.open()
    outside.settle()
    outside.check(most_requests=20)
    assert outside.submissions() == [1] * DOCUMENTS


# --- One document's entry ---


def odd_entry(fate: str, variant: str) -> Odd:
    """Make the entry of one document odd, in whatever job it is; the others stay as they are."""
    variants = ODD_DOCUMENTS if fate == "odd-document" else tuple(ODD_ENTITIES)
    chance = (variants.index(variant) + 0.5) / len(variants)

    def odd(asked: Asked) -> None:
        response = asked.carry_out()
        state, texts = json.loads(response.body), asked.documents()
        for item in state["tasks"].get("items", []) if response.status == 200 else []:
            results = item.get("results", {"documents": []})
            # The one in question goes first: that is where an oddity is put.
            results["documents"].sort(key=lambda entry: texts[entry["id"]] != letter(ODD_ONE))
            if results["documents"] and texts[results["documents"][0]["id"]] == letter(ODD_ONE):
                apply(fate, chance, results)
        asked.reply(response.status, JSON, deepened(json.dumps(state).encode(), fate))

    return odd


@pytest.mark.parametrize("variant", ODD_ENTITIES)
def test_odd_entity_is_left_out_alone(variant: str, outside: Outside) -> None:
    """The other entities of its document are there, and a warning; nothing is submitted again."""
    outside.odd_until(None, odd_entry("odd-entity", variant), is_poll)
    outside.drop()
    outside.settle()
    name = NAMES[ODD_ONE]
    outside.check(most_requests=5, without=(name,))
    result: Any = outside.world.entities(name)
    # One whose place is not in the text is kept as it was sent, without a place in UTF-16.
    placed = [one for one in result["entities"] if one["utf16Offset"] is not None]
    found = [(one["category"], one["offset"], one["length"], one["text"]) for one in placed]
    expected = pairs_in(letter(ODD_ONE))
    assert found in (expected, expected[1:])
    assert result["warnings"] or found == expected
    assert outside.submissions() == [1] * DOCUMENTS


@pytest.mark.parametrize("variant", ODD_DOCUMENTS)
def test_odd_entry_costs_its_own_document_only(variant: str, outside: Outside) -> None:
    """It lasts: the others have their entities from the first job; that document is tried six times and reported."""
    outside.odd_until(None, odd_entry("odd-document", variant), is_poll)
    outside.drop()
    outside.settle(LONGEST_RECOVERY)
    name = NAMES[ODD_ONE]
    outside.check(most_requests=40, without=(name,))
    submissions = outside.submissions()
    assert submissions.pop(ODD_ONE) <= MAX_SUBMISSIONS
    assert submissions == [1] * (DOCUMENTS - 1)


FAILING_ENTRIES = [name for name in ODD_DOCUMENTS if not name.startswith(("every", "entities nested"))]
"""Entries that can not be read. Of the others no entity can be, so there is a result without any, with warnings."""


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "two minutes"])
@pytest.mark.parametrize("variant", FAILING_ENTRIES)
def test_odd_entry_that_passes_leaves_no_damage(variant: str, lasts: bool, outside: Outside) -> None:
    """The others are submitted once; that document is tried again at once, and after twelve minutes if it lasts."""
    odd = odd_entry("odd-document", variant)
    if lasts:
        outside.odd_until(outside.world.clock() + WINDOW, odd, is_poll)
    else:
        outside.odd_once(odd, lambda asked: is_poll(asked) and is_finished(asked))
    outside.drop()
    outside.settle(LONGEST_RECOVERY)
    outside.check(most_requests=20, most_submissions=3 if lasts else 2)
    submissions = outside.submissions()
    submissions.pop(ODD_ONE)
    assert submissions == [1] * (DOCUMENTS - 1)


def is_finished(asked: Asked) -> bool:
    return json.loads(asked.carry_out().body)["status"] == "succeeded"
