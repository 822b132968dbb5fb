"""Bills are bounded whatever happens after a reservation: a week of virtual time, and the submissions it costs.

A version is submitted at most six times before it has its result or report, and after a report for another cause than
the document once a night at most.
"""

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.core.documents import MAX_SUBMISSIONS
from tests.support.examples import examples
from tests.support.world import Call, Crash, World, letter

pytestmark = pytest.mark.long

NIGHTS = 7


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with silence():
        yield


@contextmanager
def silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@dataclass
class Bill:
    """Counts the submissions of documents over a week of a world with one fault in it."""

    world: World
    count: int = 1
    first_report: dict[str, datetime] = field(default_factory=dict)
    before_report: dict[str, int] = field(default_factory=dict)

    def run_for(self, duration: timedelta) -> None:
        """Run the world; a worker that dies is replaced, and what it had in work comes back after ten minutes."""
        until = self.world.clock() + duration
        while self.world.clock() < until:
            try:
                self.world.run_for(min(until - self.world.clock(), timedelta(minutes=30)), max_steps=100_000)
                self.world.sweep()
            except Crash:
                self.world.restart_keeping_rewrite()
            except Exception:
                # A timer that fails is run again by the host.
                self.world.clock.advance(1)
            self._look()

    def week(self) -> None:
        for name in self.names:
            self.drop(name)
        for _ in range(NIGHTS):
            self.run_for(timedelta(hours=24))
            try:
                self.world.reconcile()
            except Exception:
                self.world.clock.advance(1)
            except Crash:
                self.world.restart_keeping_rewrite()

    @property
    def names(self) -> list[str]:
        return [f"{number}.txt" for number in range(self.count)]

    def drop(self, name: str) -> None:
        self.world.drop(name, letter(int(name.removesuffix(".txt"))))

    def submissions(self, name: str) -> int:
        return self.world.submissions_of(letter(int(name.removesuffix(".txt"))))

    def _look(self) -> None:
        for name in self.names:
            if name not in self.before_report and self.world.error(name) is not None:
                self.before_report[name] = self.submissions(name)

    def check(self) -> None:
        for name in self.names:
            total = self.submissions(name)
            before = self.before_report.get(name, total)
            assert before <= MAX_SUBMISSIONS, f"{name}: {before} submissions"
            assert total - before <= NIGHTS, f"{name}: {total - before} submissions after the report"


Fault = Callable[[World], None]


def at(place: str, action: str, moment: str, error: type[BaseException], **only: str) -> Fault:
    """Fail every call of a kind for ever."""

    def install(world: World) -> None:
        def gate(call: Call) -> None:
            if (call.place, call.action, call.moment) == (place, action, moment) and only.get("name", "") in call.name:
                raise error("for ever")

        world.gate = gate

    return install


def after_post(action: str, error: type[BaseException]) -> Fault:
    """Fail the first call of a kind after each submission."""

    def install(world: World) -> None:
        has_posted = False

        def gate(call: Call) -> None:
            nonlocal has_posted
            if (call.place, call.action, call.moment) == ("service", "POST", "after"):
                has_posted = True
            elif has_posted and call.action == action and call.moment == "before":
                has_posted = False
                raise error("for ever")

        world.gate = gate

    return install


def reply(change: Callable[[requests.Response], None]) -> Fault:
    """Change each reply to a submission."""

    def install(world: World) -> None:
        def rewrite(response: requests.Response) -> None:
            if response.request.method == "POST":
                change(response)

        world.rewrite_replies(rewrite)

    return install


def moved(response: requests.Response) -> None:
    response.status_code = 302
    response.headers["Location"] = "http://[::1/x"
    response.headers.pop("operation-location", None)


def later(response: requests.Response) -> None:
    response.status_code = 503
    response.headers.pop("operation-location", None)
    response.headers["Retry-After"] = "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"


def deep(response: requests.Response) -> None:
    response.status_code = 400
    response.headers["Content-Type"] = "application/json"
    response.headers.pop("operation-location", None)
    response._content = b'{"error":' * 3000 + b"1" + b"}" * 3000


