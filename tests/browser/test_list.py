"""Finding documents, and rows that change by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, opened, turn
from tests.support.page_api import PageApi, document_id

HOSTILE = "<img src=x onerror=alert(1)>"
NAMES = [
    f"{HOSTILE}.txt",
    "n" * 896 + ".txt",
    "loans/haifa/אישור הלוואה – חיפה.docx",
    "🏠🎉 – two.eml",
    "a/b/%2e%2e/c d+e&f=g#h?i.txt",
    "  spaced  .txt",
]


@pytest.fixture
def several(api: PageApi) -> PageApi:
    api.done("loans/one.txt", "[[Borrower:0.9|Ann]]")
    api.done("loans/two.txt", "[[Borrower:0.5|Bob]]")
    api.failed("archive/big.txt", "TooLarge", "The document has 24 bytes; the limit is 10.", "Split it.")
    api.failed("archive/locked.pdf", "ProtectedFile", "The file is protected.", "Save a copy.")
    api.put("new.txt", "x")
    return api


def shown(page: object) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('tbody tr:not([hidden]) .name')].map((name) => name.title)")  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("#/?state=failed", {"archive/big.txt", "archive/locked.pdf"}),
        ("#/?state=failed&code=TooLarge", {"archive/big.txt"}),
        ("#/?review=true", {"loans/two.txt"}),
        ("#/?prefix=loans/", {"loans/one.txt", "loans/two.txt"}),
        ("#/?name=LOCK", {"archive/locked.pdf"}),
        ("#/?state=waiting", {"new.txt"}),
    ],
)
def test_address_says_filter(several: PageApi, open_page: OpenPage, address: str, names: set[str]) -> None:
    page = open_page(address)
    expect(page.locator("tbody tr")).to_have_count(len(names))
    assert set(shown(page)) == names


def test_counts_are_the_filter(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("navigation", name="Filter by state").get_by_role("link", name="Failed 2").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator(".count[aria-current]")).to_have_text("Failed 2")
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(5)


def test_search_by_key_and_clear(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.keyboard.press("/")
    page.keyboard.type("nothing of this name")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No document matches")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator("tbody tr")).to_have_count(5)


def test_pages_of_a_hundred(api: PageApi, open_page: OpenPage) -> None:
    now = datetime.now(UTC)
    for n in range(230):
        api.done(f"{n:03}.txt", "x", changed=now - timedelta(seconds=n))
    page = open_page()
    expect(page.locator("tbody tr")).to_have_count(100)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr").first).to_contain_text("100")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr")).to_have_count(30)
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("tbody tr").first).to_contain_text("000")


def test_new_rows_wait_while_focused(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("link", name="one.txt").focus()
    several.put("later.txt", "x")
    turn(page)
    page.get_by_role("button", name="1 new").click()
    expect(page.locator("tbody tr").first).to_contain_text("later.txt")


def test_click_and_focus_hold_while_counts_change(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    counts = page.get_by_role("navigation", name="Filter by state")
    failed = counts.get_by_role("link", name="Failed 2")
    failed.hover()
    page.mouse.down()
    several.put("later.txt", "x")
    turn(page)
    expect(counts).to_contain_text("All 6")
    page.mouse.up()
    expect(page.locator("tbody tr")).to_have_count(2)
    failed.focus()
    several.put("last.txt", "x")
    turn(page)
    expect(counts).to_contain_text("All 7")
    expect(failed).to_be_focused()


def test_bars_of_the_status_follow_their_numbers(several: PageApi, open_page: OpenPage) -> None:
    page = open_page("#/status")
    bar = page.locator(".budget .bar > span").first
    expect(bar).to_be_visible()
    several.resources[0] = {**several.resources[0], "requestsInUse": 750, "requestsPerMinute": 1000}
    turn(page)
    expect(page.locator(".budget")).to_contain_text("750")
    assert bar.evaluate("(bar) => bar.style.getPropertyValue('--share')") == "0.75"


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_shown_as_it_is(api: PageApi, open_page: OpenPage, name: str) -> None:
    document = api.done(name, f"{HOSTILE} by [[<b>Cat</b>:0.6|{HOSTILE}]]")
    api.categories = []
    page = open_page()
    file = name.rpartition("/")[2]
    link = page.locator("tbody a.name")
    assert link.text_content() == file
    assert link.get_attribute("aria-label") == file
    link.click()
    opened(page)
    assert document.id in page.url
    assert page.locator("h1 bdi").text_content() == file
    expect(page.locator("article p")).to_have_text(f"{HOSTILE} by {HOSTILE}")
    expect(page.locator(".entity-list .kind")).to_have_text("<b>Cat</b>")
    assert page.evaluate("document.querySelectorAll('main img, main b > b').length") == 0


def test_hostile_error_is_text(api: PageApi, open_page: OpenPage) -> None:
    document = api.failed(f"{HOSTILE}.txt", HOSTILE, HOSTILE, HOSTILE)
    document.service_message = HOSTILE
    page = open_page(f"#/d/{document.id}")
    expect(page.locator(".what h2")).to_have_text("This document could not be worked on")
    expect(page.locator(".words code")).to_have_text(HOSTILE)
    expect(page.locator("main img")).to_have_count(0)


def test_failed_document_is_replayed(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Why did big.txt fail?").click()
    expect(page.get_by_role("heading", name="The file is too large")).to_be_visible()
    expect(page.locator(".split aside li")).to_have_count(2)
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator("#toast")).to_contain_text("big.txt is worked on again")
    assert several.documents["archive/big.txt"].state == "waiting"
    expect(page.get_by_role("heading", name="big.txt")).to_be_visible()


def test_new_version_takes_the_documents_name(several: PageApi, open_page: OpenPage) -> None:
    page = open_page(f"#/d/{document_id('archive/locked.pdf')}")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Drop a new version").click()
    chooser.value.set_files([{"name": "unlocked copy.pdf", "mimeType": "application/pdf", "buffer": b"EUR 500"}])
    expect(page.locator("tbody tr:not([hidden])", has_text="locked.pdf")).to_contain_text("Waiting")
    assert several.documents["archive/locked.pdf"].content == b"EUR 500"


def test_partly_failed_document_says_why(api: PageApi, open_page: OpenPage) -> None:
    document = api.done("a.txt", "[[Borrower:0.9|Ann]]")
    document.problem = {
        "code": "X",
        "message": "The task failed. More.",
        "help": "Replay it.",
        "fault": "service",
        "canReplay": True,
    }
    page = opened(open_page(f"#/d/{document.id}"))
    page.get_by_role("button", name="The task failed.").click()
    expect(page.get_by_role("dialog")).to_contain_text("Replay it.")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("#toast")).to_contain_text("worked on again")


def test_failures_of_one_cause_are_replayed(several: PageApi, open_page: OpenPage) -> None:
    page = open_page(f"#/d/{document_id('archive/big.txt')}")
    page.get_by_role("button", name="Too large 1").click()
    page.get_by_role("button", name="Replay all 1").click()
    expect(page.locator("#toast")).to_contain_text("1 document is worked on again")
    assert several.documents["archive/locked.pdf"].state == "failed"


def test_stopped_app_is_told_and_comes_back(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("tbody tr")).to_have_count(5)
    several.stop()
    turn(page)
    expect(page.locator(".notice")).to_contain_text("The app does not answer.")
    expect(page.locator("tbody tr")).to_have_count(5)
    several.put("meanwhile.txt", "x")
    several.start()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    expect(page.locator(".notice")).to_have_count(0)


def test_key_is_asked_and_kept_for_the_tab(api: PageApi, open_page: OpenPage) -> None:
    api.access, api.key = "key", "right"
    api.done("one.txt", "x")
    page = open_page()
    field = page.get_by_label("Access key", exact=True)
    field.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("This key was not accepted")
    field.fill("right")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.evaluate("[JSON.stringify({...sessionStorage}), JSON.stringify({...localStorage})]") == [
        '{"access-key":"right"}',
        "{}",
    ]
    assert "right" not in page.url
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_key_that_is_withdrawn_is_asked_again(api: PageApi, open_page: OpenPage) -> None:
    api.access, api.key = "key", "right"
    api.done("one.txt", "x")
    page = open_page()
    page.get_by_label("Access key", exact=True).fill("right")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    api.key = "other"
    turn(page)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Access key", exact=True).fill("other")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_language_and_theme_are_remembered(several: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("tbody tr").first).to_be_visible()  # By then the page listens.
    page.get_by_label("Language").select_option("de")
    expect(page.locator("h1")).to_have_text("Dokumente")
    page.get_by_role("button", name="Dunkel oder hell").click()
    page.reload()
    expect(page.locator("h1")).to_have_text("Dokumente")
    assert page.evaluate(
        "[document.documentElement.lang, document.documentElement.dataset.theme, Object.keys(localStorage)]"
    ) == ["de", "dark", ["preferences"]]


def test_labels_are_exported_with_filter(several: PageApi, open_page: OpenPage) -> None:
    page = open_page("#/?prefix=loans/")
    page.get_by_text("Export labels").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="doccano").click()
    assert download.value.suggested_filename == "labels.jsonl"
