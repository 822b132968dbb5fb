"""The chaos run in small, and proof that its verdict can be bad: each kind of breach, made by hand, is found."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.core.documents import MAX_SUBMISSIONS
from functions.core.results import entities_name, error_name, extracted_name, refused_name
from functions.core.time_limits import LONGEST_EXCHANGE_S, RESERVATIONS
from functions.storage.containers import is_safe
from local.language_service.faults import JOB_FAULTS, KINDS, POISONED
from tests.chaos.plan import (
    FAULTS,
    FOLDERS,
    LOST,
    POISON,
    REPLACED,
    SAME_AGAIN,
    TWICE,
    UNSAFE,
    Plan,
    PlannedDocument,
    Version,
    make_plan,
)
from tests.chaos.run import HURRY, describe, run
from tests.chaos.verdict import Bill, Breach, Evidence, StoredResult, Verdict, digests, judge
from tests.chaos.waits import WAITS

SEED = 11


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(900)
def test_every_document_ends_in_one_right_result(tmp_path: Path) -> None:
    """Two hosts are killed over and over, the service fails, events are doubled and lost; `make chaos` does more."""
    lines: list[str] = []
    report = run(make_plan(SEED, 70), tmp_path, hosts=2, pace=HURRY, tell=lines.append)
    told = "\n".join([*lines, describe(report), *map(str, report.verdict.breaches), *report.problems])
    assert report.is_clean, told
    assert report.kills > 0, told
    assert report.faults, told
    assert report.verdict.poisoned == 1, told


# --- The plan ---


def test_same_seed_gives_same_plan() -> None:
    first, second = make_plan(SEED, 60), make_plan(SEED, 60)
    assert first == second
    assert [next(first.outages(host)) for host in range(3)] == [next(second.outages(host)) for host in range(3)]


def test_another_seed_gives_another_run() -> None:
    first, second = make_plan(SEED, 60), make_plan(SEED + 1, 60)
    assert first.documents != second.documents
    assert next(first.outages(0)) != next(second.outages(0))


def test_hosts_die_at_different_times() -> None:
    plan = make_plan(SEED, 10)
    assert next(plan.outages(0)) != next(plan.outages(1))


def test_plan_has_promised_fault_shares() -> None:
    plan = make_plan(SEED, 1000)
    assert len({document.name for document in plan.documents}) == 1000
    assert plan.replaced == REPLACED * 1000
    assert plan.doubled_events == round(TWICE * plan.versions)
    assert plan.lost_events == round(LOST * plan.versions)
    assert {version.problem for document in plan.documents for version in document.versions} > {None, "EmptyDocument"}
    assert len(plan.poison_texts) == POISON * 1000
    assert 0.9 * SAME_AGAIN * 1000 <= plan.stamped <= SAME_AGAIN * 1000
    assert (len(plan.folders), len(plan.unsafe)) == (FOLDERS * 1000, UNSAFE * 1000)
    assert not any(is_safe(blob.name) for blob in plan.unsafe)


def test_poison_is_in_no_other_document() -> None:
    plan = make_plan(SEED, 300)
    texts = [version.text or "" for document in plan.documents for version in document.versions]
    assert plan.poison_texts
    assert all(sum(poison in text for text in texts) == 1 for poison in plan.poison_texts)


@pytest.mark.parametrize("documents", [70, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_incidents_follow_each_other(documents: int, seed: int) -> None:
    """One of all requests and one of all jobs, each in rates that the stand-in accepts."""
    first, second = make_plan(seed, documents).incidents
    assert second.begins_s > first.begins_s + first.lasts_s
    assert {first.kind in JOB_FAULTS, second.kind in JOB_FAULTS} == {True, False}
    for incident in (first, second):
        rates = incident.rates(KINDS.parse_rates(FAULTS))
        KINDS.check_rates(rates)
        assert rates[incident.kind] == 1


def test_shortened_waits_exist_in_app() -> None:
    """Only the first reservation is none: it has to be longer than a request can take."""
    for wait in WAITS:
        real = getattr(wait.module, wait.name)
        assert type(real) is type(wait.value)
        pairs = list(zip(real, wait.value, strict=True)) if isinstance(real, tuple) else [(real, wait.value)]
        assert all(short <= long for long, short in pairs), wait.name
    (reservations,) = (wait.value for wait in WAITS if wait.name == "RESERVATIONS")
    assert reservations[0] == RESERVATIONS[0] > timedelta(seconds=LONGEST_EXCHANGE_S)


def test_all_chunk_texts_differ() -> None:
    """So that the bill can tell them apart."""
    plan = make_plan(SEED, 300)
    # But for a new ETag with the same content.
    texts = {version.text for document in plan.documents for version in document.versions if version.text is not None}
    chunks = [digest for text in texts for digest in digests(text)]
    assert len(chunks) == len(set(chunks)) > len(texts), "some documents must be long"


# --- The verdict ---


def model(text: str) -> list[dict[str, Any]]:
    """A model that finds the first two words of every text."""
    return [
        {"text": word, "category": "Word", "offset": text.index(word), "length": len(word), "confidence": 0.5}
        for word in text.split()[:2]
    ]


PLAN = make_plan(SEED, 60)
ETAGS = {
    document.name: tuple(f'"{document.name} {number}"' for number in range(len(document.versions)))
    for document in PLAN.documents
}


def stored(document: PlannedDocument, number: int = -1) -> StoredResult:
    """The right result of a version."""
    version, etag = document.versions[number], ETAGS[document.name][number]
    facts = {"name": document.name, "etag": etag, "sizeBytes": len(version.data), "encoding": version.encoding}
    body: dict[str, Any]
    if version.text is None:
        name, body = error_name(document.name), {"document": facts, "error": {"code": version.problem}}
    elif version.is_poison:
        facts["characters"] = len(version.text)
        name, body = error_name(document.name), {"document": facts, "error": {"code": "JobFailed", "fault": "document"}}
    else:
        facts["characters"] = len(version.text)
        jobs = [{"jobId": f"job of {document.name}"}]
        name = entities_name(document.name)
        body = {"document": facts, "warnings": [], "entities": found(version), "jobs": jobs}
    return StoredResult(name, etag, "job", json.dumps(body).encode())


def found(version: Version) -> list[dict[str, Any]]:
    text = version.text or ""
    return [
        {
            **{key: entity[key] for key in ("text", "category", "offset", "length")},
            "confidenceScore": entity["confidence"],
            "utf16Offset": len(text[: entity["offset"]].encode("utf-16-le")) // 2,
            "utf16Length": len(entity["text"].encode("utf-16-le")) // 2,
        }
        for entity in model(text)
    ]


def submission(version: Version, fate: str = "ok", reply: str = "ok", job: str = "job") -> dict[str, Any]:
    """A line of the stand-in's ledger in which every chunk of a version was accepted."""
    return {
        "job": job,
        "fate": fate,
        "reply": reply,
        "documents": [{"sha256": digest} for digest in digests(version.text or "")],
    }


