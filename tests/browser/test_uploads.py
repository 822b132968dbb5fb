"""Dropping files: from the first visit to rows that change by themselves."""

from __future__ import annotations

import base64
import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, turn
from tests.support.page_api import PageApi

LETTER = "Loan TC-2026-1 of EUR 12,000 at 4.1 % to Mr Adeyemi, 3 March 2026."

DROP = """([files, folder]) => {
  const data = new DataTransfer();
  for (const [name, content, type] of files) {
    data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
  }
  const event = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


def drop(page: Page, *files: tuple[str, bytes | str]) -> None:
    """Drop files on the page, as a person does."""
    expect(page.locator("h1").first).to_be_visible()
    sent: list[Any] = []
    for name, content in files:
        data = content.encode() if isinstance(content, str) else content
        sent.append([name, base64.b64encode(data).decode(), "application/octet-stream"])
    page.evaluate(DROP, [sent, None])


def row(page: Page, name: str) -> Any:
    return page.locator("tbody tr:not([hidden])", has=page.locator(f'[title="{name}"]'))


def test_five_files_become_done(api: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()
    files = [
        ("letter.txt", LETTER),
        ("offer.md", "# Offer\nEUR 500"),
        ("plan.csv", "a;b\n1;EUR 20"),
        ("mail.eml", "Subject: x\n\nMr Adeyemi"),
        ("empty.txt", ""),
    ]
    drop(page, *files)
    for name, _ in files:
        expect(row(page, name)).to_contain_text("Waiting")
    api.work(steps=1)
    expect(row(page, "letter.txt")).to_contain_text("Running")
    api.work(steps=1)
    for name, _ in files[:4]:
        expect(row(page, name)).to_contain_text(re.compile("Done|Needs review"))
    expect(row(page, "letter.txt")).to_contain_text("+3 more")
    expect(row(page, "empty.txt")).to_contain_text("Failed")
    expect(row(page, "empty.txt")).to_contain_text("Empty")
    assert {name: document.content for name, document in api.documents.items()} == {
        name: content.encode() for name, content in files
    }


def test_existing_name_asks_first(api: PageApi, open_page: OpenPage) -> None:
    api.done("note.txt", "old")
    page = open_page()
    drop(page, ("note.txt", "new"))
    expect(page.get_by_text("Exists already")).to_be_visible()
    assert api.documents["note.txt"].content == b"old"
    page.get_by_role("button", name="Keep old: note.txt").click()
    expect(page.get_by_text("Exists already")).to_be_hidden()
    assert api.documents["note.txt"].content == b"old"
    drop(page, ("note.txt", "new"))
    page.get_by_role("button", name="Replace: note.txt").click()
    expect(row(page, "note.txt")).to_contain_text("Waiting")
    assert api.documents["note.txt"].content == b"new"


def test_several_existing_names_ask_once(api: PageApi, open_page: OpenPage) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        api.done(name, "old")
    page = open_page()
    drop(page, ("a.txt", "1"), ("b.txt", "2"), ("c.txt", "3"), ("d.txt", "4"))
    expect(page.get_by_role("dialog")).to_contain_text("3 of these files exist already")
    expect(page.get_by_role("button", name="Keep the old ones")).to_be_focused()
    page.get_by_role("button", name="Replace 3").click()
    expect(page.locator("tbody tr", has_text="Waiting")).to_have_count(4)
    assert sorted(document.content for document in api.documents.values()) == [b"1", b"2", b"3", b"4"]


def test_broken_upload_resumes(api: PageApi, open_page: OpenPage) -> None:
    api.done("first.txt", "x")
    page = open_page()
    api.refuse_uploads = 1
    drop(page, ("letter.txt", LETTER))
    expect(page.get_by_text("Upload broke off")).to_be_visible()
    page.get_by_role("button", name="Resume: letter.txt").click()
    expect(row(page, "letter.txt")).to_contain_text("Waiting")
    assert api.documents["letter.txt"].content == LETTER.encode()


def test_large_file_goes_in_blocks(api: PageApi, open_page: OpenPage) -> None:
    api.blocks_above = 1000
    api.done("first.txt", "x")
    page = open_page()
    content = bytes(range(256)) * 30
    drop(page, ("large.bin", content))
    expect(row(page, "large.bin")).to_contain_text("Waiting")
    assert api.documents["large.bin"].content == content


def test_cancelled_upload_stores_nothing(api: PageApi, open_page: OpenPage) -> None:
    api.done("first.txt", "x")
    page = open_page()
    api.gate.clear()
    drop(page, ("letter.txt", LETTER))
    expect(page.locator(".summary")).to_contain_text("Uploading 1 of 1")
    page.get_by_role("button", name="Cancel: letter.txt").click()
    expect(page.locator(".summary")).to_be_hidden()
    expect(row(page, "letter.txt")).to_have_count(0)


def test_click_holds_while_uploads_go_on(api: PageApi, open_page: OpenPage) -> None:
    api.done("first.txt", "x")
    page = open_page()
    api.gate.clear()
    drop(page, ("letter.txt", LETTER))
    page.get_by_role("button", name="Cancel all").hover()
    page.mouse.down()
    drop(page, ("other.txt", LETTER))
    expect(page.locator(".summary")).to_contain_text("of 2")
    page.mouse.up()
    expect(page.locator(".summary")).to_be_hidden()
    api.gate.set()


def test_too_large_file_is_not_sent(api: PageApi, open_page: OpenPage) -> None:
    api.done("first.txt", "x")
    page = open_page()
    drop(page, ("large.bin", b"x" * 10_000_001))
    expect(page.get_by_text("Too large: 10.0 MB, at most 10 MB")).to_be_visible()
    assert not any(request.startswith("POST") for request in api.requests)


def test_upload_goes_into_shown_folder(api: PageApi, open_page: OpenPage) -> None:
    api.done("loans/first.txt", "x")
    page = open_page("#/?prefix=loans/")
    drop(page, ("letter.txt", LETTER))
    expect(row(page, "loans/letter.txt")).to_contain_text("Waiting")
    assert "loans/letter.txt" in api.documents


def test_samples_are_dropped_through_uploads(api: PageApi, open_page: OpenPage) -> None:
    api.samples = [{"name": f"sample-{n}.txt", "url": f"{api._storage.url}/sample/{n}"} for n in range(3)]
    page = open_page()
    page.get_by_role("button", name="Try it with 3 sample letters").click()
    expect(page.locator("tbody tr", has_text="Waiting")).to_have_count(3)


def test_files_can_be_chosen(api: PageApi, open_page: OpenPage) -> None:
    api.done("first.txt", "x")
    page = open_page()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files([{"name": "letter.txt", "mimeType": "text/plain", "buffer": LETTER.encode()}])
    expect(row(page, "letter.txt")).to_contain_text("Waiting")
    turn(page)
