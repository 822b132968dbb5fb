"""What the Language service may do, and what becomes of the documents: each behaviour by its name.

Everywhere the same promise: waiting is not failing. A document ends in the right entities, or in an error report
where the document itself is the cause, and it is billed once unless a submission came to nothing.
"""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest
import requests
from azure.core.exceptions import HttpResponseError

from functions import problems
from functions.core.health import CONTROL_TEXT
from local.language_service.behaviour import Behaviour
from local.language_service.faults import FaultPlan
from local.language_service.service import texts_digest
from tests.support.scenarios import lines
from tests.support.world import ENDPOINT, Call, World, letter

Method = Literal["POST", "GET"]

NAMES = [f"letter-{number}.txt" for number in range(25)]


def drop_together(world: World, count: int = 25) -> list[str]:
    """Drop letters whose submissions share one job, and return their names."""
    for number, name in enumerate(NAMES[:count]):
        world.drop(name, letter(number), announce=False)
    world.deliver_together(*NAMES[:count])
    return NAMES[:count]


def rewrite_json(world: World, change: Callable[[dict[str, Any]], None], times: int = 1) -> None:
    """Change the body of the next `times` replies to a poll that is done."""
    left = times

    def rewrite(response: requests.Response) -> None:
        nonlocal left
        if left == 0 or response.request.method != "GET" or response.status_code != 200:
            return
        body = response.json()
        if body.get("status") == "succeeded":
            left -= 1
            change(body)
            response._content = json.dumps(body).encode()

    world.worker.wire.rewrite = rewrite


# --- Throttling and quota ---


def check_goes_on_once_it_is_over(world: World, within: timedelta) -> None:
    """Check that a fault of the service has not failed `a.txt`, and end it: the result comes, with one submission."""
    assert world.error("a.txt") is None
    world.faults.rates = {}
    world.run(within=within)
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_429_waits_for_retry_after(world: World, method: Method) -> None:
    """As long as asked, without counting a failure."""
    world.faults.retry_after_seconds = 17
    world.script("throttle-429", times=2, method=method)
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    times = [exchange.at for exchange in world.exchanges(method)]
    for earlier, later in ((times[0], times[1]), (times[1], times[2])):
        assert timedelta(seconds=17) <= later - earlier < timedelta(seconds=20)
    assert world.submissions_of(letter(1)) == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_429_without_retry_after_backs_off(world: World, method: Method) -> None:
    world.script("throttle-429-bare", times=8, method=method)
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    throttled = [exchange.at for exchange in world.exchanges(method)][:9]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(throttled)]
    assert waits[0] < 4
    assert 30 < waits[-1] < 75
    assert world.submissions_of(letter(1)) == 1


def test_429_pauses_whole_worker(world: World) -> None:
    world.faults.retry_after_seconds = 30
    world.script("throttle-429", method="POST")
    world.drop("a.txt", letter(1))
    world.step()
    throttled_at = world.clock()
    for number in range(2, 12):
        world.clock.advance(1)
        world.drop(f"{number}.txt", letter(number))
        world.step()
    assert [exchange.at for exchange in world.worker.wire.exchanges] == [throttled_at]
    world.run()
    world.check_right("a.txt", *(f"{number}.txt" for number in range(2, 12)))
    assert world.worker.wire.exchanges[1].at - throttled_at >= timedelta(seconds=30)


def test_429_pauses_all_instances(world: World) -> None:
    """Within two seconds, with nothing but the ledger between them."""
    world.faults.retry_after_seconds = 30
    world.script("throttle-429", method="POST")
    other = world.start_worker()
    world.drop("a.txt", letter(1), announce=False)
    world.app.submitter.submit("a.txt")
    throttled_at = world.clock()
    for number in range(2, 12):
        world.clock.advance(2)
        world.drop(f"{number}.txt", letter(number), announce=False)
        other.app.submitter.submit(f"{number}.txt")
    assert other.wire.exchanges == []
    world.run()
    world.check_right("a.txt", *(f"{number}.txt" for number in range(2, 12)))
    assert world.worker.wire.exchanges[1].at - throttled_at >= timedelta(seconds=29)