VERSIONS = [version for document in PLAN.documents for version in document.versions]
POISONOUS = [version for version in VERSIONS if version.is_poison]
HEALTHY = list({version.text: version for version in VERSIONS if version.text and not version.is_poison}.values())
"""What has text, each once: a new ETag with the same content is not submitted again."""

REFUSED = [
    StoredResult(refused_name(blob.name), "etag", "-", b'{"error": {"code": "UnsafeName"}}') for blob in PLAN.unsafe
]
POISON_LEDGER = [submission(version, fate=POISONED) for version in POISONOUS for _ in range(MAX_SUBMISSIONS)]
LEDGER = [*map(submission, HEALTHY), *POISON_LEDGER]
TEXTS = [
    StoredResult(
        extracted_name(document.name), ETAGS[document.name][-1], "job", str(document.versions[-1].text).encode()
    )
    for document in PLAN.documents
    if document.versions[-1].is_file
]
CLEAN = Evidence(
    ETAGS,
    [*(stored(document) for document in PLAN.documents), *TEXTS, *REFUSED],
    LEDGER,
    unsafe=frozenset(blob.name for blob in PLAN.unsafe),
)


def is_poison(document: PlannedDocument) -> bool:
    return document.versions[-1].is_poison


def a_document(fits: Callable[[PlannedDocument], bool]) -> PlannedDocument:
    return next(document for document in PLAN.documents if fits(document))


LETTER = a_document(lambda one: one.versions[-1].text is not None and len(one.versions) == 1 and not is_poison(one))
UNREADABLE = a_document(lambda one: one.versions[-1].text is None)
REPLACED_DOCUMENT = a_document(lambda one: len({version.data for version in one.versions}) > 1)
POISONED_DOCUMENT = a_document(is_poison)


def with_results(*changed: StoredResult, of: PlannedDocument) -> Evidence:
    names = {entities_name(of.name), error_name(of.name)}
    return replace(CLEAN, results=[*(one for one in CLEAN.results if one.name not in names), *changed])


