"""The page on the whole product: uploads by SAS, results of the service, corrections in storage.

Each test has documents of its own; the storage is shared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from functions.core.results import entities_name
from functions.labels.naming import training_name
from functions.text.offsets import Ruler
from functions.web.document_ids import id_of
from local.process import ROOT
from local.stack import Stack
from tests.browser.conftest import OpenPage, marks, opened
from tests.browser.test_uploads import drop, row
from tests.support.app_on_hosts import Containers, eventually

SAMPLES = ROOT / "samples" / "drop" / "files"
FIVE = ["agreement-kayaks.pdf", "branch-notes.md", "completion-kolbe.eml", "loans-sold.xlsx", "offer-bakery.docx"]
MARKUP = "<img src=x onerror=alert(1)>"
LETTER = (
    "Loan number TC-0433: Tarrant Community Credit Union lent £600 to Rhiannon Vale at 3%.\n"
    f"Rhiannon Vale wrote {MARKUP} into it. 🥐 Rhiannon Vale agrees.\n"
)
NAMES = [
    f"{MARKUP}.txt",
    "n" * 896 + ".txt",
    "loans/haifa/אישור הלוואה – חיפה.txt",
    "mail/🏠🎉 RE: your 🥐 offer.txt",
]
DONE = re.compile("Done|Needs review")
ENDED_MS = 120_000

pytestmark = pytest.mark.timeout(600)


def ended(page: Page, name: str, state: re.Pattern[str] | str = DONE) -> None:
    expect(row(page, name)).to_contain_text(state, timeout=ENDED_MS)


def on_one_line(text: str) -> str:
    return re.sub(r"[\r\n]", "", text)


def review(page: Page, page_url: str, name: str) -> None:
    page.goto(f"{page_url}/#/review/{id_of(name)}")
    page.reload()
    saved(page)


def saved(page: Page) -> None:
    expect(page.locator(".save")).to_have_text("Saved")


def stored(containers: Containers, name: str) -> dict[str, Any]:
    return containers.result(f"{name}.corrections.json") or {"decisions": [], "status": None}


def decided(page: Page, containers: Containers, name: str) -> list[tuple[str, str | None, str]]:
    """The decisions in storage once the page says that they are saved: (decision, category, text)."""
    saved(page)
    text = page.request.get(f"{page.url.partition('#')[0]}api/documents/{id_of(name)}/text").text()

    def words(one: dict[str, Any]) -> str:
        span = one["entity"] or one["modelEntity"]
        return text[span["offset"] : span["offset"] + span["length"]]

    decisions = stored(containers, name)["decisions"]
    return [(one["decision"], one["entity"] and one["entity"]["category"], words(one)) for one in decisions]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.parametrize("names", [FIVE, NAMES], ids=["formats", "names"])
def test_from_drop_to_labels(
    open_page: OpenPage, page_url: str, stack: Stack, containers: Containers, names: Sequence[str]
) -> None:
    page = open_page()
    drop(page, *[(name.rpartition("/")[2], _content(name)) for name in names])
    files = [name.rpartition("/")[2] for name in names]
    for file in files:
        ended(page, file)
    for file in files:
        _compare_marks(page, containers, file)
    _filter(page, files[0])
    _correct_every_way(page, page_url, containers, files[-1])
    _review_by_keyboard(page, page_url, containers, files)
    _compare_labels(page, page_url, containers, files)


def _content(name: str) -> bytes:
    return (SAMPLES / name).read_bytes() if name in FIVE else LETTER.encode()


def _compare_marks(page: Page, containers: Containers, name: str) -> None:
    """Open a document from the list: what is marked and listed is what the JSON in storage says."""
    row(page, name).get_by_role("link").first.click()
    opened(page)
    expect(page.locator("h1 bdi")).to_have_text(name)
    result = containers.result(entities_name(name))
    assert result is not None and result["entities"]
    found = sorted(on_one_line(text) for _, text in marks(page))
    assert found == sorted(on_one_line(one["text"]) for one in result["entities"])
    told = page.locator(".entity-list .row .where").all_inner_texts()
    places = [one.get("location") for one in result["entities"]]
    assert [bool(words) for words in told] == [bool(place) for place in places]
    for words, place in zip(told, places, strict=True):
        assert all(str(value) in words for value in (place or {}).values())
    assert page.locator("article img").count() == 0
    page.get_by_role("link", name="Back to the list").click()


def _filter(page: Page, name: str) -> None:
    count = page.locator("tbody tr:not([hidden])")
    expect(count.first).to_be_visible()
    page.get_by_role("searchbox").fill(name[:300])
    page.keyboard.press("Enter")
    expect(count).to_have_count(1)
    row(page, name).get_by_role("link").first.click()
    everything = len(marks(opened(page)))
    box = page.locator(".legend label").first
    box.click()
    assert len(marks(page)) < everything
    box.click()
    page.get_by_role("slider").fill("1")
    expect(page.get_by_role("button", name="less sure")).to_be_visible()


def _correct_every_way(page: Page, page_url: str, containers: Containers, name: str) -> None:
    """Each way of deciding, in storage as decided; then all of it undone and done again."""
    review(page, page_url, name)
    texts = page.locator(".entity-list .row bdi.what").all_inner_texts()
    first = page.locator(".current .what")

    def look() -> list[tuple[str, str | None, str]]:
        return decided(page, containers, name)

    press(page, "a")
    assert [one[0] for one in look()] == ["accepted"]
    press(page, "x")
    assert [one[0] for one in look()] == ["accepted", "rejected"]
    was = page.locator(".current .kind").inner_text()
    keys = page.locator(".legend li", has_not_text=was).locator(".chip").all_inner_texts()
    press(page, keys[0])
    (changed,) = [one for one in look() if one[0] == "changed"]
    assert changed[1] != was and changed[2] == texts[2]
    press(page, "j", "m", "m", "Shift+ArrowRight", "Enter")
    expect(first).to_have_text(texts[3][1:])
    assert ("changed", texts[3][1:]) in [(one[0], one[2]) for one in look()]
    press(page, "n", "Shift+ArrowRight", keys[0])
    assert [one[0] for one in look()].count("added") == 1
    press(page, "d")
    page.get_by_role("slider").fill("0")
    press(page, "t")
    every = look()
    assert {one[0] for one in every} == {"accepted", "rejected", "changed", "added"}
    steps = 7 if len(every) > len(texts) + 1 else 6
    for _ in range(steps):
        press(page, "z")
    assert look() == []
    for _ in range(steps):
        press(page, "Shift+Z")
    assert look() == every


def _review_by_keyboard(page: Page, page_url: str, containers: Containers, names: Sequence[str]) -> None:
    page.goto(f"{page_url}/#/")
    page.reload()
    expect(page.locator("tbody tr").first).to_be_visible()
    press(page, "r")
    title = page.locator("h1")
    while (heading := title.inner_text()) != "Nothing left to review":
        if page.locator(".save").count():
            saved(page)
            press(page, "Enter")
        expect(title).not_to_have_text(heading)
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()
    for name in names:
        result = containers.result(entities_name(name))
        assert result is not None
        corrections = stored(containers, name)
        assert corrections["status"] == "reviewed"
        assert sum(one["modelEntity"] is not None for one in corrections["decisions"]) == len(result["entities"])


def _compare_labels(page: Page, page_url: str, containers: Containers, names: Sequence[str]) -> None:
    """The export of the page has exactly what is in the corrections."""
    page.goto(f"{page_url}/#/")
    page.reload()
    page.get_by_text("Export labels").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Language Studio", exact=False).first.click()
    labels = json.loads(Path(download.value.path()).read_text("utf-8"))
    by_location = {one["location"]: one for one in labels["assets"]["documents"]}
    for name in names:
        corrections = stored(containers, name)
        text = page.request.get(f"{page_url}/api/documents/{id_of(name)}/text").text()
        ruler = Ruler(text, labels["stringIndexType"])
        kept = [one["entity"] for one in corrections["decisions"] if one["decision"] != "rejected"]
        expected = sorted((one["category"], one["offset"]) for one in kept)
        document = by_location[training_name(name)]
        found = [label for region in document["entities"] for label in region["labels"]]
        assert sorted((one["category"], ruler.to_code_point(one["offset"])) for one in found) == expected


def test_failed_document_is_replayed(open_page: OpenPage, page_url: str, stack: Stack, containers: Containers) -> None:
    name = f"refused {MARKUP}.txt"
    stack.language.admin("PUT", "faults", {"refusedTexts": ["refuse this"]})
    page = open_page()
    drop(page, (name, f"{LETTER} refuse this"))
    ended(page, name, "Failed")
    row(page, name).get_by_role("link", name="Why did").click()
    expect(page.locator("h1 bdi")).to_have_text(name)
    error = containers.error(name)
    expect(page.locator("dl code").first).to_have_text(error["error"]["code"])
    assert page.locator("main img").count() == 0
    stack.language.admin("PUT", "faults", {"refusedTexts": []})
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator("article p").first).to_be_visible(timeout=ENDED_MS)
    page.goto(f"{page_url}/#/")
    ended(page, name)


def test_two_browsers_on_one_document(open_page: OpenPage, page_url: str, containers: Containers) -> None:
    name = "two browsers.txt"
    first = open_page()
    drop(first, (name, LETTER))
    ended(first, name)
    review(first, page_url, name)
    second = open_page(f"#/review/{id_of(name)}")
    saved(second)
    press(first, "a")
    decided(first, containers, name)
    press(second, "j", "x")
    expect(second.locator("#toast")).to_contain_text("Someone else saved 1 decision here; both are kept")
    assert [one[0] for one in decided(second, containers, name)] == ["accepted", "rejected"]
    press(first, "k")
    first.locator(".entity-list .row").nth(1).click()
    press(first, "a")
    expect(first.get_by_role("dialog")).to_contain_text("Someone else saved this document")
    first.get_by_role("button", name="Take mine").click()
    eventually(
        lambda: [one["decision"] for one in stored(containers, name)["decisions"]] == ["accepted", "accepted"],
        "the decision that was taken",
    )


def test_stopped_host_loses_nothing(open_page: OpenPage, page_url: str, stack: Stack, containers: Containers) -> None:
    name = "stopped.txt"
    page = open_page()
    drop(page, (name, LETTER))
    ended(page, name)
    review(page, page_url, name)
    press(page, "a")
    saved(page)
    stack.hosts[0].stop()
    press(page, "x")
    expect(page.locator("#toast")).to_contain_text("Not saved: no connection")
    expect(page.locator(".notice")).to_contain_text("The app does not answer.")
    assert len(stored(containers, name)["decisions"]) == 1
    stack.hosts[0].start()
    page.locator("#toast").get_by_role("button", name="Try now").click()
    expect(page.locator(".save")).to_have_text("Saved", timeout=60_000)
    assert [one[0] for one in decided(page, containers, name)] == ["accepted", "rejected"]
    expect(page.locator(".notice")).to_have_count(0)
    page.goto(f"{page_url}/#/")
    expect(row(page, name)).to_contain_text(DONE)