def odd_location(response: requests.Response) -> None:
    if "operation-location" in response.headers:
        response.headers["operation-location"] = "http://[::1/x"


ALWAYS: dict[str, Fault] = {
    "an operation-location that can not be parsed": reply(odd_location),
    "a redirect with a malformed Location": reply(moved),
    "a Retry-After date with a huge number": reply(later),
    "error JSON nested 3,000 deep": reply(deep),
    "an exception after the POST": at("service", "POST", "after", RuntimeError),
    "a recursion error after the POST": at("service", "POST", "after", RecursionError),
    "a worker that dies at each reply": at("service", "POST", "after", Crash),
    "a queue update that is refused": at("queue", "resend", "before", HttpResponseError),
    "a queue update whose answer is lost": at("queue", "resend", "after", ServiceRequestError),
    "a worker that dies at each queue update": at("queue", "resend", "after", Crash),
    "a record that can not be saved after the POST": after_post("write", HttpResponseError),
    "a worker that dies when it saves the record": after_post("write", Crash),
    "an answer of the ledger that is lost": at("state", "write", "after", ServiceRequestError, name="budget/"),
    "a ledger that can not be read": at("state", "read", "before", HttpResponseError, name="budget/"),
    "a poll that raises": at("service", "GET", "after", RuntimeError),
    "an output that can not be written": at("output", "write", "before", HttpResponseError),
    "an output whose answers are lost": at("output", "write", "after", ServiceRequestError),
}


@pytest.mark.parametrize("fault", ALWAYS.values(), ids=ALWAYS)
@pytest.mark.parametrize("count", [1, 3])
def test_lasting_fault_costs_six_submissions(fault: Fault, count: int) -> None:
    bill = Bill(World(), count)
    fault(bill.world)
    bill.week()
    bill.check()


@pytest.mark.parametrize("fault", ALWAYS.values(), ids=ALWAYS)
def test_documents_end_after_lasting_fault(fault: Fault) -> None:
    """Once the fault is over, everything ends: in entities, at the latest after the night."""
    bill = Bill(World(), 2)
    fault(bill.world)
    for name in bill.names:
        bill.drop(name)
    bill.run_for(timedelta(hours=30))
    bill.world.gate = None
    bill.world.rewrite_replies(lambda response: None)
    bill.run_for(timedelta(hours=12))
    bill.world.reconcile()
    bill.run_for(timedelta(hours=1))
    bill.world.check_right(*bill.names)
    bill.world.check_quiet()
    bill.check()


ERRORS = (HttpResponseError, ServiceRequestError, RuntimeError, Crash, OSError)
ODDITIES = (odd_location, moved, later, deep)


@given(st.integers(0, 2**32), st.sampled_from([0.02, 0.1, 0.3]), st.integers(1, 4))
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
def test_random_faults_keep_bills_bounded(seed: int, rate: float, count: int) -> None:
    """A random exception, crash or odd answer at each call, for a week, then an end of all faults."""
    rng = random.Random(seed)
    bill = Bill(World(seed=seed), count)

    def gate(call: Call) -> None:
        if rng.random() < rate and call.place != "intake":
            raise rng.choice(ERRORS)("at random")

    def rewrite(response: requests.Response) -> None:
        if response.request.method == "POST" and rng.random() < rate:
            rng.choice(ODDITIES)(response)

    with silence():
        for name in bill.names:
            bill.drop(name)
        bill.world.gate = gate
        bill.world.rewrite_replies(rewrite)
        bill.week()
        bill.world.gate = None
        bill.world.rewrite_replies(lambda response: None)
        bill.run_for(timedelta(hours=12))
        bill.world.reconcile()
        bill.run_for(timedelta(hours=6))
    bill.check()
    for name in bill.names:
        assert bill.world.entities(name) or bill.world.error(name), bill.world.describe()
    bill.world.check_quiet()
