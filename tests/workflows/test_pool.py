"""Several Language resources share the work; a job stays at the one that has taken it."""

from datetime import timedelta

import pytest

from functions.core import health
from functions.core.health import CONTROL_TEXT
from functions.core.jobs import Job, JobState
from functions.core.lifecycle import sent_to
from functions.core.work import work_of
from local.language_service.counters import text_digest
from tests.support.material import PROBLEM
from tests.support.scenarios import lines
from tests.support.world import World, endpoint_of, key_of, letter

POISON = "Poison for Mary Miller."
NAMES = [f"{number}.txt" for number in range(12)]


@pytest.fixture
def world() -> World:
    return World(resources=2)


def drop_all(world: World, names: list[str] = NAMES, version: int = 1) -> None:
    for number, name in enumerate(names):
        world.drop(name, letter(number, version))


def accepted(world: World) -> list[int]:
    """Return how many jobs each resource has accepted."""
    return [service.counters.jobs_accepted for service in (world.service, *world.others.values())]


def billed(world: World) -> int:
    """Return how many documents all resources have accepted, without control documents."""
    services, control = (world.service, *world.others.values()), text_digest(CONTROL_TEXT)
    documents = (one for service in services for entry in service.counters.ledger for one in entry.documents)
    return sum(one.sha256 != control for one in documents)


def other(world: World) -> str:
    (endpoint,) = world.others
    return endpoint


def fail_other(world: World, **rates: float) -> None:
    world.others[other(world)].faults.rates = rates


def run_until_running(world: World) -> None:
    """Go on until a job runs at the second resource."""
    while not world.others[other(world)].counters.jobs_accepted:
        assert world.step() or world.next_message_at()
        world.clock.advance(0.1)


def test_resources_share_documents(world: World) -> None:
    drop_all(world)
    world.run()
    world.check_right(*NAMES)
    world.check_quiet()
    assert all(count >= 4 for count in accepted(world)) and billed(world) == len(NAMES)


def test_job_is_polled_where_it_runs(world: World) -> None:
    """Also by another instance, which knows the resource from the job's record."""
    drop_all(world)
    while sum(accepted(world)) < len(NAMES):
        world.step()
    world.restart()
    jobs = [job for job, _ in (world.app.parts.records.job(one.id) for one in world.app.parts.records.list_jobs())]
    assert {job.resource for job in jobs if job.state is JobState.RUNNING} == {
        endpoint_of(number).removeprefix("https://") for number in range(2)
    }
    world.run()
    world.check_right(*NAMES)
    assert billed(world) == len(NAMES)


def test_each_key_goes_to_its_own_resource(world: World) -> None:
    seen: list[tuple[str, str]] = []
    for adapter in (world.worker.wire, *world.worker.other_wires):
        send = adapter.send

        def spy(request, *args, send=send, **options):  # type: ignore[no-untyped-def]
            seen.append((request.url.split("/language")[0], request.headers.get("Ocp-Apim-Subscription-Key")))
            return send(request, *args, **options)

        adapter.send = spy  # type: ignore[method-assign]
    drop_all(world)
    world.script("foreign-location", 3)
    fail_other(world, **{"foreign-location": 0.5})
    world.run()
    assert set(seen) == {(endpoint_of(number), key_of(number)) for number in range(2)}
    assert world.worker.foreign.visits == []


@pytest.mark.parametrize("kind", ["error-503", "wrong-key-401", "missing-role-403", "quota-403", "unknown-project"])
def test_resource_that_takes_nothing_leaves_pool(world: World, kind: str) -> None:
    """Its documents go to the others at once; a control document brings it back."""
    fail_other(world, **{f"{kind}@POST": 1.0})
    drop_all(world)
    world.run(within=timedelta(minutes=2))
    world.check_right(*NAMES)
    assert accepted(world) == [len(NAMES), 0]
    refused = world.others[other(world)].counters.requests["submit"]
    assert refused < len(NAMES) / 2
    fail_other(world)
    world.clock.advance(3600)
    drop_all(world, version=2)
    world.run()
    world.clock.advance(60)
    drop_all(world, version=3)
    world.run()
    world.check_right(*NAMES)
    assert accepted(world)[1] > 3


@pytest.mark.parametrize("kind", ["failed-project", "failed-internal", "all-missing"])
def test_failing_resource_leaves_pool(world: World, kind: str) -> None:
    fail_other(world, **{kind: 1.0})
    drop_all(world)
    world.run(within=timedelta(minutes=30))
    world.check_right(*NAMES)
    world.check_quiet()


@pytest.mark.parametrize("kind", ["error-503@GET", "wrong-key-401@GET", "cut-before"])
def test_running_jobs_wait_for_their_resource(world: World, kind: str) -> None:
    """Up to the job time-out; then they are submitted elsewhere, once."""
    drop_all(world)
    run_until_running(world)
    running = accepted(world)[1]
    fail_other(world, **{kind: 1.0})
    world.run_for(timedelta(minutes=50))
    waiting = sum(world.entities(name) is None for name in NAMES)
    assert running <= waiting <= 6
    world.run_for(timedelta(minutes=20))
    world.check_right(*NAMES)
    assert billed(world) == len(NAMES) + waiting


