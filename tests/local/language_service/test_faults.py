"""Faults on demand: each kind by what a caller sees, and that the seed alone decides (design: chaos runs repeat)."""

import json
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import requests

from local.language_service.faults import (
    JOB_FAULTS,
    KINDS,
    REQUEST_FAULTS,
    FaultPlan,
)
from local.language_service.oddities import ODD_DOCUMENTS, ODD_ENTITIES, ODD_ERRORS, variant_of
from local.language_service.projects import LearntProject
from local.language_service.service import LanguageService
from local.stand_in.errors import nested
from local.stand_in.faults import FaultSpecError, Scripted
from local.stand_in.in_process import InProcessAdapter, MovableClock
from tests.local.language_service.material import ENDPOINT, NEW_LETTER, Caller, entity_task


@pytest.fixture
def suffering(make_caller: Callable[..., Caller]) -> Callable[..., Caller]:
    """A caller of a service in which every request, or every job, suffers one fault."""

    def make(kind: str, **options: Any) -> Caller:
        return make_caller(service={"faults": FaultPlan(rates={kind: 1.0}, **options)})

    return make


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        ("error-500", 500, "InternalServerError", None),
        ("error-502", 502, "502", None),
        ("error-503", 503, "503", None),
        ("error-504", 504, "504", None),
        ("throttle-429", 429, "429", "2"),
        ("throttle-429-bare", 429, "429", None),
        ("quota-403", 403, "403", str(15 * 24 * 3600)),
        ("wrong-key-401", 401, "401", None),
        ("other-key-401", 401, "401", None),
        ("missing-role-401", 401, "PermissionDenied", None),
        ("missing-role-403", 403, "PermissionDenied", None),
        ("unknown-project", 404, "ProjectNotFound", None),
        ("huge-retry-after", 429, "429", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"),
        ("huge-retry-after-503", 503, "503", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"),
    ],
)
def test_request_can_be_refused(
    suffering: Callable[..., Caller], kind: str, status: int, code: str, retry_after: str | None
) -> None:
    caller = suffering(kind)
    reply = caller.submit(NEW_LETTER)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert reply.headers.get("Retry-After") == retry_after
    assert caller.service.counters.jobs_accepted == 0
    assert caller.service.counters.faults == {kind: 1}


def test_quota_message_is_as_recorded(suffering: Callable[..., Caller]) -> None:
    assert suffering("quota-403").submit(NEW_LETTER).json()["error"]["message"] == (
        "Out of call volume quota for TextAnalytics F0 pricing tier. Please retry after 15 days. To increase your call "
        "volume switch to a paid tier."
    )


def test_other_keys_message_is_as_recorded(suffering: Callable[..., Caller]) -> None:
    reply = suffering("other-key-401").submit(NEW_LETTER)
    assert "is not supported with the current subscription key and pricing tier OpenAI.S0." in reply.text
    assert reply.headers["WWW-Authenticate"].startswith("AzureApiManagementKey ")


def test_connection_can_be_cut(suffering: Callable[..., Caller]) -> None:
    for kind, accepted in (("cut-before", 0), ("cut-after", 1)):
        caller = suffering(kind)
        with pytest.raises(requests.ConnectionError):
            caller.submit(NEW_LETTER)
        assert caller.service.counters.jobs_accepted == accepted
    assert caller.service.counters.ledger[0].reply == "cut-after"


def test_body_can_end_in_middle(suffering: Callable[..., Caller]) -> None:
    caller = suffering("truncated@GET")
    submitted = caller.submit(NEW_LETTER)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        caller.follow(submitted)


def test_body_can_be_invalid_json(suffering: Callable[..., Caller]) -> None:
    caller = suffering("garbage@GET")
    reply = caller.follow(caller.submit(NEW_LETTER))
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html")
    with pytest.raises(requests.JSONDecodeError):
        reply.json()