def lease_ledger(world: World) -> None:
    """Let somebody hold a lease on the ledger of requests: it can be read and not written."""

    def refuse(call: Call) -> None:
        if call.moment == "before" and call.action == "write" and call.name.startswith("budget/requests/"):
            raise HttpResponseError("There is currently a lease on the blob.")

    world.gate = refuse


def test_leased_ledger_slows_documents(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Ten requests a minute for each worker are enough for five jobs; log and job say why."""
    lease_ledger(world)
    names = [f"{number}.txt" for number in range(12)]
    with caplog.at_level(logging.INFO):
        for number, name in enumerate(names):
            world.drop(name, letter(number))
        world.run_for(timedelta(seconds=60))
    assert 2 <= len(world.exchanges("POST")) <= 6
    assert len(world.worker.wire.exchanges) <= 12
    jobs = world.app.parts.records.list_jobs()
    errors = [world.app.parts.records.job(job.id)[0].last_error for job in jobs]
    assert any(problems.LEDGER_UNREACHABLE.matches(error) for error in errors)
    assert lines(caplog, "shared_record_unreachable")
    world.gate = None
    world.run()
    world.check_right(*names)
    assert all(world.submissions_of(letter(number)) == 1 for number in range(12))


@pytest.mark.long
def test_throttling_for_days_fails_nothing(world: World) -> None:
    world.faults.rates = {"throttle-429-bare@POST": 1.0}
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(days=1))
    check_goes_on_once_it_is_over(world, within=timedelta(minutes=5))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_used_up_quota_is_retried(world: World, method: Method, caplog: pytest.LogCaptureFixture) -> None:
    """Within hours, though `Retry-After` asks for days."""
    world.faults.rates = {f"quota-403@{method}": 1.0}
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(hours=13))
    asked = [exchange.at for exchange in world.exchanges(method)]
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits
    assert all(timedelta(hours=6) <= wait <= timedelta(hours=6.7) for wait in waits)
    (line, *_) = lines(caplog, "job_deferred")
    assert "paid tier" in line.getMessage()
    check_goes_on_once_it_is_over(world, within=timedelta(hours=7))


# --- A deployment that somebody has to fix ---


def check_fix(
    world: World,
    caplog: pytest.LogCaptureFixture,
    fix: Callable[[], None],
    advice: str,
    within: timedelta = timedelta(minutes=7),
) -> None:
    """Check that documents wait while the deployment is broken, the log says why, and all flows once it is fixed."""
    world.drop("a.txt", letter(1))
    world.drop("b.txt", letter(2))
    world.run_for(timedelta(hours=8))
    for name in ("a.txt", "b.txt"):
        assert world.entities(name) is None
        assert world.error(name) is None
    told = [line for line in caplog.records if getattr(line, "reason", "") == "Misconfigured"]
    assert told
    assert all(line.levelno == logging.ERROR for line in told)
    assert all(advice in line.getMessage() for line in told)
    fix()
    world.drop("c.txt", letter(3))
    # The longest wait between two tries of a submission is 300 s and its jitter of a fifth.
    world.run(within=within)
    world.check_right("a.txt", "b.txt", "c.txt")
    world.check_quiet()


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("wrong-key-401", "LANGUAGE_KEY"),
        ("other-key-401", "LANGUAGE_KEY"),
        ("missing-role-401", "no role on the resource"),
        ("missing-role-403", "Cognitive Services Language Reader"),
    ],
)
def test_wrong_key_or_role_defers(world: World, caplog: pytest.LogCaptureFixture, kind: str, advice: str) -> None:
    world.faults.rates = {f"{kind}@POST": 1.0}
    check_fix(world, caplog, world.faults.rates.clear, advice)
    assert [world.submissions_of(letter(number)) for number in (1, 2, 3)] == [1, 1, 1]


def test_right_key_resumes_documents(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(settings={"LANGUAGE_KEY": "mistyped"})
    check_fix(world, caplog, lambda: world.restart(LANGUAGE_KEY="local"), "LANGUAGE_KEY")


@pytest.mark.parametrize("kind", ["wrong-key-401", "missing-role-403"])
def test_key_change_costs_no_submission(world: World, kind: str) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    world.faults.rates = {f"{kind}@GET": 1.0}
    world.run_for(timedelta(hours=20))
    world.faults.rates = {}
    world.run(within=timedelta(minutes=7))
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 1


@pytest.mark.parametrize("form", ["400", "404"])
@pytest.mark.parametrize("wrong", [{"LANGUAGE_PROJECT": "laons"}, {"LANGUAGE_DEPLOYMENT": "produktion"}])
def test_unknown_deployment_at_submission_defers(
    caplog: pytest.LogCaptureFixture, form: Any, wrong: dict[str, str]
) -> None:
    world = World(
        settings=dict(wrong), behaviour=Behaviour(unknown_project=form, deployments=frozenset({"production"}))
    )
    right = {"LANGUAGE_PROJECT": "loans", "LANGUAGE_DEPLOYMENT": "production"}
    check_fix(world, caplog, lambda: world.restart(**right), "LANGUAGE_PROJECT, LANGUAGE_DEPLOYMENT")
    assert [world.submissions_of(letter(number)) for number in (1, 2, 3)] == [1, 1, 1]


def test_unknown_project_as_failed_job_defers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(settings={"LANGUAGE_PROJECT": "laons"}, behaviour=Behaviour(unknown_project="failed-task"))
    # Control documents find out when it is right again: one in ten minutes at first, one in half an hour later.
    check_fix(
        world,
        caplog,
        lambda: world.restart(LANGUAGE_PROJECT="loans"),
        "LANGUAGE_PROJECT",
        within=timedelta(minutes=32),
    )
    assert max(world.submissions_of(letter(number)) for number in (1, 2, 3)) <= 2


# --- Documents that the service refuses ---


def test_400_reports_one_of_25(world: World) -> None:
    """The one at fault; the others have their entities."""
    world.faults.refused_texts = (letter(17),)
    names = drop_together(world)
    world.run()
    report = world.check_failed(NAMES[17], "InvalidDocument")
    assert report["error"]["service"]["innererror"]["code"] == "InvalidDocument"
    world.check_right(*(name for name in names if name != NAMES[17]))
    world.check_quiet()
    assert {world.submissions_of(letter(number)) for number in range(25)} == {0, 1}
    assert world.submissions_of(letter(17)) == 0
    # All 25, then five parts, then the five of one part.
    assert len(world.exchanges("POST")) == 11


def test_400_reports_lone_document(world: World) -> None:
    world.faults.refused_texts = ("Mary",)
    world.drop("a.txt", letter(1))
    world.run()
    assert "Correct the document" in world.check_failed("a.txt", "InvalidDocument")["error"]["help"]
    world.check_quiet()
    assert len(world.exchanges("POST")) == 1


def test_document_error_affects_one_document(world: World) -> None:
    world.script("document-error")
    names = drop_together(world)
    world.run()
    failed = [name for name in names if world.error(name)]
    assert len(failed) == 1
    report = world.check_failed(failed[0], "InvalidDocument")
    assert report["error"]["service"]["innererror"]["code"] == "InvalidDocument"
    world.check_right(*(name for name in names if name not in failed))
    world.check_quiet()
    assert all(world.submissions_of(letter(number)) == 1 for number in range(25))


def test_transient_error_resubmits_one_document(world: World) -> None:
    def trip_over_the_first(body: dict[str, Any]) -> None:
        results = body["tasks"]["items"][0]["results"]
        tripped = results["documents"].pop(0)
        results["errors"] = [{"id": tripped["id"], "error": {"code": "InternalServerError", "message": "oops"}}]

    rewrite_json(world, trip_over_the_first)
    names = drop_together(world, 3)
    world.run()
    world.check_right(*names)
    assert sorted(world.submissions_of(letter(number)) for number in range(3)) == [1, 1, 2]


def test_missing_document_is_resubmitted_alone(world: World) -> None:
    world.script("missing-documents")
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    world.check_quiet()
    assert sorted(world.submissions_of(letter(number)) for number in range(25)) == [1] * 24 + [2]


def test_always_missing_document_is_reported(world: World) -> None:
    world.service.faults = SparingControl(rates={"missing-documents": 1.0})
    world.drop("a.txt", letter(1))
    world.run()
    report = world.check_failed("a.txt", "LeftOut")
    assert report["attempts"] == world.submissions_of(letter(1)) == 6
    world.check_quiet()


# --- Jobs that fail, or are lost ---

PASSING_FATES = ["failed", "failed-bare", "rejected", "cancelled", "partial", "vanished"]


@pytest.fixture
def slow_world() -> World:
    """A service that takes its time, so that jobs are asked for several times before they end."""
    return World(behaviour=Behaviour(job_seconds=(20.0, 30.0)))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("fate", PASSING_FATES)
def test_failed_job_is_submitted_again(slow_world: World, fate: str, count: int) -> None:
    """Whatever way it failed in."""
    world = slow_world
    world.script(fate)
    names = drop_together(world, count)
    world.run()
    world.check_right(*names)
    world.check_quiet()
    # "Partial" brings the results of half of the documents; only the others go again.
    assert max(world.submissions_of(letter(number)) for number in range(count)) == 2


class SparingControl(FaultPlan):
    """Lets every job suffer but those of control documents: the service is healthy, and the documents are not."""

    def for_job(self, identity: bytes, times_seen: int) -> str | None:
        return None if identity == texts_digest([CONTROL_TEXT]) else super().for_job(identity, times_seen)


@pytest.mark.parametrize(
    ("fate", "code"),
    [
        ("failed", "JobFailed"),
        ("failed-bare", "JobFailed"),
        ("rejected", "JobFailed"),
        ("cancelled", "LeftOut"),
        ("partial", "LeftOut"),
        ("vanished", "JobVanished"),
        ("stuck", "TimedOut"),
        ("stuck-not-started", "JobVanished"),
        ("unknown-status", "TimedOut"),
    ],
)
def test_always_failing_job_is_reported(slow_world: World, fate: str, code: str) -> None:
    world = slow_world
    world.restart(MAX_POLL_SECONDS="300")  # some of these take days, which are many polls
    world.service.faults = SparingControl(rates={fate: 1.0})
    world.drop("a.txt", letter(1))
    world.run(max_steps=100_000)
    report = world.check_failed("a.txt", code)
    assert report["attempts"] == world.submissions_of(letter(1)) == 6
    assert report["error"]["help"]
    world.check_quiet()


def test_documents_failing_together_are_split(world: World) -> None:
    world.script("failed")
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    assert {world.submissions_of(letter(number)) for number in range(25)} == {2}
    sizes = [len(entry.documents) for entry in world.service.counters.ledger]
    assert sizes == [25, 1, 5, 5, 5, 5, 5], "a job of 25, a control document, five jobs of five"


def test_unknown_status_ends_at_timeout(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It is polled until then, and the job is submitted again."""
    world.script("unknown-status")
    world.drop("a.txt", letter(1))
    start = world.clock()
    world.run()
    world.check_right("a.txt")
    assert timedelta(minutes=60) < world.clock() - start < timedelta(minutes=63)
    line, *_ = lines(caplog, "unknown_status")
    assert line.levelno == logging.WARNING
    assert "'archived'" in line.getMessage()


@pytest.mark.parametrize("status", [400, 404])
def test_unknown_job_is_submitted_again(status: int) -> None:
    world = World(behaviour=Behaviour(unknown_job_status=status, job_seconds=(20.0, 30.0)))
    world.script("vanished", times=1)
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 2


def test_expired_job_is_submitted_again(world: World) -> None:
    """It is older than the service keeps results."""
    world.drop("a.txt", letter(1))
    world.step()
    world.clock.advance(25 * 3600)
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 2


def test_unreachable_job_is_submitted_again(world: World) -> None:
    """Nothing is heard of it for 24 hours."""
    world.drop("a.txt", letter(1))
    world.step()
    world.faults.rates = {"error-503@GET": 1.0}
    world.run_for(timedelta(hours=25))
    assert world.error("a.txt") is None
    world.faults.rates = {}
    world.run(within=timedelta(minutes=10))
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 2


def test_stuck_job_is_cancelled_and_resubmitted() -> None:
    world = World(settings={"JOB_TIMEOUT_MINUTES": "5"})
    world.script("stuck")
    names = drop_together(world, 3)
    start = world.clock()
    world.run()
    world.check_right(*names)
    world.check_quiet()
    assert timedelta(minutes=5) < world.clock() - start < timedelta(minutes=7)
    cancelled = [exchange.path for exchange in world.exchanges("POST") if ":cancel" in exchange.path]
    assert len(cancelled) == 1
    assert "service-job-1:cancel" in cancelled[0]
    assert [len(entry.documents) for entry in world.service.counters.ledger] == [3, 3]


def test_queued_job_is_waited_for(world: World) -> None:
    """`notStarted` for longer than JOB_TIMEOUT_MINUTES is no time-out: that counts from the first `running`."""
    world.faults.not_started_seconds = 5400
    world.script("not-started-long")
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    assert {world.submissions_of(letter(number)) for number in range(25)} == {1}


def test_never_started_job_is_resubmitted() -> None:
    """Whole, after a day."""
    world = World(settings={"MAX_POLL_SECONDS": "300"})
    world.script("stuck-not-started")
    names = drop_together(world)
    start = world.clock()
    world.run()
    world.check_right(*names)
    assert timedelta(hours=24) < world.clock() - start < timedelta(hours=24.2)
    sizes = [len(entry.documents) for entry in world.service.counters.ledger]
    assert sizes == [25, 1, 25], "the control document proves that only the job is lost"


def test_time_limit_reports_last_cause() -> None:
    """A document without a result is reported once its time is over."""
    world = World(settings={"GIVE_UP_HOURS": "2"})
    world.faults.rates = {"error-503@POST": 1.0}
    world.drop("a.txt", letter(1))
    start = world.clock()
    world.run()
    world.check_failed("a.txt", "Unavailable")
    assert timedelta(hours=2) < world.clock() - start < timedelta(hours=2.1)
    world.check_quiet()


# --- Outages, timeouts and answers that make no sense ---


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("kind", ["error-500", "error-502", "error-503", "error-504"])
def test_outage_costs_no_submission(world: World, kind: str, method: Method) -> None:
    world.script(kind, times=7, method=method)
    world.drop("a.txt", letter(1))
    world.run(within=timedelta(minutes=10))
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_day_of_outage_fails_nothing(world: World, method: Method) -> None:
    world.faults.rates = {f"error-503@{method}": 1.0}
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(hours=23))
    check_goes_on_once_it_is_over(world, within=timedelta(minutes=5))


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("error", [requests.ConnectTimeout, requests.ConnectionError, requests.exceptions.SSLError])
def test_failed_connection_defers(
    world: World, method: Method, error: type[requests.RequestException], caplog: pytest.LogCaptureFixture
) -> None:
    failures = 6

    def refuse(call: Call) -> None:
        nonlocal failures
        if call.place == "service" and call.action == method and call.moment == "before" and failures:
            failures -= 1
            raise error("no way through")

    world.gate = refuse
    world.drop("a.txt", letter(1))
    world.run(within=timedelta(minutes=10))
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 1
    assert "check LANGUAGE_ENDPOINT" in lines(caplog, "job_deferred")[0].getMessage()


