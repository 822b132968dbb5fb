"""Pages of the date-versioned API (docs/language-api.md 3)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.local.language_service.material import ENDPOINT, NEW_LETTER, Caller, documents, entity_task


def ids(body: dict[str, Any], task: int = 0) -> list[str]:
    return [one["id"] for one in body["tasks"]["items"][task]["results"]["documents"]]


def test_page_holds_20_documents(caller: Caller) -> None:
    submitted = caller.submit(*[NEW_LETTER] * 23, version="2022-10-01-preview")
    first = caller.finished(submitted)
    assert ids(first) == [str(n) for n in range(20)]
    job = first["jobId"]
    assert first["nextLink"] == (
        f"{ENDPOINT}/language/analyze-text/jobs/{job}?showStats=False&top=3&skip=20&api-version=2022-10-01-preview"
    )
    second = caller.session.get(first["nextLink"], timeout=60).json()
    assert ids(second) == ["20", "21", "22"]
    assert "nextLink" not in second
    assert {key: first[key] for key in first if key not in ("tasks", "nextLink")} == {
        key: second[key] for key in second if key != "tasks"
    }


def test_20_documents_are_one_page(caller: Caller) -> None:
    body = caller.finished(caller.submit(*[NEW_LETTER] * 20))
    assert len(ids(body)) == 20
    assert "nextLink" not in body


def test_every_task_has_same_pages(caller: Caller) -> None:
    submitted = caller.submit(*[NEW_LETTER] * 25, tasks=[entity_task("0"), entity_task("1")])
    first = caller.finished(submitted)
    second = caller.session.get(first["nextLink"], timeout=60).json()
    for task in (0, 1):
        assert ids(first, task) + ids(second, task) == [str(n) for n in range(25)]


def test_top_and_skip_choose_page(caller: Caller) -> None:
    submitted = caller.submit(*[NEW_LETTER] * 10)
    page = caller.finished(submitted, "&top=4&skip=3&showStats=true")
    assert ids(page) == ["3", "4", "5", "6"]
    assert "showStats=True&top=3&skip=7&" in page["nextLink"]
    rest = caller.session.get(page["nextLink"], timeout=60).json()
    assert ids(rest) == ["7", "8", "9"]
    assert rest["tasks"]["items"][0]["results"]["statistics"]["documentsCount"] == 10
    assert ids(caller.finished(submitted, "&skip=99")) == []


def test_unfinished_job_has_no_pages(caller: Caller) -> None:
    submitted = caller.submit(*[NEW_LETTER] * 25)
    assert "nextLink" not in caller.follow(submitted, seconds=0.5).json()


@pytest.mark.parametrize(("where", "pages"), [("first", [1, 0]), ("last", [0, 1]), ("every", [1, 1])])
def test_document_error_page_is_switch(make_caller: Callable[..., Caller], where: str, pages: list[int]) -> None:
    caller = make_caller(errors_page=where)
    first = caller.finished(caller.submit(docs=[*documents(*[NEW_LETTER] * 21), {"id": "bad", "text": ""}]))
    second = caller.session.get(first["nextLink"], timeout=60).json()
    found = [len(body["tasks"]["items"][0]["results"]["errors"]) for body in (first, second)]
    assert found == pages
    assert ids(first) + ids(second) == [str(n) for n in range(21)]