def edited(result: StoredResult, edit: Callable[[dict[str, Any]], None]) -> StoredResult:
    body = json.loads(result.body)
    edit(body)
    return replace(result, body=json.dumps(body).encode())


def judged(evidence: Evidence, plan: Plan = PLAN) -> Verdict:
    return judge(plan, evidence, model)


def breaches(verdict: Verdict) -> Sequence[tuple[str, str]]:
    assert not verdict.is_clean
    return [(breach.document, breach.kind) for breach in verdict.breaches]


def test_run_without_breach_is_clean() -> None:
    verdict = judged(CLEAN)
    assert verdict.is_clean
    assert verdict.right + verdict.reports.total() == 60 + len(PLAN.unsafe)
    assert verdict.poisoned == len(PLAN.poison_texts)
    assert verdict.bill.per_dropped == 1


def test_document_without_result_is_lost() -> None:
    assert breaches(judged(with_results(of=LETTER))) == [(LETTER.name, "lost")]


def test_older_versions_result_is_stale() -> None:
    old = with_results(stored(REPLACED_DOCUMENT, 0), of=REPLACED_DOCUMENT)
    assert breaches(judged(old)) == [(REPLACED_DOCUMENT.name, "stale")]


def test_temporary_older_result_is_stale() -> None:
    """It replaced a newer one for a while."""
    verdict = judged(replace(CLEAN, went_back=frozenset({LETTER.name})))
    assert breaches(verdict) == [(LETTER.name, "stale")]


@pytest.mark.parametrize(
    "edit",
    [
        lambda body: body["entities"].pop(),
        lambda body: body["entities"].append(body["entities"][0]),
        lambda body: body["entities"].reverse(),
        lambda body: body["entities"][0].update(offset=body["entities"][0]["offset"] + 1),
        lambda body: body["entities"][0].update(utf16Offset=body["entities"][0]["utf16Offset"] + 1),
        lambda body: body["entities"][0].update(category="Sentence"),
        lambda body: body["entities"][0].update(confidenceScore=0.4),
        lambda body: body["warnings"].append({"code": "OffsetMismatch"}),
        lambda body: body["document"].update(sizeBytes=1),
        lambda body: body["document"].update(etag="another"),
    ],
    ids=["missing", "doubled", "unsorted", "offset", "utf16", "category", "score", "warning", "size", "etag"],
)
def test_result_unlike_models_is_wrong(edit: Callable[[dict[str, Any]], None]) -> None:
    wrong = with_results(edited(stored(LETTER), edit), of=LETTER)
    assert breaches(judged(wrong)) == [(LETTER.name, "wrong")]


def test_entities_beside_error_report_are_wrong() -> None:
    right = stored(LETTER)
    both = with_results(right, replace(right, name=error_name(LETTER.name)), of=LETTER)
    assert breaches(judged(both)) == [(LETTER.name, "wrong")]


def test_extracted_text_belongs_to_its_version() -> None:
    file = a_document(lambda one: one.versions[-1].is_file)
    other = [replace(one, body=b"Another text") if one in TEXTS else one for one in CLEAN.results]
    assert breaches(judged(replace(CLEAN, results=other)))[0] == (file.name, "wrong")
    without = [one for one in CLEAN.results if one not in TEXTS]
    assert breaches(judged(replace(CLEAN, results=without)))[0] == (file.name, "wrong")


def test_result_of_no_document_is_wrong() -> None:
    extra = replace(CLEAN, results=[*CLEAN.results, replace(stored(LETTER), name="nobody.entities.json")])
    assert breaches(judged(extra)) == [("nobody.entities.json", "wrong")]


def test_report_with_other_reason_is_wrong() -> None:
    other = edited(stored(UNREADABLE), lambda body: body["error"].update(code="TooLarge"))
    assert breaches(judged(with_results(other, of=UNREADABLE))) == [(UNREADABLE.name, "wrong")]


def test_report_needs_all_promised_attempts() -> None:
    """A report is justified only by as many failed jobs as the app promises to try."""
    report = edited(stored(LETTER), lambda body: body.update(error={"code": "JobFailed"}))
    reported = with_results(replace(report, name=error_name(LETTER.name)), of=LETTER)
    assert breaches(judged(reported)) == [(LETTER.name, "wrong")]
    failed = [submission(LETTER.versions[0], fate="failed") for _ in range(MAX_SUBMISSIONS)]
    others = [entry for entry in LEDGER if entry != submission(LETTER.versions[0])]
    assert judged(replace(reported, ledger=[*others, *failed])).is_clean