def test_reply_can_be_late(suffering: Callable[..., Caller], clock: MovableClock) -> None:
    caller = suffering("latency", latency_seconds=(3.0, 5.0))
    assert caller.submit(NEW_LETTER).status_code == 202
    with pytest.raises(requests.ReadTimeout):
        caller.session.get(f"{ENDPOINT}/language/analyze-text/jobs/1?api-version=2023-04-01", timeout=(1, 2.9))


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        ("missing-location", None),
        ("relative-location", "/language/analyze-text/jobs/"),
        ("foreign-location", "https://service.example.net/language/analyze-text/jobs/"),
        ("bad-location", "http://[::1/x"),
    ],
)
def test_job_location_can_be_wrong(suffering: Callable[..., Caller], kind: str, location: str | None) -> None:
    caller = suffering(kind)
    reply = caller.submit(NEW_LETTER)
    assert reply.status_code == 202
    found = reply.headers.get("operation-location")
    assert found is None if location is None else str(found).startswith(location)
    # Only submissions have one: a poll is not touched.
    job_id = caller.service.counters.ledger[0].job
    assert caller.get(f"/language/analyze-text/jobs/{job_id}?api-version=2023-04-01").status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("stuck", "running"), ("stuck-not-started", "notStarted")])
def test_job_can_be_stuck(suffering: Callable[..., Caller], kind: str, status: str) -> None:
    caller = suffering(kind)
    body = caller.follow(caller.submit(NEW_LETTER), seconds=23 * 3600).json()
    assert (body["status"], body["tasks"]["inProgress"], body["tasks"]["items"]) == (status, 1, [])


def test_failed_job_can_name_task(suffering: Callable[..., Caller]) -> None:
    caller = suffering("failed")
    body = caller.finished(caller.submit(NEW_LETTER))
    assert (body["status"], body["tasks"]["failed"]) == ("failed", 1)
    assert body["errors"][0]["target"] == "#/tasks/items/0"
    assert set(body["tasks"]["items"][0]) == {"kind", "taskName", "lastUpdateDateTime", "status"}

    bare = suffering("failed-bare")
    body = bare.finished(bare.submit(NEW_LETTER))
    assert (body["status"], body["errors"]) == ("failed", [])

    unknown = suffering("failed-project")
    assert unknown.finished(unknown.submit(NEW_LETTER))["errors"][0]["code"] == "ProjectNotFound"


def test_job_can_vanish(suffering: Callable[..., Caller]) -> None:
    caller = suffering("vanished")
    polls = Counter[int]()
    for n in range(30):
        submitted = caller.submit(f"{n} {NEW_LETTER}")
        statuses = [caller.follow(submitted, seconds=1).status_code for _ in range(4)]
        assert statuses == sorted(statuses)  # once gone, it stays gone
        polls[statuses.count(200)] += 1
    assert set(polls) == {0, 1, 2}


def test_job_can_be_partially_completed(suffering: Callable[..., Caller]) -> None:
    caller = suffering("partial")
    body = caller.finished(caller.submit(NEW_LETTER, tasks=[entity_task("0"), entity_task("1")]))
    assert (body["status"], body["tasks"]["completed"], body["tasks"]["failed"]) == ("partiallyCompleted", 1, 1)
    assert body["errors"][0]["target"] == "#/tasks/items/1"

    body = caller.finished(caller.submit(*[NEW_LETTER] * 4))
    assert body["status"] == "partiallyCompleted"
    assert len(body["tasks"]["items"][0]["results"]["documents"]) == 2


def test_one_document_can_be_wrong(suffering: Callable[..., Caller]) -> None:
    caller = suffering("missing-documents")
    results = caller.finished(caller.submit(*[NEW_LETTER] * 4))["tasks"]["items"][0]["results"]
    assert (len(results["documents"]), results["errors"]) == (3, [])

    caller = suffering("document-error")
    results = caller.finished(caller.submit(*[NEW_LETTER] * 4))["tasks"]["items"][0]["results"]
    assert (len(results["documents"]), [one["id"] for one in results["errors"]]) == (3, ["0"])


@pytest.mark.parametrize(
    ("kind", "status"), [("rejected", "rejected"), ("unknown-status", "archived"), ("cancelled", "cancelled")]
)
def test_job_can_end_in_odd_status(suffering: Callable[..., Caller], kind: str, status: str) -> None:
    caller = suffering(kind)
    assert caller.finished(caller.submit(NEW_LETTER))["status"] == status