@pytest.mark.parametrize("kind", ["cut-after", "truncated", "garbage", "latency"])
def test_truncated_poll_is_repeated(world: World, kind: str) -> None:
    """Its reply does not arrive whole."""
    world.faults.latency_seconds = (31.0, 60.0)
    world.script(kind, times=3, method="GET")
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    world.check_quiet()
    assert all(world.submissions_of(letter(number)) == 1 for number in range(25))


@pytest.mark.parametrize("kind", ["cut-after", "truncated", "latency"])
def test_lost_reply_costs_one_submission(world: World, kind: str) -> None:
    """And no result."""
    world.faults.latency_seconds = (31.0, 60.0)
    world.script(kind, method="POST")
    names = drop_together(world, 3)
    world.run()
    world.check_right(*names)
    world.check_quiet()
    assert {world.submissions_of(letter(number)) for number in range(3)} == {2}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"succeeded"', b"{}", b'{"status": null}', b'{"status": 7}'])
def test_foreign_200_is_polled_again(world: World, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """One that is not the state of a job."""
    left = 3

    def rewrite(response: requests.Response) -> None:
        nonlocal left
        if left and response.request.method == "GET":
            left -= 1
            response._content = body

    world.worker.wire.rewrite = rewrite
    world.drop("a.txt", letter(1))
    world.run(within=timedelta(minutes=2))
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1
    assert not lines(caplog, "job_step_failed"), "an odd answer is a wait, not a fault of ours"


def damage_task(body: dict[str, Any], **changes: Any) -> None:
    body["tasks"]["items"][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(tasks=[]),
        lambda body: body.update(tasks="none"),
        lambda body: damage_task(body, results="none"),
        lambda body: damage_task(body, results={"documents": [{"entities": []}]}),
        lambda body: damage_task(body, results={"documents": "none"}),
    ],
    ids=["tasks-a-list", "tasks-a-text", "results-a-text", "no-id", "documents-a-text"],
)
def test_malformed_results_are_polled_again(
    world: World, change: Callable[[dict[str, Any]], None], caplog: pytest.LogCaptureFixture
) -> None:
    rewrite_json(world, change, times=2)
    world.drop("a.txt", letter(1))
    world.run(within=timedelta(minutes=5))
    world.check_right("a.txt")
    world.check_quiet()
    assert not lines(caplog, "job_step_failed"), "an odd answer is a wait, not a fault of ours"