def test_leftovers_break_promise() -> None:
    verdict = judged(replace(CLEAN, left_over={"job records": 1, "results of chunks": 0}))
    assert not verdict.is_clean
    assert verdict.left_over == {"job records": 1}


def test_submitting_everything_twice_breaks_promise() -> None:
    twice = [submission(version) for version in HEALTHY]
    verdict = judged(replace(CLEAN, ledger=[*LEDGER, *twice]))
    assert verdict.bill.per_dropped > 1.9
    assert not verdict.is_clean


def test_tenth_may_be_resubmitted() -> None:
    """Beside what was forced."""
    bill = Bill(dropped=1000, accepted=1130, failed=20, reply_cut=10)
    assert bill.bar == 1130
    assert bill.per_dropped == 1.1
    assert bill.per_dropped_strictly == 1.11


def test_small_run_may_lose_two_requests() -> None:
    assert Bill(dropped=70).bar == 70 + 50


@pytest.mark.parametrize("injected", [{"fate": "stuck"}, {"fate": "vanished"}, {"reply": "cut-after"}])
def test_forced_resubmissions_are_not_counted(injected: dict[str, str]) -> None:
    """What an injected failure forced to be sent again is not counted against the app."""
    failed = [{**submission(version), **injected} for version in HEALTHY]
    verdict = judged(replace(CLEAN, ledger=[*failed, *LEDGER]))
    assert verdict.is_clean
    forced_by_poison = len(POISONOUS) * (MAX_SUBMISSIONS - 1)
    assert verdict.bill.forced == verdict.bill.dropped - len(POISONOUS) + forced_by_poison


def test_usable_odd_reply_forces_nothing() -> None:
    usable = [submission(version, reply="foreign-location") for version in HEALTHY]
    assert not judged(replace(CLEAN, ledger=[*usable, *LEDGER])).is_clean


@pytest.mark.parametrize(("times", "is_clean"), [(MAX_SUBMISSIONS - 1, True), (MAX_SUBMISSIONS, False)])
def test_no_version_is_billed_seven_times(times: int, is_clean: bool) -> None:
    version = LETTER.versions[0]
    again = [submission(version) for _ in range(times)]
    verdict = judged(replace(CLEAN, ledger=[*LEDGER, *again]))
    assert verdict.count("billed") == (not is_clean)


def test_poison_report_blames_document() -> None:
    other = edited(stored(POISONED_DOCUMENT), lambda body: body["error"].update(fault="service"))
    assert breaches(judged(with_results(other, of=POISONED_DOCUMENT))) == [(POISONED_DOCUMENT.name, "wrong")]
    early = replace(CLEAN, ledger=[*LEDGER[: -len(POISON_LEDGER)], *POISON_LEDGER[:1]])
    assert breaches(judged(early)) == [(POISONED_DOCUMENT.name, "wrong")]


def test_unreadable_entity_needs_warning() -> None:
    def lacks(body: dict[str, Any]) -> None:
        body["entities"].pop()
        body["warnings"].append({"code": "EntityUnreadable"})

    lacking = with_results(edited(stored(LETTER), lacks), of=LETTER)
    assert breaches(judged(lacking)) == [(LETTER.name, "wrong")]
    version = LETTER.versions[0]
    odd = submission(version, fate="odd-entity", job=f"job of {LETTER.name}")
    others = [entry for entry in LEDGER if entry != submission(version)]
    verdict = judged(replace(lacking, ledger=[*others, odd]))
    assert verdict.is_clean
    assert verdict.unreadable == 1
    silent = with_results(edited(stored(LETTER), lambda body: body["entities"].pop()), of=LETTER)
    assert breaches(judged(replace(silent, ledger=[*others, odd]))) == [(LETTER.name, "wrong")]


def test_unsafe_name_without_report_is_lost() -> None:
    name = PLAN.unsafe[0].name
    without = [one for one in CLEAN.results if one.name != refused_name(name)]
    assert breaches(judged(replace(CLEAN, results=without))) == [(name, "lost")]


def test_unknown_accepted_text_breaks_promise() -> None:
    unknown = {"fate": "ok", "reply": "ok", "documents": [{"sha256": "0" * 64}]}
    assert not judged(replace(CLEAN, ledger=[*LEDGER, unknown])).is_clean


def test_breach_says_what_happened() -> None:
    (breach,) = judged(with_results(of=LETTER)).breaches
    assert breach == Breach(LETTER.name, "lost", "it has no result")