def test_pages_can_overlap_and_repeat_documents(suffering: Callable[..., Caller]) -> None:
    caller = suffering("repeated-documents")
    first = caller.finished(caller.submit(*[NEW_LETTER] * 23))
    second = caller.session.get(first["nextLink"], timeout=60).json()
    pages = [[one["id"] for one in body["tasks"]["items"][0]["results"]["documents"]] for body in (first, second)]
    assert set(pages[0] + pages[1]) == {str(n) for n in range(23)}
    assert len(pages[0]) > len(set(pages[0]))
    assert set(pages[0]) & set(pages[1])


def test_offset_can_miss_its_text(suffering: Callable[..., Caller]) -> None:
    caller = suffering("misfit-offsets")
    (document,) = caller.finished(caller.submit(NEW_LETTER))["tasks"]["items"][0]["results"]["documents"]
    fits = [NEW_LETTER[one["offset"] : one["offset"] + one["length"]] == one["text"] for one in document["entities"]]
    assert fits == [False, True, True, True]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("html-200", 200), ("html-400", 400), ("html-404", 404), ("html-413", 413), ("html-502", 502)],
)
def test_html_page_replaces_work(suffering: Callable[..., Caller], kind: str, status: int) -> None:
    caller = suffering(kind)
    reply = caller.submit(NEW_LETTER)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert set(reply.headers) == {"Date", "Content-Type", "Content-Length"}
    assert ("Sign in" if status == 200 else str(status)) in reply.text
    assert caller.service.counters.jobs_accepted == 0
    assert caller.service.counters.responses == {str(status): 1}


def test_html_page_replaces_poll(suffering: Callable[..., Caller]) -> None:
    caller = suffering("html-404@GET")
    submitted = caller.submit(NEW_LETTER)
    assert caller.follow(submitted).headers["Content-Type"] == "text/html; charset=utf-8"
    caller.service.faults.rates.clear()
    assert caller.follow(submitted).json()["status"] == "succeeded"


def test_sign_in_page_hides_accepted_job(suffering: Callable[..., Caller]) -> None:
    caller = suffering("html-200-after")
    reply = caller.submit(NEW_LETTER)
    assert (reply.status_code, "operation-location" in reply.headers) == (200, False)
    assert "Sign in" in reply.text
    assert caller.service.counters.ledger[0].reply == "html-200-after"
    assert caller.service.counters.responses == {"200": 1}


@pytest.mark.parametrize(("kind", "accepted"), [("bad-redirect", 0), ("bad-redirect-after", 1)])
def test_redirect_address_is_malformed(suffering: Callable[..., Caller], kind: str, accepted: int) -> None:
    caller = suffering(kind)
    with pytest.raises(ValueError, match="Invalid IPv6 URL"):  # what requests makes of it
        caller.submit(NEW_LETTER)
    assert caller.service.counters.responses == {"302": 1}
    assert caller.service.counters.jobs_accepted == accepted


def test_known_job_can_be_denied(suffering: Callable[..., Caller]) -> None:
    caller = suffering("json-404")
    submitted = caller.submit(NEW_LETTER)
    assert submitted.status_code == 202
    reply = caller.follow(submitted)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "NotFound")
    caller.service.faults.rates.clear()
    assert caller.follow(submitted).json()["status"] == "succeeded"


def test_error_json_can_be_deep(suffering: Callable[..., Caller]) -> None:
    reply = suffering("deep-json").submit(NEW_LETTER)
    assert (reply.status_code, reply.content.count(b"{")) == (500, 3002)
    assert reply.content.count(b"{") == reply.content.count(b"}")
    with pytest.raises(RecursionError):
        reply.json()


def test_dripping_reply_moves_clock(projects: list[LearntProject], clock: MovableClock) -> None:
    plan = FaultPlan(rates={"drip@GET": 1}, drip_seconds=90)
    service = LanguageService(projects, clock=clock, faults=plan)
    caller = Caller(service, clock)
    caller.session.mount(ENDPOINT, InProcessAdapter(service, clock.advance))
    submitted = caller.submit(NEW_LETTER)
    before = clock()
    assert caller.follow(submitted, seconds=0).status_code == 200
    assert (clock() - before).total_seconds() == 90