def test_resource_that_is_back_keeps_its_jobs(world: World) -> None:
    drop_all(world)
    run_until_running(world)
    fail_other(world, **{"error-503": 1.0})
    world.run_for(timedelta(minutes=20))
    fail_other(world)
    world.run()
    world.check_right(*NAMES)
    assert billed(world) == len(NAMES)


def test_jobs_of_removed_resource_go_elsewhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Its key is used no more."""
    drop_all(world)
    run_until_running(world)
    world.resources = 1
    asked = sum(world.others[other(world)].counters.requests.values())
    world.restart()
    world.run()
    world.check_right(*NAMES)
    world.check_quiet()
    assert sum(world.others[other(world)].counters.requests.values()) == asked
    assert lines(caplog, "resource_removed")


def test_failed_job_of_removed_resource_goes_elsewhere(world: World) -> None:
    fail_other(world, **{"failed-internal": 1.0})
    drop_all(world)
    run_until_running(world)
    world.run_for(timedelta(seconds=5))
    world.resources = 1
    world.restart()
    world.run()
    world.check_right(*NAMES)


def test_whole_pool_down_loses_nothing(world: World) -> None:
    fail_other(world, **{"error-503": 1.0})
    world.faults.rates = {"error-503": 1.0}
    drop_all(world)
    world.run_for(timedelta(hours=2))
    fail_other(world)
    world.faults.rates = {}
    world.run_for(timedelta(minutes=15))
    world.check_right(*NAMES)
    assert billed(world) - world.service.counters.requests["submit"] <= len(NAMES)


def test_bad_document_is_reported_once_proven(world: World) -> None:
    """Bounded like with one resource: six submissions over both."""
    for service in (world.service, *world.others.values()):
        service.faults.poison_texts = ["Poison"]
    drop_all(world)
    world.drop("bad.txt", POISON)
    world.settle()
    world.check_right(*NAMES)
    for hour in range(8):
        world.drop(f"later-{hour}.txt", letter(50 + hour))
        world.run_for(timedelta(hours=1))
    world.check_failed("bad.txt", "JobFailed")
    digest = text_digest(POISON)
    services = (world.service, *world.others.values())
    sent = sum(
        one.sha256 == digest for service in services for entry in service.counters.ledger for one in entry.documents
    )
    assert sent <= 6


def test_throttled_resource_gets_fewer_jobs(world: World) -> None:
    fail_other(world, **{"throttle-429@POST": 1.0})
    drop_all(world)
    world.run(within=timedelta(minutes=2))
    world.check_right(*NAMES)
    assert accepted(world) == [len(NAMES), 0]


def test_send_time_is_used_where_it_is_booked() -> None:
    """More documents than two resources take at once: each job that has to wait goes to the resource of its ledger."""
    world, booked = World(resources=2, settings={"REQUESTS_PER_MINUTE": "60"}), dict[str, str | None]()
    names = [f"{number}.txt" for number in range(40)]
    drop_all(world, names)
    records = world.app.parts.records
    while world.step() or world.next_message_at():
        for one in records.list_jobs():
            job, _ = records.job(one.id)
            if job.send_at and job.state is JobState.WAITING:
                booked[job.id] = job.resource
            elif job.state is JobState.RUNNING and job.id in booked:
                assert job.resource == booked[job.id]
        world.clock.advance(0.5)
    assert len(booked) > 10 and len(set(booked.values())) == 2
    world.check_right(*names)


def test_failed_job_without_resource_waits_for_verdict() -> None:
    """A release that knew one resource only has written it: a control document goes before it is sent again."""
    world = World()
    world.script("failed-internal")
    world.drop("a.txt", letter(1))
    records = world.app.parts.records
    while not world.service.counters.jobs_accepted or not next(iter(jobs(world))).awaits_verdict:
        assert world.step() or world.next_message_at()
        world.clock.advance(0.5)
    (job,) = jobs(world)
    _, etag = records.job(job.id)
    records.save_job(sent_to(job, None), etag)
    while world.service.counters.jobs_accepted < 2:
        assert world.step() or world.next_message_at()
        world.clock.advance(0.5)
    assert controls(world) == 1
    world.settle()
    world.check_right("a.txt")


def jobs(world: World) -> list[Job]:
    records = world.app.parts.records
    return [records.job(listed.id)[0] for listed in records.list_jobs()]


def controls(world: World) -> int:
    """Return how many control documents the first resource has accepted."""
    ledger, control = world.service.counters.ledger, text_digest(CONTROL_TEXT)
    return sum(one.sha256 == control for entry in ledger for one in entry.documents)


def test_instances_do_not_probe_one_after_the_other() -> None:
    """Each knows that the next control document is due; the one who sends it makes it not due for the others."""
    world = World()
    workers = [world.worker, *(world.start_worker() for _ in range(4))]
    probers = [worker.app.poller._services._pool[0].prober for worker in workers]
    spec = work_of(world.app.parts.settings)
    probers[0]._health.update(
        lambda known: health.failed(known, health.Level.RESOURCE, spec.model, "j1", PROBLEM, world.clock(), opens=True)
    )
    world.clock.advance(health.PROBE_WAITS_S[0] - 1)
    assert all(prober.is_open(spec) for prober in probers)
    world.script("error-503", times=5, method="POST")
    world.clock.advance(2)
    assert all(prober.is_open(spec) for prober in probers)
    assert sum(len([one for one in worker.wire.exchanges if one.method == "POST"]) for worker in workers) == 1
