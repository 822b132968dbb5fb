"""What holds for every view: accessibility, narrow screens, no foreign content, little script, both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import scene
from tests.browser.conftest import PHONE, OpenPage, opened
from tests.support.page_api import STATIC, PageApi, document_id

ROOT = Path(__file__).parents[2]
AGREEMENT = document_id(scene.AGREEMENT_NAME)
FAILED = document_id("loans/2026-11/TC-2026-04102 loan letter.txt")


def _nothing(page: Page) -> None:
    return


def _press(*keys: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        expect(page.locator(".save")).to_have_count(1)
        for key in keys:
            page.keyboard.press(key)

    return press


def _json(page: Page) -> None:
    page.get_by_role("tab", name="JSON").click()


def _redacted(page: Page) -> None:
    page.get_by_label("Redacted").check()


def _unfold(page: Page) -> None:
    page.locator("details:not(.menu) > summary").click()


VIEWS: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "list": ("#/", "tbody tr", _nothing),
    "no match": ("#/?name=nothing", ".empty h2", _nothing),
    "failures": ("#/?state=failed", "tbody tr", _nothing),
    "failed": (f"#/d/{FAILED}", ".what h2", _nothing),
    "document": (f"#/d/{AGREEMENT}?at=300", ".frame", _nothing),
    "json": (f"#/d/{AGREEMENT}", "article p", _json),
    "classes": (f"#/d/{AGREEMENT}?tab=classes.json", "article p", _nothing),
    "redacted": (f"#/d/{AGREEMENT}?tab=pii.json", "article p", _redacted),
    "review": (f"#/review/{AGREEMENT}", ".save", _press("a", "x", "2")),
    "adding": (f"#/review/{AGREEMENT}", ".save", _press("n")),
    "picker": (f"#/review/{AGREEMENT}", ".save", _press("c")),
    "flag": (f"#/review/{AGREEMENT}", ".save", _press("f")),
    "keys": (f"#/review/{AGREEMENT}", ".save", _press("?")),
    "status": ("#/status", ".chart", _nothing),
    "model": ("#/model", ".quality", _unfold),
}


@cache
def axe() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    page.evaluate(axe())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary'][:300]}" for one in found for node in one["nodes"][:3]
    ]


def go(page: Page, address: str, ready: str) -> None:
    """Go to another view of the page, also where it is the same, and wait until it is there."""
    page.evaluate(
        """(hash) => {
          document.querySelector('main').replaceChildren();
          if (location.hash === hash) dispatchEvent(new HashChangeEvent('hashchange'));
          else location.hash = hash;
        }""",
        address,
    )
    expect(page.locator(ready).first).to_be_visible()


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_view_violates_accessibility_rules(
    api: PageApi, open_page: OpenPage, theme: str, device: dict[str, Any]
) -> None:
    # Only here the page's own policy is off: the rules are run as a script in it.
    page = open_page(color_scheme=theme, bypass_csp=True, reduced_motion="reduce", **device)
    expect(page.locator("h1")).to_be_visible()
    found = {"first visit": violations(page)}
    scene.full_list(api)
    for name, (address, ready, act) in VIEWS.items():
        go(page, address, ready)
        act(page)
        found[name] = violations(page)
    assert {name: broken for name, broken in found.items() if broken} == {}


def test_access_dialog_violates_no_rule(api: PageApi, open_page: OpenPage) -> None:
    api.access, api.key = "key", "right"
    page = open_page(bypass_csp=True)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Access key", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("This key was not accepted")
    assert violations(page) == []


REACHES_OUT = """(width) => {
  const isCut = (one) => one && one !== document.body && (getComputedStyle(one).overflowX !== 'visible' || isCut(one.parentElement));
  return [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !one.closest('.sr') && !isCut(one.parentElement))
    .map((one) => one.outerHTML.slice(0, 80)).slice(0, 3);
}"""


def _wide(page: Page, width: int) -> dict[str, list[str]]:
    """The views that are wider than the window, each with the first elements that reach out of it."""
    wide = {}
    for name, (address, ready, _) in VIEWS.items():
        go(page, address, ready)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide[name] = page.evaluate(REACHES_OUT, width)
    return wide


SIZES = [(320, "en"), (320, "de"), (641, "de"), (801, "de"), (1181, "en")]
SPACING = "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; line-height: 1.5 !important }"
"""What a page must bear by WCAG 2.2, 1.4.12 (read November 2026): wider than any font that a system brings."""


@pytest.mark.long
@pytest.mark.parametrize(("width", "language"), SIZES)
def test_nothing_scrolls_sideways(api: PageApi, open_page: OpenPage, width: int, language: str) -> None:
    scene.full_list(api)
    page = open_page(viewport={"width": width, "height": 800}, locale=language)
    expect(page.locator("h1")).to_be_visible()
    assert _wide(page, width) == {}


@pytest.mark.long
@pytest.mark.parametrize(("width", "language"), [*SIZES, (1440, "de")])
def test_long_words_in_wide_letters_scroll_nothing_sideways(
    api: PageApi, open_page: OpenPage, width: int, language: str
) -> None:
    scene.full_list(api)
    scene.long_words(api)
    # The page's own policy is off, for it would refuse the style.
    page = open_page(viewport={"width": width, "height": 800}, locale=language, bypass_csp=True)
    page.add_style_tag(content=SPACING)
    expect(page.locator("h1")).to_be_visible()
    assert _wide(page, width) == {}


@pytest.mark.parametrize("width", [641, 768, 801, 1001, 1181])
def test_names_in_list_have_room(api: PageApi, open_page: OpenPage, width: int) -> None:
    scene.full_list(api)
    page = open_page(viewport={"width": width, "height": 800}, locale="de")
    expect(page.locator("tbody tr").first).to_be_visible()
    widths = page.evaluate("[...document.querySelectorAll('tbody th')].map((one) => one.clientWidth)")
    assert min(widths) >= 140


def test_targets_are_large_enough_for_fingers(api: PageApi, open_page: OpenPage) -> None:
    scene.full_list(api)
    page = open_page(**PHONE)
    expect(page.locator("h1")).to_be_visible()
    for address, ready in (
        ("#/", "tbody tr"),
        (f"#/d/{AGREEMENT}?at=300", ".frame"),
        (f"#/review/{AGREEMENT}", ".save"),
        ("#/model", ".quality"),
    ):
        go(page, address, ready)
        small = page.evaluate(
            """[...document.querySelectorAll('button, .button, select')].filter((one) => one.offsetParent && one.getBoundingClientRect().bottom > 0 && !one.closest('#notices'))
                 .filter((one) => one.getBoundingClientRect().height < 40 && !one.classList.contains('linklike'))
                 .map((one) => `${one.className} ${one.textContent} ${one.getBoundingClientRect().height}`)"""
        )
        assert small == [], address


def test_right_to_left_page_has_its_order_turned(api: PageApi, open_page: OpenPage) -> None:
    scene.full_list(api)
    page = open_page()
    expect(page.locator("tbody tr").first).to_be_visible()
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    left = page.evaluate(
        "[document.querySelector('.brand').getBoundingClientRect().left, document.querySelector('td.state').getBoundingClientRect().left]"
    )
    assert min(left) > 700


def test_right_to_left_text_has_its_own_direction(api: PageApi, open_page: OpenPage) -> None:
    document = api.done("a.txt", "אילבן [[Borrower:0.9|אוקרסונד]]\nplain")
    page = opened(open_page(f"#/d/{document.id}"))
    assert page.evaluate(
        "[...document.querySelectorAll('article p')].map((one) => getComputedStyle(one).direction)"
    ) == ["rtl", "ltr"]


def test_forced_colours_keep_lines(api: PageApi, open_page: OpenPage) -> None:
    scene.full_list(api)
    page = opened(open_page(f"#/d/{AGREEMENT}?at=300", forced_colors="active"))
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--tint3')") == "0%"
    assert "underline" in page.evaluate(
        "getComputedStyle(document.querySelector('article'), '::highlight(l1-0)').textDecoration"
    )


def test_reduced_motion_stops_the_spinner(api: PageApi, open_page: OpenPage) -> None:
    api.put("a.txt", "x", state="running")
    page = open_page(reduced_motion="reduce")
    expect(page.locator("tbody .i-running")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0


def test_every_view_names_tab_and_heading(api: PageApi, open_page: OpenPage) -> None:
    scene.full_list(api)
    page = open_page()
    expect(page.locator("h1")).to_be_visible()
    for address, ready, _ in VIEWS.values():
        go(page, address, ready)
        assert page.locator("h1:visible").count() == 1
        assert page.title().endswith("Entity Drop") and page.title() != "Entity Drop"


def test_live_regions_tell_decisions(api: PageApi, open_page: OpenPage) -> None:
    document = api.done("a.txt", "[[Borrower:0.9|Ann]] and [[Borrower:0.6|Bob]]")
    page = open_page(f"#/review/{document.id}")
    expect(page.locator(".save")).to_have_text("Saved")
    page.keyboard.press("a")
    expect(page.locator("#decisions")).to_have_text("“Ann” accepted Next: Bob, Borrower, 0.60, unsure")


def test_focus_comes_back_from_a_dialog(api: PageApi, open_page: OpenPage) -> None:
    api.done("a.txt", "x")
    page = open_page()
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Keys")).to_be_focused()


def test_first_tab_stop_skips_to_content(api: PageApi, open_page: OpenPage) -> None:
    api.done("a.txt", "x")
    page = open_page()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_page_loads_from_its_own_origin_only(api: PageApi, open_page: OpenPage) -> None:
    scene.full_list(api)
    page = open_page()
    origins: set[str] = set()
    page.on("request", lambda request: origins.add("/".join(request.url.split("/")[:3])))
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    for address, ready, _ in VIEWS.values():
        go(page, address, ready)
    assert origins == {api.url}


@pytest.mark.parametrize(
    ("address", "ready", "most"),
    [
        ("", "h1", 60_000),
        ("#/status", ".chart", 60_000),
        ("#/model", ".quality", 60_000),
        (f"#/d/{AGREEMENT}", "article p", 100_000),
        (f"#/review/{AGREEMENT}", ".save", 130_000),
    ],
    ids=["first", "status", "model", "document", "review"],
)
def test_view_needs_little_script(api: PageApi, open_page: OpenPage, address: str, ready: str, most: int) -> None:
    if address:
        scene.full_list(api)
    sizes: dict[str, int] = {}
    page = open_page("#/none")
    page.on(
        "response",
        lambda response: (
            sizes.update({response.url.rpartition("/")[2]: len(response.body())})
            if response.url.endswith(".js")
            else None
        ),
    )
    page.goto("about:blank")
    page.goto(f"{api.url}/{address}")
    expect(page.locator(ready).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert "app.js" in sizes
    assert sum(sizes.values()) < most, sizes


def _words(language: str) -> dict[str, Any]:
    return json.loads((STATIC / f"words.{language}.json").read_text("utf-8"))  # type: ignore[no-any-return]


def test_both_languages_have_the_same_words() -> None:
    english, german = _words("en"), _words("de")
    assert list(english) == list(german)

    def fields(words: Any) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", json.dumps(words)))

    assert [key for key in english if fields(english[key]) != fields(german[key])] == []


def test_every_word_that_is_asked_for_is_there() -> None:
    sources = {path.name: path.read_text("utf-8") for path in STATIC.glob("*.js")} | {
        "index.html": (STATIC / "index.html").read_text("utf-8")
    }
    words = _words("en")
    asked = {key for source in sources.values() for key in re.findall(r"\bt\('([\w.-]+)'", source)}
    asked |= set(re.findall(r'data-(?:t|label|hint)="([\w.-]+)"', sources["index.html"]))
    assert asked - set(words) == set()


def test_markup_has_no_inline_script_or_style() -> None:
    markup = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", markup)
    for path in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text("utf-8")
        ), path.name