def test_reply_drips_over_socket(serve: Callable[..., tuple[LanguageService, str]]) -> None:
    plan = FaultPlan(rates={"drip": 1}, drip_seconds=0.3)
    _, address = serve(service={"faults": plan})
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"GET /language/analyze-text/jobs/1?api-version=2023-04-01 HTTP/1.1\r\n"
            b"Host: " + f"{host}:{port}".encode() + b"\r\nOcp-Apim-Subscription-Key: local\r\n\r\n"
        )
        parts = list(iter(lambda: connection.recv(65536), b""))
    whole = b"".join(parts)
    assert whole.startswith(b"HTTP/1.1 404 Not Found\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert len(parts) > len(whole) / 4


TWO_TASKS = [entity_task("a"), {"kind": "KeyPhraseExtraction", "taskName": "b", "parameters": {}}]


def kinds_of(body: Any) -> list[str]:
    return [item["kind"] for item in body["tasks"]["items"]]


def test_last_task_can_be_missing(suffering: Callable[..., Caller]) -> None:
    caller = suffering("task-missing")
    body = caller.finished(caller.submit(NEW_LETTER, tasks=TWO_TASKS))
    assert (body["status"], kinds_of(body)) == ("succeeded", ["CustomEntityRecognitionLROResults"])
    assert (body["tasks"]["completed"], body["tasks"]["total"]) == (2, 2)


def test_last_task_can_be_of_unknown_kind(suffering: Callable[..., Caller]) -> None:
    caller = suffering("task-unknown-kind")
    body = caller.finished(caller.submit(NEW_LETTER, tasks=TWO_TASKS))
    assert kinds_of(body) == ["CustomEntityRecognitionLROResults", "NovelAnalysisLROResults"]


def test_documents_of_last_task_can_be_reordered(suffering: Callable[..., Caller]) -> None:
    caller = suffering("documents-reordered")
    body = caller.finished(caller.submit(NEW_LETTER, "Quokka.", tasks=TWO_TASKS))
    first, last = ([one["id"] for one in item["results"]["documents"]] for item in body["tasks"]["items"])
    assert (first, last) == (["0", "1"], ["1", "0"])


@pytest.mark.parametrize(
    ("kind", "code"), [("document-internal", "InternalServerError"), ("document-unknown", "ModelHostEvicted")]
)
def test_every_document_can_have_error(suffering: Callable[..., Caller], kind: str, code: str) -> None:
    caller = suffering(kind)
    body = caller.finished(caller.submit(*[NEW_LETTER] * 3))
    results = body["tasks"]["items"][0]["results"]
    assert (body["status"], results["documents"]) == ("succeeded", [])
    assert [(one["id"], one["error"]["code"]) for one in results["errors"]] == [("0", code), ("1", code), ("2", code)]


def test_all_documents_can_be_missing(suffering: Callable[..., Caller]) -> None:
    caller = suffering("all-missing")
    body = caller.finished(caller.submit(*[NEW_LETTER] * 3, ""))
    assert body["status"] == "succeeded"
    assert body["tasks"]["items"][0]["results"]["documents"] == []
    assert body["tasks"]["items"][0]["results"]["errors"] == []


def test_job_fails_without_naming_task(suffering: Callable[..., Caller]) -> None:
    caller = suffering("failed-internal")
    body = caller.finished(caller.submit(NEW_LETTER))
    assert (body["status"], [set(one) for one in body["errors"]]) == ("failed", [{"code", "message"}])
    assert body["errors"][0]["code"] == "InternalServerError"
    preview = caller.finished(caller.submit_preview(NEW_LETTER))
    assert (preview["status"], [set(one) for one in preview["errors"]]) == ("failed", [{"code", "message"}])


def test_job_can_start_late(suffering: Callable[..., Caller]) -> None:
    caller = suffering("not-started-long", not_started_seconds=5400)
    submitted = caller.submit(NEW_LETTER)
    assert caller.follow(submitted, seconds=5399).json()["status"] == "notStarted"
    assert caller.follow(submitted, seconds=1.5).json()["status"] == "running"
    assert caller.follow(submitted, seconds=5).json()["status"] == "succeeded"


class ChosenVariant:
    """A caller whose next jobs get a chosen variant of a fault, whatever was drawn."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def results(self, fault: str, names: Sequence[str], variant: str) -> tuple[str, Any]:
        """The written reply, and the results of a job of three letters, decoded as far as Python decodes them."""
        submitted = self.caller.submit(*[NEW_LETTER] * 3)
        job = self.caller.service._jobs[self.caller.service.counters.ledger[-1].job]
        assert job.fate == fault
        job.chance = (names.index(variant) + 0.5) / len(names)
        reply = self.caller.follow(submitted).text
        shallow = reply.replace(nested(3000).decode(), '"deep"')
        return reply, json.loads(shallow)["tasks"]["items"][0]["results"]


@pytest.mark.parametrize("variant", ODD_ENTITIES)
def test_one_entity_is_malformed(suffering: Callable[..., Caller], variant: str) -> None:
    chosen = ChosenVariant(suffering("odd-entity"))
    reply, results = chosen.results("odd-entity", tuple(ODD_ENTITIES), variant)
    assert [one["id"] for one in results["documents"]] == ["0", "1", "2"]
    first, second, third = (one["entities"] for one in results["documents"])
    assert second == third
    assert first[1:] == second[1:]
    assert first[0] != second[0]
    assert ("3,000 deep" in variant) == (nested(3000).decode() in reply)


@pytest.mark.parametrize("variant", ODD_DOCUMENTS)
def test_one_document_is_malformed(suffering: Callable[..., Caller], variant: str) -> None:
    chosen = ChosenVariant(suffering("odd-document"))
    healthy = chosen.caller.service.projects[0].entities(NEW_LETTER)
    reply, results = chosen.results("odd-document", ODD_DOCUMENTS, variant)
    *_, second, third = results["documents"]
    assert [second["id"], third["id"]] == ["1", "2"]
    assert [len(one["entities"]) for one in (second, third)] == [len(healthy)] * 2
    assert (len(results["documents"]), len(results["errors"])) == ((2, 1) if variant in ODD_ERRORS else (3, 0))
    assert ("3,000 deep" in variant) == (nested(3000).decode() in reply)


@pytest.mark.parametrize("kind", ["odd-entity", "odd-document"])
def test_variants_are_drawn_evenly(kind: str) -> None:
    names = ODD_ENTITIES if kind == "odd-entity" else ODD_DOCUMENTS
    assert {variant_of(kind, n / 1000) for n in range(1000)} == set(names)
    assert variant_of("failed", 0.5) is None


def test_poison_fails_its_whole_job(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"faults": FaultPlan(rates={"stuck": 1}, poison_texts=("poison",))})
    for _ in range(2):
        body = caller.finished(caller.submit(NEW_LETTER, "a poison"))
        assert (body["status"], body["errors"][0]["code"]) == ("failed", "InternalServerError")
    assert caller.service.counters.ledger[0].fate == "poison-text"
    assert caller.finished(caller.submit(NEW_LETTER))["status"] == "running"


def test_one_document_can_refuse_request(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"faults": FaultPlan(refused_texts=("culprit",))})
    assert caller.submit(NEW_LETTER, "a culprit").status_code == 400
    assert caller.submit(NEW_LETTER).status_code == 202


def test_script_precedes_rates(make_caller: Callable[..., Caller]) -> None:
    plan = FaultPlan(
        script=[
            Scripted("throttle-429", times=2, method="GET"),
            Scripted("error-503", method="POST", skip=1),
            Scripted("failed"),
        ]
    )
    caller = make_caller(service={"faults": plan})
    submitted = caller.submit(NEW_LETTER)
    assert caller.submit(NEW_LETTER).status_code == 503
    assert [caller.follow(submitted).status_code for _ in range(3)] == [429, 429, 200]
    assert caller.follow(submitted).json()["status"] == "failed"
    assert caller.finished(caller.submit(NEW_LETTER))["status"] == "succeeded"
    assert plan.script == []


def story(caller: Caller, order: list[int]) -> dict[str, list[Any]]:
    """What each text goes through in three submissions and two polls, in the given order of texts."""
    seen: dict[str, list[Any]] = {}
    for _ in range(3):
        for n in order:
            text = f"Letter {n}. {NEW_LETTER}"
            reply = caller.submit(text)
            polls = [caller.follow(reply).status_code for _ in range(2)] if reply.status_code == 202 else []
            seen.setdefault(text, []).append((reply.status_code, polls))
    seen["fates"] = sorted((entry.documents[0].sha256, entry.fate) for entry in caller.service.counters.ledger)
    return seen


def test_same_seed_gives_same_faults(make_caller: Callable[..., Caller]) -> None:
    def run(seed: int, order: list[int]) -> dict[str, list[Any]]:
        rates = {"error-500": 0.2, "throttle-429": 0.2, "failed": 0.2, "vanished": 0.2}
        return story(make_caller(service={"faults": FaultPlan(seed, rates)}), order)

    texts = list(range(25))
    assert run(1, texts) == run(1, texts[::-1])
    assert run(1, texts) != run(2, texts)


def test_faults_follow_rates() -> None:
    plan = FaultPlan(7, KINDS.parse_rates(["error-500=0.1", "cut=0.05", "throttle-429@GET=0.2", "stuck=0.03"]))
    requests_seen = Counter(
        plan.for_request(method, submission=method == "POST", identity=str(n).encode(), times_seen=0)
        for method in ("POST", "GET")
        for n in range(4000)
    )
    assert requests_seen["error-500"] == pytest.approx(800, rel=0.15)
    assert requests_seen["cut-before"] == pytest.approx(200, rel=0.3)
    assert requests_seen["cut-after"] == pytest.approx(200, rel=0.3)
    assert requests_seen["throttle-429"] == pytest.approx(800, rel=0.15)
    jobs = Counter(plan.for_job(str(n).encode(), 0) for n in range(4000))
    assert jobs["stuck"] == pytest.approx(120, rel=0.3)
    assert jobs[None] == 4000 - jobs["stuck"]


def test_rates_are_read_from_command_line() -> None:
    assert KINDS.parse_rates(["error-500=0.1", "cut=0.05", "cut-after@POST=0.5"]) == {
        "error-500": 0.1,
        "cut-before": 0.025,
        "cut-after": 0.025,
        "cut-after@POST": 0.5,
    }


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("error-418=0.1", "There is no fault 'error-418'"),
        ("stuck@GET=0.1", "There is no fault"),
        ("stuck=2", "must be from 0 to 1"),
        ("stuck=-0.1", "must be from 0 to 1"),
        ("stuck=often", "is not KIND=RATE"),
        ("stuck", "is not KIND=RATE"),
        ("error-500=0.7,error-503=0.7", "is not KIND=RATE"),
    ],
)
def test_unknown_fault_is_refused(spec: str, reason: str) -> None:
    with pytest.raises(FaultSpecError, match=reason):
        KINDS.parse_rates([spec])


def test_rates_above_one_are_refused() -> None:
    with pytest.raises(FaultSpecError, match=r"a GET add up to 1\.2"):
        KINDS.parse_rates(["error-500=0.6", "error-503@GET=0.6"])
    with pytest.raises(FaultSpecError, match="add up"):
        FaultPlan(rates={"stuck": 0.6, "failed": 0.5})
    KINDS.parse_rates(["error-500@POST=0.6", "error-503@GET=0.6", "stuck=1"])


def test_plan_changes_atomically() -> None:
    plan = FaultPlan(3, {"error-500": 0.1})
    plan.update({"rates": {"stuck": 1}, "script": [{"kind": "failed"}], "latencySeconds": [0, 1]})
    plan.update({"poisonTexts": ["bad"], "notStartedSeconds": 60, "dripSeconds": 5})
    changed = plan.as_json()
    assert (plan.poison_texts, plan.not_started_seconds, plan.drip_seconds) == (("bad",), 60, 5)
    assert changed["seed"] == 3
    assert changed["rates"] == {"stuck": 1.0}
    assert changed["script"] == [{"kind": "failed", "times": 1, "method": None, "skip": 0}]
    for bad in (
        {"speed": 1},
        {"seed": 4, "rates": {"nothing": 1}},
        {"seed": 4, "script": [{"kind": "nothing"}]},
        {"seed": 4, "script": [{"sort": "failed"}]},
        {"seed": 4, "latencySeconds": 1},
        {"seed": 4, "rates": [1]},
        {"seed": 4, "poisonTexts": 1},
        {"seed": 4, "dripSeconds": "long"},
    ):
        with pytest.raises(FaultSpecError):
            plan.update(bad)
        assert plan.as_json() == changed


def test_every_fault_is_tested_by_name() -> None:
    from pathlib import Path

    source = Path(__file__).read_text(encoding="utf-8")
    for kind in (*REQUEST_FAULTS, *JOB_FAULTS):
        assert f'"{kind}' in source, kind
