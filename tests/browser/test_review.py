"""Correcting: each way of it, undone and done again, by keyboard alone, by two people, over a lost connection."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, OpenPage, marks, turn
from tests.support.page_api import Document, PageApi

SOURCE = "[[Borrower:0.95|Ann Lee]] owes [[Amount:0.6|EUR 500]] to [[Lender:0.92|Old Bank]] and 🥐 Ann Lee pays on [[Date:0.5|3 May 2026]] at the Mill Lane."


@pytest.fixture
def first(api: PageApi) -> Document:
    document = api.done("first.txt", SOURCE)
    api.done("second.txt", "[[Borrower:0.65|Bob]] came.")
    return document


@pytest.fixture
def page(first: Document, open_page: OpenPage) -> Page:
    return reviewing(open_page(f"#/review/{first.id}"))


def reviewing(page: Page) -> Page:
    """The page once review of its document has begun."""
    expect(page.locator(".save")).to_have_text("Saved")
    return page


def saved(page: Page, document: Document) -> list[tuple[Any, ...]]:
    """The decisions as stored, once the page says that they are: (decision, category of the model, category, text)."""
    expect(page.locator(".save")).to_have_text("Saved")
    if document.corrections is None:
        return []
    text = document.text

    def words(span: dict[str, Any] | None) -> str | None:
        return span and text[span["offset"] : span["offset"] + span["length"]]

    return [
        (
            one["decision"],
            (one["modelEntity"] or {}).get("category"),
            (one["entity"] or {}).get("category"),
            words(one["entity"]),
        )
        for one in document.corrections["decisions"]
    ]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def current(page: Page) -> Any:
    return page.locator(".current .what")


def test_accept_by_key_goes_on(page: Page, first: Document) -> None:
    expect(current(page)).to_have_text("Ann Lee")
    press(page, "a")
    expect(current(page)).to_have_text("EUR 500")
    assert saved(page, first) == [("accepted", "Borrower", "Borrower", "Ann Lee")]
    stored = first.corrections
    assert stored is not None
    assert stored["document"] == {"name": "first.txt", "etag": first.etag}
    assert (stored["version"], stored["stringIndexType"], stored["status"], stored["reason"]) == (
        1,
        "UnicodeCodePoint",
        "open",
        None,
    )
    assert stored["decisions"][0]["by"] == "key" and stored["decisions"][0]["modelEntity"]["confidence"] == 0.95
    assert ("l1-0k", "Ann Lee") in marks(page)


def test_phone_leads_from_entity_to_its_review(first: Document, open_page: OpenPage) -> None:
    page = open_page(f"#/d/{first.id}?at=20", **PHONE)
    page.locator(".current").get_by_role("link", name="Review").click()
    reviewing(page)
    expect(current(page)).to_have_text("Old Bank")
    page.locator(".current").get_by_role("button", name="Reject").click()
    assert saved(page, first) == [("rejected", "Lender", None, None)]


def test_same_key_again_takes_it_back(page: Page, first: Document) -> None:
    press(page, "x", "k", "x")
    assert saved(page, first) == []
    expect(current(page)).to_have_text("Ann Lee")


def test_reject(page: Page, first: Document) -> None:
    press(page, "x")
    assert saved(page, first) == [("rejected", "Borrower", None, None)]
    assert marks(page, "rejected") == [("rejected", "Ann Lee")]


def test_category_by_key(page: Page, first: Document) -> None:
    press(page, "2")
    assert saved(page, first) == [("changed", "Borrower", "Lender", "Ann Lee")]
    expect(page.locator("#toast")).to_contain_text("“Ann Lee” is now Lender, was Borrower")
    press(page, "1")
    assert saved(page, first) == [("accepted", "Borrower", "Borrower", "Ann Lee")]


def test_category_by_picker(page: Page, first: Document) -> None:
    press(page, "c")
    page.get_by_role("dialog").get_by_role("searchbox").fill("guar")
    page.keyboard.press("Enter")
    assert saved(page, first) == [("changed", "Borrower", "Guarantor", "Ann Lee")]


def test_span_by_words_and_characters(page: Page, first: Document) -> None:
    press(page, "m", "ArrowRight", "Enter")
    assert saved(page, first) == [("changed", "Borrower", "Borrower", "Ann Lee owes")]
    press(page, "m", "m", "ArrowLeft", "ArrowLeft", "Shift+ArrowRight", "Enter")
    assert saved(page, first) == [("changed", "Borrower", "Borrower", "nn Lee ow")]
    press(page, "m", "ArrowRight", "Escape")
    assert saved(page, first)[0][3] == "nn Lee ow"


def test_add_by_keyboard(page: Page, first: Document) -> None:
    press(page, "n")
    expect(current(page)).to_have_text("owes")
    press(page, "ArrowRight", "ArrowLeft", "Shift+ArrowRight", "9")
    assert saved(page, first) == [("added", None, "Collateral", "owes EUR")]
    press(page, "x")
    assert saved(page, first) == []


def test_add_by_selection_snaps_to_words(page: Page, first: Document) -> None:
    page.evaluate("""() => {
      const node = document.querySelector('article p').firstChild;
      const at = node.data.indexOf('ill La');
      getSelection().setBaseAndExtent(node, at, node, at + 6);
      document.querySelector('.text-scroll').dispatchEvent(new PointerEvent('pointerup', { bubbles: true }));
    }""")
    expect(current(page)).to_have_text("Mill Lane")
    press(page, "7")
    assert saved(page, first) == [("added", None, "Address", "Mill Lane")]


def test_same_everywhere_is_one_step(page: Page, first: Document) -> None:
    press(page, "a", "d")
    assert saved(page, first) == [
        ("accepted", "Borrower", "Borrower", "Ann Lee"),
        ("added", None, "Borrower", "Ann Lee"),
    ]
    assert first.corrections is not None and first.corrections["decisions"][1]["entity"]["offset"] == first.text.rindex(
        "Ann Lee"
    )
    press(page, "z")
    assert saved(page, first) == [("accepted", "Borrower", "Borrower", "Ann Lee")]


def test_accept_all_above_slider(page: Page, first: Document) -> None:
    expect(page.get_by_role("button", name="Accept all 2 above")).to_be_visible()
    press(page, "t")
    assert [one[1] for one in saved(page, first)] == ["Borrower", "Lender"]
    page.get_by_role("slider").fill("0.55")
    page.get_by_role("button", name="Accept all 1 above").click()
    assert [one[1] for one in saved(page, first)] == ["Borrower", "Amount", "Lender"]


def test_undo_and_redo(page: Page, first: Document) -> None:
    press(page, "a", "x", "2")
    every = saved(page, first)
    assert len(every) == 3
    press(page, "z", "Control+z")
    assert saved(page, first) == every[:1]
    press(page, "Shift+Z", "Shift+Z")
    assert saved(page, first) == every
    press(page, "z", "z", "z")
    assert saved(page, first) == []
    press(page, "z")
    expect(page.locator("#toast")).to_have_text("Nothing to undo")


def test_toggles_in_the_list(page: Page, first: Document) -> None:
    page.get_by_role("button", name="Reject Old Bank").click()
    expect(page.get_by_role("button", name="Reject Old Bank")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Accept EUR 500").click()
    assert saved(page, first) == [("accepted", "Amount", "Amount", "EUR 500"), ("rejected", "Lender", None, None)]


def test_accept_rest_and_next_by_keyboard_alone(api: PageApi, first: Document, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("tbody tr")).to_have_count(2)
    press(page, "r")
    expect(page.locator(".doc-title h1")).to_have_text("first.txt")
    expect(page.get_by_role("button", name="Accept 4 and next")).to_be_visible()
    press(page, "x", "Enter")
    expect(page.locator(".doc-title h1")).to_have_text("second.txt")
    assert first.corrections is not None
    assert (first.corrections["status"], [one["decision"] for one in first.corrections["decisions"]]) == (
        "reviewed",
        ["rejected", "accepted", "accepted", "accepted"],
    )
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()
    expect(page.locator("main")).to_contain_text("You decided 2 documents; entities corrected: 1.")
    assert api.documents["second.txt"].reviewed


def test_undo_reaches_the_last_document(page: Page, first: Document) -> None:
    press(page, "a", "Enter")
    expect(page.locator(".doc-title h1")).to_have_text("second.txt")
    press(page, "z")
    expect(page.locator(".doc-title h1")).to_have_text("first.txt")
    assert saved(page, first) == [("accepted", "Borrower", "Borrower", "Ann Lee")]
    assert first.corrections is not None and first.corrections["status"] == "open"


@pytest.mark.parametrize(("key", "status"), [("s", "skipped"), ("f", "flagged")])
def test_put_aside_with_reason(page: Page, first: Document, key: str, status: str) -> None:
    press(page, key)
    page.get_by_label("A category is missing in the model").check()
    page.get_by_label("Note (optional)").fill("no fee")
    page.get_by_role("dialog").get_by_role("button", name="and next").click()
    expect(page.locator(".doc-title h1")).to_have_text("second.txt")
    assert first.corrections is not None
    assert (first.corrections["status"], first.corrections["reason"]) == (status, "missing: no fee")


def test_suggestions_can_be_hidden(page: Page, first: Document) -> None:
    press(page, "h")
    assert marks(page, "l") == []
    expect(page.locator("#accept-next")).to_contain_text("Save and next")
    press(page, "h")
    assert len(marks(page, "l")) == 4


def test_two_people_merge_what_does_not_clash(page: Page, first: Document, open_page: OpenPage) -> None:
    other = reviewing(open_page(f"#/review/{first.id}"))
    press(page, "a")
    saved(page, first)
    other.get_by_role("button", name="Reject Old Bank").click()
    expect(other.locator("#toast")).to_contain_text("Someone else saved 1 decision here; both are kept")
    assert saved(other, first) == [("accepted", "Borrower", "Borrower", "Ann Lee"), ("rejected", "Lender", None, None)]


@pytest.mark.parametrize(
    ("choice", "decision"), [("Take theirs", "accepted"), ("Take mine", "rejected"), ("Go through both", None)]
)
def test_two_people_who_differ_are_asked(
    page: Page, first: Document, open_page: OpenPage, choice: str, decision: str | None
) -> None:
    other = reviewing(open_page(f"#/review/{first.id}"))
    press(page, "a")
    saved(page, first)
    press(other, "x")
    expect(other.get_by_role("dialog")).to_contain_text("Someone else saved this document")
    expect(other.get_by_role("dialog").get_by_role("row", name="Ann Lee")).to_contain_text("Accepted")
    other.get_by_role("button", name=choice).click()
    expect(other.get_by_role("dialog")).to_have_count(0)
    found = [one[0] for one in saved(other, first)]
    assert found == ([decision] if decision else [])


def test_lost_connection_loses_nothing(api: PageApi, page: Page, first: Document) -> None:
    expect(page.locator(".save")).to_have_text("Saved")
    api.stop()
    press(page, "a", "x")
    expect(page.locator("#toast")).to_contain_text("Not saved: no connection")
    assert first.corrections is None
    api.start()
    page.locator("#toast").get_by_role("button", name="Try now").click()
    assert [one[0] for one in saved(page, first)] == ["accepted", "rejected"]


def test_replaced_document_is_told(api: PageApi, page: Page, first: Document) -> None:
    press(page, "a")
    saved(page, first)
    newer = api.done("first.txt", SOURCE)
    press(page, "x")
    expect(page.locator(".notice")).to_contain_text("A newer version of this document was dropped.")
    page.locator(".notice").get_by_role("button", name="Show it").click()
    expect(page.locator(".save")).to_have_text("Saved")
    assert newer.corrections is None
    assert [name for name, _, _ in api.kept_apart] == ["first.txt"]
    press(page, "a")
    assert len(saved(page, newer)) == 1


def test_new_version_is_noticed(api: PageApi, page: Page) -> None:
    api.done("first.txt", "New")
    turn(page)
    expect(page.locator(".notice")).to_contain_text("A newer version")


def test_reload_shows_what_was_decided(page: Page, first: Document) -> None:
    press(page, "a", "x", "2", "n", "9")
    before = saved(page, first)
    page.reload()
    reviewing(page)
    expect(page.locator(".progress")).to_contain_text("4 of 5 decided")
    press(page, "a")
    assert {one[0] for one in saved(page, first)} >= {one[0] for one in before}
    assert len(saved(page, first)) == 5


def test_single_keys_can_be_switched_off(page: Page, first: Document) -> None:
    press(page, "?")
    page.get_by_role("switch", name="Single keys on").uncheck()
    page.get_by_role("button", name="Close").click()
    press(page, "a")
    assert saved(page, first) == []
    page.locator(".current").get_by_role("button", name="Accept").click()
    assert len(saved(page, first)) == 1


def test_keys_of_categories_can_be_changed(page: Page, first: Document) -> None:
    page.get_by_role("button", name="Change keys").click()
    page.get_by_label("Key of Guarantor").fill("a")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("dialog")).to_contain_text("A is taken by a command.")
    page.get_by_label("Key of Guarantor").fill("u")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".legend label", has_text="Guarantor").locator(".chip")).to_have_text("U")
    press(page, "u")
    assert saved(page, first) == [("changed", "Borrower", "Guarantor", "Ann Lee")]
