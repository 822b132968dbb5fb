"""Cancelling a job (docs/language-api.md 2.4)."""

from collections.abc import Callable

import requests

from local.language_service.faults import FaultPlan
from local.stand_in.in_process import MovableClock
from tests.local.language_service.material import NEW_LETTER, Caller, class_task, entity_task


def cancel(caller: Caller, submitted: requests.Response) -> requests.Response:
    location = submitted.headers["operation-location"].replace("?", ":cancel?")
    return caller.session.post(location, timeout=60)


def test_cancelled_job_keeps_finished_work(make_caller: Callable[..., Caller], clock: MovableClock) -> None:
    """It runs on for a while."""
    caller = make_caller(job_seconds=(1, 60))
    tasks = [entity_task(str(n)) for n in range(4)] + [class_task("CustomSingleLabelClassification", "4")]
    submitted = caller.submit(NEW_LETTER, tasks=tasks)
    while not caller.follow(submitted, seconds=0.5).json()["tasks"]["completed"]:
        pass
    done = caller.follow(submitted, seconds=0).json()["tasks"]["completed"]
    reply = cancel(caller, submitted)
    assert (reply.status_code, reply.content) == (202, b"")
    assert reply.headers["operation-location"] == submitted.headers["operation-location"]

    statuses = []
    for _ in range(90):
        body = caller.follow(submitted, seconds=0.1).json()
        statuses.append((body["status"], len(body["tasks"]["items"])))
    # Tasks are cancelled one after the other; ``cancelling`` was never recorded.
    assert list(dict.fromkeys(statuses)) == [("running", done), ("running", 5), ("cancelled", 5)]

    tasks_now = body["tasks"]
    assert {key: tasks_now[key] for key in tasks_now if key != "items"} == {
        "completed": done, "failed": 0, "inProgress": 0, "total": 5,
    }  # fmt: skip
    assert [one["status"] for one in tasks_now["items"]].count("succeeded") == done
    for item in tasks_now["items"]:
        if item["status"] == "cancelled":
            assert item["results"] == {"documents": [], "errors": [], "modelVersion": "latest"}
        else:
            assert item["results"]["documents"]


def test_cancellation_takes_one_to_eight_seconds(caller: Caller) -> None:
    for n in range(5):
        submitted = caller.submit(f"{n} {NEW_LETTER}")
        assert cancel(caller, submitted).status_code == 202
        assert caller.follow(submitted, seconds=0.9).json()["status"] != "cancelled"
        assert caller.follow(submitted, seconds=7.2).json()["status"] == "cancelled"


def test_finished_job_cannot_be_cancelled(caller: Caller) -> None:
    submitted = caller.submit(NEW_LETTER)
    job_id = caller.finished(submitted)["jobId"]
    reply = cancel(caller, submitted)
    assert reply.status_code == 400
    assert reply.json() == {
        "error": {
            "code": "InvalidRequest",
            "message": f"Failed to cancel job with job id {job_id} as its already completed.",
        }
    }


def test_cancellation_can_be_repeated_while_pending(caller: Caller) -> None:
    submitted = caller.submit(NEW_LETTER)
    assert cancel(caller, submitted).status_code == 202
    assert cancel(caller, submitted).status_code == 202
    caller.clock.advance(10)
    assert cancel(caller, submitted).status_code == 400


def test_stuck_job_can_be_cancelled(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"faults": FaultPlan(rates={"stuck": 1.0})})
    submitted = caller.submit(NEW_LETTER)
    assert caller.follow(submitted, seconds=3600).json()["status"] == "running"
    assert cancel(caller, submitted).status_code == 202
    assert caller.follow(submitted).json()["status"] == "cancelled"


def test_unknown_job_cannot_be_cancelled(caller: Caller) -> None:
    reply = caller.post("/language/analyze-text/jobs/unknown:cancel?api-version=2023-04-01")
    assert reply.status_code == 404