# --- operation-location ---


def test_missing_location_is_resubmitted(world: World) -> None:
    world.script("missing-location")
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 2


def test_always_missing_location_is_reported(world: World) -> None:
    world.script("missing-location", times=1000)
    world.drop("a.txt", letter(1))
    world.run()
    assert "operation-location" in world.check_failed("a.txt", "NoOperationLocation")["error"]["help"]


def test_relative_location_is_followed(world: World) -> None:
    world.script("relative-location")
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 1


def test_foreign_location_gets_no_key(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.script("foreign-location")
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    assert world.worker.foreign.visits == []
    assert world.submissions_of(letter(1)) == 1
    assert len(lines(caplog, "foreign_operation_location")) == 1


def test_foreign_next_link_gets_no_key(world: World) -> None:
    def lead_astray(body: dict[str, Any]) -> None:
        body["nextLink"] = body["nextLink"].replace(ENDPOINT, "https://language.example.net")

    rewrite_json(world, lead_astray)
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    assert world.worker.foreign.visits == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_redirect_gets_no_key(world: World, status: int, method: Method) -> None:
    left = 2

    def redirect(response: requests.Response) -> None:
        nonlocal left
        if left and response.request.method == method:
            left -= 1
            response.status_code = status
            response.headers["Location"] = "https://language.example.net/"

    world.worker.wire.rewrite = redirect
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    assert world.worker.foreign.visits == []


# --- Results ---


SMALL_PAGES = Behaviour(most_on_a_page=20)
"""A service that gives twenty documents a page, as it does unasked, although it is asked for all."""


def test_all_pages_are_read() -> None:
    world = World(behaviour=SMALL_PAGES)
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    done = [exchange for exchange in world.exchanges("GET") if "skip=20" in exchange.path]
    assert len(done) == 1


def test_overlapping_pages_give_entities_once(world: World) -> None:
    world.script("repeated-documents")
    names = drop_together(world)
    world.run()
    world.check_right(*names)
    world.check_quiet()


def test_second_page_fault_leaves_no_result() -> None:
    world = World(behaviour=SMALL_PAGES)
    world.faults.rates = {}
    names = drop_together(world)
    faults = 0

    def break_second_pages(response: requests.Response) -> None:
        nonlocal faults
        if "skip=20" in str(response.request.url) and faults < 3:
            faults += 1
            response.status_code = 503

    world.worker.wire.rewrite = break_second_pages
    world.run()
    world.check_right(*names)
    assert faults == 3
    assert all(world.submissions_of(letter(number)) == 1 for number in range(25))


def test_mismatched_offsets_have_warning(world: World) -> None:
    world.script("misfit-offsets")
    world.drop("a.txt", letter(1))
    world.run()
    result = world.entities("a.txt")
    assert result is not None
    assert [warning["code"] for warning in result["warnings"]] == ["OffsetMismatch"]
    misfit, *others = result["entities"]
    assert misfit["text"] == "Dear Reader"
    assert (misfit["offset"], misfit["utf16Offset"]) == (1, None)
    text = letter(1)
    assert all(text[one["offset"] : one["offset"] + one["length"]] == one["text"] for one in others)
    assert len(others) == 3


@pytest.mark.parametrize("offset", [-5, 10_000])
def test_offsets_outside_text_have_warning(world: World, offset: int) -> None:
    def misplace(body: dict[str, Any]) -> None:
        body["tasks"]["items"][0]["results"]["documents"][0]["entities"][0]["offset"] = offset

    rewrite_json(world, misplace)
    world.drop("a.txt", letter(1))
    world.run()
    result = world.entities("a.txt")
    assert result is not None
    assert [warning["code"] for warning in result["warnings"]] == ["OffsetMismatch"]
    assert len(result["entities"]) == 4


def test_byte_order_mark_survives_resubmission(world: World) -> None:
    """Its text is decoded when it is dropped, and read anew for each further submission and for its result."""
    world.script("failed")
    world.drop("a.txt", b"\xef\xbb\xbf" + letter(1).encode())
    world.run()
    result = world.entities("a.txt")
    assert result is not None
    assert result["warnings"] == []
    assert world.submissions_of(letter(1)) == 2


# --- The budget ---


def test_polls_never_starve_submissions() -> None:
    world = World(settings={"REQUESTS_PER_MINUTE": "30", "JOB_TIMEOUT_MINUTES": "1440"})
    world.script("stuck", times=40)
    for number in range(40):
        world.drop(f"stuck-{number}.txt", letter(number))
    world.run_for(timedelta(minutes=5))
    assert all(world.submissions_of(letter(number)) == 1 for number in range(40))
    polls = len(world.exchanges("GET"))
    world.drop("urgent.txt", letter(1000))
    world.run_for(timedelta(seconds=20))
    assert world.submissions_of(letter(1000)) == 1
    assert len(world.exchanges("GET")) > polls


def test_budget_covers_submissions_and_polls() -> None:
    world = World(settings={"REQUESTS_PER_MINUTE": "60"})
    for number in range(50):
        world.drop(f"{number}.txt", letter(number))
    world.run()
    world.check_right(*(f"{number}.txt" for number in range(50)))
    at = [exchange.at for exchange in world.worker.wire.exchanges]
    assert len(at) >= 100
    burst = 10
    for first, moment in enumerate(at):
        in_a_minute = [one for one in at[first:] if one < moment + timedelta(minutes=1)]
        assert len(in_a_minute) <= 60 + burst


def test_waiting_job_reads_no_documents() -> None:
    """Else a backlog behind a short budget makes more storage requests than requests to the service."""
    world = World(settings={"REQUESTS_PER_MINUTE": "2"})
    reads: list[str] = []

    def count_reads(call: Call) -> None:
        if (call.place, call.action, call.moment) == ("intake", "read", "before"):
            reads.append(call.name)

    world.gate = count_reads
    names = [f"{number}.txt" for number in range(12)]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.run()
    world.check_right(*names)
    # Once when it is dropped, once when it is submitted later, and once for its result.
    assert max(reads.count(name) for name in names) <= 3


@pytest.mark.parametrize("budget", ["2", "6", "12"])
def test_smallest_budget_reads_second_page(budget: str) -> None:
    world = World(settings={"REQUESTS_PER_MINUTE": budget}, behaviour=SMALL_PAGES)
    names = drop_together(world)
    world.run(within=timedelta(minutes=10))
    world.check_right(*names)
    assert all(world.submissions_of(letter(number)) == 1 for number in range(25))
    # The first poll may come too early; then one more, and the second page.
    assert len(world.exchanges("GET")) <= 3


def test_full_jobs_read_second_pages() -> None:
    world = World(settings={"REQUESTS_PER_MINUTE": "60"}, behaviour=SMALL_PAGES)
    for job in range(12):
        names = [f"{job}-{number}" for number in range(25)]
        for number, name in enumerate(names):
            world.drop(name, letter(100 * job + number), announce=False)
        world.deliver_together(*names)
    world.run(within=timedelta(minutes=2))
    world.check_quiet()
    assert len(world.exchanges("GET")) <= 2 * 12 + 6


def test_budget_waits_are_spread() -> None:
    """Sixty lone documents at sixty requests a minute take few more messages than requests."""
    world = World(settings={"REQUESTS_PER_MINUTE": "60"})
    names = [f"{number}.txt" for number in range(60)]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.run(within=timedelta(minutes=10), max_steps=800)
    world.check_right(*names)
