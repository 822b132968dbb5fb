"""How fast the page is in this machine's Chromium: the first view, and a text of 1 MB with 10,000 entities.

    .venv/bin/python -m tests.benchmarks.page

The times are those of the browser itself: from the start of the navigation to the first paint with the content, the
script that was loaded until then, and the time of each frame while the text is scrolled 40 times by 400 px.
"""

from __future__ import annotations

import statistics
import sys
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from local import chromium
from tests.support.page_api import PageApi

ROUNDS = 5
ENTITIES = 10_000
CHARACTERS = 1_000_000

FRAMES = """async () => {
  const scroll = document.querySelector('.text-scroll');
  const times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let n = 0; n < 40; n += 1) {
    scroll.scrollBy(0, 400);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times;
}"""
PAINTED = """async (selector) => {
  while (!document.querySelector(selector)) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now();
}"""
SCRIPT = """performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.js'))
  .reduce((sum, one) => sum + one.decodedBodySize, 0)"""


def long_document(api: PageApi) -> str:
    """Put in a text of `CHARACTERS` with `ENTITIES` in it; return its id."""
    each = CHARACTERS // ENTITIES
    categories = api.categories
    parts = []
    for n in range(ENTITIES):
        words = f"[[{categories[n % len(categories)]}:{0.4 + (n * 37 % 60) / 100:.2f}|entity number {n}]]"
        filler = "and some words of a letter, as they stand in it. " * 3
        parts.append(words + " " + filler[: each - len(f"entity number {n}") - 2] + ("\n" if n % 5 == 4 else " "))
    return api.done("long.txt", "".join(parts)).id


class Round(NamedTuple):
    """One opening of an address."""

    milliseconds: float
    """From the start of the navigation to the second frame with the content."""
    worked: float
    """Milliseconds of processor time of the page's main thread until then: what other load does not change."""
    script: int
    """Bytes, uncompressed."""
    page: Page


def measure(browser: Browser, api: PageApi, address: str, selector: str) -> Round:
    """Open an address in a new context and wait for `selector`."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{api.url}/{address}", wait_until="commit")
    milliseconds = page.evaluate(PAINTED, selector)
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return Round(milliseconds, metrics["TaskDuration"] * 1000, page.evaluate(SCRIPT), page)


def main() -> int:
    """Print the figures."""
    path = chromium.find()
    if path is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    with PageApi() as api, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        _report("first visit", [measure(browser, api, "", "h1") for _ in range(ROUNDS)])
        ident = long_document(api)
        document = api.documents["long.txt"]
        print(f"long text: {len(document.text):,} characters, {len(document.entities):,} entities")
        _report("list", [measure(browser, api, "", "tbody tr") for _ in range(ROUNDS)])
        opened = [measure(browser, api, f"#/d/{ident}", "article p") for _ in range(ROUNDS)]
        _report("long text", opened)
        frames = [time for one in opened for time in one.page.evaluate(FRAMES)]
        within = sorted(frames)[int(len(frames) * 0.95)]
        print(f"  scrolling: frame median {statistics.median(frames):.0f} ms, 95 of 100 within {within:.0f} ms")
        _report("review of it", [measure(browser, api, f"#/review/{ident}", ".save") for _ in range(ROUNDS)])
        browser.close()
    return 0


def _report(name: str, rounds: list[Round]) -> None:
    times = sorted(one.milliseconds for one in rounds)
    spread = f"{statistics.median(times):.0f} ms (from {times[0]:.0f} to {times[-1]:.0f})"
    worked = statistics.median(one.worked for one in rounds)
    print(f"{name}: {spread}, main thread {worked:.0f} ms, {rounds[0].script:,} bytes of script", flush=True)


if __name__ == "__main__":
    sys.exit(main())
