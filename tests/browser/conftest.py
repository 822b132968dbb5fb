"""A Chromium for the tests of this folder, and pages in it; every console error and every script error is a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from local import chromium
from tests.support.page_api import PageApi

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HARMLESS = ("Failed to load resource",)
"""Chromium writes it to the console for every answer that is no success, whatever the page makes of it."""

expect.set_options(timeout=15_000)

OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker("processes")


@pytest.fixture(scope="session")
def started() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """The browser of this worker process, and the event loop that it lives in."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.MISSING, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture
def browser(started: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """The browser. Its loop is the running one during these tests only: others, in between, start loops of their own."""
    browser, loop = started
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)


@pytest.fixture
def api() -> Iterator[PageApi]:
    with PageApi() as api:
        yield api


@pytest.fixture
def page_url(api: PageApi) -> str:
    """Where the page is served."""
    return api.url


@pytest.fixture
def open_page(browser: Browser, page_url: str) -> Iterator[OpenPage]:
    """A function that opens an address of the page in a browser of its own; options are those of the context."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_(address: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type in ("error", "warning") and not message.text.startswith(HARMLESS)
                else None
            ),
        )
        page.on(
            "dialog",
            lambda dialog: (
                (errors.append(f"dialog: {dialog.message}"), dialog.dismiss())
                if dialog.type != "beforeunload"
                else dialog.accept()
            ),
        )
        page.goto(f"{page_url}/{address}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


def turn(page: Page) -> None:
    """Have the page ask for the state of things now, as it does when its tab is shown again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


MARKS = """() => {
  const found = [];
  for (const [name, highlight] of CSS.highlights) for (const range of highlight) {
    const whole = document.createRange();
    whole.setStart(range.startContainer, range.startOffset);
    whole.setEnd(range.endContainer, range.endOffset);
    found.push([name, whole.toString()]);
  }
  return found;
}"""


def marks(page: Page, kind: str = "l") -> list[tuple[str, str]]:
    """The marks in the text that begin with `kind`, as (name, text), in no order."""
    return [(name, text) for name, text in page.evaluate(MARKS) if name.startswith(kind)]


def opened(page: Page) -> Page:
    """The page once its document is shown."""
    expect(page.locator("article p").first).to_be_visible()
    return page
